use core::net::IpAddr;
use std::vec::Vec;

use albedo_types::{PathId, PeerRole, RouterId};
use proptest::prelude::*;

use super::*;
use crate::attrs::{Marks, Summary};
use crate::decision::Step;
use crate::peer::PeerInfo;

/// A path, and the last octet of its next hop.
type Row = (Summary, PeerInfo, PathId, [u8; 1]);

fn row(n: u32) -> Row {
    let info = PeerInfo {
        addr: IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]),
        router_id: RouterId::new(n).unwrap(),
        role: PeerRole::Client,
    };
    let summary =
        Summary { local_pref: 100, neighbour_as: 65001, as_hops: 2, ..Summary::default() };
    (summary, info, PathId(n), [u8::try_from(n).unwrap()])
}

fn path((summary, peer, path_id, _): &Row) -> Path<'_> {
    Path::new(summary, peer, *path_id, false)
}

/// What is told, by received identifier.
fn told(mode: PathsMode, max: usize, rows: &[Row]) -> Vec<u32> {
    let chosen = among(rows.len(), (mode, max), |n| path(&rows[n]), |n| Some(&rows[n].3));
    chosen.into_iter().map(|n| rows[n].2.0).collect()
}

#[test]
fn a4_equal_paths_are_those_that_only_a_tie_break_tells_apart() {
    type Change = fn(&mut Row);
    let worse: [Change; 6] = [
        |row| row.0.marks.insert(Marks::LLGR_STALE),
        |row| row.0.local_pref = 99,
        |row| row.0.as_hops = 3,
        |row| row.0.origin = 2,
        |row| row.0.med = 1,
        |row| row.1.role = PeerRole::NonClient,
    ];
    let equal: [Change; 6] = [
        |row| row.0.originator = 200,
        |row| row.0.cluster_hops = 3,
        |row| row.1.addr = IpAddr::from([10, 9, 9, 9]),
        // Two paths of one length and one neighbour, but for what comes behind it, and of others.
        |row| row.0.neighbour_as = 65002,
        // What another AS says of its own paths is not compared.
        |row| (row.0.neighbour_as, row.0.med) = (65002, 7),
        |row| row.3 = [1],
    ];
    let external = |n| {
        let mut row = row(n);
        row.1.role = PeerRole::External;
        row
    };
    for change in worse {
        let mut other = external(2);
        change(&mut other);
        assert_eq!(told(PathsMode::Equal, 16, &[external(1), other]), [1], "{other:?}");
        assert_eq!(told(PathsMode::Equal, 16, &[other, external(1)]), [1], "{other:?}");
    }
    for change in equal {
        let mut other = external(2);
        change(&mut other);
        assert_eq!(told(PathsMode::Equal, 16, &[external(1), other]), [1, 2], "{other:?}");
        assert_eq!(told(PathsMode::Equal, 16, &[other, external(1)]), [1, 2], "{other:?}");
    }
}

#[test]
fn a4_equal_paths_of_another_as_must_have_its_lowest_med() {
    let mut rows = [row(1), row(2), row(3), row(4)];
    for (row, (neighbour, med)) in rows.iter_mut().zip([(1, 5), (2, 9), (2, 8), (1, 5)]) {
        (row.0.neighbour_as, row.0.med) = (neighbour, med);
    }
    assert_eq!(told(PathsMode::Equal, 16, &rows), [1, 3, 4]);
    assert_eq!(told(PathsMode::Equal, 2, &rows), [1, 3], "the better ones");
    // The one with the lowest MED is not equal itself, and yet beats the other of its AS.
    for n in [0, 1, 3] {
        rows[n].1.role = PeerRole::External;
    }
    assert_eq!(told(PathsMode::Equal, 16, &rows), [1, 4]);
}

#[test]
fn a4_per_neighbouring_as_is_the_best_of_each() {
    let mut rows = [row(1), row(2), row(3), row(4), row(5)];
    let of = [(1, 5, 100), (1, 4, 100), (2, 0, 90), (2, 0, 80), (3, 0, 95)];
    for (row, (neighbour, med, local_pref)) in rows.iter_mut().zip(of) {
        (row.0.neighbour_as, row.0.med, row.0.local_pref) = (neighbour, med, local_pref);
    }
    assert_eq!(told(PathsMode::PerNeighbourAs, 16, &rows), [2, 5, 3]);
    assert_eq!(told(PathsMode::PerNeighbourAs, 2, &rows), [2, 5]);
    // Within one AS that is the best one.
    assert_eq!(told(PathsMode::PerNeighbourAs, 16, &rows[..2]), [2]);
}

