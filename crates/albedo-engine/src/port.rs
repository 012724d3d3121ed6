//! What a session holds of the engine: the way in for its routes, and its cursors.
//!
//! In: routes are sorted into one batch for each shard; `poll_flush` puts the batches into the
//! shards' channels, and while one of them is full the session does not read its socket.
//! Out: `poll_output` gathers what lies behind the cursors, many segments of several shards at a
//! time; the session writes them with one vectored write and says what the socket took.
//! Bytes are never copied; of a message that the socket took in part, only the rest is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use albedo_rib::attrs::AttrSet;
use albedo_rib::{GroupKey, Input, PeerInfo, Resume, RouteBatch};
use albedo_types::{Family, Instant, Ipv4Prefix, Ipv6Prefix, PathId, PeerId, PeerRole, ShardId};
use albedo_wire::route_refresh::Subtype;
use bytes::Bytes;

use crate::clock;
use crate::engine::Shared;
use crate::group::SharedGroup;
use crate::mailbox::{Sent, Waiter};
use crate::partition::Partition;
use crate::reader::Reader;
use crate::worker::Letter;

mod away;
mod lane;
mod output;
mod rest;

pub use away::LETTERS_KEPT_MAX;
use lane::Lane;
pub(crate) use output::message_end;
pub use output::{GATHER_BYTES_MAX, GATHER_PIECES_MAX, Piece};

/// Routes in one letter to a shard.
pub const BATCH_KEYS_MAX: usize = 512;

/// A peer's end of the engine; dropping it is the loss of the peer.
#[derive(Debug)]
pub struct PeerPort {
    shared: Arc<Shared>,
    reader: Arc<Reader>,
    established: Instant,
    batches: Box<[RouteBatch]>,
    /// Whether there may be something in the batches or letters.
    has_input: bool,
    read_at: Instant,
    letters: Box<[VecDeque<Letter>]>,
    /// Where a channel was full once.
    waiters: Box<[Option<Arc<Waiter>>]>,
    lanes: Vec<Lane>,
    syncs: [Sync; Family::COUNT],
    control: VecDeque<Piece>,
    next_lane: usize,
    /// Whether there is an outlet, which shards may use while the session rests.
    has_outlet: bool,
    /// Whether the session rests.
    resting: bool,
    /// The rest of a message that a shard has begun.
    begun: Option<Bytes>,
}

/// What is to be said once the lanes of a family have come far enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sync {
    /// Nothing.
    #[default]
    Idle,
    /// End-of-RIB (RFC 4724 §2); whether a refresh came meanwhile, and if it is an enhanced one.
    Initial { refresh: Option<bool> },
    /// The end of a refresh; whether it is enhanced (RFC 7313 §4), and another one came meanwhile.
    Refresh { enhanced: bool, again: bool },
}

impl PeerPort {
    pub(crate) fn new(shared: Arc<Shared>, peer: PeerId, info: PeerInfo) -> Self {
        let shards = shared.shards();
        let reader = Arc::new(Reader::new(peer, shards));
        shared.readers.insert(peer, Arc::clone(&reader));
        let mut port = Self {
            reader,
            established: clock::now(),
            batches: (0..shards).map(|_| RouteBatch::default()).collect(),
            has_input: false,
            read_at: Instant::ZERO,
            letters: (0..shards).map(|_| VecDeque::new()).collect(),
            waiters: (0..shards).map(|_| None).collect(),
            lanes: Vec::new(),
            syncs: [Sync::Idle; Family::COUNT],
            control: VecDeque::new(),
            next_lane: 0,
            has_outlet: false,
            resting: false,
            begun: None,
            shared,
        };
        port.tell_all(|port| Letter::Up {
            reader: Arc::clone(&port.reader),
            input: Input::PeerUp { peer, info },
        });
        port
    }

