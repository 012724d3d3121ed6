//! The status page: one look tells whether all is well.
//!
//! All of it is made here, so that it can be read without a script; `page.js` only renews the parts
//! that are marked as live, and asks for another order or search without a new page.

mod explain;
mod peers;
mod recent;
mod words;

use std::fmt::{self, Write as _};

use albedo_types::Family;

use crate::explain::Explained;
use crate::snapshot::Snapshot;
use crate::status::{Check, GroupRow, PeerRow, Status};
use words::{AtMost, Bytes, Escaped, Seconds};

pub(super) use peers::PageQuery;
pub(super) use recent::Recent;

/// The script of the page.
pub(super) const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");

/// Slow peers that are named.
const SLOW_MAX: usize = 10;

/// What is on the page.
pub(super) struct Page<'p> {
    pub(super) status: &'p Status,
    pub(super) peers: &'p [PeerRow],
    pub(super) groups: &'p [GroupRow],
    pub(super) ready: &'p [Check],
    pub(super) snapshot: &'p Snapshot,
    pub(super) recent: &'p Recent,
    pub(super) query: &'p PageQuery,
    /// What was looked up, if something was.
    pub(super) explained: Option<&'p Result<Explained, String>>,
}

/// The page.
pub(super) fn render(page: &Page<'_>) -> String {
    let mut out = String::with_capacity(64 * 1024);
    // Writing to a string cannot fail.
    let _ = write_page(&mut out, page);
    out
}

fn write_page(out: &mut String, page: &Page<'_>) -> fmt::Result {
    let Page { status, query, .. } = page;
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>\
         <title>Albedo {}</title><style>{STYLE}</style>\
         <script src=\"/page.js\" defer></script></head><body>\
         <a class=\"skip\" href=\"#peers\">to the peers</a><main>",
        Escaped(&status.router_id)
    )?;
    out.write_str("<div id=\"head\" data-live>")?;
    write_head(out, page)?;
    out.write_str("</div><div id=\"numbers\" data-live>")?;
    write_convergence(out, page)?;
    write_sessions(out, page)?;
    out.write_str("</div>")?;
    explain::write_form(out, query)?;
    out.write_str("<div id=\"explained\" data-live aria-live=\"polite\">")?;
    if let Some(explained) = page.explained {
        explain::write(out, explained)?;
    }
    write!(
        out,
        "</div><h2 id=\"peers\">Peers</h2><form action=\"/\" method=\"get\" role=\"search\">\
         <label for=\"q\">Search</label> <input id=\"q\" name=\"q\" type=\"search\" \
         value=\"{}\" placeholder=\"address, name, group, state or reason\"> \
         <button>Search</button></form><div id=\"rows\" data-live>",
        Escaped(&query.q)
    )?;
    peers::write(out, page.peers, query)?;
    out.write_str("</div><div id=\"inside\" data-live>")?;
    write_groups(out, page.groups)?;
    write_shards(out, status)?;
    out.write_str("</div></main></body></html>\n")
}

fn write_head(out: &mut String, page: &Page<'_>) -> fmt::Result {
    let Page { status, ready, .. } = page;
    let (class, word) = match (status.oldest_undelivered_seconds, status.startup_seconds) {
        (Some(_), _) => ("bad", "is converging"),
        (None, None) => ("bad", "is starting"),
        (None, Some(_)) => ("good", "has converged"),
    };
    write!(
        out,
        "<h1>Albedo <span class=\"{class}\" role=\"status\">{word}</span></h1>\
         <p id=\"live\">AS {}, router id {}, cluster id {}, listening on {}, up for {}, version {}\
         </p><p>Configuration {}: {}</p>",
        status.as_number,
        Escaped(&status.router_id),
        Escaped(&status.cluster_id),
        Escaped(&status.listen.join(", ")),
        Seconds(status.uptime_seconds),
        Escaped(&status.version),
        Escaped(&status.config_file),
        Escaped(status.config_fault.as_deref().unwrap_or("in force"))
    )?;
    if ready.iter().all(|check| check.ok) {
        out.write_str("<p class=\"good\">is ready</p>")?;
    }
    for check in ready.iter().filter(|check| !check.ok) {
        write!(
            out,
            "<p class=\"bad\">is not ready: {}: {}</p>",
            Escaped(&check.name),
            Escaped(&check.detail)
        )?;
    }
    match status.oldest_undelivered_seconds {
        None => out.write_str("<p>every change is delivered</p>"),
        Some(age) => {
            write!(
                out,
                "<p class=\"bad\">the oldest undelivered change is {} old</p>",
                Seconds(age)
            )
        }
    }
}

fn write_convergence(out: &mut String, page: &Page<'_>) -> fmt::Result {
    out.write_str(
        "<h2>Routes</h2><table><caption>Time from a change to the last peer that keeps up\
         </caption><thead><tr><th scope=\"col\">Family</th>\
         <th scope=\"col\" class=\"n\">Prefixes</th><th scope=\"col\" class=\"n\">Paths</th>\
         <th scope=\"col\" class=\"n\">Changes, last 5 min</th>\
         <th scope=\"col\" class=\"n\">p50</th><th scope=\"col\" class=\"n\">p99</th>\
         <th scope=\"col\" class=\"n\">p99 since the start</th></tr></thead><tbody>",
    )?;
    let recent = page.recent.since(page.snapshot);
    for (family, row) in Family::ALL.iter().zip(&page.status.families) {
        let lately = &recent[family.index()];
        write!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Escaped(&row.family),
            row.prefixes,
            row.paths,
            lately.count,
            AtMost(lately.quantile(0.5)),
            AtMost(lately.quantile(0.99)),
            AtMost(row.convergence_p99_seconds),
        )?;
    }
    out.write_str("</tbody></table>")
}

