use std::time::Duration;

use super::*;

fn segment(version: u64) -> Segment {
    let mut builder = albedo_rib::segment::SegmentBuilder::default();
    builder.out.extend([0xff; 19]);
    builder.finish(version, Instant::ZERO, false)
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn log() -> SharedLog {
    let log = SharedLog::new(Family::Ipv4Unicast, Arc::new(Stats::new(1)));
    log.open(0);
    log
}

#[test]
fn a_change_was_sent_between_its_being_there_and_the_last_ones_having_it() {
    let log = log();
    assert!(log.activate(Cursor::Tail { seq: 0 }));
    let (first, _) = log.append(segment(3), at(10));
    let (second, _) = log.append(segment(5), at(20));
    log.pass(&first, at(12));
    let sent = |version, up_to_date| log.sent(version, None, up_to_date, at(99));
    let window = |from, to| Some(Sent { not_before: at(from), not_after: at(to) });
    // Three changes were in the first segment.
    for version in 1..=3 {
        assert_eq!(sent(version, Some(at(1))), window(10, 12), "{version}");
    }
    // Not everybody has the second one.
    assert_eq!(sent(4, Some(at(1))), window(20, 99));
    log.pass(&second, at(23));
    assert_eq!(sent(5, Some(at(1))), window(20, 23));
    // A peer that came to the end later had it then, and one that lags may have it by now.
    assert_eq!(sent(5, Some(at(50))), window(20, 50));
    assert_eq!(sent(5, None), window(20, 99));
    // What is behind the log is not known, nor what was in no segment.
    assert_eq!((sent(6, Some(at(1))), sent(0, Some(at(1)))), (None, None));
    // How long it took is counted.
    assert_eq!(log.stats.send_nanos.load(Ordering::Relaxed), 5_000_000_000);
}

#[test]
fn what_a_new_base_took_out_is_not_remembered() {
    let log = log();
    log.append(segment(3), at(10));
    log.append(segment(5), at(20));
    log.rebase(vec![segment(3)], 3, 1, 0);
    assert_eq!(log.sent(4, None, None, at(99)).map(|sent| sent.not_before), Some(at(20)));
    let sent = |decided, up_to_date| log.sent(3, decided, up_to_date, at(99));
    assert_eq!(sent(None, Some(at(1))), None);
    // It may have been in the log then, and who was there had it from there.
    assert_eq!(sent(Some(at(9)), Some(at(1))), None);
    // Who came later had it with everything else.
    let window = Sent { not_before: at(9), not_after: at(11) };
    assert_eq!(sent(Some(at(9)), Some(at(11))), Some(window));
}
