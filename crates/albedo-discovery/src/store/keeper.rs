//! The task that owns the cluster: it takes events in and publishes snapshots.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::health::{Event, Pulse};
use super::{EVENTS_MAX, Pace, Snapshot, WARNED_MAX, Warnings};
use crate::calico::{Change, Cluster, Kind, OBJECTS_MAX, Resource, Warning};

/// Takes events in until the source or all who look at the snapshots are gone.
pub(super) async fn keep(
    mut queue: mpsc::Receiver<Event>,
    publish: watch::Sender<Option<Arc<Snapshot>>>,
    pulse: Arc<Pulse>,
    pace: Pace,
) {
    let mut keeper = Keeper::new(pulse, pace);
    let mut batch = Vec::new();
    loop {
        let due = keeper.due();
        tokio::select! {
            // A snapshot that is due goes out even if events never cease.
            biased;
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if let Some(snapshot) = keeper.snapshot() {
                    publish.send_replace(Some(Arc::new(snapshot)));
                }
            }
            count = queue.recv_many(&mut batch, EVENTS_MAX) => {
                if count == 0 {
                    return;
                }
                for event in batch.drain(..) {
                    keeper.take(event);
                }
            }
            () = publish.closed() => return,
        }
    }
}

struct Keeper {
    cluster: Cluster,
    warnings: Arc<Warnings>,
    pulse: Arc<Pulse>,
    pace: Pace,
    /// Kinds that were not listed yet.
    missing: BTreeSet<Kind>,
    /// When the first and the last change came that were not published.
    changed: Option<(Instant, Instant)>,
    revision: u64,
}

impl Keeper {
    fn new(pulse: Arc<Pulse>, pace: Pace) -> Self {
        let missing = Kind::ALL.into_iter().collect();
        let cluster = Cluster::new();
        let warnings = Arc::default();
        Self { cluster, warnings, pulse, pace, missing, changed: None, revision: 0 }
    }

    fn take(&mut self, event: Event) {
        let change = match event {
            Event::Put(resource, warnings) => self.put(resource, warnings),
            Event::Rejected(kind, name, fault) => self.cluster.reject(kind, &name, fault),
            Event::Deleted(kind, name) => self.remove(kind, &name),
            Event::Listed(kind, names) => self.listed(kind, &names),
        };
        match change {
            Change::Unchanged => {}
            Change::Refused => self.pulse.change(|health| {
                health.refused += 1;
                let words =
                    format!("there are more than {OBJECTS_MAX} objects; others are left out");
                health.last_error = Some(words.into());
            }),
            Change::Added | Change::Changed | Change::Removed => {
                let now = Instant::now();
                let first = self.changed.map_or(now, |(first, _)| first);
                self.changed = Some((first, now));
            }
        }
    }

    fn put(&mut self, resource: Resource, warnings: Vec<Warning>) -> Change {
        let key = (resource.kind(), resource.name().clone());
        let change = self.cluster.apply(resource);
        if change == Change::Refused {
            return change;
        }
        let before = self.warnings.get(&key).map_or(&[][..], Vec::as_slice);
        if before == warnings {
            return change;
        }
        let all = Arc::make_mut(&mut self.warnings);
        if warnings.is_empty() {
            all.remove(&key);
        } else if all.len() < WARNED_MAX || all.contains_key(&key) {
            all.insert(key, warnings);
        } else {
            return change;
        }
        if change == Change::Unchanged { Change::Changed } else { change }
    }

    fn remove(&mut self, kind: Kind, name: &Arc<str>) -> Change {
        let key = (kind, name.clone());
        if self.warnings.contains_key(&key) {
            Arc::make_mut(&mut self.warnings).remove(&key);
        }
        self.cluster.remove(kind, name)
    }

    fn listed(&mut self, kind: Kind, names: &BTreeSet<Arc<str>>) -> Change {
        let mut change = Change::Unchanged;
        for name in self.cluster.names(kind) {
            if !names.contains(&name) {
                self.remove(kind, &name);
                change = Change::Removed;
            }
        }
        if self.missing.remove(&kind) && self.missing.is_empty() {
            self.pulse.change(|health| health.synced = true);
            // The first snapshot comes even if there is nothing.
            change = Change::Changed;
        }
        change
    }

    /// When the next snapshot is due, if one is.
    fn due(&self) -> Option<Instant> {
        let (first, last) = self.changed.filter(|_| self.missing.is_empty())?;
        Some((last + self.pace.quiet).min(first + self.pace.quiet_max))
    }

    fn snapshot(&mut self) -> Option<Snapshot> {
        self.changed = None;
        let ready = self.cluster.information().and_then(|it| it.datastore_ready);
        let held = ready == Some(false);
        self.pulse.change(|health| health.held = held);
        if held {
            return None;
        }
        self.revision += 1;
        let (cluster, health) = (self.cluster.clone(), self.pulse.now());
        let warnings = self.warnings.clone();
        Some(Snapshot { cluster, warnings, revision: self.revision, health })
    }
}
