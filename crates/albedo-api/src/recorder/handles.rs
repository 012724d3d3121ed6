//! One handle for each series, looked up once at the start.

use albedo_engine::JOURNAL_ENTRIES;
use metrics::{Counter, Gauge, Histogram, Recorder};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::{METADATA, key};
use crate::names::{
    self, DIRECTIONS, DROP_REASONS, LOOKUP_RESULTS, MESSAGE_TYPES, Metric, NOTIFICATION_CODES,
    REFUSALS, RELOAD_RESULTS, SESSION_STATES, TREATMENTS,
};
use crate::process::Process;
use crate::snapshot::{
    CalicoNumbers, ConfigNumbers, EngineNumbers, LifeNumbers, QueryNumbers, SessionNumbers,
    Snapshot,
};

/// All handles of the exporter.
pub(super) struct Handles {
    engine: Engine,
    sessions: Sessions,
    queries: Queries,
    bird_cut: Counter,
    connections: Vec<Gauge>,
    config: Config,
    life: Life,
    calico: Calico,
    process: ProcessHandles,
    pub(super) startup: Histogram,
}

struct Engine {
    oldest_undelivered: Gauge,
    prefixes: Vec<Gauge>,
    paths: Vec<Gauge>,
    stale: Vec<Gauge>,
    swept: Vec<Counter>,
    tombstones: Vec<Gauge>,
    journal: Gauge,
    journal_limit: Gauge,
    catch_ups: Vec<Gauge>,
    attribute_sets: Gauge,
    attribute_lookups: Vec<Counter>,
    update_groups: Gauge,
    log_bytes: Gauge,
    batches: Counter,
    stage_batches: Counter,
    segments: Counter,
    direct_deliveries: Counter,
    updates_encoded: Counter,
    rebases: Counter,
    cut_off: Counter,
    channel_depth: Vec<Gauge>,
    channel_capacity: Gauge,
    channel_routes: Gauge,
    channel_routes_limit: Gauge,
    channel_full: Counter,
    heartbeat: Vec<Gauge>,
}

struct Queries {
    open: Gauge,
    limit: Gauge,
    answers: Counter,
    refused: Counter,
    entries: Counter,
    watches: Gauge,
}

struct Sessions {
    by_state: Vec<Gauge>,
    established: Counter,
    lost: Counter,
    messages: Vec<Vec<Counter>>,
    message_bytes: Vec<Counter>,
    notifications: Vec<Vec<Counter>>,
    rejected_updates: Vec<Counter>,
    routes_dropped: Vec<Counter>,
    refused: Vec<Counter>,
    accepted: Counter,
    accept_errors: Counter,
    hold_spared: Counter,
    retained: Gauge,
    retained_limit: Gauge,
    kept: Counter,
    kept_refused: Counter,
    refreshes_coalesced: Counter,
    acknowledged_samples: Counter,
    limit: Gauge,
}

struct Config {
    peers: Gauge,
    reloads: Vec<Counter>,
    last_good: Gauge,
    read_at: Gauge,
}

struct Life {
    deferral: Gauge,
    missing: Gauge,
    roster_peers: Gauge,
    stale_holders: Gauge,
    roster_errors: Counter,
    draining: Gauge,
}

#[derive(Debug)]
struct Calico {
    connected: Gauge,
    age: Gauge,
    rejected: Gauge,
    held: Gauge,
    guarded: Gauge,
    warnings: Gauge,
    ipam_mismatches: Gauge,
    ipam_borrowed: Gauge,
}

struct ProcessHandles {
    open_fds: Gauge,
    max_fds: Gauge,
    virtual_bytes: Gauge,
    resident_bytes: Gauge,
    start_seconds: Gauge,
    threads: Gauge,
}

/// Looks series up.
struct Source<'r>(&'r PrometheusRecorder);

impl Source<'_> {
    fn counter(&self, metric: &Metric) -> Counter {
        self.0.register_counter(&key(metric, &[]), &METADATA)
    }

    fn gauge(&self, metric: &Metric) -> Gauge {
        self.0.register_gauge(&key(metric, &[]), &METADATA)
    }

    /// One counter for each value of the metric's one label.
    fn counters(&self, metric: &Metric, values: &[&str]) -> Vec<Counter> {
        let one = |value: &&str| self.0.register_counter(&key(metric, &[value]), &METADATA);
        values.iter().map(one).collect()
    }

    /// One gauge for each value of the metric's one label.
    fn gauges(&self, metric: &Metric, values: &[&str]) -> Vec<Gauge> {
        let one = |value: &&str| self.0.register_gauge(&key(metric, &[value]), &METADATA);
        values.iter().map(one).collect()
    }

    /// One counter for each direction and value of the metric's second label.
    fn by_direction(&self, metric: &Metric, values: &[&str]) -> Vec<Vec<Counter>> {
        let one = |direction: &str, value: &str| {
            self.0.register_counter(&key(metric, &[direction, value]), &METADATA)
        };
        DIRECTIONS
            .iter()
            .map(|direction| values.iter().map(|value| one(direction, value)).collect())
            .collect()
    }
}

