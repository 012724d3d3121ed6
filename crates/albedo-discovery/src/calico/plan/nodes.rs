//! Nodes as reflectors: a cluster id, a label, and BGPPeers that select by it.

use std::net::IpAddr;
use std::sync::Arc;

use albedo_types::ClusterId;

use super::links::Links;
use super::{Change, LABEL, Maker, PlanError, wait_for};
use crate::calico::expand::{ExpandError, Identity, RouterIdSource};
use crate::calico::lint::Severity;
use crate::calico::{
    BgpPeer, Cluster, Expression, Labels, Meta, Node, NodeBgp, PeerNodes, PeerRemote, Resource,
    Selector,
};

pub(super) fn steps(
    maker: &mut Maker,
    names: &[Arc<str>],
    cluster_id: ClusterId,
    label: Option<(&str, &str)>,
) -> Result<(), PlanError> {
    let mut targets: Vec<Arc<Node>> = Vec::new();
    for name in names {
        let missing = || PlanError::Node(ExpandError::NodeMissing(name.clone()));
        let node = maker.now.nodes().get(name).ok_or_else(missing)?;
        if node.ipv4().is_none() && node.ipv6().is_none() {
            return Err(PlanError::Node(ExpandError::NodeWithoutAddress(name.clone())));
        }
        if !targets.iter().any(|known| known.meta.name == *name) {
            targets.push(node.clone());
        }
    }
    if targets.is_empty() {
        return Err(PlanError::Nobody);
    }
    let inferred = label.is_none().then(|| asked_for(&maker.now)).flatten();
    let own = (LABEL.0.to_owned(), LABEL.1.to_owned());
    let label = label.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let label = label.or(inferred).unwrap_or(own);

    let with_ids = changed(&maker.now, &targets, cluster_id, None);
    let (patches, after) = if is_served(&with_ids.1, &targets) {
        with_ids
    } else {
        changed(&maker.now, &targets, cluster_id, Some(&label))
    };
    let peers = missing_peers(&after, &targets, &label);
    note_what_is_there(maker, &targets, &label, &patches);

    // Who has the label already would be everybody's peer as soon as there are BGPPeers, and is
    // still in the mesh: those have to leave it first.
    let early =
        maker.now.nodes().values().any(|node| {
            node.cluster_id().is_none() && reflectors(&label).matches(&node.meta.labels)
        });
    if early {
        patch_nodes(maker, patches);
        create_peers(maker, peers, &targets);
    } else {
        create_peers(maker, peers, &targets);
        patch_nodes(maker, patches);
    }
    if !is_served(&maker.now, &targets) {
        let text =
            "not every node gets a session with every reflector: a BGPPeer of reversePeering \
                    Manual, another AS or another port stands in the way"
                .to_owned();
        maker.trap("not-served", Severity::Error, text);
    }
    Ok(())
}

fn patch_nodes(maker: &mut Maker, patches: Vec<Change>) {
    for patch in patches {
        let name = patch.resource().name().clone();
        let title = format!("Make {name} a reflector");
        let undo = format!("Make {name} a plain node again");
        let identity = identity(&name);
        maker.step(title, undo, vec![patch], |now| wait_for(now, &identity, &name));
    }
}

fn create_peers(maker: &mut Maker, peers: Vec<Change>, targets: &[Arc<Node>]) {
    if peers.is_empty() {
        return;
    }
    let title = "Make the peerings with whoever is a reflector by its label".to_owned();
    let undo = "Take the peerings with reflectors away".to_owned();
    let identity = identity(&targets[0].meta.name);
    let name = targets[0].meta.name.clone();
    maker.step(title, undo, peers, |now| wait_for(now, &identity, &name));
}

fn identity(name: &Arc<str>) -> Identity {
    Identity::Node { name: name.clone(), router_id: RouterIdSource::default() }
}

/// The label that BGPPeers of the cluster mark reflectors with.
fn asked_for(cluster: &Cluster) -> Option<(String, String)> {
    cluster.peers().values().find_map(|peer| {
        let PeerRemote::Nodes(selector) = &peer.remote else { return None };
        match selector.expression() {
            Expression::Has(key) => Some((key.to_string(), LABEL.1.to_owned())),
            Expression::Equal(key, value) => Some((key.to_string(), value.to_string())),
            _ => None,
        }
    })
}

