//! What becomes of single changes: when each receiver got them.
//!
//! A change is a prefix with the version that everybody is to hold of it, and the instant at which
//! it was *intended* to be sent. A prefix has one change under way at a time: a newer one takes
//! the place of the old one, and whoever has not got the old one by then never will.
//!
//! A delivery costs a look at the prefix's change, a bit and some histogram buckets, and allocates
//! nothing. Without a watch nothing is done at all.

use std::time::Instant;

use super::Fleet;
use crate::latency::Recorder;
use crate::model::{ABSENT, NodeId, PrefixId, WRONG};

mod over_time;
mod resent;

pub use over_time::{OverTime, WINDOWS_MAX};
pub use resent::Resent;

/// Changes are told apart by the phase of the run in which they were intended.
pub type Phase = usize;

/// Bits in rows of one length.
#[derive(Clone, Debug, Default)]
struct Bits {
    words: Vec<u64>,
    row_words: usize,
}

impl Bits {
    fn new(rows: usize, columns: usize) -> Self {
        let row_words = columns.div_ceil(64);
        Self { words: vec![0; rows * row_words], row_words }
    }

    /// Sets a bit; false where it was set.
    fn set(&mut self, row: usize, column: usize) -> bool {
        let word = &mut self.words[row * self.row_words + column / 64];
        let bit = 1 << (column % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn clear_row(&mut self, row: usize) {
        self.words[row * self.row_words..][..self.row_words].fill(0);
    }
}

/// The newest change of a prefix.
#[derive(Clone, Copy, Debug)]
struct Change {
    intended: Instant,
    version: u8,
    phase: Phase,
    /// Receivers that are to get it.
    of: u32,
    /// Receivers that have got it.
    seen: u32,
}

/// What became of the changes of a phase.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// From the intended instant to the read at each receiver.
    pub delivery: Recorder,
    /// To the first receiver of each change.
    pub first: Recorder,
    /// To the receiver with which half of them have it.
    pub median: Recorder,
    /// To the last receiver.
    pub last: Recorder,
    /// Changes.
    pub changes: u64,
    /// Deliveries that there are to be.
    pub expected: u64,
    /// Deliveries that there were.
    pub delivered: u64,
    /// Deliveries that had not come when a newer change of the same prefix was made.
    pub superseded: u64,
}

impl Tally {
    /// Deliveries that may yet come.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.expected - self.delivered - self.superseded
    }
}

/// Follows changes to their receivers.
pub struct Watch {
    read_at: Instant,
    /// Nodes whose deliveries count.
    counts: Vec<bool>,
    counted: u32,
    /// By prefix: its newest change.
    changes: Vec<Option<Change>>,
    /// By prefix: who has got its newest change.
    seen: Bits,
    phase: Phase,
    tallies: Vec<Tally>,
    over_time: OverTime,
    resent: Option<Resent>,
}

impl Watch {
    /// Watches for changes of `prefixes` prefixes at all `nodes`, which are all clients; their
    /// phases are counted from 0.
    #[must_use]
    pub fn new(prefixes: usize, nodes: usize, phases: usize, over_time: OverTime) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "sessions are limited by addresses")]
        let counted = nodes as u32;
        Self {
            read_at: Instant::now(),
            counts: vec![true; nodes],
            counted,
            changes: vec![None; prefixes],
            seen: Bits::new(prefixes, nodes),
            phase: 0,
            tallies: vec![Tally::default(); phases],
            over_time,
            resent: None,
        }
    }

    /// Leaves a node's deliveries out from now on.
    pub fn leave_out(&mut self, node: NodeId) {
        if std::mem::take(&mut self.counts[node as usize]) {
            self.counted -= 1;
        }
    }

    /// Begins the phase that changes count to from now on.
    ///
    /// # Panics
    /// Where there are fewer phases.
    pub fn set_phase(&mut self, phase: Phase) {
        assert!(phase < self.tallies.len(), "phase {phase} of {}", self.tallies.len());
        self.phase = phase;
    }

    /// Takes in that everybody but `owner` is to hold another version of a prefix, which was
    /// intended to be sent at an instant.
    pub fn change(&mut self, id: PrefixId, version: u8, owner: NodeId, intended: Instant) {
        let of = self.counted - u32::from(self.counts[owner as usize]);
        let change = Change { intended, version, phase: self.phase, of, seen: 0 };
        if let Some(old) = self.changes[id as usize].replace(change) {
            self.tallies[old.phase].superseded += u64::from(old.of - old.seen);
        }
        self.seen.clear_row(id as usize);
        if let Some(resent) = &mut self.resent {
            resent.excuse(id, owner, Instant::now());
        }
        let tally = &mut self.tallies[self.phase];
        tally.changes += 1;
        tally.expected += u64::from(of);
    }

    /// Says when the octets were read that are taken apart now.
    pub const fn read_at(&mut self, now: Instant) {
        self.read_at = now;
    }

    /// Takes in what a node was sent for a prefix, and whether its table became right with it.
    pub fn see(&mut self, node: NodeId, id: PrefixId, version: u8, is_right: bool) {
        if let Some(resent) = &mut self.resent
            && !matches!(version, ABSENT | WRONG)
        {
            resent.see(node, id, self.read_at);
        }
        if !is_right || !self.counts[node as usize] {
            return;
        }
        let Some(change) = &mut self.changes[id as usize] else {
            return;
        };
        if change.version != version || !self.seen.set(id as usize, node as usize) {
            return;
        }
        let latency = self.read_at.saturating_duration_since(change.intended);
        let tally = &mut self.tallies[change.phase];
        change.seen += 1;
        tally.delivered += 1;
        tally.delivery.record(latency);
        self.over_time.record(self.read_at, latency);
        if change.seen == 1 {
            tally.first.record(latency);
        }
        if change.seen == change.of.div_ceil(2) {
            tally.median.record(latency);
        }
        if change.seen == change.of {
            tally.last.record(latency);
        }
    }

    /// What became of the changes of each phase so far.
    #[must_use]
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Latencies as time went on.
    #[must_use]
    pub fn into_over_time(self) -> OverTime {
        self.over_time
    }

    /// Follows from now on what nodes are sent anew; returns what was followed until now.
    pub const fn set_resent(&mut self, resent: Option<Resent>) -> Option<Resent> {
        std::mem::replace(&mut self.resent, resent)
    }

    /// What nodes were sent anew, while that is followed.
    #[must_use]
    pub const fn resent(&self) -> Option<&Resent> {
        self.resent.as_ref()
    }
}

impl Fleet {
    /// Has changes followed from now on, at the first target.
    pub fn set_watch(&mut self, watch: Watch) {
        self.checkers[0].set_watch(Some(Box::new(watch)));
    }

    /// Has changes followed no longer.
    pub fn take_watch(&mut self) -> Option<Watch> {
        self.checkers[0].set_watch(None).map(|watch| *watch)
    }

    /// What follows changes, where something does.
    pub fn watch_mut(&mut self) -> Option<&mut Watch> {
        self.checkers[0].watch_mut()
    }

    /// The same, to look at.
    #[must_use]
    pub fn watch(&self) -> Option<&Watch> {
        self.checkers[0].watch()
    }
}

#[cfg(test)]
mod tests;
