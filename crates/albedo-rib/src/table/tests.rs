use albedo_types::{ClusterId, Family, Ipv4Prefix, Rng};

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
    let (peer, path_id) = (albedo_types::PeerId(peer), albedo_types::PathId(path_id));
    Candidate { attrs: set(), peer, path_id }
}

/// Entries of a list from a version on, as a reader with one bookmark sees them.
fn walk(table: &mut Table<Ipv4Prefix>, place: Place, from: u64) -> Vec<u64> {
    let (mut seen, mut mark, mut got) = (from, None, Vec::new());
    while let Some(slot) = table.next_after(place, seen, &mut mark) {
        seen = table.entry(slot).version;
        got.push(seen);
    }
    table.forget(mark);
    got
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
    assert_eq!(walk(&mut table, Place::Live, 0), [1, 3, 5, 6]);
    assert_eq!(walk(&mut table, Place::Live, 3), [5, 6]);
    assert_eq!(walk(&mut table, Place::Dead, 6), [7]);
    assert!(table.seen_all(Place::Live, 6) && !table.seen_all(Place::Live, 5));
    assert_eq!((table.live_len(), table.dead_len()), (4, 1));
    assert_eq!(table.bury(6), 0);
    assert_eq!(table.bury(7), 1);
    assert_eq!(table.find(&prefix(3)), None);
}

#[test]
fn more_bookmarks_than_there_are_evict_the_oldest_which_finds_its_place_again() {
    let mut table = Table::new(1);
    for n in 0..200u32 {
        let slot = table.find_or_insert(prefix(n));
        table.touch(slot, Place::Live, u64::from(n) + 1);
    }
    let mut readers = vec![(0u64, None); 3 * bookmark::BOOKMARKS_MAX];
    let mut rng = Rng::new(7);
    let mut version = 200;
    for round in 0..200u64 {
        for (n, (seen, mark)) in readers.iter_mut().enumerate() {
            if (round + n as u64).is_multiple_of(3)
                && let Some(slot) = table.next_after(Place::Live, *seen, mark)
            {
                let next = table.entry(slot).version;
                let expected = table.seek(Place::Live, *seen);
                assert_eq!(slot, expected, "the bookmark is where a search would end");
                *seen = next;
            }
        }
        let moved = prefix(u32::try_from(rng.below(200)).unwrap());
        let slot = table.find(&moved).unwrap();
        version += 1;
        table.touch(slot, Place::Live, version);
    }
    for (_, mark) in readers {
        table.forget(mark);
    }
    assert!(table.chunks.iter().flat_map(|c| c.iter().flatten()).all(|e| e.mark & BOOKMARK == 0));
}

#[test]
fn candidates_are_ordered_and_found() {
    let mut candidates = Candidates::default();
    for (peer, path) in [(3, 0), (1, 1), (1, 0), (2, 0)] {
        assert_eq!(candidates.upsert(candidate(peer, path)), Upsert::Added);
    }
    assert_eq!(candidates.upsert(candidate(2, 0)), Upsert::Replaced);
    let order: Vec<_> = candidates.as_slice().iter().map(|c| (c.peer.0, c.path_id.0)).collect();
    assert_eq!(order, [(1, 0), (1, 1), (2, 0), (3, 0)]);
    assert_eq!(candidates.remove(|c| c.peer.0 == 1), 2);
    assert_eq!(candidates.remove(|c| c.peer.0 == 3), 1);
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
