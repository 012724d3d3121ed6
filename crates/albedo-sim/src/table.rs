//! What a node holds, by the UPDATEs it has read.
//!
//! The decoder is a few lines of its own: it trusts lengths, and fails loudly where a message is
//! not exactly as long as they say.
//!
//! RFC: 4271 §4.3, 4760 §3 and §4.

use std::collections::BTreeMap;

use albedo_types::{Ipv4Prefix, Ipv6Prefix, Prefix};

/// A route as a node was told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Attributes without MP_REACH_NLRI.
    pub block: Vec<u8>,
    /// Next hop of MP_REACH_NLRI.
    pub next_hop: Option<Vec<u8>>,
}

/// Routes by prefix.
pub type Table = BTreeMap<Prefix, Told>;

/// What a message did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Prefixes that it withdrew.
    pub withdrawn: Vec<Prefix>,
    /// Prefixes that it announced.
    pub announced: Vec<Prefix>,
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

/// Applies one UPDATE.
///
/// # Panics
///
/// If it is malformed.
pub fn apply(table: &mut Table, message: &[u8]) -> Effect {
    assert_eq!(message_len(message), message.len(), "one message");
    assert_eq!(message[18], 2, "an UPDATE");
    let mut rest = &message[19..];
    let mut effect = Effect::default();
    let (withdrawn, attributes) = (block16(&mut rest), block16(&mut rest));
    v4(withdrawn, &mut effect.withdrawn);
    v4(rest, &mut effect.announced);
    let mut told = Told { block: Vec::new(), next_hop: None };
    let mut attributes = attributes;
    while !attributes.is_empty() {
        let (code, whole, value) = attribute(&mut attributes);
        match code {
            14 => {
                let hop_len = usize::from(value[3]);
                told.next_hop = Some(value[4..4 + hop_len].to_vec());
                nlri(&value[..3], &value[4 + hop_len + 1..], &mut effect.announced);
            }
            15 => nlri(&value[..3], &value[3..], &mut effect.withdrawn),
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

fn nlri(family: &[u8], bytes: &[u8], out: &mut Vec<Prefix>) {
    match family {
        [0, 1, 1] => v4(bytes, out),
        [0, 2, 1] => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let bits = take(&mut rest, 1)[0];
                let mut addr = [0; 16];
                let len = usize::from(bits).div_ceil(8);
                addr[..len].copy_from_slice(take(&mut rest, len));
                let addr = u128::from_be_bytes(addr);
                out.push(Prefix::V6(Ipv6Prefix::from_bits(addr, bits).expect("at most 128")));
            }
        }
        other => panic!("a family that nobody announced: {other:?}"),
    }
}

fn v4(bytes: &[u8], out: &mut Vec<Prefix>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let bits = take(&mut rest, 1)[0];
        let mut addr = [0; 4];
        let len = usize::from(bits).div_ceil(8);
        addr[..len].copy_from_slice(take(&mut rest, len));
        let addr = u32::from_be_bytes(addr);
        out.push(Prefix::V4(Ipv4Prefix::from_bits(addr, bits).expect("at most 32")));
    }
}
