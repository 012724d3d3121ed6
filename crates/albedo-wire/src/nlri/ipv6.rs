//! IPv6 prefixes on the wire (RFC 4760 §5).

use alloc::vec::Vec;

use albedo_types::{Family, Ipv6Prefix, Prefix};

use super::{NlriFault, NlriKey};

/// Octets of an address.
const OCTETS: usize = 16;

impl NlriKey for Ipv6Prefix {
    const FAMILY: Family = Family::Ipv6Unicast;

    #[inline]
    fn prefix(&self) -> Option<Prefix> {
        Some(Prefix::V6(*self))
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
            Some(address) => u128::from_be_bytes(*address),
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
fn gather(head: &[u8]) -> u128 {
    let mut address = [0; OCTETS];
    for (to, from) in address.iter_mut().zip(head) {
        *to = *from;
    }
    u128::from_be_bytes(address)
}

#[cold]
const fn too_long(bits: u8) -> NlriFault {
    NlriFault::TooLong { bits, allowed: Ipv6Prefix::LEN_MAX }
}

#[cold]
const fn cut_short(octets: usize, bytes: &[u8]) -> NlriFault {
    NlriFault::CutShort { needed: octets.saturating_add(1), left: bytes.len() }
}
