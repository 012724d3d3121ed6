//! Writing a new base: the table at one version, in bounded steps.
//!
//! The list of change is the guide.
//! Entries up to the version at which the work was begun are taken in order; those that change
//! meanwhile leave their place, and are in the tail behind that version anyway.
//! So base and tail together show every prefix, and never an older state after a newer one.
//! First the entries are sorted into buckets, then the buckets are packed.

use alloc::vec::Vec;

use albedo_types::{GroupId, Instant, PathId};
use albedo_wire::nlri::NlriKey;

use crate::attrs::AttrSet;
use crate::encode::{self, Buckets, Item};
use crate::family::{Best, FamilyRib, Group};
use crate::group::GroupKey;
use crate::input::Output;
use crate::limits::{LOG_GARBAGE_RATIO, Limits};
use crate::paths::Set;
use crate::peer::Peers;
use crate::policy::Memo;
use crate::segment::{SEGMENT_OVERHEAD_BYTES, Segment};
use crate::table::{Place, Slot};

/// A base that is being written.
#[derive(Debug)]
pub(crate) struct Rebase {
    pub(crate) version: u64,
    seq: u64,
    /// What the log occupied when the work was begun, in bytes.
    cost: usize,
    /// Weight of what was announced or withdrawn in the log until then.
    operations: u64,
    /// Weight of what the group was told of at `version`, as far as it is counted; `None` where the
    /// group knows its own.
    live: Option<i64>,
    seen: u64,
    work: Work,
    /// What the group's policy made of the sets in it.
    memo: Memo,
    segments: Vec<Segment>,
    /// Weight of the routes in them.
    weight: u64,
}

/// What a route costs at most that stands alone in its segment, beside its attributes, in bytes.
const ROUTE_WEIGHT_BYTES: u64 = SEGMENT_OVERHEAD_BYTES as u64 + 40;

/// The weight of a route: what it costs if it stands alone. By it the bytes of a log are shared out
/// among the routes in it.
#[inline]
fn weight(attrs: &AttrSet) -> u64 {
    attrs.block_len() as u64 + ROUTE_WEIGHT_BYTES
}

/// The weight of what a group is told of a prefix, if that is one route at most.
#[inline]
pub(crate) fn route_weight(told: Option<&AttrSet>) -> u64 {
    told.map_or(0, weight)
}

/// The weight of several routes.
pub(crate) fn paths_weight(set: &Set) -> u64 {
    set.iter().map(|told| weight(&told.path.attrs)).sum()
}

/// The weight of a change that a group is told of.
#[inline]
pub(crate) fn change_weight(has: Option<&AttrSet>) -> u64 {
    has.map_or(ROUTE_WEIGHT_BYTES, weight)
}

/// What is collected, and then packed.
#[derive(Debug)]
enum Work {
    /// One route of a prefix.
    One(Writing<Slot>),
    /// Several.
    Several(Writing<(Slot, PathId)>),
}

impl Work {
    #[inline]
    const fn is_packing(&self) -> bool {
        match self {
            Self::One(writing) => writing.packing.is_some(),
            Self::Several(writing) => writing.packing.is_some(),
        }
    }
}

#[derive(Debug)]
struct Writing<T> {
    collected: Buckets<T>,
    packing: Option<Packing<T>>,
}

impl<T: Item> Writing<T> {
    /// For a table with so many prefixes, which come from so many peers at most.
    fn new(prefixes: usize, peers: usize) -> Self {
        let mut collected = Buckets::default();
        // A peer's routes bear one set at least, and nearly always few.
        collected.reserve(peers.min(prefixes), prefixes);
        Self { collected, packing: None }
    }

    fn begin_packing(&mut self) {
        let (order, items) = self.collected.sort();
        self.packing = Some(Packing { order, items, next_bucket: 0, within: 0, next_item: 0 });
    }
}

#[derive(Debug)]
struct Packing<T> {
    order: Vec<u32>,
    items: Vec<T>,
    next_bucket: usize,
    /// Items of the bucket that are packed already.
    within: usize,
    next_item: usize,
}

/// Where a base's messages go.
#[derive(Debug)]
struct Packed<'r> {
    version: u64,
    segments: &'r mut Vec<Segment>,
    weight: &'r mut u64,
    now: Instant,
}

