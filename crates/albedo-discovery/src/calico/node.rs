//! `Node`: a machine of the cluster, with its BGP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use albedo_types::{Asn, ClusterId, Ipv4Prefix, Ipv6Prefix, Prefix};

use super::Meta;

/// A node. In a Kubernetes datastore it is read from the Kubernetes node and its annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Name, labels and the like. Labels are the effective ones: those that Calico keeps for
    /// itself, overlaid by those of Kubernetes.
    pub meta: Meta,
    /// `spec.bgp`; a node without it takes no part in BGP.
    pub bgp: Option<NodeBgp>,
    /// Addresses of its tunnels.
    pub tunnels: Tunnels,
    /// `spec.addresses`: all addresses it is known to have.
    pub addresses: Box<[NodeAddress]>,
    /// `spec.orchRefs`: what orchestrators call it.
    pub orch_refs: Box<[OrchRef]>,
    /// `status.podCIDRs`, or Kubernetes' `spec.podCIDRs`.
    pub pod_cidrs: Box<[Prefix]>,
    /// Whether `pod_cidrs` are blocks of the node as if there were confirmed affinities
    /// (`USE_POD_CIDR`).
    pub pod_cidrs_are_blocks: bool,
    /// What Kubernetes thinks of its state; unknown in other datastores.
    pub condition: NodeCondition,
}

impl Node {
    /// Its BGP address in IPv4.
    #[must_use]
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        Some(self.bgp.as_ref()?.ipv4?.addr)
    }

    /// Its BGP address in IPv6.
    #[must_use]
    pub fn ipv6(&self) -> Option<Ipv6Addr> {
        Some(self.bgp.as_ref()?.ipv6?.addr)
    }

    /// Its cluster identifier; it is a route reflector exactly if there is one.
    #[must_use]
    pub fn cluster_id(&self) -> Option<ClusterId> {
        self.bgp.as_ref()?.cluster_id
    }

    /// The AS it names itself; where there is none, the default [`BgpConfiguration`]'s counts, and
    /// then [`DEFAULT_AS`].
    ///
    /// [`BgpConfiguration`]: super::BgpConfiguration
    /// [`DEFAULT_AS`]: super::DEFAULT_AS
    #[must_use]
    pub fn as_number(&self) -> Option<Asn> {
        self.bgp.as_ref()?.as_number
    }
}

/// `spec.bgp` of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeBgp {
    /// `asNumber`; 0 is read as absent.
    pub as_number: Option<Asn>,
    /// `ipv4Address`: address and subnet.
    pub ipv4: Option<Ipv4Host>,
    /// `ipv6Address`: address and subnet.
    pub ipv6: Option<Ipv6Host>,
    /// `routeReflectorClusterID`.
    pub cluster_id: Option<ClusterId>,
}

/// Addresses of a node's tunnel devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tunnels {
    /// `spec.bgp.ipv4IPIPTunnelAddr`.
    pub ipip: Option<Ipv4Addr>,
    /// `spec.ipv4VXLANTunnelAddr`.
    pub vxlan4: Option<Ipv4Addr>,
    /// `spec.ipv6VXLANTunnelAddr`.
    pub vxlan6: Option<Ipv6Addr>,
    /// `spec.wireguard.interfaceIPv4Address`.
    pub wireguard4: Option<Ipv4Addr>,
    /// `spec.wireguard.interfaceIPv6Address`.
    pub wireguard6: Option<Ipv6Addr>,
}

macro_rules! host {
    ($(#[$doc:meta])* $name:ident, $addr:ident, $prefix:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The address.
            pub addr: $addr,
            /// The length of the subnet in bits.
            pub len: u8,
        }

        impl $name {
            /// The subnet it is in.
            ///
            /// # Panics
            ///
            /// If `len` is beyond the family's, which nothing that was read is.
            #[must_use]
            pub fn subnet(&self) -> $prefix {
                $prefix::new(self.addr, self.len).expect("a length of the family")
            }
        }

        impl From<$addr> for $name {
            /// The address alone is a subnet of its own.
            fn from(addr: $addr) -> Self {
                Self { addr, len: $prefix::LEN_MAX }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.addr, self.len)
            }
        }
    };
}

host! {
    /// An IPv4 address and the length of its subnet, such as `10.0.0.7/24`.
    Ipv4Host, Ipv4Addr, Ipv4Prefix
}
host! {
    /// An IPv6 address and the length of its subnet.
    Ipv6Host, Ipv6Addr, Ipv6Prefix
}

/// One of `spec.addresses`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// The address, without the length it may have been written with.
    pub address: IpAddr,
    /// What it is for.
    pub kind: Option<AddressType>,
}

/// What an address of a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressType {
    /// The one that Calico uses.
    CalicoNodeIp,
    /// Inside of the cluster.
    InternalIp,
    /// Outside of it.
    ExternalIp,
}

/// One of `spec.orchRefs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrchRef {
    /// What the orchestrator calls the node.
    pub node_name: Option<Box<str>>,
    /// Which orchestrator: `k8s`.
    pub orchestrator: Box<str>,
}

/// What Kubernetes says of a node's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCondition {
    /// The condition `Ready`: `None` where it is unknown or there is no such condition.
    pub ready: Option<bool>,
    /// Whether it is cordoned (`spec.unschedulable`).
    pub unschedulable: bool,
}
