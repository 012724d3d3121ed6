use std::string::ToString;
use std::vec;
use std::vec::Vec;

use albedo_types::{Afi, Family, Safi};
use proptest::collection::vec as many;
use proptest::prelude::*;

use super::*;
use crate::capability::tests::any_capability;
use crate::capability::{AddPath, AddPathMode, GracefulFamily, GracefulRestart, LongLived};
use crate::error::Treatment;
use crate::frame::split;

/// The OPEN of a Calico node's BIRD 1.6.8 at its first start, captured.
const CALICO: [u8; 63] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x00, 0x3f, 0x01, 0x04, 0xfc, 0x00, 0x00, 0xf0, 0x0a, 0x00, 0x00, 0x05, 0x22, 0x02, 0x20, 0x01,
    0x04, 0x00, 0x01, 0x00, 0x01, 0x02, 0x00, 0x40, 0x06, 0x00, 0x78, 0x00, 0x01, 0x01, 0x00, 0x41,
    0x04, 0x00, 0x00, 0xfc, 0x00, 0x45, 0x04, 0x00, 0x01, 0x01, 0x03, 0x46, 0x00, 0x47, 0x00,
];

fn calico(restarting: bool) -> Open {
    let (afi, safi) = (Afi(1), Safi(1));
    Open {
        as_field: 64512,
        hold_time: 240,
        router_id: 0x0a00_0005,
        capabilities: vec![
            Capability::multiprotocol(Family::Ipv4Unicast),
            Capability::RouteRefresh,
            Capability::GracefulRestart(GracefulRestart {
                restarting,
                notification: false,
                restart_time: 120,
                families: vec![GracefulFamily { afi, safi, forwarding: restarting }],
            }),
            Capability::FourOctetAs(Asn(64512)),
            Capability::AddPath(vec![AddPath { afi, safi, mode: AddPathMode::Both }]),
            Capability::EnhancedRouteRefresh,
            Capability::LongLived(LongLived::default()),
        ],
        ignored: Vec::new(),
    }
}

fn body(message: &[u8]) -> &[u8] {
    let frame = split(message, false).unwrap().unwrap();
    assert_eq!((frame.kind, frame.len), (MessageType::Open, message.len()));
    frame.body
}

/// A body with these optional parameters behind a length octet of `len`.
fn with_parameters(len: u8, parameters: &[u8]) -> Vec<u8> {
    let mut out = vec![4, 0xfc, 0x00, 0, 90, 10, 0, 0, 1, len];
    out.extend_from_slice(parameters);
    out
}

fn expect() -> OpenExpect {
    OpenExpect {
        local_asn: Asn(64512),
        local_router_id: RouterId::new(0x0a00_0001).unwrap(),
        peer_asn: ExpectedAs::Internal,
        min_hold_time: HoldTime::OFF,
        families: FamilySet::ALL,
    }
}

#[test]
fn calico_open_first_start() {
    assert_eq!(Open::decode(body(&CALICO)), Ok(calico(false)));
    assert_eq!(calico(false).encode(), CALICO);
}

#[test]
fn calico_open_with_graceful_restart_recovery() {
    let mut restarted = CALICO;
    restarted[41] = 0x80;
    restarted[46] = 0x80;
    assert_eq!(Open::decode(body(&restarted)), Ok(calico(true)));
    assert_eq!(calico(true).encode(), restarted);
}

#[test]
fn calico_open_of_the_ipv6_daemon() {
    let mut message = CALICO;
    message[34] = 2;
    let open = Open::decode(body(&message)).unwrap();
    assert_eq!(open.families(), FamilySet::of(Family::Ipv6Unicast));
}

