//! NetGauze's decoder.

use std::collections::HashMap;
use std::net::IpAddr;

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::nlri::{Ipv4UnicastAddress, Ipv6UnicastAddress};
use netgauze_bgp_pkt::path_attribute::{
    Aggregator, AsPath, MpReach, MpUnreach, PathAttribute, PathAttributeValue,
};
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;

use crate::facts::{Facts, Route, Terms, UNASSIGNED};

fn message(octets: &[u8], terms: Terms) -> Result<BgpMessage, String> {
    let add_path = [AddressType::Ipv4Unicast, AddressType::Ipv6Unicast]
        .map(|family| (family, terms.add_path))
        .into();
    let mut context =
        BgpParsingContext::new(terms.as4, HashMap::new(), add_path, true, true, true, true);
    let mut reader = SliceReader::new(octets);
    let message =
        BgpMessage::parse(&mut reader, &mut context).map_err(|error| error.to_string())?;
    if !reader.is_empty() {
        return Err("octets behind the message".into());
    }
    Ok(message)
}

/// Whether it takes an OPEN: AS field, hold time, identifier, and how many capabilities there are.
pub(crate) fn takes_open(octets: &[u8]) -> Result<(u16, u16, u32, usize), String> {
    match message(octets, crate::facts::PLAIN)? {
        BgpMessage::Open(open) => {
            Ok((open.my_as(), open.hold_time(), open.bgp_id().to_bits(), open.capabilities().len()))
        }
        other => Err(format!("no OPEN: {other:?}")),
    }
}

/// Reads a whole UPDATE.
///
/// AS4_PATH and AS4_AGGREGATOR are not worked in by this decoder; where they are there, path and
/// aggregator are left out.
pub(crate) fn read(octets: &[u8], terms: Terms) -> Result<Facts, String> {
    let BgpMessage::Update(update) = message(octets, terms)? else {
        return Err("no UPDATE".into());
    };
    let mut facts = Facts::default();
    facts.withdrawn.extend(update.withdraw_routes().iter().map(v4));
    facts.announced.extend(update.nlri().iter().map(v4));
    for attribute in update.path_attributes() {
        take(attribute, &mut facts);
    }
    let completed = |attribute: &PathAttribute| match attribute.value() {
        PathAttributeValue::As4Path(_) => true,
        PathAttributeValue::UnknownAttribute(unknown) => unknown.code() == 18,
        _ => false,
    };
    if !terms.as4 && update.path_attributes().iter().any(completed) {
        facts.as_path = None;
        facts.aggregator = None;
    }
    Ok(facts.sorted())
}

fn v4(route: &Ipv4UnicastAddress) -> Route {
    let net = route.network().address().trunc();
    (route.path_id().unwrap_or(0), IpAddr::V4(net.addr()), net.prefix_len())
}

fn v6(route: &Ipv6UnicastAddress) -> Route {
    let net = route.network().address().trunc();
    (route.path_id().unwrap_or(0), IpAddr::V6(net.addr()), net.prefix_len())
}

fn take(attribute: &PathAttribute, facts: &mut Facts) {
    match attribute.value() {
        PathAttributeValue::Origin(origin) => facts.origin = Some(*origin as u8),
        PathAttributeValue::AsPath(path) => facts.as_path = Some(segments(path)),
        PathAttributeValue::NextHop(hop) => facts.next_hop = Some(hop.next_hop()),
        PathAttributeValue::MultiExitDiscriminator(med) => facts.med = Some(med.metric()),
        PathAttributeValue::LocalPreference(pref) => facts.local_pref = Some(pref.metric()),
        PathAttributeValue::AtomicAggregate(_) => facts.atomic_aggregate = true,
        PathAttributeValue::Aggregator(aggregator) => {
            facts.aggregator = Some(match aggregator {
                Aggregator::As2Aggregator(narrow) => (u32::from(*narrow.asn()), narrow.origin()),
                Aggregator::As4Aggregator(wide) => (*wide.asn(), wide.origin()),
            });
        }
        PathAttributeValue::Communities(list) => {
            facts.communities.extend(list.communities().iter().map(|one| one.value()));
        }
        PathAttributeValue::ExtendedCommunities(list) => {
            facts.extended_communities = list.communities().len();
        }
        PathAttributeValue::LargeCommunities(list) => {
            for one in list.communities() {
                facts.add_large([one.global_admin(), one.local_data1(), one.local_data2()]);
            }
        }
        PathAttributeValue::Originator(id) => facts.originator_id = Some(id.id().to_bits()),
        PathAttributeValue::ClusterList(list) => {
            facts.cluster_list.extend(list.cluster_list().iter().map(|id| id.id().to_bits()));
        }
        PathAttributeValue::MpReach(reach) => match reach {
            MpReach::Ipv4Unicast { next_hop, nlri, .. } => {
                facts.mp_next_hop = Some(*next_hop);
                facts.announced.extend(nlri.iter().map(v4));
            }
            MpReach::Ipv6Unicast { next_hop_global, nlri, .. } => {
                facts.mp_next_hop = Some(IpAddr::V6(*next_hop_global));
                facts.announced.extend(nlri.iter().map(v6));
            }
            _ => {}
        },
        PathAttributeValue::MpUnreach(unreach) => match unreach {
            MpUnreach::Ipv4Unicast { nlri } => facts.withdrawn.extend(nlri.iter().map(v4)),
            MpUnreach::Ipv6Unicast { nlri } => facts.withdrawn.extend(nlri.iter().map(v6)),
            _ => {}
        },
        PathAttributeValue::OnlyToCustomer(customer) => {
            facts.only_to_customer = Some(customer.asn());
        }
        PathAttributeValue::UnknownAttribute(unknown)
            if attribute.optional()
                && attribute.transitive()
                && UNASSIGNED.contains(&unknown.code()) =>
        {
            facts.unassigned.push((unknown.code(), unknown.value().to_vec()));
        }
        _ => {}
    }
}

fn segments(path: &AsPath) -> Vec<(u8, Vec<u32>)> {
    match path {
        AsPath::As2PathSegments(segments) => segments
            .iter()
            .map(|segment| {
                let asns = segment.as_numbers().iter().map(|asn| u32::from(*asn));
                (segment.segment_type() as u8, asns.collect())
            })
            .collect(),
        AsPath::As4PathSegments(segments) => segments
            .iter()
            .map(|segment| (segment.segment_type() as u8, segment.as_numbers().to_vec()))
            .collect(),
    }
}
