use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::calico::{
    BlockState, Change, Cluster, ConfigurationScope, Node, PeerNodes, PeerRemote, Selector,
};

/// A resource that was taken, and its warnings, without what it is called in them.
fn taken(read: Read) -> (Resource, Vec<String>) {
    let (resource, warnings) = read.unwrap_or_else(|fault| panic!("{fault}"));
    (resource, warnings.iter().map(ToString::to_string).collect())
}

fn node_of(read: Read) -> (Node, Vec<String>) {
    let (resource, warnings) = taken(read);
    let Resource::Node(node) = resource else { panic!("{resource:?}") };
    (*node, warnings)
}

fn refused(read: Read) -> String {
    read.map(|(resource, _)| panic!("{resource:?}")).unwrap_or_else(|fault| fault.to_string())
}

#[test]
fn a_datastore_may_be_newer_than_this_program() {
    let peer = json!({
        "metadata": { "name": "p", "resourceVersion": "9", "future": {} },
        "spec": { "peerSelector": "has(rr)", "sourceAddress": "None", "telepathy": true,
                  "keepOriginalNextHop": true, "nextHopMode": "Keep", "filters": null },
        "status": { "conditions": [] }
    });
    let (resource, warnings) = taken(lenient(Kind::BgpPeer, &peer));
    let Resource::BgpPeer(peer) = resource else { panic!("{resource:?}") };
    assert_eq!(peer.nodes, PeerNodes::All);
    assert_eq!(peer.remote, PeerRemote::Nodes(Selector::parse("has(rr)").unwrap()));
    assert_eq!(peer.meta.resource_version.as_deref(), Some("9"));
    assert!(warnings.is_empty(), "{warnings:?}");

    // Words that are new where they do no harm are left out; elsewhere the object waits.
    let configuration = json!({
        "metadata": { "name": "default" },
        "spec": { "programClusterRoutes": "Sometimes", "logSeverityScreen": "INFO",
                  "listenPort": 1790 }
    });
    let (resource, warnings) = taken(lenient(Kind::BgpConfiguration, &configuration));
    let Resource::BgpConfiguration(it) = resource else { panic!("{resource:?}") };
    assert_eq!((it.program_cluster_routes, it.listen_port.map(u16::from)), (None, Some(1790)));
    assert_eq!(
        warnings,
        ["BGPConfiguration default: spec.programClusterRoutes: `Sometimes` is left out, expected \
          Enabled, Disabled, EnabledIPIPOnly or EnabledNoEncapOnly"]
    );
    let peer = json!({ "metadata": { "name": "p" }, "spec": { "nextHopMode": "Teleport" } });
    assert_eq!(
        refused(lenient(Kind::BgpPeer, &peer)),
        "BGPPeer p: spec.nextHopMode: found `Teleport`, expected Auto, Self or Keep"
    );
}

#[test]
fn a_rule_with_an_unknown_criterion_is_told() {
    let filter = json!({
        "metadata": { "name": "f" },
        "spec": { "importV4": [{ "action": "Reject", "colour": "red" }] }
    });
    let (_, warnings) = taken(lenient(Kind::BgpFilter, &filter));
    assert_eq!(
        warnings,
        ["BGPFilter f: spec.importV4[0].colour: it is not known and passed over, so the rule may \
          match more than it should"]
    );
    // And one with an unknown operation is not taken.
    let filter = json!({
        "metadata": { "name": "f" },
        "spec": { "importV4": [{ "action": "Accept", "operations": [{ "paint": {} }] }] }
    });
    let told = refused(lenient(Kind::BgpFilter, &filter));
    assert!(told.starts_with("BGPFilter f: spec.importV4[0].operations[0]: found none"), "{told}");
}

