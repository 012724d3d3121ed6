//! Sessions: what connects the state machine and the engine with sockets.
//!
//! ```text
//!              listener ── admission ──┐
//!                                      ▼
//!   settings ──► supervisor ──► one task for each peer (driver)
//!                                 reader ─► state machine, intake ─► engine port
//!                                 writer ◄─ state machine,          engine port
//! ```
//!
//! Everything that needs tokio or a socket is here; what is decided is decided elsewhere: the
//! state machine in `albedo-fsm`, routes in `albedo-rib`, faults in `albedo-wire`.
//!
//! RFC 4271 §8, RFC 7606, RFC 9687.
#![deny(unsafe_code)]

pub mod admission;
mod commands;
mod compare;
pub mod config;
mod connector;
pub mod dialler;
mod drain;
mod driver;
mod guards;
mod inherited;
pub mod intake;
mod limit;
mod linger;
mod listener;
pub mod reader;
pub mod registry;
pub mod sockopt;
mod soft;
pub mod startup;
pub mod stats;
pub mod status;
mod stream;
mod supervisor;
#[cfg(test)]
mod testing;
mod timer;
pub mod writer;

pub use albedo_fsm::{DeferralEnd, DeferralLimits, DeferralWaits};
pub use compare::Comparison;
pub use config::{
    BGP_PORT, Group, IntakeRules, LimitAction, LimitRules, NextHopRule, PathRules, Peer, Profile,
    REFRESH_INTERVAL_DEFAULT, RetentionRules, Settings,
};
pub use inherited::Inherited;
pub use startup::{DeferralStatus, Restart};
pub use status::{PeerShared, PeerStatus};
pub use supervisor::{Applied, Farewell, Server};
