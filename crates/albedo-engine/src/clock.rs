//! The one place where the engine reads a clock.

use std::sync::OnceLock;
use std::time::Instant as StdInstant;

use albedo_types::Instant;

static START: OnceLock<StdInstant> = OnceLock::new();

/// Now, on the program's monotonic clock; the first call is its zero.
#[must_use]
pub fn now() -> Instant {
    let start = START.get_or_init(StdInstant::now);
    Instant::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
