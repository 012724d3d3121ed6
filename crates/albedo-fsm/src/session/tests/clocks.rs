//! Timers: when they pass, what moves them, and what they never do.

use core::time::Duration;

use super::*;
use crate::config::SendHold;

const SECOND: Duration = Duration::from_secs(1);
const OUT: ConnId = ConnId::Outgoing;

fn with_hold(secs: u16) -> SessionConfig {
    SessionConfig { hold_time: HoldTime::from_secs(secs).unwrap(), ..config() }
}

fn established(config: SessionConfig) -> Rig {
    let mut rig = Rig::started(config);
    let said = rig.establish(&open_of(PEER_ID, LOCAL_AS, Graceful::No));
    assert_eq!(said, "up out");
    rig
}

/// Lets keepalives pass until another timer is next.
fn next_but_keepalive(rig: &mut Rig) -> (Instant, TimerName) {
    loop {
        let (at, name) = rig.session.poll_timeout().unwrap();
        if name != TimerName::Keepalive {
            return (at, name);
        }
        rig.next_timeout();
    }
}

#[test]
fn f14_the_hold_timer_counts_from_the_last_message_of_any_kind() {
    let refresh = refresh_request();
    for message in [&update()[..], &KEEPALIVE[..], &refresh[..]] {
        let mut rig = established(with_hold(9));
        for _ in 0..5 {
            let (at, name) = next_but_keepalive(&mut rig);
            assert_eq!((at, name), (rig.now.max(at), TimerName::Hold));
            // Just before it would pass.
            rig.now = Instant::from_nanos(at.as_nanos() - 1);
            rig.session.handle_timeout(rig.now);
            rig.receive(OUT, message);
            let (moved, _) = next_but_keepalive(&mut rig);
            assert_eq!(moved, Instant::from_nanos(at.as_nanos() - 1) + 9 * SECOND);
        }
    }
}

#[test]
fn becoming_established_restarts_the_hold_timer() {
    let mut rig = Rig::started(with_hold(9));
    rig.input(Event::Connected(OUT));
    rig.receive(OUT, &open_of(PEER_ID, LOCAL_AS, Graceful::No).encode());
    let (at, name) = next_but_keepalive(&mut rig);
    assert_eq!((at, name), (Instant::ZERO + 9 * SECOND, TimerName::Hold));
    rig.now = Instant::ZERO + 8 * SECOND;
    rig.receive(OUT, &KEEPALIVE);
    let (at, name) = next_but_keepalive(&mut rig);
    assert_eq!((at, name), (Instant::ZERO + 17 * SECOND, TimerName::Hold));
}

#[test]
fn f20_data_in_the_socket_spare_a_session_whose_driver_was_late() {
    let mut rig = established(with_hold(9));
    // The driver was away for a minute: several timers are over due.
    let late = Instant::ZERO + 60 * SECOND;
    rig.now = late;
    let mut asked = false;
    for _ in 0..4 {
        let Some((at, name)) = rig.session.poll_timeout().filter(|(at, _)| *at <= late) else {
            break;
        };
        assert!(at <= late);
        if name == TimerName::Hold {
            asked = true;
            rig.input(Event::DataWaiting(OUT));
        }
        rig.session.handle_timeout(late);
        assert!(["", "out<KEEPALIVE"].contains(&rig.said().as_str()));
    }
    assert!(asked, "the hold timer was named before it passed");
    assert_eq!(rig.session.state(), StateName::Established);
    let (at, name) = next_but_keepalive(&mut rig);
    assert_eq!((at, name), (late + 9 * SECOND, TimerName::Hold));
}

#[test]
fn a_timer_that_is_not_due_does_nothing() {
    let mut rig = established(config());
    let (at, _) = rig.session.poll_timeout().unwrap();
    rig.session.handle_timeout(Instant::from_nanos(at.as_nanos() - 1));
    assert_eq!(rig.said(), "");
    assert_eq!(rig.session.poll_timeout().unwrap().0, at);
    let mut stopped = Rig::new(config());
    stopped.session.handle_timeout(Instant::NEVER);
    assert_eq!(stopped.said(), "");
}

