//! The results as tables in Markdown.

use std::fmt::Write as _;

use crate::contestant::Contestant;
use crate::race::{Chapter, Entry, Outcome, Results};

/// Median, least and most of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    /// Of the runs that have the figure; `None` where none has.
    fn of(entry: &Entry, figure: Figure) -> Option<Self> {
        let mut values: Vec<f64> =
            entry.runs.iter().filter(|run| run.complete).filter_map(figure).collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            low: *values.first()?,
            median: values[values.len() / 2],
            high: *values.last()?,
        })
    }
}

/// Gets a figure of a run.
type Figure = fn(&Outcome) -> Option<f64>;

/// The figures that are compared, with their units.
const FIGURES: [(&str, Figure); 3] = [
    ("wall s", |run| run.seconds_to_last_exact),
    ("CPU s", |run| run.target_cpu_seconds),
    ("peak MB", |run| run.target_resident_peak.map(|octets| octets as f64 / 1e6)),
];

/// All tables.
pub(crate) fn render(results: &Results) -> String {
    let mut out = String::new();
    for chapter in &results.chapters {
        render_chapter(chapter, &mut out);
    }
    out
}

fn render_chapter(chapter: &Chapter, out: &mut String) {
    let _ = writeln!(out, "\n### {}: `{}`\n", chapter.scenario, chapter.arguments.join(" "));
    out.push_str("| Daemon |");
    for (name, _) in FIGURES {
        let _ = write!(out, " {name} |");
    }
    out.push_str(
        " UPDATEs | MB | generator CPU s | complete |\n|---|---|---|---|---|---|---|---|\n",
    );
    for entry in &chapter.entries {
        let _ = write!(out, "| {} |", entry.contestant.name());
        for (_, figure) in FIGURES {
            match Spread::of(entry, figure) {
                Some(s) => {
                    let _ = write!(out, " {} ({}–{}) |", show(s.median), show(s.low), show(s.high));
                }
                None => out.push_str(" - |"),
            }
        }
        let complete = entry.runs.iter().filter(|run| run.complete).count();
        let last = entry.runs.last();
        let _ = writeln!(
            out,
            " {} | {:.1} | {} | {complete}/{} |",
            last.map_or(0, |run| run.updates_in),
            last.map_or(0.0, |run| run.octets_in as f64 / 1e6),
            show(last.map_or(0.0, |run| run.generator_cpu_seconds)),
            entry.runs.len(),
        );
    }
    render_ratios(chapter, out);
}

/// Albedo's medians against the best rival's and the floor's.
fn render_ratios(chapter: &Chapter, out: &mut String) {
    let Some(ours) = chapter.entries.iter().find(|e| e.contestant == Contestant::Albedo) else {
        return;
    };
    out.push('\n');
    for (name, figure) in FIGURES {
        let Some(our) = Spread::of(ours, figure) else { continue };
        let rivals = chapter.entries.iter().filter(|entry| entry.contestant.is_rival());
        let best = rivals
            .filter_map(|entry| Some((entry.contestant, Spread::of(entry, figure)?)))
            .min_by(|a, b| a.1.median.total_cmp(&b.1.median));
        if let Some((who, best)) = best {
            let _ = writeln!(
                out,
                "- {name}: {} of the best rival's, {} ({} to {})",
                show(our.median / best.median),
                who.name(),
                show(our.low / best.high),
                show(our.high / best.low),
            );
        }
        let floor = chapter.entries.iter().find(|e| e.contestant == Contestant::Floor);
        if let Some(floor) = floor.and_then(|entry| Spread::of(entry, figure)) {
            let _ = writeln!(out, "- {name}: {} × the floor's", show(our.median / floor.median));
        }
    }
}

/// Three figures that count.
fn show(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, render_chapter, show};
    use crate::contestant::Contestant;
    use crate::race::{Chapter, Entry, Outcome};

    fn entry(contestant: Contestant, walls: &[f64]) -> Entry {
        let run = |&wall: &f64| Outcome {
            complete: wall > 0.0,
            seconds_to_last_exact: Some(wall),
            ..Outcome::default()
        };
        Entry { contestant, runs: walls.iter().map(run).collect() }
    }

    #[test]
    fn failed_runs_are_not_averaged_in() {
        let entry = entry(Contestant::Bird, &[3.0, -1.0, 1.0, 2.0]);
        let spread = Spread::of(&entry, |run| run.seconds_to_last_exact);
        assert_eq!(spread, Some(Spread { low: 1.0, median: 2.0, high: 3.0 }));
        let chapter = Chapter {
            scenario: "x",
            arguments: &["cluster"],
            entries: vec![
                super::tests::entry(Contestant::Albedo, &[0.5]),
                entry,
                super::tests::entry(Contestant::Floor, &[0.25]),
            ],
        };
        let mut out = String::new();
        render_chapter(&chapter, &mut out);
        assert!(out.contains("| 3/4 |"), "{out}");
        assert!(out.contains("0.250 of the best rival's, BIRD 1.6 (0.167 to 0.500)"), "{out}");
        assert!(out.contains("wall s: 2.00 × the floor's"), "{out}");
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [show(0.1234), show(1.234), show(12.34), show(1234.0)],
            ["0.123", "1.23", "12.3", "1234"]
        );
    }
}
