//! Groups that are told other paths than the best, or several: what they had before a batch.
//!
//! What such a group had does not follow from the best route, so it is noted before the first
//! change of a prefix in a batch; the difference to what it has at the end is what it is told.
//! Which identifiers a reader holds that has fallen behind does not follow from the table: paths
//! that are told no more leave a tombstone each, which goes as those of prefixes do.
//! Where there is no such group, nothing of this is there.
//!
//! RFC 7911, docs/adr/0011.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use albedo_types::{GroupId, PathId};
use albedo_wire::nlri::NlriKey;

use super::FamilyRib;
use crate::group::GroupKey;
use crate::paths::{self, Set};
use crate::peer::Peers;
use crate::policy::Memo;
use crate::table::{Place, Slot};

/// What a group was told of prefixes before a batch, and what it is told behind it.
pub(super) type Sets = BTreeMap<Slot, (Set, Set)>;

/// A path that a group was told, and is not told any more.
#[derive(Debug)]
pub(crate) struct Gone<K> {
    version: u64,
    pub(crate) key: K,
    pub(crate) id: PathId,
}

/// What is noted for one group in one batch.
#[derive(Debug)]
struct Noted {
    key: GroupKey,
    memo: Memo,
    sets: Sets,
}

/// What is there while a group chooses among paths.
#[derive(Debug)]
pub(crate) struct Several<K> {
    noted: BTreeMap<GroupId, Noted>,
    /// In order of version.
    gone: VecDeque<Gone<K>>,
    /// The number of the first of them; they are numbered as they come.
    first: u64,
    /// The version at which a reader last went over from one group to another, until it is known
    /// that it has what it is told there.
    mixed_at: Option<u64>,
    /// While that is not known: identifiers that prefixes had before the batch, told or not.
    before: BTreeMap<Slot, Vec<PathId>>,
}

impl<K> Several<K> {
    pub(super) fn sets(&self, id: GroupId) -> Option<&Sets> {
        self.noted.get(&id).map(|noted| &noted.sets)
    }

    /// The number of the first path that is gone since a version.
    pub(crate) fn first_gone_after(&self, version: u64) -> u64 {
        self.first + self.gone.partition_point(|gone| gone.version <= version) as u64
    }

    /// Those from a number on, with their numbers.
    pub(crate) fn gone_from(&self, number: u64) -> impl Iterator<Item = (u64, &Gone<K>)> {
        let skipped = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let first = self.first.max(number);
        (first..).zip(self.gone.iter().skip(skipped))
    }

    /// The number of the next one.
    pub(crate) fn next_gone(&self) -> u64 {
        self.first + self.gone.len() as u64
    }

    /// A reader goes over to another group, while the table is at a version.
    pub(super) fn mix(&mut self, version: u64) {
        self.mixed_at = Some(version);
    }

    /// Every reader has come to a version, or, if it is on its way from one group to another, had
    /// come to it there.
    pub(super) fn seen(&mut self, version: u64) {
        self.mixed_at = self.mixed_at.filter(|mixed_at| version <= *mixed_at);
    }

    fn bury(&mut self, version: u64) {
        let passed = self.gone.partition_point(|gone| gone.version <= version);
        self.gone.drain(..passed);
        self.first += passed as u64;
        if self.gone.capacity() > 4 * self.gone.len() {
            self.gone.shrink_to(2 * self.gone.len());
        }
    }
}

impl<K: NlriKey> FamilyRib<K> {
    /// The groups have changed.
    pub(super) fn look_for_several(&mut self) {
        let are_there = self.groups.values().any(|group| group.key.paths.are_chosen());
        if !are_there {
            self.several = None;
        } else if self.several.is_none() {
            self.several = Some(Box::new(Several {
                noted: BTreeMap::new(),
                gone: VecDeque::new(),
                first: 0,
                mixed_at: None,
                before: BTreeMap::new(),
            }));
        }
    }

    /// Paths that are told no more, and that somebody may not know of.
    pub(super) fn gone_len(&self) -> usize {
        self.several.as_ref().map_or(0, |several| several.gone.len())
    }

    pub(super) fn bury_gone(&mut self, version: u64) {
        if let Some(several) = &mut self.several {
            several.bury(version);
        }
    }

    /// What a group is told of a prefix.
    pub(crate) fn set(&self, peers: &Peers, slot: Slot, key: &GroupKey, memo: &mut Memo) -> Set {
        paths::choose(self.seed, peers, key, self.table.entry(slot), memo)
    }

