//! Flags and lengths of each row.

use super::*;

/// Lengths of 0 to 32 octets that are well-formed if every octet is 1, and what any other length
/// costs from an internal and from an external peer; `None` for what is always dropped.
type Lengths = (u8, u8, &'static [usize], Treatment, Option<Treatment>);

const W: Treatment = TreatAsWithdraw;
const D: Treatment = Discard;

const LENGTHS: [Lengths; 25] = [
    (1, 0x40, &[1], W, Some(W)),
    // Segments of type 1 with one number each.
    (2, 0x40, &[0, 6, 12, 18, 24, 30], W, Some(W)),
    (3, 0x40, &[4], W, Some(W)),
    (4, 0x80, &[4], W, Some(W)),
    (5, 0x40, &[4], W, None),
    (6, 0x40, &[0], D, Some(D)),
    (7, 0xc0, &[8], D, Some(D)),
    (8, 0xc0, &[4, 8, 12, 16, 20, 24, 28, 32], W, Some(W)),
    (9, 0x80, &[4], W, None),
    (10, 0x80, &[4, 8, 12, 16, 20, 24, 28, 32], W, None),
    (16, 0xc0, &[8, 16, 24, 32], W, Some(W)),
    (17, 0xc0, &[], D, None),
    (18, 0xc0, &[], D, None),
    // Tunnel type 1, with an identifier of 12 or 24 octets.
    (22, 0xc0, &[17, 29], W, Some(W)),
    (23, 0xc0, &[], W, Some(W)),
    (24, 0x80, &[], W, Some(W)),
    (25, 0xc0, &[20], W, Some(W)),
    (26, 0x80, &[], D, None),
    (29, 0x80, &[0], D, Some(D)),
    (32, 0xc0, &[12, 24], W, Some(W)),
    (35, 0xc0, &[4], W, Some(W)),
    (37, 0xc0, &[], D, Some(D)),
    // TLVs of three octets behind the fixed five.
    (38, 0xc0, &[5, 8, 11, 14, 17, 20, 23, 26, 29, 32], D, Some(D)),
    (40, 0xc0, &[], D, None),
    // Attributes of four octets behind the fixed four.
    (128, 0xc0, &[4, 8, 12, 16, 20, 24, 28, 32], W, Some(W)),
];

/// The mandatory attributes but for one, and another.
fn block_with(code: u8, attribute: &[u8]) -> Vec<u8> {
    [&ORIGIN_IGP[..], &AS_PATH_EMPTY, &NEXT_HOP_192_0_2_1]
        .into_iter()
        .filter(|mandatory| mandatory[1] != code)
        .chain([attribute])
        .collect::<Vec<_>>()
        .concat()
}

#[test]
fn rfc7606_s7_every_attribute_at_every_length_from_0_to_32() {
    let known: Vec<_> = table::ROWS.iter().map(|row| row.code).collect();
    let tested: Vec<_> = LENGTHS.iter().map(|row| row.0).chain([14, 15]).collect();
    assert!(known.iter().all(|code| tested.contains(code)), "a row is without a test");
    for (code, flags, good, from_internal, from_external) in LENGTHS {
        for len in 0..=32 {
            let attribute = attr(flags, code, &vec![1; len]);
            let block = block_with(code, &attribute);
            let fits = good.contains(&len);
            let found = Attributes::decode(&block, PLAIN, &internal());
            let expected = (!fits).then_some(from_internal);
            assert_eq!(found.treatment, expected, "{code} internal {len}: {:?}", found.errors);
            assert_eq!(found.attributes.raw_of(code).is_some(), fits, "{code} internal {len}");

            let found = Attributes::decode(&block, PLAIN, &external());
            let fits = fits && from_external.is_some() && (code != 2 || len == 0);
            let expected = (!fits).then(|| from_external.unwrap_or(Discard));
            assert_eq!(found.treatment, expected, "{code} external {len}: {:?}", found.errors);
            assert_eq!(found.attributes.raw_of(code).is_some(), fits, "{code} external {len}");
        }
    }
}

#[test]
fn rfc6793_s3_attributes_for_two_octet_speakers_at_every_length() {
    let old = UpdateContext { as4: false, ..internal() };
    for len in 0..=32 {
        let judge = |code, value: &[u8]| cost(&attr(0xc0, code, value), &old);
        // One segment of one number each, in two octets.
        let path = block_with(2, &attr(0x40, 2, &vec![1; len]));
        let found = Attributes::decode(&path, PLAIN, &old).treatment;
        assert_eq!(found, (!len.is_multiple_of(4)).then_some(TreatAsWithdraw), "AS_PATH {len}");
        let value = vec![1; len];
        let fits = len == 6;
        assert_eq!(judge(7, &value), (!fits).then_some(Discard), "AGGREGATOR {len}");
        let fits = len != 0 && len.is_multiple_of(6);
        assert_eq!(judge(17, &value), (!fits).then_some(Discard), "AS4_PATH {len}");
        let fits = len == 8;
        assert_eq!(judge(18, &value), (!fits).then_some(Discard), "AS4_AGGREGATOR {len}");
    }
}

#[test]
fn rfc7606_s3_c_flags_that_contradict_the_type() {
    // A value that is well-formed for each row.
    let good = |code: u8| match code {
        6 => vec![],
        7 | 16 => vec![1; 8],
        17 => path4(&[(2, &[1])]),
        18 => vec![1; 8],
        22 => vec![1; 17],
        23 => hex("0001 0000"),
        24 => vec![1; 36],
        25 => vec![1; 20],
        26 => hex("01 000b 0000000000000001"),
        29 => vec![],
        32 => vec![1; 12],
        37 => hex("01 0000"),
        38 => vec![1; 5],
        40 => hex("01 0007 00000000000000"),
        1 => vec![1],
        2 => vec![],
        _ => vec![1; 4],
    };
    let rows = table::ROWS.iter().filter(|row| !matches!(row.code, 14 | 15));
    for row in rows {
        let ctx = UpdateContext { as4: !matches!(row.code, 17 | 18), ..internal() };
        for flags in 0..=u8::MAX {
            // The length field is that of the flags; the rest of the low bits mean nothing.
            let value = good(row.code);
            let mut attribute = vec![flags, row.code];
            if flags & EXTENDED_LENGTH != 0 {
                attribute.push(0);
            }
            attribute.push(u8::try_from(value.len()).unwrap());
            attribute.extend(value);
            let block = block_with(row.code, &attribute);
            let found = Attributes::decode(&block, PLAIN, &ctx);
            let conflict = flags & 0xc0 != row.flags;
            let expected = match row.code {
                code::AIGP => Discard,
                _ => TreatAsWithdraw,
            };
            assert_eq!(found.treatment, conflict.then_some(expected), "{} {flags:#x}", row.name);
        }
    }
}

#[test]
fn rfc7606_s7_5_s7_9_s7_10_internal_attributes_from_outside_are_dropped_whatever_they_hold() {
    for (code, good) in [(5, 4), (9, 4), (10, 8)] {
        for flags in [0x00, 0x40, 0x80, 0xc0] {
            for len in [0, 1, good] {
                let found = cost(&attr(flags, code, &vec![1; len]), &external());
                assert_eq!(found, Some(Discard), "{code} {flags:#x} {len}");
            }
        }
    }
}

#[test]
fn rfc7311_s3_3_and_rfc8669_s4_some_are_taken_from_outside_only_where_allowed() {
    let aigp = attr(0x80, 26, &hex("01 000b 0000000000000001"));
    let sid = attr(0xc0, 40, &hex("01 0007 00000000000000"));
    for (code, attribute) in [(26, aigp), (40, sid)] {
        assert_eq!(cost(&attribute, &internal()), None);
        assert_eq!(cost(&attribute, &external()), Some(Discard));
        let accepting =
            UpdateContext { accept_external: [code].into_iter().collect(), ..external() };
        assert_eq!(cost(&attribute, &accepting), None);
    }
}

#[test]
fn rfc4271_s5_unknown_attributes_go_by_their_flags() {
    // Deprecated types, BGPsec_PATH and types nobody has assigned are all the same.
    let unknown =
        [11, 12, 13, 19, 20, 21, 27, 28, 30, 31, 33, 34, 36, 39, 99, 129, 241, 242, 243, 255];
    for code in unknown {
        for len in [0, 1, 3, 4, 255, 256, 3000] {
            for (flags, expected, kept) in [
                (0x00, Some(TreatAsWithdraw), false),
                (0x40, Some(TreatAsWithdraw), false),
                (0x80, None, false),
                (0xa0, None, false),
                (0xc0, None, true),
                (0xe0, None, true),
            ] {
                let more = attr(flags, code, &vec![0xff; len]);
                with_mandatory(&more, &internal(), |found| {
                    assert_eq!(found.treatment, expected, "{code} {flags:#x} {len}");
                    assert_eq!(found.attributes.raw_of(code).is_some(), kept);
                });
            }
        }
    }
    let strict = UpdateContext { reset_on_unknown_well_known: true, ..internal() };
    assert_eq!(cost(&attr(0x40, 99, &[]), &strict), Some(Reset));
    assert_eq!(cost(&attr(0xc0, 0, &[]), &internal()), Some(Discard));
    assert_eq!(cost(&attr(0x40, 0, &[1]), &strict), Some(Discard));
}
