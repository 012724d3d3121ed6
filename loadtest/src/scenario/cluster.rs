//! `cluster`: nodes in the shape of Calico's, each with a few blocks of addresses, one set of
//! attributes a node, and the node itself as next hop.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::attrs::{Attributes, code, flag};
use crate::build;
use crate::check::{Expectation, Rules};
use crate::model::{Model, NodeId, PrefixId};
use crate::prefix::{Family, Prefix};
use crate::scenario::{Plan, SourceNet, Start};
use crate::session::Node;

/// Where blocks of IPv4 addresses are taken from: 100.64.0.0, and upward from there.
const POOL_V4: u32 = 0x6440_0000;
/// Length of a node's IPv4 blocks, as Calico has it.
const BLOCK_V4: u8 = 26;
/// Where blocks of IPv6 addresses are taken from.
const POOL_V6: u128 = 0xfd10_0244 << 96;
/// Length of a node's IPv6 blocks, as Calico has it.
const BLOCK_V6: u8 = 122;
/// Blocks of either family that the pools have room for (up to 125.255.255.192/26).
pub const BLOCKS_MAX: u64 = (0x7e00_0000 - POOL_V4 as u64) >> 6;

/// The shape of a cluster.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Nodes.
    pub nodes: u32,
    /// IPv4 blocks of each.
    pub blocks_v4: u32,
    /// IPv6 blocks of each.
    pub blocks_v6: u32,
    /// Where nodes have their addresses.
    pub source_net: SourceNet,
    /// `LOCAL_PREF` of all routes.
    pub local_pref: u32,
    /// What the target does to routes, and its cluster id where announcements must bear it.
    pub rules: Rules,
    /// The cluster id that announcements bear where the target passes routes on verbatim.
    pub cluster_id: u32,
}

impl Shape {
    /// What a node announces, for one family, as it sends it.
    #[must_use]
    pub fn attributes(&self, node: NodeId, family: Family) -> Attributes<'static> {
        let next_hop = match family {
            Family::V4 => self.source_net.address(node).octets().to_vec(),
            Family::V6 => self.source_net.next_hop_v6(node).octets().to_vec(),
        };
        let mut set = Attributes { next_hop: next_hop.into(), list: Vec::new() };
        set.push(flag::TRANSITIVE, code::ORIGIN, vec![0]);
        set.push(flag::TRANSITIVE, code::AS_PATH, vec![]);
        set.push(flag::TRANSITIVE, code::LOCAL_PREF, self.local_pref.to_be_bytes().to_vec());
        match self.rules.expectation {
            Expectation::Reflected => set,
            Expectation::Verbatim => {
                set.reflected(self.router_id(node).to_bits()).with_cluster(self.cluster_id)
            }
        }
    }

    /// A node's BGP identifier.
    #[must_use]
    pub const fn router_id(&self, node: NodeId) -> Ipv4Addr {
        self.source_net.address(node)
    }

    /// A node's blocks of one family.
    #[must_use]
    pub fn blocks(&self, node: NodeId, family: Family) -> Vec<Prefix> {
        let count = self.block_count(family);
        let first = node * count;
        let blocks = first..first + count;
        match family {
            Family::V4 => blocks.map(|n| Prefix::v4(POOL_V4 + (n << 6), BLOCK_V4)).collect(),
            Family::V6 => {
                blocks.map(|n| Prefix::v6(POOL_V6 + (u128::from(n) << 6), BLOCK_V6)).collect()
            }
        }
    }

    const fn block_count(&self, family: Family) -> u32 {
        match family {
            Family::V4 => self.blocks_v4,
            Family::V6 => self.blocks_v6,
        }
    }

    /// The families nodes speak.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let has = |family: &Family| self.block_count(*family) > 0;
        [Family::V4, Family::V6].into_iter().filter(has).collect()
    }

    /// Takes a node's routes into a model; returns their indices and versions.
    pub fn register(&self, node: NodeId, model: &mut Model) -> Vec<(PrefixId, u8)> {
        let mut out = Vec::new();
        for family in self.families() {
            let sent = self.attributes(node, family);
            let set = model.add_set(&sent.reflected(self.router_id(node).to_bits()));
            let blocks = self.blocks(node, family).into_iter();
            out.extend(blocks.map(|block| model.add_route(block, node, set)));
        }
        out
    }

    /// The UPDATEs that announce all of a node's blocks, with End-of-RIB towards a reflector.
    #[must_use]
    pub fn announcement(&self, node: NodeId) -> Vec<u8> {
        let mut out = Vec::new();
        for family in self.families() {
            let set = self.attributes(node, family);
            build::announce(&set, family, &self.blocks(node, family), &mut out);
        }
        if self.rules.expectation == Expectation::Verbatim {
            return out; // A relay would pass each on to everybody.
        }
        for family in self.families() {
            build::end_of_rib(family, &mut out);
        }
        out
    }

    /// Whether the shape can be played.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let blocks = u64::from(self.nodes) * u64::from(self.blocks_v4.max(self.blocks_v6));
        if self.nodes < 2 || self.nodes > self.source_net.capacity() {
            let most = self.source_net.capacity();
            return Err(format!("{} nodes: expected 2 to {most} in this network", self.nodes));
        }
        if blocks == 0 || blocks > BLOCKS_MAX {
            return Err(format!("{blocks} blocks in all: expected 1 to {BLOCKS_MAX}"));
        }
        Ok(())
    }

    /// All nodes, with everything expected everywhere.
    #[must_use]
    pub fn plan(&self, start: Start) -> Plan {
        let mut model = Model::new(self.nodes as usize, self.rules);
        let mut nodes = Vec::new();
        for n in 0..self.nodes {
            for (id, version) in self.register(n, &mut model) {
                model.expect(id, version);
            }
            nodes.push(Node {
                source: self.source_net.socket(n),
                router_id: self.router_id(n),
                initial: Arc::from(self.announcement(n)),
                is_checked: true,
            });
        }
        Plan { nodes, model, start, notes: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;
    use crate::check::Rules;
    use crate::prefix::Family;
    use crate::scenario::{LOCAL_PREF_CALICO, Start};

    #[test]
    fn every_node_has_its_own_blocks_and_is_owed_all_others() {
        let shape = Shape {
            nodes: 5,
            blocks_v4: 3,
            blocks_v6: 2,
            source_net: "10.1.0.0/16".parse().expect("a network"),
            local_pref: LOCAL_PREF_CALICO,
            rules: Rules::REFLECTED,
            cluster_id: 0,
        };
        shape.check().expect("playable");
        let plan = shape.plan(Start::Cold);
        assert_eq!(plan.model.len(), 25);
        assert!((0..5).all(|node| plan.model.wanted_count(node) == 20));
        // One set a node and family.
        assert_eq!(plan.model.sets(), 10);
        assert_eq!(shape.blocks(4, Family::V4)[2].to_string(), "100.64.3.128/26");
        assert_eq!(shape.blocks(1, Family::V6)[0].to_string(), "fd10:244::80/122");
        let too_many = Shape { nodes: 300_000, ..shape };
        assert!(too_many.check().is_err());
        let empty = Shape { blocks_v4: 0, blocks_v6: 0, ..shape };
        assert!(empty.check().is_err());
    }
}
