//! What an operator asks of a session that goes on: its routes again, or ours.
//!
//! RFC 2918 §1 (without a reset).

use std::net::IpAddr;

use crate::registry::Slot;
use crate::supervisor::Server;

impl Server {
    /// Asks a peer for its routes again, without a reset (soft in); one that cannot be asked begins
    /// a new session. Whether there was one.
    pub fn soft_in(&self, peer: IpAddr) -> bool {
        self.each_slot_of(peer, Slot::ask_again)
    }

    /// Tells a peer everything again, without a reset (soft out). Whether there was one.
    pub fn soft_out(&self, peer: IpAddr) -> bool {
        self.each_slot_of(peer, Slot::tell_again)
    }

    fn each_slot_of(&self, peer: IpAddr, tell: impl Fn(&Slot)) -> bool {
        let registry = self.0.registry();
        let slots = registry.slots.iter().filter(|(key, _)| key.source.ip == peer);
        slots.map(|(_, slot)| tell(slot)).count() > 0
    }
}
