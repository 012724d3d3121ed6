use crate::calico::expand::{RouterIdSource, expand};
use crate::calico::parse;

use super::*;

const CLUSTER: &str = "
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: rr}
spec: {bgp: {ipv4Address: 10.0.0.1/24, routeReflectorClusterID: 244.0.0.1}}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: w1}
spec: {bgp: {ipv4Address: 10.0.0.11/24}}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: w2}
spec: {bgp: {ipv4Address: 10.0.0.12/24}}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pods}
spec: {cidr: 10.244.0.0/16}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: nodes}
spec: {nodeSelector: all(), peerSelector: all()}
";

fn block(node: &str, cidr: &str, state: &str) -> String {
    let name = cidr.replace(['.', '/', ':'], "-");
    format!(
        "---
apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata: {{name: {node}-{name}}}
spec: {{node: {node}, cidr: '{cidr}', state: {state}, deleted: 'false'}}
"
    )
}

fn two_blocks() -> String {
    block("w1", "10.244.1.0/26", "confirmed") + &block("w2", "10.244.2.0/26", "confirmed")
}

fn cluster(text: &str) -> Cluster {
    let mut cluster = Cluster::new();
    for document in parse::documents(text, "test.yaml").resources {
        cluster.apply(document.expect("a resource").0);
    }
    cluster
}

/// Routes as peer, prefix, next hop; a next hop of `-` is the peer's address.
fn verdict_of(text: &str, routes: &[(&str, &str, &str)], down: &[&str], max: usize) -> Verdict {
    let cluster = cluster(text);
    let identity = Identity::Node { name: "rr".into(), router_id: RouterIdSource::NodeIpv4 };
    let speaker = expand(&cluster, &identity).expect("a reflector");
    let subject = Subject { cluster: &cluster, speaker: &speaker, identity: &identity };
    let mut verifier = Verifier::new(&subject, max);
    for (peer, prefix, hop) in routes {
        let peer: IpAddr = peer.parse().unwrap();
        let next_hop = Some(if *hop == "-" { peer } else { hop.parse().unwrap() });
        verifier.see(&Seen { prefix: prefix.parse().unwrap(), peer, next_hop });
    }
    verifier.finish(|address| {
        if down.contains(&&*address.to_string()) {
            Link::Down("active: no answer".to_owned())
        } else {
            Link::Up
        }
    })
}

fn verdict(more: &str, routes: &[(&str, &str, &str)]) -> Verdict {
    verdict_of(&(CLUSTER.to_owned() + more), routes, &[], 10)
}

const W1: (&str, &str, &str) = ("10.0.0.11", "10.244.1.0/26", "-");
const W2: (&str, &str, &str) = ("10.0.0.12", "10.244.2.0/26", "-");

fn lines<T: fmt::Debug>(found: &Found<T>, line: impl Fn(&T) -> String) -> Vec<String> {
    found.first.iter().map(line).collect()
}

fn missing(found: &Found<Missing>) -> Vec<String> {
    lines(found, |it| format!("{} {}", it.node, it.prefix))
}

#[test]
fn all_there_is_good() {
    let verdict = verdict(&two_blocks(), &[W1, W2, ("10.0.0.11", "10.0.0.0/24", "-")]);
    assert!(verdict.is_good(), "{verdict:?}");
    assert_eq!((verdict.nodes, verdict.connected, verdict.blocks), (2, 2, 2));
}

#[test]
fn a_foreign_block_and_one_that_lacks() {
    let verdict = verdict(&two_blocks(), &[W1, ("10.0.0.11", "10.244.2.0/26", "-")]);
    assert!(!verdict.is_good());
    assert_eq!(missing(&verdict.missing), ["w2 10.244.2.0/26"]);
    assert_eq!(
        lines(&verdict.foreign, ToString::to_string),
        ["w1 announces 10.244.2.0/26, a block of w2"]
    );
    assert_eq!(verdict.connected, 2);
}

