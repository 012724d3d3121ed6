//! The rows.

use super::{Author, Metric, by_writer, counter, gauge, histogram};

macro_rules! table {
    ($($name:ident = $metric:expr;)*) => {
        $(
            #[doc = concat!("The row of ", stringify!($name), ".")]
            pub const $name: Metric = $metric;
        )*

        /// Every metric there is.
        pub const ALL: &[Metric] = &[$($name),*];
    };
}

table! {
    // What convergence took.
    CONVERGENCE = histogram(
        "albedo_convergence_seconds",
        &["family"],
        super::FINE,
        "Time from the read that brought the first update of a batch to the write that \
         handed its messages to the last peer that keeps up.",
    );
    UPDATE_DELIVERY = histogram(
        "albedo_update_delivery_seconds",
        &["family"],
        super::COARSE,
        "Time from the read that brought the first update of a batch to the write to each \
         single peer.",
    );
    SESSION_SYNC = histogram(
        "albedo_session_sync_seconds",
        &["family"],
        super::LONG,
        "Time from a session reaching Established to its End-of-RIB being written.",
    );
    WITHDRAW_CONVERGENCE = histogram(
        "albedo_withdraw_convergence_seconds",
        &["family"],
        super::COARSE,
        "Time from noticing the loss of a peer to its routes being withdrawn from the last \
         peer that keeps up.",
    );
    STARTUP_CONVERGENCE = Metric {
        // One sample in a life: the exporter's histogram will do.
        author: Author::Exporter,
        ..histogram(
            "albedo_startup_convergence_seconds",
            &[],
            super::START,
            "Time from the start of the process to all expected peers being in sync, or to the \
             end of waiting for them.",
        )
    };
    OLDEST_UNDELIVERED = gauge(
        "albedo_oldest_undelivered_change_seconds",
        &[],
        "Age of the oldest change that some peer has not been given; 0 if there is none.",
    );
    SLOWEST = by_writer(gauge(
        "albedo_slowest_peer_undelivered_seconds",
        &["rank", "peer", "name"],
        "Age of the oldest change that a peer has not been given, of the ten peers that lack the \
         oldest ones; none where everybody has everything.",
    ));
    DEFERRAL = gauge(
        "albedo_selection_deferral",
        &[],
        "Whether peers that keep our routes from before are still told nothing after the start.",
    );
    DEFERRAL_MISSING = gauge(
        "albedo_selection_deferral_missing_peers",
        &[],
        "Peers that the selection deferral waits for and that are not there.",
    );
    ROSTER_PEERS = gauge(
        "albedo_roster_peers",
        &[],
        "Peers in the roster that the next start will read.",
    );
    STALE_HOLDERS = gauge(
        "albedo_stale_holding_peers",
        &[],
        "Peers of the roster without a session that may hold stale routes of ours.",
    );
    ROSTER_ERRORS = counter(
        "albedo_roster_write_errors_total",
        &[],
        "Times that the roster could not be written.",
    );
    DRAINING = gauge(
        "albedo_draining",
        &[],
        "Whether clients are sent away and not let in.",
    );
    // A Calico cluster that peers come from.
    DATASTORE_CONNECTED = gauge(
        "albedo_datastore_connected",
        &[],
        "Whether every kind of resource in the datastore of a Calico cluster is listed and being \
         followed; if not, the last cluster that was known counts.",
    );
    DATASTORE_AGE = gauge(
        "albedo_datastore_last_event_age_seconds",
        &[],
        "Time since the datastore said anything, heart-beats included; 0 if it never has.",
    );
    CALICO_REJECTED = gauge(
        "albedo_calico_rejected_objects",
        &[],
        "Resources that cannot be read; the others count, and so does the last good version.",
    );
    CALICO_HELD = gauge(
        "albedo_calico_sessions_held",
        &[],
        "Sessions that are held down, for want of their password for example.",
    );
    CALICO_GUARDED = gauge(
        "albedo_calico_guarded_sessions",
        &[],
        "Sessions that a change of resources would end and that go on until it is confirmed or \
         the time is over.",
    );
    CALICO_WARNINGS = gauge(
        "albedo_calico_warnings",
        &[],
        "What is odd about the resources, as the status tells.",
    );
    CALICO_IPAM_MISMATCHES = gauge(
        "albedo_calico_ipam_mismatches",
        &[],
        "Routes inside of an IP pool from a node that does not own the block, at the last look.",
    );
    CALICO_IPAM_BORROWED = gauge(
        "albedo_calico_ipam_borrowed",
        &[],
        "Host routes from nodes whose pods have an address of another node's block, at the last \
         look; these are as they should be.",
    );
    // Sessions.
    SESSIONS = gauge(
        "albedo_sessions",
        &["state"],
        "Sessions by state.",
    );
    CONFIGURED_PEERS = gauge(
        "albedo_configured_peers",
        &[],
        "Peers that the configuration names.",
    );
    SESSIONS_ESTABLISHED = counter(
        "albedo_sessions_established_total",
        &[],
        "Times that a session reached Established.",
    );
    SESSIONS_LOST = counter(
        "albedo_sessions_lost_total",
        &[],
        "Times that a session left Established.",
    );
    MESSAGES = counter(
        "albedo_messages_total",
        &["direction", "type"],
        "BGP messages.",
    );
    MESSAGE_BYTES = counter(
        "albedo_message_bytes_total",
        &["direction"],
        "Bytes of BGP messages.",
    );
    NOTIFICATIONS = counter(
        "albedo_notifications_total",
        &["direction", "code"],
        "NOTIFICATION messages by error code.",
    );
    REJECTED_UPDATES = counter(
        "albedo_rejected_updates_total",
        &["treatment"],
        "Faulty UPDATE messages by how they were treated.",
    );
    ROUTES_DROPPED = counter(
        "albedo_routes_dropped_total",
        &["reason"],
        "Received routes that were not accepted.",
    );
    CONNECTIONS_REFUSED = counter(
        "albedo_connections_refused_total",
        &["reason"],
        "Incoming connections that were closed at once.",
    );
    CONNECTIONS_ACCEPTED = counter(
        "albedo_connections_accepted_total",
        &[],
        "Incoming connections, whatever became of them.",
    );
    ACCEPT_ERRORS = counter(
        "albedo_accept_errors_total",
        &[],
        "Incoming connections that the system did not give us, for want of descriptors for \
         example.",
    );
    HOLD_SPARED = counter(
        "albedo_hold_timers_spared_total",
        &[],
        "Hold timers that ran out while the peer's bytes were waiting to be read, and so did not \
         end the session.",
    );
    RETAINED_PEERS = gauge(
        "albedo_retained_peers",
        &[],
        "Lost peers whose routes are kept until they are back or their time is over.",
    );
    RETAINED_PEERS_LIMIT = gauge(
        "albedo_retained_peers_limit",
        &[],
        "Lost peers whose routes may be kept at the same time.",
    );
    SESSIONS_RETAINED = counter(
        "albedo_sessions_retained_total",
        &[],
        "Times that a session was lost and its routes were kept.",
    );
    RETENTIONS_REFUSED = counter(
        "albedo_retentions_refused_total",
        &[],
        "Times that they were not, because as many peers were kept as may be.",
    );
    REFRESHES_COALESCED = counter(
        "albedo_refreshes_coalesced_total",
        &[],
        "Requests for a family (ROUTE-REFRESH) that came too soon and were answered together.",
    );
    // The RIB.
    PREFIXES = gauge(
        "albedo_prefixes",
        &["family"],
        "Prefixes with a best route.",
    );
    PATHS = gauge(
        "albedo_paths",
        &["family"],
        "Routes of all peers.",
    );
    STALE_PATHS = gauge(
        "albedo_stale_paths",
        &["family"],
        "Routes of lost sessions that are kept (graceful restart), among those of all peers.",
    );
    STALE_PATHS_SWEPT = counter(
        "albedo_stale_paths_swept_total",
        &["family"],
        "Routes of lost sessions that were removed because their peer did not announce them \
         again in time.",
    );
    TOMBSTONES = gauge(
        "albedo_tombstones",
        &["family"],
        "Prefixes that are gone and kept while some peer has not been told.",
    );
    JOURNAL_ENTRIES = gauge(
        "albedo_journal_entries",
        &[],
        "Changes of best routes that are remembered for explanations, of all families and shards.",
    );
    JOURNAL_LIMIT = gauge(
        "albedo_journal_entries_limit",
        &[],
        "How many there may be.",
    );
    CATCH_UPS = gauge(
        "albedo_catch_ups",
        &["family"],
        "Peers that are being given what changed since they fell behind.",
    );
    ATTRIBUTE_SETS = gauge(
        "albedo_attribute_sets",
        &[],
        "Distinct attribute sets in memory.",
    );
    ATTRIBUTE_LOOKUPS = counter(
        "albedo_attribute_lookups_total",
        &["result"],
        "Look-ups of attribute sets.",
    );
    // Update groups and logs.
    UPDATE_GROUPS = gauge(
        "albedo_update_groups",
        &[],
        "Update groups that have members.",
    );
    LOG_BYTES = gauge(
        "albedo_log_bytes",
        &[],
        "Bytes of encoded messages in the logs of all groups.",
    );
    BATCHES = counter(
        "albedo_batches_total",
        &[],
        "Batches of input that shards turned into log segments.",
    );
    SEGMENTS = counter(
        "albedo_segments_total",
        &[],
        "Segments appended to logs.",
    );
    DIRECT_DELIVERIES = counter(
        "albedo_direct_deliveries_total",
        &[],
        "Segments that shards wrote to sockets of up-to-date sessions without waking their tasks.",
    );
    UPDATES_ENCODED = counter(
        "albedo_updates_encoded_total",
        &[],
        "UPDATE messages encoded; how many were sent is in albedo_messages_total.",
    );
    REBASES = counter(
        "albedo_rebases_total",
        &[],
        "Times that a log was written anew from the table.",
    );
    READERS_CUT_OFF = counter(
        "albedo_readers_cut_off_total",
        &[],
        "Peers whose sessions ended because what they had not been told of came to its \
         bound.",
    );
    // Shards.
    CHANNEL_DEPTH = gauge(
        "albedo_channel_depth",
        &["shard"],
        "Letters waiting in the channel of a shard.",
    );
    CHANNEL_CAPACITY = gauge(
        "albedo_channel_capacity",
        &[],
        "Letters that fit into the channel of a shard.",
    );
    CHANNEL_ROUTES = gauge(
        "albedo_channel_routes",
        &[],
        "Routes in the letters that wait in the channel of a shard: of the one that has most.",
    );
    CHANNEL_ROUTES_LIMIT = gauge(
        "albedo_channel_routes_limit",
        &[],
        "Routes with which the channel of a shard is full, however few the letters.",
    );
    CHANNEL_FULL = counter(
        "albedo_channel_full_total",
        &[],
        "Times that a full channel stopped the reading of a session.",
    );
    // Reading the tables.
    QUERIES_OPEN = gauge(
        "albedo_queries",
        &[],
        "Questions to the shards that are open.",
    );
    QUERIES_LIMIT = gauge(
        "albedo_queries_limit",
        &[],
        "Questions to the shards that may be open.",
    );
    QUERY_ANSWERS = counter(
        "albedo_query_answers_total",
        &[],
        "Requests that the shards answered, each with a page.",
    );
    QUERIES_REFUSED = counter(
        "albedo_queries_refused_total",
        &[],
        "Questions that were refused because too many were open.",
    );
    QUERY_ENTRIES = counter(
        "albedo_query_entries_total",
        &[],
        "Entries of the tables that were looked at for questions.",
    );
    QUERY_WAIT = by_writer(counter(
        "albedo_query_wait_seconds_total",
        &[],
        "Time that requests waited for their shard.",
    ));
    WATCHES = gauge(
        "albedo_watches",
        &[],
        "Clients of the gRPC interface that watch best routes change: at most 16.",
    );
    ADMIN_CONNECTIONS = gauge(
        "albedo_admin_connections",
        &["door"],
        "Connections that are open at the administrative interfaces: at most 64 at each port or \
         socket (http, grpc), 32 in all (bird).",
    );
    BIRD_CONNECTIONS_CUT = counter(
        "albedo_bird_connections_cut_total",
        &[],
        "Connections to the control sockets in the manner of BIRD that were cut: too many were \
         open, or nobody read the answer.",
    );
    STAGE = by_writer(counter(
        "albedo_stage_seconds_total",
        &["stage"],
        "Time of changes by stage. Of batches that told somebody something \
         (albedo_stage_batches_total): waiting for the shard and gathering (queue), finding the \
         best routes (decide), finding who is told what and writing it (encode). Of what somebody \
         waited for (albedo_convergence_seconds_count): until the last peer that keeps up was \
         given it (send). Of looks at a peer (albedo_acknowledged_samples_total): how long its \
         TCP takes to acknowledge, by the kernel's smoothed round-trip time (acknowledged).",
    ));
    ACKNOWLEDGED_SAMPLES = counter(
        "albedo_acknowledged_samples_total",
        &[],
        "Times that the round-trip time of a peer's TCP was looked at: with each keepalive.",
    );
    STAGE_BATCHES = counter(
        "albedo_stage_batches_total",
        &[],
        "Batches whose stages were timed.",
    );
    SHARD_BUSY = by_writer(counter(
        "albedo_shard_busy_seconds_total",
        &["shard"],
        "Time that the worker of a shard spent working.",
    ));
    SHARD_HEARTBEAT = gauge(
        "albedo_shard_heartbeat_age_seconds",
        &["shard"],
        "Time since the worker of a shard last turned.",
    );
    // Bounds that the configuration sets.
    SESSIONS_LIMIT = gauge(
        "albedo_sessions_limit",
        &[],
        "Sessions of dynamic neighbours allowed at the same time.",
    );
    // Configuration and build.
    RELOADS = counter(
        "albedo_config_reloads_total",
        &["result"],
        "Reloads of the configuration.",
    );
    RELOAD_GOOD = gauge(
        "albedo_config_last_reload_successful",
        &[],
        "Whether the last reading of the configuration was good.",
    );
    RELOAD_TIME = gauge(
        "albedo_config_last_reload_success_timestamp_seconds",
        &[],
        "When the configuration in force was read.",
    );
    BUILD_INFO = gauge(
        "albedo_build_info",
        &["version"],
        "Constantly 1; the version is in the label.",
    );
    // The process, by the names every Prometheus client has.
    PROCESS_CPU = by_writer(counter(
        "process_cpu_seconds_total",
        &[],
        "User and system CPU time of the process.",
    ));
    PROCESS_OPEN_FDS = gauge(
        "process_open_fds",
        &[],
        "Open file descriptors.",
    );
    PROCESS_MAX_FDS = gauge(
        "process_max_fds",
        &[],
        "File descriptors that may be open.",
    );
    PROCESS_VIRTUAL = gauge(
        "process_virtual_memory_bytes",
        &[],
        "Virtual memory.",
    );
    PROCESS_RESIDENT = gauge(
        "process_resident_memory_bytes",
        &[],
        "Resident memory.",
    );
    PROCESS_START = gauge(
        "process_start_time_seconds",
        &[],
        "When the process started, since the epoch.",
    );
    PROCESS_THREADS = gauge(
        "process_threads",
        &[],
        "Threads of the process.",
    );
}
