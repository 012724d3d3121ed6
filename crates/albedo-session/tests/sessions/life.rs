//! After a start, at a stop, and sending clients away.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use albedo_engine::EngineConfig;
use albedo_engine::stats::ShardStats;
use albedo_fsm::GracefulOffer;
use albedo_session::admission::Source;
use albedo_session::dialler::Known;
use albedo_session::{DeferralEnd, DeferralLimits, Farewell, Profile, Restart, Settings};
use albedo_types::{Family, FamilySet, PeerRole};
use albedo_wire::capability::{Capability, GracefulFamily, GracefulRestart};
use albedo_wire::notification::Notification;
use albedo_wire::notification::codes::{self, cease};
use albedo_wire::open::Open;
use albedo_wire::route_refresh::{RouteRefresh, Subtype};
use albedo_wire::update::end_of_rib;
use tokio::net::TcpListener;

use crate::peer::{Peer, announce, block, open, prefix};
use crate::setup::{Fixture, PATIENCE, group, peer, profile, settings};

const A: [u8; 4] = [127, 0, 0, 2];
const B: [u8; 4] = [127, 0, 0, 3];
const C: [u8; 4] = [127, 0, 0, 4];

/// Never over by itself within a test.
const FOREVER: DeferralLimits =
    DeferralLimits { quiet: Duration::from_secs(3600), max: Duration::from_secs(7200) };

fn graceful() -> Profile {
    let mut profile = profile();
    profile.session.capabilities.graceful = Some(GracefulOffer {
        notification: false,
        restart_time: Duration::from_secs(120),
        long_lived_stale_time: None,
        restarting: false,
    });
    profile
}

/// The OPEN of a node that keeps our routes.
fn keeper(address: [u8; 4], restarting: bool) -> Open {
    let mut open = open(u32::from_be_bytes(address), 90);
    let families = Family::ALL.map(|family| GracefulFamily {
        afi: family.afi(),
        safi: family.safi(),
        forwarding: true,
    });
    open.capabilities.push(Capability::GracefulRestart(GracefulRestart {
        restarting,
        notification: false,
        restart_time: 120,
        families: families.to_vec(),
    }));
    open
}

/// A keeper that is up.
async fn keeps(address: [u8; 4], at: SocketAddr) -> Peer {
    let mut peer = Peer::connect(address, at).await;
    peer.handshake(&keeper(address, false)).await;
    peer
}

/// Whether an OPEN says that its sender has restarted.
fn is_restarting(open: &Open) -> bool {
    open.capabilities.iter().any(
        |capability| matches!(capability, Capability::GracefulRestart(offer) if offer.restarting),
    )
}

fn expecting(addresses: &[[u8; 4]]) -> Restart {
    let source = |address: &[u8; 4]| Source { ip: (*address).into(), scope: 0 };
    Restart {
        limits: FOREVER,
        is_known: true,
        expected: addresses.iter().map(|address| (source(address), FamilySet::ALL)).collect(),
        dial: Vec::new(),
    }
}

async fn says_all(peer: &mut Peer) {
    for family in Family::ALL {
        peer.send(end_of_rib(family)).await;
    }
}

