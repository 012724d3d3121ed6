//! One shard of the RIB: what its worker thread, and the simulator, drive.
//!
//! ```text
//! apply(input)*  →  flush()  →  step()*  →  apply(input)* …
//! ```
//!
//! `apply` notes; `flush` ends the batch and answers with segments; `step` does a bounded piece of
//! what may take long: bases and catch-ups.

use alloc::vec::Vec;

use albedo_types::{Family, GroupId, Instant, Ipv4Prefix, Ipv6Prefix, PeerId, Prefix};

use crate::family::FamilyRib;
use crate::group::GroupKey;
use crate::input::{Birth, Input, Keep, Output, Resume, RouteBatch};
use crate::limits::Limits;
use crate::peer::{PeerInfo, Peers};
use crate::query::{Bookmark, Explanation, Page, Query, Route, TallyPage};

/// Counts of one family in a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FamilyStats {
    /// Prefixes with a best route.
    pub prefixes: usize,
    /// Routes of all peers.
    pub paths: usize,
    /// Routes of lost sessions among them: stale, and not swept yet.
    pub stale: usize,
    /// Stale routes that were swept since the start.
    pub swept: u64,
    /// Tombstones.
    pub tombstones: usize,
    /// Readers that are being caught up.
    pub catch_ups: usize,
    /// Changes in the journal, at most [`crate::limits::JOURNAL_ENTRIES`].
    pub journal: usize,
    /// Update groups with members.
    pub groups: usize,
}

/// One shard.
#[derive(Debug)]
pub struct Shard {
    peers: Peers,
    v4: FamilyRib<Ipv4Prefix>,
    v6: FamilyRib<Ipv6Prefix>,
    birth: Option<Birth>,
}

/// Calls the same method of the family's table.
macro_rules! on {
    ($self:ident, $family:expr, |$rib:ident, $peers:ident| $body:expr) => {{
        let $peers = &mut $self.peers;
        match $family {
            Family::Ipv4Unicast => {
                let $rib = &mut $self.v4;
                $body
            }
            Family::Ipv6Unicast => {
                let $rib = &mut $self.v6;
                $body
            }
        }
    }};
}

impl Shard {
    /// An empty shard; `seed` keeps peers from choosing prefixes that collide in its tables.
    ///
    /// # Panics
    ///
    /// If the limits contradict each other.
    #[must_use]
    pub fn new(seed: u64, limits: Limits) -> Self {
        Self {
            peers: Peers::default(),
            v4: FamilyRib::new(seed, limits),
            v6: FamilyRib::new(seed.wrapping_add(1), limits),
            birth: None,
        }
    }

    /// Takes an input that arrived at `at`.
    pub fn apply(&mut self, input: Input, at: Instant, out: &mut Vec<Output>) {
        match input {
            Input::PeerUp { peer, info } => self.up(peer, info, at),
            Input::Join { peer, group, key, from } => self.join(peer, group, key, from, out),
            Input::Routes { peer, batch } => {
                if self.peers.get(peer).is_some() {
                    self.born(at, false);
                    self.routes(peer, &batch);
                }
            }
            Input::Refresh { peer, family } => {
                on!(self, family, |rib, peers| rib.refresh(peers, peer, family, out));
            }
            Input::CatchUp { peer, family, from } => {
                on!(self, family, |rib, peers| rib.catch_up(peers, peer, family, from));
            }
            Input::More { peer, family } => {
                on!(self, family, |rib, _peers| rib.catch_ups.more(peer));
            }
            Input::Role { peer, role } => {
                self.born(at, false);
                for family in Family::ALL {
                    on!(self, family, |rib, peers| rib.touch_all(peers, peer));
                }
                if let Some(state) = self.peers.get_mut(peer) {
                    state.info.role = role;
                }
            }
            Input::PeerLost { peer, keep } => {
                self.born(at, true);
                for family in Family::ALL {
                    on!(self, family, |rib, peers| {
                        rib.lose(peers, peer, keep[family.index()]);
                        rib.quit(peers, peer, family, out);
                    });
                }
            }
            Input::Stale { peer, family } => {
                self.born(at, false);
                on!(self, family, |rib, peers| rib.lose(peers, peer, Keep::All));
            }
            Input::Sweep { peer, family } => {
                on!(self, family, |rib, _peers| rib.sweep(peer));
            }
            Input::LongLived { peer, family } => {
                on!(self, family, |rib, _peers| rib.long_lived(peer));
            }
            Input::PeerDown { peer } => {
                self.born(at, true);
                for family in Family::ALL {
                    on!(self, family, |rib, peers| {
                        rib.withdraw_all(peers, peer);
                        rib.quit(peers, peer, family, out);
                    });
                }
                self.peers.remove(peer);
            }
        }
        if !self.has_changes() {
            // What makes no difference is not when the next batch began.
            self.birth = None;
        }
    }

