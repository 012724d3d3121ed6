//! The words of the field as types.
//!
//! Everything above speaks in these: who a peer is, what a family is, what a prefix is, what
//! time it is.
//! The crate knows nothing else and needs no environment: no clock, no threads.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod asn;
pub use asn::{Asn, ParseAsnError};

mod family;
pub use family::{Afi, FAMILIES, Family, FamilyRow, FamilySet, Safi, UnknownFamily};

mod id;
pub use id::{
    ClusterId, GroupId, PATHS_MAX, PathId, PathsMode, PeerId, RouterId, SessionEpoch, ShardId,
};

pub mod policy;

mod prefix;
pub use prefix::{Ipv4Prefix, Ipv6Prefix, ParsePrefixError, Prefix};

mod rng;
pub use rng::Rng;

mod role;
pub use role::{PeerRole, UnknownRole};

mod time;
pub use time::{HoldTime, Instant, InvalidHoldTime};
