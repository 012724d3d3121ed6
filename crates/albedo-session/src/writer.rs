//! The way out of a session: control messages first, then what lies behind its cursors.
//!
//! One vectored write takes the rest of a message that the socket took in part, the messages of
//! the state machine, and slices of the shared logs, without copying any of it.
//! When the socket is full only the rest of the message that was begun is kept; the cursors stay
//! where the socket stopped, so that there is no queue that could grow.
//!
//! RFC 9687 (who may be stuck here, and for how long, is the state machine's business).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use albedo_engine::clock::now;
use albedo_engine::{PeerPort, Piece};
use albedo_types::Instant;
use albedo_wire::frame::{HEADER_LEN, MessageType};
use bytes::Bytes;
use smallvec::SmallVec;

use crate::stats::Tally;
use crate::stream::Stream;

/// Bytes that one session writes before it lets others run.
pub const WRITE_TURN_BYTES_MAX: usize = 1024 * 1024;

/// Slices of one vectored write that fit without allocating.
const SLICES_INLINE: usize = 96;

thread_local! {
    /// Pieces of the write that is being made; one buffer for each thread.
    static PIECES: RefCell<Vec<Piece>> = const { RefCell::new(Vec::new()) };
}

/// What waits to be written and belongs to the connection alone.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The rest of a message whose beginning the socket has taken.
    rest: Bytes,
    /// Messages of the state machine.
    control: VecDeque<Vec<u8>>,
    /// Whether the socket was full when last written to.
    full: bool,
}

/// What a turn of writing ended with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whether the socket has taken anything.
    pub(crate) wrote: bool,
    /// Whether there is more to write and the socket may take it.
    pub(crate) more: bool,
    /// When the last write was made; the beginning of the turn if none was.
    pub(crate) at: Instant,
}

impl Outbox {
    /// Queues a whole message.
    pub(crate) fn send(&mut self, message: Vec<u8>) {
        self.control.push_back(message);
    }

    /// A message that a shard has begun to write is to be ended first.
    pub(crate) fn go_on_with(&mut self, begun: Bytes) {
        debug_assert!(self.rest.is_empty(), "who rests owes nothing");
        self.rest = begun;
    }

    /// What is left, in order, for the last words of a connection; they count as written.
    pub(crate) fn into_last_words(self, tally: &mut Tally) -> Vec<u8> {
        let mut last = self.rest.to_vec();
        for message in self.control {
            count_messages(&message, message.len(), tally);
            last.extend_from_slice(&message);
        }
        tally.bytes_sent(last.len());
        last
    }

    /// Writes as much as there is and the socket takes, up to [`WRITE_TURN_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &Stream,
        mut port: Option<&mut PeerPort>,
        tally: &mut Tally,
        at: Instant,
    ) -> io::Result<Turn> {
        let mut turn = Turn { wrote: false, more: false, at };
        let mut budget = WRITE_TURN_BYTES_MAX;
        loop {
            if self.full {
                match stream.poll_write_ready(cx) {
                    Poll::Pending => return Ok(turn),
                    Poll::Ready(ready) => ready?,
                }
                self.full = false;
            }
            let wrote = PIECES.with_borrow_mut(|pieces| {
                debug_assert!(pieces.is_empty(), "each write gives its pieces back");
                if let Some(port) = port.as_deref_mut() {
                    // Nothing there is as good as something: then the task will be woken.
                    let _ = port.poll_output(cx, pieces, turn.at);
                    if let Some(begun) = port.take_begun() {
                        self.go_on_with(begun);
                    }
                }
                let port = port.as_deref_mut();
                self.write_once(cx, stream, port, pieces, tally)
            })?;
            let Some((wrote, at)) = wrote else {
                if let Some(port) = port {
                    port.rest();
                }
                return Ok(turn);
            };
            turn.wrote |= wrote > 0;
            turn.at = at;
            budget = budget.saturating_sub(wrote);
            if budget == 0 {
                turn.more = true;
                return Ok(turn);
            }
        }
    }

    /// One write; how many bytes the socket took and when, `None` if there was nothing to write.
    fn write_once(
        &mut self,
        cx: &mut Context<'_>,
        stream: &Stream,
        port: Option<&mut PeerPort>,
        pieces: &mut Vec<Piece>,
        tally: &mut Tally,
    ) -> io::Result<Option<(usize, Instant)>> {
        let mut slices: SmallVec<[IoSlice<'_>; SLICES_INLINE]> = SmallVec::new();
        if !self.rest.is_empty() {
            slices.push(IoSlice::new(&self.rest));
        }
        slices.extend(self.control.iter().map(|message| IoSlice::new(message)));
        slices.extend(pieces.iter().map(|piece| IoSlice::new(&piece.bytes)));
        if slices.is_empty() {
            return Ok(None);
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let result = match stream.poll_write(cx, &slices) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(0),
        };
        let at = now();
        drop(slices);
        let taken = *result.as_ref().unwrap_or(&0);
        self.full = taken < offered;
        tally.bytes_sent(taken);
        self.took(taken, port, pieces, tally, at);
        result.map(|taken| Some((taken, at)))
    }

    /// Strikes out what the socket took.
    fn took(
        &mut self,
        mut taken: usize,
        port: Option<&mut PeerPort>,
        pieces: &mut Vec<Piece>,
        tally: &mut Tally,
        at: Instant,
    ) {
        let of_rest = taken.min(self.rest.len());
        let _ = self.rest.split_to(of_rest);
        taken -= of_rest;
        while taken > 0
            && let Some(message) = self.control.pop_front()
        {
            count_messages(&message, message.len(), tally);
            if taken < message.len() {
                self.rest = Bytes::copy_from_slice(&message[taken..]);
                taken = 0;
            } else {
                taken -= message.len();
            }
        }
        if self.control.is_empty() && self.control.capacity() > 4 {
            self.control = VecDeque::new();
        }
        let Some(port) = port else { return };
        if pieces.is_empty() {
            return;
        }
        let mut whole = 0;
        for piece in pieces.iter() {
            let len = piece.bytes.len();
            count_messages(&piece.bytes, taken.min(len), tally);
            if taken < len {
                break;
            }
            taken -= len;
            whole += 1;
        }
        let left: Vec<Piece> =
            if whole < pieces.len() { pieces.split_off(whole) } else { Vec::new() };
        for piece in pieces.drain(..) {
            port.written(piece, at);
        }
        if !left.is_empty()
            && let Some(rest) = port.blocked(left, taken, at)
        {
            self.rest = rest;
        }
    }
}

/// Counts the messages that begin within the first `taken` bytes.
pub(crate) fn count_messages(messages: &[u8], taken: usize, tally: &mut Tally) {
    let mut at = 0;
    while at < taken {
        let Some(header) = messages.get(at..at + HEADER_LEN) else { return };
        let len = usize::from(u16::from_be_bytes([header[16], header[17]]));
        if let Some(kind) = MessageType::from_wire(header[18]) {
            tally.sent(kind, 1);
        }
        at += len.max(HEADER_LEN);
    }
}

#[cfg(test)]
mod tests;
