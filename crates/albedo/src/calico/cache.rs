//! The last good cluster on a disk, so that a start needs no datastore.
//!
//! It is a list of Calico's resources as calicoctl writes them, and could be read as such.
//! No password is in it: resources only name them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use albedo_discovery::calico::{Cluster, parse, write};
use albedo_engine::clock::now;
use albedo_types::Instant;

use crate::roster::replace;

/// Octets of a file that is read: several times what five thousand nodes take.
pub(super) const CACHE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The shortest time between two writings, so that a cluster in motion costs no disk.
pub(super) const WRITE_INTERVAL: Duration = Duration::from_secs(5);

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
        let mut text = String::new();
        let file = std::fs::File::open(&self.path)?;
        file.take(CACHE_BYTES_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > CACHE_BYTES_MAX {
            return Err(invalid(format!("more than {} MiB", CACHE_BYTES_MAX >> 20)));
        }
        let cluster = write::read_list(&text).map_err(|error| invalid(error.to_string()))?;
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
        let text = write::list(cluster);
        let path = self.path.clone();
        // The disk may be slow, and nobody waits for it.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = replace(&path, text.as_bytes()) {
                let path = path.display();
                tracing::warn!(%path, %error, "calico.cacheFile cannot be written");
            }
        });
    }
}

#[cfg(test)]
mod tests;
