//! `albedo run`: from the configuration to a running reflector.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::{self, ConfigArgs};
use crate::logging;

/// Runs until told to stop.
pub(crate) fn run(args: &ConfigArgs) -> Result<ExitCode> {
    let config = match albedo_config::load(&args.config) {
        Ok(config) => config,
        Err(faults) => {
            cli::complain(&faults.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    let _level = logging::start(config.log)?;
    bail!("no reflector in this build");
}