impl Rebase {
    fn new(version: u64, group: &Group, [prefixes, peers]: [usize; 2]) -> Self {
        Self {
            version,
            seq: group.end_seq,
            cost: group.cost,
            operations: group.operations,
            live: (!group.ready).then_some(0),
            seen: 0,
            work: if group.key.paths.have_ids() {
                Work::Several(Writing::new(prefixes, peers))
            } else {
                Work::One(Writing::new(prefixes, peers))
            },
            memo: Memo::default(),
            segments: Vec::new(),
            weight: 0,
        }
    }
}

impl Group {
    /// Whether superseded bytes outweigh the live ones by more than the ratio.
    ///
    /// What the live routes cost is their share by weight of the last base, or of the whole log
    /// where that is less: a base of a few dear routes says nothing of many cheap ones.
    fn is_garbage(&self, limits: &Limits) -> bool {
        let weight = u128::try_from(self.live).unwrap_or(0);
        let share = |cost: usize, of: u64| weight * cost as u128 / u128::from(of.max(1));
        let mut live = share(self.cost, self.operations);
        if self.base_weight > 0 {
            live = live.min(share(self.base_cost, self.base_weight));
        }
        let bound = (1 + LOG_GARBAGE_RATIO) as u128 * live + limits.log_garbage_min_bytes as u128;
        self.cost as u128 > bound
    }

    /// Whether a base that is being written will leave out a prefix that changes now and changed
    /// last at version `last`.
    #[inline]
    pub(crate) fn skips(&self, last: u64) -> bool {
        self.rebase.as_ref().is_some_and(|rebase| last <= rebase.version)
    }

    /// Counts what the group is told of: the weight of what it was told of a prefix, and is told
    /// now; the prefix changed last at version `last`.
    #[inline]
    pub(crate) fn count(&mut self, [had, has]: [u64; 2], last: u64) {
        let [had, has] = [had, has].map(u64::cast_signed);
        self.live += has - had;
        if let Some(rebase) = &mut self.rebase
            && let Some(live) = &mut rebase.live
            && !rebase.work.is_packing()
            && (rebase.seen + 1..=rebase.version).contains(&last)
        {
            // It leaves its place before the base has come there.
            *live += had;
        }
    }
}

impl<K: NlriKey> FamilyRib<K> {
    /// Begins the bases that are due.
    pub(crate) fn begin_rebases(&mut self) {
        let size = [self.table.live_len(), self.indices()];
        for group in self.groups.values_mut() {
            let due = !group.ready
                || group.holds_tombstones
                || !group.waiting_next.is_empty()
                || group.is_garbage(&self.limits);
            if group.rebase.is_none() && due {
                let mut next = core::mem::take(&mut group.waiting_next);
                group.waiting.append(&mut next);
                group.holds_tombstones = false;
                group.rebase = Some(Rebase::new(self.version, group, size));
            }
        }
    }

    /// Whether a base is being written.
    pub(crate) fn is_rebasing(&self) -> bool {
        self.groups.values().any(|group| group.rebase.is_some())
    }

    /// One bounded step of every base that is being written.
    pub(crate) fn step_rebases(&mut self, peers: &Peers, now: Instant, out: &mut Vec<Output>) {
        let ids: Vec<GroupId> = self.groups.keys().copied().collect();
        for id in ids {
            let group = self.groups.get_mut(&id).expect("a group of this family");
            let Some(mut rebase) = group.rebase.take() else {
                continue;
            };
            let key = group.key.clone();
            let is_packing = rebase.work.is_packing();
            if !is_packing {
                self.collect(peers, &key, &mut rebase);
            }
            let done = is_packing && self.pack(&key, &mut rebase, now);
            if done {
                self.finish_rebase(id, rebase, out);
            } else {
                self.groups.get_mut(&id).expect("a group of this family").rebase = Some(rebase);
            }
        }
        self.begin_rebases();
    }

    fn collect(&self, peers: &Peers, key: &GroupKey, rebase: &mut Rebase) {
        let mut next = self.table.first_after(Place::Live, rebase.seen);
        for _ in 0..self.limits.rebase_step_entries {
            let entry = next.map(|slot| (slot, self.table.entry(slot)));
            let Some((slot, entry)) = entry.filter(|(_, e)| e.version <= rebase.version) else {
                match &mut rebase.work {
                    Work::One(writing) => writing.begin_packing(),
                    Work::Several(writing) => writing.begin_packing(),
                }
                return;
            };
            next = self.table.next(slot);
            rebase.seen = entry.version;
            if key.paths.are_chosen() {
                self.collect_set(peers, key, slot, rebase);
                continue;
            }
            let best = entry.candidates.best().expect("a live entry has a best");
            let peer = best.source.peer();
            let (role, prefix) = (peers.source(peer).info.role, || entry.key.prefix());
            let extra = key.extra(best.source.is_long_lived(), || entry.key.is_host());
            if let Some(attrs) = key.told(&best.attrs, role, extra, prefix, &mut rebase.memo) {
                if let Work::One(writing) = &mut rebase.work {
                    writing.collected.push(peer, attrs, extra, slot);
                }
                if let Some(live) = &mut rebase.live {
                    *live += weight(attrs).cast_signed();
                }
            }
        }
    }

