//! Sessions that have nothing left to write: the shard writes small changes to their sockets.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use albedo_engine::EngineConfig;
use albedo_session::stats::SessionStats;
use albedo_wire::frame::KEEPALIVE;

use crate::peer::{Peer, announce, block, prefix, withdraw};
use crate::setup::{Fixture, profile, settings};

const A: [u8; 4] = [127, 0, 0, 2];
const B: [u8; 4] = [127, 0, 0, 3];
const C: [u8; 4] = [127, 0, 0, 4];
/// Changes after which a session must have rested once.
const CHANGES_MAX: u32 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shard_writes_arrives_in_order_and_is_counted() {
    let config = EngineConfig { shards: 2, ..EngineConfig::default() };
    let fixture = Fixture::start_with(settings(profile()), &config);
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    let mut c = Peer::establish(C, fixture.at).await;
    for peer in [&mut a, &mut b, &mut c] {
        peer.until_ends().await;
    }
    let engine = fixture.engine.handle();
    let served = || {
        let shards = engine.stats().shards.iter();
        shards.map(|shard| shard.served.load(Ordering::Relaxed)).sum::<u64>()
    };
    let mut changes = 0;
    let mut announced = [false; 5];
    // Until both shards have done so many times, whatever the threads' order.
    while served() < 64 {
        assert!(changes < CHANGES_MAX, "no session ever rests");
        changes += 1;
        let set = block(Ipv4Addr::new(10, 0, 0, 2), changes);
        let n = changes % 5;
        let there = &mut announced[n as usize];
        if changes % 3 == 0 && std::mem::take(there) {
            a.send(&withdraw([n])).await;
            b.until(|b| !b.table.contains_key(&prefix(n))).await;
            c.until(|c| !c.table.contains_key(&prefix(n))).await;
        } else {
            *there = true;
            a.send(&announce(&set, [n])).await;
            let pref = changes.to_be_bytes();
            let has = |peer: &Peer| {
                let attrs = peer.table.get(&prefix(n));
                attrs.is_some_and(|attrs| attrs.windows(4).any(|octets| octets == pref))
            };
            b.until(has).await;
            c.until(has).await;
        }
        // What the task has to say goes between.
        b.send(&KEEPALIVE).await;
    }
    let updates = |fixture: &Fixture| {
        let status = fixture.status(C).expect("it is up");
        SessionStats::read(&status.shared.traffic.sent[1])
    };
    // Whoever wrote the last one counts it behind that.
    fixture.until(|fixture| updates(fixture) >= u64::from(changes) + 2).await;
    assert_eq!(updates(&fixture), u64::from(changes) + 2, "each change, and two End-of-RIB");
    drop((a, b, c, engine));
    fixture.stop().await;
}
