//! A node and its session: what it announces goes to mailboxes, what it reads makes its table.
//!
//! Everything that the engine's port decides is decided here by the same [`Follower`]; what is
//! left out is bytes in flight: a node takes whole messages, as many as the script says.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use albedo_rib::{At, Follower, GroupKey, Input, Keep, PeerInfo, Resume, Segment, State};
use albedo_types::{Family, PeerId};
use bytes::Bytes;

use crate::naive::{self, Session};
use crate::table::{self, Route, Table};
use crate::worker::{Letter, Post, SharedReader, SimGroup, Worker};

/// What is to be said once the lanes of a family have come far enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sync {
    #[default]
    Idle,
    /// End-of-RIB; whether a refresh was asked for meanwhile.
    Initial { refresh: bool },
    /// The end of a refresh; whether another one was asked for meanwhile.
    Refresh { again: bool },
}

#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    taken: usize,
    done: Option<u64>,
    version: u64,
}

#[derive(Debug)]
struct Lane {
    family: Family,
    shard: usize,
    group: Rc<SimGroup>,
    follower: Follower,
    chunk: Option<Chunk>,
    epoch: u32,
}

/// A node whose session is up.
#[derive(Debug)]
pub struct Node {
    /// Names the session for the naive reflector.
    pub session: Session,
    /// What the shards know of it.
    pub info: PeerInfo,
    /// What it was told.
    pub table: Table,
    /// Whether it reads at all.
    pub stalled: bool,
    /// End-of-RIB markers it got, by family.
    pub ends: [u32; Family::COUNT],
    /// Refreshes that came to their end.
    pub refreshed: u32,
    /// Messages that it read.
    pub messages: u64,
    /// Chunks that it was sent alone.
    pub chunks: u64,
    /// What it held when it asked for a family again, and was not told of since; a peer that
    /// speaks enhanced refresh drops these at the end (RFC 7313 §4).
    stale: BTreeSet<Route>,
    reader: Rc<SharedReader>,
    lanes: Vec<Lane>,
    syncs: [Sync; Family::COUNT],
    next_lane: usize,
}

/// A node whose session is lost, and that may come back.
#[derive(Debug)]
pub struct Away {
    /// Names the node for the naive reflector.
    pub session: Session,
    /// What the shards know of it.
    pub info: PeerInfo,
    /// Its index in the shards.
    pub peer: PeerId,
    forgotten: Rc<Cell<usize>>,
}

impl Away {
    /// Nobody that the shards have met before.
    #[must_use]
    pub fn new(session: Session, info: PeerInfo, peer: PeerId) -> Self {
        Self { session, info, peer, forgotten: Rc::default() }
    }

    /// Its End-of-RIB, or a timer.
    pub fn tell(&self, input: &Input, workers: &mut [Worker]) {
        for worker in workers {
            worker.mailbox.push_back(Letter::Input(input.clone()));
        }
    }

    /// It does not come back.
    pub fn down(self, workers: &mut [Worker]) {
        self.tell(&Input::PeerDown { peer: self.peer }, workers);
    }
}

impl Node {
    /// A session that is up, and the letters that say so.
    pub fn up(away: Away, info: PeerInfo, workers: &mut [Worker]) -> Self {
        let Away { session, peer, forgotten, .. } = away;
        let reader = Rc::new(SharedReader::new(peer, workers.len(), forgotten));
        for worker in workers {
            let input = Input::PeerUp { peer, info };
            worker.mailbox.push_back(Letter::Up(Rc::clone(&reader), input));
        }
        Self {
            session,
            info,
            table: Table::default(),
            stalled: false,
            ends: [0; Family::COUNT],
            refreshed: 0,
            messages: 0,
            chunks: 0,
            stale: BTreeSet::new(),
            reader,
            lanes: Vec::new(),
            syncs: [Sync::Idle; Family::COUNT],
            next_lane: 0,
        }
    }

