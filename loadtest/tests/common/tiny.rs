//! A small reflector for tests: it reflects, withdraws, keeps routes across graceful restarts,
//! and makes mistakes when it is told to. One thread a connection, one lock around everything.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use albedo_loadtest::attrs::{Attributes, Form};
use albedo_loadtest::build::{self, Graceful, HEADER_LEN, KEEPALIVE, MESSAGE_LEN_MAX, kind};
use albedo_loadtest::parse::{self, Open, Update};
use albedo_loadtest::prefix::{Family, Prefix};

/// What it does wrong, and what it can.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Routes of a lost session stay for ever.
    pub(crate) keeps_all: bool,
    /// When a session is lost, a route of somebody else is withdrawn, and announced again.
    pub(crate) withdraws_others: bool,
    /// A node that comes up is told of everything, of its end, and of everything again.
    pub(crate) stutters: bool,
    /// Routes of nodes that restart gracefully are kept until they are back.
    pub(crate) helps: bool,
    /// The hold time it offers, in seconds.
    pub(crate) hold_time: u16,
}

type Routes = BTreeMap<(Family, Vec<u8>), (Prefix, Vec<u8>)>;

struct Peer {
    stream: TcpStream,
    is_up: bool,
    /// Its place in the order of all connections: one that was replaced must not end its heir.
    serial: u64,
    is_restarting_well: bool,
}

#[derive(Default)]
struct State {
    peers: BTreeMap<u32, Peer>,
    connections: u64,
    /// What each node announced, by its BGP identifier.
    routes: BTreeMap<u32, Routes>,
    /// What is kept of nodes that restart.
    stale: BTreeMap<u32, Routes>,
}

/// The reflector; it ends with this value.
pub(crate) struct Tiny {
    pub(crate) addr: SocketAddr,
    router_id: u32,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tiny {
    pub(crate) fn start(router_id: Ipv4Addr, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback");
        let addr = listener.local_addr().expect("bound");
        let (state, stop) =
            (Arc::new(Mutex::new(State::default())), Arc::new(AtomicBool::new(false)));
        let (shared, flag, id) = (Arc::clone(&state), Arc::clone(&stop), router_id.to_bits());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if flag.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&shared);
                // It ends with its connection.
                std::thread::spawn(move || session(&state, stream, id, manner));
            }
        });
        Self { addr, router_id: id, state, stop, thread: Some(thread) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// Withdraws, or announces again, what a node announced.
    pub(crate) fn show(&self, node: Ipv4Addr, is_there: bool) {
        let mut state = self.state();
        let routes = state.routes.get(&node.to_bits()).cloned().unwrap_or_default();
        let bytes = if is_there {
            announcements(&routes, node.to_bits(), self.router_id)
        } else {
            withdrawals(&routes)
        };
        state.tell(&bytes, node.to_bits());
    }

    /// Ends all sessions, as a process does that dies.
    pub(crate) fn die(&self) {
        self.stop.store(true, Ordering::Relaxed);
        for peer in self.state().peers.values() {
            let _ = peer.stream.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect(self.addr);
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        self.die();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it does not panic");
        }
    }
}

impl State {
    /// Writes to all that are up, but one. A peer that fails is found out by its own thread.
    fn tell(&mut self, bytes: &[u8], but: u32) {
        for (_, peer) in self.peers.iter_mut().filter(|(id, peer)| **id != but && peer.is_up) {
            let _ = peer.stream.write_all(bytes);
        }
    }
}

fn announcements(routes: &Routes, originator: u32, cluster: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for ((family, normal), prefix) in by_set(routes) {
        let set = Attributes::from_normal(&normal).reflected(originator).with_cluster(cluster);
        build::announce(&set, family, &prefix, &mut out);
    }
    out
}

/// Prefixes by family and attributes.
fn by_set(routes: &Routes) -> BTreeMap<(Family, Vec<u8>), Vec<Prefix>> {
    let mut out: BTreeMap<_, Vec<Prefix>> = BTreeMap::new();
    for (prefix, normal) in routes.values() {
        out.entry((prefix.family, normal.clone())).or_default().push(*prefix);
    }
    out
}

fn withdrawals(routes: &Routes) -> Vec<u8> {
    let mut out = Vec::new();
    for family in [Family::V4, Family::V6] {
        let all: Vec<Prefix> =
            routes.values().map(|route| route.0).filter(|prefix| prefix.family == family).collect();
        build::withdraw(family, &all, &mut out);
    }
    out
}

fn key(prefix: Prefix) -> (Family, Vec<u8>) {
    let mut octets = Vec::new();
    prefix.write(&mut octets);
    (prefix.family, octets)
}

/// A session from its first octet to its end.
fn session(state: &Mutex<State>, stream: TcpStream, id: u32, manner: Manner) {
    let mut peer = None;
    let is_broken = talk(state, stream, id, manner, &mut peer).unwrap_or(true);
    let Some((node, serial)) = peer else { return };
    let mut state = state.lock().expect("no holder panics");
    if state.peers.get(&node).is_some_and(|peer| peer.serial == serial) {
        lose(&mut state, node, id, manner, is_broken);
    }
}

