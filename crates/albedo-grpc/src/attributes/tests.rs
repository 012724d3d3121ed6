use super::*;

#[test]
fn a_path_in_words_becomes_segments() {
    let read = |text| {
        let of = |it: apipb::AsSegment| (it.r#type, it.numbers);
        segments(text).into_iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(read(""), []);
    assert_eq!(read("65001 4200000000"), [(2, vec![65_001, 4_200_000_000])]);
    assert_eq!(
        read("(65001 65002) [7,8] 1 2 {3,4}"),
        [(3, vec![65_001, 65_002]), (4, vec![7, 8]), (2, vec![1, 2]), (1, vec![3, 4])]
    );
}

#[test]
fn extended_communities_are_told_by_their_kinds() {
    let of = ExtendedCommunity::new;
    assert_eq!(
        of([0x00, 2, 0xfd, 0xe8, 0, 0, 0, 5]),
        ExtendedCommunity::TwoOctetAs(apipb::TwoOctetAsSpecificExtended {
            is_transitive: true,
            sub_type: 2,
            asn: 65_000,
            local_admin: 5,
        })
    );
    assert_eq!(
        of([0x41, 3, 10, 0, 0, 1, 0, 7]),
        ExtendedCommunity::Ipv4Address(apipb::IPv4AddressSpecificExtended {
            is_transitive: false,
            sub_type: 3,
            address: "10.0.0.1".to_owned(),
            local_admin: 7,
        })
    );
    assert_eq!(
        of([0x02, 2, 0, 1, 0, 0, 1, 0]),
        ExtendedCommunity::FourOctetAs(apipb::FourOctetAsSpecificExtended {
            is_transitive: true,
            sub_type: 2,
            asn: 65_536,
            local_admin: 256,
        })
    );
    assert_eq!(
        of([0x43, 0, 1, 2, 3, 4, 5, 6]),
        ExtendedCommunity::Unknown(apipb::UnknownExtended {
            r#type: 0x43,
            value: vec![0, 1, 2, 3, 4, 5, 6],
        })
    );
}
