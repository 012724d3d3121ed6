//! The Calico resources that matter to a route reflector, as plain values.
//!
//! One model for every place they come from: files as `calicoctl` takes them, etcd, and
//! Kubernetes in both of its API groups.
//! All shapes of `projectcalico.org/v3` from Calico 3.0 to 3.33 are read; later fields are
//! optional, so there is one type for all of them.
//! What is absent stays `None` or empty: defaults are the business of whoever computes sessions,
//! and are named in the documentation of each field.
//! Nothing here has a clock, a thread or a socket.

mod block;
mod cluster;
mod configuration;
pub mod expand;
mod fault;
mod filter;
pub mod guard;
pub mod lint;
mod meta;
mod node;
pub mod node_status;
pub mod parse;
mod peer;
pub mod plan;
mod pool;
mod reach;
mod selector;
pub mod verify;
pub mod write;

use std::fmt;
use std::sync::Arc;

pub use block::{BlockAffinity, BlockKind, BlockState};
pub use cluster::{Block, Change, Cluster, OBJECTS_MAX, Rejected};
pub use configuration::{
    BgpConfiguration, BindMode, ConfigurationScope, LogSeverity, PrefixAdvertisement,
    ProgramClusterRoutes,
};
pub use fault::{Fault, Warning};
pub use filter::{
    BgpFilter, CidrMatch, FilterAction, FilterOperation, FilterRule, InterfacePattern, LengthRange,
    MatchOperator, PeerType,
};
pub use meta::{Label, Labels, Meta};
pub use node::{
    AddressType, Ipv4Host, Ipv6Host, Node, NodeAddress, NodeBgp, NodeCondition, OrchRef, Tunnels,
};
pub use peer::{
    BgpPeer, NextHopMode, PeerNodes, PeerRemote, ReversePeering, SecretKeyRef, SourceAddress,
};
pub use pool::{AllowedUses, AssignmentMode, EncapsulationMode, IpPool};
pub use selector::{Expression, NESTING_MAX, Selector, SelectorError};

/// The AS of a node where neither it nor the default [`BgpConfiguration`] names one.
pub const DEFAULT_AS: albedo_types::Asn = albedo_types::Asn(64_512);

/// The port of a node where no [`BgpConfiguration`] names one.
pub const DEFAULT_PORT: u16 = 179;

/// The kinds of resources that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A machine; see [`Node`].
    Node,
    /// See [`BgpPeer`].
    BgpPeer,
    /// See [`BgpConfiguration`].
    BgpConfiguration,
    /// See [`BgpFilter`].
    BgpFilter,
    /// See [`IpPool`].
    IpPool,
    /// See [`BlockAffinity`].
    BlockAffinity,
    /// See [`ClusterInformation`].
    ClusterInformation,
}

impl Kind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 7] = [
        Self::Node,
        Self::BgpPeer,
        Self::BgpConfiguration,
        Self::BgpFilter,
        Self::IpPool,
        Self::BlockAffinity,
        Self::ClusterInformation,
    ];

    /// As `kind:` has it, such as `BGPPeer`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::BgpPeer => "BGPPeer",
            Self::BgpConfiguration => "BGPConfiguration",
            Self::BgpFilter => "BGPFilter",
            Self::IpPool => "IPPool",
            Self::BlockAffinity => "BlockAffinity",
            Self::ClusterInformation => "ClusterInformation",
        }
    }

    /// As paths of the Kubernetes API and keys of etcd have it, such as `bgppeers`.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Node => "nodes",
            Self::BgpPeer => "bgppeers",
            Self::BgpConfiguration => "bgpconfigurations",
            Self::BgpFilter => "bgpfilters",
            Self::IpPool => "ippools",
            Self::BlockAffinity => "blockaffinities",
            Self::ClusterInformation => "clusterinformations",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A resource of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// See [`Node`].
    Node(Box<Node>),
    /// See [`BgpPeer`].
    BgpPeer(Box<BgpPeer>),
    /// See [`BgpConfiguration`].
    BgpConfiguration(Box<BgpConfiguration>),
    /// See [`BgpFilter`].
    BgpFilter(Box<BgpFilter>),
    /// See [`IpPool`].
    IpPool(Box<IpPool>),
    /// See [`BlockAffinity`].
    BlockAffinity(Box<BlockAffinity>),
    /// See [`ClusterInformation`].
    ClusterInformation(Box<ClusterInformation>),
}

impl Resource {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Node(_) => Kind::Node,
            Self::BgpPeer(_) => Kind::BgpPeer,
            Self::BgpConfiguration(_) => Kind::BgpConfiguration,
            Self::BgpFilter(_) => Kind::BgpFilter,
            Self::IpPool(_) => Kind::IpPool,
            Self::BlockAffinity(_) => Kind::BlockAffinity,
            Self::ClusterInformation(_) => Kind::ClusterInformation,
        }
    }

    /// Its metadata.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        match self {
            Self::Node(it) => &it.meta,
            Self::BgpPeer(it) => &it.meta,
            Self::BgpConfiguration(it) => &it.meta,
            Self::BgpFilter(it) => &it.meta,
            Self::IpPool(it) => &it.meta,
            Self::BlockAffinity(it) => &it.meta,
            Self::ClusterInformation(it) => &it.meta,
        }
    }

    const fn meta_mut(&mut self) -> &mut Meta {
        match self {
            Self::Node(it) => &mut it.meta,
            Self::BgpPeer(it) => &mut it.meta,
            Self::BgpConfiguration(it) => &mut it.meta,
            Self::BgpFilter(it) => &mut it.meta,
            Self::IpPool(it) => &mut it.meta,
            Self::BlockAffinity(it) => &mut it.meta,
            Self::ClusterInformation(it) => &mut it.meta,
        }
    }

    /// Its name, unique among those of its kind.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.meta().name
    }
}

/// What Calico says of itself; there is one, named `default`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterInformation {
    /// Name, labels and the like.
    pub meta: Meta,
    /// `spec.calicoVersion`, such as `v3.29.1`.
    pub calico_version: Option<Box<str>>,
    /// `spec.clusterGUID`.
    pub cluster_guid: Option<Box<str>>,
    /// `spec.datastoreReady`: false while the datastore is being moved, when what it says is not
    /// to be acted on.
    pub datastore_ready: Option<bool>,
}
