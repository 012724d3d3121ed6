//! What the resources say that the nodes' sessions and routes are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use albedo_types::Prefix;

use super::index::{Index, slot};
use super::{Block, Peer, Subject, Unserved, Verdict, Verifier, is_host};
use crate::calico::expand::{Identity, Version, View};
use crate::calico::reach::{Reflector, reach};
use crate::calico::{BlockState, Cluster};

/// A node with this label, if it is `true`, announces no services.
const NO_SERVICES: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
const FAMILIES: [&str; 2] = ["IPv4", "IPv6"];

/// How a node holds a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// It should announce it.
    Expected,
    /// It may: it is about to give it up, its pool is not exported, or it has no session here.
    Allowed,
    /// It should not yet.
    Pending,
}

/// What of a pool matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pool {
    /// Whether services have addresses of it, which any node may announce.
    pub(super) serves: bool,
}

/// Names of nodes as indices, in the order they came.
#[derive(Debug, Default)]
struct Names {
    known: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    fn of(&mut self, name: &Arc<str>) -> u32 {
        let next = u32::try_from(self.names.len()).expect("there are at most a million objects");
        *self.known.entry(Arc::clone(name)).or_insert_with(|| {
            self.names.push(Arc::clone(name));
            next
        })
    }
}

pub(super) fn verifier(subject: &Subject<'_>, shown_max: usize) -> Verifier {
    let Subject { cluster, speaker, identity } = subject;
    let mut names = Names::default();
    let mut peers: HashMap<IpAddr, Peer> = HashMap::new();
    // Whom the reflector serves in which family.
    let mut served: HashSet<(u32, usize)> = HashSet::new();
    for session in &speaker.sessions {
        let node = session.origin.node.as_ref();
        let reflects = node
            .and_then(|name| cluster.nodes().get(name))
            .is_some_and(|node| node.cluster_id().is_some());
        let node = node.map(|name| names.of(name));
        served.extend(node.map(|node| (node, usize::from(session.address.is_ipv6()))));
        let peer = Peer { name: session.name.clone(), node, reflects };
        // Of two with one address only the first comes up.
        peers.entry(session.address).or_insert(peer);
    }
    let mut verdict = Verdict::default();
    let mut unserved = BTreeSet::new();
    for (name, family) in without(cluster, identity, &mut names, &served, &mut verdict) {
        let node = names.of(&name);
        unserved.insert(node);
        served.insert((node, family));
        verdict.unserved.add(Unserved { node: name, family: FAMILIES[family] }, shown_max);
    }
    let blocks = blocks(cluster, &mut names, &served);
    let services = services(cluster, &names, &served);
    let pools = cluster.pools().values();
    let pools = pools.map(|pool| (pool.cidr, Pool { serves: pool.allowed_uses.load_balancer }));
    Verifier {
        shown_max,
        names: names.names,
        peers,
        blocks: Index::new(blocks),
        pools: Index::new(pools.collect()),
        services: Index::new(services),
        unserved,
        verdict,
    }
}

/// Nodes with families in which no reflector serves them; those with other reflectors are counted.
fn without(
    cluster: &Cluster,
    identity: &Identity,
    names: &mut Names,
    served: &HashSet<(u32, usize)>,
    verdict: &mut Verdict,
) -> Vec<(Arc<str>, usize)> {
    let view = View::new(cluster);
    let us = match identity {
        Identity::Node { name, .. } => view.named(name),
        Identity::External { .. } => None,
    };
    let is_us = |reflector: &Reflector| match (reflector, identity) {
        (Reflector::Node(index), _) => Some(*index) == us,
        (Reflector::Address(at), Identity::External { addresses, .. }) => {
            addresses.iter().any(|(address, _)| address == at)
        }
        (Reflector::Address(_), Identity::Node { .. }) => false,
    };
    let mut found = Vec::new();
    for (index, (member, reach)) in view.members.iter().zip(reach(&view)).enumerate() {
        if Some(index) == us {
            continue;
        }
        let name = &member.node.meta.name;
        let node = names.of(name);
        let (mut has_us, mut has_others) = (false, false);
        for (family, version) in Version::BOTH.into_iter().enumerate() {
            if member.address(version).is_none() {
                continue;
            }
            if served.contains(&(node, family)) {
                has_us = true;
                continue;
            }
            let others = reach[family].reflectors.iter().any(|reflector| !is_us(reflector));
            // A reflector needs none above it, as long as somebody is there.
            let stands = member.cluster_id().is_some() && !reach[family].is_empty();
            if others || stands {
                has_others = true;
            } else {
                found.push((Arc::clone(name), family));
                has_us = true;
            }
        }
        verdict.elsewhere += usize::from(has_others && !has_us);
    }
    found
}

fn blocks(
    cluster: &Cluster,
    names: &mut Names,
    served: &HashSet<(u32, usize)>,
) -> Vec<(Prefix, Block)> {
    let hidden = cluster.pools().values().filter(|pool| pool.disable_bgp_export);
    let hidden = Index::new(hidden.map(|pool| (pool.cidr, ())).collect());
    let block = |block: crate::calico::Block<'_>| {
        let node = names.of(block.node);
        let is_told = served.contains(&(node, slot(block.cidr)))
            && hidden.around(block.cidr).next().is_none();
        let rank = match block.state {
            BlockState::Confirmed if is_told => Rank::Expected,
            BlockState::Confirmed | BlockState::PendingDeletion => Rank::Allowed,
            BlockState::Pending => Rank::Pending,
        };
        (block.cidr, Block { node, rank, was_seen: false })
    };
    cluster.blocks().map(block).collect()
}

/// Ranges of services, each with the nodes that should announce it.
fn services(
    cluster: &Cluster,
    names: &Names,
    served: &HashSet<(u32, usize)>,
) -> Vec<(Prefix, BTreeSet<u32>)> {
    let Some(configuration) = cluster.default_configuration() else { return Vec::new() };
    let announces = |node: &crate::calico::Node| {
        node.meta.labels.get(NO_SERVICES).is_none_or(|value| value != "true")
    };
    let announcers: Vec<u32> = cluster
        .nodes()
        .values()
        .filter(|node| announces(node))
        .filter_map(|node| names.known.get(&node.meta.name).copied())
        .collect();
    // A single address is announced by nodes that have an endpoint only, and so are those of load
    // balancers that are not aggregated; which these are nobody here knows.
    let aggregated = configuration.service_load_balancer_aggregation.unwrap_or(true);
    let cluster_ips = configuration.service_cluster_ips.iter().map(|cidr| (cidr, true));
    let external = configuration.service_external_ips.iter();
    let external = external.map(|cidr| (cidr, !is_host(*cidr)));
    let balancers = configuration.service_load_balancer_ips.iter();
    let balancers = balancers.map(|cidr| (cidr, aggregated && !is_host(*cidr)));
    let mut ranges: Vec<(Prefix, BTreeSet<u32>)> = Vec::new();
    for (cidr, is_expected) in cluster_ips.chain(external).chain(balancers) {
        let nodes = announcers.iter().copied().filter(|_| is_expected);
        let nodes = nodes.filter(|node| served.contains(&(*node, slot(*cidr))));
        ranges.push((*cidr, nodes.collect()));
    }
    ranges
}
