//! A piece of a log: finished UPDATE messages that every member of a group shares.
//!
//! A *run* of messages bears the peer that its routes came from; that peer steps over it
//! (split horizon).
//! Where a change makes a difference only for its source, the segment carries a *private run* for
//! that peer behind the shared bytes.
//! Both are indexed by peer: a reader finds its own among thousands by binary search.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use albedo_types::{Instant, PeerId};
use bytes::Bytes;

/// Messages that belong to one peer: they came from it, or are for it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The peer.
    pub peer: PeerId,
    /// First byte within the segment.
    pub start: u32,
    /// Byte behind the last.
    pub end: u32,
}

/// What a segment costs beside its bytes and runs, for the log's bound, in bytes.
pub const SEGMENT_OVERHEAD_BYTES: usize = 192;

/// One batch of changes as the members of a group read it.
#[derive(Debug)]
pub struct Segment {
    bytes: Bytes,
    shared_end: u32,
    own: Box<[Run]>,
    private: Box<[Run]>,
    /// Table version that a reader has seen once it is past the segment.
    pub version: u64,
    /// When the first update of the batch was read from its socket.
    pub born: Instant,
    /// Whether the batch was caused by the loss of a peer, and when that was noticed.
    pub loss: bool,
    /// UPDATE messages in it, private ones included.
    pub messages: u32,
}

impl Segment {
    /// What the segment occupies, in bytes.
    #[must_use]
    pub fn cost(&self) -> usize {
        let runs = (self.own.len() + self.private.len()) * size_of::<Run>();
        self.bytes.len() + runs + SEGMENT_OVERHEAD_BYTES
    }

    /// The shared and private bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Calls `each` with the ranges of [`Segment::bytes`] that `peer` gets, in order, leaving out
    /// the first `skip` bytes of them.
    pub fn view(&self, peer: PeerId, skip: u32, mut each: impl FnMut(Range<usize>)) {
        let mut skip = skip;
        let mut give = |start: u32, end: u32| {
            let len = end - start;
            if skip >= len {
                skip -= len;
                return;
            }
            each((start + skip) as usize..end as usize);
            skip = 0;
        };
        for run in of(&self.private, peer) {
            give(run.start, run.end);
        }
        let mut at = 0;
        for run in of(&self.own, peer) {
            if at < run.start {
                give(at, run.start);
            }
            at = run.end;
        }
        if at < self.shared_end {
            give(at, self.shared_end);
        }
    }
}

fn of(runs: &[Run], peer: PeerId) -> &[Run] {
    let start = runs.partition_point(|run| run.peer < peer);
    let rest = &runs[start..];
    &rest[..rest.partition_point(|run| run.peer == peer)]
}

/// Builds one segment after the other, reusing its buffers.
#[derive(Debug, Default)]
pub struct SegmentBuilder {
    /// Messages so far; packing appends here.
    pub out: Vec<u8>,
    /// Messages appended so far.
    pub messages: u32,
    own: Vec<Run>,
    private: Vec<Run>,
    shared_end: Option<usize>,
}

impl SegmentBuilder {
    /// Notes that the bytes appended since `start` came from `peer`.
    pub fn own_run(&mut self, peer: PeerId, start: usize) {
        debug_assert!(self.shared_end.is_none(), "private runs come last");
        push(&mut self.own, peer, start, self.out.len());
    }

    /// Notes that the bytes appended since `start` are for `peer` alone.
    pub fn private_run(&mut self, peer: PeerId, start: usize) {
        self.shared_end.get_or_insert(start);
        push(&mut self.private, peer, start, self.out.len());
    }

    /// Bytes appended so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The finished segment; the builder is empty again.
    pub fn finish(&mut self, version: u64, born: Instant, loss: bool) -> Segment {
        let len = u32::try_from(self.out.len()).expect("a segment is far below 4 GiB");
        let shared_end = self
            .shared_end
            .take()
            .map_or(len, |end| u32::try_from(end).expect("within the segment"));
        self.own.sort_unstable();
        self.private.sort_unstable();
        let segment = Segment {
            bytes: Bytes::copy_from_slice(&self.out),
            shared_end,
            own: self.own.as_slice().into(),
            private: self.private.as_slice().into(),
            version,
            born,
            loss,
            messages: core::mem::take(&mut self.messages),
        };
        self.out.clear();
        self.own.clear();
        self.private.clear();
        segment
    }

    /// The messages so far without any run; the builder is empty again.
    pub fn take_bytes(&mut self) -> Bytes {
        let bytes = Bytes::copy_from_slice(&self.out);
        self.out.clear();
        self.messages = 0;
        bytes
    }

    /// Gives back memory that an unusually large batch left behind.
    pub fn shrink(&mut self, bytes_max: usize) {
        self.out.shrink_to(bytes_max);
        self.own.shrink_to(bytes_max / size_of::<Run>());
        self.private.shrink_to(bytes_max / size_of::<Run>());
    }
}

fn push(runs: &mut Vec<Run>, peer: PeerId, start: usize, end: usize) {
    if start == end {
        return;
    }
    let start = u32::try_from(start).expect("a segment is far below 4 GiB");
    let end = u32::try_from(end).expect("a segment is far below 4 GiB");
    match runs.last_mut() {
        Some(last) if last.peer == peer && last.end == start => last.end = end,
        _ => runs.push(Run { peer, start, end }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(segment: &Segment, peer: u32, skip: u32) -> Vec<u8> {
        let mut got = Vec::new();
        segment.view(PeerId(peer), skip, |range| got.extend_from_slice(&segment.bytes[range]));
        got
    }

    #[test]
    fn a_peer_steps_over_its_own_runs_and_gets_its_private_ones_first() {
        let mut builder = SegmentBuilder::default();
        for (peer, text) in [(1, "aa"), (2, "bb"), (1, "cc"), (3, "dd")] {
            let start = builder.len();
            builder.out.extend_from_slice(text.as_bytes());
            builder.own_run(PeerId(peer), start);
        }
        for (peer, text) in [(3, "x"), (1, "y")] {
            let start = builder.len();
            builder.out.extend_from_slice(text.as_bytes());
            builder.private_run(PeerId(peer), start);
        }
        let segment = builder.finish(7, Instant::ZERO, false);
        assert_eq!(read(&segment, 0, 0), b"aabbccdd");
        assert_eq!(read(&segment, 1, 0), b"ybbdd");
        assert_eq!(read(&segment, 2, 0), b"aaccdd");
        assert_eq!(read(&segment, 3, 0), b"xaabbcc");
        for skip in 0..=5 {
            assert_eq!(read(&segment, 1, skip), b"ybbdd"[skip as usize..]);
        }
        assert!(builder.is_empty());
    }
}
