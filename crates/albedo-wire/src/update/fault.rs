//! What can be wrong with an UPDATE, as values.
//!
//! A fault says what was found and what was allowed.
//! How much it costs the peer is decided elsewhere: for an attribute by its row in
//! [`crate::attr::table`], for framing and NLRI here.
//!
//! RFC 4271 §6.3, RFC 7606.

use core::net::IpAddr;

use albedo_types::{Afi, Asn, Family, Safi};

use crate::attr::{self, LengthRule};
use crate::error::Treatment;
use crate::nlri::{NlriFault, NlriField};
use crate::notification::{Notification, codes};

/// What is wrong with an UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateFault {
    // The message as a whole (RFC 7606 §3b, §4).
    /// The body ends before its two length fields.
    #[error("body of {found} octets: expected at least 4")]
    TooShort {
        /// Octets there are.
        found: usize,
    },
    /// The withdrawn routes do not fit the message.
    #[error("withdrawn routes of {length} octets: the message has room for {room}")]
    WithdrawnOverrun {
        /// What the length field says.
        length: usize,
        /// Octets there are.
        room: usize,
    },
    /// The path attributes do not fit the message.
    #[error("path attributes of {length} octets: the message has room for {room}")]
    AttributesOverrun {
        /// What the length field says.
        length: usize,
        /// Octets there are.
        room: usize,
    },
    /// An attribute has an error, and there is no route in the message that could be withdrawn
    /// for it (RFC 7606 §5.2).
    #[error("faulty path attributes without any reachable route")]
    NothingToWithdraw,
    /// Routes of a family that was not agreed on are not looked at.
    #[error("routes of AFI {} SAFI {}, which was not agreed on", afi.0, safi.0)]
    FamilyNotNegotiated {
        /// The AFI found.
        afi: Afi,
        /// The SAFI found.
        safi: Safi,
    },

    // The walk over attributes (RFC 7606 §3, §4).
    /// The attributes end within the header of one.
    #[error("attribute header of {left} octets: expected 3 or 4")]
    HeaderCutShort {
        /// Octets there are.
        left: usize,
    },
    /// An attribute is longer than what is left of the attributes.
    #[error("{} of {length} octets: {room} are left", attr::name(*code))]
    AttributeOverrun {
        /// The attribute's type.
        code: u8,
        /// What its length field says.
        length: usize,
        /// Octets there are.
        room: usize,
    },
    /// An attribute stands there more than once.
    #[error("{} more than once", attr::name(*code))]
    Repeated {
        /// The attribute's type.
        code: u8,
    },

    // Any attribute.
    /// The Optional or Transitive bit contradicts the attribute's type.
    #[error("flags {found:#04x}: expected {expected:#04x} in the upper two bits")]
    Flags {
        /// The flags octet.
        found: u8,
        /// What the upper two bits have to be.
        expected: u8,
    },
    /// A length that the attribute cannot have.
    #[error("length of {found} octets: expected {expected}")]
    Length {
        /// Octets found.
        found: usize,
        /// What was allowed.
        expected: LengthRule,
    },
    /// A mandatory attribute is not there.
    #[error("missing {}", attr::name(*code))]
    Missing {
        /// The attribute's type.
        code: u8,
    },
    /// A well-known attribute that nobody knows.
    #[error("unknown well-known attribute {code}")]
    UnknownWellKnown {
        /// The attribute's type.
        code: u8,
    },
    /// Type 0 is reserved.
    #[error("attribute of the reserved type 0")]
    ReservedType,
    /// An attribute that this peer has no business sending.
    #[error("not taken from this peer")]
    NotFromThisPeer,
    /// The configuration says to drop the attribute or its routes.
    #[error("not taken by configuration")]
    ByPolicy,

    // Content of attributes.
    /// An ORIGIN beyond the three there are.
    #[error("value {found}: expected 0 to 2")]
    OriginValue {
        /// The value.
        found: u8,
    },
    /// An address that cannot be a next hop.
    #[error("next hop {found}: expected a unicast address of another host")]
    NextHop {
        /// The address.
        found: IpAddr,
    },
    /// A segment type that AS paths do not have.
    #[error("path segment of type {found}: expected 1 to 4")]
    SegmentType {
        /// The type octet.
        found: u8,
    },
    /// A segment without an AS number.
    #[error("path segment without an AS number")]
    SegmentEmpty,
    /// A path that ends within a segment.
    #[error("path segment of {needed} octets: {left} are left")]
    SegmentCutShort {
        /// Octets the segment needs, its header included.
        needed: usize,
        /// Octets there are.
        left: usize,
    },
    /// A confederation segment from outside of a confederation (RFC 5065 §5).
    #[error("confederation segment from outside of a confederation")]
    Confederation,
    /// An unordered segment where none is wanted (RFC 9774).
    #[error("unordered path segment, which is not taken from this peer")]
    AsSet,
    /// AS 0 (RFC 7607).
    #[error("AS 0")]
    AsZero,
    /// The leftmost AS is not the peer's (RFC 4271 §6.3).
    #[error("path does not start with the peer's AS {expected}")]
    FirstAs {
        /// The peer's AS.
        expected: Asn,
    },
    /// More elements than the configured limit.
    #[error("{found} elements: at most {allowed} are taken")]
    TooMany {
        /// Elements found.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// Elements inside the attribute that do not fit it.
    #[error("inner element of {needed} octets at {offset}: {left} are left")]
    Inner {
        /// Where in the value the element starts.
        offset: usize,
        /// Octets it needs.
        needed: usize,
        /// Octets there are.
        left: usize,
    },

    // Multiprotocol attributes and NLRI (RFC 7606 §5.3, §7.11, §7.12).
    /// A multiprotocol attribute that ends before its NLRI.
    #[error("{} of {found} octets: expected at least {needed}", attr::name(*code))]
    MpCutShort {
        /// The attribute's type.
        code: u8,
        /// Octets found.
        found: usize,
        /// Octets needed.
        needed: usize,
    },
    /// A length that the family's next hop cannot have.
    #[error("next hop of {found} octets for {family}")]
    NextHopLength {
        /// The family.
        family: Family,
        /// Octets found.
        found: usize,
    },
    /// A prefix that cannot be read; those behind it cannot be located.
    #[error("{}", nlri_text(*fault))]
    Nlri {
        /// Where it stands.
        field: NlriField,
        /// What is wrong with it.
        fault: NlriFault,
    },
}

