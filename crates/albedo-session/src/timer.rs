//! One timer of the runtime per session, set as rarely as possible.
//!
//! The state machine's deadlines move with every message; the runtime's timer does not.
//! It is set again only if the next deadline lies *before* what it is set to; if the deadline has
//! moved away meanwhile, the timer goes off too early, finds nothing due, and is set anew.
//! A session that hears a thousand messages a second thus sets its timer once in a hold time.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use albedo_types::Instant;
use tokio::time::Sleep;

/// The timer.
#[derive(Debug)]
pub(crate) struct Timer {
    sleep: Pin<Box<Sleep>>,
    set_to: Instant,
}

impl Timer {
    /// A timer that is not set.
    pub(crate) fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(far_future())), set_to: Instant::NEVER }
    }

    /// Sees to it that the task is woken at `deadline` or before; `Ready` if it has passed.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        if deadline <= now {
            return Poll::Ready(());
        }
        if self.set_to <= deadline && now < self.set_to {
            // Set and not gone off: the runtime knows whom to wake.
            return Poll::Pending;
        }
        loop {
            if deadline < self.set_to {
                self.set_to = deadline;
                // A little later rather than a little earlier: the runtime counts milliseconds.
                let at = tokio::time::Instant::now() + deadline.since(now);
                self.sleep.as_mut().reset(at);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.set_to = Instant::NEVER;
        }
    }
}

fn far_future() -> tokio::time::Instant {
    tokio::time::Instant::now() + std::time::Duration::from_secs(86_400 * 365 * 30)
}

#[cfg(test)]
mod tests;
