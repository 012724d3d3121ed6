use std::pin::pin;
use std::task::Waker;

use albedo_rib::Limits;
use albedo_types::Ipv4Prefix;

use super::*;
use crate::engine::{Engine, EngineConfig};
use crate::mailbox::Mailbox;

/// What an engine shares, with nobody who answers.
fn idle() -> (EngineHandle, Vec<Mailbox<Letter>>) {
    let (shared, mailboxes) = Shared::new(&EngineConfig::default());
    (EngineHandle::of(shared), mailboxes)
}

fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

const ALL: Query = Query::best_of(Family::Ipv4Unicast);

#[test]
fn seats_are_bounded_and_come_back_when_nobody_asks_any_more() {
    let (handle, _mailboxes) = idle();
    let open: Vec<Routes> = (0..QUERIES_MAX).map(|_| handle.routes(ALL).unwrap()).collect();
    assert_eq!(handle.routes(ALL).unwrap_err(), QueryError::Busy);
    assert_eq!(handle.query(0, ALL, Bookmark::default()).unwrap_err(), QueryError::Busy);
    let words = QueryError::Busy.to_string();
    assert!(words.contains(&QUERIES_MAX.to_string()), "{words}");
    assert_eq!(handle.stats().queries.refused.load(Ordering::Relaxed), 2);
    drop(open);
    assert_eq!(handle.open_queries(), 0);
    assert!(handle.routes(ALL).is_ok());
}

#[test]
fn request_that_waits_keeps_its_seat() {
    let (handle, _mailboxes) = idle();
    for _ in 0..QUERIES_MAX {
        let mut routes = handle.routes(ALL).unwrap();
        assert!(poll(routes.next()).is_pending());
        // Whoever asked has gone, and its request is still at the desk.
    }
    assert_eq!(handle.routes(ALL).unwrap_err(), QueryError::Busy);
    assert_eq!(handle.waiting_queries(), QUERIES_MAX, "no desk holds more than there are seats");
    // A worker throws them away unread.
    let shard = Shard::new(1, Limits::default());
    let mut budget = 100;
    while let Some(request) = handle.shared().desks[0].take() {
        request.answer(&shard, &mut budget, handle.stats());
    }
    assert_eq!((budget, handle.open_queries(), handle.waiting_queries()), (100, 0, 0));
    assert_eq!(handle.stats().queries.answers.load(Ordering::Relaxed), 0);
}

#[test]
fn worker_is_told_once_however_many_ask_and_again_when_it_has_answered() {
    let (handle, mailboxes) = idle();
    let depth = || handle.channel_depth(0);
    let first = handle.query(0, ALL, Bookmark::default()).unwrap();
    let second = handle.query(0, ALL, Bookmark::default()).unwrap();
    assert_eq!(depth(), 1);
    let desk = &handle.shared().desks[0];
    assert!(desk.is_asked());
    drop(desk.take());
    assert!(desk.is_asked(), "one is left");
    drop(desk.take());
    assert!(!desk.is_asked());
    // Dropped without an answer, they say so.
    assert!(matches!(poll(first), Poll::Ready(Err(QueryError::Stopped))));
    assert!(matches!(poll(second), Poll::Ready(Err(QueryError::Stopped))));
    let _third = handle.query(0, ALL, Bookmark::default()).unwrap();
    assert_eq!(depth(), 2);
    drop(mailboxes);
}

#[test]
fn full_channel_needs_no_word() {
    let config = EngineConfig { mailbox_letters_max: 1, ..EngineConfig::default() };
    let (shared, _mailboxes) = Shared::new(&config);
    shared.mailboxes[0].send_blocking(Letter::Stop);
    let handle = EngineHandle::of(shared);
    let _asked = handle.query(0, ALL, Bookmark::default()).unwrap();
    assert_eq!((handle.channel_depth(0), handle.waiting_queries()), (1, 1));
}

#[test]
fn shard_that_is_not_there_or_has_ended_is_named() {
    let engine = Engine::start(&EngineConfig::default()).unwrap();
    let handle = engine.handle();
    let error = handle.query(1, ALL, Bookmark::default()).unwrap_err();
    assert_eq!(error.to_string(), "no shard 1: expected 0 to 0");
    let mut before = handle.routes(ALL).unwrap();
    assert!(engine.stop());
    assert!(matches!(poll(before.next()), Poll::Ready(Err(QueryError::Stopped))));
    let error = handle.query(0, ALL, Bookmark::default()).unwrap_err();
    assert_eq!(error, QueryError::Stopped);
}

#[test]
fn only_shards_that_may_have_something_are_asked() {
    let v4 = |text: &str| Prefix::V4(text.parse().unwrap());
    let shard = |text: &str| text.parse::<Ipv4Prefix>().unwrap().shard(8).index();
    let at = shard("10.1.2.0/24");
    assert_eq!(shards_of(Select::Exact(v4("10.1.2.0/24")), 8), at..at + 1);
    assert_eq!(shards_of(Select::Longer(v4("10.1.0.0/16")), 8), at..at + 1);
    assert_eq!(shards_of(Select::Longer(v4("10.0.0.0/15")), 8), 0..8);
    assert_eq!(shards_of(Select::Covering(v4("10.1.2.3/32")), 8), 0..8);
    assert_eq!(shards_of(Select::All, 8), 0..8);
    let v6 = |text: &str| Prefix::V6(text.parse().unwrap());
    assert_eq!(shards_of(Select::Longer(v6("fd00:1::/32")), 8).len(), 1);
    assert_eq!(shards_of(Select::Longer(v6("fd00::/31")), 8), 0..8);
}
