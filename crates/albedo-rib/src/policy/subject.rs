//! A set of attributes as rules look at it.

use core::net::{IpAddr, Ipv6Addr};

use albedo_types::policy::Community;
use albedo_types::{Asn, Family, Ipv4Prefix, Ipv6Prefix, Prefix};
use albedo_wire::attr::{Attributes, Need, SegmentKind};
use albedo_wire::update::UpdateContext;

use crate::attrs::AttrSet;

/// What rules ask of a set of attributes.
#[derive(Debug)]
pub struct Subject<'a> {
    pub(super) family: Family,
    pub(super) local_pref: u32,
    mp_next_hop: Option<&'a [u8]>,
    attributes: Attributes<'a>,
}

impl<'a> Subject<'a> {
    /// Of a set.
    #[must_use]
    pub fn of(set: &'a AttrSet) -> Self {
        // A NEXT_HOP that is in the block has to be seen.
        let need = Need { announces: false, plain_next_hop: true };
        Self {
            family: set.family,
            local_pref: set.summary.local_pref,
            mp_next_hop: set.mp_next_hop(),
            attributes: Attributes::decode(set.block(), need, &UpdateContext::own()).attributes,
        }
    }

    pub(super) fn bears_any(&self, any: &[Community]) -> bool {
        let attributes = &self.attributes;
        any.iter().any(|wanted| match wanted {
            Community::Standard(wanted) => {
                attributes.communities.is_some_and(|there| there.iter().any(|c| c == *wanted))
            }
            Community::Large(wanted) => {
                attributes.large_communities.is_some_and(|there| there.iter().any(|c| c == *wanted))
            }
        })
    }

    /// Whether the path begins with these; confederation segments are not of the path outside,
    /// and a set has no beginning.
    pub(super) fn path_begins_with(&self, wanted: &[Asn]) -> bool {
        let mut wanted = wanted.iter();
        let segments = self.attributes.as_path.segments();
        for segment in segments.filter(|segment| !segment.kind.is_confederation()) {
            if segment.kind != SegmentKind::Sequence {
                break;
            }
            for asn in segment.asns() {
                match wanted.next() {
                    None => return true,
                    Some(wanted) if *wanted == asn => {}
                    Some(_) => return false,
                }
            }
        }
        wanted.next().is_none()
    }

    /// The next hop as the prefix of one address; of the two of RFC 2545 the global one.
    pub(super) fn next_hop(&self) -> Option<Prefix> {
        let hop = match self.mp_next_hop {
            None => IpAddr::V4(self.attributes.next_hop?),
            Some(octets) => match (octets.first_chunk::<4>(), octets.first_chunk::<16>()) {
                (Some(v4), None) if octets.len() == 4 => IpAddr::from(*v4),
                (_, Some(v6)) => IpAddr::V6(Ipv6Addr::from(*v6)),
                _ => return None,
            },
        };
        match hop {
            IpAddr::V4(addr) => Ipv4Prefix::new(addr, 32).map(Prefix::V4),
            IpAddr::V6(addr) => match addr.to_ipv4_mapped() {
                Some(v4) => Ipv4Prefix::new(v4, 32).map(Prefix::V4),
                None => Ipv6Prefix::new(addr, 128).map(Prefix::V6),
            },
        }
    }
}
