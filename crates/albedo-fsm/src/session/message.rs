//! Messages, by the state of the connection they came in by (RFC 4271 §8.2.2, RFC 6608).

use alloc::boxed::Box;

use albedo_types::Instant;
use albedo_wire::capability::Capability;
use albedo_wire::frame::{Frame, MessageType};
use albedo_wire::negotiated::Negotiated;
use albedo_wire::notification::codes::cease;
use albedo_wire::notification::{Notification, UnexpectedIn};
use albedo_wire::open::Open;
use albedo_wire::route_refresh::{BODY_LEN, RouteRefresh, Subtype};

use super::Session;
use crate::action::{Action, Close, Down, DownReason, Up, Warning};
use crate::collision;
use crate::event::ConnId;
use crate::state::{Clock, Conn, Established, OpenConfirm, Periods, SendHoldClock, StateName};
use crate::timer::jittered;

impl Session {
    pub(super) fn message(&mut self, now: Instant, id: ConnId, frame: Frame<'_>) {
        let Some(conn) = &self.conns[id.index()] else {
            return;
        };
        let state = conn.name();
        match (state, frame.kind) {
            // Never answered (F16).
            (_, MessageType::Notification) => self.told(now, id, frame.body),
            (StateName::OpenSent, MessageType::Open) => self.open_received(now, id, frame.body),
            (StateName::OpenConfirm, MessageType::Keepalive) => self.establish(now, id),
            (StateName::Established, MessageType::RouteRefresh) => {
                self.refresh(now, id, frame.body);
            }
            (StateName::Established, MessageType::Update | MessageType::Keepalive) => {
                self.data_waiting(now, id);
            }
            (StateName::OpenSent, kind) => self.unexpected(now, id, UnexpectedIn::OpenSent, kind),
            (StateName::OpenConfirm, kind) => {
                self.unexpected(now, id, UnexpectedIn::OpenConfirm, kind);
            }
            (_, kind) => self.unexpected(now, id, UnexpectedIn::Established, kind),
        }
    }

    /// The peer ends the connection.
    fn told(&mut self, now: Instant, id: ConnId, body: &[u8]) {
        // A frame holds code and subcode; a body without them says nothing at all.
        let received = Notification::decode(body).unwrap_or(Notification::new(0, 0));
        let down = Down::new(id, DownReason::Notification).received(received);
        self.fail(now, down);
    }

    /// F9, F11, F13.
    fn unexpected(&mut self, now: Instant, id: ConnId, state: UnexpectedIn, kind: MessageType) {
        self.refuse(now, id, Notification::unexpected_message(state, kind));
    }

    /// The peer's fault: it is told, and the connection ends.
    pub(super) fn refuse(&mut self, now: Instant, id: ConnId, notification: Notification) {
        self.fail(now, Down::new(id, DownReason::Protocol).sent(notification));
    }

    /// The peer's OPEN in OpenSent (F6).
    fn open_received(&mut self, now: Instant, id: ConnId, body: &[u8]) {
        let Some(Conn::OpenSent(state)) = &self.conns[id.index()] else {
            return;
        };
        let judged = Open::decode(body).map_err(|error| error.notification()).and_then(|remote| {
            remote.check(&self.config.expect())?;
            let negotiated = Negotiated::from_opens(&state.local, &remote)?;
            Ok(Box::new(Up {
                conn: id,
                negotiated,
                local_open: state.local.clone(),
                remote_open: remote,
            }))
        });
        let up = match judged {
            Ok(up) => up,
            Err(notification) => return self.refuse(now, id, notification),
        };
        for ignored in &up.remote_open.ignored {
            self.actions.push_back(Action::Warn(Warning::Capability(*ignored)));
        }
        if !self.survives(id, &up.negotiated) {
            return self.dismiss(id);
        }
        self.send_keepalive(id);
        let clock = self.clock(now, &up.negotiated);
        *self.conn(id) = Some(Conn::OpenConfirm(OpenConfirm { up, clock }));
    }

    /// Collision (§6.8), now that the peer's identifier is known: whether `id` goes on. Where it
    /// is decided already, the other one is closed.
    ///
    /// A connection that should win but has not brought its OPEN yet does not make the other wait:
    /// it might never bring it.
    fn survives(&mut self, id: ConnId, terms: &Negotiated) -> bool {
        let local = (self.config.router_id, self.config.local_asn);
        let wins = collision::kept(local, (terms.peer_router_id, terms.peer_asn)) == id;
        let other = id.other();
        let survives = match self.conn(other).as_ref().map(Conn::name) {
            Some(StateName::Established) => return false,
            Some(StateName::OpenConfirm) => wins,
            _ => true,
        };
        if wins {
            self.dismiss(other);
            self.abort_dial();
        }
        survives
    }

