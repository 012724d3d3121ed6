//! What came of a run, as it is written down.
//!
//! A run has *figures*: numbers with a name and a unit. What is the same for all scenarios are
//! fields of [`Outcome`]; what a scenario has of its own it adds to [`Outcome::extra`].
//! [`Outcome::figures`] gives both by name, for thresholds, comparisons and reports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::latency::Latency;

/// What a figure counts in. Files have base units only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Octets.
    Octets,
    /// Things.
    Count,
    /// A share or a multiple.
    Ratio,
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The number.
    pub value: f64,
    /// What it counts in.
    pub unit: Unit,
}

impl Figure {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(value: f64) -> Self {
        Self { value, unit: Unit::Seconds }
    }

    /// So many octets.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "figures are looked at, not counted with")]
    pub const fn octets(value: u64) -> Self {
        Self { value: value as f64, unit: Unit::Octets }
    }

    /// So many things.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "figures are looked at, not counted with")]
    pub const fn count(value: u64) -> Self {
        Self { value: value as f64, unit: Unit::Count }
    }

    /// A share or a multiple.
    #[must_use]
    pub const fn ratio(value: f64) -> Self {
        Self { value, unit: Unit::Ratio }
    }
}

/// Something that happened during a run and that plots mark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Seconds since the start.
    pub at: f64,
    /// What, in a few words.
    pub what: String,
}

/// Latencies of one stretch of a run, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// When it began, in seconds since the start.
    pub at: f64,
    /// Latencies in it.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// What 99 of 100 do not exceed.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// How things stood at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the start.
    pub at: f64,
    /// Sessions that were up.
    pub established: usize,
    /// Tables that were exact.
    pub exact: usize,
    /// Tables that were checked.
    pub checked: usize,
    /// Routes missing, too many or wrong, over all tables.
    pub wrong: u64,
    /// Processor seconds of the target since the start, where it is watched.
    pub target_cpu_seconds: Option<f64>,
    /// Memory that the target had resident, in octets, where it is watched.
    pub target_resident: Option<u64>,
}

/// What came of a run. Times are seconds since the start that the scenario defines.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// Whether every table was exact in the end, and nothing went wrong on the way.
    pub complete: bool,
    /// Sessions that were played.
    pub sessions: usize,
    /// Until all sessions were up. Not given where they were up before the start.
    pub seconds_to_established: Option<f64>,
    /// Until half of all routes were where they belong.
    pub seconds_to_half: Option<f64>,
    /// Until the first table was exact.
    pub seconds_to_first_exact: Option<f64>,
    /// Until the last table was exact.
    pub seconds_to_last_exact: Option<f64>,
    /// Routes that receivers had to get, over all of them.
    pub routes_expected: u64,
    /// Routes missing, too many or wrong in the end.
    pub routes_wrong: u64,
    /// Tables exact in the end.
    pub tables_exact: usize,
    /// Octets received by all sessions since the start.
    pub octets_in: u64,
    /// Octets sent by all sessions since the start.
    pub octets_out: u64,
    /// UPDATEs received since the start.
    pub updates_in: u64,
    /// Prefixes announced to us since the start.
    pub announced: u64,
    /// Prefixes withdrawn from us since the start.
    pub withdrawn: u64,
    /// Announcements of what the receiver had already, since the start.
    pub repeats: u64,
    /// Announcements of a receiver's own routes to it, since the start.
    pub echoes: u64,
    /// TCP connection attempts since the beginning of the run.
    pub connects: u64,
    /// Sessions lost while they were up.
    pub losses: u64,
    /// Calls of `read` that brought something.
    pub reads: u64,
    /// Processor seconds of the generator.
    pub generator_cpu_seconds: f64,
    /// Whether the generator was busy for most of the time: the target may then be faster.
    pub generator_bound: bool,
    /// Processor seconds of the target.
    pub target_cpu_seconds: Option<f64>,
    /// Most memory the target ever had resident, in octets.
    pub target_resident_peak: Option<u64>,
    /// Figures that only this scenario has, by name.
    pub extra: BTreeMap<String, Figure>,
    /// Distributions of latencies, by name.
    pub latencies: BTreeMap<String, Latency>,
    /// Latencies stretch by stretch, of the scenario's main distribution.
    pub latency_over_time: Vec<Window>,
    /// How things stood while it ran.
    pub timeline: Vec<Sample>,
    /// What happened on the way.
    pub marks: Vec<Mark>,
    /// What a reader of the figures should know, in words.
    pub notes: Vec<String>,
    /// What went wrong with sessions, in words.
    pub problems: Vec<String>,
    /// What is wrong with tables, in words.
    pub faults: Vec<String>,
}

