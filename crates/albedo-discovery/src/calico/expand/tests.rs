//! Properties of the expansion for clusters made by chance, and what it costs for large ones.

use std::net::Ipv4Addr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::calico::{
    BgpConfiguration, BgpPeer, Ipv4Host, Ipv6Host, Labels, Meta, Node, NodeBgp, PeerNodes,
    PeerRemote, Resource, ReversePeering, Selector,
};

fn named(name: String, labels: &[(&str, &str)]) -> Meta {
    Meta { labels: labels.iter().copied().collect::<Labels>(), ..Meta::named(&name) }
}

fn node(index: u16, labels: &[(&str, &str)], cluster_id: Option<u32>) -> Node {
    let [high, low] = index.to_be_bytes();
    let bgp = NodeBgp {
        ipv4: Some(Ipv4Host::from(Ipv4Addr::new(10, 0, high, low))),
        cluster_id: cluster_id.map(ClusterId),
        ..NodeBgp::default()
    };
    Node { meta: named(format!("n{index}"), labels), bgp: Some(bgp), ..Node::default() }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

pub(in crate::calico) fn cluster(resources: Vec<Resource>) -> Cluster {
    let mut cluster = Cluster::new();
    for resource in resources {
        cluster.apply(resource);
    }
    cluster
}

fn as_node(name: &str) -> Identity {
    Identity::Node { name: name.into(), router_id: RouterIdSource::Hash }
}

/// 5,000 nodes, of which ten are reflectors.
fn large(peers: Vec<BgpPeer>) -> Cluster {
    let mut resources: Vec<_> = (0..5_000)
        .map(|index| {
            let reflector = index % 500 == 0;
            let labels: &[_] = if reflector { &[("reflector", "yes")] } else { &[("worker", "")] };
            Resource::Node(Box::new(node(index, labels, reflector.then_some(1))))
        })
        .collect();
    resources.extend(peers.into_iter().map(|peer| Resource::BgpPeer(Box::new(peer))));
    cluster(resources)
}

#[test]
fn a_large_cluster_costs_a_look_at_each_node_for_each_selector() {
    let peers = (0..4).map(|index| BgpPeer {
        meta: Meta::named(&format!("peer{index}")),
        nodes: PeerNodes::Matching(selector(["all()", "has(worker)"][index % 2])),
        remote: PeerRemote::Nodes(selector("has(reflector)")),
        ..BgpPeer::default()
    });
    let cluster = large(peers.collect());
    let view = View::new(&cluster);
    let me = view.named("n500").unwrap();
    let (sessions, _) = sessions::of_reflector(&view, me, ClusterId(1));
    assert_eq!(sessions.len(), 4_999);
    // all(), has(worker), has(reflector) for each node, and a few of the reflector's own.
    let evaluations = view.evaluations();
    assert!(evaluations <= 3 * 5_000 + 2 * 4, "{evaluations} evaluations");
}

#[test]
fn a_peer_for_each_node_does_not_cost_a_look_at_all_of_them() {
    let peers = (0..5_000).map(|index| BgpPeer {
        meta: Meta::named(&format!("peer{index}")),
        nodes: PeerNodes::Matching(selector(&format!("name == \"n{index}\" && has(worker)"))),
        remote: PeerRemote::Nodes(selector("has(reflector)")),
        ..BgpPeer::default()
    });
    let mut cluster = large(peers.collect());
    for node in cluster.clone().nodes().values() {
        let mut node = Node::clone(node);
        let labels: Vec<_> = node.meta.labels.iter().collect();
        let name = node.meta.name.clone();
        node.meta.labels = labels.into_iter().chain([("name", &*name)]).collect();
        cluster.apply(Resource::Node(Box::new(node)));
    }
    let view = View::new(&cluster);
    let me = view.named("n500").unwrap();
    let (sessions, _) = sessions::of_reflector(&view, me, ClusterId(1));
    assert_eq!(sessions.len(), 4_990);
    let evaluations = view.evaluations();
    assert!(evaluations <= 6 * 5_000, "{evaluations} evaluations");
}

#[test]
fn what_a_peer_does_not_notice_is_no_other_setting() {
    let reflector = Resource::Node(Box::new(node(1, &[("reflector", "yes")], Some(1))));
    let worker = Resource::Node(Box::new(node(2, &[], None)));
    let peer = |name: &str, nodes| BgpPeer {
        meta: Meta::named(name),
        nodes,
        remote: PeerRemote::Nodes(selector("has(reflector)")),
        ..BgpPeer::default()
    };
    let session = |peer: BgpPeer| {
        let peer = Resource::BgpPeer(Box::new(peer));
        let cluster = cluster(vec![reflector.clone(), worker.clone(), peer]);
        expand(&cluster, &as_node("n1")).unwrap().sessions.remove(0)
    };
    let one = session(peer("one", PeerNodes::Matching(Selector::ALL)));
    let other = session(peer("other", PeerNodes::Named("n2".into())));
    assert_ne!(one, other);
    assert!(one.same_settings(&other));
    let mut faster = peer("one", PeerNodes::Matching(Selector::ALL));
    faster.keepalive_time = Some(Duration::from_secs(9));
    assert!(!one.same_settings(&session(faster)));
}

prop_compose! {
    fn any_node(index: u16)(
        label in select(vec!["a", "b", ""]),
        cluster_id in select(vec![None, None, Some(1), Some(2)]),
        asn in select(vec![None, None, Some(Asn(65_001))]),
        families in 1..4_u8,
    ) -> Node {
        let labels: &[_] = if label.is_empty() { &[] } else { &[("group", label)] };
        let mut node = node(index, labels, cluster_id);
        let bgp = node.bgp.as_mut().unwrap();
        bgp.as_number = asn;
        if families != 1 {
            let address = std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, index);
            bgp.ipv6 = Some(Ipv6Host::from(address));
        }
        if families == 2 {
            bgp.ipv4 = None;
        }
        node
    }
}

