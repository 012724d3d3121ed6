//! Instants and hold times.

use super::*;

#[test]
fn rfc4271_s6_2_hold_times_of_one_and_two_seconds_do_not_exist() {
    assert_eq!(HoldTime::from_secs(1), Err(InvalidHoldTime(1)));
    assert_eq!(HoldTime::from_secs(2), Err(InvalidHoldTime(2)));
    assert_eq!(HoldTime::from_secs(0), Ok(HoldTime::OFF));
    let three = HoldTime::from_secs(3).unwrap();
    assert_eq!(three.negotiate(HoldTime::DEFAULT), three);
    assert_eq!(HoldTime::DEFAULT.negotiate(HoldTime::OFF), HoldTime::OFF);
}

#[test]
fn instants_saturate() {
    assert_eq!(Instant::NEVER + Duration::from_secs(1), Instant::NEVER);
    assert_eq!(Instant::ZERO - Instant::NEVER, Duration::ZERO);
    assert_eq!(Instant::from_nanos(5) - Instant::from_nanos(2), Duration::from_nanos(3));
}
