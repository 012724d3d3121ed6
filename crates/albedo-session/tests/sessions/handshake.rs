//! Coming up, reflecting, collisions, and going down.

use std::net::Ipv4Addr;

use albedo_engine::EngineConfig;
use albedo_fsm::{ExpectedAs, GracefulOffer};
use albedo_session::Farewell;
use albedo_session::sockopt::{self, Md5Key, SocketOptions};
use albedo_session::stats::SessionStats;
use albedo_types::Asn;
use albedo_wire::capability::{Capability, GracefulRestart};
use albedo_wire::frame::{KEEPALIVE, MessageType};
use albedo_wire::notification::codes::{self, cease};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::peer::{Peer, announce, block, open, prefix, withdraw};
use crate::setup::{Fixture, ROUTER_ID, hold, peer, profile, settings};

const A: [u8; 4] = [127, 0, 0, 2];
const B: [u8; 4] = [127, 0, 0, 3];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_are_reflected_with_their_originator_and_cluster() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    let sent = block(Ipv4Addr::new(10, 0, 0, 2), 2_147_482_623);
    a.send(&announce(&sent, 0..4)).await;
    let mut b = Peer::establish(B, fixture.at).await;
    b.until(|b| b.table.len() == 4 && b.ends == 2).await;
    let mut expected = sent.clone();
    expected.extend_from_slice(&[0x80, 9, 4, 127, 0, 0, 2, 0x80, 10, 4, 10, 0, 0, 1]);
    assert!(b.table.values().all(|block| *block == expected), "{:02x?}", b.table);

    a.send(&withdraw(0..1)).await;
    b.until(|b| b.table.len() == 3).await;
    assert!(!b.table.contains_key(&prefix(0)));
    // A gets nothing of its own, and B's routes like anybody else's.
    b.mark(&mut a, 100).await;
    assert_eq!(a.table.len(), 1);

    // A goes without a word; its routes go with it.
    drop(a);
    b.until(|b| b.table.is_empty()).await;
    fixture.until(|fixture| fixture.status(A).is_none()).await;
    let status = fixture.status(B).expect("B is up");
    assert!(status.is_established() && status.dynamic);
    assert_eq!(&*status.detail.group, "nodes");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_identifier_from_two_addresses_is_two_sessions() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::connect(A, fixture.at).await;
    a.handshake(&open(77, 90)).await;
    let mut b = Peer::connect(B, fixture.at).await;
    b.handshake(&open(77, 90)).await;
    a.until_ends().await;
    b.until_ends().await;
    assert_eq!(fixture.server.snapshot().len(), 2);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_as_is_told_so_and_has_to_wait() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::connect(A, fixture.at).await;
    let mut wrong = open(77, 90);
    wrong.as_field = 65_000;
    wrong.capabilities.clear();
    a.send(&wrong.encode()).await;
    let notification = a.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::OPEN, codes::open::BAD_PEER_AS));
    fixture.until(|fixture| fixture.status(A).is_none()).await;
    // Not again at once. Where this machine takes longer than the pause, it grows with each fault.
    let notification = loop {
        let mut again = Peer::connect(A, fixture.at).await;
        again.try_send(&wrong.encode()).await;
        let notification = again.notification().await;
        if notification.code != codes::OPEN {
            break notification;
        }
        fixture.until(|fixture| fixture.status(A).is_none()).await;
    };
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::REJECTED));
    // Each one that the peers got is counted, by its code and as a message.
    let stats = fixture.server.stats();
    let by_code = |code: u8| SessionStats::read(&stats.notifications_sent[usize::from(code)]);
    let kind = usize::from(MessageType::Notification.code()) - 1;
    assert!(by_code(codes::OPEN) >= 1);
    assert_eq!(by_code(codes::CEASE), 1);
    let all = by_code(codes::OPEN) + by_code(codes::CEASE);
    assert_eq!(SessionStats::read(&stats.traffic.sent[kind]), all);
    // Others are not concerned.
    Peer::establish(B, fixture.at).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_says_why() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    a.until_ends().await;
    let server = fixture.server.clone();
    let stop = tokio::spawn(async move {
        let farewell = Farewell::Shutdown { text: "upgrade".into() };
        server.stop(&farewell, std::time::Duration::from_secs(60)).await
    });
    let notification = a.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::SHUTDOWN));
    assert_eq!(notification.text().as_deref(), Some("upgrade"));
    drop(a);
    assert!(stop.await.expect("no panic"));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_leaves_graceful_peers_without_a_word() {
    let mut graceful = profile();
    graceful.session.capabilities.graceful = Some(GracefulOffer {
        restart_time: std::time::Duration::from_secs(120),
        long_lived_stale_time: None,
        restarting: false,
        notification: false,
    });
    let fixture = Fixture::start(settings(graceful));
    let mut a = Peer::connect(A, fixture.at).await;
    let mut knows = open(u32::from_be_bytes(A), 90);
    knows.capabilities.push(Capability::GracefulRestart(GracefulRestart {
        restarting: false,
        notification: false,
        restart_time: 120,
        families: Vec::new(),
    }));
    a.handshake(&knows).await;
    a.until_ends().await;
    let mut b = Peer::establish(B, fixture.at).await;
    b.until_ends().await;
    let patience = std::time::Duration::from_secs(60);
    let server = fixture.server.clone();
    let stop = tokio::spawn(async move { server.stop(&Farewell::Restart, patience).await });
    assert_eq!(a.next().await, None, "the end, and no notification");
    let notification = b.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::SHUTDOWN));
    drop(b);
    assert!(stop.await.unwrap());
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_over_ipv6_is_one_like_any_other() {
    let mut settings = settings(profile());
    settings.listen.push("[::1]:0".parse().unwrap());
    settings.groups[0].ranges.push("::1/128".parse().unwrap());
    let fixture = Fixture::start(settings);
    let listening = fixture.server.listening();
    let [v4, v6] = [false, true].map(|v6| listening.iter().find(|at| at.is_ipv6() == v6).unwrap());
    let mut a = Peer::establish(A, *v4).await;
    let mut b = Peer::new(TcpStream::connect(v6).await.unwrap());
    // One node with two sessions has one identifier.
    b.handshake(&open(u32::from_be_bytes(A), 90)).await;
    a.mark(&mut b, 1).await;
    b.mark(&mut a, 2).await;
    assert_eq!(fixture.server.snapshot().len(), 2);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_s4_a_keyed_range_takes_only_who_has_the_key() {
    let key = Md5Key::new(b"of the cluster").unwrap();
    let mut keyed = profile();
    keyed.key = Some(key.clone());
    let mut with_key = settings(keyed);
    with_key.groups[0].ranges = vec!["127.0.0.5/32".parse().unwrap()];
    let mut open_to_all = settings(profile()).groups.remove(0);
    open_to_all.name = "open".into();
    with_key.groups.push(open_to_all);
    let engine = albedo_engine::Engine::start(&EngineConfig::default()).unwrap();
    let server = match albedo_session::Server::start(with_key, engine.handle()) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("left out, the kernel has no TCP-MD5: {error}");
            return;
        }
    };
    let at = server.listening()[0];
    let options = SocketOptions::default();
    let socket = sockopt::outgoing(at, Some([127, 0, 0, 5].into()), Some(&key), &options).unwrap();
    let connected = TcpSocket::from_std_stream(socket.into()).connect(at).await.unwrap();
    let mut b = Peer::new(connected);
    b.handshake(&open(55, 90)).await;
    let mut a = Peer::establish(A, at).await;
    a.mark(&mut b, 1).await;
    drop((a, b));
    let farewell = Farewell::Shutdown { text: String::new() };
    assert!(server.stop(&farewell, std::time::Duration::from_secs(60)).await);
    drop(server);
    assert!(tokio::task::spawn_blocking(|| engine.stop()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_active_peer_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.5:0").await.unwrap();
    let mut active = profile();
    active.session.passive = false;
    active.session.peer_asn = ExpectedAs::Is(Asn(64512));
    let mut settings = settings(profile());
    settings.peers.push(peer(listener.local_addr().unwrap(), active));
    let fixture = Fixture::start(settings);
    let (stream, from) = listener.accept().await.unwrap();
    assert!(from.ip().is_loopback());
    let mut x = Peer::new(stream);
    x.handshake(&open(5, 90)).await;
    x.until_ends().await;
    let mut a = Peer::establish(A, fixture.at).await;
    x.mark(&mut a, 3).await;
    let status = fixture.status([127, 0, 0, 5]).expect("configured");
    assert!(!status.dynamic && status.is_established());
    fixture.stop().await;
}

/// Both sides connect; which connection lives is decided by the identifiers.
async fn collide(router_id: u32) -> (Peer, Peer, Fixture) {
    let listener = TcpListener::bind("127.0.0.5:0").await.unwrap();
    let mut active = profile();
    active.session.passive = false;
    let mut settings = settings(profile());
    settings.peers.push(peer(listener.local_addr().unwrap(), active));
    let fixture = Fixture::start(settings);
    // The connection that the server made.
    let mut theirs = Peer::new(listener.accept().await.unwrap().0);
    // The one that the peer made; both get an OPEN.
    let mut ours = Peer::connect([127, 0, 0, 5], fixture.at).await;
    for connection in [&mut theirs, &mut ours] {
        assert_eq!(connection.message().await.kind, MessageType::Open);
    }
    for connection in [&mut theirs, &mut ours] {
        connection.send(&open(router_id, 90).encode()).await;
    }
    (theirs, ours, fixture)
}

async fn lives(mut winner: Peer, mut loser: Peer, fixture: Fixture) {
    let notification = loser.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::COLLISION));
    assert_eq!(winner.message().await.kind, MessageType::Keepalive);
    winner.send(&KEEPALIVE).await;
    winner.until_ends().await;
    let mut a = Peer::establish(A, fixture.at).await;
    winner.mark(&mut a, 3).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_connections_the_higher_identifier_keeps_its_own() {
    let (theirs, ours, fixture) = collide(ROUTER_ID + 1).await;
    lives(ours, theirs, fixture).await;
    let (theirs, ours, fixture) = collide(ROUTER_ID - 1).await;
    lives(theirs, ours, fixture).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_connection_of_an_established_peer_is_turned_away() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    // Established is what the server says, not what the peer thinks once it has a KEEPALIVE.
    fixture.until(|fixture| fixture.status(A).is_some_and(|a| a.is_established())).await;
    let mut second = Peer::connect(A, fixture.at).await;
    second.send(&open(u32::from_be_bytes(A), 90).encode()).await;
    let notification = second.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::COLLISION));
    let mut b = Peer::establish(B, fixture.at).await;
    a.mark(&mut b, 3).await;
    fixture.stop().await;
}

