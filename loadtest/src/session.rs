//! One BGP session of a played node: its socket, what waits to be written, and how far it is.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::build::Graceful;
use crate::md5::{self, Key};
use crate::model::NodeId;
use crate::throttle::Throttle;

/// Slices handed to the kernel in one vectored write.
const SLICES_MAX: usize = 64;

/// What a node is and announces.
#[derive(Clone, Debug)]
pub struct Node {
    /// The address it connects from.
    pub source: SocketAddr,
    /// Its BGP identifier.
    pub router_id: Ipv4Addr,
    /// UPDATEs it sends as soon as the session is up; sent anew after each new start.
    pub initial: Arc<[u8]>,
    /// Whether its table is checked.
    pub is_checked: bool,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There is no connection and none is wanted.
    Off,
    /// A connection is wanted and will be tried again at the instant.
    Waiting(Instant),
    /// Connecting; given up at the instant and tried anew.
    Connecting(Instant),
    /// Our OPEN is on its way.
    OpenSent(Instant),
    /// Their OPEN was right; their KEEPALIVE has to come.
    OpenConfirm(Instant),
    /// UPDATEs may flow.
    Established,
    /// The connection is there, but the node neither reads nor writes any more.
    Silent,
}

impl Stage {
    /// Whether the node has a session, or wants one.
    #[must_use]
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Off | Self::Silent)
    }
}

/// How a session is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// NOTIFICATION 6/2, Administrative Shutdown, then FIN.
    Cease,
    /// FIN only, as a process that dies does.
    Close,
    /// RST.
    Reset,
}

/// One session.
pub struct Session {
    /// Who is played.
    pub node: Node,
    /// How far it is.
    pub stage: Stage,
    /// When something was last heard of the target.
    pub heard: Instant,
    /// When the next KEEPALIVE is due.
    pub keepalive_due: Instant,
    /// Hold time that both sides agreed on; zero: none.
    pub hold_time: Duration,
    /// The socket, while there is one.
    socket: Option<Socket>,
    /// The beginning of a message whose end has not come yet.
    pub partial: Vec<u8>,
    queue: VecDeque<(Arc<[u8]>, usize)>,
    queued: usize,
    /// Whether the socket is watched for room to write.
    pub wants_room: bool,
    /// Whether the socket is not watched for octets to read, because it is read slowly.
    pub is_deaf: bool,
    /// How fast it may be read, where that is limited.
    pub throttle: Option<Throttle>,
    /// Octets the kernel may hold for us to read, where that is not its choice.
    pub receive_buffer: Option<usize>,
    /// Octets read.
    pub octets_in: u64,
    /// Octets written.
    pub octets_out: u64,
    /// Octets of UPDATEs read.
    pub update_octets: u64,
    /// Whose session it is; prefixes belong to speakers, not to sessions.
    pub speaker: NodeId,
    /// Which of the fleet's targets it leads to.
    pub target: usize,
    /// Its loss is a part of the plan: it then stays off.
    pub is_expendable: bool,
    /// What its OPEN says of graceful restart.
    pub graceful: Option<Graceful>,
    /// End-of-RIBs that came since the session is up (RFC 4724 §2).
    pub ends: u32,
    /// When the last of them came.
    pub ended_at: Option<Instant>,
    /// How long the target's routes are to be kept when the connection breaks (RFC 4724 §4.2).
    pub peer_restart: Option<Duration>,
}

impl Session {
    /// A session that is off.
    #[must_use]
    pub fn new(node: Node, now: Instant) -> Self {
        Self {
            node,
            stage: Stage::Off,
            heard: now,
            keepalive_due: now,
            hold_time: Duration::ZERO,
            socket: None,
            partial: Vec::new(),
            queue: VecDeque::new(),
            queued: 0,
            wants_room: false,
            is_deaf: false,
            throttle: None,
            receive_buffer: None,
            octets_in: 0,
            octets_out: 0,
            update_octets: 0,
            speaker: 0,
            target: 0,
            is_expendable: false,
            graceful: None,
            ends: 0,
            ended_at: None,
            peer_restart: None,
        }
    }

