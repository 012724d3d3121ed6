//! Stands between the nodes and a relay: answers route refreshes and withdraws the routes of nodes
//! that go, which the relay cannot, and loses a change where a test wants that.

use std::collections::{BTreeSet, HashMap};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

use albedo_loadtest::attrs::code;
use albedo_loadtest::build::{HEADER_LEN, MESSAGE_LEN_MAX, kind, withdraw};
use albedo_loadtest::parse::{self, Update};
use albedo_loadtest::prefix::Prefix;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Of the first changed route that anybody is sent, one client gets nothing.
    LosesChange,
    /// Nothing more is read of a node that has changed a route.
    Stalls,
}

/// What a client was sent, and the way to it.
struct Client {
    stream: TcpStream,
    /// All UPDATEs so far, in their order.
    log: Vec<u8>,
}

/// A middleman that ends with the test.
pub(crate) struct Middleman {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Middleman {
    /// Stands before a relay.
    pub(crate) fn start(relay: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let addr = listener.local_addr().expect("bound");
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let loss_due = Arc::new(AtomicBool::new(fault == Fault::LosesChange));
        let thread = spawn(move || {
            let mut before: HashMap<IpAddr, JoinHandle<()>> = HashMap::new();
            while let Ok((near, from)) = listener.accept() {
                if flag.load(Ordering::Relaxed) {
                    break;
                }
                let far = TcpStream::connect(relay).expect("the relay listens");
                for stream in [&near, &far] {
                    stream.set_nodelay(true).expect("a socket");
                }
                // A node's old routes are withdrawn before it comes again.
                if let Some(old) = before.remove(&from.ip()) {
                    old.join().expect("it does not panic");
                }
                before.insert(
                    from.ip(),
                    stand_between(&near, &far, &loss_due, fault == Fault::Stalls),
                );
            }
        });
        Self { addr, stop, thread: Some(thread) }
    }
}

impl Drop for Middleman {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes it up.
        let _ = TcpStream::connect(self.addr);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the middleman does not panic");
        }
    }
}

/// Both directions of a connection, in threads that end with it; the one towards the relay is
/// returned.
fn stand_between(
    near: &TcpStream,
    far: &TcpStream,
    loss_due: &Arc<AtomicBool>,
    stalls: bool,
) -> JoinHandle<()> {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    let client = Arc::new(Mutex::new(Client { stream: clone(near), log: Vec::new() }));
    let (from, mut to, same) = (clone(near), clone(far), Arc::clone(&client));
    let upstream = spawn(move || {
        let mut there = BTreeSet::new();
        let mut is_stalled = false;
        each_message(from, |message| {
            note(message, &mut there);
            is_stalled = stalls && is_change(message);
            if is_stalled {
                return false;
            }
            if message[18] == kind::ROUTE_REFRESH {
                let mut client = same.lock().expect("nobody panicked");
                let log = std::mem::take(&mut client.log);
                let result = client.stream.write_all(&log);
                client.log = log;
                return result.is_ok();
            }
            to.write_all(message).is_ok()
        });
        if is_stalled {
            return; // The other direction keeps both connections.
        }
        let mut gone = Vec::new();
        for prefix in there {
            withdraw(prefix.family, &[prefix], &mut gone);
        }
        // Where the relay is gone too, nobody needs to be told.
        let _ = to.write_all(&gone).and_then(|()| to.shutdown(Shutdown::Write));
    });
    let (from, loss_due) = (clone(far), Arc::clone(loss_due));
    spawn(move || {
        each_message(from, |message| {
            let is_lost = is_change(message) && loss_due.swap(false, Ordering::Relaxed);
            let mut client = client.lock().expect("nobody panicked");
            if is_lost {
                return true;
            }
            if message[18] == kind::UPDATE {
                client.log.extend_from_slice(message);
            }
            client.stream.write_all(message).is_ok()
        });
        let _ = client.lock().expect("nobody panicked").stream.shutdown(Shutdown::Both);
    });
    upstream
}

/// Keeps what a node has announced and not withdrawn.
fn note(message: &[u8], there: &mut BTreeSet<Prefix>) {
    if message[18] == kind::UPDATE {
        let update = Update::read(&message[HEADER_LEN..]).expect("well-formed");
        for prefix in update.withdrawn().flatten() {
            there.remove(&prefix);
        }
        there.extend(update.announced().flatten());
    }
}

/// Whether a message announces changed attributes, which have a `MULTI_EXIT_DISC`.
fn is_change(message: &[u8]) -> bool {
    let update = |body| Update::read(body).expect("well-formed");
    message[18] == kind::UPDATE
        && update(&message[HEADER_LEN..]).attributes.get(code::MED).is_some()
}

/// Hands over message by message until the stream ends, or what takes them wants no more.
fn each_message(mut from: TcpStream, mut take: impl FnMut(&[u8]) -> bool) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..read]);
        let mut at = 0;
        while let Some(message) = parse::split(&bytes[at..], MESSAGE_LEN_MAX).expect("well-formed")
        {
            if !take(message) {
                return;
            }
            at += message.len();
        }
        bytes.drain(..at);
    }
}
