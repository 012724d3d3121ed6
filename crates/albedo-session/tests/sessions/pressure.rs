//! Full channels, peers that do not read, and malformed messages.

use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use albedo_engine::clock::now;
use albedo_engine::{EngineConfig, PeerPort};
use albedo_fsm::SendHold;
use albedo_rib::{GroupKey, LongLivedExport, PeerInfo};
use albedo_types::{ClusterId, Family, PeerRole, RouterId};
use albedo_wire::frame::{KEEPALIVE, MessageType};
use albedo_wire::notification::codes;

use crate::peer::{Peer, announce, block, open, prefix};
use crate::setup::{Fixture, ROUTER_ID, group, hold, profile, settings};

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
async fn s9_a_peer_that_never_reads_is_given_up() {
    const DEAF: [u8; 4] = [127, 0, 9, 9];
    let mut impatient = profile();
    hold(&mut impatient, 10);
    impatient.session.send_hold = SendHold::After(Duration::from_secs(10));
    let mut both = settings(profile());
    both.groups.push(group("impatient", impatient, "127.0.9.0/24"));
    let fixture = Fixture::start(both);
    let mut deaf = Peer::establish(DEAF, fixture.at).await;
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    let watched = fixture.status(DEAF).expect("the deaf one is up");
    // The deaf one says that it lives, whatever the others are doing.
    let deaf = tokio::spawn(async move {
        loop {
            deaf.try_send(&KEEPALIVE).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut round = 0;
    while fixture.status(DEAF).is_some() {
        round += 1;
        // Each round changes every route.
        a.send(&flood(Ipv4Addr::new(10, 0, 0, 2), round * 1_000, 0, 1_000)).await;
        a.mark(&mut b, 60_000 + round).await;
        b.mark(&mut a, 70_000 + round).await;
    }
    deaf.abort();
    let reason = watched.shared.detail().reason;
    // The kernel's clock begins when nothing is acknowledged any more, ours when the kernel takes
    // nothing more; so on a busy machine the kernel may be first.
    let (ours, kernels) = ("peer took nothing for 10 s", "connection failed: timed out");
    assert!(reason.starts_with(ours) || reason == kernels, "{reason}");
    assert!(fixture.status(A).is_some_and(|a| a.is_established()));
    fixture.stop().await;
}

/// Holds up the shard that wakes it, until it is let go.
#[derive(Default)]
struct Blocker {
    state: Mutex<Hold>,
    changed: Condvar,
}

#[derive(Default)]
struct Hold {
    holds: bool,
    let_go: bool,
}

impl Blocker {
    fn holds(&self) -> bool {
        self.state.lock().unwrap().holds
    }

    fn let_go(&self) {
        self.state.lock().unwrap().let_go = true;
        self.changed.notify_all();
    }
}

impl Wake for Blocker {
    fn wake(self: Arc<Self>) {
        let mut state = self.state.lock().unwrap();
        state.holds = true;
        drop(self.changed.wait_while(state, |state| !state.let_go).unwrap());
    }
}

/// A reader of the clients' group that stops the shard as soon as there is something to read.
async fn reader(fixture: &Fixture, blocker: &Arc<Blocker>) -> PeerPort {
    let router_id = RouterId::new(7).expect("not zero");
    let info = PeerInfo { addr: [127, 7, 7, 7].into(), router_id, role: PeerRole::Client };
    let mut port = fixture.engine.handle().register(info);
    port.join(GroupKey {
        family: Family::Ipv4Unicast,
        role: PeerRole::Client,
        cluster_id: ClusterId(ROUTER_ID),
        as4: true,
        message_len_max: 4096,
        external: None,
        next_hop: None,
        long_lived: LongLivedExport::default(),
        no_llgr_on_hosts: false,
        policy: None,
        paths: albedo_rib::Paths::Best,
    });
    let mut pieces = Vec::new();
    poll_fn(|cx| port.poll_output(cx, &mut pieces, now())).await;
    assert_eq!(pieces.len(), 1, "End-of-RIB and nothing else");
    port.written(pieces.remove(0), now());
    let waker = Waker::from(Arc::clone(blocker));
    assert!(port.poll_output(&mut Context::from_waker(&waker), &mut pieces, now()).is_pending());
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stuck_shard_stops_neither_the_ends_of_sessions_nor_the_others() {
    let config = EngineConfig { mailbox_letters_max: 1, ..EngineConfig::default() };
    // A peer that is not read is known to be gone when nothing can be written to it.
    let mut talkative = profile();
    talkative.session.keepalive = Some(Duration::from_secs(1));
    let fixture = Fixture::start_with(settings(talkative), &config);
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    a.until_ends().await;
    b.until_ends().await;
    let blocker = Arc::new(Blocker::default());
    let port = reader(&fixture, &blocker).await;
    let engine = fixture.engine.handle();
    let mut routes = 0;
    while !(blocker.holds() && engine.channel_depth(0) == 1) {
        routes += 1;
        a.send(&announce(&block(Ipv4Addr::new(10, 0, 0, 2), routes), [routes])).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The runtime's only thread must not wait for the shard to hear of this.
    const FLAPS: usize = 6;
    for _ in 0..FLAPS {
        let is_up = |fixture: &Fixture| fixture.status(B).is_some_and(|b| b.is_established());
        fixture.until(is_up).await;
        drop(b);
        fixture.until(|fixture| fixture.status(B).is_none_or(|b| !b.is_established())).await;
        b = Peer::connect(B, fixture.at).await;
        b.try_send(&open(u32::from_be_bytes(B), 90).encode()).await;
        b.try_send(&KEEPALIVE).await;
    }
    drop(b);
    // Others are there all the while.
    let mut c = Peer::establish([127, 0, 0, 4], fixture.at).await;
    blocker.let_go();
    port.leave();
    c.until(|c| c.table.len() == routes as usize && c.ends == 2).await;
    fixture.until(|fixture| fixture.status(B).is_none()).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f19_keepalives_go_on_while_a_shard_is_stuck() {
    let config = EngineConfig { mailbox_letters_max: 1, ..EngineConfig::default() };
    let mut quick = profile();
    hold(&mut quick, 3);
    let fixture = Fixture::start_with(settings(quick), &config);
    let mut a = Peer::establish(A, fixture.at).await;
    a.until_ends().await;
    let blocker = Arc::new(Blocker::default());
    let port = reader(&fixture, &blocker).await;
    let engine = fixture.engine.handle();
    let mut routes = 0;
    while !(blocker.holds() && engine.channel_depth(0) == 1) {
        routes += 1;
        a.send(&announce(&block(Ipv4Addr::new(10, 0, 0, 2), routes), [routes])).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The shard does nothing and the session does not read any more; for longer than the hold
    // time it says that it lives, and believes the same of the peer, which goes on talking.
    let mut heard = 0;
    while heard < 5 {
        heard += usize::from(a.message().await.kind == MessageType::Keepalive);
        a.send(&KEEPALIVE).await;
    }
    assert!(blocker.holds());
    assert!(fixture.status(A).is_some_and(|a| a.is_established()));
    blocker.let_go();
    port.leave();
    let mut b = Peer::establish(B, fixture.at).await;
    b.until(|b| b.table.len() == routes as usize).await;
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
