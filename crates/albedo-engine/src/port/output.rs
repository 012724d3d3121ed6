//! What goes out: pieces of segments between the cursors and the socket.

use std::sync::Arc;
use std::task::{Context, Poll};

use albedo_rib::{Cursor, Input, Resume, State};
use albedo_types::{Family, Instant, PeerId};
use albedo_wire::frame::HEADER_LEN;
use albedo_wire::route_refresh::{RouteRefresh, Subtype};
use albedo_wire::update::end_of_rib;
use bytes::Bytes;
use smallvec::SmallVec;

use super::lane::Lane;
use super::{PeerPort, Sync};
use crate::log::{ReadEnd, Tracked};
use crate::reader::{Chunk, Post, Reader};

/// Pieces gathered for one vectored write.
pub const GATHER_PIECES_MAX: usize = 64;
/// Bytes gathered for one vectored write.
pub const GATHER_BYTES_MAX: usize = 256 * 1024;

/// Bytes for the socket, and what follows once it has taken them.
#[derive(Debug)]
pub struct Piece {
    /// Whole messages, unless the piece is the rest of one.
    pub bytes: Bytes,
    after: After,
}

#[derive(Debug)]
enum After {
    Nothing,
    /// End-of-RIB of a family.
    EndOfRib(Family),
    /// Part of a segment; where it stands in the reader's view of it, and what is passed with it.
    Log {
        lane: usize,
        at: Cursor,
        offset: u32,
        passed: Passed,
        next: Cursor,
    },
    /// A catch-up chunk.
    Chunk {
        lane: usize,
        done: Option<u64>,
        version: u64,
    },
}

/// The segments that end with a piece: its own, and those behind it that hold nothing for the
/// reader.
type Passed = SmallVec<[Arc<Tracked>; 1]>;

impl Piece {
    pub(super) const fn control(bytes: Bytes) -> Self {
        Self { bytes, after: After::Nothing }
    }
}

/// BoRR or EoRR for a family (RFC 7313 §3.2).
pub(super) fn refresh_marker(family: Family, subtype: Subtype) -> Bytes {
    Bytes::from(RouteRefresh::new(family, subtype).encode())
}

impl PeerPort {
    /// Gathers what there is to write into `out`; `Pending` if there is nothing, and then the
    /// task is woken once there is. `now` may be the beginning of the turn.
    pub fn poll_output(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<Piece>,
        now: Instant,
    ) -> Poll<()> {
        self.take_back();
        self.reader.waker.register(cx.waker());
        self.gather(out, now);
        // Gathering may have asked the shards for something.
        let _ = self.poll_flush(cx);
        if out.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }

    fn gather(&mut self, out: &mut Vec<Piece>, now: Instant) {
        out.extend(self.control.drain(..));
        let mut budget = GATHER_BYTES_MAX;
        let lanes = self.lanes.len();
        for n in 0..lanes {
            let lane = (self.next_lane + n) % lanes;
            self.take_post(lane, now);
            self.gather_lane(lane, &mut budget, out, now);
        }
        if lanes > 0 {
            self.next_lane = (self.next_lane + 1) % lanes;
        }
        for family in Family::ALL {
            self.finish_sync(family, out);
        }
    }

    fn take_post(&mut self, n: usize, now: Instant) {
        let lane = &mut self.lanes[n];
        let shared = self.reader.lane(lane.family, lane.shard);
        if !shared.has_post() {
            return;
        }
        for post in shared.take() {
            let lane = &mut self.lanes[n];
            match post {
                Post::Start { group, end_seq, epoch } => {
                    lane.epoch = epoch;
                    if group == lane.group.id && lane.follower.awaits_start() {
                        let question = lane.start(end_seq, now);
                        self.ask(n, question);
                    } else if lane.follower.state() == State::Reading {
                        // It stays where it is, and says so: being sent back voided that.
                        publish(&self.reader, lane);
                    }
                }
                Post::Chunk { request, chunk } => {
                    if lane.follower.expects(request) && lane.chunk.is_none() {
                        lane.chunk = Some(chunk);
                    }
                }
            }
        }
    }

    fn ask(&mut self, n: usize, question: Option<Resume>) {
        if let Some(from) = question {
            let (peer, family) = (self.reader.peer, self.lanes[n].family);
            self.tell(self.lanes[n].shard, Input::CatchUp { peer, family, from });
        }
    }

