//! Time as the core sees it: handed in, never read.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// Nanoseconds since the program started, on a clock that never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The start of the program.
    pub const ZERO: Self = Self(0);
    /// Later than any other; a deadline that is never reached.
    pub const NEVER: Self = Self(u64::MAX);

    /// From nanoseconds since the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it was not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// A hold time (RFC 4271 §4.2): off, or at least three seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldTime(u16);

/// A hold time of one or two seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHoldTime(pub u16);

impl fmt::Display for InvalidHoldTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hold time of {} s: expected 0, or 3 to 65535 s", self.0)
    }
}

impl core::error::Error for InvalidHoldTime {}

impl HoldTime {
    /// No hold timer and no keepalives.
    pub const OFF: Self = Self(0);
    /// What RFC 4271 §10 suggests: 90 s.
    pub const DEFAULT: Self = Self(90);

    /// From whole seconds.
    ///
    /// # Errors
    ///
    /// One and two seconds are not allowed (RFC 4271 §6.2).
    pub const fn from_secs(secs: u16) -> Result<Self, InvalidHoldTime> {
        match secs {
            1 | 2 => Err(InvalidHoldTime(secs)),
            _ => Ok(Self(secs)),
        }
    }

    /// In seconds; 0 where it is off.
    #[must_use]
    pub const fn as_secs(self) -> u16 {
        self.0
    }

    /// As a duration, unless it is off.
    #[must_use]
    pub const fn duration(self) -> Option<Duration> {
        if self.0 == 0 { None } else { Some(Duration::from_secs(self.0 as u64)) }
    }

    /// What two speakers agree on: the smaller (RFC 4271 §4.2); off wins.
    #[must_use]
    pub const fn negotiate(self, other: Self) -> Self {
        if self.0 < other.0 { self } else { other }
    }
}

impl fmt::Display for HoldTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("off") } else { write!(f, "{} s", self.0) }
    }
}

#[cfg(test)]
mod tests;
