use super::*;

fn read<T>(kind: &Kind<T>, text: &str, plain: bool) -> Read<T> {
    (kind.read)(&Scalar { text: text.to_owned(), plain })
}

#[test]
fn as_numbers_are_numbers_or_text() {
    for (text, plain, number) in [
        ("64512", true, 64_512),
        ("64512", false, 64_512),
        ("1.10", false, 65_546),
        ("65535.65535", false, u32::MAX),
        ("4294967295", true, u32::MAX),
    ] {
        assert_eq!(read(&ASN, text, plain), Ok(Some(Asn(number))), "{text}");
    }
    assert_eq!(read(&ASN, "0", true), Ok(None));
    assert_eq!(read(&ASN_SET, "0", true), Err(None));
    assert_eq!(read(&ASN, "1.10", true), Err(Some("write \"1.10\"".to_owned())));
    assert_eq!(read(&ASN, "AS64512", false), Err(Some("write 64512".to_owned())));
    for (text, plain) in [
        ("70000.1", false),
        ("1.70000", false),
        ("4294967296", true),
        ("-1", true),
        ("+1", false),
        ("+1", true),
        ("1.2.3", false),
        ("1.+2", false),
        ("", false),
        ("0x10", true),
        ("1e3", true),
    ] {
        assert_eq!(read(&ASN, text, plain), Err(None), "{text}");
    }
}

#[test]
fn addresses_of_nodes_keep_their_host_bits() {
    let host = read(&IPV4_HOST, "10.0.0.7/24", true).unwrap();
    assert_eq!(host.to_string(), "10.0.0.7/24");
    assert_eq!(host.subnet().to_string(), "10.0.0.0/24");
    assert_eq!(read(&IPV4_HOST, "10.0.0.7", true).unwrap().len, 32);
    assert_eq!(read(&IPV6_HOST, "fd00::7", true).unwrap().len, 128);
    assert_eq!(read(&IPV6_HOST, "fd00::7/64", true).unwrap().subnet().to_string(), "fd00::/64");
    for text in ["10.0.0.7/33", "10.0.0.7/", "10.0.0/8", "fd00::1", "10.0.0.7/+8", "/8", "a/8"] {
        assert!(read(&IPV4_HOST, text, true).is_err(), "{text}");
    }
    assert_eq!(read(&IP_OF_HOST, "10.0.0.7/24", true).unwrap().to_string(), "10.0.0.7");
    assert_eq!(read(&IP_OF_HOST, "fd00::7/64", true).unwrap().to_string(), "fd00::7");
    assert!(read(&IP_OF_HOST, "10.0.0.7/64", true).is_err());
}

#[test]
fn cluster_ids_are_four_octets() {
    assert_eq!(read(&CLUSTER_ID, "244.0.0.1", true), Ok(ClusterId(0xf400_0001)));
    assert_eq!(read(&CLUSTER_ID, "244.0.0.1/32", true), Ok(ClusterId(0xf400_0001)));
    assert_eq!(
        read(&CLUSTER_ID, "1", true),
        Err(Some("a number is not taken: write 0.0.0.1".to_owned()))
    );
    for text in ["0.0.0.0", "244.0.0", "fd00::1", "x"] {
        assert_eq!(read(&CLUSTER_ID, text, true), Err(None), "{text}");
    }
}

#[test]
fn peer_ips_may_have_ports() {
    for (text, ip, port) in [
        ("10.20.9.9", "10.20.9.9", None),
        ("10.20.9.9:1790", "10.20.9.9", Some(1790)),
        ("[fd00::9]:179", "fd00::9", Some(179)),
        ("fd00::9", "fd00::9", None),
    ] {
        assert_eq!(read(&PEER_IP, text, true), Ok((ip.parse().unwrap(), port)), "{text}");
    }
    for text in ["10.0.0.1:0", "10.0.0.1:65536", "[fd00::9]", "[10.0.0.1]:179", "host", ":179"] {
        assert_eq!(read(&PEER_IP, text, true), Err(None), "{text}");
    }
    assert!(read(&PEER_IP, "10.0.0.1/24", true).unwrap_err().is_some());
}

