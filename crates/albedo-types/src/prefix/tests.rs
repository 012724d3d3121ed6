//! Prefixes as text, and that they are canonical.

use std::string::ToString;

use proptest::prelude::*;

use super::*;

#[test]
fn host_bits_are_cleared() {
    let prefix: Ipv4Prefix = "10.1.2.3/26".parse().unwrap();
    assert_eq!(prefix.to_string(), "10.1.2.0/26");
    assert_eq!(Ipv4Prefix::new(Ipv4Addr::new(255, 1, 1, 1), 0).unwrap().bits(), 0);
    assert_eq!("::1/0".parse::<Ipv6Prefix>().unwrap().bits(), 0);
}

#[test]
fn bad_texts_say_why() {
    for (text, why) in [
        ("10.0.0.0", "no length: expected address/length"),
        ("10.0.0.0/33", "length 33 is too long: expected 0 to 32"),
        ("10.0.0/8", "bad address: invalid IPv4 address syntax"),
        ("10.0.0.0/x", "bad length: invalid digit found in string"),
    ] {
        assert_eq!(text.parse::<Prefix>().unwrap_err().to_string(), why, "{text}");
    }
}

proptest! {
    #[test]
    fn text_and_back(bits: u32, wide: u128, len in 0u8..=32, len6 in 0u8..=128) {
        let v4 = Prefix::V4(Ipv4Prefix::from_bits(bits, len).unwrap());
        let v6 = Prefix::V6(Ipv6Prefix::from_bits(wide, len6).unwrap());
        prop_assert_eq!(v4.to_string().parse::<Prefix>().unwrap(), v4);
        prop_assert_eq!(v6.to_string().parse::<Prefix>().unwrap(), v6);
        prop_assert!(v4.contains(IpAddr::V4(Ipv4Addr::from_bits(bits))));
        prop_assert!(v6.contains(IpAddr::V6(Ipv6Addr::from_bits(wide))));
    }
}
