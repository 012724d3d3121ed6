//! What a scrape copies: plain numbers, filled by whoever has them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use albedo_engine::EngineHandle;
use albedo_engine::stats::{self, FamilyTimes, ShardStats};
use albedo_session::stats::SessionStats;
use albedo_types::{Family, Instant};

use crate::names::{
    DIRECTIONS, DOORS, DROP_REASONS, MESSAGE_TYPES, NOTIFICATION_CODES, REFUSALS, SESSION_STATES,
    STAGES, TREATMENTS,
};

/// All numbers at one time.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Of the engine; see [`EngineNumbers::read`].
    pub engine: EngineNumbers,
    /// Of the sessions.
    pub sessions: SessionNumbers,
    /// Of the configuration.
    pub config: ConfigNumbers,
    /// Of who reads the tables.
    pub queries: QueryNumbers,
    /// Connections to BIRD's sockets that were cut.
    pub bird_cut: u64,
    /// Connections that are open, by [`crate::names::DOORS`].
    pub connections: [u64; DOORS.len()],
    /// How this life began, and what the next one will know.
    pub life: LifeNumbers,
    /// The Calico cluster that peers come from; all zero where there is none.
    pub calico: CalicoNumbers,
    /// The peers that lack the oldest changes, the slowest first; at most [`SLOWEST_MAX`].
    pub slowest: Vec<Slow>,
    /// From the start of the process until all expected peers were in sync, once that is so.
    pub startup_convergence: Option<Duration>,
}

impl Snapshot {
    /// Seconds by [`crate::names::STAGES`].
    pub(crate) fn stage_seconds(&self) -> [f64; STAGES.len()] {
        let of = |n: usize| {
            self.engine.shards.iter().map(|shard| shard.stages[n].as_secs_f64()).sum::<f64>()
        };
        let sending = self.engine.sending.as_secs_f64();
        [of(0), of(1), of(2), sending, self.sessions.acknowledged.as_secs_f64()]
    }
}

/// Slow peers that are told on `/metrics`.
pub const SLOWEST_MAX: usize = 10;

/// A peer that lacks a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slow {
    /// Its address.
    pub address: String,
    /// What people call it; empty where that is not known.
    pub name: String,
    /// How old the oldest change is that it has not been given.
    pub lag: Duration,
}

/// What the sessions count. Arrays are in the order of the tables in [`crate::names`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionNumbers {
    /// Sessions in each of [`SESSION_STATES`].
    pub by_state: [u64; SESSION_STATES.len()],
    /// Times that a session reached Established.
    pub established: u64,
    /// Times that a session left Established.
    pub lost: u64,
    /// By [`DIRECTIONS`] and [`MESSAGE_TYPES`].
    pub messages: [[u64; MESSAGE_TYPES.len()]; DIRECTIONS.len()],
    /// By [`DIRECTIONS`].
    pub message_bytes: [u64; DIRECTIONS.len()],
    /// By [`DIRECTIONS`] and [`NOTIFICATION_CODES`].
    pub notifications: [[u64; NOTIFICATION_CODES.len()]; DIRECTIONS.len()],
    /// By [`TREATMENTS`].
    pub rejected_updates: [u64; TREATMENTS.len()],
    /// By [`DROP_REASONS`].
    pub routes_dropped: [u64; DROP_REASONS.len()],
    /// By [`REFUSALS`].
    pub refused: [u64; REFUSALS.len()],
    /// Incoming connections, whatever became of them.
    pub accepted: u64,
    /// Accepts that failed.
    pub accept_errors: u64,
    /// Hold timers that ran out with data waiting.
    pub hold_spared: u64,
    /// Lost peers whose routes are kept.
    pub retained: u64,
    /// Times that a session's routes were kept.
    pub kept: u64,
    /// Times that they were not for want of a place.
    pub kept_refused: u64,
    /// Requests for a family that were put off.
    pub refreshes_coalesced: u64,
    /// Time that peers' TCP took to acknowledge, over the times that it was looked at.
    pub acknowledged: Duration,
    /// How many those were.
    pub acknowledged_samples: u64,
    /// Dynamic sessions allowed.
    pub limit: u64,
    /// Lost peers that may be kept.
    pub retained_limit: u64,
}

