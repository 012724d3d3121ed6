//! What concerns the peer as a whole: starting, stopping, connecting, accepting.

use core::time::Duration;

use albedo_types::Instant;
use albedo_wire::frame::KEEPALIVE;
use albedo_wire::notification::Notification;
use albedo_wire::notification::codes::cease;

use super::Session;
use crate::action::{Action, Close, Down, DownReason};
use crate::event::ConnId;
use crate::state::{Conn, Dial, Mode, OpenSent};
use crate::timer::jittered;

/// How long after a connection of ours came up one of the peer's may still have crossed it: as
/// long as one of ours may take to come about, and a peer that is busy to look at it.
const CROSSING_MAX: Duration = Duration::from_secs(5);

impl Session {
    /// From Idle: the failures are forgotten, and it begins (F1).
    pub(super) fn start(&mut self, now: Instant) {
        if matches!(self.mode, Mode::Running(_)) {
            return;
        }
        self.backoff = crate::backoff::Backoff::default();
        self.begin(now);
    }

    /// Leaves Idle: to Connect, or to Active where we never connect (F1, C5).
    pub(super) fn begin(&mut self, now: Instant) {
        if self.config.dials() {
            match self.config.connect_delay {
                Duration::ZERO => self.dial(now),
                _ => self.wait_for_retry(now),
            }
        } else {
            self.mode = Mode::Running(Dial::Nothing);
        }
    }

    /// Begins an attempt to connect (F1, F4).
    pub(super) fn dial(&mut self, now: Instant) {
        let until = now + jittered(self.config.connect_retry, &mut self.rng);
        self.mode = Mode::Running(Dial::InProgress { until });
        self.push(Action::Connect);
    }

    /// Gives up an attempt to connect, if there is one.
    pub(super) fn abort_dial(&mut self) {
        if let Mode::Running(dial) = &mut self.mode {
            let dial = core::mem::replace(dial, Dial::Nothing);
            if matches!(dial, Dial::InProgress { .. }) {
                self.push(Action::Close(ConnId::Outgoing, Close { linger: false }));
            }
        }
    }

    /// Active, with the retry timer running where we connect at all (F3, F7).
    pub(super) fn wait_for_retry(&mut self, now: Instant) {
        let dial = if self.config.dials() {
            let time = self.config.connect_retry.max(self.config.connect_delay);
            Dial::Waiting { until: now + jittered(time, &mut self.rng) }
        } else {
            Dial::Nothing
        };
        self.mode = Mode::Running(dial);
    }

    /// Ends everything and says why (F15).
    pub(super) fn stop(&mut self, subcode: u8, text: &str) {
        let sent = Notification::cease_with_text(subcode, text);
        self.end_all(&DownReason::Stopped, Some(&sent));
    }

    /// Ends everything without a word.
    pub(super) fn leave(&mut self) {
        self.end_all(&DownReason::Left, None);
    }

    fn end_all(&mut self, reason: &DownReason, sent: Option<&Notification>) {
        self.abort_dial();
        for id in ConnId::ALL {
            let mut down = Down::new(id, reason.clone());
            down.sent = sent.cloned();
            self.end(down);
        }
        self.mode = Mode::Stopped;
    }

    /// Our connection stands (F2).
    pub(super) fn connected(&mut self, now: Instant) {
        if !matches!(self.mode, Mode::Running(Dial::InProgress { .. })) {
            // Nobody waits for it any more. If there is one already, this is a word too many.
            if self.conn(ConnId::Outgoing).is_none() {
                self.push(Action::Close(ConnId::Outgoing, Close { linger: false }));
            }
            return;
        }
        self.mode = Mode::Running(Dial::Nothing);
        self.open(now, ConnId::Outgoing);
    }

    /// Our connection cannot be made: to Active, and the retry timer runs on (F3). If the peer has
    /// made one meanwhile, that is enough.
    pub(super) fn connect_failed(&mut self, now: Instant) {
        let Mode::Running(Dial::InProgress { until }) = self.mode else {
            return;
        };
        if self.has_connection() || !self.config.dials() {
            self.mode = Mode::Running(Dial::Nothing);
        } else if self.config.connect_delay.is_zero() {
            self.mode = Mode::Running(Dial::Waiting { until: until.max(now) });
        } else {
            self.wait_for_retry(now);
        }
    }

    /// The peer made a connection (F5, C3).
    pub(super) fn accepted(&mut self, now: Instant) {
        if !matches!(self.mode, Mode::Running(_)) {
            // Without a word: a Cease would make a peer drop the routes it keeps of us.
            self.push(Action::Reject(None));
            return;
        }
        if let Some((id, graceful, since)) = self.established() {
            if graceful && id == ConnId::Outgoing && now.since(since) < CROSSING_MAX {
                // It was on its way when ours came up. A word would cost us what the peer keeps,
                // and taking it for a restart would be the second one in a row for the peer.
                self.push(Action::Reject(None));
                return;
            }
            if !graceful {
                let collision = Notification::cease(cease::COLLISION);
                self.push(Action::Reject(Some(collision.encode())));
                return;
            }
            // The peer knows the old one is dead before we do (RFC 4724 §5).
            self.end(Down::new(id, DownReason::Replaced));
        } else {
            // A peer that connects again has given up what it had.
            self.end(Down::new(ConnId::Incoming, DownReason::Replaced));
        }
        if let Mode::Running(dial @ Dial::Waiting { .. }) = &mut self.mode {
            *dial = Dial::Nothing;
        }
        self.push(Action::Adopt);
        self.open(now, ConnId::Incoming);
    }

    /// Sends our OPEN: to OpenSent.
    fn open(&mut self, now: Instant, id: ConnId) {
        let local = self.config.open();
        self.push(Action::Send(id, local.encode()));
        let deadline = now + self.config.open_wait;
        *self.conn(id) = Some(Conn::OpenSent(OpenSent { local, deadline }));
    }

    pub(super) fn send_keepalive(&mut self, id: ConnId) {
        self.push(Action::Send(id, KEEPALIVE.to_vec()));
    }

    pub(super) fn has_connection(&self) -> bool {
        self.conns.iter().any(Option::is_some)
    }

    /// The connection that is Established, whether its peer knows graceful restart, and since
    /// when it is.
    fn established(&self) -> Option<(ConnId, bool, Instant)> {
        ConnId::ALL.into_iter().find_map(|id| match &self.conns[id.index()] {
            Some(Conn::Established(state)) => Some((id, state.graceful, state.since)),
            _ => None,
        })
    }
}
