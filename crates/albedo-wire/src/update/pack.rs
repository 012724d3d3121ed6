//! Packing: as many prefixes as fit behind one block of attributes, and never more than the
//! receiver takes.
//!
//! Messages are written straight to the end of the output, one after the other; the lengths are
//! filled in when a message is full.
//! Multiprotocol attributes come first (RFC 7606 §5.1), and no message carries both styles.
//!
//! RFC 4271 §4.3, RFC 4760 §3 and §4, RFC 7911 §3, RFC 8654 §4.

use alloc::vec::Vec;

use albedo_types::{Family, PathId};

use super::encode::{EMPTY_LEN, finish, put_u16, start};
use crate::attr::{OPTIONAL, code, patch_header};
use crate::nlri::{NlriKey, PATH_ID_LEN};

/// What the receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PackSpec {
    /// Octets of the largest message: 4,096, or 65,535 where extended messages were agreed on;
    /// more is as good as 65,535.
    pub message_len_max: usize,
    /// Whether path identifiers go in front of prefixes.
    pub add_path: bool,
}

/// What was packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Packed {
    /// Messages written.
    pub messages: u32,
    /// Prefixes in them.
    pub prefixes: u32,
    /// Prefixes left out because not even a message of their own could hold them.
    pub oversized: u32,
}

/// Octets of the header of `MP_REACH_NLRI` or `MP_UNREACH_NLRI` with a length of one octet.
const MP_HEADER_LEN: usize = 3;
/// Longest value with that header.
const MP_SHORT_MAX: usize = 255;

/// Octets that attributes take which hold a multiprotocol value of `value` octets.
const fn with_header(value: usize) -> usize {
    let extended = if value > MP_SHORT_MAX { 1 } else { 0 };
    value.saturating_add(MP_HEADER_LEN).saturating_add(extended)
}

/// Appends UPDATEs that announce `keys` with the attributes of `block`.
///
/// With no `mp_next_hop` the routes are IPv4 ones of the old style, and the block holds NEXT_HOP;
/// with one, they go into `MP_REACH_NLRI`.
///
/// # Panics
///
/// If the old style is asked for a family that has none.
pub fn pack_announce<K: NlriKey>(
    out: &mut Vec<u8>,
    spec: PackSpec,
    block: &[u8],
    mp_next_hop: Option<&[u8]>,
    keys: impl Iterator<Item = (PathId, K)>,
) -> Packed {
    assert!(
        mp_next_hop.is_some() || K::FAMILY == Family::Ipv4Unicast,
        "only IPv4 unicast has NLRI outside of attributes"
    );
    let mut packer = Packer::new(out, spec);
    match mp_next_hop {
        None => packer.pack(&Classic { block }, keys),
        Some(next_hop) => {
            packer.pack(&Multiprotocol { family: K::FAMILY, next_hop: Some(next_hop), block }, keys)
        }
    }
    packer.packed
}

/// Appends UPDATEs that withdraw `keys`: in the old style for IPv4, else in `MP_UNREACH_NLRI`.
pub fn pack_withdraw<K: NlriKey>(
    out: &mut Vec<u8>,
    spec: PackSpec,
    keys: impl Iterator<Item = (PathId, K)>,
) -> Packed {
    let mut packer = Packer::new(out, spec);
    match K::FAMILY {
        Family::Ipv4Unicast => packer.pack(&Withdrawal, keys),
        family => packer.pack(&Multiprotocol { family, next_hop: None, block: &[] }, keys),
    }
    packer.packed
}

/// How a message is put together around its NLRI.
trait Shape {
    /// Octets of a whole message with this many octets of NLRI.
    fn message_len(&self, nlri: usize) -> usize;
    /// Writes what stands before the NLRI.
    fn open(&self, out: &mut Vec<u8>);
    /// Writes what stands behind the NLRI, and the lengths; the message starts at `start` and its
    /// NLRI at `nlri`.
    fn close(&self, out: &mut Vec<u8>, start: usize, nlri: usize);
}

/// Announcements at the end of the message.
struct Classic<'a> {
    block: &'a [u8],
}

impl Shape for Classic<'_> {
    #[inline]
    fn message_len(&self, nlri: usize) -> usize {
        EMPTY_LEN.saturating_add(self.block.len()).saturating_add(nlri)
    }

    fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; 4]);
        let length_at = out.len().saturating_sub(2);
        put_u16(out, length_at, self.block.len());
        out.extend_from_slice(self.block);
    }

    fn close(&self, _: &mut Vec<u8>, _: usize, _: usize) {}
}

