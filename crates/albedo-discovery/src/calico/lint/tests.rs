//! The sessions beside each cluster of `tests/expansions` show the lints of it; here is what is
//! not seen there.

use std::collections::BTreeSet;

use super::*;
use crate::calico::{BgpPeer, Meta, Node, NodeBgp, PeerNodes, PeerRemote, Resource, Selector};

#[test]
fn names_are_words_and_no_two_are_the_same() {
    let names: BTreeSet<_> = LintId::ALL.iter().map(|id| id.name()).collect();
    assert_eq!(names.len(), LintId::ALL.len());
    assert!(LintId::ALL.is_sorted());
    for name in names {
        assert!(name.chars().all(|it| it.is_ascii_lowercase() || it == '-'), "{name}");
    }
}

#[test]
fn of_many_names_a_few_are_listed() {
    assert_eq!(listed(["a", "b"]), "a, b");
    assert_eq!(listed(["a"; EXAMPLES_MAX]), "a, a, a, a, a");
    assert_eq!(listed(["a"; EXAMPLES_MAX + 2]), "a, a, a, a, a and 2 more");
}

#[test]
fn our_own_address_is_known() {
    let mut cluster = Cluster::new();
    let ip: IpAddr = "10.0.9.9".parse().unwrap();
    cluster.apply(Resource::BgpPeer(Box::new(BgpPeer {
        meta: Meta::named("to-us"),
        remote: PeerRemote::Address { ip, port: None, as_number: Some(albedo_types::Asn(1)) },
        ..BgpPeer::default()
    })));
    let ids = |ours: Option<&Identity>| -> Vec<_> {
        lint(&cluster, ours).into_iter().map(|lint| lint.id).collect()
    };
    assert_eq!(ids(None), [LintId::UnknownAddress]);
    let ours = Identity::External {
        addresses: vec![(ip, Some(179))],
        asn: albedo_types::Asn(1),
        router_id: albedo_types::RouterId::new(1).unwrap(),
        cluster_id: albedo_types::ClusterId(1),
    };
    assert_eq!(ids(Some(&ours)), []);
}

#[test]
fn of_one_kind_there_are_not_more_than_can_be_read() {
    let lint = |id, count| {
        let lint = Lint { id, severity: Severity::Hint, text: "odd".to_owned() };
        vec![lint; count]
    };
    let full = [lint(LintId::EmptySelector, LINTS_MAX), lint(LintId::SameAddress, 1)].concat();
    assert_eq!(bounded(full.clone()), full);
    let over = [lint(LintId::EmptySelector, LINTS_MAX + 3), lint(LintId::SameAddress, 1)].concat();
    let kept = bounded(over);
    assert_eq!(kept.len(), LINTS_MAX + 1);
    assert_eq!(kept[LINTS_MAX - 1].text, "odd (and 3 more like this)");
    assert_eq!(kept[LINTS_MAX].text, "odd");
}

/// A lint is one for its cause, and what it costs does not grow with the pairs of nodes.
#[test]
fn a_large_cluster_has_few_lints() {
    let mut cluster = Cluster::new();
    for index in 0..5_000_u16 {
        let [high, low] = index.to_be_bytes();
        let ipv4 = std::net::Ipv4Addr::new(10, 0, high, low);
        let reflector = index % 500 == 0;
        let labels: &[_] = if reflector { &[("reflector", "")] } else { &[] };
        let meta =
            Meta { labels: labels.iter().copied().collect(), ..Meta::named(&format!("n{index}")) };
        let bgp = NodeBgp {
            ipv4: Some(ipv4.into()),
            cluster_id: reflector.then_some(albedo_types::ClusterId(1)),
            ..NodeBgp::default()
        };
        cluster.apply(Resource::Node(Box::new(Node { meta, bgp: Some(bgp), ..Node::default() })));
        if !reflector {
            cluster.apply(Resource::BgpPeer(Box::new(BgpPeer {
                meta: Meta::named(&format!("p{index}")),
                nodes: PeerNodes::Named(format!("n{index}").into()),
                remote: PeerRemote::Nodes(Selector::parse("has(reflector)").unwrap()),
                ..BgpPeer::default()
            })));
        }
    }
    let ids: Vec<_> = lint(&cluster, None).into_iter().map(|lint| lint.id).collect();
    // Reflectors have no sessions among themselves, but with the same nodes: that is no fault here.
    assert_eq!(ids, [LintId::MeshBesideReflectors]);
}
