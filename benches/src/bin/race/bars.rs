//! What Albedo has to reach, and whether it did.

use std::fmt::Write as _;

use serde::Serialize;

use crate::contestant::Contestant;
use crate::outcome::{COMPLETE, CPU_PER_UPDATE, Entry, Spread, show};
use crate::race::Chapter;

/// What a figure of Albedo's is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The relay's.
    Floor,
    /// The least that any rival has.
    BestRival,
    /// One rival's.
    Rival(Contestant),
    /// Albedo's own in another scenario.
    Own(&'static str),
    /// Nothing: the figure itself.
    Nothing,
}

/// A bar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    /// In which scenario.
    scenario: &'static str,
    /// Which figure.
    figure: &'static str,
    /// Against what.
    against: Against,
    /// What the figure, or its ratio, may be.
    limit: Limit,
}

/// Which side of a number is right.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// So much or less.
    AtMost(f64),
    /// So many octets or fewer.
    Octets(f64),
    /// So much or more.
    AtLeast(f64),
}

use Against::{BestRival, Floor, Nothing, Own, Rival};
use Contestant::{Bird2, Frr};
use Limit::{AtLeast, AtMost, Octets};

const MIB: f64 = 1_048_576.0;

const fn bar(scenario: &'static str, figure: &'static str, against: Against, limit: Limit) -> Bar {
    Bar { scenario, figure, against, limit }
}

/// All bars.
const BARS: &[Bar] = &[
    bar("cluster-1000", "wall", Floor, AtMost(2.0)),
    bar("cluster-2000", "wall", Floor, AtMost(2.0)),
    bar("cluster-1000", "wall", BestRival, AtMost(1.0 / 20.0)),
    bar("cluster-1000", "cpu", BestRival, AtMost(1.0 / 20.0)),
    bar("cluster-2000", "wall", BestRival, AtMost(1.0 / 20.0)),
    bar("cluster-2000", "cpu", BestRival, AtMost(1.0 / 20.0)),
    bar("sync-1000", "wall", Rival(Frr), AtMost(1.0 / 4.0)),
    bar("sync-1000", "cpu", Rival(Frr), AtMost(1.0 / 5.0)),
    bar("cluster-5000", COMPLETE, Nothing, AtLeast(1.0)),
    bar("cluster-5000", CPU_PER_UPDATE, Own("cluster-1000"), AtMost(1.3)),
    bar("cluster-5000", "peak", Nothing, Octets(250.0 * MIB)),
    bar("table-200k", "wall", Floor, AtMost(2.5)),
    bar("table-200k", "wall", Rival(Frr), AtMost(1.0 / 5.0)),
    bar("table-200k", "cpu", Rival(Frr), AtMost(1.0 / 6.0)),
    bar("table-100k-wide", "wall", Rival(Frr), AtMost(1.0 / 4.0)),
    bar("table-100k-wide", "cpu", Rival(Frr), AtMost(1.0 / 8.0)),
    bar("table-1m", "cpu", Rival(Bird2), AtMost(1.0 / 4.0)),
    bar("table-200k", "peak", Rival(Bird2), AtMost(1.0)),
    bar("table-1m", "peak", Rival(Bird2), AtMost(1.0)),
    bar("cluster-1000", "peak", Rival(Bird2), AtMost(1.2)),
    bar("churn-1000", "delivered_share", Nothing, AtLeast(1.0)),
    bar("churn-1000", "delivery_p50", Floor, AtMost(1.3)),
    bar("churn-1000", "delivery_p99", Floor, AtMost(1.3)),
    bar("churn-1000", "cpu", Floor, AtMost(1.3)),
    bar("source-loss-200k", "cpu", Rival(Bird2), AtMost(1.0 / 3.0)),
    bar("source-loss-200k", "wall", Rival(Bird2), AtMost(1.0)),
    bar("rolling-1000", "wall", Rival(Frr), AtMost(1.0 / 10.0)),
    // Only what changed: octets against the tightest form of that. One message for each node's
    // withdrawals, instead of one for all, is a fifth more.
    bar("rolling-1000", "waste", Nothing, AtMost(1.25)),
    bar("rolling-1000", "withdrawn_elsewhere", Nothing, AtMost(0.0)),
    bar("slow-1000", "p99_ratio", Nothing, AtMost(1.2)),
    bar("slow-1000", "memory_growth", Nothing, Octets(10.0 * MIB)),
];

