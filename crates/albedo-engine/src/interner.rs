//! Distinct attribute sets, shared by all sessions and shards (docs/adr/0003).
//!
//! The key is the received block and what else decides the outgoing bytes: family, next hop, who
//! the source is, and by which rules its session judges.
//! A block that was seen before is neither validated nor encoded again.
//! The map holds the sets weakly; the last user of a set takes it out. A set is its own key: it
//! can tell what it was made from.

use std::hash::BuildHasher as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock, RwLockReadGuard, Weak};

use albedo_rib::attrs::Material;
use albedo_rib::{AttrSet, Home, Marks, Parts, Summary};
use albedo_types::{Asn, ClusterId, Family, RouterId};
use albedo_wire::attr::{AttrError, Attributes, Edit, LocalPrefEdit, Need, NextHopEdit};
use albedo_wire::error::Treatment;
use albedo_wire::nlri::NextHop;
use albedo_wire::update::{RawBlock, UpdateContext};
use dashmap::{DashMap, SharedValue};
use foldhash::fast::SeedableRandomState;

use crate::stats::Stats;

/// LOCAL_PREF of a route that came without (RFC 4271 §9.1.1 leaves it to us).
pub const DEFAULT_LOCAL_PREF: u32 = 100;

/// Cluster ids that are ours or were since the start, at most, unless there were more at the
/// start.
pub const CLUSTERS_MAX: usize = 1_024;

/// More clusters than are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} cluster ids since the start, of which {CLUSTERS_MAX} are remembered")]
pub struct TooManyClusters {
    /// How many there would be.
    pub found: usize,
}

/// Tells blocks that an import policy has changed from equal ones that were received so: the
/// first are judged by no session's rules.
const CHANGED: u32 = 0x5c11_a4ed;

/// What of a source decides the outgoing bytes and the loop checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Tells sessions apart that judge a block by different rules; from [`Source::judged_by`].
    ///
    /// One node may have two of them, and a reload may change them while routes are on their way.
    pub judged_by: u32,
}

impl Source {
    /// A number for the rules of a session, to be made once for it.
    #[must_use]
    pub fn judged_by(context: &UpdateContext) -> u32 {
        let hash = foldhash::fast::FixedState::default().hash_one(context);
        u32::try_from(hash >> 32).expect("32 bits are left")
    }

    /// All that decides whether the source's routes are taken, in one number.
    const fn rules(&self) -> u32 {
        // An AS that may stand there four thousand million times is not looked at.
        let allowed = match self.own_as_allowed {
            Some(allowed) => allowed,
            None => u32::MAX,
        };
        self.judged_by ^ allowed.wrapping_mul(0x9e37_79b9)
    }
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
    block: Vec<u8>,
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

/// Sets by the hash of what they were made from.
///
/// The map's own interface compares keys; here the set is the key, and it may be gone by the time
/// it is compared. So the map's shards are used as they are.
#[derive(Debug)]
struct Map(DashMap<u64, Weak<AttrSet>, SeedableRandomState>);

impl Map {
    fn hash(&self, material: &Material<'_>) -> u64 {
        self.0.hasher().hash_one(material)
    }

    fn shard(&self, hash: u64) -> usize {
        // The map takes a word of the machine; what is cut off elsewhere only spreads it worse.
        self.0.determine_shard(hash as usize)
    }

    fn find(&self, hash: u64, material: &Material<'_>) -> Option<Arc<AttrSet>> {
        let mut look = Look::new(hash, material);
        let shard = self.0.shards()[self.shard(hash)].read();
        shard.get(hash, |entry| look.is_it(entry));
        drop(shard);
        look.found
    }

    /// The set, or one of the same material that was quicker.
    fn insert(&self, hash: u64, material: &Material<'_>, set: Arc<AttrSet>) -> Arc<AttrSet> {
        let mut look = Look::new(hash, material);
        let mut shard = self.0.shards()[self.shard(hash)].write();
        shard.get(hash, |entry| look.is_it(entry));
        if look.found.is_none() {
            shard.insert(hash, (hash, SharedValue::new(Arc::downgrade(&set))), |(hash, _)| *hash);
        }
        drop(shard);
        look.found.unwrap_or(set)
    }
}

/// A look for the set of some material.
///
/// A set that dies takes itself out of the map and wants the shard's lock for it. So every set
/// that was looked at is kept here, to die when the lock is given back.
struct Look<'m> {
    hash: u64,
    material: &'m Material<'m>,
    found: Option<Arc<AttrSet>>,
    others: Vec<Arc<AttrSet>>,
}

