//! The closing block: what came of the runs, in words.

use std::fmt::Write as _;

use crate::latency::RANKS;
use crate::outcome::{Figure, Outcome, Unit};
use crate::report::Report;
use crate::stats::Spread;
use crate::threshold::Verdict;
use crate::units;

/// Events that are listed.
const EVENTS_MAX: usize = 20;
/// Figures of every scenario that have a line of their own, with their names in words.
const LINES: [(&str, &str); 7] = [
    ("established", "all sessions up"),
    ("half", "half of all routes right"),
    ("first", "first table exact"),
    ("wall", "last table exact"),
    ("generator_cpu", "generator CPU"),
    ("cpu", "target CPU"),
    ("peak", "target peak memory"),
];

impl Report {
    /// The closing block in words.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = String::new();
        for note in self.notes() {
            let _ = writeln!(out, "note: {note}");
        }
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
        for verdict in &self.thresholds {
            let _ = writeln!(out, "{}", words(verdict));
        }
        if self.is_good() {
            out.push_str("every table is exactly what it should be\n");
        }
        out
    }

    /// Names and values of the closing block.
    fn lines(&self) -> Vec<(String, String)> {
        let Some(last) = self.runs.last() else {
            return Vec::new();
        };
        let figures = self.figures().by_name;
        let mut out: Vec<(String, String)> = Vec::new();
        let mut line = |name: &str, value: String| out.push((name.to_owned(), value));
        line("sessions", format!("{} ({} connects)", last.sessions, last.connects));
        for (name, words) in LINES {
            if let Some(figure) = figures.get(name) {
                line(words, units::spread(figure.spread, figure.unit));
            }
        }
        line("routes expected", last.routes_expected.to_string());
        line("received in the last run", received(last));
        if last.repeats + last.echoes > 0 {
            let waste = format!("{} repeats, {} echoes", last.repeats, last.echoes);
            line("of them superfluous", waste);
        }
        for (name, ranks) in self.latencies() {
            line(&format!("{name} latency"), ranks);
        }
        let own: std::collections::BTreeSet<_> =
            self.runs.iter().flat_map(|run| run.extra.keys()).collect();
        for name in own {
            if let Some(figure) = figures.get(name) {
                line(&name.replace('_', " "), units::spread(figure.spread, figure.unit));
            }
        }
        for mark in last.marks.iter().take(EVENTS_MAX) {
            line(&format!("at {}", Figure::seconds(mark.at)), mark.what.clone());
        }
        if last.marks.len() > EVENTS_MAX {
            let more = last.marks.len() - EVENTS_MAX;
            line("", format!("and {more} events more in the last run"));
        }
        out
    }

    /// The distributions, each with the medians of its ranks over the runs.
    fn latencies(&self) -> Vec<(String, String)> {
        let mut names: Vec<&String> =
            self.runs.iter().flat_map(|run| run.latencies.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let told = |name: &String| {
            let of = |share| {
                let each = self.runs.iter().filter_map(|run| run.latencies.get(name));
                Spread::of(each.filter_map(|latency| latency.quantile(share)))
            };
            let rank = |(rank, share)| {
                let spread = of(share)?;
                Some(format!("{rank} {}", Figure::seconds(spread.median)))
            };
            let ranks: Vec<String> = RANKS.into_iter().filter_map(rank).collect();
            let ranks = if ranks.is_empty() { "nothing recorded".into() } else { ranks.join(", ") };
            (name.replace('_', " "), ranks)
        };
        names.into_iter().map(told).collect()
    }
}

fn received(run: &Outcome) -> String {
    let octets = Figure::octets(run.octets_in);
    let (announced, withdrawn) = (run.announced, run.withdrawn);
    let gone = if withdrawn > 0 { format!(", {withdrawn} withdrawn") } else { String::new() };
    format!("{} UPDATEs, {octets}, {announced} prefixes{gone}", run.updates_in)
}

/// What became of a threshold, in words.
#[must_use]
pub fn words(verdict: &Verdict) -> String {
    let Verdict { threshold, figure, value, unit, is_met } = verdict;
    let is = Figure { value: *value, unit: *unit };
    let is_ratio = *unit == Unit::Ratio;
    let value = if is_ratio { units::number(*value) } else { is.to_string() };
    let (verdict, holds) = if *is_met { ("FAILED", "holds") } else { ("passed", "does not hold") };
    // A short name is explained.
    let it = if threshold.contains(figure.as_str()) { "it" } else { figure.as_str() };
    format!("{verdict}  {threshold} {holds}: {it} is {value}")
}
