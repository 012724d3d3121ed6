//! How long a peer that broke a session is kept away.
//!
//! Each failure in a row doubles the time. A peer that sends something malformed, reconnects and
//! does it again would otherwise cost us, and everyone behind us, a full table each few seconds.

use core::time::Duration;

use albedo_types::{Instant, Rng};

use crate::timer::jittered;

/// How long after an idle hold has ended without another failure the count is forgotten.
pub(crate) const FORGET_AFTER: Duration = Duration::from_secs(300);

/// Failures in a row, and when they stop to count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    forget_at: Instant,
}

impl Backoff {
    /// Another failure: how long to keep away, doubled from `min` up to `max` and jittered.
    pub(crate) fn fail(
        &mut self,
        now: Instant,
        (min, max): (Duration, Duration),
        rng: &mut Rng,
    ) -> Instant {
        if now >= self.forget_at {
            self.failures = 0;
        }
        let doubled = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let until = now + jittered(min.saturating_mul(doubled).min(max), rng);
        self.forget_at = until + FORGET_AFTER;
        until
    }

    /// An end that needs a pause, but says nothing of the next attempt.
    pub(crate) fn pause(now: Instant, min: Duration, rng: &mut Rng) -> Instant {
        now + jittered(min, rng)
    }

    /// Failures in a row.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// From when on the count is forgotten; long ago if there was no failure.
    pub(crate) const fn forget_at(&self) -> Instant {
        self.forget_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_secs(5);
    const MAX: Duration = Duration::from_secs(60);

    fn near(until: Instant, now: Instant, secs: u64) -> bool {
        let whole = Duration::from_secs(secs);
        let held = until - now;
        held <= whole && held >= whole * 3 / 4
    }

    #[test]
    fn doubles_up_to_the_limit_and_stays_there() {
        let mut backoff = Backoff::default();
        let mut rng = Rng::new(7);
        let mut now = Instant::ZERO;
        for secs in [5, 10, 20, 40, 60, 60, 60] {
            let until = backoff.fail(now, (MIN, MAX), &mut rng);
            assert!(near(until, now, secs), "{secs} s");
            now = until;
        }
        for _ in 0..100 {
            let until = backoff.fail(now, (MIN, MAX), &mut rng);
            assert!(near(until, now, 60));
            now = until;
        }
        assert_eq!(backoff.failures(), 107);
    }

    #[test]
    fn a_good_while_wipes_the_slate() {
        let mut backoff = Backoff::default();
        let mut rng = Rng::new(7);
        backoff.fail(Instant::ZERO, (MIN, MAX), &mut rng);
        let still = Instant::from_nanos(backoff.forget_at().as_nanos() - 1);
        let until = backoff.clone().fail(still, (MIN, MAX), &mut rng);
        assert!(near(until, still, 10));
        let later = backoff.forget_at();
        let until = backoff.fail(later, (MIN, MAX), &mut rng);
        assert!(near(until, later, 5));
    }
}
