//! Messages the generator sends, built once and shared (RFC 4271 §4, RFC 5492, RFC 4760).

use std::net::Ipv4Addr;

use crate::attrs::{Attributes, code, flag};
use crate::prefix::{Family, Prefix};

/// Octets of a message header.
pub const HEADER_LEN: usize = 19;
/// Octets of the largest message the generator sends.
pub const MESSAGE_LEN_MAX: usize = 4096;
/// What stands for a four-octet AS number in the two octets of OPEN (RFC 6793).
const AS_TRANS: u16 = 23456;
/// The longest restart time in seconds: the field has 12 bits (RFC 4724 §3).
pub const RESTART_TIME_MAX: u16 = 0x0fff;

/// Message type codes.
pub mod kind {
    /// OPEN.
    pub const OPEN: u8 = 1;
    /// UPDATE.
    pub const UPDATE: u8 = 2;
    /// NOTIFICATION.
    pub const NOTIFICATION: u8 = 3;
    /// KEEPALIVE.
    pub const KEEPALIVE: u8 = 4;
    /// ROUTE-REFRESH (RFC 2918).
    pub const ROUTE_REFRESH: u8 = 5;
}

/// A KEEPALIVE.
pub const KEEPALIVE: [u8; HEADER_LEN] = {
    let mut message = [0xff; HEADER_LEN];
    message[16] = 0;
    message[17] = 19;
    message[18] = kind::KEEPALIVE;
    message
};

/// Appends a header with room for its length; give the returned position to [`finish`].
fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0xff; 16]);
    out.extend_from_slice(&[0, 0, kind]);
    start
}

/// Writes the length of the message that begins at `start`.
fn finish(out: &mut [u8], start: usize) {
    let len = out.len() - start;
    #[expect(clippy::cast_possible_truncation, reason = "callers stay below 65,536 octets")]
    out[start + 16..start + 18].copy_from_slice(&(len as u16).to_be_bytes());
}

/// What an OPEN says of graceful restart (RFC 4724 §3); forwarding always goes on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graceful {
    /// Seconds that the speaker needs at most to return.
    pub seconds: u16,
    /// Whether it has just restarted.
    pub is_restarting: bool,
}

impl Graceful {
    /// The capability's value.
    fn value(self, families: &[Family]) -> Vec<u8> {
        let flags = if self.is_restarting { 0x8000 } else { 0 };
        let mut out = (flags | (self.seconds & RESTART_TIME_MAX)).to_be_bytes().to_vec();
        for family in families {
            out.extend_from_slice(&family.afi().to_be_bytes());
            out.extend_from_slice(&[1, 0x80]);
        }
        out
    }
}

/// An OPEN with the families, route refresh and four-octet AS numbers.
#[must_use]
pub fn open(asn: u32, hold_time: u16, router_id: Ipv4Addr, families: &[Family]) -> Vec<u8> {
    open_graceful(asn, hold_time, router_id, families, None)
}

/// The same with graceful restart, where that is wanted.
#[must_use]
pub fn open_graceful(
    asn: u32,
    hold_time: u16,
    router_id: Ipv4Addr,
    families: &[Family],
    graceful: Option<Graceful>,
) -> Vec<u8> {
    let mut capabilities = Vec::new();
    for family in families {
        capabilities.extend_from_slice(&[1, 4]);
        capabilities.extend_from_slice(&family.afi().to_be_bytes());
        capabilities.extend_from_slice(&[0, 1]);
    }
    capabilities.extend_from_slice(&[2, 0, 65, 4]);
    capabilities.extend_from_slice(&asn.to_be_bytes());
    if let Some(graceful) = graceful {
        let value = graceful.value(families);
        #[expect(clippy::cast_possible_truncation, reason = "at most two families: 10 octets")]
        capabilities.extend_from_slice(&[64, value.len() as u8]);
        capabilities.extend_from_slice(&value);
    }

    let mut out = Vec::new();
    let start = begin(&mut out, kind::OPEN);
    out.push(4);
    out.extend_from_slice(&u16::try_from(asn).unwrap_or(AS_TRANS).to_be_bytes());
    out.extend_from_slice(&hold_time.to_be_bytes());
    out.extend_from_slice(&router_id.octets());
    #[expect(clippy::cast_possible_truncation, reason = "at most two families: 32 octets")]
    let len = capabilities.len() as u8;
    out.extend_from_slice(&[len + 2, 2, len]);
    out.extend_from_slice(&capabilities);
    finish(&mut out, start);
    out
}

/// A NOTIFICATION without data.
#[must_use]
pub fn notification(code: u8, subcode: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let start = begin(&mut out, kind::NOTIFICATION);
    out.extend_from_slice(&[code, subcode]);
    finish(&mut out, start);
    out
}

