//! Rules that are about more than one attribute, and content that is at fault.

use super::*;

/// The only fault of a block, in words.
fn words(more: &[u8], ctx: &UpdateContext) -> std::string::String {
    let block = [&mandatory(), more].concat();
    let decoded = Attributes::decode(&block, PLAIN, ctx);
    assert_eq!(decoded.errors.len(), 1, "{:?}", decoded.errors);
    decoded.errors[0].to_string()
}

#[test]
fn faults_say_what_was_found_and_what_was_allowed() {
    let cases = [
        (attr(0x80, 4, &[1]), "MULTI_EXIT_DISC: length of 1 octets: expected 4 (at octet 14)"),
        (
            attr(0xc0, 8, &[1; 3]),
            "COMMUNITIES: length of 3 octets: expected a multiple of 4, not 0 (at octet 14)",
        ),
        (
            attr(0x40, 8, &[1; 4]),
            "COMMUNITIES: flags 0x40: expected 0xc0 in the upper two bits (at octet 14)",
        ),
        (attr(0x40, 1, &[1]), "ORIGIN: ORIGIN more than once (at octet 14)"),
        (vec![0xc0, 8, 9, 1], "COMMUNITIES: COMMUNITIES of 9 octets: 1 are left (at octet 14)"),
        (vec![0xc0], "attribute header of 1 octets: expected 3 or 4 (at octet 14)"),
        (attr(0x40, 77, &[]), "attribute 77: unknown well-known attribute 77 (at octet 14)"),
        (
            attr(0xc0, 37, &[1, 0, 9]),
            "SFP Attribute: inner element of 12 octets at 0: 3 are left (at octet 14)",
        ),
        (attr(0xc0, 7, &[0; 8]), "AGGREGATOR: AS 0 (at octet 14)"),
    ];
    for (more, expected) in cases {
        assert_eq!(words(&more, &internal()), expected);
    }
}

#[test]
fn rfc7606_s3_d_mandatory_attributes_are_missed_only_where_routes_are_announced() {
    let all = [(1, &ORIGIN_IGP[..]), (2, &AS_PATH_EMPTY), (3, &NEXT_HOP_192_0_2_1)];
    for (left_out, _) in all {
        let block: Vec<u8> = all
            .iter()
            .filter(|(code, _)| *code != left_out)
            .flat_map(|(_, attribute)| attribute.iter().copied())
            .collect();
        let judge = |announces, plain_next_hop| {
            Attributes::decode(&block, Need { announces, plain_next_hop }, &internal()).treatment
        };
        assert_eq!(judge(true, true), Some(TreatAsWithdraw), "{left_out}");
        let expected = (left_out != 3).then_some(TreatAsWithdraw);
        assert_eq!(judge(true, false), expected, "{left_out}: routes in MP_REACH_NLRI");
        assert_eq!(judge(false, false), None, "{left_out}: withdrawals only");
    }
    let found = Attributes::decode(&[], PLAIN, &internal());
    assert_eq!((found.treatment, found.errors.len()), (Some(TreatAsWithdraw), 3));
}

#[test]
fn rfc4760_s3_next_hop_is_not_looked_at_where_it_is_not_needed() {
    let need = Need { announces: true, plain_next_hop: false };
    for value in [&[][..], &[0, 0, 0, 0], &[1; 9]] {
        let block = [&ORIGIN_IGP[..], &AS_PATH_EMPTY, &attr(0x40, 3, value)].concat();
        let found = Attributes::decode(&block, need, &internal());
        assert_eq!(found.treatment, None);
        assert_eq!(found.attributes.next_hop, None);
        assert!(found.attributes.raw_of(3).is_none());
    }
}

#[test]
fn rfc7606_s3_g_of_duplicates_the_first_is_kept() {
    let more = [attr(0x80, 4, &[0, 0, 0, 1]), attr(0x80, 4, &[0, 0, 0, 2])].concat();
    with_mandatory(&more, &internal(), |found| {
        assert_eq!(found.treatment, Some(Discard));
        assert_eq!(found.attributes.med, Some(1));
    });
    // Also where the duplicate would be at fault itself, or the first one is.
    let more = [attr(0x80, 4, &[0, 0, 0, 1]), attr(0x80, 4, &[])].concat();
    assert_eq!(cost(&more, &internal()), Some(Discard));
    let more = [attr(0x80, 4, &[]), attr(0x80, 4, &[0, 0, 0, 1])].concat();
    assert_eq!(cost(&more, &internal()), Some(TreatAsWithdraw));
    // Unknown ones that are not passed on are counted too.
    let more = [attr(0x80, 99, &[]), attr(0x80, 99, &[])].concat();
    assert_eq!(cost(&more, &internal()), Some(Discard));
}