/// The changes of nodes, and the cluster with them.
fn changed(
    cluster: &Cluster,
    targets: &[Arc<Node>],
    cluster_id: ClusterId,
    label: Option<&(String, String)>,
) -> (Vec<Change>, Cluster) {
    let mut after = cluster.clone();
    let mut changes = Vec::new();
    for target in targets {
        let mut node = Node::clone(target);
        let bgp = node.bgp.get_or_insert_with(NodeBgp::default);
        bgp.cluster_id.get_or_insert(cluster_id);
        if let Some((key, value)) = label
            && !reflectors(&(key.clone(), value.clone())).matches(&node.meta.labels)
        {
            let labels = node.meta.labels.iter().chain([(&**key, &**value)]);
            node.meta.labels = labels.collect::<Labels>();
        }
        if node != **target {
            let before = Resource::Node(Box::new(Node::clone(target)));
            let change = Change::replace(before, Resource::Node(Box::new(node)));
            change.apply(&mut after);
            changes.push(change);
        }
    }
    (changes, after)
}

/// Whether every node has a session with each of the targets, by BGPPeers.
fn is_served(cluster: &Cluster, targets: &[Arc<Node>]) -> bool {
    let links = Links::of(cluster);
    let pairs = targets
        .iter()
        .flat_map(|target| cluster.nodes().values().map(move |node| (&**target, &**node)));
    let mut pairs = pairs.filter(|(target, node)| target.meta.name != node.meta.name);
    pairs.all(|(target, node)| {
        let both4 = target.ipv4().zip(node.ipv4());
        let both4 = both4.map(|(one, other)| (IpAddr::V4(one), IpAddr::V4(other)));
        let both6 = target.ipv6().zip(node.ipv6());
        let both6 = both6.map(|(one, other)| (IpAddr::V6(one), IpAddr::V6(other)));
        both4.into_iter().chain(both6).all(|(one, other)| links.has_peering(one, other))
    })
}

/// The BGPPeers that it takes: nodes to reflectors, and if need be reflectors among themselves.
fn missing_peers(
    cluster: &Cluster,
    targets: &[Arc<Node>],
    label: &(String, String),
) -> Vec<Change> {
    if is_served(cluster, targets) {
        return Vec::new();
    }
    let make = |name: &str, near: Selector| {
        let peer = BgpPeer {
            meta: Meta::named(&free(cluster, name)),
            nodes: PeerNodes::Matching(near),
            remote: PeerRemote::Nodes(reflectors(label)),
            ..BgpPeer::default()
        };
        Change::Create(Resource::BgpPeer(Box::new(peer)))
    };
    let of_nodes = make("nodes-to-reflectors", others(label));
    let of_reflectors = make("reflectors-among-themselves", reflectors(label));
    // As few as will do.
    for change in [&of_nodes, &of_reflectors] {
        let mut after = cluster.clone();
        change.apply(&mut after);
        if is_served(&after, targets) {
            return vec![change.clone()];
        }
    }
    vec![of_nodes, of_reflectors]
}

/// A name that no BGPPeer has.
pub(super) fn free(cluster: &Cluster, name: &str) -> String {
    let taken = |name: &str| cluster.peers().contains_key(name);
    if !taken(name) {
        return name.to_owned();
    }
    // One of so many is free.
    let mut names = (2..).map(|number| format!("{name}-{number}"));
    names.find(|name| !taken(name)).unwrap_or_default()
}

/// Those with the label. The usual value is asked for as `has`, as in Calico's own examples.
fn reflectors((key, value): &(String, String)) -> Selector {
    let text =
        if value == LABEL.1 { format!("has({key})") } else { format!("{key} == {}", quote(value)) };
    Selector::parse(&text).unwrap_or_default()
}

/// Those without.
fn others((key, value): &(String, String)) -> Selector {
    let text = if value == LABEL.1 {
        format!("!has({key})")
    } else {
        format!("{key} != {}", quote(value))
    };
    Selector::parse(&text).unwrap_or_default()
}

fn quote(value: &str) -> String {
    format!("\"{value}\"")
}

fn note_what_is_there(
    maker: &mut Maker,
    targets: &[Arc<Node>],
    label: &(String, String),
    patches: &[Change],
) {
    for target in targets {
        let name = &target.meta.name;
        if let Some(id) = target.cluster_id() {
            maker.there.push(format!("{name} is a reflector with the cluster id {id}"));
        }
        let patched = patches.iter().any(|change| change.resource().name() == name);
        if reflectors(label).matches(&target.meta.labels) && !patched {
            maker.there.push(format!("{name} has the label {}", label.0));
        }
    }
    let is_target = |node: &Node| targets.iter().any(|it| it.meta.name == node.meta.name);
    let marked = maker.now.nodes().values().filter(|node| {
        !is_target(node)
            && node.cluster_id().is_none()
            && reflectors(label).matches(&node.meta.labels)
    });
    let marked: Vec<String> = marked.map(|node| node.meta.name.to_string()).collect();
    if !marked.is_empty() {
        let text = format!(
            "the label {} is on nodes that are no reflectors: {}. Every node would have a session \
             with them; take the label off, or choose another one (--label)",
            label.0,
            super::traps::some(&marked)
        );
        maker.trap("label-elsewhere", Severity::Warning, text);
    }
}
