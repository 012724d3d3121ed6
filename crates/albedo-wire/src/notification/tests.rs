use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::frame::split;

#[test]
fn each_constructor_has_its_code_and_data() {
    let inner = Notification::hold_timer_expired();
    let rows: [(Notification, u8, u8, &[u8]); 24] = [
        (Notification::not_synchronised(), 1, 1, &[]),
        (Notification::bad_length(5000), 1, 2, &[0x13, 0x88]),
        (Notification::bad_type(6), 1, 3, &[6]),
        (Notification::malformed_open(), 2, 0, &[]),
        (Notification::unsupported_version(), 2, 1, &[0, 4]),
        (Notification::bad_peer_as(), 2, 2, &[]),
        (Notification::bad_identifier(), 2, 3, &[]),
        (Notification::unsupported_parameter(), 2, 4, &[]),
        (Notification::unacceptable_hold_time(), 2, 6, &[]),
        (Notification::unsupported_capability(&[65, 0]), 2, 7, &[65, 0]),
        (Notification::role_mismatch(), 2, 11, &[]),
        (Notification::malformed_attributes(), 3, 1, &[]),
        (Notification::unrecognised_well_known(&[0x40, 99, 0]), 3, 2, &[0x40, 99, 0]),
        (Notification::optional_attribute(&[0x80, 14, 0]), 3, 9, &[0x80, 14, 0]),
        (Notification::invalid_network(), 3, 10, &[]),
        (inner.clone(), 4, 0, &[]),
        (
            Notification::unexpected_message(UnexpectedIn::OpenConfirm, MessageType::Update),
            5,
            2,
            &[2],
        ),
        (Notification::max_prefixes(Family::Ipv6Unicast, 300), 6, 1, &[0, 2, 1, 0, 0, 1, 44]),
        (Notification::cease(codes::cease::COLLISION), 6, 7, &[]),
        (Notification::cease_with_text(2, "bye"), 6, 2, b"\x03bye"),
        (Notification::cease_with_text(3, "bye"), 6, 3, &[]),
        (Notification::hard_reset(&inner), 6, 9, &[4, 0]),
        (Notification::route_refresh_length(&[1, 2]), 7, 1, &[1, 2]),
        (Notification::send_hold_timer_expired(), 8, 0, &[]),
    ];
    for (notification, code, subcode, data) in rows {
        assert_eq!((notification.code, notification.subcode), (code, subcode));
        assert_eq!(notification.data, data, "{code}/{subcode}");
    }
}

#[test]
fn words_for_the_log() {
    let unexpected = Notification::unexpected_message(UnexpectedIn::OpenSent, MessageType::Update);
    let rows = [
        (
            Notification::cease_with_text(2, "down for \"work\"\n\u{1b}[2J\u{202e}"),
            "cease: administrative shutdown (6/2): \"down for \\\"work\\\"\\n\\u{1b}[2J\\u{202e}\"",
        ),
        (Notification::hold_timer_expired(), "hold timer expired (4/0)"),
        (unexpected, "finite state machine error: unexpected message in OpenSent (5/1): UPDATE"),
        (
            Notification::hard_reset(&Notification::cease(2)),
            "cease: hard reset (6/9) for cease: administrative shutdown (6/2)",
        ),
        (
            Notification::max_prefixes(Family::Ipv4Unicast, 7),
            "cease: maximum number of prefixes reached (6/1): 7 of AFI 1 SAFI 1",
        ),
        (Notification::bad_length(18), "message header error: bad message length (1/2): length 18"),
        (Notification::with_data(99, 3, &[0xde, 0xad]), "unknown error (99/3): data dead"),
    ];
    for (notification, words) in rows {
        assert_eq!(notification.to_string(), words);
    }
    let long = Notification::with_data(3, 1, &[0xab; 100]).to_string();
    assert!(long.ends_with("abab... (100 octets)"), "{long}");
}

#[test]
fn every_assigned_subcode_has_a_name() {
    for row in codes::CODES {
        assert_eq!(codes::row(row.code).map(|found| found.name), Some(row.name));
        for (subcode, name) in row.subcodes {
            assert_eq!(codes::subcode_name(row.code, *subcode), Some(*name));
        }
    }
    assert!(codes::row(0).is_none() && codes::row(9).is_none());
}

#[test]
fn a_text_is_cut_at_its_limit_between_characters() {
    let notification = Notification::cease_with_text(4, &"é".repeat(200));
    assert_eq!(notification.data.len(), 1 + 254);
    assert_eq!(notification.text(), Some("é".repeat(127)));
    let full = Notification::cease_with_text(4, &"x".repeat(300));
    assert_eq!(full.data.len(), 1 + TEXT_LEN_MAX);
    assert!(Notification::cease_with_text(4, "").data.is_empty());
}

#[test]
fn a_text_that_lies_about_its_length_is_no_text() {
    let liar = Notification::with_data(6, 2, &[200, b'x']);
    assert_eq!(liar.text(), None);
    assert!(liar.to_string().ends_with("data c878"));
    let bytes = Notification::with_data(6, 2, &[2, 0xff, 0xfe]);
    assert_eq!(bytes.text().as_deref(), Some("\u{fffd}\u{fffd}"));
}

#[test]
fn data_are_cut_at_the_limit_of_a_message() {
    let message = Notification::with_data(3, 9, &[7; 5000]).encode();
    assert_eq!(message.len(), MESSAGE_LEN_MAX);
    let frame = split(&message, false).unwrap().unwrap();
    assert_eq!(Notification::decode(frame.body).unwrap().data.len(), DATA_LEN_MAX);
}

#[test]
fn a_body_without_subcode_is_refused() {
    for len in 0..2 {
        let error = Notification::decode(&[6, 2][..len]).unwrap_err();
        assert_eq!(error.offset, len);
    }
}

proptest! {
    #[test]
    fn round_trip(code: u8, subcode: u8, data in proptest::collection::vec(any::<u8>(), 0..300)) {
        let notification = Notification { code, subcode, data };
        let message = notification.encode();
        let frame = split(&message, false).unwrap().unwrap();
        prop_assert_eq!(frame.kind, MessageType::Notification);
        prop_assert_eq!(Notification::decode(frame.body), Ok(notification));
    }

    #[test]
    fn words_are_one_printable_line(
        code in 0u8..10,
        subcode in 0u8..12,
        data in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let words = format!("{}", Notification { code, subcode, data });
        prop_assert!(!words.chars().any(char::is_control), "{:?}", words);
    }

    #[test]
    fn texts_come_back(text in "\\PC{0,80}") {
        let message = Notification::cease_with_text(2, &text).encode();
        let back = Notification::decode(&message[HEADER_LEN..]).unwrap().text();
        let expected: Option<String> = (!text.is_empty()).then_some(text);
        prop_assert_eq!(back, expected);
    }
}

#[test]
fn a_hard_reset_in_a_hard_reset_is_printed_once() {
    let mut data: Vec<u8> = Vec::new();
    for _ in 0..2000 {
        data.extend_from_slice(&[6, 9]);
    }
    let words = Notification { code: 6, subcode: 9, data }.to_string();
    assert_eq!(words, "cease: hard reset (6/9) for cease: hard reset (6/9)");
}