    /// Notes what the groups have of a prefix before it changes for the first time in a batch.
    #[cold]
    #[inline(never)]
    pub(super) fn note_sets(&mut self, slot: Slot, peers: &Peers) {
        let entry = self.table.entry(slot);
        if entry.dirty().is_some() || entry.place() != Place::Live {
            return;
        }
        self.each_noted(|rib, noted| {
            let old = rib.set(peers, slot, &noted.key, &mut noted.memo);
            noted.sets.insert(slot, (old, Set::new()));
        });
        if self.several.as_ref().is_some_and(|several| several.mixed_at.is_some()) {
            let ids = self.path_ids(slot, peers).collect();
            if let Some(several) = &mut self.several {
                several.before.insert(slot, ids);
            }
        }
    }

    /// The identifiers of all paths of a prefix.
    pub(crate) fn path_ids(&self, slot: Slot, peers: &Peers) -> impl Iterator<Item = PathId> {
        self.table.entry(slot).candidates.as_slice().iter().map(|candidate| {
            let peer = &peers.source(candidate.source.peer()).info;
            paths::id(self.seed, peer, candidate.path_id)
        })
    }

    /// Leaves in what is noted only the identifiers that a prefix has no more; whether anything
    /// was noted: then a group that is closed, and whose reader is on its way to another one, may
    /// have been told something else.
    fn compare_ids(&mut self, slot: Slot, peers: &Peers) -> bool {
        let before = self.several.as_mut().and_then(|several| several.before.remove(&slot));
        let Some(mut lost) = before else { return false };
        for id in self.path_ids(slot, peers) {
            lost.retain(|other| *other != id);
        }
        if let Some(several) = &mut self.several {
            several.before.insert(slot, lost);
        }
        true
    }

    /// Works out what the groups have of a prefix now; whether for one that is something else.
    #[cold]
    #[inline(never)]
    pub(super) fn compare_sets(&mut self, slot: Slot, peers: &Peers) -> bool {
        let mut differ = self.compare_ids(slot, peers);
        self.each_noted(|rib, noted| {
            let new = rib.set(peers, slot, &noted.key, &mut noted.memo);
            let sets = noted.sets.entry(slot).or_default();
            differ |= !paths::are_equal(&sets.0, &new);
            sets.1 = new;
        });
        // Whoever was in a group that has closed is told by its new one what has changed.
        let Some(several) = &self.several else { return differ };
        let closed = several.noted.iter().filter(|(id, _)| !self.groups.contains_key(id));
        let had = closed.filter_map(|(_, noted)| noted.sets.get(&slot));
        differ | had.into_iter().any(|(old, _)| !old.is_empty())
    }

    /// Calls `each` with what is noted for each group.
    fn each_noted(&mut self, mut each: impl FnMut(&Self, &mut Noted)) {
        let Some(mut several) = self.several.take() else { return };
        for (id, group) in self.groups.iter().filter(|(_, group)| group.key.paths.are_chosen()) {
            let noted = several.noted.entry(*id).or_insert_with(|| Noted {
                key: group.key.clone(),
                memo: Memo::default(),
                sets: Sets::new(),
            });
            each(self, noted);
        }
        self.several = Some(several);
    }

    /// Leaves tombstones for the paths of a prefix, changed at the newest version, that somebody
    /// is told no more.
    #[cold]
    #[inline(never)]
    pub(super) fn note_gone(&mut self, slot: Slot) {
        let Some(several) = &mut self.several else { return };
        let (key, version) = (self.table.entry(slot).key, self.version);
        let first = several.gone.len();
        for noted in several.noted.values().filter(|noted| noted.key.paths.have_ids()) {
            let Some((old, new)) = noted.sets.get(&slot) else { continue };
            for told in old.iter().filter(|told| !new.iter().any(|other| other.is_of(told))) {
                let id = told.id;
                if several.gone.iter().skip(first).all(|gone| gone.id != id) {
                    several.gone.push_back(Gone { version, key, id });
                }
            }
        }
        for id in several.before.remove(&slot).unwrap_or_default() {
            if several.gone.iter().skip(first).all(|gone| gone.id != id) {
                several.gone.push_back(Gone { version, key, id });
            }
        }
    }

    /// The batch is over.
    pub(super) fn forget_sets(&mut self) {
        if let Some(several) = &mut self.several {
            several.noted.clear();
            several.before.clear();
        }
    }
}
