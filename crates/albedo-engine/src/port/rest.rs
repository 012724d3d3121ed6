//! Resting: what a session with nothing left to write lends to the shards, and takes back.

use std::sync::Arc;

use albedo_rib::{Cursor, State};
use bytes::Bytes;

use super::lane::Lane;
use super::{PeerPort, Sync};
use crate::clock;
use crate::direct::Outlet;

impl PeerPort {
    /// The session's socket, for shards to write to while the session rests.
    pub fn set_outlet(&mut self, outlet: Arc<dyn Outlet>) {
        self.reader.direct.lock().expect("no panic while held").outlet = Some(outlet);
        self.has_outlet = true;
    }

    /// Everything there was is written: from now on shards may write, until the port is used
    /// again.
    pub fn rest(&mut self) {
        if self.resting || !self.has_outlet || !self.has_nothing_to_say() {
            return;
        }
        let mut direct = self.reader.direct.lock().expect("no panic while held");
        for lane in &self.lanes {
            let Cursor::Tail { seq } = lane.follower.cursor() else { return };
            let version = lane.follower.position().version;
            self.reader.lane(lane.family, lane.shard).rest_at(seq, version);
        }
        direct.at_rest = true;
        self.resting = true;
    }

    /// Whether all lanes are at their ends and nothing else is to be written.
    fn has_nothing_to_say(&self) -> bool {
        let at_end = |lane: &Lane| {
            lane.active
                && lane.chunk.is_none()
                && lane.follower.state() == State::Reading
                && lane.follower.skip() == 0
                && lane.log.is_end(lane.follower.cursor())
        };
        !self.lanes.is_empty()
            && self.control.is_empty()
            && self.begun.is_none()
            && self.syncs.iter().all(|sync| *sync == Sync::Idle)
            && self.lanes.iter().all(at_end)
    }

    /// The session turns: shards write no more, and the lanes go on from where those came to.
    pub(super) fn take_back(&mut self) {
        if !std::mem::take(&mut self.resting) {
            return;
        }
        let mut direct = self.reader.direct.lock().expect("no panic while held");
        direct.at_rest = false;
        let stuck = direct.stuck.take();
        drop(direct);
        for lane in &mut self.lanes {
            let (seq, version) = self.reader.lane(lane.family, lane.shard).last_place();
            let next = Cursor::Tail { seq };
            if lane.follower.cursor() != next {
                lane.follower.pass(next, version);
            }
        }
        let Some(stuck) = stuck else { return };
        // A reader whose socket is full is not waited for.
        let now = clock::now();
        for lane in &mut self.lanes {
            lane.deactivate(now);
            if stuck.skip > 0 && lane.family == stuck.family && lane.shard == stuck.shard {
                lane.follower.stands_within(lane.follower.cursor(), stuck.skip);
            }
        }
        self.begun = stuck.rest;
    }

    /// The rest of a message that a shard has begun to write, to be written before anything else;
    /// from here on shards write no more.
    pub fn take_begun(&mut self) -> Option<Bytes> {
        self.take_back();
        self.begun.take()
    }

    /// Nobody but the session uses the socket from here on; the rest of a message that a shard has
    /// begun.
    pub fn withdraw_outlet(&mut self) -> Option<Bytes> {
        self.take_back();
        if std::mem::take(&mut self.has_outlet) {
            self.reader.direct.lock().expect("no panic while held").outlet = None;
        }
        self.begun.take()
    }
}

#[cfg(test)]
mod tests;
