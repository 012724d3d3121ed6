//! The parts of an outgoing UPDATE that do not depend on what it says.
//!
//! RFC 4271 §4.1 and §4.3, RFC 4724 §2.

use alloc::vec::Vec;

use albedo_types::Family;

/// Octets of a message header.
pub(super) const HEADER_LEN: usize = 19;
/// Octets of an UPDATE with nothing in it.
pub(super) const EMPTY_LEN: usize = HEADER_LEN + 4;
/// Message type of an UPDATE.
const UPDATE: u8 = 2;

/// Where the length of the message stands.
const LENGTH_AT: usize = 16;

/// The header of an UPDATE, its length still to be written.
const HEADER: [u8; HEADER_LEN] = {
    let mut header = [0xff; HEADER_LEN];
    header[LENGTH_AT] = 0;
    header[LENGTH_AT + 1] = 0;
    header[HEADER_LEN - 1] = UPDATE;
    header
};

/// Starts a message at the end of `out`; its place is returned.
pub(super) fn start(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&HEADER);
    start
}

/// Writes the length of the message that starts at `start` and goes to the end.
pub(super) fn finish(out: &mut [u8], start: usize) {
    let length = out.len().saturating_sub(start);
    put_u16(out, start.saturating_add(LENGTH_AT), length);
}

/// Writes a number of two octets at `at`; it is known to fit.
pub(super) fn put_u16(out: &mut [u8], at: usize, value: usize) {
    let octets = u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(field) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = octets;
    }
}

const EOR_IPV4: [u8; EMPTY_LEN] = {
    let mut message = [0; EMPTY_LEN];
    let mut n = 0;
    while n < HEADER_LEN {
        message[n] = HEADER[n];
        n += 1;
    }
    message[LENGTH_AT + 1] = EMPTY_LEN as u8;
    message
};

/// Octets of an End-of-RIB in `MP_UNREACH_NLRI`.
const EOR_MP_LEN: usize = EMPTY_LEN + 6;

const EOR_IPV6: [u8; EOR_MP_LEN] = eor_multiprotocol(Family::Ipv6Unicast);

#[expect(clippy::cast_possible_truncation, reason = "lengths far below 256")]
const fn eor_multiprotocol(family: Family) -> [u8; EOR_MP_LEN] {
    let mut message = [0; EOR_MP_LEN];
    let mut n = 0;
    while n < HEADER_LEN {
        message[n] = HEADER[n];
        n += 1;
    }
    message[LENGTH_AT + 1] = EOR_MP_LEN as u8;
    let [afi_high, afi_low] = family.afi().0.to_be_bytes();
    let attributes = [0, 6, crate::attr::OPTIONAL, 15, 3, afi_high, afi_low, family.safi().0];
    let mut n = 0;
    while n < attributes.len() {
        message[HEADER_LEN + 2 + n] = attributes[n];
        n += 1;
    }
    message
}

/// The End-of-RIB marker of a family, a whole message (RFC 4724 §2).
#[must_use]
pub const fn end_of_rib(family: Family) -> &'static [u8] {
    match family {
        Family::Ipv4Unicast => &EOR_IPV4,
        Family::Ipv6Unicast => &EOR_IPV6,
    }
}
