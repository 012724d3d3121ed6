//! What changes a running reflector from the command line: `reset`, `reload`, `log-level`.

use std::process::ExitCode;
use std::time::Duration;

use albedo_api::control::{
    LogLevelRequest, MESSAGE_BYTES_MAX, ReloadRequest, ReloadStatus, ResetKind, ResetRequest,
    ResetStatus,
};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::admin_client::{ANSWER_MAX, AdminArgs, Ask};
use crate::ask_command::resolve;
use crate::cli;

/// How long a reload may take: it may wait for others.
const RELOAD_MAX: Duration = Duration::from_secs(60);
/// Peers that are named one by one.
const NAMED_MAX: usize = 20;

/// `albedo reset`.
#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    #[command(subcommand)]
    what: Reset,
}

#[derive(Debug, Subcommand)]
enum Reset {
    /// End the sessions with a peer, or have routes told again.
    ///
    /// Without --soft the sessions end with a Cease (RFC 4486) and configured ones begin anew;
    /// that also lifts a bar for too many routes.
    #[command(alias = "peers")]
    Peer(ResetPeerArgs),
}

#[derive(Debug, Args)]
struct ResetPeerArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Whose, by address or name.
    #[arg(required = true, value_name = "PEER")]
    peers: Vec<String>,
    /// Without an end of the session: `in` asks the peer for its routes again (RFC 2918), `out`
    /// tells it ours again.
    #[arg(long)]
    soft: Option<Soft>,
    /// What the peer is told (RFC 9003).
    #[arg(long, default_value = "", conflicts_with = "soft")]
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Soft {
    /// Its routes.
    In,
    /// Ours.
    Out,
}

/// `albedo reload`.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Only tell what would change.
    #[arg(long, alias = "dry-run")]
    diff: bool,
    /// Print all of the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// `albedo log-level`.
#[derive(Debug, Args)]
pub(crate) struct LogLevelArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// How much is logged from now on, up to the next reload.
    #[arg(value_parser = ["error", "warn", "info", "debug"])]
    level: String,
}

pub(crate) fn reset(args: &ResetArgs) -> Result<ExitCode> {
    let Reset::Peer(args) = &args.what;
    if args.message.len() > MESSAGE_BYTES_MAX {
        let found = args.message.len();
        bail!("--message: found {found} octets, expected at most {MESSAGE_BYTES_MAX}");
    }
    let target = args.admin.target();
    // All of them are known before any is touched.
    let addresses = resolve(&target, &args.peers)?;
    for address in addresses {
        let (kind, done) = match args.soft {
            None => (ResetKind::Hard, "reset"),
            Some(Soft::In) => (ResetKind::SoftIn, "asked for its routes again"),
            Some(Soft::Out) => (ResetKind::SoftOut, "told everything again"),
        };
        let peer = address.parse().context("an address that is not understood")?;
        let request = ResetRequest { peer, kind, message: args.message.clone() };
        let body = serde_json::to_string(&request)?;
        let ask = Ask { method: "POST", body: &body, ..Ask::get("/api/v1/reset") };
        let ResetStatus { sessions } = ask.send(&target)?;
        let sessions =
            if sessions == 1 { "1 session".to_owned() } else { format!("{sessions} sessions") };
        cli::answer(&format!("peer/{address} {done}: {sessions}"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn reload(args: &ReloadArgs) -> Result<ExitCode> {
    let body = serde_json::to_string(&ReloadRequest { dry_run: args.diff })?;
    let ask = Ask { method: "POST", path: "/api/v1/reload", body: &body, patience: RELOAD_MAX };
    let status: ReloadStatus = ask.send(&args.admin.target())?;
    if args.json {
        cli::answer(&serde_json::to_string_pretty(&status)?);
    } else {
        cli::answer(text(&status).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn text(status: &ReloadStatus) -> String {
    let mut out = String::new();
    for line in &status.lines {
        out.push_str(&format!("{line}\n"));
    }
    let would =
        |now: &str, then: &str| if status.dry_run { then.to_owned() } else { now.to_owned() };
    for (peers, what) in [
        (&status.started, would("begin, or begin anew", "would begin, or begin anew")),
        (&status.stopped, would("end", "would end")),
        (&status.changed, would("go on with other settings", "would go on with other settings")),
    ] {
        if peers.is_empty() {
            continue;
        }
        out.push_str(&format!("{} sessions {what}:\n", peers.len()));
        for peer in peers.iter().take(NAMED_MAX) {
            out.push_str(&format!("  {peer}\n"));
        }
        if peers.len() > NAMED_MAX {
            out.push_str(&format!("  and {} more\n", peers.len() - NAMED_MAX));
        }
    }
    let untouched = would("do not notice", "would not notice");
    out.push_str(&format!("{} sessions {untouched}\n", status.untouched));
    out
}

pub(crate) fn log_level(args: &LogLevelArgs) -> Result<ExitCode> {
    let body = serde_json::to_string(&LogLevelRequest { level: args.level.clone() })?;
    let ask = Ask { method: "PUT", path: "/api/v1/log-level", body: &body, patience: ANSWER_MAX };
    let LogLevelRequest { level } = ask.send(&args.admin.target())?;
    cli::answer(&format!("logs {level} from now on, up to the next reload"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