#[test]
fn rfc7606_s3_h_the_strongest_treatment_counts() {
    let discard = attr(0x40, 6, &[1]);
    let withdraw = attr(0x80, 4, &[1]);
    let reset = attr(0x40, 99, &[]);
    let strict = UpdateContext { reset_on_unknown_well_known: true, ..internal() };
    for more in [[&discard, &withdraw, &reset], [&reset, &withdraw, &discard]] {
        let blocks = [more[0].clone(), more[1].clone(), more[2].clone()].concat();
        assert_eq!(cost(&blocks, &strict), Some(Reset));
    }
    assert_eq!(cost(&[withdraw, discard].concat(), &strict), Some(TreatAsWithdraw));
}

#[test]
fn rfc7606_s4_a_broken_header_costs_the_routes_and_what_was_before_it_is_kept() {
    for tail in
        [&[0x40][..], &[0x40, 4], &[0x50, 4, 0], &[0x80, 4, 4, 0, 0, 0], &[0x90, 4, 0, 9, 1]]
    {
        with_mandatory(tail, &internal(), |found| {
            assert_eq!(found.treatment, Some(TreatAsWithdraw), "{tail:02x?}");
            assert_eq!(found.errors.len(), 1);
            assert_eq!(found.attributes.next_hop, Some(Ipv4Addr::new(192, 0, 2, 1)));
        });
    }
}

#[test]
fn of_faults_beyond_the_bound_the_strongest_is_kept() {
    // 40 duplicates, and behind them something worse.
    let mut more = attr(0x40, 1, &[0]).repeat(40);
    more.extend(attr(0x80, 4, &[]));
    let strongest = |found: &Decoded<'_>| found.errors.iter().map(|error| error.treatment).max();
    with_mandatory(&more, &internal(), |found| {
        assert_eq!(found.errors.len(), ERRORS_KEPT_MAX);
        assert_eq!(found.treatment, Some(TreatAsWithdraw));
        assert_eq!(strongest(&found), found.treatment, "what the message costs depends on it");
    });
    let strict = UpdateContext { reset_on_unknown_well_known: true, ..internal() };
    more.extend(attr(0x40, 99, &[]));
    more.extend(attr(0x80, 5, &[]));
    with_mandatory(&more, &strict, |found| {
        assert_eq!(found.errors.len(), ERRORS_KEPT_MAX);
        assert_eq!((found.treatment, strongest(&found)), (Some(Reset), Some(Reset)));
    });
}

#[test]
fn attributes_can_be_dropped_or_refused_by_configuration() {
    let set = |code: u8| [code].into_iter().collect::<CodeSet>();
    let unknown = attr(0xc0, 28, &[0; 7]);
    let dropping = UpdateContext { discard: set(28), ..internal() };
    with_mandatory(&unknown, &dropping, |found| {
        assert_eq!(found.treatment, Some(Discard));
        assert!(found.attributes.raw_of(28).is_none());
    });
    let refusing = UpdateContext { treat_as_withdraw: set(28), ..internal() };
    assert_eq!(cost(&unknown, &refusing), Some(TreatAsWithdraw));
    assert_eq!(cost(&[], &refusing), None);
    // A mandatory one that is dropped is missing.
    let dropping = UpdateContext { discard: set(1), ..internal() };
    assert_eq!(cost(&[], &dropping), Some(TreatAsWithdraw));
}

#[test]
fn rfc7606_s7_1_origin_has_three_values() {
    for value in 0..=u8::MAX {
        let block = [&attr(0x40, 1, &[value])[..], &AS_PATH_EMPTY, &NEXT_HOP_192_0_2_1].concat();
        let found = Attributes::decode(&block, PLAIN, &internal());
        assert_eq!(found.treatment, (value > 2).then_some(TreatAsWithdraw));
        if let Some(origin) = Origin::from_wire(value) {
            assert_eq!(found.attributes.origin, origin);
        }
    }
}

