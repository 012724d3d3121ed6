//! One shard of the RIB as a pure value.
//!
//! A shard owns its prefixes.
//! It is told what peers announce, decides, and answers with segments for the logs of the update
//! groups; it knows no threads, no clock and no sockets, so a simulator drives it like a worker.
//!
//! An UPDATE travels: [`shard`] → `family` (candidates, what was touched) → [`decision`] →
//! `family::flush` (what each group had and has, by its [`policy`]) → `encode` → [`segment`] →
//! [`log`].
//!
//! RFC: 4271 §9, 4456.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

pub mod attrs;
mod catchup;
pub mod decision;
mod encode;
mod family;
pub mod follower;
pub mod group;
pub mod input;
pub mod journal;
pub mod limits;
pub mod log;
mod paths;
pub mod peer;
pub mod policy;
pub mod query;
mod rebase;
pub mod reflect;
pub mod segment;
pub mod shard;
mod table;

pub use attrs::{AttrSet, Home, Marks, Parts, Summary};
pub use follower::{Follower, State};
pub use group::{ExternalKey, Extra, GroupKey, LongLivedExport, Paths};
pub use input::{Birth, Input, Item, Keep, Output, Position, Resume, RouteBatch};
pub use limits::Limits;
pub use log::{At, Base, Cursor, Log};
pub use peer::PeerInfo;
pub use policy::Policy;
pub use query::{Bookmark, Page, Query, Route, Select};
pub use segment::Segment;
pub use shard::{FamilyStats, Shard};
