mod arbitrary;

use std::time::Duration;

use proptest::prelude::*;

use super::kinds::{affinity_name, duration};
use super::*;
use crate::calico::parse::{documents, etcd, kubernetes_node, lenient};
use arbitrary::resource;

/// What a file with one resource holds.
fn strict(text: &str) -> Resource {
    let read = documents(text, "written").resources;
    assert_eq!(read.len(), 1, "{text}");
    match read.into_iter().next() {
        Some(Ok((resource, _))) => resource,
        Some(Err(fault)) => panic!("{fault}\n{text}"),
        None => unreachable!(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_is_written_reads_back_the_same(resource in resource()) {
        let written = json(&resource);
        let (read, _) = lenient(resource.kind(), &written).expect("our own text");
        prop_assert_eq!(&read, &resource);
        let text = yaml(&written);
        prop_assert_eq!(&strict(&text), &resource, "{}", text);
        prop_assert_eq!(&strict(&written.to_string()), &resource);
    }

    #[test]
    fn any_text_is_a_text_in_yaml(key in ".*", value in any::<String>()) {
        let written = json!({ "items": [{ key: value }, [[value]]] });
        let text = yaml(&written);
        let mut report = albedo_yaml::diagnostic::Report::new("written", &text);
        let tree = albedo_yaml::node::parse(&text, &mut report);
        let tree = report.finish(tree).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        prop_assert_eq!(plain(&tree), written);
    }
}

/// The JSON that a tree of texts is.
fn plain(tree: &albedo_yaml::node::Node) -> Json {
    use albedo_yaml::node::Value;
    match &tree.value {
        Value::Scalar(scalar) => Json::String(scalar.text.clone()),
        Value::List(items) => Json::Array(items.iter().map(plain).collect()),
        Value::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), plain(&entry.value))).collect()
        }
    }
}

#[test]
fn a_list_of_all_reads_back_the_same() {
    let text = "apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: a}\nspec: \
                {peerSelector: 'has(x)', nodeSelector: '!has(x)'}\n---\napiVersion: \
                projectcalico.org/v3\nkind: Node\nmetadata: {name: w, labels: {on: 'yes'}}\n";
    let mut cluster = Cluster::new();
    let read = documents(text, "given").resources;
    let read: Vec<Resource> = read.into_iter().map(|read| read.expect("good").0).collect();
    for resource in read.clone() {
        cluster.apply(resource);
    }
    let written = super::cluster(&cluster);
    assert_eq!(written, list([&read[1], &read[0]]));
    let text = yaml(&written);
    let again = documents(&text, "written").resources;
    let again: Vec<Resource> = again.into_iter().map(|read| read.expect("good").0).collect();
    assert_eq!(again, [read[1].clone(), read[0].clone()]);
    same(
        &text,
        r#"apiVersion: v1
items:
- apiVersion: projectcalico.org/v3
  kind: Node
  metadata:
    labels:
      "on": "yes"
    name: w
  spec: {}
- apiVersion: projectcalico.org/v3
  kind: BGPPeer
  metadata:
    name: a
  spec:
    nodeSelector: "!has(x)"
    peerSelector: "has(x)"
kind: List
"#,
    );
}

fn same(found: &str, wanted: &str) {
    assert_eq!(found, wanted, "found:\n{found}");
}

#[test]
fn a_node_of_kubernetes_becomes_one_of_calico() {
    let node = json!({
        "metadata": {
            "name": "w1",
            "uid": "u-1",
            "labels": {"zone": "a"},
            "annotations": {
                "projectcalico.org/IPv4Address": "10.0.0.7/24",
                "projectcalico.org/ASNumber": "1.10",
                "projectcalico.org/RouteReflectorClusterID": "244.0.0.1",
                "projectcalico.org/IPv4IPIPTunnelAddr": "10.244.0.1",
            },
        },
        "spec": {"podCIDRs": ["10.244.0.0/24"], "unschedulable": true},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.7"}]},
    });
    let (resource, _) = kubernetes_node(&node, false).expect("a node");
    let text = yaml(&json(&resource));
    same(
        &text,
        r#"apiVersion: projectcalico.org/v3
kind: Node
metadata:
  labels:
    zone: a
  name: w1
  uid: u-1
spec:
  addresses:
  - address: 10.0.0.7
    type: InternalIP
  bgp:
    asNumber: 65546
    ipv4Address: 10.0.0.7/24
    ipv4IPIPTunnelAddr: 10.244.0.1
    routeReflectorClusterID: 244.0.0.1
  orchRefs:
  - nodeName: w1
    orchestrator: k8s
status:
  podCIDRs:
  - 10.244.0.0/24
"#,
    );
    // All but what v3 has no place for.
    let Resource::Node(mut node) = resource else { unreachable!() };
    assert!(node.condition.unschedulable);
    node.condition = crate::calico::NodeCondition::default();
    assert_eq!(strict(&text), Resource::Node(node));
}

#[test]
fn an_affinity_of_etcd_gets_a_name() {
    for (key, name) in [
        ("host/worker-17/ipv4/block/10.244.3.64-26", "worker-17-10-244-3-64-26"),
        ("host/worker-17/ipv6/block/fd00:10:244:3::-122", "worker-17-fd00-10-244-3---122"),
        ("virtual/load-balancer/ipv6/block/::-0", "load-balancer----0"),
    ] {
        let key = format!("/calico/ipam/v2/{key}");
        let (resource, _) = etcd(&key, b"", 7).expect("a key").expect("good");
        let Resource::BlockAffinity(affinity) = &resource else { unreachable!() };
        assert_eq!(affinity_name(affinity), name);
        let Resource::BlockAffinity(read) = strict(&yaml(&json(&resource))) else { unreachable!() };
        assert_eq!(
            (&read.node, read.cidr, read.kind),
            (&affinity.node, affinity.cidr, affinity.kind)
        );
    }
    let long = format!("{}.b", "a".repeat(249));
    let key = format!("/calico/ipam/v2/host/{long}/ipv4/block/10.244.3.64-26");
    let (resource, _) = etcd(&key, b"", 7).expect("a key").expect("good");
    let Resource::BlockAffinity(affinity) = &resource else { unreachable!() };
    assert!(affinity_name(affinity).len() <= 253);
    assert!(lenient(resource.kind(), &json(&resource)).is_ok());
}

#[test]
fn durations_are_gos() {
    for (nanos, text) in [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (10_000_000, "10ms"),
        (999_999_999, "999.999999ms"),
        (1_000_000_000, "1s"),
        (90_000_000_000, "1m30s"),
        (120_500_000_000, "2m0.5s"),
        (3_600_000_000_001, "1h0m0.000000001s"),
    ] {
        assert_eq!(duration(Duration::from_nanos(nanos)), text);
    }
}
