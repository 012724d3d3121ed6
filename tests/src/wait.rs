//! Waiting for what comes about in its own time: short steps, a generous limit, no fixed sleep.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The longest that any condition is waited for, unless `ALBEDO_TEST_PATIENCE` says another
/// number of seconds. Daemons back off for tens of seconds, and a loaded machine is slow; a test
/// that passes never comes near it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two looks.
const STEP: Duration = Duration::from_millis(50);

/// How long to wait for a condition before giving up.
#[must_use]
pub fn patience() -> Duration {
    let seconds = env::var("ALBEDO_TEST_PATIENCE").ok().and_then(|text| text.parse().ok());
    seconds.map_or(PATIENCE, Duration::from_secs)
}

/// Looks until `probe` succeeds, and hands on what it found.
///
/// # Errors
/// The last error of `probe` when [`patience`] is over.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let limit = patience();
    loop {
        match probe() {
            Ok(found) => return Ok(found),
            Err(error) if start.elapsed() > limit => {
                return Err(error)
                    .with_context(|| format!("{what}: not within {} s", limit.as_secs()));
            }
            Err(_) => thread::sleep(STEP),
        }
    }
}

/// Tells the person who reads a test's output something that is no failure by itself.
pub fn tell(line: &str) {
    eprintln!("{line}");
}
