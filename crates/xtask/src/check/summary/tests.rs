//! Closing lines as the runners print them.

use super::Summary;

fn of(lines: &[&str]) -> Summary {
    let mut summary = Summary::default();
    for line in lines {
        summary.see(line);
    }
    summary
}

#[test]
fn nextest_summary_is_counted_and_kept() {
    let summary = of(&[
        "noise",
        "     Summary [   1.2s] 10 tests run: 7 passed (1 slow), 2 failed, 1 timed out, 3 skipped",
    ]);
    assert_eq!(summary.executed(), 10);
    let lines = summary.lines();
    assert!(lines[0].starts_with("Summary ["), "{lines:?}");
    assert_eq!(lines[1], "tests: 7 passed, 3 failed, 3 skipped");
}

#[test]
fn libtest_results_are_summed() {
    let summary = of(&[
        "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s",
        "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
    ]);
    assert_eq!(summary.lines(), ["tests: 5 passed, 1 failed, 1 skipped"]);
}

#[test]
fn single_processes_under_nextest_count_nothing() {
    let summary = of(&[
        "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out",
        "     Summary [   1.2s] 10 tests run: 9 passed, 1 failed, 0 skipped",
    ]);
    assert_eq!(summary.lines()[1], "tests: 9 passed, 1 failed, 0 skipped");
}

#[test]
fn colours_do_not_hide_the_summary() {
    let summary =
        of(&["\u{1b}[32;1m   Summary\u{1b}[0m [ 0.0s] \u{1b}[1m1\u{1b}[0m test run: 1 passed"]);
    assert_eq!(summary.executed(), 1);
}

#[test]
fn other_lines_count_nothing() {
    assert_eq!(of(&["12 passed, 0 failed", "Summary"]).executed(), 0);
}
