//! A log that one worker appends to and many sessions read, and who among them is up to date.
//!
//! A reader is *active* once it has come to the end; each segment appended then counts it, and it
//! takes itself off the count when its socket has taken the segment.
//! Whoever brings the count to zero was the last: that is the convergence time.
//! A reader whose socket is full stops being active, and is not waited for.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use albedo_rib::{At, Base, Cursor, Log, Segment};
use albedo_types::{Family, Instant};

use crate::stats::Stats;

/// A segment, and how many active readers have not passed it.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) segment: Segment,
    remaining: AtomicU32,
    /// When it was appended.
    appended: Instant,
    /// When the last active reader was past it, in nanoseconds; 0 before.
    finished: AtomicU64,
}

impl Tracked {
    fn new(segment: Segment, readers: u32, appended: Instant) -> Self {
        let (remaining, finished) = (AtomicU32::new(readers), AtomicU64::new(0));
        Self { segment, remaining, appended, finished }
    }
}

/// When a change was given to a reader: not before the one, and not after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When it was there to be read.
    pub not_before: Instant,
    /// When everybody had it that kept up, or when the reader had come to it.
    pub not_after: Instant,
}

/// A handle that the log and the readers share.
#[derive(Clone, Debug)]
pub(crate) struct Entry(pub(crate) Arc<Tracked>);

impl AsRef<Segment> for Entry {
    fn as_ref(&self) -> &Segment {
        &self.0.segment
    }
}

#[derive(Debug, Default)]
struct Inner {
    log: Log<Entry>,
    active: u32,
}

/// A log between threads.
#[derive(Debug)]
pub(crate) struct SharedLog {
    inner: RwLock<Inner>,
    /// Number of the next segment: a reader that is there needs no lock to know.
    end_seq: AtomicU64,
    /// How long the last fan-out round took, in nanoseconds.
    round_nanos: AtomicU64,
    family: Family,
    stats: Arc<Stats>,
}

/// Lock poisoning would mean that a worker panicked, and then the program ends.
const POISON: &str = "a panic ends the program";

impl SharedLog {
    pub(crate) fn new(family: Family, stats: Arc<Stats>) -> Self {
        Self {
            inner: RwLock::default(),
            end_seq: AtomicU64::new(0),
            round_nanos: AtomicU64::new(0),
            family,
            stats,
        }
    }

    // The worker's side.

    pub(crate) fn open(&self, version: u64) {
        let mut inner = self.inner.write().expect(POISON);
        inner.log = Log::starting_at(version);
        self.end_seq.store(0, Ordering::Release);
    }

    pub(crate) fn close(&self) {
        self.inner.write().expect(POISON).log = Log::default();
    }

    pub(crate) const fn family(&self) -> Family {
        self.family
    }

    /// Appends a segment; the handle tells the worker whether the round is over. With it comes the
    /// segment's number.
    pub(crate) fn append(&self, segment: Segment, now: Instant) -> (Arc<Tracked>, u64) {
        let mut inner = self.inner.write().expect(POISON);
        let tracked = Arc::new(Tracked::new(segment, inner.active, now));
        inner.log.append(Entry(Arc::clone(&tracked)));
        let end = inner.log.end_seq();
        self.end_seq.store(end, Ordering::Release);
        (tracked, end - 1)
    }

    /// Puts a new base in place; the last segment that is still there.
    pub(crate) fn rebase(
        &self,
        base: Vec<Segment>,
        version: u64,
        seq: u64,
        grace: usize,
    ) -> Option<Arc<Tracked>> {
        let base = base
            .into_iter()
            .map(|segment| Entry(Arc::new(Tracked::new(segment, 0, Instant::ZERO))));
        let base = base.collect();
        let mut inner = self.inner.write().expect(POISON);
        let gone = inner.log.rebase(base, version, seq, grace);
        let last = inner.log.last().map(|entry| Arc::clone(&entry.0));
        drop(inner);
        drop(gone);
        last
    }

    pub(crate) fn cost(&self) -> usize {
        self.inner.read().expect(POISON).log.cost()
    }

    /// Readers that are up to date.
    pub(crate) fn active(&self) -> usize {
        self.inner.read().expect(POISON).active as usize
    }

    pub(crate) fn base(&self) -> Base {
        self.inner.read().expect(POISON).log.base()
    }

    pub(crate) fn round_nanos(&self) -> u64 {
        self.round_nanos.load(Ordering::Relaxed)
    }

    // The readers' side.

    /// Whether a reader is at the end, without a lock.
    pub(crate) fn is_end(&self, cursor: Cursor) -> bool {
        matches!(cursor, Cursor::Tail { seq } if seq == self.end_seq.load(Ordering::Acquire))
    }

