//! Several paths of a prefix (RFC 7911), on the wire.

use std::net::Ipv4Addr;
use std::num::NonZeroU8;

use albedo_session::{PathRules, Profile};
use albedo_types::{Family, PathId, PathsMode, PeerRole};
use albedo_wire::capability::{AddPath, AddPathMode, Capability, PathsLimit};
use albedo_wire::open::Open;

use crate::peer::{Peer, announce, block, open, prefix, withdraw};
use crate::setup::{Fixture, group, profile, settings};

const READER: [u8; 4] = [127, 0, 0, 2];
const SOURCES: [[u8; 4]; 3] = [[127, 0, 0, 3], [127, 0, 0, 4], [127, 0, 0, 5]];
const KEY: u32 = 7;

fn sending(max: u8) -> Profile {
    in_mode(PathsMode::Best, max)
}

fn in_mode(mode: PathsMode, max: u8) -> Profile {
    let mut profile = profile();
    profile.session.capabilities.add_path = Some(AddPathMode::Both);
    profile.paths = PathRules { max: NonZeroU8::new(max), mode, best_external: false };
    profile
}

fn with_add_path(mode: AddPathMode, limit: Option<u16>) -> Open {
    let mut open = open(u32::from_be_bytes(READER), 90);
    let (afi, safi) = (Family::Ipv4Unicast.afi(), Family::Ipv4Unicast.safi());
    open.capabilities.push(Capability::AddPath(vec![AddPath { afi, safi, mode }]));
    if let Some(limit) = limit {
        open.capabilities.push(Capability::PathsLimit(vec![PathsLimit { afi, safi, limit }]));
    }
    open
}

fn hop(n: usize) -> Ipv4Addr {
    Ipv4Addr::from(SOURCES[n])
}

/// Sources that all announce the same prefix, each with a next hop and LOCAL_PREF, the best first.
///
/// The worst begins, and each other one waits until that is known, so nobody who comes later is
/// told anything but what is in the end.
async fn announcing(fixture: &Fixture, paths: [(Ipv4Addr, u32); 3]) -> Vec<Peer> {
    let mut sources = Vec::new();
    for at in SOURCES {
        sources.push(Peer::establish(at, fixture.at).await);
    }
    for (n, (next_hop, local_pref)) in paths.into_iter().enumerate().rev() {
        sources[n].send(&announce(&block(next_hop, local_pref), [KEY])).await;
        let other = &mut sources[(n + 1) % SOURCES.len()];
        other
            .until(|other| other.table.get(&prefix(KEY)).map(|b| hop_of(b)) == Some(next_hop))
            .await;
    }
    sources
}

/// Three sources, the first one preferred, and a reader.
async fn anycast(fixture: &Fixture, open: &Open) -> (Peer, Vec<Peer>, Open) {
    let sources = announcing(fixture, [(hop(0), 300), (hop(1), 200), (hop(2), 100)]).await;
    let mut reader = Peer::connect(READER, fixture.at).await;
    let theirs = reader.exchange(open).await;
    (reader, sources, theirs)
}

fn hop_of(block: &[u8]) -> Ipv4Addr {
    let at = block.windows(3).position(|octets| octets == [0x40, 3, 4]).unwrap() + 3;
    Ipv4Addr::new(block[at], block[at + 1], block[at + 2], block[at + 3])
}

