//! What the workloads work on: the sessions of a cluster, and those of a full table.
//!
//! Both are made up from constants alone, so that a workload does the same thing everywhere.
//! They differ in what costs: a cluster has as many attribute sets as nodes and few prefixes
//! behind each, a full table has long attributes and many prefixes behind some of them.

use std::net::{IpAddr, Ipv6Addr};

use albedo_rib::PeerInfo;
use albedo_types::{Asn, Family, Ipv4Prefix, Ipv6Prefix, PathId, PeerId, PeerRole, RouterId};
use albedo_wire::frame;
use albedo_wire::nlri::NlriKey;
use albedo_wire::update::{PackSpec, pack_announce};

mod cluster;
mod table;

/// Our AS, and that of all sources.
pub const ASN: Asn = Asn(64_512);

/// How sources pack, and what receivers take: no extended messages, no path identifiers.
pub const PACK: PackSpec = PackSpec { message_len_max: frame::MESSAGE_LEN_MAX, add_path: false };

/// The prefixes of an attribute set.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Of IPv4 unicast.
    V4(Vec<Ipv4Prefix>),
    /// Of IPv6 unicast.
    V6(Vec<Ipv6Prefix>),
}

impl Keys {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::V4(keys) => keys.len(),
            Self::V6(keys) => keys.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Attributes as a source sends them, and what it announces with them.
#[derive(Clone, Debug)]
pub struct Set {
    /// The attributes without MP_REACH_NLRI; NEXT_HOP is inside where `next_hop` is `None`.
    pub block: Vec<u8>,
    /// The next hop of MP_REACH_NLRI.
    pub next_hop: Option<Ipv6Addr>,
    /// The prefixes.
    pub keys: Keys,
}

/// A session: who it is with, and what comes in.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its index.
    pub peer: PeerId,
    /// What it is to the RIB.
    pub info: PeerInfo,
    /// The family it speaks.
    pub family: Family,
    /// What it announces.
    pub sets: Vec<Set>,
    /// The same as messages, one behind the other.
    pub stream: Vec<u8>,
}

impl Source {
    /// A client with this address, which announces `sets`.
    fn new(peer: usize, addr: IpAddr, router_id: u32, family: Family, sets: Vec<Set>) -> Self {
        let mut stream = Vec::new();
        for set in &sets {
            let next_hop = set.next_hop.map(|addr| addr.octets());
            let next_hop = next_hop.as_ref().map(<[u8; 16]>::as_slice);
            match &set.keys {
                Keys::V4(keys) => write(&mut stream, &set.block, next_hop, keys),
                Keys::V6(keys) => write(&mut stream, &set.block, next_hop, keys),
            }
        }
        let peer = PeerId(u32::try_from(peer).expect("few sources"));
        let router_id = RouterId::new(router_id).expect("an address above 0.0.0.0");
        let info = PeerInfo { addr, router_id, role: PeerRole::Client };
        Self { peer, info, family, sets, stream }
    }

    /// Prefixes that it announces.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.sets.iter().map(|set| set.keys.len()).sum()
    }
}

fn write<K: NlriKey>(out: &mut Vec<u8>, block: &[u8], next_hop: Option<&[u8]>, keys: &[K]) {
    let keys = keys.iter().map(|key| (PathId(0), *key));
    let packed = pack_announce(out, PACK, block, next_hop, keys);
    assert_eq!(packed.oversized, 0, "what a source announces fits a message");
}

/// The sources of one shape.
#[derive(Clone, Debug)]
pub struct Input {
    /// The shape's name.
    pub name: &'static str,
    /// All sessions, by index.
    pub sources: Vec<Source>,
}

impl Input {
    /// Names of the shapes.
    pub const SHAPES: [&'static str; 2] = ["cluster", "table"];

    /// The input of a shape.
    #[must_use]
    pub fn of(shape: &str) -> Option<Self> {
        match shape {
            "cluster" => Some(Self { name: "cluster", sources: cluster::sources() }),
            "table" => Some(Self { name: "table", sources: table::sources() }),
            _ => None,
        }
    }

    /// Routes of all sources.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.sources.iter().map(Source::routes).sum()
    }

    /// Attribute sets of all sources.
    pub fn sets(&self) -> impl Iterator<Item = &Set> {
        self.sources.iter().flat_map(|source| &source.sets)
    }
}

/// Appends an attribute.
fn attribute(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    let len = u8::try_from(value.len()).expect("no attribute here is longer than 255 octets");
    out.extend([flags, code, len]);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests;
