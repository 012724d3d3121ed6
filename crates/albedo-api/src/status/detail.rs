//! What is told of one peer, and of an update group.

use serde::{Deserialize, Serialize};

use super::PeerRow;

/// One session with a peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PeerDetail {
    /// What the list of peers says of it.
    #[serde(flatten)]
    pub row: PeerRow,
    /// Our end of the connection, as `address:port`, while there is one.
    pub local: Option<String>,
    /// The peer's end.
    pub remote: Option<String>,
    /// The listener that a dynamic neighbour came to.
    pub listener: Option<String>,
    /// What the configuration says about it.
    pub description: Option<String>,
    /// Whether the peer has said that it keeps our routes over a restart (RFC 4724), once known.
    pub graceful_restart: Option<bool>,
    /// Whether it has told everything it has: its End-of-RIB of every family has come.
    pub is_heard: bool,
    /// Whether an import policy and an export policy are in force.
    pub import_policy: bool,
    /// See `import_policy`.
    pub export_policy: bool,
    /// Messages and octets of all its sessions.
    pub traffic: Traffic,
}

/// Messages and octets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Traffic {
    /// By type, such as `update`.
    pub messages: Vec<TrafficOf>,
    /// Octets received.
    pub bytes_received: u64,
    /// Octets sent.
    pub bytes_sent: u64,
    /// Faults of UPDATEs by treatment (RFC 7606 §2), those that there were: `received` counts.
    pub faults: Vec<TrafficOf>,
    /// Well-formed routes that were not taken, by reason.
    pub dropped: Vec<TrafficOf>,
}

/// Messages of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TrafficOf {
    /// Which.
    pub kind: String,
    /// How many came.
    pub received: u64,
    /// How many went.
    pub sent: u64,
}

/// Routes of a peer in one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PeerRoutes {
    /// Such as `ipv4-unicast`.
    pub family: String,
    /// Routes that it has announced and that were taken.
    pub received: u64,
    /// Those of them that are the best of their prefix.
    pub best: u64,
    /// Routes that it is told.
    pub sent: u64,
}

/// An update group: peers that are told the same octets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GroupRow {
    /// Its number; another group may have it later.
    pub id: u32,
    /// Such as `ipv4-unicast`.
    pub family: String,
    /// `client`, `nonClient` or `external`.
    pub role: String,
    /// Peers in it.
    pub members: u64,
    /// Peers in it that have been given everything.
    pub current: u64,
    /// Octets in its logs.
    pub log_bytes: u64,
    /// What is put in front of CLUSTER_LIST.
    pub cluster_id: String,
    /// Whether AS numbers have four octets (RFC 6793).
    pub four_octet_as: bool,
    /// Octets of a message at most (RFC 8654).
    pub message_bytes_max: u64,
    /// The address that stands in for next hops, if one does.
    pub next_hop: Option<String>,
    /// Whether an export policy is in force.
    pub export_policy: bool,
    /// Which paths of a prefix are told (RFC 7911).
    pub paths: String,
}
