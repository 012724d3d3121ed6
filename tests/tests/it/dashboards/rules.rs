//! Alerts and recording rules: promtool's opinion, their own tests, and the runbook.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use albedo_tests::lab::Lab;
use albedo_tests::process::output;
use albedo_tests::tools::peer_program;
use anyhow::{Context as _, Result, ensure};

use super::{folder, read};

const PROMTOOL: (&str, &str) = ("prometheus", "usr/bin/promtool");

/// Names behind a key at the beginning of lines.
fn named<'t>(text: &'t str, key: &str) -> BTreeSet<&'t str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(key)).map(str::trim).collect()
}

#[test]
fn promtool_takes_the_rules_and_their_tests_pass() {
    let Some(_lab) = Lab::needing("promtool_takes_the_rules", &[PROMTOOL]) else { return };
    let promtool = peer_program(PROMTOOL.0, PROMTOOL.1).expect("promtool");
    let rules = folder().join("rules");
    for words in [["check", "rules", "albedo.rules.yml"], ["test", "rules", "albedo.test.yml"]] {
        output(Command::new(&promtool).current_dir(&rules).args(words)).expect("promtool");
    }
    // The shipped scrape configuration is one, and finds the rules.
    let words = ["check", "config", "prometheus.yml"];
    output(Command::new(&promtool).current_dir(folder()).args(words)).expect("promtool");
}

#[test]
fn every_alert_fires_in_one_test_and_not_in_another_and_has_a_page() {
    every_alert().expect("alerts");
}

fn every_alert() -> Result<()> {
    let rules = read("rules/albedo.rules.yml")?;
    let tests = read("rules/albedo.test.yml")?;
    let tests = named(&tests, "- name: ");
    let runbook = fs::read_to_string(folder().join("../docs/RUNBOOK.md")).context("RUNBOOK.md")?;
    let pages = named(&runbook, "## ");
    let alerts = named(&rules, "- alert: ");
    ensure!(alerts.len() >= 10, "{alerts:?}");
    for alert in &alerts {
        for what in ["fires", "does not"] {
            let name = format!("{alert} {what}");
            ensure!(tests.contains(&*name), "no test {name:?}");
        }
        let link = format!("runbook_url: docs/RUNBOOK.md#{}", alert.to_lowercase());
        ensure!(rules.contains(&link), "{alert}: no link to its page");
    }
    ensure!(alerts == pages, "{alerts:?} have pages {pages:?}");
    Ok(())
}
