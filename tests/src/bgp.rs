//! A small BGP speaker of the tests' own: it sends any bytes it is told to, and keeps what it
//! is sent (RFC 4271, RFC 4760, RFC 6793).
//!
//! It shares no code with the product: a mistake in one does not hide itself in the other.

mod parse;
mod speaker;
#[cfg(test)]
mod tests;

pub use parse::{Attribute, Attributes, Update};
pub use speaker::{Route, Speaker, Table};

use std::net::Ipv4Addr;

use crate::net::{Family, Net};

/// Octets of a message header.
pub const HEADER: usize = 19;

/// The most octets of a message without RFC 8654.
pub const MESSAGE_MAX: usize = 4096;

/// Message types.
pub const OPEN: u8 = 1;
/// See [`OPEN`].
pub const UPDATE: u8 = 2;
/// See [`OPEN`].
pub const NOTIFICATION: u8 = 3;
/// See [`OPEN`].
pub const KEEPALIVE: u8 = 4;

/// Attribute type codes the scenarios look at.
pub mod code {
    /// ORIGIN.
    pub const ORIGIN: u8 = 1;
    /// AS_PATH.
    pub const AS_PATH: u8 = 2;
    /// NEXT_HOP.
    pub const NEXT_HOP: u8 = 3;
    /// MULTI_EXIT_DISC.
    pub const MED: u8 = 4;
    /// LOCAL_PREF.
    pub const LOCAL_PREF: u8 = 5;
    /// ATOMIC_AGGREGATE.
    pub const ATOMIC_AGGREGATE: u8 = 6;
    /// AGGREGATOR.
    pub const AGGREGATOR: u8 = 7;
    /// COMMUNITIES.
    pub const COMMUNITIES: u8 = 8;
    /// ORIGINATOR_ID.
    pub const ORIGINATOR_ID: u8 = 9;
    /// CLUSTER_LIST.
    pub const CLUSTER_LIST: u8 = 10;
    /// MP_REACH_NLRI.
    pub const MP_REACH: u8 = 14;
    /// MP_UNREACH_NLRI.
    pub const MP_UNREACH: u8 = 15;
    /// EXTENDED COMMUNITIES.
    pub const EXTENDED_COMMUNITIES: u8 = 16;
    /// AS4_PATH.
    pub const AS4_PATH: u8 = 17;
    /// PMSI_TUNNEL.
    pub const PMSI_TUNNEL: u8 = 22;
    /// IPv6 address specific extended communities.
    pub const IPV6_EXTENDED_COMMUNITIES: u8 = 25;
    /// AIGP.
    pub const AIGP: u8 = 26;
    /// LARGE_COMMUNITY.
    pub const LARGE_COMMUNITIES: u8 = 32;
    /// Only to customer.
    pub const ONLY_TO_CUSTOMER: u8 = 35;
    /// BGP Prefix-SID.
    pub const PREFIX_SID: u8 = 40;
}

/// A whole message.
///
/// # Panics
/// When it is longer than a length field can say.
#[must_use]
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER + body.len()).expect("a message of at most 65535 octets");
    let mut bytes = vec![0xff; 16];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

/// An OPEN with 4-octet AS, route refresh and the families; no graceful restart, so that the
/// speaker's routes go when it does.
#[must_use]
pub fn open(asn: u32, hold_time: u16, router_id: Ipv4Addr, families: &[Family]) -> Vec<u8> {
    let mut capabilities = vec![2, 0];
    for family in families {
        capabilities.extend_from_slice(&[1, 4, 0, family.afi().to_be_bytes()[1], 0, 1]);
    }
    capabilities.extend_from_slice(&[65, 4]);
    capabilities.extend_from_slice(&asn.to_be_bytes());
    let length = u8::try_from(capabilities.len()).expect("a few capabilities");
    let as_field = u16::try_from(asn).unwrap_or(23456);
    let mut body = vec![4];
    body.extend_from_slice(&as_field.to_be_bytes());
    body.extend_from_slice(&hold_time.to_be_bytes());
    body.extend_from_slice(&router_id.octets());
    body.extend_from_slice(&[length + 2, 2, length]);
    body.extend_from_slice(&capabilities);
    message(OPEN, &body)
}

/// A path attribute; the extended length is used where the value needs it.
#[must_use]
pub fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 4);
    if let Ok(length) = u8::try_from(value.len()) {
        bytes.extend_from_slice(&[flags, code, length]);
    } else {
        let length = u16::try_from(value.len()).expect("an attribute of at most 65535 octets");
        bytes.extend_from_slice(&[flags | 0x10, code]);
        bytes.extend_from_slice(&length.to_be_bytes());
    }
    bytes.extend_from_slice(value);
    bytes
}

/// An UPDATE out of its three parts, as they are.
///
/// # Panics
/// When a part is longer than its length field can say.
#[must_use]
pub fn update(withdrawn: &[u8], attributes: &[u8], announced: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in [withdrawn, attributes] {
        let length = u16::try_from(part.len()).expect("a part of at most 65535 octets");
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(part);
    }
    body.extend_from_slice(announced);
    message(UPDATE, &body)
}

/// The attributes of an ordinary internal IPv4 route, in order.
#[must_use]
pub fn plain_attributes(next_hop: Ipv4Addr, med: u32) -> Vec<Vec<u8>> {
    vec![
        attribute(0x40, code::ORIGIN, &[0]),
        attribute(0x40, code::AS_PATH, &[]),
        attribute(0x40, code::NEXT_HOP, &next_hop.octets()),
        attribute(0x80, code::MED, &med.to_be_bytes()),
        attribute(0x40, code::LOCAL_PREF, &100_u32.to_be_bytes()),
    ]
}

/// The announcement of ordinary internal IPv4 routes.
#[must_use]
pub fn announcement(next_hop: Ipv4Addr, med: u32, nets: &[Net]) -> Vec<u8> {
    update(&[], &plain_attributes(next_hop, med).concat(), &encoded(nets))
}

/// The withdrawal of IPv4 routes.
#[must_use]
pub fn withdrawal(nets: &[Net]) -> Vec<u8> {
    update(&encoded(nets), &[], &[])
}

/// The End-of-RIB marker of IPv4 unicast (RFC 4724 section 2).
#[must_use]
pub fn end_of_rib() -> Vec<u8> {
    update(&[], &[], &[])
}

/// Prefixes as a message carries them.
#[must_use]
pub fn encoded(nets: &[Net]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for net in nets {
        net.encode(&mut bytes);
    }
    bytes
}
