//! A shard with all sources of an input as its peers, for the workloads that begin with one.

use std::sync::Arc;

use albedo_engine::{BATCH_KEYS_MAX, Interned, Interner, Received, Scratch, Source as From};
use albedo_rib::{
    AttrSet, GroupKey, Input as Told, LongLivedExport, Output, PeerInfo, RouteBatch, Shard,
};
use albedo_types::{ClusterId, Family, GroupId, Instant, PathId, PeerId, PeerRole, RouterId};
use albedo_wire::frame::{self, Frame};
use albedo_wire::nlri::NextHop;
use albedo_wire::update::{RawUpdate, UpdateContext};

use crate::input::{ASN, Input, PACK, Source};

/// Our identifier, and our cluster.
const LOCAL: u32 = 0x0a00_0001;
/// Seed of the shard's tables: a fixed one, since which prefixes collide follows from it.
const SEED: u64 = 1;

/// Routes of one peer as the shard is told of them: one batch for each message.
pub(crate) type Batch = (PeerId, RouteBatch);

/// A shard, and what came out of it.
pub(crate) struct World {
    pub(crate) shard: Shard,
    pub(crate) out: Vec<Output>,
    /// The sets tell it when they go, as they do in the product.
    _interner: Interner,
}

impl World {
    /// A shard without routes whose peers are all of the input's sources, each a reader of its
    /// family's group; and what they announce, in the order in which it arrives.
    pub(crate) fn new(input: &Input) -> (Self, Vec<Batch>) {
        let interner = interner();
        let batches = batches(input, &interner);
        let shard = Shard::new(SEED, albedo_rib::Limits::default());
        let mut world = Self { shard, out: Vec::new(), _interner: interner };
        for source in &input.sources {
            world.join(source.peer, source.info, group(source.family), key(source.family));
        }
        world.settle();
        (world, batches)
    }

    /// A peer comes up and reads a group's log.
    pub(crate) fn join(&mut self, peer: PeerId, info: PeerInfo, group: GroupId, key: GroupKey) {
        self.tell(Told::PeerUp { peer, info });
        self.tell(Told::Join { peer, group, key, from: None });
    }

    pub(crate) fn tell(&mut self, told: Told) {
        self.shard.apply(told, Instant::ZERO, &mut self.out);
    }

    /// Ends a batch as the engine's worker does: what takes long is done one step at a time.
    pub(crate) fn turn(&mut self) {
        if self.shard.has_changes() {
            self.shard.flush(Instant::ZERO, &mut self.out);
        }
        self.shard.step(Instant::ZERO, &mut self.out);
    }

    /// Turns until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        self.turn();
        while self.shard.has_work() {
            self.turn();
        }
    }

    /// Routes arrive; a turn ends with the batch that brings it to `turn_routes`.
    pub(crate) fn announce(&mut self, batches: Vec<Batch>, turn_routes: usize) {
        let mut routes = 0;
        for (peer, batch) in batches {
            routes += batch.len();
            self.tell(Told::Routes { peer, batch });
            if routes >= turn_routes {
                self.turn();
                routes = 0;
            }
        }
        self.turn();
    }

    /// What came out so far.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// Prefixes with a best route.
    pub(crate) fn prefixes(&self) -> usize {
        Family::ALL.iter().map(|family| self.shard.stats(*family).prefixes).sum()
    }
}

/// The update group of a family.
pub(crate) fn group(family: Family) -> GroupId {
    GroupId(u32::try_from(family.index()).expect("few families"))
}

/// What makes that group.
pub(crate) fn key(family: Family) -> GroupKey {
    GroupKey {
        family,
        role: PeerRole::Client,
        cluster_id: ClusterId(LOCAL),
        as4: true,
        message_len_max: u32::try_from(PACK.message_len_max).expect("16 bits"),
        external: None,
        next_hop: None,
        long_lived: LongLivedExport::default(),
        no_llgr_on_hosts: false,
        policy: None,
        paths: albedo_rib::Paths::Best,
    }
}

/// The session's part of an UPDATE's reading.
pub(crate) fn context() -> UpdateContext {
    UpdateContext::internal(ASN)
}

/// An interner as the engine has one.
pub(crate) fn interner() -> Interner {
    Interner::standalone(Box::new([ClusterId(LOCAL)]))
}

/// What of a source decides what becomes of its attributes.
pub(crate) fn from(source: &Source) -> From {
    From {
        router_id: source.info.router_id,
        external: false,
        cluster: ClusterId(LOCAL),
        local_router_id: RouterId::new(LOCAL).expect("not zero"),
        local_asn: ASN,
        own_as_allowed: Some(0),
        judged_by: From::judged_by(&context()),
    }
}

/// The messages of a source.
pub(crate) fn frames(source: &Source) -> impl Iterator<Item = Frame<'_>> {
    let mut rest = source.stream.as_slice();
    std::iter::from_fn(move || {
        let frame = frame::split(rest, false).expect("a stream of our own")?;
        rest = &rest[frame.len..];
        Some(frame)
    })
}

/// The UPDATEs of a source, split.
pub(crate) fn updates<'a>(
    source: &'a Source,
    context: &UpdateContext,
) -> impl Iterator<Item = RawUpdate<'a>> {
    frames(source).map(|frame| RawUpdate::split(frame.body, context).expect("our own messages"))
}

/// The next hop that stands in MP_REACH_NLRI, if the message has one.
pub(crate) fn next_hop(update: &RawUpdate<'_>, context: &UpdateContext) -> Option<NextHop> {
    let reach = update.mp_reach.as_ref()?;
    reach.check_next_hop(context).expect("a good next hop")
}

/// The set of a message's attributes.
pub(crate) fn intern(
    interner: &Interner,
    source: &From,
    update: &RawUpdate<'_>,
    context: &UpdateContext,
    scratch: &mut Scratch,
) -> Arc<AttrSet> {
    let next_hop = next_hop(update, context);
    let family = if next_hop.is_some() { Family::Ipv6Unicast } else { Family::Ipv4Unicast };
    let received = Received { family, next_hop: next_hop.as_ref(), block: &update.block };
    match interner.intern(source, &received, context, scratch) {
        Interned::Set(set) => set,
        refused => panic!("attributes that are refused: {refused:?}"),
    }
}

/// All messages as batches; the sources take turns, a message each.
fn batches(input: &Input, interner: &Interner) -> Vec<Batch> {
    let context = context();
    let mut scratch = Scratch::default();
    let mut sources: Vec<_> = input
        .sources
        .iter()
        .map(|source| (source.peer, from(source), updates(source, &context)))
        .collect();
    let mut out = Vec::new();
    loop {
        let before = out.len();
        for (peer, from, updates) in &mut sources {
            let Some(update) = updates.next() else { continue };
            let set = intern(interner, from, &update, &context, &mut scratch);
            out.push((*peer, batch(&update, &set, &context)));
        }
        if out.len() == before {
            return out;
        }
    }
}

fn batch(update: &RawUpdate<'_>, set: &Arc<AttrSet>, context: &UpdateContext) -> RouteBatch {
    let mut batch = RouteBatch::default();
    let keep = |route: Result<(PathId, _), _>| route.expect("our own prefixes");
    batch.v4.extend(update.announced_prefixes(context).map(keep));
    if let Some(reach) = &update.mp_reach {
        let routes = reach.prefixes(context);
        batch.v6.extend(routes.map(|route| route.expect("our own prefixes")));
    }
    assert!(batch.len() <= BATCH_KEYS_MAX, "{} routes in a message", batch.len());
    for _ in 0..batch.len() {
        batch.note(set.family, Some(set));
    }
    batch
}