/// Whether a bar needs this scenario.
pub(crate) fn needs(scenario: &str) -> bool {
    BARS.iter().any(|bar| {
        bar.scenario == scenario || matches!(bar.against, Own(other) if other == scenario)
    })
}

/// How Albedo stands to a bar.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// Reached.
    Ok(Spread),
    /// Not reached.
    Missed(Spread),
    /// Not reached, because Albedo was wrong or not done in some run.
    Failed(String),
    /// Not known, and why.
    Unmeasured(String),
}

/// Why there is no figure.
enum Why {
    Failed(String),
    Unknown(String),
}

/// A bar and how Albedo stands to it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    /// The scenario.
    pub(crate) scenario: &'static str,
    /// The figure.
    pub(crate) figure: &'static str,
    /// Against what, in words.
    pub(crate) against: String,
    /// The bar, in words.
    pub(crate) bar: String,
    /// How Albedo stands to it.
    pub(crate) standing: Standing,
    /// What is in the way of comparing, if anything is.
    pub(crate) note: Option<String>,
}

/// How Albedo stands to the bars of the scenarios that were played.
pub(crate) fn judge(chapters: &[Chapter]) -> Vec<Verdict> {
    let is_played = |bar: &&Bar| chapters.iter().any(|chapter| chapter.scenario == bar.scenario);
    BARS.iter().filter(is_played).map(|bar| bar.judge(chapters)).collect()
}

impl Bar {
    fn judge(&self, chapters: &[Chapter]) -> Verdict {
        let (against, standing) = match self.reached(chapters) {
            Ok((against, spread)) if self.limit.holds(spread.median) => {
                (against, Standing::Ok(spread))
            }
            Ok((against, spread)) => (against, Standing::Missed(spread)),
            Err(Why::Failed(why)) => (self.against.words(), Standing::Failed(why)),
            Err(Why::Unknown(why)) => (self.against.words(), Standing::Unmeasured(why)),
        };
        Verdict {
            scenario: self.scenario,
            figure: self.figure,
            against,
            bar: self.limit.words(),
            standing,
            note: self.note(chapters),
        }
    }

    /// What Albedo reached, and against whom; or why that is not known.
    fn reached(&self, chapters: &[Chapter]) -> Result<(String, Spread), Why> {
        let chapter = find(chapters, self.scenario)?;
        let ours = self.figure_of(find_entry(chapter, Contestant::Albedo)?)?;
        let (who, theirs) = match self.against {
            Nothing => return Ok((self.against.words(), ours)),
            Floor => (None, self.figure_of(find_entry(chapter, Contestant::Floor)?)?),
            Rival(rival) => (None, self.figure_of(find_entry(chapter, rival)?)?),
            Own(scenario) => {
                let entry = find_entry(find(chapters, scenario)?, Contestant::Albedo)?;
                (None, self.figure_of(entry)?)
            }
            BestRival => {
                let (who, spread) = chapter
                    .best_rival(self.figure)
                    .ok_or_else(|| Why::Unknown(format!("no rival has `{}`", self.figure)))?;
                (Some(who), spread)
            }
        };
        let words = match who {
            Some(who) => format!("{}, {}", self.against.words(), who.name()),
            None => self.against.words(),
        };
        let ratio = ours.against(theirs);
        let ratio = ratio.ok_or_else(|| Why::Unknown("the other's is too small to see".to_owned()));
        Ok((words, ratio?))
    }

