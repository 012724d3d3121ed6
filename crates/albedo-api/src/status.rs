//! What the program tells the API about itself: plain values, taken at the time of asking.

use serde::{Deserialize, Serialize};

use std::net::IpAddr;

use crate::explain::{ExplainError, ExplainRequest, Explained};
use crate::routes::{Later, RouteSource};
use crate::snapshot::Snapshot;

mod calico;
mod detail;
mod verify;

pub use calico::{
    CalicoStatus, ConfirmRequest, GuardStatus, HeldSession, IpamStatus, KindCount, RejectedObject,
};
pub use detail::{GroupRow, PeerDetail, PeerRoutes, Traffic, TrafficOf};
pub use verify::{
    CalicoVerify, ForeignRoute, NodeFamily, NodePrefix, SessionDown, TOLD_MAX, Told, WrongNextHop,
};

/// Where the API's answers come from. Each call but [`StatusSource::verify`] is cheap enough for a
/// health probe each second; none may block on a session or a shard.
pub trait StatusSource: Send + Sync {
    /// The reflector as a whole.
    fn status(&self) -> Status;
    /// Every peer that is configured or connected.
    fn peers(&self) -> Vec<PeerRow>;
    /// Whether the process works; if one of these fails it should be restarted.
    fn live(&self) -> Vec<Check>;
    /// Whether clients should rely on it; if one of these fails others should be preferred.
    fn ready(&self) -> Vec<Check>;
    /// Whether the start is over, once and for all; how long that takes has a bound.
    fn started(&self) -> Vec<Check> {
        self.ready()
    }
    /// The numbers of `/metrics`.
    fn snapshot(&self) -> Snapshot;
    /// Every peer, with its routes counted, which takes up to a second; counts may be two seconds
    /// old.
    fn counted_peers(&self) -> Later<'_, Vec<PeerRow>> {
        Box::pin(std::future::ready(self.peers()))
    }
    /// Every session with a peer, in detail.
    fn peer(&self, _: IpAddr) -> Later<'_, Vec<PeerDetail>> {
        Box::pin(std::future::ready(Vec::new()))
    }
    /// Why a route is the best one, and why a peer is told it or not.
    fn explain(&self, _: ExplainRequest) -> Later<'_, Result<Explained, ExplainError>> {
        let why = "there are no routes yet".to_owned();
        Box::pin(std::future::ready(Err(ExplainError::Busy(why))))
    }
    /// Every update group.
    fn groups(&self) -> Vec<GroupRow> {
        Vec::new()
    }
    /// The groups of the configuration.
    fn peer_groups(&self) -> Vec<PeerGroupRow> {
        Vec::new()
    }
    /// Where routes come from, once there are any.
    fn route_source(&self) -> Option<&dyn RouteSource> {
        None
    }
    /// Whether the metrics of single peers are told.
    fn tells_peer_metrics(&self) -> bool {
        false
    }
    /// The Calico cluster that peers come from, if there is one.
    fn calico(&self) -> Option<CalicoStatus> {
        None
    }
    /// How sessions and routes compare with what that cluster says, or why that cannot be told;
    /// `None` if there is no cluster. It reads all routes, page by page, and takes its time.
    fn verify(&self) -> Later<'_, Option<Result<CalicoVerify, String>>> {
        Box::pin(std::future::ready(None))
    }
}

/// A group of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerGroupRow {
    /// Its name.
    pub name: String,
    /// What is said of it.
    pub description: Option<String>,
    /// The ranges from which its members may come.
    pub ranges: Vec<String>,
    /// The AS that its members must name, where that is one.
    pub as_number: Option<u32>,
    /// What its members are to the reflector.
    pub role: String,
    /// The cluster of its clients.
    pub cluster_id: String,
    /// The hold time that is offered, in seconds.
    pub hold_time_seconds: u16,
}

/// One check of `/livez`, `/readyz` or `/startupz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A short name without spaces, such as `shard-0`.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was looked at, in words.
    pub detail: String,
}

/// The reflector as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The process, as its machine numbers it.
    pub process_id: u32,
    /// Our autonomous system.
    pub as_number: u32,
    /// Our BGP identifier.
    pub router_id: String,
    /// The cluster id of clients without an own one.
    pub cluster_id: String,
    /// Where BGP sessions are accepted.
    pub listen: Vec<String>,
    /// Seconds since the start.
    pub uptime_seconds: f64,
    /// The configuration file.
    pub config_file: String,
    /// What was wrong with the last reload; `None` if it was good.
    pub config_fault: Option<String>,
    /// Sessions that are up.
    pub sessions_up: u64,
    /// Sessions of whatever state.
    pub sessions_all: u64,
    /// Update groups with members.
    pub update_groups: u64,
    /// Distinct attribute sets.
    pub attribute_sets: u64,
    /// Bytes in the logs of all groups.
    pub log_bytes: u64,
    /// Seconds from the start until everybody who had come was in sync; `None` before.
    pub startup_seconds: Option<f64>,
    /// Resident memory of the process in bytes; `None` where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// Age of the oldest change that some peer has not got, in seconds; `None` if there is none.
    pub oldest_undelivered_seconds: Option<f64>,
    /// By family.
    pub families: Vec<FamilyStatus>,
    /// By shard.
    pub shards: Vec<ShardStatus>,
}

