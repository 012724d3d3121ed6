//! From bytes to prefixes and attributes, and back again.

use std::hint::black_box;

use albedo_types::{Family, PathId};
use albedo_wire::attr::{Attributes, Edit, LocalPrefEdit, NextHopEdit};
use albedo_wire::nlri::NlriKey;
use albedo_wire::update::{RawUpdate, UpdateContext, pack_announce, pack_withdraw};

use super::Step;
use crate::input::{Input, Keys, PACK, Set};
use crate::shard::{context, frames, from, next_hop, updates};

/// Every message: its frame, its fields, its attributes, its prefixes.
pub(super) fn decode(input: &Input) -> Step<'_> {
    let context = context();
    let mut scratch = Vec::new();
    Box::new(move || {
        let mut routes = 0;
        for frame in input.sources.iter().flat_map(frames) {
            let update = RawUpdate::split(frame.body, &context).expect("our own messages");
            let block = update.block.contiguous(&mut scratch);
            let decoded = Attributes::decode(block, update.need(), &context);
            assert!(decoded.treatment.is_none(), "our own attributes: {:?}", decoded.errors);
            black_box(&decoded);
            routes += count_routes(&update, &context);
        }
        routes
    })
}

fn count_routes(update: &RawUpdate<'_>, context: &UpdateContext) -> usize {
    let plain = update.announced_prefixes(context).map(|route| black_box(route).is_ok());
    let mut routes = plain.filter(|good| *good).count();
    if let Some(reach) = &update.mp_reach
        && reach.family == Some(Family::Ipv6Unicast)
    {
        black_box(next_hop(update, context));
        let keys = reach.prefixes::<albedo_types::Ipv6Prefix>(context);
        routes += keys.map(|route| black_box(route).is_ok()).filter(|good| *good).count();
    }
    routes
}

/// The attributes of every message as they are reflected.
pub(super) fn encode(input: &Input) -> Step<'_> {
    let context = context();
    let mut decoded = Vec::new();
    for source in &input.sources {
        let from = from(source);
        for update in updates(source, &context) {
            let multiprotocol = update.mp_reach.is_some();
            let edit = Edit {
                next_hop: if multiprotocol { NextHopEdit::Drop } else { NextHopEdit::Keep },
                originator_id: Some(from.router_id),
                prepend_cluster: Some(from.cluster),
                local_pref: LocalPrefEdit::Default(albedo_engine::DEFAULT_LOCAL_PREF),
                as4: true,
                ..Edit::default()
            };
            // The attributes of such a message lie in one piece, at its end or around nothing.
            let mut parts = update.block.parts();
            let block = parts.next().unwrap_or_default();
            assert!(parts.next().is_none(), "multiprotocol attributes come first");
            decoded.push((Attributes::decode(block, update.need(), &context).attributes, edit));
        }
    }
    let mut out = Vec::new();
    Box::new(move || {
        for (attributes, edit) in &decoded {
            out.clear();
            attributes.encode(edit, &mut out);
            black_box(&out);
        }
        decoded.len()
    })
}

/// Every set as messages, and every prefix withdrawn again.
pub(super) fn pack(input: &Input) -> Step<'_> {
    let mut out = Vec::new();
    Box::new(move || {
        let mut routes = 0;
        for set in input.sets() {
            out.clear();
            routes += match &set.keys {
                Keys::V4(keys) => pack_set(&mut out, set, keys),
                Keys::V6(keys) => pack_set(&mut out, set, keys),
            };
            black_box(&out);
        }
        routes
    })
}

fn pack_set<K: NlriKey>(out: &mut Vec<u8>, set: &Set, keys: &[K]) -> usize {
    let keys = || keys.iter().map(|key| (PathId(0), *key));
    let next_hop = set.next_hop.map(|addr| addr.octets());
    let next_hop = next_hop.as_ref().map(<[u8; 16]>::as_slice);
    let announced = pack_announce(out, PACK, &set.block, next_hop, keys());
    let withdrawn = pack_withdraw(out, PACK, keys());
    (announced.prefixes + withdrawn.prefixes) as usize
}
