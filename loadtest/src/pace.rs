//! A schedule that does not wait for anybody: an open loop.
//!
//! Something falls due at instants that are fixed beforehand. Whoever measures from those instants
//! counts the time that the generator or the target were behind too; a schedule that waited for
//! answers would leave it out.

use std::time::{Duration, Instant};

/// Things a second that a schedule may hold.
pub const RATE_MAX: f64 = 1e6;

/// A schedule: so many things a second, singly or several at once.
#[derive(Clone, Debug)]
pub struct Pace {
    begin: Instant,
    /// Seconds between two bursts.
    every: f64,
    burst: u64,
    taken: u64,
}

impl Pace {
    /// `rate` things a second on average from `begin` on, `burst` at a time.
    ///
    /// # Panics
    /// Where the rate is not above 0 and at most [`RATE_MAX`], or a burst is empty: the command
    /// line is checked.
    #[must_use]
    pub fn new(begin: Instant, rate: f64, burst: u32) -> Self {
        assert!(rate > 0.0 && rate <= RATE_MAX && burst > 0, "{rate} a second, {burst} at once");
        Self { begin, every: f64::from(burst) / rate, burst: burst.into(), taken: 0 }
    }

    /// When the next thing is to happen.
    #[must_use]
    pub fn next(&self) -> Instant {
        #[expect(clippy::cast_precision_loss, reason = "below 2^52 in all the time there is")]
        let bursts = (self.taken / self.burst) as f64;
        self.begin + Duration::try_from_secs_f64(bursts * self.every).unwrap_or(Duration::MAX / 4)
    }

    /// Takes the next thing, where it is due before `end` and by now; returns when it was due.
    pub fn take(&mut self, now: Instant, end: Instant) -> Option<Instant> {
        let next = self.next();
        if next > now || next >= end {
            return None;
        }
        self.taken += 1;
        Some(next)
    }

    /// Things taken so far.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Leaves out what would have been due before `now`: the schedule goes on from there.
    pub fn skip_to(&mut self, now: Instant) {
        self.begin += now.saturating_duration_since(self.next());
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_late_is_due_at_its_own_instant_all_the_same() {
        let begin = Instant::now();
        let end = begin + Duration::from_secs(1);
        let mut pace = Pace::new(begin, 50.0, 1);
        assert_eq!(pace.take(begin, end), Some(begin));
        assert_eq!(pace.take(begin, end), None);
        assert_eq!(pace.next(), begin + Duration::from_millis(20));
        // Half a second in which nobody looked.
        let now = begin + Duration::from_millis(500);
        let due: Vec<Instant> = std::iter::from_fn(|| pace.take(now, end)).collect();
        assert_eq!(due.len(), 25);
        assert!(due.is_sorted_by(|a, b| *b - *a == Duration::from_millis(20)));
        assert_eq!(due[0], begin + Duration::from_millis(20));
        let all = std::iter::from_fn(|| pace.take(end, end)).count();
        assert_eq!((all, pace.taken()), (24, 50), "the end itself does not belong to it");
    }

    #[test]
    fn bursts_keep_the_average_and_odd_rates_do_not_drift() {
        let begin = Instant::now();
        let end = begin + Duration::from_secs(3600);
        let mut pace = Pace::new(begin, 100.0, 25);
        let due: Vec<Instant> = std::iter::from_fn(|| pace.take(end, end)).take(50).collect();
        assert!(due[..25].iter().all(|&at| at == begin));
        assert!(due[25..].iter().all(|&at| at == begin + Duration::from_millis(250)));
        for rate in [0.1, 3.0, 333.3] {
            let mut pace = Pace::new(begin, rate, 1);
            let count = std::iter::from_fn(|| pace.take(end, end)).count();
            assert_eq!(count as f64, (rate * 3600.0).ceil(), "{rate}");
        }
    }

    #[test]
    fn what_was_skipped_is_not_due_any_more() {
        let begin = Instant::now();
        let end = begin + Duration::from_secs(3600);
        let mut pace = Pace::new(begin, 10.0, 1);
        assert!(pace.take(begin, end).is_some());
        let now = begin + Duration::from_secs(5);
        pace.skip_to(now);
        assert_eq!(pace.next(), now);
        assert_eq!(std::iter::from_fn(|| pace.take(now, end)).count(), 1);
        pace.skip_to(begin);
        assert_eq!(pace.next(), now + Duration::from_millis(100));
    }
}
