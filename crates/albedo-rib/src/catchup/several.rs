//! Catching up a reader that is told several paths of a prefix.
//!
//! What it may hold beyond what it is told now are paths that left the group's set since, which
//! have left tombstones, and those of another group that it was in: all of them are candidates
//! still, or have left tombstones, too.
//!
//! RFC 7911, docs/adr/0011.

use alloc::sync::Arc;

use albedo_types::{PathId, PeerId};
use albedo_wire::nlri::NlriKey;

use super::{CatchUp, Chunk};
use crate::family::{Best, FamilyRib};
use crate::group::GroupKey;
use crate::input::Position;
use crate::paths::{Set, Told};
use crate::peer::Peers;
use crate::policy::Memo;
use crate::table::{Place, Slot};

/// How far a reader has been told of paths.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathsSeen {
    /// The number of the next tombstone to look at.
    gone_next: u64,
    /// Whether it may hold paths that another group was told, nobody knows which.
    is_unsure: bool,
}

impl<K: NlriKey> FamilyRib<K> {
    pub(super) fn paths_seen(&self, position: &Position, is_mixed: bool) -> PathsSeen {
        let first =
            |several: &crate::family::Several<K>| several.first_gone_after(position.version);
        PathsSeen {
            gone_next: self.several.as_deref().map_or(0, first),
            is_unsure: is_mixed && !position.complete,
        }
    }

    pub(super) fn seen_all_gone(&self, catch_up: &CatchUp) -> bool {
        self.several.as_ref().is_none_or(|several| catch_up.paths.gone_next >= several.next_gone())
    }

    /// Withdraws paths that are told no more; how many tombstones were looked at.
    #[cold]
    #[inline(never)]
    pub(super) fn collect_gone(
        &self,
        peers: &Peers,
        peer: PeerId,
        key: &GroupKey,
        catch_up: &mut CatchUp,
        chunk: &mut Chunk<K>,
    ) -> usize {
        let Some(several) = &self.several else { return 0 };
        let mut memo = Memo::default();
        let mut looked_at = 0;
        for (number, gone) in several.gone_from(catch_up.paths.gone_next) {
            if chunk.bytes >= self.limits.catch_up_chunk_bytes
                || looked_at == self.limits.catch_up_step_entries
            {
                break;
            }
            looked_at += 1;
            catch_up.paths.gone_next = number + 1;
            let slot = self.table.find(&gone.key);
            let live = slot.filter(|slot| self.table.entry(*slot).place() == Place::Live);
            let set = live.map(|slot| self.set(peers, slot, key, &mut memo)).unwrap_or_default();
            if !tells(&set, peer, gone.id) {
                chunk.withdraw(gone.key, gone.id);
            }
        }
        looked_at
    }

    /// The paths of a prefix that a reader is told, and those that it must not have.
    #[cold]
    #[inline(never)]
    pub(super) fn collect_paths(
        &self,
        (peers, peer): (&Peers, PeerId),
        slot: Slot,
        key: &GroupKey,
        catch_up: &CatchUp,
        (memo, old_memo): &mut (Memo, Memo),
        chunk: &mut Chunk<K>,
    ) {
        let entry = self.table.entry(slot);
        let has = self.set(peers, slot, key, memo);
        // Of what has changed since it is not known what the other group was told.
        let diff = catch_up.diff.as_ref();
        let old = diff.filter(|(_, seen)| entry.version <= *seen).map(|(old, _)| old);
        let is_unsure = catch_up.paths.is_unsure || diff.is_some() && old.is_none();
        let had = old.map(|old| self.set(peers, slot, old, old_memo)).unwrap_or_default();
        for told in had.iter().filter(|told| !tells(&has, peer, told.id)) {
            chunk.withdraw(entry.key, told.id);
        }
        if is_unsure {
            for id in self.path_ids(slot, peers).filter(|id| !tells(&has, peer, *id)) {
                chunk.withdraw(entry.key, id);
            }
        }
        let extra =
            |key: &GroupKey, told: &Told| key.extra(told.path.long_lived, || entry.key.is_host());
        for told in has.iter().filter(|told| told.path.peer != peer) {
            let before = had.iter().find(|before| before.is_of(told));
            let is_known = old.zip(before).is_some_and(|(old, before)| {
                old.outgoing(&before.path.attrs, extra(old, before))
                    == key.outgoing(&told.path.attrs, extra(key, told))
            });
            if !is_known {
                let Best { attrs, peer, .. } = &told.path;
                chunk.announce(*peer, attrs, extra(key, told), (slot, told.id));
            }
        }
    }

    /// The route of a prefix that a reader is told, or must not have, where its group or the one
    /// that it comes from chooses among those that it may be told.
    #[cold]
    #[inline(never)]
    pub(super) fn collect_toldable(
        &self,
        (peers, peer): (&Peers, PeerId),
        slot: Slot,
        key: &GroupKey,
        catch_up: &CatchUp,
        (memo, old_memo): &mut (Memo, Memo),
        chunk: &mut Chunk<K>,
    ) {
        let entry = self.table.entry(slot);
        let extra =
            |key: &GroupKey, best: &Best| key.extra(best.long_lived, || entry.key.is_host());
        let has = self.told_best(peers, peer, slot, key, memo);
        let diff = catch_up.diff.as_ref().filter(|(_, seen)| entry.version <= *seen);
        if let Some((old, _)) = diff {
            let had = self.told_best(peers, peer, slot, old, old_memo);
            match (&had, &has) {
                (None, None) => return,
                (Some(had), Some(has))
                    if old.outgoing(&had.attrs, extra(old, had))
                        == key.outgoing(&has.attrs, extra(key, has)) =>
                {
                    return;
                }
                _ => {}
            }
        }
        match has {
            Some(has) => {
                chunk.announce(has.peer, &has.attrs, extra(key, &has), (slot, PathId(0)));
            }
            None => chunk.withdraw(entry.key, PathId(0)),
        }
    }

    /// The route of a prefix that a reader in a group without identifiers has.
    fn told_best(
        &self,
        peers: &Peers,
        peer: PeerId,
        slot: Slot,
        key: &GroupKey,
        memo: &mut Memo,
    ) -> Option<Best> {
        if key.paths.are_chosen() {
            let best = self.set(peers, slot, key, memo).into_iter().next();
            return best.map(|told| told.path).filter(|best| best.peer != peer);
        }
        let entry = self.table.entry(slot);
        let best = entry.candidates.best().expect("a live entry has a best");
        if best.source.peer() == peer {
            return None;
        }
        let best = Best::of(best, peers);
        let extra = key.extra(best.long_lived, || entry.key.is_host());
        let attrs = key.told(&best.attrs, best.role, extra, || entry.key.prefix(), memo)?;
        Some(Best { attrs: Arc::clone(attrs), ..best })
    }
}

/// Whether a reader is told a path under this identifier.
fn tells(set: &Set, reader: PeerId, id: PathId) -> bool {
    set.iter().any(|told| told.id == id && told.path.peer != reader)
}
