//! `BGPConfiguration`: settings of all nodes, or of one.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use albedo_types::policy::Community;
use albedo_types::{Asn, Prefix};

use super::{Meta, SecretKeyRef};

/// BGP settings of the cluster (`default`) or of one node (`node.NAME`).
///
/// On an object of one node only `listenPort`, `prefixAdvertisements` and `logSeverityScreen`
/// count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BgpConfiguration {
    /// Name, labels and the like.
    pub meta: Meta,
    /// `logSeverityScreen`; absent is [`LogSeverity::Info`].
    pub log_severity_screen: Option<LogSeverity>,
    /// `nodeToNodeMeshEnabled`; absent is true, also where there is no object at all.
    pub node_to_node_mesh: Option<bool>,
    /// `asNumber`; absent is [`DEFAULT_AS`](super::DEFAULT_AS).
    pub as_number: Option<Asn>,
    /// `listenPort`; absent is the default object's, then [`DEFAULT_PORT`](super::DEFAULT_PORT).
    pub listen_port: Option<NonZeroU16>,
    /// `bindMode`.
    pub bind_mode: BindMode,
    /// `ignoredInterfaces`: patterns with `*`.
    pub ignored_interfaces: Box<[Box<str>]>,
    /// `serviceClusterIPs`.
    pub service_cluster_ips: Box<[Prefix]>,
    /// `serviceExternalIPs`.
    pub service_external_ips: Box<[Prefix]>,
    /// `serviceLoadBalancerIPs`.
    pub service_load_balancer_ips: Box<[Prefix]>,
    /// `serviceLoadBalancerAggregation`: whether the ranges are announced instead of each
    /// address; absent is true.
    pub service_load_balancer_aggregation: Option<bool>,
    /// `prefixAdvertisements`, with the names of `communities` resolved.
    pub prefix_advertisements: Box<[PrefixAdvertisement]>,
    /// `nodeMeshPassword.secretKeyRef`.
    pub node_mesh_password: Option<SecretKeyRef>,
    /// `nodeMeshMaxRestartTime`.
    pub node_mesh_max_restart_time: Option<Duration>,
    /// `localWorkloadPeeringIPV4`: the address that pods have sessions with.
    pub local_workload_peering_v4: Option<Ipv4Addr>,
    /// `localWorkloadPeeringIPV6`.
    pub local_workload_peering_v6: Option<Ipv6Addr>,
    /// `programClusterRoutes`; the default depends on the version of Calico.
    pub program_cluster_routes: Option<ProgramClusterRoutes>,
    /// `ipv4NormalRoutePriority`, 1 to 2147483646; absent is 1024.
    pub ipv4_normal_route_priority: Option<u32>,
    /// `ipv6NormalRoutePriority`, 1 to 2147483646; absent is 1024.
    pub ipv6_normal_route_priority: Option<u32>,
}

/// Whom a [`BgpConfiguration`] is for; its name says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigurationScope {
    /// `default`: every node.
    Default,
    /// `node.NAME`: the node of that name.
    Node(Arc<str>),
    /// Any other name: nobody.
    Nobody,
}

impl BgpConfiguration {
    /// Whom it is for.
    #[must_use]
    pub fn scope(&self) -> ConfigurationScope {
        match (&*self.meta.name, self.meta.name.strip_prefix("node.")) {
            ("default", _) => ConfigurationScope::Default,
            (_, Some(node)) => ConfigurationScope::Node(node.into()),
            _ => ConfigurationScope::Nobody,
        }
    }
}

/// `logSeverityScreen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the words say it")]
pub enum LogSeverity {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Fatal,
}

/// `bindMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BindMode {
    /// Listens on all addresses.
    #[default]
    None,
    /// Listens on the node's BGP address only.
    NodeIp,
}

/// One of `prefixAdvertisements`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixAdvertisement {
    /// Routes inside of it get the communities.
    pub cidr: Prefix,
    /// Which.
    pub communities: Box<[Community]>,
}

/// `programClusterRoutes`: which routes inside of the cluster BIRD writes into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramClusterRoutes {
    /// All.
    Enabled,
    /// None.
    Disabled,
    /// Those of pools with IP in IP.
    EnabledIpipOnly,
    /// Those of pools without encapsulation.
    EnabledNoEncapOnly,
}