    /// A figure of an entry. Albedo must have been right in every run; of the others, those runs
    /// count in which they were.
    fn figure_of(&self, entry: &Entry) -> Result<Spread, Why> {
        let (complete, all) = (entry.complete(), entry.runs.len());
        let name = entry.contestant.name();
        if entry.contestant == Contestant::Albedo && complete < all && self.figure != COMPLETE {
            let why = format!("{name} was complete in {complete} of {all} runs");
            return Err(Why::Failed(why));
        }
        let spread = entry.spread(self.figure);
        let why = || Why::Unknown(format!("no complete run of {name} has `{}`", self.figure));
        spread.ok_or_else(why)
    }

    /// Walls say little where the generator was busy all the time.
    fn note(&self, chapters: &[Chapter]) -> Option<String> {
        let chapter = chapters.iter().find(|chapter| chapter.scenario == self.scenario)?;
        let ours = find_entry(chapter, Contestant::Albedo).ok()?;
        let is_bound = ours.runs.iter().any(|run| run.generator_bound);
        (is_bound && self.figure == "wall").then(|| "the generator was the limit".to_owned())
    }
}

fn find<'a>(chapters: &'a [Chapter], scenario: &str) -> Result<&'a Chapter, Why> {
    let found = chapters.iter().find(|chapter| chapter.scenario == scenario);
    found.ok_or_else(|| Why::Unknown(format!("{scenario} was not played")))
}

fn find_entry(chapter: &Chapter, who: Contestant) -> Result<&Entry, Why> {
    let found = chapter.entry(who);
    found.ok_or_else(|| Why::Unknown(format!("{} did not take part", who.name())))
}

impl Against {
    fn words(self) -> String {
        match self {
            Floor => "× the floor's".to_owned(),
            BestRival => "× the best rival's".to_owned(),
            Rival(rival) => format!("× {}'s", rival.name()),
            Own(scenario) => format!("× that of {scenario}"),
            Nothing => "-".to_owned(),
        }
    }
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            AtMost(limit) | Octets(limit) => value <= limit,
            AtLeast(limit) => value >= limit,
        }
    }

    fn words(self) -> String {
        match self {
            AtMost(limit) if limit > 0.0 && limit < 1.0 => format!("≤ 1/{:.0}", 1.0 / limit),
            AtMost(limit) => format!("≤ {limit}"),
            Octets(limit) => format!("≤ {:.0} MiB", limit / MIB),
            AtLeast(limit) => format!("≥ {limit}"),
        }
    }
}

impl Verdict {
    /// Whether the bar is known to be reached.
    pub(crate) const fn is_ok(&self) -> bool {
        matches!(self.standing, Standing::Ok(_))
    }
}

/// The bars as a table in Markdown; nothing where there is none.
pub(crate) fn render(verdicts: &[Verdict]) -> String {
    let mut out = String::new();
    if verdicts.is_empty() {
        return out;
    }
    out.push_str("\n### Bars\n\n");
    out.push_str("| Scenario | Figure | Against | Bar | Reached | Spread | |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for verdict in verdicts {
        let Verdict { scenario, figure, against, bar, .. } = verdict;
        let _ = write!(out, "| {scenario} | {figure} | {against} | {bar} | ");
        let scale = if bar.ends_with("MiB") { 1.0 / MIB } else { 1.0 };
        let note = verdict.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
        let _ = match &verdict.standing {
            Standing::Ok(s) | Standing::Missed(s) => {
                let word = if verdict.is_ok() { "ok" } else { "**missed**" };
                let [low, median, high] = [s.low, s.median, s.high].map(|v| show(v * scale));
                writeln!(out, "{median} | {low}–{high} | {word}{note} |")
            }
            Standing::Failed(why) => writeln!(out, "- | - | **missed**: {why} |"),
            Standing::Unmeasured(why) => writeln!(out, "- | - | not measured: {why} |"),
        };
    }
    out
}

#[cfg(test)]
mod tests;
