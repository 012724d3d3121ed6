//! The port against a worker that the test plays.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use albedo_rib::{LongLivedExport, Segment};
use albedo_types::{ClusterId, GroupId, RouterId};

use super::*;
use crate::engine::EngineConfig;
use crate::log::SharedLog;
use crate::mailbox::{Mailbox, Received};
use crate::reader::{Chunk, Post, SharedLane};

pub(super) const FAMILY: Family = Family::Ipv4Unicast;
pub(super) const MESSAGE: usize = 23;

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) struct Played {
    pub(super) port: PeerPort,
    mailboxes: Vec<Mailbox<Letter>>,
    group: Arc<SharedGroup>,
}

fn key() -> GroupKey {
    GroupKey {
        family: FAMILY,
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
    }
}

/// An UPDATE by its length, as far as the port looks.
fn message() -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend([0, u8::try_from(MESSAGE).expect("short"), 2, 0, 0, 0, 0]);
    message
}

/// A segment of this many messages.
pub(super) fn segment(messages: usize, version: u64) -> Segment {
    let mut builder = albedo_rib::segment::SegmentBuilder::default();
    for _ in 0..messages {
        builder.out.extend(message());
    }
    builder.finish(version, Instant::ZERO, false)
}

impl Played {
    pub(super) fn new(shards: usize) -> Self {
        let config = EngineConfig { shards, ..EngineConfig::default() };
        let (shared, mailboxes) = Shared::new(&config);
        let info = PeerInfo {
            addr: Ipv4Addr::new(10, 0, 0, 1).into(),
            router_id: RouterId::new(1).expect("not zero"),
            role: PeerRole::Client,
        };
        let peer = shared.readers.allocate();
        let mut port = PeerPort::new(Arc::clone(&shared), peer, info);
        port.join(key());
        let group = Arc::clone(&port.lanes[0].group);
        let mut played = Self { port, mailboxes, group };
        assert_eq!(played.poll(), 0);
        played
    }

    /// What there is to write, all of which the socket takes.
    pub(super) fn poll(&mut self) -> usize {
        let pieces = self.gather();
        let bytes = pieces.iter().map(|piece| piece.bytes.len()).sum();
        for piece in pieces {
            self.port.written(piece, clock::now());
        }
        bytes
    }

    pub(super) fn gather(&mut self) -> Vec<Piece> {
        let waker = Waker::from(Arc::new(Count(AtomicUsize::new(0))));
        let mut pieces = Vec::new();
        let _ = self.port.poll_output(&mut Context::from_waker(&waker), &mut pieces, clock::now());
        pieces
    }

    pub(super) fn log(&self, shard: usize) -> &SharedLog {
        &self.group.logs[shard]
    }

    pub(super) fn lane(&self, shard: usize) -> &SharedLane {
        self.port.reader.lane(FAMILY, ShardId(u32::try_from(shard).expect("few")))
    }

    pub(super) fn start(&self, shard: usize) {
        let epoch = self.lane(shard).send_back(0);
        self.lane(shard).put(Post::Start { group: self.group.id, end_seq: 0, epoch });
    }

    /// Starts all lanes, and has the port take what that brings.
    pub(super) fn start_all(&mut self) {
        for shard in 0..self.mailboxes.len() {
            self.log(shard).open(0);
            self.start(shard);
        }
        while self.poll() > 0 {}
    }

    fn letters(&mut self, shard: usize) -> Vec<Letter> {
        let mailbox = &mut self.mailboxes[shard];
        let next = || match mailbox.try_receive() {
            Received::Letter(letter) => Some(letter),
            Received::Timeout | Received::Closed => None,
        };
        std::iter::from_fn(next).collect()
    }

    fn questions(&mut self, shard: usize) -> Vec<Resume> {
        let question = |letter| match letter {
            Letter::Input { input: Input::CatchUp { from, .. }, .. } => Some(from),
            _ => None,
        };
        self.letters(shard).into_iter().filter_map(question).collect()
    }
}

