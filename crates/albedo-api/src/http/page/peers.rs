//! The table of peers: search, order and pages are the server's, so they work without a script.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

use serde::Deserialize;

use super::words::{Escaped, Seconds};
use crate::status::PeerRow;

/// Peers on a page.
pub(super) const PEERS_MAX: usize = 200;

/// What the page is asked with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in crate::http) struct PageQuery {
    /// A part of a peer's address, name, group, state or reason.
    pub(super) q: String,
    /// By what peers are ordered; one of [`COLUMNS`], with a `-` in front the other way round.
    pub(super) sort: String,
    /// Which page, from 0.
    pub(super) page: usize,
    /// What is explained.
    pub(in crate::http) prefix: String,
    /// To whom it would be told.
    pub(in crate::http) to: String,
}

/// Key, heading, and whether it is a number.
const COLUMNS: [(&str, &str, bool); 9] = [
    ("address", "Peer", false),
    ("name", "Name", false),
    ("group", "Group", false),
    ("role", "Role", false),
    ("state", "State", false),
    ("since", "Since", true),
    ("behind", "Behind", true),
    ("in", "Updates in", true),
    ("out", "Updates out", true),
];

impl PageQuery {
    /// The same page with something else.
    fn link(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut other = self.clone();
        change(&mut other);
        let mut link = String::from("/?");
        for (key, value) in
            [("q", &other.q), ("sort", &other.sort), ("prefix", &other.prefix), ("to", &other.to)]
        {
            if !value.is_empty() {
                let _ = write!(link, "{key}={}&", Encoded(value));
            }
        }
        if other.page > 0 {
            let _ = write!(link, "page={}&", other.page);
        }
        link.pop();
        link
    }

    fn finds(&self, row: &PeerRow) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let parts = [&row.name, &row.group, &row.last_reason];
        wanted.is_empty()
            || has(&row.address)
            || has(&row.state)
            || parts.into_iter().flatten().any(|part| has(part))
    }
}

/// A value within a URL.
struct Encoded<'t>(&'t str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for octet in self.0.bytes() {
            match octet {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    f.write_char(char::from(octet))?;
                }
                other => write!(f, "%{other:02X}")?,
            }
        }
        Ok(())
    }
}

/// Those that are not up first and then those that are behind, unless another order is asked for.
fn order(a: &PeerRow, b: &PeerRow, column: &str) -> Ordering {
    let address = |row: &PeerRow| row.address.parse::<IpAddr>().ok();
    let behind = |row: &PeerRow| row.undelivered_seconds.unwrap_or_default();
    let by = match column {
        "name" => a.name.cmp(&b.name),
        "group" => a.group.cmp(&b.group),
        "role" => a.role.cmp(&b.role),
        "state" => a.state.cmp(&b.state),
        "since" => a.since_seconds.total_cmp(&b.since_seconds),
        "behind" => behind(a).total_cmp(&behind(b)),
        "in" => a.updates[0].cmp(&b.updates[0]),
        "out" => a.updates[1].cmp(&b.updates[1]),
        "address" => Ordering::Equal,
        _ => a.is_up().cmp(&b.is_up()).then(behind(b).total_cmp(&behind(a))),
    };
    by.then_with(|| address(a).cmp(&address(b)))
}

pub(super) fn write(out: &mut String, peers: &[PeerRow], query: &PageQuery) -> fmt::Result {
    let mut found: Vec<&PeerRow> = peers.iter().filter(|row| query.finds(row)).collect();
    let (column, is_down) = match query.sort.strip_prefix('-') {
        Some(column) => (column, true),
        None => (&*query.sort, false),
    };
    found.sort_by(|a, b| {
        let order = order(a, b, column);
        if is_down { order.reverse() } else { order }
    });
    let pages = found.len().div_ceil(PEERS_MAX).max(1);
    let page = query.page.min(pages - 1);
    let shown = found.iter().skip(page * PEERS_MAX).take(PEERS_MAX);
    write!(
        out,
        "<p id=\"found\">{} of {} peers{}</p><table><caption>Peers</caption><thead><tr>",
        found.len(),
        peers.len(),
        if pages > 1 { format!(", page {} of {pages}", page + 1) } else { String::new() }
    )?;
    for (key, heading, is_number) in COLUMNS {
        let is_this = column == key;
        let sort = if is_this && !is_down { format!("-{key}") } else { key.to_owned() };
        let link = query.link(|query| (query.sort, query.page) = (sort, 0));
        let aria = match (is_this, is_down) {
            (false, _) => "",
            (true, false) => " aria-sort=\"ascending\"",
            (true, true) => " aria-sort=\"descending\"",
        };
        let class = if is_number { " class=\"n\"" } else { "" };
        write!(
            out,
            "<th scope=\"col\"{class}{aria}><a href=\"{}\">{heading}</a></th>",
            Escaped(&link)
        )?;
    }
    out.write_str("<th scope=\"col\">Reason</th></tr></thead><tbody>")?;
    for row in shown {
        write_row(out, row)?;
    }
    out.write_str("</tbody></table>")?;
    write_pages(out, query, page, pages)
}

