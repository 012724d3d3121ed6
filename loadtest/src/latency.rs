//! Distributions of latencies: recorded in an HDR histogram, kept as its non-empty buckets.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Significant decimal digits kept of a latency.
const DIGITS: u8 = 3;
/// The longest latency told apart, in microseconds: an hour. Longer ones count as that.
const MICROS_MAX: u64 = 3_600_000_000;

/// The ranks that are told, with the share of latencies that do not exceed them.
pub const RANKS: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// Takes latencies in.
#[derive(Clone, Debug)]
pub struct Recorder {
    histogram: Histogram<u64>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// An empty one.
    ///
    /// # Panics
    /// Never: the bounds are constants that the histogram takes.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "constant bounds, reached by a test")]
    pub fn new() -> Self {
        Self { histogram: Histogram::new_with_bounds(1, MICROS_MAX, DIGITS).unwrap() }
    }

    /// Takes a latency in; a microsecond is the least.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(MICROS_MAX);
        self.histogram.saturating_record(micros.clamp(1, MICROS_MAX));
    }

    /// Takes in what another one has.
    ///
    /// # Panics
    /// Never: all have the same bounds.
    #[expect(clippy::unwrap_used, reason = "the same bounds, reached by a test")]
    pub fn add(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).unwrap();
    }

    /// Forgets all that was taken in.
    pub fn clear(&mut self) {
        self.histogram.reset();
    }

    /// Latencies taken in.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// A quantile; `None` where nothing was taken in.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let value = || Duration::from_micros(self.histogram.value_at_quantile(quantile));
        (self.count() > 0).then(value)
    }

    /// What is kept of it.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let buckets = self.histogram.iter_recorded();
        Latency {
            buckets: buckets.map(|one| (one.value_iterated_to(), one.count_at_value())).collect(),
        }
    }
}

/// A distribution: how often each latency occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Microseconds and how often, ascending; what is equal in three digits is one bucket.
    pub buckets: Vec<(u64, u64)>,
}

impl Latency {
    /// Latencies in it.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|&(_, count)| count).sum()
    }

    /// The latency in seconds that a share of all does not exceed; `None` where there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are far below 2^52, shares between 0 and 1"
        )]
        let rank = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let reached = self.buckets.iter().find(|&&(_, count)| {
            seen += count;
            seen >= rank
        });
        #[expect(clippy::cast_precision_loss, reason = "an hour at most")]
        reached.map(|&(micros, _)| micros as f64 / 1e6)
    }

    /// The ranks that are told, in seconds; none where nothing was recorded.
    #[must_use]
    pub fn ranks(&self) -> Vec<(&'static str, f64)> {
        let told = |(name, share)| Some((name, self.quantile(share)?));
        RANKS.into_iter().filter_map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{MICROS_MAX, Recorder};
    use std::time::Duration;

    #[test]
    fn the_kept_form_has_the_recorders_quantiles() {
        let mut recorder = Recorder::new();
        for n in 1..=1000u64 {
            recorder.record(Duration::from_micros(n * 10));
        }
        let latency = recorder.latency();
        assert_eq!((recorder.count(), latency.count()), (1000, 1000));
        for share in [0.001, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let (a, b) = (recorder.quantile(share), latency.quantile(share));
            let (a, b) = (a.expect("recorded").as_secs_f64(), b.expect("recorded"));
            assert!((a - b).abs() <= a / 500.0, "{share}: {a} {b}");
        }
        let ranks = latency.ranks();
        assert_eq!(ranks[0].0, "p50");
        assert!((ranks[4].1 - 0.01).abs() < 0.000_05);
    }

    #[test]
    fn nothing_recorded_has_no_quantile_and_too_long_counts_as_longest() {
        let mut recorder = Recorder::default();
        assert!(recorder.quantile(0.5).is_none() && recorder.latency().ranks().is_empty());
        recorder.record(Duration::from_millis(1));
        let mut sum = Recorder::new();
        sum.add(&recorder);
        sum.add(&recorder);
        assert_eq!((sum.count(), sum.latency().ranks()[0].0), (2, "p50"));
        recorder.clear();
        assert!(recorder.quantile(0.5).is_none());
        recorder.record(Duration::from_secs(100_000));
        recorder.record(Duration::ZERO);
        assert_eq!(recorder.count(), 2);
        let max = recorder.quantile(1.0).expect("recorded").as_micros() as u64;
        assert!((MICROS_MAX..MICROS_MAX + MICROS_MAX / 500).contains(&max));
    }
}
