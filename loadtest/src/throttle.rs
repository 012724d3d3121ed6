//! How fast a slow reader reads: a token bucket.

use std::time::{Duration, Instant};

/// What may be read at once after a long pause, as a time at the rate.
const SAVED_MAX: Duration = Duration::from_millis(200);

/// A limit on the octets that are read of one session.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    rate: u64,
    saved: u64,
    at: Instant,
}

impl Throttle {
    /// A limit of `rate` octets a second; 0 stops all reading.
    #[must_use]
    pub const fn new(rate: u64, now: Instant) -> Self {
        Self { rate, saved: 0, at: now }
    }

    /// How many octets may be read now.
    pub fn allowance(&mut self, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.at);
        let nanos = passed.min(SAVED_MAX).as_nanos();
        let earned = u64::try_from(u128::from(self.rate) * nanos / 1_000_000_000);
        let earned = earned.unwrap_or(u64::MAX);
        if earned > 0 {
            // While nothing whole was earned the time is not used up.
            self.at = now;
            let most = self.rate / (1000 / SAVED_MAX.as_millis() as u64);
            self.saved = self.saved.saturating_add(earned).min(most.max(1));
        }
        usize::try_from(self.saved).unwrap_or(usize::MAX)
    }

    /// Takes octets that were read off what may be read.
    pub const fn spend(&mut self, octets: u64) {
        self.saved = self.saved.saturating_sub(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::{SAVED_MAX, Throttle};
    use std::time::{Duration, Instant};

    #[test]
    fn no_more_is_read_than_the_rate_and_what_was_saved() {
        let begin = Instant::now();
        for rate in [7, 1000, 123_456_789] {
            let mut throttle = Throttle::new(rate, begin);
            let mut read = 0;
            for tick in 1..=2000u64 {
                let now = begin + Duration::from_millis(tick * 5);
                let allowed = throttle.allowance(now) as u64;
                throttle.spend(allowed);
                read += allowed;
            }
            let most = rate * 10;
            assert!(read <= most && read >= most - most / 5, "{rate}: {read} of {most}");
        }
    }

    #[test]
    fn a_pause_saves_only_so_much_and_a_rate_of_none_nothing() {
        let begin = Instant::now();
        let later = begin + Duration::from_secs(3600);
        let mut throttle = Throttle::new(1000, begin);
        assert_eq!(throttle.allowance(later) as u128, SAVED_MAX.as_millis());
        assert_eq!(throttle.allowance(later) as u128, SAVED_MAX.as_millis());
        assert_eq!(Throttle::new(0, begin).allowance(later), 0);
    }
}
