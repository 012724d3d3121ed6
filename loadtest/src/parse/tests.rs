use super::{Fault, Open, Update, split};
use crate::build::{HEADER_LEN, KEEPALIVE};
use crate::prefix::Family;

#[test]
fn split_waits_for_the_whole_message_and_refuses_bad_headers() {
    for end in 0..HEADER_LEN {
        assert_eq!(split(&KEEPALIVE[..end], 4096), Ok(None));
    }
    assert_eq!(split(&KEEPALIVE, 4096), Ok(Some(&KEEPALIVE[..])));
    let mut bad = KEEPALIVE;
    bad[3] = 0;
    assert_eq!(split(&bad, 4096), Err(Fault::Marker));
    bad = KEEPALIVE;
    bad[17] = 18;
    assert_eq!(split(&bad, 4096), Err(Fault::Length { len: 18, max: 4096 }));
    bad = KEEPALIVE;
    bad[16] = 0x10;
    bad[17] = 1;
    assert_eq!(split(&bad, 4096), Err(Fault::Length { len: 4097, max: 4096 }));
    bad = KEEPALIVE;
    bad[18] = 6;
    assert_eq!(split(&bad, 4096), Err(Fault::Type(6)));
}

/// An OPEN of BIRD 1.6.8 as a Calico node sends it: eight capabilities.
#[test]
fn an_open_of_bird_is_read() {
    let body = [
        4, 0xfc, 0, 0, 240, 10, 0, 0, 5, 0x22, 2, 0x20, 1, 4, 0, 1, 0, 1, 2, 0, 0x40, 6, 0, 0x78,
        0, 1, 1, 0, 0x41, 4, 0, 0, 0xfc, 0, 0x45, 4, 0, 1, 1, 3, 0x46, 0, 0x47, 0,
    ];
    let open = Open::read(&body).expect("well-formed");
    assert_eq!((open.asn, open.hold_time, open.router_id), (64512, 240, 0x0a00_0005));
    assert_eq!(open.families, [Family::V4]);
    assert_eq!(Open::read(&body[..20]), Err(Fault::Truncated));
    let mut old = body;
    old[0] = 3;
    assert_eq!(Open::read(&old), Err(Fault::Version(3)));
}

#[test]
fn an_open_with_extended_parameters_is_read() {
    let body = [4, 0, 1, 0, 90, 1, 1, 1, 1, 255, 255, 0, 9, 2, 0, 6, 65, 4, 0, 1, 0, 0];
    assert_eq!(Open::read(&body).expect("well-formed").asn, 65536);
}

#[test]
fn updates_with_faults_are_named() {
    let read = |attributes: &[u8], nlri: &[u8]| {
        let mut body = vec![0, 0, 0, u8::try_from(attributes.len()).expect("short")];
        body.extend_from_slice(attributes);
        body.extend_from_slice(nlri);
        Update::read(&body).map(|_| ()).err()
    };
    let origin = [0x40, 1, 1, 0];
    let path = [0x40, 2, 0];
    let hop = [0x40, 3, 4, 1, 2, 3, 4];
    let nlri = [8, 10];
    assert_eq!(read(&[&origin[..], &path, &hop].concat(), &nlri), None);
    assert_eq!(read(&[&origin[..], &hop].concat(), &nlri), Some(Fault::Missing(2)));
    assert_eq!(read(&[&origin[..], &path].concat(), &nlri), Some(Fault::Missing(3)));
    assert_eq!(read(&[&origin[..], &path].concat(), &[]), None);
    assert_eq!(read(&[&origin[..], &origin].concat(), &nlri), Some(Fault::Duplicate(1)));
    assert_eq!(
        read(&[0x40, 1, 9, 0], &nlri),
        Some(Fault::AttributeLength { code: 1, len: 9, left: 1 })
    );
    assert_eq!(
        read(&[0x80, 14, 5, 0, 25, 70, 0, 0], &[]),
        Some(Fault::Family { afi: 25, safi: 70 })
    );
    assert_eq!(read(&[0x80, 14, 6, 0, 2, 1, 1, 0, 0], &[]), Some(Fault::Attribute(14)));
    assert_eq!(Update::read(&[0, 5, 0]), Err(Fault::Truncated));
    let body = [0, 2, 33, 0, 0, 0];
    let update = Update::read(&body).expect("the walk is fine");
    assert_eq!(update.withdrawn().collect::<Vec<_>>(), [Err(Fault::Nlri)]);
}
