//! A shard's thread: drain, apply, flush once, deliver, and a bounded piece of slow work.
//!
//! Pacing (docs/adr/0004): the first change after quiet goes out at once.
//! While the last round of fan-out is still under way, changes gather for about as long as that
//! round took, so that under load batches grow and system calls per peer do not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use albedo_rib::{Input, Limits, Output, Segment, Shard};
use albedo_types::{Family, GroupId, Instant, PeerId, ShardId};

use crate::clock;
use crate::direct::{self, DIRECT_BYTES_MAX, DIRECT_READERS_MIN, DIRECT_TURN_READERS};
use crate::engine::Shared;
use crate::group::SharedGroup;
use crate::log::{SharedLog, Tracked};
use crate::mailbox::{Mailbox, Received, Weigh};
use crate::reader::{Chunk, NO_CLAIM, Post, Reader, SharedLane};
use crate::stats::{ShardStats, set};

/// Letters that one batch takes.
pub(crate) const BATCH_LETTERS_MAX: usize = 256;
/// Routes after which a batch is ended.
pub(crate) const BATCH_ROUTES_MAX: usize = 8 * 1024;
/// A worker turns at least this often, for its heartbeat.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Senders that wait for space are looked after at least this often: one that was woken may have
/// nothing to say any more.
const WANTED_INTERVAL: Duration = Duration::from_millis(1);
/// Tombstones are looked through at least this often while there are any.
const BURY_INTERVAL: Duration = Duration::from_millis(100);
/// Tombstones more than were left the last time that are looked through without waiting for the
/// interval.
const BURY_AT: usize = 4096;

/// What a shard's channel carries.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A session came up.
    Up { reader: Arc<Reader>, input: Input },
    /// A session joins a group.
    Join { group: Arc<SharedGroup>, input: Input },
    /// Anything else, and when it was read.
    Input { input: Input, at: Instant },
    /// Something was asked.
    Asked,
    /// The engine ends.
    Stop,
}

impl Weigh for Letter {
    fn routes(&self) -> usize {
        match self {
            Self::Input { input: Input::Routes { batch, .. }, .. } => batch.len(),
            _ => 0,
        }
    }
}

/// A group as its worker sees it.
#[derive(Debug)]
struct Member {
    group: Arc<SharedGroup>,
    readers: BTreeMap<PeerId, Arc<Reader>>,
    /// Version of the last segment appended.
    version: u64,
    /// The last segment appended.
    last: Option<Arc<Tracked>>,
}

#[derive(Debug)]
pub(crate) struct Worker {
    id: ShardId,
    shard: Shard,
    shared: Arc<Shared>,
    mailbox: Mailbox<Letter>,
    readers: HashMap<PeerId, Arc<Reader>>,
    groups: HashMap<GroupId, Member>,
    out: Vec<Output>,
    flushed_at: Instant,
    buried_at: Instant,
    /// Tombstones that were left when they were last looked through.
    tombstones_left: [usize; Family::COUNT],
    /// Entries that may be looked at in one turn for who asks.
    query_step: usize,
    /// Whether something was asked that the last turn did not come to.
    is_asked: bool,
}

impl Worker {
    pub(crate) fn new(
        id: ShardId,
        shared: Arc<Shared>,
        mailbox: Mailbox<Letter>,
        seed: u64,
        limits: Limits,
    ) -> Self {
        Self {
            id,
            shard: Shard::new(seed, limits),
            shared,
            mailbox,
            readers: HashMap::new(),
            groups: HashMap::new(),
            out: Vec::new(),
            flushed_at: Instant::ZERO,
            buried_at: Instant::ZERO,
            tombstones_left: [0; Family::COUNT],
            query_step: limits.query_step_entries,
            is_asked: false,
        }
    }

    /// Turns until the engine ends; whether the shard is empty then.
    pub(crate) fn run(mut self) -> bool {
        while self.turn() {}
        self.shared.desks[self.id.index()].close();
        self.shard.is_empty()
    }

    fn stats(&self) -> &ShardStats {
        &self.shared.stats.shards[self.id.index()]
    }

