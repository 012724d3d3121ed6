//! The command line.

use std::io::Write as _;
use std::path::PathBuf;

use albedo_config::{Config, Diagnostics, Surroundings};
use clap::{Args, Parser, Subcommand};

use crate::admin_client::AdminArgs;
use crate::ask_command::{DescribeArgs, GetArgs, StatusArgs};
use crate::bundle_command::DebugArgs;
use crate::calico_command::CalicoArgs;
use crate::change_command::{LogLevelArgs, ReloadArgs, ResetArgs};
use crate::demo::DemoArgs;
use crate::explain_command::ExplainArgs;
use crate::import_command::ImportArgs;
use crate::man_command::ManArgs;
use crate::top_command::TopArgs;

/// A BGP route reflector for clusters of thousands of nodes.
#[derive(Debug, Parser)]
#[command(name = "albedo", version, about, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the reflector until it is told to stop.
    ///
    /// SIGHUP reads the configuration again and touches only the sessions whose own settings
    /// changed; a faulty file changes nothing. SIGTERM and SIGINT stop in order, a second one
    /// at once.
    Run(ConfigArgs),
    /// Read a configuration and tell every fault in it.
    ///
    /// Exit code 0 where it is good, 1 where it is not.
    Check(ConfigArgs),
    /// Tell on one screen how a running reflector stands: converged or not, who is down and why.
    Status(StatusArgs),
    /// List peers, routes, update groups or shards of a running reflector.
    Get(GetArgs),
    /// Tell everything about one peer.
    Describe(DescribeArgs),
    /// Tell why a route is the best one, and why a peer is told it or not.
    ///
    /// Exit code 1 where there is no route.
    Explain(ExplainArgs),
    /// Watch a running reflector, full-screen and live.
    Top(TopArgs),
    /// End sessions so that they begin anew, or have routes told again.
    Reset(ResetArgs),
    /// Have a running reflector read its configuration again, or tell what that would change.
    ///
    /// A faulty file changes nothing, and every fault of it is told; exit code 1 then.
    Reload(ReloadArgs),
    /// Change how much a running reflector logs.
    LogLevel(LogLevelArgs),
    /// Send the clients of a running reflector away, so that it can be stopped.
    ///
    /// Tells what it will do, does it, and reports each client. With other reflectors there,
    /// clients get a Cease a portion at a time and go on with those; the last reflector refuses,
    /// and with --force lets everybody go at once without a word, so that they keep its routes.
    /// Only the reflector's own machine may ask, over its Unix socket or a loopback address.
    ///
    /// Exit code 0 when nobody is left, 1 where somebody is or it was refused.
    Drain(DrainArgs),
    /// Move into a Calico cluster, and out of it.
    Calico(CalicoArgs),
    /// Turn the configuration of another daemon into one of ours.
    Import(ImportArgs),
    /// Run the reflector among simulated nodes on this machine and watch it converge.
    Demo(DemoArgs),
    /// Gather what others need to find a fault.
    Debug(DebugArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Write the manual pages.
    Man(ManArgs),
}

/// How to drain.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Also if no other reflector is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Over how many seconds the clients are spread; 0 is all at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(crate) over: u32,
    /// After how many seconds it is over, whoever is left.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(crate) limit: u32,
    /// Only tell what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// End a drain, and let everybody in again.
    #[arg(long, conflicts_with_all = ["force", "dry_run"])]
    pub(crate) cancel: bool,
}

/// Where the settings come from.
#[derive(Debug, Args)]
#[command(after_help = "Single values can be given as ALBEDO_… in the environment too, such as \
                        ALBEDO_ROUTER_ID; see docs/CONFIGURATION.md.")]
pub(crate) struct ConfigArgs {
    /// The configuration file, in YAML.
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "ALBEDO_CONFIG",
        required_unless_present = "calico"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Do without a file: the reflector is a node of a Calico cluster, and everything else comes
    /// from the environment, as with Calico's own node image.
    #[arg(long, conflicts_with = "config")]
    pub(crate) calico: bool,
}

/// What a configuration without a file says.
const CALICO_ALONE: &str = "calico: {}\n";

impl ConfigArgs {
    /// Reads the configuration, with the environment's settings laid over it.
    ///
    /// # Errors
    ///
    /// Every fault at once.
    pub(crate) fn load(&self) -> Result<Config, Diagnostics> {
        match &self.config {
            Some(file) => albedo_config::load(file),
            None => {
                let here = std::path::Path::new("");
                albedo_config::parse(&self.name(), CALICO_ALONE, here, &Surroundings::here())
            }
        }
    }

    /// Where it comes from.
    pub(crate) fn name(&self) -> String {
        match &self.config {
            Some(file) => file.display().to_string(),
            None => "--calico".to_owned(),
        }
    }
}

/// Which completions to print.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Prints a line for the human at the terminal, who may have gone.
pub(crate) fn complain(line: &str) {
    // With nobody to read it there is nothing left to do about it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints a line of what was asked for; a reader that has seen enough is no error.
pub(crate) fn answer(line: &str) {
    // As above.
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests;
