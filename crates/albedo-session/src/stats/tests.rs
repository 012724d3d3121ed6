//! Each count lands where its label says.

use super::*;

#[test]
fn a_turn_is_added_to_peer_and_process_once() {
    let (peer, all) = (Traffic::default(), Traffic::default());
    let mut tally = Tally::default();
    tally.received(MessageType::Update);
    tally.received(MessageType::Update);
    tally.sent(MessageType::Keepalive, 3);
    tally.bytes_received(100);
    tally.bytes_sent(57);
    tally.treatment(Treatment::TreatAsWithdraw);
    tally.dropped(1, 3);
    tally.settle(&peer, &all);
    tally.settle(&peer, &all);
    for traffic in [&peer, &all] {
        let read = SessionStats::read;
        assert_eq!(traffic.received.each_ref().map(read), [0, 2, 0, 0, 0]);
        assert_eq!(traffic.sent.each_ref().map(read), [0, 0, 0, 3, 0]);
        assert_eq!(read(&traffic.bytes_received), 100);
        assert_eq!(read(&traffic.bytes_sent), 57);
        assert_eq!(traffic.treatments.each_ref().map(read), [0, 1, 0, 0]);
        assert_eq!(traffic.drops.each_ref().map(read), [0, 3, 0, 0, 0]);
    }
}

#[test]
fn every_refusal_has_a_counter() {
    let stats = SessionStats::default();
    let range = "10.0.0.0/8".parse().unwrap();
    let refusals = [
        Refusal::UnknownSource,
        Refusal::SessionsFull { limit: 1 },
        Refusal::RangeFull { range, limit: 1 },
        Refusal::HalfOpen { limit: 1 },
        Refusal::Penalty { until: albedo_types::Instant::ZERO },
        Refusal::Barred,
        Refusal::TooFar,
        Refusal::Busy,
        Refusal::Stopping,
    ];
    for refusal in refusals {
        stats.refuse(&refusal);
    }
    assert_eq!(stats.refused.each_ref().map(SessionStats::read), [1; REFUSALS.len()]);
}

#[test]
fn states_are_a_gauge() {
    let stats = SessionStats::default();
    stats.moved(None, Some(0));
    stats.moved(Some(0), Some(5));
    stats.moved(Some(5), Some(5));
    assert_eq!(stats.states.each_ref().map(SessionStats::read), [0, 0, 0, 0, 0, 1]);
    stats.moved(Some(5), None);
    assert_eq!(stats.states.each_ref().map(SessionStats::read), [0; 6]);
}

#[test]
fn unknown_notification_codes_share_the_first_counter() {
    assert_eq!(notification_index(6), 6);
    assert_eq!(notification_index(8), 8);
    assert_eq!(notification_index(9), 0);
    assert_eq!(notification_index(255), 0);
}