fn path_cost(value: &[u8], ctx: &UpdateContext) -> Option<Treatment> {
    let block = [&ORIGIN_IGP[..], &attr(0x40, 2, value), &NEXT_HOP_192_0_2_1].concat();
    Attributes::decode(&block, PLAIN, ctx).treatment
}

#[test]
fn rfc7606_s7_2_paths_that_are_malformed() {
    let bad = [
        "02",                // a segment without a count
        "02 00",             // no number
        "02 01 0000",        // cut short
        "02 02 00000001",    // one number too few
        "02 01 00000001 ff", // an octet too many
        "00 01 00000001",    // types that do not exist
        "05 01 00000001",
        "ff 01 00000001",
        "02 01 00000000", // AS 0 (RFC 7607)
        "02 02 00000001 00000000",
        "02 01 00000001 01 01 00000000",
    ];
    for value in bad {
        for ctx in [internal(), external()] {
            assert_eq!(path_cost(&hex(value), &ctx), Some(TreatAsWithdraw), "{value}");
        }
    }
    assert_eq!(path_cost(&hex("02 01 00000001"), &external()), None);
}

#[test]
fn rfc5065_s5_and_rfc9774_s3_segments_that_depend_on_the_peer() {
    let confed = path4(&[(3, &[64600]), (2, &[1])]);
    let confed_set = path4(&[(4, &[64600])]);
    let set = path4(&[(2, &[1]), (1, &[2, 3])]);
    let member = UpdateContext { confederation: true, ..external() };
    let lenient = UpdateContext { reject_as_set: false, ..member };
    for value in [&confed, &confed_set] {
        assert_eq!(path_cost(value, &internal()), None);
        assert_eq!(path_cost(value, &external()), Some(TreatAsWithdraw));
        assert_eq!(path_cost(value, &lenient), None);
    }
    assert_eq!(path_cost(&confed, &member), None);
    for value in [&set, &confed_set] {
        assert_eq!(path_cost(value, &internal()), None);
        assert_eq!(path_cost(value, &member), Some(TreatAsWithdraw));
        assert_eq!(path_cost(value, &lenient), None);
    }
    assert_eq!(path_cost(&set, &external()), Some(TreatAsWithdraw));
}

#[test]
fn rfc9774_s3_sets_of_two_octet_speakers_are_found_in_as4_path_too() {
    let block = |segments: &[(u8, &[u32])]| {
        let as_path = attr(0x40, 2, &path2(&[(2, &[23456, 23456])]));
        let as4_path = attr(0xc0, 17, &path4(segments));
        [&ORIGIN_IGP[..], &as_path, &NEXT_HOP_192_0_2_1, &as4_path].concat()
    };
    let old = |ctx: UpdateContext| UpdateContext { as4: false, ..ctx };
    let sequence = block(&[(2, &[70000, 70001])]);
    let set = block(&[(2, &[70000]), (1, &[70001, 70002])]);
    for (block, ctx, expected, path) in [
        (&sequence, external(), None, "70000 70001"),
        (&set, external(), Some(TreatAsWithdraw), "23456 23456"),
        (&set, internal(), None, "70000 {70001,70002}"),
    ] {
        let ctx = old(ctx);
        let found = Attributes::decode(block, PLAIN, &ctx);
        assert_eq!(found.treatment, expected, "{:?}", found.errors);
        assert_eq!(found.attributes.as_path.to_string(), path);
    }
}

#[test]
fn rfc4271_s6_3_paths_can_be_held_to_start_with_the_peer() {
    let ctx = UpdateContext { first_as: Some(Asn(70000)), ..external() };
    assert_eq!(path_cost(&path4(&[(2, &[70000, 1])]), &ctx), None);
    assert_eq!(path_cost(&path4(&[(2, &[1, 70000])]), &ctx), Some(TreatAsWithdraw));
    assert_eq!(path_cost(&[], &ctx), Some(TreatAsWithdraw));
    let old = UpdateContext { as4: false, first_as: Some(Asn(300)), ..external() };
    assert_eq!(path_cost(&path2(&[(2, &[300])]), &old), None);
    assert_eq!(path_cost(&path2(&[(2, &[301])]), &old), Some(TreatAsWithdraw));
    // A number that does not fit two octets is AS_TRANS there (RFC 6793 §4.2.2).
    let wide = UpdateContext { first_as: Some(Asn(70000)), ..old };
    assert_eq!(path_cost(&path2(&[(2, &[23456, 1])]), &wide), None);
    assert_eq!(path_cost(&path2(&[(2, &[4464, 1])]), &wide), Some(TreatAsWithdraw));
}

