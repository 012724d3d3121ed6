use alloc::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn at(n: u64) -> Instant {
    Instant::from_nanos(n)
}

fn id(n: u32) -> RouterId {
    RouterId::new(n + 1).unwrap()
}

/// A batch of changes of these prefixes, of nobody.
fn push(journal: &mut Journal<u8>, time: u64, version: u64, keys: &[u8]) {
    journal.push(at(time), version, keys.iter().map(|key| (*key, None, None)));
}

fn versions(journal: &Journal<u8>, key: u8) -> Vec<u64> {
    journal.of(key).iter().map(|change| change.version).collect()
}

#[test]
fn the_oldest_makes_room_and_it_is_known_since_when_all_is_kept() {
    let mut journal = Journal::new(4);
    push(&mut journal, 1, 0, &[1, 2]);
    push(&mut journal, 2, 2, &[1, 2]);
    assert_eq!(journal.forgotten(), None);
    assert_eq!((versions(&journal, 1), versions(&journal, 2)), ([3, 1].to_vec(), [4, 2].to_vec()));
    push(&mut journal, 3, 4, &[1]);
    assert_eq!(versions(&journal, 1), [5, 3]);
    assert_eq!(versions(&journal, 2), [4, 2]);
    assert_eq!(journal.forgotten(), Some(at(1)));
    assert_eq!(journal.of(2)[0].at, at(2));
    // More than there is room for.
    push(&mut journal, 4, 5, &[7, 7, 7, 7, 7, 9]);
    assert_eq!(versions(&journal, 7), [10, 9, 8]);
    assert_eq!((versions(&journal, 9), versions(&journal, 1)), ([11].to_vec(), Vec::new()));
    assert_eq!(journal.forgotten(), Some(at(4)));
}

#[test]
fn behind_a_batch_that_was_skipped_nothing_is_sure() {
    let mut journal = Journal::new(4);
    push(&mut journal, 1, 0, &[1]);
    journal.skip(at(2));
    push(&mut journal, 3, 9, &[1]);
    assert_eq!(versions(&journal, 1), [10, 1]);
    assert_eq!(journal.forgotten(), Some(at(2)));
    push(&mut journal, 4, 10, &[2, 2, 2]);
    assert_eq!(journal.forgotten(), Some(at(2)), "the one that went was older");
}

#[test]
fn none_is_a_size() {
    let mut journal = Journal::new(0);
    push(&mut journal, 5, 0, &[1]);
    assert_eq!(journal.of(1), []);
    assert_eq!(journal.forgotten(), Some(at(5)));
}

#[test]
fn an_index_means_who_bore_it_then() {
    let mut journal = Journal::new(8);
    let peer = PeerId(3);
    journal.bear(peer, 0, id(1));
    journal.push(at(1), 0, [(1_u8, None, Some(peer))].into_iter());
    journal.push(at(2), 1, [(1, Some(peer), None)].into_iter());
    journal.bear(peer, 2, id(2));
    journal.push(at(3), 2, [(1, None, Some(peer))].into_iter());
    let found: Vec<_> = journal.of(1).iter().map(|c| (c.before, c.after)).collect();
    assert_eq!(found, [(None, Some(id(2))), (Some(id(1)), None), (None, Some(id(1)))]);
}

#[test]
fn bearers_are_as_many_as_can_be_meant() {
    let mut journal = Journal::new(2);
    for n in 0..1_000 {
        let peer = PeerId(n % 3);
        journal.bear(peer, u64::from(n), id(n));
        journal.push(at(u64::from(n)), u64::from(n), [(1_u8, None, Some(peer))].into_iter());
    }
    assert!(journal.bearers.len() <= 2 * 5 + BEARERS_SLACK, "{}", journal.bearers.len());
    assert!(journal.batches.len() <= 2);
    let found: Vec<_> = journal.of(1).iter().map(|change| change.after).collect();
    assert_eq!(found, [Some(id(999)), Some(id(998))]);
}

#[test]
fn a_session_that_flaps_and_changes_nothing_leaves_nothing() {
    let mut journal = Journal::new(4);
    journal.bear(PeerId(1), 0, id(1));
    journal.push(at(1), 0, [(1_u8, None, Some(PeerId(1)))].into_iter());
    for n in 0..10_000 {
        // Two peers take turns at an index, and what they tell is in batches that are skipped.
        journal.bear(PeerId(2), u64::from(n) * 300 + 1, id(n % 2));
        journal.skip(at(2));
    }
    // What is meant is one for each index and one for the change.
    assert!(journal.bearers.len() <= 2 * 3 + BEARERS_SLACK + 1, "{}", journal.bearers.len());
    assert_eq!(journal.of(1)[0].after, Some(id(1)));
}

proptest! {
    /// Against a list that keeps everything.
    #[test]
    fn it_is_the_end_of_a_list(
        max in 0_usize..12,
        batches in vec(vec((0_u8..4, 0_u32..3, 0_u32..3), 1..20), 1..12),
        borne in vec((0_usize..12, 0_u32..2, 0_u32..50), 0..12),
    ) {
        let mut journal = Journal::new(max);
        let mut all: Vec<(u8, Change)> = Vec::new();
        let mut bearers: BTreeMap<PeerId, RouterId> = BTreeMap::new();
        let mut version = 0;
        for (n, batch) in batches.iter().enumerate() {
            for (_, peer, name) in borne.iter().filter(|(when, ..)| *when == n) {
                journal.bear(PeerId(*peer), version, id(*name));
                bearers.insert(PeerId(*peer), id(*name));
            }
            let time = at(n as u64);
            // 2 is nobody.
            let peer = |n: u32| (n < 2).then_some(PeerId(n));
            journal.push(time, version, batch.iter().map(|(key, a, b)| (*key, peer(*a), peer(*b))));
            for (key, a, b) in batch {
                version += 1;
                let of = |n| peer(n).and_then(|peer| bearers.get(&peer).copied());
                all.push((*key, Change { at: time, version, before: of(*a), after: of(*b) }));
            }
        }
        let gone = all.len().saturating_sub(max);
        prop_assert_eq!(journal.forgotten(), gone.checked_sub(1).map(|n| all[n].1.at));
        for key in 0..4 {
            let kept = all[gone..].iter().rev().filter(|(other, _)| *other == key);
            let kept: Vec<Change> = kept.map(|(_, change)| *change).collect();
            prop_assert_eq!(journal.of(key), kept);
        }
        prop_assert!(journal.batches.len() <= max.max(1));
    }
}
