//! Generated UPDATEs, good ones and damaged ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use albedo_types::{Ipv4Prefix, Ipv6Prefix, PathId};
use albedo_wire::update::{PackSpec, Packed, pack_announce, pack_withdraw};
use proptest::prelude::*;

use crate::facts::{Facts, Terms, hex};
use crate::ours;
use crate::theirs::{bgpkit, netgauze};

/// An attribute with as short a header as its length allows.
fn attr(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let mut out = match u8::try_from(value.len()) {
        Ok(length) => vec![flags, code, length],
        Err(_) => {
            let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
            vec![flags | 0x10, code, high, low]
        }
    };
    out.extend(value);
    out
}

fn path(segments: &[(u8, Vec<u32>)], as4: bool) -> Vec<u8> {
    let mut value = Vec::new();
    for (kind, asns) in segments {
        value.extend([*kind, u8::try_from(asns.len()).unwrap()]);
        for asn in asns {
            if as4 {
                value.extend(asn.to_be_bytes());
            } else {
                value.extend(u16::try_from(*asn).unwrap_or(23456).to_be_bytes());
            }
        }
    }
    value
}

/// Words of as many octets each; at most `max` of them.
fn words(unit: usize, max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..=max).prop_map(move |words| {
        words
            .iter()
            .enumerate()
            .flat_map(|(n, word)| (0..unit).map(move |at| word ^ (n + at) as u8))
            .collect()
    })
}

/// A good attribute of a type that all three decoders know, or that nobody does.
fn attribute(as4: bool) -> impl Strategy<Value = Vec<u8>> {
    let number = |flags: u8, code: u8| any::<[u8; 4]>().prop_map(move |v| attr(flags, code, &v));
    let asns = prop::collection::vec(1_u32..400_000, 1..60);
    let segments = prop::collection::vec((1_u8..=2, asns), 0..4);
    prop_oneof![
        segments.prop_map(move |segments| attr(0x40, 2, &path(&segments, as4))),
        number(0x80, 4),
        number(0x40, 5),
        Just(attr(0x40, 6, &[])),
        (1_u16.., any::<[u8; 4]>()).prop_map(move |(asn, id)| {
            let asn = if as4 {
                u32::from(asn).to_be_bytes().to_vec()
            } else {
                asn.to_be_bytes().to_vec()
            };
            attr(0xc0, 7, &[&asn[..], &id].concat())
        }),
        words(4, 100).prop_map(|value| attr(0xc0, 8, &value)),
        number(0x80, 9),
        words(4, 100).prop_map(|value| attr(0x80, 10, &value)),
        words(8, 40).prop_map(|value| attr(0xc0, 16, &value)),
        words(12, 40).prop_map(|value| attr(0xc0, 32, &value)),
        (1_u32..).prop_map(|asn| attr(0xc0, 35, &asn.to_be_bytes())),
        (130_u8..240, prop::collection::vec(any::<u8>(), 0..400))
            .prop_map(|(code, value)| attr(0xe0, code, &value)),
        (130_u8..240, prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(code, value)| attr(0x80, code, &value)),
    ]
}

/// A block with the mandatory attributes and others, in any order, each once.
fn block(as4: bool) -> impl Strategy<Value = Vec<u8>> {
    let others = prop::collection::vec(attribute(as4), 0..8);
    (0_u8..3, 1_u8..127, any::<[u8; 3]>(), others)
        .prop_map(|(origin, a, [b, c, d], mut attributes)| {
            attributes.push(attr(0x40, 1, &[origin]));
            attributes.push(attr(0x40, 2, &[]));
            let a = if a == 0 || a == 127 { 10 } else { a };
            attributes.push(attr(0x40, 3, &[a, b, c, d]));
            attributes.sort_by_key(|attribute| attribute[1]);
            attributes.dedup_by_key(|attribute| attribute[1]);
            attributes
        })
        .prop_shuffle()
        .prop_map(|attributes| attributes.concat())
}

/// Prefixes below 224.0.0.0 and ff00::, because one of the others takes no multicast.
fn keys4() -> impl Strategy<Value = Vec<(PathId, Ipv4Prefix)>> {
    let key = (any::<u32>(), 0_u32..0xdfff_ffff, 0_u8..=32);
    let key =
        key.prop_map(|(id, bits, len)| (PathId(id), Ipv4Prefix::from_bits(bits, len).unwrap()));
    prop::collection::vec(key, 0..40)
}

fn keys6() -> impl Strategy<Value = Vec<(PathId, Ipv6Prefix)>> {
    let key = (any::<u32>(), 0_u128..(0xfe << 120), 0_u8..=128);
    let key =
        key.prop_map(|(id, bits, len)| (PathId(id), Ipv6Prefix::from_bits(bits, len).unwrap()));
    prop::collection::vec(key, 0..40)
}

fn terms() -> impl Strategy<Value = Terms> {
    any::<(bool, bool)>().prop_map(|(as4, add_path)| Terms { as4, add_path })
}

