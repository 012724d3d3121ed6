use proptest::prelude::*;

use super::*;

fn holds(cidr: &str, operator: MatchOperator, length: Option<(u8, u8)>, prefix: &str) -> bool {
    let length = length.map(|(min, max)| LengthRange { min, max });
    CidrMatch { cidr: cidr.parse().unwrap(), operator, length }.matches(prefix.parse().unwrap())
}

#[test]
fn operators_compare_prefixes() {
    use MatchOperator::{Equal, In, NotEqual, NotIn};
    for (prefix, equal, inside) in [
        ("10.0.0.0/8", true, true),
        ("10.1.0.0/16", false, true),
        ("10.0.0.0/7", false, false),
        ("11.0.0.0/8", false, false),
        ("fd00::/8", false, false),
    ] {
        assert_eq!(holds("10.0.0.0/8", Equal, None, prefix), equal, "{prefix}");
        assert_eq!(holds("10.0.0.0/8", NotEqual, None, prefix), !equal, "{prefix}");
        assert_eq!(holds("10.0.0.0/8", In, None, prefix), inside, "{prefix}");
        assert_eq!(holds("10.0.0.0/8", NotIn, None, prefix), !inside, "{prefix}");
    }
}

#[test]
fn with_lengths_both_operators_ask_the_same() {
    use MatchOperator::{Equal, In, NotEqual, NotIn};
    for (length, prefix, listed) in [
        ((24, 32), "10.1.2.0/24", true),
        ((24, 32), "10.1.0.0/16", false),
        ((0, 16), "10.0.0.0/8", true),
        // Never shorter than the prefix itself.
        ((0, 16), "10.0.0.0/7", false),
        ((0, 16), "10.1.2.0/24", false),
        ((16, 16), "11.1.0.0/16", false),
    ] {
        for operator in [Equal, In] {
            assert_eq!(holds("10.0.0.0/8", operator, Some(length), prefix), listed, "{prefix}");
        }
        for operator in [NotEqual, NotIn] {
            assert_eq!(holds("10.0.0.0/8", operator, Some(length), prefix), !listed, "{prefix}");
        }
    }
}

/// The plain definition: a star is any number of characters.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skipped| fits(rest, &name[skipped..])),
        ([a, rest @ ..], [b, tail @ ..]) if a == b => fits(rest, tail),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_star_is_any_characters(pattern in "[ab*]{1,8}", name in "[ab]{0,8}") {
        let expected = fits(pattern.as_bytes(), name.as_bytes());
        prop_assert_eq!(InterfacePattern(pattern.into()).matches(&name), expected);
    }
}
