//! `albedo import`: what another daemon does, in our words.

mod bird;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use albedo_config::{Surroundings, parse};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::cli;

/// Of which daemon. Files alone are BIRD's.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    bird: BirdArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read a reflector's configuration of BIRD 1.6 or 2 and print ours.
    ///
    /// What could not be taken over is told with its line, and nothing else is changed on the way.
    ///
    /// Exit code 0 where all was taken over, 3 where something was left out, 1 where it could not
    /// be read.
    Bird(BirdArgs),
}

/// What to read, and where passwords go.
#[derive(Debug, Args)]
struct BirdArgs {
    /// The files that BIRD is started with; of a reflector for both families, bird.conf and
    /// bird6.conf.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A folder for passwords, each in a file that only its owner can read. Without it they are
    /// left out; they are never printed.
    #[arg(long, value_name = "FOLDER")]
    passwords: Option<PathBuf>,
}

/// Something was left out.
const LEFT_OUT: u8 = 3;

pub(crate) fn run(args: &ImportArgs) -> Result<ExitCode> {
    match &args.command {
        Some(Command::Bird(args)) => run_bird(args),
        None => run_bird(&args.bird),
    }
}

fn run_bird(args: &BirdArgs) -> Result<ExitCode> {
    let folder = args.passwords.as_deref().map(made).transpose()?;
    let imported = bird::import(&args.files, folder.as_deref()).map_err(anyhow::Error::msg)?;
    for (path, password) in &imported.passwords {
        keep(path, password).with_context(|| path.display().to_string())?;
    }
    // What the environment of this moment says is no part of it.
    let surroundings = Surroundings { overrides: Vec::new(), cores: 1 };
    if let Err(faults) = parse("what was read", &imported.text, Path::new(""), &surroundings) {
        bail!("what was read is no configuration of ours\n{faults}");
    }
    for line in &imported.left_out {
        cli::complain(line);
    }
    cli::answer(imported.text.trim_end());
    Ok(if imported.left_out.is_empty() { ExitCode::SUCCESS } else { LEFT_OUT.into() })
}

/// The folder with its whole name, as the configuration may come to lie anywhere.
fn made(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)
        .and_then(|()| folder.canonicalize())
        .with_context(|| folder.display().to_string())
}

/// Writes a file that was not there, or has the same in it.
fn keep(path: &Path, password: &str) -> Result<()> {
    let line = format!("{password}\n");
    if path.exists() {
        if fs::read_to_string(path)? == line {
            return Ok(());
        }
        bail!("it is there already, with something else in it");
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    Ok(())
}
