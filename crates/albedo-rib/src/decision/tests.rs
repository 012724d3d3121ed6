use core::net::IpAddr;

use albedo_types::{PeerRole, RouterId};
use proptest::prelude::*;

use super::*;

fn peer(n: u32, role: PeerRole) -> PeerInfo {
    PeerInfo {
        addr: IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]),
        router_id: RouterId::new(n).unwrap(),
        role,
    }
}

fn plain() -> (Summary, PeerInfo, PathId) {
    (Summary { local_pref: 100, ..Summary::default() }, peer(9, PeerRole::Client), PathId(0))
}

fn path((summary, peer, path_id): &(Summary, PeerInfo, PathId)) -> Path<'_> {
    Path::new(summary, peer, *path_id, false)
}

#[test]
fn each_step_decides_where_all_before_it_are_equal() {
    type Change = fn(&mut (Summary, PeerInfo, PathId));
    let better: [(Step, Change); 10] = [
        (Step::LlgrStale, |_| {}),
        (Step::LocalPref, |p| p.0.local_pref = 200),
        (Step::AsPathLength, |p| p.0.as_hops = 1),
        (Step::Origin, |p| p.0.origin = 0),
        (Step::Med, |p| p.0.med = 1),
        (Step::External, |p| p.1.role = PeerRole::External),
        (Step::Identifier, |p| p.0.originator = 3),
        (Step::ClusterListLength, |p| p.0.cluster_hops = 1),
        (Step::PeerAddress, |p| p.1.addr = IpAddr::from([10, 0, 0, 1])),
        (Step::PathId, |p| p.2 = PathId(1)),
    ];
    let worse = (
        Summary {
            local_pref: 100,
            as_hops: 2,
            origin: 2,
            med: 5,
            originator: 7,
            cluster_hops: 4,
            ..Summary::default()
        },
        peer(9, PeerRole::Client),
        PathId(8),
    );
    for (step, change) in better {
        let mut good = worse;
        let mut bad = worse;
        if step == Step::LlgrStale {
            bad.0.marks.insert(Marks::LLGR_STALE);
        }
        change(&mut good);
        let verdict = compare(&path(&good), &path(&bad), true);
        assert_eq!(verdict, Verdict { order: Ordering::Less, step: Some(step) });
        let verdict = compare(&path(&bad), &path(&good), true);
        assert_eq!(verdict, Verdict { order: Ordering::Greater, step: Some(step) });
    }
}

#[test]
fn rfc4456_s9_identifier_comes_before_cluster_list_length() {
    let mut long = plain();
    long.0.originator = 1;
    long.0.cluster_hops = 5;
    let mut short = plain();
    short.0.originator = 2;
    short.0.cluster_hops = 1;
    assert_eq!(compare(&path(&long), &path(&short), true).step, Some(Step::Identifier));
    assert_eq!(compare(&path(&long), &path(&short), true).order, Ordering::Less);
}

#[test]
fn med_is_compared_within_a_neighbouring_as_only() {
    // RFC 3345's three paths: without grouping, the result depends on the order.
    let mut a = plain();
    (a.0.neighbour_as, a.0.med, a.0.originator) = (1, 10, 3);
    let mut b = plain();
    (b.0.neighbour_as, b.0.med, b.0.originator) = (1, 5, 4);
    let mut c = plain();
    (c.0.neighbour_as, c.0.med, c.0.originator) = (2, 0, 5);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let all = [a, b, c];
        let won = best(3, |n| path(&all[order[n]])).unwrap();
        assert_eq!(order[won], 1, "b beats a by MED and c by identifier, in order {order:?}");
    }
}

#[test]
fn med_is_compared_within_each_of_thousands_of_neighbouring_ases() {
    const GROUPS: u32 = 3000;
    // Two paths from each AS: the one that is better but for MED, and the one that MED prefers;
    // of the winners the one with the lowest identifier is best.
    let mut paths = Vec::new();
    for n in 0..GROUPS {
        let (mut dear, mut cheap) = (plain(), plain());
        (dear.0.neighbour_as, dear.0.med, dear.0.originator) = (n, 7, 1 + n);
        (cheap.0.neighbour_as, cheap.0.med, cheap.0.originator) = (n, 3, 2 * GROUPS - n);
        paths.extend([dear, cheap]);
    }
    let order = |at: usize| (at * 1999) % paths.len();
    let found = best(paths.len(), |at| path(&paths[order(at)])).map(order);
    assert_eq!(found, Some(paths.len() - 1));
}

fn any_path() -> impl Strategy<Value = (Summary, PeerInfo, PathId)> {
    (
        (0u32..2, 0u32..3, 0u32..3, 0u32..3, 0u32..4, 0u16..3, 0u8..3, any::<bool>()),
        (1u32..4, 0usize..3, 0u32..2),
    )
        .prop_map(|((lp, med, asn, hops, orig, cl, origin, stale), (id, role, path_id))| {
            let mut marks = Marks::default();
            if stale {
                marks.insert(Marks::LLGR_STALE);
            }
            let summary = Summary {
                local_pref: lp,
                med,
                neighbour_as: asn,
                as_hops: hops,
                originator: orig,
                cluster_hops: cl,
                origin,
                marks,
            };
            (summary, peer(id, PeerRole::ALL[role]), PathId(path_id))
        })
}