#[test]
fn keepalives_go_out_within_a_third_of_the_hold_time_jittered() {
    let mut rig = established(with_hold(30));
    let mut gaps = std::collections::BTreeSet::new();
    for _ in 0..50 {
        rig.receive(OUT, &KEEPALIVE);
        let before = rig.now;
        assert_eq!(rig.next_timeout(), (TimerName::Keepalive, "out<KEEPALIVE".into()));
        let gap = rig.now - before;
        assert!(gap <= 10 * SECOND && gap >= 10 * SECOND * 3 / 4, "{gap:?}");
        gaps.insert(gap);
    }
    assert!(gaps.len() > 40, "jitter differs each time");
}

#[test]
fn a_late_driver_sends_one_keepalive_not_all_it_missed() {
    let mut rig = established(with_hold(90));
    rig.now = Instant::ZERO + 80 * SECOND;
    rig.session.handle_timeout(rig.now);
    assert_eq!(rig.said(), "out<KEEPALIVE");
    assert!(rig.session.poll_timeout().unwrap().0 > rig.now);
}

#[test]
fn the_keepalive_setting_only_shortens() {
    for (setting, longest) in [(Some(5), 5), (Some(50), 30), (None, 30), (Some(0), 1)] {
        let keepalive = setting.map(Duration::from_secs);
        let mut rig = established(SessionConfig { keepalive, ..with_hold(90) });
        let (at, name) = rig.session.poll_timeout().unwrap();
        assert_eq!(name, TimerName::Keepalive);
        let whole = Duration::from_secs(longest);
        let gap = at - rig.now;
        assert!(gap <= whole && gap >= whole * 3 / 4, "{setting:?}: {gap:?}");
        rig.said();
    }
}

#[test]
fn without_a_hold_time_nothing_is_timed() {
    let mut rig = Rig::started(with_hold(0));
    rig.input(Event::Connected(OUT));
    rig.receive(OUT, &open_of(PEER_ID, LOCAL_AS, Graceful::No).encode());
    assert_eq!(rig.session.poll_timeout(), None);
    rig.receive(OUT, &KEEPALIVE);
    assert_eq!(rig.session.state(), StateName::Established);
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn s9_the_send_hold_timer_counts_from_the_last_write() {
    let send_hold = SendHold::After(20 * SECOND);
    let mut rig = established(SessionConfig { send_hold, ..with_hold(9) });
    // Three times the socket takes something just in time, then never again.
    for round in 0..4 {
        let end = rig.now + 20 * SECOND;
        while let Some((at, name)) = rig.session.poll_timeout().filter(|(at, _)| *at < end) {
            rig.now = at;
            assert_ne!(name, TimerName::SendHold);
            // The peer is alive, it only does not read.
            rig.receive(OUT, &KEEPALIVE);
            rig.session.handle_timeout(at);
            rig.said();
        }
        assert_eq!(rig.session.poll_timeout(), Some((end, TimerName::SendHold)));
        rig.now = Instant::from_nanos(end.as_nanos() - 1);
        if round < 3 {
            rig.input(Event::Written(OUT));
        }
    }
    let (name, said) = rig.next_timeout();
    assert_eq!((name, said.as_str()), (TimerName::SendHold, "out<8/0, linger out, down sendhold"));
}

#[test]
fn s9_the_send_hold_time_follows_rfc_9687() {
    let hold = |secs| HoldTime::from_secs(secs).unwrap();
    let minutes = |n: u64| Some(Duration::from_secs(n * 60));
    assert_eq!(SendHold::Standard.period(hold(90)), minutes(8));
    assert_eq!(SendHold::Standard.period(hold(240)), minutes(8));
    assert_eq!(SendHold::Standard.period(hold(600)), minutes(20));
    assert_eq!(SendHold::Standard.period(HoldTime::OFF), None);
    assert_eq!(SendHold::After(60 * SECOND).period(hold(30)), minutes(1));
    // Never before the hold time: the peer may be about to give up itself.
    assert_eq!(SendHold::After(SECOND).period(hold(60)), minutes(1));
    assert_eq!(SendHold::After(SECOND).period(HoldTime::OFF), None);
    assert_eq!(SendHold::Off.period(hold(90)), None);
}

#[test]
fn s9_the_send_hold_timer_can_be_off() {
    let mut rig = established(SessionConfig { send_hold: SendHold::Off, ..with_hold(9) });
    for _ in 0..500 {
        let (at, name) = rig.session.poll_timeout().unwrap();
        assert!(matches!(name, TimerName::Hold | TimerName::Keepalive));
        rig.now = at;
        rig.receive(OUT, &KEEPALIVE);
        rig.session.handle_timeout(at);
        rig.said();
    }
    assert_eq!(rig.session.state(), StateName::Established);
}

#[test]
fn an_open_is_waited_for_as_long_as_was_said() {
    let open_wait = 240 * SECOND;
    let mut rig = Rig::started(SessionConfig { open_wait, ..config() });
    rig.input(Event::Connected(OUT));
    let expected = (rig.now + open_wait, TimerName::OpenWait);
    assert_eq!(rig.session.poll_timeout(), Some(expected));
    // Bytes that lie in the socket may be the OPEN.
    rig.now = expected.0;
    rig.input(Event::DataWaiting(OUT));
    rig.session.handle_timeout(rig.now);
    assert_eq!(rig.said(), "");
    let (name, said) = rig.next_timeout();
    assert_eq!(name, TimerName::OpenWait);
    assert_eq!(said, "out<4/0, linger out, failed openwait");
}

#[test]
fn retries_are_jittered_and_do_not_stop() {
    let mut rig = Rig::started(config());
    let mut gaps = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let before = rig.now;
        rig.input(Event::ConnectFailed);
        assert_eq!(rig.next_timeout(), (TimerName::ConnectRetry, "connect".into()));
        let gap = rig.now - before;
        assert!(gap <= 10 * SECOND && gap >= 10 * SECOND * 3 / 4, "{gap:?}");
        gaps.insert(gap);
    }
    assert!(gaps.len() > 40);
}

