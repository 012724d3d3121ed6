//! Identifiers, each a type of its own so that none can stand for another.

use core::fmt;
use core::net::Ipv4Addr;

/// A BGP identifier (RFC 4271 §4.2, RFC 6286): any four octets but zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(core::num::NonZeroU32);

impl RouterId {
    /// The identifier, unless it is zero.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        match core::num::NonZeroU32::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The identifier of an address, unless that is `0.0.0.0`.
    #[must_use]
    pub fn from_addr(addr: Ipv4Addr) -> Option<Self> {
        Self::new(addr.to_bits())
    }

    /// The four octets in host order; identifiers compare as these numbers (RFC 4271 §6.8).
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ipv4Addr::from_bits(self.get()).fmt(f)
    }
}

impl fmt::Debug for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouterId({self})")
    }
}

/// A cluster identifier (RFC 4456 §7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u32);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ipv4Addr::from_bits(self.0).fmt(f)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterId({self})")
    }
}

/// A path identifier (RFC 7911 §3); 0 where ADD-PATH is not in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(pub u32);

/// Paths of one prefix that a peer is told at most: a Calico node installs no more next hops.
pub const PATHS_MAX: u8 = 16;

/// Which paths of a prefix a peer is told that takes several (RFC 7911).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathsMode {
    /// The best, then the best of those that are left.
    #[default]
    Best,
    /// Those that only a tie-break tells from the best: a router could use all of them at once.
    Equal,
    /// The best one of each neighbouring AS (the group best paths of RFC 7964).
    PerNeighbourAs,
    /// The best, and the best of those with another next hop (as RFC 6774 has it).
    Diverse,
}

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// As an index into arrays of the same kind.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index_id! {
    /// A peer: a dense index, given out by the engine and reused once nothing of the peer is left.
    PeerId
}
index_id! {
    /// One TCP and BGP lifetime of a peer; input of an earlier one is recognised and dropped.
    SessionEpoch
}
index_id! {
    /// A shard of the RIB.
    ShardId
}
index_id! {
    /// An update group.
    GroupId
}
