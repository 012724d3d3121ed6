//! Settings that change while sessions stand: policies, roles, clusters, limits, keys.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use albedo_rib::Policy;
use albedo_session::sockopt::{self, Md5Key, SocketOptions};
use albedo_session::{Applied, LimitAction, LimitRules, Profile, Settings};
use albedo_types::policy::{Change, PrefixRange, Rule, Rules, Then, When};
use albedo_types::{ClusterId, Family, PeerRole, Prefix};
use albedo_wire::capability::Capability;
use albedo_wire::frame::{KEEPALIVE, MessageType};
use albedo_wire::notification::codes::{self, cease};
use tokio::net::TcpStream;

use crate::peer::{Peer, announce, block, open, prefix};
use crate::setup::{Fixture, group, peer, profile, settings};

const A: [u8; 4] = [127, 0, 0, 2];
const B: [u8; 4] = [127, 0, 1, 3];

const HOP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// Hides the first `count` prefixes and, where it is given, changes LOCAL_PREF of the others.
fn hiding(count: u32, local_pref: Option<u32>) -> Option<Arc<Policy>> {
    let exactly = |n| PrefixRange::exactly(Prefix::V4(prefix(n)));
    let when = When { prefixes: Some((0..count).map(exactly).collect()), ..When::default() };
    let rules = vec![
        Rule { when, then: Then::Reject, ..Rule::default() },
        Rule { change: Change { local_pref, ..Change::default() }, ..Rule::default() },
    ];
    Some(Arc::new(Policy::compile(&Rules { rules, accepts_rest: true }).unwrap()))
}

/// A and B in groups of their own.
fn two(of_a: Profile, of_b: Profile) -> Settings {
    let mut two = settings(profile());
    two.groups = vec![group("first", of_a, "127.0.0.0/24"), group("second", of_b, "127.0.1.0/24")];
    two
}

const CHANGED: Applied = Applied { started: 0, stopped: 0, changed: 1, untouched: 1 };

