//! What anybody may know of a peer: shared between its task and whoever asks.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use albedo_types::{Asn, Family, FamilySet, HoldTime, Instant, PeerId, PeerRole, RouterId};

use crate::stats::{STATES, SessionStats, Tally, Traffic};

/// A peer's state, written by its task and read by others.
#[derive(Debug)]
pub struct PeerShared {
    state: AtomicU8,
    since_nanos: AtomicU64,
    established: AtomicU64,
    heard: AtomicBool,
    /// Messages and bytes.
    pub traffic: Traffic,
    detail: Mutex<Detail>,
    all: Arc<SessionStats>,
}

/// What changes only when a session goes up or down.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    /// Group.
    pub group: Arc<str>,
    /// What the configuration calls it where protocols have names.
    pub configured_name: Option<Arc<str>>,
    /// What people call the peer.
    pub description: Option<Arc<str>>,
    /// Our end of the connection, while the session is up.
    pub local: Option<SocketAddr>,
    /// The peer's end of it.
    pub remote: Option<SocketAddr>,
    /// The peer's name from the FQDN capability.
    pub name: Option<String>,
    /// What the last OPENs agreed on.
    pub agreed: Option<Agreed>,
    /// The engine's index of the peer, while it is up or its routes are kept.
    pub peer: Option<PeerId>,
    /// What is kept of the last session, by family.
    pub retained: [Option<Retained>; Family::COUNT],
    /// Why the last session ended, in words; empty if none did.
    pub reason: String,
}

/// What is kept of a lost session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// `restarting`, `longLived`, or, once there is a session again, `resyncing`.
    pub phase: &'static str,
    /// When that ends, whatever comes.
    pub until: Option<Instant>,
}

/// What two OPENs agreed on, as far as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The peer's AS.
    pub asn: Asn,
    /// The peer's BGP identifier.
    pub router_id: RouterId,
    /// What the peer is to the reflector.
    pub role: PeerRole,
    /// Hold time.
    pub hold_time: HoldTime,
    /// Families.
    pub families: FamilySet,
    /// Whether the peer knows graceful restart, and so may keep our routes.
    pub graceful: bool,
}

/// A copy of a peer's state.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// The peer's address.
    pub addr: SocketAddr,
    /// Whether it is a dynamic neighbour.
    pub dynamic: bool,
    /// The listener that a dynamic neighbour came to.
    pub listener: Option<SocketAddr>,
    /// What it is to the reflector.
    pub role: PeerRole,
    /// State, an index into [`STATES`].
    pub state: usize,
    /// When the state was entered.
    pub since: Instant,
    /// Whether there is an import policy, and an export policy.
    pub has_policy: [bool; 2],
    /// How often the session became Established.
    pub established: u64,
    /// What changes with sessions.
    pub detail: Detail,
    /// Its counters.
    pub shared: Arc<PeerShared>,
}

impl PeerStatus {
    /// Whether the session is up.
    #[must_use]
    pub const fn is_established(&self) -> bool {
        self.state == STATES.len() - 1
    }

    /// The state's name.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        STATES[self.state]
    }
}

impl PeerShared {
    pub(crate) fn new(all: Arc<SessionStats>, detail: Detail, now: Instant) -> Self {
        Self {
            state: AtomicU8::new(0),
            since_nanos: AtomicU64::new(now.as_nanos()),
            established: AtomicU64::new(0),
            heard: AtomicBool::new(false),
            traffic: Traffic::default(),
            detail: Mutex::new(detail),
            all,
        }
    }

    /// One that no task writes to, for tests of whoever shows peers.
    #[must_use]
    pub fn for_tests(all: Arc<SessionStats>, detail: Detail) -> Arc<Self> {
        Arc::new(Self::new(all, detail, Instant::ZERO))
    }

    /// Notes the state; an index into [`STATES`].
    pub(crate) fn enter(&self, state: usize, now: Instant) {
        let new = u8::try_from(state).expect("six states");
        let old = usize::from(self.state.swap(new, Ordering::Relaxed));
        if old != state {
            self.since_nanos.store(now.as_nanos(), Ordering::Relaxed);
            self.all.moved(Some(old), Some(state));
            if state == STATES.len() - 1 {
                self.established.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts for the peer and for all.
    pub(crate) fn count(&self, tally: &mut Tally) {
        tally.settle(&self.traffic, &self.all.traffic);
    }

    /// Changes what is shown.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Detail)) {
        change(&mut self.detail.lock().expect("no panic while held"));
    }

    /// The state, an index into [`STATES`].
    #[must_use]
    pub fn state(&self) -> usize {
        usize::from(self.state.load(Ordering::Relaxed))
    }

    /// Since when it has been in that state.
    #[must_use]
    pub fn since(&self) -> Instant {
        Instant::from_nanos(self.since_nanos.load(Ordering::Relaxed))
    }

    /// How often it became Established.
    #[must_use]
    pub fn established(&self) -> u64 {
        self.established.load(Ordering::Relaxed)
    }

    /// Notes whether the peer has told everything it has.
    pub(crate) fn set_heard(&self, heard: bool) {
        self.heard.store(heard, Ordering::Relaxed);
    }

    /// Whether the session is up and the peer has told everything it has: its End-of-RIB of every
    /// family has come, or it does not send any.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.state() == STATES.len() - 1 && self.heard.load(Ordering::Relaxed)
    }

    /// A copy of what changes with sessions.
    #[must_use]
    pub fn detail(&self) -> Detail {
        self.detail.lock().expect("no panic while held").clone()
    }
}

/// Held by a peer's task: while there is one, the peer counts among those of its state.
#[derive(Debug)]
pub(crate) struct Present(Arc<PeerShared>);

impl Present {
    /// The peer is there from now on.
    pub(crate) fn new(shared: &Arc<PeerShared>) -> Self {
        shared.all.moved(None, Some(shared.state()));
        Self(Arc::clone(shared))
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.all.moved(Some(self.0.state()), None);
    }
}
