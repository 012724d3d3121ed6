//! The end of a connection after a NOTIFICATION: the peer shall read it.
//!
//! Closing a socket in which unread bytes lie makes the kernel send a reset, which can overtake
//! the NOTIFICATION and wipe it out at the peer.
//! So what is left is written, our half is closed, and for at most a second whatever still comes
//! is read and thrown away.
//! This runs beside the session's task, which is free to begin anew.
//!
//! RFC 4271 §8.2.2 says only "drops the TCP connection".

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a closed connection is kept for the peer to read the last message.
pub(crate) const LINGER_MAX: Duration = Duration::from_secs(1);

/// Octets read at once of what is thrown away.
const DRAIN_CHUNK: usize = 4096;

/// Writes `last`, closes our half, and waits for the peer's, each within [`LINGER_MAX`] in all.
pub(crate) async fn linger(mut stream: TcpStream, last: Vec<u8>) {
    let end = async {
        stream.write_all(&last).await?;
        stream.shutdown().await?;
        let mut chunk = Box::new([0; DRAIN_CHUNK]);
        while stream.read(&mut chunk[..]).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whether the peer went first or time ran out: there is nothing more to be done.
    let _ = tokio::time::timeout(LINGER_MAX, end).await;
}

#[cfg(test)]
mod tests;