/// A session, a block as it would come in there, and routes.
type Sample = (Terms, Vec<u8>, Vec<(PathId, Ipv4Prefix)>, Vec<(PathId, Ipv6Prefix)>);

fn sample() -> impl Strategy<Value = Sample> {
    terms().prop_flat_map(|terms| (Just(terms), block(terms.as4), keys4(), keys6()))
}

const HOP: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

/// All messages that the sample packs to.
fn packed((terms, block, keys4, keys6): &Sample) -> Vec<Vec<u8>> {
    let spec = PackSpec { message_len_max: 65_535, add_path: terms.add_path };
    let mut messages = Vec::new();
    let mut push = |pack: &dyn Fn(&mut Vec<u8>) -> Packed| {
        let mut out = Vec::new();
        assert_eq!(pack(&mut out).oversized, 0);
        messages.push(out);
    };
    push(&|out| pack_announce(out, spec, block, None, keys4.iter().copied()));
    push(&|out| pack_announce(out, spec, block, Some(&HOP), keys6.iter().copied()));
    push(&|out| pack_withdraw(out, spec, keys4.iter().copied()));
    push(&|out| pack_withdraw(out, spec, keys6.iter().copied()));
    messages.retain(|message| !message.is_empty());
    messages
}

/// Whether BGPKIT's decoder, which is made for recordings without any context, can tell the
/// prefixes: it takes a length of 0 for the start of a path identifier.
fn bgpkit_can_tell(facts: &Facts, terms: Terms) -> bool {
    terms.add_path || facts.announced.iter().chain(&facts.withdrawn).all(|route| route.2 != 0)
}

/// What a decoder cannot say is not compared.
fn same(ours: &Facts, mut theirs: Facts, message: &[u8], name: &str) {
    if theirs.as_path.is_none() {
        theirs.as_path.clone_from(&ours.as_path);
        theirs.aggregator = ours.aggregator;
    }
    // NEXT_HOP beside MP_REACH_NLRI is ignored here and shown there (RFC 4760 §3).
    if ours.next_hop.is_none() {
        theirs.next_hop = None;
    }
    assert_eq!(*ours, theirs, "{name}: {}", hex(message));
}

fn expected4(keys: &[(PathId, Ipv4Prefix)], terms: Terms) -> Vec<(u32, IpAddr, u8)> {
    let id = |id: PathId| if terms.add_path { id.0 } else { 0 };
    let mut routes: Vec<_> = keys
        .iter()
        .map(|(path, key)| (id(*path), IpAddr::V4(Ipv4Addr::from_bits(key.bits())), key.len()))
        .collect();
    routes.sort_unstable();
    routes
}

fn expected6(keys: &[(PathId, Ipv6Prefix)], terms: Terms) -> Vec<(u32, IpAddr, u8)> {
    let id = |id: PathId| if terms.add_path { id.0 } else { 0 };
    let mut routes: Vec<_> = keys
        .iter()
        .map(|(path, key)| (id(*path), IpAddr::V6(Ipv6Addr::from_bits(key.bits())), key.len()))
        .collect();
    routes.sort_unstable();
    routes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn good_updates_are_read_alike(sample in sample()) {
        let (terms, _, keys4, keys6) = &sample;
        for message in packed(&sample) {
            let found = ours::read(&message, *terms).unwrap();
            prop_assert_eq!(&found.errors, &[], "{}", hex(&message));
            let Facts { announced, withdrawn, .. } = &found.facts;
            let routes = if withdrawn.is_empty() { announced } else { withdrawn };
            let expected = [expected4(keys4, *terms), expected6(keys6, *terms)];
            prop_assert!(expected.contains(routes));
            let theirs = netgauze::read(&message, *terms);
            prop_assert!(theirs.is_ok(), "netgauze: {:?}: {}", theirs, hex(&message));
            same(&found.facts, theirs.unwrap(), &message, "netgauze");
            if !bgpkit_can_tell(&found.facts, *terms) {
                continue;
            }
            let theirs = bgpkit::read(&message, *terms);
            prop_assert!(theirs.is_ok(), "bgpkit: {:?}: {}", theirs, hex(&message));
            same(&found.facts, theirs.unwrap(), &message, "bgpkit");
        }
    }

    #[test]
    fn damaged_updates_that_all_take_are_read_alike(
        sample in sample(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (terms, ..) = sample;
        for mut message in packed(&sample) {
            // The header stays, so that all three look at the same octets.
            let body = message.len() - 19;
            for (at, octet) in &changes {
                message[19 + at.index(body)] = *octet;
            }
            let Ok(found) = ours::read(&message, terms) else {
                continue;
            };
            if !found.errors.is_empty() {
                continue;
            }
            // Theirs may be stricter than the RFCs; where they are not, they say the same.
            if let Ok(theirs) = netgauze::read(&message, terms) {
                same(&found.facts, theirs, &message, "netgauze");
            }
            if bgpkit_can_tell(&found.facts, terms)
                && let Ok(theirs) = bgpkit::read(&message, terms)
            {
                same(&found.facts, theirs, &message, "bgpkit");
            }
        }
    }
}
