//! What a node holds, by the UPDATEs it has read.
//!
//! The decoder is a few lines of its own: it trusts lengths, and fails loudly where a message is
//! not exactly as long as they say.
//!
//! RFC: 4271 §4.3, 4760 §3 and §4, 7911 §3.

use std::collections::BTreeMap;

use albedo_types::{Ipv4Prefix, Ipv6Prefix, PathId, Prefix};

/// A route as a node was told it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// Attributes without MP_REACH_NLRI.
    pub block: Vec<u8>,
    /// Next hop of MP_REACH_NLRI.
    pub next_hop: Option<Vec<u8>>,
}

/// Routes by prefix and path identifier, which is 0 where there are none.
pub type Table = BTreeMap<Route, Told>;

/// What names a route.
pub type Route = (Prefix, PathId);

/// The routes of each prefix, whatever their identifiers are.
pub type Tables = BTreeMap<Prefix, Vec<Told>>;

/// A table without identifiers.
#[must_use]
pub fn by_prefix(table: &Table) -> Tables {
    let mut tables = Tables::new();
    for ((prefix, _), told) in table {
        tables.entry(*prefix).or_default().push(told.clone());
    }
    tables.values_mut().for_each(|told| told.sort());
    tables
}

/// What a message did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Routes that it withdrew.
    pub withdrawn: Vec<Route>,
    /// Routes that it announced.
    pub announced: Vec<Route>,
}

/// The length of the message at the head of `bytes`, by its header.
///
/// # Panics
///
/// If there is no whole message.
#[must_use]
pub fn message_len(bytes: &[u8]) -> usize {
    assert_eq!(bytes[..16], [0xff; 16], "a message begins with the marker");
    let len = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    assert!((19..=bytes.len()).contains(&len), "a whole message");
    len
}

/// Applies one UPDATE, whose prefixes have identifiers or not (RFC 7911 §3).
///
/// # Panics
///
/// If it is malformed.
pub fn apply(table: &mut Table, message: &[u8], ids: bool) -> Effect {
    assert_eq!(message_len(message), message.len(), "one message");
    assert_eq!(message[18], 2, "an UPDATE");
    let mut rest = &message[19..];
    let mut effect = Effect::default();
    let (withdrawn, attributes) = (block16(&mut rest), block16(&mut rest));
    v4(withdrawn, ids, &mut effect.withdrawn);
    v4(rest, ids, &mut effect.announced);
    let mut told = Told { block: Vec::new(), next_hop: None };
    let mut attributes = attributes;
    while !attributes.is_empty() {
        let (code, whole, value) = attribute(&mut attributes);
        match code {
            14 => {
                let hop_len = usize::from(value[3]);
                told.next_hop = Some(value[4..4 + hop_len].to_vec());
                nlri(&value[..3], &value[4 + hop_len + 1..], ids, &mut effect.announced);
            }
            15 => nlri(&value[..3], &value[3..], ids, &mut effect.withdrawn),
            _ => told.block.extend_from_slice(whole),
        }
    }
    assert!(
        effect.announced.is_empty() || effect.withdrawn.is_empty(),
        "no message both announces and withdraws"
    );
    for prefix in &effect.withdrawn {
        table.remove(prefix);
    }
    for prefix in &effect.announced {
        table.insert(*prefix, told.clone());
    }
    effect
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (head, tail) = rest.split_at(len);
    *rest = tail;
    head
}

fn block16<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let len = take(rest, 2);
    take(rest, usize::from(u16::from_be_bytes([len[0], len[1]])))
}

fn attribute<'a>(rest: &mut &'a [u8]) -> (u8, &'a [u8], &'a [u8]) {
    let start = *rest;
    let head = take(rest, 2);
    let value = if head[0] & 0x10 == 0 {
        let len = take(rest, 1)[0];
        take(rest, usize::from(len))
    } else {
        block16(rest)
    };
    (head[1], &start[..start.len() - rest.len()], value)
}

fn id(rest: &mut &[u8], ids: bool) -> PathId {
    let octets = if ids { take(rest, 4) } else { &[0; 4] };
    PathId(u32::from_be_bytes(octets.try_into().expect("four octets")))
}

fn nlri(family: &[u8], bytes: &[u8], ids: bool, out: &mut Vec<Route>) {
    match family {
        [0, 1, 1] => v4(bytes, ids, out),
        [0, 2, 1] => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let id = id(&mut rest, ids);
                let bits = take(&mut rest, 1)[0];
                let mut addr = [0; 16];
                let len = usize::from(bits).div_ceil(8);
                addr[..len].copy_from_slice(take(&mut rest, len));
                let addr = u128::from_be_bytes(addr);
                let prefix = Ipv6Prefix::from_bits(addr, bits).expect("at most 128");
                out.push((Prefix::V6(prefix), id));
            }
        }
        other => panic!("a family that nobody announced: {other:?}"),
    }
}

fn v4(bytes: &[u8], ids: bool, out: &mut Vec<Route>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let id = id(&mut rest, ids);
        let bits = take(&mut rest, 1)[0];
        let mut addr = [0; 4];
        let len = usize::from(bits).div_ceil(8);
        addr[..len].copy_from_slice(take(&mut rest, len));
        let addr = u32::from_be_bytes(addr);
        let prefix = Ipv4Prefix::from_bits(addr, bits).expect("at most 32");
        out.push((Prefix::V4(prefix), id));
    }
}
