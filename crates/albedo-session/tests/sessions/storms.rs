//! Connections in masses: strangers, silent ones, and a whole cluster at once.

use std::sync::atomic::Ordering;

use albedo_session::admission::Limits;
use albedo_session::stats::REFUSALS;
use albedo_wire::notification::codes::{self, cease};

use tokio::task::JoinSet;

use crate::peer::{Peer, prefix};
use crate::setup::{Fixture, group, profile, settings};

const A: [u8; 4] = [127, 0, 0, 2];

fn refused(fixture: &Fixture, label: &str) -> u64 {
    let n = REFUSALS.iter().position(|name| *name == label).expect("a reason");
    fixture.server.stats().refused[n].load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_strangers_cost_an_accept_and_a_close() {
    let mut settings = settings(profile());
    settings.groups = vec![group("nodes", profile(), "127.0.0.0/24")];
    let fixture = Fixture::start(settings);
    let mut a = Peer::establish(A, fixture.at).await;
    for n in 0..100 {
        let mut stranger = Peer::connect([127, 9, 0, n], fixture.at).await;
        assert_eq!(stranger.next().await, None);
    }
    assert_eq!(refused(&fixture, "unknown_source"), 100);
    assert_eq!(fixture.server.snapshot().len(), 1);
    a.until_ends().await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_one_source_has_few_connections_that_say_nothing() {
    const CONNECTIONS: usize = 40;
    let fixture = Fixture::start(settings(profile()));
    let mut silent = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut peer = Peer::connect(A, fixture.at).await;
        silent.spawn(async move { while peer.next().await.is_some() {} });
    }
    // All but two are sent away, or give way to a later one.
    for _ in 0..CONNECTIONS - 2 {
        silent.join_next().await.expect("more than two").expect("no panic");
    }
    assert_eq!(fixture.server.snapshot().len(), 1);
    // With as many as it may have, the next one hears of the bound.
    let inner = Limits { half_open_per_source: 0, ..Limits::default() };
    let mut strict = settings(profile());
    strict.limits = inner;
    fixture.server.apply(strict).unwrap();
    let notification = Peer::connect(A, fixture.at).await.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::REJECTED));
    assert_ne!(refused(&fixture, "per_source"), 0);
    fixture.server.apply(settings(profile())).unwrap();
    // Somebody else comes up as if nothing was.
    let mut b = Peer::establish([127, 0, 0, 3], fixture.at).await;
    b.until_ends().await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_full_range_says_so() {
    let mut settings = settings(profile());
    settings.groups[0].range_limit = Some(1);
    let fixture = Fixture::start(settings);
    let a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::connect([127, 0, 0, 3], fixture.at).await;
    let notification = b.notification().await;
    let full = (codes::CEASE, cease::OUT_OF_RESOURCES);
    assert_eq!((notification.code, notification.subcode), full);
    assert_eq!(refused(&fixture, "per_range"), 1);
    // Once A is gone there is room.
    drop(a);
    fixture.until(|fixture| fixture.status(A).is_none()).await;
    Peer::establish([127, 0, 0, 3], fixture.at).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_cluster_that_comes_at_once_is_let_in_at_the_bounded_rate() {
    const NODES: u8 = 60;
    let mut settings = settings(profile());
    settings.limits = Limits { accepts_per_second: 200, accept_burst: 10, ..Limits::default() };
    let fixture = Fixture::start(settings);
    let at = fixture.at;
    let mut nodes = Vec::new();
    for n in 0..NODES {
        nodes.push(tokio::spawn(async move {
            let mut node = Peer::establish([127, 0, 3, n], at).await;
            let block = crate::peer::block([10, 0, 3, n].into(), 100);
            node.send(&crate::peer::announce(&block, [u32::from(n)])).await;
            node.until(|node| node.table.len() == usize::from(NODES) - 1).await;
            assert!(!node.table.contains_key(&prefix(u32::from(n))));
            node
        }));
    }
    let mut up = Vec::new();
    for node in nodes {
        up.push(node.await.expect("each has the others' routes"));
    }
    assert_eq!(fixture.server.snapshot().len(), usize::from(NODES));
    let refused: u64 = REFUSALS.iter().map(|label| refused(&fixture, label)).sum();
    assert_eq!(refused, 0, "who has to wait is not sent away");
    fixture.stop().await;
}
