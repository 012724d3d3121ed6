//! The candidates of one prefix: together they are the Adj-RIB-In of all peers for it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{PathId, PeerId};

use crate::attrs::AttrSet;

/// One route: what a peer announced for a prefix.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Its attributes.
    pub(crate) attrs: Arc<AttrSet>,
    /// Who announced it.
    pub(crate) peer: PeerId,
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
        self.as_slice().binary_search_by_key(&(peer, path_id), |c| (c.peer, c.path_id))
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
        let place = match self.find(new.peer, new.path_id) {
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
