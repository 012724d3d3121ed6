//! `cargo xtask race`: builds what is raced, as it ships, and starts the race with its arguments.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::repo::Repo;
use crate::run;

/// Runs the race; it says itself what it needs and who is not installed.
///
/// # Errors
/// When something cannot be built, or the race fails.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> Result<()> {
    // Not in the root, as other commands: files are named from where the user is.
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["run", "--quiet", "--release"]);
    command.arg("--manifest-path").arg(repo.root().join("Cargo.toml"));
    command.args(["-p", "albedo-benches", "--bin", "race", "--"]).args(arguments);
    run::run(command.env("ALBEDO_CACHE", repo.cache()))
}
