//! A listener that strangers cannot exhaust: a bound on connections, and none of them may idle.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections open at the same time at each door; more wait in the kernel's queue. Probes,
/// scrapers and a few people need far fewer.
pub const CONNECTIONS_MAX: usize = 64;

/// A connection on which nothing moved for this long is closed. Longer than the usual scrape
/// interval of 15 s, so that a scraper keeps its connection.
pub const IDLE_MAX: Duration = Duration::from_secs(30);

/// The guarded listener.
#[derive(Debug)]
pub struct Guarded<L> {
    listener: L,
    permits: Arc<Semaphore>,
    places: Places,
}

/// How many connections are open, over all doors that count here.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<AtomicU64>);

impl Places {
    /// How many there are.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> Place {
        self.0.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }
}

#[derive(Debug)]
struct Place(Places);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<L> Guarded<L> {
    /// Lets in [`CONNECTIONS_MAX`] at a time, and counts them.
    #[must_use]
    pub fn counted(listener: L, places: &Places) -> Self {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Self { listener, permits, places: places.clone() }
    }
}

impl<L: Listener> Listener for Guarded<L> {
    type Io = Connection<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.expect("nobody closes the semaphore");
        let (stream, addr) = self.listener.accept().await;
        let idle = Box::pin(sleep(IDLE_MAX));
        let place = self.places.take();
        (Connection { stream, idle, _permit: permit, _place: place }, addr)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when nothing moves.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    idle: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

impl<S> Connection<S> {
    /// Passes on what the stream said; while it says nothing the idle time runs.
    fn guard<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.idle.as_mut().reset(Instant::now() + IDLE_MAX);
            return poll;
        }
        match self.idle.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.guard(cx, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.guard(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.guard(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
