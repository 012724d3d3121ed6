//! Which of a prefix's paths are told, by mode.
//!
//! MED is compared within one neighbouring AS only, so each mode first does what needs it within
//! each of them, and then orders what is left without it: that is an order.
//!
//! RFC 4271 §9.1.2.2, RFC 6774, RFC 7911, RFC 7964, docs/adr/0011.

use core::cmp::Ordering;

use albedo_types::PathsMode;
use smallvec::SmallVec;

use crate::decision::{self, Path, SEVERAL_INLINE, compare};

/// Indices of paths.
type Chosen = SmallVec<[usize; SEVERAL_INLINE]>;

/// The indices of the paths that a mode chooses among `len`, at most `max`, the best first.
///
/// `path` gives the path at an index, `hop` its next hop.
pub(super) fn among<'a>(
    len: usize,
    (mode, max): (PathsMode, usize),
    path: impl Fn(usize) -> Path<'a>,
    hop: impl Fn(usize) -> Option<&'a [u8]>,
) -> Chosen {
    match mode {
        PathsMode::Best => decision::several(len, max, path),
        PathsMode::Equal => equal(len, max, path),
        PathsMode::PerNeighbourAs => per_neighbour_as(len, max, path),
        PathsMode::Diverse => diverse(len, max, path, hop),
    }
}

/// The best, and what only a tie-break tells from it.
fn equal<'a>(len: usize, max: usize, path: impl Fn(usize) -> Path<'a>) -> Chosen {
    let Some(best) = decision::best(len, &path) else { return Chosen::new() };
    let best = path(best);
    // Of one neighbouring AS only the lowest MED counts, and it counts before the next step does:
    // who has it may be out by that step, and those with a higher one are out all the same.
    let is_level = |n: &usize| {
        let verdict = compare(&path(*n), &best, false);
        verdict.is_tie() || verdict.step == Some(decision::Step::External)
    };
    let mut chosen: Chosen = (0..len).filter(is_level).collect();
    let med = |n: &usize| (path(*n).summary.neighbour_as, path(*n).summary.med);
    let of_best = (best.summary.neighbour_as, best.summary.med);
    if chosen.iter().any(|n| med(n) != of_best) {
        chosen.sort_unstable_by_key(med);
        let mut lowest = of_best;
        chosen.retain(|n| {
            // The first of an AS has the lowest.
            if med(n).0 != lowest.0 {
                lowest = med(n);
            }
            med(n) == lowest
        });
    }
    chosen.retain(|n| compare(&path(*n), &best, false).is_tie());
    best_of(chosen, max, path)
}

/// The best of each neighbouring AS.
fn per_neighbour_as<'a>(len: usize, max: usize, path: impl Fn(usize) -> Path<'a>) -> Chosen {
    let neighbour = |n: usize| path(n).summary.neighbour_as;
    if (1..len).all(|n| neighbour(n) == neighbour(0)) {
        return decision::several(len, max.min(1), path);
    }
    let mut chosen: Chosen = (0..len).collect();
    chosen.sort_unstable_by(|a, b| {
        let within = || compare(&path(*a), &path(*b), true).order;
        neighbour(*a).cmp(&neighbour(*b)).then_with(within)
    });
    chosen.dedup_by_key(|n| neighbour(*n));
    best_of(chosen, max, path)
}

/// The best, and the best of those that have another next hop.
fn diverse<'a>(
    len: usize,
    max: usize,
    path: impl Fn(usize) -> Path<'a>,
    hop: impl Fn(usize) -> Option<&'a [u8]>,
) -> Chosen {
    let mut chosen: Chosen = decision::best(len, &path).into_iter().collect();
    let Some(best) = chosen.first().map(|n| hop(*n)) else { return chosen };
    if max > 1 {
        let others: Chosen = (0..len).filter(|n| hop(*n) != best).collect();
        chosen.extend(decision::best(others.len(), |n| path(others[n])).map(|n| others[n]));
    }
    chosen
}

/// The `max` best of these, the best first; MED is not looked at.
fn best_of<'a>(mut chosen: Chosen, max: usize, path: impl Fn(usize) -> Path<'a>) -> Chosen {
    let order = |a: &usize, b: &usize| -> Ordering { compare(&path(*a), &path(*b), false).order };
    if max < chosen.len() {
        chosen.select_nth_unstable_by(max, order);
        chosen.truncate(max);
    }
    chosen.sort_unstable_by(order);
    chosen
}

#[cfg(test)]
mod tests;