#[test]
fn a_peer_that_breaks_its_session_again_and_again_is_kept_away_longer() {
    let idle_hold = (10 * SECOND, 60 * SECOND);
    let config = SessionConfig {
        passive: true,
        idle_hold_min: idle_hold.0,
        idle_hold_max: idle_hold.1,
        ..config()
    };
    let mut rig = Rig::started(config);
    for secs in [10, 20, 40, 60, 60] {
        rig.input(Event::Accepted);
        rig.input(Event::DecodeFailed(ConnId::Incoming, Notification::bad_length(7)));
        let before = rig.now;
        assert_eq!(rig.input(Event::Accepted), "reject");
        assert_eq!(rig.next_timeout().0, TimerName::IdleHold);
        let held = rig.now - before;
        let whole = Duration::from_secs(secs);
        assert!(held <= whole && held >= whole * 3 / 4, "{secs}: {held:?}");
    }
    assert_eq!(rig.session.failures(), 5);
    // The operator may lift it.
    rig.input(Event::Accepted);
    rig.input(Event::DecodeFailed(ConnId::Incoming, Notification::bad_length(7)));
    assert_eq!(rig.input(Event::Start), "");
    assert_eq!((rig.session.state(), rig.session.failures()), (StateName::Active, 0));
}

#[test]
fn a_version_error_pauses_without_being_counted() {
    let mut rig = Rig::started(config());
    rig.input(Event::Connected(OUT));
    rig.receive(OUT, &Notification::unsupported_version().encode());
    assert_eq!((rig.session.state(), rig.session.failures()), (StateName::Idle, 0));
    assert_eq!(rig.next_timeout(), (TimerName::IdleHold, "connect".into()));
}

#[test]
fn equal_seeds_give_equal_jitter() {
    let run = |seed| {
        let mut session = Session::new(config(), seed);
        session.handle(Instant::ZERO, Event::Start);
        session.poll_timeout()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn k8_silence_can_be_told_to_peers_that_keep_routes() {
    let told = "out<4/0, linger out, down hold";
    for (graceful, silent, words) in [
        (Graceful::LongLived, true, "close out, down hold"),
        (Graceful::LongLived, false, told),
        (Graceful::Yes, true, "close out, down hold"),
        (Graceful::Yes, false, told),
        // These keep nothing anyway.
        (Graceful::Aware, true, told),
        (Graceful::No, true, told),
    ] {
        let mut rig = Rig::started(SessionConfig { silent_hold_expiry: silent, ..with_hold(9) });
        rig.establish(&open_of(PEER_ID, LOCAL_AS, graceful));
        next_but_keepalive(&mut rig);
        assert_eq!(rig.next_timeout(), (TimerName::Hold, words.into()), "{graceful:?}");
    }
}