#[test]
fn what_a_datastore_has_and_calico_does_not_act_on_does_not_count() {
    let it = json!({
        "metadata": { "name": "node.w1" },
        "spec": { "asNumber": 1, "nodeToNodeMeshEnabled": false, "listenPort": 1791 }
    });
    let (resource, warnings) = taken(lenient(Kind::BgpConfiguration, &it));
    let Resource::BgpConfiguration(it) = resource else { panic!("{resource:?}") };
    assert_eq!(it.scope(), ConfigurationScope::Node("w1".into()));
    assert_eq!((it.as_number, it.node_to_node_mesh), (None, None));
    assert_eq!(it.listen_port.map(u16::from), Some(1791));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn an_as_number_is_a_number_or_a_text_in_json() {
    for (asn, number) in [
        (json!(64_512), Some(64_512)),
        (json!("64512"), Some(64_512)),
        (json!("1.10"), Some(65_546)),
        (json!(0), None),
        (json!(null), None),
    ] {
        let node = json!({ "metadata": { "name": "n" }, "spec": { "bgp": { "asNumber": asn } } });
        let (node, _) = node_of(lenient(Kind::Node, &node));
        assert_eq!(node.as_number().map(|asn| asn.0), number, "{asn}");
    }
    for asn in [json!(1.10), json!("70000.1"), json!(-1), json!(4_294_967_296_u64), json!([1])] {
        let node = json!({ "metadata": { "name": "n" }, "spec": { "bgp": { "asNumber": asn } } });
        refused(lenient(Kind::Node, &node));
    }
}

#[test]
fn strict_and_lenient_reading_agree_on_what_both_take() {
    let samples = [
        (
            Kind::Node,
            json!({
                "bgp": { "asNumber": "1.10", "ipv4Address": "10.0.0.7/24",
                         "routeReflectorClusterID": "244.0.0.1" },
                "wireguard": { "interfaceIPv4Address": "192.0.2.7" },
                "addresses": [{ "address": "10.0.0.7/24", "type": "CalicoNodeIP" }]
            }),
        ),
        (
            Kind::BgpPeer,
            json!({
                "nodeSelector": "has(a) && b in {'x', 'y'}",
                "peerIP": "[fd00::1]:1790", "asNumber": 65_000,
                "maxRestartTime": "3m", "ttlSecurity": 2, "filters": ["a", "b"],
                "password": { "secretKeyRef": { "name": "s", "key": "k", "optional": true } }
            }),
        ),
        (
            Kind::BgpConfiguration,
            json!({
                "nodeToNodeMeshEnabled": false, "serviceClusterIPs": [{ "cidr": "10.96.0.0/12" }],
                "communities": [{ "name": "c", "value": "1:2" }],
                "prefixAdvertisements": [{ "cidr": "10.96.0.0/12", "communities": ["c", "1:2:3"] }]
            }),
        ),
        (
            Kind::BgpFilter,
            json!({
                "exportV6": [{ "action": "Accept", "cidr": "fd00::/8", "matchOperator": "In",
                               "prefixLength": { "min": 48 },
                    "operations": [{ "setPriority": { "value": 7 } }] }]
            }),
        ),
        (
            Kind::IpPool,
            json!({ "cidr": "10.244.0.0/16", "vxlanMode": "CrossSubnet", "blockSize": 24 }),
        ),
        (
            Kind::BlockAffinity,
            json!({ "cidr": "10.244.0.0/26", "node": "n",
                    "state": "pending", "deleted": "true" }),
        ),
        (Kind::ClusterInformation, json!({ "calicoVersion": "v3.33.0", "datastoreReady": true })),
    ];
    for (kind, spec) in samples {
        let whole = json!({
            "apiVersion": "projectcalico.org/v3", "kind": kind.name(),
            "metadata": { "name": "default", "labels": { "a": "yes" }, "resourceVersion": "5" },
            "spec": spec
        });
        let (resource, warnings) = taken(lenient(kind, &whole));
        assert!(warnings.is_empty(), "{warnings:?}");
        for text in [whole.to_string(), serde_json::to_string_pretty(&whole).unwrap()] {
            let file = documents(&text, "file.json");
            let [Ok((strict, warnings))] = &file.resources[..] else { panic!("{file:?}") };
            assert_eq!(strict, &resource);
            assert!(warnings.is_empty(), "{warnings:?}");
        }
    }
}

fn kubernetes(annotations: &Json) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": "worker-17", "uid": "u", "resourceVersion": "77",
            "labels": { "zone": "kubernetes", "kubernetes.io/hostname": "worker-17" },
            "annotations": annotations, "managedFields": [{ "x": 1.5 }]
        },
        "spec": { "podCIDR": "10.1.7.0/24", "podCIDRs": ["10.1.7.0/24", "fd00:1:7::/64"] },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": "10.20.0.17" },
                { "type": "ExternalIP", "address": "2001:db8::17" },
                { "type": "Hostname", "address": "worker-17" }
            ],
            "conditions": [{ "type": "Ready", "status": "False" }],
            "images": [{ "names": ["x"], "sizeBytes": 1 }]
        }
    })
}

