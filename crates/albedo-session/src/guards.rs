//! Things that are held and given back by being dropped.
//!
//! A connection holds a place among its source's, a dynamic session a seat, a task a mark that a
//! stop has to wait for it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use albedo_engine::clock::now;
use albedo_types::Prefix;
use tokio::sync::Notify;

use crate::admission::Refusal;
use crate::supervisor::Inner;

/// A place among the connections of a source that are not yet Established.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    inner: Arc<Inner>,
    ip: IpAddr,
}

impl HalfOpen {
    /// Takes a place.
    ///
    /// # Errors
    ///
    /// The source has as many as it may, or is shut out.
    pub(crate) fn enter(inner: &Arc<Inner>, ip: IpAddr) -> Result<Self, Refusal> {
        inner.admission().enter_half_open(now(), ip)?;
        Ok(Self { inner: Arc::clone(inner), ip })
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.inner.admission().leave_half_open(self.ip);
    }
}

/// The seat of a dynamic session.
#[derive(Debug)]
pub(crate) struct Seat {
    inner: Arc<Inner>,
    range: Prefix,
}

impl Seat {
    /// A seat that admission has given.
    pub(crate) fn taken(inner: &Arc<Inner>, range: Prefix) -> Self {
        Self { inner: Arc::clone(inner), range }
    }

    pub(crate) const fn range(&self) -> Prefix {
        self.range
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.inner.admission().leave_seat(self.range);
    }
}

/// The place of a lost peer whose routes are kept.
#[derive(Debug)]
pub(crate) struct KeptPlace(Arc<Inner>);

impl KeptPlace {
    /// Takes a place, if there is one left.
    pub(crate) fn take(inner: &Arc<Inner>) -> Option<Self> {
        let limit = u64::from(inner.admission().retained_max());
        let more = |count: u64| (count < limit).then_some(count + 1);
        let retained = &inner.stats.retained;
        let taken = retained.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Self(Arc::clone(inner)))
    }
}

impl Drop for KeptPlace {
    fn drop(&mut self) {
        self.0.stats.retained.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tasks that a stop waits for.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    running: AtomicUsize,
    gone: Notify,
}

impl Tasks {
    pub(crate) async fn all_gone(&self) {
        loop {
            let gone = self.gone.notified();
            if self.running.load(Ordering::Acquire) == 0 {
                return;
            }
            gone.await;
        }
    }
}

/// Held by a task for as long as it runs.
#[derive(Debug)]
pub(crate) struct TaskGuard(Arc<Inner>);

impl TaskGuard {
    pub(crate) fn new(inner: &Arc<Inner>) -> Self {
        inner.tasks.running.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(inner))
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        let tasks = &self.0.tasks;
        if tasks.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            tasks.gone.notify_waiters();
        }
    }
}
