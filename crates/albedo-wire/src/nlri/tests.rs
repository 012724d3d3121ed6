//! Prefixes in both directions, and where they end.

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use albedo_types::{Ipv4Prefix, Ipv6Prefix};
use proptest::prelude::*;

use super::*;
use crate::error::Treatment;
use crate::tests::support::hex;

fn check<K: NlriKey>(octets: &str, add_path: bool, expected: &[(u32, &str)]) {
    let octets = hex(octets);
    let found: Vec<_> = Nlri::<K>::new(&octets, add_path)
        .map(|entry| entry.map(|(id, key)| (id.0, key.to_string())).unwrap())
        .collect();
    let expected: Vec<_> = expected.iter().map(|(id, key)| (*id, key.to_string())).collect();
    assert_eq!(found, expected, "{octets:02x?}");
}

fn first_fault<K: NlriKey>(octets: &[u8], add_path: bool) -> (usize, NlriFault) {
    let mut nlri = Nlri::<K>::at(octets, add_path, NlriField::Announced, 100);
    let error = nlri.find_map(Result::err).unwrap();
    assert!(nlri.next().is_none(), "nothing behind a fault can be located");
    match error.kind.as_update() {
        Some(UpdateFault::Nlri { fault, .. }) => (error.offset, *fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc4271_s4_3_ipv4_prefixes_of_every_octet_count() {
    check::<Ipv4Prefix>("", false, &[]);
    check::<Ipv4Prefix>("00", false, &[(0, "0.0.0.0/0")]);
    check::<Ipv4Prefix>("08 0a", false, &[(0, "10.0.0.0/8")]);
    check::<Ipv4Prefix>(
        "00 01 80 09 0a80 11 0a0180 19 0a010280 20 0a010203 08 0b",
        false,
        &[
            (0, "0.0.0.0/0"),
            (0, "128.0.0.0/1"),
            (0, "10.128.0.0/9"),
            (0, "10.1.128.0/17"),
            (0, "10.1.2.128/25"),
            (0, "10.1.2.3/32"),
            (0, "11.0.0.0/8"),
        ],
    );
}

#[test]
fn rfc4760_s5_ipv6_prefixes() {
    check::<Ipv6Prefix>(
        "00 20 20010db8 7a fd8024e2f99872d70000000000000000 80 00000000000000000000000000000001",
        false,
        &[(0, "::/0"), (0, "2001:db8::/32"), (0, "fd80:24e2:f998:72d7::/122"), (0, "::1/128")],
    );
}

#[test]
fn a1_rfc7911_s3_path_identifiers_stand_in_front() {
    check::<Ipv4Prefix>(
        "00000000 08 0a ffffffff 18 0a0102",
        true,
        &[(0, "10.0.0.0/8"), (u32::MAX, "10.1.2.0/24")],
    );
    check::<Ipv6Prefix>("00000001 00", true, &[(1, "::/0")]);
}

#[test]
fn rfc4271_s4_3_bits_beyond_the_length_are_cleared() {
    // Found in a real feed: 0.0.0.0/0 would be another prefix than 255.0.0.0/0.
    check::<Ipv4Prefix>(
        "0c 0aff 19 0a0102ff",
        false,
        &[(0, "10.240.0.0/12"), (0, "10.1.2.128/25")],
    );
    check::<Ipv6Prefix>("03 ff", false, &[(0, "e000::/3")]);
}

#[test]
fn rfc7606_s5_3_lengths_beyond_the_family_are_fatal() {
    for bits in 33..=255 {
        let octets = [&[8, 10, bits][..], &[1; 64]].concat();
        let found = first_fault::<Ipv4Prefix>(&octets, false);
        assert_eq!(found, (102, NlriFault::TooLong { bits, allowed: 32 }));
        // The length is at fault even where the field ends early.
        let found = first_fault::<Ipv4Prefix>(&[bits], false);
        assert_eq!(found, (100, NlriFault::TooLong { bits, allowed: 32 }));
    }
    for bits in 129..=255 {
        let found = first_fault::<Ipv6Prefix>(&[bits], false);
        assert_eq!(found, (100, NlriFault::TooLong { bits, allowed: 128 }));
    }
}

#[test]
fn rfc7606_s5_3_prefixes_beyond_the_field_are_fatal() {
    let whole = hex("18 0a0102 20 0a010203");
    for cut in 5..8 {
        let fault = NlriFault::CutShort { needed: 5, left: cut - 4 };
        assert_eq!(first_fault::<Ipv4Prefix>(&whole[..cut], false), (104, fault));
    }
    let whole = hex("00000001 80 00000000000000000000000000000001");
    for cut in 1..21 {
        let needed = if cut < 5 { 5 } else { 21 };
        let fault = NlriFault::CutShort { needed, left: cut };
        assert_eq!(first_fault::<Ipv6Prefix>(&whole[..cut], true), (100, fault), "{cut}");
    }
}

#[test]
fn faults_have_the_notification_of_their_field() {
    let cases = [
        (NlriField::Withdrawn, 10),
        (NlriField::Announced, 10),
        (NlriField::MpReach, 9),
        (NlriField::MpUnreach, 9),
    ];
    for (field, subcode) in cases {
        let error = Nlri::<Ipv4Prefix>::at(&[33], false, field, 4).next().unwrap().unwrap_err();
        assert_eq!(error.treatment(), Treatment::Reset);
        assert_eq!((error.notification().code, error.notification().subcode), (3, subcode));
        assert_eq!(error.to_string(), "prefix length 33: expected 0 to 32 (at octet 4)");
    }
}

fn entries4() -> impl Strategy<Value = Vec<(PathId, Ipv4Prefix)>> {
    let entry = (any::<u32>(), any::<u32>(), 0_u8..=32);
    let entry =
        entry.prop_map(|(id, bits, len)| (PathId(id), Ipv4Prefix::from_bits(bits, len).unwrap()));
    prop::collection::vec(entry, 0..50)
}

fn entries6() -> impl Strategy<Value = Vec<(PathId, Ipv6Prefix)>> {
    let entry = (any::<u32>(), any::<u128>(), 0_u8..=128);
    let entry =
        entry.prop_map(|(id, bits, len)| (PathId(id), Ipv6Prefix::from_bits(bits, len).unwrap()));
    prop::collection::vec(entry, 0..50)
}

fn round_trip<K: NlriKey>(entries: &[(PathId, K)], add_path: bool) {
    let mut octets = vec![];
    for (id, key) in entries {
        if add_path {
            octets.extend(id.0.to_be_bytes());
        }
        let before = octets.len();
        key.encode(&mut octets);
        assert_eq!(octets.len() - before, key.encoded_len());
    }
    let found: Vec<_> = Nlri::<K>::new(&octets, add_path).map(Result::unwrap).collect();
    let id = |id: PathId| if add_path { id } else { PathId(0) };
    let expected: Vec<_> = entries.iter().map(|(path, key)| (id(*path), *key)).collect();
    assert_eq!(found, expected);
}

proptest! {
    #[test]
    fn written_prefixes_are_read_again(v4 in entries4(), v6 in entries6(), add_path: bool) {
        round_trip(&v4, add_path);
        round_trip(&v6, add_path);
    }

    #[test]
    fn random_octets_never_panic_and_what_is_read_is_canonical(
        octets in prop::collection::vec(any::<u8>(), 0..80),
        add_path: bool,
    ) {
        let v4 = Nlri::<Ipv4Prefix>::new(&octets, add_path).map_while(Result::ok);
        round_trip(&v4.collect::<Vec<_>>(), add_path);
        let v6 = Nlri::<Ipv6Prefix>::new(&octets, add_path).map_while(Result::ok);
        round_trip(&v6.collect::<Vec<_>>(), add_path);
    }
}
