//! `albedo calico status`: how a running reflector stands in its cluster, on one screen.

use std::process::ExitCode;

use albedo_api::{CalicoStatus, GuardStatus};
use anyhow::Result;
use clap::Args;

use super::words::{Output, age, listed};
use crate::admin_client::{AdminArgs, Ask};
use crate::cli;

/// Where the status is.
pub(super) const PATH: &str = "/api/v1/calico";

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &StatusArgs) -> Result<ExitCode> {
    let status: CalicoStatus = Ask::get(PATH).send(&args.admin.target())?;
    cli::answer(&args.output.render(&status, text)?);
    Ok(if needs_attention(&status) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether somebody should look at it. Warnings alone are none of that: some clusters have to
/// live with them.
fn needs_attention(status: &CalicoStatus) -> bool {
    let follows = status.connected && status.synced && !status.datastore_held;
    !follows
        || !status.faults.is_empty()
        || status.expand_error.is_some()
        || !status.rejected.is_empty()
        || !status.sessions_held.is_empty()
        || status.guard.is_some()
        || status.ipam.as_ref().is_some_and(|ipam| ipam.mismatches > 0)
}

fn text(status: &CalicoStatus) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str, lines: String| {
        text.push_str(&format!("{:<12}{value}\n{lines}", format!("{name}:")));
    };
    row("Reflector", &status.identity, String::new());
    let mut troubles = status.faults.clone();
    if !status.connected {
        troubles.extend(status.last_error.iter().map(|error| format!("last error: {error}")));
    }
    let count = troubles.len();
    row("Datastore", &datastore(status), listed(troubles, count));
    let rejected = status.rejected.iter().map(|it| {
        let last_good = if it.last_good { " (an earlier version counts)" } else { "" };
        format!("{} {}: {}{last_good}", it.kind, it.name, it.fault)
    });
    row("Resources", &objects(status), listed(rejected, status.rejected.len()));
    let error = status.expand_error.iter().map(|error| format!("nothing new: {error}"));
    let held = status.sessions_held.iter().map(|it| format!("{}: {}", it.name, it.reason));
    let count = status.sessions_held.len();
    let lines = listed(error.chain(held), count + usize::from(status.expand_error.is_some()));
    row("Sessions", &format!("{} in force, {count} held down", status.sessions), lines);
    match &status.guard {
        Some(guard) => row("Guard", &summary(guard), details(guard)),
        None => row("Guard", "nothing is held back", String::new()),
    }
    let ipam = match &status.ipam {
        None => "not looked at".to_owned(),
        Some(it) => format!(
            "{} routes from nodes without the block, {} borrowed addresses; looked {} ago",
            it.mismatches,
            it.borrowed,
            age(it.age_seconds)
        ),
    };
    row("Announced", &ipam, String::new());
    let count = status.warnings.len();
    row("Warnings", &count.to_string(), listed(status.warnings.iter().cloned(), count));
    text
}

fn datastore(status: &CalicoStatus) -> String {
    let state = match (status.connected, status.synced) {
        (true, true) => "connected",
        (true, false) => "connected, not listed once yet",
        (false, true) => "NOT connected, the last cluster counts",
        (false, false) => "NOT connected, and never was",
    };
    let held = if status.datastore_held { ", held: Calico moves it" } else { "" };
    let event = match status.last_event_seconds {
        Some(seconds) => format!("last word {} ago", age(seconds)),
        None => "no word yet".to_owned(),
    };
    format!("{state}{held}; {event}; {} lists made anew", status.resyncs)
}

fn objects(status: &CalicoStatus) -> String {
    let there = status.objects.iter().filter(|kind| kind.count > 0);
    let there: Vec<_> = there.map(|kind| format!("{} {}", kind.count, kind.kind)).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    let rejected = match status.rejected.len() {
        0 => String::new(),
        count => format!("; {count} cannot be read"),
    };
    format!("{there} (snapshot {}){rejected}", status.revision)
}

/// A change that is held back, in one line.
pub(super) fn summary(guard: &GuardStatus) -> String {
    let applies = match guard.applies_in_seconds {
        Some(seconds) => format!("applies by itself in {}", age(seconds)),
        None => "waits for a confirmation".to_owned(),
    };
    let (count, since) = (guard.sessions.len(), age(guard.since_seconds));
    format!("HOLDS BACK the end of {count} sessions for {since}; {applies}")
}

/// Why it is held back, what would go, and what lets it go.
pub(super) fn details(guard: &GuardStatus) -> String {
    let reasons = guard.reasons.iter().map(|reason| format!("because {reason}"));
    let sessions = guard.sessions.iter().map(|session| format!("would end: {session}"));
    let command = format!("to let it go: albedo calico confirm {}", guard.digest);
    listed(reasons, guard.reasons.len())
        + &listed(sessions, guard.sessions.len())
        + &listed([command], 1)
}

#[cfg(test)]
mod tests;