#[test]
fn a_kubernetes_node_is_calicos_with_its_annotations() {
    let json = kubernetes(&json!({
        "projectcalico.org/IPv4Address": "10.20.0.17/24",
        "projectcalico.org/IPv6Address": "2001:db8::17/64",
        "projectcalico.org/ASNumber": "1.10",
        "projectcalico.org/RouteReflectorClusterID": "244.0.0.1",
        "projectcalico.org/IPv4IPIPTunnelAddr": "10.244.3.64",
        "projectcalico.org/IPv4VXLANTunnelAddr": "10.244.3.65",
        "projectcalico.org/labels": "{\"zone\":\"calico\",\"reflector\":\"true\"}",
        "projectcalico.org/annotations": "{\"note\":\"x\"}",
        "other": "y"
    }));
    let (node, warnings) = node_of(kubernetes_node(&json, false));
    assert!(warnings.is_empty(), "{warnings:?}");
    let labels: Vec<_> = node.meta.labels.iter().collect();
    let expected =
        [("kubernetes.io/hostname", "worker-17"), ("reflector", "true"), ("zone", "kubernetes")];
    assert_eq!(labels, expected);
    assert_eq!(node.meta.annotations.iter().collect::<Vec<_>>(), [("note", "x")]);
    assert_eq!(node.bgp.unwrap().ipv4.unwrap().to_string(), "10.20.0.17/24");
    assert_eq!(node.ipv6(), Some("2001:db8::17".parse().unwrap()));
    assert_eq!(node.as_number().unwrap().0, 65_546);
    assert_eq!(node.cluster_id().unwrap().to_string(), "244.0.0.1");
    assert_eq!(node.tunnels.ipip, Some("10.244.3.64".parse().unwrap()));
    assert_eq!(node.tunnels.vxlan4, Some("10.244.3.65".parse().unwrap()));
    assert_eq!(node.addresses.len(), 2);
    assert_eq!(node.condition.ready, Some(false));
    assert_eq!(node.meta.resource_version.as_deref(), Some("77"));
    assert!(!node.pod_cidrs_are_blocks);
}

#[test]
fn annotations_that_cannot_be_read_count_as_absent() {
    let json = kubernetes(&json!({
        "projectcalico.org/IPv4Address": "ten",
        "projectcalico.org/ASNumber": "70000.1",
        "projectcalico.org/RouteReflectorClusterID": "",
        "projectcalico.org/labels": "{\"a\":1}"
    }));
    let (node, warnings) = node_of(kubernetes_node(&json, false));
    assert_eq!(node.bgp, None);
    assert_eq!(node.meta.labels.len(), 2);
    assert_eq!(
        warnings,
        [
            "Node worker-17: metadata.annotations[projectcalico.org/labels]: it counts as absent, \
             expected JSON of texts: invalid type: integer `1`, expected a string at line 1 \
             column 6",
            "Node worker-17: metadata.annotations[projectcalico.org/ASNumber]: `70000.1` counts as \
             absent, expected an AS number, 0 to 4294967295 or in quotes \"1.10\"",
            "Node worker-17: metadata.annotations[projectcalico.org/IPv4Address]: `ten` counts as \
             absent, expected an IPv4 address, alone or with the length of its subnet such as \
             10.0.0.7/24",
        ]
    );
}

