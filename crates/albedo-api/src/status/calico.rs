//! What the program tells about the Calico cluster that peers come from.

use serde::{Deserialize, Serialize};

/// A Calico cluster that is followed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalicoStatus {
    /// What the reflector is in it, in words.
    pub identity: String,
    /// Whether the datastore is being followed at this moment; if not, the last cluster counts.
    pub connected: bool,
    /// Whether every kind of resource was listed once.
    pub synced: bool,
    /// Whether Calico says that its datastore is being moved, so that nothing is taken from it.
    pub datastore_held: bool,
    /// Seconds since the datastore said anything.
    pub last_event_seconds: Option<f64>,
    /// Lists that had to be made anew.
    pub resyncs: u64,
    /// What went wrong with the datastore last; it stays when it has been put right.
    pub last_error: Option<String>,
    /// Files that cannot be read, and the like.
    pub faults: Vec<String>,
    /// Why there is no new set of sessions; `None` if there is.
    pub expand_error: Option<String>,
    /// Which snapshot of the datastore is in force; 0 is that of the last life.
    pub revision: u64,
    /// Resources by kind.
    pub objects: Vec<KindCount>,
    /// Resources that cannot be read.
    pub rejected: Vec<RejectedObject>,
    /// Sessions in force.
    pub sessions: usize,
    /// Sessions that are held down, and why.
    pub sessions_held: Vec<HeldSession>,
    /// What is held back, if something is.
    pub guard: Option<GuardStatus>,
    /// What is odd: one line for each.
    pub warnings: Vec<String>,
    /// What the check of announced blocks found last; `None` before its first look or where
    /// `calico.ipamCheck` is not `warn`.
    pub ipam: Option<IpamStatus>,
}

/// What a check of announced blocks found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpamStatus {
    /// Routes inside of a pool from a node that does not own the block.
    pub mismatches: usize,
    /// Host routes for addresses of others' blocks.
    pub borrowed: usize,
    /// How many seconds ago it looked.
    pub age_seconds: f64,
}

/// How many there are of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KindCount {
    /// Such as `BGPPeer`.
    pub kind: String,
    /// Resources, bad ones included.
    pub count: usize,
}

/// A resource that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectedObject {
    /// Such as `BGPPeer`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Why.
    pub fault: String,
    /// Whether an earlier version of it counts.
    pub last_good: bool,
}

/// A session that is held down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldSession {
    /// Such as `Node_10_0_0_7`.
    pub name: String,
    /// Why, in words.
    pub reason: String,
}

/// A change that is held back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardStatus {
    /// Stands for what is held back; a confirmation names it.
    pub digest: String,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// Peers of the sessions that would go.
    pub sessions: Vec<String>,
    /// Since how many seconds the first of it waits.
    pub since_seconds: f64,
    /// In how many seconds the last of it applies by itself; `None` if it waits for somebody.
    pub applies_in_seconds: Option<f64>,
}

/// Which change is confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The digest that the status has.
    pub digest: String,
}
