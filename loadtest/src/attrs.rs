//! Path attributes: what a source announces, and the form in which announced and received
//! attributes are compared.
//!
//! The *normal form* of an attribute block is a byte string that is equal for two blocks exactly
//! when they say the same: attributes in ascending order of type, the next hop of `NEXT_HOP` or
//! `MP_REACH_NLRI` in front, communities sorted (they are a set, RFC 1997), the Partial and
//! extended-length flags left out (RFC 4271 §5 lets a speaker set the first, and the second says
//! nothing).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::parse::Fault;

/// Attribute type codes that mean something here.
pub mod code {
    /// `ORIGIN` (RFC 4271).
    pub const ORIGIN: u8 = 1;
    /// `AS_PATH` (RFC 4271).
    pub const AS_PATH: u8 = 2;
    /// `NEXT_HOP` (RFC 4271).
    pub const NEXT_HOP: u8 = 3;
    /// `MULTI_EXIT_DISC` (RFC 4271).
    pub const MED: u8 = 4;
    /// `LOCAL_PREF` (RFC 4271).
    pub const LOCAL_PREF: u8 = 5;
    /// `AGGREGATOR` (RFC 4271).
    pub const AGGREGATOR: u8 = 7;
    /// `COMMUNITIES` (RFC 1997).
    pub const COMMUNITIES: u8 = 8;
    /// `ORIGINATOR_ID` (RFC 4456).
    pub const ORIGINATOR_ID: u8 = 9;
    /// `CLUSTER_LIST` (RFC 4456).
    pub const CLUSTER_LIST: u8 = 10;
    /// `EXTENDED_COMMUNITIES` (RFC 4360).
    pub const EXTENDED_COMMUNITIES: u8 = 16;
    /// `LARGE_COMMUNITY` (RFC 8092).
    pub const LARGE_COMMUNITIES: u8 = 32;
    /// `MP_REACH_NLRI` (RFC 4760).
    pub const MP_REACH: u8 = 14;
    /// `MP_UNREACH_NLRI` (RFC 4760).
    pub const MP_UNREACH: u8 = 15;
}

/// Flag bits of an attribute (RFC 4271 §4.3).
pub mod flag {
    /// Optional.
    pub const OPTIONAL: u8 = 0x80;
    /// Transitive.
    pub const TRANSITIVE: u8 = 0x40;
    /// The length has two octets.
    pub const EXTENDED: u8 = 0x10;
}

/// `LOCAL_PREF` that a reflector fills in where a source sent none (RFC 4271 §5.1.5 demands it).
const LOCAL_PREF_DEFAULT: u32 = 100;

/// What the normal form leaves out; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// The first entry of `CLUSTER_LIST`, which is the reflector's own.
    pub own_cluster: bool,
    /// A `MULTI_EXIT_DISC` of 0.
    pub zero_med_is_absent: bool,
}

impl Form {
    /// Nothing.
    pub const FULL: Self = Self { own_cluster: false, zero_med_is_absent: false };
}

/// One attribute with its flags as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Flags, without the extended-length bit.
    pub flags: u8,
    /// Type code.
    pub code: u8,
    /// The value.
    pub value: Cow<'a, [u8]>,
}

/// The attributes of a route, next hop apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// 4 octets, or 16, or 32 with a link-local address.
    pub next_hop: Cow<'a, [u8]>,
    /// Everything but next hop and NLRI, ascending by type.
    pub list: Vec<Attribute<'a>>,
}

impl<'a> Attributes<'a> {
    /// Takes an attribute in, at its place in the order.
    pub fn push(&mut self, flags: u8, code: u8, value: impl Into<Cow<'a, [u8]>>) {
        let flags = flags & !flag::EXTENDED;
        let at = self.list.partition_point(|have| have.code <= code);
        self.list.insert(at, Attribute { flags, code, value: value.into() });
    }