#[test]
fn pod_cidrs_are_blocks_where_calico_uses_them() {
    let json = kubernetes(&json!({ "projectcalico.org/IPv4IPIPTunnelAddr": "10.9.9.9" }));
    let (node, _) = node_of(kubernetes_node(&json, true));
    assert_eq!(node.tunnels.ipip, Some("10.1.7.1".parse().unwrap()));
    let mut cluster = Cluster::new();
    cluster.apply(Resource::Node(Box::new(node)));
    let blocks: Vec<_> = cluster.blocks().map(|it| (it.cidr.to_string(), it.state)).collect();
    let confirmed = |cidr: &str| (cidr.to_owned(), BlockState::Confirmed);
    assert_eq!(blocks, [confirmed("10.1.7.0/24"), confirmed("fd00:1:7::/64")]);
}

#[test]
fn a_heartbeat_of_a_kubelet_is_no_change() {
    let mut json = kubernetes(&json!({}));
    let mut cluster = Cluster::new();
    let apply =
        |cluster: &mut Cluster, json: &Json| cluster.apply(taken(kubernetes_node(json, false)).0);
    assert_eq!(apply(&mut cluster, &json), Change::Added);
    json["metadata"]["resourceVersion"] = json!("78");
    json["status"]["conditions"][0]["lastHeartbeatTime"] = json!("2026-01-01T00:00:00Z");
    json["status"]["images"] = json!([]);
    assert_eq!(apply(&mut cluster, &json), Change::Unchanged);
    json["status"]["conditions"][0]["status"] = json!("True");
    assert_eq!(apply(&mut cluster, &json), Change::Changed);
}

#[test]
fn keys_of_etcd_name_what_they_are_for() {
    let of = |key: &str| etcd_key(key).map(|(kind, name)| format!("{kind} {name}"));
    for (key, expected) in [
        ("/calico/resources/v3/projectcalico.org/nodes/worker-17", "Node worker-17"),
        ("/calico/resources/v3/projectcalico.org/bgppeers/p", "BGPPeer p"),
        (
            "/calico/resources/v3/projectcalico.org/bgpconfigurations/node.w1",
            "BGPConfiguration node.w1",
        ),
        (
            "/calico/ipam/v2/host/w/ipv4/block/10.244.3.64-26",
            "BlockAffinity host/w/ipv4/block/10.244.3.64-26",
        ),
        (
            "/calico/ipam/v2/virtual/w/ipv6/block/fd00:10:244:3::-122",
            "BlockAffinity virtual/w/ipv6/block/fd00:10:244:3::-122",
        ),
    ] {
        assert_eq!(of(key).as_deref(), Some(expected), "{key}");
    }
    for key in [
        "",
        "/calico",
        "/calico/resources/v3/projectcalico.org/bgppeers/",
        "/calico/resources/v3/projectcalico.org/bgppeers2/p",
        "/calico/resources/v3/projectcalico.org/blockaffinities/p",
        "/calico/resources/v3/projectcalico.org/felixconfigurations/default",
        "/calico/ipam/v2/assignment/ipv4/block/10.244.3.64-26",
        "/calico/ipam/v2/host/w/ipv6/block/10.244.3.64-26",
        "/calico/ipam/v2/host/w/ipv4/block/10.244.3.64",
        "/calico/ipam/v2/host/w/ipv4/block/10.244.3.64-33",
        "/calico/ipam/v2/host/w/ipv4/block/10.244.3.64-26/x",
        "/calico/ipam/v2/host//ipv4/block/10.244.3.64-26",
    ] {
        assert_eq!(of(key), None, "{key}");
    }
}

