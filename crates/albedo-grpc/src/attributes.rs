//! Attributes of a route as GoBGP's messages.

use std::net::{IpAddr, Ipv4Addr};

use albedo_api::routes::{RouteAttributes, RouteRow};
use albedo_types::{Family, Prefix};

use crate::generated::apipb::{self, as_segment::Type};

/// A path attribute; the messages are those of version 3.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Origin(apipb::OriginAttribute),
    AsPath(apipb::AsPathAttribute),
    NextHop(apipb::NextHopAttribute),
    MpReach(apipb::MpReachNlriAttribute, apipb::IpAddressPrefix),
    Med(apipb::MultiExitDiscAttribute),
    LocalPref(apipb::LocalPrefAttribute),
    AtomicAggregate(apipb::AtomicAggregateAttribute),
    Aggregator(apipb::AggregatorAttribute),
    Communities(apipb::CommunitiesAttribute),
    OriginatorId(apipb::OriginatorIdAttribute),
    ClusterList(apipb::ClusterListAttribute),
    ExtendedCommunities(Vec<ExtendedCommunity>),
    LargeCommunities(apipb::LargeCommunitiesAttribute),
}

/// An extended community (RFC 4360 §3, RFC 5668).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ExtendedCommunity {
    TwoOctetAs(apipb::TwoOctetAsSpecificExtended),
    Ipv4Address(apipb::IPv4AddressSpecificExtended),
    FourOctetAs(apipb::FourOctetAsSpecificExtended),
    Unknown(apipb::UnknownExtended),
}

/// Set in the type of a community that stays within its AS.
const NON_TRANSITIVE: u8 = 0x40;

impl ExtendedCommunity {
    fn new(octets: [u8; 8]) -> Self {
        let [kind, sub_type, a, b, c, d, e, f] = octets;
        let is_transitive = kind & NON_TRANSITIVE == 0;
        let sub_type = u32::from(sub_type);
        let four = u32::from_be_bytes([a, b, c, d]);
        let last_two = u32::from(u16::from_be_bytes([e, f]));
        match kind & !NON_TRANSITIVE {
            0 => Self::TwoOctetAs(apipb::TwoOctetAsSpecificExtended {
                is_transitive,
                sub_type,
                asn: u32::from(u16::from_be_bytes([a, b])),
                local_admin: u32::from_be_bytes([c, d, e, f]),
            }),
            1 => Self::Ipv4Address(apipb::IPv4AddressSpecificExtended {
                is_transitive,
                sub_type,
                address: Ipv4Addr::from_bits(four).to_string(),
                local_admin: last_two,
            }),
            2 => Self::FourOctetAs(apipb::FourOctetAsSpecificExtended {
                is_transitive,
                sub_type,
                asn: four,
                local_admin: last_two,
            }),
            _ => Self::Unknown(apipb::UnknownExtended {
                r#type: u32::from(kind),
                value: octets[1..].to_vec(),
            }),
        }
    }
}

/// A family as GoBGP numbers it.
pub(crate) fn family(family: Family) -> apipb::Family {
    let row = family.row();
    apipb::Family { afi: i32::from(row.afi.0), safi: i32::from(row.safi.0) }
}

/// The family of a prefix.
pub(crate) const fn family_of(prefix: Prefix) -> Family {
    match prefix {
        Prefix::V4(_) => Family::Ipv4Unicast,
        Prefix::V6(_) => Family::Ipv6Unicast,
    }
}

/// A prefix as NLRI.
pub(crate) fn nlri(prefix: Prefix) -> apipb::IpAddressPrefix {
    apipb::IpAddressPrefix {
        prefix_len: u32::from(prefix.len()),
        prefix: prefix.addr().to_string(),
    }
}

