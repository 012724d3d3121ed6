//! Places in the lists of change that survive changes.
//!
//! A laggard that is caught up in steps, and a base that is written in steps, come back to where
//! they were.
//! There are at most [`BOOKMARKS_MAX`]; one more evicts the oldest, whose owner then looks for its
//! place from the end of the list.

use super::{NONE, Slot};

/// Bookmarks of one table at a time.
pub(crate) const BOOKMARKS_MAX: usize = 64;

/// Names a bookmark; it may have been evicted since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    index: usize,
    stamp: u64,
}

#[derive(Debug)]
pub(super) struct Bookmarks {
    slots: [(u64, Slot); BOOKMARKS_MAX],
    stamp: u64,
}

impl Default for Bookmarks {
    fn default() -> Self {
        Self { slots: [(0, NONE); BOOKMARKS_MAX], stamp: 0 }
    }
}

impl Bookmarks {
    pub(super) fn get(&self, mark: Bookmark) -> Option<Slot> {
        let (stamp, slot) = self.slots[mark.index];
        (stamp == mark.stamp).then_some(slot)
    }

    /// Points a bookmark at `slot`, a new one if need be; also what an evicted one pointed at.
    pub(super) fn set(&mut self, mark: Option<Bookmark>, slot: Slot) -> (Bookmark, Option<Slot>) {
        if let Some(mark) = mark.filter(|mark| self.get(*mark).is_some()) {
            self.slots[mark.index].1 = slot;
            return (mark, None);
        }
        let oldest = self.slots.iter().enumerate().min_by_key(|(_, (stamp, _))| *stamp);
        let index = oldest.expect("there are bookmarks").0;
        self.stamp += 1;
        let evicted = core::mem::replace(&mut self.slots[index], (self.stamp, slot)).1;
        (Bookmark { index, stamp: self.stamp }, Some(evicted))
    }

    pub(super) fn clear(&mut self, mark: Bookmark) -> Option<Slot> {
        let slot = self.get(mark)?;
        self.slots[mark.index] = (0, NONE);
        Some(slot)
    }

    /// The entry at `from` left its list; what pointed there points at `to`.
    pub(super) fn moved(&mut self, from: Slot, to: Slot) {
        for (_, slot) in &mut self.slots {
            if *slot == from {
                *slot = to;
            }
        }
    }

    pub(super) fn points_at(&self, slot: Slot) -> bool {
        self.slots.iter().any(|(_, at)| *at == slot)
    }
}