/// What follows from the loss of a session.
fn lose(state: &mut State, node: u32, id: u32, manner: Manner, is_broken: bool) {
    let Some(peer) = state.peers.remove(&node) else { return };
    let gone = state.routes.remove(&node).unwrap_or_default();
    if manner.helps && is_broken && peer.is_restarting_well {
        state.stale.insert(node, gone);
        return;
    }
    if !manner.keeps_all {
        state.tell(&withdrawals(&gone), node);
    }
    if manner.withdraws_others
        && let Some((&other, routes)) = state.routes.iter().next()
    {
        let bytes = [withdrawals(routes), announcements(routes, other, id)].concat();
        state.tell(&bytes, other);
    }
}

/// Reads until the end; true where that was the connection's, not a NOTIFICATION.
fn talk(
    state: &Mutex<State>,
    mut stream: TcpStream,
    id: u32,
    manner: Manner,
    peer: &mut Option<(u32, u64)>,
) -> io::Result<bool> {
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        while let Some(message) = parse::split(&bytes, MESSAGE_LEN_MAX).map_err(invalid)? {
            let (message, rest) = (message.to_vec(), bytes[message.len()..].to_vec());
            bytes = rest;
            let body = &message[HEADER_LEN..];
            match (message[18], &peer) {
                (kind::OPEN, None) => {
                    let open = Open::read(body).map_err(invalid)?;
                    let hold = open.hold_time.min(manner.hold_time);
                    let hold = (hold > 0).then(|| Duration::from_secs(hold.into()));
                    stream.set_read_timeout(hold)?;
                    let graceful =
                        manner.helps.then_some(Graceful { seconds: 120, is_restarting: false });
                    let mut answer = build::open_graceful(
                        open.asn,
                        manner.hold_time,
                        Ipv4Addr::from_bits(id),
                        &open.families,
                        graceful,
                    );
                    answer.extend_from_slice(&KEEPALIVE);
                    let mut state = state.lock().expect("no holder panics");
                    stream.write_all(&answer)?;
                    // A node that is back before its end was noticed.
                    lose(&mut state, open.router_id, id, manner, true);
                    state.connections += 1;
                    let known = Peer {
                        stream: stream.try_clone()?,
                        is_up: false,
                        serial: state.connections,
                        is_restarting_well: open.restart_time.is_some(),
                    };
                    *peer = Some((open.router_id, known.serial));
                    state.peers.insert(open.router_id, known);
                }
                (kind::KEEPALIVE, Some((node, _))) => {
                    come_up(&mut state.lock().expect("no holder panics"), *node, id, manner);
                }
                (kind::UPDATE, Some((node, _))) => {
                    let update = Update::read(body).map_err(invalid)?;
                    take_in(&mut state.lock().expect("no holder panics"), *node, id, &update);
                }
                (kind::NOTIFICATION, _) => return Ok(false),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(true),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A peer's first KEEPALIVE: it gets everything. Later ones are answered.
fn come_up(state: &mut State, node: u32, id: u32, manner: Manner) {
    let State { peers, routes, stale, .. } = state;
    let Some(peer) = peers.get_mut(&node) else { return };
    if std::mem::replace(&mut peer.is_up, true) {
        // Their timer keeps ours going.
        let _ = peer.stream.write_all(&KEEPALIVE);
        return;
    }
    for (&owner, routes) in routes.iter().chain(stale.iter()).filter(|(owner, _)| **owner != node) {
        let all = announcements(routes, owner, id);
        let _ = peer.stream.write_all(&all);
        if manner.stutters {
            let _ = peer.stream.write_all(&[withdrawals(routes), all].concat());
        }
    }
    if manner.helps {
        let mut ends = Vec::new();
        for family in [Family::V4, Family::V6] {
            build::end_of_rib(family, &mut ends);
        }
        let _ = peer.stream.write_all(&ends);
    }
}

/// What a peer says: only what is new is passed on.
fn take_in(state: &mut State, node: u32, id: u32, update: &Update<'_>) {
    let mut normal = Vec::new();
    update.attributes.normalise(Form::FULL, &mut normal);
    let (mut fresh, mut gone) = (Routes::new(), Routes::new());
    let routes = state.routes.entry(node).or_default();
    let mut stale = state.stale.remove(&node).unwrap_or_default();
    for prefix in update.announced().flatten() {
        let route = (prefix, normal.clone());
        let kept = stale.remove(&key(prefix));
        let before = routes.insert(key(prefix), route.clone()).or(kept);
        if before.as_ref() != Some(&route) {
            fresh.insert(key(prefix), route);
        }
    }
    let withdrawn: Vec<Prefix> = update.withdrawn().flatten().collect();
    for prefix in &withdrawn {
        gone.extend(routes.remove(&key(*prefix)).map(|route| (key(*prefix), route)));
    }
    if withdrawn.is_empty() && update.announced().next().is_none() {
        gone.append(&mut stale); // End-of-RIB: what did not come anew is no more.
    }
    if !stale.is_empty() {
        state.stale.insert(node, stale);
    }
    let bytes = [withdrawals(&gone), announcements(&fresh, node, id)].concat();
    state.tell(&bytes, node);
}
