//! Side-by-side runs: the same load against Albedo, other daemons, and a relay without any logic.
//!
//! Each run has a network namespace, a daemon and tables of its own, and the contestants take
//! turns (A B C A B C …), so that what else the machine does falls on all of them. Needs root.
//! Started by cargo, it has cargo build Albedo and the load generator first; the other daemons come
//! from `cargo xtask install`.

mod bars;
mod config;
mod contestant;
mod cores;
mod daemon;
mod docs;
mod machine;
mod namespace;
mod outcome;
mod race;
mod scenario;
mod table;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::contestant::{Contestant, Programs};
use crate::cores::Pins;
use crate::machine::Machine;
use crate::race::{Race, Results, Seat};
use crate::scenario::Scenario;

/// Races Albedo against other BGP daemons on this machine. Needs root.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask race", max_term_width = 100)]
struct Cli {
    /// Who takes part; all that are installed by default, and Albedo alone with `--cores`.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Contestant>,
    /// What is played, by name, or `all`, or `bars` for what a bar needs; `--list` tells the names.
    #[arg(long, value_delimiter = ',', default_value = "cluster-1000,table-200k")]
    scenarios: Vec<String>,
    /// How often each contestant plays each scenario.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A run that takes longer has failed, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u32,
    /// Pin each contestant to the first so many processors, and the generator to the others.
    #[arg(long, value_name = "COUNTS", value_delimiter = ',')]
    cores: Vec<usize>,
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
    /// Write the tables to a file too.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Put the tables into docs/PERFORMANCE.md, in place of the last ones.
    #[arg(long)]
    write_docs: bool,
    /// Fail unless every bar of the scenarios played is reached.
    #[arg(long, conflicts_with = "cores")]
    check: bool,
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
    let scenarios = Scenario::by_names(&cli.scenarios)?;
    ensure!(race::is_root(), "a race needs root, for network namespaces and the BGP port");
    race::raise_file_limit()?;
    let own = match &cli.programs {
        Some(folder) => folder.clone(),
        None => build()?,
    };
    let programs = Programs { own, cache: cli.cache.clone(), shards: cli.shards };
    let (contestants, mut notes) = contestants(&cli, &programs)?;
    let seats = seats(&cli, &contestants, &mut notes)?;
    let machine = Machine::this();
    let version = |&one: &Contestant| Ok((one.name(), one.version(&programs)?));
    let versions = contestants.iter().filter(|&&one| one != Contestant::Floor).map(version);
    let versions = versions.collect::<Result<_>>()?;
    let timeout = Duration::from_secs(cli.timeout.into());
    let chapters = Race { programs, seats, rounds: cli.rounds, timeout }.run(&scenarios)?;
    let bars = if cli.cores.is_empty() { bars::judge(&chapters) } else { Vec::new() };
    let command = cli.shown();
    let schema = "albedo-race/2";
    let results = Results { schema, machine, command, versions, notes, chapters, bars };
    tell(&cli, &results)?;
    // A rival that fails is a result; Albedo failing is an error.
    let has_missed = cli.check && results.bars.iter().any(|verdict| !verdict.is_ok());
    let is_good = !results.has_albedo_failed() && !has_missed;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Cli {
    /// The command line that repeats a race, without what is of this machine alone.
    fn shown(&self) -> String {
        let mut out = format!("cargo xtask race --scenarios {}", self.scenarios.join(","));
        let _ = write!(out, " --rounds {} --timeout {}", self.rounds, self.timeout);
        if !self.only.is_empty() {
            let names: Vec<String> = self
                .only
                .iter()
                .filter_map(clap::ValueEnum::to_possible_value)
                .map(|value| value.get_name().to_owned())
                .collect();
            let _ = write!(out, " --only {}", names.join(","));
        }
        if !self.cores.is_empty() {
            let counts: Vec<String> = self.cores.iter().map(usize::to_string).collect();
            let _ = write!(out, " --cores {}", counts.join(","));
        }
        if let Some(shards) = self.shards {
            let _ = write!(out, " --shards {shards}");
        }
        out
    }
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

/// Who takes part, and a note on each that cannot.
fn contestants(cli: &Cli, programs: &Programs) -> Result<(Vec<Contestant>, Vec<String>)> {
    let is_there = |one: Contestant| one.program(programs).is_file();
    if cli.only.is_empty() {
        let wanted: &[Contestant] =
            if cli.cores.is_empty() { &Contestant::ALL } else { &[Contestant::Albedo] };
        let (there, absent): (Vec<_>, Vec<_>) = wanted.iter().partition(|&&one| is_there(one));
        let note = |one: Contestant| {
            format!("{}, which is not here: `cargo xtask install` fetches it", one.name())
        };
        return Ok((there, absent.into_iter().map(note).collect()));
    }
    for one in &cli.only {
        let (name, program) = (one.name(), one.program(programs));
        ensure!(
            is_there(*one),
            "{name} is not there: {} is missing; `cargo xtask install` fetches it",
            program.display()
        );
    }
    Ok((cli.only.clone(), Vec::new()))
}

/// Who sits where; counts of processors that the machine has not go to the notes.
fn seats(cli: &Cli, contestants: &[Contestant], notes: &mut Vec<String>) -> Result<Vec<Seat>> {
    let is_named = !cli.only.is_empty();
    let seat = |contestant, pins| Seat { contestant, pins, is_named };
    if cli.cores.is_empty() {
        return Ok(contestants.iter().map(|&one| seat(one, None)).collect());
    }
    let processors = cores::allowed()?;
    let mut seats = Vec::new();
    for &count in &cli.cores {
        match Pins::split(&processors, count) {
            Some(pins) => {
                seats.extend(contestants.iter().map(|&one| seat(one, Some(pins.clone()))))
            }
            None => notes.push(format!(
                "{count} cores, since {} are here and the generator needs one of its own",
                processors.len()
            )),
        }
    }
    ensure!(!seats.is_empty(), "nothing to play: {}", notes.join("; "));
    Ok(seats)
}

/// Prints the tables, and writes what is to be written.
fn tell(cli: &Cli, results: &Results) -> Result<()> {
    let text = table::render(results);
    write!(std::io::stdout(), "{text}")?;
    if let Some(path) = &cli.json {
        write_file(path, &serde_json::to_string_pretty(results)?)?;
    }
    if let Some(path) = &cli.markdown {
        write_file(path, &text)?;
    }
    if cli.write_docs {
        let part = if cli.cores.is_empty() { docs::Part::Race } else { docs::Part::Cores };
        docs::write(&docs::path(), part, &text)?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Names and arguments of the scenarios, and the daemons' configurations with their reasons.
fn list() -> String {
    let mut out = String::from("scenarios (and the groups `all` and `bars`):\n");
    for scenario in scenario::ALL {
        let _ = writeln!(out, "  {:<18}{}", scenario.name, scenario.arguments.join(" "));
    }
    for one in Contestant::ALL {
        if let Some((file, text)) = config::file(one) {
            let _ = write!(out, "\n{}: benches/rivals/{file}\n\n{text}", one.name());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Cli, contestants, list, seats};
    use crate::contestant::{Contestant, Programs};
    use clap::{CommandFactory as _, Parser as _};

    fn cli(arguments: &[&str]) -> Cli {
        Cli::try_parse_from([&["race"], arguments].concat()).expect("arguments")
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        for wrong in [&["--rounds", "0"][..], &["--check", "--cores", "1"], &["--only", "quagga"]] {
            assert!(Cli::try_parse_from([&["race"], wrong].concat()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_repeats_a_race_names_no_file_of_this_machine() {
        let all = ["--only", "albedo,bird2", "--scenarios", "bars", "--rounds", "5", "--timeout"];
        let more = ["9", "--shards", "2", "--programs", "x", "--cache", "y", "--json", "z"];
        let command = cli(&[&all[..], &more].concat()).shown();
        let expected = "cargo xtask race --scenarios bars --rounds 5 --timeout 9 \
                        --only albedo,bird2 --shards 2";
        assert_eq!(command, expected);
        assert!(cli(&["--cores", "1,2"]).shown().ends_with(" --cores 1,2"));
    }

    #[test]
    fn who_is_absent_is_noted_or_an_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let own = folder.path().to_owned();
        for program in ["albedo", "albedo-loadtest"] {
            std::fs::write(own.join(program), "").expect("writable");
        }
        let programs = Programs { cache: own.join("cache"), own, shards: None };
        let (there, notes) = contestants(&cli(&[]), &programs).expect("some");
        assert_eq!(there, [Contestant::Albedo, Contestant::Floor]);
        assert_eq!(notes.len(), Contestant::ALL.len() - 2);
        let (there, notes) = contestants(&cli(&["--cores", "1"]), &programs).expect("some");
        assert_eq!((there, notes.len()), (vec![Contestant::Albedo], 0));
        assert!(contestants(&cli(&["--only", "frr"]), &programs).is_err());
    }

    #[test]
    fn counts_the_machine_has_not_are_noted() {
        let (mut notes, albedo) = (Vec::new(), [Contestant::Albedo]);
        assert!(seats(&cli(&["--cores", "1000000"]), &albedo, &mut notes).is_err());
        assert!(notes[0].starts_with("1000000 cores"), "{notes:?}");
        let all = seats(&cli(&[]), &albedo, &mut notes).expect("seats");
        assert!(all.len() == 1 && all[0].pins.is_none());
    }

    #[test]
    fn the_list_has_scenarios_and_reasons() {
        let list = list();
        for expected in ["  table-1m ", "benches/rivals/frr.conf", "coalesce-time 0"] {
            assert!(list.contains(expected), "{expected}");
        }
    }
}
