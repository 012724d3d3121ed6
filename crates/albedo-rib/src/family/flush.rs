//! The end of a batch: the difference between what a group had and what it has, as one segment.
//!
//! For a prefix whose best route was `old` from X and is `new` from Y:
//!
//! | who | hears |
//! | --- | --- |
//! | everybody but X and Y | `new`, if its bytes differ; a withdrawal, if there is none |
//! | X (it had nothing of its own route) | `new`, also where the bytes are equal |
//! | Y (it must not hold a route beside its own) | a withdrawal of `old` |
//!
//! While a base is being written, everybody hears `new` also where the bytes are equal: the base
//! leaves out what has changed since it was begun.
//!
//! RFC: 4271 §9.1.3, 4456 §6.

use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{GroupId, PathId, PeerId};
use albedo_wire::nlri::NlriKey;

use super::several::Sets;
use super::{Best, Dirty, FamilyRib, Group};
use crate::decision::{self, Path};
use crate::encode::{self, Buckets};
use crate::group::GroupKey;
use crate::input::{Birth, Output};
use crate::paths::{Set, Told};
use crate::peer::Peers;
use crate::policy::Memo;
use crate::rebase::{change_weight, paths_weight, route_weight};
use crate::table::{Candidate, Candidates, Place, Slot, Table};

/// Bytes that the buffers of a batch keep for the next one.
const SCRATCH_BYTES_MAX: usize = 256 * 1024;

/// Buffers that live from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    changes: Vec<Change>,
    announced: Buckets<Slot>,
    /// With the source, as long as that is a reader that must step over it.
    withdrawn: Vec<(Option<PeerId>, Slot)>,
    /// With the place among the changes.
    private_announced: Vec<(PeerId, u32)>,
    private_withdrawn: Vec<(PeerId, Slot)>,
    /// Of groups that are told several paths of a prefix.
    pub(super) announced_paths: Buckets<(Slot, PathId)>,
    /// With the source, as above.
    pub(super) withdrawn_paths: Vec<(Option<PeerId>, Slot, PathId)>,
}

impl Scratch {
    fn shrink(&mut self) {
        self.changes.shrink_to(SCRATCH_BYTES_MAX / size_of::<Change>());
        self.announced.shrink(SCRATCH_BYTES_MAX);
        self.withdrawn.shrink_to(SCRATCH_BYTES_MAX / size_of::<(Option<PeerId>, Slot)>());
        self.private_announced.shrink_to(SCRATCH_BYTES_MAX / size_of::<(PeerId, u32)>());
        self.private_withdrawn.shrink_to(SCRATCH_BYTES_MAX / size_of::<(PeerId, Slot)>());
        self.announced_paths.shrink(SCRATCH_BYTES_MAX);
        let paths_max = SCRATCH_BYTES_MAX / size_of::<(Option<PeerId>, Slot, PathId)>();
        self.withdrawn_paths.shrink_to(paths_max);
    }
}

#[derive(Debug)]
pub(super) struct Change {
    pub(super) slot: Slot,
    old: Option<Best>,
    new: Option<Best>,
    /// Version of the last change before this one.
    pub(super) last: u64,
}

impl<K: NlriKey> FamilyRib<K> {
    /// Finds the best routes of all prefixes that were touched.
    pub(crate) fn decide_changes(&mut self, peers: &Peers, birth: Birth) {
        let mut changes = core::mem::take(&mut self.scratch.changes);
        let mut dirty = core::mem::take(&mut self.dirty);
        let are_chosen = self.several.is_some();
        for Dirty { slot, old } in dirty.drain(..) {
            if let Some(change) = self.decide(peers, slot, old, are_chosen) {
                changes.push(change);
            }
        }
        dirty.shrink_to(SCRATCH_BYTES_MAX / size_of::<Dirty>());
        self.dirty = dirty;
        if !changes.is_empty() {
            self.note(&changes, birth);
        }
        self.scratch.changes = changes;
    }

    /// Tells each group what changed.
    pub(super) fn encode_changes(&mut self, peers: &Peers, birth: Birth, out: &mut Vec<Output>) {
        let mut scratch = core::mem::take(&mut self.scratch);
        if !scratch.changes.is_empty() {
            let ids: Vec<GroupId> = self.groups.keys().copied().collect();
            let changes = core::mem::take(&mut scratch.changes);
            for id in ids {
                self.flush_group(peers, id, birth, &changes, &mut scratch, out);
            }
            scratch.changes = changes;
        }
        self.forget_sets();
        self.bury_for_nobody();
        scratch.changes.clear();
        scratch.shrink();
        self.scratch = scratch;
    }

