use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::frame::split;

#[test]
fn golden_request() {
    let message = RouteRefresh::new(Family::Ipv6Unicast, Subtype::Request).encode();
    let mut expected: Vec<u8> = std::vec![0xff; 16];
    expected.extend_from_slice(&[0, 23, 5, 0, 2, 0, 1]);
    assert_eq!(message, expected);
}

#[test]
fn the_subtype_is_the_old_reserved_octet() {
    for (octet, subtype) in [
        (0, Subtype::Request),
        (1, Subtype::Begin),
        (2, Subtype::End),
        (3, Subtype::Unknown(3)),
        (255, Subtype::Unknown(255)),
    ] {
        let read = RouteRefresh::decode(&[0, 1, octet, 1]).unwrap();
        assert_eq!((read.family(), read.subtype), (Some(Family::Ipv4Unicast), subtype));
    }
    assert_eq!(RouteRefresh::decode(&[0, 25, 0, 70]).unwrap().family(), None);
}

#[test]
fn other_lengths_are_faults() {
    for len in 0..4 {
        let error = RouteRefresh::decode(&[0; 4][..len]).unwrap_err();
        assert_eq!((error.notification().code, error.offset), (1, len));
    }
    for len in 5..20 {
        let error = RouteRefresh::decode(&[0; 20][..len]).unwrap_err();
        let sent = error.notification();
        assert_eq!((sent.code, sent.subcode), (7, 1));
    }
}

proptest! {
    #[test]
    fn round_trip(afi: u16, safi: u8, subtype: u8) {
        let refresh = RouteRefresh {
            afi: Afi(afi),
            safi: Safi(safi),
            subtype: Subtype::from_wire(subtype),
        };
        let message = refresh.encode();
        let frame = split(&message, false).unwrap().unwrap();
        prop_assert_eq!(frame.kind, MessageType::RouteRefresh);
        prop_assert_eq!(RouteRefresh::decode(frame.body), Ok(refresh));
    }

    #[test]
    fn random_bodies_never_panic(body in vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(RouteRefresh::decode(&body).is_ok(), body.len() == BODY_LEN);
    }
}
