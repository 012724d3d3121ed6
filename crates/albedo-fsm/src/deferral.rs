//! Selection deferral: after a start, until when peers that may still hold routes of ours are
//! told nothing.
//!
//! A peer that knows graceful restart keeps what we told it in our last life until our End-of-RIB,
//! and then drops what we have not told it again (RFC 4724 §4.2). So End-of-RIB may only go out
//! once those are back whose routes it is about (K9 of our requirements), and no later, because a
//! node that starts waits for it (K1).
//! The deferral of a family ends
//!
//! * as soon as everybody who was there in our last life is back and has sent End-of-RIB, where
//!   it is known who was there;
//! * else when nothing new has come for a while, nobody who is expected is missing, and nobody's
//!   End-of-RIB is outstanding who will send it without waiting for ours;
//! * at the latest some time after the first peer came that brings routes. While there is none,
//!   nobody waits for us, and there is nothing to end.
//!
//! A peer that has restarted as well (R in its OPEN) is not waited for: it may wait for us (K2).
//!
//! RFC 4724 §4.1.

use core::time::Duration;

use alloc::collections::{BTreeMap, BTreeSet};

use albedo_types::{Family, FamilySet, Instant};

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeferralLimits {
    /// How long nothing new may have come.
    pub quiet: Duration,
    /// The longest time from the first peer that brings routes; zero defers nothing.
    pub max: Duration,
}

/// What the OPENs of a session that is up say to the deferral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The negotiated families.
    pub families: FamilySet,
    /// Whether the peer sends End-of-RIB: it offers graceful restart.
    pub graceful: bool,
    /// Whether it has restarted itself.
    pub restarting: bool,
    /// Whether it is another reflector of ours.
    pub mate: bool,
}

/// Why a deferral ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeferralEnd {
    /// Everybody who was expected is back and has told everything.
    Complete,
    /// Nothing new came for a while.
    Quiet,
    /// It took too long.
    Late,
}

impl DeferralEnd {
    /// In a few words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Complete => "everybody who was expected is back",
            Self::Quiet => "nothing new came for a while",
            Self::Late => "the longest time was over",
        }
    }
}

/// What a deferral waits for; all zero where it is quiet alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeferralWaits {
    /// Whether nobody has come yet.
    pub nobody: bool,
    /// Peers that are expected and not there.
    pub missing: usize,
    /// Peers whose End-of-RIB is outstanding.
    pub unheard: usize,
}

/// Who is expected, who is there, and for how long it may go on.
///
/// `K` is what a peer is known by over restarts.
#[derive(Debug)]
pub struct Deferral<K> {
    limits: DeferralLimits,
    /// Whether all who were there in the last life are known.
    is_known: bool,
    /// Everybody who is expected, with the families it had.
    expected: BTreeMap<K, FamilySet>,
    /// Those of them who are not there, and can be.
    missing: BTreeMap<K, FamilySet>,
    /// Those of them that the network has no way to.
    away: BTreeSet<K>,
    /// Sessions that are up.
    live: BTreeMap<u64, Live<K>>,
    counts: [Counts; Family::COUNT],
    /// When the first peer came that brings routes.
    first: Option<Instant>,
    /// When something new came last.
    last: Instant,
    ended: FamilySet,
    end: Option<(Instant, DeferralEnd)>,
}

#[derive(Debug)]
struct Live<K> {
    key: K,
    hello: Hello,
    is_expected: bool,
    /// Families whose End-of-RIB has not come.
    outstanding: FamilySet,
}

/// Of one family, so that nobody has to be looked through.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    expected: usize,
    missing: usize,
    /// Sessions of peers that are expected whose End-of-RIB has not come, whether they send any
    /// or not: the quiet time stands for it then.
    outstanding: usize,
    /// Sessions of whomever whose End-of-RIB has not come and will.
    waited_for: usize,
}

impl Counts {
    /// Whether everybody who is there has told everything.
    const fn is_heard(&self) -> bool {
        self.outstanding == 0 && self.waited_for == 0
    }

    /// Whether nothing but quiet is waited for.
    const fn is_settled(&self) -> bool {
        self.missing == 0 && self.waited_for == 0
    }
}

impl Hello {
    const fn is_waited_for(&self) -> bool {
        self.graceful && !self.restarting
    }

    /// A mate that has restarted as well brings nothing by itself.
    const fn brings_routes(&self) -> bool {
        !(self.mate && self.restarting)
    }
}

impl<K: Copy + Ord> Deferral<K> {
    /// After a start at `now`, with those who are expected.
    ///
    /// `is_known` says that nobody else was there in our last life: without it, that all who are
    /// expected are back says nothing of the others.
    #[must_use]
    pub fn new(
        limits: DeferralLimits,
        is_known: bool,
        expected: impl IntoIterator<Item = (K, FamilySet)>,
        now: Instant,
    ) -> Self {
        let expected: BTreeMap<K, FamilySet> = expected.into_iter().collect();
        let mut counts = [Counts::default(); Family::COUNT];
        for family in expected.values().flat_map(|families| families.iter()) {
            let counts = &mut counts[family.index()];
            counts.expected += 1;
            counts.missing += 1;
        }
        let ended = if limits.max.is_zero() { FamilySet::ALL } else { FamilySet::EMPTY };
        Self {
            limits,
            is_known,
            missing: expected.clone(),
            away: BTreeSet::new(),
            expected,
            live: BTreeMap::new(),
            counts,
            first: None,
            last: now,
            ended,
            end: limits.max.is_zero().then_some((now, DeferralEnd::Complete)),
        }
    }

