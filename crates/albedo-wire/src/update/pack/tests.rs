//! Packing to the octet, and back.

use std::vec;
use std::vec::Vec;

use albedo_types::{FamilySet, Ipv4Prefix, Ipv6Prefix};
use proptest::prelude::*;

use super::*;
use crate::frame::{self, MessageType};
use crate::nlri::Nlri;
use crate::tests::support::*;
use crate::update::{RawUpdate, UpdateContext};

const NEXT_HOP_6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn ctx(add_path: bool) -> UpdateContext {
    let add_path = if add_path { FamilySet::ALL } else { FamilySet::EMPTY };
    UpdateContext { add_path, ..internal() }
}

/// The bodies of a stream of UPDATEs, however the stream is cut.
fn bodies(stream: &[u8], limit: usize) -> Vec<&[u8]> {
    let mut rest = stream;
    let mut found = vec![];
    while !rest.is_empty() {
        let frame = frame::split(rest, limit > 4096).unwrap().unwrap();
        assert_eq!(frame.kind, MessageType::Update);
        assert!(frame.len <= limit, "{} octets", frame.len);
        found.push(frame.body);
        rest = &rest[frame.len..];
    }
    found
}

fn v4(bits: u32, len: u8) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(bits, len).unwrap()
}

fn v6(bits: u128, len: u8) -> Ipv6Prefix {
    Ipv6Prefix::from_bits(bits, len).unwrap()
}

#[test]
fn rfc4271_s4_3_one_message_of_the_old_style() {
    let mut out = vec![];
    let spec = PackSpec { message_len_max: 4096, add_path: false };
    let keys = [(PathId(9), v4(0x0a41_0200, 26)), (PathId(9), v4(0x0a60_0000, 12))];
    let packed = pack_announce(&mut out, spec, &mandatory(), None, keys.into_iter());
    assert_eq!(packed, Packed { messages: 1, prefixes: 2, oversized: 0 });
    let head = hex("ffffffffffffffffffffffffffffffff 002d 02 0000 000e");
    assert_eq!(out, [&head[..], &mandatory(), &hex("1a0a410200 0c0a60")].concat());
    out.clear();
    pack_withdraw(&mut out, spec, keys.into_iter());
    assert_eq!(out, hex("ffffffffffffffffffffffffffffffff 001f 02 0008 1a0a410200 0c0a60 0000"));
}

#[test]
fn rfc4760_s3_one_message_with_multiprotocol_attributes_first() {
    let mut out = vec![];
    let spec = PackSpec { message_len_max: 4096, add_path: true };
    let keys = [(PathId(1), v6(0x2001_0db8 << 96, 32))];
    pack_announce(&mut out, spec, &ORIGIN_IGP, Some(&NEXT_HOP_6), keys.into_iter());
    let expected = "ffffffffffffffffffffffffffffffff 003c 02 0000 0025
        80 0e 1e 0002 01 10 20010db8000000000000000000000001 00 00000001 20 20010db8 40 01 01 00";
    assert_eq!(out, hex(expected));
    out.clear();
    pack_withdraw(&mut out, spec, keys.into_iter());
    let expected = "ffffffffffffffffffffffffffffffff 0026 02 0000 000f
        80 0f 0c 0002 01 00000001 20 20010db8";
    assert_eq!(out, hex(expected));
}

#[test]
fn rfc8950_s3_ipv4_routes_with_an_ipv6_next_hop() {
    let mut out = vec![];
    let spec = PackSpec { message_len_max: 4096, add_path: false };
    let keys = [(PathId(0), v4(0x0a00_0000, 8))];
    pack_announce(&mut out, spec, &ORIGIN_IGP, Some(&NEXT_HOP_6), keys.into_iter());
    let ctx = UpdateContext { extended_next_hop: FamilySet::ALL, ..internal() };
    let update = RawUpdate::split(&out[19..], &ctx).unwrap();
    let reach = update.mp_reach.unwrap();
    assert_eq!(reach.family, Some(Family::Ipv4Unicast));
    assert!(reach.check_next_hop(&ctx).is_ok());
    assert_eq!(reach.nlri, [8, 10]);
}

#[test]
fn nothing_makes_no_message() {
    let mut out = vec![];
    let spec = PackSpec { message_len_max: 4096, add_path: false };
    let none = || core::iter::empty::<(PathId, Ipv6Prefix)>();
    assert_eq!(pack_withdraw(&mut out, spec, none()), Packed::default());
    assert_eq!(pack_announce(&mut out, spec, &[], Some(&NEXT_HOP_6), none()), Packed::default());
    assert!(out.is_empty());
}

