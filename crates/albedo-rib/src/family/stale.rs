//! What a lost session left behind: its routes are stale, and swept or marked in bounded steps.
//!
//! | when | what is done | work |
//! | --- | --- | --- |
//! | loss | the peer's epoch is counted up: all it had is stale | O(1) |
//! | a route is announced again | it gets the new epoch | with the announcement |
//! | End-of-RIB, or a timer | what has an older epoch goes | O(routes of the peer), in steps |
//! | the restart takes too long | what has an older epoch is marked | the same |
//!
//! A stale route is as good as any other until then, and nobody hears of the mark.
//!
//! RFC: 4724 §4.2, 9494 §4.2.

use alloc::vec::Vec;

use albedo_types::PeerId;
use albedo_wire::nlri::NlriKey;

use super::FamilyRib;
use crate::attrs::Marks;
use crate::input::Keep;
use crate::peer::Peers;
use crate::table::{EPOCH_MAX, Slot, Source};

/// What is done with a peer's stale routes, step by step.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The part of the peer's index that is still to be looked at.
    slots: Vec<Slot>,
    /// Routes of earlier epochs go.
    delete_before: u8,
    /// Routes of earlier epochs are long-lived stale, unless they say that they must not.
    long_lived_before: u8,
}

impl Walk {
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    fn deletes(&self, source: Source, marks: Marks) -> bool {
        let unkept = source.epoch() < self.long_lived_before && marks.contains(Marks::NO_LLGR);
        source.epoch() < self.delete_before || unkept
    }

    const fn marks(&self, source: Source) -> bool {
        source.epoch() < self.long_lived_before && !source.is_long_lived()
    }
}

impl<K: NlriKey> FamilyRib<K> {
    /// What stands in the routes that a peer announces now.
    pub(crate) fn source(&self, peer: PeerId) -> Source {
        Source::new(peer, self.adj_rib_in.get(peer.index()).map_or(0, |adj| adj.epoch))
    }

    /// Some of a peer's stale routes are gone, or are stale no more.
    pub(super) fn not_stale(&mut self, peer: PeerId, count: usize) {
        self.stale -= count;
        self.adj_rib_in[peer.index()].stale -= count;
    }

    /// The peer's session is lost.
    pub(crate) fn lose(&mut self, peers: &mut Peers, peer: PeerId, keep: Keep) {
        match keep {
            Keep::Nothing => return self.withdraw_all(peers, peer),
            Keep::Fresh => self.sweep(peer),
            Keep::All => {}
        }
        let Some(adj) = self.adj_rib_in.get_mut(peer.index()) else { return };
        if adj.epoch == EPOCH_MAX {
            self.renumber(peer, peers);
        }
        let adj = &mut self.adj_rib_in[peer.index()];
        adj.epoch += 1;
        self.stale += adj.paths - adj.stale;
        adj.stale = adj.paths;
    }

    /// Ends what is under way and begins to count epochs anew: once in [`EPOCH_MAX`] losses.
    fn renumber(&mut self, peer: PeerId, peers: &Peers) {
        while self.adj_rib_in[peer.index()].walk.is_some() {
            self.step_walk(peers, peer, usize::MAX);
        }
        self.walks.retain(|other| *other != peer);
        let adj = &mut self.adj_rib_in[peer.index()];
        let now = core::mem::replace(&mut adj.epoch, 1);
        // Each once: a number must not be taken for one of the old ones.
        adj.slots.sort_unstable();
        adj.slots.dedup();
        for slot in &adj.slots {
            if let Some(entry) = self.table.get_mut(*slot) {
                entry.candidates.renumber(peer, |epoch| u8::from(epoch == now));
            }
        }
    }

    /// What is stale now goes.
    pub(crate) fn sweep(&mut self, peer: PeerId) {
        self.begin_walk(peer, |walk, epoch| walk.delete_before = epoch);
    }

    /// What is stale now is long-lived stale.
    pub(crate) fn long_lived(&mut self, peer: PeerId) {
        self.begin_walk(peer, |walk, epoch| walk.long_lived_before = epoch);
    }

    fn begin_walk(&mut self, peer: PeerId, with: impl FnOnce(&mut Walk, u8)) {
        let Some(adj) = self.adj_rib_in.get_mut(peer.index()).filter(|adj| adj.stale > 0) else {
            return;
        };
        if adj.walk.is_none() {
            self.walks.push_back(peer);
        }
        let walk = adj.walk.get_or_insert_default();
        // What was looked at already is looked at again: there is more to be done with it now.
        walk.slots.append(&mut adj.slots);
        with(walk, adj.epoch);
    }

    /// Forgets a walk that was taken out of the peer's index; what it had not looked at.
    pub(super) fn end_walk(&mut self, peer: PeerId, walk: Walk) -> Vec<Slot> {
        self.walks.retain(|other| *other != peer);
        walk.slots
    }

    /// Whether there are routes to sweep or to mark.
    pub(crate) fn is_walking(&self) -> bool {
        !self.walks.is_empty()
    }

    /// A bounded piece of all walks together.
    pub(crate) fn step_walks(&mut self, peers: &Peers) {
        let mut left = self.limits.stale_step_entries;
        while left > 0
            && let Some(peer) = self.walks.front().copied()
        {
            left -= self.step_walk(peers, peer, left).min(left);
            if self.adj_rib_in[peer.index()].walk.is_none() {
                self.walks.pop_front();
            }
        }
    }

    /// A piece of one walk; how many entries were looked at.
    fn step_walk(&mut self, peers: &Peers, peer: PeerId, max: usize) -> usize {
        let Some(mut walk) = self.adj_rib_in[peer.index()].walk.take() else { return 0 };
        let start = walk.slots.len().saturating_sub(max);
        let slots = walk.slots.split_off(start);
        for slot in &slots {
            if self.walk_slot(peers, peer, *slot, &walk) {
                self.adj_rib_in[peer.index()].slots.push(*slot);
            }
        }
        if walk.slots.is_empty() {
            self.tidy(peer);
        } else {
            self.adj_rib_in[peer.index()].walk = Some(walk);
        }
        slots.len()
    }

    /// Looks at one prefix; whether the peer still has a route there.
    fn walk_slot(&mut self, peers: &Peers, peer: PeerId, slot: Slot, walk: &Walk) -> bool {
        let Some(entry) = self.table.get(slot) else { return false };
        let of_peer = entry.candidates.as_slice().iter().filter(|c| c.source.peer() == peer);
        let (mut gone, mut marked, mut left) = (0, 0, 0);
        for candidate in of_peer {
            if walk.deletes(candidate.source, candidate.attrs.summary.marks) {
                gone += 1;
            } else {
                left += 1;
                marked += usize::from(walk.marks(candidate.source));
            }
        }
        if gone + marked > 0 {
            let candidates = self.touch(slot, peers);
            candidates.remove(|c| {
                c.source.peer() == peer && walk.deletes(c.source, c.attrs.summary.marks)
            });
            candidates.mark_long_lived(|c| c.source.peer() == peer && walk.marks(c.source));
            self.paths -= gone;
            self.swept += gone as u64;
            self.adj_rib_in[peer.index()].paths -= gone;
            self.not_stale(peer, gone);
        }
        left > 0
    }
}
