//! Results: what is known of some runs, as JSON, in words ([`summary`]) and as a page ([`html`]).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::machine::Machine;
use crate::outcome::{Figure, Outcome};
use crate::threshold::{Figures, Verdict};

pub mod charts;
pub mod html;
pub mod plot;
pub mod scale;
pub mod summary;

/// The version of the JSON form; a reader may rely on fields only as long as it stays.
pub const SCHEMA: &str = "albedo-loadtest/2";

/// What built and what ran.
#[derive(Clone, Debug, Serialize)]
pub struct Versions {
    /// The generator.
    pub generator: &'static str,
    /// The compiler that built it.
    pub rustc: &'static str,
}

impl Versions {
    /// Those of this program.
    pub const THIS: Self =
        Self { generator: env!("CARGO_PKG_VERSION"), rustc: env!("ALBEDO_LOADTEST_RUSTC") };
}

/// All that is known of some runs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What built and what ran.
    pub versions: Versions,
    /// When the first run began, in UTC (RFC 3339).
    pub started: String,
    /// The command line, without keys.
    pub command: Vec<String>,
    /// The machine.
    pub machine: Machine,
    /// The scenario's name.
    pub scenario: &'static str,
    /// The daemon's address.
    pub target: String,
    /// Everything made up follows from it.
    pub seed: u64,
    /// What became of the thresholds.
    pub thresholds: Vec<Verdict>,
    /// One a repetition.
    #[serde(serialize_with = "with_figures")]
    pub runs: Vec<Outcome>,
}

/// A run as it is written: with its figures by name, which are the same for all scenarios.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    figures: BTreeMap<String, Figure>,
}

fn with_figures<S: Serializer>(runs: &[Outcome], serializer: S) -> Result<S::Ok, S::Error> {
    let written = |outcome| Written { outcome, figures: Outcome::figures(outcome) };
    serializer.collect_seq(runs.iter().map(written))
}

impl Report {
    /// A report without runs.
    #[must_use]
    pub fn new(scenario: &'static str, target: String, seed: u64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a reader wants to know when it was")]
        let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        Self {
            schema: SCHEMA,
            versions: Versions::THIS,
            started,
            command: without_keys(std::env::args()),
            machine: Machine::this(),
            scenario,
            target,
            seed,
            thresholds: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Whether every run was complete.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(|run| run.complete)
    }

    /// What a reader of the figures should know, each once; with several runs, notes that not all
    /// of them have name theirs.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (n, run) in (1..).zip(&self.runs) {
            for note in &run.notes {
                let is_common = self.runs.iter().all(|other| other.notes.contains(note));
                let words = if is_common { note.clone() } else { format!("run {n}: {note}") };
                if !out.contains(&words) {
                    out.push(words);
                }
            }
        }
        out
    }

    /// All figures over the runs.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures::of(&self.runs)
    }

    /// Writes the JSON form.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        write_json(self, path)
    }
}

/// Writes anything as JSON to a file.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_json(what: &impl Serialize, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(&mut file, what)?;
    writeln!(file)?;
    file.flush()
}

/// A command line whose TCP-MD5 key is left out.
fn without_keys(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut is_key = false;
    let argument = |argument: String| {
        if std::mem::take(&mut is_key) {
            return "…".to_owned();
        }
        is_key = argument == "--md5";
        if argument.starts_with("--md5=") { "--md5=…".to_owned() } else { argument }
    };
    arguments.map(argument).collect()
}

#[cfg(test)]
mod tests;