#[test]
fn durations_are_gos() {
    for (text, millis) in [
        ("90s", 90_000),
        ("1m30s", 90_000),
        ("2m", 120_000),
        ("1.5h", 5_400_000),
        (".5s", 500),
        ("1.s", 1_000),
        ("250ms", 250),
        ("1h1m1s1ms", 3_661_001),
        ("0", 0),
        ("0s", 0),
        ("0.1s", 100),
        ("1.7m", 102_000),
    ] {
        assert_eq!(read(&DURATION, text, true), Ok(Duration::from_millis(millis)), "{text}");
    }
    assert_eq!(read(&DURATION, "3us7ns", true), Ok(Duration::from_nanos(3_007)));
    assert_eq!(read(&DURATION, "9223372036854775807ns", true).unwrap().as_secs(), 9_223_372_036);
    assert_eq!(
        read(&DURATION, "90", true),
        Err(Some("a unit is missing: 90s, 90m or 90h".to_owned()))
    );
    for text in ["9223372036854775808ns", "-1s", "s", "1d", "1 s", ".s", "1.2.3s", "1s2", "9e9s"] {
        assert!(read(&DURATION, text, true).is_err(), "{text}");
    }
}

#[test]
fn names_are_dns_subdomains() {
    let long = format!("{}.{}", "a".repeat(126), "b".repeat(126));
    for text in ["a", "a-b.c", "0", "node.worker-1", &long] {
        assert!(read(&NAME, text, false).is_ok(), "{text}");
    }
    for text in ["", "-a", "a-", "a..b", ".a", "a.", "ä", &format!("{long}c")] {
        assert!(read(&NAME, text, false).is_err(), "{text}");
    }
    assert_eq!(read(&NAME, "Rack_A", false), Err(Some("write rack-a".to_owned())));
    // As YAML 1.1 has it.
    assert_eq!(&*read(&NAME, "010", true).unwrap(), "8");
}

#[test]
fn prefixes_are_masked_and_communities_have_two_or_three_parts() {
    assert_eq!(read(&CIDR, "10.0.0.0/8", true).unwrap().to_string(), "10.0.0.0/8");
    assert_eq!(read(&CIDR, "10.0.0.1/8", true), Err(Some("write 10.0.0.0/8".to_owned())));
    assert_eq!(read(&CIDR, "10.0.0.0", true), Err(None));
    assert_eq!(read(&COMMUNITY, "64512:100", true), Ok(Community::Standard(0xfc00_0064)));
    assert_eq!(read(&COMMUNITY, "1:2:4294967295", true), Ok(Community::Large([1, 2, u32::MAX])));
    for text in ["65536:1", "1:65536", "1:2:4294967296", "1", "1:2:3:4", "no-export", "+1:1"] {
        assert_eq!(read(&COMMUNITY, text, true), Err(None), "{text}");
    }
}

#[test]
fn whole_numbers_are_decimal_and_without_quotes() {
    assert_eq!(read(&COUNT, "2147483647", true), Ok(2_147_483_647));
    assert!(read(&COUNT, "2147483648", true).is_err());
    assert_eq!(read(&COUNT, "5", false), Err(Some("leave out the quotes".to_owned())));
    assert!(read(&COUNT, "010", true).unwrap_err().is_some());
    assert!(read(&COUNT, "-1", true).is_err());
    assert_eq!(read(&PRIORITY, "2147483646", true), Ok(2_147_483_646));
    assert!(read(&PRIORITY, "2147483647", true).is_err());
    assert_eq!(read(&HOPS, "0", true), Ok(None));
    assert_eq!(read(&HOPS, "255", true).unwrap().map(NonZeroU8::get), Some(255));
    assert!(read(&HOPS, "256", true).is_err());
}
