//! The last good cluster on a disk, so that a start needs no datastore.
//!
//! It is a list of Calico's resources as calicoctl writes them, and could be read as such.
//! No password is in it: resources only name them.

use std::path::{Path, PathBuf};
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
    path: PathBuf,
    /// What was written last, and when.
    written: Option<(u64, Instant)>,
}

impl Cache {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), written: None }
    }

    /// The cluster of the file; `None` if there is none that can be read, which is logged.
    pub(super) fn read(&self) -> Option<Cluster> {
        let path = self.path.display();
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
        let file = std::fs::File::open(&self.path)?;
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

    /// When the next writing may be, if it would be too early now.
    pub(super) fn due(&self, revision: u64) -> Option<Instant> {
        let (written, at) = self.written?;
        (written != revision).then(|| at + WRITE_INTERVAL)
    }

    /// Writes a cluster unless it is there already, or was written a moment ago.
    pub(super) fn write(&mut self, revision: u64, cluster: &Cluster) {
        if revision == 0 {
            // It came from there.
            return;
        }
        let at = now();
        let wait = |(written, last): (u64, Instant)| {
            written == revision || at.since(last) < WRITE_INTERVAL
        };
        if self.written.is_some_and(wait) {
            return;
        }
        self.written = Some((revision, at));
        let (path, cluster) = (self.path.clone(), cluster.clone());
        // The disk may be slow, and nobody waits for it.
        tokio::task::spawn_blocking(move || {
            let mut octets = write::cluster(&cluster).to_string().into_bytes();
            octets.push(b'\n');
            if let Err(error) = replace(&path, &octets) {
                let path = path.display();
                tracing::warn!(%path, %error, "calico.cacheFile cannot be written");
            }
        });
    }
}

#[cfg(test)]
mod tests;
