//! Paths: length, ends, prepending, and what two-octet speakers make of them.

use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::tests::support::{path2, path4};

/// Segments by type and numbers.
type Segments4 = &'static [(u8, &'static [u32])];

fn path(segments: &[(u8, &[u32])]) -> AsPath<'static> {
    AsPath::checked(Cow::Owned(path4(segments)))
}

fn written(path: &AsPath<'_>, prepend: Option<u32>, as4: bool) -> Vec<u8> {
    let mut out = vec![];
    path.write(&mut out, prepend.map(Asn), as4);
    out
}

#[test]
fn rfc4271_s9_1_2_2_length_counts_a_set_once_and_confederations_not_at_all() {
    type Case = (Segments4, u32, Option<u32>, Option<u32>, &'static str);
    let cases: [Case; 7] = [
        (&[], 0, None, None, ""),
        (&[(2, &[1, 2, 2])], 3, Some(1), Some(2), "1 2 2"),
        (&[(2, &[1]), (1, &[7, 8, 9])], 2, Some(1), None, "1 {7,8,9}"),
        (&[(1, &[7, 8])], 1, None, None, "{7,8}"),
        (&[(3, &[64600, 64601]), (2, &[5])], 1, Some(5), Some(5), "(64600 64601) 5"),
        (&[(4, &[64600, 64601])], 0, None, None, "[64600,64601]"),
        (&[(2, &[1]), (2, &[2])], 2, Some(1), Some(2), "1 2"),
    ];
    for (segments, hops, first, origin, text) in cases {
        let path = path(segments);
        assert_eq!(path.hops(), hops, "{text}");
        assert_eq!(path.first_as(), first.map(Asn), "{text}");
        assert_eq!(path.origin_as(), origin.map(Asn), "{text}");
        assert_eq!(path.to_string(), text);
        assert_eq!(path.is_empty(), segments.is_empty());
    }
}

#[test]
fn an_as_is_counted_wherever_it_stands() {
    let path = path(&[(3, &[9]), (2, &[1, 9, 9]), (1, &[9, 4])]);
    assert_eq!(path.contains(Asn(9)), 4);
    assert_eq!(path.contains(Asn(2)), 0);
}

#[test]
fn rfc4271_s5_1_2_prepending_opens_a_segment_where_the_first_is_full() {
    for count in [0, 1, 253, 254, 255, 256, 300, 510, 700] {
        let numbers: Vec<u32> = (1..=count).collect();
        let segments: Vec<_> = numbers.chunks(255).map(|chunk| (2, chunk)).collect();
        let before = path(&segments);
        for as4 in [true, false] {
            let after = written(&before, Some(77), as4);
            let value = if as4 { after } else { widen(&after) };
            let after = AsPath::checked(Cow::Owned(value));
            let expected: Vec<u32> = core::iter::once(77).chain(1..=count).collect();
            assert_eq!(after.asns().map(|asn| asn.0).collect::<Vec<_>>(), expected, "{count}");
            assert!(after.segments().all(|segment| segment.len() <= 255));
            let first = after.segments().next().unwrap().len();
            let joins = (1..255).contains(&count) || count > 255;
            let room = numbers.chunks(255).next().map_or(0, <[u32]>::len) < 255;
            assert_eq!(first > 1, joins && room, "{count}");
        }
    }
}

#[test]
fn rfc4271_s5_1_2_and_rfc5065_s5_1_what_a_number_is_put_in_front_of() {
    let cases: [(Segments4, &str); 5] = [
        (&[], "7"),
        (&[(2, &[1])], "7 1"),
        (&[(1, &[1, 2])], "7 {1,2}"),
        (&[(3, &[64600]), (4, &[64601]), (2, &[1])], "7 1"),
        (&[(2, &[1]), (3, &[64600])], "7 1 (64600)"),
    ];
    for (segments, expected) in cases {
        let after = AsPath::checked(Cow::Owned(written(&path(segments), Some(7), true)));
        assert_eq!(after.to_string(), expected);
    }
}

#[test]
fn rfc6793_s4_2_2_wide_numbers_for_two_octet_speakers() {
    let path = path(&[(3, &[70001]), (2, &[1, 70000]), (1, &[2, 80000])]);
    assert_eq!(
        written(&path, None, false),
        path2(&[(3, &[23456]), (2, &[1, 23456]), (1, &[2, 23456])])
    );
    let mut wide = vec![];
    path.write_as4(&mut wide, None);
    assert_eq!(wide, path4(&[(2, &[1, 70000]), (1, &[2, 80000])]));
    assert!(path.needs_as4());
    wide.clear();
    path.write_as4(&mut wide, Some(Asn(90000)));
    assert_eq!(wide, path4(&[(2, &[90000, 1, 70000]), (1, &[2, 80000])]));
}

fn merged(narrow: &[(u8, &[u16])], wide: &[(u8, &[u32])]) -> Option<String> {
    let value = merge(&widen(&path2(narrow)), &path4(wide))?;
    Some(AsPath::checked(Cow::Owned(value)).to_string())
}

#[test]
fn rfc6793_s4_2_3_paths_are_rebuilt() {
    const T: u16 = 23456;
    type Case =
        (&'static [(u8, &'static [u16])], &'static [(u8, &'static [u32])], Option<&'static str>);
    let cases: [Case; 13] = [
        // As long as each other: AS4_PATH says it all.
        (&[(2, &[T, 2])], &[(2, &[70000, 2])], Some("70000 2")),
        // A two-octet speaker has prepended itself since.
        (&[(2, &[9, T, 2])], &[(2, &[70000, 2])], Some("9 70000 2")),
        (&[(2, &[8, 9, T])], &[(2, &[70000])], Some("8 9 70000")),
        // Longer than AS_PATH: of another path, so it tells nothing.
        (&[(2, &[T])], &[(2, &[70000, 2])], None),
        (&[], &[(2, &[70000])], None),
        // A set counts for one on both sides.
        (
            &[(2, &[9, T]), (1, &[T, 3])],
            &[(2, &[70000]), (1, &[80000, 3])],
            Some("9 70000 {80000,3}"),
        ),
        (&[(1, &[1, 2]), (2, &[T])], &[(2, &[70000])], Some("{1,2} 70000")),
        (&[(2, &[9]), (1, &[T])], &[(1, &[70000])], Some("9 {70000}")),
        // Confederation segments come along while the front lasts, and where they touch it.
        (&[(3, &[64600]), (2, &[9, T])], &[(2, &[70000])], Some("(64600) 9 70000")),
        (&[(3, &[64600]), (2, &[T])], &[(2, &[70000])], Some("(64600) 70000")),
        (&[(2, &[9]), (3, &[64600]), (2, &[T])], &[(2, &[70000])], Some("9 (64600) 70000")),
        // They have no business in AS4_PATH, and are cut out there, not held against anybody.
        (&[(2, &[9, T])], &[(3, &[64600]), (2, &[70000])], Some("9 70000")),
        (&[(2, &[9, T])], &[(3, &[64600])], None),
    ];
    for (narrow, wide, expected) in cases {
        assert_eq!(merged(narrow, wide).as_deref(), expected, "{narrow:?} {wide:?}");
    }
}

