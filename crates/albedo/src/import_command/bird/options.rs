//! What a BGP protocol of BIRD is set to.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use albedo_types::{Family, Prefix};

use super::statements::Place;

/// Settings of a protocol or a template, as far as they are said.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) place: Place,
    pub(super) name: Option<String>,
    pub(super) local_as: Option<u32>,
    pub(super) local_address: Option<IpAddr>,
    pub(super) local_port: Option<u16>,
    pub(super) neighbour: Option<Neighbour>,
    pub(super) port: Option<u16>,
    pub(super) peer_as: Option<PeerAs>,
    pub(super) hops: Option<u8>,
    pub(super) client: bool,
    pub(super) cluster_id: Option<Ipv4Addr>,
    pub(super) restart: Option<bool>,
    pub(super) restart_time: Option<u32>,
    pub(super) long_lived: Option<bool>,
    pub(super) stale_time: Option<u32>,
    pub(super) password: Option<(Place, String)>,
    pub(super) passive: bool,
    pub(super) hold: Option<u32>,
    pub(super) keepalive: Option<u32>,
    pub(super) retry: Option<u32>,
    pub(super) delay: Option<u32>,
    pub(super) ttl: bool,
    pub(super) description: Option<String>,
    pub(super) own_as: Option<u32>,
    pub(super) disabled: bool,
    /// Of the protocol as a whole: BIRD 1.6.
    pub(super) whole: Channel,
    /// Of BIRD 2.
    pub(super) channels: BTreeMap<Family, Channel>,
}

/// Who is on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbour {
    One(IpAddr),
    Range(Prefix),
}

/// Of which AS it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerAs {
    Number(u32),
    Internal,
    External,
}

/// What is set by family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) import: Option<bool>,
    pub(super) export: Option<bool>,
    pub(super) limit: Option<Limit>,
    pub(super) next_hop: Option<NextHop>,
    pub(super) add_paths: bool,
}

/// How many prefixes there may be, and what one more does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) prefixes: u32,
    pub(super) action: &'static str,
    pub(super) rejected_too: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextHop {
    Own,
    Keep,
}
