//! A cluster as the expansion looks at it: nodes in order with what they inherit, found by name,
//! by address and by selector, and each selector evaluated once for each node at most.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use albedo_types::{Asn, ClusterId};

use crate::calico::{
    BgpPeer, Cluster, ConfigurationScope, DEFAULT_PORT, Expression, Node, PeerNodes, PeerRemote,
    Selector,
};

/// An address family of sessions: Calico runs a speaker of its own for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::calico) enum Version {
    V4,
    V6,
}

impl Version {
    pub(in crate::calico) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(in crate::calico) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// A node with what it inherits from the cluster.
#[derive(Debug)]
pub(in crate::calico) struct Member<'c> {
    pub(in crate::calico) node: &'c Node,
    /// Its own AS, or the cluster's.
    pub(in crate::calico) asn: Asn,
    /// Its own `listenPort`, or the cluster's; `None` where nobody names one.
    pub(in crate::calico) port: Option<u16>,
}

impl Member<'_> {
    pub(in crate::calico) fn name(&self) -> &str {
        &self.node.meta.name
    }

    pub(in crate::calico) fn address(&self, version: Version) -> Option<IpAddr> {
        match version {
            Version::V4 => self.node.ipv4().map(IpAddr::V4),
            Version::V6 => self.node.ipv6().map(IpAddr::V6),
        }
    }

    /// Its addresses, IPv4 first.
    pub(in crate::calico) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        Version::BOTH.into_iter().filter_map(|version| self.address(version))
    }

    pub(in crate::calico) fn cluster_id(&self) -> Option<ClusterId> {
        self.node.cluster_id()
    }

    /// Whether it is what a peering by address means: the AS is its own, and the port too where
    /// both sides name one.
    fn is_at(&self, asn: Asn, port: Option<u16>) -> bool {
        let same_port = match (port, self.port) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        };
        self.asn == asn && same_port
    }
}

/// Nodes, as indices into [`View::members`], in order.
pub(in crate::calico) type Found = Rc<[usize]>;

/// See the module.
pub(in crate::calico) struct View<'c> {
    pub(in crate::calico) cluster: &'c Cluster,
    /// In order of their names.
    pub(in crate::calico) members: Vec<Member<'c>>,
    /// Who has an address; more than one where the cluster is at odds with itself.
    by_address: HashMap<IpAddr, Vec<usize>>,
    matching: RefCell<HashMap<&'c Selector, Found>>,
    /// For labels that selectors ask one value of.
    by_label: RefCell<HashMap<&'c str, HashMap<&'c str, Found>>>,
    everybody: Found,
    evaluations: Cell<u64>,
}