    /// A session came up; what it is now decides about the routes of an earlier one.
    fn up(&mut self, peer: PeerId, info: PeerInfo, at: Instant) {
        if self.peers.get(peer).is_some_and(|known| known.info != info) {
            self.born(at, false);
            for family in Family::ALL {
                on!(self, family, |rib, peers| rib.touch_all(peers, peer));
            }
        }
        self.peers.insert(peer, info);
        for family in Family::ALL {
            on!(self, family, |rib, _peers| {
                rib.journal.bear(peer, rib.version, info.router_id);
            });
        }
    }

    fn born(&mut self, at: Instant, loss: bool) {
        let birth = self.birth.get_or_insert(Birth { at, loss });
        birth.at = birth.at.min(at);
        birth.loss |= loss;
    }

    fn join(
        &mut self,
        peer: PeerId,
        group: GroupId,
        key: GroupKey,
        from: Option<Resume>,
        out: &mut Vec<Output>,
    ) {
        on!(self, key.family, |rib, peers| rib.join(peers, peer, (group, key), from, out));
    }

    fn routes(&mut self, peer: PeerId, batch: &RouteBatch) {
        let (mut v4, mut v6) = (batch.v4.iter(), batch.v6.iter());
        let (source4, source6) = (self.v4.source(peer), self.v6.source(peer));
        for item in &batch.items {
            for _ in 0..item.count {
                match item.family {
                    Family::Ipv4Unicast => {
                        let Some((path_id, key)) = v4.next() else {
                            return;
                        };
                        match &item.attrs {
                            Some(attrs) => {
                                self.v4.announce(&self.peers, source4, *path_id, *key, attrs);
                            }
                            None => self.v4.withdraw(&self.peers, source4, *path_id, key),
                        }
                    }
                    Family::Ipv6Unicast => {
                        let Some((path_id, key)) = v6.next() else {
                            return;
                        };
                        match &item.attrs {
                            Some(attrs) => {
                                self.v6.announce(&self.peers, source6, *path_id, *key, attrs);
                            }
                            None => self.v6.withdraw(&self.peers, source6, *path_id, key),
                        }
                    }
                }
            }
        }
    }

    /// Whether a flush would find something to look at.
    #[must_use]
    pub const fn has_changes(&self) -> bool {
        self.v4.has_changes() || self.v6.has_changes()
    }

    /// Ends the batch.
    pub fn flush(&mut self, now: Instant, out: &mut Vec<Output>) {
        let birth = self.decide(now);
        self.encode(birth, out);
    }

    /// The first half of [`Shard::flush`]: finds the best routes. The other half follows at once,
    /// with what this answers.
    #[must_use]
    pub fn decide(&mut self, now: Instant) -> Birth {
        let birth = self.birth.take().unwrap_or(Birth { at: now, loss: false });
        self.v4.decide_changes(&self.peers, birth);
        self.v6.decide_changes(&self.peers, birth);
        birth
    }

    /// The second half: finds who is told what, and encodes it.
    pub fn encode(&mut self, birth: Birth, out: &mut Vec<Output>) {
        self.v4.encode(&self.peers, birth, out);
        self.v6.encode(&self.peers, birth, out);
    }