fn any_selector() -> impl Strategy<Value = Selector> {
    let texts = vec!["all()", "has(group)", "!has(group)", "group == 'a'", "group != 'a'"];
    select(texts).prop_map(selector)
}

fn any_remote() -> impl Strategy<Value = PeerRemote> {
    let address = |index: u16, six: bool| -> IpAddr {
        let four = Ipv4Addr::new(10, 0, 0, index.to_be_bytes()[1]);
        let six_of = std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, index);
        if six { six_of.into() } else { four.into() }
    };
    let port = select(vec![None, None, Some(179), Some(1790)]);
    let asn = select(vec![None, Some(DEFAULT), Some(Asn(65_001))]);
    prop_oneof![
        2 => any_selector().prop_map(PeerRemote::Nodes),
        1 => (1..10_u16, any::<bool>(), port, asn).prop_map(move |(index, six, port, as_number)| {
            PeerRemote::Address { ip: address(index, six), port, as_number }
        }),
    ]
}

const DEFAULT: Asn = crate::calico::DEFAULT_AS;

prop_compose! {
    fn any_peer(index: usize)(
        nodes in prop_oneof![
            Just(PeerNodes::All),
            (1..9_u16).prop_map(|index| PeerNodes::Named(format!("n{index}").into())),
            any_selector().prop_map(PeerNodes::Matching),
        ],
        remote in any_remote(),
        manual in any::<bool>(),
        ttl in 0..3_u8,
    ) -> BgpPeer {
        BgpPeer {
            meta: Meta::named(&format!("p{index}")),
            nodes,
            remote,
            ttl_security: NonZeroU8::new(ttl),
            reverse_peering:
                if manual { ReversePeering::Manual } else { ReversePeering::Auto },
            ..BgpPeer::default()
        }
    }
}

pub(in crate::calico) fn any_resources() -> impl Strategy<Value = Vec<Resource>> {
    let nodes: Vec<_> = (1..8_u16).map(any_node).collect();
    let peers: Vec<_> = (0..4).map(any_peer).collect();
    let ports = vec(select(vec![None, None, Some(1_790)]), 3);
    (nodes, peers, ports).prop_map(|(nodes, peers, ports)| {
        let nodes = nodes.into_iter().map(|node| Resource::Node(Box::new(node)));
        let peers = peers.into_iter().map(|peer| Resource::BgpPeer(Box::new(peer)));
        let configuration = |(port, name): (Option<u16>, &str)| {
            Resource::BgpConfiguration(Box::new(BgpConfiguration {
                meta: Meta::named(name),
                listen_port: port.and_then(std::num::NonZeroU16::new),
                ..BgpConfiguration::default()
            }))
        };
        let ports = ports.into_iter().zip(["default", "node.n1", "node.n2"]);
        nodes.chain(peers).chain(ports.map(configuration)).collect()
    })
}

/// Whether a session is a peering among Calico nodes that both ends are told of: not a Manual one,
/// and not one by address whose AS or port is not the node's.
fn is_mutual(cluster: &Cluster, session: &Session) -> bool {
    let Source::BgpPeer(name) = &session.origin.source else { return false };
    let Some(node) = &session.origin.node else { return false };
    let peer = &cluster.peers()[name];
    if peer.reverse_peering == ReversePeering::Manual {
        return false;
    }
    let view = View::new(cluster);
    session.origin.direction == Direction::Reverse || view.is_far(peer, view.named(node).unwrap())
}

