//! Places in a list of change that are found by version.
//!
//! One entry in [`STRIDE`] or more is a *milestone* and stands in an index, so that whoever comes
//! back to where it was - a laggard that is caught up in steps, a base that is written in steps -
//! finds its place in a few steps, however many of them there are, and keeps nothing but the
//! version it has come to.
//! A milestone that leaves its place hands its duty to the entry before it; so there are never
//! more than [`STRIDE`] entries from one to the next.

use alloc::collections::BTreeMap;

use super::Slot;

/// Entries from one milestone of a list to the next, at most.
pub(super) const STRIDE: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Milestones {
    by_version: BTreeMap<u64, Slot>,
    /// Entries that were appended behind the last one.
    behind: usize,
}

impl Milestones {
    /// An entry was appended to the list; whether it becomes a milestone.
    pub(super) fn appended(&mut self, slot: Slot, version: u64) -> bool {
        self.behind += 1;
        if self.behind < STRIDE {
            return false;
        }
        self.behind = 0;
        self.insert(slot, version);
        true
    }

    pub(super) fn insert(&mut self, slot: Slot, version: u64) {
        self.by_version.insert(version, slot);
    }

    pub(super) fn remove(&mut self, version: u64) {
        self.by_version.remove(&version);
    }

    /// The first milestone that changed after version `seen`.
    pub(super) fn after(&self, seen: u64) -> Option<Slot> {
        self.by_version.range(seen + 1..).next().map(|(_, slot)| *slot)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_version.len()
    }
}
