//! Metrics, health and status over HTTP.
//!
//! The crate asks and never tells: the program hands in a [`StatusSource`], a scrape copies the
//! numbers of the data path, and no request changes anything.
//! Names of metrics are in one table, [`names`].
#![forbid(unsafe_code)]

mod http;
pub mod names;
mod process;
mod recorder;
pub mod snapshot;
mod status;
mod text;

pub use http::{CONNECTIONS_MAX, IDLE_MAX, serve};
pub use recorder::{Metrics, UPKEEP_INTERVAL, build_recorder};
pub use status::{Check, FamilyStatus, PeerRow, RetainedRow, ShardStatus, Status, StatusSource};
