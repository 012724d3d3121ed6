//! The decision process: which candidate of a prefix is best, and by which step.
//!
//! The steps stand in one table, in order; each is a pure function.
//! MED compares only paths of one neighbouring AS, so "better than" is no order (RFC 3345), and
//! nothing here implements `Ord`: candidates are first reduced to one winner per neighbouring AS,
//! then the winners are compared without MED ("deterministic MED").
//! The result therefore does not depend on the order of arrival.
//!
//! RFC: 4271 §9.1.2.2, 4456 §9 (ORIGINATOR_ID in place of the identifier, CLUSTER_LIST length
//! after it), 9494 §4.3 (LLGR_STALE is least preferred).

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

use albedo_types::PathId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::attrs::{Marks, Summary};
use crate::peer::PeerInfo;

/// A candidate as the decision sees it.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// Of its attributes.
    pub summary: &'a Summary,
    /// Who announced it.
    pub peer: &'a PeerInfo,
    /// Received path identifier.
    pub path_id: PathId,
    /// Whether it is long-lived stale (RFC 9494 §4.3), here or where it came from.
    pub stale: bool,
}

impl<'a> Path<'a> {
    /// A path whose session is, or is not, gone for longer than a restart takes.
    #[must_use]
    pub const fn new(
        summary: &'a Summary,
        peer: &'a PeerInfo,
        path_id: PathId,
        long_lived: bool,
    ) -> Self {
        let stale = long_lived | summary.marks.contains(Marks::LLGR_STALE);
        Self { summary, peer, path_id, stale }
    }
}

/// A step of the decision; the names are what `explain` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not LLGR-stale beats stale.
    LlgrStale,
    /// Highest LOCAL_PREF.
    LocalPref,
    /// Shortest AS_PATH.
    AsPathLength,
    /// Lowest ORIGIN.
    Origin,
    /// Lowest MED, among paths of one neighbouring AS.
    Med,
    /// External over internal.
    External,
    /// Lowest ORIGINATOR_ID or identifier of the sender.
    Identifier,
    /// Shortest CLUSTER_LIST.
    ClusterListLength,
    /// Lowest peer address.
    PeerAddress,
    /// Lowest received path identifier.
    PathId,
}

impl Step {
    /// The step in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LlgrStale => "not LLGR-stale",
            Self::LocalPref => "highest LOCAL_PREF",
            Self::AsPathLength => "shortest AS_PATH",
            Self::Origin => "lowest ORIGIN",
            Self::Med => "lowest MED",
            Self::External => "external over internal",
            Self::Identifier => "lowest ORIGINATOR_ID or router id",
            Self::ClusterListLength => "shortest CLUSTER_LIST",
            Self::PeerAddress => "lowest peer address",
            Self::PathId => "lowest path id",
        }
    }

    /// Whether it is there only so that one path wins (RFC 4271 §9.1.2.2 f and g, RFC 4456 §9):
    /// a router that spreads its traffic uses paths that only such a step tells apart.
    #[must_use]
    pub const fn is_tie_break(self) -> bool {
        matches!(
            self,
            Self::Identifier | Self::ClusterListLength | Self::PeerAddress | Self::PathId
        )
    }
}

type Compare = fn(&Path<'_>, &Path<'_>) -> Ordering;

/// `Less` is better, throughout.
const STEPS: [(Step, Compare); 10] = [
    (Step::LlgrStale, |a, b| a.stale.cmp(&b.stale)),
    (Step::LocalPref, |a, b| b.summary.local_pref.cmp(&a.summary.local_pref)),
    (Step::AsPathLength, |a, b| a.summary.as_hops.cmp(&b.summary.as_hops)),
    (Step::Origin, |a, b| a.summary.origin.cmp(&b.summary.origin)),
    (Step::Med, |a, b| a.summary.med.cmp(&b.summary.med)),
    (Step::External, |a, b| internal(a).cmp(&internal(b))),
    (Step::Identifier, |a, b| identifier(a).cmp(&identifier(b))),
    (Step::ClusterListLength, |a, b| a.summary.cluster_hops.cmp(&b.summary.cluster_hops)),
    (Step::PeerAddress, |a, b| a.peer.addr.cmp(&b.peer.addr)),
    (Step::PathId, |a, b| a.path_id.cmp(&b.path_id)),
];

fn internal(path: &Path<'_>) -> bool {
    path.peer.role.is_internal()
}

fn identifier(path: &Path<'_>) -> u32 {
    match path.summary.originator {
        0 => path.peer.router_id.get(),
        originator => originator,
    }
}

/// Who of two wins, and by which step; `None` only for a path and itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `Less` if the first is better.
    pub order: Ordering,
    /// The step that decided.
    pub step: Option<Step>,
}

impl Verdict {
    /// Whether no step but a tie-break tells the two apart.
    #[must_use]
    pub fn is_tie(self) -> bool {
        self.step.is_none_or(Step::is_tie_break)
    }
}

/// Compares two paths; MED is looked at only if `med` says so.
#[must_use]
pub fn compare(a: &Path<'_>, b: &Path<'_>, med: bool) -> Verdict {
    for (step, cmp) in STEPS {
        if step == Step::Med && !med {
            continue;
        }
        let order = cmp(a, b);
        if order != Ordering::Equal {
            return Verdict { order, step: Some(step) };
        }
    }
    Verdict { order: Ordering::Equal, step: None }
}

