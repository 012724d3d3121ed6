//! Follows a Calico cluster: what its datastore says becomes sessions, the guard lets by what may
//! pass, and out comes a configuration.
//!
//! A datastore that is lost, a cluster in which we are no reflector, or one that cannot be
//! expanded changes nothing: what is in force stays.
//! At a start the last good cluster may be on the disk; then nobody waits for the datastore.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use albedo_config::{Calico, CalicoDatastore, Config, Secret};
use albedo_discovery::calico::Cluster;
use albedo_discovery::calico::expand::{Identity, Speaker, expand};
use albedo_discovery::calico::guard::{Alarm, Digest, Guard, Limits, Standing};
use albedo_discovery::calico::lint::lint;
use albedo_discovery::store::node_status::NodeStatuses;
use albedo_discovery::store::secrets::{Passwords, SecretRef, SecretWatch, Secrets};
use albedo_discovery::store::settings::{Datastore, Settings};
use albedo_discovery::store::{HealthReader, Link, Pace, Snapshot, Store, files, kubernetes};
use albedo_engine::clock::now;
use albedo_types::Instant;
use anyhow::{Context as _, Result};
use tokio::sync::{mpsc, watch};

use super::cache::Cache;
use super::node_status::Asker;
use super::overlay::{self, overlay};
use super::report::Shared;
use super::rules::Filters;
use super::verify::InForce;
use super::{identity, register};

/// Confirmations that wait to be looked at.
const CONFIRMATIONS_MAX: usize = 8;
/// Lines about the cluster that are logged in one life; the status has them all.
const TOLD_MAX: usize = 1_000;
/// Where the namespace of Secrets is said.
const NAMESPACE: &str = "NAMESPACE";
/// Where Calico has its Secrets if nothing is said.
const NAMESPACE_DEFAULT: &str = "kube-system";

/// What is known of the cluster.
#[derive(Debug)]
struct Known {
    cluster: Arc<Cluster>,
    /// Counts what the store has published; 0 is what was on the disk.
    revision: u64,
}

/// A cluster that is followed.
#[derive(Debug)]
pub(crate) struct Follower {
    /// What the file says.
    base: Config,
    calico: Calico,
    identity: Identity,
    namespace: Arc<str>,
    /// It is followed as long as this is there.
    _store: Store,
    health: HealthReader,
    link: watch::Receiver<Link>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    secrets: SecretWatch,
    passwords: watch::Receiver<Arc<Passwords>>,
    known: Option<Known>,
    guard: Guard,
    /// What is in force.
    speaker: Option<Arc<Speaker>>,
    /// The filters of sessions that are in force, for those that wait at the guard.
    filters: Filters,
    cache: Option<Cache>,
    /// What was handed out last.
    last: Option<Config>,
    /// What was said of the cluster already.
    told: BTreeSet<String>,
    confirmations: mpsc::Receiver<Digest>,
    shared: Arc<Shared>,
}

impl Follower {
    /// Begins to follow the cluster that a configuration names.
    ///
    /// # Errors
    ///
    /// The settings of the datastore are of no use, or nothing says who we are.
    pub(crate) async fn open(base: Config) -> Result<Self> {
        let calico = base.calico.clone().context("calico: the configuration has no such key")?;
        let identity = identity::here(&base, &calico)?;
        let pace = Pace { seed: crate::lifecycle::seed(), ..Pace::default() };
        let Opened { store, secrets, asker } = open(&calico, &identity, &pace).await?;
        let secrets = match &calico.secrets_folder {
            Some(folder) => Secrets::Directory(folder.clone()),
            None => secrets,
        };
        let secrets = SecretWatch::new(secrets, &pace);
        let namespace = std::env::var(NAMESPACE).ok().filter(|name| !name.is_empty());
        let (confirm, confirmations) = mpsc::channel(CONFIRMATIONS_MAX);
        let cache = calico.cache_file.as_deref().map(Cache::new);
        Ok(Self {
            namespace: namespace.as_deref().unwrap_or(NAMESPACE_DEFAULT).into(),
            snapshots: store.snapshots(),
            passwords: secrets.passwords(),
            shared: Arc::new(
                Shared::new(&identity, store.health_reader(), confirm).asked_by(asker),
            ),
            known: cache
                .as_ref()
                .and_then(Cache::read)
                .map(|cluster| Known { cluster: Arc::new(cluster), revision: 0 }),
            guard: Guard::new(),
            speaker: None,
            filters: BTreeMap::new(),
            base,
            calico,
            identity,
            health: store.health_reader(),
            link: store.health_reader().link(),
            _store: store,
            secrets,
            cache,
            last: None,
            told: BTreeSet::new(),
            confirmations,
        })
    }

