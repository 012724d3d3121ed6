//! What leaves: every edit, header widths, order, and what is passed on untouched.

use std::vec;
use std::vec::Vec;

use albedo_types::{Asn, ClusterId, RouterId};

use super::*;
use crate::attr::{CodeSet, Need, WellKnown};
use crate::tests::support::*;
use crate::update::{AttrLimits, UpdateContext};

const AS4: Edit = Edit {
    next_hop: NextHopEdit::Keep,
    originator_id: None,
    prepend_cluster: None,
    drop_reflection: false,
    local_pref: LocalPrefEdit::Keep,
    drop_med: false,
    drop_domain: false,
    mark: WellKnown::NONE,
    prepend_as: None,
    as4: true,
};

/// Encodes the mandatory attributes and more.
fn encoded(more: &[u8], edit: &Edit) -> Vec<u8> {
    let limits = AttrLimits::new(usize::MAX, usize::MAX);
    let ctx = UpdateContext { limits, ..internal() };
    let block = [&mandatory(), more].concat();
    let decoded = Attributes::decode(&block, PLAIN, &ctx);
    assert_eq!(decoded.treatment, None, "{:?}", decoded.errors);
    let mut out = vec![];
    decoded.attributes.encode(edit, &mut out);
    out
}

/// What is expected behind the mandatory attributes.
fn check(more: &[u8], edit: &Edit, expected: &[u8]) {
    assert_eq!(encoded(more, edit), [&mandatory(), expected].concat(), "{edit:?}");
}

#[test]
fn rfc4456_s8_reflection_adds_who_and_where() {
    let local_pref = attr(0x40, 5, &[0, 0, 0, 100]);
    let reflect = Edit {
        originator_id: RouterId::new(0x0a00_0009),
        prepend_cluster: Some(ClusterId(0xf400_0001)),
        ..AS4
    };
    let first =
        [local_pref.clone(), attr(0x80, 9, &[10, 0, 0, 9]), attr(0x80, 10, &hex("f4000001"))];
    check(&local_pref, &reflect, &first.concat());
    // ORIGINATOR_ID is never overwritten.
    let reflected =
        [attr(0x80, 9, &[10, 0, 0, 1]), attr(0x80, 10, &hex("00000001 00000002"))].concat();
    let again = [attr(0x80, 9, &[10, 0, 0, 1]), attr(0x80, 10, &hex("f4000001 00000001 00000002"))];
    check(&reflected, &reflect, &again.concat());
    check(&reflected, &Edit { drop_reflection: true, ..reflect }, &[]);
    check(&reflected, &AS4, &reflected);
}

#[test]
fn rfc4456_s8_cluster_lists_beyond_63_entries_have_a_long_header() {
    for entries in [0_usize, 1, 62, 63, 64, 65, 254, 255, 256, 1000] {
        let list: Vec<u8> =
            (0..u32::try_from(entries).unwrap()).flat_map(u32::to_be_bytes).collect();
        let more = if entries == 0 { vec![] } else { attr(0x80, 10, &list) };
        let edit = Edit { prepend_cluster: Some(ClusterId(7)), ..AS4 };
        check(&more, &edit, &attr(0x80, 10, &[&7_u32.to_be_bytes()[..], &list].concat()));
    }
}

#[test]
fn rfc4271_s5_1_next_hop_med_and_local_pref() {
    let origin_and_path = [&ORIGIN_IGP[..], &AS_PATH_EMPTY].concat();
    let (med, pref) = (attr(0x80, 4, &[0, 0, 0, 5]), attr(0x40, 5, &[0, 0, 0, 9]));
    let both = [med.clone(), pref.clone()].concat();
    let next_hop = |next_hop| encoded(&[], &Edit { next_hop, ..AS4 });
    assert_eq!(next_hop(NextHopEdit::Keep), mandatory());
    assert_eq!(next_hop(NextHopEdit::Drop), origin_and_path);
    let ours = attr(0x40, 3, &[10, 0, 0, 1]);
    let set = next_hop(NextHopEdit::Set([10, 0, 0, 1].into()));
    assert_eq!(set, [&origin_and_path[..], &ours].concat());
    check(&both, &Edit { drop_med: true, ..AS4 }, &pref);
    check(&both, &Edit { local_pref: LocalPrefEdit::Drop, ..AS4 }, &med);
    check(&both, &Edit { local_pref: LocalPrefEdit::Default(100), ..AS4 }, &both);
    let given = [med.clone(), attr(0x40, 5, &[0, 0, 0, 100])].concat();
    check(&med, &Edit { local_pref: LocalPrefEdit::Default(100), ..AS4 }, &given);
}

