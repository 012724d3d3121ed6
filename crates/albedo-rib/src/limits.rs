//! The bounds of a shard and its logs, each with its unit and the value that ships.
//!
//! They are a value and not constants alone so that tests reach every one of them with a table of
//! a few prefixes.

/// About how many bytes of messages one chunk of a catch-up has.
pub const CATCH_UP_CHUNK_BYTES: usize = 64 * 1024;
/// Entries looked at in one step of all catch-ups together, and for one chunk.
pub const CATCH_UP_STEP_ENTRIES: usize = 16 * 1024;
/// Entries looked at in one step of a base that is being written.
pub const REBASE_STEP_ENTRIES: usize = 16 * 1024;
/// Entries looked at in one step for the routes that lost sessions left behind, in prefixes.
pub const STALE_STEP_ENTRIES: usize = 16 * 1024;
/// Entries looked at in one step for all who read the table, each route of a prefix one more.
pub const QUERY_STEP_ENTRIES: usize = 4 * 1024;
/// Routes of one page for who reads the table.
pub const QUERY_PAGE_ROUTES: usize = 1024;
/// Changes of best routes that a table remembers, 16 bytes each (28 with IPv6).
pub const JOURNAL_ENTRIES: usize = 4096;
/// Changes of one batch that are remembered one by one; of a larger one it is only known that it
/// was, for it would leave nothing else in the journal, and cost what a small one does not.
pub const JOURNAL_BATCH_CHANGES: usize = 256;
/// Bytes after which a base's segment ends.
pub const BASE_SEGMENT_BYTES: usize = 256 * 1024;
/// Share of superseded bytes, in parts of the live ones, that a log bears: 1 = as many again.
pub const LOG_GARBAGE_RATIO: usize = 1;
/// Superseded bytes that a log bears in any case.
pub const LOG_GARBAGE_MIN_BYTES: usize = 256 * 1024;
/// Bytes of old tail that a new base leaves in place, so that a reader that was only about to
/// read them is not behind.
pub const LOG_GRACE_BYTES: usize = 256 * 1024;

/// Share of tombstones, in parts of the live prefixes, that a table bears for the sake of its
/// logs' bases alone: 1 = as many again.
pub const TOMBSTONES_RATIO: usize = 1;
/// Tombstones that a table bears for them in any case.
pub const TOMBSTONES_MIN: usize = 4096;

/// All bounds; the fields are those of the constants beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// [`CATCH_UP_CHUNK_BYTES`].
    pub catch_up_chunk_bytes: usize,
    /// [`CATCH_UP_STEP_ENTRIES`].
    pub catch_up_step_entries: usize,
    /// [`REBASE_STEP_ENTRIES`].
    pub rebase_step_entries: usize,
    /// [`STALE_STEP_ENTRIES`].
    pub stale_step_entries: usize,
    /// [`QUERY_STEP_ENTRIES`].
    pub query_step_entries: usize,
    /// [`QUERY_PAGE_ROUTES`].
    pub query_page_routes: usize,
    /// [`JOURNAL_ENTRIES`].
    pub journal_entries: usize,
    /// [`JOURNAL_BATCH_CHANGES`].
    pub journal_batch_changes: usize,
    /// [`BASE_SEGMENT_BYTES`].
    pub base_segment_bytes: usize,
    /// [`LOG_GARBAGE_MIN_BYTES`].
    pub log_garbage_min_bytes: usize,
    /// [`LOG_GRACE_BYTES`]; at most `log_garbage_min_bytes`, or a new base would be due at once.
    pub log_grace_bytes: usize,
    /// [`TOMBSTONES_MIN`].
    pub tombstones_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            catch_up_chunk_bytes: CATCH_UP_CHUNK_BYTES,
            catch_up_step_entries: CATCH_UP_STEP_ENTRIES,
            rebase_step_entries: REBASE_STEP_ENTRIES,
            stale_step_entries: STALE_STEP_ENTRIES,
            query_step_entries: QUERY_STEP_ENTRIES,
            query_page_routes: QUERY_PAGE_ROUTES,
            journal_entries: JOURNAL_ENTRIES,
            journal_batch_changes: JOURNAL_BATCH_CHANGES,
            base_segment_bytes: BASE_SEGMENT_BYTES,
            log_garbage_min_bytes: LOG_GARBAGE_MIN_BYTES,
            log_grace_bytes: LOG_GRACE_BYTES,
            tombstones_min: TOMBSTONES_MIN,
        }
    }
}

impl Limits {
    /// The same, or a panic where they contradict each other.
    #[must_use]
    pub(crate) fn checked(self) -> Self {
        assert!(self.catch_up_chunk_bytes > 0, "a chunk holds something");
        assert!(self.catch_up_step_entries > 0, "a step looks at something");
        assert!(self.rebase_step_entries > 0, "a step looks at something");
        assert!(self.stale_step_entries > 0, "a step looks at something");
        assert!(self.query_step_entries > 0, "a step looks at something");
        assert!(self.query_page_routes > 0, "a page holds something");
        assert!(
            self.log_grace_bytes <= self.log_garbage_min_bytes,
            "what a new base leaves in place is no reason for the next one"
        );
        self
    }
}
