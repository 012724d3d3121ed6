//! What is written down, what is read again, and what is neither.

use std::sync::Arc;

use albedo_session::stats::{STATES, SessionStats};
use albedo_session::status::{Agreed, Detail, PeerShared};
use albedo_types::{Asn, HoldTime, Instant, PeerRole, RouterId};

use super::*;
use crate::assemble::tests::{FULL, config};

const NOW: u64 = 1_800_000_000;
const V4: FamilySet = FamilySet::of(Family::Ipv4Unicast);

fn listener() -> SocketAddr {
    "127.0.0.1:1179".parse().unwrap()
}

fn peer(address: &str, up: bool, dynamic: bool) -> PeerStatus {
    let detail = Detail {
        group: "nodes".into(),
        agreed: Some(Agreed {
            asn: Asn(64512),
            router_id: RouterId::new(7).unwrap(),
            role: PeerRole::Client,
            hold_time: HoldTime::DEFAULT,
            families: V4,
            graceful: true,
        }),
        ..Detail::default()
    };
    PeerStatus {
        addr: SocketAddr::new(address.parse().unwrap(), 40_000),
        dynamic,
        listener: dynamic.then(listener),
        role: PeerRole::Client,
        state: if up { STATES.len() - 1 } else { 0 },
        since: Instant::ZERO,
        has_policy: [false; 2],
        established: 1,
        shared: PeerShared::for_tests(Arc::new(SessionStats::default()), detail.clone()),
        detail,
    }
}

fn node(n: u32) -> PeerStatus {
    peer(&format!("10.1.{}.{}", n >> 8, n & 255), true, true)
}

fn written(roster: &Roster, now: u64) {
    let (path, octets) = roster.to_write(now).expect("it may be written");
    replace(&path, &octets).unwrap();
}

fn source(address: &str) -> Source {
    Source { ip: address.parse().unwrap(), scope: 0 }
}

#[test]
fn g10_who_was_there_is_expected_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.json");
    let mut roster = Roster::load(&path, NOW);
    assert!(!roster.is_known());
    let peers = [node(1), node(2), peer("10.9.0.2", true, false), peer("10.1.0.9", false, true)];
    assert!(roster.observe(&peers, NOW));
    assert!(!roster.observe(&peers, NOW + 1), "nothing is new");
    assert_eq!(roster.holding_stale(), 0);
    // One goes: that is new, and it is still expected for a while.
    assert!(roster.observe(&peers[1..], NOW + 2));
    assert_eq!(roster.holding_stale(), 1, "until it is back, or forgotten");
    written(&roster, NOW + 2);

    // A day later, because nobody was there to start it.
    let later = NOW + 86_400;
    let roster = Roster::load(&path, later);
    assert!(roster.is_known());
    assert_eq!(roster.len(), 3);
    let config = config(FULL);
    let expected = roster.expected(&config, later);
    let all: Vec<Source> = expected.iter().map(|(source, _)| *source).collect();
    // The configured router was never seen, and nothing says that it is gone.
    let names = ["10.1.0.1", "10.1.0.2", "10.9.0.2", "192.0.2.9"].map(source);
    assert_eq!(all, names);
    assert_eq!(expected[0].1, V4);
    // After its time it is not.
    let gone = roster.expected(&config, later + EXPECTED_AGE.as_secs() + 1);
    let all: Vec<Source> = gone.iter().map(|(source, _)| *source).collect();
    assert_eq!(all, [source("192.0.2.9")]);
}

#[test]
fn g10_a_crash_soon_after_a_start_still_knows_who_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.json");
    let mut roster = Roster::load(&path, NOW);
    roster.observe(&[node(1), node(2)], NOW);
    written(&roster, NOW);
    // Ten hours without a change, then a crash, a start, one node back, and a crash again.
    let later = NOW + 36_000;
    let mut roster = Roster::load(&path, later);
    roster.observe(&[node(1)], later + 2);
    written(&roster, later + 2);
    let roster = Roster::load(&path, later + 4);
    assert_eq!(roster.expected(&config(FULL), later + 4).len(), 4);
}

#[test]
fn who_the_configuration_does_not_take_any_more_is_not_expected() {
    let folder = tempfile::tempdir().unwrap();
    let mut roster = Roster::load(&folder.path().join("r"), NOW);
    roster.observe(&[node(1), peer("172.16.0.1", true, true)], NOW);
    let expected = roster.expected(&config(FULL), NOW);
    assert!(expected.iter().all(|(from, _)| *from != source("172.16.0.1")), "{expected:?}");
}

