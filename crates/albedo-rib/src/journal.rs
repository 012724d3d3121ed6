//! The recent past: which prefixes got another best route, when, and from whom to whom.
//!
//! One entry for each decided change, in a ring of [`crate::limits::JOURNAL_ENTRIES`]: the oldest
//! makes room for the newest.
//! Peers are named by their BGP identifiers, for an index may be another peer's later.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use albedo_types::{Instant, RouterId};

/// A change of a best route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was decided: the time of its batch.
    pub at: Instant,
    /// The table's version that it made.
    pub version: u64,
    /// Whose route was the best before; `None` where there was none.
    pub before: Option<RouterId>,
    /// Whose route has been the best since; the same one's where only its attributes changed.
    pub after: Option<RouterId>,
}

/// The changes of one table.
#[derive(Debug)]
pub(crate) struct Journal<K> {
    ring: VecDeque<(K, Change)>,
    max: usize,
    /// When the newest of those was that are not kept any more.
    forgotten: Option<Instant>,
}

impl<K: Copy + PartialEq> Journal<K> {
    pub(crate) const fn new(max: usize) -> Self {
        Self { ring: VecDeque::new(), max, forgotten: None }
    }

    #[inline]
    pub(crate) fn push(&mut self, key: K, change: Change) {
        if self.ring.len() >= self.max {
            let oldest = self.ring.pop_front();
            self.forgotten = oldest.map(|(_, oldest)| oldest.at);
            if self.max == 0 {
                self.forgotten = Some(change.at);
                return;
            }
        }
        self.ring.push_back((key, change));
    }

    /// The changes of a prefix that are kept, the newest first.
    pub(crate) fn of(&self, key: K) -> Vec<Change> {
        let of = self.ring.iter().rev().filter(|(other, _)| *other == key);
        of.map(|(_, change)| *change).collect()
    }

    /// All changes after this time are kept; `None` where all there ever were are.
    pub(crate) const fn forgotten(&self) -> Option<Instant> {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: u64) -> Change {
        Change { at: Instant::from_nanos(at), version: at, before: None, after: None }
    }

    #[test]
    fn the_oldest_makes_room_and_it_is_known_since_when_all_is_kept() {
        let mut journal = Journal::new(3);
        for at in 1..=3 {
            journal.push(at % 2, change(at));
        }
        assert_eq!(journal.forgotten(), None);
        assert_eq!(journal.of(1), [change(3), change(1)]);
        journal.push(1, change(4));
        assert_eq!(journal.of(1), [change(4), change(3)]);
        assert_eq!(journal.forgotten(), Some(Instant::from_nanos(1)));
        assert_eq!(journal.of(7), []);
    }

    #[test]
    fn none_is_a_size() {
        let mut journal = Journal::new(0);
        journal.push(1, change(5));
        assert_eq!(journal.of(1), []);
        assert_eq!(journal.forgotten(), Some(Instant::from_nanos(5)));
    }
}
