//! A snapshot of a cluster: every resource by its name, and what is wrong with the bad ones.

mod interner;

use std::collections::BTreeMap;
use std::sync::Arc;

use albedo_types::{Asn, Prefix};

use super::{
    BgpConfiguration, BgpFilter, BgpPeer, BlockAffinity, BlockKind, BlockState, ClusterInformation,
    DEFAULT_AS, Fault, IpPool, Kind, Labels, Node, Resource,
};
use interner::Interner;

/// Objects of all kinds at most, bad ones included: what thousands of nodes with dozens of blocks
/// each have, several times over.
pub const OBJECTS_MAX: usize = 1_000_000;

/// Resources of one kind by name.
type ByName<T> = BTreeMap<Arc<str>, Arc<T>>;

/// All resources of a cluster.
///
/// A clone shares the resources. Pairs of label and value are kept once for all objects: a node of
/// Kubernetes with fifteen labels, two of them its own, takes about 1.1 kB (measured: 1,095 octets
/// for each of 50,000), so five thousand of them are some 5.5 MB.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    nodes: ByName<Node>,
    peers: ByName<BgpPeer>,
    configurations: ByName<BgpConfiguration>,
    filters: ByName<BgpFilter>,
    pools: ByName<IpPool>,
    affinities: ByName<BlockAffinity>,
    information: ByName<ClusterInformation>,
    rejected: BTreeMap<(Kind, Arc<str>), Rejected>,
    labels: Interner,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was none of that name.
    Added,
    /// It is another now.
    Changed,
    /// It is gone.
    Removed,
    /// It is as before, but for its version.
    Unchanged,
    /// It was not taken: there are [`OBJECTS_MAX`].
    Refused,
}

/// An object that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub fault: Fault,
    /// Whether an earlier version of it, which was good, is still what counts.
    pub last_good: bool,
}

/// A block and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'c> {
    /// The node.
    pub node: &'c Arc<str>,
    /// The block.
    pub cidr: Prefix,
    /// How far it is the node's.
    pub state: BlockState,
}

impl Cluster {
    /// A cluster with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a resource in, in place of the one of its kind and name.
    ///
    /// What differs from it in its version alone is [`Change::Unchanged`]: a kubelet writes to its
    /// node every few seconds.
    pub fn apply(&mut self, resource: Resource) -> Change {
        let (kind, name) = (resource.kind(), resource.name().clone());
        let known = self.contains(kind, &name) || self.rejected.contains_key(&(kind, name.clone()));
        if !known && self.len() == OBJECTS_MAX {
            return Change::Refused;
        }
        let labels = &mut self.labels;
        let change = match resource {
            Resource::Node(it) => put(&mut self.nodes, *it, labels),
            Resource::BgpPeer(it) => put(&mut self.peers, *it, labels),
            Resource::BgpConfiguration(it) => put(&mut self.configurations, *it, labels),
            Resource::BgpFilter(it) => put(&mut self.filters, *it, labels),
            Resource::IpPool(it) => put(&mut self.pools, *it, labels),
            Resource::BlockAffinity(it) => put(&mut self.affinities, *it, labels),
            Resource::ClusterInformation(it) => put(&mut self.information, *it, labels),
        };
        self.rejected.remove(&(kind, name));
        change
    }

    /// Notes that an object cannot be read. An earlier version that was good stays in force.
    pub fn reject(&mut self, kind: Kind, name: &str, fault: Fault) -> Change {
        let last_good = self.contains(kind, name);
        let key = (kind, Arc::from(name));
        if !last_good && !self.rejected.contains_key(&key) && self.len() == OBJECTS_MAX {
            return Change::Refused;
        }
        let rejected = Rejected { fault, last_good };
        match self.rejected.insert(key, rejected.clone()) {
            None => Change::Added,
            Some(before) if before == rejected => Change::Unchanged,
            Some(_) => Change::Changed,
        }
    }

    /// Takes an object out, good or bad.
    pub fn remove(&mut self, kind: Kind, name: &str) -> Change {
        let good = match kind {
            Kind::Node => self.nodes.remove(name).is_some(),
            Kind::BgpPeer => self.peers.remove(name).is_some(),
            Kind::BgpConfiguration => self.configurations.remove(name).is_some(),
            Kind::BgpFilter => self.filters.remove(name).is_some(),
            Kind::IpPool => self.pools.remove(name).is_some(),
            Kind::BlockAffinity => self.affinities.remove(name).is_some(),
            Kind::ClusterInformation => self.information.remove(name).is_some(),
        };
        let bad = self.rejected.remove(&(kind, Arc::from(name))).is_some();
        self.labels.tidy();
        if good || bad { Change::Removed } else { Change::Unchanged }
    }