/// Next hops of the prefix's paths, as the reader has them.
fn hops(reader: &Peer) -> Vec<Ipv4Addr> {
    let mut hops: Vec<Ipv4Addr> = reader
        .paths
        .iter()
        .filter(|((key, _), _)| *key == prefix(KEY))
        .map(|(_, block)| hop_of(block))
        .collect();
    hops.sort();
    hops
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_a3_paths_come_and_go_one_by_one_under_identifiers_of_ours() {
    let fixture = Fixture::start(settings(sending(16)));
    let open = with_add_path(AddPathMode::Receive, None);
    let (mut reader, mut sources, theirs) = anycast(&fixture, &open).await;
    let offered = theirs.find(|capability| match capability {
        Capability::AddPath(entries) => {
            Some(entries.iter().all(|entry| entry.mode == AddPathMode::Both))
        }
        _ => None,
    });
    assert_eq!(offered, Some(true));
    reader.reads_paths();
    reader.until(|reader| hops(reader).len() == 3).await;
    assert!(reader.paths.keys().all(|(_, id)| *id != PathId(0)));
    let before = reader.paths.clone();

    sources[0].send(&withdraw([KEY])).await;
    reader.until(|reader| hops(reader).len() == 2).await;
    assert_eq!(hops(&reader), [hop(1), hop(2)]);
    assert!(reader.paths.iter().all(|path| before.get(path.0) == Some(path.1)), "as they were");

    // It comes back under the identifier it had.
    sources[0].send(&announce(&block(hop(0), 300), [KEY])).await;
    reader.until(|reader| hops(reader).len() == 3).await;
    assert_eq!(reader.paths, before);
    drop((reader, sources));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_no_more_paths_than_configured_or_than_the_peer_wants() {
    for (max, wants, told) in [(2, None, 2), (16, Some(1), 1), (16, Some(0), 3), (2, Some(9), 2)] {
        let fixture = Fixture::start(settings(sending(max)));
        let open = with_add_path(AddPathMode::Both, wants);
        let (mut reader, mut sources, _) = anycast(&fixture, &open).await;
        reader.reads_paths();
        reader.until(|reader| reader.ends >= 2 && hops(reader).len() == told).await;
        let best: Vec<Ipv4Addr> = (0..told).map(hop).collect();
        // What comes later is bounded as well.
        sources[2].send(&announce(&block(hop(2), 50), [KEY, KEY + 1])).await;
        reader.until(|reader| reader.table.contains_key(&prefix(KEY + 1))).await;
        assert_eq!(hops(&reader), best, "{max} and {wants:?}");
        drop((reader, sources));
        fixture.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_whoever_cannot_receive_paths_or_is_not_to_is_told_the_best_without_an_identifier() {
    for (profile, open) in [
        (sending(16), open(u32::from_be_bytes(READER), 90)),
        (sending(16), with_add_path(AddPathMode::Send, None)),
        (profile(), with_add_path(AddPathMode::Both, None)),
    ] {
        let fixture = Fixture::start(settings(profile));
        let (mut reader, sources, _) = anycast(&fixture, &open).await;
        reader.until(|reader| reader.ends >= 2 && !hops(reader).is_empty()).await;
        reader.until(|reader| hops(reader) == [hop(0)]).await;
        assert!(reader.paths.keys().all(|(_, id)| *id == PathId(0)));
        drop((reader, sources));
        fixture.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_another_number_of_paths_sends_the_difference_without_a_reset() {
    let fixture = Fixture::start(settings(sending(2)));
    let open = with_add_path(AddPathMode::Receive, None);
    let (mut reader, sources, _) = anycast(&fixture, &open).await;
    reader.reads_paths();
    reader.until(|reader| reader.ends >= 2 && hops(reader).len() == 2).await;
    fixture.server.apply(settings(sending(3))).unwrap();
    reader.until(|reader| hops(reader).len() == 3).await;
    assert_eq!(reader.heard_of(&prefix(KEY)), 3, "each path once");
    fixture.server.apply(settings(sending(2))).unwrap();
    reader.until(|reader| hops(reader).len() == 2).await;
    assert_eq!((hops(&reader), reader.withdrawals), (vec![hop(0), hop(1)], 1));
    drop((reader, sources));
    fixture.stop().await;
}

/// The same three sources, but the first two equal and of one next hop.
async fn pairs(fixture: &Fixture) -> Vec<Peer> {
    announcing(fixture, [(hop(0), 300), (hop(0), 300), (hop(2), 200)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_u9_another_mode_sends_the_difference_without_a_reset() {
    let fixture = Fixture::start(settings(in_mode(PathsMode::Equal, 16)));
    let mut sources = pairs(&fixture).await;
    let mut reader = Peer::connect(READER, fixture.at).await;
    reader.exchange(&with_add_path(AddPathMode::Receive, None)).await;
    reader.reads_paths();
    reader.until(|reader| reader.ends >= 2 && hops(reader) == [hop(0), hop(0)]).await;

    // One of the equal ones goes, and a backup comes; then the backup, and the best is left; then
    // all are there again.
    for (mode, told, heard, withdrawals) in [
        (PathsMode::Diverse, vec![hop(0), hop(2)], 3, 1),
        (PathsMode::PerNeighbourAs, vec![hop(0)], 3, 2),
        (PathsMode::Best, vec![hop(0), hop(0), hop(2)], 5, 2),
        (PathsMode::Equal, vec![hop(0), hop(0)], 5, 3),
    ] {
        let before = (reader.heard_of(&prefix(KEY)), reader.withdrawals);
        fixture.server.apply(settings(in_mode(mode, 16))).unwrap();
        reader.until(|reader| hops(reader) == told).await;
        let after = (reader.heard_of(&prefix(KEY)), reader.withdrawals);
        assert_eq!(after, (heard, withdrawals), "{mode:?}, before it {before:?}");
    }
    // What changes in this mode is told as well: what was third is equal, and is no more.
    sources[2].send(&announce(&block(hop(2), 300), [KEY])).await;
    reader.until(|reader| hops(reader) == [hop(0), hop(0), hop(2)]).await;
    sources[2].send(&announce(&block(hop(2), 299), [KEY])).await;
    reader.until(|reader| hops(reader) == [hop(0), hop(0)]).await;
    drop((reader, sources));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_peers_with_different_modes_are_told_each_their_own() {
    let mut all = settings(profile());
    all.groups = vec![
        group("equal", in_mode(PathsMode::Equal, 16), "127.0.1.0/24"),
        group("diverse", in_mode(PathsMode::Diverse, 16), "127.0.2.0/24"),
        group("sources", profile(), "127.0.0.0/24"),
    ];
    let fixture = Fixture::start(all);
    let mut sources = pairs(&fixture).await;
    // Who says that it wants one gets the best, whatever the mode.
    let readers = [
        ([127, 0, 1, 2], None, vec![hop(0), hop(0)]),
        ([127, 0, 1, 3], Some(1), vec![hop(0)]),
        ([127, 0, 2, 2], None, vec![hop(0), hop(2)]),
        ([127, 0, 2, 3], Some(1), vec![hop(0)]),
    ];
    let mut up = Vec::new();
    for (at, limit, told) in readers {
        let mut reader = Peer::connect(at, fixture.at).await;
        let mut open = with_add_path(AddPathMode::Receive, limit);
        open.router_id = u32::from_be_bytes(at);
        reader.exchange(&open).await;
        reader.reads_paths();
        reader.until(|reader| reader.ends >= 2 && hops(reader) == told).await;
        up.push((reader, limit.is_none()));
    }
    // The best two go: what was the backup is all there is.
    sources[0].send(&withdraw([KEY])).await;
    sources[1].send(&withdraw([KEY])).await;
    for (reader, _) in &mut up {
        reader.until(|reader| hops(reader) == [hop(2)]).await;
    }
    drop((up, sources));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_a_non_client_is_told_the_best_of_what_it_may_be_told() {
    let mate = |best_external| {
        let mut profile = profile();
        profile.role = PeerRole::NonClient;
        profile.paths.best_external = best_external;
        profile
    };
    for best_external in [false, true] {
        let mut all = settings(profile());
        all.groups = vec![
            group("mates", mate(best_external), "127.0.1.0/24"),
            group("nodes", profile(), "127.0.0.0/24"),
        ];
        let fixture = Fixture::start(all);
        let mut node = Peer::establish(SOURCES[0], fixture.at).await;
        let mut reader = Peer::establish([127, 0, 1, 3], fixture.at).await;
        let mut other = Peer::establish([127, 0, 1, 4], fixture.at).await;
        node.send(&announce(&block(hop(0), 100), [KEY, KEY + 1])).await;
        reader.until(|reader| reader.table.len() == 2).await;
        // A better one that came from a mate is not for mates.
        other.send(&announce(&block(hop(1), 200), [KEY])).await;
        node.until(|node| node.table.contains_key(&prefix(KEY))).await;
        node.mark(&mut reader, 50).await;
        assert_eq!(reader.table.contains_key(&prefix(KEY)), best_external);
        assert_eq!(reader.heard_of(&prefix(KEY)), 1);
        drop((node, reader, other));
        fixture.stop().await;
    }
}
