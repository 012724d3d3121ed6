//! `compare`: two results, figure by figure, as ratios with their spread.
//!
//! A ratio is A's figure by B's: with a new result as A and an old one as B, more than 1 is more
//! than before. Its bounds are what the repetitions allow at the worst: A's least by B's most, and
//! A's most by B's least.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::campaign::{cannot_write, exit_code, tell_wrong};
use crate::cli::CompareArgs;
use crate::machine::Machine;
use crate::outcome::{Figure, Unit};
use crate::report::{SCHEMA, summary, write_json};
use crate::stats::Spread;
use crate::threshold::{Figures, Measured, Verdict, judge_all};
use crate::units;

/// The version of the JSON form that `compare` writes.
pub const COMPARISON_SCHEMA: &str = "albedo-loadtest-compare/1";
/// Options that say where results go and how a run is watched, not what is played, with a value.
const NOT_PLAYED: [&str; 6] = ["--json", "--report", "--fail-if", "--pid", "--repeat", "--pause"];

/// Only the form, to be able to refuse another one in words.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    schema: String,
}

/// What of a result is compared.
#[derive(Debug, Deserialize)]
pub struct Written {
    scenario: String,
    command: Vec<String>,
    #[serde(default)]
    machine: Machine,
    runs: Vec<WrittenRun>,
}

#[derive(Debug, Deserialize)]
struct WrittenRun {
    complete: bool,
    figures: BTreeMap<String, Figure>,
    #[serde(default)]
    latencies: BTreeMap<String, IgnoredAny>,
}

impl Written {
    /// Reads a result.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no result of this version.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let form: Form = serde_json::from_str(&text)
            .with_context(|| format!("{name} is no result of albedo-loadtest"))?;
        if form.schema != SCHEMA {
            let has = if form.schema.is_empty() { "no schema" } else { &form.schema };
            bail!("{name} has {has}: expected {SCHEMA}, as `--json` of this version writes it");
        }
        let written: Self = serde_json::from_str(&text)
            .with_context(|| format!("{name} says that it is {SCHEMA}, but is not"))?;
        if written.runs.is_empty() {
            bail!("{name} has no runs");
        }
        Ok(written)
    }

    fn figures(&self) -> Figures {
        let each: Vec<_> = self.runs.iter().map(|run| run.figures.clone()).collect();
        let names = self.runs.iter().flat_map(|run| run.latencies.keys().cloned()).collect();
        Figures::gathered(&each, &names)
    }

    /// The arguments that say what is played, sorted.
    fn arguments(&self) -> Vec<&str> {
        let mut out = Vec::new();
        let mut given = self.command.iter().skip(1);
        while let Some(argument) = given.next() {
            let name = argument.split('=').next().unwrap_or_default();
            if NOT_PLAYED.contains(&name) {
                if name == argument {
                    given.next();
                }
            } else if argument != "--quiet" {
                out.push(argument.as_str());
            }
        }
        out
    }

    fn failed(&self) -> usize {
        self.runs.iter().filter(|run| !run.complete).count()
    }
}

/// A figure of both results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Its name.
    pub name: String,
    /// What it counts in.
    pub unit: Unit,
    /// A's.
    pub a: Spread,
    /// B's.
    pub b: Spread,
    /// A's median by B's; 1 where both are 0, infinite (JSON: null) where only B's is.
    pub ratio: f64,
    /// A's least by B's most.
    pub low: f64,
    /// A's most by B's least.
    pub high: f64,
    /// Whether the results differ beyond their spread: no value of A lies within B's.
    pub differs: bool,
}

impl Ratio {
    fn new(name: &str, a: &Measured, b: &Measured) -> Self {
        let (unit, a, b) = (a.unit, a.spread, b.spread);
        Self {
            name: name.to_owned(),
            unit,
            a,
            b,
            ratio: by(a.median, b.median),
            low: by(a.low, b.high),
            high: by(a.high, b.low),
            differs: a.low > b.high || a.high < b.low,
        }
    }
}

fn by(a: f64, b: f64) -> f64 {
    if a == 0.0 && b == 0.0 { 1.0 } else { a / b }
}

/// What came of a comparison.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// [`COMPARISON_SCHEMA`].
    pub schema: &'static str,
    /// Reasons not to take the ratios at face value.
    pub warnings: Vec<String>,
    /// By name.
    pub ratios: Vec<Ratio>,
    /// What became of the thresholds.
    pub thresholds: Vec<Verdict>,
}