#[test]
fn values_of_etcd_are_resources_and_affinities() {
    let peer = "/calico/resources/v3/projectcalico.org/bgppeers/p";
    let value = br#"{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3",
        "metadata":{"name":"q","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z"},
        "spec":{"peerIP":"10.0.0.1","asNumber":1}}"#;
    let (resource, warnings) = taken(etcd(peer, value, 41).unwrap());
    assert_eq!(&**resource.name(), "p");
    assert_eq!(resource.meta().resource_version.as_deref(), Some("41"));
    assert_eq!(warnings, ["BGPPeer p: it calls itself q"]);

    let fault = etcd(peer, b"{", 41).unwrap().unwrap_err();
    assert_eq!(fault.name().map(|name| &**name), Some("p"));
    assert!(fault.to_string().starts_with("BGPPeer p: found no JSON (EOF"), "{fault}");
    let fault = etcd(peer, br#"{"metadata":{"name":"q"},"spec":{"asNumber":"x"}}"#, 41);
    assert_eq!(fault.unwrap().unwrap_err().name().map(|name| &**name), Some("p"));

    let key = "/calico/ipam/v2/host/w/ipv6/block/fd00:10:244:3::-122";
    for (value, state, deleted) in [
        (&b""[..], BlockState::Confirmed, false),
        (b"{}", BlockState::Confirmed, false),
        (br#"{"state":"","deleted":false}"#, BlockState::Confirmed, false),
        (br#"{"state":"pending","deleted":true}"#, BlockState::Pending, true),
        (br#"{"state":"pendingDeletion","new":1}"#, BlockState::PendingDeletion, false),
    ] {
        let (resource, _) = taken(etcd(key, value, 7).unwrap());
        let Resource::BlockAffinity(block) = resource else { panic!("{resource:?}") };
        assert_eq!((block.state, block.deleted), (state, deleted));
        assert_eq!((&*block.node, block.cidr.to_string()), ("w", "fd00:10:244:3::/122".to_owned()));
        assert_eq!(block.meta.resource_version.as_deref(), Some("7"));
    }
    refused(etcd(key, br#"{"state":"sure"}"#, 7).unwrap());
    assert!(etcd("/registry/pods/x", b"{}", 1).is_none());
}

#[test]
fn one_bad_document_is_no_obstacle_to_the_others() {
    let good = |name: &str| {
        format!(
            "apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {{name: {name}}}\n\
             spec: {{peerSelector: all()}}\n"
        )
    };
    let text = format!("{}---\nkind: [\n---\n{}--- \n{}---x: 1\n", good("a"), good("b"), good("c"));
    let read = documents(&text, "f");
    let names: Vec<_> = read
        .resources
        .iter()
        .map(|read| read.as_ref().map(|(it, _)| it.name().to_string()).map_err(ToString::to_string))
        .collect();
    assert_eq!(names[0], Ok("a".to_owned()));
    assert!(
        names[1].as_ref().unwrap_err().starts_with("f:6:7: found a fault of syntax"),
        "{names:?}"
    );
    assert_eq!(names[2], Ok("b".to_owned()));
    // `---x` begins no document but is a key.
    assert!(names[3].as_ref().unwrap_err().contains("unknown key `---x`"), "{names:?}");
}

#[test]
fn documents_are_bounded_in_size_and_depth() {
    let long = format!("# {}\na: b\n", "x".repeat(DOCUMENT_MAX));
    let told = refused(documents(&long, "f").resources.remove(0));
    assert!(told.starts_with("f:1:1: found a document of 104857"), "{told}");
    assert!(told.ends_with("expected at most 10485760"), "{told}");
    for open in ["[", "{a: ", "- ", "? "] {
        let deep = open.repeat(100_000);
        let read = documents(&deep, "f");
        assert!(read.resources.iter().all(Result::is_err), "{open}");
    }
}

#[test]
fn five_thousand_documents_are_read_in_one_file() {
    let mut text = String::new();
    for index in 0..5_000 {
        text.push_str(&format!(
            "---\napiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {{name: n{index}}}\n\
             spec: {{bgp: {{ipv4Address: 10.0.0.1}}}}\n"
        ));
    }
    let read = documents(&text, "f");
    assert_eq!(read.resources.iter().filter(|read| read.is_ok()).count(), 5_000);
}

/// Pieces of resources, put together without sense.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "apiVersion: projectcalico.org/v3\n",
        "apiVersion: v1\n",
        "kind: Node\n",
        "kind: BGPPeer\n",
        "kind: BGPFilter\n",
        "kind: List\n",
        "kind: bgpPeer\n",
        "metadata:\n",
        "  name: a\n",
        "  labels: {a: yes}\n",
        "  annotations: {projectcalico.org/metadata: '{'}\n",
        "spec:\n",
        "  peerIP: 10.0.0.1\n",
        "  nodeSelector: !has(a)\n",
        "  bgp: {}\n",
        "  importV4:\n",
        "  - action: Accept\n",
        "    operations: [{}]\n",
        "items:\n",
        "- ",
        "---\n",
        "...\n",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "\t",
        "&a ",
        "*a",
        "!x ",
        "|\n",
        "\"",
        "'",
        "#",
        "\u{feff}",
        "\0",
        "ä",
        "? ",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

fn any_json() -> impl Strategy<Value = Json> {
    let keys = prop::sample::select(vec![
        "metadata",
        "name",
        "labels",
        "annotations",
        "spec",
        "status",
        "bgp",
        "asNumber",
        "peerIP",
        "nodeSelector",
        "peerSelector",
        "password",
        "secretKeyRef",
        "importV4",
        "action",
        "cidr",
        "communities",
        "values",
        "operations",
        "podCIDRs",
        "addresses",
        "conditions",
        "type",
        "projectcalico.org/labels",
        "projectcalico.org/metadata",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        prop::sample::select(vec!["a", "10.0.0.1", "10.0.0.0/8", "all()", "{}", "", "Accept"])
            .prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_read_or_refused(text in soup()) {
        for read in documents(&text, "f").resources {
            if let Err(fault) = read {
                prop_assert!(fault.to_string().starts_with("f:"), "{}", fault);
            }
        }
    }

    #[test]
    fn any_json_is_read_or_refused(json in any_json(), named in any::<bool>()) {
        let mut json = json;
        if named && let Some(map) = json.as_object_mut() {
            map.insert("metadata".to_owned(), json!({ "name": "a" }));
        }
        for kind in Kind::ALL {
            if let Err(fault) = lenient(kind, &json) {
                prop_assert!(fault.to_string().starts_with(kind.name()), "{}", fault);
            }
        }
        for use_pod_cidr in [false, true] {
            let _ = kubernetes_node(&json, use_pod_cidr).map_err(|fault| fault.to_string());
        }
    }

    #[test]
    fn any_octets_of_etcd_are_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..40)) {
        for kind in Kind::ALL {
            let key = format!("{ETCD_RESOURCES}{}/a", kind.plural());
            prop_assert_eq!(etcd(&key, &value, 1).is_some(), kind != Kind::BlockAffinity);
        }
        let key = format!("{ETCD_AFFINITIES}host/a/ipv4/block/10.0.0.0-26");
        prop_assert!(etcd(&key, &value, 1).is_some());
    }
}

#[test]
fn what_no_session_depends_on_is_left_out_of_a_datastores_object() {
    let it = json!({
        "metadata": { "name": "default" },
        "spec": { "asNumber": 64_600, "serviceClusterIPs": [{ "cidr": "ten" }],
                  "prefixAdvertisements": [{ "cidr": "10.0.0.0/8", "communities": ["unknown"] }],
                  "ignoredInterfaces": ["*"] }
    });
    let (resource, warnings) = taken(lenient(Kind::BgpConfiguration, &it));
    let Resource::BgpConfiguration(it) = resource else { panic!("{resource:?}") };
    assert_eq!(it.as_number.map(|asn| asn.0), Some(64_600));
    assert!(it.service_cluster_ips.is_empty() && it.prefix_advertisements.is_empty());
    assert_eq!(
        warnings,
        [
            "BGPConfiguration default: spec.serviceClusterIPs[0].cidr: found `ten`, expected a \
             prefix such as 10.0.0.0/8: left out",
            "BGPConfiguration default: spec.prefixAdvertisements[0].communities[0]: found \
             `unknown`, expected a community: two numbers up to 65535 such as 64512:100, or three \
             up to 4294967295: left out",
        ]
    );
    let node = json!({
        "metadata": { "name": "n" },
        "spec": { "bgp": { "ipv4Address": "10.0.0.1" }, "orchRefs": [{}], "addresses": ["x"] },
        "status": { "podCIDRs": ["x"] }
    });
    let (node, warnings) = node_of(lenient(Kind::Node, &node));
    assert_eq!(node.ipv4(), Some("10.0.0.1".parse().unwrap()));
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}
