//! One run after the other.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::contestant::{Contestant, Programs};
use crate::namespace::{NODES, Namespace, SERVER};
use crate::scenario::Scenario;

/// How long a daemon may take until it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// How often that is looked at.
const START_LOOK: Duration = Duration::from_millis(20);
/// How long a daemon gets to settle after it listens.
const START_REST: Duration = Duration::from_millis(300);

/// What a run came to: those of the load generator's figures that are compared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Outcome {
    /// Whether every table was exact.
    pub(crate) complete: bool,
    /// Seconds until half of all routes were right.
    pub(crate) seconds_to_half: Option<f64>,
    /// Seconds until the last table was exact.
    pub(crate) seconds_to_last_exact: Option<f64>,
    /// Processor seconds of the daemon.
    pub(crate) target_cpu_seconds: Option<f64>,
    /// Most memory it had resident, in octets.
    pub(crate) target_resident_peak: Option<u64>,
    /// Processor seconds of the generator.
    pub(crate) generator_cpu_seconds: f64,
    /// Octets it sent.
    pub(crate) octets_in: u64,
    /// UPDATEs it sent.
    pub(crate) updates_in: u64,
    /// TCP connection attempts it took.
    pub(crate) connects: u64,
    /// Announcements of routes to where they came from.
    pub(crate) echoes: u64,
    /// What went wrong with sessions.
    pub(crate) problems: Vec<String>,
    /// What is wrong with tables.
    pub(crate) faults: Vec<String>,
}

/// All runs of one contestant in one scenario.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// Who.
    pub(crate) contestant: Contestant,
    /// One a round.
    pub(crate) runs: Vec<Outcome>,
}

/// All runs of one scenario.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chapter {
    /// Its name.
    pub(crate) scenario: &'static str,
    /// The load generator's arguments.
    pub(crate) arguments: &'static [&'static str],
    /// One a contestant.
    pub(crate) entries: Vec<Entry>,
}

/// All runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    /// The version of this form.
    schema: &'static str,
    /// Processors that may be used.
    processors: usize,
    /// The kernel's release.
    kernel: String,
    /// One a scenario.
    pub(crate) chapters: Vec<Chapter>,
}

impl Results {
    /// Whether a run of ours was not complete.
    pub(crate) fn has_albedo_failed(&self) -> bool {
        let entries = self.chapters.iter().flat_map(|chapter| &chapter.entries);
        entries
            .filter(|entry| entry.contestant == Contestant::Albedo)
            .any(|entry| entry.runs.iter().any(|run| !run.complete))
    }
}

/// A race to be run.
pub(crate) struct Race {
    /// Where programs are.
    pub(crate) programs: Programs,
    /// Who takes part.
    pub(crate) contestants: Vec<Contestant>,
    /// How often each plays each scenario.
    pub(crate) rounds: u32,
    /// A run that takes longer has failed, in seconds.
    pub(crate) timeout: u32,
}

impl Race {
    /// Runs all scenarios.
    pub(crate) fn run(&self, scenarios: &[Scenario]) -> Result<Results> {
        let mut chapters = Vec::new();
        let mut number = 0;
        for scenario in scenarios {
            let entry = |&contestant| Entry { contestant, runs: Vec::new() };
            let mut entries: Vec<Entry> = self.contestants.iter().map(entry).collect();
            for round in 1..=self.rounds {
                for entry in &mut entries {
                    number += 1;
                    let outcome = self
                        .run_one(scenario, entry.contestant, number)
                        .with_context(|| format!("{:?} in {}", entry.contestant, scenario.name))?;
                    tell(scenario, round, entry.contestant, &outcome)?;
                    entry.runs.push(outcome);
                }
            }
            chapters.push(Chapter {
                scenario: scenario.name,
                arguments: scenario.arguments,
                entries,
            });
        }
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Ok(Results {
            schema: "albedo-race/1",
            processors: std::thread::available_parallelism().map_or(1, Into::into),
            kernel: kernel.trim().to_owned(),
            chapters,
        })
    }

    fn run_one(&self, scenario: &Scenario, who: Contestant, number: u32) -> Result<Outcome> {
        let folder = tempfile::tempdir()?;
        let namespace = Namespace::new(number)?;
        let log = folder.path().join("log");
        let mut command = who.command(&self.programs, &namespace, scenario, folder.path())?;
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut daemon = Daemon(command.spawn().context("cannot start the daemon")?);
        daemon.wait_until_listening(&log)?;

        let json = folder.path().join("result.json");
        let mut load = namespace.command(&self.programs.own.join("albedo-loadtest"));
        load.args(scenario.arguments);
        load.args(["--target", SERVER, "--source-net", NODES, "--quiet", "--as", "64512"]);
        load.arg("--timeout").arg(format!("{}s", self.timeout));
        load.arg("--pid").arg(daemon.0.id().to_string());
        load.args(who.load_arguments()).arg("--json").arg(&json);
        // Its exit code tells whether the daemon was right; the file tells more.
        let output = load.output().context("cannot start the load generator")?;
        let Ok(text) = fs::read_to_string(&json) else {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("the load generator failed: {}\n{}", why.trim(), tail(&log));
        };
        let mut report: Report = serde_json::from_str(&text).context("a result in another form")?;
        let mut outcome = report.runs.pop().context("a result without a run")?;
        if let Some(status) = daemon.0.try_wait()? {
            outcome.complete = false;
            outcome.problems.push(format!("the daemon ended: {status}\n{}", tail(&log)));
        }
        Ok(outcome)
    }
}

/// What of the load generator's file is read.
#[derive(Deserialize)]
struct Report {
    runs: Vec<Outcome>,
}

/// A daemon; it is killed when this goes.
struct Daemon(Child);

impl Daemon {
    /// Waits until a socket of its namespace listens on the BGP port.
    fn wait_until_listening(&mut self, log: &Path) -> Result<()> {
        let deadline = Instant::now() + START_MAX;
        let table = format!("/proc/{}/net/tcp", self.0.id());
        loop {
            if let Some(status) = self.0.try_wait()? {
                bail!("the daemon ended at once: {status}\n{}", tail(log));
            }
            let sockets = fs::read_to_string(&table).unwrap_or_default();
            // Local address with port 179, remote address, state LISTEN.
            let is_listening = |line: &str| {
                let mut fields = line.split_ascii_whitespace().skip(1);
                fields.next().is_some_and(|local| local.ends_with(":00B3"))
                    && fields.nth(1) == Some("0A")
            };
            if sockets.lines().any(is_listening) {
                sleep(START_REST);
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("the daemon does not listen on port 179\n{}", tail(log));
            }
            sleep(START_LOOK);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has told all it had to tell; an error means that it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    const LINES: usize = 10;
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// One line a run, as it is known.
fn tell(scenario: &Scenario, round: u32, who: Contestant, outcome: &Outcome) -> Result<()> {
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    let mut out = std::io::stderr();
    writeln!(
        out,
        "{} {round}: {:<9} wall {} s, CPU {} s{}",
        scenario.name,
        who.name(),
        figure(outcome.seconds_to_last_exact),
        figure(outcome.target_cpu_seconds),
        if outcome.complete { "" } else { ", FAILED" },
    )?;
    if !outcome.complete {
        for what in outcome.problems.iter().chain(&outcome.faults).take(5) {
            writeln!(out, "  {what}")?;
        }
    }
    Ok(())
}
