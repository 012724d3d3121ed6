//! What a shard writes while a session rests, and how the session goes on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use albedo_rib::segment::SegmentBuilder;
use albedo_types::{Instant, ShardId};

use super::super::tests::{FAMILY, MESSAGE, Played, segment};
use super::*;
use crate::direct::serve;
use crate::log::Tracked;

/// A socket with so much room.
#[derive(Debug)]
struct Room {
    left: AtomicUsize,
    taken: AtomicUsize,
    ends: Mutex<Vec<usize>>,
}

impl Outlet for Room {
    fn offer(&self, messages: &[u8]) -> usize {
        let taken = messages.len().min(self.left.load(Ordering::Relaxed));
        self.left.fetch_sub(taken, Ordering::Relaxed);
        let total = self.taken.fetch_add(taken, Ordering::Relaxed) + taken;
        self.ends.lock().expect("one thread").push(total);
        taken
    }
}

/// A session that rests, with two shards, and its socket.
fn resting(room: usize) -> (Played, Arc<Room>) {
    let mut played = Played::new(2);
    let left = AtomicUsize::new(room);
    let socket = Arc::new(Room { left, taken: AtomicUsize::new(0), ends: Mutex::default() });
    played.port.set_outlet(Arc::<Room>::clone(&socket));
    played.start_all();
    played.port.rest();
    assert!(played.port.resting);
    (played, socket)
}

/// Appends three messages to a shard's log, and offers them to the reader; whether it was served.
fn append(played: &Played, shard: usize, version: u64) -> (Arc<Tracked>, bool) {
    let (tracked, seq) = played.log(shard).append(segment(3, version), Instant::ZERO);
    let served = offer(played, shard, &tracked, seq);
    (tracked, served)
}

fn offer(played: &Played, shard: usize, tracked: &Tracked, seq: u64) -> bool {
    let id = ShardId(u32::try_from(shard).expect("few"));
    serve(&played.port.reader, played.log(shard), id, tracked, seq)
}

#[test]
fn who_rests_is_served_by_each_shard_and_goes_on_behind_it() {
    let (mut played, socket) = resting(usize::MAX);
    for (shard, version) in [(0, 1), (1, 1), (0, 2)] {
        let (tracked, served) = append(&played, shard, version);
        assert!(served);
        assert!(!tracked.is_outstanding());
        assert_eq!(played.lane(shard).version(), version, "published");
    }
    assert_eq!(socket.taken.load(Ordering::Relaxed), 9 * MESSAGE);
    assert_eq!(played.poll(), 0, "nothing is written twice");
    assert!(!append(&played, 0, 3).1, "it turns");
    assert_eq!(played.poll(), 3 * MESSAGE);
    assert_eq!(played.poll(), 0);
    played.port.rest();
    assert!(append(&played, 0, 4).1);
}

#[test]
fn who_owes_something_does_not_rest() {
    let (mut played, _) = resting(usize::MAX);
    played.port.control(Bytes::from_static(&[0; 19]));
    assert!(!played.port.resting);
    played.port.rest();
    assert!(!append(&played, 0, 1).1, "the message is to go first");
    played.port.rest();
    assert!(!append(&played, 0, 2).1);
    assert_eq!(played.poll(), 19 + 6 * MESSAGE);
    assert_eq!(played.poll(), 0);
    played.port.refresh(FAMILY, true);
    played.port.rest();
    assert!(!append(&played, 1, 1).1, "BoRR is to go first");
}

#[test]
fn who_lies_behind_is_not_served() {
    let (mut played, socket) = resting(usize::MAX);
    let (first, seq) = played.log(0).append(segment(1, 1), Instant::ZERO);
    let (second, next) = played.log(0).append(segment(1, 2), Instant::ZERO);
    assert!(!offer(&played, 0, &second, next), "the first is missing");
    assert!(offer(&played, 0, &first, seq));
    assert!(offer(&played, 0, &second, next));
    played.start(0);
    assert!(!append(&played, 0, 3).1, "it is led to the base");
    assert!(append(&played, 1, 1).1);
    assert_eq!(played.poll(), 3 * MESSAGE);
    assert_eq!(socket.taken.load(Ordering::Relaxed), 5 * MESSAGE);
}

#[test]
fn full_socket_is_the_sessions_business() {
    for (room, begun, left) in [
        (0, None, 3 * MESSAGE),
        (MESSAGE, None, 2 * MESSAGE),
        (MESSAGE + 5, Some(MESSAGE - 5), MESSAGE),
        (2 * MESSAGE + 1, Some(MESSAGE - 1), 0),
    ] {
        let (mut played, socket) = resting(room);
        let other = played.log(1).append(segment(1, 1), Instant::ZERO).0;
        let (tracked, served) = append(&played, 0, 1);
        assert!(!served, "{room}");
        socket.left.store(usize::MAX, Ordering::Relaxed);
        assert!(!append(&played, 1, 2).1, "nothing may be written between: {room}");
        assert_eq!(played.port.take_begun().map(|rest| rest.len()), begun, "{room}");
        assert!(!tracked.is_outstanding() && !other.is_outstanding(), "not waited for");
        assert_eq!(played.poll(), left + 4 * MESSAGE, "{room}");
        assert_eq!(played.poll(), 0);
        played.port.rest();
        assert!(append(&played, 0, 2).1, "{room}");
    }
}

#[test]
fn own_routes_are_stepped_over() {
    let (mut played, socket) = resting(usize::MAX);
    let peer = played.port.peer();
    // Its own alone, behind another's, and between those of others.
    for (version, before, after) in [(1, 0, 0), (2, 1, 0), (3, 1, 1)] {
        let mut builder = SegmentBuilder::default();
        let message = segment(1, 1).bytes().to_vec();
        for _ in 0..before {
            builder.out.extend(&message);
        }
        let start = builder.out.len();
        builder.out.extend(&message);
        builder.own_run(peer, start);
        for _ in 0..after {
            builder.out.extend(&message);
        }
        let segment = builder.finish(version, Instant::ZERO, false);
        let (tracked, seq) = played.log(0).append(segment, Instant::ZERO);
        let served = offer(&played, 0, &tracked, seq);
        assert_eq!(served, after == 0, "two pieces are the session's business");
    }
    assert_eq!(*socket.ends.lock().expect("one thread"), [MESSAGE], "one write");
    assert_eq!(played.poll(), 2 * MESSAGE);
}

#[test]
fn nothing_is_written_once_the_outlet_is_withdrawn() {
    let (mut played, socket) = resting(usize::MAX);
    assert_eq!(played.port.withdraw_outlet(), None);
    played.port.rest();
    assert!(!append(&played, 0, 1).1);
    assert_eq!(Arc::strong_count(&socket), 1);
    let (mut played, socket) = resting(MESSAGE + 1);
    assert!(!append(&played, 0, 1).1);
    assert_eq!(played.port.withdraw_outlet().map(|rest| rest.len()), Some(MESSAGE - 1));
    assert_eq!(Arc::strong_count(&socket), 1);
}
