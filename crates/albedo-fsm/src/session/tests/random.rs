//! Random inputs against a driver that keeps count of what a driver can see.

use core::time::Duration;
use std::vec;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Input {
    Start,
    Stop,
    Leave,
    Connected,
    ConnectFailed,
    Accepted,
    Closed(ConnId),
    /// The peer's OPEN, by identifier and what it offers.
    Open(ConnId, bool, Graceful),
    BadOpen(ConnId),
    Keepalive(ConnId),
    Update(ConnId),
    Refresh(ConnId),
    Notification(ConnId, u8, u8),
    DecodeFailed(ConnId),
    DataWaiting(ConnId),
    Written(ConnId),
    Sleep(u64),
    Timeout,
}

fn input() -> impl Strategy<Value = Input> {
    let id = || prop_oneof![Just(ConnId::Outgoing), Just(ConnId::Incoming)];
    let graceful = prop_oneof![Just(Graceful::No), Just(Graceful::Yes), Just(Graceful::LongLived)];
    prop_oneof![
        4 => Just(Input::Start),
        1 => Just(Input::Stop),
        1 => Just(Input::Leave),
        8 => Just(Input::Connected),
        2 => Just(Input::ConnectFailed),
        6 => Just(Input::Accepted),
        2 => id().prop_map(Input::Closed),
        12 => (id(), any::<bool>(), graceful).prop_map(|(id, high, g)| Input::Open(id, high, g)),
        1 => id().prop_map(Input::BadOpen),
        12 => id().prop_map(Input::Keepalive),
        2 => id().prop_map(Input::Update),
        2 => id().prop_map(Input::Refresh),
        1 => (id(), 0u8..10, 0u8..12).prop_map(|(id, a, b)| Input::Notification(id, a, b)),
        1 => id().prop_map(Input::DecodeFailed),
        2 => id().prop_map(Input::DataWaiting),
        2 => id().prop_map(Input::Written),
        3 => (0u64..200_000).prop_map(Input::Sleep),
        8 => Just(Input::Timeout),
    ]
}

/// What a driver has, and what it has seen.
#[derive(Debug)]
struct Driver {
    rig: Rig,
    dialing: bool,
    open: [bool; 2],
    /// The connection the session is up on.
    up: Option<ConnId>,
    started: bool,
}

