//! `albedo-loadtest`: see the library's description.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;

use albedo_loadtest::cli::{Cli, ClusterArgs, Command, Common, FloorArgs, TableArgs};
use albedo_loadtest::floor::Floor;
use albedo_loadtest::mrt;
use albedo_loadtest::outcome::Outcome;
use albedo_loadtest::prefix::Family;
use albedo_loadtest::report::{Machine, Report, SCHEMA};
use albedo_loadtest::run::run;
use albedo_loadtest::scenario::Plan;
use anyhow::{Context as _, bail};
use clap::Parser as _;

mod live;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Cluster(args) => cluster(&args),
        Command::Table(args) => table(&args),
        Command::Churn(args) => live::churn(&args),
        Command::SlowReader(args) => live::slow_reader(&args),
        Command::RefreshStorm(args) => live::refresh_storm(&args),
        Command::Soak(args) => live::soak(&args),
        Command::Floor(args) => floor(&args),
    }
}

fn cluster(args: &ClusterArgs) -> anyhow::Result<ExitCode> {
    let shape = args.shape();
    if let Err(wrong) = shape.check() {
        bail!(wrong);
    }
    let plan = || Ok(shape.plan(args.start()));
    repeat("cluster", &args.common, &shape.families(), plan)
}

fn table(args: &TableArgs) -> anyhow::Result<ExitCode> {
    let shape = args.shape();
    if let Err(wrong) = shape.check() {
        bail!(wrong);
    }
    repeat("table", &args.common, &args.families, || table_plan(args))
}

/// A table, made up or recorded.
fn table_plan(args: &TableArgs) -> anyhow::Result<Plan> {
    let shape = args.shape();
    Ok(match &args.mrt {
        Some(path) => shape.replay(&mrt::read(path)?, args.start()),
        None => shape.plan(args.start()),
    })
}

/// Runs a scenario as often as wanted, and tells what came of it.
fn repeat(
    scenario: &'static str,
    common: &Common,
    families: &[Family],
    plan: impl Fn() -> anyhow::Result<Plan>,
) -> anyhow::Result<ExitCode> {
    repeat_with(scenario, common, || {
        let plan = plan()?;
        let notes = plan.notes.clone();
        let outcome = run(common.settings(families.to_vec()), plan, &common.conduct())?;
        Ok((notes, outcome))
    })
}

/// The same with what is to be run; it gives notes and what came of it.
fn repeat_with(
    scenario: &'static str,
    common: &Common,
    mut once: impl FnMut() -> anyhow::Result<(Vec<String>, Outcome)>,
) -> anyhow::Result<ExitCode> {
    let mut report = Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        command: std::env::args().collect(),
        machine: Machine::this(),
        scenario,
        target: common.target.to_string(),
        seed: common.seed,
        notes: Vec::new(),
        runs: Vec::new(),
    };
    for n in 0..common.repeat {
        if n > 0 {
            sleep(common.pause);
        }
        let (notes, outcome) = once().context("the run could not be done")?;
        report.notes = notes;
        report.notes.extend(outcome.notes.iter().cloned());
        report.runs.push(outcome);
    }
    let mut out = std::io::stdout().lock();
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    write!(out, "{scenario} against {}\n{}", report.target, report.summary())?;
    if let Some(path) = &common.json {
        let written = report.write_json(path);
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn floor(args: &FloorArgs) -> anyhow::Result<ExitCode> {
    let mut floor = Floor::bind(args.listen, args.router_id)
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    writeln!(std::io::stdout(), "relaying on {}", floor.local_addr()?)?;
    // Nobody sets this: a signal ends the program.
    floor.run(&AtomicBool::new(false))?;
    Ok(ExitCode::SUCCESS)
}
