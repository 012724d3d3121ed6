//! Starting and stopping, and what all parts share.
//!
//! Stopping: 1. sessions end and drop their ports, which sends the last letters; 2. `stop` puts a
//! stop behind them in every channel; 3. workers drain up to it and end; 4. `stop` joins them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use albedo_rib::{Limits, PeerInfo};
use albedo_types::{ClusterId, Instant, PeerId, ShardId};

use crate::group::{GroupStatus, Groups};
use crate::interner::{Interner, TooManyClusters};
use crate::mailbox::{MAILBOX_LETTERS_MAX, Mailbox, MailboxSender, mailbox};
use crate::port::PeerPort;
use crate::query::{Desk, seats};
use crate::reader::Reader;
use crate::stats::Stats;
use crate::watch::Watches;
use crate::worker::{Letter, Worker};

/// Tombstones of a family in a shard beyond which the readers furthest behind are cut off.
pub const TOMBSTONES_MAX: usize = 1 << 20;
/// Most shards there can be.
pub const SHARDS_MAX: usize = 64;

/// What an engine is started with.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// How many shards, 1 to [`SHARDS_MAX`]; each is a thread.
    pub shards: usize,
    /// How long changes gather at most while a fan-out round is under way; zero: not at all.
    pub pacing_max: Duration,
    /// The cluster ids that are ours (RFC 4456 §8).
    pub clusters: Vec<ClusterId>,
    /// Letters in a shard's channel.
    pub mailbox_letters_max: usize,
    /// Tombstones of a family in a shard.
    pub tombstones_max: usize,
    /// Threads that may write at once when a small segment goes out, the shard among them: with 1
    /// a shard serves all the sessions that rest itself, with more it leaves the others' share to
    /// their tasks.
    pub writers: usize,
    /// Bounds of the shards and their logs.
    pub limits: Limits,
    /// Keeps peers from choosing prefixes that collide in the tables.
    pub seed: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            shards: 1,
            pacing_max: Duration::from_millis(10),
            clusters: Vec::new(),
            mailbox_letters_max: MAILBOX_LETTERS_MAX,
            tombstones_max: TOMBSTONES_MAX,
            writers: std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2),
            limits: Limits::default(),
            seed: 0,
        }
    }
}

/// What sessions, workers and the API share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) mailboxes: Box<[MailboxSender<Letter>]>,
    /// Where requests for the shards wait.
    pub(crate) desks: Box<[Desk]>,
    /// Questions that are open.
    pub(crate) seats: AtomicUsize,
    /// Who watches best routes change.
    pub(crate) watches: Watches,
    pub(crate) groups: Groups,
    pub(crate) interner: Interner,
    pub(crate) readers: Readers,
    pub(crate) stats: Arc<Stats>,
    pacing_max_nanos: AtomicU64,
    tombstones_max: usize,
    writers: usize,
}

impl Shared {
    /// What an engine of this configuration shares, and its shards' mailboxes.
    pub(crate) fn new(config: &EngineConfig) -> (Arc<Self>, Vec<Mailbox<Letter>>) {
        let stats = Arc::new(Stats::new(config.shards));
        let (senders, mailboxes): (Vec<_>, Vec<_>) =
            (0..config.shards).map(|_| mailbox(config.mailbox_letters_max)).unzip();
        let pacing = u64::try_from(config.pacing_max.as_nanos()).unwrap_or(u64::MAX);
        let shared = Arc::new(Self {
            mailboxes: senders.into(),
            desks: (0..config.shards).map(|_| Desk::default()).collect(),
            seats: seats(),
            watches: Watches::default(),
            groups: Groups::default(),
            interner: Interner::new(config.clusters.as_slice().into(), Arc::clone(&stats)),
            readers: Readers::default(),
            stats,
            pacing_max_nanos: AtomicU64::new(pacing),
            tombstones_max: config.tombstones_max,
            writers: config.writers.max(1),
        });
        (shared, mailboxes)
    }

    pub(crate) fn shards(&self) -> usize {
        self.mailboxes.len()
    }

    pub(crate) fn pacing_max(&self) -> Duration {
        Duration::from_nanos(self.pacing_max_nanos.load(Ordering::Relaxed))
    }

    pub(crate) const fn tombstones_max(&self) -> usize {
        self.tombstones_max
    }

