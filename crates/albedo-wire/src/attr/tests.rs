//! Every row and rule of RFC 7606, by table.

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use albedo_types::Asn;
use proptest::prelude::*;

use super::*;
use crate::error::Treatment::{self, Discard, Reset, TreatAsWithdraw};
use crate::tests::support::*;
use crate::update::{AttrLimits, UpdateContext};

mod faults;
mod matrix;
mod rows;

/// What a block of the mandatory attributes and `more` costs.
fn cost(more: &[u8], ctx: &UpdateContext) -> Option<Treatment> {
    let block = [&mandatory(), more].concat();
    Attributes::decode(&block, PLAIN, ctx).treatment
}

#[test]
fn rows_stand_in_order_and_are_found() {
    let codes: Vec<_> = table::ROWS.iter().map(|row| row.code).collect();
    assert!(codes.is_sorted_by(|a, b| a < b));
    for code in 0..=u8::MAX {
        assert_eq!(
            table::row(code).map(|row| row.code),
            codes.iter().find(|row| **row == code).copied()
        );
    }
    assert!(table::ROWS.iter().all(|row| !row.rfc.is_empty() && !row.name.is_empty()));
}

#[test]
fn a_whole_set_of_attributes_is_seen() {
    let block = [
        attr(0x40, 1, &[2]),
        attr(0x40, 2, &path4(&[(2, &[64500, 70000]), (1, &[1, 2])])),
        attr(0x40, 3, &[192, 0, 2, 7]),
        attr(0x80, 4, &[0, 0, 1, 0]),
        attr(0x40, 5, &hex("7ffffc17")),
        attr(0x40, 6, &[]),
        attr(0xc0, 7, &hex("00011170 0a000001")),
        attr(0xc0, 8, &hex("fc000001 ffffff01 ffff0006")),
        attr(0x80, 9, &[10, 0, 0, 9]),
        attr(0x80, 10, &hex("f4000001 00000001")),
        attr(0xc0, 16, &hex("0002fc0000000064")),
        attr(0xc0, 32, &hex("000000010000000200000003")),
    ]
    .concat();
    let Decoded { attributes, treatment, errors } = Attributes::decode(&block, PLAIN, &internal());
    assert_eq!((treatment, errors.len()), (None, 0));
    assert_eq!(attributes.origin, Origin::Incomplete);
    assert_eq!(attributes.as_path.to_string(), "64500 70000 {1,2}");
    assert_eq!(attributes.next_hop, Some(Ipv4Addr::new(192, 0, 2, 7)));
    assert_eq!(attributes.med, Some(256));
    assert_eq!(attributes.local_pref, Some(2_147_482_647));
    assert!(attributes.atomic_aggregate);
    assert_eq!(attributes.aggregator.unwrap().to_string(), "70000 10.0.0.1");
    assert_eq!(attributes.communities.unwrap().to_string(), "64512:1 65535:65281 65535:6");
    let known = attributes.well_known;
    assert!(known.no_export() && known.llgr_stale() && !known.no_advertise() && !known.no_llgr());
    assert_eq!(attributes.originator_id, Some(0x0a00_0009));
    let clusters = attributes.cluster_list.unwrap();
    assert_eq!(clusters.len(), 2);
    assert!(clusters.contains(albedo_types::ClusterId(0xf400_0001)));
    assert!(!clusters.contains(albedo_types::ClusterId(2)));
    assert_eq!(attributes.extended_communities.unwrap().iter().count(), 1);
    assert_eq!(attributes.large_communities.unwrap().to_string(), "1:2:3");
    assert_eq!(attributes.raw_of(9).unwrap().value, [10, 0, 0, 9]);
    assert_eq!(attributes.raw().count(), 12);
}

proptest! {
    #[test]
    fn order_of_attributes_does_not_matter(
        good in prop::collection::vec(any_good_attribute(), 0..8).prop_map(|mut attributes| {
            let mandatory = [&ORIGIN_IGP[..], &AS_PATH_EMPTY, &NEXT_HOP_192_0_2_1];
            attributes.extend(mandatory.map(<[u8]>::to_vec));
            attributes.sort_by_key(|attribute| attribute[1]);
            attributes.dedup_by_key(|attribute| attribute[1]);
            attributes
        }),
        seed in any::<prop::sample::Index>(),
    ) {
        let encoded = |attributes: &[Vec<u8>]| {
            let block = attributes.concat();
            let decoded = Attributes::decode(&block, PLAIN, &internal());
            assert_eq!(decoded.treatment, None, "{:?}", decoded.errors);
            let mut out = vec![];
            decoded.attributes.encode(&Edit { as4: true, ..Edit::default() }, &mut out);
            out
        };
        let sorted = encoded(&good);
        let mut turned = good.clone();
        turned.rotate_left(seed.index(good.len()));
        prop_assert_eq!(&encoded(&turned), &sorted);
        turned.reverse();
        prop_assert_eq!(&encoded(&turned), &sorted);
    }

    #[test]
    fn random_blocks_never_panic(
        block in prop::collection::vec(any::<u8>(), 0..200),
        ctx in any_context(),
        announces: bool,
        plain_next_hop: bool,
    ) {
        let decoded = Attributes::decode(&block, Need { announces, plain_next_hop }, &ctx);
        let worst = decoded.errors.iter().map(|error| error.treatment).max();
        prop_assert_eq!(decoded.treatment, worst);
        for error in &decoded.errors {
            prop_assert!(!error.to_string().is_empty());
        }
        let mut out = vec![];
        decoded.attributes.encode(&Edit { as4: ctx.as4, ..Edit::default() }, &mut out);
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same(block in any_good_block(), as4: bool) {
        let ctx = internal();
        let first = Attributes::decode(&block, PLAIN, &ctx);
        prop_assert_eq!(first.treatment, None, "{:?}", first.errors);
        let mut once = vec![];
        first.attributes.encode(&Edit { as4, ..Edit::default() }, &mut once);
        let receiver = UpdateContext { as4, ..internal() };
        let second = Attributes::decode(&once, PLAIN, &receiver);
        prop_assert_eq!(second.treatment, None, "{:?}", second.errors);
        if as4 {
            prop_assert_eq!(&second.attributes.as_path, &first.attributes.as_path);
        }
        prop_assert_eq!(second.attributes.as_path.hops(), first.attributes.as_path.hops());
        prop_assert_eq!(second.attributes.aggregator, first.attributes.aggregator);
        let mut twice = vec![];
        second.attributes.encode(&Edit { as4, ..Edit::default() }, &mut twice);
        if as4 {
            prop_assert_eq!(&once, &twice, "encoding is canonical");
        }
    }
}