    /// The value of an attribute, where it is there.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.list.iter().find(|have| have.code == code).map(|have| &*have.value)
    }

    /// Whether `AS_PATH`, with four octets a number, names AS 0: such routes have to be taken for
    /// withdrawn (RFC 7607 §2).
    #[must_use]
    pub fn has_as_zero(&self) -> bool {
        let mut rest = self.get(code::AS_PATH).unwrap_or_default();
        while let Some((&[_kind, count], after)) = rest.split_first_chunk::<2>() {
            let (numbers, after) = after.split_at(after.len().min(4 * usize::from(count)));
            if numbers.as_chunks::<4>().0.contains(&[0; 4]) {
                return true;
            }
            rest = after;
        }
        false
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, code: u8) {
        self.list.retain(|have| have.code != code);
    }

    /// What reflection makes of these attributes (RFC 4456 §8), the reflector's own entry in
    /// `CLUSTER_LIST` aside: `ORIGINATOR_ID` and `LOCAL_PREF` filled in where they lack, unknown
    /// attributes that are not transitive and an aggregator in AS 0 dropped.
    #[must_use]
    pub fn reflected(&self, originator: u32) -> Self {
        let mut out = self.clone();
        out.list.retain(|have| have.flags & flag::TRANSITIVE != 0 || is_known(have.code));
        // RFC 7607 §2: an aggregator in AS 0 is none.
        if out.get(code::AGGREGATOR).is_some_and(|value| value.starts_with(&[0; 4])) {
            out.remove(code::AGGREGATOR);
        }
        if out.get(code::LOCAL_PREF).is_none() {
            let value = LOCAL_PREF_DEFAULT.to_be_bytes().to_vec();
            out.push(flag::TRANSITIVE, code::LOCAL_PREF, value);
        }
        if out.get(code::ORIGINATOR_ID).is_none() {
            out.push(flag::OPTIONAL, code::ORIGINATOR_ID, originator.to_be_bytes().to_vec());
        }
        out
    }

    /// The same with `cluster` put in front of `CLUSTER_LIST`: what a reflector with that id
    /// sends in the end.
    #[must_use]
    pub fn with_cluster(&self, cluster: u32) -> Self {
        let mut list = cluster.to_be_bytes().to_vec();
        list.extend_from_slice(self.get(code::CLUSTER_LIST).unwrap_or_default());
        let mut out = self.clone();
        out.remove(code::CLUSTER_LIST);
        out.push(flag::OPTIONAL, code::CLUSTER_LIST, list);
        out
    }

    /// Appends the attributes as they go into an UPDATE. An IPv4 next hop becomes `NEXT_HOP`;
    /// another one belongs into `MP_REACH_NLRI` and is left out.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut next_hop_due = self.next_hop.len() == 4;
        for have in &self.list {
            if next_hop_due && have.code > code::NEXT_HOP {
                write_one(out, flag::TRANSITIVE, code::NEXT_HOP, &self.next_hop);
                next_hop_due = false;
            }
            write_one(out, have.flags, have.code, &have.value);
        }
        if next_hop_due {
            write_one(out, flag::TRANSITIVE, code::NEXT_HOP, &self.next_hop);
        }
    }

    /// Writes the normal form over `out`. The reflector's own entry in `CLUSTER_LIST` is returned
    /// where it is left out.
    pub fn normalise(&self, form: Form, out: &mut Vec<u8>) -> Option<u32> {
        out.clear();
        let mut next_hop = &*self.next_hop;
        // BIRD 1.6 sends a link-local half of zeros, which says nothing.
        if next_hop.len() == 32 && next_hop[16..].iter().all(|&octet| octet == 0) {
            next_hop = &next_hop[..16];
        }
        #[expect(clippy::cast_possible_truncation, reason = "a next hop has one length octet")]
        out.push(next_hop.len() as u8);
        out.extend_from_slice(next_hop);
        let mut first = None;
        for have in &self.list {
            let mut value = &*have.value;
            if form.own_cluster && have.code == code::CLUSTER_LIST {
                if let Some((own, rest)) = value.split_first_chunk::<4>() {
                    first = Some(u32::from_be_bytes(*own));
                    value = rest;
                }
                if value.is_empty() {
                    continue;
                }
            }
            if form.zero_med_is_absent && have.code == code::MED && value == [0; 4] {
                continue;
            }
            out.push(have.code);
            out.push(have.flags & (flag::OPTIONAL | flag::TRANSITIVE));
            let sorted = match have.code {
                code::COMMUNITIES => sorted_words::<4>(value),
                code::EXTENDED_COMMUNITIES => sorted_words::<8>(value),
                code::LARGE_COMMUNITIES => sorted_words::<12>(value),
                _ => None,
            };
            let value = sorted.as_deref().unwrap_or(value);
            #[expect(clippy::cast_possible_truncation, reason = "the wire has two length octets")]
            out.extend_from_slice(&(value.len() as u16).to_be_bytes());
            out.extend_from_slice(value);
        }
        first
    }

    /// The attributes of a normal form.
    #[must_use]
    pub fn from_normal(normal: &'a [u8]) -> Self {
        let Some((&len, rest)) = normal.split_first() else {
            return Self::default();
        };
        let (next_hop, mut rest) = rest.split_at(usize::from(len));
        let mut out = Self { next_hop: Cow::Borrowed(next_hop), list: Vec::new() };
        while let Some((&[code, flags, high, low], after)) = rest.split_first_chunk::<4>() {
            let (value, after) = after.split_at(usize::from(u16::from_be_bytes([high, low])));
            out.list.push(Attribute { flags, code, value: Cow::Borrowed(value) });
            rest = after;
        }
        out
    }

    /// Where `self`, which was expected, and `got` differ, in words.
    #[must_use]
    pub fn difference(&self, got: &Self) -> String {
        let mut out = String::new();
        if self.next_hop != got.next_hop {
            let (want, have) = (address(&self.next_hop), address(&got.next_hop));
            let _ = write!(out, "next hop is {have}, expected {want}; ");
        }
        let mut codes: Vec<u8> = self.list.iter().chain(&got.list).map(|a| a.code).collect();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            let name = name(code);
            match (self.get(code), got.get(code)) {
                (Some(want), Some(have)) if want != have => {
                    let (want, have) = (show(code, want), show(code, have));
                    let _ = write!(out, "{name} is {have}, expected {want}; ");
                }
                (Some(want), None) => {
                    let _ = write!(out, "{name} is missing, expected {}; ", show(code, want));
                }
                (None, Some(have)) => {
                    let _ = write!(out, "{name} {} was not expected; ", show(code, have));
                }
                _ => {}
            }
        }
        if out.is_empty() {
            out.push_str("attribute flags differ; ");
        }
        out.truncate(out.len() - 2);
        out
    }
}

