//! Kubernetes' `v1/Node`, which is Calico's node where Kubernetes is the datastore.
//!
//! Calico keeps its part in annotations. One that cannot be read counts as absent.

use std::net::Ipv4Addr;

use albedo_types::Prefix;
use albedo_yaml::node::{Node as Tree, Scalar, Value};

use super::kinds::{
    self, ASN, BOOL, CLUSTER_ID, IP, IPV4, IPV4_HOST, IPV6, IPV6_HOST, LOOSE_CIDR, NAME, TEXT,
};
use super::meta::{Pairs, pairs};
use super::reader::{Context, Fields, Kind};
use crate::calico::{
    AddressType, Labels, Meta, Node, NodeAddress, NodeBgp, NodeCondition, OrchRef, Tunnels,
};

/// What is looked at; a node has much more.
pub(super) const PARTS: &[(&str, &[&str])] = &[
    ("metadata", &["name", "uid", "resourceVersion", "labels", "annotations"]),
    ("spec", &["podCIDR", "podCIDRs", "unschedulable"]),
    ("status", &["addresses", "conditions"]),
];

const DOMAIN: &str = "projectcalico.org/";

/// Reads one. Nothing is strict here: other people's fields are in it.
pub(super) fn read(tree: &Tree, use_pod_cidr: bool, cx: &mut Context<'_>) -> Option<Node> {
    let strict = std::mem::replace(&mut cx.strict, false);
    let node = read_leniently(tree, use_pod_cidr, cx);
    cx.strict = strict;
    node
}

fn read_leniently(tree: &Tree, use_pod_cidr: bool, cx: &mut Context<'_>) -> Option<Node> {
    let top = Fields::open(tree, "", &[], cx)?;
    let Some(metadata) = top.inner("metadata", &[], cx) else {
        top.missing("metadata", "metadata with a name", cx);
        return None;
    };
    let spec = top.inner("spec", &[], cx).unwrap_or_else(|| Fields::empty(top.place, "spec"));
    let status = top.inner("status", &[], cx).unwrap_or_else(|| Fields::empty(top.place, "status"));
    let name = metadata.required("name", &NAME, cx)?;

    let annotations = pairs(&metadata, "annotations", cx);
    let notes = Notes { annotations, fields: &metadata };
    // Kubernetes' own labels win over those that Calico keeps beside them.
    let mut labels = notes.map("labels", cx);
    labels.extend(pairs(&metadata, "labels", cx));
    let pod_cidrs = pod_cidrs(&spec, cx);
    let (bgp, mut tunnels) = notes.bgp(cx);
    if use_pod_cidr {
        tunnels.ipip = pod_cidrs.iter().find_map(first_host);
    }
    let orch_ref = OrchRef { node_name: Some((*name).into()), orchestrator: "k8s".into() };
    Some(Node {
        meta: Meta {
            name,
            labels: labels.into_iter().collect(),
            annotations: notes.map("annotations", cx).into_iter().collect::<Labels>(),
            uid: metadata.minor("uid", &TEXT, cx),
            resource_version: metadata.minor("resourceVersion", &TEXT, cx),
        },
        bgp,
        tunnels,
        addresses: addresses(&status, cx),
        orch_refs: [orch_ref].into(),
        pod_cidrs_are_blocks: use_pod_cidr,
        pod_cidrs,
        condition: NodeCondition {
            ready: ready(&status, cx),
            unschedulable: spec.minor("unschedulable", &BOOL, cx).unwrap_or_default(),
        },
    })
}

/// Calico's annotations.
struct Notes<'f, 'n> {
    annotations: Pairs,
    fields: &'f Fields<'n>,
}

