//! The way in for commands to a peer's task: they are rare, and looked for at every turn.
//!
//! A change that goes to thousands of peers turns thousands of tasks, and what each of them looks
//! at costs a cache miss; so the look is at one flag, and only if it is set at the queue.
//! The flag is set exactly while there is something to take, and while it is not, the task's waker
//! is there: both change under the queue's lock only.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

/// What both ends share.
#[derive(Debug)]
struct Shared<T> {
    waiting: AtomicBool,
    queue: Mutex<Queue<T>>,
    max: usize,
}

#[derive(Debug)]
struct Queue<T> {
    commands: VecDeque<T>,
    waker: Option<Waker>,
    /// The sender is gone: there will be no more.
    ended: bool,
    /// The receiver takes no more.
    closed: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().expect("no panic while held")
    }

    /// Says that there is something to take.
    fn tell(&self, queue: &mut Queue<T>) {
        self.waiting.store(true, Ordering::Release);
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }
}

/// Gives commands.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Shared<T>>);

/// Takes them.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

/// Two ends of a queue for at most `max` commands.
pub(crate) fn channel<T>(max: usize) -> (Sender<T>, Receiver<T>) {
    let queue = Queue { commands: VecDeque::new(), waker: None, ended: false, closed: false };
    // Without a waker: the first look goes to the queue.
    let shared = Shared { waiting: AtomicBool::new(true), queue: Mutex::new(queue), max };
    let shared = Arc::new(shared);
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// Commands that there is room for.
    pub(crate) fn room(&self) -> usize {
        let queue = self.0.lock();
        if queue.closed { 0 } else { self.0.max - queue.commands.len() }
    }

    /// Gives a command.
    ///
    /// # Errors
    /// There is no room, or the receiver takes no more; the command comes back.
    pub(crate) fn send(&self, command: T) -> Result<(), T> {
        let mut queue = self.0.lock();
        if queue.closed || queue.commands.len() >= self.0.max {
            return Err(command);
        }
        queue.commands.push_back(command);
        self.0.tell(&mut queue);
        Ok(())
    }
}

impl<T> Sender<T> {
    /// Gives a command in the place of one that waits, or, where none of those is there, behind
    /// all others.
    ///
    /// # Errors
    /// There is no room, or the receiver takes no more; the command comes back.
    pub(crate) fn replace(&self, command: T, instead_of: impl Fn(&T) -> bool) -> Result<(), T> {
        let mut queue = self.0.lock();
        if !queue.closed
            && let Some(waiting) = queue.commands.iter_mut().find(|waiting| instead_of(waiting))
        {
            *waiting = command;
            return Ok(());
        }
        drop(queue);
        self.send(command)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.ended = true;
        self.0.tell(&mut queue);
    }
}

impl<T> Receiver<T> {
    /// The next command; `None` if there will be no more. `Pending` wakes the task, always the
    /// same one, once there is something.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<T>> {
        if !self.0.waiting.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let mut queue = self.0.lock();
        if let Some(command) = queue.commands.pop_front() {
            return Poll::Ready(Some(command));
        }
        if queue.ended {
            return Poll::Ready(None);
        }
        queue.waker = Some(cx.waker().clone());
        self.0.waiting.store(false, Ordering::Release);
        Poll::Pending
    }

    /// Takes no more; what was given is left and can be taken.
    pub(crate) fn close(&mut self) {
        self.0.lock().closed = true;
    }

    /// A command that is there.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.lock().commands.pop_front()
    }

    /// Whether no command is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().commands.is_empty()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        queue.commands.clear();
    }
}

#[cfg(test)]
mod tests;
