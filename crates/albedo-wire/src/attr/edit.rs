//! What is changed of a route's attributes before they are sent.
//!
//! RFC 4456 §8 and §10, RFC 4271 §5.1.

use core::net::Ipv4Addr;

use albedo_types::{Asn, ClusterId, RouterId};

use super::WellKnown;

/// What becomes of NEXT_HOP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NextHopEdit {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes: the routes are sent in `MP_REACH_NLRI`.
    Drop,
    /// It is this one.
    Set(Ipv4Addr),
}

/// What becomes of LOCAL_PREF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LocalPrefEdit {
    /// It stays as it is, there or not.
    #[default]
    Keep,
    /// Where there is none, it is this one (RFC 4271 §5.1.5 demands one between internal peers).
    Default(u32),
    /// It is this one, whatever it was.
    Set(u32),
    /// It goes: the receiver is external.
    Drop,
}

/// What is changed of a route's attributes before they are sent; by default nothing, for a
/// receiver with two-octet AS numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Edit {
    /// What becomes of NEXT_HOP.
    pub next_hop: NextHopEdit,
    /// The ORIGINATOR_ID, where there is none yet: it is never overwritten (RFC 4456 §8).
    pub originator_id: Option<RouterId>,
    /// What goes in front of CLUSTER_LIST.
    pub prepend_cluster: Option<ClusterId>,
    /// Whether ORIGINATOR_ID and CLUSTER_LIST go; then none is added either.
    pub drop_reflection: bool,
    /// What becomes of LOCAL_PREF.
    pub local_pref: LocalPrefEdit,
    /// Whether MULTI_EXIT_DISC goes.
    pub drop_med: bool,
    /// Whether what is meant for one administrative domain goes: the attributes that are taken
    /// from external peers only where the configuration says so (RFC 7311 §3.3, RFC 8669).
    pub drop_domain: bool,
    /// Which well-known communities are put behind the others, unless they are there already.
    pub mark: WellKnown,
    /// What goes in front of AS_PATH.
    pub prepend_as: Option<Asn>,
    /// Whether the receiver has four-octet AS numbers.
    pub as4: bool,
}
