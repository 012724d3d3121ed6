//! The bounded way into a shard: the only file that names crossbeam's channel.
//!
//! A sender never blocks a runtime thread: where the channel is full it leaves its waker, and the
//! worker wakes all of them once it has drained.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};

/// Letters that a shard's channel holds.
///
/// A letter has at most [`crate::port::BATCH_KEYS_MAX`] routes.
pub const MAILBOX_LETTERS_MAX: usize = 256;

#[derive(Debug, Default)]
struct Space {
    wanted: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

/// Sends to a shard.
#[derive(Debug)]
pub(crate) struct MailboxSender<T> {
    sender: Sender<T>,
    space: Arc<Space>,
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

impl<T> MailboxSender<T> {
    pub(crate) fn try_send(&self, letter: T, cx: &Context<'_>) -> Sent<T> {
        let letter = match self.sender.try_send(letter) {
            Ok(()) => return Sent::Yes,
            Err(TrySendError::Disconnected(_)) => return Sent::Gone,
            Err(TrySendError::Full(letter)) => letter,
        };
        {
            let mut wakers = self.space.wakers.lock().expect("no panic while held");
            if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                wakers.push(cx.waker().clone());
            }
        }
        self.space.wanted.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        // The worker may have drained before it could see the waker.
        match self.sender.try_send(letter) {
            Ok(()) => Sent::Yes,
            Err(TrySendError::Disconnected(_)) => Sent::Gone,
            Err(TrySendError::Full(letter)) => Sent::Full(letter),
        }
    }

    /// Sends from a thread that may wait.
    pub(crate) fn send_blocking(&self, letter: T) {
        // The worker is gone only when the whole engine is.
        let _ = self.sender.send(letter);
    }

    pub(crate) fn len(&self) -> usize {
        self.sender.len()
    }
}

/// A shard's end.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    receiver: Receiver<T>,
    space: Arc<Space>,
}

/// What a wait ended with.
#[derive(Debug)]
pub(crate) enum Received<T> {
    Letter(T),
    Timeout,
    Closed,
}

impl<T> Mailbox<T> {
    pub(crate) fn receive(&self, timeout: Duration) -> Received<T> {
        match self.receiver.recv_timeout(timeout) {
            Ok(letter) => Received::Letter(letter),
            Err(RecvTimeoutError::Timeout) => Received::Timeout,
            Err(RecvTimeoutError::Disconnected) => Received::Closed,
        }
    }

    pub(crate) fn try_receive(&self) -> Received<T> {
        match self.receiver.try_recv() {
            Ok(letter) => Received::Letter(letter),
            Err(TryRecvError::Empty) => Received::Timeout,
            Err(TryRecvError::Disconnected) => Received::Closed,
        }
    }

    /// Tells senders that wait that there is space.
    pub(crate) fn drained(&self) {
        fence(Ordering::SeqCst);
        if self.space.wanted.swap(false, Ordering::SeqCst) {
            let wakers =
                std::mem::take(&mut *self.space.wakers.lock().expect("no panic while held"));
            for waker in wakers {
                waker.wake();
            }
        }
    }
}

/// A channel of `letters_max` letters.
pub(crate) fn mailbox<T>(letters_max: usize) -> (MailboxSender<T>, Mailbox<T>) {
    let (sender, receiver) = bounded(letters_max);
    let space = Arc::new(Space::default());
    (MailboxSender { sender, space: Arc::clone(&space) }, Mailbox { receiver, space })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_full_channel_keeps_the_letter_and_wakes_once_there_is_space() {
        let (sender, mailbox) = mailbox(2);
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let cx = Context::from_waker(&waker);
        assert!(matches!(sender.try_send(1, &cx), Sent::Yes));
        assert!(matches!(sender.try_send(2, &cx), Sent::Yes));
        assert!(matches!(sender.try_send(3, &cx), Sent::Full(3)));
        assert!(matches!(sender.try_send(3, &cx), Sent::Full(3)));
        mailbox.drained();
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "one waker, however often it asked");
        assert!(matches!(mailbox.try_receive(), Received::Letter(1)));
        assert!(matches!(sender.try_send(3, &cx), Sent::Yes));
        mailbox.drained();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        drop(mailbox);
        assert!(matches!(sender.try_send(4, &cx), Sent::Gone));
    }
}