    /// The peer's index.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.reader.peer
    }

    /// The attribute sets shared by all sessions.
    #[must_use]
    pub fn interner(&self) -> &crate::Interner {
        &self.shared.interner
    }

    /// Whether the peer fell too far behind: the session is to be ended (Cease, out of resources).
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.reader.cut_off.load(std::sync::atomic::Ordering::Acquire)
    }

    fn tell_all(&mut self, letter: impl Fn(&Self) -> Letter) {
        for shard in 0..self.letters.len() {
            let letter = letter(self);
            self.seal(shard);
            self.letters[shard].push_back(letter);
            self.has_input = true;
        }
    }

    fn tell(&mut self, shard: ShardId, input: Input) {
        self.seal(shard.index());
        let at = clock::now();
        self.letters[shard.index()].push_back(Letter::Input { input, at });
        self.has_input = true;
    }

    // Way in.

    /// Notes when the bytes that follow were read from the socket.
    pub fn read_at(&mut self, now: Instant) {
        self.read_at = now;
    }

    /// Announces an IPv4 prefix with a set, or withdraws it.
    pub fn route_v4(&mut self, path_id: PathId, key: Ipv4Prefix, attrs: Option<&Arc<AttrSet>>) {
        self.has_input = true;
        let shard = key.shard(self.batches.len()).index();
        let batch = &mut self.batches[shard];
        batch.note(Family::Ipv4Unicast, attrs);
        batch.v4.push((path_id, key));
        if batch.len() >= BATCH_KEYS_MAX {
            self.seal(shard);
        }
    }

    /// Announces an IPv6 prefix with a set, or withdraws it.
    pub fn route_v6(&mut self, path_id: PathId, key: Ipv6Prefix, attrs: Option<&Arc<AttrSet>>) {
        self.has_input = true;
        let shard = key.shard(self.batches.len()).index();
        let batch = &mut self.batches[shard];
        batch.note(Family::Ipv6Unicast, attrs);
        batch.v6.push((path_id, key));
        if batch.len() >= BATCH_KEYS_MAX {
            self.seal(shard);
        }
    }

    fn seal(&mut self, shard: usize) {
        let batch = &mut self.batches[shard];
        if batch.is_empty() {
            return;
        }
        let batch = std::mem::take(batch);
        let input = Input::Routes { peer: self.reader.peer, batch };
        self.letters[shard].push_back(Letter::Input { input, at: self.read_at });
    }

    /// Whether letters wait for space in a channel: the session does not read until they are in.
    #[must_use]
    pub fn is_backed_up(&self) -> bool {
        self.letters.iter().any(|letters| !letters.is_empty())
    }

    /// Puts everything into the shards' channels; `Pending` while one is full.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_input {
            return Poll::Ready(());
        }
        let mut full = false;
        for shard in 0..self.letters.len() {
            self.seal(shard);
            let letters = &mut self.letters[shard];
            while let Some(letter) = letters.pop_front() {
                let waiter = &mut self.waiters[shard];
                match self.shared.mailboxes[shard].try_send(letter, waiter, cx) {
                    Sent::Yes | Sent::Gone => {}
                    Sent::Full(letter) => {
                        letters.push_front(letter);
                        full = true;
                        let counter = &self.shared.stats.channel_full;
                        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        break;
                    }
                }
            }
            if letters.is_empty() && letters.capacity() > 16 {
                letters.shrink_to(4);
            }
        }
        self.has_input = full;
        if full { Poll::Pending } else { Poll::Ready(()) }
    }

    // Membership.

    /// Reads the log of the group with this key from now on.
    ///
    /// The first time for a family it is read from its base, and End-of-RIB follows; later, when
    /// the peer's role or policy has changed, the peer is told the difference; there is none where
    /// the key is still the same.
    pub fn join(&mut self, key: GroupKey) {
        self.take_back();
        let family = key.family;
        let shards = self.batches.len();
        let group = self.shared.groups.of(key, shards, &self.shared.stats);
        let now = clock::now();
        let member_of = self.lanes.iter().find(|lane| lane.family == family);
        if let Some(lane) = member_of {
            if lane.group.id == group.id {
                return;
            }
            let promised = self.syncs[family.index()] != Sync::Idle;
            for n in 0..self.lanes.len() {
                if self.lanes[n].family == family {
                    let resume = self.lanes[n].move_over(&group, promised, now);
                    self.join_shard(&group, self.lanes[n].shard, Some(resume));
                }
            }
            return;
        }
        self.syncs[family.index()] = Sync::Initial { refresh: None };
        for shard in 0..shards {
            let shard = ShardId(u32::try_from(shard).expect("few shards"));
            self.join_shard(&group, shard, None);
            self.lanes.push(Lane::new(&self.reader, Arc::clone(&group), shard));
        }
    }

    fn join_shard(&mut self, group: &Arc<SharedGroup>, shard: ShardId, from: Option<Resume>) {
        let input =
            Input::Join { peer: self.reader.peer, group: group.id, key: group.key.clone(), from };
        self.seal(shard.index());
        self.letters[shard.index()].push_back(Letter::Join { group: Arc::clone(group), input });
        self.has_input = true;
    }

    /// The peer's role has changed: its routes are told to others by the new one (RFC 4456 §6).
    /// The groups it reads are joined anew by the caller.
    pub fn change_role(&mut self, role: PeerRole) {
        for shard in 0..self.letters.len() {
            let shard = ShardId(u32::try_from(shard).expect("few shards"));
            self.tell(shard, Input::Role { peer: self.reader.peer, role });
        }
    }

    /// The peer asked for a family again (RFC 2918); `enhanced` puts BoRR and EoRR around it
    /// (RFC 7313 §4).
    pub fn refresh(&mut self, family: Family, enhanced: bool) {
        self.take_back();
        let state = &mut self.syncs[family.index()];
        match state {
            // BoRR has to wait for the end of the initial update (RFC 7313 §4).
            Sync::Initial { refresh } => {
                *refresh = Some(enhanced);
                return;
            }
            Sync::Refresh { again, .. } => {
                *again = true;
                return;
            }
            Sync::Idle => *state = Sync::Refresh { enhanced, again: false },
        }
        if enhanced {
            self.control.push_back(Piece::control(output::refresh_marker(family, Subtype::Begin)));
        }
        for n in 0..self.lanes.len() {
            if self.lanes[n].family == family {
                self.lanes[n].follower.await_start();
                let input = Input::Refresh { peer: self.reader.peer, family };
                self.tell(self.lanes[n].shard, input);
            }
        }
    }

    /// Ends the peer's part in the engine; waits for nobody, like dropping it.
    pub fn leave(self) {
        drop(self);
    }

    fn quit(&mut self) {
        let now = clock::now();
        let _ = self.withdraw_outlet();
        for lane in &mut self.lanes {
            lane.deactivate(now);
        }
        self.lanes.clear();
        let peer = self.reader.peer;
        for (shard, letters) in self.letters.iter().enumerate() {
            // What is not in yet need not go in any more; what came up must go down.
            let unknown =
                |letter: &Letter| matches!(letter, Letter::Up { reader, .. } if !reader.is_back);
            if letters.iter().any(unknown) {
                self.shared.forgotten(&self.reader);
                continue;
            }
            let input = Input::PeerDown { peer };
            self.shared.mailboxes[shard].send_last(Letter::Input { input, at: now });
        }
    }

    /// One more message to be written at the next boundary, before anything from the logs.
    pub fn control(&mut self, message: Bytes) {
        self.take_back();
        self.control.push_back(Piece::control(message));
    }
}

impl Drop for PeerPort {
    fn drop(&mut self) {
        if !self.letters.is_empty() {
            self.quit();
            self.letters = Box::default();
        }
    }
}

#[cfg(test)]
mod tests;