impl<'m> Look<'m> {
    const fn new(hash: u64, material: &'m Material<'m>) -> Self {
        Self { hash, material, found: None, others: Vec::new() }
    }

    fn is_it(&mut self, (hash, set): &(u64, SharedValue<Weak<AttrSet>>)) -> bool {
        let set = if *hash == self.hash { set.get().upgrade() } else { None };
        let Some(set) = set else { return false };
        let is_it = set.is_of(self.material);
        if is_it {
            self.found = Some(set);
        } else {
            self.others.push(set);
        }
        is_it
    }
}

impl Home for Map {
    fn forget(&self, hash: u64) {
        let mut shard = self.0.shards()[self.shard(hash)].write();
        let is_dead = |(other, set): &(u64, SharedValue<Weak<AttrSet>>)| {
            *other == hash && set.get().strong_count() == 0
        };
        shard.remove_entry(hash, is_dead);
    }
}

/// A number for a set of clusters, in order and each once.
#[must_use]
pub fn mark_of(clusters: &[ClusterId]) -> u32 {
    let hash = foldhash::fast::FixedState::default().hash_one(clusters);
    u32::try_from(hash >> 32).expect("32 bits are left")
}

/// The concurrent map of sets.
#[derive(Debug)]
pub struct Interner {
    map: Arc<Map>,
    /// Those that are ours, or were; looked at for new blocks only.
    clusters: RwLock<Vec<ClusterId>>,
    stats: Arc<Stats>,
}

impl Interner {
    pub(crate) fn new(clusters: Box<[ClusterId]>, stats: Arc<Stats>) -> Self {
        let map = DashMap::with_hasher(SeedableRandomState::random());
        let mut clusters = clusters.into_vec();
        clusters.sort_unstable();
        clusters.dedup();
        Self { map: Arc::new(Map(map)), clusters: RwLock::new(clusters), stats }
    }

    /// An interner outside of any engine, for those who measure; `clusters` are ours.
    ///
    /// What it does is the same on every machine: the hash has no secret, and the parts that lock
    /// apart are not as many as the machine has use for.
    #[must_use]
    pub fn standalone(clusters: Box<[ClusterId]>) -> Self {
        const PARTS: usize = 8;
        let map = DashMap::with_hasher_and_shard_amount(SeedableRandomState::fixed(), PARTS);
        let clusters = RwLock::new(clusters.into());
        Self { map: Arc::new(Map(map)), clusters, stats: Arc::new(Stats::new(0)) }
    }

