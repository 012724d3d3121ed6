//! What the state machine says, done.
//!
//! Up and down of a session are here, with the one line of log that each of them gets.

use std::net::IpAddr;
use std::num::NonZeroU8;
use std::sync::Arc;

use albedo_engine::{PeerPort, Source};
use albedo_fsm::{Action, Close, ConnId, Down, DownReason, Event, Hello, Terms, Up};
use albedo_rib::{ExternalKey, GroupKey, LongLivedExport, Paths, PeerInfo};
use albedo_types::{Family, Instant, PeerRole};
use albedo_wire::frame::{MESSAGE_LEN_MAX, MESSAGE_LEN_MAX_EXTENDED};
use albedo_wire::negotiated::Negotiated;
use albedo_wire::update::UpdateContext;

use super::{ConnectingBox, Driver, Link, Live, Postponed, Setup, connector, linger};
use crate::config::{NextHopRule, Profile};
use crate::intake::Intake;
use crate::sockopt;
use crate::stats::{SessionStats, notification_index};
use crate::status::Agreed;

impl Driver {
    /// Does one thing that the machine said.
    pub(super) fn perform(&mut self, action: Action, at: Instant) {
        match action {
            Action::Connect => self.connect(at),
            Action::Send(conn, message) => self.send(conn, message),
            Action::Close(conn, close) => self.close(conn, close),
            Action::Adopt => self.links[ConnId::Incoming.index()] = self.offered.take(),
            Action::Reject(notification) => self.reject(notification),
            Action::Up(up) => self.up(*up, at),
            Action::Down(down) => self.down(&down, at),
            Action::Failed(down) => self.failed(&down, at),
            Action::Refresh(refresh) => self.refresh(refresh, at),
            Action::Warn(warning) => tracing::warn!(peer = %self.setup.addr, %warning, "odd peer"),
        }
    }

    fn connect(&mut self, at: Instant) {
        let profile = &self.setup.profile;
        let key = profile.key.as_ref();
        let local = self.setup.dial_from.or(profile.local_address);
        let dials = &self.server.dials;
        match connector::connect(self.setup.addr, local, key, &profile.socket, dials) {
            Ok(connecting) => self.connecting = Some(ConnectingBox(connecting)),
            Err(error) => {
                tracing::warn!(peer = %self.setup.addr, %error, "cannot connect");
                self.had_connection = true;
                self.fsm.handle(at, Event::ConnectFailed);
            }
        }
    }

    pub(super) fn send(&mut self, conn: ConnId, message: Vec<u8>) {
        if let Some(link) = &mut self.links[conn.index()] {
            self.server.stats.count_if_notification(&message);
            link.outbox.send(message);
        }
    }

    fn close(&mut self, conn: ConnId, close: Close) {
        if conn == ConnId::Outgoing {
            self.connecting = None;
        }
        let Some(mut link) = self.links[conn.index()].take() else { return };
        if let Some(live) = &mut self.live
            && live.conn == conn
        {
            // Nothing may follow the last words.
            if let Some(begun) = live.port.withdraw_outlet() {
                link.outbox.go_on_with(begun);
            }
        }
        // What was begun is brought to its end, and the peer gets all that was written.
        self.part(link, close.linger || self.stopping);
    }

    /// Says in the next OPEN whether we are still finding our feet (RFC 4724 §4.1).
    pub(super) fn mark_restart(&mut self) {
        let restarting = !self.server.startup.is_over();
        if let Some(offer) = &mut self.fsm.config_mut().capabilities.graceful {
            offer.restarting = restarting;
        }
    }

    /// The deferral of a family has ended: what was put off is done.
    pub(super) fn released(&mut self) {
        let Some(live) = &mut self.live else { return };
        let ended = self.server.startup.ended();
        for Postponed { key, refresh } in std::mem::take(&mut live.postponed) {
            if !ended.contains(key.family) {
                live.postponed.push(Postponed { key, refresh });
                continue;
            }
            let family = key.family;
            live.port.join(key);
            if let Some(enhanced) = refresh {
                live.port.refresh(family, enhanced);
            }
        }
    }

    /// Closes a connection; if it is to be told something, beside this task.
    fn part(&mut self, link: Link, lingering: bool) {
        if lingering {
            let guard = self.server.task();
            let last = link.outbox.into_last_words(&mut self.tally);
            let Some(stream) = link.stream.into_inner() else { return };
            tokio::spawn(async move {
                linger(stream, last).await;
                drop((guard, link.half_open));
            });
        }
    }

    fn reject(&mut self, message: Option<Vec<u8>>) {
        let Some(mut link) = self.offered.take() else { return };
        if let Some(message) = message {
            self.server.stats.count_if_notification(&message);
            link.outbox.send(message);
            self.part(link, true);
        }
    }

