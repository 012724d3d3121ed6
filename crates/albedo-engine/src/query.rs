//! Asking the shards: a pull of pages that cannot slow the data path.
//!
//! A request waits at its shard's *desk*; the worker looks at one flag for each batch, and answers
//! behind the batch, within a budget of entries for each turn.
//! It keeps nothing of who asks, so one that goes away or reads slowly costs it nothing: there is
//! no next page before somebody asks for it.
//! Who asks holds one of [`QUERIES_MAX`] seats and has one request under way at most; so no desk
//! ever holds more requests than there are seats.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use albedo_rib::query::{Bookmark, Explanation, Page, Query, Select, Tally, TallyPage};
use albedo_rib::{Route, Shard};
use albedo_types::{Family, GroupId, Instant, PeerId, Prefix, ShardId};
use atomic_waker::AtomicWaker;
use thiserror::Error;

use crate::clock;
use crate::engine::{EngineHandle, Shared};
use crate::log::{Sent, SharedLog};
use crate::partition::{Partition as _, V4_BITS, V6_BITS};
use crate::reader::Reader;
use crate::stats::Stats;
use crate::worker::Letter;

/// Questions that may be open at the same time, over all shards.
pub const QUERIES_MAX: usize = 64;

/// What an explanation counts as beside pages, in entries: it looks at the whole journal.
const EXPLAIN_ENTRIES: usize = albedo_rib::limits::JOURNAL_ENTRIES / 4;

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// All seats are taken.
    #[error("{QUERIES_MAX} questions are open already, which is the most there may be; ask later")]
    Busy,
    /// The shards have ended.
    #[error("the shards have ended")]
    Stopped,
    /// There is no such shard.
    #[error("no shard {found}: expected 0 to {last}")]
    NoShard {
        /// What was asked for.
        found: usize,
        /// The last one there is.
        last: usize,
    },
}

/// What an answer goes into.
struct Slot<T> {
    answer: Mutex<State<T>>,
    waker: AtomicWaker,
}

enum State<T> {
    Open,
    Answered(T),
    /// Whoever would have answered is gone.
    Gone,
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.answer.lock().expect("no panic while held")
    }
}

/// The worker's end of a question.
struct Reply<T>(Arc<Slot<T>>);

impl<T> Reply<T> {
    /// Whether somebody still waits for the answer.
    fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn answer(self, answer: T) {
        *self.0.lock() = State::Answered(answer);
        // Dropped, it wakes.
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        {
            let mut state = self.0.lock();
            if matches!(*state, State::Open) {
                *state = State::Gone;
            }
        }
        self.0.waker.wake();
    }
}

/// An answer that is on its way.
#[must_use]
pub struct Pending<T>(Arc<Slot<T>>);

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, QueryError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.waker.register(cx.waker());
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Answered(answer) => Poll::Ready(Ok(answer)),
            State::Gone => Poll::Ready(Err(QueryError::Stopped)),
            State::Open => {
                *state = State::Open;
                Poll::Pending
            }
        }
    }
}

fn pending<T>() -> (Reply<T>, Pending<T>) {
    let slot = Arc::new(Slot { answer: Mutex::new(State::Open), waker: AtomicWaker::new() });
    (Reply(Arc::clone(&slot)), Pending(slot))
}

/// The right to ask; a request that waits at a desk holds it as well.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Shared>);

impl Seat {
    pub(crate) fn take(shared: &Arc<Shared>) -> Result<Arc<Self>, QueryError> {
        let more = |taken| (taken < QUERIES_MAX).then_some(taken + 1);
        match shared.seats.fetch_update(Ordering::AcqRel, Ordering::Acquire, more) {
            Ok(_) => Ok(Arc::new(Self(Arc::clone(shared)))),
            Err(_) => {
                shared.stats.queries.refused.fetch_add(1, Ordering::Relaxed);
                Err(QueryError::Busy)
            }
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request at a desk.
pub(crate) struct Request {
    what: What,
    from: Bookmark,
    asked_at: Instant,
    _seat: Arc<Seat>,
}

enum What {
    Page(Query, Reply<Page>),
    Tally(Family, Reply<TallyPage>),
    Explain(Prefix, Option<PeerId>, Reply<Explanation>),
    Best(Arc<[Prefix]>, Reply<Vec<Route>>),
}

impl Request {
    /// Answers, and lessens the budget by what was looked at.
    pub(crate) fn answer(self, shard: &Shard, budget: &mut usize, stats: &Stats) {
        let waited = clock::now().since(self.asked_at);
        let before = *budget;
        match self.what {
            What::Page(query, reply) if reply.is_wanted() => {
                reply.answer(shard.read(&query, self.from, budget));
            }
            What::Tally(family, reply) if reply.is_wanted() => {
                reply.answer(shard.tally(family, self.from, budget));
            }
            What::Explain(prefix, to, reply) if reply.is_wanted() => {
                *budget = budget.saturating_sub(EXPLAIN_ENTRIES);
                reply.answer(shard.explain(prefix, to));
            }
            What::Best(prefixes, reply) if reply.is_wanted() => {
                *budget = budget.saturating_sub(prefixes.len());
                reply.answer(shard.best_of(&prefixes));
            }
            What::Page(..) | What::Tally(..) | What::Explain(..) | What::Best(..) => return,
        }
        stats.queries.answered(waited, before - *budget);
    }
}

/// Where requests for one shard wait.
#[derive(Default)]
pub(crate) struct Desk {
    is_asked: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    is_closed: bool,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("is_asked", &self.is_asked).finish_non_exhaustive()
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no panic while held")
    }

    /// Leaves a request; whether the worker has to be told.
    fn put(&self, request: Request) -> Result<bool, QueryError> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(QueryError::Stopped);
        }
        waiting.requests.push_back(request);
        Ok(!self.is_asked.swap(true, Ordering::SeqCst))
    }

