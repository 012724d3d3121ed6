//! Accepting connections on the sockets, and bounds on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

use super::source::BirdSource;
use super::{View, connection};
use crate::socket::{Prepared, Socket};

/// Connections open at the same time, over all sockets; one more is closed at once. Below the
/// number of questions that the shards take, so that these never use up all of them.
pub const CONNECTIONS_MAX: usize = 32;

/// The pause after an accept that failed, so that a lack of descriptors is not made worse.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the sockets count.
#[derive(Debug, Default)]
pub struct BirdStats {
    /// Connections that are open.
    pub open: AtomicU64,
    /// Connections that were closed at once because there were too many.
    pub refused: AtomicU64,
    /// Commands that were read.
    pub commands: AtomicU64,
    /// Connections that were cut because nobody read the answer.
    pub slow: AtomicU64,
}

/// The sockets at work; they end with it.
#[derive(Debug)]
pub struct BirdServer {
    tasks: Vec<JoinHandle<()>>,
}

impl BirdServer {
    /// Moves the sockets to their places and answers there; needs a runtime to run in.
    ///
    /// # Errors
    ///
    /// With the name of the file, if one cannot be moved.
    pub fn start(
        prepared: Prepared<View>,
        source: &Arc<dyn BirdSource>,
        stats: &Arc<BirdStats>,
    ) -> std::io::Result<Self> {
        let sockets = prepared.commit()?;
        let mut tasks = Vec::new();
        for socket in sockets {
            let listener = socket.listener()?;
            let (source, stats) = (Arc::clone(source), Arc::clone(stats));
            tasks.push(tokio::spawn(accept(listener, socket, source, stats)));
        }
        Ok(Self { tasks })
    }

    /// Ends all connections and removes the files of the sockets.
    pub async fn stop(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            // It was aborted, which is an error.
            let _ = task.await;
        }
    }
}

impl Drop for BirdServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A connection's place among [`CONNECTIONS_MAX`].
struct Place(Arc<BirdStats>);

impl BirdStats {
    /// Connections that were cut, for whichever reason.
    #[must_use]
    pub fn cut(&self) -> u64 {
        self.refused.load(Ordering::Relaxed) + self.slow.load(Ordering::Relaxed)
    }
}

impl Place {
    fn take(stats: &Arc<BirdStats>) -> Option<Self> {
        let more = |open| (open < CONNECTIONS_MAX as u64).then_some(open + 1);
        match stats.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Some(Self(Arc::clone(stats))),
            Err(_) => {
                stats.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn accept(
    listener: UnixListener,
    socket: Socket<View>,
    source: Arc<dyn BirdSource>,
    stats: Arc<BirdStats>,
) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(place) = Place::take(&stats) {
                        let source = Arc::clone(&source);
                        connections.spawn(serve(stream, place, source, socket.view));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection on BIRD's socket");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: UnixStream, place: Place, source: Arc<dyn BirdSource>, view: View) {
    connection::run(stream, view, &*source, &place.0).await;
}
