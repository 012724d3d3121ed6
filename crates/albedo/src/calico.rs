//! Peers from a Calico cluster: its resources, its datastores, and what it calls things.
//!
//! [`Follower`] goes from snapshots of the datastore to configurations: expansion and guard are
//! pure and lie in `albedo-discovery`, [`overlay`] and [`rules`] put their outcome into the words
//! of `albedo-config`, and from there on it is a reload like any other.

mod cache;
mod follow;
mod identity;
pub(crate) mod ipam;
pub(crate) mod node_status;
mod overlay;
mod register;
mod report;
mod rules;
mod verify;
mod waiting;

pub(crate) use follow::Follower;
pub(crate) use report::Shared;
pub(crate) use verify::compare;
pub(crate) use waiting::Waiting;
