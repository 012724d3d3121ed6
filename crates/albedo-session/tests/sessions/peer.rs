//! A peer that says exactly what a test tells it to, and nothing by itself.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use albedo_types::{Asn, Family, FamilySet, Ipv4Prefix, PathId};
use albedo_wire::capability::Capability;
use albedo_wire::frame::{self, KEEPALIVE, MessageType};
use albedo_wire::notification::Notification;
use albedo_wire::open::Open;
use albedo_wire::update::{PackSpec, RawUpdate, UpdateContext, pack_announce, pack_withdraw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

pub(crate) const ASN: Asn = Asn(64512);

/// Attribute block of each prefix that a peer was told.
pub(crate) type Table = BTreeMap<Ipv4Prefix, Vec<u8>>;

/// A scripted peer.
pub(crate) struct Peer {
    stream: TcpStream,
    unread: Vec<u8>,
    context: UpdateContext,
    pub(crate) table: Table,
    /// The same by path identifier.
    pub(crate) paths: BTreeMap<(Ipv4Prefix, PathId), Vec<u8>>,
    pub(crate) ends: usize,
    /// Prefixes that were withdrawn from it.
    pub(crate) withdrawals: usize,
    /// How often each prefix was announced to it.
    heard: BTreeMap<Ipv4Prefix, usize>,
}

/// A message as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: MessageType,
    pub(crate) body: Vec<u8>,
}

/// The OPEN of a client with this identifier.
pub(crate) fn open(router_id: u32, hold_time: u16) -> Open {
    Open {
        as_field: ASN.to_two_octets(),
        hold_time,
        router_id,
        capabilities: vec![
            Capability::multiprotocol(Family::Ipv4Unicast),
            Capability::multiprotocol(Family::Ipv6Unicast),
            Capability::RouteRefresh,
            Capability::FourOctetAs(ASN),
        ],
        ignored: Vec::new(),
    }
}

pub(crate) fn prefix(n: u32) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(0x0a00_0000 + (n << 6), 26).expect("a prefix of 26 bits")
}

/// ORIGIN, empty AS_PATH, NEXT_HOP, LOCAL_PREF.
pub(crate) fn block(next_hop: Ipv4Addr, local_pref: u32) -> Vec<u8> {
    let mut block = vec![0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4];
    block.extend_from_slice(&next_hop.octets());
    block.extend_from_slice(&[0x40, 5, 4]);
    block.extend_from_slice(&local_pref.to_be_bytes());
    block
}

const SPEC: PackSpec = PackSpec { message_len_max: 4096, add_path: false };

pub(crate) fn announce(block: &[u8], n: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut out = Vec::new();
    pack_announce(&mut out, SPEC, block, None, n.into_iter().map(|n| (PathId(0), prefix(n))));
    out
}