#[test]
fn rfc7311_s3_3_what_is_for_one_domain_does_not_leave_it() {
    let aigp = hex("80 1a 0b 01 000b 0000000000000001");
    let sid = hex("c0 28 0a 01 0007 00000000000064");
    let otc = hex("c0 23 04 0000fc00");
    let all = [&aigp[..], &otc, &sid].concat();
    check(&all, &AS4, &all);
    check(&all, &Edit { drop_domain: true, ..AS4 }, &otc);
    // The two are those that are not taken from outside either.
    let domain: Vec<_> = table::ROWS
        .iter()
        .filter(|row| row.source == table::Source::InternalOrAccepted)
        .map(|row| row.code)
        .collect();
    assert_eq!(domain, [code::AIGP, code::PREFIX_SID]);
}

#[test]
fn next_hop_is_set_where_the_route_came_in_a_multiprotocol_attribute() {
    let block = [&ORIGIN_IGP[..], &AS_PATH_EMPTY].concat();
    let need = Need { announces: true, plain_next_hop: false };
    let decoded = Attributes::decode(&block, need, &internal());
    let mut out = vec![];
    let edit = Edit { next_hop: NextHopEdit::Set([192, 0, 2, 1].into()), ..AS4 };
    decoded.attributes.encode(&edit, &mut out);
    assert_eq!(out, mandatory());
}

#[test]
fn rfc4271_s5_unknown_attributes_are_passed_on_byte_for_byte_as_partial() {
    // The experiment of 2010: 3,000 octets that some daemons cut.
    for len in [0, 1, 255, 256, 3000] {
        let value = vec![0xa5; len];
        check(&attr(0xc0, 99, &value), &AS4, &attr(0xe0, 99, &value));
        check(&attr(0xe0, 99, &value), &AS4, &attr(0xe0, 99, &value));
        check(&attr(0x80, 99, &value), &AS4, &[]);
    }
    // A long header where a short one would do stays; bits without meaning do not.
    check(&hex("d0 63 0002 aabb"), &AS4, &hex("f0 63 0002 aabb"));
    check(&hex("cf 63 02 aabb"), &AS4, &hex("e0 63 02 aabb"));
}

#[test]
fn known_attributes_get_the_header_that_is_due() {
    check(&hex("d8 08 0004 fc000001"), &AS4, &hex("c0 08 04 fc000001"));
    check(&hex("e0 08 04 fc000001"), &AS4, &hex("e0 08 04 fc000001"));
    // Only optional transitive attributes can be partial.
    check(&hex("a0 04 04 00000001"), &AS4, &hex("80 04 04 00000001"));
    check(&hex("50 06 0000"), &AS4, &hex("40 06 00"));
    // Known ones that a reflector does not need are passed on as they are.
    for more in ["c0 10 08 0002fc0000000064", "c0 23 04 0000fc00", "c0 28 0a 01000700000000000064"]
    {
        check(&hex(more), &AS4, &hex(more));
    }
}

#[test]
fn attributes_come_out_in_ascending_order() {
    let shuffled = [
        attr(0xe0, 240, &[1]),
        attr(0xc0, 32, &[1; 12]),
        attr(0xc0, 8, &[1; 4]),
        attr(0x80, 4, &[1; 4]),
        attr(0xe0, 12, &[1]),
        attr(0x40, 5, &[1; 4]),
    ];
    let mut sorted = shuffled.clone();
    sorted.sort_by_key(|attribute| attribute[1]);
    check(&shuffled.concat(), &AS4, &sorted.concat());
    let edit = Edit {
        originator_id: RouterId::new(1),
        prepend_cluster: Some(ClusterId(1)),
        prepend_as: Some(Asn(70000)),
        as4: false,
        ..AS4
    };
    let out = encoded(&shuffled.concat(), &edit);
    let limits = AttrLimits::default();
    let old = UpdateContext { as4: false, limits, discard: CodeSet::EMPTY, ..internal() };
    assert_eq!(Attributes::decode(&out, PLAIN, &old).treatment, None);
    let mut codes = vec![];
    let mut rest = &out[..];
    while !rest.is_empty() {
        let (found, behind) = crate::attr::take_raw(rest).unwrap();
        codes.push(found.code);
        rest = behind;
    }
    assert_eq!(codes, [1, 2, 3, 4, 5, 8, 9, 10, 12, 17, 32, 240]);
}

#[test]
fn rfc8092_s3_duplicates_of_large_communities_are_not_sent() {
    let entry = hex("00000001 00000002 00000003");
    check(&attr(0xc0, 32, &entry.repeat(30)), &AS4, &attr(0xc0, 32, &entry));
}