    /// What others may ask about it.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Waits until there is something to begin with.
    pub(crate) async fn first(&mut self) -> Config {
        match self.settle_anew() {
            Some(config) => config,
            None => self.next().await,
        }
    }

    /// Waits for the next configuration; what was begun is not lost if it is not waited for.
    pub(crate) async fn next(&mut self) -> Config {
        loop {
            self.wait().await;
            if let Some(config) = self.settle_anew() {
                return config;
            }
        }
    }

    /// What is to be in force, if it is something else than before.
    fn settle_anew(&mut self) -> Option<Config> {
        let config = self.settle()?;
        let is_new = self.last.as_ref() != Some(&config);
        self.last = Some(config.clone());
        is_new.then_some(config)
    }

    /// Waits until there may be something new.
    async fn wait(&mut self) {
        let deadline = [self.guard.deadline(), self.cache_due()].into_iter().flatten().min();
        let due = async {
            match deadline {
                Some(at) => tokio::time::sleep(at.since(now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.snapshots.changed() => {
                if changed.is_err() {
                    // The store has ended, which it does not while it is followed.
                    std::future::pending::<()>().await;
                }
                self.take_snapshot();
            }
            changed = self.passwords.changed() => {
                if changed.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            Ok(()) = self.link.changed() => self.tell_link(),
            Some(digest) = self.confirmations.recv() => {
                let right = self.guard.confirm(digest);
                tracing::warn!(right, "a change of the cluster that was held back was confirmed");
            }
            () = due => {}
        }
    }

    fn tell_link(&mut self) {
        match *self.link.borrow_and_update() {
            Link::Untried => {}
            Link::Followed => tracing::info!("the datastore is followed"),
            Link::Lost => {
                let error = self.health.now().last_error.unwrap_or_default();
                tracing::warn!(%error, "the datastore is not followed; what is in force stays");
            }
        }
    }

    /// When the cluster can be written down that could not be so far.
    fn cache_due(&self) -> Option<Instant> {
        self.cache.as_ref()?.due()
    }

    fn take_snapshot(&mut self) {
        let Some(snapshot) = self.snapshots.borrow_and_update().clone() else { return };
        let odd = snapshot.warnings.values().flatten().map(ToString::to_string).collect();
        self.shared.change(|report| report.resource_warnings = odd);
        let cluster = Arc::new(snapshot.cluster.clone());
        self.known = Some(Known { cluster, revision: snapshot.revision });
    }

    /// Takes another file's settings.
    ///
    /// # Errors
    ///
    /// What cannot be changed while the cluster is followed.
    pub(crate) fn rebase(&mut self, base: Config) -> Result<Config> {
        let new = self.can_follow(&base)?;
        let before = (self.base.clone(), self.calico.clone());
        let identity = identity::here(&base, &new)?;
        (self.base, self.calico) = (base, new);
        self.identity = identity;
        let Some(config) = self.settle() else {
            (self.base, self.calico) = before;
            anyhow::bail!("calico: there is nothing to begin with yet");
        };
        self.last = Some(config.clone());
        Ok(config)
    }

    /// What another file's settings would come to, with what the cluster says now; nothing is
    /// taken.
    ///
    /// # Errors
    ///
    /// What cannot be changed while the cluster is followed.
    pub(crate) fn preview(&self, base: &Config) -> Result<Config> {
        let new = self.can_follow(base)?;
        let identity = identity::here(base, &new)?;
        let nothing = "calico: there is nothing to begin with yet";
        let known = self.known.as_ref().context(nothing)?;
        let speaker = self.speaker.as_ref().context(nothing)?;
        let node = identity::node_of(&identity);
        let secrets = self.read_secrets();
        let found = overlay(base, speaker, (&known.cluster, &self.filters), node, &secrets);
        Ok(found.config)
    }

    /// The cluster's part of another file's settings, if it is of the same cluster.
    fn can_follow(&self, base: &Config) -> Result<Calico> {
        let followed = |calico: &Calico| {
            (calico.datastore.clone(), calico.identity.clone(), calico.cache_file.clone())
        };
        let new = base.calico.clone().context("calico: to do without it needs a restart")?;
        anyhow::ensure!(
            followed(&new) == followed(&self.calico),
            "calico: another datastore, identity or cache needs a restart"
        );
        Ok(new)
    }

    /// Works out what is to be in force; `None` while nothing can be.
    fn settle(&mut self) -> Option<Config> {
        let known = self.known.as_ref()?;
        let proposed = match expand(&known.cluster, &self.identity) {
            Ok(speaker) => Some(speaker),
            Err(error) => {
                if self.shared.fail(&error.to_string()) {
                    tracing::warn!(%error, "the cluster gives no sessions; what is in force stays");
                }
                None
            }
        };
        if let Some(proposed) = proposed {
            let alarm = self.decide(&proposed);
            self.shared.succeed(alarm.clone());
            for reason in alarm.iter().flat_map(|alarm| &alarm.reasons) {
                self.say(reason, "a change of the cluster is held back");
            }
        }
        let known = self.known.as_ref()?;
        let speaker = self.speaker.as_ref()?;
        self.secrets.want(self.wanted(speaker));
        let secrets = self.read_secrets();
        let node = identity::node_of(&self.identity);
        let found = overlay(&self.base, speaker, (&known.cluster, &self.filters), node, &secrets);
        let lints = lint(&known.cluster, Some(&self.identity));
        self.shared
            .change(|report| report.tell(known.revision, &known.cluster, speaker, &found, &lints));
        self.shared.put_in_force(InForce {
            identity: self.identity.clone(),
            cluster: Arc::clone(&known.cluster),
            revision: known.revision,
            speaker: Arc::clone(speaker),
            held: found.held.clone(),
            ipam: self.calico.ipam,
        });
        match &mut self.cache {
            Some(cache) if self.guard.is_holding() => cache.flush(),
            Some(cache) => cache.write(known.revision, &known.cluster),
            None => {}
        }
        for (name, why) in &found.held {
            self.say(&format!("{name}: {why}"), "a session is held down");
        }
        for odd in found.warnings.iter().cloned().chain(lints.iter().map(ToString::to_string)) {
            self.say(&odd, "the cluster is odd");
        }
        Some(found.config)
    }

    /// Says something once.
    fn say(&mut self, what: &str, message: &'static str) {
        if self.told.len() < TOLD_MAX && self.told.insert(what.to_owned()) {
            tracing::warn!(what, "{message}");
        }
    }

    /// Puts in force what may be; what is held back, if something is.
    fn decide(&mut self, proposed: &Speaker) -> Option<Alarm> {
        let known = self.known.as_ref()?;
        let limits = self.limits();
        let current = self.speaker.as_deref().unwrap_or(proposed);
        let standing = Standing::of(&known.cluster);
        let decision = self.guard.offer(now(), current, proposed, &standing, &limits);
        let (in_force, alarm) = match decision {
            albedo_discovery::calico::guard::Decision::Apply(speaker) => (speaker, None),
            albedo_discovery::calico::guard::Decision::Hold { in_force, alarm } => {
                (in_force, Some(alarm))
            }
        };
        let names: BTreeSet<&Arc<str>> =
            in_force.sessions.iter().flat_map(|session| session.filters.iter()).collect();
        let filter = |name: &&Arc<str>| {
            let new = known.cluster.filters().get(*name);
            let found = new.or_else(|| self.filters.get(*name))?;
            Some(((*name).clone(), Arc::clone(found)))
        };
        self.filters = names.iter().filter_map(filter).collect();
        self.speaker = Some(Arc::new(in_force));
        alarm
    }

    fn limits(&self) -> Limits {
        let guard = &self.calico.guard;
        Limits {
            max_loss: guard.max_loss,
            // Nodes do come and go.
            max_gone: guard.max_loss.max(Limits::default().max_gone),
            min_loss: guard.min_loss as usize,
            // Without an end it waits for a confirmation.
            hold: guard.hold,
            ..Limits::default()
        }
    }

    fn wanted(&self, speaker: &Speaker) -> BTreeSet<SecretRef> {
        let keys = speaker.sessions.iter().filter_map(|session| session.password.as_ref());
        keys.map(|key| SecretRef {
            namespace: Arc::clone(&self.namespace),
            name: key.name.clone(),
            key: key.key.clone(),
        })
        .collect()
    }

    fn read_secrets(&self) -> overlay::Secrets {
        let passwords = self.passwords.borrow();
        let secret = |read: &Result<albedo_discovery::store::settings::Hidden, _>| match read {
            Ok(text) => Secret::from_octets(text.reveal().as_bytes()),
            Err(error) => {
                let error: &albedo_discovery::store::secrets::SecretError = error;
                Err(error.to_string())
            }
        };
        passwords
            .iter()
            .map(|(at, read)| ((at.name.clone(), at.key.clone()), secret(read)))
            .collect()
    }
}

/// A datastore.
struct Opened {
    store: Store,
    /// Where passwords are read, if nothing else is said.
    secrets: Secrets,
    /// Who may ask about our Node.
    asker: Option<Asker>,
}

/// Opens the datastore.
async fn open(calico: &Calico, identity: &Identity, pace: &Pace) -> Result<Opened> {
    let settings = match &calico.datastore {
        CalicoDatastore::Files(paths) => {
            let paths = paths.iter().map(|path| path.display().to_string()).collect();
            let sources = files::Sources { paths, recursive: false };
            let store = files::open(&sources, pace).context("calico.files")?;
            return Ok(Opened { store, secrets: Secrets::Nowhere, asker: None });
        }
        CalicoDatastore::ConfigFile(file) => find(Some(file)).context("calico.configFile")?,
        CalicoDatastore::Environment => find(None).context("calico")?,
    };
    if let (Some(said), Some(name)) = (&calico.register, identity::node_of(identity)) {
        let wanted = register::registration(name, said, |name| std::env::var(name).ok())?;
        register::begin(&settings, wanted)?;
    }
    let store = Store::open(&settings, pace).await.context("calico: the datastore")?;
    let secrets = match &settings.datastore {
        Datastore::Kubernetes(settings) => {
            Secrets::Kubernetes(kubernetes::Api::connect(settings).await.context("calico")?)
        }
        Datastore::Etcd(_) => Secrets::Nowhere,
    };
    let asker = match identity::node_of(identity) {
        Some(node) => {
            let statuses = NodeStatuses::open(&settings).await.context("calico")?;
            Some(Asker { statuses, node: node.into() })
        }
        None => None,
    };
    Ok(Opened { store, secrets, asker })
}

fn find(file: Option<&Path>) -> Result<Settings> {
    Ok(Settings::find(file, |name| std::env::var(name).ok())?)
}

#[cfg(test)]
mod tests;
