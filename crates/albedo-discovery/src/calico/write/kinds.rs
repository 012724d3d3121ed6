//! `spec` and `status` of each kind.

use std::time::Duration;

use albedo_types::{Asn, Prefix};
use serde_json::{Value as Json, json};

use super::{Object, filter};
use crate::calico::{
    AddressType, AssignmentMode, BgpConfiguration, BgpPeer, BindMode, BlockAffinity, BlockKind,
    BlockState, ClusterInformation, EncapsulationMode, IpPool, LogSeverity, NextHopMode, Node,
    PeerNodes, PeerRemote, ProgramClusterRoutes, Resource, ReversePeering, SecretKeyRef,
    SourceAddress,
};

pub(super) fn spec(resource: &Resource) -> (Object, Object) {
    let spec = match resource {
        Resource::Node(it) => return (node(it), node_status(it)),
        Resource::BgpPeer(it) => peer(it),
        Resource::BgpConfiguration(it) => configuration(it),
        Resource::BgpFilter(it) => filter::spec(it),
        Resource::IpPool(it) => pool(it),
        Resource::BlockAffinity(it) => affinity(it),
        Resource::ClusterInformation(it) => information(it),
    };
    (spec, Object::default())
}

pub(super) fn asn(asn: Asn) -> Json {
    Json::from(asn.0)
}

fn node(node: &Node) -> Object {
    let mut bgp = Object::default();
    if let Some(it) = &node.bgp {
        bgp.maybe("asNumber", it.as_number.map(asn));
        bgp.text("ipv4Address", it.ipv4);
        bgp.text("ipv6Address", it.ipv6);
        bgp.text("routeReflectorClusterID", it.cluster_id);
    }
    bgp.text("ipv4IPIPTunnelAddr", node.tunnels.ipip);
    let mut wireguard = Object::default();
    wireguard.text("interfaceIPv4Address", node.tunnels.wireguard4);
    wireguard.text("interfaceIPv6Address", node.tunnels.wireguard6);

    let mut spec = Object::default();
    spec.inner("bgp", bgp);
    spec.text("ipv4VXLANTunnelAddr", node.tunnels.vxlan4);
    spec.text("ipv6VXLANTunnelAddr", node.tunnels.vxlan6);
    spec.inner("wireguard", wireguard);
    let addresses = node.addresses.iter().map(|it| {
        let mut fields = Object::default();
        fields.set("address", it.address.to_string());
        fields.maybe("type", it.kind.map(address_type));
        fields.json()
    });
    spec.items("addresses", addresses);
    let orch_refs = node.orch_refs.iter().map(|it| {
        let mut fields = Object::default();
        fields.maybe("nodeName", it.node_name.as_deref());
        fields.set("orchestrator", &*it.orchestrator);
        fields.json()
    });
    spec.items("orchRefs", orch_refs);
    spec
}

fn node_status(node: &Node) -> Object {
    let mut status = Object::default();
    status.items("podCIDRs", node.pod_cidrs.iter().map(|it| json!(it.to_string())));
    status
}

const fn address_type(kind: AddressType) -> &'static str {
    match kind {
        AddressType::CalicoNodeIp => "CalicoNodeIP",
        AddressType::InternalIp => "InternalIP",
        AddressType::ExternalIp => "ExternalIP",
    }
}