fn route(n: u32) -> Vec<u8> {
    announce(&block(Ipv4Addr::new(10, 0, 0, 9), 100), [n])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_g10_g11_keepers_are_told_nothing_until_all_who_are_expected_have_told_everything() {
    let fixture = Fixture::start_again(settings(graceful()), expecting(&[A, B]));
    let mut a = Peer::connect(A, fixture.at).await;
    let ours = a.exchange(&keeper(A, false)).await;
    assert!(is_restarting(&ours), "G9: R is set");
    a.send(&route(1)).await;
    says_all(&mut a).await;
    // One that keeps nothing is told at once what there is.
    let mut plain = Peer::establish(C, fixture.at).await;
    plain.until(|plain| plain.table.contains_key(&prefix(1))).await;
    plain.until_ends().await;
    let mut b = keeps(B, fixture.at).await;
    b.send(&route(2)).await;
    plain.until(|plain| plain.table.contains_key(&prefix(2))).await;
    fixture.until(|fixture| fixture.server.deferral().waits.unheard == 1).await;
    // Everything went through the shards, and neither keeper was told of it.
    a.check_silence();
    b.check_silence();
    let status = fixture.server.deferral();
    assert_eq!((status.end, status.waits.missing), (None, 0));
    assert_eq!(status.postponed, 4);
    // One family of the other, and then the other one.
    b.send(end_of_rib(Family::Ipv6Unicast)).await;
    fixture.until(|fixture| fixture.server.deferral().waits.unheard == 1).await;
    b.send(end_of_rib(Family::Ipv4Unicast)).await;
    a.until_ends().await;
    b.until_ends().await;
    assert!(a.table.contains_key(&prefix(2)) && b.table.contains_key(&prefix(1)));
    let (_, why) = fixture.server.deferral().end.expect("it is over");
    // The plain one's End-of-RIB never comes, and nobody waits for it.
    assert_eq!(why, DeferralEnd::Complete);
    // From here on everything is as ever.
    let mut late = Peer::connect([127, 0, 0, 5], fixture.at).await;
    let ours = late.exchange(&keeper([127, 0, 0, 5], false)).await;
    assert!(!is_restarting(&ours), "G9: R is not set any more");
    late.until_ends().await;
    assert_eq!(late.table.len(), 2);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k2_nodes_that_have_restarted_too_are_not_waited_for() {
    let mut restart = expecting(&[A, B]);
    restart.limits.quiet = Duration::from_millis(200);
    let fixture = Fixture::start_again(settings(graceful()), restart);
    let mut a = Peer::connect(A, fixture.at).await;
    a.handshake(&keeper(A, true)).await;
    let mut b = Peer::connect(B, fixture.at).await;
    b.handshake(&keeper(B, true)).await;
    a.send(&route(1)).await;
    // Neither says End-of-RIB before it has ours.
    b.until_ends().await;
    a.until_ends().await;
    assert!(b.table.contains_key(&prefix(1)));
    let (_, why) = fixture.server.deferral().end.expect("it is over");
    assert_eq!(why, DeferralEnd::Quiet);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_the_cap_ends_it_whoever_is_missing() {
    let mut restart = expecting(&[A, B]);
    restart.limits.max = Duration::from_millis(300);
    let fixture = Fixture::start_again(settings(graceful()), restart);
    let mut a = keeps(A, fixture.at).await;
    a.until_ends().await;
    let (_, why) = fixture.server.deferral().end.expect("it is over");
    assert_eq!(why, DeferralEnd::Late);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_comes_while_nothing_is_told_is_answered_afterwards() {
    let fixture = Fixture::start_again(settings(graceful()), expecting(&[A]));
    let mut a = keeps(A, fixture.at).await;
    a.send(&route(1)).await;
    a.send(&RouteRefresh::new(Family::Ipv4Unicast, Subtype::Request).encode()).await;
    let mut plain = Peer::establish(C, fixture.at).await;
    plain.send(&route(2)).await;
    plain.until(|plain| plain.table.contains_key(&prefix(1))).await;
    says_all(&mut a).await;
    a.until_ends().await;
    // Once for the join and once for the refresh.
    a.until(|a| a.heard_of(&prefix(2)) >= 2).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postponed_session_that_ends_leaves_nothing() {
    let fixture = Fixture::start_again(settings(graceful()), expecting(&[A, B]));
    let mut a = keeps(A, fixture.at).await;
    a.send(&route(1)).await;
    a.send(&Notification::cease(cease::SHUTDOWN).encode()).await;
    drop(a);
    fixture.until(|fixture| fixture.status(A).is_none()).await;
    assert_eq!(fixture.server.deferral().waits.missing, 2);
    let mut b = keeps(B, fixture.at).await;
    says_all(&mut b).await;
    let mut a = keeps(A, fixture.at).await;
    says_all(&mut a).await;
    b.until_ends().await;
    assert!(b.table.is_empty());
    fixture.stop().await;
}

/// Peers that each announce one route, and are told those of all others.
async fn mesh(fixture: &Fixture, n: u8) -> Vec<Peer> {
    let mut peers = Vec::new();
    for n in 0..n {
        let mut peer = keeps([127, 0, 1, n + 1], fixture.at).await;
        peer.send(&route(n.into())).await;
        peers.push(peer);
    }
    for peer in &mut peers {
        peer.until(|peer| peer.table.len() + 1 == usize::from(n)).await;
    }
    peers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k7_a_stop_tells_nobody_that_the_others_go() {
    const PEERS: u8 = 40;
    for farewell in [Farewell::Restart, Farewell::Shutdown { text: "upgrade".into() }] {
        let fixture = Fixture::start(settings(graceful()));
        let peers = mesh(&fixture, PEERS).await;
        let server = fixture.server.clone();
        let said = farewell.clone();
        let stop = tokio::spawn(async move { server.stop(&said, PATIENCE).await });
        let mut readers = Vec::new();
        for mut peer in peers {
            readers.push(tokio::spawn(async move {
                let notification = peer.last_word().await;
                (notification, peer.table.len(), peer.withdrawals)
            }));
        }
        for reader in readers {
            let (notification, routes, withdrawals) = reader.await.unwrap();
            assert_eq!((routes + 1, withdrawals), (usize::from(PEERS), 0));
            let subcode = notification.map(|said| (said.code, said.subcode));
            let shutdown =
                (farewell != Farewell::Restart).then_some((codes::CEASE, cease::SHUTDOWN));
            assert_eq!(subcode, shutdown);
        }
        assert!(stop.await.unwrap());
        fixture.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k7_a_handshake_under_way_at_a_restart_ends_without_a_word() {
    let fixture = Fixture::start(settings(graceful()));
    let mut a = Peer::connect(A, fixture.at).await;
    a.send(&keeper(A, false).encode()).await;
    assert!(a.next().await.is_some(), "its OPEN");
    let server = fixture.server.clone();
    let stop = tokio::spawn(async move { server.stop(&Farewell::Restart, PATIENCE).await });
    assert_eq!(a.last_word().await, None);
    drop(a);
    assert!(stop.await.unwrap());
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_sent_away_in_portions_and_mates_stay() {
    const MATE: [u8; 4] = [127, 0, 0, 9];
    let mut all = settings(graceful());
    let mut mate = graceful();
    mate.role = PeerRole::NonClient;
    all.peers.push(peer((MATE, 179).into(), mate));
    let fixture = Fixture::start(all);
    let farewell = Farewell::Shutdown { text: "drain".into() };
    let mut mate = keeps(MATE, fixture.at).await;
    let mut peers = mesh(&fixture, 5).await;
    mate.until(|mate| mate.table.len() == 5).await;
    assert!(fixture.server.dismiss(1, &farewell).is_empty(), "nobody drains");

    fixture.server.begin_drain(false);
    let first = fixture.server.dismiss(2, &farewell);
    assert_eq!(first.len(), 2);
    // The others are told, for they have the routes by another way.
    mate.until(|mate| mate.table.len() == 3).await;
    let rest = fixture.server.dismiss(usize::MAX, &farewell);
    assert_eq!(rest.len(), 3);
    for peer in &mut peers {
        let said = peer.last_word().await.expect("a Cease");
        assert_eq!((said.code, said.subcode), (codes::CEASE, cease::SHUTDOWN));
    }
    // Who comes again is turned away without a word, a mate is not.
    assert_eq!(Peer::connect(A, fixture.at).await.last_word().await, None);
    drop(mate);
    let mut mate = keeps(MATE, fixture.at).await;
    mate.until_ends().await;
    assert!(mate.table.is_empty());

    fixture.server.end_drain();
    let peers = mesh(&fixture, 5).await;
    mate.until(|mate| mate.table.len() == 5).await;
    drop((peers, mate));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_drain_leaves_everybody_with_what_it_has() {
    let mut all = settings(graceful());
    let mut mate = graceful();
    mate.role = PeerRole::NonClient;
    all.peers.push(peer(([127, 0, 0, 9], 179).into(), mate));
    let fixture = Fixture::start(all);
    let mut mate = keeps([127, 0, 0, 9], fixture.at).await;
    let peers = mesh(&fixture, 10).await;
    mate.until(|mate| mate.table.len() == 10).await;
    fixture.server.begin_drain(true);
    for _ in 0..10 {
        assert_eq!(fixture.server.dismiss(1, &Farewell::Restart).len(), 1);
    }
    for mut peer in peers {
        assert_eq!(peer.last_word().await, None);
        assert_eq!((peer.table.len(), peer.withdrawals), (9, 0));
    }
    // The shards know nothing of it, and so who stays is told nothing of it, until that is over.
    fixture.until(|fixture| fixture.server.snapshot().len() == 1).await;
    turned(&fixture).await;
    assert_eq!(paths(&fixture), 10);
    mate.check_silence();
    // Nor is anything kept up for those who went: the groups are the mate's.
    fixture.until(|fixture| fixture.engine.handle().groups() == 2).await;
    fixture.server.end_drain();
    mate.until(|mate| mate.withdrawals == 10).await;
    drop(mate);
    let mut a = keeps(A, fixture.at).await;
    a.until_ends().await;
    drop(a);
    fixture.stop().await;
}

/// Routes in the shards.
fn paths(fixture: &Fixture) -> u64 {
    let family = Family::Ipv4Unicast.index();
    let handle = fixture.engine.handle();
    let paths = |shard: &ShardStats| shard.families[family].paths.load(Ordering::Relaxed);
    handle.stats().shards.iter().map(|shard| paths(shard)).sum()
}

/// Waits until each shard has taken what was there for it.
async fn turned(fixture: &Fixture) {
    let handle = fixture.engine.handle();
    // The first turn may have begun before; the second has not.
    for _ in 0..2 {
        let since = albedo_engine::clock::now().as_nanos();
        let turned = |shard: &ShardStats| shard.heartbeat_nanos.load(Ordering::Relaxed) > since;
        fixture.until(|_| handle.stats().shards.iter().all(|shard| turned(shard))).await;
    }
}

/// Settings with an address that is known before the start.
fn known_port(mut settings: Settings) -> (Settings, SocketAddr) {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    settings.listen = vec![at];
    (settings, at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c5_a_known_neighbour_is_dialled_once_and_never_has_two_connections() {
    let listener = TcpListener::bind("127.0.0.5:0").await.unwrap();
    let remote = listener.local_addr().unwrap();
    let (mut settings, at) = known_port(settings(graceful()));
    settings.groups[0].dial = true;
    let dial = vec![Known { remote, local: at }];
    let fixture = Fixture::start_again(settings, Restart { dial, ..expecting(&[]) });
    let (stream, from) = listener.accept().await.unwrap();
    assert_eq!(from.ip(), at.ip());
    let mut x = Peer::new(stream);
    x.handshake(&open(5, 90)).await;
    x.until_ends().await;
    fixture.until(|f| f.status([127, 0, 0, 5]).is_some_and(|x| x.is_established())).await;
    assert!(fixture.status([127, 0, 0, 5]).unwrap().dynamic);
    // Its own connection is one of the same peer, and too many.
    let mut second = Peer::connect([127, 0, 0, 5], fixture.at).await;
    let said = second.last_word().await.expect("a Cease");
    assert_eq!((said.code, said.subcode), (codes::CEASE, cease::COLLISION));
    let mut a = Peer::establish(A, fixture.at).await;
    x.mark(&mut a, 3).await;
    // When it goes it is a dynamic neighbour like any other.
    drop(x);
    fixture.until(|fixture| fixture.status([127, 0, 0, 5]).is_none()).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c5_who_refuses_gives_its_seat_back_and_who_is_passive_is_not_dialled() {
    let closed = std::net::TcpListener::bind("127.0.0.6:0").unwrap().local_addr().unwrap();
    let passive = TcpListener::bind("127.1.0.7:0").await.unwrap();
    let (mut settings, at) = known_port(settings(graceful()));
    settings.groups[0].dial = true;
    settings.groups[0].range_limit = Some(1);
    settings.groups[0].ranges = vec!["127.0.0.0/16".parse().unwrap()];
    settings.groups.push(group("passive", graceful(), "127.1.0.0/16"));
    let dial = [passive.local_addr().unwrap(), closed];
    let dial = dial.into_iter().map(|remote| Known { remote, local: at }).collect();
    let fixture = Fixture::start_again(settings, Restart { dial, ..expecting(&[]) });
    // The seat is free again, once the refusal has come.
    let mut a = loop {
        let mut a = Peer::connect(A, fixture.at).await;
        if a.try_handshake(&open(5, 90)).await {
            break a;
        }
    };
    a.until_ends().await;
    assert_eq!(fixture.server.snapshot().len(), 1);
    let mut b = Peer::establish([127, 1, 0, 7], fixture.at).await;
    b.until_ends().await;
    // Nobody came to the passive one, though it was first on the list.
    let came =
        std::future::poll_fn(|cx| std::task::Poll::Ready(passive.poll_accept(cx).is_ready()));
    assert!(!came.await);
    drop((a, b));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_configured_peers_than_dials_at_once_are_all_reached() {
    let mut all = settings(profile());
    let peers = albedo_session::dialler::DIALS_MAX + 40;
    let mut listeners = Vec::new();
    for n in 0..peers {
        let n = u8::try_from(n % 250).unwrap();
        let from = [127, 2, u8::try_from(listeners.len() / 250).unwrap(), n + 1];
        let listener = TcpListener::bind(SocketAddr::from((from, 0))).await.unwrap();
        let mut active = profile();
        active.session.passive = false;
        all.peers.push(peer(listener.local_addr().unwrap(), active));
        listeners.push(listener);
    }
    let fixture = Fixture::start_with(all, &EngineConfig::default());
    for listener in &listeners {
        listener.accept().await.unwrap();
    }
    drop(listeners);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_while_clients_are_sent_away_brings_none_back() {
    const MATE: [u8; 4] = [127, 0, 0, 9];
    let with_peers = || {
        let mut all = settings(graceful());
        let mate = Profile { role: PeerRole::NonClient, ..graceful() };
        all.peers = vec![peer((MATE, 179).into(), mate), peer((A, 179).into(), graceful())];
        all
    };
    let fixture = Fixture::start(with_peers());
    let farewell = Farewell::Shutdown { text: String::new() };
    let mut mate = keeps(MATE, fixture.at).await;
    let mut a = keeps(A, fixture.at).await;
    a.mark(&mut mate, 1).await;
    fixture.server.begin_drain(false);
    assert_eq!(fixture.server.dismiss(usize::MAX, &farewell).len(), 1);
    assert!(a.last_word().await.is_some());
    let applied = fixture.server.apply(with_peers()).unwrap();
    assert_eq!((applied.started, applied.untouched), (0, 1));
    assert!(!fixture.server.reset(A.into(), ""), "it is not there");
    assert_eq!(Peer::connect(A, fixture.at).await.last_word().await, None);
    assert_eq!(fixture.server.snapshot().len(), 1);
    fixture.server.end_drain();
    let mut a = keeps(A, fixture.at).await;
    a.mark(&mut mate, 2).await;
    drop((a, mate));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mate_that_comes_and_goes_while_clients_are_let_go_leaves_nothing() {
    const MATE: [u8; 4] = [127, 0, 0, 9];
    let mut all = settings(graceful());
    let mate = Profile { role: PeerRole::NonClient, ..profile() };
    all.peers.push(peer((MATE, 179).into(), mate));
    let fixture = Fixture::start(all);
    let peers = mesh(&fixture, 3).await;
    fixture.server.begin_drain(true);
    assert_eq!(fixture.server.dismiss(usize::MAX, &Farewell::Restart).len(), 3);
    drop(peers);
    let mut mate = Peer::establish(MATE, fixture.at).await;
    mate.until(|mate| mate.table.len() == 3).await;
    for n in 4..8 {
        mate.send(&route(n)).await;
        fixture.until(|fixture| paths(fixture) == 4).await;
        drop(mate);
        fixture.until(|fixture| paths(fixture) == 3).await;
        mate = Peer::establish(MATE, fixture.at).await;
    }
    drop(mate);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k9_an_end_of_rib_comes_behind_what_ended_the_deferral() {
    const WAITING: u8 = 12;
    const ROUTES: u32 = 300;
    for _ in 0..5 {
        let addresses: Vec<[u8; 4]> = (1..=WAITING).map(|n| [127, 0, 1, n]).collect();
        let mut all = addresses.clone();
        all.push(B);
        let fixture = Fixture::start_again(settings(graceful()), expecting(&all));
        let mut waiting = Vec::new();
        for address in addresses {
            let mut peer = keeps(address, fixture.at).await;
            says_all(&mut peer).await;
            waiting.push(peer);
        }
        fixture.until(|fixture| fixture.server.deferral().waits.unheard == 0).await;
        let mut last = keeps(B, fixture.at).await;
        // All that it has to say comes in one go, as from a node with a few routes.
        let mut said = announce(&block(Ipv4Addr::new(10, 0, 0, 9), 100), 0..ROUTES);
        said.extend(Family::ALL.iter().flat_map(|family| end_of_rib(*family)));
        last.send(&said).await;
        for peer in &mut waiting {
            peer.until_ends().await;
            assert_eq!(peer.table.len(), ROUTES as usize, "at End-of-RIB");
        }
        drop((waiting, last));
        fixture.stop().await;
    }
}
