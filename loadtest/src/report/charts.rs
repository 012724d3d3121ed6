//! Which plots a report has, and what is in them.

use std::collections::BTreeMap;

use crate::latency::Latency;
use crate::outcome::{Mark, Outcome, Sample, Unit, Window};
use crate::report::Report;
use crate::report::plot::{Line, Plot, Weight};
use crate::report::scale::{Axis, Layout};
use crate::stats::Spread;

/// Places at which lines over time are drawn.
const PLACES: u32 = 350;
/// Percentiles that have a tick.
const PERCENTILES: [f64; 7] = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
/// The end of the axis of percentiles: 99.999 %.
const NINES_MAX: f64 = 5.0;

/// A value over time; each holds until the next one.
type Series = Vec<(f64, f64)>;

/// A share of everything, from 0 to 1, as a sample has it.
type Share = fn(&Sample, &Outcome) -> f64;

/// A rank of a stretch's latencies.
type Rank = fn(&Window) -> f64;

/// A plot, or why there is none.
pub type Chart = Result<Plot, (&'static str, &'static str)>;

/// All plots of a report.
#[must_use]
pub fn all(report: &Report) -> Vec<Chart> {
    vec![
        convergence(report),
        percentiles(report),
        latency_over_time(report),
        processor(report),
        memory(report),
    ]
}

/// The events of all runs: the same event of several runs is one, at the median of its times.
#[must_use]
pub fn events(runs: &[Outcome]) -> Vec<Mark> {
    let mut times: BTreeMap<(&str, usize), Vec<f64>> = BTreeMap::new();
    for run in runs {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for mark in &run.marks {
            let nth = seen.entry(&mark.what).or_default();
            times.entry((&mark.what, *nth)).or_default().push(mark.at);
            *nth += 1;
        }
    }
    let median = |((what, _), times): ((&str, usize), Vec<f64>)| {
        Some(Mark { at: Spread::of(times)?.median, what: what.to_owned() })
    };
    let mut out: Vec<Mark> = times.into_iter().filter_map(median).collect();
    out.sort_by(|a, b| a.at.total_cmp(&b.at));
    out
}

/// How long the longest run was, as far as anything is known of it.
fn end(runs: &[Outcome]) -> f64 {
    let of = |run: &Outcome| {
        let samples = run.timeline.iter().map(|sample| sample.at);
        let windows = run.latency_over_time.iter().map(|window| window.at);
        samples.chain(windows).chain(run.marks.iter().map(|mark| mark.at)).fold(0.0, f64::max)
    };
    runs.iter().map(of).fold(0.0, f64::max)
}

fn time_axis(report: &Report) -> Axis {
    Axis::until("time since the start", Unit::Seconds, end(&report.runs))
}

#[expect(clippy::cast_precision_loss, reason = "plots show no more than a few digits")]
fn convergence(report: &Report) -> Chart {
    let title = "Share of exact tables over time";
    let shares: [(&str, Share); 3] = [
        ("tables exact", |sample, _| sample.exact as f64 / sample.checked.max(1) as f64),
        ("routes right", |sample, run| {
            let expected = run.routes_expected.max(1) as f64;
            (1.0 - sample.wrong as f64 / expected).clamp(0.0, 1.0)
        }),
        ("sessions up", |sample, run| sample.established as f64 / run.sessions.max(1) as f64),
    ];
    let mut lines = Vec::new();
    // What matters most is drawn last, over the rest.
    for (colour, (name, of)) in shares.into_iter().enumerate().rev() {
        let each = report.runs.iter().map(|run| {
            run.timeline.iter().map(|sample| (sample.at, of(sample, run))).collect::<Series>()
        });
        lines.extend(over_time(name, colour, each.collect(), end(&report.runs)));
    }
    if lines.is_empty() {
        return Err((title, "There are no samples."));
    }
    Ok(Plot {
        id: "convergence",
        title: title.to_owned(),
        description: describe(
            report,
            "The share of tables that are exact, of routes that are \
            where they belong, and of sessions that are up",
        ),
        x: time_axis(report),
        y: percent_axis(),
        lines,
        events: events(&report.runs),
    })
}

fn percent_axis() -> Axis {
    let ticks = (0..=4).map(|n| (f64::from(n) * 0.25, format!("{} %", n * 25))).collect();
    let label = "share".to_owned();
    Axis { layout: Layout::Linear, low: 0.0, high: 1.0, ticks, label }
}