/// The sentence of a bad prefix; `Display` for the enum itself would invite use without a field.
struct NlriText(NlriFault);

const fn nlri_text(fault: NlriFault) -> NlriText {
    NlriText(fault)
}

impl core::fmt::Display for NlriText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            NlriFault::TooLong { bits, allowed } => {
                write!(f, "prefix length {bits}: expected 0 to {allowed}")
            }
            NlriFault::CutShort { needed, left } => {
                write!(f, "prefix of {needed} octets: {left} are left")
            }
        }
    }
}

/// Subcodes of an UPDATE Message Error (RFC 4271 §6.3).
mod subcode {
    pub(super) const MALFORMED_ATTRIBUTE_LIST: u8 = 1;
    pub(super) const UNRECOGNIZED_WELL_KNOWN: u8 = 2;
    pub(super) const MISSING_WELL_KNOWN: u8 = 3;
    pub(super) const ATTRIBUTE_FLAGS: u8 = 4;
    pub(super) const ATTRIBUTE_LENGTH: u8 = 5;
    pub(super) const INVALID_ORIGIN: u8 = 6;
    pub(super) const INVALID_NEXT_HOP: u8 = 8;
    pub(super) const OPTIONAL_ATTRIBUTE: u8 = 9;
    pub(super) const INVALID_NETWORK: u8 = 10;
    pub(super) const MALFORMED_AS_PATH: u8 = 11;
}

impl UpdateFault {
    /// What the fault costs where no row of the attribute table says otherwise.
    #[must_use]
    pub const fn treatment(&self) -> Treatment {
        match self {
            Self::TooShort { .. }
            | Self::WithdrawnOverrun { .. }
            | Self::AttributesOverrun { .. }
            | Self::NothingToWithdraw
            | Self::MpCutShort { .. }
            | Self::NextHopLength { .. }
            | Self::Nlri { .. } => Treatment::Reset,
            // Without these two attributes the routes of the message cannot be located.
            Self::AttributeOverrun { code, .. } | Self::Repeated { code }
                if attr::is_multiprotocol(*code) =>
            {
                Treatment::Reset
            }
            Self::FamilyNotNegotiated { .. }
            | Self::Repeated { .. }
            | Self::ReservedType
            | Self::NotFromThisPeer => Treatment::Discard,
            _ => Treatment::TreatAsWithdraw,
        }
    }

    /// The subcode of the UPDATE Message Error that is sent if the fault resets the session.
    #[must_use]
    pub const fn subcode(&self) -> u8 {
        match self {
            Self::AttributeOverrun { code, .. } if attr::is_multiprotocol(*code) => {
                subcode::OPTIONAL_ATTRIBUTE
            }
            Self::UnknownWellKnown { .. } => subcode::UNRECOGNIZED_WELL_KNOWN,
            Self::Missing { .. } => subcode::MISSING_WELL_KNOWN,
            Self::Flags { .. } => subcode::ATTRIBUTE_FLAGS,
            Self::Length { .. } | Self::HeaderCutShort { .. } | Self::AttributeOverrun { .. } => {
                subcode::ATTRIBUTE_LENGTH
            }
            Self::OriginValue { .. } => subcode::INVALID_ORIGIN,
            Self::NextHop { .. } => subcode::INVALID_NEXT_HOP,
            Self::MpCutShort { .. } | Self::NextHopLength { .. } => subcode::OPTIONAL_ATTRIBUTE,
            Self::Nlri { field, .. } if field.is_multiprotocol() => subcode::OPTIONAL_ATTRIBUTE,
            Self::Nlri { .. } => subcode::INVALID_NETWORK,
            Self::SegmentType { .. }
            | Self::SegmentEmpty
            | Self::SegmentCutShort { .. }
            | Self::Confederation
            | Self::AsSet
            | Self::AsZero
            | Self::FirstAs { .. } => subcode::MALFORMED_AS_PATH,
            Self::TooMany { .. }
            | Self::Inner { .. }
            | Self::ByPolicy
            | Self::NotFromThisPeer
            | Self::ReservedType => subcode::OPTIONAL_ATTRIBUTE,
            Self::TooShort { .. }
            | Self::WithdrawnOverrun { .. }
            | Self::AttributesOverrun { .. }
            | Self::NothingToWithdraw
            | Self::FamilyNotNegotiated { .. }
            | Self::Repeated { .. } => subcode::MALFORMED_ATTRIBUTE_LIST,
        }
    }

    /// The NOTIFICATION that goes out if the fault resets the session; see
    /// [`super::notification_of`] for one that shows the attribute.
    #[must_use]
    pub const fn notification(&self) -> Notification {
        Notification::new(codes::UPDATE, self.subcode())
    }

    /// Whether the fault lies in one family's routes only, so that a speaker that can give up a
    /// family may keep the session (RFC 7606 §2, "AFI/SAFI disable").
    #[must_use]
    pub const fn is_of_one_family(&self) -> bool {
        match self {
            Self::NextHopLength { .. } => true,
            Self::Nlri { field, .. } => field.is_multiprotocol(),
            _ => false,
        }
    }
}
