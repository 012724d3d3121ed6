//! What an UPDATE says, in words that belong to no decoder.

use std::net::{IpAddr, Ipv4Addr};

/// A prefix with its path identifier: 0 where there is none.
pub(crate) type Route = (u32, IpAddr, u8);

/// What an UPDATE says, as far as all three decoders can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Withdrawn routes of both styles, sorted.
    pub(crate) withdrawn: Vec<Route>,
    /// Announced routes of both styles, sorted.
    pub(crate) announced: Vec<Route>,
    /// Global next hop of `MP_REACH_NLRI`.
    pub(crate) mp_next_hop: Option<IpAddr>,
    /// ORIGIN.
    pub(crate) origin: Option<u8>,
    /// AS_PATH: segments by type and numbers; what AS4_PATH adds is worked in.
    pub(crate) as_path: Option<Vec<(u8, Vec<u32>)>>,
    /// NEXT_HOP.
    pub(crate) next_hop: Option<Ipv4Addr>,
    /// MULTI_EXIT_DISC.
    pub(crate) med: Option<u32>,
    /// LOCAL_PREF.
    pub(crate) local_pref: Option<u32>,
    /// Whether ATOMIC_AGGREGATE is there.
    pub(crate) atomic_aggregate: bool,
    /// AGGREGATOR.
    pub(crate) aggregator: Option<(u32, Ipv4Addr)>,
    /// COMMUNITIES.
    pub(crate) communities: Vec<u32>,
    /// ORIGINATOR_ID.
    pub(crate) originator_id: Option<u32>,
    /// CLUSTER_LIST.
    pub(crate) cluster_list: Vec<u32>,
    /// How many EXTENDED_COMMUNITIES there are.
    pub(crate) extended_communities: usize,
    /// LARGE_COMMUNITIES, without duplicates.
    pub(crate) large_communities: Vec<[u32; 3]>,
    /// ONLY_TO_CUSTOMER.
    pub(crate) only_to_customer: Option<u32>,
    /// Transitive attributes of types that nobody has assigned, by type and value.
    pub(crate) unassigned: Vec<(u8, Vec<u8>)>,
}

/// Types that nobody has assigned, and that every decoder therefore keeps as octets.
pub(crate) const UNASSIGNED: std::ops::RangeInclusive<u8> = 130..=240;

impl Facts {
    /// Puts what has no order into one.
    pub(crate) fn sorted(mut self) -> Self {
        self.withdrawn.sort_unstable();
        self.announced.sort_unstable();
        self.unassigned.sort_unstable();
        // Sequences that follow each other are one, however they were cut.
        if let Some(path) = &mut self.as_path {
            let mut joined: Vec<(u8, Vec<u32>)> = Vec::new();
            for (kind, asns) in path.drain(..) {
                match joined.last_mut() {
                    Some((2, last)) if kind == 2 => last.extend(asns),
                    _ => joined.push((kind, asns)),
                }
            }
            *path = joined;
        }
        self
    }

    /// Adds a large community unless it is there.
    pub(crate) fn add_large(&mut self, community: [u32; 3]) {
        if !self.large_communities.contains(&community) {
            self.large_communities.push(community);
        }
    }
}

/// How a session reads its UPDATEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whether AS numbers have four octets.
    pub(crate) as4: bool,
    /// Whether prefixes have path identifiers.
    pub(crate) add_path: bool,
}

/// Four-octet numbers, no path identifiers.
pub(crate) const PLAIN: Terms = Terms { as4: true, add_path: false };

/// Octets written in hexadecimal, for messages of failed tests.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
