//! A port between two sessions of its peer: the shards keep the routes, and the index stays taken.
//!
//! The port sends the letters of all sessions through the same queues, so that no shard ever sees
//! the next session before the end of the last one.
//!
//! RFC 4724 §4.2, RFC 9494 §4.2.

use std::sync::Arc;

use albedo_rib::{Input, Keep, PeerInfo};
use albedo_types::{Family, ShardId};

use super::{PeerPort, Sync};
use crate::clock;
use crate::worker::Letter;

/// Letters that may wait for one shard when a session is lost whose routes are to be kept.
///
/// One turn of reading fills far fewer; whoever comes and goes while a shard hangs is not kept.
pub const LETTERS_KEPT_MAX: usize = 1024;

impl PeerPort {
    /// The session is lost, and of each family this is kept; what was read goes in before.
    /// Until [`PeerPort::come_back`] the port says nothing, and has to be flushed.
    ///
    /// `false` if that cannot be, because too much waits for a shard: the port is to be dropped.
    #[must_use]
    pub fn lose(&mut self, keep: [Keep; Family::COUNT]) -> bool {
        let _ = self.withdraw_outlet();
        let now = clock::now();
        for lane in &mut self.lanes {
            lane.deactivate(now);
        }
        self.lanes.clear();
        self.syncs = [Sync::Idle; Family::COUNT];
        self.control.clear();
        self.next_lane = 0;
        let peer = self.reader.peer;
        self.shared.readers.detach(peer);
        if self.letters.iter().any(|letters| letters.len() >= LETTERS_KEPT_MAX) {
            return false;
        }
        self.tell_all(|_| Letter::Input { input: Input::PeerLost { peer, keep }, at: now });
        true
    }

    /// The peer has a session again; it joins its groups anew.
    pub fn come_back(&mut self, info: PeerInfo) {
        let reader = Arc::new(self.reader.back());
        let peer = reader.peer;
        self.shared.readers.insert(peer, Arc::clone(&reader));
        self.reader = reader;
        self.established = clock::now();
        self.tell_all(|port| Letter::Up {
            reader: Arc::clone(&port.reader),
            input: Input::PeerUp { peer, info },
        });
    }

    /// All that the peer has announced of a family is stale: it begins to announce it again.
    pub fn stale(&mut self, family: Family) {
        let peer = self.reader.peer;
        self.tell_shards(&Input::Stale { peer, family });
    }

    /// What is still stale of a family goes (End-of-RIB, or a timer).
    pub fn sweep(&mut self, family: Family) {
        let peer = self.reader.peer;
        self.tell_shards(&Input::Sweep { peer, family });
    }

    /// What is stale of a family is long-lived stale from now on.
    pub fn long_lived(&mut self, family: Family) {
        let peer = self.reader.peer;
        self.tell_shards(&Input::LongLived { peer, family });
    }

    fn tell_shards(&mut self, input: &Input) {
        for shard in 0..self.letters.len() {
            let shard = ShardId(u32::try_from(shard).expect("few shards"));
            self.tell(shard, input.clone());
        }
    }
}

#[cfg(test)]
mod tests;