#[test]
fn leaving_tells_each_shard_once() {
    let played = Played::new(2);
    let Played { port, mailboxes, group } = played;
    port.leave();
    drop(group);
    for mut mailbox in mailboxes {
        let mut downs = 0;
        while let Received::Letter(letter) = mailbox.try_receive() {
            downs +=
                usize::from(matches!(letter, Letter::Input { input: Input::PeerDown { .. }, .. }));
        }
        assert_eq!(downs, 1, "a second one would be the end of whoever has the index next");
    }
}

#[test]
fn lost_peer_waits_for_no_channel() {
    // One shard has heard of the peer and its channel is full, the other one has not heard of it.
    let config = EngineConfig { shards: 2, mailbox_letters_max: 2, ..EngineConfig::default() };
    let (shared, mut mailboxes) = Shared::new(&config);
    let info = PeerInfo {
        addr: Ipv4Addr::new(10, 0, 0, 1).into(),
        router_id: RouterId::new(1).expect("not zero"),
        role: PeerRole::Client,
    };
    let other = Letter::Input { input: Input::PeerDown { peer: PeerId(9) }, at: Instant::ZERO };
    for _ in 0..2 {
        let Letter::Input { input, at } = &other else { unreachable!() };
        shared.mailboxes[1].send_blocking(Letter::Input { input: input.clone(), at: *at });
    }
    let peer = shared.readers.allocate();
    let mut port = PeerPort::new(Arc::clone(&shared), peer, info);
    port.join(key());
    let waker = Waker::from(Arc::new(Count(AtomicUsize::new(0))));
    assert!(port.poll_flush(&mut Context::from_waker(&waker)).is_pending());
    let reader = Arc::clone(&port.reader);
    drop(port);
    let kinds = |mailbox: &mut Mailbox<Letter>| {
        let mut kinds = Vec::new();
        while let Received::Letter(letter) = mailbox.try_receive() {
            kinds.push(match letter {
                Letter::Up { .. } => "up",
                Letter::Join { .. } => "join",
                Letter::Input { input: Input::PeerDown { peer }, .. } if peer.0 == 9 => "other",
                Letter::Input { input: Input::PeerDown { .. }, .. } => "down",
                letter => panic!("{letter:?}"),
            });
        }
        kinds
    };
    assert_eq!(kinds(&mut mailboxes[0]), ["up", "join", "down"]);
    assert_eq!(kinds(&mut mailboxes[1]), ["other", "other"]);
    assert_eq!(shared.readers.len(), 1, "the first shard has still to forget it");
    shared.forgotten(&reader);
    assert_eq!(shared.readers.len(), 0);
}

#[test]
fn empty_last_chunk_is_followed_by_what_lies_behind_it() {
    let mut played = Played::new(1);
    played.start_all();
    // A base takes the place of what it is about to read.
    played.log(0).append(segment(1, 1), Instant::ZERO);
    played.log(0).rebase(vec![segment(1, 1)], 1, 1, 0);
    assert_eq!(played.poll(), 0);
    let questions = played.questions(0);
    assert_eq!(questions.len(), 1);
    // The answer is that nothing concerns it; behind it lies a segment whose wake-up is over.
    let chunk = Chunk { bytes: Bytes::new(), done: Some(1), version: 1 };
    played.lane(0).put(Post::Chunk { request: questions[0].request, chunk });
    played.log(0).append(segment(2, 2), Instant::ZERO);
    assert_eq!(played.poll(), 2 * MESSAGE);
}

