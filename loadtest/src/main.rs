//! `albedo-loadtest`: see the library's description.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use albedo_loadtest::campaign::{EXIT_USAGE, repeat};
use albedo_loadtest::cli::{Cli, ClusterArgs, Command, FloorArgs, TableArgs};
use albedo_loadtest::compare::compare;
use albedo_loadtest::floor::Floor;
use albedo_loadtest::mrt;
use albedo_loadtest::prefix::Family;
use anyhow::{Context as _, anyhow};
use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Cluster(args) => cluster(&args),
        Command::Table(args) => table(&args),
        Command::Floor(args) => floor(&args),
        Command::Compare(args) => compare(&args),
    };
    result.unwrap_or_else(|error| {
        // Where standard error is closed nobody wants to know.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::from(EXIT_USAGE)
    })
}

fn cluster(args: &ClusterArgs) -> anyhow::Result<ExitCode> {
    let shape = args.shape().map_err(|words| anyhow!(words))?;
    let families = args.common.families_or(&shape.families());
    let plan = || Ok(shape.plan(args.start()));
    repeat("cluster", &args.common, &families, plan, |run| run.bring_up().map(|_| ()))
}

fn table(args: &TableArgs) -> anyhow::Result<ExitCode> {
    let shape = args.shape().map_err(|words| anyhow!(words))?;
    let families = args.common.families_or(&[Family::V4]);
    let plan = || match &args.mrt {
        Some(path) => Ok(shape.replay(&mrt::read(path)?, args.start())),
        None => Ok(shape.plan(args.start())),
    };
    repeat("table", &args.common, &families, plan, |run| run.bring_up().map(|_| ()))
}

fn floor(args: &FloorArgs) -> anyhow::Result<ExitCode> {
    let mut floor = Floor::bind(args.listen, args.router_id)
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    if let Some(key) = &args.md5 {
        floor.set_key(key).context("--md5: the kernel does not take the key")?;
    }
    writeln!(std::io::stdout(), "relaying on {}", floor.local_addr()?)?;
    // Nobody sets this: a signal ends the program.
    floor.run(&AtomicBool::new(false))?;
    Ok(ExitCode::SUCCESS)
}