    /// The node's index in the shards.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.reader.peer
    }

    /// The key of the group it reads, if it reads the family.
    #[must_use]
    pub fn key(&self, family: Family) -> Option<GroupKey> {
        self.lanes.iter().find(|lane| lane.family == family).map(|lane| lane.group.key.clone())
    }

    /// Joins the group of a key.
    pub fn join(&mut self, group: &Rc<SimGroup>, workers: &mut [Worker]) {
        let family = group.key.family;
        let promised = self.syncs[family.index()] != Sync::Idle;
        if self.lanes.iter().any(|lane| lane.family == family) {
            for lane in self.lanes.iter_mut().filter(|lane| lane.family == family) {
                let resume = lane.follower.move_over(promised);
                lane.chunk = None;
                lane.group = Rc::clone(group);
                send_join(self.reader.peer, group, Some(resume), &mut workers[lane.shard]);
            }
            return;
        }
        self.syncs[family.index()] = Sync::Initial { refresh: false };
        for (shard, worker) in workers.iter_mut().enumerate() {
            send_join(self.reader.peer, group, None, worker);
            self.lanes.push(Lane {
                family,
                shard,
                group: Rc::clone(group),
                follower: Follower::default(),
                chunk: None,
                epoch: 0,
            });
        }
    }

    /// Asks for a family again.
    pub fn refresh(&mut self, family: Family, workers: &mut [Worker]) {
        match &mut self.syncs[family.index()] {
            Sync::Initial { refresh } => *refresh = true,
            Sync::Refresh { again } => *again = true,
            idle @ Sync::Idle => {
                if !self.lanes.iter().any(|lane| lane.family == family) {
                    return;
                }
                *idle = Sync::Refresh { again: false };
                let of = |(prefix, _): &&Route| naive::family(*prefix) == family;
                self.stale.extend(self.table.keys().filter(of));
                for lane in self.lanes.iter_mut().filter(|lane| lane.family == family) {
                    lane.follower.await_start();
                    let input = Input::Refresh { peer: self.reader.peer, family };
                    workers[lane.shard].mailbox.push_back(Letter::Input(input));
                }
            }
        }
    }

    /// Reads up to `budget` messages; whether there was anything to do.
    pub fn read(&mut self, budget: usize, workers: &mut [Worker]) -> bool {
        let mut left = budget;
        let mut moved = false;
        for n in 0..self.lanes.len() {
            let n = (self.next_lane + n) % self.lanes.len();
            moved |= self.take_posts(n, workers);
            moved |= self.read_lane(n, &mut left, workers);
        }
        self.next_lane += 1;
        for family in Family::ALL {
            self.finish_sync(family, workers);
        }
        moved
    }

    fn tell(&self, n: usize, input: Input, workers: &mut [Worker]) {
        workers[self.lanes[n].shard].mailbox.push_back(Letter::Input(input));
    }

    fn ask(&self, n: usize, question: Option<Resume>, workers: &mut [Worker]) {
        let (peer, family) = (self.reader.peer, self.lanes[n].family);
        if let Some(from) = question {
            self.tell(n, Input::CatchUp { peer, family, from }, workers);
        }
    }

    fn take_posts(&mut self, n: usize, workers: &mut [Worker]) -> bool {
        let lane = &mut self.lanes[n];
        let shared = &self.reader.lanes[lane.family.index()][lane.shard];
        let posts = std::mem::take(&mut *shared.posts.borrow_mut());
        let any = !posts.is_empty();
        for post in posts {
            let lane = &mut self.lanes[n];
            match post {
                Post::Start { group, end_seq, epoch } => {
                    lane.epoch = epoch;
                    if group == lane.group.id {
                        let base = lane.group.logs[lane.shard].borrow().base();
                        lane.chunk = None;
                        let question = lane.follower.start(base, end_seq);
                        self.ask(n, question, workers);
                    }
                }
                Post::Chunk { request, bytes, done, version } => {
                    if lane.follower.expects(request) && lane.chunk.is_none() {
                        self.chunks += 1;
                        lane.chunk = Some(Chunk { bytes, taken: 0, done, version });
                    }
                }
            }
        }
        any
    }

    fn read_lane(&mut self, n: usize, left: &mut usize, workers: &mut [Worker]) -> bool {
        let mut moved = false;
        loop {
            let progress = match self.lanes[n].follower.state() {
                State::New | State::Waiting => false,
                State::CatchingUp => self.read_chunk(n, left, workers),
                State::Reading => self.read_log(n, left, workers),
            };
            if !progress {
                return moved;
            }
            moved = true;
        }
    }

    fn read_chunk(&mut self, n: usize, left: &mut usize, workers: &mut [Worker]) -> bool {
        let lane = &mut self.lanes[n];
        let Some(mut chunk) = lane.chunk.take() else { return false };
        while chunk.taken < chunk.bytes.len() {
            if *left == 0 {
                lane.chunk = Some(chunk);
                return false;
            }
            *left -= 1;
            let message = &chunk.bytes[chunk.taken..];
            let len = table::message_len(message);
            check_len(&lane.group.key, len);
            let ids = lane.group.key.paths.have_ids();
            told(&mut self.table, &mut self.stale, &message[..len], ids);
            self.messages += 1;
            chunk.taken += len;
        }
        lane.follower.take_chunk(chunk.done, chunk.version);
        match chunk.done {
            Some(_) => self.publish(n),
            None => {
                let (peer, family) = (self.reader.peer, lane.family);
                self.tell(n, Input::More { peer, family }, workers);
            }
        }
        true
    }

    fn publish(&self, n: usize) {
        let lane = &self.lanes[n];
        let position = lane.follower.position();
        if position.complete {
            let shared = &self.reader.lanes[lane.family.index()][lane.shard];
            shared.publish(lane.epoch, position.version);
        }
    }

    /// One segment, or what is allowed of it.
    fn read_log(&mut self, n: usize, left: &mut usize, workers: &mut [Worker]) -> bool {
        let lane = &mut self.lanes[n];
        let group = Rc::clone(&lane.group);
        let log = group.logs[lane.shard].borrow();
        match log.at(lane.follower.cursor()) {
            At::Behind => {
                let question = lane.follower.fell_behind();
                self.ask(n, question, workers);
                false
            }
            At::End => {
                lane.follower.reach_end(log.end_seq(), log.version());
                self.publish(n);
                false
            }
            At::Segment(segment, next) => {
                let view = view(segment, self.reader.peer, lane.follower.skip());
                let taken = self.take_messages(n, &view, left);
                let lane = &mut self.lanes[n];
                if taken < view.len() {
                    let skip = lane.follower.skip() + u32::try_from(taken).expect("short");
                    lane.follower.stands_within(lane.follower.cursor(), skip);
                    return false;
                }
                lane.follower.pass(next, segment.version);
                lane.follower.note_synced();
                self.publish(n);
                true
            }
        }
    }

    fn take_messages(&mut self, n: usize, view: &[u8], left: &mut usize) -> usize {
        let mut taken = 0;
        while taken < view.len() && *left > 0 {
            *left -= 1;
            let len = table::message_len(&view[taken..]);
            check_len(&self.lanes[n].group.key, len);
            let ids = self.lanes[n].group.key.paths.have_ids();
            told(&mut self.table, &mut self.stale, &view[taken..taken + len], ids);
            self.messages += 1;
            taken += len;
        }
        taken
    }

    fn finish_sync(&mut self, family: Family, workers: &mut [Worker]) {
        let state = self.syncs[family.index()];
        let mut lanes = self.lanes.iter().filter(|lane| lane.family == family);
        if state == Sync::Idle || !lanes.all(|lane| lane.follower.is_synced()) {
            return;
        }
        self.syncs[family.index()] = Sync::Idle;
        let again = match state {
            Sync::Idle => false,
            Sync::Initial { refresh } => {
                self.ends[family.index()] += 1;
                refresh
            }
            Sync::Refresh { again } => {
                self.refreshed += 1;
                let left = self.stale.iter().find(|(prefix, _)| naive::family(*prefix) == family);
                assert_eq!(left, None, "a refresh leaves something out");
                again
            }
        };
        if again {
            self.refresh(family, workers);
        }
    }

    /// Whether every lane stands at the end of its log and nothing is owed.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        self.lanes.iter().all(|lane| {
            let log = lane.group.logs[lane.shard].borrow();
            lane.follower.state() == State::Reading
                && matches!(log.at(lane.follower.cursor()), At::End)
        }) && self.syncs == [Sync::Idle; Family::COUNT]
    }

    /// The session is lost, and of each family this is kept.
    pub fn lose(self, keep: [Keep; Family::COUNT], workers: &mut [Worker]) -> Away {
        let peer = self.reader.peer;
        let forgotten = Rc::clone(&self.reader.forgotten);
        let away = Away { session: self.session, info: self.info, peer, forgotten };
        away.tell(&Input::PeerLost { peer, keep }, workers);
        away
    }

    /// The session is gone.
    pub fn down(self, workers: &mut [Worker]) {
        for worker in workers {
            let input = Input::PeerDown { peer: self.reader.peer };
            worker.mailbox.push_back(Letter::Input(input));
        }
    }
}

fn send_join(peer: PeerId, group: &Rc<SimGroup>, from: Option<Resume>, worker: &mut Worker) {
    let input = Input::Join { peer, group: group.id, key: group.key.clone(), from };
    worker.mailbox.push_back(Letter::Join(Rc::clone(group), input));
}

fn told(table: &mut Table, stale: &mut BTreeSet<Route>, message: &[u8], ids: bool) {
    let effect = table::apply(table, message, ids);
    for route in effect.announced.iter().chain(&effect.withdrawn) {
        stale.remove(route);
    }
}

fn view(segment: &Segment, peer: PeerId, skip: u32) -> Vec<u8> {
    let mut view = Vec::new();
    segment.view(peer, skip, |range| view.extend_from_slice(&segment.bytes()[range]));
    view
}

fn check_len(key: &GroupKey, len: usize) {
    let limit = key.message_len_max as usize;
    assert!(len <= limit, "a message of {len} octets for a receiver that takes {limit}");
}
