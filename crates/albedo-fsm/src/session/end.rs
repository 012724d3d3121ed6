//! How a connection ends, and what becomes of the peer then.

use albedo_types::Instant;
use albedo_wire::notification::codes::cease;
use albedo_wire::notification::{Notification, codes};

use super::Session;
use crate::action::{Action, Close, Down, DownReason};
use crate::backoff::Backoff;
use crate::event::{CloseReason, ConnId};
use crate::state::{Conn, Mode};

/// What an end says of the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Nothing: a peer that comes back is welcome at once.
    Welcome,
    /// It needs a pause, but is nobody's failure (F8).
    Pause,
    /// It would go wrong again: the peer is kept away, longer each time (F18).
    KeepAway,
}

impl Session {
    /// The connection ended without our doing (F7).
    pub(super) fn lost(&mut self, now: Instant, id: ConnId, reason: CloseReason) {
        self.fail(now, Down::new(id, DownReason::Lost(reason)));
    }

    /// Ends a connection for a reason that lies in it. Another one goes on.
    pub(super) fn fail(&mut self, now: Instant, down: Down) {
        let patience = patience(&down);
        if !self.end(down) || self.has_connection() {
            return;
        }
        match patience {
            Patience::Welcome => {
                // An attempt of ours may still be in progress.
                if !matches!(self.mode, Mode::Running(crate::state::Dial::InProgress { .. })) {
                    self.wait_for_retry(now);
                }
            }
            Patience::Pause => {
                self.abort_dial();
                let until = Backoff::pause(now, self.config.idle_hold_min, &mut self.rng);
                self.mode = Mode::Holding { until };
            }
            Patience::KeepAway => {
                self.abort_dial();
                let limits = (self.config.idle_hold_min, self.config.idle_hold_max);
                let until = self.backoff.fail(now, limits, &mut self.rng);
                self.mode = Mode::Holding { until };
            }
        }
    }

    /// What is said at an end that is for good: with RFC 8538 a Cease alone would keep the routes
    /// (§3.1).
    fn final_word(conn: &Conn, sent: Notification) -> Notification {
        let keeps = matches!(conn, Conn::Established(state) if state.notification);
        let last = [cease::MAX_PREFIXES, cease::SHUTDOWN, cease::DECONFIGURED];
        let is_final = sent.code == codes::CEASE && last.contains(&sent.subcode);
        if keeps && is_final { Notification::hard_reset(&sent) } else { sent }
    }

    /// Takes a connection away, sending and saying what belongs to it; whether it was there.
    pub(super) fn end(&mut self, mut down: Down) -> bool {
        let id = down.conn;
        let Some(conn) = self.conn(id).take() else {
            return false;
        };
        down.sent = down.sent.map(|sent| Self::final_word(&conn, sent));
        if let Some(sent) = &down.sent {
            let message = sent.encode();
            self.push(Action::Send(id, message));
        }
        // What was lost is closed already.
        if !matches!(down.reason, DownReason::Lost(_)) {
            let linger = down.sent.is_some();
            self.push(Action::Close(id, Close { linger }));
        }
        self.last_down = Some(down.clone());
        self.push(if matches!(conn, Conn::Established(_)) {
            Action::Down(down)
        } else {
            Action::Failed(down)
        });
        true
    }
}

fn patience(down: &Down) -> Patience {
    match &down.reason {
        DownReason::Protocol => Patience::KeepAway,
        DownReason::Notification => down.received.as_ref().map_or(Patience::KeepAway, told),
        DownReason::Stopped
        | DownReason::Left
        | DownReason::HoldExpired { .. }
        | DownReason::OpenWaitExpired { .. }
        | DownReason::SendHoldExpired { .. }
        | DownReason::Lost(_)
        | DownReason::Replaced => Patience::Welcome,
    }
}

/// What the peer's NOTIFICATION says of the next attempt: its timers and its operator may have
/// ended the session, but what it does not like about us will not have changed.
fn told(notification: &Notification) -> Patience {
    match (notification.code, notification.subcode) {
        (codes::CEASE | codes::HOLD_TIMER | codes::SEND_HOLD_TIMER, _) => Patience::Welcome,
        (codes::OPEN, codes::open::UNSUPPORTED_VERSION) => Patience::Pause,
        _ => Patience::KeepAway,
    }
}
