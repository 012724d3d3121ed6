//! The look-up of a route: a form, and what came of it.

use std::fmt::{self, Write as _};

use super::peers::PageQuery;
use super::words::Escaped;
use crate::explain::{Explained, ExplainedPeer};

pub(super) fn write_form(out: &mut String, query: &PageQuery) -> fmt::Result {
    write!(
        out,
        "<h2 id=\"routes\">Route look-up</h2><form action=\"/\" method=\"get\">\
         <label for=\"prefix\">Prefix or address</label> \
         <input id=\"prefix\" name=\"prefix\" value=\"{}\" placeholder=\"10.244.1.0/26\"> \
         <label for=\"to\">told to peer (address)</label> \
         <input id=\"to\" name=\"to\" value=\"{}\"> <button>Explain</button></form>",
        Escaped(&query.prefix),
        Escaped(&query.to)
    )
}

pub(super) fn write(out: &mut String, explained: &Result<Explained, String>) -> fmt::Result {
    let explained = match explained {
        Ok(explained) => explained,
        Err(why) => return write!(out, "<p class=\"bad\">{}</p>", Escaped(why)),
    };
    let prefix = Escaped(&explained.prefix);
    if explained.candidates.is_empty() {
        write!(out, "<p>There is no route to {prefix}.</p>")?;
    } else {
        write!(
            out,
            "<table><caption>Routes to {prefix}</caption><thead><tr><th scope=\"col\">From</th>\
             <th scope=\"col\">Name</th><th scope=\"col\">Next hop</th>\
             <th scope=\"col\" class=\"n\">LOCAL_PREF</th><th scope=\"col\">AS path</th>\
             <th scope=\"col\">Why</th></tr></thead><tbody>"
        )?;
    }
    for route in &explained.candidates {
        let attributes = &route.attributes;
        let why = match (&route.lost_by, &route.lost_to) {
            _ if route.best => "best".to_owned(),
            (Some(step), Some(to)) => format!("lost to {to}: {step}"),
            _ => "not the best".to_owned(),
        };
        write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{} {}</td>\
             <td>{}</td></tr>",
            Escaped(&route.from),
            Escaped(route.from_name.as_deref().unwrap_or("")),
            Escaped(&attributes.next_hop.join(", ")),
            attributes.local_pref.map_or_else(|| "–".to_owned(), |pref| pref.to_string()),
            Escaped(&attributes.as_path),
            Escaped(&attributes.origin),
            Escaped(&why),
        )?;
    }
    if !explained.candidates.is_empty() {
        out.write_str("</tbody></table>")?;
    }
    for peer in &explained.peers {
        write_peer(out, peer)?;
    }
    if let Some(change) = explained.history.first() {
        write!(
            out,
            "<p>The best route last changed at {}: {} → {}</p>",
            Escaped(&change.time),
            Escaped(change.before.as_deref().unwrap_or("none")),
            Escaped(change.after.as_deref().unwrap_or("none"))
        )?;
    }
    Ok(())
}

fn write_peer(out: &mut String, peer: &ExplainedPeer) -> fmt::Result {
    let (class, word) = match peer.verdict.as_str() {
        "told" => ("good", "is told"),
        "kept" => ("bad", "is not told"),
        _ => ("", "has nothing to be told"),
    };
    write!(
        out,
        "<p>{} {} <strong class=\"{class}\">{word}</strong>: {}{}{}{}</p>",
        Escaped(&peer.address),
        Escaped(peer.name.as_deref().unwrap_or("")),
        Escaped(&peer.reason),
        match peer.delivery.as_deref() {
            Some("acknowledged") => "; its TCP has acknowledged it",
            Some("written") => "; written to its socket",
            Some(_) => "; not written yet",
            None => "",
        },
        if peer.sent_not_after.is_some() { ", sent not after " } else { "" },
        Escaped(peer.sent_not_after.as_deref().unwrap_or("")),
    )
}
