//! `cargo xtask test` and `cargo xtask deny`: what must hold before anything lands.
//!
//! A step that fails does not stop the ones that do not build on it, so one run shows all there
//! is to repair.

mod summary;

use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::counts;
use crate::install::{self, Peers};
use crate::repo::{Repo, is_ci};
use crate::run::{run, run_watched, say};
use crate::tidy;
use summary::Summary;

/// The cargo profile of everything that is built here: one build serves the lints' build
/// scripts, the tests and the program under test.
const PROFILE: &str = "ci";
/// The cargo-deny that is installed where one is needed.
const DENY_VERSION: &str = "0.20.2";

/// What became of each step.
#[derive(Default)]
struct Report {
    failed: Vec<String>,
    left_out: Vec<String>,
}

impl Report {
    fn step(&mut self, name: &str, outcome: Result<()>) -> bool {
        match outcome {
            Ok(()) => true,
            Err(error) => {
                say(&format!("xtask: {name} FAILED: {error:#}"));
                self.failed.push(name.to_owned());
                false
            }
        }
    }

    fn leave_out(&mut self, what: &str, why: &str) {
        say(&format!("xtask: LEFT OUT: {what}: {why}"));
        self.left_out.push(format!("{what}: {why}"));
    }

    fn close(&self, summary: &Summary) -> Result<()> {
        say("");
        for line in &self.left_out {
            say(&format!("xtask: left out: {line}"));
        }
        for line in summary.lines() {
            say(&line);
        }
        if self.failed.is_empty() {
            say("xtask: all checks passed");
            return Ok(());
        }
        bail!("failed: {}", self.failed.join(", "))
    }
}

/// Runs every check.
///
/// # Errors
/// When any of them fails; with `CI=true` also when any cannot be run.
pub(crate) fn test(repo: &Repo) -> Result<()> {
    let mut report = Report::default();
    report.step("fmt", run(repo.cargo().args(["fmt", "--all", "--check"])));
    report.step("tidy", tidy::run(repo));
    if has_subcommand(repo, "deny") {
        report.step("deny", deny(repo));
    } else if is_ci() {
        // Not a Debian package, and minutes to compile: only where nothing may be left out.
        report.step("deny", run(&mut install_deny(repo)).and_then(|()| deny(repo)));
    } else {
        report.leave_out("deny", "cargo-deny is not installed");
    }
    let peers = install::ensure(repo);
    let peers = match peers {
        Ok(Peers::Ready) => true,
        Ok(Peers::Missing(why)) if !is_ci() => {
            report.leave_out("tests against real peers", &why);
            false
        }
        Ok(Peers::Missing(why)) => report.step("install", Err(anyhow::anyhow!(why))),
        Err(error) => report.step("install", Err(error)),
    };
    report.step("clippy", run(&mut clippy(repo)));
    let mut summary = Summary::default();
    if report.step("build", run(&mut build(repo))) {
        let watched = Mutex::new(Summary::default());
        let outcome = tests(repo, peers).and_then(|mut command| {
            run_watched(&mut command, |line| {
                if let Ok(mut summary) = watched.lock() {
                    summary.see(line);
                }
            })
        });
        report.step("tests", outcome);
        summary = watched.into_inner().unwrap_or_default();
        if summary.executed() == 0 {
            report.step("tests", Err(anyhow::anyhow!("the runner executed no test")));
        }
    } else {
        report.leave_out("tests", "the build failed");
    }
    match counts::obstacle().filter(|_| !is_ci()) {
        Some(why) => report.leave_out("counts", &why),
        None => {
            report.step("counts", counts::run(repo, false));
        }
    }
    report.close(&summary)
}

/// Checks licences, bans and sources of the dependencies.
///
/// # Errors
/// When cargo-deny is not installed, or has something to say.
pub(crate) fn deny(repo: &Repo) -> Result<()> {
    if !has_subcommand(repo, "deny") {
        bail!("cargo-deny is not installed: cargo install cargo-deny --locked");
    }
    run(repo.cargo().args(["deny", "check", "licenses", "bans", "sources"]))
}

fn install_deny(repo: &Repo) -> Command {
    let mut command = repo.cargo();
    command.args(["install", "--quiet", "--locked", "--version", DENY_VERSION, "cargo-deny"]);
    command
}

fn clippy(repo: &Repo) -> Command {
    let mut command = repo.cargo();
    command.args(["clippy", "--profile", PROFILE, "--workspace", "--all-targets"]);
    command.args(["--locked", "--", "--deny", "warnings"]);
    command
}

/// Builds the programs and the tests in one go: built one after the other, they would not agree
/// on the features of what they depend on, and much would be compiled twice.
fn build(repo: &Repo) -> Command {
    let mut command = repo.cargo();
    command.args(["build", "--profile", PROFILE, "--locked"]);
    command.args(["--workspace", "--bins", "--tests"]);
    command
}

/// The test runner's command; `peers` tells whether the scenarios against real peers can run.
fn tests(repo: &Repo, peers: bool) -> Result<Command> {
    let metadata = repo.metadata()?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target")?;
    let mut command = repo.cargo();
    if has_subcommand(repo, "nextest") {
        command.args(["nextest", "run", "--cargo-profile", PROFILE, "--workspace", "--locked"]);
        if !peers {
            command.args(["-E", "not (package(albedo-tests) and kind(test))"]);
        }
    } else {
        say("xtask: cargo-nextest is not installed, cargo test does its work");
        command.args(["test", "--profile", PROFILE, "--workspace", "--locked", "--no-fail-fast"]);
    }
    command.env("ALBEDO_BIN", format!("{target}/{PROFILE}/albedo"));
    command.env("ALBEDO_CACHE", repo.cache());
    // Errors that scenarios expect to be none are shown as text, without a stack for each.
    command.env("RUST_LIB_BACKTRACE", "0");
    if peers {
        // What was promised to run must not skip itself quietly.
        command.env("ALBEDO_TESTS_REQUIRED", "1");
    }
    Ok(command)
}

fn has_subcommand(repo: &Repo, name: &str) -> bool {
    repo.cargo().args([name, "--version"]).output().is_ok_and(|output| output.status.success())
}