    /// Names of a kind, of good objects and bad ones; for comparing with a fresh list.
    #[must_use]
    pub fn names(&self, kind: Kind) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = match kind {
            Kind::Node => self.nodes.keys().cloned().collect(),
            Kind::BgpPeer => self.peers.keys().cloned().collect(),
            Kind::BgpConfiguration => self.configurations.keys().cloned().collect(),
            Kind::BgpFilter => self.filters.keys().cloned().collect(),
            Kind::IpPool => self.pools.keys().cloned().collect(),
            Kind::BlockAffinity => self.affinities.keys().cloned().collect(),
            Kind::ClusterInformation => self.information.keys().cloned().collect(),
        };
        names.extend(self.rejected.keys().filter(|key| key.0 == kind).map(|key| key.1.clone()));
        names.sort_unstable();
        names.dedup();
        names
    }

    fn contains(&self, kind: Kind, name: &str) -> bool {
        match kind {
            Kind::Node => self.nodes.contains_key(name),
            Kind::BgpPeer => self.peers.contains_key(name),
            Kind::BgpConfiguration => self.configurations.contains_key(name),
            Kind::BgpFilter => self.filters.contains_key(name),
            Kind::IpPool => self.pools.contains_key(name),
            Kind::BlockAffinity => self.affinities.contains_key(name),
            Kind::ClusterInformation => self.information.contains_key(name),
        }
    }

    /// Objects of all kinds, bad ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        let only_bad = self.rejected.values().filter(|rejected| !rejected.last_good).count();
        let named = self.filters.len() + self.pools.len() + self.affinities.len();
        let named = named + self.nodes.len() + self.peers.len() + self.configurations.len();
        named + self.information.len() + only_bad
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Nodes by name.
    #[must_use]
    pub const fn nodes(&self) -> &ByName<Node> {
        &self.nodes
    }

    /// Peerings by name.
    #[must_use]
    pub const fn peers(&self) -> &ByName<BgpPeer> {
        &self.peers
    }

    /// Configurations by name.
    #[must_use]
    pub const fn configurations(&self) -> &ByName<BgpConfiguration> {
        &self.configurations
    }

    /// Filters by name.
    #[must_use]
    pub const fn filters(&self) -> &ByName<BgpFilter> {
        &self.filters
    }

    /// Pools by name.
    #[must_use]
    pub const fn pools(&self) -> &ByName<IpPool> {
        &self.pools
    }

    /// Affinities of blocks by name.
    #[must_use]
    pub const fn affinities(&self) -> &ByName<BlockAffinity> {
        &self.affinities
    }

    /// What Calico says of itself.
    #[must_use]
    pub fn information(&self) -> Option<&ClusterInformation> {
        self.information.get("default").map(|it| &**it)
    }

    /// Objects that could not be read.
    #[must_use]
    pub const fn rejected(&self) -> &BTreeMap<(Kind, Arc<str>), Rejected> {
        &self.rejected
    }

    /// The configuration of all nodes, if there is one.
    #[must_use]
    pub fn default_configuration(&self) -> Option<&BgpConfiguration> {
        self.configurations.get("default").map(|it| &**it)
    }

    /// The configuration of one node, if it has one.
    #[must_use]
    pub fn node_configuration(&self, node: &str) -> Option<&BgpConfiguration> {
        self.configurations.get(&*format!("node.{node}")).map(|it| &**it)
    }

    /// The AS of nodes that name none.
    #[must_use]
    pub fn default_as(&self) -> Asn {
        self.default_configuration().and_then(|it| it.as_number).unwrap_or(DEFAULT_AS)
    }

    /// The blocks of nodes, from affinities (in order of their names) and then from nodes whose
    /// `podCIDRs` are blocks (in order of theirs). What is about to go or is no node's is left out.
    pub fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let affinities = self.affinities.values();
        let affinities = affinities.filter(|it| it.kind == BlockKind::Host && !it.deleted);
        let affinities =
            affinities.map(|it| Block { node: &it.node, cidr: it.cidr, state: it.state });
        let nodes = self.nodes.values().filter(|node| node.pod_cidrs_are_blocks);
        let pod_cidrs = nodes.flat_map(|node| {
            let block = |cidr: &Prefix| Block {
                node: &node.meta.name,
                cidr: *cidr,
                state: BlockState::Confirmed,
            };
            node.pod_cidrs.iter().map(block)
        });
        affinities.chain(pod_cidrs)
    }
}

/// What has metadata.
trait Object: PartialEq {
    fn meta(&self) -> &super::Meta;
    fn meta_mut(&mut self) -> &mut super::Meta;
}

macro_rules! objects {
    ($($kind:ty),*) => {
        $(impl Object for $kind {
            fn meta(&self) -> &super::Meta {
                &self.meta
            }
            fn meta_mut(&mut self) -> &mut super::Meta {
                &mut self.meta
            }
        })*
    };
}

objects! {
    Node, BgpPeer, BgpConfiguration, BgpFilter, IpPool, BlockAffinity, ClusterInformation
}

fn put<T: Object>(map: &mut ByName<T>, mut object: T, interner: &mut Interner) -> Change {
    let Some(before) = map.get_mut(&object.meta().name) else {
        share(&mut object, interner);
        map.insert(object.meta().name.clone(), Arc::new(object));
        return Change::Added;
    };
    let version = std::mem::take(&mut object.meta_mut().resource_version);
    let old_version = before.meta().resource_version.clone();
    object.meta_mut().resource_version.clone_from(&old_version);
    if **before == object {
        if old_version != version {
            // Who holds a snapshot keeps the old version, which is as good.
            object.meta_mut().resource_version = version;
            share(&mut object, interner);
            *before = Arc::new(object);
        }
        return Change::Unchanged;
    }
    object.meta_mut().resource_version = version;
    share(&mut object, interner);
    *before = Arc::new(object);
    interner.tidy();
    Change::Changed
}

fn share<T: Object>(object: &mut T, interner: &mut Interner) {
    let meta = object.meta_mut();
    for labels in [&mut meta.labels, &mut meta.annotations] {
        let shared = labels.0.iter().map(|label| interner.share(label)).collect();
        *labels = Labels(shared);
    }
}

#[cfg(test)]
mod tests;
