//! One family of a shard: its table, what its peers announced, and the groups that read it.
//!
//! Input is applied route by route; what changed is noted once, with what was best before.
//! At the end of the batch `flush` looks once at every prefix that was touched.
//! What a group had and what it has now both follow from the best route, so nothing is kept per
//! peer or per group but the log.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{GroupId, PathId, PeerId, PeerRole};
use albedo_wire::nlri::NlriKey;

use crate::attrs::AttrSet;
use crate::catchup::CatchUps;
use crate::group::GroupKey;
use crate::input::{Birth, Output};
use crate::journal::Journal;
use crate::limits::Limits;
use crate::peer::Peers;
use crate::rebase::Rebase;
use crate::segment::SegmentBuilder;
use crate::shard::FamilyStats;
use crate::table::{Candidate, Candidates, Place, Slot, Source, Table, Upsert};

mod flush;
mod members;
mod several;
mod stale;

pub(crate) use several::Several;
use stale::Walk;

/// The best route of a prefix, and what decided who hears of it.
#[derive(Clone, Debug)]
pub(crate) struct Best {
    pub(crate) attrs: Arc<AttrSet>,
    pub(crate) peer: PeerId,
    pub(crate) role: PeerRole,
    pub(crate) long_lived: bool,
}

impl Best {
    #[inline]
    pub(crate) fn of(candidate: &Candidate, peers: &Peers) -> Self {
        let peer = candidate.source.peer();
        Self {
            attrs: Arc::clone(&candidate.attrs),
            peer,
            role: peers.source(peer).info.role,
            long_lived: candidate.source.is_long_lived(),
        }
    }

    #[inline]
    fn is(&self, other: &Self) -> bool {
        self.peer == other.peer && self.role == other.role && self.says(other)
    }

    /// Whether the routes have the same attributes on their way out.
    #[inline]
    pub(crate) fn says(&self, other: &Self) -> bool {
        self.long_lived == other.long_lived && Arc::ptr_eq(&self.attrs, &other.attrs)
    }
}

/// A prefix that was touched, and its best route before.
#[derive(Debug)]
struct Dirty {
    slot: Slot,
    old: Option<Best>,
}

/// What a peer has in the table: an index over its candidates.
///
/// It may name an entry twice or name one that the peer has nothing in any more; it is never more
/// than twice as long as what the peer has, plus a constant.
#[derive(Debug, Default)]
struct AdjRibIn {
    slots: Vec<Slot>,
    paths: usize,
    /// Those of them that an earlier session left behind.
    stale: usize,
    /// Which of the peer's sessions announces now.
    epoch: u8,
    /// Whether the peer ever announced anything.
    announced: bool,
    /// What is being done with the stale ones; its part of the index is there.
    walk: Option<Box<Walk>>,
}

/// Entries of an [`AdjRibIn`] before it is worth tidying.
const ADJ_RIB_IN_SLACK: usize = 64;

/// A group as its shard sees it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    pub(crate) members: usize,
    /// Whether the log begins with a base; before, nobody can start.
    pub(crate) ready: bool,
    /// Segments appended to the tail so far; the log numbers them alike.
    pub(crate) end_seq: u64,
    /// Version of the base.
    pub(crate) base_version: u64,
    /// Weight of what was announced or withdrawn in the log since and with its base.
    pub(crate) operations: u64,
    /// What the log occupies, in bytes.
    pub(crate) cost: usize,
    /// What the last base occupied, in bytes; 0 before there was one.
    pub(crate) base_cost: usize,
    /// Weight of the routes in the last base.
    pub(crate) base_weight: u64,
    /// Weight of the routes that the group is told of; not counted yet before its first base.
    pub(crate) live: i64,
    /// Whether tombstones wait for nothing but a new base.
    pub(crate) holds_tombstones: bool,
    pub(crate) rebase: Option<Rebase>,
    /// Who starts once the base that is being written is there.
    pub(crate) waiting: Vec<PeerId>,
    /// Who needs a base that was begun after it asked.
    pub(crate) waiting_next: Vec<PeerId>,
    /// Who starts at the end of the batch: what came before it is not in the log yet.
    pub(crate) waiting_flush: Vec<PeerId>,
}

