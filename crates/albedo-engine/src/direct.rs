//! The short way out: a shard hands a small segment to sockets itself, without waking a task for
//! each of them.
//!
//! A session that has nothing left to write *rests*: it stands at the end of all its logs, owes
//! its peer no message, and its socket took everything.
//! While it rests, a shard may write what it appends to the session's socket; each lane's *place*
//! tells how far that went, and the session goes on from there once it turns again.
//! Whoever cannot be served so (it does not rest, its socket is full, the shard has something
//! better to do) is woken and reads the log as ever: a reader is always either served or woken.
//!
//! The lock is held by the shard for one system call, and by the session for a few instructions.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use albedo_types::{Family, ShardId};
use bytes::Bytes;
use smallvec::SmallVec;

use crate::clock;
use crate::log::{SharedLog, Tracked};
use crate::port::message_end;
use crate::reader::Reader;

/// Octets of a segment that a shard writes itself at most; longer ones gain nothing by it.
pub const DIRECT_BYTES_MAX: usize = 4096;
/// Readers that a shard serves itself, however many processors there are: a few milliseconds' work,
/// and cheaper than waking as many tasks.
pub(crate) const DIRECT_READERS_MIN: usize = 1024;
/// Readers served between two looks into the mailbox.
pub(crate) const DIRECT_TURN_READERS: usize = 64;

/// A session's socket, as far as a shard may use it.
pub trait Outlet: Debug + Send + Sync {
    /// Hands whole messages to the socket without waiting; how many octets it took, none where it
    /// is full or gone.
    fn offer(&self, messages: &[u8]) -> usize;
}

/// What a session lends to the shards.
#[derive(Debug, Default)]
pub(crate) struct Direct {
    pub(crate) outlet: Option<Arc<dyn Outlet>>,
    /// Whether the session rests.
    pub(crate) at_rest: bool,
    /// Where a socket stopped within a segment.
    pub(crate) stuck: Option<Stuck>,
}

/// A socket was full.
#[derive(Debug)]
pub(crate) struct Stuck {
    pub(crate) family: Family,
    pub(crate) shard: ShardId,
    /// Octets of the reader's view of the segment at its place that are written, or in `rest`.
    pub(crate) skip: u32,
    /// The rest of the message that the socket took in part.
    pub(crate) rest: Option<Bytes>,
}

/// Serves a reader with the segment that bears this number; false if it is to be woken instead.
pub(crate) fn serve(
    reader: &Reader,
    log: &SharedLog,
    shard: ShardId,
    tracked: &Tracked,
    seq: u64,
) -> bool {
    let segment = &tracked.segment;
    let lane = reader.lane(log.family(), shard);
    // Whoever holds the lock is the session, which looks at the log in a moment, or another shard.
    let Ok(mut direct) = reader.direct.try_lock() else { return false };
    if !direct.at_rest || lane.has_post() || lane.place() != Some(seq) {
        return false;
    }
    let mut ranges: SmallVec<[Range<usize>; 2]> = SmallVec::new();
    segment.view(reader.peer, 0, |range| ranges.push(range));
    let (bytes, taken) = match (&ranges[..], &direct.outlet) {
        ([], _) => (&[][..], 0),
        ([range], Some(outlet)) => {
            let bytes = &segment.bytes()[range.clone()];
            (bytes, outlet.offer(bytes))
        }
        _ => return false,
    };
    let end = message_end(bytes, taken);
    if end == bytes.len() {
        let now = clock::now();
        lane.served_to(seq + 1, segment.version);
        log.delivered(tracked, !bytes.is_empty(), now);
    }
    if taken < bytes.len() {
        direct.at_rest = false;
        let rest = (taken > 0 && end > taken).then(|| Bytes::copy_from_slice(&bytes[taken..end]));
        let skip = if end == bytes.len() { 0 } else { end };
        let skip = u32::try_from(skip).expect("a segment is far below 4 GiB");
        direct.stuck = Some(Stuck { family: log.family(), shard, skip, rest });
        return false;
    }
    true
}
