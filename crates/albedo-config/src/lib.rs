//! Configuration files to plain settings, with diagnostics that point at the line.
//!
//! The way of a file: text, then a tree that knows its places ([`node`]), then the environment's
//! overrides ([`env`]), then the schema, which reports every fault it meets and goes on.
//! What comes out knows nothing of files.

pub mod defaults;
mod env;
mod fields;
mod kinds;
mod redact;
mod schema;
mod settings;

use std::path::Path;
use std::{fs, io, thread};

use albedo_yaml::{diagnostic, node, suggest};
use diagnostic::{Fault, Place, Report};

pub use diagnostic::{Diagnostic, Diagnostics};
pub use env::{Override, VARIABLES, Variable, env_overrides};
pub use redact::{REDACTED, without_secrets};
pub use settings::{
    Admin, AdminSocket, BirdDialect, BirdSockets, Calico, CalicoDatastore, CalicoExport,
    CalicoGuard, CalicoIdentity, CalicoRegister, Config, ExternalAddress, GracefulRestart, Grpc,
    IpamCheck, LimitAction, Limits, Log, LogFormat, LogLevel, MaxPrefixes, NextHopMode,
    POLICY_PREFIXES_MAX, POLICY_RULES_MAX, Pacing, Peer, PeerAs, PeerGroup, PeerSettings, Restart,
    Secret, Shutdown, ShutdownMode,
};

/// The largest configuration file, in octets: a hundred thousand peers in a few lines each.
pub const FILE_MAX: u64 = 16 * 1024 * 1024;

/// What a configuration depends on besides its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Settings from the environment, which win over the file's.
    pub overrides: Vec<Override>,
    /// Cores of the machine, for the default of `shards`; at least one.
    pub cores: usize,
}

impl Surroundings {
    /// This process's environment and this machine's cores.
    #[must_use]
    pub fn here() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            overrides: env_overrides(variables),
            cores: thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Reads a file, with the environment's settings laid over it.
///
/// # Errors
///
/// Every fault of the file, and of the files it names, at once.
pub fn load(path: &Path) -> Result<Config, Diagnostics> {
    load_in(path, &Surroundings::here())
}

/// The same with the surroundings handed in.
///
/// # Errors
///
/// As [`load`].
pub fn load_in(path: &Path, surroundings: &Surroundings) -> Result<Config, Diagnostics> {
    let name = path.display().to_string();
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let fault = match read(path) {
        Ok(octets) => match String::from_utf8(octets) {
            Ok(text) => return parse(&name, &text, folder, surroundings),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = &error.as_bytes()[..valid];
                let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
                let place = Place { line, column: 1, ..Place::default() };
                (place, Fault::new("octets that are no UTF-8", "UTF-8"))
            }
        },
        Err(fault) => (Place::default(), fault),
    };
    let mut report = Report::new(&name, "");
    report.fault(fault.0, "", fault.1);
    report.finish(None)
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    use io::Read;
    let allowed = format!("a readable file of at most {} MiB", FILE_MAX >> 20);
    let mut octets = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut octets))
        .map_err(|error| Fault::new(error.to_string(), &*allowed))?;
    if octets.len() as u64 > FILE_MAX {
        return Err(Fault::new("a larger file", allowed));
    }
    Ok(octets)
}

/// Reads a text.
///
/// `name` is what diagnostics call it; names of files in it start at `folder`.
///
/// # Errors
///
/// Every fault at once.
pub fn parse(
    name: &str,
    text: &str,
    folder: &Path,
    surroundings: &Surroundings,
) -> Result<Config, Diagnostics> {
    let mut report = Report::new(name, text);
    let config = node::parse(text, &mut report).and_then(|mut root| {
        env::apply(&mut root, &surroundings.overrides);
        let world = schema::World { folder, cores: surroundings.cores };
        schema::read(&root, &world, &mut report)
    });
    report.finish(config)
}

#[cfg(test)]
mod tests;
