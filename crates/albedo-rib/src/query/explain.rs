//! Why a peer is told a route, or is not.
//!
//! Whether it is comes from what the groups themselves ask ([`GroupKey::exports`] and, where
//! others than the best path are told, [`paths::choose`]); only the reason is looked for here, once
//! the answer was no.
//!
//! RFC 4271 §9.1.3, RFC 4456 §6, RFC 1997, RFC 9494 §4.3.

use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{Family, GroupId, Instant, PathId, PeerId, PeerRole, Prefix};
use albedo_wire::nlri::NlriKey;

use super::{Lengths, place};
use crate::attrs::{AttrSet, Marks};
use crate::family::{FamilyRib, Group};
use crate::group::{Extra, GroupKey, LongLivedExport, Paths};
use crate::journal::Change;
use crate::paths::{self, Told};
use crate::peer::Peers;
use crate::policy::{Memo, side_of};
use crate::reflect::reflects;
use crate::table::{Candidate, Entry};

/// What is known of one prefix, and of one peer that may be told it.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// Whether the prefix has routes.
    pub is_there: bool,
    /// The table's version when the best route, or what is told of it, last changed; 0 if it has
    /// none.
    pub version: u64,
    /// Of the peer, if one was asked for.
    pub verdict: Option<Verdict>,
    /// Changes of its best route that are remembered, the newest first.
    pub history: Vec<Change>,
    /// All changes after this time are remembered; `None`: all.
    pub forgotten: Option<Instant>,
}

/// What a peer is told of a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The update group that it is in for the family; without one it is told nothing: the session
    /// is not up, the family was not negotiated, or a selection deferral goes on.
    pub group: Option<GroupId>,
    /// Routes that it is told.
    pub told: Vec<ToldRoute>,
    /// Routes that it is not told.
    pub kept: Vec<KeptRoute>,
}

/// A route that a peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldRoute {
    /// Whose.
    pub from: PeerId,
    /// The identifier that it came with.
    pub path_id: PathId,
    /// The identifier that it is told under (RFC 7911 §3); 0 where there are none.
    pub told_id: PathId,
    /// The path attributes that the peer gets, but for MP_REACH_NLRI.
    pub block: Vec<u8>,
    /// The next hop in MP_REACH_NLRI, where there is one.
    pub mp_next_hop: Option<Vec<u8>>,
}

/// A route that a peer is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptRoute {
    /// Whose.
    pub from: PeerId,
    /// The identifier that it came with.
    pub path_id: PathId,
    /// The first reason.
    pub rule: Rule,
}

/// What keeps a route from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is the peer's own.
    SplitHorizon,
    /// It is not the best one, or not one of those that are chosen.
    NotChosen,
    /// From a non-client to a non-client (RFC 4456 §6).
    Reflection,
    /// It bears NO_ADVERTISE (RFC 1997).
    NoAdvertise,
    /// It bears NO_EXPORT, and the peer is of another AS (RFC 1997).
    NoExport,
    /// It is long-lived stale, and the peer has not said that it knows such routes (RFC 9494 §4.3).
    LongLivedStale,
    /// The export policy.
    Policy,
    /// It fits no message that the peer takes (RFC 8654 §4).
    TooLong,
}

impl Rule {
    /// The rule in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SplitHorizon => "split-horizon",
            Self::NotChosen => "not-chosen",
            Self::Reflection => "reflection",
            Self::NoAdvertise => "no-advertise",
            Self::NoExport => "no-export",
            Self::LongLivedStale => "long-lived-stale",
            Self::Policy => "policy",
            Self::TooLong => "too-long",
        }
    }
}

impl GroupKey {
    /// What keeps a route from the group that it is not told; the order is that of the looking.
    fn rule(
        &self,
        candidate: &Candidate,
        from: PeerRole,
        extra: Extra,
        prefix: Option<Prefix>,
        memo: &mut Memo,
    ) -> Rule {
        let by_marks = |marks: Marks| {
            if marks.contains(Marks::NO_ADVERTISE) {
                Some(Rule::NoAdvertise)
            } else if self.role == PeerRole::External && marks.contains(Marks::NO_EXPORT) {
                Some(Rule::NoExport)
            } else if self.long_lived == LongLivedExport::Withheld
                && marks.contains(Marks::LLGR_STALE)
            {
                Some(Rule::LongLivedStale)
            } else {
                None
            }
        };
        let marks = candidate.attrs.summary.marks.with(extra.marks());
        if let Some(rule) = by_marks(marks) {
            return rule;
        }
        if !reflects(from, self.role, Marks::NONE) {
            return Rule::Reflection;
        }
        let Some(policy) = &self.policy else { return Rule::TooLong };
        match memo.told(policy, side_of(self.role), prefix, &candidate.attrs) {
            None => Rule::Policy,
            Some(told) => by_marks(told.summary.marks).map_or(Rule::TooLong, |_| Rule::Policy),
        }
    }
}