/// Communities of `N` octets in order, each once; `None` where they are so already.
fn sorted_words<const N: usize>(value: &[u8]) -> Option<Vec<u8>> {
    let (words, rest) = value.as_chunks::<N>();
    if !rest.is_empty() || words.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let mut words = words.to_vec();
    words.sort_unstable();
    words.dedup();
    Some(words.concat())
}

/// Whether a reflector knows what to do with an attribute that is not transitive.
const fn is_known(type_code: u8) -> bool {
    matches!(type_code, code::MED | code::ORIGINATOR_ID | code::CLUSTER_LIST)
}

/// Appends one attribute.
pub fn write_one(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    if let Ok(len) = u8::try_from(value.len()) {
        out.extend_from_slice(&[flags & !flag::EXTENDED, code, len]);
    } else {
        out.extend_from_slice(&[flags | flag::EXTENDED, code]);
        #[expect(clippy::cast_possible_truncation, reason = "a message has at most 65,535 octets")]
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    }
    out.extend_from_slice(value);
}

/// Takes one attribute from the front of `bytes`.
///
/// # Errors
/// Where the attribute does not fit into what is left.
pub fn read_one<'a>(bytes: &mut &'a [u8]) -> Result<Attribute<'a>, Fault> {
    let (flags, code, len, rest) = match **bytes {
        [flags, code, high, low, ref rest @ ..] if flags & flag::EXTENDED != 0 => {
            (flags, code, usize::from(u16::from_be_bytes([high, low])), rest)
        }
        [flags, code, len, ref rest @ ..] if flags & flag::EXTENDED == 0 => {
            (flags, code, usize::from(len), rest)
        }
        _ => return Err(Fault::AttributeHeader),
    };
    let Some((value, rest)) = rest.split_at_checked(len) else {
        return Err(Fault::AttributeLength { code, len, left: rest.len() });
    };
    *bytes = rest;
    Ok(Attribute { flags: flags & !flag::EXTENDED, code, value: Cow::Borrowed(value) })
}

/// A next hop in words.
fn address(octets: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        Ipv4Addr::from(four).to_string()
    } else if let Some((sixteen, rest)) = octets.split_first_chunk::<16>() {
        let global = Ipv6Addr::from(*sixteen);
        match <[u8; 16]>::try_from(rest) {
            Ok(local) => format!("{global} with {}", Ipv6Addr::from(local)),
            Err(_) => global.to_string(),
        }
    } else {
        format!("of {} octets", octets.len())
    }
}

/// An attribute's name, or its number.
fn name(type_code: u8) -> Cow<'static, str> {
    match type_code {
        code::ORIGIN => "ORIGIN".into(),
        code::AS_PATH => "AS_PATH".into(),
        code::MED => "MED".into(),
        code::LOCAL_PREF => "LOCAL_PREF".into(),
        code::AGGREGATOR => "AGGREGATOR".into(),
        code::COMMUNITIES => "COMMUNITIES".into(),
        code::ORIGINATOR_ID => "ORIGINATOR_ID".into(),
        code::CLUSTER_LIST => "CLUSTER_LIST".into(),
        other => format!("attribute {other}").into(),
    }
}

/// An attribute's value in words where it has four-octet parts, else as hexadecimal digits.
fn show(type_code: u8, value: &[u8]) -> String {
    let words = || value.chunks_exact(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]]));
    match type_code {
        code::LOCAL_PREF | code::MED if value.len() == 4 => {
            words().map(|word| word.to_string()).collect()
        }
        code::ORIGINATOR_ID | code::CLUSTER_LIST if value.len().is_multiple_of(4) => {
            let ids: Vec<String> = words().map(|id| Ipv4Addr::from_bits(id).to_string()).collect();
            if ids.is_empty() { "empty".to_owned() } else { ids.join(" ") }
        }
        _ => value.iter().map(|octet| format!("{octet:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests;
