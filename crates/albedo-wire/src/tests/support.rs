//! Octets for tests: written in hexadecimal, or put together from parts.

use std::string::String;
use std::vec;
use std::vec::Vec;

use albedo_types::Asn;
use proptest::prelude::*;

use crate::attr::{Attributes, Decoded, EXTENDED_LENGTH, Need};
use crate::update::UpdateContext;

/// Octets written in hexadecimal; blanks do not count.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// An attribute with as short a header as its length allows.
pub(crate) fn attr(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match u8::try_from(value.len()) {
        Ok(length) => out.extend([flags, code, length]),
        Err(_) => {
            let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
            out.extend([flags | EXTENDED_LENGTH, code, high, low]);
        }
    }
    out.extend(value);
    out
}

/// The body of an UPDATE.
pub(crate) fn update_body(withdrawn: &[u8], attributes: &[u8], announced: &[u8]) -> Vec<u8> {
    let length = |part: &[u8]| u16::try_from(part.len()).unwrap().to_be_bytes();
    let mut body = Vec::new();
    body.extend(length(withdrawn));
    body.extend(withdrawn);
    body.extend(length(attributes));
    body.extend(attributes);
    body.extend(announced);
    body
}

/// A path of four-octet numbers: segments by type and numbers.
pub(crate) fn path4(segments: &[(u8, &[u32])]) -> Vec<u8> {
    let mut value = Vec::new();
    for (kind, asns) in segments {
        value.extend([*kind, u8::try_from(asns.len()).unwrap()]);
        value.extend(asns.iter().flat_map(|asn| asn.to_be_bytes()));
    }
    value
}

/// The same in two-octet numbers.
pub(crate) fn path2(segments: &[(u8, &[u16])]) -> Vec<u8> {
    let mut value = Vec::new();
    for (kind, asns) in segments {
        value.extend([*kind, u8::try_from(asns.len()).unwrap()]);
        value.extend(asns.iter().flat_map(|asn| asn.to_be_bytes()));
    }
    value
}

pub(crate) const ORIGIN_IGP: [u8; 4] = [0x40, 1, 1, 0];
pub(crate) const AS_PATH_EMPTY: [u8; 3] = [0x40, 2, 0];
pub(crate) const NEXT_HOP_192_0_2_1: [u8; 7] = [0x40, 3, 4, 192, 0, 2, 1];

/// ORIGIN, an empty AS_PATH and NEXT_HOP: what no announcement lacks.
pub(crate) fn mandatory() -> Vec<u8> {
    [&ORIGIN_IGP[..], &AS_PATH_EMPTY, &NEXT_HOP_192_0_2_1].concat()
}

/// Demands of a message with IPv4 routes of the old style.
pub(crate) const PLAIN: Need = Need { announces: true, plain_next_hop: true };

pub(crate) fn internal() -> UpdateContext {
    UpdateContext::internal(Asn(64512))
}

pub(crate) fn external() -> UpdateContext {
    UpdateContext::external(Asn(64512))
}

/// Judges the mandatory attributes and more.
pub(crate) fn with_mandatory(more: &[u8], ctx: &UpdateContext, check: impl FnOnce(Decoded<'_>)) {
    let block = [&mandatory(), more].concat();
    check(Attributes::decode(&block, PLAIN, ctx));
}

/// Contexts of every sort.
pub(crate) fn any_context() -> impl Strategy<Value = UpdateContext> {
    (any::<[bool; 6]>(), any::<[bool; 4]>()).prop_map(|(session, knobs)| {
        let [as4, is_internal, add_path, v4, v6, enhanced] = session;
        let [strict, sets, loopback, link_local] = knobs;
        let families =
            [(albedo_types::Family::Ipv4Unicast, v4), (albedo_types::Family::Ipv6Unicast, v6)];
        let all = albedo_types::FamilySet::ALL;
        let none = albedo_types::FamilySet::EMPTY;
        UpdateContext {
            as4,
            families: families
                .into_iter()
                .filter(|(_, on)| *on)
                .map(|(family, _)| family)
                .collect(),
            add_path: if add_path { all } else { none },
            extended_next_hop: if enhanced { all } else { none },
            reset_on_unknown_well_known: strict,
            reject_as_set: sets,
            loopback_next_hop: loopback,
            link_local_next_hop: link_local,
            ..if is_internal { internal() } else { external() }
        }
    })
}

/// A well-formed attribute value for each known type that is not multiprotocol, as sent with
/// four-octet AS numbers by an internal peer.
pub(crate) fn any_good_attribute() -> impl Strategy<Value = Vec<u8>> {
    let words = |unit: usize, max: usize| {
        prop::collection::vec(any::<u8>(), 1..=max).prop_map(move |mut octets| {
            let len = octets.len().div_ceil(unit) * unit;
            octets.resize(len, 7);
            octets
        })
    };
    let fixed = |flags: u8, code: u8| any::<[u8; 4]>().prop_map(move |v| attr(flags, code, &v));
    let asns = prop::collection::vec(1_u32.., 1..40);
    let path = prop::collection::vec((1_u8..=4, asns), 0..4).prop_map(|segments| {
        let segments: Vec<_> = segments.iter().map(|(kind, asns)| (*kind, &asns[..])).collect();
        attr(0x40, 2, &path4(&segments))
    });
    let unknown = (prop::sample::select(std::vec![0x80_u8, 0xc0, 0xe0, 0xd0]), 200_u8..240);
    let unknown =
        (unknown, prop::collection::vec(any::<u8>(), 0..600)).prop_map(|((flags, code), value)| {
            let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
            if flags & EXTENDED_LENGTH == 0 {
                attr(flags, code, &value)
            } else {
                [&[flags, code, high, low][..], &value].concat()
            }
        });
    prop_oneof![
        (0_u8..3).prop_map(|value| attr(0x40, 1, &[value])),
        path,
        (1_u8..127, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| attr(0x40, 3, &[a, b, c, d])),
        fixed(0x80, 4),
        fixed(0x40, 5),
        Just(attr(0x40, 6, &[])),
        (1_u32.., any::<[u8; 4]>()).prop_map(|(asn, id)| attr(
            0xc0,
            7,
            &[asn.to_be_bytes(), id].concat()
        )),
        words(4, 300).prop_map(|value| attr(0xc0, 8, &value)),
        fixed(0x80, 9),
        words(4, 800).prop_map(|value| attr(0x80, 10, &value)),
        words(8, 200).prop_map(|value| attr(0xe0, 16, &value)),
        words(12, 600).prop_map(|value| attr(0xc0, 32, &value)),
        fixed(0xc0, 35),
        unknown,
    ]
}

/// A block with the mandatory attributes and others, in any order, without duplicates.
pub(crate) fn any_good_block() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any_good_attribute(), 0..10)
        .prop_map(|mut attributes| {
            attributes.push(ORIGIN_IGP.to_vec());
            attributes.push(AS_PATH_EMPTY.to_vec());
            attributes.push(NEXT_HOP_192_0_2_1.to_vec());
            attributes.sort_by_key(|attribute| attribute[1]);
            attributes.dedup_by_key(|attribute| attribute[1]);
            attributes
        })
        .prop_shuffle()
        .prop_map(|attributes| attributes.concat())
}
