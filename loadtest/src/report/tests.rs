use std::time::Duration;

use super::*;
use crate::latency::Recorder;
use crate::outcome::Mark;
use crate::threshold::judge_all;

pub(super) fn report(runs: Vec<Outcome>) -> Report {
    Report { runs, ..Report::new("cluster", "127.0.0.1:179".to_owned(), 1) }
}

#[test]
fn a_failed_run_fails_the_report_and_is_explained() {
    let good = Outcome { complete: true, seconds_to_last_exact: Some(1.0), ..Outcome::default() };
    let bad = Outcome { faults: vec!["10.1.0.1: x is missing".to_owned()], ..good.clone() };
    let bad = Outcome { complete: false, seconds_to_last_exact: Some(3.0), ..bad };
    assert!(report(vec![good.clone()]).is_good());
    assert!(!report(vec![]).is_good());
    assert_eq!(report(vec![]).summary(), "");
    let mixed = report(vec![good.clone(), bad, good]);
    assert!(!mixed.is_good());
    let text = mixed.summary();
    assert!(text.contains("1 s (1 s to 3 s)"), "{text}");
    assert!(text.contains("run 2 FAILED") && text.contains("x is missing"), "{text}");
}

#[test]
fn what_only_one_scenario_has_is_shown_by_name() {
    let mut recorder = Recorder::new();
    recorder.record(Duration::from_millis(2));
    let mut run = Outcome { complete: true, ..Outcome::default() };
    run.latencies.insert("first_receiver".to_owned(), recorder.latency());
    run.latencies.insert("nobody".to_owned(), Recorder::new().latency());
    run.extra.insert("wrongly_withdrawn".to_owned(), Figure::count(3));
    run.marks = (0..25).map(|n| Mark { at: f64::from(n), what: format!("step {n}") }).collect();
    let mut report = report(vec![run]);
    let conditions = ["wrongly_withdrawn > 2", "p99 > 1s"].map(|text| text.parse().expect("one"));
    let (verdicts, wrong) = judge_all(&conditions, &report.figures());
    assert_eq!((verdicts.len(), wrong.len()), (1, 1), "two distributions: p99 is not clear");
    report.thresholds = verdicts;
    let text = report.summary();
    for part in [
        "first receiver latency",
        "p50 2 ms, p90",
        "nothing recorded",
        "wrongly withdrawn           3\n",
        "at 19 s                     step 19\n",
        "and 5 events more",
        "FAILED  wrongly_withdrawn > 2 holds: it is 3\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_json_form_names_its_schema_and_has_figures() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("out.json");
    let run = Outcome { updates_in: 7, seconds_to_last_exact: Some(0.5), ..Outcome::default() };
    report(vec![run]).write_json(&path).expect("writable");
    let text = std::fs::read_to_string(path).expect("readable");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["schema"], SCHEMA);
    assert_eq!(value["runs"][0]["complete"], false);
    assert_eq!(value["runs"][0]["updates_in"], 7);
    assert_eq!(value["runs"][0]["figures"]["wall"]["value"], 0.5);
    assert_eq!(value["runs"][0]["figures"]["wall"]["unit"], "seconds");
    assert!(value["started"].as_str().is_some_and(|text| text.ends_with('Z')), "{text}");
    assert!(value["versions"]["rustc"].as_str().is_some_and(|text| text.starts_with("rustc ")));
    // What is written is read back by who knows the runs only.
    let run: Outcome = serde_json::from_value(value["runs"][0].clone()).expect("an outcome");
    assert_eq!(run.updates_in, 7);
}

#[test]
fn keys_are_left_out_of_the_command_line() {
    let line = ["x", "cluster", "--md5", "secret", "--seed", "2", "--md5=secret"];
    let line = without_keys(line.into_iter().map(str::to_owned));
    assert_eq!(line, ["x", "cluster", "--md5", "…", "--seed", "2", "--md5=…"]);
}