fn peer(peer: &BgpPeer) -> Object {
    let mut spec = Object::default();
    match &peer.nodes {
        PeerNodes::All => {}
        PeerNodes::Named(name) => spec.set("node", &**name),
        PeerNodes::Matching(selector) => spec.set("nodeSelector", selector.to_string()),
    }
    match &peer.remote {
        PeerRemote::Nobody => {}
        PeerRemote::Address { ip, port, as_number } => {
            let port = port.map(|port| std::net::SocketAddr::new(*ip, port).to_string());
            spec.set("peerIP", port.unwrap_or_else(|| ip.to_string()));
            spec.maybe("asNumber", as_number.map(asn));
        }
        PeerRemote::Nodes(selector) => spec.set("peerSelector", selector.to_string()),
        PeerRemote::Workloads { selector, as_number } => {
            spec.set("localWorkloadSelector", selector.to_string());
            spec.set("asNumber", asn(*as_number));
        }
    }
    spec.maybe("localASNumber", peer.local_as.map(asn));
    spec.flag("keepOriginalNextHop", peer.keep_original_next_hop);
    let mode = peer.next_hop_mode.map(|mode| match mode {
        NextHopMode::Auto => "Auto",
        NextHopMode::Own => "Self",
        NextHopMode::Keep => "Keep",
    });
    spec.maybe("nextHopMode", mode);
    spec.maybe("password", peer.password.as_ref().map(secret));
    if peer.source_address == SourceAddress::None {
        spec.set("sourceAddress", "None");
    }
    spec.text("maxRestartTime", peer.max_restart_time.map(duration));
    spec.text("keepaliveTime", peer.keepalive_time.map(duration));
    spec.maybe("numAllowedLocalASNumbers", peer.allowed_local_as);
    spec.maybe("ttlSecurity", peer.ttl_security.map(std::num::NonZeroU8::get));
    spec.text("reachableBy", peer.reachable_by);
    spec.items("filters", peer.filters.iter().map(|name| json!(&**name)));
    if peer.reverse_peering == ReversePeering::Manual {
        spec.set("reversePeering", "Manual");
    }
    spec
}

fn secret(secret: &SecretKeyRef) -> Json {
    let mut reference = Object::default();
    reference.set("name", &*secret.name);
    reference.set("key", &*secret.key);
    reference.flag("optional", secret.optional);
    json!({ "secretKeyRef": reference.json() })
}

fn configuration(it: &BgpConfiguration) -> Object {
    let mut spec = Object::default();
    spec.maybe("logSeverityScreen", it.log_severity_screen.map(log_severity));
    spec.maybe("nodeToNodeMeshEnabled", it.node_to_node_mesh);
    spec.maybe("asNumber", it.as_number.map(asn));
    spec.maybe("listenPort", it.listen_port.map(std::num::NonZeroU16::get));
    if it.bind_mode == BindMode::NodeIp {
        spec.set("bindMode", "NodeIP");
    }
    spec.items("ignoredInterfaces", it.ignored_interfaces.iter().map(|name| json!(&**name)));
    spec.items("serviceClusterIPs", it.service_cluster_ips.iter().map(range));
    spec.items("serviceExternalIPs", it.service_external_ips.iter().map(range));
    spec.items("serviceLoadBalancerIPs", it.service_load_balancer_ips.iter().map(range));
    let aggregation = it.service_load_balancer_aggregation;
    spec.maybe("serviceLoadBalancerAggregation", aggregation.map(enabled));
    let advertisements = it.prefix_advertisements.iter().map(|it| {
        let mut fields = Object::default();
        fields.set("cidr", it.cidr.to_string());
        fields.items("communities", it.communities.iter().map(filter::community));
        fields.json()
    });
    spec.items("prefixAdvertisements", advertisements);
    spec.maybe("nodeMeshPassword", it.node_mesh_password.as_ref().map(secret));
    spec.text("nodeMeshMaxRestartTime", it.node_mesh_max_restart_time.map(duration));
    spec.text("localWorkloadPeeringIPV4", it.local_workload_peering_v4);
    spec.text("localWorkloadPeeringIPV6", it.local_workload_peering_v6);
    spec.maybe("programClusterRoutes", it.program_cluster_routes.map(program));
    spec.maybe("ipv4NormalRoutePriority", it.ipv4_normal_route_priority);
    spec.maybe("ipv6NormalRoutePriority", it.ipv6_normal_route_priority);
    spec
}

fn range(cidr: &Prefix) -> Json {
    json!({ "cidr": cidr.to_string() })
}

const fn enabled(yes: bool) -> &'static str {
    if yes { "Enabled" } else { "Disabled" }
}

const fn log_severity(severity: LogSeverity) -> &'static str {
    match severity {
        LogSeverity::Trace => "Trace",
        LogSeverity::Debug => "Debug",
        LogSeverity::Info => "Info",
        LogSeverity::Warning => "Warning",
        LogSeverity::Error => "Error",
        LogSeverity::Fatal => "Fatal",
    }
}

