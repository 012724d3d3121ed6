//! Watching best routes change: each watch has, for each shard, the set of prefixes that changed
//! since it last looked, and then looks up what they are now.
//!
//! So it is told the newest state of what changed and never history, as a peer that lags is.
//! A shard pays nothing where nobody watches but a look at one flag for each batch.
//! A watch that begins before it reads the table misses nothing: what a batch changed that did not
//! know of it was decided before the table was asked.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use albedo_rib::Route;
use albedo_types::Prefix;
use thiserror::Error;

use crate::engine::{EngineHandle, Shared};
use crate::query::{QueryError, Seat, ask_best};

/// Watches at the same time; each holds one of [`crate::QUERIES_MAX`] seats as well.
pub const WATCHES_MAX: usize = 16;

/// Changed prefixes of one shard that a watch may leave unread, of 20 octets each.
pub const WATCH_PREFIXES_MAX: usize = 256 * 1024;

/// Prefixes that are looked up in one request, in one turn of a shard.
const LOOKED_UP_MAX: usize = 512;

/// Why a watch does not begin or go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WatchError {
    /// There are as many as may be.
    #[error("{WATCHES_MAX} watch already, which is the most that may; ask later")]
    TooMany,
    /// It was not read for too long.
    #[error("more than {WATCH_PREFIXES_MAX} prefixes changed since this watch was last read")]
    Overrun,
    /// The shards cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// What waits for one watch in one shard.
#[derive(Debug, Default)]
struct Unread {
    prefixes: HashSet<Prefix>,
    is_overrun: bool,
}

/// What the shards leave for one watch.
#[derive(Debug)]
struct Noted {
    shards: Box<[Mutex<Unread>]>,
    prefixes_max: usize,
}

impl Noted {
    fn unread(&self, shard: usize) -> MutexGuard<'_, Unread> {
        self.shards[shard].lock().expect("no panic while held")
    }

    fn note(&self, shard: usize, prefixes: &[Prefix]) {
        let mut unread = self.unread(shard);
        if unread.is_overrun {
            return;
        }
        unread.prefixes.extend(prefixes);
        if unread.prefixes.len() > self.prefixes_max {
            *unread = Unread { prefixes: HashSet::new(), is_overrun: true };
        }
    }
}

/// All who watch.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    is_any: AtomicBool,
    list: Mutex<Vec<Arc<Noted>>>,
}

impl Watches {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Noted>>> {
        self.list.lock().expect("no panic while held")
    }

    /// Whether anybody watches: all that a worker looks at where nobody does.
    #[inline]
    pub(crate) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::SeqCst)
    }

    /// Leaves the changes of a batch for each watch.
    pub(crate) fn note(&self, shard: usize, prefixes: &[Prefix]) {
        let list = self.list().clone();
        for noted in list {
            noted.note(shard, prefixes);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list().len()
    }

    fn begin(&self, shards: usize, prefixes_max: usize) -> Result<Arc<Noted>, WatchError> {
        let mut list = self.list();
        if list.len() >= WATCHES_MAX {
            return Err(WatchError::TooMany);
        }
        let shards = (0..shards).map(|_| Mutex::default()).collect();
        let noted = Arc::new(Noted { shards, prefixes_max });
        list.push(Arc::clone(&noted));
        self.is_any.store(true, Ordering::SeqCst);
        drop(list);
        Ok(noted)
    }

    fn end(&self, noted: &Arc<Noted>) {
        let mut list = self.list();
        list.retain(|other| !Arc::ptr_eq(other, noted));
        self.is_any.store(!list.is_empty(), Ordering::SeqCst);
    }
}

/// A prefix whose best route changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The prefix.
    pub prefix: Prefix,
    /// Its best route now; `None` if it has none any more.
    pub best: Option<Route>,
}

/// A watch; it ends when it is dropped.
pub struct Watch {
    seat: Arc<Seat>,
    noted: Arc<Noted>,
    /// What was taken from the sets and not looked up yet.
    taken: VecDeque<(usize, Vec<Prefix>)>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("taken", &self.taken.len()).finish_non_exhaustive()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared().watches.end(&self.noted);
    }
}

impl Watch {
    fn shared(&self) -> &Shared {
        self.seat.shared()
    }

    /// Some of the prefixes that changed since the last time, each once, as they are now; none if
    /// nothing has. Dropped before its end, it loses what it has taken.
    ///
    /// # Errors
    ///
    /// [`WatchError::Overrun`], for good; or the shards have ended.
    pub async fn next(&mut self) -> Result<Vec<Changed>, WatchError> {
        if self.taken.is_empty() {
            self.take()?;
        }
        let Some((shard, mut prefixes)) = self.taken.pop_front() else { return Ok(Vec::new()) };
        if prefixes.len() > LOOKED_UP_MAX {
            let rest = prefixes.split_off(LOOKED_UP_MAX);
            self.taken.push_front((shard, rest));
        }
        let prefixes: Arc<[Prefix]> = prefixes.into();
        let best = ask_best(&self.seat, shard, Arc::clone(&prefixes))?.await?;
        let mut best = best.into_iter().peekable();
        let changed = |prefix: &Prefix| Changed {
            prefix: *prefix,
            best: best.next_if(|route| route.prefix == *prefix),
        };
        Ok(prefixes.iter().map(changed).collect())
    }

    fn take(&mut self) -> Result<(), WatchError> {
        for shard in 0..self.noted.shards.len() {
            let mut unread = self.noted.unread(shard);
            if unread.is_overrun {
                return Err(WatchError::Overrun);
            }
            let prefixes = std::mem::take(&mut unread.prefixes);
            drop(unread);
            if !prefixes.is_empty() {
                self.taken.push_back((shard, prefixes.into_iter().collect()));
            }
        }
        Ok(())
    }
}

impl EngineHandle {
    /// Begins to watch best routes change, of all families.
    ///
    /// # Errors
    ///
    /// Too many watch, or too many questions are open.
    pub fn watch(&self) -> Result<Watch, WatchError> {
        self.watch_bounded(WATCH_PREFIXES_MAX)
    }

    fn watch_bounded(&self, prefixes_max: usize) -> Result<Watch, WatchError> {
        let seat = Seat::take(self.shared())?;
        let noted = self.shared().watches.begin(self.shared().shards(), prefixes_max)?;
        Ok(Watch { seat, noted, taken: VecDeque::new() })
    }

    /// How many watch; at most [`WATCHES_MAX`].
    #[must_use]
    pub fn watches(&self) -> usize {
        self.shared().watches.len()
    }
}

#[cfg(test)]
mod tests;