    /// Calls `each` with what lies from a cursor on, until it says stop; what it ended with.
    pub(crate) fn read(
        &self,
        cursor: Cursor,
        mut each: impl FnMut(&Entry, Cursor) -> bool,
    ) -> ReadEnd {
        let inner = self.inner.read().expect(POISON);
        let mut at = cursor;
        loop {
            match inner.log.at(at) {
                At::Segment(entry, next) => {
                    at = next;
                    if !each(entry, next) {
                        return ReadEnd::Stopped;
                    }
                }
                At::End => {
                    let version = inner.log.version();
                    return ReadEnd::End { seq: inner.log.end_seq(), version };
                }
                At::Behind => return ReadEnd::Behind,
            }
        }
    }

    /// Makes a reader active if it still is at the end.
    pub(crate) fn activate(&self, cursor: Cursor) -> bool {
        let mut inner = self.inner.write().expect(POISON);
        let end = matches!(inner.log.at(cursor), At::End);
        inner.active += u32::from(end);
        end
    }

    /// A reader stops being active: nobody waits for it from `cursor` on.
    pub(crate) fn deactivate(&self, cursor: Cursor, now: Instant) {
        let mut inner = self.inner.write().expect(POISON);
        inner.active -= 1;
        // A reader that is behind counts in all that is left of the tail.
        let left: Vec<Entry> = inner.log.unread(cursor).cloned().collect();
        drop(inner);
        for entry in left {
            self.pass(&entry.0, now);
        }
    }

    /// An active reader is past a segment.
    pub(crate) fn pass(&self, tracked: &Tracked, now: Instant) {
        if tracked.remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
            let took = now.since(tracked.segment.born);
            let times = &self.stats.times[self.family.index()];
            if tracked.segment.loss {
                times.withdraw_convergence.record(took);
            }
            times.convergence.record(took);
            let sending = u64::try_from(now.since(tracked.appended).as_nanos()).unwrap_or(u64::MAX);
            self.stats.send_nanos.fetch_add(sending, Ordering::Relaxed);
            tracked.finished.store(now.as_nanos(), Ordering::Release);
            let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.round_nanos.store(nanos, Ordering::Relaxed);
        }
    }

    /// A shard has handed a segment to an active reader that rests; `wrote` unless it holds nothing
    /// for it.
    pub(crate) fn delivered(&self, tracked: &Tracked, wrote: bool, now: Instant) {
        if wrote {
            let times = &self.stats.times[self.family.index()];
            times.delivery.record(now.since(tracked.segment.born));
        }
        self.pass(tracked, now);
    }

    /// Table version that a reader at the end has seen.
    pub(crate) fn version(&self) -> u64 {
        self.inner.read().expect(POISON).log.version()
    }

    /// Versions of the segments behind `version` and when they were born, in their order: one look
    /// for all who are behind.
    pub(crate) fn births_after(&self, version: u64) -> Vec<(u64, Instant)> {
        let inner = self.inner.read().expect(POISON);
        let behind = inner.log.after(version);
        behind.map(|entry| (entry.0.segment.version, entry.0.segment.born)).collect()
    }

    /// When the change that made `version` was given to a reader that has it, and has been up to
    /// date since `up_to_date`. `None` if that is not remembered.
    ///
    /// A reader that came to the end after it was `decided` had it then, whatever is in the log.
    pub(crate) fn sent(
        &self,
        version: u64,
        decided: Option<Instant>,
        up_to_date: Option<Instant>,
        now: Instant,
    ) -> Option<Sent> {
        let inner = self.inner.read().expect(POISON);
        if version <= inner.log.base().version {
            let (not_before, not_after) = decided.zip(up_to_date)?;
            return (not_before <= not_after).then_some(Sent { not_before, not_after });
        }
        let tracked = &inner.log.oldest_after(version - 1)?.0;
        let not_before = tracked.appended;
        let not_after = match up_to_date {
            // It was waited for.
            Some(since) if since <= not_before => match tracked.finished.load(Ordering::Acquire) {
                0 => now,
                nanos => Instant::from_nanos(nanos),
            },
            Some(since) => since,
            None => now,
        };
        Some(Sent { not_before, not_after })
    }

    /// When the oldest segment behind `version` was born, if there is one.
    pub(crate) fn oldest_after(&self, version: u64) -> Option<Instant> {
        let inner = self.inner.read().expect(POISON);
        inner.log.oldest_after(version).map(|entry| entry.0.segment.born)
    }
}

impl Tracked {
    /// Whether an active reader has not passed the segment.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.remaining.load(Ordering::Acquire) > 0
    }
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// The callback said so.
    Stopped,
    /// There is nothing more; number of the next segment, and the version seen.
    End { seq: u64, version: u64 },
    /// The place is gone.
    Behind,
}

#[cfg(test)]
mod tests;
