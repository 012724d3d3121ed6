use super::{Shape, pick_rank, set_sizes};
use crate::attrs::{Attributes, code, flag};
use crate::build::{announce, end_of_rib, withdraw};
use crate::check::Rules;
use crate::mrt::Recording;
use crate::prefix::{Family, Prefix};
use crate::rng::Rng;
use crate::scenario::Start;

fn shape() -> Shape {
    Shape {
        prefixes: 5000,
        sets: 700,
        sources: 3,
        receivers: 2,
        has_non_client_sources: false,
        source_net: "10.1.0.0/16".parse().expect("a network"),
        seed: 1,
        rules: Rules::REFLECTED,
        cluster_id: 0,
    }
}

#[test]
fn a_table_has_exactly_what_was_asked_for_and_repeats_from_its_seed() {
    let (a, b) = (shape().plan(Start::Cold), shape().plan(Start::Cold));
    assert_eq!((a.model.len(), a.model.sets(), a.nodes.len()), (5000, 700, 5));
    assert_eq!((a.model.wanted_count(3), a.model.wanted_count(4)), (5000, 5000));
    let owed: u32 = (0..3).map(|source| a.model.wanted_count(source)).sum();
    assert_eq!(owed, 10_000);
    for (a, b) in a.nodes.iter().zip(&b.nodes) {
        assert_eq!(a.initial, b.initial);
    }
    let other = Shape { seed: 2, ..shape() }.plan(Start::Cold);
    assert_ne!(a.nodes[0].initial, other.nodes[0].initial);
}

#[test]
fn non_client_sources_get_nothing_of_each_other() {
    let plan = Shape { has_non_client_sources: true, ..shape() }.plan(Start::Cold);
    assert_eq!(plan.model.wanted_count(0), 0);
    assert_eq!(plan.model.wanted_count(4), 5000);
}

#[test]
fn sizes_add_up_in_every_proportion() {
    for (sets, prefixes) in [(1, 1), (1, 1000), (500, 500), (30_000, 200_000), (7, 9)] {
        let sizes = set_sizes(&mut Rng::new(5), sets, prefixes);
        assert_eq!(sizes.len(), sets as usize);
        assert_eq!(sizes.iter().sum::<u32>(), prefixes);
        assert!(sizes.iter().all(|&size| size > 0));
    }
}

#[test]
fn ranks_stay_below_their_count_and_reach_it() {
    let mut rng = Rng::new(1);
    for count in [1, 3, 16, 40] {
        let mut seen = vec![0; count as usize];
        for _ in 0..20_000 {
            seen[pick_rank(&mut rng, &super::SOURCE_SHARES, count) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 0), "{seen:?}");
    }
}

#[test]
fn impossible_shapes_are_refused() {
    for wrong in [
        Shape { sources: 0, ..shape() },
        Shape { sources: 1, receivers: 0, ..shape() },
        Shape { sets: 5001, ..shape() },
        Shape { sets: 0, ..shape() },
        Shape { receivers: 40_000, ..shape() },
        Shape { prefixes: super::PREFIXES_MAX + 1, ..shape() },
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
    shape().check().expect("playable");
}

#[test]
fn a_recording_ends_with_what_was_announced_last() {
    let mut set = Attributes { next_hop: vec![192, 0, 2, 1].into(), ..Attributes::default() };
    set.push(flag::TRANSITIVE, code::ORIGIN, vec![0]);
    set.push(flag::TRANSITIVE, code::AS_PATH, vec![]);
    let mut other = set.clone();
    other.push(flag::OPTIONAL, code::MED, vec![0, 0, 0, 1]);
    let prefixes = [Prefix::v4(1 << 24, 8), Prefix::v4(2 << 24, 8), Prefix::v4(3 << 24, 8)];
    let mut zero = set.clone();
    zero.remove(code::AS_PATH);
    zero.push(flag::TRANSITIVE, code::AS_PATH, vec![2, 1, 0, 0, 0, 0]);
    let mut messages = vec![Vec::new(); 6];
    announce(&set, Family::V4, &prefixes, &mut messages[0]);
    announce(&other, Family::V4, &prefixes[..1], &mut messages[1]);
    withdraw(Family::V4, &prefixes[1..2], &mut messages[2]);
    end_of_rib(Family::V4, &mut messages[3]);
    messages[4] = messages[0].clone();
    messages[4][22] = 0xff;
    // Takes the third prefix back.
    announce(&zero, Family::V4, &prefixes[2..], &mut messages[5]);
    let updates: Vec<Box<[u8]>> = messages.into_iter().map(Into::into).collect();
    let recording = Recording { updates, skipped: 2 };
    let plan = Shape { sources: 1, ..shape() }.replay(&recording, Start::Cold);
    assert_eq!((plan.model.len(), plan.model.sets()), (3, 2));
    let wanted: Vec<u8> = (0..3).map(|id| plan.model.wanted(1, id)).collect();
    assert_eq!(wanted, [2, 0, 0]);
    let sent = recording.updates[..4].concat().len() + recording.updates[5].len();
    assert_eq!(plan.nodes[0].initial.len(), sent);
    assert!(plan.notes[0].contains("1 routes"), "{:?}", plan.notes);
    assert!(plan.notes[1].contains("1 malformed") && plan.notes[1].contains("2 messages"));
}