#[test]
fn what_is_inside_of_others_blocks_is_borrowed_if_it_is_one_address() {
    let routes = [
        W1,
        W2,
        ("10.0.0.11", "10.244.2.7/32", "-"),
        ("10.0.0.11", "10.244.2.32/27", "-"),
        ("10.0.0.11", "10.244.1.32/27", "-"),
        ("10.0.0.12", "10.244.9.0/26", "-"),
    ];
    let verdict = verdict(&two_blocks(), &routes);
    assert_eq!(verdict.borrowed, 1);
    assert_eq!(
        lines(&verdict.foreign, ToString::to_string),
        [
            "w1 announces 10.244.2.32/27, a block of w2",
            "w2 announces 10.244.9.0/26, nobody's block"
        ]
    );
}

#[test]
fn a_block_of_one_address_is_not_borrowed() {
    let one = block("w1", "10.244.7.7/32", "confirmed");
    let verdict = verdict(&one, &[("10.0.0.12", "10.244.7.7/32", "-")]);
    assert_eq!((verdict.borrowed, verdict.foreign.count), (0, 1));
    assert_eq!(missing(&verdict.missing), ["w1 10.244.7.7/32"]);
}

#[test]
fn a_block_is_a_nodes_own_from_confirmed_until_it_is_gone() {
    let state = |state| two_blocks() + &block("w1", "10.244.5.0/26", state);
    let announced = [W1, W2, ("10.0.0.11", "10.244.5.0/26", "-")];
    for state_ in ["confirmed", "pendingDeletion"] {
        assert!(verdict(&state(state_), &announced).is_good(), "{state_}");
    }
    let verdict_ = verdict(&state("pending"), &announced);
    let line = "w1 announces 10.244.5.0/26, which is not confirmed as its own";
    assert_eq!(lines(&verdict_.foreign, ToString::to_string), [line]);
    // Not announced.
    for (state_, lacks) in [("confirmed", 1), ("pendingDeletion", 0), ("pending", 0)] {
        assert_eq!(verdict(&state(state_), &[W1, W2]).missing.count, lacks, "{state_}");
    }
}

#[test]
fn pools_that_are_not_exported_lack_nothing() {
    let hidden = CLUSTER.replace("10.244.0.0/16", "10.244.0.0/16, disableBGPExport: true");
    let verdict = verdict_of(&(hidden + &two_blocks()), &[], &[], 10);
    assert!(verdict.is_good() && verdict.blocks == 0, "{verdict:?}");
}

#[test]
fn next_hops_are_the_nodes_own() {
    let verdict = verdict(&two_blocks(), &[W1, ("10.0.0.12", "10.244.2.0/26", "10.0.0.99")]);
    let astray = lines(&verdict.astray, |it| format!("{} {} {}", it.node, it.prefix, it.next_hop));
    assert_eq!(astray, ["w2 10.244.2.0/26 10.0.0.99"]);
    assert!(verdict.missing.is_empty() && !verdict.is_good());
}

#[test]
fn sessions_that_are_down_and_nodes_without_one() {
    let lonely = "---\napiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: w3}\n\
                  spec: {bgp: {ipv4Address: 10.0.0.13/24, ipv6Address: 'fd00::13/64'}}\n";
    let text = CLUSTER.to_owned() + lonely + &two_blocks();
    let text = text + &block("w3", "fd10::/122", "confirmed");
    let verdict = verdict_of(&text, &[W1, W2], &["10.0.0.12"], 10);
    let down = lines(&verdict.down, |it| format!("{:?} {} {}", it.node, it.session, it.why));
    assert_eq!(down, ["Some(\"w2\") Node_10_0_0_12 active: no answer"]);
    // The reflector has no address in IPv6, so what the mesh carried there nobody would.
    let unserved = lines(&verdict.unserved, |it| format!("{} {}", it.node, it.family));
    assert_eq!(unserved, ["w3 IPv6"]);
    assert_eq!(missing(&verdict.missing), ["w3 fd10::/122"]);
    assert_eq!((verdict.nodes, verdict.connected), (3, 1));
    assert!(!verdict.is_good());
}