/// A request for all routes of a family (RFC 2918 §3).
#[must_use]
pub fn route_refresh(family: Family) -> Vec<u8> {
    let mut out = Vec::new();
    let start = begin(&mut out, kind::ROUTE_REFRESH);
    out.extend_from_slice(&family.afi().to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    finish(&mut out, start);
    out
}

/// Whether a whole UPDATE is the End-of-RIB of some family (RFC 4724 §2).
#[must_use]
pub fn is_end_of_rib(message: &[u8]) -> bool {
    // Nothing at all, or MP_UNREACH_NLRI without a route and nothing else.
    matches!(
        &message[HEADER_LEN..],
        [0, 0, 0, 0] | [0, 0, 0, 6, _, 15, 3, _, _, _] | [0, 0, 0, 7, _, 15, 0, 3, _, _, _]
    )
}

/// The End-of-RIB of a family (RFC 4724 §2).
pub fn end_of_rib(family: Family, out: &mut Vec<u8>) {
    let start = begin(out, kind::UPDATE);
    match family {
        Family::V4 => out.extend_from_slice(&[0; 4]),
        Family::V6 => {
            out.extend_from_slice(&[0, 0, 0, 6, flag::OPTIONAL, code::MP_UNREACH, 3, 0, 2, 1]);
        }
    }
    finish(out, start);
}

/// Appends UPDATEs that announce prefixes of one family with one set of attributes, as few as
/// 4,096-octet messages allow.
pub fn announce(set: &Attributes<'_>, family: Family, prefixes: &[Prefix], out: &mut Vec<u8>) {
    let mut block = Vec::new();
    set.write(&mut block);
    // Fixed octets: header, two length fields, the block, and for MP_REACH its own head.
    let fixed = match family {
        Family::V4 => HEADER_LEN + 4 + block.len(),
        Family::V6 => HEADER_LEN + 4 + block.len() + 4 + 5 + set.next_hop.len(),
    };
    let mut rest = prefixes;
    while !rest.is_empty() {
        let (count, octets) = fit(rest, MESSAGE_LEN_MAX.saturating_sub(fixed));
        assert!(count > 0, "an attribute set of {} octets leaves no room", block.len());
        let (now, later) = rest.split_at(count);
        rest = later;
        let start = begin(out, kind::UPDATE);
        out.extend_from_slice(&[0, 0]);
        match family {
            Family::V4 => {
                push_u16(out, block.len());
                out.extend_from_slice(&block);
            }
            Family::V6 => {
                let value = 5 + set.next_hop.len() + octets;
                push_u16(out, block.len() + 4 + value);
                out.extend_from_slice(&[flag::OPTIONAL | flag::EXTENDED, code::MP_REACH]);
                push_u16(out, value);
                out.extend_from_slice(&[0, 2, 1]);
                #[expect(clippy::cast_possible_truncation, reason = "16 or 32 octets")]
                out.push(set.next_hop.len() as u8);
                out.extend_from_slice(&set.next_hop);
                out.push(0);
            }
        }
        for prefix in now {
            prefix.write(out);
        }
        if family == Family::V6 {
            out.extend_from_slice(&block);
        }
        finish(out, start);
    }
}

/// Appends UPDATEs that withdraw prefixes of one family.
pub fn withdraw(family: Family, prefixes: &[Prefix], out: &mut Vec<u8>) {
    let fixed = match family {
        Family::V4 => HEADER_LEN + 4,
        Family::V6 => HEADER_LEN + 4 + 4 + 3,
    };
    let mut rest = prefixes;
    while !rest.is_empty() {
        let (count, octets) = fit(rest, MESSAGE_LEN_MAX - fixed);
        let (now, later) = rest.split_at(count);
        rest = later;
        let start = begin(out, kind::UPDATE);
        match family {
            Family::V4 => push_u16(out, octets),
            Family::V6 => {
                push_u16(out, 0);
                push_u16(out, 4 + 3 + octets);
                out.extend_from_slice(&[flag::OPTIONAL | flag::EXTENDED, code::MP_UNREACH]);
                push_u16(out, 3 + octets);
                out.extend_from_slice(&[0, 2, 1]);
            }
        }
        for prefix in now {
            prefix.write(out);
        }
        if family == Family::V4 {
            push_u16(out, 0);
        }
        finish(out, start);
    }
}

/// How many prefixes from the front fit into `room` octets, and how many octets they take.
fn fit(prefixes: &[Prefix], room: usize) -> (usize, usize) {
    let mut octets = 0;
    for (n, prefix) in prefixes.iter().enumerate() {
        if octets + prefix.wire_len() > room {
            return (n, octets);
        }
        octets += prefix.wire_len();
    }
    (prefixes.len(), octets)
}

/// Appends a length field of two octets.
fn push_u16(out: &mut Vec<u8>, value: usize) {
    #[expect(clippy::cast_possible_truncation, reason = "messages are below 65,536 octets")]
    out.extend_from_slice(&(value as u16).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{self, Update};

    fn set(next_hop: Vec<u8>) -> Attributes<'static> {
        let mut set = Attributes { next_hop: next_hop.into(), ..Attributes::default() };
        set.push(flag::TRANSITIVE, code::ORIGIN, vec![0]);
        set.push(flag::TRANSITIVE, code::AS_PATH, vec![]);
        set
    }

    /// Splits what was built, checking every length on the way.
    fn messages(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut out = Vec::new();
        while let Some(message) = parse::split(bytes, MESSAGE_LEN_MAX).expect("well-formed") {
            out.push(message);
            bytes = &bytes[message.len()..];
        }
        assert!(bytes.is_empty());
        out
    }

    #[test]
    fn what_is_built_is_read_back_in_full_messages() {
        for family in [Family::V4, Family::V6] {
            let prefixes: Vec<Prefix> = (0..3000u32)
                .map(|n| match family {
                    Family::V4 => Prefix::v4(0x0b00_0000 + (n << 6), 26),
                    Family::V6 => Prefix::v6((0xfd00 << 112) + (u128::from(n) << 6), 122),
                })
                .collect();
            let set = set(match family {
                Family::V4 => vec![10, 0, 0, 1],
                Family::V6 => vec![0xfd; 16],
            });
            let (mut announced, mut withdrawn) = (Vec::new(), Vec::new());
            announce(&set, family, &prefixes, &mut announced);
            withdraw(family, &prefixes, &mut withdrawn);
            let mut got = Vec::new();
            for message in messages(&announced) {
                let update = Update::read(&message[HEADER_LEN..]).expect("well-formed");
                assert_eq!(update.attributes, set);
                assert!(update.withdrawn().next().is_none());
                got.extend(update.announced().map(|p| p.expect("well-formed")));
            }
            assert_eq!(got, prefixes);
            got.clear();
            for message in messages(&withdrawn) {
                let update = Update::read(&message[HEADER_LEN..]).expect("well-formed");
                got.extend(update.withdrawn().map(|p| p.expect("well-formed")));
            }
            assert_eq!(got, prefixes);
            let sizes: Vec<usize> = messages(&announced).iter().map(|m| m.len()).collect();
            let room = prefixes[0].wire_len();
            assert!(sizes[..sizes.len() - 1].iter().all(|&s| s + room > MESSAGE_LEN_MAX));
        }
    }

    #[test]
    fn end_of_rib_is_an_update_with_nothing_in_it() {
        let mut out = Vec::new();
        end_of_rib(Family::V4, &mut out);
        end_of_rib(Family::V6, &mut out);
        let lens: Vec<usize> = messages(&out).iter().map(|m| m.len()).collect();
        assert_eq!(lens, [23, 29]);
        for message in messages(&out) {
            assert!(is_end_of_rib(message));
        }
        assert!(!is_end_of_rib(&KEEPALIVE[..]));
        let mut withdrawal = Vec::new();
        withdraw(Family::V4, &[Prefix::v4(10 << 24, 8)], &mut withdrawal);
        assert!(!is_end_of_rib(&withdrawal));
    }

    #[test]
    fn a_route_refresh_names_its_family() {
        let v6 = route_refresh(Family::V6);
        let message = parse::split(&v6, MESSAGE_LEN_MAX).expect("well-formed").expect("whole");
        assert_eq!(message[16..], [0, 23, kind::ROUTE_REFRESH, 0, 2, 0, 1]);
    }

    #[test]
    fn open_says_what_it_should() {
        let message =
            open(4_200_000_000, 90, Ipv4Addr::new(10, 1, 0, 1), &[Family::V4, Family::V6]);
        let open = parse::Open::read(&message[HEADER_LEN..]).expect("well-formed");
        assert_eq!(open.asn, 4_200_000_000);
        assert_eq!(open.hold_time, 90);
        assert_eq!(open.router_id, 0x0a01_0001);
        assert_eq!(open.families, [Family::V4, Family::V6]);
        assert_eq!(message[20..22], AS_TRANS.to_be_bytes());
        assert_eq!(open.restart_time, None);
    }

    #[test]
    fn rfc4724_s3_the_restart_state_and_every_family_are_told() {
        let families = [Family::V4, Family::V6];
        let graceful = Some(Graceful { seconds: 120, is_restarting: true });
        let message = open_graceful(64512, 90, Ipv4Addr::new(10, 1, 0, 1), &families, graceful);
        let value = [64, 10, 0x80, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x80];
        assert!(message.ends_with(&value), "{message:?}");
        let open = parse::Open::read(&message[HEADER_LEN..]).expect("well-formed");
        assert_eq!((open.restart_time, open.families), (Some(120), families.to_vec()));
        assert_eq!(usize::from(message[17]), message.len());
    }
}
