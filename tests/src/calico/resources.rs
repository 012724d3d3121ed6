//! Resources as calicoctl and Calico's nodes write them to etcd: a key, and the text behind it.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::lab::Host;
use crate::net::Net;

/// A key of etcd and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Such as `/calico/resources/v3/projectcalico.org/nodes/worker-17`.
    pub key: String,
    /// JSON on one line.
    pub value: String,
}

/// A kind, and how keys have it.
const KINDS: [(&str, &str); 7] = [
    ("Node", "nodes"),
    ("BGPPeer", "bgppeers"),
    ("BGPConfiguration", "bgpconfigurations"),
    ("BGPFilter", "bgpfilters"),
    ("IPPool", "ippools"),
    ("ClusterInformation", "clusterinformations"),
    ("CalicoNodeStatus", "caliconodestatuses"),
];

/// The key of a resource.
///
/// # Panics
/// When there is no such kind.
#[must_use]
pub fn key(kind: &str, name: &str) -> String {
    let (_, plural) = KINDS.iter().find(|known| known.0 == kind).expect("a kind of Calico's");
    format!("/calico/resources/v3/projectcalico.org/{plural}/{name}")
}

/// A resource of any kind, with labels.
///
/// # Errors
/// When the kernel has no random uid to give.
pub fn resource(kind: &str, name: &str, labels: &[(&str, &str)], spec: &Value) -> Result<Entry> {
    let uid = fs::read_to_string("/proc/sys/kernel/random/uuid").context("a uid")?;
    let mut metadata = json!({
        "name": name, "uid": uid.trim(), "creationTimestamp": "2026-03-01T12:00:00Z",
    });
    if !labels.is_empty() {
        metadata["labels"] = labels.iter().map(|(key, value)| (*key, *value)).collect();
    }
    let value = json!({
        "kind": kind, "apiVersion": "projectcalico.org/v3", "metadata": metadata, "spec": spec,
    });
    Ok(Entry { key: key(kind, name), value: value.to_string() })
}

/// A node at a place of the lab; with a cluster id it is a reflector.
///
/// # Errors
/// As [`resource`].
pub fn node(
    name: &str,
    host: Host,
    labels: &[(&str, &str)],
    cluster_id: Option<&str>,
) -> Result<Entry> {
    let mut bgp = json!({"ipv4Address": format!("{}/8", host.v4())});
    if let Some(id) = cluster_id {
        bgp["routeReflectorClusterID"] = id.into();
    }
    let addresses = json!([{"address": host.v4().to_string(), "type": "InternalIP"}]);
    resource("Node", name, labels, &json!({"bgp": bgp, "addresses": addresses}))
}

/// That a block is a node's.
#[must_use]
pub fn affinity(node: &str, block: Net) -> Entry {
    Entry {
        key: affinity_key(node, block),
        value: json!({"state": "confirmed", "deleted": false}).to_string(),
    }
}

/// The key of [`affinity`].
#[must_use]
pub fn affinity_key(node: &str, block: Net) -> String {
    let block = block.to_string().replace('/', "-");
    format!("/calico/ipam/v2/host/{node}/ipv4/block/{block}")
}
