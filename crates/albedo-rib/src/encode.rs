//! From changes to messages: bucketed by source and attribute set, packed once per group.
//!
//! RFC: 4271 §4.3 (one attribute set per UPDATE), and as few messages as that allows.

use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{PathId, PeerId};
use albedo_wire::nlri::NlriKey;
use albedo_wire::update::{pack_announce, pack_withdraw};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::attrs::AttrSet;
use crate::group::{Extra, GroupKey};
use crate::segment::SegmentBuilder;
use crate::table::Slot;

/// Prefixes that share source and attributes, and therefore messages.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    tag: Tag,
    count: u32,
    pub(crate) attrs: Arc<AttrSet>,
}

/// A source, and what is added to its routes; those of one source are beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Tag(u32);

impl Tag {
    /// There are fewer than 2^24 peers, see [`crate::table::Source`].
    const fn new(source: PeerId, extra: Extra) -> Self {
        Self(source.0 << Extra::BITS | extra.bits())
    }
}

impl Bucket {
    pub(crate) const fn source(&self) -> PeerId {
        PeerId(self.tag.0 >> Extra::BITS)
    }

    pub(crate) const fn extra(&self) -> Extra {
        Extra::from_bits(self.tag.0)
    }
}

/// What names a route in a bucket: its prefix, or one of the prefix's paths.
pub(crate) trait Item: Copy {
    /// The prefix's entry.
    fn slot(self) -> Slot;
    /// The identifier that the path is told under; 0 where there are none.
    fn id(self) -> PathId;
}

impl Item for Slot {
    #[inline]
    fn slot(self) -> Slot {
        self
    }

    #[inline]
    fn id(self) -> PathId {
        PathId(0)
    }
}

impl Item for (Slot, PathId) {
    #[inline]
    fn slot(self) -> Slot {
        self.0
    }

    #[inline]
    fn id(self) -> PathId {
        self.1
    }
}

/// Sorts items into buckets, in order of first appearance; `T` names an item.
#[derive(Debug)]
pub(crate) struct Buckets<T> {
    buckets: Vec<Bucket>,
    /// By source and what is added, and the address of the set.
    by_set: HashMap<(Tag, usize), u32, FixedState>,
    /// What the bucket of the last item is found by, and the bucket.
    last: Option<(Tag, usize, u32)>,
    items: Vec<(u32, T)>,
}

impl<T> Default for Buckets<T> {
    fn default() -> Self {
        Self {
            buckets: Vec::new(),
            by_set: HashMap::with_hasher(FixedState::with_seed(0)),
            last: None,
            items: Vec::new(),
        }
    }
}

impl<T: Copy> Buckets<T> {
    /// Makes room for so many buckets and items.
    pub(crate) fn reserve(&mut self, buckets: usize, items: usize) {
        self.buckets.reserve(buckets);
        self.by_set.reserve(buckets);
        self.items.reserve(items);
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
        self.by_set.clear();
        self.items.clear();
        self.last = None;
    }

    /// Gives back memory that an unusually large batch left behind.
    pub(crate) fn shrink(&mut self, bytes_max: usize) {
        self.buckets.shrink_to(bytes_max / size_of::<Bucket>());
        self.by_set.shrink_to(bytes_max / size_of::<((Tag, usize), u32)>());
        self.items.shrink_to(bytes_max / size_of::<(u32, T)>());
    }

    /// Whether that made a new bucket.
    #[inline]
    pub(crate) fn push(
        &mut self,
        source: PeerId,
        attrs: &Arc<AttrSet>,
        extra: Extra,
        item: T,
    ) -> bool {
        let (tag, address) = (Tag::new(source, extra), Arc::as_ptr(attrs) as usize);
        let (bucket, is_new) = match self.last {
            Some((last, set, bucket)) if (last, set) == (tag, address) => (bucket, false),
            _ => self.bucket_of(tag, attrs),
        };
        self.buckets[bucket as usize].count += 1;
        self.items.push((bucket, item));
        is_new
    }

