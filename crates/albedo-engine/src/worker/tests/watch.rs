//! Who watches best routes change.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::engine::EngineHandle;
use crate::watch::{Changed, Watch};

/// What a watch is told next; the worker turns until it is.
fn next(worker: &mut Worker, watch: &mut Watch) -> Vec<Changed> {
    let mut next = pin!(watch.next());
    loop {
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(changed) => return changed.expect("it goes on"),
            Poll::Pending => assert!(worker.turn()),
        }
    }
}

fn all(worker: &mut Worker, watch: &mut Watch) -> Vec<(String, Option<PeerId>)> {
    let mut all = Vec::new();
    loop {
        let changed = next(worker, watch);
        if changed.is_empty() {
            all.sort();
            return all;
        }
        let of = |it: &Changed| (it.prefix.to_string(), it.best.as_ref().map(|best| best.peer));
        all.extend(changed.iter().map(of));
    }
}

#[test]
fn a_watch_is_told_what_changed_since_it_began_as_it_is_now() {
    let (mut worker, shared) = worker(2_048);
    let send = |letter| shared.mailboxes[0].send_blocking(letter);
    let handle = EngineHandle::of(Arc::clone(&shared));
    send(up(PeerId(0)));
    send(route(PeerId(0), 1));
    worker.turn();
    let mut watch = handle.watch().unwrap();
    assert!(next(&mut worker, &mut watch).is_empty(), "what was before is not told");
    for n in 2..1_202 {
        send(route(PeerId(0), n));
    }
    while shared.mailboxes[0].len() > 0 {
        worker.turn();
    }
    let told = all(&mut worker, &mut watch);
    assert_eq!(told.len(), 1_200, "in portions");
    assert!(told.iter().all(|(_, best)| *best == Some(PeerId(0))));
    // Announced and withdrawn before it was read: the newest state is that there is none.
    send(route(PeerId(0), 5_000));
    worker.turn();
    send(Letter::Input { input: Input::PeerDown { peer: PeerId(0) }, at: Instant::ZERO });
    while worker.turn() && !worker.shard.is_empty() {}
    let told = all(&mut worker, &mut watch);
    assert_eq!(told.len(), 1_202);
    assert!(told.iter().all(|(_, best)| best.is_none()));
    assert!(all(&mut worker, &mut watch).is_empty());
    drop(watch);
    send(up(PeerId(1)));
    send(route(PeerId(1), 1));
    worker.turn();
    assert!(worker.shard.changed().is_empty(), "nobody watches any more");
}

#[test]
fn a_watch_of_shards_that_have_ended_says_so() {
    let (mut worker, shared) = worker(8);
    let handle = EngineHandle::of(Arc::clone(&shared));
    let mut watch = handle.watch().unwrap();
    shared.mailboxes[0].send_blocking(up(PeerId(0)));
    shared.mailboxes[0].send_blocking(route(PeerId(0), 7));
    worker.turn();
    drop(worker);
    shared.desks[0].close();
    let mut next = pin!(watch.next());
    let told = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = told else { panic!("{told:?}") };
    assert_eq!(error.to_string(), "the shards have ended");
}