    /// Whether a request waits: all that a worker looks at where none does.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }

    pub(crate) fn take(&self) -> Option<Request> {
        let mut waiting = self.lock();
        let request = waiting.requests.pop_front();
        self.is_asked.store(!waiting.requests.is_empty(), Ordering::SeqCst);
        request
    }

    /// The worker ends: whoever waits is told, and nobody can ask any more.
    pub(crate) fn close(&self) {
        let left = {
            let mut waiting = self.lock();
            waiting.is_closed = true;
            self.is_asked.store(false, Ordering::SeqCst);
            std::mem::take(&mut waiting.requests)
        };
        drop(left);
    }

    fn len(&self) -> usize {
        self.lock().requests.len()
    }
}

/// Asks a shard for a page of something.
fn ask<T>(
    seat: &Arc<Seat>,
    shard: usize,
    from: Bookmark,
    what: impl FnOnce(Reply<T>) -> What,
) -> Result<Pending<T>, QueryError> {
    let shared = &seat.0;
    let Some(desk) = shared.desks.get(shard) else {
        return Err(QueryError::NoShard { found: shard, last: shared.shards() - 1 });
    };
    let (reply, pending) = pending();
    let request =
        Request { what: what(reply), from, asked_at: clock::now(), _seat: Arc::clone(seat) };
    if desk.put(request)? {
        // A worker whose channel is full has yet to turn, and will see the flag.
        fence(Ordering::SeqCst);
        shared.mailboxes[shard].nudge(Letter::Asked);
    }
    Ok(pending)
}

/// Asks a shard for the best routes of some of its prefixes.
pub(crate) fn ask_best(
    seat: &Arc<Seat>,
    shard: usize,
    prefixes: Arc<[Prefix]>,
) -> Result<Pending<Vec<Route>>, QueryError> {
    ask(seat, shard, Bookmark::default(), |reply| What::Best(prefixes, reply))
}

/// The routes that a query selects, of all shards, page by page.
///
/// One page is under way at a time, and none is made before it is asked for.
#[derive(Debug)]
pub struct Routes {
    seat: Arc<Seat>,
    query: Query,
    shards: Range<usize>,
    from: Bookmark,
    under_way: Option<Pending<Page>>,
}

impl Routes {
    /// The next routes, at least one; `None` after the last ones.
    ///
    /// It may be dropped while it waits, and asked again: the request stays under way.
    ///
    /// # Errors
    ///
    /// [`QueryError::Stopped`].
    pub async fn next(&mut self) -> Result<Option<Vec<Route>>, QueryError> {
        while let Some(shard) = self.shards.clone().next() {
            let query = self.query;
            let pending = match &mut self.under_way {
                Some(pending) => pending,
                none => none
                    .insert(ask(&self.seat, shard, self.from, |reply| What::Page(query, reply))?),
            };
            let page = pending.await;
            self.under_way = None;
            let page = page?;
            match page.next {
                Some(next) => self.from = next,
                None => {
                    self.from = Bookmark::default();
                    self.shards.start += 1;
                }
            }
            if !page.routes.is_empty() {
                return Ok(Some(page.routes));
            }
        }
        Ok(None)
    }
}

/// The shards that may have something of a selection.
fn shards_of(select: Select, shards: usize) -> Range<usize> {
    let one = |shard: ShardId| shard.index()..shard.index() + 1;
    let of = |prefix: Prefix| match prefix {
        Prefix::V4(prefix) => (prefix.shard(shards), u32::from(prefix.len()) >= V4_BITS),
        Prefix::V6(prefix) => (prefix.shard(shards), u32::from(prefix.len()) >= V6_BITS),
    };
    match select {
        Select::Exact(prefix) => one(of(prefix).0),
        Select::Longer(prefix) => match of(prefix) {
            (shard, true) => one(shard),
            (_, false) => 0..shards,
        },
        Select::All | Select::Covering(_) => 0..shards,
    }
}