    /// A session is up; `id` tells it from all others.
    pub fn up(&mut self, id: u64, key: K, hello: Hello, now: Instant) {
        self.down(id, now);
        self.last = now;
        if hello.brings_routes() {
            self.first.get_or_insert(now);
        }
        self.forget_missing(key);
        self.away.remove(&key);
        let is_expected = self.expected.contains_key(&key);
        for family in hello.families.iter() {
            let counts = &mut self.counts[family.index()];
            counts.outstanding += usize::from(is_expected);
            counts.waited_for += usize::from(hello.is_waited_for());
        }
        self.live.insert(id, Live { key, hello, is_expected, outstanding: hello.families });
    }

    /// A session has ended; one that is not known is none of ours.
    pub fn down(&mut self, id: u64, now: Instant) {
        let Some(live) = self.live.remove(&id) else { return };
        self.last = now;
        for family in live.outstanding.iter() {
            self.settle(family, &live.hello, live.is_expected);
        }
        // It is to come back, unless it is there by another session.
        let is_there = || self.live.values().any(|other| other.key == live.key);
        if let Some(families) = self.expected.get(&live.key).copied()
            && !is_there()
            && self.missing.insert(live.key, families).is_none()
        {
            for family in families.iter() {
                self.counts[family.index()].missing += 1;
            }
        }
    }

    /// A session's End-of-RIB of a family has come.
    pub fn end_of_rib(&mut self, id: u64, family: Family, now: Instant) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if !live.outstanding.contains(family) {
            return;
        }
        live.outstanding = live.outstanding.iter().filter(|other| *other != family).collect();
        let (hello, is_expected) = (live.hello, live.is_expected);
        self.last = now;
        self.settle(family, &hello, is_expected);
    }

    fn settle(&mut self, family: Family, hello: &Hello, is_expected: bool) {
        let counts = &mut self.counts[family.index()];
        counts.outstanding -= usize::from(is_expected);
        counts.waited_for -= usize::from(hello.is_waited_for());
    }

    /// Routes have come, from whomever.
    pub fn activity(&mut self, now: Instant) {
        self.last = now;
    }

    /// The network has no way to a peer: it is not waited for until it comes. That it is not there
    /// remains, so the quiet time is what ends it then: the network may just not be ready.
    pub fn unreachable(&mut self, key: K) {
        if self.forget_missing(key) {
            self.away.insert(key);
        }
    }

    /// Whether it was missing.
    fn forget_missing(&mut self, key: K) -> bool {
        let families = self.missing.remove(&key);
        for family in families.into_iter().flat_map(FamilySet::iter) {
            self.counts[family.index()].missing -= 1;
        }
        families.is_some()
    }

    /// Whether everybody who was expected for a family is there and has told everything; of a
    /// family that nobody had, whether everybody is there.
    fn is_complete(&self, family: Family) -> bool {
        let counts = &self.counts[family.index()];
        let is_missing =
            if counts.expected > 0 { counts.missing > 0 } else { !self.missing.is_empty() };
        let is_known = self.is_known && !self.expected.is_empty();
        is_known && !is_missing && self.away.is_empty() && counts.is_heard()
    }

    /// The families whose deferral ends now.
    pub fn poll(&mut self, now: Instant) -> FamilySet {
        let late = self.first.is_some_and(|first| now >= first + self.limits.max);
        let quiet = self.first.is_some() && now >= self.last + self.limits.quiet;
        let ends = |family: Family| {
            let counts = &self.counts[family.index()];
            if late {
                Some(DeferralEnd::Late)
            } else if self.is_complete(family) {
                Some(DeferralEnd::Complete)
            } else if quiet && counts.is_settled() {
                Some(DeferralEnd::Quiet)
            } else {
                None
            }
        };
        let going_on = Family::ALL.into_iter().filter(|family| !self.ended.contains(*family));
        let mut now_ended = FamilySet::EMPTY;
        let mut why = DeferralEnd::Complete;
        for (family, end) in going_on.filter_map(|family| Some((family, ends(family)?))) {
            now_ended.insert(family);
            why = end;
        }
        for family in now_ended.iter() {
            self.ended.insert(family);
        }
        if !now_ended.is_empty() && self.is_over() {
            self.end = Some((now, why));
        }
        now_ended
    }

    /// When [`Deferral::poll`] has something to say if nothing happens until then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = self.first.filter(|_| !self.is_over())?;
        let quiet = self.last + self.limits.quiet;
        let held = |family: Family| !self.counts[family.index()].is_settled();
        let going_on = || Family::ALL.into_iter().filter(|family| !self.ended.contains(*family));
        let late = first + self.limits.max;
        Some(if going_on().all(held) { late } else { quiet.min(late) })
    }

    /// The families whose deferral has ended.
    #[must_use]
    pub const fn ended(&self) -> FamilySet {
        self.ended
    }

    /// Whether that of every family has.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Family::ALL.into_iter().all(|family| self.ended.contains(family))
    }

    /// When the last one ended, and why.
    #[must_use]
    pub const fn end(&self) -> Option<(Instant, DeferralEnd)> {
        self.end
    }

    /// What is waited for.
    #[must_use]
    pub fn waits(&self) -> DeferralWaits {
        if self.is_over() {
            return DeferralWaits::default();
        }
        let unheard = |live: &&Live<K>| {
            let mut left = live.outstanding.iter().filter(|family| !self.ended.contains(*family));
            live.hello.is_waited_for() && left.next().is_some()
        };
        DeferralWaits {
            nobody: self.first.is_none(),
            missing: self.missing.len(),
            unheard: self.live.values().filter(unheard).count(),
        }
    }
}

#[cfg(test)]
mod tests;
