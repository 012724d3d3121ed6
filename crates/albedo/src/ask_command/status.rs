//! `albedo status`: on one screen whether all is well, and what is not.

use std::fmt::Write as _;
use std::process::ExitCode;

use albedo_api::{PeerRow, Status};
use anyhow::Result;
use serde::Serialize;

use super::peers::reason;
use super::table::{NOTHING, Table};
use super::{Output, print_for_programs};
use crate::admin_client::{Ask, Target};
use crate::cli;
use crate::words::{age, brief, bytes};

/// Peers that are not up and are named.
const NAMED_MAX: usize = 10;

/// How a reflector stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    /// As a whole.
    pub(crate) status: Status,
    /// What `/readyz` says is not so; empty where it is ready.
    pub(crate) not_ready: Vec<String>,
    /// Peers that are not up.
    pub(crate) down: Vec<PeerRow>,
}

impl Overview {
    /// Asks for it.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub(crate) fn read(target: &Target) -> Result<(Self, Vec<PeerRow>)> {
        let status: Status = Ask::get("/api/v1/status").send(target)?;
        let peers: Vec<PeerRow> = Ask::get("/api/v1/peers").send(target)?;
        let (_, checks) = Ask::get("/readyz?verbose").text(target)?;
        let failed = checks.lines().filter_map(|line| line.strip_prefix("[-]"));
        let not_ready = failed.map(str::to_owned).collect();
        let down = peers.iter().filter(|peer| !peer.is_up()).cloned().collect();
        Ok((Self { status, not_ready, down }, peers))
    }
}

pub(super) fn run(target: &Target, output: Output) -> Result<ExitCode> {
    let (overview, _) = Overview::read(target)?;
    match output {
        Output::Json | Output::Yaml => print_for_programs(output, "Status", &overview)?,
        Output::Name => cli::answer(&format!("reflector/{}", overview.status.router_id)),
        Output::Table | Output::Wide => cli::answer(text(&overview).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether everybody has what they are to have, in words.
pub(crate) fn convergence(status: &Status) -> String {
    match (status.oldest_undelivered_seconds, status.startup_seconds) {
        (Some(age), _) => {
            format!("no: the oldest change that some peer lacks is {} old", brief(age))
        }
        (None, None) => "no: the start is not over".to_owned(),
        (None, Some(_)) => "yes: every change is delivered".to_owned(),
    }
}

pub(super) fn text(overview: &Overview) -> String {
    let Overview { status, not_ready, down } = overview;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "Albedo {} (process {}), up for {}; AS {}, router id {}, cluster id {}, listening on {}",
        status.version,
        status.process_id,
        age(status.uptime_seconds),
        status.as_number,
        status.router_id,
        status.cluster_id,
        status.listen.join(", "),
    );
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(out, "{:<12}{value}", format!("{name}:"));
    };
    say("Converged", &convergence(status));
    let ready = if not_ready.is_empty() { "yes".to_owned() } else { not_ready.join("; ") };
    say("Ready", &ready);
    say("Peers", &format!("{} of {} up", status.sessions_up, status.sessions_all));
    for family in &status.families {
        let times = match (family.convergence_p50_seconds, family.convergence_p99_seconds) {
            (Some(p50), Some(p99)) => {
                format!(
                    "; a change reaches the last peer within {} (p50), {} (p99)",
                    brief(p50),
                    brief(p99)
                )
            }
            _ => String::new(),
        };
        let routes = format!("{} prefixes, {} paths{times}", family.prefixes, family.paths);
        say(if family.family.starts_with("ipv4") { "IPv4" } else { "IPv6" }, &routes);
    }
    let busy: f64 = status.shards.iter().map(|shard| shard.busy_seconds).sum();
    let share = busy / status.uptime_seconds.max(0.001) * 100.0;
    let waiting: u64 = status.shards.iter().map(|shard| shard.channel_depth).sum();
    let shards = status.shards.len();
    say(
        "Shards",
        &format!("{shards}, {share:.1} % of a core since the start, {waiting} letters wait"),
    );
    let memory = status.memory_bytes.map_or_else(|| NOTHING.to_owned(), bytes);
    let logs = bytes(status.log_bytes);
    say(
        "Memory",
        &format!(
            "{memory}; {} attribute sets, {logs} in the logs of {} update groups",
            status.attribute_sets, status.update_groups
        ),
    );
    let config = status.config_fault.as_ref();
    let config =
        config.map_or_else(|| "in force".to_owned(), |fault| format!("NOT in force: {fault}"));
    say("File", &format!("{}: {config}", status.config_file));
    if !down.is_empty() {
        out.push_str(&not_up(down));
    }
    out
}

fn not_up(down: &[PeerRow]) -> String {
    let mut table = Table::new(&["PEER", "NAME", "STATE", "AGE", "REASON"]);
    for peer in down.iter().take(NAMED_MAX) {
        table.row(vec![
            peer.address.clone(),
            peer.name.clone().unwrap_or_else(|| NOTHING.to_owned()),
            peer.state.clone(),
            age(peer.since_seconds),
            reason(peer),
        ]);
    }
    let more = match down.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!("and {more} more: albedo get peers --state down\n"),
    };
    format!("\n{}\n{more}", table.lines(true).join("\n"))
}