    fn up(&mut self, up: Up, at: Instant) {
        let Up { conn, negotiated, local_open, .. } = up;
        let Some(link) = &mut self.links[conn.index()] else { return };
        link.half_open = None;
        link.extended = negotiated.extended_message_rx;
        let (local, remote) = (link.local, link.remote);
        let profile = &self.setup.profile;
        // The send hold timer knows better what to say, but runs from when the kernel took
        // something last. For a peer that takes nothing and is told little that is far too late,
        // so the kernel gives it up by what was acknowledged last.
        let timeout = profile.session.send_hold.period(negotiated.hold_time);
        let timeout = timeout.map(|period| period + period / 4);
        let _ = sockopt::set_user_timeout(link.stream.socket(), timeout);
        let router_id = negotiated.peer_router_id;
        let role = profile.role_of(negotiated.peer_asn);
        let info = PeerInfo { addr: remote.ip(), router_id, role };
        let outlet = link.stream.outlet(Arc::clone(&self.setup.shared));
        let terms = Terms::new(&local_open, &negotiated, &profile.retention.limits);
        let profile = Arc::clone(profile);
        let profile = &*profile;
        let mut port = self.port_of(info, negotiated.peer_asn, &terms, at);
        port.set_outlet(outlet);
        let postponed = self.join_groups(&mut port, &negotiated, role, local.ip());
        let context = context(profile, &negotiated, role, local.ip());
        let source = source(profile, &negotiated, role, &context);
        let gate = Arc::clone(&self.server.fault_gate);
        let limits = &profile.intake.limit;
        let import = profile.import.clone();
        let intake = Intake::new(remote.ip(), gate, context, source, limits, import);
        let agreed = Agreed {
            asn: negotiated.peer_asn,
            router_id,
            role,
            hold_time: negotiated.hold_time,
            families: negotiated.families,
            graceful: negotiated.graceful.is_some(),
        };
        self.setup.shared.change(|detail| {
            detail.local = Some(local);
            detail.remote = Some(remote);
            detail.agreed = Some(agreed);
            detail.peer = Some(port.peer());
            detail.name = negotiated.peer_fqdn.clone();
        });
        // Who does not know graceful restart need not send End-of-RIB (RFC 4724 §2).
        self.setup.shared.set_heard(negotiated.graceful.is_none());
        SessionStats::count(&self.server.stats.established);
        tracing::info!(
            peer = %remote,
            asn = %agreed.asn,
            router_id = %router_id,
            %role,
            hold_time = %agreed.hold_time,
            families = ?agreed.families,
            "session up"
        );
        let enhanced_refresh = negotiated.enhanced_refresh;
        let offered = profile.session.capabilities.graceful.is_some();
        let graceful = offered && negotiated.graceful.is_some();
        let since = at;
        self.live = Some(Box::new(Live {
            conn,
            port,
            intake,
            enhanced_refresh,
            graceful,
            terms,
            since,
            negotiated,
            postponed,
            ended: false,
            asked: Default::default(),
        }));
    }

    /// Joins the groups of a session that is up; those that it is to join later come back.
    fn join_groups(
        &self,
        port: &mut PeerPort,
        negotiated: &Negotiated,
        role: PeerRole,
        local: IpAddr,
    ) -> Vec<Postponed> {
        let Setup { generation, key, profile, .. } = &self.setup;
        let ended = self.server.session_up(*generation, key.source, hello(negotiated, role));
        let mut postponed = Vec::new();
        for family in negotiated.families.iter() {
            let key = group_key(profile, negotiated, family, role, local);
            // Who does not know graceful restart has nothing of ours left to lose.
            if ended.contains(family) || negotiated.graceful.is_none() {
                port.join(key);
            } else {
                postponed.push(Postponed { key, refresh: None });
            }
        }
        self.server.startup.count_postponed(postponed.len());
        postponed
    }

    fn down(&mut self, down: &Down, at: Instant) {
        self.count_end(down, at);
        let reason = down.to_string();
        if let Some(mut live) = self.live.take() {
            // The port may outlive the connection.
            let _ = live.port.withdraw_outlet();
            SessionStats::count(&self.server.stats.ended);
            let up_for = at.since(live.since).as_secs();
            tracing::info!(peer = %self.setup.addr, %reason, up_for, "session down");
            self.keep_or_leave(*live, down, at);
            self.server.session_down(self.setup.generation);
        }
        self.setup.shared.change(|detail| {
            detail.local = None;
            detail.remote = None;
            detail.reason = reason;
        });
    }

    fn failed(&mut self, down: &Down, at: Instant) {
        self.count_end(down, at);
        let reason = down.to_string();
        tracing::info!(peer = %self.setup.addr, %reason, "session did not come up");
        self.setup.shared.change(|detail| detail.reason = reason);
    }