/// Withdrawals at the head of the message.
struct Withdrawal;

impl Shape for Withdrawal {
    #[inline]
    fn message_len(&self, nlri: usize) -> usize {
        EMPTY_LEN.saturating_add(nlri)
    }

    fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; 2]);
    }

    fn close(&self, out: &mut Vec<u8>, _: usize, nlri: usize) {
        let length = out.len().saturating_sub(nlri);
        put_u16(out, nlri.saturating_sub(2), length);
        out.extend_from_slice(&[0; 2]);
    }
}

/// `MP_REACH_NLRI`, or `MP_UNREACH_NLRI` where there is no next hop.
struct Multiprotocol<'a> {
    family: Family,
    next_hop: Option<&'a [u8]>,
    block: &'a [u8],
}

impl Multiprotocol<'_> {
    /// Octets of the attribute's value before its NLRI.
    fn head_len(&self) -> usize {
        // AFI and SAFI; then the next hop between its length and a reserved octet.
        3_usize.saturating_add(self.next_hop.map_or(0, |hop| hop.len().saturating_add(2)))
    }
}

impl Shape for Multiprotocol<'_> {
    #[inline]
    fn message_len(&self, nlri: usize) -> usize {
        EMPTY_LEN
            .saturating_add(with_header(self.head_len().saturating_add(nlri)))
            .saturating_add(self.block.len())
    }

    fn open(&self, out: &mut Vec<u8>) {
        let code = match self.next_hop {
            Some(_) => code::MP_REACH_NLRI,
            None => code::MP_UNREACH_NLRI,
        };
        let [afi_high, afi_low] = self.family.afi().0.to_be_bytes();
        out.extend_from_slice(&[0, 0, 0, 0, OPTIONAL, code, 0]);
        out.extend_from_slice(&[afi_high, afi_low, self.family.safi().0]);
        if let Some(next_hop) = self.next_hop {
            out.push(u8::try_from(next_hop.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(next_hop);
            out.push(0);
        }
    }

    fn close(&self, out: &mut Vec<u8>, start: usize, nlri: usize) {
        let attribute = nlri.saturating_sub(self.head_len()).saturating_sub(MP_HEADER_LEN);
        patch_header(out, attribute);
        out.extend_from_slice(self.block);
        let length = out.len().saturating_sub(start).saturating_sub(EMPTY_LEN);
        put_u16(out, attribute.saturating_sub(2), length);
    }
}

struct Packer<'o> {
    out: &'o mut Vec<u8>,
    spec: PackSpec,
    packed: Packed,
}

impl<'o> Packer<'o> {
    fn new(out: &'o mut Vec<u8>, spec: PackSpec) -> Self {
        let message_len_max = spec.message_len_max.min(usize::from(u16::MAX));
        Self { out, spec: PackSpec { message_len_max, ..spec }, packed: Packed::default() }
    }

    fn pack<S: Shape, K: NlriKey>(&mut self, shape: &S, keys: impl Iterator<Item = (PathId, K)>) {
        let limit = self.spec.message_len_max;
        let id_len = if self.spec.add_path { PATH_ID_LEN } else { 0 };
        // The message that is open, by where it and its NLRI start.
        let mut open: Option<(usize, usize)> = None;
        for (id, key) in keys {
            let entry = id_len.saturating_add(key.encoded_len());
            let filled = open.map(|(_, nlri)| self.out.len().saturating_sub(nlri));
            let fits = |filled: usize| shape.message_len(filled.saturating_add(entry)) <= limit;
            if !filled.is_some_and(fits) {
                // One that fits no message at all leaves the open one open.
                if !fits(0) {
                    self.packed.oversized = self.packed.oversized.saturating_add(1);
                    continue;
                }
                if let Some((start, nlri)) = open {
                    self.close(shape, start, nlri);
                }
                let start = start(self.out);
                shape.open(self.out);
                open = Some((start, self.out.len()));
            }
            if self.spec.add_path {
                self.out.extend_from_slice(&id.0.to_be_bytes());
            }
            key.encode(self.out);
            self.packed.prefixes = self.packed.prefixes.saturating_add(1);
        }
        if let Some((start, nlri)) = open {
            self.close(shape, start, nlri);
        }
    }

    fn close<S: Shape>(&mut self, shape: &S, start: usize, nlri: usize) {
        shape.close(self.out, start, nlri);
        finish(self.out, start);
        self.packed.messages = self.packed.messages.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
