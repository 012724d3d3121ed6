use std::time::Duration;

use super::*;
use crate::latency::Recorder;
use crate::outcome::{Mark, Sample, Window};
use crate::threshold::judge_all;

/// Text that would do harm where it is not escaped.
const NASTY: &str = "<script>alert('x')</script> & \"co\"";

/// Checks that every element is closed in order, that attributes are quoted and that no stray
/// `<` or `&` is left: the page is well-formed XML but for its doctype.
fn check_well_formed(page: &str) {
    let body = page.strip_prefix("<!doctype html>\n").expect("a doctype");
    // The style sheet is not escaped; it must not need to be.
    let (head, rest) = body.split_once("<style>").expect("a style sheet");
    let (style, tail) = rest.split_once("</style>").expect("its end");
    assert!(!style.contains(['<', '&']));
    let mut open: Vec<String> = Vec::new();
    let mut rest = format!("{head}{tail}");
    while let Some(at) = rest.find('<') {
        check_text(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = rest[at + 1..end].to_owned();
        rest = rest[end + 1..].to_owned();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "before {rest:.80}");
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((&tag[..], false), |tag| (tag, true));
        let name = tag.split_whitespace().next().expect("a name");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
        check_attributes(&tag[name.len()..]);
        if !is_empty {
            open.push(name.to_owned());
        }
    }
    check_text(&rest);
    assert!(open.is_empty(), "{open:?}");
}

fn check_attributes(text: &str) {
    for (n, part) in text.split('"').enumerate() {
        if n % 2 == 1 {
            check_text(part);
        } else if !part.trim().is_empty() {
            let name = part.trim().strip_suffix('=').expect("a value in quotes");
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
            assert!(part.starts_with(' ') && name.chars().all(is_name), "{text}");
        }
    }
    assert_eq!(text.matches('"').count() % 2, 0, "{text}");
}

fn check_text(text: &str) {
    for part in text.split('&').skip(1) {
        let (name, _) = part.split_once(';').expect("a reference ends");
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "&{name};");
    }
    assert!(!text.contains('>'), "{text}");
}

fn full_run(n: u32) -> Outcome {
    let mut recorder = Recorder::new();
    for micros in 1..2000u64 {
        recorder.record(Duration::from_micros(micros * micros * u64::from(n + 1)));
    }
    let mut run = Outcome {
        complete: true,
        sessions: 10,
        routes_expected: 100,
        seconds_to_last_exact: Some(1.0 + f64::from(n)),
        ..Outcome::default()
    };
    run.latencies.insert("delivery".to_owned(), recorder.latency());
    run.latencies.insert(format!("{NASTY}_p50"), recorder.latency());
    run.extra.insert(NASTY.to_owned(), Figure::count(3));
    for tick in 0..40u32 {
        let at = f64::from(tick) * 0.05;
        run.timeline.push(Sample {
            at,
            established: 10,
            exact: tick as usize / 4,
            checked: 10,
            wrong: u64::from(100 - 2 * tick),
            target_cpu_seconds: tick.is_multiple_of(4).then_some(at / 2.0),
            target_resident: tick.is_multiple_of(4).then_some(u64::from(tick) << 20),
        });
        run.latency_over_time.push(Window { at, count: 5, p50: 0.001, p99: 0.01, max: 0.3 });
    }
    run.marks.push(Mark { at: 0.7, what: NASTY.to_owned() });
    run
}

fn report(runs: Vec<Outcome>) -> Report {
    Report { runs, ..Report::new("cluster", "127.0.0.1:179".to_owned(), 42) }
}

#[test]
fn a_full_page_is_well_formed_and_has_everything() {
    let mut report = report((0..3).map(full_run).collect());
    let (verdicts, wrong) = judge_all(
        &["p99 > 1us".parse().expect("a threshold"), "wall > 9s".parse().expect("a threshold")],
        &report.figures(),
    );
    assert_eq!(wrong, Vec::<String>::new());
    report.thresholds = verdicts;
    report.command = ["x", "--fail-if", "p99 > 1us", NASTY].map(str::to_owned).to_vec();
    report.runs[1].complete = false;
    report.runs[1].faults.push(NASTY.to_owned());
    report.runs[2].notes.push(NASTY.to_owned());
    let page = page(&report);
    check_well_formed(&page);
    assert!(!page.contains("<script") && !page.contains("http"), "nothing is loaded or run");
    assert!(!page.contains("NaN") && !page.contains("inf"));
    for part in [
        "id=\"convergence-title\"",
        "id=\"percentiles-title\"",
        "id=\"latency-title\"",
        "id=\"cpu-title\"",
        "id=\"memory-title\"",
        "prefers-color-scheme: dark",
        "FAILED  p99 &gt; 1us holds: delivery_p99 is ",
        "passed  wall &gt; 9s does not hold: it is 2 s",
        "1 of 3 runs failed",
        "Run 2 failed",
        "x --fail-if &#39;p99 &gt; 1us&#39;",
        "<td>42</td>",
        ">99.9 %<",
        "at 700 ms",
        "<p>run 3: ",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // The median and three runs of each of: three shares, two distributions, three ranks, CPU
    // and memory.
    assert_eq!(page.matches("<path class=\"one c").count(), 3 * 10);
}

#[test]
fn nothing_and_a_single_sample_make_a_page_too() {
    check_well_formed(&page(&report(Vec::new())));
    let empty = page(&report(vec![Outcome::default()]));
    check_well_formed(&empty);
    for why in ["no samples", "no latencies.", "no latencies over time", "--pid"] {
        assert!(empty.contains(why), "{why}");
    }
    let mut recorder = Recorder::new();
    recorder.record(Duration::from_millis(3));
    let mut run = Outcome { complete: true, ..Outcome::default() };
    run.latencies.insert("delivery".to_owned(), recorder.latency());
    run.latencies.insert("nobody".to_owned(), Recorder::new().latency());
    run.timeline.push(Sample { target_resident: Some(0), ..Sample::default() });
    run.latency_over_time.push(Window::default());
    run.latency_over_time.push(Window { count: 1, p50: 0.003, p99: 0.003, max: 0.003, at: 0.0 });
    let single = page(&report(vec![run]));
    check_well_formed(&single);
    assert!(single.contains("<circle class=\"median c0\"") && !single.contains("NaN"));
}
