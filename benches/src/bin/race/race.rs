//! One run after the other.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;

use crate::bars::Verdict;
use crate::contestant::{Contestant, Place, Programs};
use crate::cores::{self, Pins};
use crate::daemon::{Daemon, tail};
use crate::machine::Machine;
use crate::namespace::{NODES, Namespace, SERVER};
use crate::outcome::{Entry, Outcome, Spread, show};
use crate::scenario::{Column, Players, Scenario};

/// The load generator ends by itself when its time is up; how much longer it may take to count.
const GENERATOR_GRACE: Duration = Duration::from_secs(120);
/// How often it is looked whether it has ended.
const GENERATOR_LOOK: Duration = Duration::from_millis(20);
/// The exit code of a program that does not understand its arguments.
const USAGE: i32 = 2;
/// A rival that has failed so often in a scenario sits out the rest of its rounds.
const FAILURES_MAX: usize = 2;

/// All runs of one scenario.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chapter {
    /// Its name.
    pub(crate) scenario: &'static str,
    /// The load generator's arguments.
    pub(crate) arguments: &'static [&'static str],
    /// The figures that matter.
    #[serde(skip)]
    pub(crate) columns: &'static [Column],
    /// One a contestant.
    pub(crate) entries: Vec<Entry>,
}

impl Chapter {
    /// The entry of a contestant that was not pinned.
    pub(crate) fn entry(&self, who: Contestant) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.contestant == who && entry.cores.is_none())
    }

    /// Who of the rivals has the least of a figure, and what it has.
    pub(crate) fn best_rival(&self, figure: &str) -> Option<(Contestant, Spread)> {
        let rivals = self.entries.iter().filter(|entry| entry.contestant.is_rival());
        rivals
            .filter(|entry| entry.cores.is_none())
            .filter_map(|entry| Some((entry.contestant, entry.spread(figure)?)))
            .min_by(|a, b| a.1.median.total_cmp(&b.1.median))
    }
}

/// All runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    /// The version of this form.
    pub(crate) schema: &'static str,
    /// Where and when.
    pub(crate) machine: Machine,
    /// What repeats it.
    pub(crate) command: String,
    /// What each program calls its version.
    pub(crate) versions: BTreeMap<&'static str, String>,
    /// What was left out, and why.
    pub(crate) notes: Vec<String>,
    /// One a scenario.
    pub(crate) chapters: Vec<Chapter>,
    /// How Albedo stands to the bars.
    pub(crate) bars: Vec<Verdict>,
}

impl Results {
    /// Whether a run of ours was not complete.
    pub(crate) fn has_albedo_failed(&self) -> bool {
        let entries = self.chapters.iter().flat_map(|chapter| &chapter.entries);
        entries
            .filter(|entry| entry.contestant == Contestant::Albedo)
            .any(|entry| entry.complete() < entry.runs.len())
    }
}

/// Somebody who plays, and on which processors.
pub(crate) struct Seat {
    /// Who.
    pub(crate) contestant: Contestant,
    /// Where, if not wherever the kernel likes.
    pub(crate) pins: Option<Pins>,
    /// Whether it was asked for by name.
    pub(crate) is_named: bool,
}

impl Seat {
    /// Whether it plays a scenario.
    fn plays(&self, scenario: &Scenario) -> bool {
        match scenario.players {
            Players::All => true,
            Players::NoFloor => self.contestant != Contestant::Floor,
            Players::Own => self.is_named || !self.contestant.is_rival(),
        }
    }
}

/// A race to be run.
pub(crate) struct Race {
    /// Where programs are.
    pub(crate) programs: Programs,
    /// Who takes part.
    pub(crate) seats: Vec<Seat>,
    /// How often each plays each scenario.
    pub(crate) rounds: u32,
    /// A run that takes longer has failed.
    pub(crate) timeout: Duration,
}

