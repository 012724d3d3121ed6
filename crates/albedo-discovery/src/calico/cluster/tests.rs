use super::*;
use crate::calico::{Label, Meta, PeerRemote, Selector};

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

/// A node as Kubernetes has it: fifteen labels, of which two are its own.
fn kubernetes_node(index: usize) -> Resource {
    let name = format!("ip-10-20-{}-{}.eu-central-1.compute.internal", index / 256, index % 256);
    let mut labels = serde_json::json!({
        "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-id": format!("i-0123456789ab{index:05}"),
        "topology.kubernetes.io/zone": format!("eu-central-1{}", ["a", "b", "c"][index % 3]),
    });
    for common in 0..12 {
        labels[format!("example.org/label-of-all-nodes-{common}")] = "some-value".into();
    }
    let json = serde_json::json!({
        "metadata": {
            "name": name, "uid": format!("5ae6ad39-0b29-4a5f-8b4b-{index:012}"),
            "resourceVersion": (100_000_000 + index).to_string(), "labels": labels,
            "annotations": {
                "projectcalico.org/IPv4Address":
                    format!("10.20.{}.{}/16", index / 256, index % 256),
                "projectcalico.org/IPv4IPIPTunnelAddr": "10.244.0.1",
            }
        },
        "spec": { "podCIDRs": [format!("10.{}.{}.0/24", 100 + index / 256, index % 256)] },
        "status": {
            "addresses": [{ "type": "InternalIP", "address": "10.20.0.1" }],
            "conditions": [{ "type": "Ready", "status": "True" }]
        }
    });
    crate::calico::parse::kubernetes_node(&json, false).unwrap().0
}

/// Octets on the heap of an allocation, as most allocators round them.
const fn heap(octets: usize) -> usize {
    if octets == 0 { 0 } else { octets.next_multiple_of(16) + 8 }
}

/// Octets of a node in the cluster, without labels that other nodes have too.
fn octets(node: &Node, own_labels: usize) -> usize {
    let text = |text: &str| heap(text.len());
    let counted = |octets| heap(octets + 2 * size_of::<usize>());
    let meta = &node.meta;
    // Held by the node and by the set.
    let own = meta.labels.0.iter().filter(|label| Arc::strong_count(label) == 2);
    let own = own.map(|label| {
        // A slot of the set, which is at least 7/16 full, the pair, and its value.
        (size_of::<usize>() + 1) * 16 / 7 + counted(size_of::<Label>()) + counted(label.value.len())
    });
    let own: Vec<usize> = own.collect();
    assert_eq!(own.len(), own_labels);
    counted(size_of::<Node>())
        + counted(meta.name.len())
        + heap(size_of_val(&*meta.labels.0))
        + own.iter().sum::<usize>()
        + meta.uid.as_deref().map_or(0, text)
        + meta.resource_version.as_deref().map_or(0, text)
        + heap(size_of_val(&*node.addresses))
        + heap(size_of_val(&*node.pod_cidrs))
        + heap(size_of_val(&*node.orch_refs))
        + node.orch_refs.iter().map(|it| text(&it.orchestrator)).sum::<usize>()
        + node.orch_refs.iter().filter_map(|it| it.node_name.as_deref()).map(text).sum::<usize>()
        // Key and value in a tree whose nodes are at least half full.
        + 2 * (size_of::<Arc<str>>() + size_of::<Arc<Node>>())
}

#[test]
fn five_thousand_nodes_of_kubernetes_are_a_few_megabytes() {
    let mut cluster = Cluster::new();
    for index in 0..5_000 {
        cluster.apply(kubernetes_node(index));
    }
    assert_eq!(cluster.labels.len(), 2 * 5_000 + 3 + 12);
    let all: usize = cluster.nodes().values().map(|node| octets(node, 2)).sum();
    let each = all / cluster.nodes().len();
    // What the documentation of `Cluster` says.
    assert!((900..=1_300).contains(&each), "{each} octets for each node");
    assert_eq!(size_of::<Arc<Label>>(), 8, "a label that is shared");
}
