//! A reader whose place in the log is gone gets what changed since, in its newest state.
//!
//! The lists of change tell what that is: live entries behind the reader's version are announced
//! (or withdrawn, where the reader must not have them), tombstones behind it are withdrawn.
//! A reader that comes from another group gets the difference between the two groups.
//! One chunk at a time is under way for a reader; what changes meanwhile comes in a later chunk.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{Family, GroupId, PathId, PeerId};
use albedo_wire::nlri::NlriKey;
use bytes::Bytes;

use crate::attrs::AttrSet;
use crate::encode::{self, Buckets};
use crate::family::FamilyRib;
use crate::group::{Extra, GroupKey, Paths};
use crate::input::{Output, Resume};
use crate::peer::Peers;
use crate::policy::Memo;
use crate::table::{Place, Slot};

mod several;

use several::PathsSeen;

/// What a route adds to a message whose attributes are there already, at most, in bytes.
const ROUTE_BYTES: usize = 21;

/// A reader that is being caught up.
#[derive(Debug)]
pub(crate) struct CatchUp {
    group: GroupId,
    request: u32,
    live_seen: u64,
    dead_seen: u64,
    /// Whether its turn is to come: it has no chunk under way.
    ready: bool,
    /// The group it comes from, and the version it had come to there.
    diff: Option<(GroupKey, u64)>,
    /// For groups with several paths.
    paths: PathsSeen,
}

/// Readers that are being caught up, and those whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct CatchUps {
    by_peer: alloc::collections::BTreeMap<PeerId, CatchUp>,
    ready: VecDeque<PeerId>,
}

impl CatchUps {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_peer.len()
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The reader has its chunk and wants the next one.
    pub(crate) fn more(&mut self, peer: PeerId) {
        if let Some(catch_up) = self.by_peer.get_mut(&peer)
            && !core::mem::replace(&mut catch_up.ready, true)
        {
            self.ready.push_back(peer);
        }
    }
}

/// What one chunk is made of.
#[derive(Debug)]
struct Chunk<K> {
    announced: Buckets<(Slot, PathId)>,
    withdrawn: Vec<(PathId, K)>,
    bytes: usize,
}

impl<K> Chunk<K> {
    fn announce(
        &mut self,
        source: PeerId,
        attrs: &Arc<AttrSet>,
        extra: Extra,
        route: (Slot, PathId),
    ) {
        if self.announced.push(source, attrs, extra, route) {
            self.bytes += attrs.block().len() + 32;
        }
        self.bytes += ROUTE_BYTES;
    }

    fn withdraw(&mut self, key: K, id: PathId) {
        self.bytes += ROUTE_BYTES;
        self.withdrawn.push((id, key));
    }
}

impl<K> Default for Chunk<K> {
    fn default() -> Self {
        Self { announced: Buckets::default(), withdrawn: Vec::new(), bytes: 0 }
    }
}

impl<K: NlriKey> FamilyRib<K> {
    /// Notes that a reader is to be caught up.
    pub(crate) fn start_catch_up(
        &mut self,
        peer: PeerId,
        group: GroupId,
        resume: Resume,
        from: Option<GroupKey>,
        is_mixed: bool,
    ) {
        let Resume { position, request } = resume;
        self.drop_catch_up(peer);
        let paths = self.paths_seen(&position, is_mixed);
        let since = position.complete && from.is_none();
        let catch_up = CatchUp {
            group,
            request,
            live_seen: if since { position.version } else { 0 },
            dead_seen: position.version,
            ready: true,
            diff: from.filter(|_| position.complete).map(|key| (key, position.version)),
            paths,
        };
        self.catch_ups.by_peer.insert(peer, catch_up);
        self.catch_ups.ready.push_back(peer);
    }

    pub(crate) fn drop_catch_up(&mut self, peer: PeerId) {
        if self.catch_ups.by_peer.remove(&peer).is_some_and(|catch_up| catch_up.ready) {
            self.catch_ups.ready.retain(|ready| *ready != peer);
        }
    }

    /// One chunk for each reader whose turn it is, as long as the step lasts.
    pub(crate) fn step_catch_ups(&mut self, peers: &Peers, out: &mut Vec<Output>) {
        let mut left = self.limits.catch_up_step_entries;
        for _ in 0..self.catch_ups.ready.len() {
            if left == 0 {
                return;
            }
            let Some(peer) = self.catch_ups.ready.pop_front() else {
                break;
            };
            if let Some(catch_up) = self.catch_ups.by_peer.remove(&peer) {
                let looked_at = self.step_catch_up(peers, peer, catch_up, out);
                left = left.saturating_sub(looked_at.max(1));
            }
        }
    }

