//! Test, lint and installation automation: `cargo xtask <command>`.
//!
//! One program instead of scripts, so that what a developer types and what the continuous
//! integration runs are the same thing.
//! The commands share one rule: whatever is left out is said, with the reason, and with
//! `CI=true` nothing is left out.

#![forbid(unsafe_code)]

mod check;
mod counts;
mod install;
mod repo;
mod run;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::repo::Repo;

/// The automation of this repository.
#[derive(Parser)]
#[command(name = "xtask", about = "Test, lint and installation automation")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that must hold: format, lints, tidy, dependencies, build, every test
    Test,
    /// The rules of this repository that no other tool checks
    Tidy,
    /// Licences, bans and sources of the dependencies (needs cargo-deny)
    Deny,
    /// Instructions of the data path's workloads, against the recorded ones (needs valgrind)
    Counts {
        /// Write what was counted to benches/counts.json instead of failing
        #[arg(long)]
        record: bool,
    },
    /// Installs what the tests against real peers need
    Install,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let repo = Repo::here();
    let outcome = match cli.command {
        Command::Test => check::test(&repo),
        Command::Tidy => tidy::run(&repo),
        Command::Deny => check::deny(&repo),
        Command::Counts { record } => counts::run(&repo, record),
        Command::Install => install::run(&repo),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
