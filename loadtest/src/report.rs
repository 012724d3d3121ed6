//! Results, as JSON and in words.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use serde::Serialize;

use crate::outcome::Outcome;

/// The version of the JSON form; a reader may rely on fields only as long as it stays.
pub const SCHEMA: &str = "albedo-loadtest/2";

/// All that is known of some runs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The generator's version.
    pub version: &'static str,
    /// The command line.
    pub command: Vec<String>,
    /// The machine.
    pub machine: Machine,
    /// The scenario's name.
    pub scenario: &'static str,
    /// The daemon's address.
    pub target: String,
    /// Everything made up follows from it.
    pub seed: u64,
    /// Oddities of the plan.
    pub notes: Vec<String>,
    /// One a repetition.
    pub runs: Vec<Outcome>,
}

/// Where it ran.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Processors that may be used.
    pub processors: usize,
    /// The kernel's release.
    pub kernel: String,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processors: std::thread::available_parallelism().map_or(1, Into::into),
            kernel: kernel.trim().to_owned(),
        }
    }
}

impl Report {
    /// Whether every run was complete.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(|run| run.complete)
    }

    /// Writes the JSON form.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        serde_json::to_writer_pretty(&mut file, self)?;
        writeln!(file)?;
        file.flush()
    }

    /// The closing block in words.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = String::new();
        for (name, value) in self.lines() {
            let _ = writeln!(out, "  {name:<28}{value}");
        }
        for (n, run) in (1..).zip(&self.runs).filter(|(_, run)| !run.complete) {
            let _ = writeln!(
                out,
                "run {n} FAILED: {} of {} tables exact, {} routes missing or wrong",
                run.tables_exact, run.sessions, run.routes_wrong
            );
            for what in run.problems.iter().chain(&run.faults) {
                let _ = writeln!(out, "  {what}");
            }
        }
        if self.is_good() {
            out.push_str("every table is exactly what it should be\n");
        }
        out
    }

    /// Names and values of the closing block.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let Some(last) = self.runs.last() else {
            return Vec::new();
        };
        let megabytes = |run: &Outcome| run.target_resident_peak.map(|peak| peak as f64 / 1e6);
        let received = format!(
            "{} UPDATEs, {:.1} MB, {} prefixes",
            last.updates_in,
            last.octets_in as f64 / 1e6,
            last.announced
        );
        let waste = (last.repeats + last.echoes > 0)
            .then(|| format!("{} repeats, {} echoes", last.repeats, last.echoes));
        let is_bound = self.runs.iter().any(|run| run.generator_bound);
        let bound = is_bound.then(|| {
            "the generator was busy nearly all the time: compare CPU, not time".to_owned()
        });
        [
            ("sessions", Some(format!("{} ({} connects)", last.sessions, last.connects))),
            ("all sessions up", self.spread(|run| run.seconds_to_established, "s")),
            ("half of all routes right", self.spread(|run| run.seconds_to_half, "s")),
            ("first table exact", self.spread(|run| run.seconds_to_first_exact, "s")),
            ("last table exact", self.spread(|run| run.seconds_to_last_exact, "s")),
            ("routes expected", Some(last.routes_expected.to_string())),
            ("received in the last run", Some(received)),
            ("of them superfluous", waste),
            ("generator CPU", self.spread(|run| Some(run.generator_cpu_seconds), "s")),
            ("target CPU", self.spread(|run| run.target_cpu_seconds, "s")),
            ("target peak memory", self.spread(megabytes, "MB")),
            ("note", bound),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect()
    }

    /// Median, least and most of a figure over all runs.
    fn spread(&self, get: fn(&Outcome) -> Option<f64>, unit: &str) -> Option<String> {
        let mut values: Vec<f64> = self.runs.iter().filter_map(get).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values.first()?, values.last()?);
        let median = values[values.len() / 2];
        Some(if values.len() > 1 {
            format!("{median:.3} {unit} ({low:.3} to {high:.3})")
        } else {
            format!("{median:.3} {unit}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Machine, Report, SCHEMA};
    use crate::outcome::Outcome;

    fn report(runs: Vec<Outcome>) -> Report {
        Report {
            schema: SCHEMA,
            version: "0",
            command: vec!["x".to_owned()],
            machine: Machine::this(),
            scenario: "cluster",
            target: "127.0.0.1:179".to_owned(),
            seed: 1,
            notes: Vec::new(),
            runs,
        }
    }

    #[test]
    fn a_failed_run_fails_the_report_and_is_explained() {
        let good =
            Outcome { complete: true, seconds_to_last_exact: Some(1.0), ..Outcome::default() };
        let bad = Outcome { faults: vec!["10.1.0.1: x is missing".to_owned()], ..good.clone() };
        let bad = Outcome { complete: false, seconds_to_last_exact: Some(3.0), ..bad };
        assert!(report(vec![good.clone()]).is_good());
        assert!(!report(vec![]).is_good());
        let mixed = report(vec![good.clone(), bad, good]);
        assert!(!mixed.is_good());
        let text = mixed.summary();
        assert!(text.contains("1.000 s (1.000 to 3.000)"), "{text}");
        assert!(text.contains("run 2 FAILED") && text.contains("x is missing"), "{text}");
    }

    #[test]
    fn the_json_form_names_its_schema() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("out.json");
        report(vec![Outcome::default()]).write_json(&path).expect("writable");
        let text = std::fs::read_to_string(path).expect("readable");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["schema"], SCHEMA);
        assert_eq!(value["runs"][0]["complete"], false);
    }
}
