//! Capabilities: what each side offers in its OPEN (RFC 5492).
//!
//! Everything a peer may offer is read into one enumeration; what we do not know is kept as it
//! came, because it is never an error (RFC 5492 §3) and an operator may ask for it. Values of a
//! wrong length count as not offered, but for the two without which the session would mean
//! something else than the peer thinks (see [`table`]).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use albedo_types::{Afi, Asn, Family, FamilySet, Safi};

use crate::cursor::Cursor;
use crate::notification::cut;

pub mod table;
use table::{IfMalformed, Length};

/// Octets of a value: its length field has one octet.
pub const VALUE_LEN_MAX: usize = 255;
/// Octets of a host name, and of a domain name, that we send.
pub const NAME_LEN_MAX: usize = 64;
/// Seconds of a restart time (RFC 4724 §3): twelve bits.
pub const RESTART_TIME_MAX: u16 = 0x0fff;
/// Seconds of a long-lived stale time (RFC 9494 §3): three octets.
pub const STALE_TIME_MAX: u32 = 0x00ff_ffff;

/// One capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Code 1: routes of this family, known to us or not.
    Multiprotocol {
        /// The AFI.
        afi: Afi,
        /// The SAFI.
        safi: Safi,
    },
    /// Code 2.
    RouteRefresh,
    /// Code 3.
    OutboundRouteFiltering(Vec<OrfEntry>),
    /// Code 5.
    ExtendedNextHop(Vec<ExtendedNextHop>),
    /// Code 6.
    ExtendedMessage,
    /// Code 9: 0 provider, 1 route server, 2 its client, 3 customer, 4 peer.
    Role(u8),
    /// Code 64.
    GracefulRestart(GracefulRestart),
    /// Code 65: the speaker's AS number.
    FourOctetAs(Asn),
    /// Code 67: the capabilities that may change in a session.
    Dynamic(Vec<u8>),
    /// Code 69.
    AddPath(Vec<AddPath>),
    /// Code 70.
    EnhancedRouteRefresh,
    /// Code 71.
    LongLived(LongLived),
    /// Code 73.
    Fqdn {
        /// Host name, up to [`NAME_LEN_MAX`] octets where we send it.
        host: String,
        /// Domain name, likewise; may be empty.
        domain: String,
    },
    /// Code 75.
    SoftwareVersion(String),
    /// Code 76.
    PathsLimit(Vec<PathsLimit>),
    /// Code 77.
    LinkLocalNextHop,
    /// Code 128.
    OldRouteRefresh,
    /// Any other, as it came.
    Unknown {
        /// The code.
        code: u8,
        /// The value, at most [`VALUE_LEN_MAX`] octets.
        value: Vec<u8>,
    },
}

/// One filter type of one family (RFC 5291 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrfEntry {
    /// The AFI.
    pub afi: Afi,
    /// The SAFI.
    pub safi: Safi,
    /// The filter type.
    pub kind: u8,
    /// 1 can receive filters, 2 can send them, 3 both.
    pub mode: u8,
}

/// Routes of a family whose next hop is of another AFI (RFC 8950 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedNextHop {
    /// The AFI of the routes.
    pub afi: Afi,
    /// The SAFI of the routes; two octets on the wire, of which the upper one is zero.
    pub safi: Safi,
    /// The AFI of the next hop.
    pub next_hop: Afi,
}

/// Graceful restart (RFC 4724 §3, RFC 8538 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GracefulRestart {
    /// R: the speaker has restarted and does not wait for our End-of-RIB.
    pub restarting: bool,
    /// N: a NOTIFICATION keeps routes as well (RFC 8538).
    pub notification: bool,
    /// Seconds until the session should be back, up to [`RESTART_TIME_MAX`].
    pub restart_time: u16,
    /// The families it is offered for.
    pub families: Vec<GracefulFamily>,
}

/// One family of [`GracefulRestart`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulFamily {
    /// The AFI.
    pub afi: Afi,
    /// The SAFI.
    pub safi: Safi,
    /// F: forwarding went on during the restart.
    pub forwarding: bool,
}

impl GracefulRestart {
    /// The entry of a family, if it is listed.
    #[must_use]
    pub fn family(&self, family: Family) -> Option<&GracefulFamily> {
        let wanted = (family.afi(), family.safi());
        self.families.iter().find(|entry| (entry.afi, entry.safi) == wanted)
    }
}

/// Long-lived graceful restart (RFC 9494 §3). Without families it says: "I may be sent stale
/// routes", no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LongLived {
    /// The families it is offered for.
    pub families: Vec<LongLivedFamily>,
}

/// One family of [`LongLived`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongLivedFamily {
    /// The AFI.
    pub afi: Afi,
    /// The SAFI.
    pub safi: Safi,
    /// F: forwarding went on during the restart.
    pub forwarding: bool,
    /// Seconds to keep stale routes, up to [`STALE_TIME_MAX`].
    pub stale_time: u32,
}