#[derive(Debug)]
pub(crate) struct FamilyRib<K> {
    pub(crate) table: Table<K>,
    pub(crate) version: u64,
    adj_rib_in: Vec<AdjRibIn>,
    paths: usize,
    stale: usize,
    swept: u64,
    /// Peers with a [`Walk`].
    walks: VecDeque<PeerId>,
    dirty: Vec<Dirty>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) catch_ups: CatchUps,
    pub(crate) limits: Limits,
    pub(crate) builder: SegmentBuilder,
    scratch: flush::Scratch,
    /// Where a group is told others than the best path.
    pub(crate) several: Option<Box<Several<K>>>,
    /// For the identifiers of paths.
    pub(crate) seed: u64,
    pub(crate) journal: Journal<K>,
    /// Whose best route changed since that was last asked, while somebody watches.
    pub(crate) watched: Option<Vec<K>>,
}

impl<K: NlriKey> FamilyRib<K> {
    pub(crate) fn new(seed: u64, limits: Limits) -> Self {
        Self {
            table: Table::new(seed),
            version: 0,
            adj_rib_in: Vec::new(),
            paths: 0,
            stale: 0,
            swept: 0,
            walks: VecDeque::new(),
            dirty: Vec::new(),
            groups: BTreeMap::new(),
            catch_ups: CatchUps::default(),
            limits: limits.checked(),
            builder: SegmentBuilder::default(),
            scratch: flush::Scratch::default(),
            several: None,
            seed,
            journal: Journal::new(limits.journal_entries),
            watched: None,
        }
    }

    pub(crate) fn stats(&self) -> FamilyStats {
        FamilyStats {
            prefixes: self.table.live_len(),
            paths: self.paths,
            stale: self.stale,
            swept: self.swept,
            tombstones: self.table.dead_len() + self.gone_len(),
            catch_ups: self.catch_ups.len(),
            journal: self.journal.len(),
            groups: self.groups.len(),
        }
    }

    /// Notes what was best before the first change of a batch; the candidates, to be changed.
    fn touch(&mut self, slot: Slot, peers: &Peers) -> &mut Candidates {
        if self.several.is_some() {
            self.note_sets(slot, peers);
        }
        let entry = self.table.entry_mut(slot);
        if entry.dirty().is_none() {
            entry.set_dirty(Some(self.dirty.len()));
            let old = match entry.place() {
                Place::Live => entry.candidates.best().map(|best| Best::of(best, peers)),
                Place::New | Place::Dead => None,
            };
            self.dirty.push(Dirty { slot, old });
        }
        &mut entry.candidates
    }

    pub(crate) fn announce(
        &mut self,
        peers: &Peers,
        source: Source,
        path_id: PathId,
        key: K,
        attrs: &Arc<AttrSet>,
    ) {
        let slot = self.table.find_or_insert(key);
        let known = self.table.entry(slot).candidates.get(source.peer(), path_id);
        let is_stale = known.is_some_and(|known| known.source != source);
        if let Some(known) = known
            && Arc::ptr_eq(&known.attrs, attrs)
        {
            if !is_stale {
                return;
            }
            if !known.source.is_long_lived() {
                self.table.entry_mut(slot).candidates.refresh(source, path_id);
                self.not_stale(source.peer(), 1);
                return;
            }
        }
        let candidate = Candidate { attrs: Arc::clone(attrs), source, path_id };
        if self.touch(slot, peers).upsert(candidate) == Upsert::Added {
            self.paths += 1;
            self.index(source.peer(), slot);
        } else if is_stale {
            self.not_stale(source.peer(), 1);
        }
    }

    fn index(&mut self, peer: PeerId, slot: Slot) {
        if self.adj_rib_in.len() <= peer.index() {
            self.adj_rib_in.resize_with(peer.index() + 1, AdjRibIn::default);
        }
        let adj = &mut self.adj_rib_in[peer.index()];
        adj.paths += 1;
        adj.announced = true;
        adj.slots.push(slot);
        self.tidy(peer);
    }

