//! The server: listeners, one task for each peer, and the settings they follow.
//!
//! Locks are held for look-ups only, never across an await, and always in the order registry,
//! admission.
//! Connections of a peer that is known go to its running task, which decides about collisions;
//! the others get a task if admission lets them in.
//!
//! RFC 4271 §6.7 (Cease) and §8.1.2 (start and stop of peers).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use albedo_engine::clock::now;
use albedo_engine::{EngineHandle, PeerPort};
use albedo_wire::frame::MessageType;
use albedo_wire::notification::Notification;
use albedo_wire::notification::codes::cease;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::admission::{Admission, Owner, Refusal, Source};
use crate::commands;
use crate::config::{Group, Peer, Profile, Settings};
use crate::dialler::{self, DIALS_MAX};
use crate::drain::Parking;
use crate::driver::{Driver, Setup};
use crate::guards::{Seat, TaskGuard, Tasks};
use crate::inherited::Inherited;
use crate::intake::FaultGate;
use crate::listener;
use crate::registry::{
    COMMANDS_MAX, Incoming, Local, MaybeSeat, Origin, Place, Refused, SessionKey, Slot, StopReason,
    plan,
};
use crate::sockopt::SocketError;
use crate::startup::{self, DeferralStatus, Restart, Startup};
use crate::stats::{SessionStats, Tally, Traffic};
use crate::status::{Detail, PeerShared, PeerStatus};

mod listening;

use listening::Listening;

/// What a reload did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Peers that were started.
    pub started: usize,
    /// Sessions that were ended.
    pub stopped: usize,
    /// Sessions that went on with other settings.
    pub changed: usize,
    /// Sessions that went on undisturbed.
    pub untouched: usize,
}

/// How a server that stops takes leave of its peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// For good: everybody gets a Cease (RFC 4486), with a word to the other operator (RFC 9003).
    Shutdown {
        /// The word; may be empty.
        text: String,
    },
    /// To come back soon: who agreed on graceful restart is left without a word and keeps our
    /// routes for a while (RFC 4724 §4.2); the others get a Cease.
    Restart,
}

/// The sessions of a reflector.
#[derive(Clone, Debug)]
pub struct Server(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: EngineHandle,
    pub(crate) stats: Arc<SessionStats>,
    pub(crate) fault_gate: Arc<FaultGate>,
    refusal_gate: FaultGate,
    admission: Mutex<Admission>,
    registry: Mutex<Registry>,
    pub(crate) tasks: Tasks,
    pub(crate) startup: Startup,
    /// Outgoing connections that may be made.
    pub(crate) dials: Arc<Semaphore>,
    /// Whose ports go to `parked` when their sessions end: a [`Parking`](crate::drain::Parking).
    pub(crate) parking: AtomicU8,
    /// Ports of sessions that have ended while those of others are still to end: nobody is to be
    /// told of it. As many as there are sessions.
    pub(crate) parked: Mutex<Vec<PeerPort>>,
}

#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) settings: Arc<Settings>,
    pub(crate) slots: HashMap<SessionKey, Slot>,
    listeners: HashMap<SocketAddr, Listening>,
    /// Sockets that were open before the program and are not listened to yet.
    inherited: Inherited,
    /// What runs beside the sessions: the start, the dialler.
    beside: Vec<AbortHandle>,
    next_generation: u64,
    pub(crate) stopping: bool,
    /// Whether only other reflectors are let in.
    pub(crate) draining: bool,
}

pub(crate) const POISON: &str = "nothing panics while it holds this lock";

impl Server {
    /// Binds the listeners and starts the configured peers; needs a runtime to run in.
    ///
    /// # Errors
    ///
    /// An address cannot be bound or an option is refused; then nothing is left running.
    pub fn start(settings: Settings, engine: EngineHandle) -> Result<Self, SocketError> {
        Self::start_again(settings, engine, Restart::default())
    }