    /// Looks once at a prefix that was touched; `are_chosen` says whether a group chooses among its
    /// paths.
    fn decide(
        &mut self,
        peers: &Peers,
        slot: Slot,
        old: Option<Best>,
        are_chosen: bool,
    ) -> Option<Change> {
        let entry = self.table.entry_mut(slot);
        entry.set_dirty(None);
        let new = select(&mut entry.candidates, peers).map(|best| Best::of(best, peers));
        let (was, last) = (entry.place(), entry.version);
        let sets_differ = are_chosen && self.compare_sets(slot, peers);
        match (&old, &new) {
            (None, None) => {
                if was == Place::New {
                    self.table.remove(slot);
                }
                return None;
            }
            (Some(old), Some(new)) if old.is(new) && !sets_differ => return None,
            _ => {}
        }
        self.version += 1;
        let place = if new.is_some() { Place::Live } else { Place::Dead };
        self.table.touch(slot, place, self.version);
        if sets_differ {
            self.note_gone(slot);
        }
        Some(Change { slot, old, new, last })
    }

    /// Writes the changes of a batch into the journal, and down for who watches.
    #[inline(never)]
    fn note(&mut self, changes: &[Change], birth: Birth) {
        if let Some(watched) = &mut self.watched {
            watched.extend(changes.iter().map(|change| self.table.entry(change.slot).key));
        }
        if changes.len() > self.limits.journal_batch_changes {
            self.journal.skip(birth.at);
            return;
        }
        let peer = |best: &Option<Best>| best.as_ref().map(|best| best.peer);
        let table = &self.table;
        let noted = changes
            .iter()
            .map(|change| (table.entry(change.slot).key, peer(&change.old), peer(&change.new)));
        self.journal.push(birth.at, self.version - changes.len() as u64, noted);
    }

    fn flush_group(
        &mut self,
        peers: &Peers,
        id: GroupId,
        birth: Birth,
        changes: &[Change],
        scratch: &mut Scratch,
        out: &mut Vec<Output>,
    ) {
        let group = self.groups.get_mut(&id).expect("a group of this family");
        let key = group.key.clone();
        let sets = self.several.as_ref().and_then(|several| several.sets(id));
        let operations = if key.paths.have_ids() {
            let operations = sets
                .map_or(0, |sets| sort_sets(peers, id, group, changes, sets, &self.table, scratch));
            self.encode_paths(&key, scratch);
            operations
        } else {
            let as_told = match sets {
                Some(sets) => Some(by_sets(sets, changes)),
                None => key.policy.as_ref().map(|_| by_policy(&key, &self.table, changes)),
            };
            let changes = as_told.as_deref().unwrap_or(changes);
            let operations = sort_changes(peers, id, group, changes, &self.table, scratch);
            self.encode_withdrawn(&key, scratch);
            self.encode_announced(&key, scratch);
            self.encode_private(&key, changes, scratch);
            operations
        };
        if self.builder.is_empty() {
            return;
        }
        let segment = self.builder.finish(self.version, birth.at, birth.loss);
        self.builder.shrink(SCRATCH_BYTES_MAX);
        let group = self.groups.get_mut(&id).expect("a group of this family");
        group.cost += segment.cost();
        group.operations += operations;
        group.end_seq += 1;
        out.push(Output::Append { group: id, segment });
    }

    fn encode_withdrawn(&mut self, key: &GroupKey, scratch: &mut Scratch) {
        let (table, builder) = (&self.table, &mut self.builder);
        scratch.withdrawn.sort_by_key(|(source, _)| *source);
        for run in scratch.withdrawn.chunk_by(|a, b| a.0 == b.0) {
            let start = builder.len();
            let routes = run.iter().map(|(_, slot)| (PathId(0), table.entry(*slot).key));
            encode::withdraw(builder, key, routes);
            if let Some(source) = run[0].0 {
                builder.own_run(source, start);
            }
        }
        scratch.withdrawn.clear();
    }

