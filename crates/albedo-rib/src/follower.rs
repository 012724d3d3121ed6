//! A reader of a log as a pure value: where it stands, what it knows, and what it waits for.
//!
//! The session moves it by what its socket took, the simulator by what it decoded; both ask the
//! shard the same questions by it.
//!
//! ```text
//!            start                       place in the log is gone
//!   New ───────────────► Reading ──────────────────────────────────► CatchingUp
//!    │                    │   ▲  ▲          last chunk written          │  ▲  ▲
//!    │                    │   │  └──────────────────────────────────────┘  │  │
//!    │ a refresh was      │   │ start, if everything before the base       │  │
//!    │ asked for and the  ▼   │ is read                                    │  │
//!    │ place is gone     Waiting ──────────────────────────────────────────┘  │
//!    │                             start, otherwise                           │
//!    └────────────────────────────────────────────────────────────────────────┘
//!                            moved to another group
//! ```
//!
//! What a reader *may hold* is the table at its version, or some of it, or newer states of some
//! prefixes.
//! Whoever begins with a base must hold nothing that the base does not bring up to date: either
//! nothing at all, or everything up to the base.
//! Everybody else is told what changed, the withdrawn prefixes among it.

use crate::input::{Position, Resume};
use crate::log::{Base, Cursor};

/// What a reader is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for its first start, and holds nothing.
    New,
    /// Reads the log; a reader that asked for a refresh goes on until the start comes.
    Reading,
    /// Its place is gone while it waits for a start that was asked for.
    Waiting,
    /// Is being caught up.
    CatchingUp,
}

/// A reader of one log: one family, one shard.
#[derive(Clone, Debug)]
pub struct Follower {
    state: State,
    cursor: Cursor,
    skip: u32,
    position: Position,
    request: u32,
    /// The number of the tail before which everything belongs to the initial table or a refresh.
    sync_end: u64,
    awaits_start: bool,
    synced: bool,
}

impl Default for Follower {
    fn default() -> Self {
        Self {
            state: State::New,
            cursor: Cursor::Tail { seq: 0 },
            skip: 0,
            position: Position { version: 0, complete: false },
            request: 0,
            sync_end: 0,
            awaits_start: true,
            synced: false,
        }
    }
}

impl Follower {
    /// What it is about.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Where it stands in the log.
    #[must_use]
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Bytes of its view of the segment at the cursor that it has already.
    #[must_use]
    pub const fn skip(&self) -> u32 {
        self.skip
    }

    /// How far it has come.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Whether a chunk that bears this number is the answer to its last question.
    #[must_use]
    pub fn expects(&self, request: u32) -> bool {
        self.state == State::CatchingUp && self.request == request
    }

    /// Whether a start was asked for and has not come.
    #[must_use]
    pub const fn awaits_start(&self) -> bool {
        self.awaits_start
    }

    /// Whether everything that belongs to the initial table or a refresh was handed on.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.synced && !self.awaits_start
    }

    /// A refresh was asked for: what is read until the start comes does not count.
    pub const fn await_start(&mut self) {
        self.awaits_start = true;
        self.synced = false;
    }

    /// The shard says: from the base, which is `base`, and everything before `end_seq` belongs to
    /// it.
    ///
    /// The question to ask instead, where the reader has not come to the base yet: it may hold
    /// prefixes that were withdrawn since, and the base says nothing of those.
    #[must_use]
    pub fn start(&mut self, base: Base, end_seq: u64) -> Option<Resume> {
        if !core::mem::take(&mut self.awaits_start) {
            return None;
        }
        self.skip = 0;
        self.synced = false;
        let caught_up = match (self.state, self.cursor) {
            (State::New, _) => true,
            (State::Reading, Cursor::Tail { seq }) => seq >= base.seq,
            _ => false,
        };
        if caught_up {
            self.state = State::Reading;
            self.cursor = base.cursor;
            self.position = Position { version: base.version, complete: false };
            // The base may be a newer one than the shard spoke of.
            self.sync_end = if end_seq > base.end_seq { end_seq } else { base.end_seq };
            return None;
        }
        self.sync_end = 0;
        self.position.complete = false;
        Some(self.ask())
    }

    const fn ask(&mut self) -> Resume {
        self.state = State::CatchingUp;
        self.request = self.request.wrapping_add(1);
        Resume { position: self.position, request: self.request }
    }

    /// The reader goes over to another group, which sends it the difference; the question for
    /// that.
    ///
    /// Only a reader that stands between two segments, and is not `promised` everything again, is
    /// complete: otherwise it is to be told everything.
    pub fn move_over(&mut self, promised: bool) -> Resume {
        let exact = self.state == State::Reading && self.skip == 0 && !promised;
        self.position.complete &= exact && !self.awaits_start;
        self.skip = 0;
        self.awaits_start = false;
        self.synced = false;
        self.sync_end = 0;
        self.ask()
    }

    /// The place in the log is gone; the question for what changed since, unless a start is about
    /// to come.
    #[must_use]
    pub const fn fell_behind(&mut self) -> Option<Resume> {
        self.skip = 0;
        if self.awaits_start {
            self.state = State::Waiting;
            return None;
        }
        Some(self.ask())
    }

    /// Has the first `skip` bytes of its view of the segment at `cursor`.
    pub const fn stands_within(&mut self, cursor: Cursor, skip: u32) {
        self.cursor = cursor;
        self.skip = skip;
    }

    /// Is past a segment of table version `version`; `next` is where the next one is.
    pub const fn pass(&mut self, next: Cursor, version: u64) {
        self.cursor = next;
        self.skip = 0;
        self.position = Position { version, complete: matches!(next, Cursor::Tail { .. }) };
    }

    /// Is at the end of the log, where the table is at `version`.
    pub const fn reach_end(&mut self, seq: u64, version: u64) {
        self.pass(Cursor::Tail { seq }, version);
        self.note_synced();
    }

    /// Has a chunk; `done` is the place in the tail to go on from, if it was the last.
    pub const fn take_chunk(&mut self, done: Option<u64>, version: u64) {
        if let Some(seq) = done {
            self.state = State::Reading;
            self.reach_end(seq, version);
        }
    }

    /// Notes that everything before the cursor was handed on.
    pub const fn note_synced(&mut self) {
        if let (State::Reading, Cursor::Tail { seq }) = (self.state, self.cursor)
            && seq >= self.sync_end
        {
            self.synced = true;
        }
    }
}

#[cfg(test)]
mod tests;