const fn program(it: ProgramClusterRoutes) -> &'static str {
    match it {
        ProgramClusterRoutes::Enabled => "Enabled",
        ProgramClusterRoutes::Disabled => "Disabled",
        ProgramClusterRoutes::EnabledIpipOnly => "EnabledIPIPOnly",
        ProgramClusterRoutes::EnabledNoEncapOnly => "EnabledNoEncapOnly",
    }
}

fn pool(pool: &IpPool) -> Object {
    let mode = |mode| match mode {
        EncapsulationMode::Never => "Never",
        EncapsulationMode::Always => "Always",
        EncapsulationMode::CrossSubnet => "CrossSubnet",
    };
    let mut spec = Object::default();
    spec.set("cidr", pool.cidr.to_string());
    spec.set("ipipMode", mode(pool.ipip_mode));
    spec.set("vxlanMode", mode(pool.vxlan_mode));
    spec.flag("natOutgoing", pool.nat_outgoing);
    spec.flag("disabled", pool.disabled);
    spec.flag("disableBGPExport", pool.disable_bgp_export);
    spec.set("blockSize", pool.block_size);
    spec.set("nodeSelector", pool.node_selector.to_string());
    spec.maybe("namespaceSelector", pool.namespace_selector.as_deref());
    let uses = pool.allowed_uses;
    let uses = [
        (uses.workload, "Workload"),
        (uses.tunnel, "Tunnel"),
        (uses.load_balancer, "LoadBalancer"),
    ];
    spec.items("allowedUses", uses.into_iter().filter(|it| it.0).map(|it| json!(it.1)));
    let assignment = match pool.assignment_mode {
        AssignmentMode::Automatic => "Automatic",
        AssignmentMode::Manual => "Manual",
    };
    spec.set("assignmentMode", assignment);
    spec
}

fn affinity(it: &BlockAffinity) -> Object {
    let mut spec = Object::default();
    let state = match it.state {
        BlockState::Confirmed => "confirmed",
        BlockState::Pending => "pending",
        BlockState::PendingDeletion => "pendingDeletion",
    };
    spec.set("state", state);
    spec.set("node", &*it.node);
    if it.kind == BlockKind::Virtual {
        spec.set("type", "virtual");
    }
    spec.set("cidr", it.cidr.to_string());
    spec.set("deleted", it.deleted);
    spec
}

/// The longest name of a resource, in octets.
const NAME_MAX: usize = 253;

/// The name of an affinity, which says nothing that is not in `spec`: that which it was read with,
/// or, from etcd, node and block with a `-` for what a name cannot hold.
pub(super) fn affinity_name(it: &BlockAffinity) -> String {
    if !it.meta.name.contains('/') {
        return it.meta.name.to_string();
    }
    let cidr = it.cidr.to_string().replace(['.', ':', '/'], "-");
    let kept = it.node.len().min(NAME_MAX - 1 - cidr.len());
    let node = it.node.get(..kept).unwrap_or_default().trim_end_matches(['.', '-']);
    format!("{node}-{cidr}")
}

fn information(it: &ClusterInformation) -> Object {
    let mut spec = Object::default();
    spec.maybe("calicoVersion", it.calico_version.as_deref());
    spec.maybe("clusterGUID", it.cluster_guid.as_deref());
    spec.maybe("datastoreReady", it.datastore_ready);
    spec
}

/// As Go prints it: `2m0s`, `1.5s`, `10ms`.
pub(super) fn duration(duration: Duration) -> String {
    let nanos = duration.subsec_nanos();
    let seconds = duration.as_secs();
    if seconds == 0 {
        let (unit, scale) = match nanos {
            0 => return "0s".to_owned(),
            1..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", 1_000),
            _ => ("ms", 1_000_000),
        };
        return format!("{}{unit}", decimal(u64::from(nanos / scale), nanos % scale, scale));
    }
    let rest = decimal(seconds % 60, nanos, 1_000_000_000);
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => format!("{rest}s"),
        (0, minutes) => format!("{minutes}m{rest}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// A number and so many parts of `scale`, a power of ten, without zeros at the end.
fn decimal(whole: u64, parts: u32, scale: u32) -> String {
    if parts == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    let parts = format!("{parts:0width$}");
    format!("{whole}.{}", parts.trim_end_matches('0'))
}
