//! A cursor into one log: one family, one shard.

use std::sync::Arc;

use albedo_rib::{Cursor, Position, Resume};
use albedo_types::{Family, Instant, ShardId};

use crate::group::SharedGroup;
use crate::log::SharedLog;
use crate::reader::Chunk;

/// What a lane is about.
#[derive(Debug)]
pub(super) enum State {
    /// Waits for the shard to say that it may start; a reader that asked for a refresh goes on
    /// meanwhile.
    Waiting,
    /// Reads the log.
    Reading,
    /// Is being caught up; the chunk that is to be written.
    CatchingUp(Option<Chunk>),
}

/// A cursor and what belongs to it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) family: Family,
    pub(super) shard: ShardId,
    pub(super) group: Arc<SharedGroup>,
    pub(super) log: Arc<SharedLog>,
    pub(super) state: State,
    pub(super) cursor: Cursor,
    /// Bytes of the segment at the cursor that were written already.
    pub(super) skip: u32,
    pub(super) position: Position,
    pub(super) epoch: u16,
    /// The number of the last question to the shard.
    pub(super) request: u32,
    /// Whether the log counts us among those that are up to date.
    pub(super) active: bool,
    /// The number of the tail before which everything belongs to the initial table or a refresh.
    pub(super) sync_end: Option<u64>,
    /// Whether a start was asked for and has not come.
    pub(super) awaits_start: bool,
    /// Whether everything before `sync_end` was handed to the socket.
    pub(super) synced: bool,
}

impl Lane {
    pub(super) fn new(group: Arc<SharedGroup>, shard: ShardId) -> Self {
        let log = Arc::clone(&group.logs[shard.index()]);
        Self {
            family: group.key.family,
            shard,
            log,
            state: State::Waiting,
            cursor: Cursor::Tail { seq: 0 },
            skip: 0,
            position: Position { version: 0, complete: false },
            epoch: 0,
            request: 0,
            active: false,
            sync_end: None,
            awaits_start: true,
            synced: false,
            group,
        }
    }

    /// A refresh was asked for: what is read until the start comes does not count.
    pub(super) fn await_start(&mut self) {
        self.awaits_start = true;
        self.synced = false;
    }

    /// The shard says: from the base.
    pub(super) fn start(&mut self, end_seq: u64, now: Instant) {
        self.deactivate(now);
        self.cursor = self.log.start();
        self.skip = 0;
        self.position = Position { version: self.log.base_version(), complete: false };
        self.state = State::Reading;
        self.sync_end = Some(end_seq);
        self.awaits_start = false;
        self.synced = false;
    }

    /// Stops reading; a question for what the peer lacks.
    ///
    /// Only a reader that stands between two segments, and is not promised everything again, is
    /// `complete`: otherwise it is to be told everything.
    pub(super) fn leave(&mut self, now: Instant, promised: bool) -> Resume {
        self.deactivate(now);
        let exact = matches!(self.state, State::Reading) && self.skip == 0 && !promised;
        let complete = self.position.complete && exact && !self.awaits_start;
        self.request = self.request.wrapping_add(1);
        Resume { position: Position { complete, ..self.position }, request: self.request }
    }

    /// The peer is in another group now: the shard sends the difference.
    pub(super) fn moved_to(&mut self, group: Arc<SharedGroup>) {
        self.log = Arc::clone(&group.logs[self.shard.index()]);
        self.group = group;
        self.skip = 0;
        self.state = State::CatchingUp(None);
        self.awaits_start = false;
        self.synced = false;
        self.sync_end = Some(0);
    }

    /// The place in the log is gone; a question for what changed since.
    pub(super) fn behind(&mut self, now: Instant) -> Resume {
        self.deactivate(now);
        self.skip = 0;
        self.state = State::CatchingUp(None);
        self.request = self.request.wrapping_add(1);
        Resume { position: self.position, request: self.request }
    }

    pub(super) fn deactivate(&mut self, now: Instant) {
        if std::mem::take(&mut self.active) {
            self.log.deactivate(self.cursor, now);
        }
    }

    /// Whether the cursor is past what belongs to the initial table or a refresh.
    pub(super) fn is_synced(&self) -> bool {
        self.synced && !self.awaits_start
    }

    /// Notes that everything before the cursor was handed to the socket.
    pub(super) fn note_synced(&mut self) {
        if let (Some(end), Cursor::Tail { seq }) = (self.sync_end, self.cursor)
            && seq >= end
            && matches!(self.state, State::Reading)
        {
            self.synced = true;
        }
    }
}
