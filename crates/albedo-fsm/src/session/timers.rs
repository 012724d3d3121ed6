//! Deadlines: which is next, and what happens when it has come.
//!
//! Nothing is armed. The next deadline is computed from what the states hold when it is asked for,
//! so hearing a message costs one store, and a timer cannot outlive the state it belongs to.

use albedo_types::Instant;
use albedo_wire::notification::Notification;

use super::Session;
use crate::action::{Down, DownReason};
use crate::event::ConnId;
use crate::state::{Conn, Dial, Mode};
use crate::timer::{TimerName, jittered};

/// A deadline, its name, and the connection it belongs to if it does.
type Deadline = (Instant, TimerName, Option<ConnId>);

impl Session {
    /// The next deadline and what it is for; `None` while nothing is timed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, TimerName)> {
        self.next_deadline().map(|(at, name, _)| (at, name))
    }

    /// Lets the timer pass that [`Session::poll_timeout`] names, if its instant has come; one that
    /// is not due does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some((at, name, id)) = self.next_deadline() else {
            return;
        };
        if at > now {
            return;
        }
        match (name, id) {
            (TimerName::ConnectRetry, _) => {
                // Also for an attempt that takes too long: another one may find a better way.
                self.abort_dial();
                self.dial(now);
            }
            (TimerName::OpenWait, Some(id)) => self.open_wait_expired(now, id),
            (TimerName::Hold, Some(id)) => self.hold_expired(now, id),
            (TimerName::Keepalive, Some(id)) => self.keepalive_due(now, id),
            (TimerName::SendHold, Some(id)) => self.send_hold_expired(now, id),
            // What is left is the idle hold; the others always belong to a connection.
            _ => self.begin(now),
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        let mut next: Option<Deadline> = match self.mode {
            Mode::Stopped | Mode::Running(Dial::Nothing) => None,
            Mode::Holding { until } => Some((until, TimerName::IdleHold, None)),
            Mode::Running(Dial::Waiting { until } | Dial::InProgress { until }) => {
                Some((until, TimerName::ConnectRetry, None))
            }
        };
        let mut look = |deadline: Deadline| {
            if next.is_none_or(|(at, ..)| deadline.0 < at) {
                next = Some(deadline);
            }
        };
        for id in ConnId::ALL {
            let Some(conn) = &self.conns[id.index()] else {
                continue;
            };
            let clock = match conn {
                Conn::OpenSent(state) => {
                    look((state.deadline, TimerName::OpenWait, Some(id)));
                    continue;
                }
                Conn::OpenConfirm(state) => &state.clock,
                Conn::Established(state) => {
                    if let Some(send_hold) = state.send_hold {
                        let at = send_hold.last_written + send_hold.period;
                        look((at, TimerName::SendHold, Some(id)));
                    }
                    &state.clock
                }
            };
            if let Some(periods) = clock.periods {
                look((clock.last_heard + periods.hold, TimerName::Hold, Some(id)));
                look((periods.keepalive_at, TimerName::Keepalive, Some(id)));
            }
        }
        next
    }

    /// No OPEN in time (T5). RFC 4271 §8.2.2 runs the hold timer here, so this is its code.
    fn open_wait_expired(&mut self, now: Instant, id: ConnId) {
        let after = self.config.open_wait;
        let down = Down::new(id, DownReason::OpenWaitExpired { after });
        self.fail(now, down.sent(Notification::hold_timer_expired()));
    }

    /// F14, K8.
    fn hold_expired(&mut self, now: Instant, id: ConnId) {
        let Some(conn) = &mut self.conns[id.index()] else {
            return;
        };
        let retains =
            matches!(conn, Conn::Established(state) if state.graceful || state.long_lived);
        let periods = conn.clock().and_then(|clock| clock.periods);
        let after = periods.map(|periods| periods.hold).unwrap_or_default();
        let mut down = Down::new(id, DownReason::HoldExpired { after });
        if !(retains && self.config.silent_hold_expiry) {
            down = down.sent(Notification::hold_timer_expired());
        }
        self.fail(now, down);
    }

    /// F17. A driver that was late sends one, not all it has missed.
    fn keepalive_due(&mut self, now: Instant, id: ConnId) {
        let periods = self.conns[id.index()].as_mut().and_then(Conn::clock);
        if let Some(periods) = periods.and_then(|clock| clock.periods.as_mut()) {
            periods.keepalive_at = now + jittered(periods.keepalive, &mut self.rng);
            self.send_keepalive(id);
        }
    }

    /// RFC 9687 §3. The NOTIFICATION will hardly get out.
    fn send_hold_expired(&mut self, now: Instant, id: ConnId) {
        let after = match &self.conns[id.index()] {
            Some(Conn::Established(state)) => state.send_hold.map(|clock| clock.period),
            _ => None,
        };
        let after = after.unwrap_or_default();
        let down = Down::new(id, DownReason::SendHoldExpired { after });
        self.fail(now, down.sent(Notification::send_hold_timer_expired()));
    }

    /// F20.
    pub(super) fn data_waiting(&mut self, now: Instant, id: ConnId) {
        let open_wait = self.config.open_wait;
        match &mut self.conns[id.index()] {
            Some(Conn::OpenSent(state)) => state.deadline = now + open_wait,
            Some(Conn::OpenConfirm(state)) => state.clock.last_heard = now,
            Some(Conn::Established(state)) => state.clock.last_heard = now,
            None => {}
        }
    }

    pub(super) fn written(&mut self, now: Instant, id: ConnId) {
        if let Some(Conn::Established(state)) = &mut self.conns[id.index()]
            && let Some(send_hold) = &mut state.send_hold
        {
            send_hold.last_written = now;
        }
    }
}
