//! The recent past: which prefixes got another best route, when, and from whom to whom.
//!
//! One entry of 16 octets (28 with IPv6) for each decided change, in a ring of
//! [`crate::limits::JOURNAL_ENTRIES`]: the oldest makes room for the newest.
//! Of a batch with more than [`crate::limits::JOURNAL_BATCH_CHANGES`] it is only known when it was.
//! What the changes of a batch have in common is kept once for the batch; who bore an index of a
//! peer is kept beside it, for another one may bear it later.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use albedo_types::{Instant, PeerId, RouterId};

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

/// Stands for no peer.
const NOBODY: PeerId = PeerId(u32::MAX);

#[derive(Clone, Copy, Debug)]
struct Entry<K> {
    key: K,
    before: PeerId,
    after: PeerId,
}

/// Changes that were decided together.
#[derive(Clone, Copy, Debug)]
struct Batch {
    /// Number of its first change, and that one's version; the others follow.
    first: u64,
    version: u64,
    at: Instant,
}

/// Who bears an index from a version on.
#[derive(Clone, Copy, Debug)]
struct Bearer {
    peer: PeerId,
    from: u64,
    id: RouterId,
}

/// The changes of one table.
#[derive(Debug)]
pub(crate) struct Journal<K> {
    /// Change number n lies at n modulo `max`.
    ring: Vec<Entry<K>>,
    max: usize,
    /// Changes so far.
    count: u64,
    /// Batches with a change in the ring, the oldest first: no more than there are changes.
    batches: VecDeque<Batch>,
    /// In the order of their versions; at the last tidying no more than two for each change in the
    /// ring and one for each index.
    bearers: Vec<Bearer>,
    /// Bearers after the last tidying.
    tidy: usize,
    /// When the newest of those was that are not kept any more.
    forgotten: Option<Instant>,
}

/// Bearers before it is worth tidying.
const BEARERS_SLACK: usize = 64;

