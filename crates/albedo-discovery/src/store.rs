//! Where the resources of a Calico cluster are kept: files, etcd, or Kubernetes.
//!
//! A [`Store`] follows one of them.
//! What the source sends goes through one bounded queue to one task, which owns the [`Cluster`],
//! gathers changes for a moment and publishes the whole as a [`Snapshot`].
//! Nothing is published before every kind was listed once, because half of a cluster looks like
//! one whose other half was deleted.
//! A datastore that is lost changes nothing but the [`Health`]: the last cluster stays.

mod backoff;
pub mod etcd;
pub mod files;
mod health;
mod http;
mod keeper;
pub mod kubernetes;
pub mod node_status;
pub mod secrets;
pub mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::calico::{Cluster, Kind, Warning};
pub use health::{Health, HealthReader, Link};
use health::{Pulse, Reporter};
use settings::{Datastore, Settings};

/// Events between a source and the task that owns the cluster, at most; a source that is ahead of
/// it by so many stops reading.
pub const EVENTS_MAX: usize = 4_096;

/// Objects whose warnings are kept, at most; those of others are left out.
pub const WARNED_MAX: usize = 10_000;

/// Warnings by kind and name.
pub type Warnings = BTreeMap<(Kind, Arc<str>), Vec<Warning>>;

/// The cluster at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The resources.
    pub cluster: Cluster,
    /// What is odd about resources that were taken all the same.
    pub warnings: Arc<Warnings>,
    /// Counts the snapshots of this store, from 1.
    pub revision: u64,
    /// How the datastore was when it was published; [`Store::health`] has how it is now.
    pub health: Health,
}

/// How fast a store does things.
#[derive(Clone, Debug)]
pub struct Pace {
    /// A snapshot is published when nothing has changed for so long.
    pub quiet: Duration,
    /// A snapshot is published when something has been waiting for so long, even if changes go on.
    pub quiet_max: Duration,
    /// The pause before the first further attempt at something that failed.
    pub retry_first: Duration,
    /// The longest pause; each is twice the one before, less a random part of up to a half.
    pub retry_max: Duration,
    /// How often files are looked at.
    pub poll: Duration,
    /// How often it is looked whether a kind that the API server does not know has come.
    pub absent: Duration,
    /// How long the API server is asked to go on with one watch; up to a half is added at random.
    pub watch: Duration,
    /// How often etcd is asked whether it is still there and has a leader.
    pub probe: Duration,
    /// How often secrets are read again.
    pub secrets: Duration,
    /// What the random parts are made from.
    pub seed: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(100),
            quiet_max: Duration::from_secs(1),
            retry_first: Duration::from_millis(250),
            retry_max: Duration::from_secs(30),
            poll: Duration::from_secs(2),
            absent: Duration::from_secs(60),
            watch: Duration::from_secs(240),
            probe: Duration::from_secs(30),
            secrets: Duration::from_secs(60),
            seed: 0,
        }
    }
}

/// Why a store could not be opened: its settings, or what they name, are of no use.
///
/// A datastore that cannot be reached is no such error but a matter of [`Health`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub(crate) String);

/// A datastore that is being followed, until this is dropped.
#[derive(Debug)]
pub struct Store {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    pulse: Arc<Pulse>,
    _tasks: JoinSet<()>,
}

impl Store {
    /// Follows the datastore that the settings name.
    ///
    /// It must be called inside a runtime of tokio, whose tasks do the work.
    ///
    /// # Errors
    ///
    /// If a certificate, a key or a kubeconfig cannot be read.
    pub async fn open(settings: &Settings, pace: &Pace) -> Result<Self, OpenError> {
        match &settings.datastore {
            Datastore::Etcd(settings) => etcd::open(settings, pace),
            Datastore::Kubernetes(settings) => kubernetes::open(settings, pace).await,
        }
    }

    /// Snapshots as they come; `None` until every kind was listed once. Who is slow misses those
    /// in between.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.snapshots.clone()
    }

    /// The newest snapshot, if there was one.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshots.borrow().clone()
    }

    /// How the datastore is now.
    #[must_use]
    pub fn health(&self) -> Health {
        self.pulse.now()
    }

    /// For whoever asks how the datastore is without having the store.
    #[must_use]
    pub fn health_reader(&self) -> HealthReader {
        HealthReader(self.pulse.clone())
    }

    /// Starts the task that owns the cluster, and one with the source, given by what it is to be
    /// told and how many connections (or the like) it keeps up.
    fn start<F: Future<Output = ()> + Send + 'static>(
        pace: &Pace,
        lanes: u32,
        source: impl FnOnce(Reporter) -> F,
    ) -> Self {
        let pulse = Arc::new(Pulse::new(lanes));
        let (events, queue) = mpsc::channel(EVENTS_MAX);
        let (publish, snapshots) = watch::channel(None);
        let mut tasks = JoinSet::new();
        tasks.spawn(keeper::keep(queue, publish, pulse.clone(), pace.clone()));
        tasks.spawn(source(Reporter::new(events, pulse.clone())));
        Self { snapshots, pulse, _tasks: tasks }
    }
}
