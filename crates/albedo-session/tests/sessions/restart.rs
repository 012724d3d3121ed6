//! Peers that are lost and come back: the helper's side of graceful restart, over real sockets.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use albedo_fsm::GracefulOffer;
use albedo_session::stats::SessionStats;
use albedo_session::{Profile, Settings};
use albedo_types::{Family, Ipv4Prefix, PathId, PeerRole};
use albedo_wire::attr::{Attributes, Need, WellKnown};
use albedo_wire::capability::{
    Capability, GracefulFamily, GracefulRestart, LongLived, LongLivedFamily,
};
use albedo_wire::notification::Notification;
use albedo_wire::notification::codes::cease;
use albedo_wire::open::Open;
use albedo_wire::update::{PackSpec, UpdateContext, pack_announce};

use crate::peer::{Peer, announce, block, open, prefix};
use crate::setup::{Fixture, group, peer as configured, profile, settings};

const NODE: [u8; 4] = [127, 0, 0, 21];
const READER: [u8; 4] = [127, 0, 0, 22];
const OTHER: [u8; 4] = [127, 0, 0, 23];
const UNAWARE: [u8; 4] = [127, 0, 0, 24];
const END_OF_RIB_V4: [u8; 23] = {
    let mut message = [0xff; 23];
    message[16] = 0;
    message[17] = 23;
    message[18] = 2;
    message[19] = 0;
    message[20] = 0;
    message[21] = 0;
    message[22] = 0;
    message
};

fn graceful() -> Profile {
    let mut profile = profile();
    profile.session.capabilities.graceful = Some(GracefulOffer {
        restart_time: Duration::from_secs(30),
        long_lived_stale_time: Some(Duration::from_secs(86_400)),
        restarting: false,
        notification: true,
    });
    profile
}

/// What a node says of graceful restart.
#[derive(Clone, Copy)]
struct Offer {
    restart_time: u16,
    forwarding: bool,
    notification: bool,
    /// Capability 71, with this stale time for IPv4 if there is one.
    long_lived: Option<Option<u32>>,
}

const STOCK: Offer =
    Offer { restart_time: 120, forwarding: true, notification: false, long_lived: Some(None) };

fn open_of(from: [u8; 4], offer: Offer) -> Open {
    let mut open = open(u32::from_be_bytes(from), 90);
    let (afi, safi) = (Family::Ipv4Unicast.afi(), Family::Ipv4Unicast.safi());
    open.capabilities.push(Capability::GracefulRestart(GracefulRestart {
        restarting: true,
        notification: offer.notification,
        restart_time: offer.restart_time,
        families: vec![GracefulFamily { afi, safi, forwarding: offer.forwarding }],
    }));
    if let Some(stale_time) = offer.long_lived {
        let entry = |stale_time| LongLivedFamily { afi, safi, forwarding: true, stale_time };
        let families = stale_time.map(entry).into_iter().collect();
        open.capabilities.push(Capability::LongLived(LongLived { families }));
    }
    open
}

async fn node(fixture: &Fixture, from: [u8; 4], offer: Offer) -> Peer {
    let mut peer = Peer::connect(from, fixture.at).await;
    peer.handshake(&open_of(from, offer)).await;
    peer
}

fn routes(n: impl IntoIterator<Item = u32>) -> Vec<u8> {
    announce(&block(Ipv4Addr::new(10, 0, 0, 21), 100), n)
}

fn has(peer: &Peer, n: impl IntoIterator<Item = u32>) -> bool {
    n.into_iter().all(|n| peer.table.contains_key(&prefix(n)))
}

fn lacks(peer: &Peer, n: impl IntoIterator<Item = u32>) -> bool {
    n.into_iter().all(|n| !peer.table.contains_key(&prefix(n)))
}

/// A node with routes 1 to 4, and somebody who has them.
async fn reflecting(settings: Settings, offer: Offer) -> (Fixture, Peer, Peer) {
    let fixture = Fixture::start(settings);
    let mut reader = node(&fixture, READER, STOCK).await;
    let mut peer = node(&fixture, NODE, offer).await;
    peer.send(&routes(1..5)).await;
    reader.until(|reader| has(reader, 1..5)).await;
    (fixture, peer, reader)
}

fn stat(fixture: &Fixture, of: impl Fn(&SessionStats) -> &std::sync::atomic::AtomicU64) -> u64 {
    SessionStats::read(of(fixture.server.stats()))
}

async fn until_lost(fixture: &Fixture) {
    fixture.until(|f| stat(f, |stats| &stats.ended) > 0).await;
}

