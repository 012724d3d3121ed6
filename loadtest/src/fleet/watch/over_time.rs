//! Latencies as time goes on, in stretches of one length, by when they ended. Stretches in which
//! none did are left out.

use std::time::{Duration, Instant};

use crate::latency::Recorder;
use crate::outcome::Window;

/// Stretches kept; what comes after the last one counts to it.
pub const WINDOWS_MAX: usize = 600;
/// The shortest stretch.
const WINDOW_MIN: Duration = Duration::from_millis(100);

/// Latencies in stretches of time.
#[derive(Clone, Debug)]
pub struct OverTime {
    begin: Instant,
    length: Duration,
    at: u32,
    current: Recorder,
    windows: Vec<Window>,
}

impl OverTime {
    /// None yet; a run from `begin` on is to take about as long as given.
    #[must_use]
    pub fn new(begin: Instant, expected: Duration) -> Self {
        let length = WINDOW_MIN.max(expected / WINDOWS_MAX as u32);
        Self { begin, length, at: 0, current: Recorder::new(), windows: Vec::new() }
    }

    /// Takes in a latency that ended now.
    pub fn record(&mut self, now: Instant, latency: Duration) {
        let passed = now.saturating_duration_since(self.begin).as_nanos() / self.length.as_nanos();
        let at = u32::try_from(passed).unwrap_or(u32::MAX).min(WINDOWS_MAX as u32 - 1);
        if at > self.at {
            self.finish();
            self.at = at;
        }
        self.current.record(latency);
    }

    /// All of them.
    #[must_use]
    pub fn close(mut self) -> Vec<Window> {
        self.finish();
        self.windows
    }

    fn finish(&mut self) {
        let quantile = |share| self.current.quantile(share).map(|latency| latency.as_secs_f64());
        if let (Some(p50), Some(p99), Some(max)) = (quantile(0.5), quantile(0.99), quantile(1.0)) {
            let at = (self.length * self.at).as_secs_f64();
            let count = self.current.count();
            self.windows.push(Window { at, count, p50, p99, max });
        }
        self.current.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{OverTime, WINDOWS_MAX};
    use std::time::{Duration, Instant};

    #[test]
    fn stretches_hold_what_ended_in_them_and_empty_ones_are_left_out() {
        let begin = Instant::now();
        let mut over_time = OverTime::new(begin, Duration::from_secs(10));
        for (at, latency) in [(0, 1), (99, 3), (100, 5), (950, 7), (10, 9)] {
            over_time.record(begin + Duration::from_millis(at), Duration::from_millis(latency));
        }
        let windows = over_time.close();
        let told: Vec<(u64, u64)> =
            windows.iter().map(|w| ((w.at * 1000.0).round() as u64, w.count)).collect();
        assert_eq!(told, [(0, 2), (100, 1), (900, 2)], "the clock never goes back");
        assert!((windows[0].p50 - 0.001).abs() < 1e-5 && (windows[0].max - 0.003).abs() < 1e-5);
    }

    #[test]
    fn a_run_of_any_length_has_a_bounded_number_of_stretches() {
        let begin = Instant::now();
        for expected in [Duration::ZERO, Duration::from_secs(3600)] {
            let mut over_time = OverTime::new(begin, expected);
            for second in 0..7200 {
                over_time.record(begin + Duration::from_secs(second), Duration::from_millis(1));
            }
            let windows = over_time.close();
            assert_eq!(windows.iter().map(|w| w.count).sum::<u64>(), 7200);
            assert!(windows.len() <= WINDOWS_MAX && windows.len() > 60, "{}", windows.len());
        }
    }
}