#[test]
fn a4_diverse_is_the_best_and_one_with_another_next_hop() {
    let mut rows = [row(1), row(2), row(3), row(4)];
    for (row, (local_pref, hop)) in rows.iter_mut().zip([(400, 1), (300, 1), (200, 2), (100, 3)]) {
        (row.0.local_pref, row.3) = (local_pref, [hop]);
    }
    assert_eq!(told(PathsMode::Diverse, 2, &rows), [1, 3]);
    assert_eq!(told(PathsMode::Diverse, 1, &rows), [1]);
    assert_eq!(told(PathsMode::Diverse, 2, &rows[..2]), [1], "no other next hop");
}

fn any_row() -> impl Strategy<Value = Row> {
    (
        (0u32..2, 0u32..3, 0u32..3, 0u32..2, 0u32..4, 0u16..3, 0u8..2, any::<bool>()),
        (1u32..4, 0usize..3, 0u8..3),
    )
        .prop_map(|((lp, med, asn, hops, orig, cl, origin, stale), (id, role, hop))| {
            let mut marks = Marks::default();
            if stale {
                marks.insert(Marks::LLGR_STALE);
            }
            let (mut summary, mut info, path_id, _) = row(id);
            summary.local_pref = lp;
            (summary.med, summary.neighbour_as, summary.as_hops) = (med, asn, hops);
            (summary.originator, summary.cluster_hops, summary.origin) = (orig, cl, origin);
            summary.marks = marks;
            info.role = PeerRole::ALL[role];
            (summary, info, path_id, [hop])
        })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec(any_row(), 0..10).prop_map(|mut rows| {
        for (n, row) in (0..).zip(&mut rows) {
            // A prefix has one candidate of a peer and path identifier.
            row.2 = PathId(n);
        }
        rows
    })
}

/// The best, then the best of those that are left, all of them.
fn ranked(mut left: Vec<Row>) -> Vec<u32> {
    let mut ranked = Vec::new();
    while let Some(n) = decision::best(left.len(), |n| path(&left[n])) {
        ranked.push(left.remove(n).2.0);
    }
    ranked
}

/// What is left where every step before the tie-breaks takes out what is worse.
fn level(rows: &[Row]) -> Vec<Row> {
    let mut left = rows.to_vec();
    let steps = [Step::LlgrStale, Step::LocalPref, Step::AsPathLength, Step::Origin];
    for step in steps.into_iter().chain([Step::Med, Step::External]) {
        let all = left.clone();
        left.retain(|row| {
            all.iter().all(|other| {
                let is_compared = step != Step::Med || row.0.neighbour_as == other.0.neighbour_as;
                let verdict = compare(&path(row), &path(other), true);
                // All that is before has been compared, so this is the first that may differ.
                !is_compared || verdict.step != Some(step) || verdict.order.is_lt()
            })
        });
        // MEDs of several ASes are not compared, and must not hide the next step.
        if step == Step::Med {
            for row in &mut left {
                row.0.med = 0;
            }
        }
    }
    left
}

proptest! {
    #[test]
    fn a4_each_mode_is_what_its_definition_says(rows in rows(), max in 1usize..6) {
        let cut = |mut ranked: Vec<u32>| {
            ranked.truncate(max);
            ranked
        };
        prop_assert_eq!(told(PathsMode::Best, max, &rows), cut(ranked(rows.clone())));
        prop_assert_eq!(told(PathsMode::Equal, max, &rows), cut(ranked(level(&rows))));

        let ases = [0, 1, 2].map(|asn| {
            let of: Vec<Row> = rows.iter().filter(|r| r.0.neighbour_as == asn).copied().collect();
            decision::best(of.len(), |n| path(&of[n])).map(|n| of[n])
        });
        let ases: Vec<Row> = ases.into_iter().flatten().collect();
        prop_assert_eq!(told(PathsMode::PerNeighbourAs, max, &rows), cut(ranked(ases)));

        let mut diverse: Vec<u32> = ranked(rows.clone());
        diverse.truncate(1);
        if let [best] = diverse[..] {
            let hop = rows[best as usize].3;
            let others = rows.iter().filter(|row| row.3 != hop).copied().collect();
            diverse.extend(ranked(others).first());
        }
        prop_assert_eq!(told(PathsMode::Diverse, max, &rows), cut(diverse));
    }

    #[test]
    fn a4_what_a_mode_chooses_does_not_depend_on_the_order_of_arrival(
        rows in rows(), max in 1usize..6, seed: u64
    ) {
        let mut rng = albedo_types::Rng::new(seed);
        let mut shuffled = rows.clone();
        for n in (1..shuffled.len()).rev() {
            shuffled.swap(n, usize::try_from(rng.below(n as u64 + 1)).unwrap());
        }
        for mode in
            [PathsMode::Best, PathsMode::Equal, PathsMode::PerNeighbourAs, PathsMode::Diverse]
        {
            let mut best = told(mode, max, &rows);
            prop_assert_eq!(&told(mode, max, &shuffled), &best, "{:?}", mode);
            best.truncate(1);
            prop_assert_eq!(best, told(PathsMode::Best, 1, &rows), "each begins with the best");
        }
    }
}