    /// The bucket of a set, and whether it is a new one.
    #[inline(never)]
    fn bucket_of(&mut self, tag: Tag, attrs: &Arc<AttrSet>) -> (u32, bool) {
        let (before, address) = (self.buckets.len(), Arc::as_ptr(attrs) as usize);
        let bucket = *self.by_set.entry((tag, address)).or_insert_with(|| {
            self.buckets.push(Bucket { tag, count: 0, attrs: Arc::clone(attrs) });
            u32::try_from(self.buckets.len() - 1).expect("fewer sets than routes")
        });
        self.last = Some((tag, address, bucket));
        (bucket, self.buckets.len() > before)
    }

    /// Items in order of bucket, the buckets of one source beside each other; calls `each` for
    /// every bucket with its items.
    pub(crate) fn drain_sorted(&mut self, mut each: impl FnMut(&Bucket, &[T])) {
        let (order, items) = self.sort();
        let mut start = 0;
        for n in order {
            let bucket = &self.buckets[n as usize];
            let end = start + bucket.count as usize;
            each(bucket, &items[start..end]);
            start = end;
        }
        self.clear();
    }

    /// The buckets in order of source, and the items in that order.
    pub(crate) fn sort(&mut self) -> (Vec<u32>, Vec<T>) {
        let count = u32::try_from(self.buckets.len()).expect("fewer sets than routes");
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_by_key(|n| self.buckets[*n as usize].tag);
        let mut starts = alloc::vec![0usize; self.buckets.len()];
        let mut next = 0;
        for n in &order {
            starts[*n as usize] = next;
            next += self.buckets[*n as usize].count as usize;
        }
        let Some((_, first)) = self.items.first() else {
            return (order, Vec::new());
        };
        let mut items = alloc::vec![*first; self.items.len()];
        for (bucket, item) in &self.items {
            let place = &mut starts[*bucket as usize];
            items[*place] = *item;
            *place += 1;
        }
        (order, items)
    }

    pub(crate) fn bucket(&self, n: u32) -> (&Bucket, usize) {
        let bucket = &self.buckets[n as usize];
        (bucket, bucket.count as usize)
    }
}

/// Appends the announcements of one bucket for one group.
pub(crate) fn announce<K: NlriKey>(
    builder: &mut SegmentBuilder,
    key: &GroupKey,
    (attrs, extra): (&AttrSet, Extra),
    routes: impl Iterator<Item = (PathId, K)>,
) {
    if key.paths.have_ids() {
        return announce_with_ids(builder, key, (attrs, extra), routes);
    }
    let outgoing = key.outgoing(attrs, extra);
    let packed = pack_announce(
        &mut builder.out,
        key.pack_spec(false),
        &outgoing.block,
        outgoing.mp_next_hop.as_deref(),
        routes.map(|(_, prefix)| (PathId(0), prefix)),
    );
    debug_assert_eq!(packed.oversized, 0, "what does not fit is not exported");
    builder.messages += packed.messages;
}

/// The same with identifiers; out of the way, so that where there are none nothing looks for them.
#[cold]
#[inline(never)]
fn announce_with_ids<K: NlriKey>(
    builder: &mut SegmentBuilder,
    key: &GroupKey,
    (attrs, extra): (&AttrSet, Extra),
    routes: impl Iterator<Item = (PathId, K)>,
) {
    let outgoing = key.outgoing(attrs, extra);
    let next_hop = outgoing.mp_next_hop.as_deref();
    let spec = key.pack_spec(true);
    let packed = pack_announce(&mut builder.out, spec, &outgoing.block, next_hop, routes);
    debug_assert_eq!(packed.oversized, 0, "what does not fit is not exported");
    builder.messages += packed.messages;
}

/// Appends withdrawals for one group.
pub(crate) fn withdraw<K: NlriKey>(
    builder: &mut SegmentBuilder,
    key: &GroupKey,
    routes: impl Iterator<Item = (PathId, K)>,
) {
    if key.paths.have_ids() {
        return withdraw_with_ids(builder, key, routes);
    }
    let routes = routes.map(|(_, prefix)| (PathId(0), prefix));
    let packed = pack_withdraw(&mut builder.out, key.pack_spec(false), routes);
    builder.messages += packed.messages;
}

/// The same with identifiers.
#[cold]
#[inline(never)]
fn withdraw_with_ids<K: NlriKey>(
    builder: &mut SegmentBuilder,
    key: &GroupKey,
    routes: impl Iterator<Item = (PathId, K)>,
) {
    let packed = pack_withdraw(&mut builder.out, key.pack_spec(true), routes);
    builder.messages += packed.messages;
}
