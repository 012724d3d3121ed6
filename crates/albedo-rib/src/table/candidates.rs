//! The candidates of one prefix: together they are the Adj-RIB-In of all peers for it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{PathId, PeerId};

use crate::attrs::AttrSet;

/// Who announced a route, in which of its sessions, and whether it has become long-lived stale
/// since (RFC 9494); together they are four bytes.
///
/// A route is stale if its epoch is not its peer's: so the loss of a session makes all of its
/// routes stale by counting one number up (docs/adr/0009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source(u32);

/// Sessions of a peer that its routes can be told apart by.
pub(crate) const EPOCH_MAX: u8 = 127;

const PEER_BITS: u32 = 24;
const PEER_MASK: u32 = (1 << PEER_BITS) - 1;
const LONG_LIVED: u32 = 1 << 31;

impl Source {
    /// # Panics
    ///
    /// If there are more than 2^24 peers.
    pub(crate) fn new(peer: PeerId, epoch: u8) -> Self {
        assert!(peer.0 <= PEER_MASK && epoch <= EPOCH_MAX, "fewer than 2^24 peers");
        Self(u32::from(epoch) << PEER_BITS | peer.0)
    }

    pub(crate) const fn peer(self) -> PeerId {
        PeerId(self.0 & PEER_MASK)
    }

    pub(crate) const fn epoch(self) -> u8 {
        (self.0 >> PEER_BITS) as u8 & EPOCH_MAX
    }

    pub(crate) const fn is_long_lived(self) -> bool {
        self.0 & LONG_LIVED != 0
    }

    const fn into_long_lived(self) -> Self {
        Self(self.0 | LONG_LIVED)
    }

    /// The same with another epoch.
    const fn at(self, epoch: u8) -> Self {
        let kept = self.0 & (PEER_MASK | LONG_LIVED);
        Self(kept | (epoch as u32) << PEER_BITS)
    }
}

/// One route: what a peer announced for a prefix.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Its attributes.
    pub(crate) attrs: Arc<AttrSet>,
    /// Who announced it, and when.
    pub(crate) source: Source,
    /// Under which path identifier.
    pub(crate) path_id: PathId,
}

/// The candidates of a prefix, ordered by peer and path identifier.
#[derive(Debug, Default)]
pub(crate) enum Candidates {
    #[default]
    None,
    One(Candidate),
    Many(Box<Many>),
}

#[derive(Debug)]
pub(crate) struct Many {
    best: usize,
    list: Vec<Candidate>,
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upsert {
    Added,
    Replaced,
}

impl Candidates {
    pub(crate) fn as_slice(&self) -> &[Candidate] {
        match self {
            Self::None => &[],
            Self::One(one) => core::slice::from_ref(one),
            Self::Many(many) => &many.list,
        }
    }

    fn find(&self, peer: PeerId, path_id: PathId) -> Result<usize, usize> {
        self.as_slice().binary_search_by_key(&(peer, path_id), |c| (c.source.peer(), c.path_id))
    }

    pub(crate) fn get(&self, peer: PeerId, path_id: PathId) -> Option<&Candidate> {
        self.find(peer, path_id).ok().map(|n| &self.as_slice()[n])
    }

    pub(crate) fn best(&self) -> Option<&Candidate> {
        match self {
            Self::None => None,
            Self::One(one) => Some(one),
            Self::Many(many) => many.list.get(many.best),
        }
    }

    pub(crate) fn set_best(&mut self, best: usize) {
        if let Self::Many(many) = self {
            debug_assert!(best < many.list.len());
            many.best = best;
        }
    }

    pub(crate) fn upsert(&mut self, new: Candidate) -> Upsert {
        let place = match self.find(new.source.peer(), new.path_id) {
            Ok(n) => {
                let slot = match self {
                    Self::One(one) => one,
                    Self::Many(many) => &mut many.list[n],
                    Self::None => unreachable!("found in an empty list"),
                };
                *slot = new;
                return Upsert::Replaced;
            }
            Err(place) => place,
        };
        match core::mem::take(self) {
            Self::None => *self = Self::One(new),
            Self::One(old) => {
                let mut list = Vec::with_capacity(2);
                list.push(old);
                list.insert(place, new);
                *self = Self::Many(Box::new(Many { best: 0, list }));
            }
            Self::Many(mut many) => {
                many.list.insert(place, new);
                *self = Self::Many(many);
            }
        }
        Upsert::Added
    }

    fn as_mut_slice(&mut self) -> &mut [Candidate] {
        match self {
            Self::None => &mut [],
            Self::One(one) => core::slice::from_mut(one),
            Self::Many(many) => &mut many.list,
        }
    }

    /// Whether the peer has a route here.
    pub(crate) fn has(&self, peer: PeerId) -> bool {
        self.as_slice().iter().any(|candidate| candidate.source.peer() == peer)
    }

    /// Marks the candidates that `picked` picks as long-lived stale.
    pub(crate) fn mark_long_lived(&mut self, picked: impl Fn(&Candidate) -> bool) {
        for candidate in self.as_mut_slice().iter_mut().filter(|candidate| picked(candidate)) {
            candidate.source = candidate.source.into_long_lived();
        }
    }

    /// A peer has announced again what it announced in an earlier session.
    pub(crate) fn refresh(&mut self, source: Source, path_id: PathId) {
        if let Ok(n) = self.find(source.peer(), path_id) {
            self.as_mut_slice()[n].source = source;
        }
    }

    /// Gives a peer's candidates the epochs that `of` says.
    pub(crate) fn renumber(&mut self, peer: PeerId, of: impl Fn(u8) -> u8) {
        for candidate in self.as_mut_slice() {
            if candidate.source.peer() == peer {
                candidate.source = candidate.source.at(of(candidate.source.epoch()));
            }
        }
    }

    /// Removes the candidates that `gone` picks; says how many.
    pub(crate) fn remove(&mut self, gone: impl Fn(&Candidate) -> bool) -> usize {
        let before = self.as_slice().len();
        match self {
            Self::None => {}
            Self::One(one) => {
                if gone(one) {
                    *self = Self::None;
                }
            }
            Self::Many(many) => {
                many.list.retain(|candidate| !gone(candidate));
                match many.list.len() {
                    0 => *self = Self::None,
                    1 => {
                        let last = many.list.pop().expect("one is left");
                        *self = Self::One(last);
                    }
                    len => {
                        if many.list.capacity() > 4 * len {
                            many.list.shrink_to(2 * len);
                        }
                    }
                }
            }
        }
        before - self.as_slice().len()
    }
}
