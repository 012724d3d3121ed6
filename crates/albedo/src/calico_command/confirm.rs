//! `albedo calico confirm`: shows what the guard holds back, and lets it go.
//!
//! Nothing is asked on the terminal: who says the digest has seen what it stands for.

use std::process::ExitCode;

use albedo_api::{CalicoStatus, ConfirmRequest, GuardStatus};
use anyhow::{Result, bail};
use clap::Args;

use super::status::{PATH, details, summary};
use crate::admin_client::{ANSWER_MAX, AdminArgs, Ask};
use crate::cli;

#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Which change, as the status tells; without it, what is held back is only shown.
    digest: Option<String>,
}

pub(super) fn run(args: &ConfirmArgs) -> Result<ExitCode> {
    let admin = &args.admin.target();
    let status: CalicoStatus = Ask::get(PATH).send(admin)?;
    let Some(guard) = status.guard else {
        return match &args.digest {
            None => {
                cli::answer("nothing is held back");
                Ok(ExitCode::SUCCESS)
            }
            Some(digest) => bail!("{digest}: nothing is held back"),
        };
    };
    cli::answer(&text(&guard));
    let Some(digest) = &args.digest else { return Ok(ExitCode::FAILURE) };
    let body = serde_json::to_string(&ConfirmRequest { digest: digest.clone() })?;
    let ask =
        Ask { method: "POST", path: "/api/v1/calico/confirm", body: &body, patience: ANSWER_MAX };
    let _: Option<CalicoStatus> = ask.send(admin)?;
    cli::answer(&format!("confirmed: {} sessions go", guard.sessions.len()));
    Ok(ExitCode::SUCCESS)
}

fn text(guard: &GuardStatus) -> String {
    format!("{}\n{}", summary(guard), details(guard)).trim_end().to_owned()
}

#[cfg(test)]
mod tests;
