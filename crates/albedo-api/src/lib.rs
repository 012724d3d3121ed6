//! Metrics, health and status over HTTP, and answers in the manner of BIRD over Unix sockets.
//!
//! The program hands in a [`StatusSource`], and a scrape copies the numbers of the data path.
//! What little may be changed goes by way of [`Control`], and only from this machine.
//! Names of metrics are in one table, [`names`].
#![forbid(unsafe_code)]

pub mod bird;
pub mod control;
pub mod explain;
pub mod guard;
mod http;
pub mod names;
mod process;
mod recorder;
pub mod routes;
pub mod snapshot;
pub mod socket;
mod status;
mod text;

pub use control::Control;
pub use guard::{CONNECTIONS_MAX, IDLE_MAX};
pub use http::{Doors, serve};
pub use recorder::{Metrics, UPKEEP_INTERVAL, build_recorder};
pub use routes::{RouteLine, RouteLineAttributes};
pub use status::{
    CalicoStatus, CalicoVerify, Check, ConfirmRequest, FamilyStatus, ForeignRoute, GroupRow,
    GuardStatus, HeldSession, IpamStatus, KindCount, NodeFamily, NodePrefix, PeerDetail,
    PeerGroupRow, PeerRoutes, PeerRow, RejectedObject, RetainedRow, SessionDown, ShardStatus,
    Status, StatusSource, TOLD_MAX, Told, Traffic, TrafficOf, WrongNextHop,
};