    /// One chunk for one reader; how many entries were looked at.
    fn step_catch_up(
        &mut self,
        peers: &Peers,
        peer: PeerId,
        mut catch_up: CatchUp,
        out: &mut Vec<Output>,
    ) -> usize {
        let Some(group) = self.groups.get(&catch_up.group) else {
            return 0;
        };
        let (key, end_seq) = (group.key.clone(), group.end_seq);
        let mut chunk = Chunk::default();
        let dead = if key.paths.have_ids() {
            self.collect_gone(peers, peer, &key, &mut catch_up, &mut chunk)
        } else {
            self.collect_dead(&mut catch_up, &mut chunk)
        };
        let live = self.collect_live(peers, peer, &key, &mut catch_up, &mut chunk);
        let dead_done = if key.paths.have_ids() {
            self.seen_all_gone(&catch_up)
        } else {
            self.table.seen_all(Place::Dead, catch_up.dead_seen)
        };
        let done = dead_done && self.table.seen_all(Place::Live, catch_up.live_seen);
        let bytes = self.encode_chunk(&key, chunk);
        let (id, request) = (catch_up.group, catch_up.request);
        // Nothing in this stretch may have concerned the reader: then it goes on unasked.
        catch_up.ready = bytes.is_empty();
        if !done && catch_up.ready {
            self.catch_ups.by_peer.insert(peer, catch_up);
            self.catch_ups.ready.push_back(peer);
            return dead + live;
        }
        if !done {
            self.catch_ups.by_peer.insert(peer, catch_up);
        }
        out.push(Output::CatchUp {
            peer,
            group: id,
            request,
            version: self.version,
            bytes,
            done: done.then_some(end_seq),
        });
        dead + live
    }

    fn collect_dead(&self, catch_up: &mut CatchUp, chunk: &mut Chunk<K>) -> usize {
        let mut next = self.table.first_after(Place::Dead, catch_up.dead_seen);
        for n in 0..self.limits.catch_up_step_entries {
            if chunk.bytes >= self.limits.catch_up_chunk_bytes {
                return n;
            }
            let Some(slot) = next else {
                return n;
            };
            next = self.table.next(slot);
            let entry = self.table.entry(slot);
            catch_up.dead_seen = entry.version;
            chunk.withdraw(entry.key, PathId(0));
        }
        self.limits.catch_up_step_entries
    }

    fn collect_live(
        &self,
        peers: &Peers,
        peer: PeerId,
        key: &GroupKey,
        catch_up: &mut CatchUp,
        chunk: &mut Chunk<K>,
    ) -> usize {
        let mut memos = (Memo::default(), Memo::default());
        let from = catch_up.diff.as_ref().map(|(old, _)| old.paths);
        let are_chosen = key.paths.are_chosen() || from.is_some_and(Paths::are_chosen);
        let mut next = self.table.first_after(Place::Live, catch_up.live_seen);
        for n in 0..self.limits.catch_up_step_entries {
            if chunk.bytes >= self.limits.catch_up_chunk_bytes {
                return n;
            }
            let Some(slot) = next else {
                return n;
            };
            next = self.table.next(slot);
            catch_up.live_seen = self.table.entry(slot).version;
            if !are_chosen {
                self.collect_best((peers, peer), slot, key, catch_up, &mut memos, chunk);
            } else if key.paths.have_ids() {
                self.collect_paths((peers, peer), slot, key, catch_up, &mut memos, chunk);
            } else {
                self.collect_toldable((peers, peer), slot, key, catch_up, &mut memos, chunk);
            }
        }
        self.limits.catch_up_step_entries
    }

    /// The best route of a prefix, if a reader is told it; else it must have none.
    #[inline]
    fn collect_best(
        &self,
        (peers, peer): (&Peers, PeerId),
        slot: Slot,
        key: &GroupKey,
        catch_up: &CatchUp,
        (memo, old_memo): &mut (Memo, Memo),
        chunk: &mut Chunk<K>,
    ) {
        let entry = self.table.entry(slot);
        let best = entry.candidates.best().expect("a live entry has a best");
        let (source, long_lived) = (best.source.peer(), best.source.is_long_lived());
        let role = peers.source(source).info.role;
        let attrs = Some(&best.attrs).filter(|_| source != peer);
        let extra_of = |key: &GroupKey| key.extra(long_lived, || entry.key.is_host());
        let (extra, prefix) = (extra_of(key), || entry.key.prefix());
        let has = attrs.and_then(|attrs| key.told(attrs, role, extra, prefix, memo));
        let diff = catch_up.diff.as_ref().filter(|(_, seen)| entry.version <= *seen);
        if let Some((old, _)) = diff {
            let was = extra_of(old);
            let had = attrs.and_then(|attrs| old.told(attrs, role, was, prefix, old_memo));
            match (had, has) {
                (None, None) => return,
                (Some(had), Some(has)) if old.outgoing(had, was) == key.outgoing(has, extra) => {
                    return;
                }
                _ => {}
            }
        }
        match has {
            Some(has) => chunk.announce(source, has, extra, (slot, PathId(0))),
            None => chunk.withdraw(entry.key, PathId(0)),
        }
    }

    fn encode_chunk(&mut self, key: &GroupKey, mut chunk: Chunk<K>) -> Bytes {
        let (table, builder) = (&self.table, &mut self.builder);
        encode::withdraw(builder, key, chunk.withdrawn.iter().copied());
        chunk.announced.drain_sorted(|bucket, routes| {
            let routes = routes.iter().map(|(slot, id)| (*id, table.entry(*slot).key));
            encode::announce(builder, key, (&bucket.attrs, bucket.extra()), routes);
        });
        builder.take_bytes()
    }

    /// What a reader that finds its place gone asks for.
    pub(crate) fn catch_up(
        &mut self,
        peers: &mut Peers,
        peer: PeerId,
        family: Family,
        resume: Resume,
    ) {
        let Some(state) = peers.get_mut(peer) else { return };
        let is_mixed = &mut state.mixed[family.index()];
        *is_mixed &= !resume.position.complete;
        let waits = |id: &GroupId| self.groups.get(id).is_some_and(|group| group.waits(peer));
        if let Some(group) = state.groups[family.index()].filter(|group| !waits(group)) {
            self.start_catch_up(peer, group, resume, None, *is_mixed);
        }
    }
}
