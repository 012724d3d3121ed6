//! Counted against recorded: what is worse, what is better, what is new or gone.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

/// By how much a count may be above the recorded one, in parts of 100.
pub(crate) const TOLERANCE_PERCENT: u64 = 3;

/// How to write the numbers anew.
const RECORD: &str = "`cargo xtask counts --record`";

/// Instructions by workload.
pub(crate) type Counts = BTreeMap<String, u64>;

/// What the numbers depend on beside the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) rustc: String,
    pub(crate) target: String,
    pub(crate) features: String,
    pub(crate) allocator: String,
    pub(crate) libc: String,
    pub(crate) valgrind: String,
}

impl Setting {
    fn rows(&self) -> [(&'static str, &str); 6] {
        [
            ("rustc", &self.rustc),
            ("target", &self.target),
            ("features", &self.features),
            ("allocator", &self.allocator),
            ("libc", &self.libc),
            ("valgrind", &self.valgrind),
        ]
    }
}

/// Numbers, and what they were counted with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) setting: Setting,
    pub(crate) counts: Counts,
}

impl Record {
    /// Reads the recorded file.
    ///
    /// # Errors
    /// When it is not of that shape.
    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).context("no JSON")?;
        let setting = |name: &str| {
            let text = value["setting"][name].as_str();
            text.map(str::to_owned).with_context(|| format!("setting.{name} is no text"))
        };
        let counts = value["instructions"].as_object().context("no instructions")?;
        let counts = counts.iter().map(|(name, count)| {
            let count = count.as_u64().filter(|count| *count > 0);
            Ok((name.clone(), count.with_context(|| format!("{name} is no count"))?))
        });
        Ok(Self {
            setting: Setting {
                rustc: setting("rustc")?,
                target: setting("target")?,
                features: setting("features")?,
                allocator: setting("allocator")?,
                libc: setting("libc")?,
                valgrind: setting("valgrind")?,
            },
            counts: counts.collect::<Result<_>>()?,
        })
    }

    /// The file's text.
    ///
    /// # Errors
    /// None that is known.
    pub(crate) fn to_json(&self) -> Result<String> {
        let rows = self.setting.rows().into_iter();
        let setting: Map<String, Value> =
            rows.map(|(name, value)| (name.to_owned(), value.into())).collect();
        let value = json!({ "setting": setting, "instructions": self.counts });
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }
}

/// What came of a comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// For the person who watches.
    pub(crate) lines: Vec<String>,
    /// What must not land, with the numbers.
    pub(crate) failures: Vec<String>,
}

/// Compares what was counted with what is recorded.
pub(crate) fn compare(recorded: &Record, counted: &Record) -> Report {
    let mut report = Report::default();
    let settings = recorded.setting.rows().into_iter().zip(counted.setting.rows());
    for ((name, before), (_, now)) in settings.filter(|((_, before), (_, now))| before != now) {
        report.lines.push(format!(
            "counts: recorded with {name} {before:?}, counted with {now:?}: a difference may be \
             due to that"
        ));
    }
    for (name, now) in &counted.counts {
        let Some(before) = recorded.counts.get(name) else {
            report.failures.push(format!("{name}: {now} instructions, none recorded: {RECORD}"));
            continue;
        };
        let line = format!(
            "{name}: {before} instructions recorded, {now} counted ({})",
            ratio(*before, *now)
        );
        if is_above(*now, *before) {
            report.failures.push(format!("{line}: more than {TOLERANCE_PERCENT} % above"));
        } else if is_below(*now, *before) {
            report.lines.push(format!("counts: {line}: better; keep it with {RECORD}"));
        } else {
            report.lines.push(format!("counts: {line}"));
        }
    }
    for name in recorded.counts.keys().filter(|name| !counted.counts.contains_key(*name)) {
        report.failures.push(format!("{name}: recorded, but there is no such workload: {RECORD}"));
    }
    report.lines.extend(report.failures.iter().map(|line| format!("counts: FAILED: {line}")));
    report
}

/// Whether a count is above the recorded one by more than the tolerance.
fn is_above(now: u64, before: u64) -> bool {
    u128::from(now) * 100 > u128::from(before) * u128::from(100 + TOLERANCE_PERCENT)
}

/// The same downwards.
fn is_below(now: u64, before: u64) -> bool {
    u128::from(now) * 100 < u128::from(before) * u128::from(100 - TOLERANCE_PERCENT)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio is shown with four digits")]
fn ratio(before: u64, now: u64) -> String {
    format!("× {:.4}", now as f64 / before as f64)
}

/// The sum in callgrind's output file.
///
/// # Errors
/// When it counted anything but instructions, or has no sum.
pub(crate) fn total(text: &str) -> Result<u64> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let events = field("events:").context("no events")?.trim();
    ensure!(events == "Ir", "events {events:?}: expected instructions (Ir) alone");
    let total = field("totals:").context("no totals")?.trim();
    total.parse().with_context(|| format!("totals {total:?}"))
}
