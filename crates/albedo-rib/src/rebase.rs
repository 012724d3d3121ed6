//! Writing a new base: the table at one version, in bounded steps.
//!
//! The list of change is the guide.
//! Entries up to the version at which the work was begun are taken in order; those that change
//! meanwhile leave their place, and are in the tail behind that version anyway.
//! So base and tail together show every prefix, and never an older state after a newer one.
//! First the entries are sorted into buckets, then the buckets are packed.

use alloc::vec::Vec;

use albedo_types::{GroupId, Instant};
use albedo_wire::nlri::NlriKey;

use crate::encode::{self, Buckets};
use crate::family::{FamilyRib, Group};
use crate::group::GroupKey;
use crate::input::Output;
use crate::limits::{LOG_GARBAGE_RATIO, Limits};
use crate::peer::Peers;
use crate::segment::Segment;
use crate::table::{Bookmark, Place, Slot};

/// A base that is being written.
#[derive(Debug)]
pub(crate) struct Rebase {
    version: u64,
    seq: u64,
    /// What the log occupied when the work was begun, in bytes.
    cost: usize,
    seen: u64,
    pub(crate) mark: Option<Bookmark>,
    collected: Buckets<Slot>,
    packing: Option<Packing>,
    segments: Vec<Segment>,
    routes: u64,
}

#[derive(Debug)]
struct Packing {
    order: Vec<u32>,
    items: Vec<Slot>,
    next_bucket: usize,
    next_item: usize,
}

impl Rebase {
    fn new(version: u64, seq: u64, cost: usize) -> Self {
        Self {
            version,
            seq,
            cost,
            seen: 0,
            mark: None,
            collected: Buckets::default(),
            packing: None,
            segments: Vec::new(),
            routes: 0,
        }
    }
}

impl Group {
    /// Whether superseded bytes outweigh the live ones by more than the ratio.
    fn is_garbage(&self, live: usize, limits: &Limits) -> bool {
        let per_route = match self.base_route_bytes {
            0 => self.cost / usize::try_from(self.operations).unwrap_or(usize::MAX).max(1),
            bytes => bytes,
        };
        let bound = (1 + LOG_GARBAGE_RATIO) * live * per_route + limits.log_garbage_min_bytes;
        self.cost > bound
    }
}

impl<K: NlriKey> FamilyRib<K> {
    /// Begins the bases that are due.
    pub(crate) fn begin_rebases(&mut self) {
        let live = self.table.live_len();
        for group in self.groups.values_mut() {
            let due = !group.ready
                || !group.waiting_next.is_empty()
                || group.is_garbage(live, &self.limits);
            if group.rebase.is_none() && due {
                let mut next = core::mem::take(&mut group.waiting_next);
                group.waiting.append(&mut next);
                group.rebase = Some(Rebase::new(self.version, group.end_seq, group.cost));
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
            let key = group.key;
            let done = match rebase.packing {
                None => {
                    self.collect(peers, &key, &mut rebase);
                    false
                }
                Some(_) => self.pack(&key, &mut rebase, now),
            };
            if done {
                self.finish_rebase(id, rebase, out);
            } else {
                self.groups.get_mut(&id).expect("a group of this family").rebase = Some(rebase);
            }
        }
        self.begin_rebases();
    }

    fn collect(&mut self, peers: &Peers, key: &GroupKey, rebase: &mut Rebase) {
        for _ in 0..self.limits.rebase_step_entries {
            let next = self.table.next_after(Place::Live, rebase.seen, &mut rebase.mark);
            let entry = next.map(|slot| (slot, self.table.entry(slot)));
            let Some((slot, entry)) = entry.filter(|(_, e)| e.version <= rebase.version) else {
                self.table.forget(rebase.mark.take());
                let (order, items) = rebase.collected.sort();
                rebase.packing = Some(Packing { order, items, next_bucket: 0, next_item: 0 });
                return;
            };
            rebase.seen = entry.version;
            let best = entry.candidates.best().expect("a live entry has a best");
            if key.exports(&best.attrs, peers.source(best.peer).info.role) {
                rebase.collected.push(best.peer, &best.attrs, slot);
            }
        }
    }

    fn pack(&mut self, key: &GroupKey, rebase: &mut Rebase, now: Instant) -> bool {
        let packing = rebase.packing.as_mut().expect("collected before");
        let mut budget = self.limits.rebase_step_entries;
        while budget > 0 && packing.next_bucket < packing.order.len() {
            let (bucket, count) = rebase.collected.bucket(packing.order[packing.next_bucket]);
            let slots = &packing.items[packing.next_item..packing.next_item + count];
            let (table, version) = (&self.table, rebase.version);
            let mut routes = 0;
            let keys = slots.iter().filter_map(|slot| {
                let entry = table.get(*slot)?;
                let still = entry.place() == Place::Live && entry.version <= version;
                routes += u64::from(still);
                still.then_some(entry.key)
            });
            let start = self.builder.len();
            encode::announce(&mut self.builder, key, &bucket.attrs, keys);
            self.builder.own_run(bucket.source, start);
            rebase.routes += routes;
            packing.next_item += count;
            packing.next_bucket += 1;
            budget = budget.saturating_sub(count);
            if self.builder.len() >= self.limits.base_segment_bytes {
                rebase.segments.push(self.builder.finish(rebase.version, now, false));
            }
        }
        if !self.builder.is_empty() {
            rebase.segments.push(self.builder.finish(rebase.version, now, false));
        }
        packing.next_bucket == packing.order.len()
    }

    fn finish_rebase(&mut self, id: GroupId, rebase: Rebase, out: &mut Vec<Output>) {
        let group = self.groups.get_mut(&id).expect("a group of this family");
        let grace = self.limits.log_grace_bytes;
        let cost: usize = rebase.segments.iter().map(Segment::cost).sum();
        let routes = usize::try_from(rebase.routes).unwrap_or(usize::MAX);
        group.base_route_bytes = cost.checked_div(routes).unwrap_or(0);
        group.base_version = rebase.version;
        // What was appended meanwhile stays, and a little of what was there before.
        group.cost = cost + (group.cost - rebase.cost) + grace.min(rebase.cost);
        group.operations = rebase.routes;
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