    fn turn(&mut self) -> bool {
        let first = if self.shard.has_work() || self.is_asked {
            self.mailbox.try_receive()
        } else {
            self.mailbox.receive(self.patience())
        };
        let started = clock::now();
        let mut goes_on = self.drain(first);
        if self.shard.has_changes() && goes_on {
            goes_on = self.gather();
        }
        let mut out = std::mem::take(&mut self.out);
        let mut flush = None;
        let is_watched = self.shared.watches.is_any();
        self.shard.watch(is_watched);
        if self.shard.has_changes() {
            let now = clock::now();
            let birth = self.shard.decide(now);
            let decided = clock::now();
            self.shard.encode(birth, &mut out);
            self.flushed_at = now;
            self.stats().batches.fetch_add(1, Ordering::Relaxed);
            flush = Some((now, decided));
        }
        let flushed = clock::now();
        if let (Some((begun, decided)), Some(Output::Append { segment, .. })) = (flush, out.first())
        {
            self.stats().stages.count(segment.born, [begun, decided, flushed]);
        }
        self.shard.step(flushed, &mut out);
        // Of several segments each reader gets as many as it can with one write.
        let appends = out.iter().filter(|output| matches!(output, Output::Append { .. })).count();
        for output in out.drain(..) {
            self.deliver(output, appends == 1, flushed);
        }
        out.shrink_to(1024);
        self.out = out;
        if is_watched {
            self.note_changed();
        }
        if self.shared.desks[self.id.index()].is_asked() {
            self.answer();
        }
        self.bury(started);
        self.publish(started);
        goes_on
    }

    /// Leaves what changed for those who watch.
    #[cold]
    #[inline(never)]
    fn note_changed(&mut self) {
        let changed = self.shard.changed();
        if !changed.is_empty() {
            self.shared.watches.note(self.id.index(), &changed);
        }
    }

    /// Answers what was asked, within the bound of one turn.
    #[cold]
    #[inline(never)]
    fn answer(&mut self) {
        let desk = &self.shared.desks[self.id.index()];
        let mut budget = self.query_step;
        while budget > 0
            && let Some(request) = desk.take()
        {
            request.answer(&self.shard, &mut budget, &self.shared.stats);
        }
        self.is_asked = desk.is_asked();
    }

    /// How long to wait for a letter.
    fn patience(&self) -> Duration {
        if self.mailbox.is_wanted() {
            return WANTED_INTERVAL;
        }
        let tombstones = Family::ALL.iter().any(|family| self.shard.stats(*family).tombstones > 0);
        if tombstones { BURY_INTERVAL } else { HEARTBEAT }
    }

    /// Applies what waits; whether the engine goes on.
    fn drain(&mut self, first: Received<Letter>) -> bool {
        let mut received = first;
        let (mut letters, mut routes) = (0, 0);
        let goes_on = loop {
            match received {
                Received::Letter(letter) => {
                    letters += 1;
                    routes += letter.routes();
                    if !self.apply(letter) {
                        break false;
                    }
                }
                Received::Timeout => break true,
                Received::Closed => break false,
            }
            // Only then is the next one taken out: what was taken out must be applied.
            if letters >= BATCH_LETTERS_MAX || routes >= BATCH_ROUTES_MAX {
                break true;
            }
            received = self.mailbox.try_receive();
        };
        self.mailbox.drained();
        goes_on
    }

    /// Lets changes gather while the last round is under way; whether the engine goes on.
    fn gather(&mut self) -> bool {
        let max = self.shared.pacing_max();
        let outstanding =
            |member: &&Member| member.last.as_ref().is_some_and(|last| last.is_outstanding());
        let round = self.groups.values().filter(outstanding);
        let round = round.map(|member| member.group.logs[self.id.index()].round_nanos()).max();
        let Some(round) = round else { return true };
        let until = self.flushed_at + Duration::from_nanos(round).min(max);
        for _ in 0..BATCH_LETTERS_MAX {
            let left = until.since(clock::now());
            if left.is_zero() || !self.groups.values().any(|member| outstanding(&member)) {
                break;
            }
            match self.mailbox.receive(left) {
                Received::Letter(letter) => {
                    if !self.apply(letter) {
                        return false;
                    }
                    self.mailbox.drained();
                }
                Received::Timeout => break,
                Received::Closed => return false,
            }
        }
        true
    }

