//! How sessions and routes compare with what a Calico cluster's resources say.

use serde::{Deserialize, Serialize};

/// Things of a kind that are told one by one at most; their counts are exact.
pub const TOLD_MAX: usize = 100;

/// A comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalicoVerify {
    /// What the reflector is in the cluster, in words.
    pub identity: String,
    /// Which snapshot of the datastore was looked at; 0 is that of the last life.
    pub revision: u64,
    /// Whether the datastore is being followed; if not, the snapshot may be old.
    pub connected: bool,
    /// Whether the resources say that every node has a session with every other.
    pub mesh: bool,
    /// Whether everything is as it should be.
    pub ok: bool,
    /// Nodes that this reflector is to serve, or that no reflector serves.
    pub nodes: usize,
    /// Those of which every session is up, and that have one in each family they have an address
    /// of.
    pub nodes_connected: usize,
    /// Nodes that have other reflectors only, which have to be asked themselves.
    pub nodes_elsewhere: usize,
    /// Sessions that a change of resources would end and that the guard keeps.
    pub sessions_guarded: usize,
    /// Sessions with nodes that are not up.
    pub sessions_down: Told<SessionDown>,
    /// Nodes without a session in one of their families.
    pub nodes_without_session: Told<NodeFamily>,
    /// Blocks that nodes should announce here.
    pub blocks: usize,
    /// Those that were not learnt.
    pub blocks_missing: Told<NodePrefix>,
    /// Routes inside of a pool from a node that does not own the block.
    pub blocks_foreign: Told<ForeignRoute>,
    /// Routes that do not lead to the node that announces them.
    pub next_hops_wrong: Told<WrongNextHop>,
    /// Ranges of services that a node should announce and that were not learnt from it.
    pub services_missing: Told<NodePrefix>,
    /// Host routes for addresses of others' blocks, which is as it should be.
    pub borrowed: usize,
    /// Sessions with others than nodes; they do not count for `ok`.
    pub others: usize,
    /// Those of them that are not up.
    pub others_down: Told<SessionDown>,
}

/// Things of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told<T> {
    /// All of them.
    pub count: usize,
    /// The first ones in order, at most [`TOLD_MAX`].
    pub first: Vec<T>,
}

/// A session that is not up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDown {
    /// The node it is with, if it is one.
    pub node: Option<String>,
    /// Its name.
    pub session: String,
    /// Its state, and why.
    pub reason: String,
}

/// A node in a family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFamily {
    /// The node.
    pub node: String,
    /// `IPv4` or `IPv6`.
    pub family: String,
}

/// A prefix of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePrefix {
    /// The node.
    pub node: String,
    /// The prefix.
    pub prefix: String,
}

/// A route that somebody else should announce.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForeignRoute {
    /// The node that announces it.
    pub node: String,
    /// What it announces.
    pub prefix: String,
    /// Whose block it is in; `None` if nobody's. The node itself, if it is not confirmed yet.
    pub owner: Option<String>,
}

/// A route that leads elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrongNextHop {
    /// The node that announces it.
    pub node: String,
    /// What it announces.
    pub prefix: String,
    /// Where it leads.
    pub next_hop: String,
}
