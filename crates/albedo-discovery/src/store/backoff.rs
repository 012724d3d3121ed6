//! How long to wait before something that failed is tried again.

use std::time::Duration;

use super::Pace;

/// Pauses that double up to a bound, each less a random part of up to a half, so that many who
/// lost the same server do not come back to it at once.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
    random: u64,
}

impl Backoff {
    /// `lane` makes those of one store differ.
    pub(super) fn new(pace: &Pace, lane: u64) -> Self {
        let random = pace.seed ^ lane.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { first: pace.retry_first, max: pace.retry_max, next: pace.retry_first, random }
    }

    /// The next pause.
    pub(super) fn pause(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.max);
        full.saturating_sub(self.part_of(full / 2))
    }

    /// A random part of a span of time.
    pub(super) fn part_of(&mut self, span: Duration) -> Duration {
        // SplitMix64, whose low half is even enough for this.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let part = u32::try_from((bits ^ (bits >> 31)) & 0xffff).expect("16 bits");
        span * part / 0x1_0000
    }

    /// It went well: the next pause is the first one again.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_vary_below_by_a_half_at_most() {
        let pace = Pace { seed: 7, ..Pace::default() };
        let mut backoff = Backoff::new(&pace, 1);
        let mut full = pace.retry_first;
        for _ in 0..20 {
            let pause = backoff.pause();
            assert!(pause <= full && pause >= full / 2, "{pause:?} of {full:?}");
            full = (full * 2).min(pace.retry_max);
        }
        assert_eq!(full, pace.retry_max);
        backoff.reset();
        assert!(backoff.pause() <= pace.retry_first);
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses_and_another_lane_others() {
        let pace = Pace { seed: 7, ..Pace::default() };
        let pauses = |lane| {
            let mut backoff = Backoff::new(&pace, lane);
            (0..10).map(|_| backoff.pause()).collect::<Vec<_>>()
        };
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2));
    }
}