#[test]
fn f20_a_pause_of_the_whole_program_costs_no_session() {
    // The server's only thread does not run at all for longer than the hold time, in which the
    // peer says something; what has arrived meanwhile proves that the peer lives.
    let (at_sender, at) = std::sync::mpsc::channel();
    let (up_sender, up) = std::sync::mpsc::channel();
    let (said_sender, said) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut profile = profile();
            hold(&mut profile, 3);
            let fixture = Fixture::start(settings(profile));
            at_sender.send(fixture.at).unwrap();
            let is_up =
                |fixture: &Fixture| fixture.status(A).is_some_and(|peer| peer.is_established());
            fixture.until(is_up).await;
            up_sender.send(()).unwrap();
            // From here on nothing runs.
            said.recv().unwrap();
            std::thread::sleep(std::time::Duration::from_secs(4));
            let kind = usize::from(MessageType::Keepalive.code()) - 1;
            let heard = |fixture: &Fixture| {
                let received = &fixture.server.stats().traffic.received[kind];
                SessionStats::read(received) >= 2 || !is_up(fixture)
            };
            fixture.until(heard).await;
            let still = is_up(&fixture);
            fixture.stop().await;
            still
        })
    });
    let at = at.recv().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let mut a = Peer::establish(A, at).await;
        up.recv().unwrap();
        a.send(&KEEPALIVE).await;
        said_sender.send(()).unwrap();
        while a.next().await.is_some() {}
    });
    assert!(server.join().unwrap(), "the session is still up");
}