#[test]
fn truncation_at_every_octet_is_an_error_with_a_reset() {
    for end in 0..44 {
        let error = Open::decode(&CALICO[19..19 + end]).unwrap_err();
        assert_eq!(error.treatment(), Treatment::Reset);
        assert!(error.offset <= end, "{error}");
    }
    // The same with lengths that agree with the shortened message, as an attacker would send it.
    for cut in 1..=34u8 {
        let end = 44 - usize::from(cut);
        let mut short = CALICO[19..19 + end].to_vec();
        short[9] -= cut;
        if cut < 34 {
            assert!(Open::decode(&short).is_err(), "parameter longer than the rest: cut {cut}");
        }
        if cut <= 32 {
            short[11] -= cut;
            // Cuts between capabilities are legal, cuts inside one never.
            let between = [0, 6, 8, 16, 22, 28, 30].contains(&(32 - cut));
            assert_eq!(Open::decode(&short).is_ok(), between, "cut {cut}");
        }
    }
}

#[test]
fn version_is_judged_before_the_parameters() {
    let mut message = with_parameters(9, &[1, 2]);
    message[0] = 3;
    let error = Open::decode(&message).unwrap_err();
    assert_eq!((error.offset, error.kind), (0, ErrorKind::Version { found: 3 }));
    let sent = error.notification();
    assert_eq!((sent.code, sent.subcode, sent.data), (2, 1, vec![0, 4]));
}

#[test]
fn parameters_that_are_no_capabilities_are_refused() {
    for kind in [0, 1, 3, 254] {
        let error = Open::decode(&with_parameters(3, &[kind, 1, 0])).unwrap_err();
        let sent = error.notification();
        assert_eq!((sent.code, sent.subcode, error.offset), (2, 4, 10), "type {kind}");
    }
}

#[test]
fn several_parameters_and_duplicates_are_legal() {
    let parameters = [2, 2, 2, 0, 2, 0, 2, 4, 2, 0, 70, 0];
    let open = Open::decode(&with_parameters(12, &parameters)).unwrap();
    assert_eq!(
        open.capabilities,
        [Capability::RouteRefresh, Capability::RouteRefresh, Capability::EnhancedRouteRefresh]
    );
}

#[test]
fn a_capability_longer_than_its_parameter_is_refused_though_bytes_follow() {
    // CVE-2022-37032: the value would reach into the next parameter.
    let error = Open::decode(&with_parameters(8, &[2, 2, 65, 4, 2, 2, 2, 0])).unwrap_err();
    assert_eq!(error.notification(), Notification::malformed_open());
    assert_eq!(error.offset, 14);
}

#[test]
fn vital_capabilities_of_a_wrong_length_are_refused_others_ignored() {
    for code in [1, 65] {
        for len in (0..10u8).filter(|len| *len != 4) {
            let mut parameters = vec![2, len + 2, code, len];
            parameters.resize(usize::from(len) + 4, 0);
            let error = Open::decode(&with_parameters(len + 4, &parameters)).unwrap_err();
            assert_eq!(error.notification(), Notification::malformed_open());
            let expected = ErrorKind::CapabilityLength { code, found: len, expected: 4 };
            assert_eq!((error.kind, error.offset), (expected, 13));
        }
    }
    // CVE-2023-31489: code 71 with one to six octets.
    for len in 1..7u8 {
        let mut parameters = vec![2, len + 4, 71, len];
        parameters.resize(usize::from(len) + 4, 0);
        parameters.extend_from_slice(&[2, 0]);
        let open = Open::decode(&with_parameters(len + 6, &parameters)).unwrap();
        assert_eq!(open.capabilities, [Capability::RouteRefresh]);
        assert_eq!(open.ignored, [IgnoredCapability { offset: 14, code: 71, len }]);
    }
}

#[test]
fn an_ignored_capability_is_named() {
    let ignored = IgnoredCapability { offset: 14, code: 71, len: 3 };
    let words = "capability 71 (long-lived graceful restart) with a malformed value of 3 octets \
                 at octet 14";
    assert_eq!(ignored.to_string(), words);
}

/// The boundary of CVE-2022-40302, CVE-2022-40318 and CVE-2022-43681: every length octet that
/// matters, with and without the type octet 255, and every number of octets behind it.
#[test]
fn extended_parameters_matrix() {
    for len in [0u8, 1, 2, 3, 4, 5, 254, 255] {
        for behind in 0..12 {
            for kind in [2u8, 255] {
                // type, then what is a length in one of both forms, then zeros.
                let mut parameters = vec![kind, 0, 3, 2, 0, 0];
                parameters.resize(12, 0);
                parameters.truncate(behind);
                let read = Open::decode(&with_parameters(len, &parameters));
                let legal = match (len, kind) {
                    (0, _) => behind == 0,
                    // 255, length 3, one empty parameter.
                    (_, 255) => behind == 6,
                    // One empty parameter of the short form.
                    (2, 2) => behind == 2,
                    _ => false,
                };
                assert_eq!(read.is_ok(), legal, "len {len} behind {behind} type {kind}: {read:?}");
            }
        }
    }
}

