//! Texts of communities, and which prefixes a range holds.

use std::string::ToString;

use super::*;

#[test]
fn communities_are_read_and_printed() {
    for (text, community) in [
        ("64512:100", Community::Standard(64512 << 16 | 100)),
        ("0:0", Community::Standard(0)),
        ("64512:1:4294967295", Community::Large([64512, 1, u32::MAX])),
    ] {
        assert_eq!(text.parse(), Ok(community));
        assert_eq!(community.to_string(), text);
    }
    assert_eq!("no-export".parse(), Ok(Community::Standard(0xffff_ff01)));
    for text in ["", "1", "65536:1", "1:65536", "1:2:3:4", "1:2:", "+1:2", "a:b", "1:2:4294967296"]
    {
        assert_eq!(text.parse::<Community>(), Err(ParseCommunityError), "{text}");
    }
}

#[test]
fn a_range_holds_lengths_within_its_bounds() {
    let prefix = |text: &str| text.parse::<Prefix>().unwrap();
    let range = PrefixRange { prefix: prefix("10.0.0.0/8"), min: 24, max: 26 };
    assert!(range.holds(prefix("10.1.2.0/24")) && range.holds(prefix("10.1.2.64/26")));
    assert!(!range.holds(prefix("10.0.0.0/8")) && !range.holds(prefix("10.1.2.64/27")));
    assert!(!range.holds(prefix("11.0.0.0/24")) && !range.holds(prefix("::/24")));
    let exact = PrefixRange::exactly(prefix("fd00::/8"));
    assert!(exact.holds(prefix("fd00::/8")));
    assert!(!exact.holds(prefix("fd00::/9")) && !exact.holds(prefix("f000::/7")));
}