/// The attributes of a route, in the order of their type codes.
pub(crate) fn of(row: &RouteRow) -> Vec<Attribute> {
    let it: &RouteAttributes = &row.attributes;
    let mut list = vec![
        Attribute::Origin(apipb::OriginAttribute { origin: u32::from(it.origin) }),
        Attribute::AsPath(apipb::AsPathAttribute { segments: segments(&it.as_path) }),
    ];
    let next_hops: Vec<String> = it.next_hop.iter().map(IpAddr::to_string).collect();
    let prefix = row.prefix;
    match next_hops.first() {
        Some(next_hop) if family_of(prefix) == Family::Ipv4Unicast && it.next_hop[0].is_ipv4() => {
            let next_hop = next_hop.clone();
            list.push(Attribute::NextHop(apipb::NextHopAttribute { next_hop }));
        }
        _ => {
            let family = Some(family(family_of(prefix)));
            let reach = apipb::MpReachNlriAttribute { family, next_hops, nlris: Vec::new() };
            list.push(Attribute::MpReach(reach, nlri(prefix)));
        }
    }
    list.extend(it.med.map(|med| Attribute::Med(apipb::MultiExitDiscAttribute { med })));
    let local_pref = |local_pref| Attribute::LocalPref(apipb::LocalPrefAttribute { local_pref });
    list.extend(it.local_pref.map(local_pref));
    if it.atomic_aggregate {
        list.push(Attribute::AtomicAggregate(apipb::AtomicAggregateAttribute {}));
    }
    list.extend(it.aggregator.map(|(asn, address)| {
        Attribute::Aggregator(apipb::AggregatorAttribute { asn, address: address.to_string() })
    }));
    if !it.communities.is_empty() {
        let communities = it.communities.clone();
        list.push(Attribute::Communities(apipb::CommunitiesAttribute { communities }));
    }
    list.extend(
        it.originator_id
            .map(|id| Attribute::OriginatorId(apipb::OriginatorIdAttribute { id: id.to_string() })),
    );
    if !it.cluster_list.is_empty() {
        let ids = it.cluster_list.iter().map(ToString::to_string).collect();
        list.push(Attribute::ClusterList(apipb::ClusterListAttribute { ids }));
    }
    if !it.extended_communities.is_empty() {
        let communities = it.extended_communities.iter().copied().map(ExtendedCommunity::new);
        list.push(Attribute::ExtendedCommunities(communities.collect()));
    }
    if !it.large_communities.is_empty() {
        let large = it.large_communities.iter().map(|[global_admin, local_data1, local_data2]| {
            apipb::LargeCommunity {
                global_admin: *global_admin,
                local_data1: *local_data1,
                local_data2: *local_data2,
            }
        });
        let communities = large.collect();
        list.push(Attribute::LargeCommunities(apipb::LargeCommunitiesAttribute { communities }));
    }
    list
}

/// The segments of an AS_PATH that is written out: sets in braces, those of confederations in
/// parentheses and brackets.
fn segments(text: &str) -> Vec<apipb::AsSegment> {
    let mut segments = Vec::new();
    let mut kind = Type::AsSequence;
    let mut numbers = Vec::new();
    let mut word = 0_u32;
    let mut in_word = false;
    for character in text.chars().chain([' ']) {
        if let Some(digit) = character.to_digit(10) {
            word = word.wrapping_mul(10).wrapping_add(digit);
            in_word = true;
            continue;
        }
        if in_word {
            numbers.push(word);
            (word, in_word) = (0, false);
        }
        let opened = match character {
            '{' => Some(Type::AsSet),
            '(' => Some(Type::AsConfedSequence),
            '[' => Some(Type::AsConfedSet),
            '}' | ')' | ']' => Some(Type::AsSequence),
            _ => None,
        };
        if let Some(opened) = opened {
            close(&mut segments, kind, &mut numbers);
            kind = opened;
        }
    }
    close(&mut segments, kind, &mut numbers);
    segments
}

fn close(segments: &mut Vec<apipb::AsSegment>, kind: Type, numbers: &mut Vec<u32>) {
    if !numbers.is_empty() {
        let numbers = std::mem::take(numbers);
        segments.push(apipb::AsSegment { r#type: kind as i32, numbers });
    }
}

#[cfg(test)]
mod tests;
