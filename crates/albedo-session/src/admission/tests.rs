//! Every bound is reached once.

use std::net::SocketAddr;

use super::*;

fn source(text: &str) -> Source {
    Source { ip: text.parse().unwrap(), scope: 0 }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Our address on most connections.
fn here() -> IpAddr {
    ip("10.0.0.1")
}

fn range(prefix: &str, group: usize, limit: Option<u32>) -> Range {
    Range { prefix: prefix.parse().unwrap(), group, limit }
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn limits() -> Limits {
    Limits {
        sessions: 3,
        half_open_per_source: 2,
        accepts_per_second: 10,
        accept_burst: 4,
        retained: 2,
    }
}

fn admission() -> Admission {
    Admission::new(
        limits(),
        [((source("10.1.0.7"), None), 5), ((source("10.1.0.7"), Some(ip("10.0.0.2"))), 6)],
        vec![
            range("10.0.0.0/8", 0, None),
            range("10.1.0.0/16", 1, Some(2)),
            range("fd00::/8", 2, None),
        ],
    )
}

#[test]
fn s7_configured_peer_before_range_and_longest_range_first() {
    let admission = admission();
    let group = |text| match admission.owner(source(text), here()) {
        Ok(Owner::Range(range)) => range.group,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(admission.owner(source("10.1.0.7"), here()), Ok(Owner::Peer(5)));
    assert_eq!(admission.owner(source("10.1.0.7"), ip("10.0.0.2")), Ok(Owner::Peer(6)));
    assert_eq!(group("10.1.0.8"), 1);
    assert_eq!(group("10.2.0.8"), 0);
    assert_eq!(group("fd00::1"), 2);
    for stranger in ["11.0.0.1", "2001:db8::1"] {
        assert_eq!(admission.owner(source(stranger), here()), Err(Refusal::UnknownSource));
    }
}

#[test]
fn s8_link_local_peer_is_known_by_interface() {
    let of = |text: &str| Source::of(text.parse::<SocketAddr>().unwrap());
    assert_ne!(of("[fe80::1%2]:179"), of("[fe80::1%3]:179"));
    assert_eq!(of("[fd00::1]:179"), of("[fd00::1]:1790"));
    let admission = Admission::new(limits(), [((of("[fe80::1%2]:0"), None), 0)], vec![]);
    assert_eq!(admission.owner(of("[fe80::1%2]:40000"), here()), Ok(Owner::Peer(0)));
    assert_eq!(admission.owner(of("[fe80::1%3]:40000"), here()), Err(Refusal::UnknownSource));
}

#[test]
fn s7_seats_of_a_range_and_of_all() {
    let mut admission = admission();
    let wide = range("10.0.0.0/8", 0, None);
    let narrow = range("10.1.0.0/16", 1, Some(2));
    admission.take_seat(narrow).unwrap();
    admission.take_seat(narrow).unwrap();
    let full = Refusal::RangeFull { range: narrow.prefix, limit: 2 };
    assert_eq!(admission.take_seat(narrow), Err(full));
    assert_eq!(full.to_string(), "range 10.1.0.0/16 has 2 sessions, which is its limit");
    admission.take_seat(wide).unwrap();
    assert_eq!(admission.take_seat(wide), Err(Refusal::SessionsFull { limit: 3 }));
    admission.leave_seat(narrow.prefix);
    admission.take_seat(wide).unwrap();
    assert_eq!(admission.sessions(), 3);
    for prefix in [wide.prefix, wide.prefix, narrow.prefix] {
        admission.leave_seat(prefix);
    }
    // A seat given back twice must not free somebody else's.
    admission.leave_seat(narrow.prefix);
    assert_eq!(admission.sessions(), 0);
}

#[test]
fn s7_half_open_connections_of_one_source() {
    let mut admission = admission();
    let ip: IpAddr = "10.9.9.9".parse().unwrap();
    admission.enter_half_open(at(0), ip).unwrap();
    admission.enter_half_open(at(0), ip).unwrap();
    let refused = Err(Refusal::HalfOpen { limit: 2 });
    assert_eq!(admission.enter_half_open(at(0), ip), refused);
    // Others are not touched by it.
    admission.enter_half_open(at(0), "10.9.9.8".parse().unwrap()).unwrap();
    admission.leave_half_open(ip);
    admission.enter_half_open(at(0), ip).unwrap();
    assert_eq!(admission.enter_half_open(at(0), ip), refused);
}

#[test]
fn s7_rate_makes_wait_and_grows_back() {
    let mut admission = admission();
    let mut accepted = 0_u8;
    while admission.wait_until(at(1_000)).is_none() {
        admission.enter_half_open(at(1_000), IpAddr::from([10, 0, 0, accepted])).unwrap();
        accepted += 1;
    }
    assert_eq!(accepted, 4, "the burst");
    // Ten a second: the next token after a tenth of a second, and only one.
    assert_eq!(admission.wait_until(at(1_000)), Some(at(1_100)));
    assert_eq!(admission.wait_until(at(1_099)), Some(at(1_100)));
    assert_eq!(admission.wait_until(at(1_100)), None);
    admission.enter_half_open(at(1_100), IpAddr::from([10, 0, 0, 99])).unwrap();
    assert_eq!(admission.wait_until(at(1_100)), Some(at(1_200)));
    // A refused source takes no token from the others.
    let ip = IpAddr::from([10, 0, 0, 100]);
    admission.enter_half_open(at(5_000), ip).unwrap();
    admission.enter_half_open(at(5_000), ip).unwrap();
    for _ in 0..10 {
        admission.enter_half_open(at(5_000), ip).unwrap_err();
    }
    assert_eq!(admission.wait_until(at(5_000)), None);
}

#[test]
fn new_rules_keep_the_counts() {
    let mut admission = admission();
    let narrow = range("10.1.0.0/16", 1, Some(2));
    admission.take_seat(narrow).unwrap();
    let wider = Limits { sessions: 1, ..limits() };
    admission.replace_rules(wider, [], vec![range("10.1.0.0/16", 4, None)]);
    assert_eq!(
        admission.owner(source("10.1.0.7"), here()),
        Ok(Owner::Range(range("10.1.0.0/16", 4, None)))
    );
    assert_eq!(
        admission.take_seat(range("10.1.0.0/16", 4, None)),
        Err(Refusal::SessionsFull { limit: 1 })
    );
    assert_eq!(admission.owner(source("10.2.0.1"), here()), Err(Refusal::UnknownSource));
}

#[test]
fn a_source_that_breaks_the_protocol_waits_longer_each_time() {
    let mut admission = admission();
    let ip: IpAddr = "10.9.9.9".parse().unwrap();
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..8 {
        admission.punish(now, ip);
        match admission.enter_half_open(now, ip) {
            Err(Refusal::Penalty { until }) => {
                waits.push(until.since(now).as_secs());
                now = until;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    admission.enter_half_open(now, ip).unwrap();
    // After a long time without a fault it begins anew.
    now = now + PENALTY_MEMORY + Duration::from_secs(1);
    admission.punish(now, ip);
    let until = now + PENALTY_MIN;
    assert_eq!(admission.enter_half_open(now, ip), Err(Refusal::Penalty { until }));
}

#[test]
fn remembered_faults_are_bounded() {
    let mut admission = admission();
    let ip = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
    for n in 0..PENALTIES_MAX {
        admission.punish(at(0), ip(n));
    }
    admission.punish(at(1), ip(PENALTIES_MAX));
    assert_eq!(admission.enter_half_open(at(1), ip(PENALTIES_MAX)), Ok(()));
    // Once the old ones are forgotten there is room again.
    let later = at(0) + PENALTY_MEMORY + PENALTY_MAX;
    admission.punish(later, ip(PENALTIES_MAX));
    let until = later + PENALTY_MIN;
    assert_eq!(
        admission.enter_half_open(later, ip(PENALTIES_MAX)),
        Err(Refusal::Penalty { until })
    );
    assert_eq!(admission.penalties.len(), 1);
}

#[test]
fn x1_sources_that_are_kept_away_are_bounded_and_come_back() {
    let mut admission = admission();
    let ip = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
    for n in 0..BARRED_MAX {
        admission.bar(ip(n), Some(at(1_000)));
    }
    admission.bar(ip(BARRED_MAX), None);
    assert_eq!(admission.enter_half_open(at(0), ip(BARRED_MAX)), Ok(()), "no room to remember it");
    // One that is known can be kept away for longer.
    admission.bar(ip(0), None);
    assert_eq!(admission.enter_half_open(at(5_000), ip(0)), Err(Refusal::Barred));
    assert_eq!(admission.enter_half_open(at(999), ip(1)), Err(Refusal::Barred));
    assert_eq!(admission.enter_half_open(at(1_000), ip(1)), Ok(()));
    admission.unbar(Some(ip(0)));
    assert_eq!(admission.enter_half_open(at(5_000), ip(0)), Ok(()));
    admission.unbar(None);
    assert_eq!(admission.enter_half_open(at(0), ip(2)), Ok(()));
}
