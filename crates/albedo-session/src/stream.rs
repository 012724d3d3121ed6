//! A connection whose way out two may use: the session's task, and a shard while the task rests.
//!
//! Only whole writes are made on either side, and never both at once: the engine's
//! [`albedo_engine::Outlet`] is used under a lock, between two turns of the task.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use albedo_engine::Outlet;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::stats::Tally;
use crate::status::PeerShared;
use crate::writer::count_messages;

/// A connection.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The way in.
    pub(crate) read: OwnedReadHalf,
    write: Arc<OwnedWriteHalf>,
}

impl Stream {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self { read, write: Arc::new(write) }
    }

    /// The socket, for options and questions.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.read.as_ref()
    }

    /// Waits until the socket may have room.
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_write_ready(cx)
    }

    /// One write, of all slices; how many octets the socket took.
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(cx))?;
            // A single slice needs no vector to be checked and copied by the kernel.
            let result = match slices {
                [slice] => self.write.try_write(slice),
                slices => self.write.try_write_vectored(slices),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// What a shard may write to while the session rests; what it writes counts as the peer's.
    pub(crate) fn outlet(&self, peer: Arc<PeerShared>) -> Arc<dyn Outlet> {
        Arc::new(SocketOutlet { write: Arc::clone(&self.write), peer })
    }

    /// The socket as a whole, once nobody else uses it.
    pub(crate) fn into_inner(self) -> Option<TcpStream> {
        self.read.reunite(Arc::into_inner(self.write)?).ok()
    }
}

/// A shard's way to a socket.
#[derive(Debug)]
struct SocketOutlet {
    write: Arc<OwnedWriteHalf>,
    peer: Arc<PeerShared>,
}

impl Outlet for SocketOutlet {
    fn offer(&self, messages: &[u8]) -> usize {
        // What is wrong with the socket the session finds out for itself.
        let taken = SockRef::from((*self.write).as_ref()).send(messages).unwrap_or(0);
        if taken > 0 {
            let mut tally = Tally::default();
            tally.bytes_sent(taken);
            count_messages(messages, taken, &mut tally);
            self.peer.count(&mut tally);
        }
        taken
    }
}
