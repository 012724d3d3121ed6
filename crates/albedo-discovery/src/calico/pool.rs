//! `IPPool`: the addresses that pods get, and how their packets travel.

use albedo_types::Prefix;

use super::{Meta, Selector};

/// A pool of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpPool {
    /// Name, labels and the like.
    pub meta: Meta,
    /// `cidr`.
    pub cidr: Prefix,
    /// `ipipMode`; IPv4 only.
    pub ipip_mode: EncapsulationMode,
    /// `vxlanMode`; not together with IP in IP.
    pub vxlan_mode: EncapsulationMode,
    /// `natOutgoing`.
    pub nat_outgoing: bool,
    /// `disabled`: no new addresses are given out.
    pub disabled: bool,
    /// `disableBGPExport`: its routes are not announced.
    pub disable_bgp_export: bool,
    /// `blockSize`: the length of blocks, in bits; absent is 26 for IPv4 and 122 for IPv6.
    pub block_size: u8,
    /// `nodeSelector`: the nodes that take addresses from it; absent is `all()`.
    pub node_selector: Selector,
    /// `namespaceSelector`, as written: it selects namespaces, which are no resources of ours.
    pub namespace_selector: Option<Box<str>>,
    /// `allowedUses`.
    pub allowed_uses: AllowedUses,
    /// `assignmentMode`.
    pub assignment_mode: AssignmentMode,
}

/// `ipipMode`, `vxlanMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncapsulationMode {
    /// Packets travel as they are.
    #[default]
    Never,
    /// All are encapsulated.
    Always,
    /// Those to nodes in other subnets.
    CrossSubnet,
}

/// `allowedUses`; absent is workloads and tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedUses {
    /// `Workload`: pods.
    pub workload: bool,
    /// `Tunnel`: tunnel devices of nodes.
    pub tunnel: bool,
    /// `LoadBalancer`: services.
    pub load_balancer: bool,
}

impl Default for AllowedUses {
    fn default() -> Self {
        Self { workload: true, tunnel: true, load_balancer: false }
    }
}

/// `assignmentMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssignmentMode {
    /// Addresses are given out as they are needed.
    #[default]
    Automatic,
    /// Only those that were asked for.
    Manual,
}