#[test]
fn c5_only_groups_that_say_so_are_dialled_and_only_from_listeners_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut roster = Roster::load(&folder.path().join("r"), NOW);
    let mut elsewhere = node(2);
    elsewhere.listener = Some("127.0.0.2:1179".parse().unwrap());
    roster.observe(&[node(1), elsewhere, peer("10.9.0.2", true, false)], NOW);
    assert!(roster.to_dial(&config(FULL)).is_empty());
    let dials = FULL.replace("  - name: nodes\n", "  - name: nodes\n    dial: true\n");
    let remote = "10.1.0.1:179".parse().unwrap();
    assert_eq!(roster.to_dial(&config(&dials)), [Known { remote, local: listener() }]);
    let anywhere = dials.replace("127.0.0.1:1179", "0.0.0.0:1179");
    assert_eq!(roster.to_dial(&config(&anywhere)).len(), 2);
}

#[test]
fn what_is_no_roster_is_ignored_and_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passwd");
    std::fs::write(&path, "root:x:0:0::/root:/bin/sh\n").unwrap();
    for path in [path.as_path(), folder.path(), Path::new("/dev/zero")] {
        let mut roster = Roster::load(path, NOW);
        assert!(!roster.is_known());
        assert!(roster.observe(&[node(1)], NOW));
        assert_eq!(roster.to_write(NOW), None, "{}", path.display());
    }
}

#[test]
fn a_damaged_roster_counts_as_none_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.json");
    let mut roster = Roster::load(&path, NOW);
    roster.observe(&[node(1), node(2)], NOW);
    let (_, good) = roster.to_write(NOW).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    // Every cut of it, and what a later version or a hand may have left.
    let mut bad: Vec<Vec<u8>> = (0..good.len() - 1).map(|len| good[..len].to_vec()).collect();
    bad.push(text.replace("\"version\":1", "\"version\":2").into());
    bad.push(text.replace("10.1.0.1", "10.1.0.x").into());
    bad.push(text.replace("[{", "{").into());
    for octets in bad {
        std::fs::write(&path, &octets).unwrap();
        let roster = Roster::load(&path, NOW);
        assert_eq!((roster.is_known(), roster.len()), (false, 0));
        let is_ours = octets.is_empty() || octets.starts_with(HEAD);
        assert_eq!(roster.to_write(NOW).is_some(), is_ours);
    }
    // A family that nobody knows yet, and a field: the rest is good.
    let newer = text.replace("\"ipv4-unicast\"", "\"ipv4-unicast\",\"evpn\"");
    std::fs::write(&path, newer).unwrap();
    let roster = Roster::load(&path, NOW);
    assert!(roster.is_known());
    assert_eq!(roster.expected(&config(FULL), NOW)[0].1, V4);
}

#[test]
fn a_writing_that_fails_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.json");
    replace(&path, b"old").unwrap();
    std::fs::create_dir(folder.path().join("roster.json.new")).unwrap();
    assert!(replace(&path, b"new").is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    std::fs::remove_dir(folder.path().join("roster.json.new")).unwrap();
    replace(&path, b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    assert!(replace(Path::new("/nowhere/roster.json"), b"x").is_err());
}

#[test]
fn the_bound_on_peers_keeps_those_that_were_seen_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.json");
    let mut roster = Roster::load(&path, NOW);
    let shared = node(0);
    let many = |from: u32, n: u32| -> Vec<PeerStatus> {
        let at = |n: u32| SocketAddr::from((std::net::Ipv4Addr::from_bits(0x0a01_0000 + n), 1));
        (from..from + n).map(|n| PeerStatus { addr: at(n), ..shared.clone() }).collect()
    };
    let max = u32::try_from(ROSTER_PEERS_MAX).unwrap();
    roster.observe(&many(0, 100), NOW);
    roster.observe(&many(100, max), NOW + 1);
    assert_eq!(roster.len(), ROSTER_PEERS_MAX);
    assert!(roster.peers.values().all(|entry| entry.last_seen == NOW + 1));
    let (_, octets) = roster.to_write(NOW + 1).unwrap();
    assert!((octets.len() as u64) < ROSTER_BYTES_MAX / 3, "{} octets", octets.len());
    written(&roster, NOW + 1);
    assert_eq!(Roster::load(&path, NOW + 2).len(), ROSTER_PEERS_MAX);
    // And who has not come for long is forgotten.
    assert!(roster.observe(&[node(1)], NOW + 2 + MEMORY.as_secs()));
    assert_eq!(roster.len(), 1);
}

#[test]
fn a_file_beyond_the_bound_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.json");
    let mut roster = Roster::load(&path, NOW);
    roster.observe(&[node(1)], NOW);
    let (_, octets) = roster.to_write(NOW).unwrap();
    let file = File::create(&path).unwrap();
    (&file).write_all(&octets).unwrap();
    // Blanks behind JSON are JSON; a hole reads as zeros, which are not.
    file.set_len(ROSTER_BYTES_MAX + 1).unwrap();
    assert!(!Roster::load(&path, NOW).is_known());
}
