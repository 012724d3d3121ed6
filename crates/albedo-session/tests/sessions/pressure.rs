//! Full channels, peers that do not read, and malformed messages.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use albedo_engine::EngineConfig;
use albedo_fsm::SendHold;
use albedo_wire::frame::{KEEPALIVE, MessageType};
use albedo_wire::notification::codes;

use crate::peer::{Peer, announce, block, prefix};
use crate::setup::{Fixture, hold, profile, settings};

const A: [u8; 4] = [127, 0, 0, 2];
const B: [u8; 4] = [127, 0, 0, 3];

/// Many messages of their own attributes, each for 16 prefixes.
fn flood(next_hop: Ipv4Addr, local_pref: u32, first: u32, messages: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for n in 0..messages {
        let from = first + n * 16;
        out.extend(announce(&block(next_hop, local_pref + n), from..from + 16));
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_channel_stops_reading_and_loses_nothing() {
    const PEERS: u8 = 16;
    const MESSAGES: u32 = 200;
    let config = EngineConfig { shards: 2, mailbox_letters_max: 1, ..EngineConfig::default() };
    let fixture = Fixture::start_with(settings(profile()), &config);
    let mut b = Peer::establish([127, 0, 1, 0], fixture.at).await;
    let at = fixture.at;
    let mut floods = Vec::new();
    for n in 0..PEERS {
        floods.push(tokio::spawn(async move {
            let mut peer = Peer::establish([127, 0, 2, n], at).await;
            let first = u32::from(n) * MESSAGES * 16;
            peer.send(&flood(Ipv4Addr::new(10, 0, 2, n), 1, first, MESSAGES)).await;
            // Reads on, or the server could not write to it.
            peer.until(|peer| peer.table.len() == (u32::from(PEERS - 1) * MESSAGES * 16) as usize)
                .await;
            // Whoever went now would take its routes away from those who are not that far.
            peer
        }));
    }
    b.until(|b| b.table.len() == (u32::from(PEERS) * MESSAGES * 16) as usize).await;
    let mut peers = Vec::new();
    for flood in floods {
        peers.push(flood.await.expect("each peer has everything of the others"));
    }
    let full = fixture.engine.handle().stats().channel_full.load(Ordering::Relaxed);
    assert!(full > 0, "the channels were full at times");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_holds_nobody_up() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    let mut deaf = Peer::establish([127, 0, 0, 9], fixture.at).await;
    // Far more than the kernel takes for one that does not read: each prefix changes 40 times.
    for round in 1..=40 {
        for n in 0..200 {
            let first = n * 16;
            let local_pref = round * 1_000 + n;
            a.send(&announce(&block(Ipv4Addr::new(10, 0, 0, 2), local_pref), first..first + 16))
                .await;
        }
    }
    a.mark(&mut b, 50_000).await;
    assert_eq!(b.table.len(), 3_201);
    // Once it reads it has the newest state, and not what lay between.
    deaf.until(|deaf| deaf.table == b.table).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_reads_is_given_up() {
    let mut impatient = profile();
    hold(&mut impatient, 3);
    impatient.session.send_hold = SendHold::After(Duration::from_secs(3));
    let fixture = Fixture::start(settings(impatient));
    let mut deaf = Peer::establish([127, 0, 0, 9], fixture.at).await;
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    let watched = fixture.status([127, 0, 0, 9]).expect("the deaf one is up");
    let mut round = 0;
    // The deaf one says that it lives, and the others go on talking.
    while fixture.status([127, 0, 0, 9]).is_some() {
        round += 1;
        deaf.try_send(&KEEPALIVE).await;
        for peer in [&mut a, &mut b] {
            peer.send(&KEEPALIVE).await;
        }
        // Each round changes every route.
        a.send(&flood(Ipv4Addr::new(10, 0, 0, 2), round * 1_000, 0, 1_000)).await;
        a.mark(&mut b, 60_000 + round).await;
        b.mark(&mut a, 70_000 + round).await;
    }
    let reason = watched.shared.detail().reason;
    assert!(reason.starts_with("peer took nothing for 3 s"), "{reason}");
    assert!(fixture.status(A).is_some_and(|a| a.is_established()));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_update_costs_its_routes_only() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    let good = block(Ipv4Addr::new(10, 0, 0, 2), 100);
    a.send(&announce(&good, 0..4)).await;
    b.until(|b| b.table.len() == 4).await;
    let mut bad = good.clone();
    bad[3] = 7;
    a.send(&announce(&bad, 1..2)).await;
    b.until(|b| b.table.len() == 3).await;
    assert!(!b.table.contains_key(&prefix(1)));
    a.mark(&mut b, 9).await;
    let status = fixture.status(A).expect("A is up");
    assert_eq!(status.shared.traffic.treatments[1].load(Ordering::Relaxed), 1);

    // A length that cannot be: nothing can be located any more.
    let mut fatal = announce(&good, 2..3);
    fatal[19] = 0xff;
    a.send(&fatal).await;
    let notification = a.notification().await;
    let malformed = (codes::UPDATE, codes::update::MALFORMED_ATTRIBUTES);
    assert_eq!((notification.code, notification.subcode), malformed);
    b.until(|b| b.table.is_empty()).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_without_its_marker_ends_the_session() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    a.until_ends().await;
    a.send(&[0; 19]).await;
    let notification = a.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::HEADER, 1));
    fixture.until(|fixture| fixture.status(A).is_none()).await;
    let received = &fixture.server.stats().traffic.received;
    assert_eq!(received[MessageType::Open.code() as usize - 1].load(Ordering::Relaxed), 1);
    fixture.stop().await;
}
