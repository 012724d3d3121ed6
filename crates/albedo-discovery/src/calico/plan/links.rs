//! Which pairs of addresses have a session, by both of their sides.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::calico::Cluster;
use crate::calico::expand::{expand_peerings, mesh_addresses};

/// Two addresses, the smaller one first.
type Pair = (IpAddr, IpAddr);

/// The sessions of a cluster. What only one of two nodes is configured for is none.
///
/// Pairs of the mesh are counted, not listed, so memory and time go with the nodes and the
/// sessions of BGPPeers.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// Each has a session with every other one of its family.
    mesh: BTreeSet<IpAddr>,
    /// Who has a session by a BGPPeer. Both it and the mesh's cannot be up: BIRD takes a
    /// connection for the one or the other.
    peerings: BTreeSet<Pair>,
    names: BTreeMap<IpAddr, Arc<str>>,
}

/// What a step does to sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Sessions before it.
    pub before: usize,
    /// Sessions after it.
    pub after: usize,
    /// So many come up that there were not.
    pub up: usize,
    /// So many go and do not come back.
    pub gone: usize,
    /// So many go and come up again, as the mesh's or as a BGPPeer's.
    pub restart: usize,
    /// Who has sessions before it and none after it.
    pub losing: Vec<Loss>,
}

/// A node that loses all its sessions of a family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// Its name.
    pub node: Arc<str>,
    /// `IPv4` or `IPv6`.
    pub family: &'static str,
}

const fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IPv4",
        IpAddr::V6(_) => "IPv6",
    }
}

/// So many addresses of the one family and of the other.
fn by_family<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> [usize; 2] {
    addresses.fold([0, 0], |[v4, v6], address| match address {
        IpAddr::V4(_) => [v4 + 1, v6],
        IpAddr::V6(_) => [v4, v6 + 1],
    })
}

/// Sessions of everybody with everybody, in each family.
fn pairs_of(members: [usize; 2]) -> usize {
    members.iter().map(|count| count * count.saturating_sub(1) / 2).sum()
}

impl Links {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let mut names = BTreeMap::new();
        for node in cluster.nodes().values() {
            let addresses = [node.ipv4().map(IpAddr::V4), node.ipv6().map(IpAddr::V6)];
            for address in addresses.into_iter().flatten() {
                names.entry(address).or_insert_with(|| node.meta.name.clone());
            }
        }
        // What the one side wants waits for the other.
        let mut waiting: HashSet<Pair> = HashSet::new();
        let mut peerings: BTreeSet<Pair> = BTreeSet::new();
        expand_peerings(cluster, |sessions| {
            for session in sessions {
                let (ours, theirs) = (session.local_address, session.address);
                if names.contains_key(&theirs) && !waiting.remove(&(theirs, ours)) {
                    waiting.insert((ours, theirs));
                    continue;
                }
                peerings.insert((ours.min(theirs), ours.max(theirs)));
            }
        });
        Self { mesh: mesh_addresses(cluster), peerings, names }
    }

    /// How many there are.
    pub(super) fn sessions(&self) -> usize {
        pairs_of(by_family(self.mesh.iter())) + self.peerings.len() - self.doubled()
    }

    /// Whether two addresses have a session by a BGPPeer.
    pub(super) fn has_peering(&self, one: IpAddr, other: IpAddr) -> bool {
        self.peerings.contains(&(one.min(other), one.max(other)))
    }

    /// Whether a pair of one family has a session by the mesh.
    fn in_mesh(&self, (one, other): &Pair) -> bool {
        self.mesh.contains(one) && self.mesh.contains(other)
    }

    fn has(&self, pair: &Pair) -> bool {
        self.in_mesh(pair) || self.peerings.contains(pair)
    }

    /// Pairs that the mesh and a BGPPeer both claim.
    pub(super) fn doubled(&self) -> usize {
        self.peerings.iter().filter(|pair| self.in_mesh(pair)).count()
    }

    /// Who has sessions, and in which family.
    fn served(&self) -> BTreeSet<Loss> {
        let members = by_family(self.mesh.iter());
        let alone = |end: &IpAddr| members[usize::from(end.is_ipv6())] < 2;
        let of_mesh = self.mesh.iter().copied().filter(|end| !alone(end));
        let of_peers = self.peerings.iter().flat_map(|(one, other)| [*one, *other]);
        let name =
            |end: IpAddr| Some(Loss { node: self.names.get(&end)?.clone(), family: family(end) });
        let ends: HashSet<IpAddr> = of_mesh.chain(of_peers).collect();
        ends.into_iter().filter_map(name).collect()
    }

    /// Pairs that have a session here and none there.
    fn missing_in(&self, there: &Self) -> usize {
        let common = by_family(self.mesh.intersection(&there.mesh));
        let mesh = pairs_of(by_family(self.mesh.iter())) - pairs_of(common);
        // Some of these have one there all the same, by a BGPPeer.
        let kept = there.peerings.iter().filter(|pair| self.in_mesh(pair) && !there.in_mesh(pair));
        let peerings = self.peerings.iter().filter(|pair| !self.in_mesh(pair) && !there.has(pair));
        mesh - kept.count() + peerings.count()
    }

    /// Pairs whose session a BGPPeer has here, and the mesh there.
    fn taken_by_mesh(&self, there: &Self) -> usize {
        // Of two that claim the same, the mesh's is the one that was there.
        let taken = |pair: &&Pair| !self.in_mesh(pair) && there.in_mesh(pair);
        self.peerings.iter().filter(taken).count()
    }

    /// What it takes from here to there.
    pub(super) fn to(&self, after: &Self) -> Effect {
        let losing = &self.served() - &after.served();
        Effect {
            before: self.sessions(),
            after: after.sessions(),
            up: after.missing_in(self),
            gone: self.missing_in(after),
            restart: self.taken_by_mesh(after) + after.taken_by_mesh(self),
            losing: losing.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
