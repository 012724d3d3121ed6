//! `Node`.

use albedo_yaml::diagnostic::Fault as Wrong;
use albedo_yaml::node::{Node as Tree, Value};

use super::kinds::{self, ASN, CLUSTER_ID, IP_OF_HOST, IPV4, IPV4_HOST, IPV6, IPV6_HOST, TEXT};
use super::reader::{Context, Fields, Kind};
use crate::calico::{AddressType, Meta, Node, NodeAddress, NodeBgp, OrchRef, Tunnels};

const SPEC: [&str; 9] = [
    "bgp",
    "ipv4VXLANTunnelAddr",
    "ipv6VXLANTunnelAddr",
    "vxlanTunnelMACAddr",
    "vxlanTunnelMACAddrV6",
    "wireguard",
    "orchRefs",
    "addresses",
    "interfaces",
];

const BGP: [&str; 5] =
    ["asNumber", "ipv4Address", "ipv6Address", "ipv4IPIPTunnelAddr", "routeReflectorClusterID"];

const STATUS: [&str; 3] = ["wireguardPublicKey", "wireguardPublicKeyV6", "podCIDRs"];

const ADDRESS_TYPE: Kind<AddressType> = Kind {
    allowed: "CalicoNodeIP, InternalIP or ExternalIP",
    read: |scalar| {
        let words = [
            ("CalicoNodeIP", AddressType::CalicoNodeIp),
            ("InternalIP", AddressType::InternalIp),
            ("ExternalIP", AddressType::ExternalIp),
        ];
        kinds::word(scalar, &words)
    },
};

pub(super) fn read(meta: Meta, top: &Fields<'_>, cx: &mut Context<'_>) -> Node {
    let spec = top.inner("spec", &SPEC, cx);
    let spec = spec.unwrap_or_else(|| Fields::empty(top.place, "spec"));
    let wireguard = spec.inner("wireguard", &["interfaceIPv4Address", "interfaceIPv6Address"], cx);
    let wireguard = wireguard.unwrap_or_else(|| Fields::empty(spec.place, "spec.wireguard"));
    let (bgp, ipip) = bgp(&spec, cx);
    let tunnels = Tunnels {
        ipip,
        vxlan4: spec.minor("ipv4VXLANTunnelAddr", &IPV4, cx),
        vxlan6: spec.minor("ipv6VXLANTunnelAddr", &IPV6, cx),
        wireguard4: wireguard.minor("interfaceIPv4Address", &IPV4, cx),
        wireguard6: wireguard.minor("interfaceIPv6Address", &IPV6, cx),
    };
    for name in ["vxlanTunnelMACAddr", "vxlanTunnelMACAddrV6"] {
        spec.minor(name, &MAC, cx);
    }
    interfaces(&spec, cx);
    let status = top.inner("status", &STATUS, cx);
    let status = status.unwrap_or_else(|| Fields::empty(top.place, "status"));
    Node {
        meta,
        bgp,
        tunnels,
        addresses: cx.minor(|cx| addresses(&spec, cx)),
        orch_refs: cx.minor(|cx| orch_refs(&spec, cx)),
        pod_cidrs: cx.minor(|cx| status.values("podCIDRs", &kinds::LOOSE_CIDR, cx)),
        ..Node::default()
    }
}

fn bgp(spec: &Fields<'_>, cx: &mut Context<'_>) -> (Option<NodeBgp>, Option<std::net::Ipv4Addr>) {
    let Some(fields) = spec.inner("bgp", &BGP, cx) else { return (None, None) };
    let empty =
        matches!(spec.get("bgp"), Some(Tree { value: Value::Map(map), .. }) if map.is_empty());
    if empty {
        if cx.strict {
            let wrong =
                Wrong::new("an empty mapping", format!("at least one of {}", BGP.join(", ")));
            spec.fault("bgp", wrong, cx);
        }
        return (None, None);
    }
    let bgp = NodeBgp {
        as_number: fields.value("asNumber", &ASN, cx).flatten(),
        ipv4: fields.value("ipv4Address", &IPV4_HOST, cx),
        ipv6: fields.value("ipv6Address", &IPV6_HOST, cx),
        cluster_id: fields.value("routeReflectorClusterID", &CLUSTER_ID, cx),
    };
    (Some(bgp), fields.minor("ipv4IPIPTunnelAddr", &IPV4, cx))
}

fn addresses(spec: &Fields<'_>, cx: &mut Context<'_>) -> Box<[NodeAddress]> {
    let known = ["address", "type"];
    let mut read = Vec::new();
    for (key, node) in spec.list("addresses", "mappings with address and type", cx) {
        let Some(fields) = Fields::open(node, &key, &known, cx) else { continue };
        let address = fields.required("address", &IP_OF_HOST, cx);
        let kind = fields.minor("type", &ADDRESS_TYPE, cx);
        read.extend(address.map(|address| NodeAddress { address, kind }));
    }
    read.into()
}

fn orch_refs(spec: &Fields<'_>, cx: &mut Context<'_>) -> Box<[OrchRef]> {
    let known = ["nodeName", "orchestrator"];
    let mut read = Vec::new();
    for (key, node) in spec.list("orchRefs", "mappings with nodeName and orchestrator", cx) {
        let Some(fields) = Fields::open(node, &key, &known, cx) else { continue };
        let node_name = fields.value("nodeName", &TEXT, cx);
        let orchestrator = fields.required("orchestrator", &TEXT, cx);
        read.extend(orchestrator.map(|orchestrator| OrchRef { node_name, orchestrator }));
    }
    read.into()
}

/// Checked in files, and of no use here.
fn interfaces(spec: &Fields<'_>, cx: &mut Context<'_>) {
    if !cx.strict {
        return;
    }
    for (key, node) in spec.list("interfaces", "mappings with name and addresses", cx) {
        let Some(fields) = Fields::open(node, &key, &["name", "addresses"], cx) else { continue };
        fields.value("name", &TEXT, cx);
        fields.values("addresses", &IP_OF_HOST, cx);
    }
}

const MAC: Kind<()> = Kind {
    allowed: "an address such as 66:a4:5c:0f:33:01",
    read: |scalar| {
        let octet = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let is_mac =
            scalar.text.split([':', '-']).count() == 6 && scalar.text.split([':', '-']).all(octet);
        is_mac.then_some(()).ok_or(None)
    },
};
