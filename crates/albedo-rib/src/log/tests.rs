use alloc::sync::Arc;

use albedo_types::{Instant, PeerId};

use super::*;
use crate::limits::LOG_GRACE_BYTES;
use crate::segment::SegmentBuilder;

fn segment(text: &str, version: u64) -> Arc<Segment> {
    let mut builder = SegmentBuilder::default();
    builder.out.extend_from_slice(text.as_bytes());
    Arc::new(builder.finish(version, Instant::ZERO, false))
}

fn read(log: &Log<Arc<Segment>>, cursor: &mut Cursor) -> Result<Vec<u8>, ()> {
    let mut got = Vec::new();
    loop {
        match log.at(*cursor) {
            At::Segment(segment, next) => {
                segment.view(PeerId(0), 0, |range| got.extend_from_slice(&segment.bytes()[range]));
                *cursor = next;
            }
            At::End => return Ok(got),
            At::Behind => return Err(()),
        }
    }
}

#[test]
fn replay_is_the_initial_table_and_a_cursor_goes_on_from_there() {
    let mut log = Log::default();
    let mut early = log.base().cursor;
    assert_eq!(read(&log, &mut early), Ok(vec![]));
    log.append(segment("a", 1));
    log.append(segment("b", 2));
    assert_eq!(read(&log, &mut early).unwrap(), b"ab");
    let mut late = log.base().cursor;
    log.append(segment("c", 3));
    assert_eq!(read(&log, &mut late).unwrap(), b"abc");
    assert_eq!(read(&log, &mut early).unwrap(), b"c");
}

#[test]
fn a_new_base_takes_the_place_of_what_it_shows() {
    let mut log = Log::default();
    let big = "x".repeat(LOG_GRACE_BYTES);
    let start = log.base().cursor;
    log.append(segment(&big, 1));
    let mut reader = log.base().cursor;
    assert!(read(&log, &mut reader).is_ok());
    log.append(segment("b", 2));
    let seq = log.end_seq();
    log.append(segment("c", 3));
    let gone = log.rebase(vec![segment("B", 2)], 2, seq, LOG_GRACE_BYTES);
    assert_eq!(gone.len(), 1, "the big one fell out, the one within the grace did not");
    // A joiner reads the base and what came since; one that had begun with the old base is behind.
    let mut joiner = log.base().cursor;
    assert_eq!(read(&log, &mut joiner).unwrap(), b"Bc");
    let mut begun = start;
    assert_eq!(read(&log, &mut begun), Err(()));
    // A reader within the grace goes on.
    assert_eq!(read(&log, &mut reader).unwrap(), b"bc");
    // One before it is behind.
    let mut behind = Cursor::Tail { seq: 0 };
    assert_eq!(read(&log, &mut behind), Err(()));
}

#[test]
fn the_cost_is_that_of_what_is_kept() {
    let mut log = Log::default();
    for n in 0..10 {
        log.append(segment("0123456789", n));
    }
    let before = log.cost();
    let seq = log.end_seq();
    log.rebase(vec![], 10, seq, LOG_GRACE_BYTES);
    assert_eq!(log.cost(), before, "all of it is within the grace");
    log.append(segment(&"x".repeat(LOG_GRACE_BYTES), 11));
    let seq = log.end_seq();
    log.rebase(vec![], 11, seq, LOG_GRACE_BYTES);
    assert_eq!(log.cost(), 0);
}
