//! Counters and histograms of the data path: plain atomics that a scrape copies.
//!
//! Nothing here looks anything up by name; the metrics exporter reads these and names them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use albedo_types::{Family, Instant};
use crossbeam_utils::CachePadded;

/// Most bounds that a histogram has.
const BOUNDS_MAX: usize = 18;

/// Upper bounds of the buckets of a histogram, ascending.
#[derive(Debug)]
pub struct Bounds {
    /// In seconds, as they are shown.
    pub seconds: &'static [f64],
    /// The same in nanoseconds, as they are compared.
    nanos: &'static [u64],
}

/// For what takes as long as a write to a socket: changes on their way to peers.
pub static FAST: Bounds = Bounds {
    seconds: &[
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
        5.0, 10.0, 30.0, 60.0,
    ],
    nanos: &[
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        2_500_000_000,
        5_000_000_000,
        10_000_000_000,
        30_000_000_000,
        60_000_000_000,
    ],
};

/// For what may take as long as a table or a timer. The usual hold and restart times are among
/// them on purpose, so that a jump over one is seen.
pub static SLOW: Bounds = Bounds {
    seconds: &[
        0.0001, 0.001, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 90.0, 120.0,
        180.0, 300.0, 600.0,
    ],
    nanos: &[
        100_000,
        1_000_000,
        10_000_000,
        25_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        2_500_000_000,
        5_000_000_000,
        10_000_000_000,
        30_000_000_000,
        60_000_000_000,
        90_000_000_000,
        120_000_000_000,
        180_000_000_000,
        300_000_000_000,
        600_000_000_000,
    ],
};

/// A histogram of durations; recording is two atomic additions.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static Bounds,
    buckets: [AtomicU64; BOUNDS_MAX + 1],
    sum_nanos: AtomicU64,
}

/// A copy of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSnapshot {
    /// Upper bounds of the buckets, in seconds.
    pub bounds: &'static [f64],
    /// Samples at or below each of the bounds, cumulative.
    pub cumulative: Vec<u64>,
    /// All samples.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum_seconds: f64,
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub fn new(bounds: &'static Bounds) -> Self {
        Self { bounds, buckets: Default::default(), sum_nanos: AtomicU64::new(0) }
    }

    /// Records a duration.
    pub fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.bounds.nanos.partition_point(|bound| *bound < nanos);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Copies the histogram.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        let bounds = self.bounds.seconds;
        let mut count = 0;
        let mut cumulative = Vec::with_capacity(bounds.len() + 1);
        for bucket in &self.buckets[..=bounds.len()] {
            count += bucket.load(Ordering::Relaxed);
            cumulative.push(count);
        }
        // The last is what lies beyond all bounds: the count.
        cumulative.pop();
        let sum = Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed));
        HistogramSnapshot { bounds, cumulative, count, sum_seconds: sum.as_secs_f64() }
    }
}

/// What one family's updates took.
#[derive(Debug)]
pub struct FamilyTimes {
    /// Read of the first update of a batch → write to the last up-to-date peer.
    pub convergence: Histogram,
    /// The same start → each single peer's write.
    pub delivery: Histogram,
    /// Established → End-of-RIB written.
    pub session_sync: Histogram,
    /// Loss of a peer noticed → last up-to-date peer's withdrawals written.
    pub withdraw_convergence: Histogram,
}

impl Default for FamilyTimes {
    fn default() -> Self {
        Self {
            convergence: Histogram::new(&FAST),
            delivery: Histogram::new(&FAST),
            session_sync: Histogram::new(&SLOW),
            withdraw_convergence: Histogram::new(&SLOW),
        }
    }
}

/// What a shard's worker publishes after each turn.
#[derive(Debug, Default)]
pub struct ShardStats {
    /// Time spent working, in nanoseconds.
    pub busy_nanos: AtomicU64,
    /// When the worker last turned, on the engine's clock, in nanoseconds.
    pub heartbeat_nanos: AtomicU64,
    /// Batches flushed.
    pub batches: AtomicU64,
    /// Segments appended.
    pub segments: AtomicU64,
    /// Times that the worker itself gave a segment to a session's socket.
    pub served: AtomicU64,
    /// UPDATE messages encoded.
    pub messages: AtomicU64,
    /// Bases written.
    pub rebases: AtomicU64,
    /// Log bytes of all groups.
    pub log_bytes: AtomicU64,
    /// How long changes were on their way.
    pub stages: Stages,
    /// Per family.
    pub families: [FamilyCounts; Family::COUNT],
}