impl Outcome {
    /// All figures by name: those of every scenario and this one's own. A distribution `x` gives
    /// `x_p50`, `x_p90`, `x_p99`, `x_p99.9` and `x_max`.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, Figure> {
        let seconds = |value: Option<f64>| value.map(Figure::seconds);
        let common = [
            ("established", seconds(self.seconds_to_established)),
            ("half", seconds(self.seconds_to_half)),
            ("first", seconds(self.seconds_to_first_exact)),
            ("wall", seconds(self.seconds_to_last_exact)),
            ("cpu", seconds(self.target_cpu_seconds)),
            ("generator_cpu", Some(Figure::seconds(self.generator_cpu_seconds))),
            ("peak", self.target_resident_peak.map(Figure::octets)),
            ("octets", Some(Figure::octets(self.octets_in))),
            ("updates", Some(Figure::count(self.updates_in))),
            ("announced", Some(Figure::count(self.announced))),
            ("withdrawn", Some(Figure::count(self.withdrawn))),
            ("repeats", Some(Figure::count(self.repeats))),
            ("echoes", Some(Figure::count(self.echoes))),
            ("connects", Some(Figure::count(self.connects))),
            ("losses", Some(Figure::count(self.losses))),
            ("wrong", Some(Figure::count(self.routes_wrong))),
        ];
        let common =
            common.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?)));
        let mut out: BTreeMap<String, Figure> = common.collect();
        for (name, latency) in &self.latencies {
            let ranks = latency.ranks().into_iter();
            out.extend(ranks.map(|(rank, at)| (format!("{name}_{rank}"), Figure::seconds(at))));
        }
        out.extend(self.extra.clone());
        out
    }

    /// The figures that every scenario may have, with what they count in.
    #[must_use]
    pub fn common_units() -> BTreeMap<String, Unit> {
        let all = Self {
            seconds_to_established: Some(0.0),
            seconds_to_half: Some(0.0),
            seconds_to_first_exact: Some(0.0),
            seconds_to_last_exact: Some(0.0),
            target_cpu_seconds: Some(0.0),
            target_resident_peak: Some(0),
            ..Self::default()
        };
        all.figures().into_iter().map(|(name, figure)| (name, figure.unit)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Outcome, Unit};
    use crate::latency::Recorder;
    use std::time::Duration;

    #[test]
    fn figures_have_names_and_absent_ones_are_absent() {
        let mut recorder = Recorder::new();
        recorder.record(Duration::from_millis(2));
        let mut outcome = Outcome { updates_in: 7, ..Outcome::default() };
        outcome.extra.insert("lost".to_owned(), Figure::count(3));
        outcome.latencies.insert("delivery".to_owned(), recorder.latency());
        let figures = outcome.figures();
        assert_eq!(figures["updates"], Figure { value: 7.0, unit: Unit::Count });
        assert_eq!(figures["lost"].value, 3.0);
        assert!((figures["delivery_p50"].value - 0.002).abs() < 0.000_01);
        assert!(!figures.contains_key("wall") && !figures.contains_key("cpu"));
    }

    #[test]
    fn the_written_form_is_read_back() {
        let mut outcome = Outcome { sessions: 3, ..Outcome::default() };
        outcome.extra.insert("x".to_owned(), Figure::ratio(0.5));
        outcome.latencies.insert("y".to_owned(), Recorder::new().latency());
        let text = serde_json::to_string(&outcome).expect("JSON");
        let again: Outcome = serde_json::from_str(&text).expect("the same form");
        assert_eq!((again.sessions, again.extra), (3, outcome.extra));
        assert_eq!(again.latencies, outcome.latencies);
    }
}