#[test]
fn e15_limits_on_elements_are_reached_exactly() {
    let ctx = UpdateContext { limits: AttrLimits::new(300, 5), ..internal() };
    let full = [7_u32; 255];
    for (count, expected) in [(299, None), (300, None), (301, Some(TreatAsWithdraw))] {
        let value = path4(&[(2, &full), (2, &full[..count - 255])]);
        assert_eq!(path_cost(&value, &ctx), expected, "{count}");
    }
    for (entries, expected) in [(5, None), (6, Some(TreatAsWithdraw))] {
        assert_eq!(cost(&attr(0x80, 10, &vec![1; entries * 4]), &ctx), expected);
    }
    // The defaults: 16,000 numbers in one UPDATE are too many, 255 clusters are not.
    let value: Vec<u8> = path4(&[(2, &full)]).repeat(63);
    assert_eq!(path_cost(&value, &internal()), Some(TreatAsWithdraw));
    assert_eq!(cost(&attr(0x80, 10, &[1; 1020]), &internal()), None);
    assert_eq!(cost(&attr(0x80, 10, &[1; 1024]), &internal()), Some(TreatAsWithdraw));
    let most = AttrLimits::new(usize::MAX, usize::MAX);
    assert_eq!(most.as_path_elements(), crate::update::AS_PATH_ELEMENTS_MAX);
    assert_eq!(most.cluster_list_entries(), crate::update::CLUSTER_LIST_ENTRIES_MAX);
}

#[test]
fn rfc7607_s2_as_0_aggregates_nothing() {
    assert_eq!(cost(&attr(0xc0, 7, &hex("00000000 0a000001")), &internal()), Some(Discard));
    let old = UpdateContext { as4: false, ..internal() };
    assert_eq!(cost(&attr(0xc0, 7, &hex("0000 0a000001")), &old), Some(Discard));
    assert_eq!(cost(&attr(0xc0, 18, &hex("00000000 0a000001")), &old), Some(Discard));
}

#[test]
fn rfc6793_s4_2_3_aggregators_of_two_octet_speakers() {
    let old = UpdateContext { as4: false, ..internal() };
    let narrow = |asn: u16| attr(0xc0, 7, &[&asn.to_be_bytes()[..], &[10, 0, 0, 1]].concat());
    let wide = attr(0xc0, 18, &hex("00011170 0a000002"));
    let path = attr(0xc0, 17, &path4(&[(2, &[70000])]));
    let as_path = attr(0x40, 2, &path2(&[(2, &[5, 23456])]));
    let judge = |more: &[&[u8]]| {
        let block = [&ORIGIN_IGP[..], &as_path, &NEXT_HOP_192_0_2_1, &more.concat()].concat();
        let found = Attributes::decode(&block, PLAIN, &old);
        assert_eq!(found.treatment, None, "{:?}", found.errors);
        let aggregator = found.attributes.aggregator.map(|aggregator| aggregator.asn.0);
        (aggregator, found.attributes.as_path.to_string())
    };
    assert_eq!(judge(&[&narrow(23456), &path, &wide]), (Some(70000), "5 70000".to_string()));
    // An AGGREGATOR without AS_TRANS is newer than both.
    assert_eq!(judge(&[&narrow(9), &path, &wide]), (Some(9), "5 23456".to_string()));
    assert_eq!(judge(&[&narrow(9), &path]), (Some(9), "5 70000".to_string()));
    assert_eq!(judge(&[&path, &wide]), (None, "5 70000".to_string()));
    // In whatever order they come.
    assert_eq!(judge(&[&wide, &path, &narrow(23456)]), (Some(70000), "5 70000".to_string()));
}