    /// Indices of peers, up to the last that has announced something.
    pub(crate) const fn indices(&self) -> usize {
        self.adj_rib_in.len()
    }

    #[cfg(test)]
    pub(crate) fn indexed(&self, peer: PeerId) -> usize {
        self.adj_rib_in[peer.index()].slots.len()
    }

    /// Keeps the index over a peer's routes in proportion to them.
    fn tidy(&mut self, peer: PeerId) {
        let adj = &mut self.adj_rib_in[peer.index()];
        if adj.slots.len() <= 2 * adj.paths + ADJ_RIB_IN_SLACK {
            return;
        }
        adj.slots.sort_unstable();
        adj.slots.dedup();
        let table = &self.table;
        adj.slots.retain(|slot| {
            let entry = table.get(*slot);
            entry.is_some_and(|e| e.candidates.has(peer))
        });
        adj.slots.shrink_to(2 * adj.slots.len() + ADJ_RIB_IN_SLACK);
    }

    pub(crate) fn withdraw(&mut self, peers: &Peers, source: Source, path_id: PathId, key: &K) {
        let peer = source.peer();
        let Some(slot) = self.table.find(key) else {
            return;
        };
        let Some(known) = self.table.entry(slot).candidates.get(peer, path_id) else {
            return;
        };
        if known.source != source {
            self.not_stale(peer, 1);
        }
        let is_it = |c: &Candidate| c.source.peer() == peer && c.path_id == path_id;
        let gone = self.touch(slot, peers).remove(is_it);
        self.paths -= gone;
        self.adj_rib_in[peer.index()].paths -= gone;
        self.tidy(peer);
    }

    /// Removes all routes of a peer: O(its routes).
    pub(crate) fn withdraw_all(&mut self, peers: &mut Peers, peer: PeerId) {
        let Some(adj) = self.adj_rib_in.get_mut(peer.index()) else {
            return;
        };
        let mut adj = core::mem::take(adj);
        self.stale -= adj.stale;
        if adj.announced {
            peers.announced(peer, K::FAMILY);
        }
        let mut left = adj.paths;
        if let Some(walk) = adj.walk {
            adj.slots.append(&mut self.end_walk(peer, *walk));
        }
        for slot in adj.slots {
            let entry = self.table.get(slot);
            if !entry.is_some_and(|e| e.candidates.has(peer)) {
                continue;
            }
            let gone = self.touch(slot, peers).remove(|c| c.source.peer() == peer);
            self.paths -= gone;
            left -= gone;
        }
        assert_eq!(left, 0, "the index names every candidate of a peer");
    }

    /// Notes all routes of a peer as touched, before its role changes.
    pub(crate) fn touch_all(&mut self, peers: &Peers, peer: PeerId) {
        let Some(adj) = self.adj_rib_in.get(peer.index()) else {
            return;
        };
        let walked = adj.walk.iter().flat_map(|walk| walk.slots()).copied();
        let slots: Vec<Slot> = adj.slots.iter().copied().chain(walked).collect();
        for slot in slots {
            let entry = self.table.get(slot);
            if entry.is_some_and(|e| e.candidates.has(peer)) {
                self.touch(slot, peers);
            }
        }
    }

    /// Whether nothing of any peer is left: all counts are zero.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.len() == 0
            && self.paths == 0
            && self.stale == 0
            && self.walks.is_empty()
            && self.dirty.is_empty()
            && self.groups.is_empty()
            && self.catch_ups.is_empty()
            && self.builder.is_empty()
            && self.several.is_none()
    }

    /// What one flush begins with; for the caller that wants to know.
    pub(crate) const fn has_changes(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Ends a batch that was decided.
    pub(crate) fn encode(&mut self, peers: &Peers, birth: Birth, out: &mut Vec<Output>) {
        self.encode_changes(peers, birth, out);
        self.start_waiting(out);
        self.begin_rebases();
    }
}
