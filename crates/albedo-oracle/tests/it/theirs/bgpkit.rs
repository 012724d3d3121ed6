//! BGPKIT's decoder.

use std::net::IpAddr;

use bgpkit_parser::models::{
    AsPath, AsPathSegment, AsnLength, AttrFlags, AttributeValue, BgpMessage, Community,
    NetworkPrefix, NextHopAddress, Nlri, ParamValue,
};
use bgpkit_parser::parser::bgp::parse_bgp_message;
use bytes::Bytes;

use crate::facts::{Facts, Route, Terms, UNASSIGNED};

fn message(octets: &[u8], terms: Terms) -> Result<BgpMessage, String> {
    let width = if terms.as4 { AsnLength::Bits32 } else { AsnLength::Bits16 };
    let mut bytes = Bytes::copy_from_slice(octets);
    parse_bgp_message(&mut bytes, terms.add_path, &width).map_err(|error| error.to_string())
}

/// Whether it takes an OPEN: AS field, hold time, identifier, and how many capabilities there are.
pub(crate) fn takes_open(octets: &[u8]) -> Result<(u16, u16, u32, usize), String> {
    match message(octets, crate::facts::PLAIN)? {
        BgpMessage::Open(open) => {
            let asn = u16::try_from(u32::from(open.asn)).map_err(|error| error.to_string())?;
            let counts = open.opt_params.iter().map(|param| match &param.param_value {
                ParamValue::Capacities(capabilities) => capabilities.len(),
                ParamValue::Raw(_) => 0,
            });
            Ok((asn, open.hold_time, open.bgp_identifier.to_bits(), counts.sum()))
        }
        other => Err(format!("no OPEN: {other:?}")),
    }
}

/// Reads a whole UPDATE.
///
/// What it takes with a warning counts as refused here: by its rules the routes would be
/// withdrawn.
pub(crate) fn read(octets: &[u8], terms: Terms) -> Result<Facts, String> {
    let BgpMessage::Update(update) = message(octets, terms)? else {
        return Err("no UPDATE".into());
    };
    let attributes = &update.attributes;
    if let Some(warning) = attributes.validation_warnings().first() {
        return Err(format!("{warning:?}"));
    }
    let mut facts = Facts::default();
    facts.withdrawn.extend(update.withdrawn_prefixes.iter().map(route));
    facts.announced.extend(update.announced_prefixes.iter().map(route));
    for attribute in attributes.clone().into_attributes_iter() {
        take(&attribute.value, attribute.flag, &mut facts);
    }
    facts.aggregator = attributes.aggregator().map(|(asn, id)| (u32::from(asn), id));
    facts.as_path = attributes.effective_as_path().map(|path| segments(&path));
    Ok(facts.sorted())
}

fn route(prefix: &NetworkPrefix) -> Route {
    let net = prefix.prefix.trunc();
    (prefix.path_id.unwrap_or(0), net.addr(), net.prefix_len())
}

fn unicast(nlri: &Nlri) -> bool {
    nlri.safi as u8 == 1
}

fn take(value: &AttributeValue, flags: AttrFlags, facts: &mut Facts) {
    match value {
        AttributeValue::Origin(origin) => facts.origin = Some(*origin as u8),
        AttributeValue::NextHop(IpAddr::V4(hop)) => facts.next_hop = Some(*hop),
        AttributeValue::MultiExitDiscriminator(med) => facts.med = Some(*med),
        AttributeValue::LocalPreference(pref) => facts.local_pref = Some(*pref),
        AttributeValue::AtomicAggregate => facts.atomic_aggregate = true,
        AttributeValue::Communities(list) => {
            facts.communities.extend(list.iter().map(|one| match one {
                Community::NoExport => 0xffff_ff01,
                Community::NoAdvertise => 0xffff_ff02,
                Community::NoExportSubConfed => 0xffff_ff03,
                Community::Custom(asn, value) => u32::from(*asn) << 16 | u32::from(*value),
            }));
        }
        AttributeValue::ExtendedCommunities(list) => facts.extended_communities = list.len(),
        AttributeValue::LargeCommunities(list) => {
            for one in list {
                let [first, second] = one.local_data;
                facts.add_large([one.global_admin, first, second]);
            }
        }
        AttributeValue::OriginatorId(id) => facts.originator_id = Some(id.to_bits()),
        AttributeValue::Clusters(list) => facts.cluster_list.extend(list),
        AttributeValue::MpReachNlri(nlri) if unicast(nlri) => {
            facts.announced.extend(nlri.prefixes.iter().map(route));
            facts.mp_next_hop = nlri.next_hop.as_ref().and_then(|hop| match hop {
                NextHopAddress::Ipv4(addr) => Some(IpAddr::V4(*addr)),
                NextHopAddress::Ipv6(addr) | NextHopAddress::Ipv6LinkLocal(addr, _) => {
                    Some(IpAddr::V6(*addr))
                }
                _ => None,
            });
        }
        AttributeValue::MpUnreachNlri(nlri) if unicast(nlri) => {
            facts.withdrawn.extend(nlri.prefixes.iter().map(route));
        }
        AttributeValue::OnlyToCustomer(asn) => facts.only_to_customer = Some(u32::from(*asn)),
        AttributeValue::Unknown(raw) => {
            let passed_on = flags.contains(AttrFlags::OPTIONAL | AttrFlags::TRANSITIVE);
            if passed_on && UNASSIGNED.contains(&raw.code) {
                facts.unassigned.push((raw.code, raw.bytes.to_vec()));
            }
        }
        _ => {}
    }
}

fn segments(path: &AsPath) -> Vec<(u8, Vec<u32>)> {
    path.segments
        .iter()
        .map(|segment| {
            let (kind, asns) = match segment {
                AsPathSegment::AsSet(asns) => (1, asns),
                AsPathSegment::AsSequence(asns) => (2, asns),
                AsPathSegment::ConfedSequence(asns) => (3, asns),
                AsPathSegment::ConfedSet(asns) => (4, asns),
            };
            (kind, asns.iter().map(|asn| u32::from(*asn)).collect())
        })
        .collect()
}