    /// What a group is told of a prefix that chooses among its paths.
    #[cold]
    #[inline(never)]
    fn collect_set(&self, peers: &Peers, key: &GroupKey, slot: Slot, rebase: &mut Rebase) {
        let set = self.set(peers, slot, key, &mut rebase.memo);
        if let Some(live) = &mut rebase.live {
            *live += paths_weight(&set).cast_signed();
        }
        for told in &set {
            let Best { attrs, peer, long_lived, .. } = &told.path;
            let extra = key.extra(*long_lived, || self.table.entry(slot).key.is_host());
            match &mut rebase.work {
                Work::One(writing) => writing.collected.push(*peer, attrs, extra, slot),
                Work::Several(writing) => {
                    writing.collected.push(*peer, attrs, extra, (slot, told.id))
                }
            };
        }
    }

    fn pack(&mut self, key: &GroupKey, rebase: &mut Rebase, now: Instant) -> bool {
        let Rebase { version, work, segments, weight, .. } = rebase;
        let mut out = Packed { version: *version, segments, weight, now };
        match work {
            Work::One(writing) => self.pack_some(key, writing, &mut out),
            Work::Several(writing) => self.pack_some(key, writing, &mut out),
        }
    }

    fn pack_some<T: Item>(
        &mut self,
        key: &GroupKey,
        writing: &mut Writing<T>,
        out: &mut Packed<'_>,
    ) -> bool {
        let packing = writing.packing.as_mut().expect("collected before");
        let mut budget = self.limits.rebase_step_entries;
        while budget > 0 && packing.next_bucket < packing.order.len() {
            let (bucket, len) = writing.collected.bucket(packing.order[packing.next_bucket]);
            let count = (len - packing.within).min(budget);
            let items = &packing.items[packing.next_item..packing.next_item + count];
            let (table, version) = (&self.table, out.version);
            let mut routes = 0;
            let keys = items.iter().filter_map(|item| {
                let entry = table.get(item.slot())?;
                let still = entry.place() == Place::Live && entry.version <= version;
                routes += u64::from(still);
                still.then_some((item.id(), entry.key))
            });
            let start = self.builder.len();
            encode::announce(&mut self.builder, key, (&bucket.attrs, bucket.extra()), keys);
            self.builder.own_run(bucket.source(), start);
            *out.weight += routes * weight(&bucket.attrs);
            packing.next_item += count;
            packing.within += count;
            if packing.within == len {
                packing.next_bucket += 1;
                packing.within = 0;
            }
            budget -= count;
            if self.builder.len() >= self.limits.base_segment_bytes {
                out.segments.push(self.builder.finish(out.version, out.now, false));
            }
        }
        if !self.builder.is_empty() {
            out.segments.push(self.builder.finish(out.version, out.now, false));
        }
        packing.next_bucket == packing.order.len()
    }

    fn finish_rebase(&mut self, id: GroupId, rebase: Rebase, out: &mut Vec<Output>) {
        let group = self.groups.get_mut(&id).expect("a group of this family");
        let grace = self.limits.log_grace_bytes;
        let cost: usize = rebase.segments.iter().map(Segment::cost).sum();
        (group.base_cost, group.base_weight) = (cost, rebase.weight);
        group.base_version = rebase.version;
        // What was appended meanwhile stays, and a little of what was there before.
        group.cost = cost + (group.cost - rebase.cost) + grace.min(rebase.cost);
        group.operations = rebase.weight + (group.operations - rebase.operations);
        group.live += rebase.live.unwrap_or(0);
        group.ready = true;
        out.push(Output::Rebase {
            group: id,
            base: rebase.segments,
            version: rebase.version,
            seq: rebase.seq,
            grace,
        });
        for peer in group.waiting.drain(..) {
            out.push(Output::Start { peer, group: id, end_seq: group.end_seq });
        }
    }
}