    /// The same, with what is known of the last life.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start_again(
        settings: Settings,
        engine: EngineHandle,
        restart: Restart,
    ) -> Result<Self, SocketError> {
        Self::start_with(settings, engine, restart, Inherited::default())
    }

    /// The same, with sockets that were open before.
    ///
    /// # Errors
    ///
    /// As [`Server::start`], and a socket that the settings do not listen on.
    pub fn start_with(
        settings: Settings,
        engine: EngineHandle,
        restart: Restart,
        inherited: Inherited,
    ) -> Result<Self, SocketError> {
        inherited.check(&settings.listen)?;
        let admission = Admission::new(settings.limits, [], Vec::new());
        let registry = Registry {
            settings: Arc::default(),
            slots: HashMap::new(),
            listeners: HashMap::new(),
            inherited,
            beside: Vec::new(),
            next_generation: 0,
            stopping: false,
            draining: false,
        };
        let server = Self(Arc::new(Inner {
            engine,
            stats: Arc::default(),
            fault_gate: Arc::default(),
            refusal_gate: FaultGate::default(),
            admission: Mutex::new(admission),
            registry: Mutex::new(registry),
            tasks: Tasks::default(),
            startup: Startup::new(&restart),
            dials: Arc::new(Semaphore::new(DIALS_MAX)),
            parking: AtomicU8::default(),
            parked: Mutex::default(),
        }));
        server.apply(settings)?;
        let inner = &server.0;
        let mut registry = inner.registry();
        if !inner.startup.is_over() {
            registry.beside.push(tokio::spawn(startup::run(Arc::clone(inner))).abort_handle());
        }
        if !restart.dial.is_empty() {
            let dialler = tokio::spawn(dialler::run(Arc::clone(inner), restart.dial));
            registry.beside.push(dialler.abort_handle());
        }
        drop(registry);
        Ok(server)
    }

    /// Takes new settings, all or nothing, and touches only sessions whose own settings changed.
    ///
    /// # Errors
    ///
    /// A new address cannot be bound or a key is refused; then everything stays as it was.
    pub fn apply(&self, settings: Settings) -> Result<Applied, SocketError> {
        let inner = &self.0;
        let mut registry = inner.registry();
        if registry.stopping {
            return Ok(Applied::default());
        }
        let fresh = registry.bind(&settings)?;
        if let Err(error) = registry.set_keys(&settings) {
            let old = Arc::clone(&registry.settings);
            // What was in force a moment ago fits.
            let _ = registry.set_keys(&old);
            return Err(error);
        }
        // From here on nothing can fail.
        let settings = Arc::new(settings);
        registry.settings = Arc::clone(&settings);
        {
            let mut admission = inner.admission();
            admission.replace_rules(settings.limits, settings.sources(), settings.ranges());
            // Whoever had too many routes may find another limit.
            admission.unbar(None);
        }
        let mut plan = plan(&registry.slots, &settings);
        plan.start.retain(|n| registry.lets_in(settings.peers[*n].profile.role));
        let applied = Applied {
            started: plan.start.len(),
            stopped: plan.stop.len(),
            changed: plan.changed,
            untouched: plan.keep.len() - plan.changed,
        };
        for (key, subcode) in plan.stop {
            if let Some(slot) = registry.slots.remove(&key) {
                slot.stop(StopReason::cease(subcode, ""));
            }
        }
        for (key, place) in plan.keep {
            if let Some(slot) = registry.slots.get_mut(&key) {
                let profile = relabel(slot, place, &settings);
                if *profile != *slot.profile {
                    slot.change(&profile);
                }
            }
        }
        for n in plan.start {
            inner.start_configured(&mut registry, &settings.peers[n]);
        }
        registry.listeners.retain(|addr, _| settings.listen.contains(addr));
        for (addr, listener, keys) in fresh {
            let task = tokio::spawn(listener::run(Arc::clone(&listener), Arc::clone(inner)));
            let task = task.abort_handle();
            registry.listeners.insert(addr, Listening { listener, task, keys });
        }
        Ok(applied)
    }

    /// What each peer is doing, by address.
    #[must_use]
    pub fn snapshot(&self) -> Vec<PeerStatus> {
        let registry = self.0.registry();
        let mut peers: Vec<PeerStatus> = registry.slots.iter().map(status).collect();
        drop(registry);
        peers.sort_by_key(|peer| (peer.addr.ip(), peer.addr.port()));
        peers
    }

    /// How the selection deferral after the start stands.
    #[must_use]
    pub fn deferral(&self) -> DeferralStatus {
        self.0.startup.status()
    }

    /// The counters of all sessions.
    #[must_use]
    pub fn stats(&self) -> &Arc<SessionStats> {
        &self.0.stats
    }

    /// The addresses that are listened on, with the ports that were chosen where 0 was asked for.
    #[must_use]
    pub fn listening(&self) -> Vec<SocketAddr> {
        let registry = self.0.registry();
        let local = |listening: &Listening| listening.listener.local_addr().ok();
        registry.listeners.values().filter_map(local).collect()
    }

    /// Ends the session with a peer and, if it is configured, lets it begin anew.
    /// Whether there was one.
    pub fn reset(&self, peer: IpAddr, text: &str) -> bool {
        let inner = &self.0;
        let mut registry = inner.registry();
        inner.admission().unbar(Some(peer));
        let keys: Vec<SessionKey> =
            registry.slots.keys().filter(|key| key.source.ip == peer).copied().collect();
        for key in &keys {
            let Some(slot) = registry.slots.remove(key) else { continue };
            let origin = slot.origin;
            slot.stop(StopReason::cease(cease::RESET, text));
            let settings = Arc::clone(&registry.settings);
            if origin == Origin::Configured
                && let Some(peer) =
                    settings.peers.iter().find(|peer| SessionKey::configured(peer.source()) == *key)
                && registry.lets_in(peer.profile.role)
            {
                inner.start_configured(&mut registry, peer);
            }
        }
        !keys.is_empty()
    }

    /// Lets nobody in any more; from here on nobody is told that others go.
    pub fn stop_accepting(&self) {
        let mut registry = self.0.registry();
        registry.stopping = true;
        registry.listeners.clear();
        for task in registry.beside.drain(..) {
            task.abort();
        }
        drop(registry);
        self.0.park(Parking::Everybody);
    }

    /// Stops accepting, ends every session, and waits until all are gone, for at most `patience`.
    /// Whether all were gone.
    ///
    /// The shards hear of it only then: whose session ends last is not told that the routes of the
    /// others are gone, because they are not.
    pub async fn stop(&self, farewell: &Farewell, patience: Duration) -> bool {
        let (text, leave) = match farewell {
            Farewell::Shutdown { text } => (text.as_str(), false),
            Farewell::Restart => ("", true),
        };
        self.stop_accepting();
        for (_, slot) in self.0.registry().slots.drain() {
            slot.stop(StopReason { leave, ..StopReason::cease(cease::SHUTDOWN, text) });
        }
        let gone = tokio::time::timeout(patience, self.0.tasks.all_gone()).await.is_ok();
        if gone {
            self.0.park(Parking::Nobody);
        }
        gone
    }
}

