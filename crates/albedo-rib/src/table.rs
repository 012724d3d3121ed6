//! The Loc-RIB of one family in one shard: prefixes, their candidates, and the order of change.
//!
//! Entries live in a slab of fixed chunks, found by hash; an entry never moves, so an index names
//! it for as long as it lives.
//! Every entry that the groups know of hangs in one of two lists in order of last change: *live*
//! (it has a best route) or *dead* (a tombstone: it had one, and a reader may not know yet).
//! Per prefix of IPv4 that is 56 bytes with its first candidate and 16 for each further one, and
//! five for the hash table's slot (docs/adr/0002).

use alloc::boxed::Box;
use alloc::vec::Vec;

use albedo_wire::nlri::NlriKey;
use core::hash::BuildHasher;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

pub(crate) use candidates::{Candidate, Candidates, EPOCH_MAX, Source, Upsert};
use milestones::Milestones;

mod candidates;
mod milestones;

/// Index of an entry.
pub(crate) type Slot = u32;
/// No entry.
pub(crate) const NONE: Slot = u32::MAX;

/// Which list an entry hangs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In none: not told to anybody yet.
    New,
    Live,
    Dead,
}

/// Low bits of [`Entry::mark`]: one more than the index into the list of dirty entries.
const DIRTY_MASK: u32 = (1 << 28) - 1;
const PLACE_SHIFT: u32 = 28;
const MILESTONE: u32 = 1 << 31;

#[derive(Debug)]
pub(crate) struct Entry<K> {
    pub(crate) candidates: Candidates,
    pub(crate) version: u64,
    pub(crate) key: K,
    prev: Slot,
    next: Slot,
    mark: u32,
}

impl<K> Entry<K> {
    pub(crate) fn dirty(&self) -> Option<usize> {
        (self.mark & DIRTY_MASK).checked_sub(1).map(|n| n as usize)
    }

    pub(crate) fn set_dirty(&mut self, index: Option<usize>) {
        let value = index.map_or(0, |n| u32::try_from(n + 1).expect("a batch is bounded"));
        assert!(value <= DIRTY_MASK, "a batch is bounded");
        self.mark = self.mark & !DIRTY_MASK | value;
    }

    pub(crate) const fn place(&self) -> Place {
        match self.mark >> PLACE_SHIFT & 3 {
            0 => Place::New,
            1 => Place::Live,
            _ => Place::Dead,
        }
    }

    const fn set_place(&mut self, place: Place) {
        let bits = match place {
            Place::New => 0,
            Place::Live => 1,
            Place::Dead => 2,
        };
        self.mark = self.mark & !(3 << PLACE_SHIFT) | bits << PLACE_SHIFT;
    }
}

/// Entries to a chunk of the slab.
const CHUNK: usize = 1024;

#[derive(Debug)]
struct List {
    head: Slot,
    tail: Slot,
    len: usize,
    milestones: Milestones,
}

impl Default for List {
    fn default() -> Self {
        Self { head: NONE, tail: NONE, len: 0, milestones: Milestones::default() }
    }
}

/// A piece of the slab; its length is known, so that a place in it needs no check.
type Chunk<K> = Box<[Option<Entry<K>>; CHUNK]>;

/// All entries of one family.
#[derive(Debug)]
pub(crate) struct Table<K> {
    index: HashTable<Slot>,
    hasher: FixedState,
    chunks: Vec<Chunk<K>>,
    free: Vec<Slot>,
    used: usize,
    live: List,
    dead: List,
}

