//! The last good cluster on a disk, so that a start needs no datastore.
//!
//! It is a list of Calico's resources as calicoctl writes them, and could be read as such.
//! No password is in it: resources only name them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use albedo_discovery::calico::{Cluster, Kind, parse, write};
use albedo_engine::clock::now;
use albedo_types::Instant;

use serde::Deserialize;

use crate::roster::replace;

/// Octets of a file that is read: several times what five thousand nodes take.
pub(super) const CACHE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The shortest time between two writings, so that a cluster in motion costs no disk.
pub(super) const WRITE_INTERVAL: Duration = Duration::from_secs(5);

/// The shape of the file.
#[derive(Deserialize)]
struct List {
    items: Vec<serde_json::Value>,
}

/// A file with the last good cluster.
#[derive(Debug)]
pub(super) struct Cache {
    disk: Arc<Disk>,
    /// What was written last, and when.
    written: Option<(u64, Instant)>,
    /// What was good after that, and is not written yet.
    pending: Option<(u64, Arc<Cluster>)>,
}

/// The file, and what is on its way to it.
#[derive(Debug)]
struct Disk {
    path: PathBuf,
    /// The newest that is to be written; an older one that has not begun is not written at all.
    next: Mutex<Option<Arc<Cluster>>>,
    /// Held while the file is written, so that the newest is the last.
    writing: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}

impl Disk {
    fn write(&self) {
        let _alone = lock(&self.writing);
        let Some(cluster) = lock(&self.next).take() else { return };
        let mut octets = write::cluster(&cluster).to_string().into_bytes();
        octets.push(b'\n');
        if let Err(error) = replace(&self.path, &octets) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "calico.cacheFile cannot be written");
        }
    }
}

impl Cache {
    pub(super) fn new(path: &Path) -> Self {
        let (next, writing) = (Mutex::new(None), Mutex::new(()));
        let disk = Arc::new(Disk { path: path.to_owned(), next, writing });
        Self { disk, written: None, pending: None }
    }

    /// The cluster of the file; `None` if there is none that can be read, which is logged.
    pub(super) fn read(&self) -> Option<Cluster> {
        let path = self.disk.path.display();
        match self.try_read() {
            Ok(cluster) => {
                tracing::info!(%path, objects = cluster.len(), "the last good cluster is on disk");
                Some(cluster)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(%path, %error, "calico.cacheFile cannot be read and is ignored");
                None
            }
        }
    }

    fn try_read(&self) -> std::io::Result<Cluster> {
        use std::io::{Error, ErrorKind, Read as _};
        let invalid = |why: String| Error::new(ErrorKind::InvalidData, why);
        let mut octets = Vec::new();
        let file = std::fs::File::open(&self.disk.path)?;
        file.take(CACHE_BYTES_MAX + 1).read_to_end(&mut octets)?;
        if octets.len() as u64 > CACHE_BYTES_MAX {
            return Err(invalid(format!("more than {} MiB", CACHE_BYTES_MAX >> 20)));
        }
        let list: List = serde_json::from_slice(&octets)?;
        let mut cluster = Cluster::new();
        for item in list.items {
            let name = item["kind"].as_str().unwrap_or_default();
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
            let kind = kind.ok_or_else(|| invalid(format!("a resource of kind {name:?}")))?;
            let (resource, _) = parse::lenient(kind, &item).map_err(|f| invalid(f.to_string()))?;
            cluster.apply(resource);
        }
        if cluster.is_empty() {
            return Err(invalid("no resources".to_owned()));
        }
        Ok(cluster)
    }

    /// When what is pending can be written.
    pub(super) fn due(&self) -> Option<Instant> {
        self.pending.as_ref()?;
        let (_, at) = self.written?;
        Some(at + WRITE_INTERVAL)
    }

    /// Writes a good cluster unless it is there already; one that follows a moment after another
    /// is pending for a while.
    pub(super) fn write(&mut self, revision: u64, cluster: &Arc<Cluster>) {
        // The first one came from there.
        if revision == 0 || self.written.is_some_and(|(written, _)| written == revision) {
            return;
        }
        self.pending = Some((revision, Arc::clone(cluster)));
        if self.due().is_none_or(|due| due <= now()) {
            self.flush();
        }
    }

    /// Writes what is pending, whether or not it is early: what comes next is not good, and a
    /// start has to go on from what was in force.
    pub(super) fn flush(&mut self) {
        let Some((revision, cluster)) = self.pending.take() else { return };
        self.written = Some((revision, now()));
        *lock(&self.disk.next) = Some(cluster);
        let disk = Arc::clone(&self.disk);
        // The disk may be slow, and nobody waits for it.
        tokio::task::spawn_blocking(move || disk.write());
    }
}

#[cfg(test)]
mod tests;
