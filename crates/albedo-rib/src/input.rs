//! What a shard is told, and what it answers.

use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{Family, GroupId, Instant, Ipv4Prefix, Ipv6Prefix, PathId, PeerId, PeerRole};
use bytes::Bytes;

use crate::attrs::AttrSet;
use crate::group::GroupKey;
use crate::peer::PeerInfo;
use crate::segment::Segment;

/// A step of a batch: what to do with the next `count` keys of the family.
#[derive(Clone, Debug)]
pub struct Item {
    /// The family whose keys are meant.
    pub family: Family,
    /// The attributes they are announced with; `None` withdraws them.
    pub attrs: Option<Arc<AttrSet>>,
    /// How many keys.
    pub count: u32,
}

/// Routes of one peer, in the order it sent them, as far as they belong to one shard.
#[derive(Clone, Debug, Default)]
pub struct RouteBatch {
    /// What to do, in order.
    pub items: Vec<Item>,
    /// Keys of IPv4 unicast, in order.
    pub v4: Vec<(PathId, Ipv4Prefix)>,
    /// Keys of IPv6 unicast, in order.
    pub v6: Vec<(PathId, Ipv6Prefix)>,
}

impl RouteBatch {
    /// Keys in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is no key in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes that one more key, which the caller appends, is announced with `attrs` or withdrawn.
    pub fn note(&mut self, family: Family, attrs: Option<&Arc<AttrSet>>) {
        if let Some(last) = self.items.last_mut()
            && last.family == family
            && last.attrs.as_ref().map(Arc::as_ptr) == attrs.map(Arc::as_ptr)
        {
            last.count += 1;
            return;
        }
        self.items.push(Item { family, attrs: attrs.cloned(), count: 1 });
    }
}

/// How far a reader has come: what it may hold is the table at `version`, or, if it has not read
/// a whole base yet, some of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Table version.
    pub version: u64,
    /// Whether everything up to it was read.
    pub complete: bool,
}

/// A question of a reader for what changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// How far it has come.
    pub position: Position,
    /// The number of the question; the answer bears it.
    pub request: u32,
}

/// What becomes of a family's routes when the session that brought them is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// They go.
    #[default]
    Nothing,
    /// They stay as stale ones; those that were stale already go (RFC 4724 §4.2).
    Fresh,
    /// They stay as stale ones, and so do those that were stale already (RFC 9494 §4.2).
    All,
}

/// What a shard is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A session came up; if the peer is known, it takes over what an earlier one left behind.
    PeerUp {
        /// The peer.
        peer: PeerId,
        /// What it is.
        info: PeerInfo,
    },
    /// A peer reads a group's log from now on: from its base, or, coming from another group, from
    /// where it stands.
    Join {
        /// The peer.
        peer: PeerId,
        /// The group.
        group: GroupId,
        /// What makes the group.
        key: GroupKey,
        /// Where it stands in the log of the group that it leaves.
        from: Option<Resume>,
    },
    /// Routes.
    Routes {
        /// Who sent them.
        peer: PeerId,
        /// The routes.
        batch: RouteBatch,
    },
    /// The peer asked for everything again (RFC 2918).
    Refresh {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: Family,
    },
    /// The peer's cursor lies before the log's base.
    CatchUp {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: Family,
        /// How far it has come.
        from: Resume,
    },
    /// The peer has been handed the last chunk of its catch-up.
    More {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: Family,
    },
    /// The peer's role changed (no reset: RFC 4456 leaves roles to configuration).
    Role {
        /// The peer.
        peer: PeerId,
        /// The new role.
        role: PeerRole,
    },
    /// The session is gone, but the peer may come back: it reads nothing any more.
    PeerLost {
        /// The peer.
        peer: PeerId,
        /// What becomes of its routes, by family.
        keep: [Keep; Family::COUNT],
    },
    /// The peer begins to announce all of its routes again: they are stale until it has
    /// (RFC 7313 §4).
    Stale {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: Family,
    },
    /// What is still stale of the peer's routes is not worth keeping any more.
    Sweep {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: Family,
    },
    /// What is stale of the peer's routes is long-lived stale from now on (RFC 9494 §4.2).
    LongLived {
        /// The peer.
        peer: PeerId,
        /// The family.
        family: Family,
    },
    /// The peer is gone, and its routes with it.
    PeerDown {
        /// The peer.
        peer: PeerId,
    },
}

/// What a shard answers; for the logs and the readers of its groups.
#[derive(Debug)]
pub enum Output {
    /// The group has its first member: its log is empty and begins at a table version.
    Open {
        /// The group.
        group: GroupId,
        /// The version.
        version: u64,
    },
    /// Append to the group's log.
    Append {
        /// The group.
        group: GroupId,
        /// The segment.
        segment: Segment,
    },
    /// Put a new base in place.
    Rebase {
        /// The group.
        group: GroupId,
        /// The base.
        base: Vec<Segment>,
        /// The version it shows.
        version: u64,
        /// Number of the tail's segment that goes on behind it.
        seq: u64,
        /// Bytes of old tail that may stay for those who are about to read them.
        grace: usize,
    },
    /// The peer starts at the log's base.
    Start {
        /// The peer.
        peer: PeerId,
        /// The group.
        group: GroupId,
        /// Number of the log's segment before which everything is there for End-of-RIB.
        end_seq: u64,
    },
    /// Finished messages for one peer alone.
    CatchUp {
        /// The peer.
        peer: PeerId,
        /// The group.
        group: GroupId,
        /// The number of the question.
        request: u32,
        /// Table version that the reader has seen behind the last chunk.
        version: u64,
        /// The messages.
        bytes: Bytes,
        /// The cursor's place in the tail once they are written, if that was the last chunk.
        done: Option<u64>,
    },
    /// The group has no member any more: nothing is encoded for it.
    Close {
        /// The group.
        group: GroupId,
    },
}

/// When a batch began, for the segments it makes.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// When the first update was read from its socket, or a loss noticed.
    pub at: Instant,
    /// Whether a peer was lost.
    pub loss: bool,
}
