use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn afi_safi() -> impl Strategy<Value = (Afi, Safi)> {
    (any::<u16>(), any::<u8>()).prop_map(|(afi, safi)| (Afi(afi), Safi(safi)))
}

fn lists() -> impl Strategy<Value = Capability> {
    prop_oneof![
        vec((afi_safi(), any::<u16>()), 0..42).prop_map(|entries| Capability::ExtendedNextHop(
            entries
                .into_iter()
                .map(|((afi, safi), next_hop)| ExtendedNextHop {
                    afi,
                    safi,
                    next_hop: Afi(next_hop)
                })
                .collect()
        )),
        vec((afi_safi(), any::<u8>(), any::<u8>()), 0..36).prop_map(|entries| {
            Capability::OutboundRouteFiltering(
                entries
                    .into_iter()
                    .map(|((afi, safi), kind, mode)| OrfEntry { afi, safi, kind, mode })
                    .collect(),
            )
        }),
        vec((afi_safi(), 1u8..4), 0..63).prop_map(|entries| Capability::AddPath(
            entries
                .into_iter()
                .map(|((afi, safi), mode)| AddPath {
                    afi,
                    safi,
                    mode: AddPathMode::from_wire(mode).unwrap()
                })
                .collect()
        )),
        vec((afi_safi(), any::<u16>()), 0..51).prop_map(|entries| Capability::PathsLimit(
            entries
                .into_iter()
                .map(|((afi, safi), limit)| PathsLimit { afi, safi, limit })
                .collect()
        )),
    ]
}

fn graceful() -> impl Strategy<Value = Capability> {
    prop_oneof![
        vec((afi_safi(), any::<bool>(), 0..=STALE_TIME_MAX), 0..36).prop_map(|entries| {
            let families = entries
                .into_iter()
                .map(|((afi, safi), forwarding, stale_time)| LongLivedFamily {
                    afi,
                    safi,
                    forwarding,
                    stale_time,
                })
                .collect();
            Capability::LongLived(LongLived { families })
        }),
        (any::<(bool, bool)>(), 0..=RESTART_TIME_MAX, vec((afi_safi(), any::<bool>()), 0..63))
            .prop_map(|((restarting, notification), restart_time, entries)| {
                let families = entries
                    .into_iter()
                    .map(|((afi, safi), forwarding)| GracefulFamily { afi, safi, forwarding })
                    .collect();
                Capability::GracefulRestart(GracefulRestart {
                    restarting,
                    notification,
                    restart_time,
                    families,
                })
            }),
    ]
}

/// Any capability that its own encoding can hold whole.
pub(crate) fn any_capability() -> impl Strategy<Value = Capability> {
    prop_oneof![
        3 => lists(),
        2 => graceful(),
        3 => prop_oneof![
            Just(Capability::RouteRefresh),
            Just(Capability::ExtendedMessage),
            Just(Capability::EnhancedRouteRefresh),
            Just(Capability::LinkLocalNextHop),
            Just(Capability::OldRouteRefresh),
            any::<u8>().prop_map(Capability::Role),
            any::<u32>().prop_map(|asn| Capability::FourOctetAs(Asn(asn))),
            afi_safi().prop_map(|(afi, safi)| Capability::Multiprotocol { afi, safi }),
        ],
        2 => prop_oneof![
            vec(any::<u8>(), 0..=VALUE_LEN_MAX).prop_map(Capability::Dynamic),
            ("[a-zé-]{0,30}", "[a-z.]{0,60}")
                .prop_map(|(host, domain)| Capability::Fqdn { host, domain }),
            "\\PC{0,60}".prop_map(Capability::SoftwareVersion),
            (200u8..=255, vec(any::<u8>(), 0..=VALUE_LEN_MAX))
                .prop_map(|(code, value)| Capability::Unknown { code, value }),
        ],
    ]
}

fn decode(code: u8, value: &[u8]) -> Result<Capability, Malformed> {
    Capability::decode(code, Cursor::new(value))
}

fn encoded(capability: &Capability) -> Vec<u8> {
    let mut out = Vec::new();
    capability.encode(&mut out);
    out
}

proptest! {
    #[test]
    fn round_trip(capability in any_capability()) {
        let bytes = encoded(&capability);
        prop_assert_eq!(bytes.len(), usize::from(bytes[1]) + 2);
        prop_assert_eq!(decode(bytes[0], &bytes[2..]), Ok(capability));
    }

    #[test]
    fn random_values_never_panic(code: u8, value in vec(any::<u8>(), 0..=VALUE_LEN_MAX)) {
        if let Ok(capability) = decode(code, &value) {
            prop_assert_eq!(capability.code(), code);
            let again = encoded(&capability);
            prop_assert_eq!(usize::from(again[1]) + 2, again.len());
        }
    }
}