#[test]
fn extended_parameters_cut_at_every_octet() {
    let mut open = calico(false);
    open.capabilities.push(Capability::Dynamic(vec![7; 255]));
    let message = open.encode();
    assert_eq!(message[28..32], [255, 255, 1, 36]);
    assert_eq!(Open::decode(body(&message)).unwrap(), open);
    for end in 19..message.len() {
        assert!(Open::decode(&message[19..end]).is_err(), "{end}");
    }
    // The length octet in front of the 255 says nothing, as long as it is not zero.
    let mut other = message;
    other[28] = 1;
    assert_eq!(Open::decode(body(&other)).unwrap(), open);
}

#[test]
fn the_wide_form_is_used_only_where_it_is_needed() {
    for (value, wide) in [(250, false), (251, false), (252, true), (253, true), (255, true)] {
        let open = Open {
            capabilities: vec![Capability::Unknown { code: 200, value: vec![1; value] }],
            ..calico(false)
        };
        let message = open.encode();
        assert_eq!(message[29] == 255, wide, "value of {value}");
        assert_eq!(Open::decode(body(&message)).unwrap(), open);
    }
}

#[test]
fn an_open_never_outgrows_a_message() {
    let big = Capability::Unknown { code: 200, value: vec![1; 255] };
    let mut open = Open { capabilities: vec![big; 30], ..calico(false) };
    open.capabilities.push(Capability::RouteRefresh);
    let message = open.encode();
    assert!(message.len() <= MESSAGE_LEN_MAX);
    let read = Open::decode(body(&message)).unwrap();
    assert_eq!(read.capabilities.len(), 15 + 1);
    assert_eq!(read.capabilities.last(), Some(&Capability::RouteRefresh));
}

#[test]
fn the_as_is_that_of_the_capability() {
    let mut open = calico(false);
    open.as_field = 23456;
    assert_eq!(open.asn(), Asn(64512));
    open.capabilities.clear();
    assert_eq!(open.asn(), Asn(23456));
    assert_eq!(open.families(), FamilySet::of(Family::Ipv4Unicast));
}

#[test]
fn a_good_open_passes() {
    let peer = calico(false).check(&expect()).unwrap();
    assert_eq!((peer.asn, peer.router_id.get()), (Asn(64512), 0x0a00_0005));
    assert_eq!(peer.hold_time.as_secs(), 240);
}

#[test]
fn the_as_is_held_against_what_is_expected() {
    let local = Asn(64512);
    let rows = [
        (ExpectedAs::Is(Asn(1)), Asn(1), true),
        (ExpectedAs::Is(Asn(1)), local, false),
        (ExpectedAs::Internal, local, true),
        (ExpectedAs::Internal, Asn(1), false),
        (ExpectedAs::External, local, false),
        (ExpectedAs::External, Asn(1), true),
        (ExpectedAs::Any, local, true),
        (ExpectedAs::Any, Asn(1), true),
        (ExpectedAs::Any, Asn(0), false),
        (ExpectedAs::External, Asn(0), false),
    ];
    for (expected, asn, allowed) in rows {
        assert_eq!(expected.allows(asn, local), allowed, "{expected:?} {asn}");
    }
    let mut open = calico(false);
    open.capabilities[3] = Capability::FourOctetAs(Asn(0));
    assert_eq!(open.check(&expect()), Err(Notification::bad_peer_as()));
}