/// Reads until the peer is asked for both families again.
async fn asked_again(peer: &mut Peer) {
    let mut families = 0;
    while families < Family::COUNT {
        let message = peer.message().await;
        assert_ne!(message.kind, MessageType::Notification, "{message:?}");
        families += usize::from(message.kind == MessageType::RouteRefresh);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_another_export_policy_sends_only_what_differs() {
    let fixture = Fixture::start(two(profile(), profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.send(&announce(&block(HOP, 100), 0..20)).await;
    b.until(|b| b.table.len() == 20 && b.ends >= 2).await;

    // Some are hidden: they are withdrawn, and nothing is said of the rest.
    let hides = Profile { export: hiding(5, None), ..profile() };
    assert_eq!(fixture.server.apply(two(profile(), hides)).unwrap(), CHANGED);
    let mut said = 0;
    b.until(|b| {
        said += 1;
        b.table.len() == 15
    })
    .await;
    assert_eq!(said, 2, "one look before the first message, and one behind it");
    // What comes later is judged as well.
    a.send(&announce(&block(HOP, 200), 0..6)).await;
    a.mark(&mut b, 50).await;
    assert_eq!(b.table.len(), 16);
    assert!(!b.table.contains_key(&prefix(4)));

    // One that tells others, otherwise: both come.
    let changes = Profile { export: hiding(2, Some(7)), ..profile() };
    assert_eq!(fixture.server.apply(two(profile(), changes)).unwrap(), CHANGED);
    let is_seven = |block: &Vec<u8>| block.windows(7).any(|w| w == [0x40, 5, 4, 0, 0, 0, 7]);
    b.until(|b| b.table.len() == 19 && b.table.values().all(is_seven)).await;
    // And back again: as without any.
    fixture.server.apply(two(profile(), profile())).unwrap();
    b.until(|b| b.table.len() == 21 && !b.table.values().any(is_seven)).await;
    assert_eq!(fixture.status(B).map(|b| b.established), Some(1), "the session never ended");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_another_import_policy_asks_for_the_routes_again() {
    let fixture = Fixture::start(two(profile(), profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    let all = announce(&block(HOP, 100), 0..20);
    a.send(&all).await;
    b.until(|b| b.table.len() == 20).await;

    let hides = Profile { import: hiding(5, Some(7)), ..profile() };
    assert_eq!(fixture.server.apply(two(hides, profile())).unwrap(), CHANGED);
    asked_again(&mut a).await;
    a.send(&all).await;
    b.until(|b| b.table.len() == 15 && b.table[&prefix(5)] != block(HOP, 100)).await;
    // The same settings once more ask for nothing.
    let hides = Profile { import: hiding(5, Some(7)), ..profile() };
    let applied = fixture.server.apply(two(hides, profile())).unwrap();
    assert_eq!(applied, Applied { untouched: 2, ..Applied::default() });

    fixture.server.apply(two(profile(), profile())).unwrap();
    asked_again(&mut a).await;
    a.send(&all).await;
    b.until(|b| b.table.len() == 20).await;
    assert_eq!(fixture.status(A).map(|a| a.established), Some(1));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_a_peer_that_cannot_be_asked_again_begins_anew() {
    let fixture = Fixture::start(two(profile(), profile()));
    let mut a = Peer::connect(A, fixture.at).await;
    let mut mute = open(u32::from_be_bytes(A), 90);
    mute.capabilities.retain(|capability| *capability != Capability::RouteRefresh);
    a.handshake(&mute).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.mark(&mut b, 1).await;
    let hides = Profile { import: hiding(5, None), ..profile() };
    assert_eq!(fixture.server.apply(two(hides, profile())).unwrap(), CHANGED);
    let notification = a.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::CONFIG_CHANGE));
    b.until(|b| b.table.is_empty()).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_another_role_advertises_again_without_a_reset() {
    let mates = || Profile { role: PeerRole::NonClient, ..profile() };
    let fixture = Fixture::start(two(mates(), mates()));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.send(&announce(&block(HOP, 100), 0..3)).await;
    b.until_ends().await;
    assert!(b.table.is_empty(), "non-clients hear nothing of each other");
    // A becomes a client: its routes are for everybody.
    assert_eq!(fixture.server.apply(two(profile(), mates())).unwrap(), CHANGED);
    b.until(|b| b.table.len() == 3).await;
    let status = fixture.status(A).expect("A is up");
    assert_eq!((status.role, status.established), (PeerRole::Client, 1));
    // And a non-client again: they are taken back.
    fixture.server.apply(two(mates(), mates())).unwrap();
    b.until(|b| b.table.is_empty()).await;
    // B becomes a client: it is told everything.
    fixture.server.apply(two(mates(), profile())).unwrap();
    b.until(|b| b.table.len() == 3).await;
    for of in [A, B] {
        assert_eq!(fixture.status(of).map(|peer| peer.established), Some(1));
    }
    fixture.stop().await;
}

/// CLUSTER_LIST of a block.
fn clusters(mut block: &[u8]) -> Vec<u8> {
    while let [_, code, len, rest @ ..] = block {
        let (value, rest) = rest.split_at(usize::from(*len));
        if *code == 10 {
            return value.to_vec();
        }
        block = rest;
    }
    Vec::new()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r17_another_cluster_id_advertises_again_without_a_reset() {
    const OTHER: [u8; 4] = [9, 9, 9, 9];
    let fixture = Fixture::start(two(profile(), profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.send(&announce(&block(HOP, 100), 0..1)).await;
    let has = |list: Vec<u8>| {
        move |b: &Peer| b.table.get(&prefix(0)).is_some_and(|block| clusters(block) == list)
    };
    b.until(has(vec![10, 0, 0, 1])).await;
    let other = ClusterId(u32::from_be_bytes(OTHER));
    fixture.engine.handle().add_clusters(&[other]).unwrap();
    let mark = fixture.engine.handle().clusters_mark();
    let moved = || Profile { cluster_id: other, clusters: mark, ..profile() };
    let applied = fixture.server.apply(two(moved(), moved())).unwrap();
    assert_eq!(applied, Applied { changed: 2, ..Applied::default() });
    asked_again(&mut a).await;
    a.send(&announce(&block(HOP, 100), 0..1)).await;
    b.until(has(OTHER.to_vec())).await;
    // What has been in the new cluster is known to have been here, also where it was taken before.
    let mut looped = block(HOP, 100);
    looped.extend([0x80, 9, 4, 1, 1, 1, 1, 0x80, 10, 4, 9, 9, 9, 9]);
    a.send(&announce(&looped, 0..1)).await;
    b.until(|b| b.table.is_empty()).await;
    assert_eq!(fixture.status(A).map(|a| a.established), Some(1));
    fixture.stop().await;
}

fn limited(action: LimitAction) -> Profile {
    let mut limited = profile();
    let max = [std::num::NonZeroU32::new(3), None];
    limited.intake.limit = LimitRules { max, action, ..LimitRules::default() };
    limited
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_a_dynamic_peer_over_its_limit_stays_away_until_it_is_reset() {
    let shut = settings(limited(LimitAction::Shutdown));
    let fixture = Fixture::start(shut.clone());
    for way_back in ["reset", "settings"] {
        let mut a = Peer::establish(A, fixture.at).await;
        a.send(&announce(&block(HOP, 100), 0..4)).await;
        let notification = a.notification().await;
        let said = (notification.code, notification.subcode);
        assert_eq!(said, (codes::CEASE, cease::MAX_PREFIXES));
        assert_eq!(notification.data, [0, 1, 1, 0, 0, 0, 3], "family and limit (RFC 4486 §4)");
        fixture.until(|fixture| fixture.status(A).is_none()).await;
        let refused = Peer::connect(A, fixture.at).await.notification().await;
        assert_eq!((refused.code, refused.subcode), (codes::CEASE, cease::REJECTED));
        match way_back {
            "reset" => drop(fixture.server.reset(A.into(), "")),
            _ => drop(fixture.server.apply(shut.clone()).unwrap()),
        }
        // The pause after a broken session is another matter, and passes by itself.
        loop {
            let mut a = Peer::connect(A, fixture.at).await;
            a.try_send(&open(u32::from_be_bytes(A), 90).encode()).await;
            if a.next().await.is_some_and(|message| message.kind == MessageType::Open) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fixture.until(|fixture| fixture.status(A).is_none()).await;
    }
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_a_configured_peer_over_its_limit_comes_back_after_the_pause_or_with_new_settings() {
    let with = |action| {
        let mut settings = settings(profile());
        settings.peers.push(peer((A, 179).into(), limited(action)));
        settings
    };
    let pause = LimitAction::RestartAfter(Duration::from_millis(100));
    for (action, new) in [(pause, None), (LimitAction::Shutdown, Some(LimitAction::Warn))] {
        let fixture = Fixture::start(with(action));
        let mut a = Peer::establish(A, fixture.at).await;
        a.send(&announce(&block(HOP, 100), 0..4)).await;
        let notification = a.notification().await;
        assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::MAX_PREFIXES));
        if let Some(new) = new {
            let mut b = Peer::connect(A, fixture.at).await;
            b.try_send(&open(u32::from_be_bytes(A), 90).encode()).await;
            let answer = b.next().await.map(|message| message.kind);
            assert_ne!(answer, Some(MessageType::Open), "it is kept away");
            let applied = fixture.server.apply(with(new)).unwrap();
            assert_eq!(applied, Applied { changed: 1, ..Applied::default() });
        }
        loop {
            let mut a = Peer::connect(A, fixture.at).await;
            a.try_send(&open(u32::from_be_bytes(A), 90).encode()).await;
            if a.next().await.is_some_and(|message| message.kind == MessageType::Open) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fixture.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_a_peer_that_is_only_warned_keeps_its_routes() {
    let fixture = Fixture::start(settings(limited(LimitAction::Warn)));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.send(&announce(&block(HOP, 100), 0..9)).await;
    b.until(|b| b.table.len() == 9).await;
    a.mark(&mut b, 20).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e14_an_attribute_is_left_out_without_a_reset() {
    let fixture = Fixture::start(two(profile(), profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    let mut odd = block(HOP, 100);
    odd.extend([0xc0, 99, 1, 7]);
    let all = announce(&odd, 0..3);
    a.send(&all).await;
    let passed_on = |block: &Vec<u8>| block.windows(4).any(|w| w[1..] == [99, 1, 7]);
    b.until(|b| b.table.len() == 3).await;
    assert!(b.table.values().all(passed_on));
    let mut brake = profile();
    brake.intake.discard.insert(99);
    assert_eq!(fixture.server.apply(two(brake, profile())).unwrap(), CHANGED);
    asked_again(&mut a).await;
    a.send(&all).await;
    b.until(|b| !b.table.values().any(passed_on)).await;
    assert_eq!(b.table.len(), 3);
    // The stronger brake takes the routes.
    let mut brake = profile();
    brake.intake.withdraw.insert(99);
    fixture.server.apply(two(brake, profile())).unwrap();
    asked_again(&mut a).await;
    a.send(&all).await;
    b.until(|b| b.table.is_empty()).await;
    fixture.stop().await;
}

/// Connects with a key, from an address of its own; the peer's end of it, to change the key on.
async fn keyed(from: [u8; 4], to: SocketAddr, key: &Md5Key) -> Result<TcpStream, std::io::Error> {
    let options = SocketOptions::default();
    let socket = sockopt::outgoing(to, Some(from.into()), Some(key), &options).unwrap();
    tokio::net::TcpSocket::from_std_stream(socket.into()).connect(to).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_a_key_that_changes_on_both_sides_keeps_the_session() {
    let old = Md5Key::new(b"the old one").unwrap();
    let new = Md5Key::new(b"the new one, which is longer").unwrap();
    let probe = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    if let Err(error) = sockopt::set_md5_peer(&probe, A.into(), Some(&old)) {
        eprintln!("left out, the kernel has no TCP-MD5: {error}");
        return;
    }
    let with = |key: &Md5Key| settings(Profile { key: Some(key.clone()), ..profile() });
    let fixture = Fixture::start(with(&old));
    let mut streams = Vec::new();
    for from in [A, B] {
        let stream = keyed(from, fixture.at, &old).await.unwrap();
        let dup = std::os::fd::AsFd::as_fd(&stream).try_clone_to_owned().unwrap();
        let mut peer = Peer::new(stream);
        peer.handshake(&open(u32::from_be_bytes(from), 90)).await;
        streams.push((peer, dup));
    }
    let [(mut a, a_end), (mut b, b_end)] = <[_; 2]>::try_from(streams).unwrap_or_else(|_| panic!());
    a.mark(&mut b, 1).await;
    // We change first: what is said in between waits for its repetition.
    let applied = fixture.server.apply(with(&new)).unwrap();
    assert_eq!(applied, Applied { changed: 2, ..Applied::default() });
    a.send(&announce(&block(HOP, 100), 2..4)).await;
    a.send(&KEEPALIVE).await;
    for end in [&a_end, &b_end] {
        sockopt::set_md5_peer(end, fixture.at.ip(), Some(&new)).unwrap();
    }
    b.until(|b| b.table.len() == 3).await;
    b.mark(&mut a, 9).await;
    // The peers change first.
    for end in [&a_end, &b_end] {
        sockopt::set_md5_peer(end, fixture.at.ip(), Some(&old)).unwrap();
    }
    a.send(&announce(&block(HOP, 100), 4..6)).await;
    fixture.server.apply(with(&old)).unwrap();
    b.until(|b| b.table.len() == 5).await;
    b.mark(&mut a, 10).await;
    for of in [A, B] {
        assert_eq!(fixture.status(of).map(|peer| peer.established), Some(1));
    }
    // Who comes anew needs the key of the day.
    let late =
        tokio::time::timeout(Duration::from_millis(300), keyed([127, 0, 2, 4], fixture.at, &new));
    assert!(late.await.is_err(), "a key of yesterday gets no answer");
    assert!(keyed([127, 0, 2, 4], fixture.at, &old).await.is_ok());
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s6_who_comes_from_too_far_is_told_nothing() {
    let near =
        SocketOptions { hops: sockopt::Hops::Security { hops: 2 }, ..SocketOptions::default() };
    let mut both = two(Profile { socket: near, ..profile() }, profile());
    both.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let fixture = Fixture::start(both.clone());
    let from = async |ttl: u32| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket2::SockRef::from(&socket).set_ttl_v4(ttl).unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from((A, 0))).unwrap();
        Peer::new(socket.connect(fixture.at).await.unwrap())
    };
    let mut far = from(64).await;
    assert_eq!(far.next().await, None, "closed without a word");
    let mut a = from(254).await;
    a.handshake(&open(u32::from_be_bytes(A), 90)).await;
    // The other group demands nothing.
    let mut b = Peer::establish(B, fixture.at).await;
    a.mark(&mut b, 1).await;
    // The listener stands already when a reload demands it.
    both.groups[1].profile = Arc::clone(&both.groups[0].profile);
    let applied = fixture.server.apply(both).unwrap();
    assert_eq!((applied.stopped, applied.untouched), (1, 1));
    drop(b.notification().await);
    let refused = tokio::time::timeout(Duration::from_millis(300), Peer::connect(B, fixture.at));
    assert!(refused.await.is_err(), "all demand it now, so the kernel drops what comes from afar");
    fixture.stop().await;
}
