//! What has to be known of a session to read its UPDATEs.
//!
//! RFC 7606 §2 and §7 (internal or external), RFC 6793, RFC 7911, RFC 8950.

use core::net::{Ipv4Addr, Ipv6Addr};

use albedo_types::{Asn, FamilySet};

use crate::attr::CodeSet;
use crate::error::{DecodeError, Treatment};
use crate::negotiated::Negotiated;

/// Most AS numbers of a path that are taken by default; the longest paths of the Internet have a
/// few hundred, and daemons are known to fail beyond 2,048.
pub const AS_PATH_ELEMENTS_DEFAULT: usize = 2_048;
/// Most AS numbers that a limit can allow: any such path can be encoded as one attribute.
pub const AS_PATH_ELEMENTS_MAX: usize = 8_192;
/// Most entries of a CLUSTER_LIST that are taken by default; no hierarchy is that deep.
pub const CLUSTER_LIST_ENTRIES_DEFAULT: usize = 255;
/// Most entries that a limit can allow.
pub const CLUSTER_LIST_ENTRIES_MAX: usize = 8_192;

/// Limits beyond which routes are treated as withdrawn, before anything is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttrLimits {
    as_path_elements: usize,
    cluster_list_entries: usize,
}

impl AttrLimits {
    /// Limits in elements; they are cut to [`AS_PATH_ELEMENTS_MAX`] and
    /// [`CLUSTER_LIST_ENTRIES_MAX`].
    #[must_use]
    pub fn new(as_path_elements: usize, cluster_list_entries: usize) -> Self {
        Self {
            as_path_elements: as_path_elements.min(AS_PATH_ELEMENTS_MAX),
            cluster_list_entries: cluster_list_entries.min(CLUSTER_LIST_ENTRIES_MAX),
        }
    }

    /// No limits, for what was held to some before.
    const NONE: Self = Self { as_path_elements: usize::MAX, cluster_list_entries: usize::MAX };

    /// Most AS numbers in a path.
    #[must_use]
    pub const fn as_path_elements(self) -> usize {
        self.as_path_elements
    }

    /// Most entries of a CLUSTER_LIST.
    #[must_use]
    pub const fn cluster_list_entries(self) -> usize {
        self.cluster_list_entries
    }
}

impl Default for AttrLimits {
    fn default() -> Self {
        Self::new(AS_PATH_ELEMENTS_DEFAULT, CLUSTER_LIST_ENTRIES_DEFAULT)
    }
}

/// What was agreed with a peer, and what its configuration says, as far as it decides how an
/// UPDATE reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpdateContext {
    /// Whether AS numbers have four octets on this session.
    pub as4: bool,
    /// Whether the peer is of our AS.
    pub internal: bool,
    /// Families agreed on; routes of others are not looked at.
    pub families: FamilySet,
    /// Families for which the peer puts path identifiers in front.
    pub add_path: FamilySet,
    /// Families with IPv4 NLRI that may have an IPv6 next hop.
    pub extended_next_hop: FamilySet,
    /// Our AS.
    pub local_asn: Asn,
    /// Limits on attributes.
    pub limits: AttrLimits,
    /// Attributes to be dropped, whatever they hold.
    pub discard: CodeSet,
    /// Attributes whose routes are to be treated as withdrawn.
    pub treat_as_withdraw: CodeSet,
    /// Attributes that are taken from an external peer though they usually are not: AIGP (RFC
    /// 7311 §3.3) and PREFIX_SID (RFC 8669 §4).
    pub accept_external: CodeSet,
    /// Whether an unknown well-known attribute resets the session as RFC 4271 §6.3 has it.
    /// Departure: by default it costs only its routes.
    pub reset_on_unknown_well_known: bool,
    /// Whether a fault within one family's routes disables the family instead of resetting the
    /// session.
    pub disable_family: bool,
    /// Whether paths may hold confederation segments.
    pub confederation: bool,
    /// Whether routes with an AS_SET or AS_CONFED_SET are treated as withdrawn (RFC 9774 §3).
    pub reject_as_set: bool,
    /// The AS that paths of this peer have to start with.
    pub first_as: Option<Asn>,
    /// Our IPv4 address on this session; it is nobody's next hop.
    pub local_v4: Option<Ipv4Addr>,
    /// Our IPv6 address on this session.
    pub local_v6: Option<Ipv6Addr>,
    /// Whether loopback addresses can be next hops: for laboratories on one host.
    pub loopback_next_hop: bool,
    /// Whether a lone link-local address can be a next hop.
    pub link_local_next_hop: bool,
    /// Whether an IPv4-mapped IPv6 address can be a next hop.
    pub mapped_next_hop: bool,
}

impl UpdateContext {
    /// The context of an internal session with both families and four-octet AS numbers, and
    /// nothing else agreed on.
    #[must_use]
    pub fn internal(local_asn: Asn) -> Self {
        Self {
            as4: true,
            internal: true,
            families: FamilySet::ALL,
            add_path: FamilySet::EMPTY,
            extended_next_hop: FamilySet::EMPTY,
            local_asn,
            limits: AttrLimits::default(),
            discard: CodeSet::EMPTY,
            treat_as_withdraw: CodeSet::EMPTY,
            accept_external: CodeSet::EMPTY,
            reset_on_unknown_well_known: false,
            disable_family: false,
            // A reflector inside a member of a confederation reflects what its own AS uses.
            confederation: true,
            reject_as_set: false,
            first_as: None,
            local_v4: None,
            local_v6: None,
            loopback_next_hop: false,
            link_local_next_hop: false,
            mapped_next_hop: true,
        }
    }

    /// The same for a peer of another AS: no confederation segments, no sets.
    #[must_use]
    pub fn external(local_asn: Asn) -> Self {
        Self {
            internal: false,
            confederation: false,
            reject_as_set: true,
            ..Self::internal(local_asn)
        }
    }

    /// The context of a block that [`crate::attr::Attributes::encode`] made, for four-octet
    /// numbers: what was judged when it came in is not judged again by other limits, and an
    /// entry that was added since does not count against them.
    #[must_use]
    pub fn own() -> Self {
        Self {
            limits: AttrLimits::NONE,
            loopback_next_hop: true,
            link_local_next_hop: true,
            ..Self::internal(Asn::RESERVED)
        }
    }

    /// The context of an established session.
    #[must_use]
    pub fn from_negotiated(negotiated: &Negotiated, local_asn: Asn) -> Self {
        let base = if negotiated.peer_asn == local_asn {
            Self::internal(local_asn)
        } else {
            Self::external(local_asn)
        };
        Self {
            as4: negotiated.as4,
            families: negotiated.families,
            add_path: negotiated.add_path_rx,
            extended_next_hop: negotiated.extended_next_hop_rx,
            ..base
        }
    }

    /// What a fault costs on this session.
    #[must_use]
    pub fn treatment(&self, error: &DecodeError) -> Treatment {
        match error.kind.as_update() {
            Some(fault) if self.disable_family && fault.is_of_one_family() => {
                Treatment::DisableFamily
            }
            _ => error.treatment(),
        }
    }
}

#[cfg(test)]
mod tests;