#[test]
fn rfc6793_s4_2_3_seams_respect_the_size_of_a_segment() {
    for front in [1_usize, 100, 254, 255] {
        let numbers = vec![9_u16; front];
        let wide = vec![70000_u32; 155];
        let trans = vec![23456_u16; 155];
        let narrow = [path2(&[(2, &numbers)]), path2(&[(2, &trans)])].concat();
        let value = merge(&widen(&narrow), &path4(&[(2, &wide)])).unwrap();
        let path = AsPath::checked(Cow::Owned(value));
        assert_eq!(path.asns().count(), front + 155);
        assert_eq!(path.segments().count(), if front + 155 > 255 { 2 } else { 1 });
    }
}

fn any_path() -> impl Strategy<Value = Vec<(u8, Vec<u32>)>> {
    let sequence = prop::collection::vec(1_u32..200_000, 1..255);
    let set = prop::collection::vec(1_u32..200_000, 1..6);
    let segment = prop_oneof![sequence.prop_map(|asns| (2, asns)), set.prop_map(|asns| (1, asns))];
    prop::collection::vec(segment, 0..4)
}

proptest! {
    #[test]
    fn rfc6793_s4_2_3_a_two_octet_speaker_between_loses_nothing(
        segments in any_path(),
        prepended in prop::option::of(1_u32..65_536),
    ) {
        let borrowed: Vec<_> = segments.iter().map(|(kind, asns)| (*kind, &asns[..])).collect();
        let sent = path(&borrowed);
        // To the two-octet speaker, which prepends to AS_PATH alone and sends both to us.
        let mut as4 = vec![];
        sent.write_as4(&mut as4, None);
        let narrow = AsPath::checked(Cow::Owned(widen(&written(&sent, None, false))));
        let narrow = written(&narrow, prepended, false);
        let expected: Vec<_> = prepended.into_iter().map(Asn).chain(sent.asns()).collect();
        let found = match merge(&widen(&narrow), &as4) {
            Some(value) => AsPath::checked(Cow::Owned(value)),
            None => {
                prop_assert!(sent.is_empty());
                AsPath::checked(Cow::Owned(widen(&narrow)))
            }
        };
        prop_assert_eq!(found.asns().collect::<Vec<_>>(), expected);
    }
}