    /// Closes the connection that lost a collision, if it is there (C2). That is no failure.
    fn dismiss(&mut self, id: ConnId) {
        if self.conn(id).take().is_some() {
            let collision = Notification::cease(cease::COLLISION);
            self.push(Action::Send(id, collision.encode()));
            self.push(Action::Close(id, Close { linger: true }));
        }
    }

    /// Hold and keepalive timers of a session on these terms; none where the hold time is off
    /// (F17).
    fn clock(&mut self, now: Instant, terms: &Negotiated) -> Clock {
        let hold = terms.hold_time.duration();
        let keepalive = self.config.keepalive_interval(terms.hold_time);
        let rng = &mut self.rng;
        let periods = hold.zip(keepalive).map(|(hold, keepalive)| Periods {
            hold,
            keepalive,
            keepalive_at: now + jittered(keepalive, rng),
        });
        Clock { last_heard: now, periods }
    }

    /// The peer's KEEPALIVE in OpenConfirm (F10). What else was going on ends here (C3).
    fn establish(&mut self, now: Instant, id: ConnId) {
        let Some(Conn::OpenConfirm(OpenConfirm { up, mut clock })) = self.conn(id).take() else {
            return;
        };
        self.dismiss(id.other());
        self.abort_dial();
        clock.last_heard = now;
        let terms = &up.negotiated;
        let period = self.config.send_hold.period(terms.hold_time);
        *self.conn(id) = Some(Conn::Established(Established {
            since: now,
            clock,
            send_hold: period.map(|period| SendHoldClock { period, last_written: now }),
            families: terms.families,
            enhanced_refresh: terms.enhanced_refresh,
            graceful: terms.graceful.as_ref().is_some_and(|offer| !offer.families.is_empty()),
            notification: keeps_after_notification(&up.local_open, terms),
            long_lived: terms.long_lived.is_some(),
        }));
        self.push(Action::Up(up));
    }

    /// ROUTE-REFRESH in Established (RFC 2918 §4, RFC 7313 §5).
    fn refresh(&mut self, now: Instant, id: ConnId, body: &[u8]) {
        let Some(Conn::Established(state)) = &mut self.conns[id.index()] else {
            return;
        };
        state.clock.last_heard = now;
        let state = *state;
        // Of what may follow the four octets nothing is said but for the marks of RFC 7313: a
        // request is clear without it, and an unknown subtype is to be ignored.
        let fixed = body.get(..BODY_LEN).unwrap_or(body);
        let mut refresh = match RouteRefresh::decode(fixed) {
            Ok(refresh) => refresh,
            Err(error) => return self.refuse(now, id, error.notification()),
        };
        if !state.enhanced_refresh {
            // The octet is reserved then.
            refresh.subtype = Subtype::Request;
        }
        if matches!(refresh.subtype, Subtype::Begin | Subtype::End) && body.len() != BODY_LEN {
            let whole = whole_message(body);
            return self.refuse(now, id, Notification::route_refresh_length(&whole));
        }
        let known = refresh.family().is_some_and(|family| state.families.contains(family));
        self.push(match refresh.subtype {
            Subtype::Unknown(subtype) => Action::Warn(Warning::RefreshSubtype(subtype)),
            _ if !known => {
                Action::Warn(Warning::RefreshOfOtherFamily { afi: refresh.afi, safi: refresh.safi })
            }
            _ => Action::Refresh(refresh),
        });
    }
}

/// Whether both sides keep routes after a NOTIFICATION (RFC 8538 §2).
fn keeps_after_notification(local: &Open, terms: &Negotiated) -> bool {
    let ours = local.find(|capability| match capability {
        Capability::GracefulRestart(graceful) => Some(graceful.notification),
        _ => None,
    });
    ours.unwrap_or(false) && terms.graceful.as_ref().is_some_and(|graceful| graceful.notification)
}

/// The message that this is the body of a ROUTE-REFRESH of.
fn whole_message(body: &[u8]) -> alloc::vec::Vec<u8> {
    use albedo_wire::frame::{HEADER_LEN, MARKER_LEN};
    let len = u16::try_from(HEADER_LEN + body.len()).unwrap_or(u16::MAX);
    let mut out = alloc::vec![0xff; MARKER_LEN];
    out.extend_from_slice(&len.to_be_bytes());
    out.push(MessageType::RouteRefresh.code());
    out.extend_from_slice(body);
    out
}
