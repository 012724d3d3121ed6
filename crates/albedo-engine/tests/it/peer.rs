//! A session without a socket: what a port gives out goes into a table, by as many octets as the
//! "socket" takes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use albedo_engine::{EngineHandle, Outlet, PeerPort, Piece, clock};
use albedo_rib::{GroupKey, PeerInfo};
use albedo_sim::table::{self, Table};
use albedo_types::Family;
use bytes::Bytes;

/// Wakes one thread, and remembers that it did.
#[derive(Debug)]
pub(crate) struct Flag {
    woken: AtomicBool,
    thread: Thread,
}

impl Flag {
    fn new() -> Arc<Self> {
        Arc::new(Self { woken: AtomicBool::new(true), thread: std::thread::current() })
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// The stream of a "socket", to which a shard may write as well, and which then takes all of it,
/// some, or nothing.
#[derive(Debug)]
struct Socket {
    stream: Mutex<Vec<u8>>,
    offers: AtomicUsize,
    flag: Arc<Flag>,
}

impl Outlet for Socket {
    fn offer(&self, messages: &[u8]) -> usize {
        let taken = match self.offers.fetch_add(1, Ordering::Relaxed) % 7 {
            2 => messages.len() / 2,
            4 => 0,
            5 => messages.len() - 1,
            _ => messages.len(),
        };
        self.stream.lock().expect("no panic while held").extend_from_slice(&messages[..taken]);
        // For whoever waits for a table.
        Arc::clone(&self.flag).wake();
        taken
    }
}

/// A peer whose session is up.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) port: PeerPort,
    pub(crate) table: Table,
    /// End-of-RIB markers, by family.
    pub(crate) ends: [u32; Family::COUNT],
    /// BoRR and EoRR, by family.
    pub(crate) markers: [[u32; 2]; Family::COUNT],
    /// Vectored writes that the socket did not take whole.
    pub(crate) blocked: u32,
    pub(crate) updates: u64,
    flag: Arc<Flag>,
    /// What the socket has to take before anything else.
    rest: Option<Bytes>,
    socket: Arc<Socket>,
    keys: [Option<GroupKey>; Family::COUNT],
}

impl Peer {
    pub(crate) fn new(engine: &EngineHandle, info: PeerInfo) -> Self {
        let flag = Flag::new();
        let socket = Socket {
            stream: Mutex::default(),
            offers: AtomicUsize::new(0),
            flag: Arc::clone(&flag),
        };
        let socket = Arc::new(socket);
        let mut port = engine.register(info);
        port.set_outlet(Arc::<Socket>::clone(&socket));
        Self {
            port,
            table: Table::new(),
            ends: [0; Family::COUNT],
            markers: [[0; 2]; Family::COUNT],
            blocked: 0,
            updates: 0,
            flag,
            rest: None,
            socket,
            keys: [const { None }; Family::COUNT],
        }
    }

    /// Another session, on another connection.
    pub(crate) fn back(&mut self, info: PeerInfo) {
        self.port.come_back(info);
        self.table.clear();
        self.ends = [0; Family::COUNT];
        self.markers = [[0; 2]; Family::COUNT];
        self.rest = None;
        self.socket.stream.lock().expect("no panic while held").clear();
        self.port.set_outlet(Arc::<Socket>::clone(&self.socket));
        self.keys = [const { None }; Family::COUNT];
        self.touch();
    }

    pub(crate) fn join(&mut self, key: GroupKey) {
        self.keys[key.family.index()] = Some(key.clone());
        self.port.join(key);
        self.touch();
    }

    /// Something was done with the port: it is to be polled.
    pub(crate) fn touch(&self) {
        self.flag.woken.store(true, Ordering::Release);
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.flag.woken.load(Ordering::Acquire)
    }

    /// Puts what waits into the channels; whether all of it is in.
    pub(crate) fn flush(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.flag));
        self.port.poll_flush(&mut Context::from_waker(&waker)).is_ready()
    }

    /// Writes until there is nothing to write or the socket has taken `room` octets; whether
    /// anything was written.
    pub(crate) fn pump(&mut self, room: usize) -> bool {
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut cx = Context::from_waker(&waker);
        let mut room = room;
        let mut wrote = false;
        self.flag.woken.store(false, Ordering::Release);
        if let Some(begun) = self.port.take_begun() {
            assert_eq!(self.rest, None, "who rests owes nothing");
            self.rest = Some(begun);
        }
        self.take(&[]);
        if let Some(mut rest) = self.rest.take() {
            let now = rest.split_to(rest.len().min(room));
            room -= now.len();
            self.take(&now);
            wrote = true;
            if !rest.is_empty() {
                self.rest = Some(rest);
                self.touch();
                return true;
            }
        }
        loop {
            let _ = self.port.poll_flush(&mut cx);
            let mut pieces = Vec::new();
            if self.port.poll_output(&mut cx, &mut pieces, clock::now()) == Poll::Pending {
                self.port.rest();
                return wrote;
            }
            wrote = true;
            if !self.write(pieces, &mut room) {
                // A socket that has room again wakes its session.
                self.touch();
                return true;
            }
        }
    }

    /// What the socket takes of a vectored write; whether that is all.
    fn write(&mut self, pieces: Vec<Piece>, room: &mut usize) -> bool {
        let mut pieces = pieces.into_iter();
        while let Some(piece) = pieces.next() {
            assert!(!piece.bytes.is_empty(), "nothing is to be written");
            if piece.bytes.len() <= *room {
                *room -= piece.bytes.len();
                self.take(&piece.bytes);
                self.port.written(piece, clock::now());
                continue;
            }
            let taken = std::mem::take(room);
            self.take(&piece.bytes[..taken]);
            self.blocked += 1;
            let left = std::iter::once(piece).chain(pieces).collect();
            self.rest = self.port.blocked(left, taken, clock::now());
            return false;
        }
        true
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut stream =
            std::mem::take(&mut *self.socket.stream.lock().expect("no panic while held"));
        stream.extend_from_slice(bytes);
        let mut rest = stream.as_slice();
        while let Some(head) = rest.get(..19) {
            let len = usize::from(u16::from_be_bytes([head[16], head[17]]));
            let Some(message) = rest.get(..len) else { break };
            self.read(message);
            rest = &rest[len..];
        }
        *self.socket.stream.lock().expect("no panic while held") = rest.to_vec();
    }

    fn read(&mut self, message: &[u8]) {
        let family = |afi: u8| Family::ALL[usize::from(afi) - 1];
        match (message[18], &message[19..]) {
            (2, [0, 0, 0, 0]) => self.ends[0] += 1,
            (2, [0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1]) => self.ends[1] += 1,
            (2, [0, 0, 0, 7, 0x90, 15, 0, 3, 0, 2, 1]) => self.ends[1] += 1,
            (2, _) => {
                let limit = self.keys.iter().flatten().map(|key| key.message_len_max).max();
                assert!(message.len() <= limit.expect("it joined") as usize, "a message too long");
                self.updates += 1;
                let ids = self.keys.iter().flatten().any(|key| key.paths.have_ids());
                table::apply(&mut self.table, message, ids);
            }
            (5, [0, afi, subtype @ (1 | 2), 1]) => {
                self.markers[family(*afi).index()][usize::from(*subtype) - 1] += 1;
            }
            (kind, body) => panic!("a message of type {kind}: {body:?}"),
        }
    }
}