impl<K: Lengths + NlriKey> FamilyRib<K> {
    /// What is known of a prefix, and of what a peer is told of it.
    pub(crate) fn explain(
        &self,
        peers: &Peers,
        family: Family,
        prefix: Prefix,
        to: Option<PeerId>,
    ) -> Explanation {
        let Some(key) = K::of(prefix) else { return Explanation::default() };
        let entry = self.table.find(&key).map(|slot| self.table.entry(slot));
        let there = entry.filter(|entry| entry.candidates.best().is_some());
        let verdict = to.map(|to| {
            let group = peers.get(to).and_then(|peer| peer.groups[family.index()]);
            let known = group.and_then(|id| Some((id, self.groups.get(&id)?)));
            match (known, there) {
                (Some((id, group)), Some(entry)) => {
                    Verdict { group: Some(id), ..self.judge(peers, group, entry, to, |_, _| ()) }
                }
                _ => Verdict { group, ..Verdict::default() },
            }
        });
        Explanation {
            is_there: there.is_some(),
            version: there.map_or(0, |entry| entry.version),
            verdict,
            history: self.journal.of(key),
            forgotten: self.journal.forgotten(),
        }
    }

    /// The routes of a prefix that a peer is told, with the attributes after its policy.
    pub(super) fn told_to<'e>(
        &self,
        peers: &Peers,
        family: Family,
        entry: &'e Entry<K>,
        to: PeerId,
    ) -> Vec<(&'e Candidate, Arc<AttrSet>)> {
        let group = peers.get(to).and_then(|peer| peer.groups[family.index()]);
        let Some(group) = group.and_then(|id| self.groups.get(&id)) else { return Vec::new() };
        let mut told = Vec::new();
        self.judge(peers, group, entry, to, |candidate, attrs| told.push((candidate, attrs)));
        told
    }

    fn judge<'e>(
        &self,
        peers: &Peers,
        group: &Group,
        entry: &'e Entry<K>,
        to: PeerId,
        mut is_told: impl FnMut(&'e Candidate, Arc<AttrSet>),
    ) -> Verdict {
        let key = &group.key;
        let mut memo = Memo::default();
        let mut chosen = match key.paths {
            Paths::Best => None,
            _ => Some(paths::choose(self.seed, peers, key, entry, &mut memo)),
        };
        let mut verdict = Verdict::default();
        for candidate in entry.candidates.as_slice() {
            let (from, path_id) = place(candidate);
            let role = peers.source(from).info.role;
            let long_lived = candidate.source.is_long_lived();
            let extra = key.extra(long_lived, || entry.key.is_host());
            let prefix = || entry.key.prefix();
            let told = key.told(&candidate.attrs, role, extra, prefix, &mut memo).cloned();
            let told_id = match key.paths.have_ids() {
                true => paths::id(self.seed, &peers.source(from).info, path_id),
                false => PathId(0),
            };
            let is_chosen = match &mut chosen {
                None => entry.candidates.best().is_some_and(|best| core::ptr::eq(best, candidate)),
                // Each of the set is one candidate.
                Some(set) => {
                    let is_it = |other: &Told| {
                        other.path.peer == from
                            && other.id == told_id
                            && other.path.long_lived == long_lived
                            && told
                                .as_ref()
                                .is_some_and(|told| Arc::ptr_eq(told, &other.path.attrs))
                    };
                    let found = set.iter().position(is_it);
                    found.map(|n| set.remove(n)).is_some()
                }
            };
            let rule = match (told, is_chosen) {
                (_, true) if from == to => Rule::SplitHorizon,
                (Some(attrs), true) => {
                    let outgoing = key.outgoing(&attrs, extra);
                    let mp_next_hop = outgoing.mp_next_hop.map(|octets| octets.into_owned());
                    let block = outgoing.block.into_owned();
                    verdict.told.push(ToldRoute { from, path_id, told_id, block, mp_next_hop });
                    is_told(candidate, attrs);
                    continue;
                }
                (Some(_), false) => Rule::NotChosen,
                // Whether another one would be told in its stead is no matter of the peer.
                (None, false) if chosen.is_none() => Rule::NotChosen,
                (None, _) => key.rule(candidate, role, extra, entry.key.prefix(), &mut memo),
            };
            verdict.kept.push(KeptRoute { from, path_id, rule });
        }
        verdict
    }
}

#[cfg(test)]
mod tests;
