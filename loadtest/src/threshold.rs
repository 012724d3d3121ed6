//! Thresholds: conditions on figures that make a result count as failed.
//!
//! `p99 > 50ms` is judged on the median over the repetitions, `max(p99) > 50ms` on the most,
//! `min(p99) > 50ms` on the least of them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::Serialize;

use crate::latency::RANKS;
use crate::outcome::{Figure, Outcome, Unit};
use crate::stats::Spread;
use crate::units::Written;

/// The distribution that short names such as `p99` mean where a scenario has several: the first of
/// these that it has.
pub const MAIN_DISTRIBUTIONS: [&str; 2] = ["delivery", "with"];
/// Figures that are there only where the target's process is watched.
const WATCHED: [&str; 2] = ["cpu", "peak"];

/// A figure over all repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// What it counts in.
    pub unit: Unit,
    /// Its values.
    #[serde(flatten)]
    pub spread: Spread,
}

/// All figures of some repetitions, by name, and which distribution is the main one.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// By name.
    pub by_name: BTreeMap<String, Measured>,
    /// The distribution that short names mean.
    pub main: Option<String>,
}

impl Figures {
    /// The figures of repetitions.
    #[must_use]
    pub fn of(runs: &[Outcome]) -> Self {
        let each: Vec<_> = runs.iter().map(Outcome::figures).collect();
        let names = runs.iter().flat_map(|run| run.latencies.keys().cloned()).collect();
        Self::gathered(&each, &names)
    }

    /// The same from figures by name, one map a repetition, and the names of distributions.
    #[must_use]
    pub fn gathered(each: &[BTreeMap<String, Figure>], names: &BTreeSet<String>) -> Self {
        let mut values: BTreeMap<&String, (Unit, Vec<f64>)> = BTreeMap::new();
        for (name, figure) in each.iter().flatten() {
            let entry = values.entry(name).or_insert_with(|| (figure.unit, Vec::new()));
            entry.1.push(figure.value);
        }
        let measured = values.into_iter().filter_map(|(name, (unit, values))| {
            Some((name.clone(), Measured { unit, spread: Spread::of(values)? }))
        });
        let main = match names.len() {
            1 => names.first().cloned(),
            _ => MAIN_DISTRIBUTIONS.into_iter().find_map(|name| names.get(name).cloned()),
        };
        Self { by_name: measured.collect(), main }
    }

    /// The full name of what may be a short one.
    fn full_name(&self, name: &str) -> String {
        match &self.main {
            Some(main) if is_rank(name) => format!("{main}_{name}"),
            _ => name.to_owned(),
        }
    }

    /// All names that may be used, in words.
    fn names(&self) -> String {
        let short = RANKS.map(|(rank, _)| rank.to_owned());
        let short = short.into_iter().filter(|_| self.main.is_some());
        let names: Vec<String> = short.chain(self.by_name.keys().cloned()).collect();
        names.join(", ")
    }
}

/// Whether a name means a rank of the main distribution.
fn is_rank(name: &str) -> bool {
    RANKS.iter().any(|(rank, _)| *rank == name)
}

/// Which of a figure's values over the repetitions is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Median,
    Least,
    Most,
}

/// How a figure is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Unequal,
}

/// Longer ones first: `<` is the beginning of `<=`.
const OPERATORS: [(&str, Is); 6] = [
    ("<=", Is::AtMost),
    (">=", Is::AtLeast),
    ("==", Is::Equal),
    ("!=", Is::Unequal),
    ("<", Is::Less),
    (">", Is::More),
];

/// A condition on a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    over: Over,
    name: String,
    is: Is,
    than: Written,
}

/// What became of a threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The threshold as it was written.
    pub threshold: String,
    /// The figure's full name.
    pub figure: String,
    /// The value that was judged.
    pub value: f64,
    /// What it counts in.
    pub unit: Unit,
    /// Whether the condition holds: the result has failed.
    pub is_met: bool,
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected NAME OP VALUE, such as 'p99 > 50ms' or 'max(wall) >= 2s', \
                        OP one of < <= > >= == !=";
        let at = text.find(['<', '>', '=', '!']).ok_or(expected)?;
        let (name, rest) = text.split_at(at);
        let found = OPERATORS.iter().find_map(|(op, is)| Some((rest.strip_prefix(op)?, *is)));
        let (value, is) = found.ok_or(expected)?;
        let name = name.trim();
        let inner =
            |over: &str| name.strip_prefix(over)?.trim_start().strip_prefix('(')?.strip_suffix(')');
        let (over, name) = match (inner("min"), inner("max")) {
            (Some(name), _) => (Over::Least, name.trim()),
            (_, Some(name)) => (Over::Most, name.trim()),
            _ => (Over::Median, name),
        };
        let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(expected.to_owned());
        }
        let than = value.parse()?;
        Ok(Self { text: text.trim().to_owned(), over, name: name.to_owned(), is, than })
    }
}

impl Threshold {
    /// What can be said before the run: whether the unit fits, and whether it is measured at all.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check_beforehand(&self, is_watched: bool) -> Result<(), String> {
        if WATCHED.contains(&self.name.as_str()) && !is_watched {
            let text = &self.text;
            return Err(format!("`{text}`: `{}` is measured with --pid only", self.name));
        }
        let rank = is_rank(&self.name).then_some(Unit::Seconds);
        match rank.or_else(|| Outcome::common_units().get(&self.name).copied()) {
            Some(unit) => self.check_unit(unit),
            // It may be a figure that only the scenario has.
            None => Ok(()),
        }
    }

    fn check_unit(&self, unit: Unit) -> Result<(), String> {
        match self.than.unit {
            Some(written) if written != unit => {
                let (text, name) = (&self.text, &self.name);
                let (is, wrote) = (unit.words(), written.words());
                Err(format!("`{text}`: `{name}` is {is}, but what it is compared with is {wrote}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// Where there is no such figure, or the unit does not fit, in words.
    pub fn judge(&self, figures: &Figures) -> Result<Verdict, String> {
        let figure = figures.full_name(&self.name);
        let Some(measured) = figures.by_name.get(&figure) else {
            let (text, name, known) = (&self.text, &self.name, figures.names());
            return Err(format!("`{text}`: there is no figure `{name}`: expected one of {known}"));
        };
        self.check_unit(measured.unit)?;
        let value = match self.over {
            Over::Median => measured.spread.median,
            Over::Least => measured.spread.low,
            Over::Most => measured.spread.high,
        };
        let is_met = self.holds(value);
        let (threshold, unit) = (self.text.clone(), measured.unit);
        Ok(Verdict { threshold, figure, value, unit, is_met })
    }

    #[expect(clippy::float_cmp, reason = "whoever writes == means it: counts are exact")]
    fn holds(&self, value: f64) -> bool {
        let than = self.than.value;
        match self.is {
            Is::Less => value < than,
            Is::AtMost => value <= than,
            Is::More => value > than,
            Is::AtLeast => value >= than,
            Is::Equal => value == than,
            Is::Unequal => value != than,
        }
    }
}

/// What became of thresholds, and what is wrong with those that could not be judged.
#[must_use]
pub fn judge_all(thresholds: &[Threshold], figures: &Figures) -> (Vec<Verdict>, Vec<String>) {
    let (mut verdicts, mut wrong) = (Vec::new(), Vec::new());
    for threshold in thresholds {
        match threshold.judge(figures) {
            Ok(verdict) => verdicts.push(verdict),
            Err(words) => wrong.push(words),
        }
    }
    (verdicts, wrong)
}

#[cfg(test)]
mod tests;
