//! The log of a group: what its members have been told, in the order they were told it.
//!
//! ```text
//!   base (the table at base_version)      tail (changes since)
//!   ┌───────┬───────┬───────┐      ┌────┬────┬────┬────┬────┐
//!   │       │       │       │  ──► │    │    │    │    │    │ ◄── append
//!   └───────┴───────┴───────┘      └────┴────┴────┴────┴────┘
//!   ▲ a joiner starts here              ▲ cursor of a reader
//! ```
//!
//! Replaying the log from its base gives the table.
//! A new base takes the place of the old one and of the tail up to where the new one was begun;
//! a reader before that point is *behind*, and the shard gives it what changed since.
//! This is a plain value; whoever shares it between threads puts a lock around it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::segment::Segment;

/// Where a reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Within a base.
    Base {
        /// Which base.
        generation: u64,
        /// Segment of it.
        index: usize,
    },
    /// Within the tail, by running number.
    Tail {
        /// Number of the next segment.
        seq: u64,
    },
}

/// The base of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Where it begins: a joiner starts here.
    pub cursor: Cursor,
    /// Table version that it shows.
    pub version: u64,
    /// Number of the tail's segment that goes on behind it.
    pub seq: u64,
    /// Number of the next segment that will be appended: what the base leaves out because it
    /// changed meanwhile lies before it.
    pub end_seq: u64,
}

/// What lies at a cursor.
#[derive(Debug)]
pub enum At<'a, S> {
    /// A segment, and where the next one is.
    Segment(&'a S, Cursor),
    /// Nothing yet.
    End,
    /// Something that is gone.
    Behind,
}

/// A log; `S` is a segment and what the owner keeps beside it.
#[derive(Debug)]
pub struct Log<S> {
    generation: u64,
    base: Vec<S>,
    base_version: u64,
    /// Where the tail goes on behind the base.
    base_seq: u64,
    tail: VecDeque<S>,
    tail_first: u64,
    cost: usize,
}

impl<S> Default for Log<S> {
    fn default() -> Self {
        Self {
            generation: 0,
            base: Vec::new(),
            base_version: 0,
            base_seq: 0,
            tail: VecDeque::new(),
            tail_first: 0,
            cost: 0,
        }
    }
}

impl<S: AsRef<Segment>> Log<S> {
    /// A log whose table was empty at `version`.
    #[must_use]
    pub fn starting_at(version: u64) -> Self {
        Self { base_version: version, ..Self::default() }
    }

    /// Where a joiner starts.
    #[must_use]
    pub fn base(&self) -> Base {
        let cursor = Cursor::Base { generation: self.generation, index: 0 };
        Base { cursor, version: self.base_version, seq: self.base_seq, end_seq: self.end_seq() }
    }

    /// Number of the next segment that will be appended.
    #[must_use]
    pub fn end_seq(&self) -> u64 {
        self.tail_first + self.tail.len() as u64
    }

    /// What the log occupies, in bytes.
    #[must_use]
    pub const fn cost(&self) -> usize {
        self.cost
    }

    /// Appends a segment.
    pub fn append(&mut self, segment: S) {
        self.cost += segment.as_ref().cost();
        self.tail.push_back(segment);
    }

    /// Puts a new base in place, behind which the tail goes on at `seq`; up to `grace` bytes of the
    /// tail before it stay.
    /// Returns what fell out, so that it can be dropped where nobody waits.
    pub fn rebase(&mut self, base: Vec<S>, version: u64, seq: u64, grace: usize) -> Vec<S> {
        assert!(seq <= self.end_seq(), "a base is begun before it is finished");
        let mut gone = core::mem::replace(&mut self.base, base);
        let mut keep = grace;
        let old = usize::try_from(seq.saturating_sub(self.tail_first)).unwrap_or(usize::MAX);
        let mut cut = old;
        while cut > 0 {
            let cost = self.tail[cut - 1].as_ref().cost();
            if cost > keep {
                break;
            }
            keep -= cost;
            cut -= 1;
        }
        gone.extend(self.tail.drain(..cut));
        self.tail_first += cut as u64;
        self.generation += 1;
        self.base_version = version;
        self.base_seq = seq;
        self.cost = self.base.iter().chain(&self.tail).map(|s| s.as_ref().cost()).sum();
        gone
    }

    /// What lies at a cursor.
    #[must_use]
    pub fn at(&self, cursor: Cursor) -> At<'_, S> {
        match cursor {
            Cursor::Base { generation, index } => {
                if generation != self.generation {
                    return At::Behind;
                }
                match self.base.get(index) {
                    Some(segment) => {
                        At::Segment(segment, Cursor::Base { generation, index: index + 1 })
                    }
                    None => self.at(Cursor::Tail { seq: self.base_seq }),
                }
            }
            Cursor::Tail { seq } => match seq.checked_sub(self.tail_first) {
                None => At::Behind,
                Some(n) => match self.tail.get(usize::try_from(n).unwrap_or(usize::MAX)) {
                    Some(segment) => At::Segment(segment, Cursor::Tail { seq: seq + 1 }),
                    None => At::End,
                },
            },
        }
    }

    /// Table version that a reader at the end has seen.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.tail.back().map_or(self.base_version, |segment| segment.as_ref().version)
    }

    /// The oldest segment of the tail that a reader at `version` has not seen.
    #[must_use]
    pub fn oldest_after(&self, version: u64) -> Option<&S> {
        self.after(version).next()
    }

    /// All segments of the tail that a reader at `version` has not seen.
    pub fn after(&self, version: u64) -> impl Iterator<Item = &S> {
        let n = self.tail.partition_point(|segment| segment.as_ref().version <= version);
        self.tail.range(n..)
    }

    /// The segments that a reader of the tail has still to pass, as far as they are there.
    pub fn unread(&self, cursor: Cursor) -> impl Iterator<Item = &S> {
        let passed = match cursor {
            Cursor::Tail { seq } => seq.saturating_sub(self.tail_first),
            Cursor::Base { .. } => 0,
        };
        self.tail.iter().skip(usize::try_from(passed).unwrap_or(usize::MAX))
    }

    /// The last segment of the tail.
    #[must_use]
    pub fn last(&self) -> Option<&S> {
        self.tail.back()
    }
}

#[cfg(test)]
mod tests;