    fn encode_announced(&mut self, key: &GroupKey, scratch: &mut Scratch) {
        let (table, builder) = (&self.table, &mut self.builder);
        scratch.announced.drain_sorted(|bucket, slots| {
            let start = builder.len();
            let routes = slots.iter().map(|slot| (PathId(0), table.entry(*slot).key));
            encode::announce(builder, key, (&bucket.attrs, bucket.extra()), routes);
            builder.own_run(bucket.source(), start);
        });
    }

    /// Withdrawals first: an identifier may come again from another source.
    #[cold]
    #[inline(never)]
    fn encode_paths(&mut self, key: &GroupKey, scratch: &mut Scratch) {
        let (table, builder) = (&self.table, &mut self.builder);
        scratch.withdrawn_paths.sort_by_key(|(source, _, _)| *source);
        for run in scratch.withdrawn_paths.chunk_by(|a, b| a.0 == b.0) {
            let start = builder.len();
            let routes = run.iter().map(|(_, slot, id)| (*id, table.entry(*slot).key));
            encode::withdraw(builder, key, routes);
            if let Some(source) = run[0].0 {
                builder.own_run(source, start);
            }
        }
        scratch.withdrawn_paths.clear();
        scratch.announced_paths.drain_sorted(|bucket, paths| {
            let start = builder.len();
            let routes = paths.iter().map(|(slot, id)| (*id, table.entry(*slot).key));
            encode::announce(builder, key, (&bucket.attrs, bucket.extra()), routes);
            builder.own_run(bucket.source(), start);
        });
    }

    fn encode_private(&mut self, key: &GroupKey, changes: &[Change], scratch: &mut Scratch) {
        let (table, builder) = (&self.table, &mut self.builder);
        scratch.private_withdrawn.sort_by_key(|(peer, _)| *peer);
        for run in scratch.private_withdrawn.chunk_by(|a, b| a.0 == b.0) {
            let start = builder.len();
            let routes = run.iter().map(|(_, slot)| (PathId(0), table.entry(*slot).key));
            encode::withdraw(builder, key, routes);
            builder.private_run(run[0].0, start);
        }
        scratch.private_withdrawn.clear();
        let set = |n: u32| {
            let change = &changes[n as usize];
            let new = change.new.as_ref().expect("announced, so there is a best");
            let is_host = || table.entry(change.slot).key.is_host();
            (&new.attrs, key.extra(new.long_lived, is_host))
        };
        let order = |(peer, n): &(PeerId, u32)| {
            let (attrs, extra) = set(*n);
            (*peer, Arc::as_ptr(attrs), extra.bits())
        };
        scratch.private_announced.sort_by_key(order);
        let same = |a: &(PeerId, u32), b: &(PeerId, u32)| order(a) == order(b);
        for run in scratch.private_announced.chunk_by(same) {
            let start = builder.len();
            let slot = |n: u32| changes[n as usize].slot;
            let routes = run.iter().map(|(_, n)| (PathId(0), table.entry(slot(*n)).key));
            let (attrs, extra) = set(run[0].1);
            encode::announce(builder, key, (attrs, extra), routes);
            builder.private_run(run[0].0, start);
        }
        scratch.private_announced.clear();
    }
}

/// Finds the best of the candidates of a prefix by the decision process.
fn select<'a>(candidates: &'a mut Candidates, peers: &Peers) -> Option<&'a Candidate> {
    let all = candidates.as_slice();
    let best = decision::best(all.len(), |n| {
        let Candidate { attrs, source, path_id } = &all[n];
        let peer = &peers.source(source.peer()).info;
        Path::new(&attrs.summary, peer, *path_id, source.is_long_lived())
    })?;
    candidates.set_best(best);
    candidates.best()
}

/// The changes as a group with a policy sees them: a route that it is not told of is none, and the
/// others are as it is told of them.
///
/// A pair of equal sets stays one, so that what does not change is not sent again.
fn by_policy<K: NlriKey>(key: &GroupKey, table: &Table<K>, changes: &[Change]) -> Vec<Change> {
    let mut memo = Memo::default();
    let mut told = |best: &Option<Best>, slot: Slot| {
        let Best { attrs, peer, role, long_lived } = best.as_ref()?;
        let entry = table.entry(slot);
        let extra = key.extra(*long_lived, || entry.key.is_host());
        let told = key.told(attrs, *role, extra, || entry.key.prefix(), &mut memo)?;
        Some(Best { attrs: Arc::clone(told), peer: *peer, role: *role, long_lived: *long_lived })
    };
    let change = |change: &Change| Change {
        slot: change.slot,
        old: told(&change.old, change.slot),
        new: told(&change.new, change.slot),
        last: change.last,
    };
    changes.iter().map(change).collect()
}

