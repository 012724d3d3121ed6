//! `BlockAffinity`: which node owns, and so announces, which block of addresses.

use std::sync::Arc;

use albedo_types::Prefix;

use super::Meta;

/// A block of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockAffinity {
    /// Name and the like. From etcd, where these have no name, it is the part of the key behind
    /// `/calico/ipam/v2/`, such as `host/worker-17/ipv4/block/10.244.3.64-26`.
    pub meta: Meta,
    /// The node.
    pub node: Arc<str>,
    /// The block.
    pub cidr: Prefix,
    /// `state`.
    pub state: BlockState,
    /// `type`.
    pub kind: BlockKind,
    /// `deleted`: it is about to go.
    pub deleted: bool,
}

/// `state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockState {
    /// The node announces the block and not what is inside. Old data have no word for it.
    #[default]
    Confirmed,
    /// The node does not act on it yet.
    Pending,
    /// The node announces the block, and what is inside too.
    PendingDeletion,
}

/// `type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockKind {
    /// A node's.
    #[default]
    Host,
    /// Something else's, such as a load balancer's; no node announces it.
    Virtual,
}