    /// Counts the peer's NOTIFICATION, and remembers who broke the protocol: the task of a dynamic
    /// neighbour ends with its session, and with it the machine that would keep it away.
    fn count_end(&self, down: &Down, at: Instant) {
        let stats = &self.server.stats;
        if let Some(notification) = &down.received {
            let n = notification_index(notification.code);
            SessionStats::count(&stats.notifications_received[n]);
        }
        if self.setup.dynamic && down.reason == DownReason::Protocol {
            self.server.admission().punish(at, self.setup.addr.ip());
        }
    }
}

/// What the selection deferral is told of a session.
fn hello(negotiated: &Negotiated, role: PeerRole) -> Hello {
    let graceful = negotiated.graceful.as_ref();
    Hello {
        families: negotiated.families,
        graceful: graceful.is_some(),
        restarting: graceful.is_some_and(|offer| offer.restarting),
        mate: role == PeerRole::NonClient,
    }
}

/// The update group of a session for one family: everything that decides which bytes it gets.
pub(super) fn group_key(
    profile: &Profile,
    negotiated: &Negotiated,
    family: Family,
    role: PeerRole,
    local: IpAddr,
) -> GroupKey {
    let message_len_max =
        if negotiated.extended_message_tx { MESSAGE_LEN_MAX_EXTENDED } else { MESSAGE_LEN_MAX };
    let is_external = !role.is_internal();
    let is_next_hop = match profile.next_hop {
        NextHopRule::Auto => is_external,
        NextHopRule::Own => true,
        NextHopRule::Keep => false,
    };
    GroupKey {
        family,
        role,
        cluster_id: profile.cluster_id,
        as4: negotiated.as4,
        message_len_max: u32::try_from(message_len_max).expect("at most 65,535"),
        external: is_external.then_some(ExternalKey { local_asn: profile.session.local_asn }),
        next_hop: is_next_hop.then_some(local),
        long_lived: match negotiated.long_lived {
            Some(_) => LongLivedExport::Told,
            None if role.is_internal() && profile.retention.tell_unaware => LongLivedExport::Least,
            None => LongLivedExport::Withheld,
        },
        no_llgr_on_hosts: profile.retention.no_llgr_on_hosts,
        policy: profile.export.clone(),
        paths: paths(profile, negotiated, family, role),
    }
}

/// Which paths of a prefix a session is told.
fn paths(profile: &Profile, negotiated: &Negotiated, family: Family, role: PeerRole) -> Paths {
    if negotiated.add_path_tx.contains(family) {
        // Both sides have said that there are identifiers, so there are, be it one path.
        let max = profile.paths.max.unwrap_or(NonZeroU8::MIN);
        let wanted = u8::try_from(negotiated.paths_limit[family.index()]).unwrap_or(u8::MAX);
        let max = NonZeroU8::new(wanted).map_or(max, |wanted| max.min(wanted));
        return Paths::several(profile.paths.mode, max);
    }
    if profile.paths.best_external && role == PeerRole::NonClient {
        return Paths::BestToldable;
    }
    Paths::Best
}

/// What of the peer decides what its routes become.
pub(super) fn source(
    profile: &Profile,
    negotiated: &Negotiated,
    role: PeerRole,
    context: &UpdateContext,
) -> Source {
    Source {
        router_id: negotiated.peer_router_id,
        external: !role.is_internal(),
        cluster: profile.cluster_id,
        local_router_id: profile.session.router_id,
        local_asn: profile.session.local_asn,
        // Inside the AS it is no loop (RFC 4271 section 9.1.2 is about routes from outside).
        own_as_allowed: profile.intake.own_as_allowed.filter(|_| !role.is_internal()),
        judged_by: Source::judged_by(context) ^ profile.clusters,
    }
}

/// What has to be known to read the session's UPDATEs.
pub(super) fn context(
    profile: &Profile,
    negotiated: &Negotiated,
    role: PeerRole,
    local: IpAddr,
) -> UpdateContext {
    let local_asn = profile.session.local_asn;
    let base = if role.is_internal() {
        UpdateContext::internal(local_asn)
    } else {
        UpdateContext::external(local_asn)
    };
    let rules = &profile.intake;
    let (local_v4, local_v6) = match local {
        IpAddr::V4(addr) => (Some(addr), None),
        IpAddr::V6(addr) => (None, Some(addr)),
    };
    UpdateContext {
        as4: negotiated.as4,
        families: negotiated.families,
        add_path: negotiated.add_path_rx,
        extended_next_hop: negotiated.extended_next_hop_rx,
        limits: rules.limits,
        discard: rules.discard,
        treat_as_withdraw: rules.withdraw,
        first_as: rules.first_as,
        local_v4,
        local_v6,
        // On a session over loopback everything is on this host.
        loopback_next_hop: rules.loopback_next_hop || local.is_loopback(),
        link_local_next_hop: rules.link_local_next_hop,
        ..base
    }
}