impl LongLived {
    /// The entry of a family, if it is listed.
    #[must_use]
    pub fn family(&self, family: Family) -> Option<&LongLivedFamily> {
        let wanted = (family.afi(), family.safi());
        self.families.iter().find(|entry| (entry.afi, entry.safi) == wanted)
    }
}

/// What a speaker can do with several paths per prefix (RFC 7911 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AddPathMode {
    /// It can receive them.
    Receive = 1,
    /// It can send them.
    Send = 2,
    /// It can do both.
    Both = 3,
}

impl AddPathMode {
    /// The mode of its octet; RFC 7911 defines no other.
    #[must_use]
    pub const fn from_wire(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::Receive,
            2 => Self::Send,
            3 => Self::Both,
            _ => return None,
        })
    }

    /// Whether the speaker can receive several paths.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }

    /// Whether the speaker can send several paths.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }
}

/// One family of ADD-PATH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddPath {
    /// The AFI.
    pub afi: Afi,
    /// The SAFI.
    pub safi: Safi,
    /// What the speaker can do.
    pub mode: AddPathMode,
}

/// Most paths per prefix the speaker wants of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathsLimit {
    /// The AFI.
    pub afi: Afi,
    /// The SAFI.
    pub safi: Safi,
    /// Paths per prefix; 0 says nothing.
    pub limit: u16,
}

/// A capability whose value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It counts as not offered.
    Ignore,
    /// The session is refused; the value's only length is this.
    Refuse {
        /// In octets.
        expected: u8,
    },
}

impl Capability {
    /// The family as one that is offered, for any AFI and SAFI of ours.
    #[must_use]
    pub const fn multiprotocol(family: Family) -> Self {
        Self::Multiprotocol { afi: family.afi(), safi: family.safi() }
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Multiprotocol { .. } => table::MULTIPROTOCOL,
            Self::RouteRefresh => table::ROUTE_REFRESH,
            Self::OutboundRouteFiltering(_) => table::OUTBOUND_ROUTE_FILTERING,
            Self::ExtendedNextHop(_) => table::EXTENDED_NEXT_HOP,
            Self::ExtendedMessage => table::EXTENDED_MESSAGE,
            Self::Role(_) => table::ROLE,
            Self::GracefulRestart(_) => table::GRACEFUL_RESTART,
            Self::FourOctetAs(_) => table::FOUR_OCTET_AS,
            Self::Dynamic(_) => table::DYNAMIC,
            Self::AddPath(_) => table::ADD_PATH,
            Self::EnhancedRouteRefresh => table::ENHANCED_ROUTE_REFRESH,
            Self::LongLived(_) => table::LONG_LIVED_GRACEFUL_RESTART,
            Self::Fqdn { .. } => table::FQDN,
            Self::SoftwareVersion(_) => table::SOFTWARE_VERSION,
            Self::PathsLimit(_) => table::PATHS_LIMIT,
            Self::LinkLocalNextHop => table::LINK_LOCAL_NEXT_HOP,
            Self::OldRouteRefresh => table::OLD_ROUTE_REFRESH,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// The name of the code.
    #[must_use]
    pub fn name(&self) -> &'static str {
        table::name(self.code())
    }

    /// Reads the value of a capability; `value` holds exactly its octets.
    pub(crate) fn decode(code: u8, value: Cursor<'_>) -> Result<Self, Malformed> {
        let Some(row) = table::find(code) else {
            return Ok(Self::Unknown { code, value: value.rest().to_owned() });
        };
        let malformed = match (row.if_malformed, row.length) {
            (IfMalformed::Refuse, Length::Exactly(expected)) => Malformed::Refuse { expected },
            _ => Malformed::Ignore,
        };
        if !row.length.allows(value.len()) {
            return Err(malformed);
        }
        decode::value(code, value).ok_or(malformed)
    }

    /// Appends code, length and value.
    ///
    /// A list that does not fit [`VALUE_LEN_MAX`] octets is cut after its last whole entry, a name
    /// after its last whole character. An unknown value that is too long writes nothing: half of
    /// it would mean something else.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&[self.code(), 0]);
        encode::value(self, out);
        match u8::try_from(out.len() - at - 2) {
            Ok(len) => out[at + 1] = len,
            Err(_) => out.truncate(at),
        }
    }
}

/// The families of ours that these capabilities offer by code 1; empty where none does.
#[must_use]
pub fn offered_families(capabilities: &[Capability]) -> FamilySet {
    capabilities
        .iter()
        .filter_map(|capability| match capability {
            Capability::Multiprotocol { afi, safi } => Family::from_wire(*afi, *safi),
            _ => None,
        })
        .collect()
}

mod decode;
mod encode;

#[cfg(test)]
pub(crate) mod tests;
