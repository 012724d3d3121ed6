use albedo_types::{ClusterId, Family, Ipv4Prefix, PathId, PeerId, Rng};

use super::*;
use crate::attrs::{AttrSet, Parts, Summary};

fn prefix(n: u32) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(n << 8, 24).unwrap()
}

fn set() -> alloc::sync::Arc<AttrSet> {
    let parts = Parts {
        family: Family::Ipv4Unicast,
        summary: Summary::default(),
        external: false,
        cluster: ClusterId(0),
        block: &[],
        mp_next_hop: None,
    };
    alloc::sync::Arc::new(AttrSet::new(&parts))
}

fn candidate(peer: u32, path_id: u32) -> Candidate {
    let (peer, path_id) = (PeerId(peer), PathId(path_id));
    Candidate { attrs: set(), source: Source::new(peer, 0), path_id }
}

/// Entries of a list from a version on.
fn walk(table: &Table<Ipv4Prefix>, place: Place, from: u64) -> Vec<u64> {
    let first = table.first_after(place, from);
    std::iter::successors(first, |slot| table.next(*slot))
        .map(|slot| table.entry(slot).version)
        .collect()
}

#[test]
fn an_entry_is_as_small_as_promised() {
    assert!(size_of::<Entry<Ipv4Prefix>>() <= 64, "{}", size_of::<Entry<Ipv4Prefix>>());
    assert!(size_of::<Candidate>() <= 24, "{}", size_of::<Candidate>());
}

#[test]
fn lists_are_in_order_of_change() {
    let mut table = Table::new(1);
    let slots: Vec<Slot> = (0..5).map(|n| table.find_or_insert(prefix(n))).collect();
    for (version, slot) in (1..).zip(&slots) {
        table.touch(*slot, Place::Live, version);
    }
    table.touch(slots[1], Place::Live, 6);
    table.touch(slots[3], Place::Dead, 7);
    assert_eq!(walk(&table, Place::Live, 0), [1, 3, 5, 6]);
    assert_eq!(walk(&table, Place::Live, 3), [5, 6]);
    assert_eq!(walk(&table, Place::Dead, 6), [7]);
    assert!(table.seen_all(Place::Live, 6) && !table.seen_all(Place::Live, 5));
    assert_eq!((table.live_len(), table.dead_len()), (4, 1));
    assert_eq!(table.bury(6), 0);
    assert_eq!(table.bury(7), 1);
    assert_eq!(table.find(&prefix(3)), None);
}

#[test]
fn any_place_in_a_list_is_found_in_a_few_steps() {
    const ENTRIES: u32 = 5000;
    let mut table = Table::new(1);
    let slots: Vec<Slot> = (0..ENTRIES).map(|n| table.find_or_insert(prefix(n))).collect();
    let mut rng = Rng::new(7);
    let mut version = 0;
    let mut touch = |table: &mut Table<_>, n: usize, place| {
        version += 1;
        table.touch(slots[n], place, version);
        version
    };
    for n in 0..slots.len() {
        touch(&mut table, n, Place::Live);
    }
    for round in 0..60usize {
        // Runs of entries in either direction, and single ones here and there.
        let first = rng.below(u64::from(ENTRIES) - 300) as usize;
        let place = [Place::Live, Place::Live, Place::Dead][round % 3];
        let run: Vec<usize> = match round % 4 {
            0 => (first..first + 300).collect(),
            1 => (first..first + 300).rev().collect(),
            _ => (0..300).map(|_| rng.below(u64::from(ENTRIES)) as usize).collect(),
        };
        let last = run.into_iter().map(|n| touch(&mut table, n, place)).last().unwrap();
        for place in [Place::Live, Place::Dead] {
            let all = walk(&table, place, 0);
            for _ in 0..50 {
                let seen = rng.below(last + 2);
                let (found, walked) = table.seek(place, seen);
                let expected = all.iter().find(|version| **version > seen);
                assert_eq!(found.map(|slot| table.entry(slot).version).as_ref(), expected);
                assert!(walked <= milestones::STRIDE, "{walked} steps");
            }
        }
    }
    for slot in &slots {
        table.touch(*slot, Place::Dead, version + 1 + u64::from(*slot));
    }
    assert_eq!(table.bury(u64::MAX), slots.len());
    assert_eq!((table.live.milestones.len(), table.dead.milestones.len()), (0, 0));
}

#[test]
fn a2_candidates_are_ordered_and_found() {
    let mut candidates = Candidates::default();
    for (peer, path) in [(3, 0), (1, 1), (1, 0), (2, 0)] {
        assert_eq!(candidates.upsert(candidate(peer, path)), Upsert::Added);
    }
    assert_eq!(candidates.upsert(candidate(2, 0)), Upsert::Replaced);
    let order: Vec<_> =
        candidates.as_slice().iter().map(|c| (c.source.peer().0, c.path_id.0)).collect();
    assert_eq!(order, [(1, 0), (1, 1), (2, 0), (3, 0)]);
    assert_eq!(candidates.remove(|c| c.source.peer().0 == 1), 2);
    assert_eq!(candidates.remove(|c| c.source.peer().0 == 3), 1);
    assert!(matches!(candidates, Candidates::One(_)));
    assert_eq!(candidates.remove(|_| true), 1);
    assert!(candidates.best().is_none());
}

#[test]
fn an_empty_table_holds_no_memory() {
    let mut table = Table::new(1);
    for n in 0..5000 {
        let slot = table.find_or_insert(prefix(n));
        table.touch(slot, Place::Live, u64::from(n) + 1);
    }
    for n in 0..5000 {
        let slot = table.find(&prefix(n)).unwrap();
        table.remove(slot);
    }
    assert_eq!((table.len(), table.chunks.len(), table.index.capacity()), (0, 0, 0));
}

#[test]
fn a_source_keeps_peer_epoch_and_mark_apart() {
    let source = Source::new(PeerId((1 << 24) - 1), EPOCH_MAX);
    assert_eq!((source.peer().0, source.epoch()), ((1 << 24) - 1, EPOCH_MAX));
    assert!(!source.is_long_lived());
    let mut candidates = Candidates::One(candidate(7, 1));
    candidates.mark_long_lived(|c| c.source.peer() == PeerId(7));
    candidates.renumber(PeerId(7), |epoch| epoch + 3);
    let source = candidates.as_slice()[0].source;
    assert_eq!((source.peer().0, source.epoch(), source.is_long_lived()), (7, 3, true));
    candidates.refresh(Source::new(PeerId(7), 4), PathId(1));
    assert_eq!(candidates.as_slice()[0].source, Source::new(PeerId(7), 4));
    assert_eq!(size_of::<Source>(), 4);
}
