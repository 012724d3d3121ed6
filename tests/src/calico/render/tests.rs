use albedo_discovery::calico::{Cluster, parse};
use serde_json::json;

use super::render;
use crate::calico::resources::{Entry, affinity, node, resource};
use crate::lab::Host;
use crate::net::net;

fn cluster(entries: &[Entry]) -> Cluster {
    let mut cluster = Cluster::new();
    for Entry { key, value } in entries {
        let read = parse::etcd(key, value.as_bytes(), 1).expect("a key of Calico's");
        cluster.apply(read.expect("a resource").0);
    }
    cluster
}

fn entries() -> Vec<Entry> {
    let reflector = [("reflector", "true")];
    let rule = json!({
        "action": "Reject", "source": "RemotePeers", "cidr": "10.244.7.0/24",
        "matchOperator": "In", "prefixLength": {"min": 26, "max": 26},
    });
    let peer = json!({
        "nodeSelector": "all()", "peerSelector": "has(reflector)", "filters": ["some"],
        "maxRestartTime": "77s",
    });
    vec![
        node("rr-1", Host(1), &reflector, Some("244.0.0.1")).expect("a node"),
        node("w-11", Host(11), &[], None).expect("a node"),
        affinity("w-11", net("10.244.11.64/26")),
        resource("BGPPeer", "rr", &[], &peer).expect("a peer"),
        resource("BGPFilter", "some", &[], &json!({"exportV4": [rule]})).expect("a filter"),
        resource("IPPool", "pods", &[], &json!({"cidr": "10.244.0.0/16"})).expect("a pool"),
    ]
}

#[test]
fn a_node_has_its_sessions_blocks_pools_and_filters() {
    let (text, names) = render(&cluster(&entries()), "w-11").expect("a configuration");
    assert_eq!(names, ["Node_10_0_0_1"]);
    for wanted in [
        "router id 10.0.0.11;",
        "local as 64512;",
        "  route 10.244.11.64/26 blackhole;",
        "  if ( net = 10.244.11.64/26 ) then { accept; }",
        "  if ( net ~ 10.244.0.0/16 ) then { accept; }",
        "protocol bgp Node_10_0_0_1 from calico {\n  neighbor 10.0.0.1 as 64512;",
        "  source address 10.0.0.11;",
        "  ttl security off; multihop;",
        "  graceful restart time 77;",
        "    if (( defined(source) && source = RTS_BGP ) && ( net ~ [ 10.244.7.0/24{26,26} ] )) \
         then { reject; }\n    to_peer(true);",
    ] {
        assert!(text.contains(wanted), "no {wanted} in\n{text}");
    }
    assert!(!text.contains("passive"), "both ends connect");
}

#[test]
fn what_is_not_rendered_is_an_error() {
    let mut some = entries();
    let rule = json!({"action": "Reject", "interface": "eth*"});
    let filter = resource("BGPFilter", "some", &[], &json!({"importV4": [rule]}));
    some.push(filter.expect("a filter"));
    let error = render(&cluster(&some), "w-11").expect_err("an interface");
    assert!(format!("{error:#}").contains("BGPFilter some"), "{error:#}");
    let error = render(&cluster(&some), "rr-1").expect_err("a reflector");
    assert!(error.to_string().contains("rr-1 is a reflector"), "{error}");
    assert!(render(&cluster(&some), "w-12").is_err());
}
