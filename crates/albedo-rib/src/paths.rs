//! Several paths of a prefix: which of them a group is told, and under which identifiers.
//!
//! An identifier is made from who announced the path and the identifier that it came with, so it
//! is there without being kept, stays while the path lives, and says nothing of its rank.
//!
//! Which paths are chosen is in [`select`]: `sendPathsMode` in the configuration.
//!
//! RFC 7911 §3 and §4, docs/adr/0011.

use alloc::sync::Arc;
use core::hash::BuildHasher;

use albedo_types::PathId;
use albedo_wire::nlri::NlriKey;
use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::attrs::AttrSet;
use crate::decision::Path;
use crate::family::Best;
use crate::group::GroupKey;
use crate::peer::{PeerInfo, Peers};
use crate::policy::Memo;
use crate::table::{Candidate, Entry};

/// A path that a group is told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The identifier that it is told under.
    pub(crate) id: PathId,
    /// The path, with the attributes that the group's policy makes of it.
    pub(crate) path: Best,
}

impl Told {
    /// Whether it is the same path, told otherwise or not.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        self.id == other.id && self.path.peer == other.path.peer
    }

    pub(crate) fn says(&self, other: &Self) -> bool {
        self.is_of(other) && self.path.says(&other.path)
    }
}

/// What a group is told of one prefix, the best first.
pub(crate) type Set = SmallVec<[Told; 2]>;

/// Whether a group that was told one set has to be told nothing to have the other.
pub(crate) fn are_equal(old: &Set, new: &Set) -> bool {
    old.len() == new.len() && old.iter().all(|path| new.iter().any(|other| other.says(path)))
}

/// The identifier of a path of a peer; never 0.
///
/// `seed` keeps peers from choosing identifiers that come to those of others.
pub(crate) fn id(seed: u64, peer: &PeerInfo, received: PathId) -> PathId {
    let hash = FixedState::with_seed(seed).hash_one((peer.addr, peer.router_id, received));
    #[expect(clippy::cast_possible_truncation, reason = "both halves are in it")]
    let mixed = (hash ^ hash >> 32) as u32;
    PathId(mixed.max(1))
}

/// What a group is told of a prefix.
///
/// Of two paths whose identifiers happen to be equal the better one is told.
pub(crate) fn choose<K: NlriKey>(
    seed: u64,
    peers: &Peers,
    key: &GroupKey,
    entry: &Entry<K>,
    memo: &mut Memo,
) -> Set {
    let candidates = entry.candidates.as_slice();
    let may_be_told: SmallVec<[usize; 8]> = (0..candidates.len())
        .filter(|n| told(peers, key, entry, &candidates[*n], memo).is_some())
        .collect();
    let path = |n: usize| {
        let Candidate { attrs, source, path_id } = &candidates[may_be_told[n]];
        let peer = &peers.source(source.peer()).info;
        Path::new(&attrs.summary, peer, *path_id, source.is_long_lived())
    };
    let hop = |n: usize| candidates[may_be_told[n]].attrs.next_hop();
    let chosen = select::among(may_be_told.len(), key.paths.which(), path, hop);
    let mut set = Set::new();
    for n in chosen {
        let candidate = &candidates[may_be_told[n]];
        let peer = &peers.source(candidate.source.peer()).info;
        let id = if key.paths.have_ids() { id(seed, peer, candidate.path_id) } else { PathId(0) };
        if let Some(attrs) = told(peers, key, entry, candidate, memo)
            && set.iter().all(|better| better.id != id)
        {
            set.push(Told {
                id,
                path: Best { attrs: Arc::clone(attrs), ..Best::of(candidate, peers) },
            });
        }
    }
    set
}

/// What the group is told of one path, if it may be told to it.
fn told<'a, K: NlriKey>(
    peers: &Peers,
    key: &GroupKey,
    entry: &Entry<K>,
    candidate: &'a Candidate,
    memo: &'a mut Memo,
) -> Option<&'a Arc<AttrSet>> {
    let role = peers.source(candidate.source.peer()).info.role;
    let extra = key.extra(candidate.source.is_long_lived(), || entry.key.is_host());
    key.told(&candidate.attrs, role, extra, || entry.key.prefix(), memo)
}

mod select;

#[cfg(test)]
mod tests;
