//! A scenario played as often as wanted, and all that is said and written of it.
//!
//! Exit codes: 0, every table was exact and no threshold was met; 1, a table was not exact or
//! something went wrong on the way; 99, a threshold was met; 2, what was asked for cannot be
//! done, or a threshold names a figure that is not there. 1 wins over 2, and 2 over 99.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;

use anyhow::{Context as _, Error};

use crate::cli::Common;
use crate::outcome::Outcome;
use crate::report::{Report, html};
use crate::threshold::{Verdict, judge_all};

/// A table was not exact, or something went wrong on the way.
pub const EXIT_WRONG: u8 = 1;
/// What was asked for cannot be done.
pub const EXIT_USAGE: u8 = 2;
/// A threshold was met.
pub const EXIT_THRESHOLD: u8 = 99;

/// The exit code of a result.
#[must_use]
pub fn exit_code(is_good: bool, wrong: &[String], verdicts: &[Verdict]) -> u8 {
    if !is_good {
        EXIT_WRONG
    } else if !wrong.is_empty() {
        EXIT_USAGE
    } else if verdicts.iter().any(|verdict| verdict.is_met) {
        EXIT_THRESHOLD
    } else {
        0
    }
}

/// Plays a scenario as often as wanted, and tells what came of it; `once` plays it once.
///
/// # Errors
/// Where a run could not be done, or a result not be written.
pub fn repeat(
    scenario: &'static str,
    common: &Common,
    mut once: impl FnMut() -> anyhow::Result<Outcome>,
) -> anyhow::Result<ExitCode> {
    common.check().map_err(Error::msg)?;
    for path in common.json.iter().chain(&common.report) {
        check_writable(path)?;
    }
    let mut report = Report::new(scenario, common.target.to_string(), common.seed);
    for n in 0..common.repeat {
        if n > 0 {
            sleep(common.pause);
        }
        report.runs.push(once().context("the run could not be done")?);
    }
    let (verdicts, wrong) = judge_all(&common.fail_if, &report.figures());
    report.thresholds = verdicts;
    let mut out = io::stdout().lock();
    write!(out, "{scenario} against {}\n{}", report.target, report.summary())?;
    tell_wrong(&wrong)?;
    if let Some(path) = &common.json {
        report.write_json(path).with_context(|| cannot_write(path))?;
    }
    if let Some(path) = &common.report {
        std::fs::write(path, html::page(&report)).with_context(|| cannot_write(path))?;
    }
    Ok(ExitCode::from(exit_code(report.is_good(), &wrong, &report.thresholds)))
}

/// Says what is wrong with thresholds.
///
/// # Errors
/// Where standard error is closed.
pub fn tell_wrong(wrong: &[String]) -> io::Result<()> {
    let mut err = io::stderr();
    wrong.iter().try_for_each(|words| writeln!(err, "error: --fail-if {words}"))
}

/// Finds out before a long run whether its result can be written; what is there stays.
fn check_writable(path: &Path) -> anyhow::Result<()> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map(drop).with_context(|| cannot_write(path))
}

/// The words for a file that cannot be written.
#[must_use]
pub fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::{check_writable, exit_code};
    use crate::outcome::Unit;
    use crate::threshold::Verdict;

    #[test]
    fn wrong_tables_win_over_everything() {
        let verdict = |is_met| Verdict {
            threshold: "wall > 1".to_owned(),
            figure: "wall".to_owned(),
            value: 1.0,
            unit: Unit::Seconds,
            is_met,
        };
        let (met, wrong) = ([verdict(false), verdict(true)], ["no such figure".to_owned()]);
        assert_eq!(exit_code(true, &[], &[verdict(false)]), 0);
        assert_eq!(exit_code(true, &[], &met), 99);
        assert_eq!(exit_code(true, &wrong, &met), 2);
        assert_eq!(exit_code(false, &wrong, &met), 1);
    }

    #[test]
    fn a_result_that_cannot_be_written_is_found_early_and_an_old_one_stays() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("old");
        std::fs::write(&path, "old").expect("writable");
        assert!(check_writable(&path).is_ok());
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), "old");
        let error = check_writable(&dir.path().join("none/x")).unwrap_err().to_string();
        assert!(error.contains("cannot write") && error.contains("none/x"), "{error}");
    }
}