#[test]
fn rfc8654_s4_what_fits_no_message_is_left_out_and_counted() {
    let host = [(PathId(0), v4(1, 32))];
    let wide = [(PathId(0), v6(1, 128))];
    for (message_len_max, add_path) in [(4096, false), (4096, true), (65_535, false), (200, true)] {
        let spec = PackSpec { message_len_max, add_path };
        let id = if add_path { 4 } else { 0 };
        // The largest block that leaves room for one prefix, and one octet more.
        for (block, fits) in
            [(message_len_max - 23 - 5 - id, 1), (message_len_max - 22 - 5 - id, 0)]
        {
            let block = vec![0; block];
            let mut out = vec![];
            let packed = pack_announce(&mut out, spec, &block, None, host.into_iter());
            assert_eq!(packed, Packed { messages: fits, prefixes: fits, oversized: 1 - fits });
            assert_eq!(out.len(), if fits == 1 { message_len_max } else { 0 });
        }
        let reach = 23 + 3 + 21 + id + 17;
        for (block, fits) in [(message_len_max - reach, 1), (message_len_max - reach + 1, 0)] {
            let block = vec![0; block];
            let mut out = vec![];
            let packed = pack_announce(&mut out, spec, &block, Some(&NEXT_HOP_6), wide.into_iter());
            assert_eq!(packed, Packed { messages: fits, prefixes: fits, oversized: 1 - fits });
            assert_eq!(out.len(), if fits == 1 { message_len_max } else { 0 });
        }
    }
}

#[test]
fn a_short_prefix_goes_where_a_long_one_does_not() {
    let block = vec![0; 4096 - 23 - 2];
    let mut out = vec![];
    let keys = [(PathId(0), v4(1, 32)), (PathId(0), v4(0x0a00_0000, 8))];
    let spec = PackSpec { message_len_max: 4096, add_path: false };
    let packed = pack_announce(&mut out, spec, &block, None, keys.into_iter());
    assert_eq!(packed, Packed { messages: 1, prefixes: 1, oversized: 1 });
    // No limit is beyond what the length field can say.
    let spec = PackSpec { message_len_max: usize::MAX, add_path: false };
    let packed = pack_announce(&mut out, spec, &vec![0; 65_536], None, keys.into_iter());
    assert_eq!(packed, Packed { messages: 0, prefixes: 0, oversized: 2 });
}

#[test]
fn multiprotocol_attributes_get_a_long_header_only_where_they_must() {
    // 21 octets of head and 9 per prefix: 26 prefixes are 255 octets, 27 are more.
    for (count, long) in [(25, false), (26, false), (27, true)] {
        let keys = (0..count).map(|n| (PathId(0), v6(u128::from(n as u64) << 64, 64)));
        let mut out = vec![];
        let spec = PackSpec { message_len_max: 4096, add_path: false };
        pack_announce(&mut out, spec, &ORIGIN_IGP, Some(&NEXT_HOP_6), keys);
        let flags = if long { 0x90 } else { 0x80 };
        assert_eq!(out[23..25], [flags, 14], "{count}");
        let update = RawUpdate::split(&out[19..], &internal()).unwrap();
        assert_eq!(update.mp_reach.unwrap().nlri.len(), count * 9);
        assert_eq!(update.block.len(), ORIGIN_IGP.len());
    }
}

/// Fewest messages for entries of these lengths that keep their order.
fn fewest(entries: &[usize], room: impl Fn(usize) -> bool) -> u32 {
    let (mut messages, mut filled) = (0, None::<usize>);
    for entry in entries.iter().filter(|entry| room(**entry)) {
        filled = match filled {
            Some(octets) if room(octets + entry) => Some(octets + entry),
            _ => {
                messages += 1;
                Some(*entry)
            }
        };
    }
    messages
}

/// The way back of one direction and style: the prefixes of a body.
type Reader<K> = fn(&[u8], &UpdateContext) -> Vec<(PathId, K)>;

fn read<K: NlriKey>(nlri: Nlri<'_, K>) -> Vec<(PathId, K)> {
    nlri.map(Result::unwrap).collect()
}

