//! The results as tables in Markdown.

use std::fmt::Write as _;

use crate::contestant::Contestant;
use crate::outcome::{Entry, show_spread};
use crate::race::{Chapter, Results};

/// Characters of what went wrong that are shown.
const WHY_MAX: usize = 200;

/// Everything: machine, tables, ratios, bars.
pub(crate) fn render(results: &Results) -> String {
    let mut out = format!("Machine: {}.\n\n", results.machine.words());
    let _ = writeln!(out, "Command: `{}`\n", results.command);
    let versions: Vec<String> =
        results.versions.iter().map(|(name, version)| format!("{name} ({version})")).collect();
    let _ = writeln!(out, "Versions: {}.\n", versions.join(", "));
    out.push_str("Figures are medians (least–most) of the complete runs.\n");
    for note in &results.notes {
        let _ = writeln!(out, "\nNot measured: {note}.");
    }
    for chapter in &results.chapters {
        render_chapter(chapter, &mut out);
    }
    out.push_str(&crate::bars::render(&results.bars));
    out
}

fn render_chapter(chapter: &Chapter, out: &mut String) {
    let _ = writeln!(out, "\n### {}: `{}`\n", chapter.scenario, chapter.arguments.join(" "));
    let labels: Vec<&str> = chapter.columns.iter().map(|column| column.label).collect();
    let _ = writeln!(out, "| Daemon | {} | complete |", labels.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(labels.len() + 2));
    for entry in &chapter.entries {
        let _ = write!(out, "| {} |", entry.name());
        for column in chapter.columns {
            let spread = entry.spread(column.figure);
            let text = spread.map(|spread| show_spread(spread, column.scale));
            let _ = write!(out, " {} |", text.as_deref().unwrap_or("-"));
        }
        let _ = writeln!(out, " {} |", ending(entry));
    }
    for entry in &chapter.entries {
        render_failure(entry, out);
    }
    render_ratios(chapter, out);
    render_scaling(chapter, out);
}

/// How many runs were complete, and what else there is to say.
fn ending(entry: &Entry) -> String {
    let (complete, all) = (entry.complete(), entry.runs.len());
    let failed = if complete < all { ", **failed**" } else { "" };
    let is_bound = entry.runs.iter().any(|run| run.generator_bound);
    let bound = if is_bound { ", generator the limit" } else { "" };
    format!("{complete}/{all}{failed}{bound}")
}

/// What first went wrong, where something did.
fn render_failure(entry: &Entry, out: &mut String) {
    let Some(run) = entry.runs.iter().find(|run| !run.complete) else { return };
    let why = run.problems.first().map_or("no reason is known", String::as_str);
    let why: String = why.lines().next().unwrap_or_default().chars().take(WHY_MAX).collect();
    let others = run.problems.len().saturating_sub(1);
    let _ = writeln!(out, "\n{} failed: {why} (and {others} more)", entry.name());
}

/// Albedo's figures against the best rival's and the floor's.
fn render_ratios(chapter: &Chapter, out: &mut String) {
    let Some(ours) = chapter.entry(Contestant::Albedo) else { return };
    let mut rows = String::new();
    for column in chapter.columns.iter().filter(|column| column.is_compared) {
        let Some(our) = ours.spread(column.figure) else { continue };
        let best = chapter.best_rival(column.figure).and_then(|(who, best)| {
            Some(format!("{}, {}", show_spread(our.against(best)?, 1.0), who.name()))
        });
        let floor = chapter
            .entry(Contestant::Floor)
            .and_then(|floor| Some(show_spread(our.against(floor.spread(column.figure)?)?, 1.0)));
        if best.is_some() || floor.is_some() {
            let [best, floor] = [best, floor].map(|text| text.unwrap_or_else(|| "-".to_owned()));
            let _ = writeln!(rows, "| {} | {best} | {floor} |", column.label);
        }
    }
    if !rows.is_empty() {
        out.push_str("\n| Albedo's | × the best rival's | × the floor's |\n| --- | --- | --- |\n");
        out.push_str(&rows);
    }
}

/// How the pinned grow with their processors: against the same on the fewest.
fn render_scaling(chapter: &Chapter, out: &mut String) {
    let pinned = |entry: &&Entry| entry.cores.is_some();
    for entry in chapter.entries.iter().filter(pinned) {
        let same = chapter.entries.iter().filter(|other| other.contestant == entry.contestant);
        let Some(fewest) = same.filter(pinned).min_by_key(|other| other.cores) else { continue };
        if fewest.cores == entry.cores {
            continue;
        }
        for column in chapter.columns.iter().filter(|column| column.is_compared) {
            let pair = entry.spread(column.figure).zip(fewest.spread(column.figure));
            if let Some(ratio) = pair.and_then(|(ours, theirs)| ours.against(theirs)) {
                let ratio = show_spread(ratio, 1.0);
                let (name, than) = (entry.name(), fewest.name());
                let _ = writeln!(out, "\n{name}: {} {ratio} × that of {than}.", column.label);
            }
        }
    }
}

#[cfg(test)]
mod tests;