    /// Threads that may write at once when a segment goes out the short way.
    pub(crate) const fn writers(&self) -> usize {
        self.writers
    }

    /// A shard has nothing of a peer any more; with the last one, its index is free.
    pub(crate) fn forgotten(&self, reader: &Reader) {
        let before = reader.forgotten.fetch_add(1, Ordering::AcqRel);
        if before as usize + 1 == self.shards() {
            self.readers.remove(reader.peer);
        }
    }
}

/// Readers by peer, and the free indices.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<ReadersInner>);

#[derive(Debug, Default)]
struct ReadersInner {
    /// `None` for one that is away: it reads nothing, but its index is not free.
    by_peer: HashMap<PeerId, Option<Arc<Reader>>>,
    free: Vec<PeerId>,
    next: u32,
}

impl Readers {
    pub(crate) fn allocate(&self) -> PeerId {
        let mut inner = self.0.lock().expect("no panic while held");
        inner.free.pop().unwrap_or_else(|| {
            let peer = PeerId(inner.next);
            inner.next += 1;
            peer
        })
    }

    pub(crate) fn insert(&self, peer: PeerId, reader: Arc<Reader>) {
        self.0.lock().expect("no panic while held").by_peer.insert(peer, Some(reader));
    }

    /// The peer's session is lost; its index stays its own.
    pub(crate) fn detach(&self, peer: PeerId) {
        self.0.lock().expect("no panic while held").by_peer.insert(peer, None);
    }

    fn remove(&self, peer: PeerId) {
        let mut inner = self.0.lock().expect("no panic while held");
        inner.by_peer.remove(&peer);
        inner.free.push(peer);
    }

    /// The reader of a peer whose session is there.
    pub(crate) fn get(&self, peer: PeerId) -> Option<Arc<Reader>> {
        let inner = self.0.lock().expect("no panic while held");
        inner.by_peer.get(&peer).and_then(Option::as_ref).map(Arc::clone)
    }

    /// How many peers the shards know.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().expect("no panic while held").by_peer.len()
    }

    /// For each peer that lacks a change, when the oldest one was read.
    ///
    /// It looks at each log once, so that it does not stand in the way of who writes there.
    fn lags(&self, groups: &Groups) -> Vec<(PeerId, Instant)> {
        let readers: Vec<(PeerId, Arc<Reader>)> = {
            let inner = self.0.lock().expect("no panic while held");
            let there = inner.by_peer.iter();
            there.filter_map(|(peer, reader)| Some((*peer, Arc::clone(reader.as_ref()?)))).collect()
        };
        let mut lags: HashMap<PeerId, Instant> = HashMap::new();
        for group in groups.list() {
            for (shard, log) in group.logs.iter().enumerate() {
                let shard = ShardId(u32::try_from(shard).expect("few shards"));
                let reads = |reader: &Reader| reader.reads(group.id, group.key.family, shard);
                let seen = readers.iter().filter_map(|(_, reader)| reads(reader)).min();
                let births = seen.map_or_else(Vec::new, |version| log.births_after(version));
                if births.is_empty() {
                    continue;
                }
                for (peer, reader) in &readers {
                    let Some(seen) = reads(reader) else { continue };
                    let first = births.partition_point(|(version, _)| *version <= seen);
                    let Some((_, born)) = births.get(first).copied() else { continue };
                    lags.entry(*peer)
                        .and_modify(|at| *at = Instant::min(*at, born))
                        .or_insert(born);
                }
            }
        }
        lags.into_iter().collect()
    }

    fn oldest_undelivered(&self, groups: &Groups) -> Option<Instant> {
        let readers: Vec<Arc<Reader>> = {
            let inner = self.0.lock().expect("no panic while held");
            inner.by_peer.values().flatten().map(Arc::clone).collect()
        };
        let mut oldest = None;
        for group in groups.list() {
            for (shard, log) in group.logs.iter().enumerate() {
                let shard = ShardId(u32::try_from(shard).expect("few shards"));
                let family = group.key.family;
                let reads = |reader: &Arc<Reader>| reader.reads(group.id, family, shard);
                let reads = readers.iter().filter_map(reads);
                let seen = reads.min();
                let behind = seen.and_then(|version| log.oldest_after(version));
                oldest = match (oldest, behind) {
                    (Some(a), Some(b)) => Some(Instant::min(a, b)),
                    (a, b) => a.or(b),
                };
            }
        }
        oldest
    }
}