fn percentiles(report: &Report) -> Chart {
    let title = "Latency by percentile";
    let mut names: Vec<&String> = report.runs.iter().flat_map(|run| run.latencies.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut lines = Vec::new();
    let mut nines = 0.0f64;
    for (colour, name) in names.into_iter().enumerate() {
        let each = report.runs.iter().filter_map(|run| run.latencies.get(name));
        let each: Vec<&Latency> = each.filter(|latency| latency.count() > 0).collect();
        #[expect(clippy::cast_precision_loss, reason = "only its logarithm counts")]
        let count = each.iter().map(|latency| latency.count()).max().unwrap_or(0) as f64;
        let until = count.max(10.0).log10().min(NINES_MAX);
        if each.is_empty() {
            continue;
        }
        nines = nines.max(until);
        let series = |latency: &&Latency| {
            let places = (0..=PLACES).map(|n| until * f64::from(n) / f64::from(PLACES));
            let at = |place: f64| Some((place, latency.quantile(1.0 - 10f64.powf(-place))?));
            places.filter_map(at).collect::<Series>()
        };
        let label = name.replace('_', " ");
        lines.extend(median_and_each(&label, colour, each.iter().map(series).collect(), false));
    }
    if lines.is_empty() {
        return Err((title, "This scenario records no latencies."));
    }
    let tick = |share: f64| (-(1.0 - share).log10(), format!("{} %", trimmed(share * 100.0)));
    let ticks = PERCENTILES.into_iter().map(tick).filter(|(at, _)| *at <= nines + 1e-6).collect();
    let label = "share of latencies that are not longer".to_owned();
    let x = Axis { layout: Layout::Linear, low: 0.0, high: nines, ticks, label };
    Ok(Plot {
        id: "percentiles",
        title: title.to_owned(),
        description: describe(report, "Latencies by percentile, from the shortest to the longest"),
        x,
        y: Axis::fitting("latency", Unit::Seconds, values(&lines)),
        lines,
        events: Vec::new(),
    })
}

fn latency_over_time(report: &Report) -> Chart {
    let title = "Latency over time";
    let ranks: [(&str, Rank); 3] =
        [("p50", |window| window.p50), ("p99", |window| window.p99), ("max", |window| window.max)];
    let mut lines = Vec::new();
    for (colour, (name, of)) in ranks.into_iter().enumerate() {
        let each = report.runs.iter().map(|run| {
            let windows = run.latency_over_time.iter().filter(|window| window.count > 0);
            windows.map(|window| (window.at, of(window))).collect::<Series>()
        });
        lines.extend(over_time(name, colour, each.collect(), end(&report.runs)));
    }
    if lines.is_empty() {
        return Err((title, "This scenario records no latencies over time."));
    }
    Ok(Plot {
        id: "latency",
        title: title.to_owned(),
        description: describe(report, "Median, 99th percentile and maximum of latencies"),
        x: time_axis(report),
        y: Axis::fitting("latency", Unit::Seconds, values(&lines)),
        lines,
        events: events(&report.runs),
    })
}

fn processor(report: &Report) -> Chart {
    let title = "Processors that the target kept busy";
    let each = report.runs.iter().map(|run| slopes(&run.timeline)).collect();
    watched(report, ("cpu", title, "processors"), Unit::Ratio, each)
}

#[expect(clippy::cast_precision_loss, reason = "plots show no more than a few digits")]
fn memory(report: &Report) -> Chart {
    let title = "Memory that the target had resident";
    let each = report.runs.iter().map(|run| {
        let samples = run.timeline.iter();
        samples.filter_map(|one| Some((one.at, one.target_resident? as f64))).collect::<Series>()
    });
    let each: Vec<Series> = each.collect();
    watched(report, ("memory", title, "memory"), Unit::Octets, each)
}

fn watched(
    report: &Report,
    (id, title, label): (&'static str, &'static str, &str),
    unit: Unit,
    each: Vec<Series>,
) -> Chart {
    let lines = over_time(label, 0, each, end(&report.runs));
    if lines.is_empty() {
        return Err((title, "The target's process was not watched (--pid)."));
    }
    let most = values(&lines).fold(0.0, f64::max);
    Ok(Plot {
        id,
        title: title.to_owned(),
        description: describe(report, title),
        x: time_axis(report),
        y: Axis::linear(label, unit, most),
        lines,
        events: events(&report.runs),
    })
}

/// How many processors were busy between one look at the process and the next.
fn slopes(samples: &[Sample]) -> Series {
    let looks = samples.iter().filter_map(|sample| Some((sample.at, sample.target_cpu_seconds?)));
    let looks: Vec<(f64, f64)> = looks.collect();
    let mut out: Series = Vec::new();
    for pair in looks.windows(2) {
        let (time, cpu) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        if time > 0.0 {
            out.push((pair[0].0, (cpu / time).max(0.0)));
        }
    }
    // The last one holds until the last look.
    if let (Some(&(_, busy)), Some(&(at, _))) = (out.last(), looks.last()) {
        out.push((at, busy));
    }
    out
}

/// Lines of something that each run has over time, all cut to the same places.
fn over_time(name: &str, colour: usize, each: Vec<Series>, end: f64) -> Vec<Line> {
    let each: Vec<Series> = each.into_iter().filter(|series| !series.is_empty()).collect();
    if let [only] = &each[..]
        && only.len() == 1
    {
        return median_and_each(name, colour, each, true);
    }
    let places: Vec<f64> = (0..=PLACES).map(|n| end * f64::from(n) / f64::from(PLACES)).collect();
    let cut = each.iter().map(|series| at_places(series, &places)).collect();
    median_and_each(name, colour, cut, true)
}

/// The values of a series at ascending places; where it has not begun its first one counts.
fn at_places(series: &[(f64, f64)], places: &[f64]) -> Series {
    let mut next = 0;
    let value = |place: &f64| {
        while series.get(next + 1).is_some_and(|(at, _)| at <= place) {
            next += 1;
        }
        Some((*place, series.get(next)?.1))
    };
    places.iter().filter_map(value).collect()
}

/// The median of lines over the same places, with the lines themselves where there are several.
fn median_and_each(name: &str, colour: usize, each: Vec<Series>, is_stepped: bool) -> Vec<Line> {
    let line = |weight, points| {
        let points = if is_stepped { without_repeats(points) } else { points };
        Line { name: name.to_owned(), colour, weight, is_stepped, points }
    };
    let count = each.iter().map(Vec::len).max().unwrap_or(0);
    let median = |n: usize| {
        let present = each.iter().filter_map(|series| series.get(n));
        let x = present.clone().next()?.0;
        Some((x, Spread::of(present.map(|point| point.1))?.median))
    };
    let points: Series = (0..count).filter_map(median).collect();
    if points.is_empty() {
        return Vec::new();
    }
    let mut out = vec![line(Weight::Median, points)];
    if each.len() > 1 {
        out.extend(each.into_iter().map(|series| line(Weight::One, series)));
    }
    out
}

/// Without points between equal ones: a stepped line looks the same.
fn without_repeats(points: Series) -> Series {
    let mut out: Series = Vec::new();
    for point in points {
        if let [.., a, b] = &out[..]
            && a.1.to_bits() == b.1.to_bits()
            && b.1.to_bits() == point.1.to_bits()
        {
            out.pop();
        }
        out.push(point);
    }
    out
}

fn values(lines: &[Line]) -> impl Iterator<Item = f64> {
    lines.iter().flat_map(|line| line.points.iter().map(|point| point.1))
}

fn describe(report: &Report, what: &str) -> String {
    let runs = report.runs.len();
    format!("{what}; scenario {}, {runs} {}.", report.scenario, plural(runs))
}

/// `run` or `runs`.
#[must_use]
pub const fn plural(runs: usize) -> &'static str {
    if runs == 1 { "run" } else { "runs" }
}

