//! Counting routes by peer: what each announced, what of it is best, and what each is told.
//!
//! None of this is kept, since what a peer is told follows from the table (docs/adr/0001).
//! So it is counted by walking the table, in the same bounded pieces in which it is read.

use alloc::vec::Vec;

use albedo_types::{Family, GroupId, PeerId};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Bookmark, Lengths};
use crate::family::FamilyRib;
use crate::peer::Peers;
use crate::policy::Memo;
use crate::table::Slot;

/// Counts of one family, of one shard or of several that were added up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    peers: HashMap<PeerId, Counted, FixedState>,
    told: HashMap<GroupId, u64, FixedState>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    imported: u64,
    preferred: u64,
    /// Those of its own that its group is told of, which it is not.
    own: u64,
    group: Option<GroupId>,
}

/// What a peer announced and is told, in routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCounts {
    /// Routes of it in the table.
    pub imported: u64,
    /// Those of them that are best.
    pub preferred: u64,
    /// Routes that it is told, or will have been once it has read its logs.
    pub exported: u64,
}

/// A piece of a tally.
#[derive(Clone, Debug, Default)]
pub struct TallyPage {
    /// What was counted in this piece.
    pub tally: Tally,
    /// Where the next piece begins; `None` after the last one.
    pub next: Option<Bookmark>,
}

impl Tally {
    /// The counts of a peer; zero of one that is not known.
    #[must_use]
    pub fn of(&self, peer: PeerId) -> PeerCounts {
        let Some(counted) = self.peers.get(&peer) else { return PeerCounts::default() };
        let told = counted.group.and_then(|group| self.told.get(&group)).copied();
        PeerCounts {
            imported: counted.imported,
            preferred: counted.preferred,
            // The pieces are of different moments.
            exported: told.unwrap_or_default().saturating_sub(counted.own),
        }
    }

    /// Adds another piece, or another shard.
    pub fn add(&mut self, other: &Self) {
        for (peer, more) in &other.peers {
            let counted = self.peers.entry(*peer).or_default();
            counted.imported += more.imported;
            counted.preferred += more.preferred;
            counted.own += more.own;
            counted.group = more.group.or(counted.group);
        }
        for (group, more) in &other.told {
            *self.told.entry(*group).or_default() += more;
        }
    }

    fn peer(&mut self, peer: PeerId) -> &mut Counted {
        self.peers.entry(peer).or_default()
    }
}

impl<K: Lengths> FamilyRib<K> {
    /// Counts from a bookmark on; see [`FamilyRib::read`].
    pub(crate) fn tally(
        &self,
        peers: &Peers,
        family: Family,
        from: Bookmark,
        budget: &mut usize,
    ) -> TallyPage {
        let mut page = TallyPage::default();
        let mut memos: Vec<Memo> = self.groups.iter().map(|_| Memo::default()).collect();
        let mut at = from.at;
        while (at as usize) < self.table.slots() {
            if *budget == 0 {
                page.next = Some(Bookmark { at, behind: None });
                return page;
            }
            *budget -= 1;
            self.count(peers, family, at, &mut memos, &mut page.tally);
            let paths = self.table.get(at).map_or(0, |entry| entry.candidates.as_slice().len());
            *budget = budget.saturating_sub(paths.saturating_sub(1));
            at += 1;
        }
        for (peer, group) in peers.in_groups(family) {
            page.tally.peer(peer).group = Some(group);
        }
        page
    }

    fn count(
        &self,
        peers: &Peers,
        family: Family,
        slot: Slot,
        memos: &mut [Memo],
        tally: &mut Tally,
    ) {
        let Some(entry) = self.table.get(slot) else { return };
        let Some(best) = entry.candidates.best() else { return };
        for candidate in entry.candidates.as_slice() {
            tally.peer(candidate.source.peer()).imported += 1;
        }
        tally.peer(best.source.peer()).preferred += 1;
        for ((id, group), memo) in self.groups.iter().zip(memos) {
            let key = &group.key;
            let mut told = |peer: PeerId| {
                *tally.told.entry(*id).or_default() += 1;
                let reads = peers.get(peer).and_then(|peer| peer.groups[family.index()]);
                if reads == Some(*id) {
                    tally.peer(peer).own += 1;
                }
            };
            if key.paths.are_chosen() {
                for path in &self.set(peers, slot, key, memo) {
                    told(path.path.peer);
                }
                continue;
            }
            let peer = best.source.peer();
            let role = peers.source(peer).info.role;
            let extra = key.extra(best.source.is_long_lived(), || entry.key.is_host());
            if key.told(&best.attrs, role, extra, || entry.key.prefix(), memo).is_some() {
                told(peer);
            }
        }
    }
}