proptest! {
    #[test]
    fn what_a_reflector_expects_the_node_has(resources in any_resources()) {
        let cluster = cluster(resources);
        for node in cluster.nodes().values() {
            let Ok(speaker) = expand(&cluster, &as_node(&node.meta.name)) else { continue };
            for session in speaker.sessions {
                if !is_mutual(&cluster, &session) {
                    continue;
                }
                let theirs = expand_node(&cluster, session.origin.node.as_ref().unwrap());
                let back = theirs.iter().find(|back| {
                    back.address == session.local_address && back.origin.source != Source::Mesh
                });
                prop_assert!(back.is_some(), "{session:#?} has no other end in {theirs:#?}");
            }
        }
    }

    /// Among nodes whose sessions are with each other's own port, somebody connects, and not both.
    #[test]
    fn one_end_connects(resources in any_resources()) {
        let cluster = cluster(resources);
        for node in cluster.nodes().values() {
            let Ok(speaker) = expand(&cluster, &as_node(&node.meta.name)) else { continue };
            for session in speaker.sessions.iter().filter(|it| is_mutual(&cluster, it)) {
                let other = session.origin.node.as_ref().unwrap();
                let port = speaker.listen.iter().find(|it| {
                    it.is_ipv4() == session.local_address.is_ipv4()
                });
                let port = port.unwrap().port();
                let dials = match expand(&cluster, &as_node(other)) {
                    Ok(mate) => mate.sessions,
                    Err(_) => expand_node(&cluster, other),
                };
                let mut dials = dials.iter().filter(|back| {
                    back.address == session.local_address && back.key().port == port
                        && back.origin.source != Source::Mesh
                }).peekable();
                if dials.peek().is_none() {
                    continue;
                }
                let they = dials.any(|back| back.dial == Dial::Now);
                prop_assert_ne!(they, session.dial == Dial::Now, "{:#?}", session);
            }
        }
    }

    /// An external reflector has exactly the nodes that have it, and connects where they wait.
    #[test]
    fn an_external_reflector_is_the_other_end(resources in any_resources()) {
        let cluster = cluster(resources);
        let ip: IpAddr = "10.0.0.9".parse().unwrap();
        let external = Identity::External {
            addresses: vec![(ip, None)],
            asn: DEFAULT,
            router_id: RouterId::new(9).unwrap(),
            cluster_id: ClusterId(1),
        };
        let mut sessions = expand(&cluster, &external).unwrap().sessions;
        for node in cluster.nodes().values() {
            let theirs = expand_node(&cluster, &node.meta.name);
            let mut theirs = theirs.iter().filter(|it| it.address == ip && it.peer_asn == DEFAULT);
            let at = sessions.iter().position(|it| Some(it.address) == node.ipv4().map(IpAddr::V4));
            let ours = at.map(|at| sessions.remove(at));
            prop_assert_eq!(ours.is_some(), theirs.clone().next().is_some());
            if let Some(ours) = ours {
                let back = theirs.find(|back| back.ttl_security == ours.ttl_security);
                prop_assert!(back.is_some(), "{:#?} is not what the node has", ours);
                prop_assert_eq!(ours.dial, Dial::Never);
                prop_assert_eq!(ours.peer_asn, back.unwrap().local_asn);
            }
        }
        prop_assert!(sessions.is_empty(), "{:#?} with nobody", sessions);
    }

    #[test]
    fn the_order_of_resources_does_not_matter(
        (resources, shuffled) in any_resources().prop_flat_map(|resources| {
            (Just(resources.clone()), Just(resources).prop_shuffle())
        })
    ) {
        let (one, other) = (cluster(resources), cluster(shuffled));
        for node in one.nodes().values() {
            let name = &node.meta.name;
            prop_assert_eq!(expand(&one, &as_node(name)), expand(&other, &as_node(name)));
            prop_assert_eq!(expand_node(&one, name), expand_node(&other, name));
        }
        let external = Identity::External {
            addresses: vec![("10.0.0.9".parse().unwrap(), None)],
            asn: DEFAULT,
            router_id: RouterId::new(9).unwrap(),
            cluster_id: ClusterId(1),
        };
        prop_assert_eq!(expand(&one, &external), expand(&other, &external));
    }

    #[test]
    fn sessions_are_in_order_and_each_is_there_once(resources in any_resources()) {
        let cluster = cluster(resources);
        for node in cluster.nodes().values() {
            let sessions = expand_node(&cluster, &node.meta.name);
            let in_order = sessions.is_sorted_by(|one, other| {
                one.key() < other.key()
                    || (one.key() == other.key() && one.peer_asn != other.peer_asn)
            });
            prop_assert!(in_order);
            if let Ok(speaker) = expand(&cluster, &as_node(&node.meta.name)) {
                prop_assert!(speaker.sessions.is_sorted_by(|one, other| one.key() < other.key()));
            }
            for session in sessions {
                prop_assert!(node.ipv4().map(IpAddr::V4) != Some(session.address));
                prop_assert!(node.ipv6().map(IpAddr::V6) != Some(session.address));
                prop_assert_eq!(session.cluster_id.is_some(), session.role == PeerRole::Client);
                prop_assert_eq!(session.peer_asn != session.local_asn,
                    session.role == PeerRole::External);
            }
        }
    }
}
