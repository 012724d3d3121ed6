//! `albedo describe peer`: everything about the sessions with one peer.

use std::fmt::Write as _;
use std::process::ExitCode;

use albedo_api::{PeerDetail, Traffic};
use anyhow::Result;
use clap::Args;

use super::peers::reason;
use super::table::Table;
use super::{Output, print_for_programs, resolve};
use crate::admin_client::{AdminArgs, Ask, encoded};
use crate::cli;
use crate::words::{age, bytes};

#[derive(Debug, Args)]
pub(super) struct PeerArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Which, by address or name.
    peer: String,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &PeerArgs) -> Result<ExitCode> {
    let target = args.admin.target();
    let address = resolve(&target, std::slice::from_ref(&args.peer))?.join("");
    let path = format!("/api/v1/peers/{}", encoded(&address));
    let sessions: Vec<PeerDetail> = Ask::get(&path).send(&target)?;
    match args.output {
        Output::Json | Output::Yaml => {
            print_for_programs(args.output, "PeerDetailList", &sessions)?
        }
        Output::Name => cli::answer(&format!("peer/{address}")),
        Output::Table | Output::Wide => {
            for session in &sessions {
                cli::answer(text(session).trim_end());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn text(session: &PeerDetail) -> String {
    let PeerDetail { row, .. } = session;
    let mut out = String::new();
    let mut say = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{:<18}{value}", format!("{name}:"));
    };
    let known = |value: Option<&str>| value.unwrap_or("unknown").to_owned();
    say("Peer", &row.address);
    say("Name", row.name.as_deref().unwrap_or("none"));
    if let Some(description) = &session.description {
        say("Description", description);
    }
    say("Group", row.group.as_deref().unwrap_or("none"));
    say("Role", &row.role);
    let origin = if row.dynamic { "dynamic, let in by a range" } else { "configured" };
    say("Origin", origin);
    if let Some(listener) = &session.listener {
        say("Listener", listener);
    }
    say("AS", &row.as_number.map_or_else(|| known(None), |asn| asn.to_string()));
    say("Router id", &known(row.router_id.as_deref()));
    say("State", &format!("{} for {}", row.state, age(row.since_seconds)));
    say("Established", &format!("{} times", row.established));
    let reason = reason(row);
    if !reason.is_empty() {
        say("Reason", &reason);
    } else if let Some(last) = &row.last_reason {
        say("Last end", last);
    }
    if let (Some(local), Some(remote)) = (&session.local, &session.remote) {
        say("Connection", &format!("{local} to {remote}"));
    }
    if row.is_up() {
        say("Families", &row.families.join(", "));
        let hold = row.hold_time_seconds.unwrap_or_default();
        let hold = if hold == 0 { "none".to_owned() } else { format!("{hold} s") };
        say("Hold time", &hold);
        let heard = if session.is_heard { "complete" } else { "End-of-RIB has not come yet" };
        say("Its routes", heard);
    }
    let yes = |value: bool| if value { "yes" } else { "no" };
    let graceful = session.graceful_restart.map_or("unknown", yes);
    say("Keeps our routes", &format!("{graceful} (graceful restart, RFC 4724)"));
    let policies = (yes(session.import_policy), yes(session.export_policy));
    say("Policies", &format!("import {}, export {}", policies.0, policies.1));
    if !row.routes.is_empty() {
        let mut table = Table::new(&["  FAMILY", "RECEIVED", "BEST", "SENT"]);
        for routes in &row.routes {
            let numbers = [routes.received, routes.best, routes.sent].map(|n| n.to_string());
            let family = format!("  {}", routes.family);
            table.row(std::iter::once(family).chain(numbers).collect());
        }
        out.push_str(&format!("Routes:\n{}\n", table.lines(true).join("\n")));
    }
    out.push_str(&messages(&session.traffic));
    out
}

fn messages(traffic: &Traffic) -> String {
    let mut table = Table::new(&["  TYPE", "RECEIVED", "SENT"]);
    for of in &traffic.messages {
        let numbers = [of.received, of.sent].map(|n| n.to_string());
        table.row(std::iter::once(format!("  {}", of.kind)).chain(numbers).collect());
    }
    let octets = [traffic.bytes_received, traffic.bytes_sent].map(bytes);
    table.row(std::iter::once("  all".to_owned()).chain(octets).collect());
    let mut out = format!("Messages:\n{}\n", table.lines(true).join("\n"));
    for (what, counted) in [("Faults", &traffic.faults), ("Not taken", &traffic.dropped)] {
        if !counted.is_empty() {
            let list: Vec<_> =
                counted.iter().map(|of| format!("{} {}", of.received, of.kind)).collect();
            out.push_str(&format!("{what}: {}\n", list.join(", ")));
        }
    }
    out
}