/// One family.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FamilyStatus {
    /// Such as `ipv4-unicast`.
    pub family: String,
    /// Prefixes with a best route.
    pub prefixes: u64,
    /// Routes of all peers.
    pub paths: u64,
    /// Half of the changes reached the last peer within this many seconds.
    pub convergence_p50_seconds: Option<f64>,
    /// 99 of 100 changes did so within this many seconds.
    pub convergence_p99_seconds: Option<f64>,
}

/// One shard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ShardStatus {
    /// Seconds spent working.
    pub busy_seconds: f64,
    /// Letters in its channel.
    pub channel_depth: u64,
    /// Seconds since its worker last turned.
    pub heartbeat_age_seconds: f64,
}

impl Status {
    /// Fills in what a snapshot knows.
    #[must_use]
    pub fn with(mut self, snapshot: &Snapshot) -> Self {
        let engine = &snapshot.engine;
        self.sessions_up = snapshot.sessions.up();
        self.sessions_all = snapshot.sessions.all();
        self.update_groups = engine.update_groups;
        self.attribute_sets = engine.attribute_sets;
        self.log_bytes = engine.sum(|shard| shard.log_bytes);
        self.oldest_undelivered_seconds = engine.oldest_undelivered.map(|age| age.as_secs_f64());
        self.startup_seconds = snapshot.startup_convergence.map(|after| after.as_secs_f64());
        self.memory_bytes = crate::process::resident_bytes();
        self.families = albedo_types::Family::ALL
            .into_iter()
            .zip(&engine.families)
            .map(|(family, numbers)| FamilyStatus {
                family: family.to_string(),
                prefixes: numbers.prefixes,
                paths: numbers.paths,
                convergence_p50_seconds: numbers.convergence.quantile(0.5),
                convergence_p99_seconds: numbers.convergence.quantile(0.99),
            })
            .collect();
        self.shards = engine
            .shards
            .iter()
            .map(|shard| ShardStatus {
                busy_seconds: shard.busy.as_secs_f64(),
                channel_depth: shard.channel_depth,
                heartbeat_age_seconds: shard.heartbeat_age.as_secs_f64(),
            })
            .collect();
        self
    }
}

/// One peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PeerRow {
    /// The peer's address.
    pub address: String,
    /// The peer's own name (its FQDN capability), or the configuration's description.
    pub name: Option<String>,
    /// The group it belongs to.
    pub group: Option<String>,
    /// Whether it came by a range instead of being configured.
    pub dynamic: bool,
    /// `client`, `nonClient` or `external`.
    pub role: String,
    /// Its AS, once known.
    pub as_number: Option<u32>,
    /// Its BGP identifier, once known.
    pub router_id: Option<String>,
    /// One of [`crate::names::SESSION_STATES`].
    pub state: String,
    /// Seconds since it went up or down.
    pub since_seconds: f64,
    /// The negotiated families.
    pub families: Vec<String>,
    /// The negotiated hold time in seconds.
    pub hold_time_seconds: Option<u16>,
    /// Messages received and sent.
    pub messages: [u64; 2],
    /// UPDATE messages among them.
    pub updates: [u64; 2],
    /// Age in seconds of the oldest change that it has not been given; `None` where it has all.
    pub undelivered_seconds: Option<f64>,
    /// What is kept of its last session, by family; empty where nothing is.
    pub retained: Vec<RetainedRow>,
    /// Why the last session ended, in words.
    pub last_reason: Option<String>,
    /// How often the session became Established.
    pub established: u64,
    /// Its routes by family, where counts were asked for and can be had.
    pub routes: Vec<PeerRoutes>,
}

/// What is kept of a peer that was lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RetainedRow {
    /// Such as `ipv4-unicast`.
    pub family: String,
    /// `restarting` or `longLived` while it is away, `resyncing` once it is back.
    pub phase: String,
    /// Seconds until that ends, whatever comes.
    pub left_seconds: Option<f64>,
}

impl PeerRow {
    /// Whether its session is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == crate::names::SESSION_STATES[crate::names::SESSION_STATES.len() - 1]
    }
}