fn write_sessions(out: &mut String, page: &Page<'_>) -> fmt::Result {
    let Page { status, peers, .. } = page;
    write!(out, "<h2>Sessions</h2><p>{} of {} up", status.sessions_up, status.sessions_all)?;
    let states = crate::names::SESSION_STATES.iter().zip(page.snapshot.sessions.by_state);
    for (state, count) in states.filter(|(_, count)| *count > 0) {
        write!(out, "; {count} {state}")?;
    }
    write!(
        out,
        "; {} attribute sets; {} in logs; memory {}</p>",
        status.attribute_sets,
        Bytes(status.log_bytes),
        status
            .memory_bytes
            .map_or_else(|| "unknown".to_owned(), |octets| Bytes(octets).to_string())
    )?;
    let mut slow: Vec<(f64, &PeerRow)> =
        peers.iter().filter_map(|row| Some((row.undelivered_seconds?, row))).collect();
    slow.sort_by(|a, b| b.0.total_cmp(&a.0));
    if slow.is_empty() {
        return Ok(());
    }
    out.write_str("<p class=\"bad\">slow: ")?;
    for (n, (seconds, row)) in slow.iter().take(SLOW_MAX).enumerate() {
        let name = row.name.as_deref().unwrap_or("");
        let comma = if n > 0 { ", " } else { "" };
        let address = Escaped(&row.address);
        write!(out, "{comma}{address} {} {}", Escaped(name), Seconds(*seconds))?;
    }
    out.write_str("</p>")
}

fn write_groups(out: &mut String, groups: &[GroupRow]) -> fmt::Result {
    out.write_str(
        "<h2>Update groups</h2><table><caption>Peers that are told the same octets</caption>\
         <thead><tr><th scope=\"col\">Group</th><th scope=\"col\">Family</th>\
         <th scope=\"col\">Role</th><th scope=\"col\" class=\"n\">Members</th>\
         <th scope=\"col\" class=\"n\">With everything</th>\
         <th scope=\"col\" class=\"n\">Log</th></tr></thead><tbody>",
    )?;
    for group in groups {
        write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            group.id,
            Escaped(&group.family),
            Escaped(&group.role),
            group.members,
            group.current,
            Bytes(group.log_bytes),
        )?;
    }
    out.write_str("</tbody></table>")
}

fn write_shards(out: &mut String, status: &Status) -> fmt::Result {
    out.write_str(
        "<h2>Shards</h2><table><caption>Threads of the RIB</caption><thead><tr>\
         <th scope=\"col\">Shard</th><th scope=\"col\" class=\"n\">Busy</th>\
         <th scope=\"col\" class=\"n\">Waiting letters</th>\
         <th scope=\"col\" class=\"n\">Last turn</th></tr></thead><tbody>",
    )?;
    for (n, shard) in status.shards.iter().enumerate() {
        write!(
            out,
            "<tr><td>{n}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{} ago</td></tr>",
            Seconds(shard.busy_seconds),
            shard.channel_depth,
            Seconds(shard.heartbeat_age_seconds),
        )?;
    }
    out.write_str("</tbody></table>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(peers: &[PeerRow], query: &PageQuery, status: &Status) -> String {
        let (snapshot, recent) = (Snapshot::default(), Recent::default());
        let (snapshot, recent) = (&snapshot, &recent);
        let (groups, ready, explained) = (&[][..], &[][..], None);
        render(&Page { status, peers, groups, ready, snapshot, recent, query, explained })
    }

    #[test]
    fn what_a_peer_says_stays_text() {
        let evil = "<script>alert('x')</script>".to_owned();
        let row = PeerRow {
            name: Some(evil.clone()),
            undelivered_seconds: Some(1.0),
            ..PeerRow::default()
        };
        let query = PageQuery { q: evil.clone(), prefix: evil, ..PageQuery::default() };
        let html = page(&[row], &query, &Status::default());
        assert_eq!(html.matches("<script").count(), 1, "the page's own");
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{html}");
    }

    #[test]
    fn the_headline_is_whether_it_has_converged() {
        let headline = |status: &Status| {
            let html = page(&[], &PageQuery::default(), status);
            let at = html.find("role=\"status\">").unwrap() + "role=\"status\">".len();
            html[at..].split('<').next().unwrap().to_owned()
        };
        assert_eq!(headline(&Status::default()), "is starting");
        let started = Status { startup_seconds: Some(1.0), ..Status::default() };
        assert_eq!(headline(&started), "has converged");
        let behind = Status { oldest_undelivered_seconds: Some(3.0), ..started };
        assert_eq!(headline(&behind), "is converging");
    }

    #[test]
    fn every_table_has_a_caption_and_every_input_a_label() {
        let html = page(&[PeerRow::default()], &PageQuery::default(), &Status::default());
        assert_eq!(html.matches("<table").count(), html.matches("<caption>").count());
        for id in ["q", "prefix", "to"] {
            assert!(html.contains(&format!("<label for=\"{id}\">")), "{id}");
            assert!(html.contains(&format!("<input id=\"{id}\"")), "{id}");
        }
        assert!(!html.contains(" style=") && !html.contains(" onclick="));
    }
}
