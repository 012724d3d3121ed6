//! The report as one page: figures, plots, and everything needed to repeat it. No scripts, and
//! nothing loaded from anywhere; it follows the reader's choice of light or dark.

use std::fmt::Write as _;

use crate::latency::RANKS;
use crate::outcome::{Figure, Outcome};
use crate::report::charts::{self, plural};
use crate::report::plot::escape;
use crate::report::{Report, summary};
use crate::stats::Spread;

const STYLE: &str = include_str!("style.css");
/// Events that the table lists.
const EVENTS_MAX: usize = 200;

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let title = escape(&format!("{} against {}", report.scenario, report.target));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title} – albedo-loadtest</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <main>\n<h1>{title}</h1>\n"
    );
    let runs = report.runs.len();
    let started = escape(&report.started);
    let _ = writeln!(out, "<p class=\"faint\">{runs} {}, begun {started}</p>", plural(runs));
    out.push_str(&verdict(report));
    out.push_str(&faults(report));
    for chart in charts::all(report) {
        match chart {
            Ok(plot) => out.push_str(&plot.figure()),
            Err((title, why)) => {
                let _ = writeln!(
                    out,
                    "<section class=\"bare\"><h2>{}</h2><p class=\"faint\">{}</p></section>",
                    escape(title),
                    escape(why)
                );
            }
        }
    }
    out.push_str(&latencies(report));
    out.push_str(&figures(report));
    out.push_str(&events(report));
    out.push_str(&circumstances(report));
    out + "</main>\n</body>\n</html>\n"
}

/// Whether it was right, and what became of the thresholds.
fn verdict(report: &Report) -> String {
    let failed = report.runs.iter().filter(|run| !run.complete).count();
    let (class, words) = if report.runs.is_empty() {
        ("bad", "There are no runs.".to_owned())
    } else if failed > 0 {
        let all = report.runs.len();
        ("bad", format!("{failed} of {all} {} failed: see below.", plural(all)))
    } else {
        ("good", "Every table is exactly what it should be.".to_owned())
    };
    let mut out = format!("<p class=\"verdict {class}\">{words}</p>\n");
    for note in report.notes() {
        let _ = writeln!(out, "<p>{}</p>", escape(&note));
    }
    if !report.thresholds.is_empty() {
        out.push_str("<section><h2>Thresholds</h2>\n<ul class=\"plain\">\n");
        for verdict in &report.thresholds {
            let class = if verdict.is_met { "bad" } else { "good" };
            let words = escape(&summary::words(verdict));
            let _ = writeln!(out, "<li class=\"{class}\">{words}</li>");
        }
        out.push_str("</ul></section>\n");
    }
    out
}

/// What went wrong, run by run.
fn faults(report: &Report) -> String {
    let mut out = String::new();
    for (n, run) in (1..).zip(&report.runs).filter(|(_, run)| !run.complete) {
        let _ = writeln!(
            out,
            "<section><h2 class=\"bad\">Run {n} failed</h2>\n<p>{} of {} tables exact, {} routes \
             missing or wrong.</p>\n<ul class=\"plain\">",
            run.tables_exact, run.sessions, run.routes_wrong
        );
        for what in run.problems.iter().chain(&run.faults) {
            let _ = writeln!(out, "<li><code>{}</code></li>", escape(what));
        }
        out.push_str("</ul></section>\n");
    }
    out.replace("<ul class=\"plain\">\n</ul>", "")
}

