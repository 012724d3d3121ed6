use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::error::Treatment;

fn message(len: u16, kind: u8) -> Vec<u8> {
    let mut out = std::vec![0xff; MARKER_LEN];
    out.extend_from_slice(&len.to_be_bytes());
    out.push(kind);
    out.resize(usize::from(len).max(HEADER_LEN), 0);
    out
}

#[test]
fn keepalive_is_a_keepalive() {
    let frame = split(&KEEPALIVE, false).unwrap().unwrap();
    assert_eq!(frame.kind, MessageType::Keepalive);
    assert_eq!((frame.body, frame.len), (&[][..], 19));
}

#[test]
fn incomplete_is_none_at_every_octet() {
    let bytes = message(60, 2);
    for end in 0..60 {
        assert_eq!(split(&bytes[..end], false), Ok(None), "{end} octets");
    }
    assert_eq!(split(&bytes, false).unwrap().unwrap().len, 60);
}

#[test]
fn second_message_is_left_alone() {
    let mut bytes = message(23, 2);
    bytes.extend_from_slice(&KEEPALIVE);
    let frame = split(&bytes, false).unwrap().unwrap();
    assert_eq!((frame.kind, frame.len), (MessageType::Update, 23));
    let frame = split(&bytes[frame.len..], false).unwrap().unwrap();
    assert_eq!(frame.kind, MessageType::Keepalive);
}

#[test]
fn marker_faults_are_found_at_each_octet() {
    for at in 0..MARKER_LEN {
        let mut bytes = KEEPALIVE;
        bytes[at] = 0xfe;
        let error = split(&bytes, false).unwrap_err();
        assert_eq!(error.offset, at);
        assert_eq!(error.treatment(), Treatment::Reset);
        let notification = error.notification();
        assert_eq!((notification.code, notification.subcode), (1, 1));
        assert!(notification.data.is_empty());
    }
}

/// Type, shortest, longest, longest where we offered RFC 8654 (bgp.md T2, T3).
const LENGTHS: [(u8, u16, u16, u16); 5] = [
    (1, 29, 4096, 4096),
    (2, 23, 4096, 65535),
    (3, 21, 4096, 65535),
    (4, 19, 19, 19),
    (5, 23, 4096, 65535),
];

#[test]
fn lengths_are_held_to_each_types_limits() {
    for (kind, min, max, max_extended) in LENGTHS {
        for (extended, max) in [(false, max), (true, max_extended)] {
            for len in [min, max] {
                let bytes = message(len, kind);
                let frame = split(&bytes, extended).unwrap().unwrap();
                assert_eq!((frame.kind.code(), frame.len), (kind, usize::from(len)));
            }
            let too_long = max.checked_add(1);
            for len in [Some(0), Some(18), Some(min - 1), too_long].into_iter().flatten() {
                // The header alone is enough to see it.
                let error = split(&message(len, kind)[..HEADER_LEN], extended).unwrap_err();
                assert_eq!(error.offset, 16);
                let sent = error.notification();
                assert_eq!((sent.code, sent.subcode), (1, 2), "type {kind} length {len}");
                assert_eq!(sent.data, len.to_be_bytes());
            }
        }
    }
}

#[test]
fn unknown_types_are_named_unless_the_length_is_wrong_too() {
    for kind in [0, 6, 7, 128, 255] {
        let sent = split(&message(30, kind), false).unwrap_err().notification();
        assert_eq!((sent.code, sent.subcode, sent.data), (1, 3, std::vec![kind]));
        let sent = split(&message(5000, kind), false).unwrap_err().notification();
        assert_eq!((sent.code, sent.subcode), (1, 2));
        let sent = split(&message(5000, kind), true).unwrap_err().notification();
        assert_eq!((sent.code, sent.subcode), (1, 3));
    }
}

#[test]
fn errors_say_what_was_found_and_allowed() {
    let error = split(&message(20, 4), false).unwrap_err();
    let text = std::format!("{error}");
    assert_eq!(text, "length 20 of KEEPALIVE: expected 19 to 19 octets (at octet 16)");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        extended: bool,
    ) {
        if let Ok(Some(frame)) = split(&bytes, extended) {
            prop_assert_eq!(frame.body.len() + HEADER_LEN, frame.len);
        }
    }

    #[test]
    fn random_headers_never_panic(len: u16, kind: u8, extended: bool, have in 0usize..200) {
        let bytes = message(len, kind);
        let bytes = &bytes[..have.min(bytes.len())];
        if let Ok(Some(frame)) = split(bytes, extended) {
            prop_assert_eq!(frame.len, usize::from(len));
        }
    }
}