/// A percentage without needless digits.
fn trimmed(value: f64) -> String {
    format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{at_places, events, slopes, without_repeats};
    use crate::outcome::{Mark, Outcome, Sample};

    #[test]
    fn the_same_event_of_several_runs_is_one() {
        let mark = |at, what: &str| Mark { at, what: what.to_owned() };
        let run = |shift: f64| Outcome {
            marks: vec![mark(1.0 + shift, "drop"), mark(2.0 + shift, "back"), mark(5.0, "drop")],
            ..Outcome::default()
        };
        let found = events(&[run(0.0), run(0.4), run(0.1)]);
        assert_eq!(found, [mark(1.1, "drop"), mark(2.1, "back"), mark(5.0, "drop")]);
        assert!(events(&[]).is_empty());
    }

    #[test]
    fn series_are_cut_to_places() {
        let series = [(0.0, 1.0), (1.0, 2.0), (1.5, 3.0), (9.0, 4.0)];
        let cut = at_places(&series, &[0.0, 0.9, 1.0, 2.0, 10.0]);
        let values: Vec<f64> = cut.into_iter().map(|point| point.1).collect();
        assert_eq!(values, [1.0, 1.0, 2.0, 3.0, 4.0]);
        assert!(at_places(&[], &[1.0]).is_empty());
        let kept = without_repeats(vec![(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 2.0)]);
        assert_eq!(kept, [(0.0, 1.0), (2.0, 1.0), (3.0, 2.0)]);
    }

    #[test]
    fn processor_time_becomes_processors() {
        let look = |at, cpu| Sample { at, target_cpu_seconds: cpu, ..Sample::default() };
        let samples = [
            look(0.0, Some(0.0)),
            look(0.1, None),
            look(1.0, Some(0.5)),
            look(1.0, Some(0.5)),
            look(2.0, Some(2.5)),
        ];
        assert_eq!(slopes(&samples), [(0.0, 0.5), (1.0, 2.0), (2.0, 2.0)]);
        assert!(slopes(&samples[..1]).is_empty());
    }
}
