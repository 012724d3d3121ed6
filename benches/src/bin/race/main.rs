//! Side-by-side runs: the same load against Albedo, other daemons, and a relay without any logic.
//!
//! Each run has a network namespace, a daemon and tables of its own, and the contestants take
//! turns (A B C A B C …), so that what else the machine does falls on all of them. Needs root.
//! Started by cargo, it has cargo build Albedo and the load generator first; the other daemons come
//! from `cargo xtask install`.

mod contestant;
mod namespace;
mod race;
mod scenario;
mod table;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::contestant::{Contestant, Programs};
use crate::race::Race;
use crate::scenario::Scenario;

/// Races Albedo against other BGP daemons on this machine.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Cli {
    /// Who takes part; all that are installed by default.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Contestant>,
    /// What is played, by name; `--list` tells the names.
    #[arg(long, value_delimiter = ',', default_value = "cluster-1000,table-200k")]
    scenarios: Vec<String>,
    /// How often each contestant plays each scenario.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// A run that takes longer has failed, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u32,
    /// Shards of Albedo, where not its default.
    #[arg(long)]
    shards: Option<u32>,
    /// Folder with Albedo's and the load generator's programs, which are then not built.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// Folder with the other daemons: what `cargo xtask install` fills.
    #[arg(long, env = "ALBEDO_CACHE", default_value = "cache")]
    cache: PathBuf,
    /// Write all results to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Tell the names of the scenarios, and what the daemons are set to and why.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let mut out = std::io::stdout();
    if cli.list {
        write!(out, "{}", list())?;
        return Ok(ExitCode::SUCCESS);
    }
    let scenarios = cli
        .scenarios
        .iter()
        .map(|name| {
            Scenario::by_name(name).with_context(|| format!("no scenario {name}; see --list"))
        })
        .collect::<Result<Vec<_>>>()?;
    let own = match cli.programs {
        Some(folder) => folder,
        None => build()?,
    };
    let programs = Programs { own, cache: cli.cache, shards: cli.shards };
    let contestants: Vec<Contestant> = if cli.only.is_empty() {
        Contestant::ALL.into_iter().filter(|one| one.program(&programs).is_file()).collect()
    } else {
        cli.only
    };
    for one in &contestants {
        let program = one.program(&programs);
        ensure!(program.is_file(), "{one:?} is not there: {} is missing", program.display());
    }
    let race = Race { programs, contestants, rounds: cli.rounds, timeout: cli.timeout };
    let results = race.run(&scenarios)?;
    write!(out, "{}", table::render(&results))?;
    if let Some(path) = cli.json {
        fs::write(&path, serde_json::to_string_pretty(&results)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    // A rival that fails is a result; Albedo failing is an error.
    Ok(if results.has_albedo_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Has cargo build what is raced, where cargo has started us; returns the folder it lies in.
fn build() -> Result<PathBuf> {
    if let Some(cargo) = std::env::var_os("CARGO") {
        let packages = ["-p", "albedo", "-p", "albedo-loadtest"];
        let status = Command::new(cargo).args(["build", "--release"]).args(packages).status()?;
        ensure!(status.success(), "the programs could not be built: {status}");
    }
    let own = std::env::current_exe()?;
    Ok(own.parent().context("a program lies in a folder")?.into())
}

fn list() -> String {
    let mut out = String::from("scenarios:\n");
    for scenario in scenario::ALL {
        out.push_str(&format!("  {:<16}{}\n", scenario.name, scenario.arguments.join(" ")));
    }
    out.push_str("settings:\n");
    for one in Contestant::ALL {
        out.push_str(&format!("  {:<16}{}\n", one.name(), one.settings()));
    }
    out
}
