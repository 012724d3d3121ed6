//! The bounded way into a shard: the only file that names crossbeam's channel.
//!
//! A sender never blocks a runtime thread: where the channel is full it queues up, and the worker
//! wakes as many as there is space for once it has drained.
//! The last letter of a sender that is about to go waits for nobody: where the channel is full it
//! is left *beside* it, and comes out behind all that was in the channel then.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Context;
use std::time::Duration;

use atomic_waker::AtomicWaker;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};

/// Letters that a shard's channel holds.
///
/// A letter has at most [`crate::port::BATCH_KEYS_MAX`] routes.
/// Beside it there is at most one letter for each peer that the shard knows.
pub const MAILBOX_LETTERS_MAX: usize = 256;

/// Routes that wait in a shard's channel, about: the letter that comes to the bound is still taken,
/// and one of each thread that sends at that instant.
///
/// Many small letters never come to it; one session with a full table does, whose routes would
/// otherwise wait here in their thousands, as whole batches and not packed as in the table.
pub const MAILBOX_ROUTES_MAX: usize = 16 * 1024;

/// What a mailbox needs to know of its letters.
pub(crate) trait Weigh {
    /// How many routes the letter has.
    fn routes(&self) -> usize;
}

/// A sender that waits for space.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    waker: AtomicWaker,
    /// Whether it stands in the queue.
    queued: AtomicBool,
}

#[derive(Debug)]
struct Space<T> {
    /// Routes in the channel.
    routes: AtomicUsize,
    /// Whether somebody stands in the queue.
    wanted: AtomicBool,
    queue: Mutex<VecDeque<Arc<Waiter>>>,
    has_beside: AtomicBool,
    beside: Mutex<VecDeque<T>>,
}

impl<T> Space<T> {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Arc<Waiter>>> {
        self.queue.lock().expect("no panic while held")
    }

    fn beside(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.beside.lock().expect("no panic while held")
    }
}

/// Sends to a shard.
#[derive(Debug)]
pub(crate) struct MailboxSender<T> {
    sender: Sender<T>,
    space: Arc<Space<T>>,
}

impl<T> Clone for MailboxSender<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), space: Arc::clone(&self.space) }
    }
}

/// What became of a letter.
#[derive(Debug)]
pub(crate) enum Sent<T> {
    /// It is in the channel.
    Yes,
    /// The channel is full; the waker is registered.
    Full(T),
    /// The worker is gone.
    Gone,
}

impl<T: Weigh> MailboxSender<T> {
    /// Puts a letter into the channel if there is space for it and its routes.
    fn put(&self, letter: T) -> Result<(), TrySendError<T>> {
        let routes = letter.routes();
        if routes == 0 {
            return self.sender.try_send(letter);
        }
        if self.space.routes.load(Ordering::Relaxed) >= MAILBOX_ROUTES_MAX {
            return Err(TrySendError::Full(letter));
        }
        // Counted before it can be taken out.
        self.space.routes.fetch_add(routes, Ordering::Relaxed);
        let sent = self.sender.try_send(letter);
        if sent.is_err() {
            self.space.routes.fetch_sub(routes, Ordering::Relaxed);
        }
        sent
    }

    /// Sends, or queues up; `waiter` is the sender's own and stays with it.
    pub(crate) fn try_send(
        &self,
        letter: T,
        waiter: &mut Option<Arc<Waiter>>,
        cx: &Context<'_>,
    ) -> Sent<T> {
        let letter = match self.put(letter) {
            Ok(()) => return Sent::Yes,
            Err(TrySendError::Disconnected(_)) => return Sent::Gone,
            Err(TrySendError::Full(letter)) => letter,
        };
        let waiter = waiter.get_or_insert_default();
        waiter.waker.register(cx.waker());
        if !waiter.queued.swap(true, Ordering::SeqCst) {
            let mut queue = self.space.queue();
            queue.push_back(Arc::clone(waiter));
            self.space.wanted.store(true, Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
        // The worker may have drained before it could see the waiter.
        match self.put(letter) {
            Ok(()) => Sent::Yes,
            Err(TrySendError::Disconnected(_)) => Sent::Gone,
            Err(TrySendError::Full(letter)) => Sent::Full(letter),
        }
    }

    /// Sends the last letter of a sender, without waiting.
    pub(crate) fn send_last(&self, letter: T) {
        let Err(TrySendError::Full(letter)) = self.put(letter) else {
            return;
        };
        let mut beside = self.space.beside();
        beside.push_back(letter);
        self.space.has_beside.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        // A worker that has drained meanwhile and found nothing beside waits for the channel.
        while let Some(letter) = beside.pop_front() {
            if let Err(TrySendError::Full(letter)) = self.put(letter) {
                beside.push_front(letter);
                break;
            }
        }
        self.space.has_beside.store(!beside.is_empty(), Ordering::SeqCst);
    }

    /// Makes the worker turn; one whose channel is full does that anyway.
    pub(crate) fn nudge(&self, letter: T) {
        let _ = self.put(letter);
    }

    /// Sends from a thread that may wait.
    pub(crate) fn send_blocking(&self, letter: T) {
        self.space.routes.fetch_add(letter.routes(), Ordering::Relaxed);
        // The worker is gone only when the whole engine is.
        let _ = self.sender.send(letter);
    }

    pub(crate) fn len(&self) -> usize {
        self.sender.len()
    }

    /// Routes in the channel.
    pub(crate) fn routes(&self) -> usize {
        self.space.routes.load(Ordering::Relaxed)
    }
}

/// A shard's end.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    receiver: Receiver<T>,
    space: Arc<Space<T>>,
    /// What lay beside the channel when that was last looked at.
    late: VecDeque<T>,
    /// Letters of the channel that come before those.
    before_late: usize,
    /// Letters that came out of the channel since the last senders were woken.
    received: usize,
}

/// What a wait ended with.
#[derive(Debug)]
pub(crate) enum Received<T> {
    Letter(T),
    Timeout,
    Closed,
}

impl<T: Weigh> Mailbox<T> {
    pub(crate) fn receive(&mut self, timeout: Duration) -> Received<T> {
        fence(Ordering::SeqCst);
        if let Some(letter) = self.take_late() {
            return Received::Letter(letter);
        }
        match self.receiver.recv_timeout(timeout) {
            Ok(letter) => self.took(letter),
            Err(RecvTimeoutError::Timeout) => Received::Timeout,
            Err(RecvTimeoutError::Disconnected) => Received::Closed,
        }
    }

