//! Path attributes: judged once, then a typed view over the octets they came in.
//!
//! [`Attributes::decode`] applies every rule of RFC 7606 to a block of attributes, with one
//! table ([`mod@table`]) that knows name, flags, length and severity of each.
//! What it returns borrows from the block; only paths from peers with two-octet AS numbers are
//! rebuilt, because everything inside speaks of four-octet ones (RFC 6793 §4.2.3).
//!
//! RFC 4271 §4.3 and §5, RFC 7606, RFC 6793.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use core::fmt;
use core::net::Ipv4Addr;

use smallvec::SmallVec;

use crate::error::Treatment;
use crate::update::UpdateFault;

pub mod code;

mod code_set;
pub use code_set::CodeSet;

pub mod table;
pub use table::LengthRule;

mod raw;
pub use raw::{EXTENDED_LENGTH, OPTIONAL, PARTIAL, RawAttr, TRANSITIVE};
pub(crate) use raw::{check_flags, is_multiprotocol, name, take_raw};

mod aggregator;
pub use aggregator::Aggregator;

mod as_path;
pub use as_path::{AsPath, Segment, SegmentKind};

mod cluster;
pub use cluster::ClusterList;

mod communities;
pub use communities::{Communities, ExtendedCommunities, LargeCommunities, WellKnown};

mod decode;
pub use decode::ERRORS_KEPT_MAX;

mod edit;
pub use edit::{Edit, LocalPrefEdit, NextHopEdit};

mod encode;
pub(crate) use encode::patch_header;
mod opaque;

/// The value of ORIGIN, in order of preference (RFC 4271 §4.3, §9.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Origin {
    /// From an interior protocol.
    Igp,
    /// From EGP.
    Egp,
    /// By other means.
    Incomplete,
}

impl Origin {
    /// The origin of a value on the wire.
    #[must_use]
    pub const fn from_wire(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Igp),
            1 => Some(Self::Egp),
            2 => Some(Self::Incomplete),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Igp => "IGP",
            Self::Egp => "EGP",
            Self::Incomplete => "incomplete",
        })
    }
}

/// What a message demands of its attributes (RFC 7606 §3d, RFC 4760 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Need {
    /// Whether it announces routes; if not, no attribute is mandatory.
    pub announces: bool,
    /// Whether it announces IPv4 routes of the old style, whose next hop is NEXT_HOP; if not,
    /// that attribute is neither looked at nor kept.
    pub plain_next_hop: bool,
}

/// A fault of an attribute, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttrError {
    /// Where the attribute starts, in octets: in the block for [`Attributes::decode`], in the
    /// message body for [`crate::update::RawUpdate::split`].
    pub offset: usize,
    /// The attribute's type; 0 where the fault belongs to none.
    pub code: u8,
    /// What is wrong.
    pub fault: UpdateFault,
    /// What it costs.
    pub treatment: Treatment,
}

impl fmt::Display for AttrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code != 0 {
            match table::row(self.code) {
                Some(row) => write!(f, "{}: ", row.name)?,
                None => write!(f, "attribute {}: ", self.code)?,
            }
        }
        write!(f, "{} (at octet {})", self.fault, self.offset)
    }
}

impl core::error::Error for AttrError {}

/// The faults found in a block; the first [`ERRORS_KEPT_MAX`] of them.
pub type AttrErrors = SmallVec<[AttrError; 2]>;

/// The attributes kept of a block, in ascending order of type.
pub(crate) type Kept<'a> = SmallVec<[RawAttr<'a>; 12]>;

/// What came of a block.
#[derive(Clone, Debug)]
pub struct Decoded<'a> {
    /// The attributes; of meaning only where `treatment` is below
    /// [`Treatment::TreatAsWithdraw`].
    pub attributes: Attributes<'a>,
    /// The strongest treatment of all faults; `None` if there is none.
    pub treatment: Option<Treatment>,
    /// The faults.
    pub errors: AttrErrors,
}

/// The attributes of a route.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    /// ORIGIN; [`Origin::Incomplete`] where the message announces nothing and has none.
    pub origin: Origin,
    /// AS_PATH, in four-octet numbers whoever sent it; empty where there is none.
    pub as_path: AsPath<'a>,
    /// NEXT_HOP, if the message needs one.
    pub next_hop: Option<Ipv4Addr>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF; never from an external peer.
    pub local_pref: Option<u32>,
    /// Whether ATOMIC_AGGREGATE is there.
    pub atomic_aggregate: bool,
    /// AGGREGATOR, with its four-octet number whoever sent it.
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES.
    pub communities: Option<Communities<'a>>,
    /// The well-known communities that are to be acted on.
    pub well_known: WellKnown,
    /// ORIGINATOR_ID, as a number in host order; never from an external peer.
    pub originator_id: Option<u32>,
    /// CLUSTER_LIST; never from an external peer.
    pub cluster_list: Option<ClusterList<'a>>,
    /// EXTENDED_COMMUNITIES.
    pub extended_communities: Option<ExtendedCommunities<'a>>,
    /// LARGE_COMMUNITIES.
    pub large_communities: Option<LargeCommunities<'a>>,
    kept: Kept<'a>,
}

impl<'a> Attributes<'a> {
    /// All attributes that are kept, known or not, in ascending order of type, as they came in.
    ///
    /// AS4_PATH and AS4_AGGREGATOR are not among them: they live on in
    /// [`Attributes::as_path`] and [`Attributes::aggregator`].
    pub fn raw(&self) -> impl Iterator<Item = &RawAttr<'a>> {
        self.kept.iter()
    }

    /// One attribute as it came in.
    #[must_use]
    pub fn raw_of(&self, code: u8) -> Option<&RawAttr<'a>> {
        let place = self.kept.binary_search_by_key(&code, |attr| attr.code).ok()?;
        self.kept.get(place)
    }
}

#[cfg(test)]
mod tests;
