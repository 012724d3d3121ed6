//! The end of a peer's part in the engine, on its way into the shards' channels.
//!
//! A session may end while a channel is full. Its letters then wait here, and not a thread of the
//! runtime: other sessions' keepalives come from that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use crate::engine::Shared;
use crate::mailbox::Sent;
use crate::worker::Letter;

/// A peer's last letters; dropping it waits for space in the channels.
#[derive(Debug)]
pub struct Leaving {
    shared: Arc<Shared>,
    letters: Box<[VecDeque<Letter>]>,
}

impl Leaving {
    pub(super) fn new(shared: &Arc<Shared>, letters: Box<[VecDeque<Letter>]>) -> Self {
        Self { shared: Arc::clone(shared), letters }
    }

    /// Puts the letters into the shards' channels; `Pending` while one is full.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut full = false;
        for (shard, letters) in self.letters.iter_mut().enumerate() {
            full |= !post(&self.shared, shard, letters, cx);
        }
        if full { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        for (shard, letters) in self.letters.iter_mut().enumerate() {
            for letter in letters.drain(..) {
                self.shared.mailboxes[shard].send_blocking(letter);
            }
        }
    }
}

/// Puts letters into a shard's channel, in order; whether all are in.
pub(super) fn post(
    shared: &Shared,
    shard: usize,
    letters: &mut VecDeque<Letter>,
    cx: &Context<'_>,
) -> bool {
    while let Some(letter) = letters.pop_front() {
        match shared.mailboxes[shard].try_send(letter, cx) {
            Sent::Yes | Sent::Gone => {}
            Sent::Full(letter) => {
                letters.push_front(letter);
                shared.stats.channel_full.fetch_add(1, Ordering::Relaxed);
                return false;
            }
        }
    }
    if letters.capacity() > 16 {
        letters.shrink_to(4);
    }
    true
}
