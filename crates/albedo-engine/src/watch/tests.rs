use super::*;
use crate::engine::EngineConfig;

fn idle(shards: usize) -> EngineHandle {
    let config = EngineConfig { shards, ..EngineConfig::default() };
    let (shared, _mailboxes) = Shared::new(&config);
    EngineHandle::of(shared)
}

fn prefix(n: u8) -> Prefix {
    format!("10.0.{n}.0/24").parse().unwrap()
}

#[test]
fn watches_are_bounded_and_their_end_makes_room() {
    let handle = idle(1);
    assert!(!handle.shared().watches.is_any());
    let mut open: Vec<Watch> = (0..WATCHES_MAX).map(|_| handle.watch().unwrap()).collect();
    let error = handle.watch().unwrap_err();
    assert_eq!(error, WatchError::TooMany);
    assert!(error.to_string().contains(&WATCHES_MAX.to_string()), "{error}");
    assert_eq!((handle.watches(), handle.open_queries()), (WATCHES_MAX, WATCHES_MAX));
    drop(open.pop());
    assert!(handle.watch().is_ok());
    drop(open);
    assert!(!handle.shared().watches.is_any(), "shards look no more");
    assert_eq!((handle.watches(), handle.open_queries()), (0, 0));
}

#[test]
fn a_prefix_that_changes_again_and_again_waits_once() {
    let handle = idle(2);
    let mut watch = handle.watch().unwrap();
    for _ in 0..3 {
        handle.shared().watches.note(1, &[prefix(1), prefix(2)]);
    }
    watch.take().unwrap();
    let [(1, prefixes)] = watch.taken.make_contiguous() else { panic!("{watch:?}") };
    prefixes.sort();
    assert_eq!(prefixes, &[prefix(1), prefix(2)]);
    watch.taken.clear();
    watch.take().unwrap();
    assert!(watch.taken.is_empty());
}

#[test]
fn who_does_not_read_is_told_so_and_costs_no_more() {
    let handle = idle(1);
    let mut slow = handle.watch_bounded(2).unwrap();
    let quick = handle.watch().unwrap();
    handle.shared().watches.note(0, &[prefix(1), prefix(2)]);
    assert!(slow.take().is_ok());
    handle.shared().watches.note(0, &[prefix(1), prefix(2)]);
    handle.shared().watches.note(0, &[prefix(3)]);
    assert_eq!(slow.noted.unread(0).prefixes.len(), 0);
    handle.shared().watches.note(0, &[prefix(4)]);
    assert_eq!(slow.noted.unread(0).prefixes.len(), 0, "nothing is noted any more");
    let error = slow.take().unwrap_err();
    assert_eq!(error, WatchError::Overrun);
    assert!(error.to_string().contains(&WATCH_PREFIXES_MAX.to_string()), "{error}");
    assert_eq!(quick.noted.unread(0).prefixes.len(), 4, "others are not concerned");
}