    fn apply(&mut self, letter: Letter) -> bool {
        let now = clock::now();
        match letter {
            Letter::Up { reader, input } => {
                self.readers.insert(reader.peer, reader);
                self.tell(input, now);
            }
            Letter::Join { group, input } => {
                if let Input::Join { peer, from, .. } = &input {
                    self.join(group, *peer, from.map(|resume| resume.position.version));
                }
                self.tell(input, now);
            }
            Letter::Input { input, at } => {
                let gone = match &input {
                    Input::PeerDown { peer } => self.forget(*peer),
                    Input::PeerLost { peer, .. } => {
                        self.reads_no_more(*peer);
                        None
                    }
                    _ => None,
                };
                self.tell(input, at);
                if let Some(reader) = gone {
                    // From here on the index may be another peer's.
                    self.shared.forgotten(&reader);
                }
            }
            Letter::Asked => {}
            Letter::Stop => {
                for letter in self.mailbox.take_beside() {
                    self.apply(letter);
                }
                return false;
            }
        }
        true
    }

    /// Tells the shard, and delivers what it answers at once: a later letter may be of another
    /// peer that bears the same index.
    fn tell(&mut self, input: Input, at: Instant) {
        let mut out = std::mem::take(&mut self.out);
        self.shard.apply(input, at, &mut out);
        for output in out.drain(..) {
            self.deliver(output, false, at);
        }
        self.out = out;
    }

    fn join(&mut self, group: Arc<SharedGroup>, peer: PeerId, from: Option<u64>) {
        let Some(reader) = self.readers.get(&peer).map(Arc::clone) else {
            return;
        };
        let family = group.key.family;
        if let Some(version) = from {
            reader.lane(family, self.id).hold(version);
        }
        for member in self.groups.values_mut() {
            if member.group.key.family == family {
                member.readers.remove(&peer);
            }
        }
        let member = self.groups.entry(group.id).or_insert_with(|| Member {
            group,
            readers: BTreeMap::new(),
            version: 0,
            last: None,
        });
        reader.lane(family, self.id).set_group(member.group.id);
        member.readers.insert(peer, reader);
    }

    fn forget(&mut self, peer: PeerId) -> Option<Arc<Reader>> {
        self.reads_no_more(peer);
        self.readers.remove(&peer)
    }

    fn reads_no_more(&mut self, peer: PeerId) {
        for member in self.groups.values_mut() {
            member.readers.remove(&peer);
        }
    }

    /// Does what the shard says; a segment that comes `alone` may go out the short way.
    fn deliver(&mut self, output: Output, alone: bool, now: Instant) {
        let shard = self.id.index();
        match output {
            Output::Open { group, version } => {
                if let Some(member) = self.groups.get_mut(&group) {
                    member.group.logs[shard].open(version);
                    member.version = version;
                    member.last = None;
                }
            }
            Output::Append { group, segment } => self.append(group, segment, alone, now),
            Output::Rebase { group, base, version, seq, grace } => {
                self.stats().rebases.fetch_add(1, Ordering::Relaxed);
                if let Some(member) = self.groups.get_mut(&group) {
                    let log = &member.group.logs[shard];
                    member.last = log.rebase(base, version, seq, grace);
                }
            }
            Output::Start { peer, group, end_seq } => {
                self.post(peer, group, |lane, log| {
                    let epoch = lane.send_back(log.base().version);
                    Post::Start { group, end_seq, epoch }
                });
            }
            Output::CatchUp { peer, group, request, version, bytes, done } => {
                let chunk = Chunk { bytes, done, version };
                self.post(peer, group, |_, _| Post::Chunk { request, chunk });
            }
            Output::Close { group } => {
                if let Some(member) = self.groups.remove(&group) {
                    member.group.logs[shard].close();
                }
            }
        }
    }

    /// Leaves something in a reader's lane.
    fn post(
        &self,
        peer: PeerId,
        group: GroupId,
        post: impl FnOnce(&SharedLane, &SharedLog) -> Post,
    ) {
        let Some(reader) = self.readers.get(&peer) else { return };
        let Some(member) = self.groups.get(&group) else { return };
        let lane = reader.lane(member.group.key.family, self.id);
        lane.put(post(lane, &member.group.logs[self.id.index()]));
        reader.waker.wake();
    }

    fn append(&mut self, group: GroupId, segment: Segment, alone: bool, now: Instant) {
        let stats = &self.shared.stats.shards[self.id.index()];
        stats.segments.fetch_add(1, Ordering::Relaxed);
        stats.messages.fetch_add(u64::from(segment.messages), Ordering::Relaxed);
        let Some(member) = self.groups.get_mut(&group) else {
            return;
        };
        member.version = segment.version;
        let alone = alone && segment.bytes().len() <= DIRECT_BYTES_MAX;
        let (tracked, seq) = member.group.logs[self.id.index()].append(segment, now);
        member.last = Some(Arc::clone(&tracked));
        let member = &self.groups[&group];
        if alone {
            self.fan_out(member, &tracked, seq);
        } else {
            wake(member.readers.values());
        }
    }

