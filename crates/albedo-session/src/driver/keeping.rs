//! Lost sessions whose routes are kept: the helper's side of graceful restart.
//!
//! The peer's task owns what is kept, so a dynamic neighbour's task lives as long as its routes,
//! and its one timer has their deadlines, too.
//! Whoever comes back to the same task, which is by its address, takes them over (RFC 4724 §4.2
//! knows a peer by nothing else); one of another AS is another peer.
//! At most [`Limits::retained`](crate::admission::Limits::retained) peers are kept at a time, and
//! a stop waits for none of them.
//!
//! RFC 4724 §4.2, RFC 8538 §4, RFC 9494 §4.2.

use std::task::Context;

use albedo_engine::PeerPort;
use albedo_fsm::retention::{Change, Kept};
use albedo_fsm::{Down, Terms};
use albedo_rib::{Keep, PeerInfo};
use albedo_types::{Asn, Family, Instant, PeerRole};

use super::{Driver, Live};
use crate::config::Profile;
use crate::guards::KeptPlace;
use crate::stats::SessionStats;
use crate::status::Retained;

/// The port of a lost session, and its place among those.
#[derive(Debug)]
pub(super) struct Away {
    port: PeerPort,
    /// Whose routes they are.
    asn: Asn,
    _place: KeptPlace,
}

impl Driver {
    /// The session is over: its routes are kept for a while, or go.
    pub(super) fn keep_or_leave(&mut self, live: Live, down: &Down, at: Instant) {
        let Live { mut port, terms, .. } = live;
        let mut retention = self.retention.take().unwrap_or_default();
        let kept = retention.lost(at, &terms, down);
        let asn = self.setup.shared.detail().agreed.map(|agreed| agreed.asn);
        let role = self.role();
        let keeps = retention.is_kept() && !self.stopping && !self.server.is_parking(role);
        if let Some(asn) = asn.filter(|_| keeps)
            && let Some(place) = self.place_to_keep(at)
            && port.lose(kept.map(keep))
        {
            SessionStats::count(&self.server.stats.kept);
            self.retention = Some(retention);
            self.away = Some(Box::new(Away { port, asn, _place: place }));
            // Where there is no restart time, the next phase begins at once.
            self.pass_kept(at);
        } else {
            // At a stop nobody is to be told of those who went first.
            self.server.retire(port, role);
            self.show_kept();
        }
    }

    /// Nothing is kept any longer.
    pub(super) fn let_go(&mut self) {
        if let Some(away) = self.away.take() {
            self.server.retire(away.port, self.role());
        }
    }

    /// What the peer is, or was in its last session.
    fn role(&self) -> PeerRole {
        let agreed = self.setup.shared.detail().agreed;
        agreed.map_or(self.setup.profile.role, |agreed| agreed.role)
    }

    /// The role of a lost peer whose routes are kept has changed: they are told by the new one.
    pub(super) fn change_role_kept(&mut self, old: &Profile) {
        let Some(away) = &mut self.away else { return };
        let role = self.setup.profile.role_of(away.asn);
        if role == old.role_of(away.asn) {
            return;
        }
        away.port.change_role(role);
        self.setup.shared.change(|detail| {
            if let Some(agreed) = &mut detail.agreed {
                agreed.role = role;
            }
        });
    }

    fn place_to_keep(&self, at: Instant) -> Option<KeptPlace> {
        let place = KeptPlace::take(&self.server);
        if place.is_none() {
            SessionStats::count(&self.server.stats.kept_refused);
            // A whole cluster may be lost at once.
            if self.server.fault_gate.pass(at) {
                let peer = self.setup.addr;
                tracing::warn!(%peer, "routes not kept: limits.retainedPeers are kept already");
            }
        }
        place
    }

    /// The port for a session that is up: the one whose routes were kept, or a new one.
    pub(super) fn port_of(
        &mut self,
        info: PeerInfo,
        asn: Asn,
        terms: &Terms,
        at: Instant,
    ) -> PeerPort {
        let away = self.away.take();
        if let Some(away) = away.filter(|away| away.asn == asn)
            && let Some(mut retention) = self.retention.take()
        {
            let mut port = away.port;
            port.come_back(info);
            let limits = &self.setup.profile.retention.limits;
            retention.up(at, terms, limits, |change| tell(&mut port, change));
            self.retention = Some(retention).filter(|retention| !retention.is_idle());
            self.show_kept();
            return port;
        }
        self.retention = None;
        self.show_kept();
        self.server.engine.register(info)
    }

    /// Puts what the port of a lost session has to say into the shards' channels.
    pub(super) fn poll_away(&mut self, cx: &mut Context<'_>) {
        if let Some(away) = &mut self.away {
            // The task is woken when there is room; nothing waits for it.
            let _ = away.port.poll_flush(cx);
        }
    }

    /// Sweeps the families whose End-of-RIB has come.
    pub(super) fn look_for_ends(&mut self) {
        let (Some(live), Some(retention)) = (&mut self.live, &mut self.retention) else { return };
        let mut swept = false;
        for family in live.intake.ended().iter() {
            if retention.end_of_rib(family) {
                live.port.sweep(family);
                swept = true;
            }
        }
        if swept || retention.is_idle() {
            self.retention = self.retention.take().filter(|retention| !retention.is_idle());
            self.show_kept();
        }
    }

    /// Lets the deadlines pass that have come.
    pub(super) fn pass_kept(&mut self, at: Instant) {
        let port = match (&mut self.live, &mut self.away) {
            (Some(live), _) => Some(&mut live.port),
            (None, Some(away)) => Some(&mut away.port),
            (None, None) => None,
        };
        if let (Some(port), Some(retention)) = (port, &mut self.retention) {
            let peer = self.setup.addr;
            retention.timeout(at, |change| {
                tracing::info!(%peer, change = %Words(change), "stale routes");
                tell(port, change);
            });
        }
        if !self.retention.as_ref().is_some_and(|retention| retention.is_kept()) {
            // Nothing is left for the peer to take over.
            self.let_go();
        }
        self.retention = self.retention.take().filter(|retention| !retention.is_idle());
        self.show_kept();
    }

    pub(super) fn show_kept(&self) {
        let of = |family: Family| {
            let (phase, until) = self.retention.as_ref()?.phase(family);
            Some(Retained { phase: phase.name()?, until })
        };
        let retained = Family::ALL.map(of);
        let away = self.away.as_ref().map(|away| &away.port);
        let port = self.live.as_ref().map(|live| &live.port).or(away);
        let peer = port.map(PeerPort::peer);
        self.setup.shared.change(|detail| {
            detail.retained = retained;
            detail.peer = peer;
        });
    }
}

const fn keep(kept: Kept) -> Keep {
    match kept {
        Kept::Nothing => Keep::Nothing,
        Kept::Fresh => Keep::Fresh,
        Kept::All => Keep::All,
    }
}

fn tell(port: &mut PeerPort, change: Change) {
    match change {
        Change::Sweep(family) => port.sweep(family),
        Change::LongLived(family) => port.long_lived(family),
    }
}

struct Words(Change);

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Change::Sweep(family) => write!(f, "{family} swept"),
            Change::LongLived(family) => write!(f, "{family} long-lived stale"),
        }
    }
}