#[test]
fn blocked_peer_is_waited_for_in_no_log() {
    let mut played = Played::new(2);
    played.start_all();
    let first = played.log(0).append(segment(3, 1), Instant::ZERO).0;
    let mut pieces = played.gather();
    assert_eq!(pieces.len(), 1);
    let other = played.log(1).append(segment(1, 1), Instant::ZERO).0;
    assert!(first.is_outstanding() && other.is_outstanding());
    let rest = played.port.blocked(std::mem::take(&mut pieces), MESSAGE + 5, clock::now());
    assert_eq!(rest.map(|rest| rest.len()), Some(MESSAGE - 5), "the rest of the second message");
    assert!(!first.is_outstanding() && !other.is_outstanding());
    assert!(!played.log(1).append(segment(1, 2), Instant::ZERO).0.is_outstanding());
    // The third message of the first, and two segments of the other log.
    assert_eq!(played.poll(), 3 * MESSAGE);
    assert_eq!(played.poll(), 0);
    let next = played.log(0).append(segment(1, 2), Instant::ZERO).0;
    assert!(next.is_outstanding(), "it has come to the ends again");
    assert_eq!(played.poll(), MESSAGE);
    assert!(!next.is_outstanding());
}

#[test]
fn reader_that_is_behind_counts_in_nothing_that_is_left() {
    let mut played = Played::new(1);
    played.start_all();
    let gone = played.log(0).append(segment(1, 1), Instant::ZERO).0;
    let left = played.log(0).append(segment(1, 2), Instant::ZERO).0;
    let last = played.log(0).rebase(vec![segment(1, 1)], 1, 1, 0);
    assert!(last.is_some_and(|last| Arc::ptr_eq(&last, &left)), "what a round is measured by");
    assert!(gone.is_outstanding() && left.is_outstanding());
    assert_eq!(played.poll(), 0);
    assert!(!left.is_outstanding(), "nobody else would bring it to zero");
}

#[test]
fn start_of_another_group_is_ignored() {
    let mut played = Played::new(1);
    played.log(0).open(0);
    played.log(0).append(segment(1, 1), Instant::ZERO);
    let epoch = played.lane(0).send_back(0);
    played.lane(0).put(Post::Start { group: GroupId(99), end_seq: 0, epoch });
    assert_eq!(played.poll(), 0);
    played.start(0);
    assert_eq!(played.poll(), MESSAGE);
}

#[test]
fn start_that_nobody_asked_for_leaves_the_reader_where_it_says_it_is() {
    let mut played = Played::new(1);
    played.start_all();
    played.log(0).append(segment(1, 1), Instant::ZERO);
    assert_eq!(played.poll(), MESSAGE);
    assert_eq!(played.lane(0).claim(1), crate::reader::NO_CLAIM);
    played.start(0);
    assert_eq!(played.poll(), 0);
    assert_eq!(played.lane(0).claim(1), crate::reader::NO_CLAIM, "it would be cut off for it");
}

#[test]
fn joining_the_same_group_again_asks_the_shards_nothing() {
    let mut played = Played::new(2);
    played.start_all();
    for shard in 0..2 {
        played.letters(shard);
    }
    played.port.join(key());
    assert!(!played.port.is_backed_up(), "nothing to say");
    played.log(0).append(segment(2, 1), Instant::ZERO);
    assert_eq!(played.poll(), 2 * MESSAGE);
}

#[test]
fn partial_write_goes_on_where_the_message_ends_also_after_a_new_base() {
    let mut played = Played::new(1);
    played.start_all();
    played.log(0).append(segment(4, 1), Instant::ZERO);
    let pieces = played.gather();
    let rest = played.port.blocked(pieces, 2 * MESSAGE, clock::now());
    assert_eq!(rest, None, "a message ends there");
    assert_eq!(played.poll(), 2 * MESSAGE);
    played.log(0).append(segment(4, 2), Instant::ZERO);
    let pieces = played.gather();
    let rest = played.port.blocked(pieces, MESSAGE + 1, clock::now());
    assert_eq!(rest.map(|rest| rest.len()), Some(MESSAGE - 1));
    played.log(0).rebase(vec![segment(1, 2)], 2, 2, 0);
    assert_eq!(played.poll(), 0, "the rest of the segment is in the answer");
    let questions = played.questions(0);
    assert_eq!(questions.len(), 1);
    assert_eq!((questions[0].position.version, questions[0].position.complete), (1, true));
}
