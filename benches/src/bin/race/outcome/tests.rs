use super::{CPU_PER_UPDATE, Entry, Outcome, Spread, show, show_spread};
use crate::contestant::Contestant;

const WITH_FIGURES: &str = r#"{
  "schema": "albedo-loadtest/2",
  "runs": [
    {"complete": false},
    {"complete": true, "generator_bound": true, "seconds_to_last_exact": 9.0,
     "figures": {"wall": {"value": 0.5, "unit": "seconds"}, "cpu": {"value": 3, "unit": "seconds"},
                 "updates": {"value": 6, "unit": "count"}},
     "problems": ["a"], "faults": ["b"]}
  ]
}"#;

#[test]
fn figures_are_read_by_name() {
    let outcome = Outcome::read(WITH_FIGURES).expect("a result");
    assert!(outcome.complete && outcome.generator_bound);
    assert_eq!(outcome.figures["wall"], 0.5);
    assert_eq!(outcome.figures[CPU_PER_UPDATE], 0.5);
    assert_eq!(outcome.problems, ["a", "b"]);
}

#[test]
fn without_figures_their_fields_are_read() {
    let text = r#"{"runs": [{"complete": true, "seconds_to_last_exact": 2.5, "updates_in": 0,
        "target_cpu_seconds": null, "extra": {"p99_ratio": {"value": 1.5, "unit": "ratio"}}}]}"#;
    let outcome = Outcome::read(text).expect("a result");
    assert_eq!(outcome.figures["wall"], 2.5);
    assert_eq!(outcome.figures["p99_ratio"], 1.5);
    assert!(!outcome.figures.contains_key("cpu"));
    assert!(!outcome.figures.contains_key(CPU_PER_UPDATE));
}

#[test]
fn a_file_without_an_end_is_no_result() {
    for text in ["", "{}", r#"{"runs": []}"#, r#"{"runs": [{"figures": {}}]}"#] {
        assert!(Outcome::read(text).is_err(), "{text}");
    }
}

#[test]
fn failed_runs_are_not_averaged_in() {
    let run = |wall: f64| Outcome {
        complete: wall > 0.0,
        figures: [("wall".to_owned(), wall)].into(),
        ..Outcome::default()
    };
    let runs = [3.0, -1.0, 1.0, 2.0].map(run).to_vec();
    let entry = Entry { contestant: Contestant::Bird, cores: None, runs };
    assert_eq!(entry.spread("wall"), Some(Spread { low: 1.0, median: 2.0, high: 3.0 }));
    assert_eq!(entry.spread("cpu"), None);
    assert_eq!(entry.spread("complete"), Some(Spread::exactly(0.75)));
    let none = Entry { runs: Vec::new(), ..entry };
    assert_eq!(none.spread("complete"), None);
}

#[test]
fn medians_of_even_counts_lie_between() {
    assert_eq!(Spread::of(vec![4.0, 1.0]), Some(Spread { low: 1.0, median: 2.5, high: 4.0 }));
    assert_eq!(Spread::of(Vec::new()), None);
}

#[test]
fn ratios_are_as_wide_as_both_spreads() {
    let ours = Spread { low: 1.0, median: 2.0, high: 3.0 };
    let theirs = Spread { low: 4.0, median: 8.0, high: 10.0 };
    let ratio = ours.against(theirs);
    assert_eq!(ratio, Some(Spread { low: 0.1, median: 0.25, high: 0.75 }));
    assert_eq!(ours.against(Spread { low: 0.0, median: 1.0, high: 1.0 }), None);
}

#[test]
fn figures_are_short() {
    let shown = [1234.0, 12.34, 1.234, 0.1234, 0.0123, 0.001_234, 0.0].map(show);
    assert_eq!(shown, ["1234", "12.3", "1.23", "0.123", "0.0123", "0.0012", "0.0000"]);
    assert_eq!(show_spread(Spread::exactly(2e6), 1e-6), "2.00");
    let spread = Spread { low: 0.001, median: 0.002, high: 0.003 };
    assert_eq!(show_spread(spread, 1e3), "2.00 (1.00–3.00)");
}