#[test]
fn identifiers_zero_and_ours_are_refused() {
    let mut open = calico(false);
    open.router_id = 0;
    assert_eq!(open.check(&expect()), Err(Notification::bad_identifier()));
    open.router_id = 0x0a00_0001;
    assert_eq!(open.check(&expect()), Err(Notification::bad_identifier()));
    // Between two ASes the same identifier is legal (RFC 6286 §2.1).
    open.capabilities[3] = Capability::FourOctetAs(Asn(65000));
    let external = OpenExpect { peer_asn: ExpectedAs::External, ..expect() };
    assert!(open.check(&external).is_ok());
}

#[test]
fn hold_times_are_held_against_the_minimum() {
    for (hold, min, good) in [
        (0, 0, true),
        (1, 0, false),
        (2, 0, false),
        (3, 0, true),
        (65535, 0, true),
        (0, 10, false),
        (9, 10, false),
        (10, 10, true),
    ] {
        let open = Open { hold_time: hold, ..calico(false) };
        let expect = OpenExpect { min_hold_time: HoldTime::from_secs(min).unwrap(), ..expect() };
        let expected = if good { None } else { Some(Notification::unacceptable_hold_time()) };
        assert_eq!(open.check(&expect).err(), expected, "hold {hold} min {min}");
    }
}

#[test]
fn no_common_family_names_those_that_were_missed() {
    let expect = OpenExpect { families: FamilySet::of(Family::Ipv6Unicast), ..expect() };
    let sent = calico(false).check(&expect).unwrap_err();
    assert_eq!(sent, Notification::unsupported_capability(&[1, 4, 0, 2, 0, 1]));
}

#[test]
fn only_the_first_finding_is_reported() {
    let mut open = calico(false);
    (open.hold_time, open.router_id) = (1, 0);
    open.capabilities =
        vec![Capability::FourOctetAs(Asn(1)), Capability::multiprotocol(Family::Ipv6Unicast)];
    let expect = OpenExpect { families: FamilySet::of(Family::Ipv4Unicast), ..expect() };
    assert_eq!(open.check(&expect).unwrap_err().subcode, 2);
    open.capabilities[0] = Capability::FourOctetAs(Asn(64512));
    assert_eq!(open.check(&expect).unwrap_err().subcode, 3);
    open.router_id = 9;
    assert_eq!(open.check(&expect).unwrap_err().subcode, 7);
    open.capabilities[1] = Capability::multiprotocol(Family::Ipv4Unicast);
    assert_eq!(open.check(&expect).unwrap_err().subcode, 6);
    open.hold_time = 3;
    assert!(open.check(&expect).is_ok());
}

proptest! {
    #[test]
    fn round_trip(
        as_field: u16, hold_time: u16, router_id: u32,
        capabilities in many(any_capability(), 0..12),
    ) {
        let open = Open { as_field, hold_time, router_id, capabilities, ignored: Vec::new() };
        let message = open.encode();
        prop_assert_eq!(Open::decode(body(&message)), Ok(open));
    }

    #[test]
    fn truncation_of_any_open_is_an_error(
        capabilities in many(any_capability(), 0..6), cut in any::<prop::sample::Index>(),
    ) {
        let message = Open { capabilities, ..calico(false) }.encode();
        let body = body(&message);
        prop_assert!(Open::decode(&body[..cut.index(body.len())]).is_err());
    }

    #[test]
    fn random_bodies_never_panic(bytes in many(any::<u8>(), 0..400)) {
        if let Err(error) = Open::decode(&bytes) {
            prop_assert!(error.offset <= bytes.len());
            prop_assert_eq!(error.treatment(), Treatment::Reset);
        }
    }

    #[test]
    fn random_parameters_never_panic(parameters in many(any::<u8>(), 0..200), wide: bool) {
        let len = u8::try_from(parameters.len()).unwrap();
        let mut bytes = with_parameters(len, &parameters);
        if wide {
            bytes = with_parameters(255, &[255, 0, len]);
            bytes.extend_from_slice(&parameters);
        }
        if let Ok(open) = Open::decode(&bytes) {
            let _ = open.check(&expect());
        }
    }

    #[test]
    fn a_flipped_octet_never_panics(at in 0usize..44, octet: u8) {
        let mut bytes = CALICO[19..].to_vec();
        bytes[at] = octet;
        let _ = Open::decode(&bytes);
    }
}