    pub(crate) fn try_receive(&mut self) -> Received<T> {
        if let Some(letter) = self.take_late() {
            return Received::Letter(letter);
        }
        match self.receiver.try_recv() {
            Ok(letter) => self.took(letter),
            Err(TryRecvError::Empty) => Received::Timeout,
            Err(TryRecvError::Disconnected) => Received::Closed,
        }
    }

    fn took(&mut self, letter: T) -> Received<T> {
        let routes = letter.routes();
        if routes > 0 {
            self.space.routes.fetch_sub(routes, Ordering::Relaxed);
        }
        self.before_late = self.before_late.saturating_sub(1);
        self.received += 1;
        Received::Letter(letter)
    }

    /// The next letter from beside the channel, if its turn has come.
    fn take_late(&mut self) -> Option<T> {
        if self.late.is_empty() && self.space.has_beside.load(Ordering::SeqCst) {
            let mut beside = self.space.beside();
            self.late = std::mem::take(&mut *beside);
            self.space.has_beside.store(false, Ordering::SeqCst);
            // Whoever left something there has put everything else into the channel before.
            self.before_late = self.receiver.len();
        }
        if self.before_late == 0 { self.late.pop_front() } else { None }
    }

    /// What still lies beside the channel, for a worker that has come to its end.
    pub(crate) fn take_beside(&mut self) -> VecDeque<T> {
        let mut left = std::mem::take(&mut self.late);
        left.append(&mut self.space.beside());
        left
    }

    /// Tells senders that wait that there is space; as many of them as there is space for.
    pub(crate) fn drained(&mut self) {
        let received = std::mem::take(&mut self.received);
        fence(Ordering::SeqCst);
        if !self.is_wanted() {
            return;
        }
        // An empty channel may be waiting for senders that were woken and never came.
        let capacity = self.receiver.capacity().unwrap_or(usize::MAX);
        let woken = if self.receiver.is_empty() { capacity } else { received };
        let woken: Vec<Arc<Waiter>> = {
            let mut queue = self.space.queue();
            let count = woken.min(queue.len());
            let woken = queue.drain(..count).collect();
            self.space.wanted.store(!queue.is_empty(), Ordering::SeqCst);
            woken
        };
        for waiter in woken {
            waiter.queued.store(false, Ordering::SeqCst);
            waiter.waker.wake();
        }
    }

    /// Whether a letter can be had without waiting.
    pub(crate) fn has_letters(&self) -> bool {
        !self.receiver.is_empty() || !self.late.is_empty()
    }

    /// Whether a sender waits for space.
    pub(crate) fn is_wanted(&self) -> bool {
        self.space.wanted.load(Ordering::SeqCst)
    }
}

/// A channel of `letters_max` letters and [`MAILBOX_ROUTES_MAX`] routes.
pub(crate) fn mailbox<T>(letters_max: usize) -> (MailboxSender<T>, Mailbox<T>) {
    let (sender, receiver) = bounded(letters_max);
    let space = Arc::new(Space {
        routes: AtomicUsize::new(0),
        wanted: AtomicBool::new(false),
        queue: Mutex::default(),
        has_beside: AtomicBool::new(false),
        beside: Mutex::new(VecDeque::new()),
    });
    let mailbox = Mailbox {
        receiver,
        space: Arc::clone(&space),
        late: VecDeque::new(),
        before_late: 0,
        received: 0,
    };
    (MailboxSender { sender, space }, mailbox)
}

#[cfg(test)]
mod tests;
