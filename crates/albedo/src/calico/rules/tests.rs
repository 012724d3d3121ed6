use albedo_discovery::calico::expand::{Identity, RouterIdSource, expand};
use albedo_discovery::calico::parse;
use albedo_types::Asn;
use albedo_types::policy::Community;

use super::*;

/// A reflector and a node, with what else the test needs.
const NODES: &str = "
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: rr}
spec: {bgp: {ipv4Address: 10.0.0.1/24, routeReflectorClusterID: 244.0.0.1}}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: w1}
spec: {bgp: {ipv4Address: 10.0.0.31/24}}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: nodes}
spec: {nodeSelector: all(), peerSelector: all(), filters: [one, two, gone]}
";

fn cluster(more: &str) -> Cluster {
    let mut cluster = Cluster::new();
    for document in parse::documents(&format!("{NODES}---{more}"), "test.yaml").resources {
        cluster.apply(document.expect("a resource").0);
    }
    cluster
}

/// Import and export of the session with w1.
fn rules(
    cluster: &Cluster,
    export: CalicoExport,
    checks: IpamCheck,
) -> (Option<Rules>, Option<Rules>) {
    let kept = Filters::new();
    let identity = Identity::Node { name: "rr".into(), router_id: RouterIdSource::NodeIpv4 };
    let speaker = expand(cluster, &identity).expect("a reflector");
    let session = speaker.sessions.iter().find(|it| it.name == "Node_10_0_0_31").expect("w1");
    let rules = ClusterRules::new((cluster, &kept), Some("rr"), export, checks);
    (rules.import(session), rules.export(session))
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

fn within(text: &str, min: u8, max: u8) -> PrefixRange {
    PrefixRange { prefix: prefix(text), min, max }
}

const V4: FamilySet = FamilySet::of(Family::Ipv4Unicast);

#[test]
fn without_filters_all_is_told_and_taken() {
    assert_eq!(rules(&cluster(""), CalicoExport::All, IpamCheck::Warn), (None, None));
}

#[test]
fn filters_are_asked_in_order_and_each_criterion_counts() {
    let cluster = cluster(
        "
apiVersion: projectcalico.org/v3
kind: BGPFilter
metadata: {name: two}
spec:
  importV4: [{action: Reject}]
  importV6: [{cidr: 'fd00::/8', matchOperator: NotIn, action: Reject}]
---
apiVersion: projectcalico.org/v3
kind: BGPFilter
metadata: {name: one}
spec:
  exportV4:
  - {interface: eth0, action: Reject}
  - {cidr: 10.1.0.0/16, matchOperator: Equal, source: RemotePeers, action: Reject}
  importV4:
  - cidr: 10.244.0.0/16
    matchOperator: In
    prefixLength: {min: 24, max: 30}
    peerType: iBGP
    communities: {values: ['64512:7']}
    asPathPrefix: [64513]
    priority: 1024
    action: Accept
    operations:
    - addCommunity: {value: '1:2:3'}
    - prependASPath: {prefix: [1, 2]}
    - prependASPath: {prefix: [3]}
    - setPriority: {value: 512}
",
    );
    let (import, export) = rules(&cluster, CalicoExport::All, IpamCheck::Off);
    let exact = When {
        families: Some(V4),
        prefixes: Some(vec![within("10.1.0.0/16", 16, 16)]),
        ..When::default()
    };
    let export = export.expect("rules");
    assert_eq!((export.rules, export.accepts_rest), (vec![rule(exact, Then::Reject)], true));
    let first = Rule {
        when: When {
            families: Some(V4),
            prefixes: Some(vec![within("10.244.0.0/16", 24, 30)]),
            communities: Some(vec![Community::Standard(64_512 << 16 | 7)]),
            as_path_prefix: vec![Asn(64_513)],
            local_pref: Some((2_147_482_623, 2_147_482_623)),
            peer: Some(Side::Internal),
            ..When::default()
        },
        change: Change {
            add_communities: vec![Community::Large([1, 2, 3])],
            prepend: vec![Asn(3), Asn(1), Asn(2)],
            local_pref: Some(2_147_483_135),
            ..Change::default()
        },
        then: Then::Accept,
    };
    let all_v4 = When { families: Some(V4), ..When::default() };
    let v6 = When {
        families: Some(FamilySet::of(Family::Ipv6Unicast)),
        not_prefixes: vec![within("fd00::/8", 8, 128)],
        ..When::default()
    };
    let expected = vec![first, rule(all_v4, Then::Reject), rule(v6, Then::Reject)];
    let import = import.expect("rules");
    assert_eq!((import.rules, import.accepts_rest), (expected, true));
}

const POOLS: &str = "
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pods}
spec: {cidr: 10.244.0.0/16}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: secret}
spec: {cidr: 10.99.0.0/16, disableBGPExport: true}
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec:
  serviceClusterIPs: [{cidr: 10.96.0.0/12}]
  serviceLoadBalancerIPs: [{cidr: 203.0.113.0/25}]
  prefixAdvertisements: [{cidr: 203.0.113.0/25, communities: ['64600:77']}]
";

#[test]
fn as_calicos_reflector_it_tells_pools_and_services_only() {
    let (import, export) = rules(&cluster(POOLS), CalicoExport::Calico, IpamCheck::Off);
    assert_eq!(import, None);
    let export = export.expect("rules");
    assert!(!export.accepts_rest);
    let community = Rule {
        when: prefixes(vec![within("203.0.113.0/25", 25, 32)]),
        change: Change {
            add_communities: vec![Community::Standard(64_600 << 16 | 77)],
            ..Change::default()
        },
        then: Then::Next,
    };
    let told = vec![
        within("10.244.0.0/16", 16, 32),
        within("10.96.0.0/12", 12, 32),
        within("203.0.113.0/25", 25, 32),
    ];
    let expected = vec![
        rule(prefixes(vec![within("10.99.0.0/16", 16, 32)]), Then::Reject),
        community,
        rule(prefixes(told), Then::Accept),
    ];
    assert_eq!(export.rules, expected);
}

#[test]
fn a_node_that_may_not_announce_others_blocks_keeps_its_own() {
    let blocks = "
apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata: {name: w1-block}
spec: {node: w1, cidr: 10.244.3.64/26, state: confirmed}
---
apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata: {name: w1-pending}
spec: {node: w1, cidr: 10.244.4.0/26, state: pending}
";
    let cluster = cluster(&format!("{POOLS}---{blocks}"));
    let (import, _) = rules(&cluster, CalicoExport::All, IpamCheck::Reject);
    let pools = vec![within("10.244.0.0/16", 16, 32), within("10.99.0.0/16", 16, 32)];
    let expected = vec![
        rule(prefixes(vec![within("10.244.3.64/26", 26, 32)]), Then::Accept),
        rule(prefixes(pools), Then::Reject),
    ];
    let import = import.expect("rules");
    assert_eq!((import.rules, import.accepts_rest), (expected, true));
    assert_eq!(rules(&cluster, CalicoExport::All, IpamCheck::Warn).0, None);
}