impl Handles {
    pub(super) fn new(recorder: &PrometheusRecorder, version: &str, shards: usize) -> Self {
        let source = Source(recorder);
        // The value never changes, so nobody needs the handle.
        for gauge in source.gauges(&names::BUILD_INFO, &[version]) {
            gauge.set(1.0);
        }
        Self {
            engine: Engine::new(&source, shards),
            sessions: Sessions::new(&source),
            queries: Queries {
                open: source.gauge(&names::QUERIES_OPEN),
                limit: source.gauge(&names::QUERIES_LIMIT),
                answers: source.counter(&names::QUERY_ANSWERS),
                refused: source.counter(&names::QUERIES_REFUSED),
                entries: source.counter(&names::QUERY_ENTRIES),
                watches: source.gauge(&names::WATCHES),
            },
            bird_cut: source.counter(&names::BIRD_CONNECTIONS_CUT),
            connections: source.gauges(&names::ADMIN_CONNECTIONS, &names::DOORS),
            config: Config {
                peers: source.gauge(&names::CONFIGURED_PEERS),
                reloads: source.counters(&names::RELOADS, &RELOAD_RESULTS),
                last_good: source.gauge(&names::RELOAD_GOOD),
                read_at: source.gauge(&names::RELOAD_TIME),
            },
            life: Life {
                deferral: source.gauge(&names::DEFERRAL),
                missing: source.gauge(&names::DEFERRAL_MISSING),
                roster_peers: source.gauge(&names::ROSTER_PEERS),
                stale_holders: source.gauge(&names::STALE_HOLDERS),
                roster_errors: source.counter(&names::ROSTER_ERRORS),
                draining: source.gauge(&names::DRAINING),
            },
            calico: Calico {
                connected: source.gauge(&names::DATASTORE_CONNECTED),
                age: source.gauge(&names::DATASTORE_AGE),
                rejected: source.gauge(&names::CALICO_REJECTED),
                held: source.gauge(&names::CALICO_HELD),
                guarded: source.gauge(&names::CALICO_GUARDED),
                warnings: source.gauge(&names::CALICO_WARNINGS),
                ipam_mismatches: source.gauge(&names::CALICO_IPAM_MISMATCHES),
                ipam_borrowed: source.gauge(&names::CALICO_IPAM_BORROWED),
            },
            process: ProcessHandles {
                open_fds: source.gauge(&names::PROCESS_OPEN_FDS),
                max_fds: source.gauge(&names::PROCESS_MAX_FDS),
                virtual_bytes: source.gauge(&names::PROCESS_VIRTUAL),
                resident_bytes: source.gauge(&names::PROCESS_RESIDENT),
                start_seconds: source.gauge(&names::PROCESS_START),
                threads: source.gauge(&names::PROCESS_THREADS),
            },
            startup: recorder.register_histogram(&key(&names::STARTUP_CONVERGENCE, &[]), &METADATA),
        }
    }

    /// Copies a snapshot into the exporter's series.
    pub(super) fn set(&self, snapshot: &Snapshot, process: &Process) {
        self.engine.set(&snapshot.engine);
        self.sessions.set(&snapshot.sessions);
        self.queries.set(&snapshot.queries);
        self.bird_cut.absolute(snapshot.bird_cut);
        for (gauge, open) in self.connections.iter().zip(snapshot.connections) {
            gauge.set(open as f64);
        }
        self.config.set(&snapshot.config);
        self.life.set(&snapshot.life);
        self.calico.set(&snapshot.calico);
        self.process.set(process);
    }
}

