//! An independent BGP speaker that loads route reflectors and checks what they say.
//!
//! It plays many nodes at once against one daemon, from one thread, with messages that are built
//! beforehand, and compares every node's table with the expected one: prefix, next hop,
//! `ORIGINATOR_ID`, `CLUSTER_LIST`, `LOCAL_PREF` and all other attributes. A result is a table
//! that is exact, never a count that stopped growing.

pub mod attrs;
pub mod build;
pub mod campaign;
pub mod check;
pub mod cli;
pub mod compare;
pub mod fleet;
pub mod floor;
pub mod latency;
pub mod machine;
pub mod md5;
pub mod model;
pub mod mrt;
pub mod outcome;
pub mod pace;
pub mod parse;
pub mod poll;
pub mod prefix;
pub mod preset;
pub mod process;
pub mod progress;
pub mod report;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod session;
pub mod stats;
pub mod threshold;
pub mod throttle;
pub mod timeline;
pub mod units;
