//! Threads and channels around the shards of the RIB.
//!
//! ```text
//!   session ─► PeerPort ─► mailbox ─► worker: Shard ─► SharedLog ─► PeerPort ─► session
//!              intern,     (bounded)  one thread       one writer,  cursors
//!              partition              per shard        many readers
//! ```
//!
//! Data flows left to right only; against it there are credit (a full mailbox stops a session's
//! reading) and counters.
//! The crate knows neither tokio's runtime nor sockets: sessions bring wakers.
#![forbid(unsafe_code)]

pub mod clock;
mod direct;
mod engine;
mod group;
mod interner;
mod log;
mod mailbox;
mod partition;
pub mod port;
mod query;
mod reader;
pub mod stats;
mod watch;
mod worker;

pub use albedo_rib::limits::JOURNAL_ENTRIES;
pub use direct::{DIRECT_BYTES_MAX, Outlet};
pub use engine::{Engine, EngineConfig, EngineHandle, SHARDS_MAX, TOMBSTONES_MAX};
pub use group::GroupStatus;
pub use interner::{
    CLUSTERS_MAX, DEFAULT_LOCAL_PREF, Interned, Interner, Loop, Received, Scratch, Source,
    TooManyClusters, mark_of,
};
pub use log::Sent;
pub use mailbox::{MAILBOX_LETTERS_MAX, MAILBOX_ROUTES_MAX};
pub use partition::{Partition, V4_BITS, V6_BITS};
pub use port::{BATCH_KEYS_MAX, LETTERS_KEPT_MAX, PeerPort, Piece};
pub use query::{Pending, QUERIES_MAX, QueryError, Routes};
pub use watch::{Changed, WATCH_PREFIXES_MAX, WATCHES_MAX, Watch, WatchError};