impl Race {
    /// Runs all scenarios.
    pub(crate) fn run(&self, scenarios: &[Scenario]) -> Result<Vec<Chapter>> {
        for scenario in scenarios {
            self.check(scenario)?;
        }
        let mut number = 0;
        let mut chapters = Vec::new();
        for scenario in scenarios {
            let seats: Vec<&Seat> = self.seats.iter().filter(|seat| seat.plays(scenario)).collect();
            let entry = |seat: &&Seat| Entry {
                contestant: seat.contestant,
                cores: seat.pins.as_ref().map(|pins| pins.daemon.len()),
                runs: Vec::new(),
            };
            let mut entries: Vec<Entry> = seats.iter().map(entry).collect();
            for round in 1..=self.rounds {
                for (seat, entry) in seats.iter().zip(&mut entries) {
                    if sits_out(entry) {
                        continue;
                    }
                    number += 1;
                    let outcome = self
                        .run_one(scenario, seat, number)
                        .with_context(|| format!("{} in {}", entry.name(), scenario.name))?;
                    tell(scenario, round, &entry.name(), &outcome)?;
                    entry.runs.push(outcome);
                }
            }
            let Scenario { name, arguments, columns, .. } = *scenario;
            chapters.push(Chapter { scenario: name, arguments, columns, entries });
        }
        Ok(chapters)
    }

    /// Whether the load generator knows a scenario.
    fn check(&self, scenario: &Scenario) -> Result<()> {
        let subcommand = scenario.arguments[0];
        let mut command = Command::new(self.programs.load_generator());
        let output = command.args([subcommand, "--help"]).output();
        let output = output.context("cannot start the load generator")?;
        let name = scenario.name;
        ensure!(output.status.success(), "{name}: the load generator has no `{subcommand}`");
        Ok(())
    }

    /// One run. What a daemon or a scenario may do wrong is an outcome; an error is what makes
    /// all further runs useless.
    fn run_one(&self, scenario: &Scenario, seat: &Seat, number: u32) -> Result<Outcome> {
        let folder = tempfile::tempdir()?;
        let folder = folder.path();
        let namespace = Namespace::new(number)?;
        let log = folder.join("log");
        let processors = seat.pins.as_ref().map_or(&[][..], |pins| &pins.daemon);
        let place = Place { namespace: &namespace, folder, processors };
        let mut command = seat.contestant.command(&self.programs, &place, scenario)?;
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut daemon = match Daemon::start(&mut command, &log) {
            Ok(daemon) => daemon,
            Err(error) => return Ok(Outcome::failed(format!("{error:#}"))),
        };

        let json = folder.join("result.json");
        let errors = folder.join("errors");
        let mut load = self.load_command(scenario, seat, &namespace);
        for pid in daemon.processes() {
            load.arg("--pid").arg(pid.to_string());
        }
        if scenario.restarts {
            let again = seat.contestant.again(&command, folder)?;
            load.arg("--restart-command").arg(format!("sh {}", again.display()));
        }
        load.arg("--json").arg(&json);
        load.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors)?);
        // Its exit code tells whether the daemon was right; the file tells more.
        let status = wait(&mut load, self.timeout * 2 + GENERATOR_GRACE)?;
        if status.and_then(|status| status.code()) == Some(USAGE) {
            bail!("the load generator does not take its arguments:\n{}", tail(&errors));
        }
        let mut outcome = match fs::read_to_string(&json) {
            Ok(text) => Outcome::read(&text)?,
            Err(_) => Outcome::failed(format!("the load generator failed: {}", tail(&errors))),
        };
        if status.is_none() {
            outcome = Outcome::failed("the load generator did not end in time".to_owned());
        }
        if let Some(status) = daemon.has_ended()?
            && !scenario.restarts
        {
            outcome.complete = false;
            let words = format!("the daemon ended: {status}\n{}", daemon.last_words());
            outcome.problems.insert(0, words);
        }
        Ok(outcome)
    }

    /// The load generator with all that does not depend on the daemon's processes.
    fn load_command(&self, scenario: &Scenario, seat: &Seat, namespace: &Namespace) -> Command {
        let prefix = seat.pins.as_ref().map(|pins| cores::prefix(&pins.generator));
        let generator = self.programs.load_generator();
        let mut load = namespace.command(&prefix.unwrap_or_default(), &generator);
        load.args(scenario.arguments);
        load.args(["--target", SERVER, "--source-net", NODES, "--quiet", "--as", "64512"]);
        load.arg("--timeout").arg(format!("{}s", self.timeout.as_secs()));
        load.args(seat.contestant.load_arguments());
        load
    }
}

