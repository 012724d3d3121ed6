//! A Calico cluster: one session for each node and family, one attribute set on it, and a few
//! blocks of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use albedo_types::{Family, Ipv4Prefix, Ipv6Prefix};
use albedo_wire::attr::{TRANSITIVE, code};

use super::{Keys, Set, Source, attribute};

/// Nodes.
const NODES: u32 = 500;
/// Blocks of each node and family.
const BLOCKS: u32 = 4;
/// Where the nodes are: 10.1.0.1, and upward from there.
const NODE_V4: u32 = 0x0a01_0001;
/// The nodes' addresses of IPv6.
const NODE_V6: u128 = 0xfd00_0001 << 96;
/// The pool of IPv4 blocks: 10.244.0.0.
const POOL_V4: u32 = 0x0af4_0000;
/// Length of a block of IPv4, as Calico has it.
const BLOCK_LEN_V4: u8 = 26;
/// The pool of IPv6 blocks.
const POOL_V6: u128 = 0xfd00_0244 << 96;
/// Length of a block of IPv6, as Calico has it.
const BLOCK_LEN_V6: u8 = 122;
/// Addresses of a block, both families.
const BLOCK_ADDRESSES: u32 = 64;

pub(super) fn sources() -> Vec<Source> {
    (0..2 * NODES).map(|n| session(n as usize, n / 2, Family::ALL[n as usize % 2])).collect()
}

/// A node's session for one family, as BIRD has one of its own for each.
fn session(n: usize, node: u32, family: Family) -> Source {
    let v4 = Ipv4Addr::from_bits(NODE_V4 + node);
    let v6 = Ipv6Addr::from_bits(NODE_V6 + u128::from(node) + 1);
    let (addr, set) = match family {
        Family::Ipv4Unicast => {
            let key = |block| {
                Ipv4Prefix::from_bits(POOL_V4 + block * BLOCK_ADDRESSES, BLOCK_LEN_V4)
                    .expect("at most 32 bits")
            };
            let keys = Keys::V4(blocks(node).map(key).collect());
            (IpAddr::V4(v4), Set { block: block(Some(v4)), next_hop: None, keys })
        }
        Family::Ipv6Unicast => {
            let key = |block| {
                let first = POOL_V6 + u128::from(block) * u128::from(BLOCK_ADDRESSES);
                Ipv6Prefix::from_bits(first, BLOCK_LEN_V6).expect("at most 128 bits")
            };
            let keys = Keys::V6(blocks(node).map(key).collect());
            (IpAddr::V6(v6), Set { block: block(None), next_hop: Some(v6), keys })
        }
    };
    Source::new(n, addr, NODE_V4 + node, family, vec![set])
}

fn blocks(node: u32) -> impl Iterator<Item = u32> {
    // Nodes take blocks as they need them, so those of one node do not lie together.
    (0..BLOCKS).map(move |n| n * NODES + node)
}

/// What BIRD sends on a node: nothing but what is mandatory between internal peers.
fn block(next_hop: Option<Ipv4Addr>) -> Vec<u8> {
    let mut out = Vec::new();
    attribute(&mut out, TRANSITIVE, code::ORIGIN, &[0]);
    attribute(&mut out, TRANSITIVE, code::AS_PATH, &[]);
    if let Some(addr) = next_hop {
        attribute(&mut out, TRANSITIVE, code::NEXT_HOP, &addr.octets());
    }
    attribute(&mut out, TRANSITIVE, code::LOCAL_PREF, &100_u32.to_be_bytes());
    out
}