fn write_row(out: &mut String, row: &PeerRow) -> fmt::Result {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    write!(
        out,
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"{}\">{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td>{}</td></tr>",
        Escaped(&row.address),
        Escaped(&text(&row.name)),
        Escaped(&text(&row.group)),
        Escaped(&row.role),
        if row.is_up() { "good" } else { "bad" },
        Escaped(&row.state),
        Seconds(row.since_seconds),
        match row.undelivered_seconds {
            Some(seconds) => Seconds(seconds).to_string(),
            None => "–".to_owned(),
        },
        row.updates[0],
        row.updates[1],
        if row.is_up() { String::new() } else { Escaped(&text(&row.last_reason)).to_string() },
    )
}

fn write_pages(out: &mut String, query: &PageQuery, page: usize, pages: usize) -> fmt::Result {
    if pages == 1 {
        return Ok(());
    }
    out.write_str("<nav aria-label=\"Pages of peers\"><p>")?;
    if page > 0 {
        let link = query.link(|query| query.page = page - 1);
        write!(out, "<a href=\"{}\" rel=\"prev\">previous</a> ", Escaped(&link))?;
    }
    if page + 1 < pages {
        let link = query.link(|query| query.page = page + 1);
        write!(out, "<a href=\"{}\" rel=\"next\">next</a>", Escaped(&link))?;
    }
    out.write_str("</p></nav>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: usize, state: &str) -> PeerRow {
        PeerRow {
            address: format!("10.0.{}.{}", n / 256, n % 256),
            name: Some(format!("node-{n}")),
            state: state.to_owned(),
            updates: [n as u64, 0],
            ..PeerRow::default()
        }
    }

    fn table(peers: &[PeerRow], query: &PageQuery) -> String {
        let mut out = String::new();
        write(&mut out, peers, query).unwrap();
        out
    }

    /// The first address in the table.
    fn first(table: &str) -> String {
        let at = table.find("<tbody><tr><td>").unwrap() + "<tbody><tr><td>".len();
        table[at..].split('<').next().unwrap().to_owned()
    }

    #[test]
    fn five_thousand_peers_have_pages_and_those_that_are_down_are_first() {
        let mut peers: Vec<PeerRow> = (0..5_000).map(|n| row(n, "established")).collect();
        peers[4_321].state = "active".to_owned();
        let all = table(&peers, &PageQuery::default());
        assert_eq!(first(&all), "10.0.16.225");
        assert_eq!(all.matches("<tr><td>").count(), PEERS_MAX);
        assert!(all.contains("5000 of 5000 peers, page 1 of 25"), "{}", &all[..200]);
        assert!(all.contains("<a href=\"/?page=1\" rel=\"next\">next</a>"));
        let last = table(&peers, &PageQuery { page: 99, ..PageQuery::default() });
        assert!(last.contains("page 25 of 25") && !last.contains("rel=\"next\""));
    }

    #[test]
    fn they_are_found_and_ordered() {
        let mut peers: Vec<PeerRow> = (0..12).map(|n| row(n, "established")).collect();
        peers[3].last_reason = Some("Hold Timer expired".to_owned());
        let query = |q: &str, sort: &str| PageQuery {
            q: q.to_owned(),
            sort: sort.to_owned(),
            ..PageQuery::default()
        };
        let found = table(&peers, &query("NODE-1", "-in"));
        assert!(found.contains("3 of 12 peers"), "node-1, node-10, node-11");
        assert_eq!(first(&found), "10.0.0.11");
        assert!(found.contains("aria-sort=\"descending\"><a href=\"/?q=NODE-1&amp;sort=in\">"));
        assert_eq!(first(&table(&peers, &query("hold timer", ""))), "10.0.0.3");
        assert_eq!(first(&table(&peers, &query("", "-address"))), "10.0.0.11");
        let nobody = table(&peers, &query("<script>", "name"));
        assert!(nobody.contains("0 of 12 peers"));
        assert!(nobody.contains("q=%3Cscript%3E&amp;sort=-name"), "{nobody}");
    }
}
