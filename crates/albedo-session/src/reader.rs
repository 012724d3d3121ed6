//! The way in of a session: bytes of its socket, cut into messages.
//!
//! All sessions of a thread read into the same buffer, and only the beginning of a message that
//! has not come as a whole is kept with the session; so an idle session has no buffer at all.
//!
//! RFC 4271 §4.1, RFC 8654.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use albedo_wire::frame::MESSAGE_LEN_MAX_EXTENDED;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

/// Octets asked of a socket at once.
pub const READ_BYTES: usize = 64 * 1024;
/// Octets of a message that has not come as a whole, at most.
pub const TAIL_BYTES_MAX: usize = MESSAGE_LEN_MAX_EXTENDED;
/// Octets that one session reads before it lets others run.
pub const READ_TURN_BYTES_MAX: usize = 256 * 1024;

thread_local! {
    /// A tail and what is read behind it; one buffer for each thread, made when first needed.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The thread's buffer, lent for one read; it goes back when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    buffer: Vec<u8>,
    filled: usize,
}

impl Scratch {
    pub(crate) fn borrow() -> Self {
        let mut buffer = SCRATCH.take();
        if buffer.is_empty() {
            buffer = vec![0; READ_BYTES + TAIL_BYTES_MAX];
        }
        Self { buffer, filled: 0 }
    }

    /// What there is: the tail and what was read behind it.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SCRATCH.set(std::mem::take(&mut self.buffer));
    }
}

/// The beginning of a message.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    tail: Vec<u8>,
}

/// What a read ended with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// So many octets came.
    Octets(usize),
    /// There is nothing now; the task will be woken.
    Nothing,
    /// The peer has closed its half.
    Closed,
}

impl Inbox {
    /// Reads once, behind the tail; afterwards [`Inbox::keep`] has to be called with what is not a
    /// whole message.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut OwnedReadHalf,
        scratch: &mut Scratch,
    ) -> io::Result<ReadEnd> {
        let kept = self.tail.len();
        scratch.buffer[..kept].copy_from_slice(&self.tail);
        scratch.filled = kept;
        let mut buffer = ReadBuf::new(&mut scratch.buffer[kept..kept + READ_BYTES]);
        match Pin::new(stream).poll_read(cx, &mut buffer) {
            Poll::Pending => return Ok(ReadEnd::Nothing),
            Poll::Ready(result) => result?,
        }
        let read = buffer.filled().len();
        if read == 0 {
            return Ok(ReadEnd::Closed);
        }
        scratch.filled += read;
        Ok(ReadEnd::Octets(read))
    }

    /// Octets of a message that has not come as a whole.
    pub(crate) fn tail_len(&self) -> usize {
        self.tail.len()
    }

    /// Keeps the beginning of a message; an empty one takes no memory.
    pub(crate) fn keep(&mut self, tail: &[u8]) {
        debug_assert!(tail.len() < TAIL_BYTES_MAX, "a whole message is taken");
        if tail.is_empty() {
            self.tail = Vec::new();
        } else {
            self.tail.clear();
            self.tail.extend_from_slice(tail);
        }
    }
}

#[cfg(test)]
mod tests;
