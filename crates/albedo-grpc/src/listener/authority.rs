//! What older clients of Go call a Unix socket, and HTTP/2 refuses.
//!
//! They send the socket's path as `:authority` (Debian 12's `gobgp` does), which is no authority
//! (RFC 9113 §8.3.1, RFC 3986 §3.2); the library resets such a stream, and cannot be told not to.
//! At a Unix socket the name means nothing, so what comes in has `localhost` put in its place:
//! frames are passed on as they come, but for HEADERS, whose block is walked for that one field.
//! The entry of the dynamic table that it becomes is smaller here than the client thinks, so none
//! goes earlier here than there (RFC 7541 §4).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of what a client begins with (RFC 9113 §3.4).
const PREFACE: usize = 24;

/// Octets of a frame's header (RFC 9113 §4.1).
const HEAD: usize = 9;

/// The largest block that is looked at: a frame is no larger unless it was agreed.
const BLOCK_MAX: usize = 16 * 1024;

const HEADERS: u8 = 1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// `:authority` in the static table (RFC 7541 appendix A).
const AUTHORITY: usize = 1;

/// A string of nine octets, not compressed.
const LOCALHOST: &[u8] = b"\x09localhost";

/// Where in the stream the next octet is.
#[derive(Debug)]
enum At {
    /// So many octets are passed on as they are.
    Through(usize),
    /// In a frame's header.
    Head,
    /// In a block that is collected, of so many octets.
    Block(usize),
}

/// Puts the name in its place.
#[derive(Debug)]
pub(super) struct Renamer {
    at: At,
    /// What is collected: a header, and the block behind it.
    held: Vec<u8>,
}

impl Renamer {
    pub(super) const fn new() -> Self {
        Self { at: At::Through(PREFACE), held: Vec::new() }
    }

    /// Takes what was read, and appends what is to be read of it.
    pub(super) fn feed(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        while !octets.is_empty() {
            let wanted = match self.at {
                At::Through(left) => left,
                At::Head => HEAD - self.held.len(),
                At::Block(len) => HEAD + len - self.held.len(),
            };
            let (taken, rest) = octets.split_at(wanted.min(octets.len()));
            octets = rest;
            let is_whole = taken.len() == wanted;
            match self.at {
                At::Through(left) => {
                    out.extend_from_slice(taken);
                    self.at = if is_whole { At::Head } else { At::Through(left - taken.len()) };
                }
                At::Head => {
                    self.held.extend_from_slice(taken);
                    if is_whole {
                        self.begin(out);
                    }
                }
                At::Block(_) => {
                    self.held.extend_from_slice(taken);
                    if is_whole {
                        out.extend(renamed(&self.held).as_deref().unwrap_or(&self.held));
                        self.held.clear();
                        self.at = At::Head;
                    }
                }
            }
        }
    }

    /// A frame begins.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let len = u32::from_be_bytes([0, self.held[0], self.held[1], self.held[2]]) as usize;
        let is_block = self.held[3] == HEADERS && self.held[4] & END_HEADERS != 0;
        if is_block && (1..=BLOCK_MAX).contains(&len) {
            self.at = At::Block(len);
            return;
        }
        out.append(&mut self.held);
        self.at = if len == 0 { At::Head } else { At::Through(len) };
    }
}

/// A HEADERS frame with another name; `None` if it has none, or is not well-formed, which is told
/// by whoever reads it next.
fn renamed(frame: &[u8]) -> Option<Vec<u8>> {
    let flags = frame[4];
    let mut start = HEAD;
    let mut end = frame.len();
    if flags & PADDED != 0 {
        end = end.checked_sub(usize::from(*frame.get(start)?))?;
        start += 1;
    }
    if flags & PRIORITY != 0 {
        start += 5;
    }
    let block = frame.get(start..end)?;
    let value = authority(block)?;
    let mut out = frame[..start].to_vec();
    out.extend(&block[..value.start]);
    out.extend(LOCALHOST);
    out.extend(&block[value.end..]);
    out.extend(&frame[end..]);
    let len = u32::try_from(out.len() - HEAD).ok()?;
    out[..3].copy_from_slice(&len.to_be_bytes()[1..]);
    Some(out)
}

/// Where the value of `:authority` is in a block, with its length in front.
fn authority(block: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut at = 0;
    while at < block.len() {
        let first = block[at];
        // How many bits the number has, and whether strings follow (RFC 7541 §6).
        let (bits, is_literal) = match first {
            0x80.. => (7, false),
            0x40.. => (6, true),
            0x20.. => (5, false),
            _ => (4, true),
        };
        let name = number(block, &mut at, bits)?;
        if !is_literal {
            continue;
        }
        if name == 0 {
            string(block, &mut at)?;
        }
        let start = at;
        string(block, &mut at)?;
        if name == AUTHORITY {
            return Some(start..at);
        }
    }
    None
}

/// A number (RFC 7541 §5.1).
fn number(block: &[u8], at: &mut usize, bits: u32) -> Option<usize> {
    let max = (1_usize << bits) - 1;
    let mut value = usize::from(*block.get(*at)?) & max;
    *at += 1;
    if value < max {
        return Some(value);
    }
    for shift in (0..28).step_by(7) {
        let octet = *block.get(*at)?;
        *at += 1;
        value += usize::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Steps over a string (RFC 7541 §5.2).
fn string(block: &[u8], at: &mut usize) -> Option<()> {
    let len = number(block, at, 7)?;
    *at = at.checked_add(len).filter(|end| *end <= block.len())?;
    Some(())
}

/// A connection whose client may call it what it likes.
#[derive(Debug)]
pub(crate) struct Renamed<S> {
    stream: S,
    renamer: Renamer,
    /// What was read and not taken yet, from an index on.
    ready: Vec<u8>,
    taken: usize,
}

impl<S> Renamed<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, renamer: Renamer::new(), ready: Vec::new(), taken: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Renamed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.taken == this.ready.len() {
            this.ready.clear();
            this.taken = 0;
            let mut octets = [0; 4096];
            let mut read = ReadBuf::new(&mut octets);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.renamer.feed(read.filled(), &mut this.ready);
        }
        let left = &this.ready[this.taken..];
        let len = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..len]);
        this.taken += len;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Renamed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
