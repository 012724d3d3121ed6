//! Keeps the roster true while the program runs: looks, and writes what changed, at a bounded rate.
//!
//! Once the clients were let go without a word it stays as it was: they keep our routes, and the
//! next start has to wait for them.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use albedo_engine::clock::now;
use albedo_session::{PeerStatus, Server};
use albedo_types::Instant;

use crate::drain::Drain;
use crate::roster::{Roster, replace};

/// How often the peers are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The shortest time between two writings, so that a cluster that comes and goes costs no disk.
pub(crate) const WRITE_INTERVAL: Duration = Duration::from_secs(5);

/// The roster of a program that runs.
#[derive(Debug)]
pub(crate) struct Keeper {
    state: Mutex<State>,
    errors: AtomicU64,
}

#[derive(Debug)]
struct State {
    roster: Roster,
    /// Whether the file is not as the roster is.
    dirty: bool,
    written_at: Option<Instant>,
}

impl Keeper {
    pub(crate) fn new(path: &Path) -> Arc<Self> {
        let roster = Roster::load(path, epoch_seconds());
        let state = State { roster, dirty: false, written_at: None };
        Arc::new(Self { state: Mutex::new(state), errors: AtomicU64::new(0) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }

    /// Asks the roster something.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Roster) -> T) -> T {
        question(&self.state().roster)
    }

    /// Times that the file could not be written.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Takes down who is there, if anybody is to be looked at; whether the file is to be written
    /// now.
    fn look(&self, peers: Option<&[PeerStatus]>, at: Instant) -> bool {
        let mut state = self.state();
        if let Some(peers) = peers {
            state.dirty |= state.roster.observe(peers, epoch_seconds());
        }
        let due = state.written_at.is_none_or(|before| at.since(before) >= WRITE_INTERVAL);
        if state.dirty && due {
            state.written_at = Some(at);
            return true;
        }
        false
    }

    /// Writes the file; a fault is a line of the log, and it is tried again.
    fn write(&self) {
        let to_write = {
            let mut state = self.state();
            state.dirty = false;
            state.roster.to_write(epoch_seconds())
        };
        let Some((path, octets)) = to_write else { return };
        if let Err(error) = replace(&path, &octets) {
            self.state().dirty = true;
            // One line for a fault that lasts.
            if self.errors.fetch_add(1, Ordering::Relaxed) == 0 {
                let path = path.display();
                tracing::warn!(%path, %error, "the roster cannot be written");
            }
        }
    }

    /// Looks and writes until it is aborted.
    pub(crate) async fn run(self: Arc<Self>, server: Server, drain: Arc<Drain>) {
        loop {
            tokio::time::sleep(LOOK).await;
            // In this order: whoever is let go in between was still there.
            let peers = server.snapshot();
            let peers = (!drain.is_silent()).then_some(&peers[..]);
            if self.look(peers, now()) {
                Arc::clone(&self).write_beside().await;
            }
        }
    }

    /// The last look before sessions end.
    pub(crate) async fn last_look(self: Arc<Self>, server: &Server, drain: &Drain) {
        if drain.is_silent() {
            return;
        }
        // Not at the rate of a life: there will be no other one.
        self.look(Some(&server.snapshot()), now());
        self.write_beside().await;
    }

    /// Writes where it may take its time.
    async fn write_beside(self: Arc<Self>) {
        // It does not panic, and is not aborted.
        let _ = tokio::task::spawn_blocking(move || self.write()).await;
    }
}

/// Seconds since the epoch: the only clock that two lives share.
#[expect(clippy::disallowed_methods, reason = "ages over a restart; nothing is timed by it")]
pub(crate) fn epoch_seconds() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
