//! `BGPPeer`: which nodes have a session with whom.

use std::net::IpAddr;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use albedo_types::Asn;

use super::{Meta, Selector};

/// A rule for peerings: the nodes of one side, what is on the other, and the sessions' settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BgpPeer {
    /// Name, labels and the like.
    pub meta: Meta,
    /// `node`, `nodeSelector`: the nodes that have the sessions.
    pub nodes: PeerNodes,
    /// `peerIP` with `asNumber`, `peerSelector` or `localWorkloadSelector`: the other side.
    pub remote: PeerRemote,
    /// `localASNumber`: instead of the node's AS.
    pub local_as: Option<Asn>,
    /// `keepOriginalNextHop`: next hops are kept towards external peers. Older than `nextHopMode`,
    /// which wins where it is there.
    pub keep_original_next_hop: bool,
    /// `nextHopMode`; absent is [`NextHopMode::Auto`].
    pub next_hop_mode: Option<NextHopMode>,
    /// `password.secretKeyRef`: a Secret in the namespace of the reader.
    pub password: Option<SecretKeyRef>,
    /// `sourceAddress`.
    pub source_address: SourceAddress,
    /// `maxRestartTime`: the time of graceful restart that nodes advertise; absent is 120 s.
    pub max_restart_time: Option<Duration>,
    /// `keepaliveTime`; absent is a third of the hold time.
    pub keepalive_time: Option<Duration>,
    /// `numAllowedLocalASNumbers`: how often the node's own AS may be in `AS_PATH`.
    pub allowed_local_as: Option<u32>,
    /// `ttlSecurity`: hops to the peer (RFC 5082); 0 is read as absent, which is off.
    pub ttl_security: Option<NonZeroU8>,
    /// `reachableBy`: the gateway to `peerIP`, of the same family.
    pub reachable_by: Option<IpAddr>,
    /// `filters`: names of [`BgpFilter`](super::BgpFilter)s, in the order they apply.
    pub filters: Box<[Arc<str>]>,
    /// `reversePeering`.
    pub reverse_peering: ReversePeering,
}

/// The nodes that have the sessions of a peering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PeerNodes {
    /// Neither `node` nor `nodeSelector`: all of them, a *global* peering.
    #[default]
    All,
    /// `node`.
    Named(Arc<str>),
    /// `nodeSelector`.
    Matching(Selector),
}

/// The other side of a peering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PeerRemote {
    /// Nothing was named; there are no sessions.
    #[default]
    Nobody,
    /// `peerIP` and `asNumber`.
    Address {
        /// The peer's address.
        ip: IpAddr,
        /// The port that was written with it.
        port: Option<u16>,
        /// Its AS. Absent is the cluster's AS where the address is a node's; else Calico refuses
        /// the session.
        as_number: Option<Asn>,
    },
    /// `peerSelector`: nodes; their AS and addresses come from their resources.
    Nodes(Selector),
    /// `localWorkloadSelector` and `asNumber`: pods on the node itself.
    Workloads {
        /// Which pods. It selects workload endpoints, not nodes.
        selector: Selector,
        /// Their AS.
        as_number: Asn,
    },
}

/// `nextHopMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NextHopMode {
    /// As BGP has it for the type of the session.
    #[default]
    Auto,
    /// The node itself.
    Own,
    /// As it was learnt.
    Keep,
}

/// A key of a Kubernetes Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretKeyRef {
    /// The Secret's name.
    pub name: Arc<str>,
    /// The key in it.
    pub key: Arc<str>,
    /// Whether it may be missing.
    pub optional: bool,
}

/// `sourceAddress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceAddress {
    /// Connections come from the node's BGP address.
    #[default]
    UseNodeIp,
    /// The kernel chooses.
    None,
}

/// `reversePeering`: whether the other side of a peering among nodes is configured too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReversePeering {
    /// Yes.
    #[default]
    Auto,
    /// Another resource does that.
    Manual,
}
