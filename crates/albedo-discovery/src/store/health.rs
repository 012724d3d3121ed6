//! How a datastore is, and what a source tells.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use crate::calico::{Fault, Kind, Resource, Warning};

/// How a datastore is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether everything that has to be followed is being followed at this moment. If not, the
    /// cluster is the last one that was known.
    pub connected: bool,
    /// Whether every kind was listed once; before that nothing is published.
    pub synced: bool,
    /// Whether nothing is published because Calico says that the datastore is being moved
    /// (`ClusterInformation`, `datastoreReady: false`).
    pub held: bool,
    /// When the source last told anything, heart-beats included.
    pub last_event: Option<Instant>,
    /// How often a list had to be made anew, as a watch could not go on where it had ended.
    pub resyncs: u64,
    /// Objects that were not taken because there were [`OBJECTS_MAX`](crate::calico::OBJECTS_MAX).
    pub refused: u64,
    /// What went wrong last, in words; it stays when it has been put right.
    pub last_error: Option<Arc<str>>,
    /// What is wrong now with files: which cannot be read, and documents of which it cannot be
    /// told what they are meant to be. At most [`FAULTS_MAX`](super::files::FAULTS_MAX).
    pub faults: Arc<[Arc<str>]>,
}

/// What a source tells the task that owns the cluster.
#[derive(Debug)]
pub(super) enum Event {
    /// There is such a resource.
    Put(Resource, Vec<Warning>),
    /// There is one that cannot be read.
    Rejected(Kind, Arc<str>, Fault),
    /// There is none of that name any more.
    Deleted(Kind, Arc<str>),
    /// All of that kind were told, good and bad; those that are not among these names are gone.
    Listed(Kind, BTreeSet<Arc<str>>),
}

/// Whether a datastore is being followed, as far as it was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Nothing came of it yet.
    #[default]
    Untried,
    /// Everything that has to be followed is.
    Followed,
    /// Something was lost, or could not be had. [`Health::last_error`] says why.
    Lost,
}

/// The health of a store, shared by its tasks.
#[derive(Debug)]
pub(super) struct Pulse {
    state: Mutex<State>,
    link: watch::Sender<Link>,
}

/// A way to the [`Health`] of a store; after the store's end it stays as it was.
#[derive(Clone, Debug)]
pub struct HealthReader(pub(super) Arc<Pulse>);

impl HealthReader {
    /// How the datastore is now.
    #[must_use]
    pub fn now(&self) -> Health {
        self.0.now()
    }

    /// The same as far as it is worth telling, as it changes; how it is already counts as a change.
    /// Who is slow misses what came between.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        let mut link = self.0.link.subscribe();
        link.mark_changed();
        link
    }
}

impl Default for HealthReader {
    /// That of a datastore of which nothing was heard.
    fn default() -> Self {
        Self(Arc::new(Pulse::new(1)))
    }
}

#[derive(Debug)]
struct State {
    health: Health,
    /// Connections that are up, one bit for each.
    up: u32,
    /// All of them.
    all: u32,
}

impl Pulse {
    pub(super) fn new(lanes: u32) -> Self {
        let all = 1_u32.checked_shl(lanes).unwrap_or(0).wrapping_sub(1);
        let state = Mutex::new(State { health: Health::default(), up: 0, all });
        Self { state, link: watch::Sender::default() }
    }

    pub(super) fn now(&self) -> Health {
        self.lock().health.clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.lock().health);
    }

    fn set_up(&self, lane: u32, up: bool) {
        let mut state = self.lock();
        let bit = 1 << lane;
        state.up = if up { state.up | bit } else { state.up & !bit };
        let connected = state.up == state.all;
        state.health.connected = connected;
        let link = match (connected, up) {
            (true, _) => Link::Followed,
            (false, false) => Link::Lost,
            // The others are to follow.
            (false, true) => return,
        };
        self.link.send_if_modified(|before| std::mem::replace(before, link) != link);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store is gone, so nobody listens: the source ends.
#[derive(Debug)]
pub(super) struct Closed;

/// Through which a source tells what it sees.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    events: mpsc::Sender<Event>,
    pulse: Arc<Pulse>,
}

impl Reporter {
    pub(super) fn new(events: mpsc::Sender<Event>, pulse: Arc<Pulse>) -> Self {
        Self { events, pulse }
    }

    pub(super) async fn tell(&self, event: Event) -> Result<(), Closed> {
        self.events.send(event).await.map_err(|_| Closed)
    }

    /// Something was heard, be it that nothing has changed.
    pub(super) fn heard(&self) {
        self.pulse.change(|health| health.last_event = Some(Instant::now()));
    }

    pub(super) fn up(&self, lane: u32) {
        self.pulse.set_up(lane, true);
    }

    pub(super) fn down(&self, lane: u32, why: &dyn fmt::Display) {
        // In this order, so that whoever is told of the loss finds the reason.
        self.complain(why);
        self.pulse.set_up(lane, false);
    }

    /// Something is wrong without the connection being lost.
    pub(super) fn complain(&self, why: &dyn fmt::Display) {
        let words = Arc::from(why.to_string());
        self.pulse.change(|health| health.last_error = Some(words));
    }

    pub(super) fn set_faults(&self, faults: Vec<Arc<str>>) {
        self.pulse.change(|health| health.faults = faults.into());
    }

    pub(super) fn resync(&self) {
        self.pulse.change(|health| health.resyncs += 1);
    }
}

#[cfg(test)]
mod tests;
