//! What a session and the shards share about one reader: how far it has come, and its post.
//!
//! One *lane* for each family and shard.
//! The session publishes its position there; the worker reads it to know which tombstones nobody
//! needs any more, and leaves starts and catch-up chunks.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use albedo_types::{Family, GroupId, Instant, PeerId, ShardId};
use atomic_waker::AtomicWaker;
use bytes::Bytes;

use crate::direct::Direct;

/// What a worker leaves for a reader; one of each at most is under way.
#[derive(Debug)]
pub(crate) enum Post {
    /// Read the log from its base; the initial table lies before this number of the tail.
    Start { group: GroupId, end_seq: u64, epoch: u16 },
    /// Write these, if they answer the last question.
    Chunk { request: u32, chunk: Chunk },
}

/// Messages for one reader alone.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    /// Behind the last chunk the reader goes on with this number of the tail.
    pub(crate) done: Option<u64>,
    /// Table version that it has seen then.
    pub(crate) version: u64,
}

/// Posts that can wait in a lane: a start and the answer to the last question.
pub(crate) const LANE_POSTS_MAX: usize = 2;

/// The version that stands for "makes no claim on tombstones".
pub(crate) const NO_CLAIM: u64 = (1 << 47) - 1;
/// Set while the reader has published nothing since the worker sent it somewhere.
const HELD: u64 = 1 << 47;

/// One lane of a reader.
#[derive(Debug)]
pub(crate) struct SharedLane {
    /// Epoch (16 bits), [`HELD`] and version (47 bits).
    position: AtomicU64,
    /// One more than the group whose log is read; 0 for none.
    group: AtomicU32,
    post: Mutex<Vec<Post>>,
    has_post: AtomicBool,
    /// Where the reader stands in the tail, and the table's version there; both are valid while
    /// it rests, and written under the lock of its [`Direct`] only.
    place: AtomicU64,
    place_version: AtomicU64,
    /// Since when it has all that its log has, in nanoseconds; [`NOT_UP_TO_DATE`] while it lacks
    /// something.
    up_to_date: AtomicU64,
}

/// Stands for no time.
const NOT_UP_TO_DATE: u64 = u64::MAX;

impl Default for SharedLane {
    fn default() -> Self {
        Self {
            position: AtomicU64::new(NO_CLAIM),
            group: AtomicU32::new(0),
            post: Mutex::default(),
            has_post: AtomicBool::new(false),
            place: AtomicU64::new(0),
            place_version: AtomicU64::new(0),
            up_to_date: AtomicU64::new(NOT_UP_TO_DATE),
        }
    }
}

impl SharedLane {
    /// Where the reader stands, if it rests and is not led elsewhere.
    pub(crate) fn place(&self) -> Option<u64> {
        let held = self.position.load(Ordering::Acquire) & HELD != 0;
        (!held).then(|| self.place.load(Ordering::Relaxed))
    }

    /// Where the reader that rested stands, and at which version.
    pub(crate) fn last_place(&self) -> (u64, u64) {
        (self.place.load(Ordering::Relaxed), self.place_version.load(Ordering::Relaxed))
    }

    /// The reader is about to rest.
    pub(crate) fn rest_at(&self, seq: u64, version: u64) {
        self.place.store(seq, Ordering::Relaxed);
        self.place_version.store(version, Ordering::Relaxed);
    }

    /// The worker has written what lies before `seq` for a reader that rests.
    pub(crate) fn served_to(&self, seq: u64, version: u64) {
        self.rest_at(seq, version);
        let epoch = (self.position.load(Ordering::Acquire) >> 48) as u16;
        self.publish(epoch, version);
    }

    /// The reader has all that its log has since then, or lacks something.
    pub(crate) fn set_up_to_date(&self, since: Option<Instant>) {
        let nanos = since.map_or(NOT_UP_TO_DATE, Instant::as_nanos);
        self.up_to_date.store(nanos, Ordering::Release);
    }

    /// Since when it has all that its log has.
    pub(crate) fn up_to_date(&self) -> Option<Instant> {
        let nanos = self.up_to_date.load(Ordering::Acquire);
        (nanos != NOT_UP_TO_DATE).then(|| Instant::from_nanos(nanos))
    }

    /// The version up to which the reader has seen everything that it may be asked to undo.
    pub(crate) fn version(&self) -> u64 {
        self.position.load(Ordering::Acquire) & NO_CLAIM
    }

    /// The version up to which the reader needs no tombstones, where `last` is the version of the
    /// last segment of its log.
    ///
    /// Whoever has read the whole log lacks nothing that its group was told.
    pub(crate) fn claim(&self, last: u64) -> u64 {
        let position = self.position.load(Ordering::Acquire);
        let version = position & NO_CLAIM;
        if position & HELD == 0 && version >= last { NO_CLAIM } else { version }
    }

    /// The worker leads the reader into another log; until it says that it is there, it may have
    /// to undo what it was told before.
    pub(crate) fn hold(&self, version: u64) {
        let held = |position: u64| {
            let version = (position & NO_CLAIM).min(version);
            Some(position & !(HELD | NO_CLAIM) | HELD | version)
        };
        let _ = self.position.fetch_update(Ordering::AcqRel, Ordering::Acquire, held);
    }

    pub(crate) fn set_group(&self, group: GroupId) {
        self.group.store(group.0 + 1, Ordering::Release);
    }

