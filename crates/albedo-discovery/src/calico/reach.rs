//! Whom each node has sessions with, by its own side of all BGPPeers and of the mesh.
//!
//! It takes the nodes of each BGPPeer's two sides and the reflectors among them, never all pairs.

use std::net::IpAddr;

use super::expand::{Version, View};
use super::{BgpPeer, PeerRemote, ReversePeering};

/// Somebody who passes routes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reflector {
    /// A node with a cluster id, as an index into the view's members.
    Node(usize),
    /// An address that is no node's; it may be a reflector or any router.
    Address(IpAddr),
}

/// What a node has in one family.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// In order, each once.
    pub(super) reflectors: Vec<Reflector>,
    /// Whether it has sessions with nodes that are no reflectors.
    pub(super) others: bool,
}

impl Reach {
    /// Whether it has nobody.
    pub(super) const fn is_empty(&self) -> bool {
        self.reflectors.is_empty() && !self.others
    }
}

/// For each member of the view, in IPv4 and in IPv6.
pub(super) fn reach(view: &View<'_>) -> Vec<[Reach; 2]> {
    let mut reach = vec![<[Reach; 2]>::default(); view.members.len()];
    for peer in view.cluster.peers().values() {
        for (slot, version) in Version::BOTH.into_iter().enumerate() {
            one_peer(view, peer, version, slot, &mut reach);
        }
    }
    for (slot, version) in Version::BOTH.into_iter().enumerate() {
        if view.mesh() {
            let members = 0..view.members.len();
            let in_mesh: Vec<_> = members
                .filter(|index| view.members[*index].cluster_id().is_none())
                .filter(|index| view.members[*index].address(version).is_some())
                .collect();
            for &index in in_mesh.iter().filter(|_| in_mesh.len() > 1) {
                reach[index][slot].others = true;
            }
        }
    }
    for reach in reach.iter_mut().flatten() {
        reach.reflectors.sort_unstable();
        reach.reflectors.dedup();
    }
    reach
}

fn one_peer<'c>(
    view: &View<'c>,
    peer: &'c BgpPeer,
    version: Version,
    slot: usize,
    reach: &mut [[Reach; 2]],
) {
    if let PeerRemote::Address { ip, as_number, .. } = &peer.remote {
        if Version::of(*ip) != version {
            return;
        }
        if view.at(*ip).is_empty() {
            let reflector = Reflector::Address(*ip);
            for &index in view.near(peer).iter().filter(|_| as_number.is_some()) {
                if view.members[index].address(version).is_some() {
                    reach[index][slot].reflectors.push(reflector);
                }
            }
            return;
        }
    }
    let has_address = |index: &usize| view.members[*index].address(version).is_some();
    let near: Vec<_> = view.near(peer).iter().copied().filter(has_address).collect();
    let far: Vec<_> = view.far(peer).iter().copied().filter(has_address).collect();
    towards(view, &near, &far, slot, reach);
    if peer.reverse_peering == ReversePeering::Auto {
        towards(view, &far, &near, slot, reach);
    }
}

/// Gives nodes sessions with others.
fn towards(
    view: &View<'_>,
    nodes: &[usize],
    others: &[usize],
    slot: usize,
    reach: &mut [[Reach; 2]],
) {
    let is_reflector = |index: &usize| view.members[*index].cluster_id().is_some();
    let (reflectors, plain): (Vec<_>, Vec<_>) = others.iter().copied().partition(is_reflector);
    for &node in nodes {
        let there = &mut reach[node][slot];
        let peers = reflectors.iter().copied().filter(|index| *index != node);
        there.reflectors.extend(peers.map(Reflector::Node));
        // The first of the others that is not the node itself.
        there.others |= plain.iter().take(2).any(|index| *index != node);
    }
}
