use super::*;
use crate::calico::{Label, Meta, NodeBgp, PeerRemote, Selector};

fn node(name: &str, labels: &[(&str, &str)]) -> Resource {
    let meta = Meta { labels: labels.iter().copied().collect(), ..Meta::named(name) };
    Resource::Node(Box::new(Node { meta, ..Node::default() }))
}

fn version(mut resource: Resource, version: &str) -> Resource {
    resource.meta_mut().resource_version = Some(version.into());
    resource
}

fn fault(text: &str) -> Fault {
    Fault { kind: None, name: None, text: text.to_owned() }
}

#[test]
fn only_what_differs_is_a_change() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.apply(version(node("a", &[("x", "1")]), "1")), Change::Added);
    let before = cluster.nodes()["a"].clone();
    assert_eq!(cluster.apply(version(node("a", &[("x", "1")]), "1")), Change::Unchanged);
    assert!(Arc::ptr_eq(&before, &cluster.nodes()["a"]));
    assert_eq!(cluster.apply(version(node("a", &[("x", "1")]), "2")), Change::Unchanged);
    assert_eq!(cluster.nodes()["a"].meta.resource_version.as_deref(), Some("2"));
    assert_eq!(before.meta.resource_version.as_deref(), Some("1"));
    assert_eq!(cluster.apply(version(node("a", &[("x", "2")]), "3")), Change::Changed);
    assert_eq!(cluster.nodes()["a"].meta.labels.get("x"), Some("2"));
    assert_eq!(cluster.remove(Kind::BgpPeer, "a"), Change::Unchanged);
    assert_eq!(cluster.remove(Kind::Node, "a"), Change::Removed);
    assert!(cluster.is_empty());
}

#[test]
fn a_bad_object_is_listed_and_its_last_good_version_counts() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.reject(Kind::BgpPeer, "p", fault("no")), Change::Added);
    assert_eq!(cluster.reject(Kind::BgpPeer, "p", fault("no")), Change::Unchanged);
    let key = (Kind::BgpPeer, Arc::from("p"));
    assert!(!cluster.rejected()[&key].last_good);
    assert_eq!(cluster.len(), 1);

    let remote = PeerRemote::Nodes(Selector::ALL);
    let peer = BgpPeer { meta: Meta::named("p"), remote, ..BgpPeer::default() };
    assert_eq!(cluster.apply(Resource::BgpPeer(Box::new(peer))), Change::Added);
    assert!(cluster.rejected().is_empty());
    assert_eq!(cluster.reject(Kind::BgpPeer, "p", fault("bad")), Change::Added);
    assert!(cluster.rejected()[&key].last_good);
    assert!(cluster.peers().contains_key("p"));
    assert_eq!(cluster.len(), 1);
    assert_eq!(cluster.names(Kind::BgpPeer), [Arc::from("p")]);
    assert_eq!(cluster.remove(Kind::BgpPeer, "p"), Change::Removed);
    assert!(cluster.is_empty() && cluster.rejected().is_empty());
}

#[test]
fn a_clone_shares_and_stays() {
    let mut cluster = Cluster::new();
    cluster.apply(node("a", &[]));
    let snapshot = cluster.clone();
    cluster.remove(Kind::Node, "a");
    assert!(snapshot.nodes().contains_key("a"));
    assert!(cluster.nodes().is_empty());
}

#[test]
fn blocks_come_from_affinities_and_from_pod_cidrs() {
    let mut cluster = Cluster::new();
    let affinity = |name: &str, kind, deleted| {
        Resource::BlockAffinity(Box::new(BlockAffinity {
            meta: Meta::named(name),
            node: "w1".into(),
            cidr: "10.244.3.64/26".parse().unwrap(),
            state: BlockState::Pending,
            kind,
            deleted,
        }))
    };
    cluster.apply(affinity("a", BlockKind::Host, false));
    cluster.apply(affinity("b", BlockKind::Virtual, false));
    cluster.apply(affinity("c", BlockKind::Host, true));
    let cidrs = || ["10.1.0.0/24".parse().unwrap(), "fd00:1::/64".parse().unwrap()].into();
    for (name, blocks) in [("w2", true), ("w3", false)] {
        let meta = Meta::named(name);
        let node =
            Node { meta, pod_cidrs: cidrs(), pod_cidrs_are_blocks: blocks, ..Node::default() };
        cluster.apply(Resource::Node(Box::new(node)));
    }
    let blocks: Vec<_> = cluster
        .blocks()
        .map(|block| format!("{} {} {:?}", block.node, block.cidr, block.state))
        .collect();
    let expected =
        ["w1 10.244.3.64/26 Pending", "w2 10.1.0.0/24 Confirmed", "w2 fd00:1::/64 Confirmed"];
    assert_eq!(blocks, expected);
}

#[test]
fn the_clusters_as_is_the_default_objects() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.default_as(), Asn(64_512));
    for (name, asn) in [("default", 64_600), ("other", 1)] {
        let as_number = Some(Asn(asn));
        let meta = Meta::named(name);
        let it = BgpConfiguration { meta, as_number, ..BgpConfiguration::default() };
        cluster.apply(Resource::BgpConfiguration(Box::new(it)));
    }
    assert_eq!(cluster.default_as(), Asn(64_600));
    assert!(cluster.node_configuration("w1").is_none());
}

#[test]
fn labels_are_kept_once_and_dropped_with_their_last_user() {
    let mut cluster = Cluster::new();
    let apply = |cluster: &mut Cluster, index: usize, generation: &str| {
        let (name, zone) = (format!("node-{index}"), format!("zone-{}", index % 3));
        let labels = [("zone", &*zone), ("host", &*name), ("generation", generation)];
        cluster.apply(node(&name, &labels));
    };
    for index in 0..5_000 {
        apply(&mut cluster, index, "1");
    }
    assert_eq!(cluster.labels.len(), 5_000 + 3 + 1);
    let [a, b] = ["node-0", "node-3"].map(|name| cluster.nodes()[name].meta.labels.clone());
    let zone = |labels: &Labels| labels.0.iter().find(|label| &*label.key == "zone").cloned();
    assert!(Arc::ptr_eq(&zone(&a).unwrap(), &zone(&b).unwrap()));
    let key = |labels: &Labels, at: usize| labels.0[at].key.clone();
    assert!(Arc::ptr_eq(&key(&a, 1), &key(&b, 1)), "keys of different pairs are one");
    drop((a, b));
    // A thousand generations leave no thousand pairs behind for long.
    for generation in 0..20_000 {
        apply(&mut cluster, 0, &generation.to_string());
    }
    assert!(cluster.labels.len() <= 2 * 5_005, "{}", cluster.labels.len());
    for index in 0..5_000 {
        cluster.remove(Kind::Node, &format!("node-{index}"));
    }
    assert!(cluster.labels.len() < 2_048, "{}", cluster.labels.len());
}

#[test]
fn a_node_is_small() {
    // The claim of `Node`, but for the heap: the value itself and, as Kubernetes has it, fifteen
    // labels of which fourteen are shared.
    assert!(size_of::<Node>() <= 408, "{}", size_of::<Node>());
    assert_eq!(size_of::<Arc<Label>>(), 8);
    assert!(size_of::<Option<NodeBgp>>() <= 48, "{}", size_of::<Option<NodeBgp>>());
}
