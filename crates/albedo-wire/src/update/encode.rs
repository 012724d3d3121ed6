//! The parts of an outgoing UPDATE that do not depend on what it says.
//!
//! RFC 4271 §4.1 and §4.3, RFC 4724 §2.

use alloc::vec::Vec;

use albedo_types::Family;

use crate::attr::{OPTIONAL, code};

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

/// An UPDATE with nothing in it.
const EOR_IPV4: [u8; EMPTY_LEN] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0, 23, UPDATE, 0, 0, 0, 0,
];

/// An UPDATE with nothing but an empty `MP_UNREACH_NLRI` of AFI 2 and SAFI 1.
const EOR_IPV6: [u8; EMPTY_LEN + 6] = [
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0,
    29,
    UPDATE,
    0,
    0,
    0,
    6,
    OPTIONAL,
    code::MP_UNREACH_NLRI,
    3,
    0,
    2,
    1,
];

/// The End-of-RIB marker of a family, a whole message (RFC 4724 §2).
#[must_use]
pub const fn end_of_rib(family: Family) -> &'static [u8] {
    match family {
        Family::Ipv4Unicast => &EOR_IPV4,
        Family::Ipv6Unicast => &EOR_IPV6,
    }
}