impl SessionNumbers {
    /// Copies what the sessions count; `limit` is how many dynamic ones are allowed, and
    /// `retained_limit` how many lost peers are kept.
    #[must_use]
    pub fn read(stats: &SessionStats, limit: u64, retained_limit: u64) -> Self {
        let traffic = &stats.traffic;
        Self {
            by_state: copy(&stats.states),
            established: get(&stats.established),
            lost: get(&stats.ended),
            messages: [copy(&traffic.received), copy(&traffic.sent)],
            message_bytes: [get(&traffic.bytes_received), get(&traffic.bytes_sent)],
            notifications: [copy(&stats.notifications_received), copy(&stats.notifications_sent)],
            rejected_updates: copy(&traffic.treatments),
            routes_dropped: copy(&traffic.drops),
            refused: copy(&stats.refused),
            accepted: get(&stats.accepted),
            accept_errors: get(&stats.accept_errors),
            hold_spared: get(&stats.hold_spared),
            retained: get(&stats.retained),
            kept: get(&stats.kept),
            kept_refused: get(&stats.kept_refused),
            refreshes_coalesced: get(&stats.refreshes_coalesced),
            acknowledged: Duration::from_nanos(get(&stats.acknowledged_nanos)),
            acknowledged_samples: get(&stats.acknowledged_samples),
            limit,
            retained_limit,
        }
    }

    /// Sessions that are up.
    #[must_use]
    pub const fn up(&self) -> u64 {
        self.by_state[SESSION_STATES.len() - 1]
    }

    /// Sessions of whatever state.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.by_state.iter().sum()
    }
}

/// How this life began, and what the next one will know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifeNumbers {
    /// Whether peers that keep our routes from before are told nothing yet.
    pub is_deferring: bool,
    /// Peers that are waited for and not there.
    pub missing: u64,
    /// Peers in the roster.
    pub roster_peers: u64,
    /// Those of them that know graceful restart and have no session.
    pub holding_stale: u64,
    /// Times that the roster could not be written.
    pub roster_errors: u64,
    /// Whether clients are sent away and not let in.
    pub is_draining: bool,
}

/// How a Calico cluster stands that peers come from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CalicoNumbers {
    /// Whether every kind of resource was listed once and is being followed.
    pub is_followed: bool,
    /// Since the datastore said anything.
    pub last_event_age: Option<Duration>,
    /// Resources that cannot be read.
    pub rejected: u64,
    /// Sessions that are held down.
    pub held: u64,
    /// Sessions whose end the guard holds back.
    pub guarded: u64,
    /// What is odd.
    pub warnings: u64,
    /// Routes inside of a pool from a node that does not own the block, at the last look.
    pub ipam_mismatches: u64,
    /// Host routes for addresses of others' blocks, at the last look.
    pub ipam_borrowed: u64,
}

/// What was asked of the shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryNumbers {
    /// Questions that are open.
    pub open: u64,
    /// Those that may be.
    pub limit: u64,
    /// Requests that were answered.
    pub answers: u64,
    /// Questions that were refused.
    pub refused: u64,
    /// Entries that were looked at.
    pub entries: u64,
    /// Time that requests waited.
    pub waited: Duration,
    /// Who watches best routes change.
    pub watches: u64,
}

impl QueryNumbers {
    /// Copies what the engine counts.
    #[must_use]
    pub fn read(engine: &EngineHandle) -> Self {
        let stats = &engine.stats().queries;
        Self {
            open: engine.open_queries() as u64,
            limit: albedo_engine::QUERIES_MAX as u64,
            answers: get(&stats.answers),
            refused: get(&stats.refused),
            entries: get(&stats.entries),
            waited: Duration::from_nanos(get(&stats.waited_nanos)),
            watches: engine.watches() as u64,
        }
    }
}

