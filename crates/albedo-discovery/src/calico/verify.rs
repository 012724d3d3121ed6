//! Compares the sessions and routes that there are with what the resources say should be there.
//!
//! A [`Verifier`] is made for one cluster and the sessions of one reflector in it, is shown every
//! route once, and then gives a [`Verdict`].
//! Of routes it keeps nothing but one bit for each block and each node of a service's range, and
//! of what is wrong the exact counts and the first of each kind: so its size goes with the
//! cluster, not with the table.
//!
//! What a node announces: the blocks it owns, unless their pool is not exported; addresses that
//! its pods borrowed from others' blocks, as host routes; the ranges of services, unless its label
//! excludes it.

mod expected;
mod index;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use albedo_types::Prefix;

use super::Cluster;
use super::expand::{Identity, Speaker};
use expected::{Pool, Rank};
use index::{Index, slot};

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'c> {
    /// The resources.
    pub cluster: &'c Cluster,
    /// The sessions in force.
    pub speaker: &'c Speaker,
    /// Who has them.
    pub identity: &'c Identity,
}

/// How a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is up.
    Up,
    /// It is not: its state and why, in words.
    Down(String),
}

/// A route, as far as it is compared.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What it leads to.
    pub prefix: Prefix,
    /// Who announced it.
    pub peer: IpAddr,
    /// Where packets go; `None` if that is not known.
    pub next_hop: Option<IpAddr>,
}

/// Things of a kind: how many there are, and the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// All of them.
    pub count: usize,
    /// The first ones in order; not more than [`Verifier::new`] was told.
    pub first: BTreeSet<T>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { count: 0, first: BTreeSet::new() }
    }
}

impl<T: Ord> Found<T> {
    fn add(&mut self, one: T, max: usize) {
        self.count += 1;
        self.first.insert(one);
        if self.first.len() > max {
            self.first.pop_last();
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A session that is not up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Down {
    /// The node, if it is one.
    pub node: Option<Arc<str>>,
    /// The session's name.
    pub session: String,
    /// Its state and why.
    pub why: String,
}

/// A node that no reflector serves in a family, though it has an address there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unserved {
    /// The node.
    pub node: Arc<str>,
    /// `IPv4` or `IPv6`.
    pub family: &'static str,
}

/// What a node does not announce and should.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The node.
    pub node: Arc<str>,
    /// Its block, or a range of services.
    pub prefix: Prefix,
}

/// What a node announces inside of a pool without owning the block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    /// The node.
    pub node: Arc<str>,
    /// What it announces.
    pub prefix: Prefix,
    /// Whose it is, or would be; `None` if it is in nobody's block.
    pub owner: Option<Arc<str>>,
}

impl fmt::Display for Foreign {
    /// One line, such as `w1 announces 10.244.3.0/26, a block of w3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} announces {}, ", self.node, self.prefix)?;
        match &self.owner {
            Some(owner) if *owner == self.node => f.write_str("which is not confirmed as its own"),
            Some(owner) => write!(f, "a block of {owner}"),
            None => f.write_str("nobody's block"),
        }
    }
}

/// A route that leads somewhere else than to the node that announces it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Astray {
    /// The node.
    pub node: Arc<str>,
    /// What it announces.
    pub prefix: Prefix,
    /// Where it leads.
    pub next_hop: IpAddr,
}

/// What the comparison came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Nodes that this reflector is to serve, or nobody serves.
    pub nodes: usize,
    /// Those of which every session is up, and that have one in each of their families.
    pub connected: usize,
    /// Nodes that have other reflectors only, which have to be asked themselves.
    pub elsewhere: usize,
    /// Sessions with others than nodes.
    pub others: usize,
    /// Those that are not up.
    pub others_down: Found<Down>,
    /// Blocks that nodes should announce.
    pub blocks: usize,
    /// Sessions with nodes that are not up.
    pub down: Found<Down>,
    /// Nodes without a session.
    pub unserved: Found<Unserved>,
    /// Blocks that were not learnt from their nodes.
    pub missing: Found<Missing>,
    /// Routes inside of pools from nodes that do not own them.
    pub foreign: Found<Foreign>,
    /// Routes that lead elsewhere.
    pub astray: Found<Astray>,
    /// Ranges of services that a node should announce and does not.
    pub services: Found<Missing>,
    /// Host routes for addresses of others' blocks, which is as it should be.
    pub borrowed: usize,
}

impl Verdict {
    /// Whether every node that is to be served is, and announces what it should and nothing else.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.nodes > 0
            && self.connected == self.nodes
            && self.down.is_empty()
            && self.unserved.is_empty()
            && self.missing.is_empty()
            && self.foreign.is_empty()
            && self.astray.is_empty()
            && self.services.is_empty()
    }
}

