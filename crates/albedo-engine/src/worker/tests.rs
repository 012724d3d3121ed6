use std::net::Ipv4Addr;
use std::sync::Arc;

use albedo_rib::{AttrSet, LongLivedExport, Parts, PeerInfo, RouteBatch, Summary};
use albedo_types::{ClusterId, Ipv4Prefix, PathId, PeerRole, RouterId};

use super::*;
use crate::engine::EngineConfig;

mod query;
mod watch;

fn worker(letters: usize) -> (Worker, Arc<Shared>) {
    let config = EngineConfig { mailbox_letters_max: letters, ..EngineConfig::default() };
    let (shared, mut mailboxes) = Shared::new(&config);
    let mailbox = mailboxes.pop().expect("one shard");
    (Worker::new(ShardId(0), Arc::clone(&shared), mailbox, 1, Limits::default()), shared)
}

fn up(peer: PeerId) -> Letter {
    reader_up(&Arc::new(Reader::new(peer, 1)))
}

fn reader_up(reader: &Arc<Reader>) -> Letter {
    let peer = reader.peer;
    let info = PeerInfo {
        addr: Ipv4Addr::new(10, 0, 0, 1).into(),
        router_id: RouterId::new(1).expect("not zero"),
        role: PeerRole::Client,
    };
    Letter::Up { reader: Arc::clone(reader), input: Input::PeerUp { peer, info } }
}

fn route(peer: PeerId, n: u32) -> Letter {
    let parts = Parts {
        family: Family::Ipv4Unicast,
        summary: Summary::default(),
        external: false,
        cluster: ClusterId(1),
        block: &[],
        mp_next_hop: None,
    };
    let set = Arc::new(AttrSet::new(&parts));
    let mut batch = RouteBatch::default();
    batch.note(Family::Ipv4Unicast, Some(&set));
    batch.v4.push((PathId(0), Ipv4Prefix::from_bits(n << 8, 24).expect("a prefix")));
    Letter::Input { input: Input::Routes { peer, batch }, at: Instant::ZERO }
}

#[test]
fn every_letter_of_a_channel_fuller_than_a_batch_is_applied() {
    let letters = 4 * BATCH_LETTERS_MAX + 7;
    let (mut worker, shared) = worker(letters + 1);
    shared.mailboxes[0].send_blocking(up(PeerId(0)));
    for n in 0..letters {
        shared.mailboxes[0].send_blocking(route(PeerId(0), u32::try_from(n).expect("few")));
    }
    while shared.mailboxes[0].len() > 0 {
        assert!(worker.turn());
    }
    assert_eq!(worker.shard.stats(Family::Ipv4Unicast).prefixes, letters);
}

#[test]
fn a_stop_ends_the_worker_after_what_stood_before_it() {
    let (mut worker, shared) = worker(8);
    for letter in [up(PeerId(0)), route(PeerId(0), 1), Letter::Stop] {
        shared.mailboxes[0].send_blocking(letter);
    }
    assert!(!worker.turn());
    assert_eq!(worker.shard.stats(Family::Ipv4Unicast).prefixes, 1);
}

#[test]
fn start_meant_for_a_lost_peer_is_not_that_of_who_bears_its_index_next() {
    let (mut worker, shared) = worker(16);
    let send = |letter| shared.mailboxes[0].send_blocking(letter);
    let key = albedo_rib::GroupKey {
        family: Family::Ipv4Unicast,
        role: PeerRole::Client,
        cluster_id: ClusterId(1),
        as4: true,
        message_len_max: 4096,
        external: None,
        next_hop: None,
        long_lived: LongLivedExport::default(),
        no_llgr_on_hosts: false,
        policy: None,
        paths: albedo_rib::Paths::Best,
    };
    let peer = PeerId(1);
    let group = shared.groups.of(key.clone(), 1, &shared.stats);
    let join = || {
        let input = Input::Join { peer, group: group.id, key: key.clone(), from: None };
        Letter::Join { group: Arc::clone(&group), input }
    };
    let input = |input| Letter::Input { input, at: Instant::ZERO };
    let readers = [Arc::new(Reader::new(peer, 1)), Arc::new(Reader::new(peer, 1))];
    let lanes = readers.each_ref().map(|reader| reader.lane(Family::Ipv4Unicast, ShardId(0)));
    send(up(PeerId(0)));
    send(route(PeerId(0), 1));
    worker.turn();
    send(reader_up(&readers[0]));
    send(join());
    while !lanes[0].has_post() {
        worker.turn();
    }
    assert!(matches!(lanes[0].take()[..], [Post::Start { .. }]));
    // All in one batch: asked for again, answered, lost, and another one joins the empty group.
    send(input(Input::Refresh { peer, family: Family::Ipv4Unicast }));
    send(input(Input::PeerDown { peer }));
    send(reader_up(&readers[1]));
    send(join());
    worker.turn();
    assert!(lanes[0].has_post(), "the answer went to who asked");
    assert!(!lanes[1].has_post(), "the new group's base is still to be written");
    while !lanes[1].has_post() {
        worker.turn();
    }
    assert!(matches!(lanes[1].take()[..], [Post::Start { .. }]));
}