    /// The worker sends the reader to a base; what the reader publishes of its place before is
    /// void.
    pub(crate) fn send_back(&self, version: u64) -> u16 {
        let epoch = |position: u64| ((position >> 48) as u16).wrapping_add(1);
        let sent = |position: u64| {
            let version = (position & NO_CLAIM).min(version);
            Some(u64::from(epoch(position)) << 48 | HELD | version)
        };
        let old = self.position.fetch_update(Ordering::AcqRel, Ordering::Acquire, sent);
        epoch(old.unwrap_or_else(|position| position))
    }

    /// The reader publishes its place, unless the worker has sent it back meanwhile.
    pub(crate) fn publish(&self, epoch: u16, version: u64) {
        let new = u64::from(epoch) << 48 | version.min(NO_CLAIM - 1);
        let mut old = self.position.load(Ordering::Relaxed);
        while (old >> 48) as u16 == epoch && old != new {
            match self.position.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    pub(crate) fn put(&self, post: Post) {
        let mut waiting = self.post.lock().expect("no panic while held");
        match post {
            // What was under way before a start is overtaken by it.
            Post::Start { .. } => waiting.clear(),
            // Only the answer to the last question counts.
            Post::Chunk { .. } => waiting.retain(|old| matches!(old, Post::Start { .. })),
        }
        waiting.push(post);
        debug_assert!(waiting.len() <= LANE_POSTS_MAX);
        self.has_post.store(true, Ordering::Release);
    }

    pub(crate) fn has_post(&self) -> bool {
        self.has_post.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> Vec<Post> {
        let mut waiting = self.post.lock().expect("no panic while held");
        self.has_post.store(false, Ordering::Release);
        std::mem::take(&mut *waiting)
    }
}

/// A reader.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) peer: PeerId,
    pub(crate) waker: AtomicWaker,
    /// Set when the reader fell so far behind that its session must end.
    pub(crate) cut_off: AtomicBool,
    /// Shards that have forgotten the peer; one count for all of its sessions.
    pub(crate) forgotten: Arc<AtomicU32>,
    /// Whether the shards know the peer from an earlier session.
    pub(crate) is_back: bool,
    /// What the session lends to the shards while it rests.
    pub(crate) direct: Mutex<Direct>,
    lanes: Box<[SharedLane]>,
    shards: usize,
}

impl Reader {
    pub(crate) fn new(peer: PeerId, shards: usize) -> Self {
        Self {
            peer,
            waker: AtomicWaker::new(),
            cut_off: AtomicBool::new(false),
            forgotten: Arc::default(),
            is_back: false,
            direct: Mutex::default(),
            lanes: (0..Family::COUNT * shards).map(|_| SharedLane::default()).collect(),
            shards,
        }
    }

    /// The reader of the peer's next session: what was left for this one is nothing to that.
    pub(crate) fn back(&self) -> Self {
        let forgotten = Arc::clone(&self.forgotten);
        Self { forgotten, is_back: true, ..Self::new(self.peer, self.shards) }
    }

    /// How far the reader has come in a group's log, if it reads that.
    pub(crate) fn reads(&self, group: GroupId, family: Family, shard: ShardId) -> Option<u64> {
        let lane = self.lane(family, shard);
        (lane.group.load(Ordering::Acquire) == group.0 + 1).then(|| lane.version())
    }

    pub(crate) fn lane(&self, family: Family, shard: ShardId) -> &SharedLane {
        &self.lanes[family.index() * self.shards + shard.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_before_being_sent_back_is_void() {
        let lane = SharedLane::default();
        assert_eq!(lane.version(), NO_CLAIM);
        let first = lane.send_back(3);
        lane.publish(first, 7);
        assert_eq!(lane.version(), 7);
        let second = lane.send_back(5);
        lane.publish(first, 9);
        assert_eq!(lane.version(), 5, "it may hold more, but says so no more");
        lane.publish(second, 6);
        assert_eq!(lane.version(), 6);
        lane.send_back(8);
        assert_eq!(lane.version(), 6, "what it lacks before the base is still to be told");
    }

    #[test]
    fn reader_under_way_claims_what_it_may_have_to_undo() {
        let lane = SharedLane::default();
        lane.hold(3);
        assert_eq!(lane.claim(2), 3, "held, although the log ends before");
        lane.publish(0, 4);
        assert_eq!(lane.claim(4), NO_CLAIM);
        assert_eq!(lane.claim(5), 4);
        let epoch = lane.send_back(9);
        assert_eq!(lane.claim(2), 4);
        lane.publish(epoch, 9);
        assert_eq!(lane.claim(9), NO_CLAIM);
    }

    #[test]
    fn a_start_overtakes_the_chunk_under_way() {
        let lane = SharedLane::default();
        let chunk = |request| Post::Chunk {
            request,
            chunk: Chunk { bytes: Bytes::new(), done: None, version: 0 },
        };
        lane.put(chunk(1));
        lane.put(Post::Start { group: GroupId(0), end_seq: 0, epoch: 1 });
        assert!(lane.has_post());
        for request in 2..20 {
            lane.put(chunk(request));
        }
        let posts = lane.take();
        assert!(matches!(posts[..], [Post::Start { .. }, Post::Chunk { request: 19, .. }]));
        assert_eq!(posts.len(), LANE_POSTS_MAX);
        assert!(!lane.has_post());
    }
}