/// Counts of one family in one shard.
#[derive(Debug, Default)]
pub struct FamilyCounts {
    /// Prefixes with a best route.
    pub prefixes: AtomicU64,
    /// Routes of all peers.
    pub paths: AtomicU64,
    /// Tombstones.
    pub tombstones: AtomicU64,
    /// Changes in the journal.
    pub journal: AtomicU64,
    /// Routes of lost sessions that are kept.
    pub stale: AtomicU64,
    /// Stale routes that were swept.
    pub swept: AtomicU64,
    /// Readers that are being caught up.
    pub catch_ups: AtomicU64,
    /// Groups with members.
    pub groups: AtomicU64,
}

/// How long changes were on their way within a shard, summed over batches that told somebody
/// something.
#[derive(Debug, Default)]
pub struct Stages {
    /// From the read that began the batch until the shard decided: the channel, and what gathered.
    pub queue_nanos: AtomicU64,
    /// Finding the best routes.
    pub decide_nanos: AtomicU64,
    /// Finding who is told what, and encoding it.
    pub encode_nanos: AtomicU64,
    /// Batches.
    pub batches: AtomicU64,
}

impl Stages {
    pub(crate) fn count(&self, born: Instant, times: [Instant; 3]) {
        let [begun, decided, ended] = times;
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.queue_nanos.fetch_add(nanos(begun.since(born)), Ordering::Relaxed);
        self.decide_nanos.fetch_add(nanos(decided.since(begun)), Ordering::Relaxed);
        self.encode_nanos.fetch_add(nanos(ended.since(decided)), Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }
}

/// What was asked of the shards.
#[derive(Debug, Default)]
pub struct QueryStats {
    /// Requests that were answered, each with a page or a piece.
    pub answers: AtomicU64,
    /// Questions that were refused because too many were open.
    pub refused: AtomicU64,
    /// Entries that were looked at, each route of a prefix one more.
    pub entries: AtomicU64,
    /// Time that requests waited for their shard, in nanoseconds.
    pub waited_nanos: AtomicU64,
}

impl QueryStats {
    pub(crate) fn answered(&self, waited: Duration, entries: usize) {
        let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.waited_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
    }
}

/// All counters of an engine.
#[derive(Debug)]
pub struct Stats {
    /// Per family.
    pub times: [FamilyTimes; Family::COUNT],
    /// Per shard.
    pub shards: Box<[CachePadded<ShardStats>]>,
    /// Distinct attribute sets that were made.
    pub sets_made: AtomicU64,
    /// From a segment being appended to the last up-to-date reader having it, summed over segments
    /// that somebody waited for, in nanoseconds.
    pub send_nanos: AtomicU64,
    /// Look-ups that found their set.
    pub sets_found: AtomicU64,
    /// Readers that were cut off because their tombstones came to the bound.
    pub cut_off: AtomicU64,
    /// Times that a full channel stopped a session's reading.
    pub channel_full: AtomicU64,
    /// What was asked of the shards.
    pub queries: QueryStats,
}

impl Stats {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            times: Default::default(),
            shards: (0..shards).map(|_| CachePadded::default()).collect(),
            sets_made: AtomicU64::new(0),
            send_nanos: AtomicU64::new(0),
            sets_found: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
            channel_full: AtomicU64::new(0),
            queries: QueryStats::default(),
        }
    }

    /// How long ago the worker that turned least recently did, at `now`.
    #[must_use]
    pub fn oldest_heartbeat(&self, now: Instant) -> Duration {
        let last = self.shards.iter().map(|s| s.heartbeat_nanos.load(Ordering::Relaxed)).min();
        now.since(Instant::from_nanos(last.unwrap_or(0)))
    }
}

/// Sets a gauge.
pub(crate) fn set(gauge: &AtomicU64, value: usize) {
    gauge.store(value as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_fall_into_the_bucket_whose_bound_they_do_not_exceed() {
        for bounds in [&FAST, &SLOW] {
            let histogram = Histogram::new(bounds);
            assert_eq!(bounds.seconds.len(), bounds.nanos.len());
            assert!(bounds.nanos.len() <= BOUNDS_MAX && bounds.nanos.is_sorted());
            for (bound, nanos) in bounds.seconds.iter().zip(bounds.nanos) {
                assert!((bound * 1e9 - *nanos as f64).abs() < 1.0);
                histogram.record(Duration::from_nanos(*nanos));
            }
            histogram.record(Duration::from_secs(601));
            let snapshot = histogram.snapshot();
            for (n, count) in snapshot.cumulative.iter().enumerate() {
                assert_eq!(*count, n as u64 + 1);
            }
            assert_eq!(snapshot.count, bounds.seconds.len() as u64 + 1);
            assert!(snapshot.sum_seconds > 601.0);
        }
    }
}