/// Packs in one of the four ways, and compares what a receiver finds.
fn check<K: NlriKey>(
    keys: &[(PathId, K)],
    spec: PackSpec,
    block: &[u8],
    next_hop: Option<&[u8]>,
    announce: bool,
    reader: Reader<K>,
) {
    let mut out = vec![0xee];
    let packed = if announce {
        pack_announce(&mut out, spec, block, next_hop, keys.iter().copied())
    } else {
        pack_withdraw(&mut out, spec, keys.iter().copied())
    };
    assert_eq!(out[0], 0xee, "what was there stays");
    let block = if announce { block } else { &[] };
    let multiprotocol = next_hop.is_some() || K::FAMILY != Family::Ipv4Unicast;
    let head = if announce { 5 + next_hop.map_or(0, <[u8]>::len) } else { 3 };
    let fits = |nlri: usize| {
        let value = head + nlri;
        let around = if multiprotocol { value + 3 + usize::from(value > 255) } else { nlri };
        23 + around + block.len() <= spec.message_len_max
    };
    let id_len = if spec.add_path { 4 } else { 0 };
    let lengths: Vec<_> = keys.iter().map(|(_, key)| key.encoded_len() + id_len).collect();
    let expected: Vec<_> = keys
        .iter()
        .zip(&lengths)
        .filter(|(_, len)| fits(**len))
        .map(|((id, key), _)| (if spec.add_path { *id } else { PathId(0) }, *key))
        .collect();
    let ctx = ctx(spec.add_path);
    let messages = bodies(&out[1..], spec.message_len_max);
    let found: Vec<_> = messages.iter().flat_map(|body| reader(body, &ctx)).collect();
    assert_eq!(found, expected);
    for body in &messages {
        let update = RawUpdate::split(body, &ctx).unwrap();
        let mut scratch = vec![];
        assert_eq!(update.block.contiguous(&mut scratch), block);
        assert!(update.walk_errors.is_empty());
    }
    assert_eq!(usize::try_from(packed.messages).unwrap(), messages.len());
    assert_eq!(usize::try_from(packed.prefixes).unwrap(), expected.len());
    assert_eq!(usize::try_from(packed.oversized).unwrap(), keys.len() - expected.len());
    assert_eq!(packed.messages, fewest(&lengths, fits), "as few messages as possible");
}

fn any_spec() -> impl Strategy<Value = PackSpec> {
    let limit = prop_oneof![Just(4096_usize), Just(65_535), 80_usize..700];
    (limit, any::<bool>())
        .prop_map(|(message_len_max, add_path)| PackSpec { message_len_max, add_path })
}

proptest! {
    #[test]
    fn what_is_packed_is_split_to_the_same(
        keys4 in prop::collection::vec((any::<u32>(), any::<u32>(), 0_u8..=32), 0..600),
        keys6 in prop::collection::vec((any::<u32>(), any::<u128>(), 0_u8..=128), 0..300),
        spec in any_spec(),
        block in prop_oneof![Just(mandatory()), any_good_block()],
    ) {
        let keys4: Vec<_> =
            keys4.into_iter().map(|(id, bits, len)| (PathId(id), v4(bits, len))).collect();
        let keys6: Vec<_> =
            keys6.into_iter().map(|(id, bits, len)| (PathId(id), v6(bits, len))).collect();
        check(&keys4, spec, &block, None, true, |body, ctx| {
            read(RawUpdate::split(body, ctx).unwrap().announced_prefixes(ctx))
        });
        check(&keys4, spec, &block, None, false, |body, ctx| {
            read(RawUpdate::split(body, ctx).unwrap().withdrawn_prefixes(ctx))
        });
        check(&keys6, spec, &block, Some(&NEXT_HOP_6), true, |body, ctx| {
            read(RawUpdate::split(body, ctx).unwrap().mp_reach.unwrap().prefixes(ctx))
        });
        check(&keys6, spec, &block, None, false, |body, ctx| {
            read(RawUpdate::split(body, ctx).unwrap().mp_unreach.unwrap().prefixes(ctx))
        });
    }

    #[test]
    fn any_chunking_of_the_stream_gives_the_same_messages(
        keys in prop::collection::vec((any::<u32>(), 0_u8..=32), 0..300),
        cuts in prop::collection::vec(1_usize..200, 1..30),
    ) {
        let keys = keys.into_iter().map(|(bits, len)| (PathId(0), v4(bits, len)));
        let spec = PackSpec { message_len_max: 300, add_path: false };
        let mut out = vec![];
        pack_announce(&mut out, spec, &mandatory(), None, keys);
        let whole: Vec<_> = bodies(&out, 300).into_iter().map(<[u8]>::to_vec).collect();
        let (mut buffer, mut found) = (vec![], vec![]);
        let mut rest = &out[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at(rest.len().min(*cut));
            buffer.extend_from_slice(chunk);
            rest = behind;
            while let Some(frame) = frame::split(&buffer, false).unwrap() {
                let (body, len) = (frame.body.to_vec(), frame.len);
                found.push(body);
                buffer.drain(..len);
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(found, whole);
    }
}
