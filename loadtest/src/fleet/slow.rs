//! Nodes that read slowly or not at all, so that the target has to wait for them.

use std::time::Instant;

use super::Fleet;
use crate::model::NodeId;
use crate::poll::Interest;
use crate::throttle::Throttle;

impl Fleet {
    /// Has the kernel hold few octets for a node to read, from its next connection on.
    pub fn set_receive_buffer(&mut self, node: NodeId, octets: usize) {
        self.sessions[node as usize].receive_buffer = Some(octets);
    }

    /// Reads a node's session at most at `rate` octets a second from now on; 0: not at all. What
    /// is read comes with the fleet's ticks.
    pub fn slow_down(&mut self, node: NodeId, rate: u64) {
        let n = node as usize;
        self.sessions[n].throttle = Some(Throttle::new(rate, Instant::now()));
        if self.sessions[n].is_established() {
            self.turn_deaf(n);
        }
    }

    /// Reads a node's session as fast as octets come again.
    pub fn read_freely(&mut self, node: NodeId) {
        let n = node as usize;
        let session = &mut self.sessions[n];
        session.throttle = None;
        session.heard = Instant::now();
        if std::mem::take(&mut session.is_deaf) {
            self.watch_socket(n);
        }
    }

    /// Stops watching a socket for octets to read; false where that is so already, or the session
    /// is not up yet: handshakes are never slow.
    pub(super) fn turn_deaf(&mut self, n: usize) -> bool {
        let session = &mut self.sessions[n];
        if session.is_deaf || !session.is_established() {
            return false;
        }
        session.is_deaf = true;
        self.watch_socket(n);
        true
    }

    /// Reads what a slow reader may read by now.
    pub(super) fn read_slowly(&mut self, n: usize, now: Instant) {
        let session = &mut self.sessions[n];
        let before = session.octets_in;
        let allowed = session.throttle.as_mut().map_or(0, |throttle| throttle.allowance(now));
        if allowed == 0 {
            return;
        }
        self.read(n, allowed);
        let session = &mut self.sessions[n];
        if let Some(throttle) = &mut session.throttle {
            throttle.spend(session.octets_in - before);
        }
    }

    fn watch_socket(&mut self, n: usize) {
        let session = &self.sessions[n];
        let interest = Interest::of(!session.is_deaf, session.wants_room);
        let result = session.fd().map_or(Ok(()), |fd| self.poller.modify(&fd, n as u64, interest));
        if let Err(error) = result {
            self.lose(n, &format!("watching failed: {error}"));
        }
    }
}
