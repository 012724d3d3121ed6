//! Which pairs of addresses have a session, by both of their sides.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::calico::Cluster;
use crate::calico::expand::{Source, expand_nodes};

/// What says that two addresses have a session. Both at once cannot be up: BIRD takes a connection
/// for the one or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Why {
    mesh: bool,
    peering: bool,
}

/// The sessions of a cluster. What only one of two nodes is configured for is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// By both addresses, the smaller one first.
    pairs: BTreeMap<(IpAddr, IpAddr), Why>,
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

impl Links {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let mut names = BTreeMap::new();
        for node in cluster.nodes().values() {
            let addresses = [node.ipv4().map(IpAddr::V4), node.ipv6().map(IpAddr::V6)];
            for address in addresses.into_iter().flatten() {
                names.entry(address).or_insert_with(|| node.meta.name.clone());
            }
        }
        // What the side with the greater address wants comes first or second, as names have it.
        let mut waiting: HashSet<(IpAddr, IpAddr, bool)> = HashSet::new();
        let mut pairs: BTreeMap<(IpAddr, IpAddr), Why> = BTreeMap::new();
        expand_nodes(cluster, |_, sessions| {
            for session in sessions {
                let (ours, theirs) = (session.local_address, session.address);
                let mesh = session.origin.source == Source::Mesh;
                if names.contains_key(&theirs) && !waiting.remove(&(theirs, ours, mesh)) {
                    waiting.insert((ours, theirs, mesh));
                    continue;
                }
                let why = pairs.entry((ours.min(theirs), ours.max(theirs))).or_default();
                why.mesh |= mesh;
                why.peering |= !mesh;
            }
        });
        Self { pairs, names }
    }

    /// How many there are.
    pub(super) fn sessions(&self) -> usize {
        self.pairs.len()
    }

    /// Whether two addresses have a session by a BGPPeer.
    pub(super) fn has_peering(&self, one: IpAddr, other: IpAddr) -> bool {
        self.pairs.get(&(one.min(other), one.max(other))).is_some_and(|why| why.peering)
    }

    /// Pairs that the mesh and a BGPPeer both claim.
    pub(super) fn doubled(&self) -> usize {
        self.pairs.values().filter(|why| why.mesh && why.peering).count()
    }

    /// Who has sessions, and in which family.
    fn served(&self) -> BTreeSet<Loss> {
        let ends = self.pairs.keys().flat_map(|(one, other)| [*one, *other]);
        let mut seen = HashSet::new();
        let ends = ends.filter(|end| seen.insert(*end));
        let name =
            |end: IpAddr| Some(Loss { node: self.names.get(&end)?.clone(), family: family(end) });
        ends.filter_map(name).collect()
    }

    /// What it takes from here to there.
    pub(super) fn to(&self, after: &Self) -> Effect {
        let up = after.pairs.keys().filter(|pair| !self.pairs.contains_key(pair)).count();
        let gone = self.pairs.keys().filter(|pair| !after.pairs.contains_key(pair)).count();
        // Of two that claim the same, the mesh's is the one that was there.
        let first = |why: &Why| why.mesh;
        let restart = self.pairs.iter().filter(|(pair, why)| {
            after.pairs.get(pair).is_some_and(|now| first(why) != first(now))
        });
        let losing = &self.served() - &after.served();
        Effect {
            before: self.sessions(),
            after: after.sessions(),
            up,
            gone,
            restart: restart.count(),
            losing: losing.into_iter().collect(),
        }
    }
}