impl Engine {
    fn new(source: &Source<'_>, shards: usize) -> Self {
        let families = names::families();
        let shards: Vec<String> = (0..shards).map(|n| n.to_string()).collect();
        let shards: Vec<&str> = shards.iter().map(|n| &**n).collect();
        Self {
            oldest_undelivered: source.gauge(&names::OLDEST_UNDELIVERED),
            prefixes: source.gauges(&names::PREFIXES, &families),
            paths: source.gauges(&names::PATHS, &families),
            stale: source.gauges(&names::STALE_PATHS, &families),
            swept: source.counters(&names::STALE_PATHS_SWEPT, &families),
            tombstones: source.gauges(&names::TOMBSTONES, &families),
            journal: source.gauge(&names::JOURNAL_ENTRIES),
            journal_limit: source.gauge(&names::JOURNAL_LIMIT),
            catch_ups: source.gauges(&names::CATCH_UPS, &families),
            attribute_sets: source.gauge(&names::ATTRIBUTE_SETS),
            attribute_lookups: source.counters(&names::ATTRIBUTE_LOOKUPS, &LOOKUP_RESULTS),
            update_groups: source.gauge(&names::UPDATE_GROUPS),
            log_bytes: source.gauge(&names::LOG_BYTES),
            batches: source.counter(&names::BATCHES),
            stage_batches: source.counter(&names::STAGE_BATCHES),
            segments: source.counter(&names::SEGMENTS),
            direct_deliveries: source.counter(&names::DIRECT_DELIVERIES),
            updates_encoded: source.counter(&names::UPDATES_ENCODED),
            rebases: source.counter(&names::REBASES),
            cut_off: source.counter(&names::READERS_CUT_OFF),
            channel_depth: source.gauges(&names::CHANNEL_DEPTH, &shards),
            channel_capacity: source.gauge(&names::CHANNEL_CAPACITY),
            channel_routes: source.gauge(&names::CHANNEL_ROUTES),
            channel_routes_limit: source.gauge(&names::CHANNEL_ROUTES_LIMIT),
            channel_full: source.counter(&names::CHANNEL_FULL),
            heartbeat: source.gauges(&names::SHARD_HEARTBEAT, &shards),
        }
    }

    fn set(&self, numbers: &EngineNumbers) {
        let oldest = numbers.oldest_undelivered.unwrap_or_default();
        self.oldest_undelivered.set(oldest.as_secs_f64());
        for (n, family) in numbers.families.iter().enumerate() {
            self.prefixes[n].set(family.prefixes as f64);
            self.paths[n].set(family.paths as f64);
            self.stale[n].set(family.stale as f64);
            self.swept[n].absolute(family.swept);
            self.tombstones[n].set(family.tombstones as f64);
            self.catch_ups[n].set(family.catch_ups as f64);
        }
        let journal: u64 = numbers.families.iter().map(|family| family.journal).sum();
        self.journal.set(journal as f64);
        let tables = numbers.families.len() * numbers.shards.len();
        self.journal_limit.set((tables * JOURNAL_ENTRIES) as f64);
        self.attribute_sets.set(numbers.attribute_sets as f64);
        absolute(&self.attribute_lookups, &[numbers.sets_found, numbers.sets_made]);
        self.update_groups.set(numbers.update_groups as f64);
        self.log_bytes.set(numbers.sum(|shard| shard.log_bytes) as f64);
        self.batches.absolute(numbers.sum(|shard| shard.batches));
        self.stage_batches.absolute(numbers.sum(|shard| shard.stage_batches));
        self.segments.absolute(numbers.sum(|shard| shard.segments));
        self.direct_deliveries.absolute(numbers.sum(|shard| shard.served));
        self.updates_encoded.absolute(numbers.sum(|shard| shard.messages));
        self.rebases.absolute(numbers.sum(|shard| shard.rebases));
        self.cut_off.absolute(numbers.cut_off);
        for ((depth, heartbeat), shard) in
            self.channel_depth.iter().zip(&self.heartbeat).zip(&numbers.shards)
        {
            depth.set(shard.channel_depth as f64);
            heartbeat.set(shard.heartbeat_age.as_secs_f64());
        }
        let most = numbers.shards.iter().map(|shard| shard.channel_routes).max();
        self.channel_routes.set(most.unwrap_or(0) as f64);
        self.channel_capacity.set(numbers.channel_capacity as f64);
        self.channel_routes_limit.set(numbers.channel_routes_limit as f64);
        self.channel_full.absolute(numbers.channel_full);
    }
}

