//! A relay without any BGP logic: the floor below which no reflector can get on a machine.
//!
//! It answers handshakes, appends the octets of every UPDATE to one log, and pushes the log to
//! everybody but the sender with vectored writes. It decides nothing, checks nothing and withdraws
//! nothing. Results of real daemons can be given as a multiple of its own.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::build::{self, HEADER_LEN, KEEPALIVE, MESSAGE_LEN_MAX, kind};
use crate::md5::{self, Key};
use crate::parse;
use crate::poll::{Event, Interest, Poller};
use crate::prefix::Family;

/// Octets in one chunk of the log.
const CHUNK: usize = 256 << 10;
/// Octets of the buffer that all connections read through.
const READ_BUFFER: usize = 256 << 10;
/// Slices handed to the kernel in one vectored write.
const SLICES_MAX: usize = 64;
/// Connections the kernel may hold ready for us.
const BACKLOG: i32 = 4096;
/// The token of the listening socket.
const LISTENER: u64 = u64::MAX;
/// How often a request to stop is looked for.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// All octets ever relayed, in chunks of one size, so that a position needs no search.
#[derive(Default)]
struct Log {
    chunks: Vec<Vec<u8>>,
    len: u64,
}

impl Log {
    fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
                self.chunks.push(Vec::with_capacity(CHUNK));
            }
            let Some(chunk) = self.chunks.last_mut() else {
                return;
            };
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - chunk.len()));
            chunk.extend_from_slice(now);
            self.len += now.len() as u64;
            bytes = later;
        }
    }

    /// The octets from a position to the end of its chunk, or to `end`.
    #[expect(clippy::cast_possible_truncation, reason = "a log in memory is below 2^64 octets")]
    fn slice(&self, from: u64, end: u64) -> &[u8] {
        let chunk = &self.chunks[from as usize / CHUNK];
        let start = from as usize % CHUNK;
        let len = (end - from).min((chunk.len() - start) as u64) as usize;
        &chunk[start..start + len]
    }
}

/// A connection.
struct Peer {
    socket: Socket,
    is_up: bool,
    partial: Vec<u8>,
    /// Position in the log up to which everything is written or its own.
    cursor: u64,
    /// Where its own octets lie in the log, ahead of the cursor.
    own: VecDeque<(u64, u64)>,
    wants_room: bool,
}