#[test]
fn rfc6793_s4_2_2_two_octet_receivers_get_what_completes_their_attributes() {
    let block = |path: &[u8], more: &[u8]| {
        [&ORIGIN_IGP[..], &attr(0x40, 2, path), &NEXT_HOP_192_0_2_1, more].concat()
    };
    let edit = Edit { as4: false, ..AS4 };
    let check = |before: Vec<u8>, edit: &Edit, expected: Vec<u8>| {
        let decoded = Attributes::decode(&before, PLAIN, &internal());
        assert_eq!(decoded.treatment, None);
        let mut out = vec![];
        decoded.attributes.encode(edit, &mut out);
        assert_eq!(out, expected);
    };
    let wide = [attr(0xc0, 7, &hex("00011170 0a000001"))].concat();
    let as4_aggregator = attr(0xc0, 18, &hex("00011170 0a000001"));
    check(
        block(&path4(&[(2, &[1, 70000])]), &wide),
        &edit,
        [
            block(&path2(&[(2, &[1, 23456])]), &attr(0xc0, 7, &hex("5ba0 0a000001"))),
            attr(0xc0, 17, &path4(&[(2, &[1, 70000])])),
            as4_aggregator,
        ]
        .concat(),
    );
    // Nothing where everything fits.
    check(
        block(&path4(&[(2, &[1, 65535])]), &attr(0xc0, 7, &hex("0000ffff 0a000001"))),
        &edit,
        block(&path2(&[(2, &[1, 65535])]), &attr(0xc0, 7, &hex("ffff 0a000001"))),
    );
    // Our own number can be the only one that does not fit.
    check(
        block(&path4(&[(2, &[1])]), &[]),
        &Edit { prepend_as: Some(Asn(70000)), ..edit },
        [block(&path2(&[(2, &[23456, 1])]), &[]), attr(0xc0, 17, &path4(&[(2, &[70000, 1])]))]
            .concat(),
    );
    // Confederation segments are not shown in AS4_PATH, not even if they alone are wide.
    check(
        block(&path4(&[(3, &[70000]), (2, &[1])]), &[]),
        &edit,
        block(&path2(&[(3, &[23456]), (2, &[1])]), &[]),
    );
}

#[test]
fn paths_grow_over_255_octets_and_255_numbers() {
    for count in [62_usize, 63, 64, 254, 255, 256, 500] {
        let numbers = vec![64500_u32; count];
        let segments: Vec<_> = numbers.chunks(255).map(|chunk| (2, chunk)).collect();
        let block =
            [&ORIGIN_IGP[..], &attr(0x40, 2, &path4(&segments)), &NEXT_HOP_192_0_2_1].concat();
        let decoded = Attributes::decode(&block, PLAIN, &internal());
        assert_eq!(decoded.treatment, None);
        let mut out = vec![];
        decoded.attributes.encode(&Edit { prepend_as: Some(Asn(1)), ..AS4 }, &mut out);
        let again = Attributes::decode(&out, PLAIN, &internal());
        assert_eq!(again.treatment, None, "{count}");
        assert_eq!(again.attributes.as_path.asns().count(), count + 1);
        assert_eq!(again.attributes.as_path.first_as(), Some(Asn(1)));
    }
}

#[test]
fn rfc9494_s4_2_well_known_communities_are_put_behind_the_others_once() {
    let mark = WellKnown::NONE.with(WellKnown::LLGR_STALE).with(WellKnown::NO_LLGR);
    let edit = Edit { mark, ..AS4 };
    let reflected = attr(0x80, 9, &[10, 0, 0, 1]);
    let added = attr(0xc0, 8, &hex("ffff0006 ffff0007"));
    check(&reflected, &edit, &[added, reflected.clone()].concat());
    // Another one's stay in front, and the Partial bit with them.
    let some = attr(0xe0, 8, &hex("fc000001 ffff0007"));
    let all = attr(0xe0, 8, &hex("fc000001 ffff0007 ffff0006"));
    check(&some, &edit, &all);
    check(&all, &edit, &all);
    check(&some, &AS4, &some);
}

#[test]
fn rfc9494_s4_6_local_pref_is_set_whatever_it_was() {
    let zero = attr(0x40, 5, &[0; 4]);
    let edit = Edit { local_pref: LocalPrefEdit::Set(0), ..AS4 };
    check(&attr(0x40, 5, &[0, 0, 0, 100]), &edit, &zero);
    check(&[], &edit, &zero);
}