impl Notes<'_, '_> {
    fn text(&self, name: &str) -> Option<&str> {
        let found = self.annotations.iter().find(|(key, _)| key.strip_prefix(DOMAIN) == Some(name));
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    fn value<T>(&self, name: &str, kind: &Kind<T>, cx: &mut Context<'_>) -> Option<T> {
        let scalar = Scalar { text: self.text(name)?.to_owned(), plain: false };
        let read = (kind.read)(&scalar).ok();
        if read.is_none() {
            let found = albedo_yaml::node::quote(&scalar.text);
            self.odd(name, &format!("{found} counts as absent, expected {}", kind.allowed), cx);
        }
        read
    }

    fn odd(&self, name: &str, text: &str, cx: &mut Context<'_>) {
        let key = format!("{}[{DOMAIN}{name}]", self.fields.path("annotations"));
        cx.warn(self.fields.place, &key, text);
    }

    /// Labels or annotations that Calico has and Kubernetes does not, as JSON.
    fn map(&self, name: &str, cx: &mut Context<'_>) -> Pairs {
        let Some(text) = self.text(name) else { return Pairs::new() };
        match serde_json::from_str::<std::collections::BTreeMap<String, String>>(text) {
            Ok(map) => map.into_iter().collect(),
            Err(error) => {
                let text = format!("it counts as absent, expected JSON of texts: {error}");
                self.odd(name, &text, cx);
                Pairs::new()
            }
        }
    }

    fn bgp(&self, cx: &mut Context<'_>) -> (Option<NodeBgp>, Tunnels) {
        let bgp = NodeBgp {
            as_number: self.value("ASNumber", &ASN, cx).flatten(),
            ipv4: self.value("IPv4Address", &IPV4_HOST, cx),
            ipv6: self.value("IPv6Address", &IPV6_HOST, cx),
            cluster_id: self.value("RouteReflectorClusterID", &CLUSTER_ID, cx),
        };
        let tunnels = Tunnels {
            ipip: self.value("IPv4IPIPTunnelAddr", &IPV4, cx),
            vxlan4: self.value("IPv4VXLANTunnelAddr", &IPV4, cx),
            vxlan6: self.value("IPv6VXLANTunnelAddr", &IPV6, cx),
            wireguard4: self.value("IPv4WireguardInterfaceAddr", &IPV4, cx),
            wireguard6: self.value("IPv6WireguardInterfaceAddr", &IPV6, cx),
        };
        let present = bgp != NodeBgp::default() || tunnels.ipip.is_some();
        (present.then_some(bgp), tunnels)
    }
}

/// `spec.podCIDRs`; where a node is older than dual stack, `spec.podCIDR`.
fn pod_cidrs(spec: &Fields<'_>, cx: &mut Context<'_>) -> Box<[Prefix]> {
    if spec.count("podCIDRs") == 0 {
        return spec.minor("podCIDR", &LOOSE_CIDR, cx).into_iter().collect();
    }
    let mut read = Vec::new();
    for (_, node) in spec.list("podCIDRs", LOOSE_CIDR.allowed, cx) {
        let prefix = scalar(node).and_then(|scalar| (LOOSE_CIDR.read)(scalar).ok());
        match prefix {
            Some(prefix) => read.push(prefix),
            None => spec.odd("podCIDRs", node, LOOSE_CIDR.allowed, cx),
        }
    }
    read.into()
}

/// The first address that a host may have: what the tunnel gets without Calico's own IPAM.
fn first_host(prefix: &Prefix) -> Option<Ipv4Addr> {
    match prefix {
        Prefix::V4(prefix) => Some(Ipv4Addr::from_bits(prefix.bits().checked_add(1)?)),
        Prefix::V6(_) => None,
    }
}

fn addresses(status: &Fields<'_>, cx: &mut Context<'_>) -> Box<[NodeAddress]> {
    let mut read = Vec::new();
    for (key, node) in status.list("addresses", "mappings with address and type", cx) {
        let Some(fields) = Fields::open(node, &key, &[], cx) else { continue };
        let kind = match fields.get("type").and_then(scalar).map(|scalar| &*scalar.text) {
            Some("InternalIP") => AddressType::InternalIp,
            Some("ExternalIP") => AddressType::ExternalIp,
            // Names.
            _ => continue,
        };
        let address = fields.minor("address", &IP, cx);
        read.extend(address.map(|address| NodeAddress { address, kind: Some(kind) }));
    }
    read.into()
}

/// The condition `Ready`.
fn ready(status: &Fields<'_>, cx: &mut Context<'_>) -> Option<bool> {
    for (key, node) in status.list("conditions", "mappings with type and status", cx) {
        let Some(fields) = Fields::open(node, &key, &[], cx) else { continue };
        let is = |name: &str, text: &str| {
            fields.get(name).and_then(scalar).is_some_and(|scalar| scalar.text == text)
        };
        if is("type", "Ready") {
            let words = |scalar: &Scalar| {
                kinds::word(
                    scalar,
                    &[("True", Some(true)), ("False", Some(false)), ("Unknown", None)],
                )
            };
            return fields.get("status").and_then(scalar).and_then(|it| words(it).ok()).flatten();
        }
    }
    None
}

const fn scalar(node: &Tree) -> Option<&Scalar> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar),
        _ => None,
    }
}