/// A rival that always fails is not waited for again and again; we have to play on.
fn sits_out(entry: &Entry) -> bool {
    entry.contestant.is_rival() && entry.runs.len() - entry.complete() >= FAILURES_MAX
}

/// Runs a command to its end; kills it and gives `None` where that takes too long.
fn wait(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
    let mut child = command.spawn().context("cannot start the load generator")?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        sleep(GENERATOR_LOOK);
    }
}

/// One line a run, as it is known, and what went wrong.
fn tell(scenario: &Scenario, round: u32, who: &str, outcome: &Outcome) -> Result<()> {
    let mut line = format!("{} {round}: {who:<9}", scenario.name);
    for column in scenario.columns.iter().take(3) {
        let value = outcome.figures.get(column.figure).map(|value| show(value * column.scale));
        line.push_str(&format!(" {} {},", column.label, value.as_deref().unwrap_or("-")));
    }
    let how = if outcome.complete { "complete" } else { "FAILED" };
    let mut out = std::io::stderr();
    writeln!(out, "{line} {how}")?;
    if !outcome.complete {
        for what in outcome.problems.iter().take(5) {
            writeln!(out, "  {what}")?;
        }
    }
    Ok(())
}

/// Whether this process may do what a race needs.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Lets daemons have a socket for each session, where this process may have as many.
pub(crate) fn raise_file_limit() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// The largest scenario has 5,000 sessions. Not more than a few of them: some daemons make
    /// tables as large as the limit.
    const FILES: u64 = 20_000;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES, |maximum| maximum.min(FILES));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit })
        .context("cannot set the limit of open files")
}

#[cfg(test)]
mod tests {
    use super::{Seat, sits_out, wait};
    use crate::contestant::Contestant;
    use crate::outcome::{Entry, Outcome};
    use crate::scenario::Scenario;
    use std::process::Command;
    use std::time::Duration;

    fn scenario(name: &str) -> Scenario {
        Scenario::by_names(&[name.to_owned()]).expect("a scenario")[0]
    }

    #[test]
    fn who_plays_depends_on_the_scenario() {
        let plays = |contestant, is_named, name| {
            Seat { contestant, pins: None, is_named }.plays(&scenario(name))
        };
        assert!(plays(Contestant::Floor, false, "cluster-1000"));
        assert!(!plays(Contestant::Floor, true, "source-loss-200k"));
        assert!(!plays(Contestant::Frr, false, "cluster-5000"));
        assert!(plays(Contestant::Frr, true, "cluster-5000"));
        assert!(plays(Contestant::Albedo, false, "cluster-5000"));
    }

    #[test]
    fn a_rival_that_fails_twice_sits_out_and_albedo_never() {
        let entry = |contestant, ends: &[bool]| {
            let run = |&complete: &bool| Outcome { complete, ..Outcome::default() };
            Entry { contestant, cores: None, runs: ends.iter().map(run).collect() }
        };
        assert!(!sits_out(&entry(Contestant::Gobgp, &[true, false])));
        assert!(sits_out(&entry(Contestant::Gobgp, &[false, true, false])));
        assert!(!sits_out(&entry(Contestant::Albedo, &[false, false])));
    }

    #[test]
    fn a_generator_that_hangs_is_ended() {
        let ended = wait(Command::new("sleep").arg("600"), Duration::from_millis(50));
        assert!(ended.expect("started").is_none());
        let ended = wait(&mut Command::new("true"), Duration::from_secs(60)).expect("started");
        assert!(ended.is_some_and(|status| status.success()));
    }
}