    fn gather_lane(&mut self, n: usize, budget: &mut usize, out: &mut Vec<Piece>, now: Instant) {
        while self.lanes[n].follower.state() == State::CatchingUp {
            if *budget == 0 {
                return;
            }
            let Some(Chunk { bytes, done, version }) = self.lanes[n].chunk.take() else { return };
            if !bytes.is_empty() {
                *budget = budget.saturating_sub(bytes.len());
                out.push(Piece { bytes, after: After::Chunk { lane: n, done, version } });
                return;
            }
            // Nobody would wake the session for what lies behind an empty chunk.
            self.chunk_written(n, done, version);
        }
        let lane = &mut self.lanes[n];
        let at_end = lane.log.is_end(lane.follower.cursor()) && lane.active;
        if lane.follower.state() != State::Reading || at_end {
            return;
        }
        let before = out.len();
        let end = read(lane, self.reader.peer, n, budget, out, now);
        self.read_ended(n, end, out.len() > before, now);
    }

    fn read_ended(&mut self, n: usize, end: ReadEnd, gathered: bool, now: Instant) {
        let lane = &mut self.lanes[n];
        match end {
            // What was gathered has to be written first.
            _ if gathered => {}
            ReadEnd::Stopped => {}
            ReadEnd::End { seq, version } => {
                lane.follower.reach_end(seq, version);
                lane.activate(now);
                publish(&self.reader, lane);
            }
            ReadEnd::Behind => {
                let question = lane.fell_behind(now);
                self.ask(n, question);
            }
        }
        self.lanes[n].follower.note_synced();
    }

    fn chunk_written(&mut self, n: usize, done: Option<u64>, version: u64) {
        let lane = &mut self.lanes[n];
        lane.follower.take_chunk(done, version);
        if done.is_some() {
            publish(&self.reader, lane);
        } else {
            let (family, shard) = (lane.family, lane.shard);
            self.tell(shard, Input::More { peer: self.reader.peer, family });
        }
    }

    /// The socket has taken a piece.
    pub fn written(&mut self, piece: Piece, now: Instant) {
        match piece.after {
            After::Nothing => {}
            After::EndOfRib(family) => {
                let times = &self.shared.stats.times[family.index()];
                times.session_sync.record(now.since(self.established));
            }
            After::Chunk { lane, done, version } => self.chunk_written(lane, done, version),
            After::Log { lane, at, offset, passed, next } => {
                let lane = &mut self.lanes[lane];
                let Some(last) = passed.last() else {
                    lane.follower.stands_within(at, offset + length(&piece.bytes));
                    return;
                };
                lane.follower.pass(next, last.segment.version);
                if lane.active {
                    // The piece is the end of the first; the others hold nothing for the peer.
                    let times = &self.shared.stats.times[lane.family.index()];
                    times.delivery.record(now.since(passed[0].segment.born));
                    passed.iter().for_each(|tracked| lane.log.pass(tracked, now));
                }
                publish(&self.reader, lane);
                lane.follower.note_synced();
            }
        }
    }

    /// The socket is full: `pieces` were not taken, the first of them but for `taken` bytes.
    ///
    /// The cursors stay where the socket stopped; of the pieces only the rest of the message that
    /// was begun is kept, and returned to be written first.
    /// Nobody waits for the peer until it has come to the ends of its logs again.
    pub fn blocked(&mut self, pieces: Vec<Piece>, taken: usize, now: Instant) -> Option<Bytes> {
        for lane in &mut self.lanes {
            lane.deactivate(now);
        }
        let mut rest = None;
        let mut control = Vec::new();
        for (n, piece) in pieces.into_iter().enumerate() {
            let taken = if n == 0 { taken } else { 0 };
            let boundary = message_end(&piece.bytes, taken);
            if taken > 0 && boundary > taken {
                rest = Some(Bytes::copy_from_slice(&piece.bytes[taken..boundary]));
            }
            self.return_piece(piece, boundary, &mut control, now);
        }
        for piece in control.into_iter().rev() {
            self.control.push_front(piece);
        }
        rest
    }

