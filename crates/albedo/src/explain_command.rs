//! `albedo explain`: why a route is the best one, and why a peer is told it or not.

use std::fmt::Write as _;
use std::process::ExitCode;

use albedo_api::RouteLineAttributes;
use albedo_api::explain::{Explained, ExplainedPeer, PastChange};
use anyhow::Result;
use clap::Args;

use crate::admin_client::{AdminArgs, Ask, encoded};
use crate::ask_command::{Output, Table, print_for_programs, resolve};
use crate::cli;
use crate::words::age;

/// Changes of the past that are printed; `-o json` has all that are remembered.
const PAST_MAX: usize = 10;

/// What is explained.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// A prefix; an address means the longest prefix that holds it.
    prefix: String,
    /// A peer, by address or name: whether it is told the route, and which rule keeps it back.
    #[arg(long, value_name = "PEER")]
    to: Option<String>,
    /// Which route was the best one then: how long ago, such as 5m, or a time in RFC 3339.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let target = args.admin.target();
    let mut query = vec![("prefix", args.prefix.clone())];
    if let Some(to) = &args.to {
        query.push(("to", resolve(&target, std::slice::from_ref(to))?.join("")));
    }
    query.extend(args.at.clone().map(|at| ("at", at)));
    let query: Vec<String> =
        query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let path = format!("/api/v1/explain?{}", query.join("&"));
    let explained: Explained = Ask::get(&path).send(&target)?;
    match args.output {
        Output::Json | Output::Yaml => {
            print_for_programs(args.output, "Explanation", &explained)?;
        }
        Output::Name => cli::answer(&format!("route/{}", explained.prefix)),
        Output::Table | Output::Wide => cli::answer(text(&explained).trim_end()),
    }
    let is_there = !explained.candidates.is_empty();
    Ok(if is_there { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(explained: &Explained) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = match explained.candidates.as_slice() {
        [] => writeln!(out, "{}: there is no route", explained.prefix),
        [_] => writeln!(out, "{}: one route", explained.prefix),
        all => writeln!(out, "{}: {} routes", explained.prefix, all.len()),
    };
    if !explained.candidates.is_empty() {
        out.push_str(&candidates(explained));
    }
    for peer in &explained.peers {
        out.push_str(&verdict(peer));
    }
    if let Some(at) = &explained.at {
        let _ = match (&at.best, at.is_remembered) {
            (Some(best), _) => {
                let best = named(best, at.best_name.as_deref());
                writeln!(out, "\nAt {} the best route was that of {best}.", at.time)
            }
            (None, true) => writeln!(out, "\nAt {} there was no route.", at.time),
            (None, false) => writeln!(out, "\n{} is not remembered.", at.time),
        };
    }
    out.push_str(&past(explained));
    out
}

fn candidates(explained: &Explained) -> String {
    let mut table =
        Table::new(&["FROM", "NAME", "ROLE", "NEXT-HOP", "LOCAL-PREF", "MED", "PATH", "WHY"]);
    for route in &explained.candidates {
        let attributes = &route.attributes;
        let number = |number: Option<u32>| number.map_or_else(|| "-".into(), |n| n.to_string());
        let why = match (&route.lost_by, &route.lost_to) {
            _ if route.best => "best".to_owned(),
            (Some(step), Some(to)) => format!("lost to {to}: {step}"),
            _ => "not the best".to_owned(),
        };
        let stale = if route.stale { ", stale" } else { "" };
        table.row(vec![
            route.from.clone(),
            route.from_name.clone().unwrap_or_else(|| "-".to_owned()),
            route.role.clone(),
            attributes.next_hop.join(","),
            number(attributes.local_pref),
            number(attributes.med),
            format!("{} {}", attributes.as_path, attributes.origin).trim_start().to_owned(),
            format!("{why}{stale}"),
        ]);
    }
    table.lines(true).join("\n") + "\n"
}

fn verdict(peer: &ExplainedPeer) -> String {
    let name = named(&peer.address, peer.name.as_deref());
    let word = match peer.verdict.as_str() {
        "told" => "is told",
        "kept" => "is NOT told",
        _ => "has nothing to be told",
    };
    let mut out = format!("\n{name} ({}) {word}: {}\n", peer.role, peer.reason);
    for told in &peer.told {
        let id = if told.path_id == 0 { String::new() } else { format!(", id {}", told.path_id) };
        let _ = writeln!(out, "  from {}{id}: {}", told.from, attributes(&told.attributes));
    }
    let delivery = match (peer.delivery.as_deref(), peer.unacknowledged_bytes) {
        (Some("acknowledged"), _) => "its TCP has acknowledged all of it".to_owned(),
        (Some("written"), Some(octets)) => {
            format!("written to its socket; its TCP has yet to acknowledge {octets} octets")
        }
        (Some("written"), None) => "written to its socket".to_owned(),
        (Some(_), _) => "not written to its socket yet: it is behind".to_owned(),
        (None, _) => return out,
    };
    let _ = writeln!(out, "  {delivery}");
    if let Some((from, to)) = peer.sent_not_before.as_ref().zip(peer.sent_not_after.as_ref()) {
        let sent = if from == to { from.clone() } else { format!("between {from} and {to}") };
        let _ = writeln!(out, "  sent {sent}");
    }
    out
}

/// What a peer is told with, in a line.
fn attributes(attributes: &RouteLineAttributes) -> String {
    let mut words = vec![format!("next hop {}", attributes.next_hop.join(","))];
    words.push(format!("path {} {}", attributes.as_path, attributes.origin).replace("  ", " "));
    words.extend(attributes.local_pref.map(|n| format!("LOCAL_PREF {n}")));
    words.extend(attributes.med.map(|n| format!("MED {n}")));
    words.extend(attributes.originator_id.as_ref().map(|id| format!("ORIGINATOR_ID {id}")));
    let mut list = |name: &str, all: &[String]| {
        if !all.is_empty() {
            words.push(format!("{name} {}", all.join(" ")));
        }
    };
    list("CLUSTER_LIST", &attributes.cluster_list);
    list("communities", &attributes.communities);
    list("large communities", &attributes.large_communities);
    list("extended communities", &attributes.extended_communities);
    words.join(", ")
}

fn past(explained: &Explained) -> String {
    let remembered = match explained.remembered_seconds {
        None => "since the start".to_owned(),
        Some(seconds) => format!("in the last {}", age(seconds)),
    };
    let changes = explained.history.len();
    let times = if changes == 1 { "once".to_owned() } else { format!("{changes} times") };
    let mut out =
        format!("\nThe best route, or what is told of it, changed {times} {remembered}:\n");
    if changes == 0 {
        return format!("\nThe best route has not changed {remembered}.\n");
    }
    for change in explained.history.iter().take(PAST_MAX) {
        let PastChange { time, seconds_ago, .. } = change;
        let ago = age(*seconds_ago);
        let of = |id: &Option<String>, name: &Option<String>| {
            id.as_ref().map_or_else(|| "none".to_owned(), |id| named(id, name.as_deref()))
        };
        let before = of(&change.before, &change.before_name);
        let after = of(&change.after, &change.after_name);
        let what = match (change.before == change.after, &change.before) {
            (true, Some(_)) => format!("still that of {after}, told otherwise"),
            _ => format!("{before} -> {after}"),
        };
        let _ = writeln!(out, "  {time} ({ago} ago)  {what}");
    }
    if changes > PAST_MAX {
        let _ = writeln!(out, "  and {} more", changes - PAST_MAX);
    }
    out
}

fn named(address: &str, name: Option<&str>) -> String {
    name.map_or_else(|| address.to_owned(), |name| format!("{address} {name}"))
}

#[cfg(test)]
mod tests;
