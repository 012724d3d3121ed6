//! Distinct attribute sets, shared by all sessions and shards (docs/adr/0003).
//!
//! The key is the received block and what else decides the outgoing bytes: family, next hop, and
//! who the source is.
//! A block that was seen before is neither validated nor encoded again.
//! The map holds the sets weakly; the last user of a set takes it out.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use albedo_rib::{AttrSet, Home, Marks, Parts, Summary};
use albedo_types::{Asn, ClusterId, Family, RouterId};
use albedo_wire::attr::{AttrError, Attributes, Edit, LocalPrefEdit, Need, NextHopEdit};
use albedo_wire::error::Treatment;
use albedo_wire::nlri::NextHop;
use albedo_wire::update::{RawBlock, UpdateContext};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::SeedableRandomState;

use crate::stats::Stats;

/// LOCAL_PREF of a route that came without (RFC 4271 §9.1.1 leaves it to us).
pub const DEFAULT_LOCAL_PREF: u32 = 100;

/// What of a source decides the outgoing bytes and the loop checks.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its BGP identifier: ORIGINATOR_ID where there is none yet (RFC 4456 §8).
    pub router_id: RouterId,
    /// Whether it is of another AS.
    pub external: bool,
    /// The cluster it belongs to; stands in front of CLUSTER_LIST.
    pub cluster: ClusterId,
    /// Our own identifier.
    pub local_router_id: RouterId,
    /// Our own AS.
    pub local_asn: Asn,
    /// How often our own AS may stand in AS_PATH (E13 of RFC 4271 §9.1.2); `None`: not looked at.
    pub own_as_allowed: Option<u32>,
}

/// Why routes are taken as withdrawn although their attributes are well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// ORIGINATOR_ID is ours (RFC 4456 §8).
    OriginatorId,
    /// CLUSTER_LIST names one of our clusters (RFC 4456 §8).
    ClusterList,
    /// AS_PATH names our AS (RFC 4271 §9.1.2).
    AsPath,
}

/// A block as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The family of the routes that bear it.
    pub family: Family,
    /// The next hop of MP_REACH_NLRI, checked; `None` where the block holds NEXT_HOP.
    pub next_hop: Option<&'a NextHop>,
    /// All attributes but MP_REACH_NLRI and MP_UNREACH_NLRI.
    pub block: &'a RawBlock<'a>,
}

/// Buffers that a session keeps for its look-ups.
#[derive(Debug, Default)]
pub struct Scratch {
    key: Vec<u8>,
    /// What was found wrong with the last block, if it was a new one.
    pub errors: Vec<AttrError>,
}

/// What became of a block.
#[derive(Debug)]
pub enum Interned {
    /// The routes are announced with this set.
    Set(Arc<AttrSet>),
    /// The routes are taken as withdrawn.
    Looped(Loop),
    /// The block is malformed (RFC 7606); the strongest treatment.
    Malformed(Treatment),
}

#[derive(Debug)]
struct Map(DashMap<Arc<[u8]>, Weak<AttrSet>, SeedableRandomState>);

impl Home for Map {
    fn forget(&self, key: &[u8]) {
        self.0.remove_if(key, |_, set| set.strong_count() == 0);
    }
}

/// The concurrent map of sets.
#[derive(Debug)]
pub struct Interner {
    map: Arc<Map>,
    clusters: Box<[ClusterId]>,
    stats: Arc<Stats>,
}

impl Interner {
    pub(crate) fn new(clusters: Box<[ClusterId]>, stats: Arc<Stats>) -> Self {
        let map = DashMap::with_hasher(SeedableRandomState::random());
        Self { map: Arc::new(Map(map)), clusters, stats }
    }

    /// An interner outside of any engine, for those who measure; `clusters` are ours.
    ///
    /// What it does is the same on every machine: the hash has no secret, and the parts that lock
    /// apart are not as many as the machine has use for.
    #[must_use]
    pub fn standalone(clusters: Box<[ClusterId]>) -> Self {
        const PARTS: usize = 8;
        let map = DashMap::with_hasher_and_shard_amount(SeedableRandomState::fixed(), PARTS);
        Self { map: Arc::new(Map(map)), clusters, stats: Arc::new(Stats::new(0)) }
    }

