//! Settings that change while the session goes on.
//!
//! What the peer is told follows by moving its cursors to another group, which sends the
//! difference.
//! What is taken from it was judged when it came, and nothing of that is kept; so the peer is
//! asked for its routes again (RFC 2918), and each that it still has is judged anew: what is
//! rejected now is withdrawn, what has gone meanwhile was withdrawn by the peer.
//!
//! RFC 2918, RFC 4456 §6, docs/adr/0010.

use std::sync::Arc;

use albedo_fsm::Event;
use albedo_types::{Family, Instant};
use albedo_wire::notification::codes::cease;
use albedo_wire::route_refresh::{RouteRefresh, Subtype};

use super::Driver;
use super::actions::{context, group_key, source};
use crate::config::{LimitAction, Profile};
use crate::sockopt;

impl Driver {
    /// Takes settings with which the session can go on.
    pub(super) fn change(&mut self, profile: Arc<Profile>, at: Instant) {
        let old = std::mem::replace(&mut self.setup.profile, Arc::clone(&profile));
        if old.key != profile.key && !self.change_key(&profile) {
            return self.begin_anew(at);
        }
        if self.paused {
            self.resume(at);
        }
        self.change_role_kept(&old);
        let Some(live) = &mut self.live else { return };
        let Some(link) = &self.links[live.conn.index()] else { return };
        let (negotiated, local) = (&live.negotiated, link.local.ip());
        let (old_role, role) =
            (old.role_of(negotiated.peer_asn), profile.role_of(negotiated.peer_asn));
        if role != old_role {
            live.port.change_role(role);
            self.setup.shared.change(|detail| {
                if let Some(agreed) = &mut detail.agreed {
                    agreed.role = role;
                }
            });
        }
        for family in negotiated.families.iter() {
            let key = group_key(&profile, negotiated, family, role, local);
            // What is put off is joined by the settings that are in force then.
            match live.postponed.iter_mut().find(|postponed| postponed.key.family == family) {
                Some(postponed) => postponed.key = key,
                None => live.port.join(key),
            }
        }
        let context = context(&profile, negotiated, role, local);
        let source = source(&profile, negotiated, role, &context);
        let limit = &profile.intake.limit;
        let again = live.intake.change(context, source, limit, profile.import.as_ref());
        tracing::info!(peer = %self.setup.addr, asked_again = again, "settings changed");
        if again {
            self.ask_again(at);
        }
    }

    /// Asks the peer for everything it has (soft in).
    pub(super) fn ask_again(&mut self, at: Instant) {
        let Some(live) = &self.live else { return };
        if !live.negotiated.route_refresh {
            tracing::warn!(
                peer = %self.setup.addr,
                "the peer cannot be asked for its routes again, so its session begins anew"
            );
            return self.begin_anew(at);
        }
        let conn = live.conn;
        let families: Vec<Family> = live.negotiated.families.iter().collect();
        for family in families {
            self.send(conn, RouteRefresh::new(family, Subtype::Request).encode());
        }
    }

    /// Ends the session because of its settings, and lets it come up again.
    fn begin_anew(&mut self, at: Instant) {
        self.input(Event::Stop { subcode: cease::CONFIG_CHANGE, text: "" }, at);
        self.input(Event::Start, at);
    }

    /// Puts another key on every connection of the peer; whether the kernel took it.
    ///
    /// The other side changes it at another moment. What is sent in between is dropped and sent
    /// again, for as long as the hold time lasts (RFC 2385 §2.0 lets TCP do that).
    fn change_key(&mut self, profile: &Profile) -> bool {
        if self.connecting.take().is_some() {
            // It was begun with the old one.
            self.input(Event::ConnectFailed, albedo_engine::clock::now());
        }
        for link in self.links.iter().flatten() {
            let changed =
                sockopt::set_md5_peer(link.stream.socket(), link.remote.ip(), profile.key.as_ref());
            if let Err(error) = changed {
                tracing::warn!(peer = %self.setup.addr, %error, "cannot change the key");
                return false;
            }
        }
        tracing::info!(peer = %self.setup.addr, "MD5 key changed");
        true
    }

    /// Keeps a peer away that had too many routes.
    pub(super) fn pause(&mut self, action: LimitAction, at: Instant) {
        let until = match action {
            LimitAction::Restart | LimitAction::Warn => return,
            LimitAction::RestartAfter(pause) => Some(at + pause),
            LimitAction::Shutdown => None,
        };
        if self.setup.dynamic {
            // Its task ends with its session.
            self.server.admission().bar(self.setup.addr.ip(), until);
            return;
        }
        self.input(Event::Stop { subcode: cease::MAX_PREFIXES, text: "" }, at);
        (self.paused, self.resume_at) = (true, until);
    }

    /// Lets a peer that was kept away come again.
    fn resume(&mut self, at: Instant) {
        (self.paused, self.resume_at) = (false, None);
        self.input(Event::Start, at);
    }

    /// Looks whether a peer may come again; the machine has no deadline meanwhile.
    pub(super) fn poll_pause(&mut self, cx: &mut std::task::Context<'_>, at: Instant) -> bool {
        if self.resume_at.is_none() || self.timer.poll(cx, at, self.resume_at).is_pending() {
            return false;
        }
        self.resume(albedo_engine::clock::now());
        true
    }
}