    /// Whether UPDATEs may flow.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.stage == Stage::Established
    }

    /// Begins to connect, with a TCP-MD5 key where there is one; room to write will tell how it
    /// went.
    ///
    /// # Errors
    /// Where the source address is not this machine's, or descriptors are used up.
    pub fn connect(&mut self, target: SocketAddr, key: Option<&Key>) -> io::Result<()> {
        self.drop_connection();
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(octets) = self.receive_buffer {
            // Before connecting: the window that is offered follows from it.
            socket.set_recv_buffer_size(octets)?;
        }
        if let Some(key) = key {
            md5::set_peer(&socket, target.ip(), key)?;
        }
        if self.node.source.is_ipv6() {
            // A whole network can be local by a route only, which IPv6 does not take for binding.
            socket.set_freebind_v6(true)?;
        }
        socket.bind(&self.node.source.into())?;
        match socket.connect(&target.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        self.wants_room = true;
        self.socket = Some(socket);
        Ok(())
    }

    /// Why the attempt to connect failed, if it did.
    ///
    /// # Errors
    /// The socket's error.
    pub fn connected(&self) -> io::Result<()> {
        match &self.socket {
            Some(socket) => socket.take_error()?.map_or(Ok(()), Err),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The socket's descriptor.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Reads what waits; 0 is the end of the stream.
    ///
    /// # Errors
    /// As the socket says.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.socket {
            Some(socket) => socket.read(buffer),
            None => Ok(0),
        }
    }

    /// Queues octets for writing.
    pub fn push(&mut self, bytes: Arc<[u8]>) {
        if !bytes.is_empty() {
            self.queued += bytes.len();
            self.queue.push_back((bytes, 0));
        }
    }

    /// Writes as much as the socket takes; true where nothing is left.
    ///
    /// # Errors
    /// As the socket says; a full socket is no error.
    pub fn flush(&mut self) -> io::Result<bool> {
        let Some(socket) = &mut self.socket else {
            return Ok(true);
        };
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for ((bytes, done), slice) in self.queue.iter().zip(&mut slices) {
                *slice = IoSlice::new(&bytes[*done..]);
                count += 1;
            }
            match socket.write_vectored(&slices[..count]) {
                Ok(written) => {
                    self.octets_out += written as u64;
                    self.queued -= written;
                    advance(&mut self.queue, written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Octets that wait to be written.
    #[must_use]
    pub const fn backlog(&self) -> usize {
        self.queued
    }

    /// Ends the connection, if there is one; what waited to be written is lost.
    pub fn drop_connection(&mut self) {
        self.socket = None;
        self.partial = Vec::new();
        self.queue.clear();
        self.queued = 0;
        self.wants_room = false;
        self.is_deaf = false;
    }

    /// Ends the connection with RST instead of FIN.
    pub fn reset_connection(&mut self) {
        if let Some(socket) = &self.socket {
            // Where this fails the connection ends with FIN, which no caller can tell apart.
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
        self.drop_connection();
    }
}

/// Takes `written` octets from the front of a queue.
fn advance(queue: &mut VecDeque<(Arc<[u8]>, usize)>, mut written: usize) {
    while let Some((bytes, done)) = queue.front_mut() {
        let left = bytes.len() - *done;
        if written < left {
            *done += written;
            return;
        }
        written -= left;
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::advance;
    use std::collections::VecDeque;
    use std::sync::Arc;

    #[test]
    fn advance_crosses_the_borders_of_chunks() {
        let chunk = |n: usize| (Arc::<[u8]>::from(vec![0u8; n]), 0);
        let mut queue = VecDeque::from([chunk(3), chunk(5), chunk(1)]);
        advance(&mut queue, 2);
        assert_eq!((queue.len(), queue[0].1), (3, 2));
        advance(&mut queue, 1);
        assert_eq!((queue.len(), queue[0].1), (2, 0));
        advance(&mut queue, 5);
        assert_eq!((queue.len(), queue[0].1), (1, 0));
        advance(&mut queue, 1);
        assert!(queue.is_empty());
    }
}
