//! IPv4 prefixes on the wire (RFC 4271 §4.3).

use alloc::vec::Vec;

use albedo_types::{Family, Ipv4Prefix, Prefix};

use super::{NlriFault, NlriKey};

/// Octets of an address.
const OCTETS: usize = 4;

impl NlriKey for Ipv4Prefix {
    const FAMILY: Family = Family::Ipv4Unicast;

    #[inline]
    fn prefix(&self) -> Option<Prefix> {
        Some(Prefix::V4(*self))
    }

    #[inline]
    fn encoded_len(&self) -> usize {
        usize::from(self.len().div_ceil(8)).saturating_add(1)
    }

    #[inline]
    fn is_host(&self) -> bool {
        self.len() == Self::LEN_MAX
    }

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        // A copy of a fixed length and a cut are cheaper than a copy of a variable length.
        let start = out.len();
        out.push(self.len());
        out.extend_from_slice(&self.bits().to_be_bytes());
        out.truncate(start.saturating_add(self.encoded_len()));
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), NlriFault> {
        let Some((&len, rest)) = bytes.split_first() else {
            return Err(NlriFault::CutShort { needed: 1, left: 0 });
        };
        let octets = usize::from(len.div_ceil(8));
        let Some((head, tail)) = rest.split_at_checked(octets) else {
            return Err(if len > Self::LEN_MAX { too_long(len) } else { cut_short(octets, bytes) });
        };
        // Where a whole address can be read without leaving the field, that is one load; the
        // octets of the next entry that come with it are masked away.
        let bits = match rest.first_chunk::<OCTETS>() {
            Some(address) => u32::from_be_bytes(*address),
            None => gather(head),
        };
        match Self::from_bits(bits, len) {
            Some(prefix) => Ok((prefix, tail)),
            None => Err(too_long(len)),
        }
    }
}

/// The octets of the last prefix of a field, as the upper part of an address.
#[inline]
fn gather(head: &[u8]) -> u32 {
    let mut address = [0; OCTETS];
    for (to, from) in address.iter_mut().zip(head) {
        *to = *from;
    }
    u32::from_be_bytes(address)
}

#[cold]
const fn too_long(bits: u8) -> NlriFault {
    NlriFault::TooLong { bits, allowed: Ipv4Prefix::LEN_MAX }
}

#[cold]
const fn cut_short(octets: usize, bytes: &[u8]) -> NlriFault {
    NlriFault::CutShort { needed: octets.saturating_add(1), left: bytes.len() }
}