    /// Takes back a piece of which everything before `boundary` is written or about to be.
    fn return_piece(
        &mut self,
        mut piece: Piece,
        boundary: usize,
        control: &mut Vec<Piece>,
        now: Instant,
    ) {
        if boundary == piece.bytes.len() {
            self.written(piece, now);
            return;
        }
        match piece.after {
            After::Nothing | After::EndOfRib(_) => {
                let _ = piece.bytes.split_to(boundary);
                control.push(piece);
            }
            After::Chunk { lane, done, version } => {
                let _ = piece.bytes.split_to(boundary);
                self.lanes[lane].chunk = Some(Chunk { bytes: piece.bytes, done, version });
            }
            After::Log { lane, at, offset, .. } => {
                // The first piece of a lane that comes back decides where the lane goes on.
                if boundary > 0 {
                    let skip = offset + u32::try_from(boundary).expect("within a segment");
                    self.lanes[lane].follower.stands_within(at, skip);
                }
            }
        }
    }

    fn finish_sync(&mut self, family: Family, out: &mut Vec<Piece>) {
        let state = self.syncs[family.index()];
        if state == Sync::Idle {
            return;
        }
        let mut lanes = self.lanes.iter().filter(|lane| lane.family == family);
        if !lanes.all(|lane| lane.follower.is_synced()) {
            return;
        }
        self.syncs[family.index()] = Sync::Idle;
        match state {
            Sync::Idle => {}
            Sync::Initial { refresh } => {
                let bytes = Bytes::from_static(end_of_rib(family));
                out.push(Piece { bytes, after: After::EndOfRib(family) });
                if let Some(enhanced) = refresh {
                    self.refresh(family, enhanced);
                    out.extend(self.control.drain(..));
                }
            }
            Sync::Refresh { enhanced, again } => {
                if enhanced {
                    out.push(Piece::control(refresh_marker(family, Subtype::End)));
                }
                if again {
                    self.refresh(family, enhanced);
                    out.extend(self.control.drain(..));
                }
            }
        }
    }

    /// When the oldest change was read that this peer has not got, if there is one.
    #[must_use]
    pub fn oldest_undelivered(&mut self) -> Option<Instant> {
        self.take_back();
        let oldest = |lane: &Lane| lane.log.oldest_after(lane.follower.position().version);
        self.lanes.iter().filter_map(oldest).min()
    }
}

/// Gathers from a lane's log; pieces move the cursor only once they are written.
fn read(
    lane: &mut Lane,
    peer: PeerId,
    n: usize,
    budget: &mut usize,
    out: &mut Vec<Piece>,
    now: Instant,
) -> ReadEnd {
    let before = out.len();
    let Lane { log, follower, active, .. } = lane;
    let mut at = follower.cursor();
    let mut skip = follower.skip();
    log.read(at, |entry, next_cursor| {
        if *budget == 0 || out.len() >= GATHER_PIECES_MAX {
            return false;
        }
        let tracked = &entry.0;
        let mut offset = skip;
        let mut empty = true;
        tracked.segment.view(peer, skip, |range| {
            let bytes = tracked.segment.bytes().slice(range);
            let len = length(&bytes);
            *budget = budget.saturating_sub(bytes.len());
            let passed = Passed::new();
            out.push(Piece { bytes, after: After::Log { lane: n, at, offset, passed, next: at } });
            offset += len;
            empty = false;
        });
        if empty && out.len() == before {
            // Nothing for this peer, and nothing gathered before it: it is past.
            follower.pass(next_cursor, tracked.segment.version);
            if *active {
                log.pass(tracked, now);
            }
        } else if let Some(After::Log { passed, next, .. }) = out.last_mut().map(|p| &mut p.after) {
            passed.push(Arc::clone(tracked));
            *next = next_cursor;
        }
        at = next_cursor;
        skip = 0;
        true
    })
}

/// Says how far the reader has come, once it holds a whole table.
fn publish(reader: &Reader, lane: &Lane) {
    let position = lane.follower.position();
    if position.complete {
        reader.lane(lane.family, lane.shard).publish(lane.epoch, position.version);
    }
}

fn length(bytes: &Bytes) -> u32 {
    u32::try_from(bytes.len()).expect("a segment is far below 4 GiB")
}

/// The end of the message in which byte `taken` lies; `taken` itself, if a message ends there.
pub(crate) fn message_end(messages: &[u8], taken: usize) -> usize {
    let mut at = 0;
    while at < taken {
        let Some(len) = messages.get(at + HEADER_LEN - 3..at + HEADER_LEN - 1) else {
            // The rest of a message that has no header of its own.
            return messages.len();
        };
        at += usize::from(u16::from_be_bytes([len[0], len[1]])).max(HEADER_LEN);
    }
    at.min(messages.len())
}
