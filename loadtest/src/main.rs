//! `albedo-loadtest`: see the library's description.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;

use albedo_loadtest::cli::live::{ChurnArgs, RefreshStormArgs, SlowReaderArgs, SoakArgs};
use albedo_loadtest::cli::{Cli, ClusterArgs, Command, Common, FloorArgs, TableArgs};
use albedo_loadtest::fleet::Settings;
use albedo_loadtest::floor::Floor;
use albedo_loadtest::mrt;
use albedo_loadtest::outcome::Outcome;
use albedo_loadtest::prefix::Family;
use albedo_loadtest::report::{Machine, Report, SCHEMA};
use albedo_loadtest::run::{Conduct, run};
use albedo_loadtest::scenario::{self, Plan};
use anyhow::{Context as _, bail};
use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Cluster(args) => cluster(&args),
        Command::Table(args) => table(&args),
        Command::Churn(args) => churn(&args),
        Command::SlowReader(args) => slow_reader(&args),
        Command::RefreshStorm(args) => refresh_storm(&args),
        Command::Soak(args) => soak(&args),
        Command::Floor(args) => floor(&args),
    }
}

fn cluster(args: &ClusterArgs) -> anyhow::Result<ExitCode> {
    let shape = args.shape();
    if let Err(wrong) = shape.check() {
        bail!(wrong);
    }
    let play =
        |settings: Settings, conduct: &Conduct| played(settings, shape.plan(args.start()), conduct);
    repeat("cluster", &args.common, &shape.families(), play)
}

fn table(args: &TableArgs) -> anyhow::Result<ExitCode> {
    let shape = args.shape();
    if let Err(wrong) = shape.check() {
        bail!(wrong);
    }
    let play = |settings: Settings, conduct: &Conduct| {
        let plan = match &args.mrt {
            Some(path) => shape.replay(&mrt::read(path)?, args.start()),
            None => shape.plan(args.start()),
        };
        played(settings, plan, conduct)
    };
    repeat("table", &args.common, &args.families, play)
}

fn churn(args: &ChurnArgs) -> anyhow::Result<ExitCode> {
    let shape = args.shape().map_err(anyhow::Error::msg)?;
    repeat("churn", &args.live.common, &shape.cluster.families(), |settings, conduct| {
        Ok(scenario::churn::run(settings, &shape, args.change, conduct)?)
    })
}

fn slow_reader(args: &SlowReaderArgs) -> anyhow::Result<ExitCode> {
    let (shape, slow) = args.shape().map_err(anyhow::Error::msg)?;
    repeat("slow-reader", &args.live.common, &shape.cluster.families(), |settings, conduct| {
        Ok(scenario::slow_reader::run(settings, &shape, slow, conduct)?)
    })
}

fn refresh_storm(args: &RefreshStormArgs) -> anyhow::Result<ExitCode> {
    let shape = args.shape().map_err(anyhow::Error::msg)?;
    repeat("refresh-storm", &args.live.common, &shape.cluster.families(), |settings, conduct| {
        Ok(scenario::refresh_storm::run(settings, &shape, args.storms, conduct)?)
    })
}

fn soak(args: &SoakArgs) -> anyhow::Result<ExitCode> {
    let (shape, weights) = args.shape().map_err(anyhow::Error::msg)?;
    repeat("soak", &args.live.common, &shape.cluster.families(), |settings, conduct| {
        Ok(scenario::soak::run(settings, &shape, weights, args.check_every, conduct)?)
    })
}

/// Runs a plan, and keeps its oddities.
fn played(settings: Settings, plan: Plan, conduct: &Conduct) -> anyhow::Result<Outcome> {
    let notes = plan.notes.clone();
    let mut outcome = run(settings, plan, conduct)?;
    outcome.notes.extend(notes);
    Ok(outcome)
}

/// Runs a scenario as often as wanted, and tells what came of it.
fn repeat(
    scenario: &'static str,
    common: &Common,
    families: &[Family],
    play: impl Fn(Settings, &Conduct) -> anyhow::Result<Outcome>,
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
        let outcome = play(common.settings(families.to_vec()), &common.conduct())
            .context("the run could not be done")?;
        report.notes.clone_from(&outcome.notes);
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
