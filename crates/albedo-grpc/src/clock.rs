//! The time of day, which these messages have where others have durations.

use std::time::SystemTime;

/// Now.
#[expect(clippy::disallowed_methods, reason = "a time for people, compared with nothing")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