impl Peer {
    /// Writes what is ahead of the cursor; true where nothing is left.
    fn flush(&mut self, log: &Log) -> io::Result<bool> {
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let (mut count, mut at, mut skip) = (0, self.cursor, 0);
            while at < log.len && count < SLICES_MAX {
                let end = match self.own.get(skip) {
                    Some(&(start, end)) if start <= at => {
                        at = end;
                        skip += 1;
                        continue;
                    }
                    Some(&(start, _)) => start,
                    None => log.len,
                };
                let slice = log.slice(at, end);
                slices[count] = IoSlice::new(slice);
                count += 1;
                at += slice.len() as u64;
            }
            if count == 0 {
                self.cursor = at;
                self.own.drain(..skip);
                return Ok(true);
            }
            match self.socket.write_vectored(&slices[..count]) {
                Ok(written) => self.advance(written as u64),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves the cursor over `written` octets, and over its own between them.
    fn advance(&mut self, mut written: u64) {
        while let Some(&(start, end)) = self.own.front() {
            let ahead = start.saturating_sub(self.cursor);
            if written < ahead {
                break;
            }
            written -= ahead;
            self.cursor = end;
            self.own.pop_front();
        }
        self.cursor += written;
    }

    fn note_own(&mut self, start: u64, end: u64) {
        match self.own.back_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => self.own.push_back((start, end)),
        }
    }
}

/// The relay.
pub struct Floor {
    listener: Socket,
    router_id: Ipv4Addr,
    poller: Poller,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    log: Log,
    buffer: Vec<u8>,
}

impl Floor {
    /// Listens.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub fn bind(listen: SocketAddr, router_id: Ipv4Addr) -> io::Result<Self> {
        let listener = Socket::new(Domain::for_address(listen), Type::STREAM, Some(Protocol::TCP))?;
        listener.set_reuse_address(true)?;
        listener.set_nonblocking(true)?;
        listener.bind(&listen.into())?;
        listener.listen(BACKLOG)?;
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER, Interest::Read)?;
        Ok(Self {
            listener,
            router_id,
            poller,
            peers: Vec::new(),
            free: Vec::new(),
            log: Log::default(),
            buffer: vec![0; READ_BUFFER],
        })
    }

    /// Lets in only whoever signs with a TCP-MD5 key (RFC 2385).
    ///
    /// # Errors
    /// Where the kernel takes no such keys.
    pub fn set_key(&self, key: &Key) -> io::Result<()> {
        let any: IpAddr = match self.local_addr()?.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        md5::set_everybody(&self.listener, any, key)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the kernel does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Relays until `stop` is set.
    ///
    /// # Errors
    /// Where the kernel refuses to tell of events.
    pub fn run(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            self.poller.wait(&mut events, STOP_CHECK)?;
            let before = self.log.len;
            for event in &events {
                if event.token == LISTENER {
                    self.accept();
                    continue;
                }
                #[expect(clippy::cast_possible_truncation, reason = "tokens are indices")]
                let n = event.token as usize;
                if event.readable {
                    self.read(n);
                }
                if event.writable {
                    self.flush(n);
                }
            }
            if self.log.len != before {
                for n in 0..self.peers.len() {
                    self.flush(n);
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) {
        while let Ok((socket, _)) = self.listener.accept() {
            let n = self.free.pop().unwrap_or(self.peers.len());
            let is_ready = socket.set_nonblocking(true).is_ok()
                && socket.set_tcp_nodelay(true).is_ok()
                && self.poller.add(&socket, n as u64, Interest::Read).is_ok();
            if n == self.peers.len() {
                self.peers.push(None);
            }
            if !is_ready {
                self.free.push(n);
                continue;
            }
            self.peers[n] = Some(Peer {
                socket,
                is_up: false,
                partial: Vec::new(),
                cursor: 0,
                own: VecDeque::new(),
                wants_room: false,
            });
        }
    }

    fn read(&mut self, n: usize) {
        let Some(peer) = &mut self.peers[n] else {
            return;
        };
        let start = peer.partial.len();
        self.buffer[..start].copy_from_slice(&peer.partial);
        let end = match peer.socket.read(&mut self.buffer[start..]) {
            Ok(read) if read > 0 => start + read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            _ => return self.drop_peer(n),
        };
        let mut at = 0;
        // UPDATEs that follow each other are relayed in one piece.
        let mut run = 0..0;
        loop {
            let message = match parse::split(&self.buffer[at..end], MESSAGE_LEN_MAX) {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(_) => return self.drop_peer(n),
            };
            let next = at + message.len();
            match message[18] {
                kind::UPDATE if run.end == at => run.end = next,
                kind::UPDATE => {
                    relay(&mut self.log, peer, &self.buffer[run]);
                    run = at..next;
                }
                kind::OPEN => {
                    let Ok(open) = parse::Open::read(&message[HEADER_LEN..]) else {
                        break;
                    };
                    let families = [Family::V4, Family::V6];
                    // A hold time of zero: no keepalives, which would have to be fitted in.
                    let mut answer = build::open(open.asn, 0, self.router_id, &families);
                    answer.extend_from_slice(&KEEPALIVE);
                    if peer.socket.write_all(&answer).is_err() {
                        return self.drop_peer(n);
                    }
                }
                kind::KEEPALIVE => peer.is_up = true,
                // It keeps no routes of its own that it could send anew.
                kind::ROUTE_REFRESH => {}
                _ => return self.drop_peer(n),
            }
            at = next;
        }
        relay(&mut self.log, peer, &self.buffer[run]);
        peer.partial.clear();
        peer.partial.extend_from_slice(&self.buffer[at..end]);
        self.flush(n);
    }

    fn flush(&mut self, n: usize) {
        let Some(peer) = &mut self.peers[n] else {
            return;
        };
        if !peer.is_up || peer.cursor == self.log.len {
            return;
        }
        let Ok(is_empty) = peer.flush(&self.log) else {
            return self.drop_peer(n);
        };
        if peer.wants_room == is_empty {
            let interest = if is_empty { Interest::Read } else { Interest::ReadWrite };
            match self.poller.modify(&peer.socket, n as u64, interest) {
                Ok(()) => peer.wants_room = !is_empty,
                Err(_) => self.drop_peer(n),
            }
        }
    }

    /// Forgets a connection; with the last one the log goes too.
    fn drop_peer(&mut self, n: usize) {
        self.peers[n] = None;
        self.free.push(n);
        if self.free.len() == self.peers.len() {
            self.log = Log::default();
        }
    }
}

/// Appends what a peer sent to the log.
fn relay(log: &mut Log, peer: &mut Peer, bytes: &[u8]) {
    if !bytes.is_empty() {
        let start = log.len;
        log.append(bytes);
        peer.note_own(start, log.len);
    }
}