impl Driver {
    fn new(config: SessionConfig, seed: u64) -> Self {
        Self {
            rig: Rig { session: Session::new(config, seed), now: Instant::ZERO },
            dialing: false,
            open: [false; 2],
            up: None,
            started: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        let accepted = event == Event::Accepted;
        self.rig.session.handle(self.rig.now, event);
        self.drain(accepted);
    }

    /// A message, if there is a connection it could come by.
    fn message(&mut self, id: ConnId, bytes: &[u8]) {
        if self.open[id.index()] {
            self.event(Event::Message(id, frame(bytes)));
        }
    }

    fn drain(&mut self, accepted: bool) {
        let mut answers = 0;
        let mut count = 0;
        while let Some(action) = self.rig.session.poll_action() {
            count += 1;
            match action {
                Action::Connect => {
                    assert!(self.rig.session.config().dials(), "connects to a passive peer");
                    assert!(!self.dialing && !self.open[0], "a second outgoing connection");
                    self.dialing = true;
                }
                Action::Send(id, message) => {
                    assert!(self.open[id.index()], "sends on {id}, which is closed");
                    describe_message(&message);
                }
                Action::Close(id, _) => {
                    let dialing = id == ConnId::Outgoing && core::mem::take(&mut self.dialing);
                    let open = core::mem::take(&mut self.open[id.index()]);
                    assert!(dialing != open, "closes {id}, which is not there");
                }
                Action::Adopt => {
                    assert!(accepted && !self.open[1], "adopts over an open connection");
                    self.open[1] = true;
                    answers += 1;
                }
                Action::Reject(_) => answers += 1,
                Action::Up(up) => {
                    assert_eq!(self.up.replace(up.conn), None, "up twice");
                    assert!(self.open[up.conn.index()]);
                    assert!(!self.open[up.conn.other().index()] && !self.dialing);
                }
                Action::Down(down) => {
                    assert_eq!(self.up.take(), Some(down.conn), "down without up");
                }
                Action::Failed(down) => assert_ne!(self.up, Some(down.conn)),
                Action::Refresh(_) => assert!(self.up.is_some()),
                Action::Warn(_) => {}
            }
        }
        assert_eq!(answers, usize::from(accepted), "one answer to each connection");
        assert!(count <= 8, "{count} actions for one input");
        self.check();
    }

    fn check(&self) {
        let session = &self.rig.session;
        let state = session.state();
        assert_eq!(state == StateName::Established, self.up.is_some());
        let established =
            session.conns.iter().flatten().filter(|conn| conn.name() == StateName::Established);
        assert!(established.count() <= 1, "two connections Established");
        let connected = self.open.iter().any(|open| *open);
        assert_eq!(state >= StateName::OpenSent, connected);
        for id in ConnId::ALL {
            assert_eq!(session.conns[id.index()].is_some(), self.open[id.index()]);
        }
        if !self.started {
            assert_eq!(state, StateName::Idle);
        }
        let Some((at, name)) = session.poll_timeout() else {
            // Only what waits for the peer or has its hold time off may wait for ever.
            assert!(!self.dialing, "an attempt to connect without end");
            return;
        };
        assert!(self.started, "{name:?} of a session that is not started");
        let legal = match name {
            TimerName::IdleHold => state == StateName::Idle,
            TimerName::ConnectRetry => {
                self.dialing || (state == StateName::Active && session.config().dials())
            }
            TimerName::OpenWait => connected && self.up.is_none(),
            TimerName::Hold | TimerName::Keepalive => state >= StateName::OpenConfirm,
            TimerName::SendHold => state == StateName::Established,
        };
        assert!(legal, "{name:?} at {at:?} in {state}");
    }

    fn take(&mut self, input: &Input) {
        let lost = || CloseReason::Closed { octets_of_message: 3 };
        match *input {
            Input::Start => {
                self.started = true;
                self.event(Event::Start);
            }
            Input::Stop | Input::Leave => {
                self.started = false;
                self.event(if matches!(input, Input::Stop) {
                    Event::Stop { subcode: 2, text: "" }
                } else {
                    Event::Leave
                });
                assert!(!self.dialing && self.open == [false; 2], "all is closed");
            }
            Input::Connected if self.dialing => {
                self.dialing = false;
                self.open[0] = true;
                self.event(Event::Connected(ConnId::Outgoing));
            }
            Input::ConnectFailed if self.dialing => {
                self.dialing = false;
                self.event(Event::ConnectFailed);
            }
            Input::Connected | Input::ConnectFailed => {}
            Input::Accepted => self.event(Event::Accepted),
            Input::Closed(id) => {
                if core::mem::take(&mut self.open[id.index()]) {
                    self.event(Event::Closed(id, lost()));
                }
            }
            Input::Open(id, high, graceful) => {
                let router_id = if high { LOCAL_ID + 1 } else { LOCAL_ID - 1 };
                self.message(id, &open_of(router_id, LOCAL_AS, graceful).encode());
            }
            Input::BadOpen(id) => {
                self.message(id, &open_of(0, LOCAL_AS, Graceful::No).encode());
            }
            Input::Keepalive(id) => self.message(id, &KEEPALIVE),
            Input::Update(id) => self.message(id, &update()),
            Input::Refresh(id) => self.message(id, &refresh_request()),
            Input::Notification(id, code, subcode) => {
                self.message(id, &Notification::new(code, subcode).encode());
            }
            Input::DecodeFailed(id) => {
                self.event(Event::DecodeFailed(id, Notification::not_synchronised()));
            }
            Input::DataWaiting(id) => self.event(Event::DataWaiting(id)),
            Input::Written(id) => self.event(Event::Written(id)),
            Input::Sleep(millis) => {
                self.rig.now += Duration::from_millis(millis);
                self.rig.session.handle_timeout(self.rig.now);
                self.drain(false);
            }
            Input::Timeout => {
                if let Some((at, _)) = self.rig.session.poll_timeout() {
                    self.rig.now = self.rig.now.max(at);
                    self.rig.session.handle_timeout(self.rig.now);
                    self.drain(false);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn invariants_hold(
        inputs in proptest::collection::vec(input(), 0..120),
        seed: u64,
        (passive, dynamic) in prop_oneof![
            6 => Just((false, false)), 1 => Just((true, false)), 1 => Just((false, true)),
        ],
        hold_time in prop_oneof![Just(0u16), Just(9), Just(90)],
    ) {
        let hold_time = HoldTime::from_secs(hold_time).unwrap();
        let config = SessionConfig { passive, dynamic, hold_time, ..config() };
        let mut driver = Driver::new(config, seed);
        driver.take(&Input::Start);
        for input in &inputs {
            driver.take(input);
        }
        driver.take(&Input::Stop);
        prop_assert_eq!(driver.rig.session.poll_timeout(), None);
        prop_assert_eq!(driver.up, None);
    }
}
