//! `albedo man`: manual pages, made from the command line's own description.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _};

use crate::cli::Cli;

/// Where the pages go.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder: a page for the program and one for each command, `albedo-get-peers.1` and so on.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
}

/// Writes the pages.
pub(crate) fn run(args: &ManArgs) -> Result<ExitCode> {
    let folder = &args.out;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    write(folder)?;
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path) -> Result<()> {
    let command = Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, folder).with_context(|| folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        for page in ["albedo", "albedo-run", "albedo-get-peers", "albedo-reset-peer"] {
            let text = std::fs::read_to_string(folder.path().join(format!("{page}.1"))).unwrap();
            assert!(text.contains(".TH "), "{page}");
        }
    }
}
