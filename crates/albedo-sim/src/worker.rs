//! A shard with its mailbox, and what it shares with readers: the engine's worker without threads.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use albedo_rib::{GroupKey, Input, Limits, Log, Output, Segment, Shard};
use albedo_types::{Family, GroupId, Instant, PeerId};
use bytes::Bytes;

/// A claim that holds no tombstone back.
pub const NO_CLAIM: u64 = u64::MAX;

/// A group and its log in each shard.
#[derive(Debug)]
pub struct SimGroup {
    /// Its number; never given to another key.
    pub id: GroupId,
    /// What makes it.
    pub key: GroupKey,
    /// One log for each shard.
    pub logs: Vec<RefCell<Log<Arc<Segment>>>>,
}

/// The groups that somebody holds.
#[derive(Debug, Default)]
pub struct Groups {
    by_key: Vec<(GroupKey, Weak<SimGroup>)>,
    next: u32,
}

impl Groups {
    /// The group of a key; a new one if nobody holds it.
    pub fn of(&mut self, key: GroupKey, shards: usize) -> Rc<SimGroup> {
        self.by_key.retain(|(_, group)| group.strong_count() > 0);
        let known = self.by_key.iter().find(|(other, _)| *other == key);
        if let Some(group) = known.and_then(|(_, group)| group.upgrade()) {
            return group;
        }
        let id = GroupId(self.next);
        self.next += 1;
        let logs = (0..shards).map(|_| RefCell::default()).collect();
        let group = Rc::new(SimGroup { id, key: key.clone(), logs });
        self.by_key.push((key, Rc::downgrade(&group)));
        group
    }

    /// How many somebody holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.iter().filter(|(_, group)| group.strong_count() > 0).count()
    }

    /// Whether nobody holds one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a worker leaves for a reader.
#[derive(Debug)]
pub enum Post {
    /// From the base.
    Start {
        /// The log's group.
        group: GroupId,
        /// End of what belongs to the initial table.
        end_seq: u64,
        /// Voids what was published before.
        epoch: u32,
    },
    /// Messages for the reader alone.
    Chunk {
        /// Which question they answer.
        request: u32,
        /// The messages.
        bytes: Bytes,
        /// Where to go on.
        done: Option<u64>,
        /// Table version seen then.
        version: u64,
    },
}

/// What a reader and one shard share, for one family.
#[derive(Debug)]
pub struct SharedLane {
    claim: Cell<u64>,
    /// Whether the reader has said nothing since the worker sent it somewhere.
    held: Cell<bool>,
    epoch: Cell<u32>,
    /// What waits for the reader.
    pub posts: RefCell<VecDeque<Post>>,
}

impl Default for SharedLane {
    fn default() -> Self {
        Self {
            claim: Cell::new(NO_CLAIM),
            held: Cell::new(false),
            epoch: Cell::new(0),
            posts: RefCell::default(),
        }
    }
}

impl SharedLane {
    fn hold(&self, version: u64) {
        self.claim.set(self.claim.get().min(version));
        self.held.set(true);
    }

    fn send_back(&self, version: u64) -> u32 {
        self.hold(version);
        self.epoch.set(self.epoch.get() + 1);
        self.epoch.get()
    }

    /// The reader says how far it has come.
    pub fn publish(&self, epoch: u32, version: u64) {
        if epoch == self.epoch.get() {
            self.claim.set(version);
            self.held.set(false);
        }
    }

    fn put(&self, post: Post) {
        let mut posts = self.posts.borrow_mut();
        match post {
            Post::Start { .. } => posts.clear(),
            Post::Chunk { .. } => posts.retain(|old| matches!(old, Post::Start { .. })),
        }
        posts.push_back(post);
    }
}

/// What a session and all shards share.
#[derive(Debug)]
pub struct SharedReader {
    /// The peer.
    pub peer: PeerId,
    /// By family and shard.
    pub lanes: [Vec<SharedLane>; Family::COUNT],
    /// Shards that have forgotten the peer; one count for all of its sessions.
    pub forgotten: Rc<Cell<usize>>,
}

impl SharedReader {
    /// A reader that no shard knows yet.
    #[must_use]
    pub fn new(peer: PeerId, shards: usize, forgotten: Rc<Cell<usize>>) -> Self {
        let lanes = || (0..shards).map(|_| SharedLane::default()).collect();
        Self { peer, lanes: [lanes(), lanes()], forgotten }
    }
}

/// What a mailbox holds.
#[derive(Debug)]
pub enum Letter {
    /// A session came up.
    Up(Rc<SharedReader>, Input),
    /// A session joins a group.
    Join(Rc<SimGroup>, Input),
    /// Anything else.
    Input(Input),
}

#[derive(Debug)]
struct Member {
    group: Rc<SimGroup>,
    readers: Vec<Rc<SharedReader>>,
    version: u64,
}

/// A shard and its mailbox.
#[derive(Debug)]
pub struct Worker {
    id: usize,
    /// The shard.
    pub shard: Shard,
    /// Letters that wait.
    pub mailbox: VecDeque<Letter>,
    readers: BTreeMap<PeerId, Rc<SharedReader>>,
    groups: BTreeMap<GroupId, Member>,
    limits: Limits,
}

impl Worker {
    /// An empty shard.
    #[must_use]
    pub fn new(id: usize, seed: u64, limits: Limits) -> Self {
        Self {
            id,
            shard: Shard::new(seed, limits),
            mailbox: VecDeque::new(),
            readers: BTreeMap::new(),
            groups: BTreeMap::new(),
            limits,
        }
    }