proptest! {
    #[test]
    fn without_med_the_order_is_strict_and_total(
        a in any_path(), b in any_path(), c in any_path()
    ) {
        let less = |x, y| compare(&path(x), &path(y), false).order == Ordering::Less;
        prop_assert!(!less(&a, &a));
        prop_assert!(!(less(&a, &b) && less(&b, &a)));
        if less(&a, &b) && less(&b, &c) {
            prop_assert!(less(&a, &c));
        }
    }

    #[test]
    fn the_best_does_not_depend_on_the_order_of_arrival(
        paths in proptest::collection::vec(any_path(), 1..7), seed: u64
    ) {
        let mut paths = paths;
        for (n, path) in (0..).zip(&mut paths) {
            // A prefix has one candidate of a peer and path identifier.
            path.2 = PathId(n);
        }
        let first = paths[best(paths.len(), |n| path(&paths[n])).unwrap()];
        let mut rng = albedo_types::Rng::new(seed);
        let mut shuffled = paths;
        for n in (1..shuffled.len()).rev() {
            let other = usize::try_from(rng.below(n as u64 + 1)).unwrap();
            shuffled.swap(n, other);
        }
        let second = shuffled[best(shuffled.len(), |n| path(&shuffled[n])).unwrap()];
        prop_assert_eq!(first.2, second.2);
    }
}

proptest! {
    #[test]
    fn several_are_each_the_best_of_those_that_are_left(
        paths in proptest::collection::vec(any_path(), 0..9), max in 0usize..10, one_as: bool
    ) {
        let mut paths = paths;
        for (n, path) in (0..).zip(&mut paths) {
            path.2 = PathId(n);
            if one_as {
                path.0.neighbour_as = 7;
            }
        }
        let found = several(paths.len(), max, |n| path(&paths[n]));
        let mut left: Vec<usize> = (0..paths.len()).collect();
        let mut expected = Vec::new();
        while expected.len() < max && let Some(n) = best(left.len(), |n| path(&paths[left[n]])) {
            expected.push(left.remove(n));
        }
        prop_assert_eq!(found.to_vec(), expected);
    }
}

proptest! {
    #[test]
    fn everybody_but_the_best_lost_to_somebody_by_the_step_that_is_named(
        paths in proptest::collection::vec(any_path(), 0..12)
    ) {
        let mut paths = paths;
        for (n, path) in (0..).zip(&mut paths) {
            path.2 = PathId(n);
        }
        let defeats = defeats(paths.len(), |n| path(&paths[n]));
        prop_assert_eq!(defeats.len(), paths.len());
        let best = best(paths.len(), |n| path(&paths[n]));
        for (n, defeat) in defeats.iter().enumerate() {
            let Some(Defeat { to, step }) = *defeat else {
                prop_assert_eq!(Some(n), best);
                continue;
            };
            let of_one_as = paths[to].0.neighbour_as == paths[n].0.neighbour_as;
            let verdict = compare(&path(&paths[to]), &path(&paths[n]), of_one_as);
            prop_assert_eq!(verdict, Verdict { order: Ordering::Less, step: Some(step) });
            // From one to the next, the way ends at the best.
            prop_assert!(Some(to) == best || defeats[to].is_some_and(|d| Some(d.to) == best));
        }
    }
}

#[test]
fn g15_llgr_stale_is_least_preferred_and_the_comparison_is_symmetric() {
    let good = plain();
    let mut received = plain();
    received.0.marks.insert(Marks::LLGR_STALE);
    received.0.local_pref = 1000;
    let lost = (Summary { local_pref: 500, ..plain().0 }, plain().1, plain().2);
    let lost = Path { stale: true, ..path(&lost) };
    let (good, received) = (path(&good), path(&received));
    for stale in [&received, &lost] {
        assert_eq!(compare(&good, stale, true).step, Some(Step::LlgrStale));
        assert_eq!(compare(&good, stale, true).order, Ordering::Less);
        assert_eq!(compare(stale, &good, true).order, Ordering::Greater);
    }
    // Two stale ones are told apart by what comes after, in either order, however each is stale.
    let verdict = Verdict { order: Ordering::Less, step: Some(Step::LocalPref) };
    assert_eq!(compare(&received, &lost, true), verdict);
    assert_eq!(compare(&lost, &received, true).order, Ordering::Greater);
    for order in [[&lost, &received, &good], [&good, &lost, &received], [&received, &good, &lost]] {
        let best = best(3, |n| *order[n]).unwrap();
        assert!(!order[best].stale);
    }
}