    /// Whether there is something for [`Shard::step`] to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.v4.is_rebasing()
            || self.v6.is_rebasing()
            || self.v4.is_walking()
            || self.v6.is_walking()
            || self.v4.catch_ups.has_work()
            || self.v6.catch_ups.has_work()
    }

    /// A bounded piece of what may take long; only between batches.
    ///
    /// # Panics
    ///
    /// If the batch has not been flushed.
    pub fn step(&mut self, now: Instant, out: &mut Vec<Output>) {
        assert!(!self.has_changes(), "work in steps goes on between batches");
        for family in Family::ALL {
            on!(self, family, |rib, peers| {
                rib.step_catch_ups(peers, out);
                rib.step_rebases(peers, now, out);
                rib.step_walks(peers);
            });
        }
        if self.has_changes() {
            self.born(now, true);
            self.flush(now, out);
        }
    }

    /// A page of the table; between batches.
    ///
    /// `budget` is what may still be looked at in this turn, at least one
    /// ([`crate::limits::QUERY_STEP_ENTRIES`]); it is less afterwards by what was.
    ///
    /// # Panics
    ///
    /// If the batch has not been flushed.
    #[must_use]
    pub fn read(&self, query: &Query, from: Bookmark, budget: &mut usize) -> Page {
        assert!(!self.has_changes(), "the table is read between batches");
        match query.family {
            Family::Ipv4Unicast => self.v4.read(&self.peers, query, from, budget),
            Family::Ipv6Unicast => self.v6.read(&self.peers, query, from, budget),
        }
    }

    /// A piece of the counts of a family by peer; see [`Shard::read`].
    ///
    /// # Panics
    ///
    /// If the batch has not been flushed.
    #[must_use]
    pub fn tally(&self, family: Family, from: Bookmark, budget: &mut usize) -> TallyPage {
        assert!(!self.has_changes(), "the table is read between batches");
        match family {
            Family::Ipv4Unicast => self.v4.tally(&self.peers, family, from, budget),
            Family::Ipv6Unicast => self.v6.tally(&self.peers, family, from, budget),
        }
    }

    /// What is known of a prefix, and of what a peer is told of it; see [`Shard::read`]. It looks
    /// at each of its routes, and at each entry of the journal.
    ///
    /// # Panics
    ///
    /// If the batch has not been flushed.
    #[must_use]
    pub fn explain(&self, prefix: Prefix, to: Option<PeerId>) -> Explanation {
        assert!(!self.has_changes(), "the table is read between batches");
        match prefix {
            Prefix::V4(_) => self.v4.explain(&self.peers, Family::Ipv4Unicast, prefix, to),
            Prefix::V6(_) => self.v6.explain(&self.peers, Family::Ipv6Unicast, prefix, to),
        }
    }

    /// Whether the prefixes whose best routes change are to be known to [`Shard::changed`]: from
    /// the next batch on, in which each is named once.
    pub fn watch(&mut self, is_watched: bool) {
        if is_watched != self.v4.watched.is_some() {
            self.v4.watched = is_watched.then(Vec::new);
            self.v6.watched = is_watched.then(Vec::new);
        }
    }

    /// The prefixes whose best routes changed since this was last asked, or what is told of them;
    /// none while nobody watches. Asked after each batch it has no more than the batch.
    pub fn changed(&mut self) -> Vec<Prefix> {
        let v4 = self.v4.watched.as_mut().map(core::mem::take).unwrap_or_default();
        let v6 = self.v6.watched.as_mut().map(core::mem::take).unwrap_or_default();
        v4.into_iter().map(Prefix::V4).chain(v6.into_iter().map(Prefix::V6)).collect()
    }

    /// The best routes of these prefixes, in their order; of those without, there is none. Each is
    /// a look-up. See [`Shard::read`].
    ///
    /// # Panics
    ///
    /// If the batch has not been flushed.
    #[must_use]
    pub fn best_of(&self, prefixes: &[Prefix]) -> Vec<Route> {
        assert!(!self.has_changes(), "the table is read between batches");
        let best = |prefix: &Prefix| match prefix {
            Prefix::V4(key) => self.v4.best_of(&self.peers, key),
            Prefix::V6(key) => self.v6.best_of(&self.peers, key),
        };
        prefixes.iter().filter_map(best).collect()
    }

    /// Removes the tombstones of a family that every reader is past.
    ///
    /// Every reader has come to `version`; one that is being caught up counts as standing where
    /// it asked, until it has all of the answer.
    pub fn bury(&mut self, family: Family, version: u64) -> usize {
        on!(self, family, |rib, _peers| rib.bury(version))
    }

    /// Version of the oldest base that a reader of a family can still begin with; its tombstones
    /// stay.
    #[must_use]
    pub fn oldest_start(&self, family: Family) -> u64 {
        match family {
            Family::Ipv4Unicast => self.v4.oldest_start(),
            Family::Ipv6Unicast => self.v6.oldest_start(),
        }
    }

    /// The table version of a family.
    #[must_use]
    pub const fn version(&self, family: Family) -> u64 {
        match family {
            Family::Ipv4Unicast => self.v4.version,
            Family::Ipv6Unicast => self.v6.version,
        }
    }

    /// Counts of a family.
    #[must_use]
    pub fn stats(&self, family: Family) -> FamilyStats {
        match family {
            Family::Ipv4Unicast => self.v4.stats(),
            Family::Ipv6Unicast => self.v6.stats(),
        }
    }

    /// Whether nothing of any peer is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty() && self.v4.is_empty() && self.v6.is_empty()
    }
}

#[cfg(test)]
mod tests;
