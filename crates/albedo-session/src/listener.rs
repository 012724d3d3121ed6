//! A listener's loop: accept, ask admission, hand over.
//!
//! A stranger costs an accept and a close.
//! When connections come faster than the rate allows, the loop stops accepting, and who waits
//! waits in the kernel's queue.
//! When accepting fails because there is no descriptor left, it is tried again after a while
//! instead of spinning.

use std::sync::Arc;
use std::time::Duration;

use albedo_engine::clock::now;
use albedo_wire::notification::codes::cease;
use tokio::net::{TcpListener, TcpStream};

use crate::admission::{Refusal, Source};
use crate::guards::HalfOpen;
use crate::registry::Incoming;
use crate::stats::SessionStats;
use crate::supervisor::Inner;

/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts until it is aborted.
pub(crate) async fn run(listener: Arc<TcpListener>, inner: Arc<Inner>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                SessionStats::count(&inner.stats.accepted);
                offer(&inner, stream, remote).await;
            }
            Err(error) => {
                SessionStats::count(&inner.stats.accept_errors);
                // A connection that was reset before it was accepted is no reason to pause.
                if error.kind() != std::io::ErrorKind::ConnectionAborted {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }
}

async fn offer(inner: &Arc<Inner>, stream: TcpStream, remote: std::net::SocketAddr) {
    let Ok(local) = stream.local_addr() else { return };
    if let Err(refusal) = inner.admission().owner(Source::of(remote), local.ip()) {
        inner.stats.refuse(&refusal);
        tracing::debug!(peer = %remote, %refusal, "connection refused");
        return;
    }
    loop {
        let until = inner.admission().wait_until(now());
        let Some(until) = until else { break };
        tokio::time::sleep(until.since(now())).await;
    }
    match HalfOpen::enter(inner, remote.ip()) {
        Ok(half_open) => {
            let incoming = Box::new(Incoming { stream, remote, local, half_open });
            if let Err((refusal, incoming)) = inner.admit(incoming) {
                inner.refuse(refusal, &incoming.stream, remote);
            }
        }
        Err(refusal) => inner.refuse(refusal, &stream, remote),
    }
}

/// The Cease that tells a known peer why it is sent away (RFC 4486).
pub(crate) const fn cease_of(refusal: &Refusal) -> Option<u8> {
    match refusal {
        // Any word would make a node that keeps our routes drop them (K7 of our requirements).
        Refusal::UnknownSource | Refusal::Stopping => None,
        Refusal::SessionsFull { .. } | Refusal::RangeFull { .. } => Some(cease::OUT_OF_RESOURCES),
        _ => Some(cease::REJECTED),
    }
}
