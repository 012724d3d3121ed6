//! A port that is lost and comes back, with the test in the place of the workers.

use std::task::{Context, Waker};

use albedo_rib::{GroupKey, Keep, LongLivedExport};
use albedo_types::{ClusterId, Ipv4Prefix, PathId, PeerRole, RouterId};

use super::*;
use crate::engine::{EngineConfig, Shared};
use crate::mailbox::{Mailbox, Received};
use crate::partition::Partition as _;
use crate::reader::Post;

const KEEP: [Keep; Family::COUNT] = [Keep::Fresh; Family::COUNT];

fn info() -> PeerInfo {
    let router_id = RouterId::new(1).expect("not zero");
    PeerInfo { addr: [10, 0, 0, 1].into(), router_id, role: PeerRole::Client }
}

fn key() -> GroupKey {
    GroupKey {
        family: Family::Ipv4Unicast,
        role: PeerRole::Client,
        cluster_id: ClusterId(1),
        as4: true,
        message_len_max: 4096,
        external: None,
        next_hop: None,
        long_lived: LongLivedExport::Told,
        no_llgr_on_hosts: false,
        policy: None,
        paths: albedo_rib::Paths::Best,
    }
}

fn port(letters_max: usize) -> (PeerPort, Vec<Mailbox<Letter>>) {
    let config =
        EngineConfig { shards: 2, mailbox_letters_max: letters_max, ..EngineConfig::default() };
    let (shared, mailboxes) = Shared::new(&config);
    let peer = shared.readers.allocate();
    (PeerPort::new(shared, peer, info()), mailboxes)
}

fn flush(port: &mut PeerPort) -> bool {
    port.poll_flush(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn kinds(mailbox: &mut Mailbox<Letter>) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    while let Received::Letter(letter) = mailbox.try_receive() {
        kinds.push(match letter {
            Letter::Up { .. } => "up",
            Letter::Join { .. } => "join",
            Letter::Input { input: Input::Routes { .. }, .. } => "routes",
            Letter::Input { input: Input::PeerLost { .. }, .. } => "lost",
            Letter::Input { input: Input::Sweep { .. }, .. } => "sweep",
            Letter::Input { input: Input::LongLived { .. }, .. } => "long-lived",
            Letter::Input { input: Input::PeerDown { .. }, .. } => "down",
            letter => panic!("{letter:?}"),
        });
    }
    kinds
}

#[test]
fn g2_what_was_read_before_the_loss_goes_in_before_it() {
    let (mut port, mut mailboxes) = port(16);
    port.join(key());
    let prefix = Ipv4Prefix::from_bits(0x0a00_0000, 24).expect("at most 32");
    port.route_v4(PathId(0), prefix, None);
    assert!(port.lose(KEEP));
    port.long_lived(Family::Ipv4Unicast);
    port.come_back(info());
    port.sweep(Family::Ipv4Unicast);
    port.join(key());
    assert!(flush(&mut port));
    let with = prefix.shard(2).index();
    let expected = ["up", "join", "routes", "lost", "long-lived", "up", "sweep", "join"];
    assert_eq!(kinds(&mut mailboxes[with]), expected);
    let without: Vec<&str> = expected.into_iter().filter(|kind| *kind != "routes").collect();
    assert_eq!(kinds(&mut mailboxes[1 - with]), without);
}

#[test]
fn next_session_gets_nothing_that_was_left_for_the_last_one() {
    let (mut port, _mailboxes) = port(16);
    port.join(key());
    let old = Arc::clone(&port.reader);
    assert!(port.lose(KEEP));
    // The worker has not read yet that the session is lost.
    let lane = old.lane(Family::Ipv4Unicast, ShardId(0));
    lane.put(Post::Start { group: albedo_types::GroupId(0), end_seq: 0, epoch: 1 });
    port.come_back(info());
    assert!(lane.has_post());
    assert!(!port.reader.lane(Family::Ipv4Unicast, ShardId(0)).has_post());
    assert_eq!(port.peer(), old.peer);
}

#[test]
fn index_of_a_peer_that_is_away_is_not_free_until_it_is_gone_for_good() {
    let (mut port, mut mailboxes) = port(16);
    let shared = Arc::clone(&port.shared);
    port.join(key());
    assert!(flush(&mut port));
    assert!(port.lose(KEEP));
    assert!(flush(&mut port));
    assert_eq!(shared.readers.len(), 1);
    assert_ne!(shared.readers.allocate(), port.peer());
    // It comes back, and one shard hears of it when it is lost for good.
    port.come_back(info());
    let first = Arc::clone(&port.reader);
    drop(port);
    for mailbox in &mut mailboxes {
        assert_eq!(kinds(mailbox), ["up", "join", "lost", "down"], "it was known, so it goes");
    }
    shared.forgotten(&first.back());
    assert_eq!(shared.readers.len(), 1);
    shared.forgotten(&first);
    assert_eq!(shared.readers.len(), 0, "one count for all sessions");
}

#[test]
fn a_lost_peer_that_no_shard_has_heard_of_leaves_nothing() {
    let (mut port, mut mailboxes) = port(16);
    let shared = Arc::clone(&port.shared);
    assert!(port.lose(KEEP));
    port.come_back(info());
    drop(port);
    assert!(mailboxes.iter_mut().all(|mailbox| kinds(mailbox).is_empty()));
    assert_eq!(shared.readers.len(), 0);
}

#[test]
fn whoever_comes_and_goes_while_a_shard_hangs_is_kept_up_to_a_bound() {
    let (mut port, _mailboxes) = port(1);
    let mut losses = 0;
    while port.lose(KEEP) {
        port.come_back(info());
        assert!(!flush(&mut port));
        losses += 1;
        assert!(losses <= LETTERS_KEPT_MAX);
        assert!(port.letters.iter().all(|letters| letters.len() <= LETTERS_KEPT_MAX + 1));
    }
    assert_eq!(losses, LETTERS_KEPT_MAX / 2, "two letters for each");
}
