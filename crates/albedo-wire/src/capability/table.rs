//! Capability codes, names and lengths, one row each (IANA, "Capability Codes").
//!
//! The table decides which lengths a value may have and what a wrong one costs, so that the
//! decoders behind it only ever see values whose framing is right.

/// Multiprotocol extensions (RFC 4760).
pub const MULTIPROTOCOL: u8 = 1;
/// Route refresh (RFC 2918).
pub const ROUTE_REFRESH: u8 = 2;
/// Outbound route filtering (RFC 5291).
pub const OUTBOUND_ROUTE_FILTERING: u8 = 3;
/// Extended next hop encoding (RFC 8950).
pub const EXTENDED_NEXT_HOP: u8 = 5;
/// Extended message (RFC 8654).
pub const EXTENDED_MESSAGE: u8 = 6;
/// BGP role (RFC 9234).
pub const ROLE: u8 = 9;
/// Graceful restart (RFC 4724).
pub const GRACEFUL_RESTART: u8 = 64;
/// Four-octet AS numbers (RFC 6793).
pub const FOUR_OCTET_AS: u8 = 65;
/// Dynamic capability (draft-ietf-idr-dynamic-cap).
pub const DYNAMIC: u8 = 67;
/// Several paths per prefix (RFC 7911).
pub const ADD_PATH: u8 = 69;
/// Enhanced route refresh (RFC 7313).
pub const ENHANCED_ROUTE_REFRESH: u8 = 70;
/// Long-lived graceful restart (RFC 9494).
pub const LONG_LIVED_GRACEFUL_RESTART: u8 = 71;
/// Host and domain name (draft-walton-bgp-hostname-capability).
pub const FQDN: u8 = 73;
/// Software version (draft-abraitis-bgp-version-capability).
pub const SOFTWARE_VERSION: u8 = 75;
/// Most paths per prefix (draft-abraitis-idr-addpath-paths-limit).
pub const PATHS_LIMIT: u8 = 76;
/// Link-local next hops (draft-ietf-idr-linklocal-capability).
pub const LINK_LOCAL_NEXT_HOP: u8 = 77;
/// Route refresh as Cisco numbered it before RFC 2918.
pub const OLD_ROUTE_REFRESH: u8 = 128;

/// Which lengths a value may have, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// This and no other.
    Exactly(u8),
    /// `base` and then any number of entries of `step` octets.
    Entries {
        /// Octets before the first entry.
        base: u8,
        /// Octets of an entry.
        step: u8,
    },
    /// Any; the value frames itself.
    Any,
}

impl Length {
    /// Whether a value of `len` octets fits.
    #[must_use]
    pub const fn allows(self, len: usize) -> bool {
        match self {
            Self::Exactly(n) => len == n as usize,
            Self::Entries { base, step } => {
                len >= base as usize && (len - base as usize).is_multiple_of(step as usize)
            }
            Self::Any => true,
        }
    }
}

/// What a value with a wrong length, or one that cannot be read, costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMalformed {
    /// The capability counts as not offered.
    Ignore,
    /// The session would have no meaning without it: NOTIFICATION 2/0.
    Refuse,
}

/// What there is to know of a capability.
#[derive(Clone, Copy, Debug)]
pub struct CapabilityRow {
    /// The code.
    pub code: u8,
    /// The name in logs.
    pub name: &'static str,
    /// Which lengths its value may have.
    pub length: Length,
    /// What another length costs.
    pub if_malformed: IfMalformed,
}

const fn row(code: u8, name: &'static str, length: Length) -> CapabilityRow {
    CapabilityRow { code, name, length, if_malformed: IfMalformed::Ignore }
}

const fn vital(code: u8, name: &'static str, length: Length) -> CapabilityRow {
    CapabilityRow { code, name, length, if_malformed: IfMalformed::Refuse }
}

const fn entries(base: u8, step: u8) -> Length {
    Length::Entries { base, step }
}

/// All capabilities we can read, by code.
pub const CAPABILITIES: [CapabilityRow; 17] = [
    vital(MULTIPROTOCOL, "multiprotocol", Length::Exactly(4)),
    row(ROUTE_REFRESH, "route refresh", Length::Exactly(0)),
    row(OUTBOUND_ROUTE_FILTERING, "outbound route filtering", Length::Any),
    row(EXTENDED_NEXT_HOP, "extended next hop", entries(0, 6)),
    row(EXTENDED_MESSAGE, "extended message", Length::Exactly(0)),
    row(ROLE, "role", Length::Exactly(1)),
    row(GRACEFUL_RESTART, "graceful restart", entries(2, 4)),
    vital(FOUR_OCTET_AS, "four-octet AS number", Length::Exactly(4)),
    row(DYNAMIC, "dynamic capability", Length::Any),
    row(ADD_PATH, "ADD-PATH", entries(0, 4)),
    row(ENHANCED_ROUTE_REFRESH, "enhanced route refresh", Length::Exactly(0)),
    row(LONG_LIVED_GRACEFUL_RESTART, "long-lived graceful restart", entries(0, 7)),
    row(FQDN, "FQDN", Length::Any),
    row(SOFTWARE_VERSION, "software version", Length::Any),
    row(PATHS_LIMIT, "paths limit", entries(0, 5)),
    row(LINK_LOCAL_NEXT_HOP, "link-local next hop", Length::Exactly(0)),
    row(OLD_ROUTE_REFRESH, "route refresh (old)", Length::Exactly(0)),
];

/// The row of a code, if we can read it.
#[must_use]
pub fn find(code: u8) -> Option<&'static CapabilityRow> {
    CAPABILITIES.iter().find(|row| row.code == code)
}

/// The name of a code, or words for one that has none here.
#[must_use]
pub fn name(code: u8) -> &'static str {
    find(code).map_or("unknown capability", |row| row.name)
}