/// A socket that takes everything.
#[derive(Debug)]
struct Sink;

impl crate::Outlet for Sink {
    fn offer(&self, messages: &[u8]) -> usize {
        messages.len()
    }
}

/// A client that is up, has come to the end of its log, and rests.
fn resting(worker: &mut Worker, shared: &Arc<Shared>) -> crate::PeerPort {
    let info = PeerInfo {
        addr: Ipv4Addr::new(10, 0, 0, 2).into(),
        router_id: RouterId::new(2).expect("not zero"),
        role: PeerRole::Client,
    };
    let peer = shared.readers.allocate();
    let mut port = crate::PeerPort::new(Arc::clone(shared), peer, info);
    port.set_outlet(Arc::new(Sink));
    port.join(albedo_rib::GroupKey {
        family: Family::Ipv4Unicast,
        role: PeerRole::Client,
        cluster_id: ClusterId(1),
        as4: true,
        message_len_max: 4096,
        external: None,
        next_hop: None,
        long_lived: LongLivedExport::default(),
        no_llgr_on_hosts: false,
        policy: None,
        paths: albedo_rib::Paths::Best,
    });
    write(worker, &mut port);
    port.rest();
    port
}

/// Lets both turn until there is nothing to write; how many octets there were.
fn write(worker: &mut Worker, port: &mut crate::PeerPort) -> usize {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut octets = 0;
    for _ in 0..4 {
        let mut pieces = Vec::new();
        let _ = port.poll_output(&mut cx, &mut pieces, Instant::ZERO);
        octets += pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        pieces.into_iter().for_each(|piece| port.written(piece, Instant::ZERO));
        if worker.mailbox.has_letters() {
            worker.turn();
        }
    }
    octets
}

#[test]
fn small_change_is_written_by_the_shard_and_a_large_one_by_the_session() {
    let (mut worker, shared) = worker(64);
    let mut port = resting(&mut worker, &shared);
    let other = PeerId(7);
    shared.mailboxes[0].send_blocking(up(other));
    shared.mailboxes[0].send_blocking(route(other, 1));
    assert!(worker.turn());
    let served = || shared.stats.shards[0].served.load(Ordering::Relaxed);
    assert_eq!(served(), 1);
    assert_eq!(write(&mut worker, &mut port), 0, "all is written");
    port.rest();
    // More prefixes than a short segment holds.
    let mut batch = RouteBatch::default();
    let Letter::Input { input: Input::Routes { batch: one, .. }, .. } = route(other, 2) else {
        unreachable!()
    };
    let set = one.items[0].attrs.clone().expect("announced");
    batch.note(Family::Ipv4Unicast, Some(&set));
    for n in 2..2 + u32::try_from(DIRECT_BYTES_MAX).expect("small") {
        batch.v4.push((PathId(0), Ipv4Prefix::from_bits(n << 8, 24).expect("a prefix")));
        batch.items[0].count = n - 1;
    }
    let input = Input::Routes { peer: other, batch };
    shared.mailboxes[0].send_blocking(Letter::Input { input, at: Instant::ZERO });
    assert!(worker.turn());
    assert_eq!(served(), 1);
    assert!(write(&mut worker, &mut port) > DIRECT_BYTES_MAX, "the log is read");
}

#[test]
fn shard_that_has_something_to_do_leaves_writing_to_the_sessions() {
    let letters = 2 * BATCH_LETTERS_MAX;
    let (mut worker, shared) = worker(letters + 8);
    let mut port = resting(&mut worker, &shared);
    let other = PeerId(7);
    shared.mailboxes[0].send_blocking(up(other));
    for n in 0..letters {
        shared.mailboxes[0].send_blocking(route(other, u32::try_from(n).expect("few")));
    }
    assert!(worker.turn());
    assert!(worker.mailbox.has_letters());
    assert_eq!(shared.stats.shards[0].served.load(Ordering::Relaxed), 0);
    assert!(write(&mut worker, &mut port) > 0, "the log is read");
}