fn phase(fixture: &Fixture) -> Option<&'static str> {
    let retained = fixture.status(NODE)?.detail.retained;
    retained[Family::Ipv4Unicast.index()].map(|retained| retained.phase)
}

/// Everything that was sent to the reader before is read once this returns.
async fn catch_up(fixture: &Fixture, reader: &mut Peer, n: u32) {
    let mut other = node(fixture, OTHER, STOCK).await;
    other.mark(reader, n).await;
    other.send(&Notification::cease(cease::SHUTDOWN).encode()).await;
    reader.until(|reader| lacks(reader, [n])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_g3_g5_k4_a_node_that_restarts_keeps_its_routes_until_its_end_of_rib() {
    let (fixture, peer, mut reader) = reflecting(settings(graceful()), STOCK).await;
    let before = reader.table.clone();
    peer.vanish();
    until_lost(&fixture).await;
    fixture.until(|fixture| phase(fixture) == Some("restarting")).await;
    assert_eq!([stat(&fixture, |s| &s.kept), stat(&fixture, |s| &s.retained)], [1, 1]);
    let status = fixture.status(NODE).unwrap();
    assert!(status.dynamic && !status.is_established(), "its task lives while its routes do");
    catch_up(&fixture, &mut reader, 9).await;
    assert_eq!(reader.table, before, "nobody heard of it");
    // Back, with one route as before and a new one.
    let mut peer = node(&fixture, NODE, STOCK).await;
    peer.send(&routes([1, 5])).await;
    reader.until(|reader| has(reader, [5])).await;
    assert!(has(&reader, 1..5));
    assert_eq!(phase(&fixture), Some("resyncing"));
    assert_eq!(stat(&fixture, |s| &s.retained), 0);
    peer.send(&END_OF_RIB_V4).await;
    reader.until(|reader| lacks(reader, 2..5)).await;
    assert!(has(&reader, [1, 5]));
    fixture.until(|fixture| phase(fixture).is_none()).await;
    let after = fixture.status(NODE).unwrap().detail.peer;
    assert_eq!(after, status.detail.peer, "the same index, in its second session");
    assert!(after.is_some());
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_whoever_comes_back_without_f_loses_what_was_kept_at_once() {
    let (fixture, peer, mut reader) = reflecting(settings(graceful()), STOCK).await;
    peer.vanish();
    until_lost(&fixture).await;
    let mut peer = node(&fixture, NODE, Offer { forwarding: false, ..STOCK }).await;
    reader.until(|reader| lacks(reader, 1..5)).await;
    peer.mark(&mut reader, 6).await;
    assert_eq!(phase(&fixture), None);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g6_a_second_loss_before_end_of_rib_deletes_what_was_stale() {
    let (fixture, peer, mut reader) = reflecting(settings(graceful()), STOCK).await;
    peer.vanish();
    until_lost(&fixture).await;
    let mut peer = node(&fixture, NODE, STOCK).await;
    peer.send(&routes([2])).await;
    peer.mark(&mut reader, 6).await;
    assert!(has(&reader, 1..5));
    peer.vanish();
    reader.until(|reader| lacks(reader, [1, 3, 4])).await;
    assert!(has(&reader, [2, 6]));
    assert_eq!(phase(&fixture), Some("restarting"));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g7_c3_a_new_connection_of_an_established_peer_is_a_restart() {
    let (fixture, mut old, mut reader) = reflecting(settings(graceful()), STOCK).await;
    let before = reader.table.clone();
    let mut new = node(&fixture, NODE, STOCK).await;
    old.until_ends().await;
    assert_eq!(old.next().await, None, "no notification");
    catch_up(&fixture, &mut reader, 9).await;
    assert_eq!(reader.table, before);
    new.send(&routes([1])).await;
    new.send(&END_OF_RIB_V4).await;
    reader.until(|reader| lacks(reader, 2..5)).await;
    assert!(has(&reader, [1]));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc8538_a_notification_keeps_routes_only_if_both_say_n_and_it_is_no_hard_reset() {
    let shutdown = Notification::cease(cease::SHUTDOWN);
    let both = Offer { notification: true, ..STOCK };
    for (offer, told, kept) in [
        (STOCK, shutdown.clone(), false),
        (both, shutdown.clone(), true),
        (both, Notification::hard_reset(&shutdown), false),
    ] {
        let (fixture, mut peer, mut reader) = reflecting(settings(graceful()), offer).await;
        peer.send(&told.encode()).await;
        if kept {
            until_lost(&fixture).await;
            catch_up(&fixture, &mut reader, 9).await;
            assert!(has(&reader, 1..5));
        } else {
            reader.until(|reader| lacks(reader, 1..5)).await;
        }
        fixture.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_s7_after_the_restart_time_the_routes_and_the_neighbour_are_gone() {
    let offer = Offer { restart_time: 1, ..STOCK };
    let (fixture, peer, mut reader) = reflecting(settings(graceful()), offer).await;
    peer.vanish();
    reader.until(|reader| lacks(reader, 1..5)).await;
    fixture.until(|fixture| fixture.status(NODE).is_none()).await;
    assert_eq!(stat(&fixture, |s| &s.retained), 0);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k3_whoever_sends_no_end_of_rib_is_waited_for_as_long_as_the_guard_says() {
    let mut profile = graceful();
    profile.retention.limits.stale_path = Duration::from_secs(1);
    let (fixture, peer, mut reader) = reflecting(settings(profile), STOCK).await;
    peer.vanish();
    until_lost(&fixture).await;
    let mut peer = node(&fixture, NODE, STOCK).await;
    peer.mark(&mut reader, 6).await;
    reader.until(|reader| lacks(reader, 1..5)).await;
    assert!(has(&reader, [6]));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_g14_g16_long_lived_stale_routes_are_for_those_who_know_them_and_end() {
    let offer = Offer { restart_time: 0, long_lived: Some(Some(2)), ..STOCK };
    let (fixture, peer, mut reader) = reflecting(settings(graceful()), offer).await;
    let mut unaware = node(&fixture, UNAWARE, Offer { long_lived: None, ..STOCK }).await;
    unaware.until(|unaware| has(unaware, 1..5)).await;
    peer.vanish();
    let stale = |block: &Vec<u8>| block.windows(4).any(|word| word == [0xff, 0xff, 0, 6]);
    reader.until(|reader| reader.table.values().filter(|block| stale(block)).count() == 4).await;
    assert!(has(&reader, 1..5));
    assert_eq!(phase(&fixture), Some("longLived"));
    unaware.until(|unaware| lacks(unaware, 1..5)).await;
    reader.until(|reader| lacks(reader, 1..5)).await;
    fixture.until(|fixture| fixture.status(NODE).is_none()).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_peers_are_kept_than_the_bound_says() {
    let mut bounded = settings(graceful());
    bounded.limits.retained = 1;
    let (fixture, peer, mut reader) = reflecting(bounded, STOCK).await;
    let mut second = node(&fixture, OTHER, STOCK).await;
    second.mark(&mut reader, 9).await;
    peer.vanish();
    until_lost(&fixture).await;
    second.vanish();
    reader.until(|reader| lacks(reader, [9])).await;
    assert!(has(&reader, 1..5));
    assert_eq!([stat(&fixture, |s| &s.retained), stat(&fixture, |s| &s.kept_refused)], [1, 1]);
    // Whoever comes back makes room for the next one.
    let _peer = node(&fixture, NODE, STOCK).await;
    fixture.until(|fixture| stat(fixture, |s| &s.retained) == 0).await;
    // The stop waits for nobody's restart time.
    reader.vanish();
    fixture.until(|fixture| stat(fixture, |s| &s.retained) == 1).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_of_the_operator_ends_what_is_kept() {
    let (fixture, peer, mut reader) = reflecting(settings(graceful()), STOCK).await;
    peer.vanish();
    until_lost(&fixture).await;
    fixture.until(|fixture| phase(fixture).is_some()).await;
    assert!(fixture.server.reset(IpAddr::from(NODE), ""));
    reader.until(|reader| lacks(reader, 1..5)).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_of_a_peer_goes_when_it_is_configured_no_more() {
    let with = |addresses: &[[u8; 4]]| {
        let mut all = settings(graceful());
        all.groups.clear();
        let mut profile = graceful();
        profile.session.passive = true;
        all.peers =
            addresses.iter().map(|at| configured((*at, 179).into(), profile.clone())).collect();
        all
    };
    let (fixture, peer, mut reader) = reflecting(with(&[NODE, READER]), STOCK).await;
    peer.vanish();
    fixture.until(|fixture| phase(fixture).is_some()).await;
    assert!(has(&reader, 1..5), "it may come back");
    fixture.server.apply(with(&[READER])).expect("good settings");
    reader.until(|reader| lacks(reader, 1..5)).await;
    fixture.stop().await;
}

/// COMMUNITIES and LOCAL_PREF of a prefix that a peer was told.
fn told(peer: &Peer, prefix: Ipv4Prefix) -> (Vec<u32>, Option<u32>) {
    let need = Need { announces: true, plain_next_hop: true };
    let attributes = Attributes::decode(&peer.table[&prefix], need, &UpdateContext::own());
    let communities = attributes.attributes.communities.map(|all| all.iter().collect());
    (communities.unwrap_or_default(), attributes.attributes.local_pref)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g14_internal_peers_that_do_not_know_stale_routes_get_them_as_the_least_if_configured() {
    let mut profile = graceful();
    profile.retention.tell_unaware = true;
    let offer = Offer { restart_time: 0, long_lived: Some(Some(3600)), ..STOCK };
    let (fixture, peer, _reader) = reflecting(settings(profile), offer).await;
    let mut unaware = node(&fixture, UNAWARE, Offer { long_lived: None, ..STOCK }).await;
    unaware.until(|unaware| has(unaware, 1..5)).await;
    assert_eq!(told(&unaware, prefix(1)), (vec![], Some(100)));
    peer.vanish();
    unaware.until(|unaware| told(unaware, prefix(1)).1 == Some(0)).await;
    let communities = vec![WellKnown::LLGR_STALE, WellKnown::NO_EXPORT];
    assert_eq!(told(&unaware, prefix(1)), (communities, Some(0)));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_routes_are_told_with_no_llgr_where_that_is_configured() {
    let mut profile = graceful();
    profile.retention.no_llgr_on_hosts = true;
    let (fixture, mut peer, mut reader) = reflecting(settings(profile), STOCK).await;
    let host = Ipv4Prefix::from_bits(0x0a63_0001, 32).unwrap();
    let mut message = Vec::new();
    let spec = PackSpec { message_len_max: 4096, add_path: false };
    let block = block(Ipv4Addr::new(10, 0, 0, 21), 100);
    pack_announce(&mut message, spec, &block, None, [(PathId(0), host)].into_iter());
    peer.send(&message).await;
    reader.until(|reader| reader.table.contains_key(&host)).await;
    assert_eq!(told(&reader, host).0, [WellKnown::NO_LLGR]);
    assert_eq!(told(&reader, prefix(1)).0, []);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_of_a_node_is_told_by_the_role_that_it_has_now() {
    let with = |role| {
        let mut all = settings(graceful());
        let of = |role| Profile { role, ..graceful() };
        all.groups = vec![
            group("node", of(role), "127.0.0.21/32"),
            group("readers", of(PeerRole::NonClient), "127.0.0.22/32"),
        ];
        all
    };
    let (fixture, peer, mut reader) = reflecting(with(PeerRole::Client), STOCK).await;
    peer.vanish();
    fixture.until(|fixture| phase(fixture) == Some("restarting")).await;
    // Between peers that are no clients nothing is reflected.
    fixture.server.apply(with(PeerRole::NonClient)).unwrap();
    reader.until(|reader| lacks(reader, 1..5)).await;
    fixture.server.apply(with(PeerRole::Client)).unwrap();
    reader.until(|reader| has(reader, 1..5)).await;
    assert_eq!(phase(&fixture), Some("restarting"));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g2_last_words_are_read_where_nothing_can_be_written_any_more() {
    const NODES: u8 = 12;
    let fixture = Fixture::start(settings(graceful()));
    let mut other = node(&fixture, OTHER, STOCK).await;
    let goes_on = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&goes_on);
    // So much to write that nobody has read all of it when it goes.
    let flood = tokio::spawn(async move {
        for pref in 0.. {
            if !flag.load(Ordering::Relaxed) {
                break;
            }
            other.send(&announce(&block(Ipv4Addr::new(10, 0, 0, 21), pref), 0..50)).await;
        }
        other
    });
    for round in 1..=25 {
        let mut nodes = Vec::new();
        for n in 0..NODES {
            let peer = node(&fixture, [127, 0, 2, n + 1], STOCK).await;
            peer.in_a_hurry();
            nodes.push(peer);
        }
        for mut peer in nodes {
            // It goes in the middle of a write, if one of them does.
            for _ in 0..30 {
                peer.message().await;
            }
            peer.send(&Notification::cease(cease::SHUTDOWN).encode()).await;
            peer.vanish();
        }
        let all = round * u64::from(NODES);
        fixture.until(|fixture| stat(fixture, |stats| &stats.ended) == all).await;
        assert_eq!(stat(&fixture, |stats| &stats.kept), 0, "they have said good-bye");
    }
    goes_on.store(false, Ordering::Relaxed);
    drop(flood.await.unwrap());
    fixture.stop().await;
}
