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
use albedo_loadtest::run::run;
use albedo_loadtest::scenario::{Plan, table};
use anyhow::{Context as _, Error};
use clap::Parser as _;

mod live;
mod restart;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Cluster(args) => cluster(&args),
        Command::Table(args) => table(&args),
        Command::SourceLoss(args) => restart::source_loss(&args),
        Command::RollingRestart(args) => restart::rolling(&args),
        Command::ReflectorRestart(args) => restart::reflector_restart(&args),
        Command::TwoReflectors(args) => restart::two_reflectors(&args),
        Command::Churn(args) => live::churn(&args),
        Command::SlowReader(args) => live::slow_reader(&args),
        Command::RefreshStorm(args) => live::refresh_storm(&args),
        Command::Soak(args) => live::soak(&args),
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
    let (shape, common) = (args.shape().map_err(Error::msg)?, &args.common);
    let settings = common.settings(&shape.families());
    repeat("cluster", common, || {
        Ok(run(settings.clone(), shape.plan(args.start()), &common.conduct())?)
    })
}

fn table(args: &TableArgs) -> anyhow::Result<ExitCode> {
    let (shape, common) = (args.shape().map_err(Error::msg)?, &args.common);
    repeat("table", common, || {
        let settings = common.settings(&[Family::V4]);
        Ok(run(settings, table_plan(args, &shape)?, &common.conduct())?)
    })
}

/// A table, made up or recorded.
fn table_plan(args: &TableArgs, shape: &table::Shape) -> anyhow::Result<Plan> {
    Ok(match &args.mrt {
        Some(path) => shape.replay(&mrt::read(path)?, args.start()),
        None => shape.plan(args.start()),
    })
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