/// A table of latencies: the medians of the ranks over the runs.
fn latencies(report: &Report) -> String {
    let mut names: Vec<&String> = report.runs.iter().flat_map(|run| run.latencies.keys()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return String::new();
    }
    let heads: String =
        RANKS.iter().map(|(rank, _)| format!("<th class=\"number\">{rank}</th>")).collect();
    let mut out = format!(
        "<section><h2>Latencies</h2>\n<div class=\"wide\"><table>\n<thead><tr>\
         <th>distribution</th><th class=\"number\">count</th>{heads}</tr></thead>\n<tbody>\n"
    );
    for name in names {
        let each: Vec<_> = report.runs.iter().filter_map(|run| run.latencies.get(name)).collect();
        let count: u64 = each.iter().map(|latency| latency.count()).sum();
        let words = escape(&name.replace('_', " "));
        let _ = write!(out, "<tr><th>{words}</th><td class=\"number\">{count}</td>");
        for (_, share) in RANKS {
            let spread = Spread::of(each.iter().filter_map(|latency| latency.quantile(share)));
            let value =
                spread.map_or_else(|| "–".to_owned(), |s| Figure::seconds(s.median).to_string());
            let _ = write!(out, "<td class=\"number\">{}</td>", escape(&value));
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody></table></div></section>\n"
}

/// All figures, but for those of distributions.
fn figures(report: &Report) -> String {
    let figures = report.figures();
    let is_rank = |name: &str| {
        let of = |run: &Outcome| {
            run.latencies.keys().any(|key| {
                let rank = name.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('_'));
                rank.is_some_and(|rank| RANKS.iter().any(|(known, _)| *known == rank))
            })
        };
        report.runs.iter().any(of)
    };
    let mut out = String::from(
        "<section><h2>Figures</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>figure</th>\
         <th class=\"number\">median</th><th class=\"number\">least</th>\
         <th class=\"number\">most</th></tr></thead>\n<tbody>\n",
    );
    for (name, measured) in figures.by_name.iter().filter(|(name, _)| !is_rank(name)) {
        let spread = measured.spread;
        let cell = |value| {
            let words = Figure { value, unit: measured.unit }.to_string();
            format!("<td class=\"number\">{}</td>", escape(&words))
        };
        let (median, low, high) = (cell(spread.median), cell(spread.low), cell(spread.high));
        let _ = writeln!(out, "<tr><th>{}</th>{median}{low}{high}</tr>", escape(name));
    }
    out + "</tbody></table></div></section>\n"
}

fn events(report: &Report) -> String {
    let events = charts::events(&report.runs);
    if events.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<section><h2>Events</h2>\n<div class=\"wide\"><table>\n<thead><tr>\
         <th class=\"number\">time</th><th>event</th></tr></thead>\n<tbody>\n",
    );
    for mark in events.iter().take(EVENTS_MAX) {
        let (at, what) = (Figure::seconds(mark.at).to_string(), escape(&mark.what));
        let _ = writeln!(out, "<tr><td class=\"number\">{}</td><td>{what}</td></tr>", escape(&at));
    }
    out.push_str("</tbody></table></div>\n");
    if events.len() > EVENTS_MAX {
        let more = events.len() - EVENTS_MAX;
        let _ = writeln!(out, "<p class=\"faint\">and {more} more</p>");
    }
    out + "</section>\n"
}

/// The machine, versions, seed and command line.
fn circumstances(report: &Report) -> String {
    let machine = &report.machine;
    let memory = Figure::octets(machine.memory).to_string();
    let command: Vec<String> = report.command.iter().map(|word| quoted(word)).collect();
    let rows = [
        ("processors", format!("{} × {}", machine.processors, machine.processor_model)),
        ("memory", memory),
        ("kernel", format!("Linux {}", machine.kernel)),
        ("generator", format!("albedo-loadtest {}", report.versions.generator)),
        ("compiler", report.versions.rustc.to_owned()),
        ("seed", report.seed.to_string()),
    ];
    let mut out = String::from("<section><h2>Circumstances</h2>\n<table>\n<tbody>\n");
    for (name, value) in rows {
        let value = escape(value.trim_end_matches(" × "));
        let _ = writeln!(out, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    let command = escape(&command.join(" "));
    let _ = writeln!(out, "<tr><th>command</th><td><code>{command}</code></td></tr>");
    out + "</tbody></table></section>\n"
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%…".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests;
