use std::path::PathBuf;

use super::*;
use crate::outcome::Outcome;
use crate::report::Report;

fn result(walls: &[f64], cpu: f64) -> Report {
    let run = |wall: &f64| Outcome {
        complete: true,
        seconds_to_last_exact: Some(*wall),
        target_cpu_seconds: Some(cpu),
        ..Outcome::default()
    };
    let runs = walls.iter().map(run).collect();
    Report { runs, ..Report::new("cluster", "127.0.0.1:179".to_owned(), 1) }
}

fn written(report: &Report) -> Written {
    let text = serde_json::to_string(report).expect("JSON");
    serde_json::from_str(&text).expect("what is written can be read")
}

fn ratio<'a>(comparison: &'a Comparison, name: &str) -> &'a Ratio {
    comparison.ratios.iter().find(|ratio| ratio.name == name).expect("a common figure")
}

#[test]
fn ratios_have_the_spread_of_both() {
    let (a, b) = (written(&result(&[2.0, 3.0, 4.0], 0.0)), written(&result(&[1.0, 1.5, 1.9], 0.0)));
    let comparison = Comparison::of(&a, &b);
    let wall = ratio(&comparison, "wall");
    assert_eq!((wall.ratio, wall.low, wall.high), (2.0, 2.0 / 1.9, 4.0));
    assert!(wall.differs);
    assert_eq!((ratio(&comparison, "cpu").ratio, ratio(&comparison, "cpu").differs), (1.0, false));
    let same = Comparison::of(&a, &a);
    assert!(same.ratios.iter().all(|ratio| !ratio.differs) && same.warnings.is_empty());
    let text = comparison.words();
    assert!(text.contains("wall") && text.contains("2 (1.053 to 4)") && text.contains("differs"));
}

#[test]
fn nothing_by_nothing_is_one_and_something_by_nothing_infinite() {
    let (a, b) = (written(&result(&[1.0], 0.5)), written(&result(&[1.0], 0.0)));
    let comparison = Comparison::of(&a, &b);
    assert_eq!(ratio(&comparison, "cpu").ratio, f64::INFINITY);
    assert!(comparison.words().contains('∞'));
    let json = serde_json::to_value(&comparison).expect("JSON");
    assert!(json["ratios"].as_array().is_some_and(|all| !all.is_empty()));
    assert_eq!(ratio(&Comparison::of(&b, &a), "cpu").ratio, 0.0);
}

#[test]
fn differences_of_circumstances_are_told() {
    let a = result(&[1.0, 1.0], 1.0);
    let mut b = result(&[1.0], 1.0);
    b.machine.processors += 1;
    b.scenario = "table";
    b.command =
        ["x", "table", "--nodes", "7", "--json", "other", "--pid=8"].map(String::from).into();
    b.runs[0].complete = false;
    let words = Comparison::of(&written(&a), &written(&b)).warnings.join("\n");
    for part in [
        "scenarios differ",
        "`table --nodes 7`",
        "machines differ",
        "1 of 1 runs of B",
        "no spread",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    // Where results go and how they are watched makes no difference.
    let mut c = result(&[1.0, 1.0], 1.0);
    let watched = ["--json=x", "--report", "y", "--fail-if", "a > 1", "--quiet", "--repeat", "9"];
    c.command.extend(watched.map(String::from));
    assert_eq!(Comparison::of(&written(&a), &written(&c)).warnings, Vec::<String>::new());
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn put(&self, name: &str, report: &Report) -> PathBuf {
        let path = self.0.path().join(name);
        report.write_json(&path).expect("writable");
        path
    }

    fn compare(&self, a: &Report, b: &Report, fail_if: &[&str]) -> ExitCode {
        let (a, b) = (self.put("a.json", a), self.put("b.json", b));
        let json = Some(self.0.path().join("c.json"));
        let fail_if = fail_if.iter().map(|text| text.parse().expect("a threshold")).collect();
        compare(&CompareArgs { a, b, fail_if, json }).expect("two results")
    }
}

#[test]
fn exit_codes_tell_what_came_of_it() {
    let folder = Folder(tempfile::tempdir().expect("temporary directory"));
    let (fast, slow) = (result(&[1.0, 1.2], 1.0), result(&[2.0, 2.4], 1.0));
    let code = ExitCode::from;
    let same = |a: ExitCode, b: ExitCode| assert_eq!(format!("{a:?}"), format!("{b:?}"));
    same(folder.compare(&slow, &fast, &["wall > 2.5", "min(wall) < 1"]), code(0));
    same(folder.compare(&slow, &fast, &["wall > 1.5"]), code(99));
    same(folder.compare(&slow, &fast, &["wall > 150%"]), code(99));
    same(folder.compare(&slow, &fast, &["max(wall) > 2.3"]), code(99));
    same(folder.compare(&fast, &slow, &["wall > 1"]), code(0));
    same(folder.compare(&slow, &fast, &["wal > 1"]), code(2));
    let mut failed = fast;
    failed.runs[0].complete = false;
    same(folder.compare(&slow, &failed, &["wall > 1.5"]), code(1));
    let text = fs::read_to_string(folder.0.path().join("c.json")).expect("written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["schema"], COMPARISON_SCHEMA);
    assert_eq!(json["thresholds"][0]["is_met"], true);
}

#[test]
fn what_is_no_result_is_refused_with_reasons() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let refused = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("writable");
        format!("{:#}", Written::read(&path).expect_err("it is no result"))
    };
    assert!(refused("a", "no JSON").contains("no result"));
    assert!(refused("b", "{}").contains("has no schema: expected albedo-loadtest/2"));
    assert!(refused("c", r#"{"schema":"albedo-loadtest/1"}"#).contains("albedo-loadtest/1"));
    assert!(refused("d", r#"{"schema":"albedo-loadtest/2"}"#).contains("missing field"));
    let no_runs = r#"{"schema":"albedo-loadtest/2","scenario":"x","command":[],"runs":[]}"#;
    assert!(refused("e", no_runs).contains("no runs"));
    assert!(Written::read(&dir.path().join("none")).is_err());
}