impl Sessions {
    fn new(source: &Source<'_>) -> Self {
        Self {
            by_state: source.gauges(&names::SESSIONS, &SESSION_STATES),
            established: source.counter(&names::SESSIONS_ESTABLISHED),
            lost: source.counter(&names::SESSIONS_LOST),
            messages: source.by_direction(&names::MESSAGES, &MESSAGE_TYPES),
            message_bytes: source.counters(&names::MESSAGE_BYTES, &DIRECTIONS),
            notifications: source.by_direction(&names::NOTIFICATIONS, &NOTIFICATION_CODES),
            rejected_updates: source.counters(&names::REJECTED_UPDATES, &TREATMENTS),
            routes_dropped: source.counters(&names::ROUTES_DROPPED, &DROP_REASONS),
            refused: source.counters(&names::CONNECTIONS_REFUSED, &REFUSALS),
            accepted: source.counter(&names::CONNECTIONS_ACCEPTED),
            accept_errors: source.counter(&names::ACCEPT_ERRORS),
            hold_spared: source.counter(&names::HOLD_SPARED),
            retained: source.gauge(&names::RETAINED_PEERS),
            retained_limit: source.gauge(&names::RETAINED_PEERS_LIMIT),
            kept: source.counter(&names::SESSIONS_RETAINED),
            kept_refused: source.counter(&names::RETENTIONS_REFUSED),
            refreshes_coalesced: source.counter(&names::REFRESHES_COALESCED),
            acknowledged_samples: source.counter(&names::ACKNOWLEDGED_SAMPLES),
            limit: source.gauge(&names::SESSIONS_LIMIT),
        }
    }

    fn set(&self, numbers: &SessionNumbers) {
        for (gauge, count) in self.by_state.iter().zip(numbers.by_state) {
            gauge.set(count as f64);
        }
        self.established.absolute(numbers.established);
        self.lost.absolute(numbers.lost);
        for (handles, values) in self.messages.iter().zip(&numbers.messages) {
            absolute(handles, values);
        }
        absolute(&self.message_bytes, &numbers.message_bytes);
        for (handles, values) in self.notifications.iter().zip(&numbers.notifications) {
            absolute(handles, values);
        }
        absolute(&self.rejected_updates, &numbers.rejected_updates);
        absolute(&self.routes_dropped, &numbers.routes_dropped);
        absolute(&self.refused, &numbers.refused);
        self.accepted.absolute(numbers.accepted);
        self.accept_errors.absolute(numbers.accept_errors);
        self.hold_spared.absolute(numbers.hold_spared);
        self.retained.set(numbers.retained as f64);
        self.retained_limit.set(numbers.retained_limit as f64);
        self.kept.absolute(numbers.kept);
        self.kept_refused.absolute(numbers.kept_refused);
        self.refreshes_coalesced.absolute(numbers.refreshes_coalesced);
        self.acknowledged_samples.absolute(numbers.acknowledged_samples);
        self.limit.set(numbers.limit as f64);
    }
}

impl Queries {
    fn set(&self, numbers: &QueryNumbers) {
        self.open.set(numbers.open as f64);
        self.limit.set(numbers.limit as f64);
        self.answers.absolute(numbers.answers);
        self.refused.absolute(numbers.refused);
        self.entries.absolute(numbers.entries);
        self.watches.set(numbers.watches as f64);
    }
}

impl Config {
    fn set(&self, numbers: &ConfigNumbers) {
        self.peers.set(numbers.peers as f64);
        absolute(&self.reloads, &[numbers.reloads_taken, numbers.reloads_refused]);
        self.last_good.set(f64::from(u8::from(numbers.last_good)));
        self.read_at.set(numbers.read_at);
    }
}

impl Life {
    fn set(&self, numbers: &LifeNumbers) {
        self.deferral.set(f64::from(u8::from(numbers.is_deferring)));
        self.missing.set(numbers.missing as f64);
        self.roster_peers.set(numbers.roster_peers as f64);
        self.stale_holders.set(numbers.holding_stale as f64);
        self.roster_errors.absolute(numbers.roster_errors);
        self.draining.set(f64::from(u8::from(numbers.is_draining)));
    }
}

impl Calico {
    fn set(&self, numbers: &CalicoNumbers) {
        self.connected.set(f64::from(u8::from(numbers.is_followed)));
        self.age.set(numbers.last_event_age.map_or(0.0, |age| age.as_secs_f64()));
        self.rejected.set(numbers.rejected as f64);
        self.held.set(numbers.held as f64);
        self.guarded.set(numbers.guarded as f64);
        self.warnings.set(numbers.warnings as f64);
        self.ipam_mismatches.set(numbers.ipam_mismatches as f64);
        self.ipam_borrowed.set(numbers.ipam_borrowed as f64);
    }
}

impl ProcessHandles {
    fn set(&self, process: &Process) {
        self.open_fds.set(process.open_fds as f64);
        self.max_fds.set(process.max_fds as f64);
        self.virtual_bytes.set(process.virtual_bytes as f64);
        self.resident_bytes.set(process.resident_bytes as f64);
        self.start_seconds.set(process.start_seconds);
        self.threads.set(process.threads as f64);
    }
}

fn absolute(handles: &[Counter], values: &[u64]) {
    for (handle, value) in handles.iter().zip(values) {
        handle.absolute(*value);
    }
}