#[test]
fn nodes_of_other_reflectors_are_counted_and_other_reflectors_may_pass_on() {
    let other = "---\napiVersion: projectcalico.org/v3\nkind: Node\n\
                 metadata: {name: rr2, labels: {far: 'yes'}}\n\
                 spec: {bgp: {ipv4Address: 10.0.0.2/24, routeReflectorClusterID: 244.0.0.2}}\n\
                 ---\napiVersion: projectcalico.org/v3\nkind: Node\n\
                 metadata: {name: w9, labels: {far: 'yes'}}\n\
                 spec: {bgp: {ipv4Address: 10.0.0.19/24}}\n\
                 ---\napiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: far}\n\
                 spec: {nodeSelector: has(far), peerSelector: has(far)}\n";
    let near = CLUSTER.replace("nodeSelector: all()", "nodeSelector: '!has(far) || name == \"x\"'");
    let near = near.replace("peerSelector: all()", "peerSelector: '!has(far)'");
    let between = "---\napiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: rrs}\n\
                   spec: {node: rr, peerIP: 10.0.0.2, asNumber: 64512}\n";
    let text = near + other + between + &two_blocks() + &block("w9", "10.244.9.0/26", "confirmed");
    let verdict = verdict_of(&text, &[W1, W2, ("10.0.0.2", "10.244.9.0/26", "10.0.0.19")], &[], 10);
    assert!(verdict.is_good(), "{verdict:?}");
    assert_eq!((verdict.nodes, verdict.elsewhere, verdict.blocks), (3, 1, 2));
}

#[test]
fn services_come_from_every_node_but_those_that_are_excluded() {
    let configuration = "---\napiVersion: projectcalico.org/v3\nkind: BGPConfiguration\n\
                         metadata: {name: default}\n\
                         spec: {serviceClusterIPs: [{cidr: 10.96.0.0/12}], \
                         serviceExternalIPs: [{cidr: 192.0.2.1/32}], \
                         serviceLoadBalancerIPs: [{cidr: 198.51.100.0/24}], \
                         serviceLoadBalancerAggregation: Disabled}\n";
    let more = configuration.to_owned() + &two_blocks();
    let service = |peer| (peer, "10.96.0.0/12", "-");
    let local = ("10.0.0.12", "192.0.2.1/32", "-");
    let all = [W1, W2, service("10.0.0.11"), service("10.0.0.12"), local];
    assert!(verdict(&more, &all).is_good());
    assert_eq!(missing(&verdict(&more, &all[..3]).services), ["w2 10.96.0.0/12"]);
    let excluded = CLUSTER.replace(
        "{name: w2}",
        "{name: w2, labels: {node.kubernetes.io/exclude-from-external-load-balancers: 'true'}}",
    );
    assert!(verdict_of(&(excluded + &more), &all[..3], &[], 10).is_good());
}

#[test]
fn peers_that_are_no_nodes_are_told_apart() {
    let tor = "---\napiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: tor}\n\
               spec: {node: rr, peerIP: 10.0.0.254, asNumber: 65000}\n";
    let text = CLUSTER.to_owned() + tor + &two_blocks();
    let routes = [W1, W2, ("10.0.0.254", "10.244.2.0/26", "-")];
    let verdict = verdict_of(&text, &routes, &["10.0.0.254"], 10);
    assert!(verdict.is_good(), "{verdict:?}");
    assert_eq!((verdict.nodes, verdict.others, verdict.others_down.count), (2, 1, 1));
}

#[test]
fn counts_are_exact_where_only_the_first_are_shown() {
    let blocks: String =
        (0..9).map(|n| block("w1", &format!("10.244.{n}.0/26"), "confirmed")).collect();
    let verdict = verdict_of(&(CLUSTER.to_owned() + &blocks), &[], &[], 3);
    assert_eq!((verdict.missing.count, verdict.blocks), (9, 9));
    let first = ["w1 10.244.0.0/26", "w1 10.244.1.0/26", "w1 10.244.2.0/26"];
    assert_eq!(missing(&verdict.missing), first);
}

#[test]
fn nobody_there_is_not_good() {
    let alone = CLUSTER.split("---").next().unwrap();
    let verdict = verdict_of(alone, &[], &[], 10);
    assert!(!verdict.is_good());
    assert_eq!(verdict.nodes, 0);
}