/// The engine: shard workers and what they share with sessions.
#[derive(Debug)]
pub struct Engine {
    handle: EngineHandle,
    workers: Vec<JoinHandle<bool>>,
}

/// A way to the engine.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    shared: Arc<Shared>,
}

impl Engine {
    /// Starts the workers.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    ///
    /// # Panics
    ///
    /// If the number of shards is not within 1 to [`SHARDS_MAX`].
    pub fn start(config: &EngineConfig) -> std::io::Result<Self> {
        assert!((1..=SHARDS_MAX).contains(&config.shards), "1 to {SHARDS_MAX} shards");
        let (shared, mailboxes) = Shared::new(config);
        let mut workers = Vec::new();
        for (n, mailbox) in mailboxes.into_iter().enumerate() {
            let id = ShardId(u32::try_from(n).expect("few shards"));
            let worker = Worker::new(id, Arc::clone(&shared), mailbox, config.seed, config.limits);
            let builder = std::thread::Builder::new().name(format!("shard-{n}"));
            workers.push(builder.spawn(move || worker.run())?);
        }
        Ok(Self { handle: EngineHandle { shared }, workers })
    }

    /// A way to the engine.
    #[must_use]
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// Ends the workers once they have done what waits; whether nothing was left in the shards.
    #[must_use]
    pub fn stop(self) -> bool {
        for mailbox in &self.handle.shared.mailboxes {
            mailbox.send_blocking(Letter::Stop);
        }
        let mut empty = true;
        for worker in self.workers {
            empty &= worker.join().unwrap_or(false);
        }
        empty
    }
}

impl EngineHandle {
    #[cfg(test)]
    pub(crate) const fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A peer's end, once its session is up.
    #[must_use]
    pub fn register(&self, info: PeerInfo) -> PeerPort {
        let peer = self.shared.readers.allocate();
        PeerPort::new(Arc::clone(&self.shared), peer, info)
    }

    /// All counters.
    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.shared.stats
    }

    /// The attribute sets.
    #[must_use]
    pub fn interner(&self) -> &Interner {
        &self.shared.interner
    }

    /// Takes further clusters for ours; see [`EngineHandle::clusters_mark`].
    ///
    /// # Errors
    ///
    /// They would be too many; then none is taken.
    pub fn add_clusters(&self, more: &[ClusterId]) -> Result<(), TooManyClusters> {
        self.shared.interner.add_clusters(more)
    }

    /// A number for the clusters that are ours; another one once there are more.
    #[must_use]
    pub fn clusters_mark(&self) -> u32 {
        self.shared.interner.clusters_mark()
    }

    /// Update groups that somebody is in.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.shared.groups.list().len()
    }

    /// What is known of each update group that somebody is in.
    #[must_use]
    pub fn group_list(&self) -> Vec<GroupStatus> {
        self.shared.groups.status()
    }

    /// Peers that the shards know.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.shared.readers.len()
    }

    /// Letters in a shard's channel.
    #[must_use]
    pub fn channel_depth(&self, shard: usize) -> usize {
        self.shared.mailboxes.get(shard).map_or(0, MailboxSender::len)
    }

    /// Routes in the letters of a shard's channel.
    #[must_use]
    pub fn channel_routes(&self, shard: usize) -> usize {
        self.shared.mailboxes.get(shard).map_or(0, MailboxSender::routes)
    }

    /// Changes how long changes gather at most.
    pub fn set_pacing(&self, max: Duration) {
        let nanos = u64::try_from(max.as_nanos()).unwrap_or(u64::MAX);
        self.shared.pacing_max_nanos.store(nanos, Ordering::Relaxed);
    }

    /// For each peer that lacks a change, when the oldest one that it lacks was read.
    #[must_use]
    pub fn lags(&self) -> Vec<(PeerId, Instant)> {
        self.shared.readers.lags(&self.shared.groups)
    }

    /// When the oldest change was read that some peer has not got, if there is one.
    #[must_use]
    pub fn oldest_undelivered(&self) -> Option<Instant> {
        self.shared.readers.oldest_undelivered(&self.shared.groups)
    }
}
