//! Connections: a bound on them, and none of them may be silent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use albedo_api::guard::{Connection, Guarded};
use axum::serve::Listener;
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

mod authority;

use authority::Renamed;

/// A connection as the server wants it.
#[derive(Debug)]
pub(crate) struct Io<S>(S);

impl<S> Connected for Io<S> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

/// What a listener lets in, one after the other.
pub(crate) fn incoming<L>(
    listener: Guarded<L>,
) -> impl Stream<Item = io::Result<Io<Connection<L::Io>>>>
where
    L: Listener,
{
    futures_util::stream::unfold(listener, |mut listener| async {
        let (connection, _) = listener.accept().await;
        Some((Ok(Io(connection)), listener))
    })
}

/// The same at a Unix socket.
pub(crate) fn incoming_at_socket<L>(
    listener: Guarded<L>,
) -> impl Stream<Item = io::Result<Io<Renamed<Connection<L::Io>>>>>
where
    L: Listener,
{
    futures_util::stream::unfold(listener, |mut listener| async {
        let (connection, _) = listener.accept().await;
        Some((Ok(Io(Renamed::new(connection))), listener))
    })
}

impl<S: AsyncRead + Unpin> AsyncRead for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