/// For each code, which lengths from 0 to 20 are read, where the octets are all zero; the rest is
/// ignored or refused (bgp.md O9; the over-reads of CVE-2022-36440, CVE-2023-31489 and
/// CVE-2023-41361 were lengths that were not looked at).
#[test]
fn length_matrix() {
    type Fits = fn(usize) -> bool;
    let rows: [(u8, Fits); 17] = [
        (table::MULTIPROTOCOL, |len| len == 4),
        (table::ROUTE_REFRESH, |len| len == 0),
        // AFI, SAFI and a count of zero, any number of times.
        (table::OUTBOUND_ROUTE_FILTERING, |len| len % 5 == 0),
        (table::EXTENDED_NEXT_HOP, |len| len % 6 == 0),
        (table::EXTENDED_MESSAGE, |len| len == 0),
        (table::ROLE, |len| len == 1),
        (table::GRACEFUL_RESTART, |len| len >= 2 && len % 4 == 2),
        (table::FOUR_OCTET_AS, |len| len == 4),
        (table::DYNAMIC, |_| true),
        // A mode of zero is none (RFC 7911 §4).
        (table::ADD_PATH, |len| len == 0),
        (table::ENHANCED_ROUTE_REFRESH, |len| len == 0),
        (table::LONG_LIVED_GRACEFUL_RESTART, |len| len % 7 == 0),
        // Two length octets of zero; what follows is left alone.
        (table::FQDN, |len| len >= 2),
        (table::SOFTWARE_VERSION, |len| len >= 1),
        (table::PATHS_LIMIT, |len| len % 5 == 0),
        (table::LINK_LOCAL_NEXT_HOP, |len| len == 0),
        (table::OLD_ROUTE_REFRESH, |len| len == 0),
    ];
    for (code, fits) in rows {
        for len in 0..=20 {
            let read = decode(code, &[0; 20][..len]);
            assert_eq!(read.is_ok(), fits(len), "code {code} length {len}");
            if let Err(malformed) = read {
                let vital = code == table::MULTIPROTOCOL || code == table::FOUR_OCTET_AS;
                let expected =
                    if vital { Malformed::Refuse { expected: 4 } } else { Malformed::Ignore };
                assert_eq!(malformed, expected, "code {code} length {len}");
            }
        }
    }
}

#[test]
fn inner_lengths_beyond_the_value_are_ignored() {
    let rows: [(u8, &[u8]); 6] = [
        // CVE-2023-41361, CVE-2025-43971: the version is longer than the value.
        (table::SOFTWARE_VERSION, &[5, b'1', b'.', b'2']),
        (table::SOFTWARE_VERSION, &[255]),
        (table::FQDN, &[3, b'a', b'b']),
        (table::FQDN, &[2, b'a', b'b', 9, b'c']),
        (table::FQDN, &[2, b'a', b'b']),
        // CVE-2023-41360: more filters announced than there are.
        (table::OUTBOUND_ROUTE_FILTERING, &[0, 1, 0, 1, 200, 64, 3]),
    ];
    for (code, value) in rows {
        assert_eq!(decode(code, value), Err(Malformed::Ignore), "{code} {value:?}");
    }
}

#[test]
fn each_row_of_the_table_can_be_read() {
    let codes: BTreeSet<u8> = table::CAPABILITIES.iter().map(|row| row.code).collect();
    assert_eq!(codes.len(), table::CAPABILITIES.len());
    for row in table::CAPABILITIES {
        let len = match row.length {
            Length::Exactly(len) => usize::from(len),
            Length::Entries { base, .. } => usize::from(base),
            Length::Any => 10,
        };
        let read = decode(row.code, &[0; 10][..len]).unwrap();
        assert!(!matches!(read, Capability::Unknown { .. }), "{}", row.name);
        assert_eq!(read.name(), row.name);
    }
}

#[test]
fn lists_names_and_values_are_cut_at_their_limits() {
    let entry = AddPath { afi: Afi(1), safi: Safi(1), mode: AddPathMode::Both };
    let bytes = encoded(&Capability::AddPath(std::vec![entry; 100]));
    assert_eq!(bytes[1], 63 * 4);
    let families = std::vec![GracefulFamily { afi: Afi(1), safi: Safi(1), forwarding: true }; 100];
    let graceful =
        GracefulRestart { restarting: true, notification: true, restart_time: 0xffff, families };
    let bytes = encoded(&Capability::GracefulRestart(graceful));
    assert_eq!(bytes[..4], [64, 2 + 63 * 4, 0xcf, 0xff]);
    let bytes = encoded(&Capability::Dynamic(std::vec![1; 300]));
    assert_eq!((bytes.len(), bytes[1]), (257, 255));
    let host = "h".repeat(100);
    let domain = String::new();
    assert_eq!(encoded(&Capability::Fqdn { host, domain })[1..3], [66, 64]);
    let bytes = encoded(&Capability::SoftwareVersion("v".repeat(300)));
    assert_eq!(bytes[1..3], [255, 254]);
    let value = std::vec![0; 256];
    assert!(encoded(&Capability::Unknown { code: 200, value }).is_empty());
    let stale_time = u32::MAX;
    let families =
        std::vec![LongLivedFamily { afi: Afi(1), safi: Safi(1), forwarding: false, stale_time }];
    let bytes = encoded(&Capability::LongLived(LongLived { families }));
    assert_eq!(bytes, [71, 7, 0, 1, 1, 0, 0xff, 0xff, 0xff]);
}

#[test]
fn families_are_found_by_afi_and_safi() {
    let graceful = GracefulRestart {
        families: std::vec![GracefulFamily { afi: Afi(2), safi: Safi(1), forwarding: true }],
        ..GracefulRestart::default()
    };
    assert!(graceful.family(Family::Ipv6Unicast).unwrap().forwarding);
    assert!(graceful.family(Family::Ipv4Unicast).is_none());
    let long_lived = LongLived {
        families: std::vec![LongLivedFamily {
            afi: Afi(1),
            safi: Safi(1),
            forwarding: true,
            stale_time: 7
        }],
    };
    assert_eq!(long_lived.family(Family::Ipv4Unicast).unwrap().stale_time, 7);
    assert!(long_lived.family(Family::Ipv6Unicast).is_none());
}