/// What the configuration came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigNumbers {
    /// Peers that it names.
    pub peers: u64,
    /// Reloads that were taken.
    pub reloads_taken: u64,
    /// Reloads that were refused for their faults.
    pub reloads_refused: u64,
    /// Whether the last reading was good.
    pub last_good: bool,
    /// When the configuration in force was read, in seconds since the epoch.
    pub read_at: f64,
}

/// What the engine counts.
#[derive(Clone, Debug, Default)]
pub struct EngineNumbers {
    /// In the order of [`Family::ALL`].
    pub families: [FamilyNumbers; Family::COUNT],
    /// In the order of the shards.
    pub shards: Vec<ShardNumbers>,
    /// Letters that fit into a shard's channel.
    pub channel_capacity: u64,
    /// Routes that the letters in a shard's channel have at most, about.
    pub channel_routes_limit: u64,
    /// Times that a full channel stopped a session's reading.
    pub channel_full: u64,
    /// From a segment being appended to the last up-to-date peer having it, over segments that
    /// somebody waited for.
    pub sending: Duration,
    /// Distinct attribute sets in memory.
    pub attribute_sets: u64,
    /// Look-ups that found their set.
    pub sets_found: u64,
    /// Look-ups that made a new one.
    pub sets_made: u64,
    /// Update groups with members.
    pub update_groups: u64,
    /// Age of the oldest change that some peer has not got.
    pub oldest_undelivered: Option<Duration>,
    /// Readers cut off because their tombstones came to the bound.
    pub cut_off: u64,
}

/// One family, over all shards.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FamilyNumbers {
    /// Prefixes with a best route.
    pub prefixes: u64,
    /// Routes of all peers.
    pub paths: u64,
    /// Routes of lost sessions that are kept.
    pub stale: u64,
    /// Routes of lost sessions that were removed.
    pub swept: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Changes in the journal.
    pub journal: u64,
    /// Readers that are being caught up.
    pub catch_ups: u64,
    /// Read of the first update of a batch → last peer's write.
    pub convergence: Buckets,
    /// The same start → each peer's write.
    pub delivery: Buckets,
    /// Established → End-of-RIB written.
    pub session_sync: Buckets,
    /// Loss noticed → last peer's withdrawals written.
    pub withdraw_convergence: Buckets,
}

/// One shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardNumbers {
    /// Time spent working.
    pub busy: Duration,
    /// Time since the worker last turned.
    pub heartbeat_age: Duration,
    /// Letters in its channel.
    pub channel_depth: u64,
    /// Routes in those letters.
    pub channel_routes: u64,
    /// Batches flushed.
    pub batches: u64,
    /// Segments appended.
    pub segments: u64,
    /// Times that the worker itself gave a segment to a session's socket.
    pub served: u64,
    /// UPDATE messages encoded.
    pub messages: u64,
    /// Bases written.
    pub rebases: u64,
    /// Log bytes of all groups.
    pub log_bytes: u64,
    /// Waiting, deciding and encoding, summed over batches that told somebody something.
    pub stages: [Duration; 3],
    /// How many of those there were.
    pub stage_batches: u64,
}

/// A histogram whose samples lie in buckets already.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// Upper bounds in seconds, ascending.
    pub bounds: &'static [f64],
    /// Samples at or below each bound.
    pub cumulative: Vec<u64>,
    /// All samples.
    pub count: u64,
    /// Their sum in seconds.
    pub sum: f64,
}

impl Buckets {
    /// The bound that a share `q` of the samples do not exceed: `None` without samples, infinity
    /// where it lies beyond the last bound.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = (q * self.count as f64).ceil();
        let bucket = self.cumulative.iter().position(|below| *below as f64 >= rank);
        Some(bucket.map_or(f64::INFINITY, |bucket| self.bounds[bucket]))
    }
}