/// Paths that are chosen without allocating.
pub(crate) const SEVERAL_INLINE: usize = 8;

/// Number of neighbouring ASes that are told apart without an index.
const GROUPS_INLINE: usize = 8;

/// The index of the best of `len` paths; `None` if there is none.
///
/// `path` gives the path at an index; it is called a few times for each.
#[must_use]
pub fn best<'a>(len: usize, path: impl Fn(usize) -> Path<'a>) -> Option<usize> {
    if len < 2 {
        return len.checked_sub(1);
    }
    // Nearly always all are of one neighbouring AS.
    let (mut best, mut winner) = (path(0), 0);
    let first = best.summary.neighbour_as;
    for n in 1..len {
        let candidate = path(n);
        if candidate.summary.neighbour_as != first {
            return best_of_several(winner, n..len, path);
        }
        if compare(&candidate, &best, true).order == Ordering::Less {
            (best, winner) = (candidate, n);
        }
    }
    Some(winner)
}

/// The indices of the `max` best of `len` paths, the best first: each is the best of those that
/// are left.
///
/// `path` gives the path at an index.
pub(crate) fn several<'a>(
    len: usize,
    max: usize,
    path: impl Fn(usize) -> Path<'a>,
) -> SmallVec<[usize; SEVERAL_INLINE]> {
    let mut chosen = SmallVec::new();
    if len == 0 || max == 0 {
        return chosen;
    }
    let first = path(0).summary.neighbour_as;
    if (1..len).all(|n| path(n).summary.neighbour_as == first) {
        // Within one neighbouring AS "better than" is an order.
        for n in 0..len {
            let candidate = path(n);
            let is_better = |m: &usize| compare(&path(*m), &candidate, true).order.is_lt();
            let is_full = chosen.len() == max;
            if is_full && chosen.last().is_some_and(is_better) {
                continue;
            }
            let at = chosen.partition_point(is_better);
            chosen.truncate(max - 1);
            chosen.insert(at, n);
        }
        return chosen;
    }
    let mut left: SmallVec<[usize; SEVERAL_INLINE]> = (0..len).collect();
    while chosen.len() < max
        && let Some(n) = best(left.len(), |n| path(left[n]))
    {
        chosen.push(left.remove(n));
    }
    chosen
}

/// The best of the winner of one neighbouring AS and of the rest, which are of several.
fn best_of_several<'a>(
    winner: usize,
    rest: Range<usize>,
    path: impl Fn(usize) -> Path<'a>,
) -> Option<usize> {
    // Winner of each neighbouring AS, with MED.
    let mut winners: SmallVec<[(u32, usize); GROUPS_INLINE]> = SmallVec::new();
    winners.push((path(winner).summary.neighbour_as, winner));
    let mut index: Option<HashMap<u32, usize, FixedState>> = None;
    for n in rest {
        let candidate = path(n);
        let group = candidate.summary.neighbour_as;
        let known = match &index {
            None => winners.iter().position(|(neighbour, _)| *neighbour == group),
            Some(index) => index.get(&group).copied(),
        };
        if let Some(known) = known {
            let winner = &mut winners[known].1;
            if compare(&candidate, &path(*winner), true).order == Ordering::Less {
                *winner = n;
            }
            continue;
        }
        winners.push((group, n));
        if let Some(index) = &mut index {
            index.insert(group, winners.len() - 1);
        } else if winners.len() > GROUPS_INLINE {
            let groups = winners.iter().enumerate().map(|(n, (group, _))| (*group, n));
            index = Some(groups.collect());
        }
    }
    // Best of the winners, without MED.
    let mut winners = winners.iter().map(|(_, n)| *n);
    let mut winner = winners.next()?;
    let mut best = path(winner);
    for n in winners {
        let candidate = path(n);
        if compare(&candidate, &best, false).order == Ordering::Less {
            (best, winner) = (candidate, n);
        }
    }
    Some(winner)
}

/// To which other path a path lost, and by which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defeat {
    /// The index of the other one: the best of all, or the best of its own neighbouring AS.
    pub to: usize,
    /// The step that decided.
    pub step: Step,
}

/// How each of `len` paths lost; `None` for the best one.
///
/// A path that is not the best of its neighbouring AS lost to that one, and only those meet the
/// best of all, without MED.
#[must_use]
pub fn defeats<'a>(len: usize, path: impl Fn(usize) -> Path<'a>) -> Vec<Option<Defeat>> {
    let mut winners: HashMap<u32, usize, FixedState> = HashMap::default();
    for n in 0..len {
        let candidate = path(n);
        let winner = winners.entry(candidate.summary.neighbour_as).or_insert(n);
        if compare(&candidate, &path(*winner), true).order == Ordering::Less {
            *winner = n;
        }
    }
    let Some(best) = best(len, &path) else { return Vec::new() };
    let defeat = |n: usize| {
        let candidate = path(n);
        let winner = winners[&candidate.summary.neighbour_as];
        let (to, med) = if n == winner { (best, false) } else { (winner, true) };
        let step = compare(&path(to), &candidate, med).step?;
        Some(Defeat { to, step })
    };
    (0..len).map(|n| defeat(n).filter(|_| n != best)).collect()
}

#[cfg(test)]
mod tests;
