//! ROUTE-REFRESH, both ways (RFC 2918, RFC 7313).

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use albedo_fsm::RetentionLimits;
use albedo_session::Profile;
use albedo_types::Family;
use albedo_wire::capability::Capability;
use albedo_wire::frame::MessageType;
use albedo_wire::route_refresh::{RouteRefresh, Subtype};

use crate::peer::{Peer, announce, block, open, prefix};
use crate::setup::{Fixture, profile, settings};

const A: [u8; 4] = [127, 0, 0, 2];
const B: [u8; 4] = [127, 0, 0, 3];
const HOP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const FAMILY: Family = Family::Ipv4Unicast;
/// Longer than any of the tests takes.
const NEVER: Duration = Duration::from_secs(3_600);

fn message(subtype: Subtype) -> Vec<u8> {
    RouteRefresh::new(FAMILY, subtype).encode()
}

async fn enhanced(from: [u8; 4], fixture: &Fixture) -> Peer {
    let mut peer = Peer::connect(from, fixture.at).await;
    let mut open = open(u32::from_be_bytes(from), 90);
    open.capabilities.push(Capability::EnhancedRouteRefresh);
    peer.handshake(&open).await;
    peer
}

fn every(interval: Duration) -> Profile {
    Profile { refresh_interval: interval, ..profile() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rr1_rr3_a_flood_of_requests_is_answered_once_in_an_interval() {
    const FLOOD: usize = 500;
    let fixture = Fixture::start(settings(every(Duration::from_millis(200))));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = enhanced(B, &fixture).await;
    a.send(&announce(&block(HOP, 100), 0..5)).await;
    b.until(|b| b.ends >= 2 && b.table.len() == 5).await;
    for _ in 0..FLOOD {
        b.send(&message(Subtype::Request)).await;
    }
    // The first at once, and all others together.
    b.until(|b| (0..5).all(|n| b.heard_of(&prefix(n)) == 3)).await;
    let coalesced = || fixture.server.stats().refreshes_coalesced.load(Ordering::Relaxed) as usize;
    fixture.until(|_| coalesced() >= 1).await;
    a.mark(&mut b, 20).await;
    let answers = b.heard_of(&prefix(0)) - 1;
    assert!(answers + coalesced() >= FLOOD, "{answers} answers, {} put off", coalesced());
    assert!(answers < FLOOD / 10, "{answers} answers");
    drop((a, b));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rr3_a_request_within_the_interval_waits() {
    let fixture = Fixture::start(settings(every(NEVER)));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = enhanced(B, &fixture).await;
    a.send(&announce(&block(HOP, 100), 0..2)).await;
    b.until(|b| b.ends >= 2 && b.table.len() == 2).await;
    b.send(&message(Subtype::Request)).await;
    b.until(|b| b.heard_of(&prefix(1)) == 2).await;
    b.send(&message(Subtype::Request)).await;
    fixture.until(|f| f.server.stats().refreshes_coalesced.load(Ordering::Relaxed) == 1).await;
    a.mark(&mut b, 9).await;
    assert_eq!(b.heard_of(&prefix(1)), 2);
    // An operator is not held back, and gets the same.
    assert!(fixture.server.soft_out(B.into()));
    b.until(|b| b.heard_of(&prefix(1)) == 3).await;
    assert!(!fixture.server.soft_out([127, 9, 9, 9].into()), "nobody is there");
    // The other way it is the peer that is asked.
    assert!(fixture.server.soft_in(B.into()));
    let mut asked = 0;
    while asked < Family::COUNT {
        let said = b.message().await;
        let is_request = said.kind == MessageType::RouteRefresh && said.body[2] == 0;
        asked += usize::from(is_request);
    }
    drop((a, b));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rr2_what_a_peer_does_not_send_again_is_gone_at_the_end() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = enhanced(A, &fixture).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.send(&announce(&block(HOP, 100), 0..4)).await;
    b.until(|b| b.ends >= 2 && b.table.len() == 4).await;

    a.send(&message(Subtype::Begin)).await;
    a.send(&announce(&block(HOP, 100), 0..2)).await;
    a.send(&announce(&block(HOP, 200), [2])).await;
    a.mark(&mut b, 20).await;
    assert_eq!(b.table.len(), 5, "until the end nothing is missing");
    let heard = b.heard_of(&prefix(0));
    a.send(&message(Subtype::End)).await;
    b.until(|b| !b.table.contains_key(&prefix(3))).await;
    assert_eq!(b.table.len(), 4);
    assert_eq!((b.heard_of(&prefix(0)), heard, b.withdrawals), (1, 1, 1), "what is the same is");

    // An end without a beginning takes nothing away.
    a.send(&message(Subtype::End)).await;
    a.mark(&mut b, 21).await;
    assert_eq!((b.table.len(), b.withdrawals), (5, 1));
    drop((a, b));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rr2_a_refresh_without_an_end_is_ended_by_a_timer() {
    let mut short = profile();
    let stale_path = Duration::from_millis(300);
    short.retention.limits = RetentionLimits { stale_path, ..RetentionLimits::default() };
    let fixture = Fixture::start(settings(short));
    let mut a = enhanced(A, &fixture).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.send(&announce(&block(HOP, 100), 0..4)).await;
    b.until(|b| b.ends >= 2 && b.table.len() == 4).await;
    a.send(&message(Subtype::Begin)).await;
    a.send(&announce(&block(HOP, 100), 0..3)).await;
    b.until(|b| b.table.len() == 3).await;
    assert!(!b.table.contains_key(&prefix(3)));
    drop((a, b));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rr2_marks_of_a_peer_that_does_not_know_them_are_requests() {
    let fixture = Fixture::start(settings(every(Duration::ZERO)));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.send(&announce(&block(HOP, 100), 0..4)).await;
    b.until(|b| b.ends >= 2 && b.table.len() == 4).await;
    // The octet is reserved for it.
    b.send(&announce(&block(HOP, 100), [9])).await;
    a.until(|a| a.table.contains_key(&prefix(9))).await;
    a.send(&message(Subtype::Begin)).await;
    a.send(&message(Subtype::End)).await;
    a.until(|a| a.heard_of(&prefix(9)) >= 2).await;
    a.mark(&mut b, 20).await;
    assert_eq!(b.table.len(), 5, "and nothing was taken away");
    drop((a, b));
    fixture.stop().await;
}
