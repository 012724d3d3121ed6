use albedo_config::Surroundings;
use albedo_discovery::calico::expand::{Identity, RouterIdSource, expand};
use albedo_discovery::calico::parse;
use albedo_types::{Asn, PeerRole};
use std::path::Path;

use super::*;

const NODES: &str = "
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: rr}
spec: {bgp: {ipv4Address: 10.0.0.1/24, ipv6Address: 'fd00::1', routeReflectorClusterID: 244.0.0.1}}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: rr2}
spec: {bgp: {ipv4Address: 10.0.0.2/24, routeReflectorClusterID: 244.0.0.1}}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: w1}
spec: {bgp: {ipv4Address: 10.0.0.31/24, ipv6Address: 'fd00::31'}}
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {asNumber: 64600, nodeToNodeMeshEnabled: false, listenPort: 1790}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: nodes}
spec:
  nodeSelector: all()
  peerSelector: 'true'
";

fn base(text: &str) -> Config {
    let surroundings = Surroundings { overrides: Vec::new(), cores: 2 };
    albedo_config::parse("test", text, Path::new(""), &surroundings).expect("a configuration")
}

fn cluster(peers: &str) -> Cluster {
    let mut cluster = Cluster::new();
    let text = NODES.replace("  nodeSelector: all()\n  peerSelector: 'true'\n", peers);
    for document in parse::documents(&text, "test.yaml").resources {
        cluster.apply(document.expect("a resource").0);
    }
    cluster
}

fn overlaid(base: &Config, peers: &str, secrets: &Secrets) -> Overlaid {
    let cluster = cluster(peers);
    let identity = Identity::Node { name: "rr".into(), router_id: RouterIdSource::NodeIpv4 };
    let speaker = expand(&cluster, &identity).expect("a reflector");
    overlay(base, &speaker, (&cluster, &Filters::new()), Some("rr"), secrets)
}

const MESH: &str = "  nodeSelector: all()\n  peerSelector: all()\n";

#[test]
fn a_node_is_what_its_resources_say() {
    let found = overlaid(&base("calico: {}\n"), MESH, &Secrets::new());
    assert_eq!((found.held.len(), found.warnings.len()), (0, 0));
    let config = found.config;
    assert_eq!((config.asn, config.router_id.to_string()), (Asn(64_600), "10.0.0.1".into()));
    assert_eq!(config.cluster_id, ClusterId(0xf400_0001));
    assert!(config.listen.iter().all(|at| at.port() == 1790), "{:?}", config.listen);
    let rows: Vec<_> = config
        .peers
        .iter()
        .map(|peer| {
            let settings = &peer.settings;
            let family = settings.families.iter().map(|family| family.to_string()).collect();
            (peer.address.to_string(), settings.role, settings.port, family)
        })
        .collect();
    let row = |address: &str, role, family: &str| {
        (address.to_owned(), role, 1790, Vec::from([family.to_owned()]))
    };
    let expected = [
        row("10.0.0.2", PeerRole::NonClient, "ipv4-unicast"),
        row("10.0.0.31", PeerRole::Client, "ipv4-unicast"),
        row("fd00::31", PeerRole::Client, "ipv6-unicast"),
    ];
    assert_eq!(rows, expected);
    let client = &config.peers[1].settings;
    assert_eq!(client.peer_as, PeerAs::Is(Asn(64_600)));
    assert!(client.graceful_restart.is_some_and(|graceful| graceful.no_llgr_on_hosts));
    assert_eq!((client.passive, client.connect_delay), (false, CONNECT_DELAY));
    let why = client.description.as_deref().unwrap_or_default();
    assert!(why.contains("BGPPeer nodes"), "{why}");
}

#[test]
fn the_file_lends_what_the_resources_do_not_say() {
    let text = "routerId: 10.9.9.9\nlisten: [\"10.0.0.1:179\"]\ncalico: {group: nodes}\n\
                peerGroups: [{name: nodes, holdTime: 30s, ranges: [\"192.0.2.0/24\"]}]\n\
                peers: [{address: 10.0.0.31, asNumber: 65000}]\n";
    let base = base(text);
    let found = overlaid(&base, MESH, &Secrets::new());
    let config = found.config;
    assert_eq!(config.listen, base.listen);
    assert_eq!(config.groups[0].settings.cluster_id, ClusterId(0xf400_0001));
    let own = config.peer([10, 0, 0, 31].into()).expect("the file's");
    assert_eq!(own.settings.peer_as, PeerAs::Is(Asn(65_000)), "the file wins");
    assert_eq!(
        found.warnings,
        ["Node_10_0_0_31_port_1790: there is a session with this peer already"]
    );
    let mate = config.peer([10, 0, 0, 2].into()).expect("of the cluster");
    assert_eq!((mate.group.as_deref(), mate.settings.hold_time.as_secs()), (Some("nodes"), 30));
}

#[test]
fn options_of_a_peering_reach_the_session() {
    let peers = "  nodeSelector: all()\n  peerSelector: all()\n  ttlSecurity: 3\n  \
                 maxRestartTime: 3m\n  keepaliveTime: 10s\n  nextHopMode: Self\n  \
                 sourceAddress: UseNodeIP\n";
    let found = overlaid(&base("calico: {}\n"), peers, &Secrets::new());
    let settings = &found.config.peer([10, 0, 0, 31].into()).expect("a peer").settings;
    assert_eq!(settings.ttl_security, Some(3));
    assert_eq!(settings.keepalive, Some(Duration::from_secs(10)));
    assert_eq!(settings.next_hop_mode, NextHopMode::Own);
    assert_eq!(settings.local_address, Some([10, 0, 0, 1].into()));
    let graceful = settings.graceful_restart.expect("on");
    assert_eq!(graceful.restart_time, Duration::from_secs(180));
}

#[test]
fn a_session_without_its_password_is_held_down_and_says_why() {
    let peers = "  nodeSelector: all()\n  peerSelector: all()\n  \
                 password: {secretKeyRef: {name: bgp, key: rr}}\n";
    let base = base("calico: {}\n");
    let key = (Arc::from("bgp"), Arc::from("rr"));
    let found = overlaid(&base, peers, &Secrets::new());
    assert!(found.config.peers.is_empty());
    assert_eq!(found.held["Node_10_0_0_31_port_1790"], "secret bgp key rr: not read yet");
    let forbidden = Secrets::from([(key.clone(), Err("forbidden".to_owned()))]);
    assert_eq!(overlaid(&base, peers, &forbidden).held["Node_10_0_0_31_port_1790"], "forbidden");
    let secret = albedo_config::Secret::from_octets(b"word").expect("a key");
    let known = Secrets::from([(key, Ok(secret.clone()))]);
    let found = overlaid(&base, peers, &known);
    assert_eq!(found.config.peers[1].settings.password, Some(secret));
    assert!(found.held.is_empty());
}
