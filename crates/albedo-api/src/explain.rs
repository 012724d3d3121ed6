//! Why a route is the best one, and why a peer is told it or not: plain values.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::routes::RouteLineAttributes;

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainRequest {
    /// A prefix, or an address, which means the longest prefix that holds it.
    pub prefix: String,
    /// A peer that is told the route, or not.
    pub to: Option<IpAddr>,
    /// A time in the past: RFC 3339, or how long ago, such as `5m`.
    pub at: Option<String>,
}

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExplainError {
    /// The request makes no sense, in words.
    Bad(String),
    /// There is no such peer.
    NoPeer(String),
    /// It cannot be had now.
    Busy(String),
}

/// An explanation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Explained {
    /// The prefix that is explained.
    pub prefix: String,
    /// All routes to it, the best one first; at most a page of them.
    pub candidates: Vec<CandidateRow>,
    /// Of the peer that was asked for, each of its sessions.
    pub peers: Vec<ExplainedPeer>,
    /// How it was at the time that was asked for.
    pub at: Option<ExplainedPast>,
    /// Changes of the best route that are remembered, the newest first.
    pub history: Vec<PastChange>,
    /// Seconds since which every change is remembered; `None` where all that there ever were are.
    pub remembered_seconds: Option<f64>,
}

/// A route to the prefix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CandidateRow {
    /// The address of the peer that announced it.
    pub from: String,
    /// What that one is called.
    pub from_name: Option<String>,
    /// Its BGP identifier.
    pub router_id: String,
    /// The path identifier that it came with, where there are any (RFC 7911).
    pub path_id: u32,
    /// `client`, `nonClient` or `external`.
    pub role: String,
    /// Whether it is the best one.
    pub best: bool,
    /// Whether its session is lost, and it is kept.
    pub stale: bool,
    /// The step of the decision that it lost by (RFC 4271 §9.1.2.2, RFC 4456 §9); `None` for the
    /// best one.
    pub lost_by: Option<String>,
    /// To whose route.
    pub lost_to: Option<String>,
    /// Its attributes.
    #[serde(flatten)]
    pub attributes: RouteLineAttributes,
}

/// What one session with a peer is told of the prefix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExplainedPeer {
    /// Its address.
    pub address: String,
    /// What it is called.
    pub name: Option<String>,
    /// `client`, `nonClient` or `external`.
    pub role: String,
    /// `told`, `kept`, or `nothing` where there is no route.
    pub verdict: String,
    /// One sentence.
    pub reason: String,
    /// What keeps the route back, in a word.
    pub rule: Option<String>,
    /// The update group that it is in.
    pub group: Option<u32>,
    /// Routes that it is told.
    pub told: Vec<ToldRow>,
    /// `notYet`, `written` to its socket, or `acknowledged` by its TCP together with everything
    /// else that was written.
    pub delivery: Option<String>,
    /// Octets that were written and that its TCP has not acknowledged.
    pub unacknowledged_bytes: Option<u64>,
    /// When what it has was written to its socket: not before this time of day.
    pub sent_not_before: Option<String>,
    /// And not after this one: when all had it that keep up, or when the peer had come to it.
    pub sent_not_after: Option<String>,
}

/// A route as a peer is told it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ToldRow {
    /// The address of the peer that announced it.
    pub from: String,
    /// The path identifier that it is told under; 0 where there are none.
    pub path_id: u32,
    /// The attributes that it is told with.
    #[serde(flatten)]
    pub attributes: RouteLineAttributes,
}

/// A change of the best route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PastChange {
    /// When it was decided (RFC 3339).
    pub time: String,
    /// How many seconds ago that is.
    pub seconds_ago: f64,
    /// The router id of the peer whose route was the best before; `None` where there was none.
    pub before: Option<String>,
    /// What that one is called.
    pub before_name: Option<String>,
    /// The same since.
    pub after: Option<String>,
    /// What that one is called.
    pub after_name: Option<String>,
}

/// How it was at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExplainedPast {
    /// The time (RFC 3339).
    pub time: String,
    /// Whether it is remembered that far.
    pub is_remembered: bool,
    /// The router id of the peer whose route was the best one; `None` where there was none, or it
    /// is not remembered.
    pub best: Option<String>,
    /// What that one is called.
    pub best_name: Option<String>,
}