    fn clusters(&self) -> RwLockReadGuard<'_, Vec<ClusterId>> {
        self.clusters.read().expect("nothing panics while it holds this lock")
    }

    /// Takes further clusters for ours (RFC 4456 §8). One that was ours stays so: what we reflected
    /// under it may still come back.
    ///
    /// # Errors
    ///
    /// They would be more than [`CLUSTERS_MAX`]; then none is taken.
    pub(crate) fn add_clusters(&self, more: &[ClusterId]) -> Result<(), TooManyClusters> {
        let mut known = self.clusters.write().expect("nothing panics while it holds this lock");
        let mut all = [&known, more].concat();
        all.sort_unstable();
        all.dedup();
        if all.len() > CLUSTERS_MAX.max(known.len()) {
            return Err(TooManyClusters { found: all.len() });
        }
        *known = all;
        Ok(())
    }

    /// Tells sets of our clusters apart; to be part of [`Source::judged_by`], so that what was
    /// taken while there were fewer of them is looked at again.
    pub(crate) fn clusters_mark(&self) -> u32 {
        mark_of(&self.clusters())
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
        let Scratch { block: copy, errors } = scratch;
        errors.clear();
        let wire = next_hop.map(|next_hop| next_hop.to_wire(false));
        let material = Material {
            family,
            external: source.external,
            as4: context.as4,
            router_id: source.router_id,
            cluster: source.cluster,
            next_hop: wire.as_ref().map(|wire| wire.as_slice()),
            rules: source.rules(),
            block: block.contiguous(copy),
        };
        let hash = self.map.hash(&material);
        if let Some(set) = self.map.find(hash, &material) {
            self.stats.sets_found.fetch_add(1, Ordering::Relaxed);
            return Interned::Set(set);
        }
        let need = Need { announces: true, plain_next_hop: next_hop.is_none() };
        let decoded = Attributes::decode(material.block, need, context);
        errors.extend(decoded.errors.iter().cloned());
        if let Some(treatment) = decoded.treatment.filter(|t| *t > Treatment::Discard) {
            return Interned::Malformed(treatment);
        }
        let attributes = decoded.attributes;
        if let Some(looped) = self.looped(source, &attributes) {
            return Interned::Looped(looped);
        }
        self.stats.sets_made.fetch_add(1, Ordering::Relaxed);
        let map = Arc::downgrade(&self.map);
        let set = make(source, &material, &attributes, hash, map);
        Interned::Set(self.map.insert(hash, &material, set))
    }

    /// The set of a received block after the changes of an import policy; `change` gets the
    /// block in finished form, without what a reflector adds.
    ///
    /// The block was interned as it is before, so what is wrong with it is known; loops were
    /// looked for in what was received, not in what we make of it. `None` if the outcome fits no
    /// message.
    pub fn intern_changed(
        &self,
        source: &Source,
        received: &Received<'_>,
        context: &UpdateContext,
        scratch: &mut Scratch,
        change: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<Arc<AttrSet>> {
        let Received { family, next_hop, block } = *received;
        let need = Need { announces: true, plain_next_hop: next_hop.is_none() };
        let mut finished = Vec::with_capacity(128);
        Attributes::decode(block.contiguous(&mut scratch.block), need, context)
            .attributes
            .encode(&Edit { as4: true, ..Edit::default() }, &mut finished);
        let changed = change(&finished)?;
        // What a policy sets is ours: LOCAL_PREF counts, whoever sent the rest.
        let ours = UpdateContext::own();
        let judged_by = source.judged_by ^ CHANGED;
        let source = Source { judged_by, own_as_allowed: None, ..*source };
        let block = RawBlock::whole(&changed);
        match self.intern(&source, &Received { family, next_hop, block: &block }, &ours, scratch) {
            Interned::Set(set) => Some(set),
            Interned::Looped(_) | Interned::Malformed(_) => None,
        }
    }

    fn looped(&self, source: &Source, attributes: &Attributes<'_>) -> Option<Loop> {
        if !source.external {
            if attributes.originator_id == Some(source.local_router_id.get()) {
                return Some(Loop::OriginatorId);
            }
            if let Some(list) = &attributes.cluster_list
                && self.clusters().iter().any(|cluster| list.contains(*cluster))
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

fn make(
    source: &Source,
    material: &Material<'_>,
    attributes: &Attributes<'_>,
    hash: u64,
    home: Weak<dyn Home>,
) -> Arc<AttrSet> {
    let edit = Edit {
        next_hop: if material.next_hop.is_some() { NextHopEdit::Drop } else { NextHopEdit::Keep },
        originator_id: (!source.external).then_some(source.router_id),
        prepend_cluster: (!source.external).then_some(source.cluster),
        drop_reflection: source.external,
        local_pref: LocalPrefEdit::Default(DEFAULT_LOCAL_PREF),
        as4: true,
        ..Edit::default()
    };
    let mut block = Vec::with_capacity(128);
    attributes.encode(&edit, &mut block);
    let parts = Parts {
        family: material.family,
        summary: summary(source, attributes),
        external: source.external,
        cluster: source.cluster,
        block: &block,
        mp_next_hop: material.next_hop,
    };
    Arc::new(AttrSet::interned(&parts, material, hash, home))
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

#[cfg(test)]
mod tests;
