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
mod picture;
mod race;
mod repo;
mod rfc;
mod run;
mod tidy;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::repo::Repo;

/// The automation of this repository.
#[derive(Debug, Parser)]
#[command(name = "xtask", about = "Test, lint and installation automation")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
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
    /// Which tests show which requirement of docs/REQUIREMENTS.md
    Rfc {
        /// Fail where a requirement has no test
        #[arg(long)]
        check: bool,
    },
    /// Installs what the tests against real peers need
    Install,
    /// Plays the demo and draws docs/img/demo.svg of it; `ALBEDO_BIN` is the program, if it is set
    Picture,
    /// Races Albedo against other daemons; takes the race's own arguments, `--help` tells them
    #[command(disable_help_flag = true)]
    Race {
        /// Passed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let repo = Repo::here();
    let outcome = match cli.command {
        Command::Test => check::test(&repo),
        Command::Tidy => tidy::run(&repo),
        Command::Deny => check::deny(&repo),
        Command::Counts { record } => counts::run(&repo, record),
        Command::Rfc { check } => rfc::run(&repo, check),
        Command::Install => install::run(&repo),
        Command::Picture => picture::run(&repo),
        Command::Race { arguments } => race::run(&repo, &arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cli, Command};
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_race_gets_its_arguments_as_they_are() {
        Cli::command().debug_assert();
        let line = ["xtask", "race", "--rounds", "1", "--help"];
        let cli = Cli::try_parse_from(line).expect("arguments of a race");
        let Command::Race { arguments } = cli.command else { panic!("{cli:?}") };
        assert_eq!(arguments, ["--rounds", "1", "--help"]);
    }
}