impl<K: Copy + PartialEq> Journal<K> {
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            ring: Vec::new(),
            max,
            count: 0,
            batches: VecDeque::new(),
            bearers: Vec::new(),
            tidy: 0,
            forgotten: None,
        }
    }

    /// From the table's next version on, an index means this peer.
    pub(crate) fn bear(&mut self, peer: PeerId, from: u64, id: RouterId) {
        self.bearers.push(Bearer { peer, from, id });
        if self.bearers.len() <= 2 * self.tidy + BEARERS_SLACK {
            return;
        }
        // The last one of each index, and those that a change in the ring means.
        let mut of: BTreeMap<PeerId, Vec<usize>> = BTreeMap::new();
        for (n, bearer) in self.bearers.iter().enumerate() {
            of.entry(bearer.peer).or_default().push(n);
        }
        let mut is_meant = vec![false; self.bearers.len()];
        of.values().filter_map(|all| all.last()).for_each(|last| is_meant[*last] = true);
        for number in self.numbers() {
            let (entry, Some((version, _))) = (self.entry(number), self.moment(number)) else {
                continue;
            };
            for peer in [entry.before, entry.after] {
                let Some(all) = of.get(&peer) else { continue };
                let behind = all.partition_point(|n| self.bearers[*n].from < version);
                if let Some(n) = behind.checked_sub(1) {
                    is_meant[all[n]] = true;
                }
            }
        }
        let mut is_meant = is_meant.into_iter();
        self.bearers.retain(|_| is_meant.next() == Some(true));
        self.tidy = self.bearers.len();
    }

    fn bearer(&self, peer: PeerId, version: u64) -> Option<RouterId> {
        let of = self.bearers.iter().rev();
        let mut of = of.filter(|bearer| bearer.peer == peer && bearer.from < version);
        of.next().map(|bearer| bearer.id)
    }

    /// Takes the changes of a batch: prefix, and whose route was and is the best. The first one
    /// made the version behind `version`, each other the next one.
    #[inline]
    pub(crate) fn push(
        &mut self,
        at: Instant,
        version: u64,
        changes: impl ExactSizeIterator<Item = (K, Option<PeerId>, Option<PeerId>)>,
    ) {
        let len = changes.len();
        let fresh = self.max - self.ring.len();
        if len > fresh {
            self.make_room(len - fresh, at);
        }
        if self.max == 0 {
            return;
        }
        self.batches.push_back(Batch { first: self.count, version: version + 1, at });
        let skipped = len.saturating_sub(self.max);
        self.count += skipped as u64;
        // Where the next one lies; kept as a number, for a division costs more than an entry.
        let mut place = (self.count % self.max as u64) as usize;
        self.count += (len - skipped) as u64;
        let entry = |(key, before, after): (K, Option<PeerId>, Option<PeerId>)| Entry {
            key,
            before: before.unwrap_or(NOBODY),
            after: after.unwrap_or(NOBODY),
        };
        let mut changes = changes.map(entry);
        if let Some(filler) = skipped.checked_sub(1).and_then(|n| changes.nth(n)) {
            // All places are written below; each has to be there.
            self.ring.resize(self.max, filler);
        }
        for entry in changes {
            match self.ring.get_mut(place) {
                Some(old) => *old = entry,
                None => self.ring.push(entry),
            }
            place += 1;
            if place == self.max {
                place = 0;
            }
        }
    }

    /// A batch is not remembered: before it, nothing is sure.
    pub(crate) const fn skip(&mut self, at: Instant) {
        self.forgotten = Some(at);
    }

    /// The oldest changes go, so many more than the ring has room for.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, more: usize, at: Instant) {
        let end = self.count + (self.max - self.ring.len()) as u64 + more as u64;
        let first = end.saturating_sub(self.max as u64);
        let gone = match self.batch_of(first.saturating_sub(1)) {
            Some(batch) if first <= self.count => batch.at,
            // Not even all of the new ones are kept.
            _ => at,
        };
        // A batch that was skipped may be later.
        self.forgotten = self.forgotten.max(Some(gone));
        while self.batches.get(1).is_some_and(|next| next.first <= first)
            || (self.batches.len() == 1 && first >= self.count)
        {
            self.batches.pop_front();
        }
    }

    fn batch_of(&self, number: u64) -> Option<&Batch> {
        let behind = self.batches.partition_point(|batch| batch.first <= number);
        behind.checked_sub(1).and_then(|n| self.batches.get(n))
    }

    /// Numbers of the changes that are kept.
    fn numbers(&self) -> Range<u64> {
        self.count - self.ring.len() as u64..self.count
    }

    #[expect(clippy::cast_possible_truncation, reason = "below the length of the ring")]
    fn entry(&self, number: u64) -> Entry<K> {
        self.ring[(number % self.max as u64) as usize]
    }

    /// The version that a change made, and when.
    fn moment(&self, number: u64) -> Option<(u64, Instant)> {
        let batch = self.batch_of(number)?;
        Some((batch.version + (number - batch.first), batch.at))
    }

    /// The changes of a prefix that are kept, the newest first.
    pub(crate) fn of(&self, key: K) -> Vec<Change> {
        let change = |number: u64| {
            let entry = self.entry(number);
            if entry.key != key {
                return None;
            }
            let (version, at) = self.moment(number)?;
            let id = |peer: PeerId| self.bearer(peer, version);
            let (before, after) = (id(entry.before), id(entry.after));
            Some(Change { at, version, before, after })
        };
        self.numbers().rev().filter_map(change).collect()
    }

    /// Changes that are kept.
    pub(crate) const fn len(&self) -> usize {
        self.ring.len()
    }

    /// All changes after this time are kept; `None` where all there ever were are.
    pub(crate) const fn forgotten(&self) -> Option<Instant> {
        self.forgotten
    }
}

#[cfg(test)]
mod tests;