    /// Takes up to `letters` letters as one batch, and does a bounded piece of slow work.
    /// The peers that are forgotten now.
    pub fn turn(&mut self, letters: usize, now: Instant) -> Vec<Rc<SharedReader>> {
        let mut forgotten = Vec::new();
        for _ in 0..letters {
            let Some(letter) = self.mailbox.pop_front() else { break };
            self.apply(letter, now, &mut forgotten);
        }
        let mut out = Vec::new();
        if self.shard.has_changes() {
            self.shard.flush(now, &mut out);
        }
        self.shard.step(now, &mut out);
        self.deliver(out);
        forgotten
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.mailbox.is_empty() && !self.shard.has_work() && !self.shard.has_changes()
    }

    fn apply(&mut self, letter: Letter, now: Instant, forgotten: &mut Vec<Rc<SharedReader>>) {
        let mut out = Vec::new();
        let input = match letter {
            Letter::Up(reader, input) => {
                self.readers.insert(reader.peer, reader);
                input
            }
            Letter::Join(group, input) => {
                if let Input::Join { peer, from, .. } = &input {
                    self.join(group, *peer, from.map(|resume| resume.position.version));
                }
                input
            }
            Letter::Input(input) => input,
        };
        if let Input::PeerDown { peer } | Input::PeerLost { peer, .. } = &input {
            for member in self.groups.values_mut() {
                member.readers.retain(|other| other.peer != *peer);
            }
        }
        if let Input::PeerDown { peer } = &input {
            forgotten.extend(self.readers.remove(peer));
        }
        self.shard.apply(input, now, &mut out);
        self.deliver(out);
    }

    fn join(&mut self, group: Rc<SimGroup>, peer: PeerId, from: Option<u64>) {
        let Some(reader) = self.readers.get(&peer).map(Rc::clone) else { return };
        if let Some(version) = from {
            reader.lanes[group.key.family.index()][self.id].hold(version);
        }
        for member in self.groups.values_mut() {
            if member.group.key.family == group.key.family {
                member.readers.retain(|other| other.peer != peer);
            }
        }
        let fresh = || Member { group: Rc::clone(&group), readers: Vec::new(), version: 0 };
        self.groups.entry(group.id).or_insert_with(fresh).readers.push(reader);
    }

    fn deliver(&mut self, out: Vec<Output>) {
        for output in out {
            self.deliver_one(output);
        }
    }

    fn deliver_one(&mut self, output: Output) {
        match output {
            Output::Open { group, version } => {
                let member = self.groups.get_mut(&group).expect("joined before it is opened");
                *member.group.logs[self.id].borrow_mut() = Log::starting_at(version);
                member.version = version;
            }
            Output::Append { group, segment } => {
                let member = self.groups.get_mut(&group).expect("nothing is told to nobody");
                member.version = segment.version;
                member.group.logs[self.id].borrow_mut().append(Arc::new(segment));
            }
            Output::Rebase { group, base, version, seq, grace } => {
                self.check_base(&base);
                let base = base.into_iter().map(Arc::new).collect();
                let member = &self.groups[&group];
                member.group.logs[self.id].borrow_mut().rebase(base, version, seq, grace);
            }
            Output::Start { peer, group, end_seq } => {
                let member = &self.groups[&group];
                let version = member.group.logs[self.id].borrow().base().version;
                let lane = self.lane(peer, member);
                let epoch = lane.send_back(version);
                lane.put(Post::Start { group, end_seq, epoch });
            }
            Output::CatchUp { peer, group, request, version, bytes, done } => {
                let bound = self.limits.catch_up_chunk_bytes + CHUNK_SLACK_BYTES;
                assert!(bytes.len() <= bound, "a chunk of {} bytes", bytes.len());
                let lane = self.lane(peer, &self.groups[&group]);
                lane.put(Post::Chunk { request, bytes, done, version });
            }
            Output::Close { group } => {
                let member = self.groups.remove(&group).expect("open until it is closed");
                assert!(member.readers.is_empty(), "closed with the last member");
                *member.group.logs[self.id].borrow_mut() = Log::default();
            }
        }
    }

    fn lane(&self, peer: PeerId, member: &Member) -> &SharedLane {
        &self.readers[&peer].lanes[member.group.key.family.index()][self.id]
    }

    fn check_base(&self, base: &[Segment]) {
        for segment in base {
            let bound = self.limits.base_segment_bytes + BASE_SLACK_BYTES;
            assert!(
                segment.bytes().len() <= bound,
                "a base's segment of {}",
                segment.bytes().len()
            );
            assert!(!segment.bytes().is_empty(), "a base's segment with nothing in it");
        }
    }

    /// Removes the tombstones that nobody needs any more.
    pub fn bury(&mut self) {
        for family in Family::ALL {
            let members = self.groups.values().filter(|member| member.group.key.family == family);
            let seen = members.flat_map(|member| {
                member.readers.iter().map(|reader| {
                    let lane = &reader.lanes[family.index()][self.id];
                    let claim = lane.claim.get();
                    if claim >= member.version && !lane.held.get() { NO_CLAIM } else { claim }
                })
            });
            let seen = seen.min().unwrap_or(NO_CLAIM);
            self.shard.bury(family, seen);
        }
    }

    /// Bytes and superseded bytes of a group's log.
    pub fn logs(&self) -> impl Iterator<Item = (&GroupKey, usize)> {
        self.groups
            .values()
            .map(|member| (&member.group.key, member.group.logs[self.id].borrow().cost()))
    }
}

/// The routes of one prefix more than a chunk is meant to have, with the largest block of the pool.
const CHUNK_SLACK_BYTES: usize = 16 * 4300;
/// One message more than a base's segment is meant to have.
const BASE_SLACK_BYTES: usize = 4300;
