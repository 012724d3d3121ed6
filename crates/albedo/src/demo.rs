//! `albedo demo`: the reflector among simulated nodes on this machine.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

/// What the demo shows.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Number of simulated nodes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(crate) nodes: u32,
    /// Address blocks each node announces.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) blocks: u32,
    /// Keep running after the last scene, until interrupted.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Plays the demo.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    bail!("no demo with {args:?} in this build");
}
