use proptest::prelude::*;

use super::*;

/// What Debian 12's `gobgp` sends to a socket, as it was recorded: the name is its path.
const RECORDED: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
\x00\x00\x00\x04\x00\x00\x00\x00\x00\
\x00\x00\x00\x04\x01\x00\x00\x00\x00\
\x00\x00G\x01\x04\x00\x00\x00\x01\
\x83\x86E\x91`u\x9a\xb8\xd7\xc4x\xe6\xae\x1a\xcc\xc6\"\xa6\xec\xd5\xff\
A\x8ba4\xd6\xc7\x84\xb1\xe5t\x1c\x9d\x7f\
_\x8b\x1du\xd0b\r&=LMedz\x8b\x9a\xca\xc8\xb4\xc7`+\xb2\xca\xec\xff@\x02te\x86M\x835\x05\xb1\x1f\
\x00\x00\x05\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00";

fn fed(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut renamer, mut out) = (Renamer::new(), Vec::new());
    for piece in pieces {
        renamer.feed(piece, &mut out);
    }
    out
}

fn expected() -> Vec<u8> {
    let name: &[u8] = b"A\x8ba4\xd6\xc7\x84\xb1\xe5t\x1c\x9d\x7f";
    let at = RECORDED.windows(name.len()).position(|it| it == name).expect("it is there");
    let mut out = RECORDED[..at].to_vec();
    out.extend(b"A\x09localhost");
    out.extend(&RECORDED[at + name.len()..]);
    // The block has two octets less.
    let head = PREFACE + 2 * HEAD;
    assert_eq!(out[head + 2], b'G');
    out[head + 2] -= 2;
    out
}

#[test]
fn the_recorded_name_is_replaced_and_nothing_else() {
    assert_eq!(fed(&[RECORDED]), expected());
}

#[test]
fn fields_of_every_kind_are_stepped_over() {
    // A new size, an indexed field, a literal with its own name that is never indexed, one with an
    // indexed name of two octets, and then the one that is looked for, not indexed.
    let block = b"\x3f\xe1\x1f\x82\x10\x01x\x01y\x0f\x2f\x01z\x01\x04/a/b\x83";
    let value = authority(block).expect("it is there");
    assert_eq!(&block[value], b"\x04/a/b");
    assert_eq!(authority(b"\x83\x86"), None);
    for cut in 1..block.len() - 6 {
        // Whoever reads it next says what is wrong.
        assert_eq!(authority(&block[..cut]), None, "{cut}");
    }
    assert_eq!(authority(b"\x7f\xff\xff\xff\xff\xff"), None);
}

#[test]
fn padding_and_priority_stay_where_they_are() {
    let mut frame = b"\x00\x00\x00\x01\x2c\x00\x00\x00\x01\x03\x00\x00\x00\x00\x0f".to_vec();
    frame.extend(b"\x41\x02/a\x83PAD");
    frame[2] = u8::try_from(frame.len() - HEAD).expect("small");
    let renamed = renamed(&frame).expect("it has a name");
    assert_eq!(&renamed[HEAD..HEAD + 6], b"\x03\x00\x00\x00\x00\x0f");
    assert_eq!(&renamed[HEAD + 6..], b"\x41\x09localhost\x83PAD");
    assert_eq!(usize::from(renamed[2]), renamed.len() - HEAD);
}

proptest! {
    #[test]
    fn pieces_make_no_difference(cuts in prop::collection::vec(0..RECORDED.len(), 0..20)) {
        let mut cuts = cuts;
        cuts.extend([0, RECORDED.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|it| &RECORDED[it[0]..it[1]]).collect();
        prop_assert_eq!(fed(&pieces), expected());
    }

    #[test]
    fn anything_comes_through(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        // Whatever it is, no octet is asked for that is not there, and what is passed on is no
        // more than what came and the name.
        let out = fed(&[&octets]);
        prop_assert!(out.len() <= octets.len() + octets.len().div_ceil(HEAD) * LOCALHOST.len());
    }
}