impl<'c> View<'c> {
    pub(in crate::calico) fn new(cluster: &'c Cluster) -> Self {
        let default_as = cluster.default_as();
        let default_port =
            cluster.default_configuration().and_then(|it| it.listen_port).map(u16::from);
        let mut ports = HashMap::new();
        for configuration in cluster.configurations().values() {
            if let (ConfigurationScope::Node(name), Some(port)) =
                (configuration.scope(), configuration.listen_port)
            {
                ports.insert(name, u16::from(port));
            }
        }
        let member = |node: &'c Node| Member {
            node,
            asn: node.as_number().unwrap_or(default_as),
            port: ports.get(&node.meta.name).copied().or(default_port),
        };
        let members: Vec<_> = cluster.nodes().values().map(|node| member(node)).collect();
        let mut by_address: HashMap<IpAddr, Vec<usize>> = HashMap::new();
        for (index, member) in members.iter().enumerate() {
            for address in member.addresses() {
                by_address.entry(address).or_default().push(index);
            }
        }
        let everybody = (0..members.len()).collect();
        Self {
            cluster,
            members,
            by_address,
            matching: RefCell::default(),
            by_label: RefCell::default(),
            everybody,
            evaluations: Cell::new(0),
        }
    }

    /// The node of a name.
    pub(in crate::calico) fn named(&self, name: &str) -> Option<usize> {
        self.members.binary_search_by(|member| member.name().cmp(name)).ok()
    }

    /// The nodes that a selector selects. It is evaluated for each node once, however many
    /// resources say the same.
    pub(in crate::calico) fn matching(&self, selector: &'c Selector) -> Found {
        if let Some(found) = self.matching.borrow().get(selector) {
            return found.clone();
        }
        let candidates = self.candidates(selector.expression());
        self.evaluations.set(self.evaluations.get() + candidates.len() as u64);
        let fits = |index: &usize| selector.matches(&self.members[*index].node.meta.labels);
        let found: Found = candidates.iter().copied().filter(fits).collect();
        self.matching.borrow_mut().insert(selector, found.clone());
        found
    }

    /// The nodes that a selector may select: where it asks for one value of a label, those that
    /// have it, so that a BGPPeer for each node does not cost a look at every node each.
    fn candidates(&self, expression: &'c Expression) -> Found {
        match expression {
            Expression::Equal(key, value) => {
                let mut index = self.by_label.borrow_mut();
                let values = index.entry(key).or_insert_with(|| self.values(key));
                values.get(&**value).cloned().unwrap_or_default()
            }
            Expression::And(operands) => {
                let equal = operands.iter().find(|it| matches!(it, Expression::Equal(..)));
                equal.map_or_else(|| self.everybody.clone(), |equal| self.candidates(equal))
            }
            _ => self.everybody.clone(),
        }
    }

    /// The nodes that have a label, by its value.
    fn values(&self, key: &str) -> HashMap<&'c str, Found> {
        let mut values: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, member) in self.members.iter().enumerate() {
            if let Some(value) = member.node.meta.labels.get(key) {
                values.entry(value).or_default().push(index);
            }
        }
        self.evaluations.set(self.evaluations.get() + self.members.len() as u64);
        values.into_iter().map(|(value, found)| (value, found.into())).collect()
    }

    /// The nodes of a peering's near side.
    pub(in crate::calico) fn near(&self, peer: &'c BgpPeer) -> Found {
        match &peer.nodes {
            PeerNodes::All => self.everybody.clone(),
            PeerNodes::Named(name) => self.named(name).into_iter().collect(),
            PeerNodes::Matching(selector) => self.matching(selector),
        }
    }

    /// Whether a node is on the near side.
    pub(in crate::calico) fn is_near(&self, peer: &'c BgpPeer, index: usize) -> bool {
        match &peer.nodes {
            PeerNodes::All => true,
            PeerNodes::Named(name) => **name == *self.members[index].name(),
            PeerNodes::Matching(selector) => self.selects(selector, index),
        }
    }

    /// The nodes of a peering's far side: those it selects, or those that are what its address,
    /// port and AS say.
    pub(in crate::calico) fn far(&self, peer: &'c BgpPeer) -> Found {
        match &peer.remote {
            PeerRemote::Nodes(selector) => self.matching(selector),
            PeerRemote::Address { ip, port, as_number } => {
                let asn = self.as_or_default(*as_number);
                let there = self.at(*ip).iter().copied();
                there.filter(|index| self.members[*index].is_at(asn, *port)).collect()
            }
            PeerRemote::Nobody | PeerRemote::Workloads { .. } => Rc::default(),
        }
    }

    /// Whether a node is on the far side.
    pub(in crate::calico) fn is_far(&self, peer: &'c BgpPeer, index: usize) -> bool {
        match &peer.remote {
            PeerRemote::Nodes(selector) => self.selects(selector, index),
            PeerRemote::Address { .. } => self.far(peer).contains(&index),
            PeerRemote::Nobody | PeerRemote::Workloads { .. } => false,
        }
    }

    fn selects(&self, selector: &'c Selector, index: usize) -> bool {
        if let Some(found) = self.matching.borrow().get(selector) {
            return found.binary_search(&index).is_ok();
        }
        self.evaluations.set(self.evaluations.get() + 1);
        selector.matches(&self.members[index].node.meta.labels)
    }

    /// Who has an address.
    pub(in crate::calico) fn at(&self, address: IpAddr) -> &[usize] {
        self.by_address.get(&address).map_or(&[], |found| found)
    }

    /// An AS, or the cluster's.
    pub(in crate::calico) fn as_or_default(&self, asn: Option<Asn>) -> Asn {
        asn.unwrap_or_else(|| self.cluster.default_as())
    }

    /// Whether the mesh is on.
    pub(in crate::calico) fn mesh(&self) -> bool {
        let configuration = self.cluster.default_configuration();
        configuration.and_then(|it| it.node_to_node_mesh).unwrap_or(true)
    }

    /// How often a selector was evaluated for a node.
    #[cfg(test)]
    pub(super) fn evaluations(&self) -> u64 {
        self.evaluations.get()
    }
}

/// The port that is meant where none is named.
pub(in crate::calico) fn port_or_default(port: Option<u16>) -> u16 {
    port.unwrap_or(DEFAULT_PORT)
}
