//! What came of runs: the load generator's figures, read by name, and how they spread.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use crate::contestant::Contestant;

/// The share of an entry's runs that were complete; made here, of all runs.
pub(crate) const COMPLETE: &str = "complete";
/// Processor seconds of the daemon for each UPDATE it delivered; made here.
pub(crate) const CPU_PER_UPDATE: &str = "cpu_per_update";

/// Figures of files that have no `figures` yet: their names, and the fields they stand in.
const FIELDS: [(&str, &str); 8] = [
    ("wall", "seconds_to_last_exact"),
    ("half", "seconds_to_half"),
    ("cpu", "target_cpu_seconds"),
    ("generator_cpu", "generator_cpu_seconds"),
    ("peak", "target_resident_peak"),
    ("octets", "octets_in"),
    ("updates", "updates_in"),
    ("connects", "connects"),
];

/// What a run came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Outcome {
    /// Whether every table was exact, and nothing went wrong on the way.
    pub(crate) complete: bool,
    /// Whether the generator was busy nearly all the time.
    pub(crate) generator_bound: bool,
    /// Figures by name, in base units.
    pub(crate) figures: BTreeMap<String, f64>,
    /// What went wrong with sessions and tables, in words.
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    /// A run that came to nothing.
    pub(crate) fn failed(why: String) -> Self {
        Self { problems: vec![why], ..Self::default() }
    }

    /// Reads the last run of a file of the load generator.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let file: Value = serde_json::from_str(text).context("a result that is no JSON")?;
        let run = file["runs"].as_array().and_then(|runs| runs.last());
        let run = run.context("a result without a run")?;
        let mut figures = figures(run);
        if let (Some(cpu), Some(updates)) = (figures.get("cpu"), figures.get("updates"))
            && *updates > 0.0
        {
            figures.insert(CPU_PER_UPDATE.to_owned(), cpu / updates);
        }
        let words = |name: &str| {
            let list = run[name].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        Ok(Self {
            complete: run["complete"].as_bool().context("a run that tells not how it ended")?,
            generator_bound: run["generator_bound"].as_bool().unwrap_or_default(),
            figures,
            problems: [words("problems"), words("faults")].concat(),
        })
    }
}

fn figures(run: &Value) -> BTreeMap<String, f64> {
    let value = |(name, figure): (&String, &Value)| Some((name.clone(), figure["value"].as_f64()?));
    if let Some(figures) = run["figures"].as_object() {
        return figures.iter().filter_map(value).collect();
    }
    let extra = run["extra"].as_object().into_iter().flatten().filter_map(value);
    let fields =
        FIELDS.iter().filter_map(|(name, field)| Some(((*name).to_owned(), run[*field].as_f64()?)));
    fields.chain(extra).collect()
}

/// All runs of one contestant in one scenario.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// Who.
    pub(crate) contestant: Contestant,
    /// Processors it was pinned to, where it was.
    pub(crate) cores: Option<usize>,
    /// One a round.
    pub(crate) runs: Vec<Outcome>,
}

impl Entry {
    /// The name in tables.
    pub(crate) fn name(&self) -> String {
        match self.cores {
            None => self.contestant.name().to_owned(),
            Some(1) => format!("{}, 1 core", self.contestant.name()),
            Some(cores) => format!("{}, {cores} cores", self.contestant.name()),
        }
    }

    /// Runs that were complete.
    pub(crate) fn complete(&self) -> usize {
        self.runs.iter().filter(|run| run.complete).count()
    }

    /// How a figure spreads over the complete runs; `None` where none has it.
    pub(crate) fn spread(&self, figure: &str) -> Option<Spread> {
        if figure == COMPLETE {
            let share = self.complete() as f64 / self.runs.len() as f64;
            return (!self.runs.is_empty()).then_some(Spread::exactly(share));
        }
        let complete = self.runs.iter().filter(|run| run.complete);
        Spread::of(complete.filter_map(|run| run.figures.get(figure).copied()).collect())
    }
}

/// Least, median and most of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Of some values; `None` where there are none.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let (left, right) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { low, median: f64::midpoint(left, right), high })
    }

    /// Of one value.
    pub(crate) const fn exactly(value: f64) -> Self {
        Self { low: value, median: value, high: value }
    }

    /// Median to median, and the extremes that the two spreads allow. `None` where that is no
    /// number: CPU of a short run may be too little to be seen.
    pub(crate) fn against(self, other: Self) -> Option<Self> {
        (other.low > 0.0).then(|| Self {
            low: self.low / other.high,
            median: self.median / other.median,
            high: self.high / other.low,
        })
    }
}

/// Three figures that count, where there are as many in four places.
pub(crate) fn show(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        v if v >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// A spread in units of `1 / scale`.
pub(crate) fn show_spread(spread: Spread, scale: f64) -> String {
    let [low, median, high] = [spread.low, spread.median, spread.high].map(|v| show(v * scale));
    if low == high { median } else { format!("{median} ({low}–{high})") }
}

#[cfg(test)]
mod tests;