/// A session of the reflector.
#[derive(Debug)]
struct Peer {
    name: String,
    /// The Calico node it is with, as an index into the names.
    node: Option<u32>,
    /// Whether it passes on others' routes, so that only its own are looked at.
    reflects: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Verifier {
    shown_max: usize,
    /// Names of nodes.
    names: Vec<Arc<str>>,
    peers: HashMap<IpAddr, Peer>,
    /// Blocks, whose they are, and whether they were seen.
    blocks: Index<Block>,
    pools: Index<Pool>,
    /// Ranges of services, with the nodes that should announce each and have not.
    services: Index<BTreeSet<u32>>,
    /// Nodes that nobody serves in one of their families.
    unserved: BTreeSet<u32>,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    node: u32,
    rank: Rank,
    was_seen: bool,
}

impl Verifier {
    /// What the resources say should be there; of each kind of fault the first `shown_max` are
    /// kept.
    #[must_use]
    pub fn new(subject: &Subject<'_>, shown_max: usize) -> Self {
        expected::verifier(subject, shown_max)
    }

    /// Takes a route in; each is to be shown once.
    pub fn see(&mut self, route: &Seen) {
        let Some((node, reflects)) =
            self.peers.get(&route.peer).and_then(|peer| Some((peer.node?, peer.reflects)))
        else {
            return;
        };
        let own = self.blocks.at(route.prefix).find(|at| {
            let block = &self.blocks.entries()[*at].1;
            block.node == node && block.rank != Rank::Pending
        });
        if let Some(at) = own {
            self.blocks.get_mut(at).was_seen = true;
            self.check_next_hop(node, route);
            return;
        }
        for at in self.services.at(route.prefix) {
            self.services.get_mut(at).remove(&node);
        }
        if reflects || self.services.around(route.prefix).next().is_some() {
            return;
        }
        let Some((_, pool)) = self.pools.around(route.prefix).next() else { return };
        let is_host = is_host(route.prefix);
        if is_host && pool.serves {
            return;
        }
        self.check_next_hop(node, route);
        let mut holders = self.blocks.around(route.prefix);
        if holders.any(|(_, block)| block.node == node && block.rank != Rank::Pending) {
            return;
        }
        if is_host && self.blocks.at(route.prefix).is_empty() {
            self.verdict.borrowed += 1;
            return;
        }
        let owner = self.blocks.around(route.prefix).next();
        let foreign = Foreign {
            node: self.name(node),
            prefix: route.prefix,
            owner: owner.map(|(_, block)| self.name(block.node)),
        };
        self.verdict.foreign.add(foreign, self.shown_max);
    }

    fn check_next_hop(&mut self, node: u32, route: &Seen) {
        if let Some(next_hop) = route.next_hop.filter(|hop| *hop != route.peer) {
            let astray = Astray { node: self.name(node), prefix: route.prefix, next_hop };
            self.verdict.astray.add(astray, self.shown_max);
        }
    }

    fn name(&self, node: u32) -> Arc<str> {
        Arc::clone(&self.names[node as usize])
    }

    /// What it came to; `link` says how the session with an address is.
    #[must_use]
    pub fn finish(mut self, link: impl Fn(IpAddr) -> Link) -> Verdict {
        let max = self.shown_max;
        let mut verdict = std::mem::take(&mut self.verdict);
        let mut nodes = self.unserved.clone();
        let mut unconnected = self.unserved.clone();
        for (address, peer) in &self.peers {
            let node = peer.node.map(|node| self.name(node));
            verdict.others += usize::from(node.is_none());
            nodes.extend(peer.node);
            let Link::Down(why) = link(*address) else { continue };
            unconnected.extend(peer.node);
            let list = if node.is_some() { &mut verdict.down } else { &mut verdict.others_down };
            list.add(Down { node, session: peer.name.clone(), why }, max);
        }
        (verdict.nodes, verdict.connected) = (nodes.len(), nodes.len() - unconnected.len());
        for (prefix, block) in self.blocks.entries() {
            let is_expected = block.rank == Rank::Expected;
            verdict.blocks += usize::from(is_expected);
            if is_expected && !block.was_seen {
                let missing = Missing { node: self.name(block.node), prefix: *prefix };
                verdict.missing.add(missing, max);
            }
        }
        for (prefix, silent) in self.services.entries() {
            for node in silent {
                let missing = Missing { node: self.name(*node), prefix: *prefix };
                verdict.services.add(missing, max);
            }
        }
        verdict
    }
}

const fn is_host(prefix: Prefix) -> bool {
    prefix.len() == if slot(prefix) == 0 { 32 } else { 128 }
}

#[cfg(test)]
mod tests;
