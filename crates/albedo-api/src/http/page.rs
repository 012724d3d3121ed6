//! The status page: one look tells whether all is well. Rendered here, without a script.

use std::fmt::{self, Write as _};

use crate::status::{Check, PeerRow, Status};

/// Peers shown at most, those that are not up first; all of them are in `/api/v1/peers`.
pub(super) const PEERS_MAX: usize = 500;

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;\
color:#1d2733;background:#fff}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}\
p{margin:.3rem 0;color:#526170}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #dfe5ea;\
vertical-align:top}th{font-weight:600;color:#526170}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
.good{color:#0a6b3d}.bad{color:#a8201a;font-weight:600}\
@media(prefers-color-scheme:dark){body{color:#dbe3ea;background:#12181f}\
p,th{color:#93a1ae}th,td{border-color:#2a3541}.good{color:#4cc38a}.bad{color:#ff8b82}}";

/// The page.
pub(super) fn render(status: &Status, peers: &[PeerRow], ready: &[Check]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    // Writing to a string cannot fail.
    let _ = write_page(&mut out, status, peers, ready);
    out
}

fn write_page(
    out: &mut String,
    status: &Status,
    peers: &[PeerRow],
    ready: &[Check],
) -> fmt::Result {
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"refresh\" content=\"10\"><title>Albedo {}</title>\
         <style>{STYLE}</style></head><body>",
        Escaped(&status.router_id)
    )?;
    write_head(out, status, ready)?;
    write_families(out, status)?;
    write_shards(out, status)?;
    write_peers(out, peers)?;
    out.write_str("</body></html>\n")
}

fn write_head(out: &mut String, status: &Status, ready: &[Check]) -> fmt::Result {
    write!(
        out,
        "<h1>Albedo <span class=\"{}\">{}</span></h1>\
         <p>AS {}, router id {}, cluster id {}, listening on {}, up for {}, version {}</p>",
        if ready.iter().all(|check| check.ok) { "good" } else { "bad" },
        if ready.iter().all(|check| check.ok) { "is ready" } else { "is not ready" },
        status.as_number,
        Escaped(&status.router_id),
        Escaped(&status.cluster_id),
        Escaped(&status.listen.join(", ")),
        Seconds(status.uptime_seconds),
        Escaped(&status.version),
    )?;
    write!(
        out,
        "<p>Configuration {}: {}</p>",
        Escaped(&status.config_file),
        Escaped(status.config_fault.as_deref().unwrap_or("in force"))
    )?;
    for check in ready.iter().filter(|check| !check.ok) {
        write!(out, "<p class=\"bad\">{}: {}</p>", Escaped(&check.name), Escaped(&check.detail))?;
    }
    write!(
        out,
        "<p>{} of {} sessions up; {} update groups; {} attribute sets; {} in logs; {}</p>",
        status.sessions_up,
        status.sessions_all,
        status.update_groups,
        status.attribute_sets,
        Bytes(status.log_bytes),
        match status.oldest_undelivered_seconds {
            None => "every change is delivered".to_owned(),
            Some(age) => format!("the oldest undelivered change is {} old", Seconds(age)),
        }
    )
}

fn write_families(out: &mut String, status: &Status) -> fmt::Result {
    out.write_str(
        "<h2>Routes</h2><table><tr><th>Family<th class=\"n\">Prefixes<th class=\"n\">Paths\
         <th class=\"n\">Convergence p50<th class=\"n\">p99</tr>",
    )?;
    for family in &status.families {
        let time = |seconds: Option<f64>| match seconds {
            None => "–".to_owned(),
            Some(seconds) if seconds.is_infinite() => "over the last bucket".to_owned(),
            Some(seconds) => format!("≤ {}", Seconds(seconds)),
        };
        write!(
            out,
            "<tr><td>{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}\
             <td class=\"n\">{}</tr>",
            Escaped(&family.family),
            family.prefixes,
            family.paths,
            time(family.convergence_p50_seconds),
            time(family.convergence_p99_seconds),
        )?;
    }
    out.write_str("</table>")
}

fn write_shards(out: &mut String, status: &Status) -> fmt::Result {
    out.write_str(
        "<h2>Shards</h2><table><tr><th>Shard<th class=\"n\">Busy<th class=\"n\">Waiting letters\
         <th class=\"n\">Last turn</tr>",
    )?;
    for (n, shard) in status.shards.iter().enumerate() {
        write!(
            out,
            "<tr><td>{n}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{} ago</tr>",
            Seconds(shard.busy_seconds),
            shard.channel_depth,
            Seconds(shard.heartbeat_age_seconds),
        )?;
    }
    out.write_str("</table>")
}

fn write_peers(out: &mut String, peers: &[PeerRow]) -> fmt::Result {
    out.write_str(
        "<h2>Peers</h2><table><tr><th>Address<th>Name<th>Group<th>Role<th class=\"n\">AS<th>State\
         <th class=\"n\">Since<th class=\"n\">In<th class=\"n\">Out<th>Last reason</tr>",
    )?;
    let mut rows: Vec<&PeerRow> = peers.iter().collect();
    rows.sort_by_key(|row| row.is_up());
    for row in rows.iter().take(PEERS_MAX) {
        write!(
            out,
            "<tr><td>{}<td>{}<td>{}<td>{}<td class=\"n\">{}<td class=\"{}\">{}<td class=\"n\">{}\
             <td class=\"n\">{}<td class=\"n\">{}<td>{}</tr>",
            Escaped(&row.address),
            Escaped(row.name.as_deref().unwrap_or("")),
            Escaped(row.group.as_deref().unwrap_or("")),
            Escaped(&row.role),
            row.as_number.map_or_else(String::new, |asn| asn.to_string()),
            if row.is_up() { "good" } else { "bad" },
            Escaped(&row.state),
            Seconds(row.since_seconds),
            row.messages[0],
            row.messages[1],
            Escaped(row.last_reason.as_deref().unwrap_or("")),
        )?;
    }
    out.write_str("</table>")?;
    if peers.len() > PEERS_MAX {
        write!(out, "<p>{} more: <a href=\"/api/v1/peers\">all</a></p>", peers.len() - PEERS_MAX)?;
    }
    Ok(())
}

/// A text that cannot break out of the page: names and reasons come from peers.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Seconds as people say them.
struct Seconds(f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        match seconds {
            s if s < 0.001 => write!(f, "{:.0} µs", s * 1e6),
            s if s < 1.0 => write!(f, "{:.0} ms", s * 1e3),
            s if s < 120.0 => write!(f, "{s:.1} s"),
            s if s < 7_200.0 => write!(f, "{:.0} min", s / 60.0),
            s if s < 172_800.0 => write!(f, "{:.1} h", s / 3_600.0),
            s => write!(f, "{:.1} d", s / 86_400.0),
        }
    }
}

/// Bytes as people say them.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < 1 << 10 => write!(f, "{n} B"),
            n if n < 1 << 20 => write!(f, "{:.1} KiB", n as f64 / 1024.0),
            n => write!(f, "{:.1} MiB", n as f64 / 1_048_576.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_change_with_the_size() {
        for (seconds, text) in [
            (0.000_25, "250 µs"),
            (0.25, "250 ms"),
            (90.0, "90.0 s"),
            (600.0, "10 min"),
            (7_200.0, "2.0 h"),
            (864_000.0, "10.0 d"),
        ] {
            assert_eq!(Seconds(seconds).to_string(), text);
        }
        assert_eq!(Bytes(512).to_string(), "512 B");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Bytes(3 << 20).to_string(), "3.0 MiB");
    }

    #[test]
    fn what_a_peer_says_stays_text() {
        let row =
            PeerRow { name: Some("<script>alert('x')</script>".to_owned()), ..PeerRow::default() };
        let page = render(&Status::default(), &[row], &[]);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{page}");
    }

    #[test]
    fn beyond_the_bound_those_that_are_up_are_left_out_first() {
        let row = |address: &str, state: &str| PeerRow {
            address: address.to_owned(),
            state: state.to_owned(),
            ..PeerRow::default()
        };
        let mut peers = vec![row("up", "established"); PEERS_MAX];
        peers.push(row("down", "idle"));
        let page = render(&Status::default(), &peers, &[]);
        assert_eq!(page.matches("<td>up<").count(), PEERS_MAX - 1);
        assert!(page.contains("<td>down<"));
        assert!(page.contains("1 more: <a href"));
    }
}