impl Comparison {
    /// Compares two results.
    #[must_use]
    pub fn of(a: &Written, b: &Written) -> Self {
        let (ours, theirs) = (a.figures(), b.figures());
        let both = ours.by_name.iter().filter_map(|(name, a)| {
            let b = theirs.by_name.get(name)?;
            (a.unit == b.unit).then(|| Ratio::new(name, a, b))
        });
        Self {
            schema: COMPARISON_SCHEMA,
            warnings: warnings(a, b),
            ratios: both.collect(),
            thresholds: Vec::new(),
        }
    }

    /// The ratios as figures, for thresholds; `main` is the main distribution.
    #[must_use]
    pub fn figures(&self, main: Option<String>) -> Figures {
        let measured = |ratio: &Ratio| {
            let count = ratio.a.count.min(ratio.b.count);
            let spread = Spread { low: ratio.low, median: ratio.ratio, high: ratio.high, count };
            (ratio.name.clone(), Measured { unit: Unit::Ratio, spread })
        };
        Figures { by_name: self.ratios.iter().map(measured).collect(), main }
    }

    /// The table in words.
    #[must_use]
    pub fn words(&self) -> String {
        let head = ["figure", "A", "B", "A/B", ""].map(str::to_owned);
        let row = |ratio: &Ratio| {
            let number = |value: f64| {
                if value.is_finite() { units::number(value) } else { "∞".to_owned() }
            };
            let many = ratio.low < ratio.high;
            let range = format!(" ({} to {})", number(ratio.low), number(ratio.high));
            [
                ratio.name.clone(),
                units::spread(ratio.a, ratio.unit),
                units::spread(ratio.b, ratio.unit),
                number(ratio.ratio) + if many { &range } else { "" },
                if ratio.differs { "differs".to_owned() } else { String::new() },
            ]
        };
        let rows: Vec<[String; 5]> =
            std::iter::once(head).chain(self.ratios.iter().map(row)).collect();
        let width = |n: usize| rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..5).map(width).collect();
        let mut out = String::new();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        for warning in &self.warnings {
            let _ = writeln!(out, "warning: {warning}");
        }
        for verdict in &self.thresholds {
            let _ = writeln!(out, "{}", summary::words(verdict));
        }
        out
    }
}

/// What makes two results hard to compare.
fn warnings(a: &Written, b: &Written) -> Vec<String> {
    let mut out = Vec::new();
    if a.scenario != b.scenario {
        out.push(format!("the scenarios differ: A is {}, B is {}", a.scenario, b.scenario));
    }
    let (ours, theirs) = (a.arguments(), b.arguments());
    if ours != theirs {
        out.push(format!(
            "the arguments differ: A has `{}`, B has `{}`",
            ours.join(" "),
            theirs.join(" ")
        ));
    }
    if a.machine != b.machine {
        let words = |machine: &Machine| {
            let Machine { processors, processor_model, memory, kernel } = machine;
            let memory = Figure::octets(*memory);
            format!("{processors} × {processor_model}, {memory}, Linux {kernel}")
        };
        let (ours, theirs) = (words(&a.machine), words(&b.machine));
        out.push(format!("the machines differ: A ran on {ours}; B on {theirs}"));
    }
    for (name, file) in [("A", a), ("B", b)] {
        if file.failed() > 0 {
            let (failed, all) = (file.failed(), file.runs.len());
            out.push(format!("{failed} of {all} runs of {name} FAILED: tables were not exact"));
        }
    }
    if a.runs.len().min(b.runs.len()) == 1 {
        out.push("a result of one run has no spread: use --repeat".to_owned());
    }
    out
}

/// Compares two files and tells what came of it. The exit codes are those of a scenario; 1 means
/// that one of the results has a run that failed.
///
/// # Errors
/// Where a file is no result, or the comparison cannot be written.
pub fn compare(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let (a, b) = (Written::read(&args.a)?, Written::read(&args.b)?);
    let mut comparison = Comparison::of(&a, &b);
    let main: BTreeSet<_> = [a.figures().main, b.figures().main].into_iter().flatten().collect();
    let (verdicts, wrong) = judge_all(&args.fail_if, &comparison.figures(main.into_iter().next()));
    comparison.thresholds = verdicts;
    let (ours, theirs) = (args.a.display(), args.b.display());
    write!(std::io::stdout(), "A is {ours}, B is {theirs}\n{}", comparison.words())?;
    tell_wrong(&wrong)?;
    if let Some(path) = &args.json {
        write_json(&comparison, path).with_context(|| cannot_write(path))?;
    }
    let is_good = a.failed() + b.failed() == 0;
    Ok(ExitCode::from(exit_code(is_good, &wrong, &comparison.thresholds)))
}

#[cfg(test)]
mod tests;
