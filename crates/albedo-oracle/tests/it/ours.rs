//! What `albedo-wire` says of an UPDATE.

use std::net::IpAddr;

use albedo_types::{Asn, FamilySet, Ipv4Prefix, Ipv6Prefix, PathId};
use albedo_wire::attr::{AttrError, Attributes, table};
use albedo_wire::error::DecodeError;
use albedo_wire::frame;
use albedo_wire::nlri::Nlri;
use albedo_wire::update::{RawUpdate, UpdateContext};

use crate::facts::{Facts, Route, Terms, UNASSIGNED};

/// What came of a message.
#[derive(Debug)]
pub(crate) struct Ours {
    pub(crate) facts: Facts,
    /// What was found wrong that is not fatal.
    pub(crate) errors: Vec<AttrError>,
}

/// The context of an internal session that is as lenient as a recording needs.
pub(crate) fn context(terms: Terms) -> UpdateContext {
    let add_path = if terms.add_path { FamilySet::ALL } else { FamilySet::EMPTY };
    UpdateContext {
        as4: terms.as4,
        add_path,
        extended_next_hop: FamilySet::ALL,
        loopback_next_hop: true,
        link_local_next_hop: true,
        ..UpdateContext::internal(Asn(64512))
    }
}

fn v4(nlri: Nlri<'_, Ipv4Prefix>, routes: &mut Vec<Route>) -> Result<(), DecodeError> {
    for entry in nlri {
        let (PathId(id), prefix) = entry?;
        routes.push((id, IpAddr::V4(prefix.addr()), prefix.len()));
    }
    Ok(())
}

fn v6(nlri: Nlri<'_, Ipv6Prefix>, routes: &mut Vec<Route>) -> Result<(), DecodeError> {
    for entry in nlri {
        let (PathId(id), prefix) = entry?;
        routes.push((id, IpAddr::V6(prefix.addr()), prefix.len()));
    }
    Ok(())
}

/// Reads a whole message.
pub(crate) fn read(message: &[u8], terms: Terms) -> Result<Ours, DecodeError> {
    let ctx = context(terms);
    let frame = frame::split(message, true)?.expect("a whole message");
    let update = RawUpdate::split(frame.body, &ctx)?;
    let mut facts = Facts::default();
    v4(update.withdrawn_prefixes(&ctx), &mut facts.withdrawn)?;
    v4(update.announced_prefixes(&ctx), &mut facts.announced)?;
    if let Some(unreach) = &update.mp_unreach {
        match unreach.family {
            Some(albedo_types::Family::Ipv4Unicast) => {
                v4(unreach.prefixes(&ctx), &mut facts.withdrawn)?;
            }
            Some(albedo_types::Family::Ipv6Unicast) => {
                v6(unreach.prefixes(&ctx), &mut facts.withdrawn)?;
            }
            None => {}
        }
    }
    if let Some(reach) = &update.mp_reach {
        match reach.family {
            Some(albedo_types::Family::Ipv4Unicast) => {
                v4(reach.prefixes(&ctx), &mut facts.announced)?;
            }
            Some(albedo_types::Family::Ipv6Unicast) => {
                v6(reach.prefixes(&ctx), &mut facts.announced)?;
            }
            None => {}
        }
        facts.mp_next_hop = reach.check_next_hop(&ctx)?.map(|hop| hop.addr());
    }
    let mut scratch = Vec::new();
    let block = update.block.contiguous(&mut scratch);
    let decoded = Attributes::decode(block, update.need(), &ctx);
    attributes(&decoded.attributes, &mut facts);
    let mut errors: Vec<_> = update.walk_errors.to_vec();
    errors.extend(decoded.errors);
    update.conclude(&errors)?;
    Ok(Ours { facts: facts.sorted(), errors })
}

fn attributes(found: &Attributes<'_>, facts: &mut Facts) {
    let has = |code| found.raw_of(code).is_some();
    facts.origin = has(1).then_some(found.origin as u8);
    facts.as_path = has(2).then(|| {
        let segments = found.as_path.segments();
        segments
            .map(|segment| (segment.kind as u8, segment.asns().map(|asn| asn.0).collect()))
            .collect()
    });
    facts.next_hop = found.next_hop;
    facts.med = found.med;
    facts.local_pref = found.local_pref;
    facts.atomic_aggregate = found.atomic_aggregate;
    facts.aggregator = found.aggregator.map(|aggregator| (aggregator.asn.0, aggregator.addr));
    facts.communities = found.communities.iter().flat_map(|list| list.iter()).collect();
    facts.originator_id = found.originator_id;
    let clusters = found.cluster_list.iter().flat_map(|list| list.iter());
    facts.cluster_list = clusters.map(|cluster| cluster.0).collect();
    facts.extended_communities =
        found.extended_communities.map_or(0, |communities| communities.iter().count());
    facts.large_communities = found.large_communities.iter().flat_map(|list| list.iter()).collect();
    facts.only_to_customer =
        found.raw_of(35).and_then(|raw| raw.value.try_into().ok()).map(u32::from_be_bytes);
    facts.unassigned = found
        .raw()
        .filter(|raw| table::row(raw.code).is_none() && UNASSIGNED.contains(&raw.code))
        .map(|raw| (raw.code, raw.value.to_vec()))
        .collect();
}
