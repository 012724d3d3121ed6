//! `albedo drain`: asks a running reflector to send its clients away, and tells what became of it.

use std::process::ExitCode;
use std::time::Duration;

use albedo_api::control::{DrainMode, DrainPhase, DrainRequest, DrainStatus};
use anyhow::{Result, bail};

use crate::admin_client::{AdminArgs, Ask};
use crate::cli::{self, DrainArgs};

/// How often the reflector is asked how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Drains, tells, and waits.
pub(crate) fn run(args: &DrainArgs) -> Result<ExitCode> {
    if args.cancel {
        ask(&args.admin, "DELETE", None)?;
        cli::answer("drain cancelled: everybody is let in again");
        return Ok(ExitCode::SUCCESS);
    }
    let request = DrainRequest {
        dry_run: true,
        force: args.force,
        over_seconds: args.over,
        limit_seconds: args.limit,
    };
    let plan = ask(&args.admin, "POST", Some(&request))?;
    cli::answer(&announce(&plan, args));
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let mut status = ask(&args.admin, "POST", Some(&DrainRequest { dry_run: false, ..request }))?;
    let mut told = 0;
    loop {
        told = tell_new(&status, told);
        match status.phase {
            DrainPhase::Draining => {}
            DrainPhase::Drained => {
                cli::answer(&format!("all {} clients have left", status.clients.len()));
                return Ok(ExitCode::SUCCESS);
            }
            DrainPhase::Expired => return Ok(expired(&status)),
            DrainPhase::None | DrainPhase::Planned => bail!("the drain was cancelled"),
        }
        std::thread::sleep(LOOK);
        status = ask(&args.admin, "GET", None)?;
    }
}

/// What will be done, in words.
fn announce(plan: &DrainStatus, args: &DrainArgs) -> String {
    let (clients, mates) = (plan.clients.len(), plan.mates);
    let how = match plan.mode {
        DrainMode::Cease => format!(
            "with a Cease, over {} s; {mates} other reflectors are there to take over",
            plan.over_seconds
        ),
        DrainMode::Silent => "at once and without a word, so that they keep our routes: \
                              no other reflector is there"
            .to_owned(),
    };
    let limit = args.limit;
    format!("sending {clients} clients away {how}; nobody is let in; limit {limit} s")
}

/// Tells who has left since the last time; how many have by now.
fn tell_new(status: &DrainStatus, told: usize) -> usize {
    let mut left: Vec<_> = status
        .clients
        .iter()
        .filter_map(|client| Some((client.left_after_seconds?, client)))
        .collect();
    left.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (after, client) in left.iter().skip(told) {
        let name = client.name.as_deref().unwrap_or_default();
        cli::answer(&format!("{} {name} left after {after:.1} s", client.address));
    }
    left.len()
}

fn expired(status: &DrainStatus) -> ExitCode {
    for client in status.clients.iter().filter(|client| client.left_after_seconds.is_none()) {
        let name = client.name.as_deref().unwrap_or_default();
        cli::answer(&format!("{} {name} is still here", client.address));
    }
    let (left, all) = (status.left_over(), status.clients.len());
    cli::complain(&format!("albedo: {left} of {all} clients are still here at the limit"));
    ExitCode::FAILURE
}

/// One request; what the reflector says to it.
fn ask(admin: &AdminArgs, method: &str, request: Option<&DrainRequest>) -> Result<DrainStatus> {
    let body = request.map(serde_json::to_string).transpose()?.unwrap_or_default();
    Ask { method, body: &body, ..Ask::get("/api/v1/drain") }.send(&admin.target())
}

#[cfg(test)]
mod tests;