impl EngineHandle {
    /// One page of one shard, from a bookmark on.
    ///
    /// The answer comes behind the batch that the shard is at, and behind what was asked before.
    ///
    /// # Errors
    ///
    /// Too many questions are open, there is no such shard, or it has ended.
    pub fn query(
        &self,
        shard: usize,
        query: Query,
        from: Bookmark,
    ) -> Result<Pending<Page>, QueryError> {
        let seat = Seat::take(self.shared())?;
        ask(&seat, shard, from, |reply| What::Page(query, reply))
    }

    /// The routes that a query selects, of all shards.
    ///
    /// # Errors
    ///
    /// [`QueryError::Busy`]; once begun, it is not refused any more.
    pub fn routes(&self, query: Query) -> Result<Routes, QueryError> {
        let seat = Seat::take(self.shared())?;
        let shards = shards_of(query.select, self.shared().shards());
        Ok(Routes { seat, query, shards, from: Bookmark::default(), under_way: None })
    }

    /// What is known of a prefix, and of what a peer is told of it.
    ///
    /// # Errors
    ///
    /// Too many questions are open, or the shards have ended.
    pub async fn explain(
        &self,
        prefix: Prefix,
        to: Option<PeerId>,
    ) -> Result<Explanation, QueryError> {
        let seat = Seat::take(self.shared())?;
        let shard = shards_of(Select::Exact(prefix), self.shared().shards()).start;
        ask(&seat, shard, Bookmark::default(), |reply| What::Explain(prefix, to, reply))?.await
    }

    /// The version of the table up to which a peer has been given its group's log, in the shard of
    /// a prefix, beyond every version where it has all that there is; `None` where it does not read
    /// that log.
    #[must_use]
    pub fn given(&self, prefix: Prefix, to: PeerId, group: GroupId) -> Option<u64> {
        let (reader, log, shard) = self.reads(prefix, to, group)?;
        // A change may have nothing to say to this group, whose log then ends before it.
        Some(reader.lane(log.family(), shard).claim(log.version()))
    }

    /// When a peer that has it was given the change of a prefix that made this version of the
    /// table, and was decided then; `None` if that is not remembered.
    #[must_use]
    pub fn sent(
        &self,
        prefix: Prefix,
        to: PeerId,
        group: GroupId,
        (version, decided): (u64, Option<Instant>),
    ) -> Option<Sent> {
        let (reader, log, shard) = self.reads(prefix, to, group)?;
        let up_to_date = reader.lane(log.family(), shard).up_to_date();
        log.sent(version, decided, up_to_date, clock::now())
    }

    /// A peer, its group's log where a prefix is, and in which shard; if it reads that log.
    fn reads(
        &self,
        prefix: Prefix,
        to: PeerId,
        group: GroupId,
    ) -> Option<(Arc<Reader>, Arc<SharedLog>, ShardId)> {
        let family = match prefix {
            Prefix::V4(_) => Family::Ipv4Unicast,
            Prefix::V6(_) => Family::Ipv6Unicast,
        };
        let shard = shards_of(Select::Exact(prefix), self.shared().shards()).start;
        let shard = ShardId(u32::try_from(shard).expect("few shards"));
        let reader = self.shared().readers.get(to)?;
        reader.reads(group, family, shard)?;
        let group = self.shared().groups.list().into_iter().find(|other| other.id == group)?;
        let log = Arc::clone(group.logs.get(shard.index())?);
        Some((reader, log, shard))
    }

    /// Counts the routes of a family by peer, which walks the tables of all shards.
    ///
    /// # Errors
    ///
    /// Too many questions are open, or the shards have ended.
    pub async fn tally(&self, family: Family) -> Result<Tally, QueryError> {
        let seat = Seat::take(self.shared())?;
        let mut tally = Tally::default();
        for shard in 0..self.shared().shards() {
            let mut from = Some(Bookmark::default());
            while let Some(begin) = from {
                let page = ask(&seat, shard, begin, |reply| What::Tally(family, reply))?.await?;
                tally.add(&page.tally);
                from = page.next;
            }
        }
        Ok(tally)
    }

    /// Questions that are open; at most [`QUERIES_MAX`].
    #[must_use]
    pub fn open_queries(&self) -> usize {
        self.shared().seats.load(Ordering::Relaxed)
    }

    /// Requests that wait for a shard.
    #[must_use]
    pub fn waiting_queries(&self) -> usize {
        self.shared().desks.iter().map(Desk::len).sum()
    }
}

/// The seats, of which none is taken.
pub(crate) const fn seats() -> AtomicUsize {
    AtomicUsize::new(0)
}

#[cfg(test)]
mod tests;