impl<K: NlriKey> Table<K> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            index: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            chunks: Vec::new(),
            free: Vec::new(),
            used: 0,
            live: List::default(),
            dead: List::default(),
        }
    }

    /// Prefixes with a best route that the groups know of.
    pub(crate) const fn live_len(&self) -> usize {
        self.live.len
    }

    /// Tombstones.
    pub(crate) const fn dead_len(&self) -> usize {
        self.dead.len
    }

    /// All entries, new ones included.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// One more than the highest slot that was ever in use; 0 for an empty table.
    pub(crate) const fn slots(&self) -> usize {
        self.used
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Entry<K>> {
        let slot = slot as usize;
        self.chunks.get(slot / CHUNK)?[slot % CHUNK].as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Entry<K>> {
        let slot = slot as usize;
        self.chunks.get_mut(slot / CHUNK)?[slot % CHUNK].as_mut()
    }

    pub(crate) fn entry(&self, slot: Slot) -> &Entry<K> {
        self.get(slot).expect("a slot in use")
    }

    pub(crate) fn entry_mut(&mut self, slot: Slot) -> &mut Entry<K> {
        self.get_mut(slot).expect("a slot in use")
    }

    pub(crate) fn find(&self, key: &K) -> Option<Slot> {
        let hash = self.hasher.hash_one(key);
        self.index.find(hash, |slot| self.entry(*slot).key == *key).copied()
    }

    pub(crate) fn find_or_insert(&mut self, key: K) -> Slot {
        let hash = self.hasher.hash_one(key);
        let chunks = &self.chunks;
        let at = |slot: Slot| {
            chunks[slot as usize / CHUNK][slot as usize % CHUNK].as_ref().expect("a slot in use")
        };
        let found = self.index.find(hash, |slot| at(*slot).key == key).copied();
        if let Some(slot) = found {
            return slot;
        }
        let slot = self.allocate(Entry {
            candidates: Candidates::None,
            version: 0,
            key,
            prev: NONE,
            next: NONE,
            mark: 0,
        });
        let (chunks, hasher) = (&self.chunks, &self.hasher);
        self.index.insert_unique(hash, slot, |slot| {
            let slot = *slot as usize;
            let entry = chunks[slot / CHUNK][slot % CHUNK].as_ref().expect("a slot in use");
            hasher.hash_one(entry.key)
        });
        slot
    }

    fn allocate(&mut self, entry: Entry<K>) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = Slot::try_from(self.used).expect("fewer than 2^32 prefixes");
            assert!(slot != NONE, "fewer than 2^32 prefixes");
            self.used += 1;
            slot
        });
        let n = slot as usize;
        if n / CHUNK == self.chunks.len() {
            let empty: Box<[_]> = (0..CHUNK).map(|_| None).collect();
            self.chunks.push(empty.try_into().expect("as many as a chunk has"));
        }
        self.chunks[n / CHUNK][n % CHUNK] = Some(entry);
        slot
    }

    /// Removes an entry that hangs in no list.
    fn free(&mut self, slot: Slot) {
        let entry = self.chunks[slot as usize / CHUNK][slot as usize % CHUNK].take();
        let entry = entry.expect("a slot in use");
        debug_assert!(entry.dirty().is_none() && entry.mark & MILESTONE == 0);
        let hash = self.hasher.hash_one(entry.key);
        if let Ok(found) = self.index.find_entry(hash, |other| *other == slot) {
            found.remove();
        }
        self.free.push(slot);
        if self.index.is_empty() {
            // An empty table is as small as a new one.
            self.chunks = Vec::new();
            self.free = Vec::new();
            self.index = HashTable::new();
            self.used = 0;
        }
    }

    fn list(&mut self, place: Place) -> &mut List {
        match place {
            Place::Live => &mut self.live,
            Place::Dead => &mut self.dead,
            Place::New => unreachable!("new entries hang in no list"),
        }
    }

    fn unlink(&mut self, slot: Slot) {
        let entry = self.entry_mut(slot);
        let (place, prev, next, version) = (entry.place(), entry.prev, entry.next, entry.version);
        if place == Place::New {
            return;
        }
        let milestone = entry.mark & MILESTONE != 0;
        entry.set_place(Place::New);
        entry.mark &= !MILESTONE;
        (entry.prev, entry.next) = (NONE, NONE);
        if milestone {
            self.list(place).milestones.remove(version);
            self.hand_on(place, prev);
        }
        if prev == NONE {
            self.list(place).head = next;
        } else {
            self.entry_mut(prev).next = next;
        }
        if next == NONE {
            self.list(place).tail = prev;
        } else {
            self.entry_mut(next).prev = prev;
        }
        self.list(place).len -= 1;
    }

    /// The entry behind `slot` was a milestone and leaves its place.
    fn hand_on(&mut self, place: Place, slot: Slot) {
        // Before the first entry nobody walks back.
        let Some(entry) = self.get_mut(slot).filter(|entry| entry.mark & MILESTONE == 0) else {
            return;
        };
        entry.mark |= MILESTONE;
        let version = entry.version;
        self.list(place).milestones.insert(slot, version);
    }

    /// Moves an entry to the end of a list, as last changed at `version`.
    pub(crate) fn touch(&mut self, slot: Slot, place: Place, version: u64) {
        self.unlink(slot);
        let list = self.list(place);
        let tail = core::mem::replace(&mut list.tail, slot);
        list.len += 1;
        let milestone = list.milestones.appended(slot, version);
        if tail == NONE {
            list.head = slot;
        } else {
            self.entry_mut(tail).next = slot;
        }
        let entry = self.entry_mut(slot);
        entry.prev = tail;
        entry.version = version;
        entry.set_place(place);
        if milestone {
            entry.mark |= MILESTONE;
        }
    }

    /// Removes an entry without candidates.
    pub(crate) fn remove(&mut self, slot: Slot) {
        self.unlink(slot);
        self.free(slot);
    }

    /// Removes the tombstones that every reader has passed; says how many.
    pub(crate) fn bury(&mut self, version: u64) -> usize {
        let mut buried = 0;
        while self.dead.head != NONE && self.entry(self.dead.head).version <= version {
            let slot = self.dead.head;
            if self.entry(slot).dirty().is_some() {
                break;
            }
            self.remove(slot);
            buried += 1;
        }
        buried
    }

    /// The first entry of a list that changed after version `seen`, in order of change.
    pub(crate) fn first_after(&self, place: Place, seen: u64) -> Option<Slot> {
        self.seek(place, seen).0
    }

    /// The same, and how many entries were walked over to find it.
    fn seek(&self, place: Place, seen: u64) -> (Option<Slot>, usize) {
        let list = if place == Place::Live { &self.live } else { &self.dead };
        let (mut found, mut slot) = match list.milestones.after(seen) {
            Some(milestone) => (Some(milestone), self.entry(milestone).prev),
            None => (None, list.tail),
        };
        let mut walked = 0;
        while slot != NONE && self.entry(slot).version > seen {
            found = Some(slot);
            slot = self.entry(slot).prev;
            walked += 1;
        }
        (found, walked)
    }

    /// The entry behind another one in its list.
    pub(crate) fn next(&self, slot: Slot) -> Option<Slot> {
        Some(self.entry(slot).next).filter(|next| *next != NONE)
    }

    /// Whether nothing in a list changed after version `seen`.
    pub(crate) fn seen_all(&self, place: Place, seen: u64) -> bool {
        let list = if place == Place::Live { &self.live } else { &self.dead };
        list.tail == NONE || self.entry(list.tail).version <= seen
    }
}

#[cfg(test)]
mod tests;
