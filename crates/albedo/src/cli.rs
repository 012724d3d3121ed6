//! The command line.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::demo::DemoArgs;

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
    /// Run the reflector among simulated nodes on this machine and watch it converge.
    Demo(DemoArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
}

/// Where the settings come from.
#[derive(Debug, Args)]
#[command(after_help = "Single values can be given as ALBEDO_… in the environment too, such as \
                        ALBEDO_ROUTER_ID; see docs/CONFIGURATION.md.")]
pub(crate) struct ConfigArgs {
    /// The configuration file, in YAML.
    #[arg(long, short, value_name = "FILE", env = "ALBEDO_CONFIG")]
    pub(crate) config: PathBuf,
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
