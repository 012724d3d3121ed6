//! The relay in a thread of this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use albedo_loadtest::floor::Floor;
use albedo_loadtest::md5::Key;

/// A relay that ends with the test.
pub(crate) struct Relay {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts one on any port of loopback.
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// The same with a TCP-MD5 key that everybody has to have.
    pub(crate) fn start_with(key: Option<&Key>) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut floor = Floor::bind(listen, Ipv4Addr::new(10, 0, 0, 1)).expect("loopback");
        if let Some(key) = key {
            floor.set_key(key).expect("the kernel takes keys");
        }
        let addr = floor.local_addr().expect("bound");
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || floor.run(&flag).expect("epoll works"));
        Self { addr, stop, thread: Some(thread) }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the relay does not panic");
        }
    }
}
