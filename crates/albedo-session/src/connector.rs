//! Outgoing connections: a socket with the peer's options, and the future that connects it.
//!
//! The future lives in a box only while the connection is being made, so that a session that is
//! up does not pay for it.
//! RFC 4271 §8.2.2 (Connect); the retry timer is the state machine's business.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::dialler::DIAL_PATIENCE;
use crate::sockopt::{self, Md5Key, SocketOptions};

/// A connection that is being made; dropping it gives it up.
pub(crate) type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Begins to connect, once `dials` lets it.
///
/// # Errors
///
/// The socket could not be opened or an option was refused; nothing was sent.
pub(crate) fn connect(
    peer: SocketAddr,
    local: Option<IpAddr>,
    key: Option<&Md5Key>,
    options: &SocketOptions,
    dials: &Arc<Semaphore>,
) -> Result<Connecting, sockopt::SocketError> {
    let socket = sockopt::outgoing(peer, local, key, options)?;
    let socket = TcpSocket::from_std_stream(socket.into());
    let dials = Arc::clone(dials);
    Ok(Box::pin(async move {
        let _permit = dials.acquire_owned().await.map_err(io::Error::other)?;
        let connected = tokio::time::timeout(DIAL_PATIENCE, socket.connect(peer)).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }))
}