/// The changes as a group sees them that is told the best path of those that it may be told.
#[cold]
#[inline(never)]
fn by_sets(sets: &Sets, changes: &[Change]) -> Vec<Change> {
    let change = |change: &Change| {
        let (old, new) = sets.get(&change.slot).map_or((None, None), |(old, new)| {
            let best = |set: &Set| set.first().map(|told| told.path.clone());
            (best(old), best(new))
        });
        Change { slot: change.slot, old, new, last: change.last }
    };
    changes.iter().map(change).collect()
}

/// Sorts the changes of a batch for a group that is told several paths of a prefix; the weight of
/// those for the group.
///
/// Each path is a route of its own: nobody but its source has to be told otherwise.
#[cold]
#[inline(never)]
fn sort_sets<K: NlriKey>(
    peers: &Peers,
    id: GroupId,
    group: &mut Group,
    changes: &[Change],
    sets: &Sets,
    table: &Table<K>,
    scratch: &mut Scratch,
) -> u64 {
    let key = group.key.clone();
    let is_member = |peer: &PeerId| {
        peers.get(*peer).is_some_and(|peer| peer.groups[key.family.index()] == Some(id))
    };
    let mut operations = 0;
    for change in changes {
        let Some((old, new)) = sets.get(&change.slot) else { continue };
        group.count([old, new].map(paths_weight), change.last);
        for told in old.iter().filter(|told| !new.iter().any(|other| other.is_of(told))) {
            let source = Some(told.path.peer).filter(is_member);
            scratch.withdrawn_paths.push((source, change.slot, told.id));
            operations += change_weight(None);
        }
        let skips = group.skips(change.last);
        let is_news = |told: &&Told| skips || !old.iter().any(|other| other.says(told));
        for told in new.iter().filter(is_news) {
            let Best { attrs, peer, long_lived, .. } = &told.path;
            let extra = key.extra(*long_lived, || table.entry(change.slot).key.is_host());
            scratch.announced_paths.push(*peer, attrs, extra, (change.slot, told.id));
            operations += change_weight(Some(attrs));
        }
    }
    operations
}

/// Sorts the changes of a batch by who hears of them; the weight of those for the group.
fn sort_changes<K: NlriKey>(
    peers: &Peers,
    id: GroupId,
    group: &mut Group,
    changes: &[Change],
    table: &Table<K>,
    scratch: &mut Scratch,
) -> u64 {
    let key = group.key.clone();
    let reads = |peer: PeerId| peers.reads(peer, key.family, id);
    let is_member = |peer: &PeerId| {
        peers.get(*peer).is_some_and(|peer| peer.groups[key.family.index()] == Some(id))
    };
    let mut operations = 0;
    for (n, change) in changes.iter().enumerate() {
        let is_host = || table.entry(change.slot).key.is_host();
        let extra = |best: &Best| key.extra(best.long_lived, is_host);
        let told = |best: &&Best| key.exports(&best.attrs, best.role, extra(best));
        let old = change.old.as_ref().filter(told);
        let new = change.new.as_ref().filter(told);
        let [had, has] = [old, new].map(|best| best.map(|best| &*best.attrs));
        group.count([had, has].map(route_weight), change.last);
        match (old, new) {
            (None, None) => continue,
            // What several lost peers leave behind shares messages.
            (Some(old), None) => {
                scratch.withdrawn.push((Some(old.peer).filter(is_member), change.slot));
            }
            (None, Some(new)) => {
                scratch.announced.push(new.peer, &new.attrs, extra(new), change.slot);
            }
            (Some(old), Some(new)) => {
                let moved = old.peer != new.peer;
                if !old.says(new) || group.skips(change.last) {
                    scratch.announced.push(new.peer, &new.attrs, extra(new), change.slot);
                } else if !moved {
                    // Others are told of it.
                    continue;
                } else if reads(old.peer) {
                    let n = u32::try_from(n).expect("a batch is bounded");
                    scratch.private_announced.push((old.peer, n));
                }
                if moved && reads(new.peer) {
                    scratch.private_withdrawn.push((new.peer, change.slot));
                }
            }
        }
        operations += change_weight(has);
    }
    operations
}
