//! A cluster without threads, sockets or a clock: shards, logs and readers, driven by a script.
//!
//! ```text
//!   script ──► world: nodes ──► mailboxes ──► workers: Shard ──► logs ──► nodes ──► tables
//!     │                                                                               │
//!     └──────► naive: all routes of all peers, RFC 4456 written straight ────────────► = ?
//! ```
//!
//! Which shard turns when, how many letters it takes, and how far a node reads, is part of the
//! script; nothing else is left to chance, so that what failed once fails again.
#![forbid(unsafe_code)]

pub mod naive;
pub mod node;
pub mod policy;
pub mod script;
pub mod sets;
pub mod table;
pub mod worker;
pub mod world;

pub use naive::Naive;
pub use script::Op;
pub use world::{Several, World, WorldConfig};