impl Inner {
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().expect(POISON)
    }

    /// Tells every session that the deferral of a family has ended.
    pub(crate) fn release(&self) {
        self.registry().slots.values().for_each(Slot::release);
    }

    pub(crate) fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().expect(POISON)
    }

    /// A guard for a task that a stop has to wait for.
    pub(crate) fn task(self: &Arc<Self>) -> TaskGuard {
        TaskGuard::new(self)
    }

    /// Lets a connection in: to the peer's task, or to a new one.
    ///
    /// # Errors
    ///
    /// The reason to close it; the connection is sent back if the peer is one we know, so that it
    /// can be told.
    pub(crate) fn admit(self: &Arc<Self>, incoming: Box<Incoming>) -> Result<(), Refused> {
        let source = Source::of(incoming.remote);
        // Asked while the settings cannot change: the answer is a place in them.
        let mut registry = self.registry();
        if registry.stopping {
            return Err((Refusal::Stopping, incoming));
        }
        let owner = match self.admission().owner(source, incoming.local.ip()) {
            Ok(owner) => owner,
            Err(refusal) => return Err((refusal, incoming)),
        };
        let settings = Arc::clone(&registry.settings);
        match owner {
            Owner::Peer(n) => {
                let Some(peer) = settings.peers.get(n) else {
                    return Err((Refusal::UnknownSource, incoming));
                };
                if !registry.lets_in(peer.profile.role) {
                    return Err((Refusal::Stopping, incoming));
                }
                match registry.slots.get(&SessionKey::configured(peer.source())) {
                    Some(slot) => slot.offer(incoming),
                    None => Err((Refusal::UnknownSource, incoming)),
                }
            }
            Owner::Range(range) => {
                let key = SessionKey::dynamic(source, incoming.local);
                if let Some(slot) = registry.slots.get(&key) {
                    return slot.offer(incoming);
                }
                let Some(group) = settings.groups.get(range.group) else {
                    return Err((Refusal::UnknownSource, incoming));
                };
                if !registry.lets_in(group.profile.role) {
                    return Err((Refusal::Stopping, incoming));
                }
                if let Err(refusal) = self.admission().take_seat(range) {
                    return Err((refusal, incoming));
                }
                let seat = Seat::taken(self, range.prefix);
                self.start_dynamic(&mut registry, key, group, seat, incoming);
                Ok(())
            }
        }
    }

    fn start_configured(self: &Arc<Self>, registry: &mut Registry, peer: &Peer) {
        let detail = Detail {
            group: Arc::clone(&peer.group),
            configured_name: peer.name.clone(),
            description: peer.description.clone(),
            ..Detail::default()
        };
        let key = SessionKey::configured(peer.source());
        let profile = Arc::clone(&peer.profile);
        self.spawn(registry, key, peer.addr, Origin::Configured, profile, detail, None, None);
    }

    fn start_dynamic(
        self: &Arc<Self>,
        registry: &mut Registry,
        key: SessionKey,
        group: &Group,
        seat: Seat,
        incoming: Box<Incoming>,
    ) {
        let detail = Detail { group: Arc::clone(&group.name), ..Detail::default() };
        let profile = Arc::clone(&group.profile);
        let (addr, origin) = (incoming.remote, Origin::Range(seat.range()));
        self.spawn(registry, key, addr, origin, profile, detail, Some(seat), None);
        if let Some(slot) = registry.slots.get(&key)
            && slot.offer(incoming).is_err()
        {
            unreachable!("a new task has room for its first connection");
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of what a peer's task begins with")]
    pub(crate) fn spawn(
        self: &Arc<Self>,
        registry: &mut Registry,
        key: SessionKey,
        addr: SocketAddr,
        origin: Origin,
        profile: Arc<Profile>,
        detail: Detail,
        seat: MaybeSeat,
        dial_from: Option<IpAddr>,
    ) {
        let (sender, commands) = commands::channel(COMMANDS_MAX);
        let generation = registry.next_generation;
        registry.next_generation += 1;
        let shared = Arc::new(PeerShared::new(Arc::clone(&self.stats), detail, now()));
        let setup = Setup {
            key,
            addr,
            dynamic: matches!(origin, Origin::Range(_)),
            generation,
            profile: Arc::clone(&profile),
            shared: Arc::clone(&shared),
            commands,
            seat,
            dial_from,
        };
        let slot = Slot { commands: sender, shared, profile, origin, addr, generation };
        registry.slots.insert(key, slot);
        let guard = self.task();
        tokio::spawn(Driver::new(Arc::clone(self), setup).run(guard));
    }

    /// A task ends by itself; what still comes in for the peer begins anew.
    pub(crate) fn forget(&self, key: &SessionKey, generation: u64) {
        let mut registry = self.registry();
        if registry.slots.get(key).is_some_and(|slot| slot.generation == generation) {
            registry.slots.remove(key);
        }
    }

    /// Counts a connection that is not let in; who is known is told why, as far as one write goes.
    pub(crate) fn refuse(&self, refusal: Refusal, stream: &TcpStream, peer: SocketAddr) {
        self.stats.refuse(&refusal);
        // Whoever is sent away may come again at once, and so may a whole cluster.
        if self.refusal_gate.pass(now()) {
            tracing::info!(%peer, %refusal, "connection refused");
        } else {
            tracing::debug!(%peer, %refusal, "connection refused");
        }
        if let Some(subcode) = listener::cease_of(&refusal) {
            let message = Notification::cease(subcode).encode();
            // Straight to the socket: the runtime does not know yet that it can be written to.
            if SockRef::from(stream).send(&message).is_ok_and(|sent| sent == message.len()) {
                self.stats.count_if_notification(&message);
                let mut tally = Tally::default();
                tally.sent(MessageType::Notification, 1);
                tally.bytes_sent(message.len());
                tally.settle(&self.stats.traffic, &Traffic::default());
            }
        }
    }
}

/// Notes what is only shown; the settings that the session has from now on.
fn relabel(slot: &mut Slot, place: Place, settings: &Settings) -> Arc<Profile> {
    let (group, name, description, profile) = match place {
        Place::Peer(n) => {
            let Peer { group, name, description, profile, .. } = &settings.peers[n];
            (group, name.clone(), description.clone(), profile)
        }
        Place::Group(n, prefix) => {
            slot.origin = Origin::Range(prefix);
            (&settings.groups[n].name, None, None, &settings.groups[n].profile)
        }
    };
    slot.shared.change(|detail| {
        detail.group = Arc::clone(group);
        detail.configured_name = name;
        detail.description = description;
    });
    Arc::clone(profile)
}

fn status((key, slot): (&SessionKey, &Slot)) -> PeerStatus {
    let (profile, detail) = (&slot.profile, slot.shared.detail());
    let listener = match key.local {
        Local::Listener(at) => Some(at),
        Local::Address(_) | Local::Any => None,
    };
    PeerStatus {
        addr: slot.addr,
        dynamic: matches!(slot.origin, Origin::Range(_)),
        listener,
        role: detail.agreed.map_or(profile.role, |agreed| agreed.role),
        state: slot.shared.state(),
        since: slot.shared.since(),
        has_policy: [profile.import.is_some(), profile.export.is_some()],
        established: slot.shared.established(),
        detail,
        shared: Arc::clone(&slot.shared),
    }
}
