//! The pace, and who has left.

use super::*;

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn state(clients: u8, over: u32) -> State {
    let addresses: Vec<IpAddr> = (0..clients).map(|n| [10, 0, 0, n].into()).collect();
    let client = |address: &IpAddr| DrainedClient {
        address: address.to_string(),
        ..DrainedClient::default()
    };
    State {
        status: DrainStatus {
            phase: DrainPhase::Draining,
            over_seconds: over,
            clients: addresses.iter().map(client).collect(),
            ..DrainStatus::default()
        },
        addresses,
        begun: at(100),
        limit: Duration::from_secs(60),
        ..State::default()
    }
}

#[test]
fn portions_grow_evenly_and_end_with_everybody() {
    let state = state(100, 20);
    assert_eq!(state.share(at(100)), 1);
    assert_eq!(state.share(at(105)), 26);
    assert_eq!(state.share(at(119)), 96);
    assert_eq!(state.share(at(120)), 100);
    assert_eq!(state.share(at(1000)), 100);
}

#[test]
fn none_and_all_at_once_are_shares_as_well() {
    assert_eq!(state(0, 20).share(at(100)), 0);
    assert_eq!(state(7, 0).share(at(100)), 7);
}

#[test]
fn who_has_left_is_told_with_when() {
    let mut state = state(3, 20);
    let here: HashSet<IpAddr> = state.addresses[1..].iter().copied().collect();
    assert!(!state.look(&here, at(105)));
    assert_eq!(state.status.clients[0].left_after_seconds, Some(5.0));
    assert_eq!(state.status.left_over(), 2);
    // One of those that has left and comes again has left all the same.
    let all: HashSet<IpAddr> = state.addresses.iter().copied().collect();
    assert!(!state.look(&all, at(110)));
    assert_eq!(state.status.left_over(), 2);
    assert!(state.look(&all, at(160)));
    assert_eq!(state.status.phase, DrainPhase::Expired);
}

#[test]
fn it_is_over_when_nobody_is_left() {
    let mut state = state(2, 20);
    assert!(state.look(&HashSet::new(), at(101)));
    assert_eq!(state.status.phase, DrainPhase::Drained);
}