impl From<&stats::Histogram> for Buckets {
    fn from(histogram: &stats::Histogram) -> Self {
        let snapshot = histogram.snapshot();
        Self {
            bounds: snapshot.bounds,
            cumulative: snapshot.cumulative,
            count: snapshot.count,
            sum: snapshot.sum_seconds,
        }
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn copy<const N: usize>(counters: &[AtomicU64; N]) -> [u64; N] {
    std::array::from_fn(|n| get(&counters[n]))
}

impl EngineNumbers {
    /// Copies what the engine counts, at `now` on its clock.
    #[must_use]
    pub fn read(engine: &EngineHandle, now: Instant) -> Self {
        let stats = engine.stats();
        let shards = stats.shards.iter().enumerate();
        Self {
            families: Family::ALL
                .map(|family| FamilyNumbers::read(family, &stats.times[family.index()], stats)),
            shards: shards
                .map(|(n, shard)| {
                    let channel = (engine.channel_depth(n), engine.channel_routes(n));
                    ShardNumbers::read(shard, channel, now)
                })
                .collect(),
            channel_capacity: albedo_engine::MAILBOX_LETTERS_MAX as u64,
            channel_routes_limit: albedo_engine::MAILBOX_ROUTES_MAX as u64,
            channel_full: get(&stats.channel_full),
            sending: Duration::from_nanos(get(&stats.send_nanos)),
            attribute_sets: engine.interner().len() as u64,
            sets_found: get(&stats.sets_found),
            sets_made: get(&stats.sets_made),
            update_groups: engine.groups() as u64,
            oldest_undelivered: engine.oldest_undelivered().map(|read_at| now.since(read_at)),
            cut_off: get(&stats.cut_off),
        }
    }

    /// The sum of one number over all shards.
    #[must_use]
    pub fn sum(&self, number: impl Fn(&ShardNumbers) -> u64) -> u64 {
        self.shards.iter().map(number).sum()
    }
}

impl FamilyNumbers {
    fn read(family: Family, times: &FamilyTimes, stats: &stats::Stats) -> Self {
        let sum = |number: fn(&stats::FamilyCounts) -> &AtomicU64| {
            stats.shards.iter().map(|shard| get(number(&shard.families[family.index()]))).sum()
        };
        Self {
            prefixes: sum(|counts| &counts.prefixes),
            paths: sum(|counts| &counts.paths),
            stale: sum(|counts| &counts.stale),
            swept: sum(|counts| &counts.swept),
            tombstones: sum(|counts| &counts.tombstones),
            journal: sum(|counts| &counts.journal),
            catch_ups: sum(|counts| &counts.catch_ups),
            convergence: (&times.convergence).into(),
            delivery: (&times.delivery).into(),
            session_sync: (&times.session_sync).into(),
            withdraw_convergence: (&times.withdraw_convergence).into(),
        }
    }
}

impl ShardNumbers {
    fn read(stats: &ShardStats, channel: (usize, usize), now: Instant) -> Self {
        Self {
            busy: Duration::from_nanos(get(&stats.busy_nanos)),
            channel_depth: channel.0 as u64,
            channel_routes: channel.1 as u64,
            heartbeat_age: now.since(Instant::from_nanos(get(&stats.heartbeat_nanos))),
            batches: get(&stats.batches),
            segments: get(&stats.segments),
            served: get(&stats.served),
            messages: get(&stats.messages),
            rebases: get(&stats.rebases),
            log_bytes: get(&stats.log_bytes),
            stages: [
                &stats.stages.queue_nanos,
                &stats.stages.decide_nanos,
                &stats.stages.encode_nanos,
            ]
            .map(|nanos| Duration::from_nanos(get(nanos))),
            stage_batches: get(&stats.stages.batches),
        }
    }
}