    /// Writes a segment to the readers that rest, and wakes the others.
    ///
    /// Where there are processors for it, sessions write for themselves beside the shard.
    fn fan_out(&self, member: &Member, tracked: &Tracked, seq: u64) {
        let log = &member.group.logs[self.id.index()];
        let own = member.readers.len().div_ceil(self.shared.writers()).max(DIRECT_READERS_MIN);
        wake(member.readers.values().skip(own));
        let mut served = 0;
        let mut readers = member.readers.values().take(own);
        // What waits is worth more than what waking saves.
        while !self.mailbox.has_letters() {
            for reader in readers.by_ref().take(DIRECT_TURN_READERS) {
                if direct::serve(reader, log, self.id, tracked, seq) {
                    served += 1;
                } else {
                    reader.waker.wake();
                }
            }
            if readers.len() == 0 {
                break;
            }
        }
        wake(readers);
        self.stats().served.fetch_add(served, Ordering::Relaxed);
    }

    /// Removes the tombstones that every reader is past.
    fn bury(&mut self, now: Instant) {
        let due = now.since(self.buried_at) >= BURY_INTERVAL;
        for family in Family::ALL {
            let tombstones = self.shard.stats(family).tombstones;
            let left = &mut self.tombstones_left[family.index()];
            if tombstones == 0 || !(due || tombstones >= *left + BURY_AT) {
                *left = tombstones.min(*left);
                continue;
            }
            self.buried_at = now;
            let seen = self.seen_by_all(family);
            self.shard.bury(family, seen);
            let tombstones = self.shard.stats(family).tombstones;
            self.tombstones_left[family.index()] = tombstones;
            // Where the bases hold more of them than the readers do, new ones are on their way.
            if tombstones > self.shared.tombstones_max() && seen < self.shard.oldest_start(family) {
                self.cut_off(family, seen);
            }
        }
    }

    /// The version that every reader of a family has seen.
    fn seen_by_all(&self, family: Family) -> u64 {
        let members = self.groups.values().filter(|member| member.group.key.family == family);
        let seen = members.flat_map(|member| {
            member.readers.values().map(|reader| reader.lane(family, self.id).claim(member.version))
        });
        seen.min().unwrap_or(NO_CLAIM)
    }

    /// Ends the sessions of those who are furthest behind: what they would have to be told of is
    /// more than the bound.
    fn cut_off(&self, family: Family, seen: u64) {
        for member in self.groups.values() {
            for reader in member.readers.values() {
                if member.group.key.family == family
                    && reader.lane(family, self.id).claim(member.version) <= seen
                    && !reader.cut_off.swap(true, Ordering::AcqRel)
                {
                    self.shared.stats.cut_off.fetch_add(1, Ordering::Relaxed);
                    reader.waker.wake();
                }
            }
        }
    }

    fn publish(&self, started: Instant) {
        let now = clock::now();
        let stats = self.stats();
        let busy = u64::try_from(now.since(started).as_nanos()).unwrap_or(u64::MAX);
        stats.busy_nanos.fetch_add(busy, Ordering::Relaxed);
        stats.heartbeat_nanos.store(now.as_nanos(), Ordering::Relaxed);
        for family in Family::ALL {
            let counts = self.shard.stats(family);
            let gauges = &stats.families[family.index()];
            set(&gauges.prefixes, counts.prefixes);
            set(&gauges.paths, counts.paths);
            set(&gauges.tombstones, counts.tombstones);
            set(&gauges.journal, counts.journal);
            set(&gauges.catch_ups, counts.catch_ups);
            set(&gauges.stale, counts.stale);
            gauges.swept.store(counts.swept, Ordering::Relaxed);
            set(&gauges.groups, counts.groups);
        }
        let cost: usize =
            self.groups.values().map(|member| member.group.logs[self.id.index()].cost()).sum();
        set(&stats.log_bytes, cost);
    }
}

fn wake<'a>(readers: impl Iterator<Item = &'a Arc<Reader>>) {
    for reader in readers {
        reader.waker.wake();
    }
}

#[cfg(test)]
mod tests;