    /// How many sets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.0.is_empty()
    }

    /// The set of a received block; `scratch.errors` holds what was found wrong with a new one.
    pub fn intern(
        &self,
        source: &Source,
        received: &Received<'_>,
        context: &UpdateContext,
        scratch: &mut Scratch,
    ) -> Interned {
        let Received { family, next_hop, block } = *received;
        let Scratch { key, errors } = scratch;
        errors.clear();
        write_key(source, received, context.as4, key);
        let found = self.map.0.get(key.as_slice()).and_then(|set| set.upgrade());
        if let Some(set) = found {
            return Interned::Set(set);
        }
        let received = &key[key.len() - block.len()..];
        let need = Need { announces: true, plain_next_hop: next_hop.is_none() };
        let decoded = Attributes::decode(received, need, context);
        errors.extend(decoded.errors.iter().cloned());
        if let Some(treatment) = decoded.treatment.filter(|t| *t > Treatment::Discard) {
            return Interned::Malformed(treatment);
        }
        let attributes = decoded.attributes;
        if let Some(looped) = self.looped(source, &attributes) {
            return Interned::Looped(looped);
        }
        let parts = parts(source, family, next_hop, &attributes);
        self.stats.sets_made.fetch_add(1, Ordering::Relaxed);
        Interned::Set(self.insert(parts, key))
    }

    fn insert(&self, parts: Parts, key: &[u8]) -> Arc<AttrSet> {
        let key: Arc<[u8]> = key.into();
        let map = Arc::downgrade(&self.map);
        let home: Weak<dyn Home> = map;
        let set = Arc::new(AttrSet::new(parts, Arc::clone(&key), Some(home)));
        let winner = match self.map.0.entry(key) {
            Entry::Occupied(mut other) => match other.get().upgrade() {
                Some(winner) => winner,
                None => {
                    other.insert(Arc::downgrade(&set));
                    Arc::clone(&set)
                }
            },
            Entry::Vacant(place) => {
                place.insert(Arc::downgrade(&set));
                Arc::clone(&set)
            }
        };
        // The loser of a race is dropped here, where no guard of the map is held.
        drop(set);
        winner
    }

    fn looped(&self, source: &Source, attributes: &Attributes<'_>) -> Option<Loop> {
        if !source.external {
            if attributes.originator_id == Some(source.local_router_id.get()) {
                return Some(Loop::OriginatorId);
            }
            if let Some(list) = &attributes.cluster_list
                && self.clusters.iter().any(|cluster| list.contains(*cluster))
            {
                return Some(Loop::ClusterList);
            }
        }
        if let Some(allowed) = source.own_as_allowed
            && attributes.as_path.contains(source.local_asn) > allowed as usize
        {
            return Some(Loop::AsPath);
        }
        None
    }
}

fn write_key(source: &Source, received: &Received<'_>, as4: bool, key: &mut Vec<u8>) {
    let Received { family, next_hop, block } = *received;
    key.clear();
    let flags = u8::from(source.external) | u8::from(as4) << 1;
    key.push(flags);
    key.push(u8::try_from(family.index()).expect("few families"));
    key.extend_from_slice(&source.router_id.get().to_be_bytes());
    key.extend_from_slice(&source.cluster.0.to_be_bytes());
    match next_hop {
        None => key.push(0),
        Some(next_hop) => {
            let at = key.len();
            key.push(0);
            key.extend_from_slice(next_hop.to_wire(false).as_slice());
            key[at] = u8::try_from(key.len() - at - 1).expect("a next hop is short");
        }
    }
    block.write_to(key);
}

fn parts(
    source: &Source,
    family: Family,
    next_hop: Option<&NextHop>,
    attributes: &Attributes<'_>,
) -> Parts {
    let edit = Edit {
        next_hop: if next_hop.is_some() { NextHopEdit::Drop } else { NextHopEdit::Keep },
        originator_id: (!source.external).then_some(source.router_id),
        prepend_cluster: (!source.external).then_some(source.cluster),
        drop_reflection: source.external,
        local_pref: LocalPrefEdit::Default(DEFAULT_LOCAL_PREF),
        as4: true,
        ..Edit::default()
    };
    let mut block = Vec::with_capacity(128);
    attributes.encode(&edit, &mut block);
    let mp_next_hop = next_hop.map(|next_hop| next_hop.to_wire(false).as_slice().into());
    Parts {
        family,
        summary: summary(source, attributes),
        external: source.external,
        cluster: source.cluster,
        block: block.into_boxed_slice(),
        mp_next_hop,
    }
}

fn summary(source: &Source, attributes: &Attributes<'_>) -> Summary {
    let path = &attributes.as_path;
    let mut marks = Marks::default();
    let known = attributes.well_known;
    for (there, mark) in [
        (known.no_advertise(), Marks::NO_ADVERTISE),
        (known.no_export(), Marks::NO_EXPORT),
        (known.llgr_stale(), Marks::LLGR_STALE),
        (known.no_llgr(), Marks::NO_LLGR),
    ] {
        if there {
            marks.insert(mark);
        }
    }
    let originator = attributes.originator_id.filter(|_| !source.external).unwrap_or(0);
    let clusters = attributes.cluster_list.as_ref().filter(|_| !source.external);
    let cluster_hops = clusters.map_or(0, |list| list.len());
    Summary {
        local_pref: attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREF),
        med: attributes.med.unwrap_or(0),
        neighbour_as: path.first_as().map_or(0, |asn| asn.0),
        as_hops: path.hops(),
        originator,
        cluster_hops: u16::try_from(cluster_hops).unwrap_or(u16::MAX),
        origin: attributes.origin as u8,
        marks,
    }
}