pub(crate) fn withdraw(n: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut out = Vec::new();
    pack_withdraw(&mut out, SPEC, n.into_iter().map(|n| (PathId(0), prefix(n))));
    out
}

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            unread: Vec::new(),
            context: UpdateContext::internal(ASN),
            table: Table::new(),
            paths: BTreeMap::new(),
            ends: 0,
            withdrawals: 0,
            heard: BTreeMap::new(),
        }
    }

    /// Connects from an address of its own.
    pub(crate) async fn connect(from: [u8; 4], to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        Self::new(socket.connect(to).await.unwrap())
    }

    /// Connects and comes up, up to the point where both have said KEEPALIVE.
    pub(crate) async fn establish(from: [u8; 4], to: SocketAddr) -> Self {
        let mut peer = Self::connect(from, to).await;
        peer.handshake(&open(u32::from_be_bytes(from), 90)).await;
        peer
    }

    /// Is told prefixes with path identifiers.
    pub(crate) fn reads_paths(&mut self) {
        self.context.add_path = FamilySet::ALL;
    }

    pub(crate) async fn handshake(&mut self, open: &Open) {
        self.send(&open.encode()).await;
        assert_eq!(self.message().await.kind, MessageType::Open);
        self.send(&KEEPALIVE).await;
        assert_eq!(self.message().await.kind, MessageType::Keepalive);
    }

    /// The same, with the other side's OPEN as the answer.
    pub(crate) async fn exchange(&mut self, open: &Open) -> Open {
        self.send(&open.encode()).await;
        let message = self.message().await;
        assert_eq!(message.kind, MessageType::Open);
        self.send(&KEEPALIVE).await;
        assert_eq!(self.message().await.kind, MessageType::Keepalive);
        Open::decode(&message.body).unwrap()
    }

    /// Comes up, if the other side wants it.
    pub(crate) async fn try_handshake(&mut self, open: &Open) -> bool {
        self.try_send(&open.encode()).await;
        let is_open = self.next().await.is_some_and(|said| said.kind == MessageType::Open);
        self.try_send(&KEEPALIVE).await;
        is_open && self.next().await.is_some_and(|said| said.kind == MessageType::Keepalive)
    }

    /// Checks that nothing but keepalives has come that was not read.
    pub(crate) fn check_silence(&mut self) {
        let mut chunk = [0; 4096];
        while let Ok(octets) = self.stream.try_read(&mut chunk) {
            assert_ne!(octets, 0, "the end of the connection");
            self.unread.extend_from_slice(&chunk[..octets]);
        }
        while let Some(frame) = frame::split(&self.unread, true).unwrap() {
            assert_eq!(frame.kind, MessageType::Keepalive, "{:?}", frame.body);
            let len = frame.len;
            self.unread.drain(..len);
        }
    }

    /// How often a prefix was announced to it.
    pub(crate) fn heard_of(&self, key: &Ipv4Prefix) -> usize {
        self.heard.get(key).copied().unwrap_or_default()
    }

    /// Reads to the end of the connection; the NOTIFICATION that came last, if one did.
    pub(crate) async fn last_word(&mut self) -> Option<Notification> {
        let mut last = None;
        while let Some(message) = self.next().await {
            assert_eq!(last, None, "nothing follows a notification");
            if message.kind == MessageType::Notification {
                last = Some(Notification::decode(&message.body).unwrap());
            }
            self.take(&message);
        }
        last
    }

    /// From now on each message leaves at once, also if the connection is dropped behind it.
    pub(crate) fn in_a_hurry(&self) {
        self.stream.set_nodelay(true).unwrap();
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends if the other side is still there.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> Message {
        self.next().await.expect("a message, not the end")
    }

    /// The next message, or `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(frame) = frame::split(&self.unread, true).unwrap() {
                let message = Message { kind: frame.kind, body: frame.body.to_vec() };
                let len = frame.len;
                self.unread.drain(..len);
                return Some(message);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.unread.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// Reads until a NOTIFICATION comes and the connection ends.
    pub(crate) async fn notification(&mut self) -> Notification {
        while let Some(message) = self.next().await {
            if message.kind == MessageType::Notification {
                assert_eq!(self.next().await, None, "nothing follows a notification");
                return Notification::decode(&message.body).unwrap();
            }
            self.take(&message);
        }
        panic!("the connection ended without a notification");
    }

    /// Puts an UPDATE into the table.
    pub(crate) fn take(&mut self, message: &Message) {
        if message.kind != MessageType::Update {
            return;
        }
        let update = RawUpdate::split(&message.body, &self.context).unwrap();
        if update.is_end_of_rib(&self.context).is_some() {
            self.ends += 1;
        }
        for route in update.withdrawn_prefixes(&self.context) {
            let (id, key) = route.unwrap();
            self.table.remove(&key);
            self.paths.remove(&(key, id));
            self.withdrawals += 1;
        }
        let mut block = Vec::new();
        update.block.write_to(&mut block);
        for route in update.announced_prefixes(&self.context) {
            let (id, key) = route.unwrap();
            self.paths.insert((key, id), block.clone());
            *self.heard.entry(key).or_default() += 1;
            self.table.insert(key, block.clone());
        }
    }

    /// Reads until the table is as `done` wants it.
    pub(crate) async fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        while !done(self) {
            let message = self.message().await;
            assert_ne!(message.kind, MessageType::Notification, "{message:?}");
            self.take(&message);
        }
    }

    /// The connection ends without a word, as that of a process that was killed.
    pub(crate) fn vanish(self) {
        drop(self);
    }

    /// Reads until End-of-RIB of both families.
    pub(crate) async fn until_ends(&mut self) {
        self.until(|peer| peer.ends >= Family::COUNT).await;
    }

    /// Proves that the session is alive and that everything sent before was taken: announces a
    /// marker and waits until `other` has it.
    pub(crate) async fn mark(&mut self, other: &mut Self, n: u32) {
        self.send(&announce(&block(Ipv4Addr::new(10, 0, 0, 9), 100), [n])).await;
        other.until(|other| other.table.contains_key(&prefix(n))).await;
    }
}
