//! A cursor into one log: one family, one shard.

use std::sync::Arc;

use albedo_rib::{Follower, Resume};
use albedo_types::{Family, Instant, ShardId};

use crate::group::SharedGroup;
use crate::log::SharedLog;
use crate::reader::{Chunk, Reader};

/// A reader of one log, and what belongs to it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) family: Family,
    pub(super) shard: ShardId,
    pub(super) group: Arc<SharedGroup>,
    pub(super) log: Arc<SharedLog>,
    pub(super) follower: Follower,
    /// What is to be written of the answer to the last question.
    pub(super) chunk: Option<Chunk>,
    pub(super) epoch: u16,
    /// Whether the log counts us among those that are up to date.
    pub(super) active: bool,
    reader: Arc<Reader>,
}

impl Lane {
    pub(super) fn new(reader: &Arc<Reader>, group: Arc<SharedGroup>, shard: ShardId) -> Self {
        let log = Arc::clone(&group.logs[shard.index()]);
        Self {
            family: group.key.family,
            shard,
            log,
            follower: Follower::default(),
            chunk: None,
            epoch: 0,
            active: false,
            reader: Arc::clone(reader),
            group,
        }
    }

    /// The shard says: from the base; a question to ask instead.
    pub(super) fn start(&mut self, end_seq: u64, now: Instant) -> Option<Resume> {
        self.deactivate(now);
        self.chunk = None;
        self.follower.start(self.log.base(), end_seq)
    }

    /// The peer is in another group from now on; the question for what it lacks there.
    pub(super) fn move_over(
        &mut self,
        group: &Arc<SharedGroup>,
        promised: bool,
        now: Instant,
    ) -> Resume {
        self.deactivate(now);
        self.log = Arc::clone(&group.logs[self.shard.index()]);
        self.group = Arc::clone(group);
        self.chunk = None;
        self.follower.move_over(promised)
    }

    /// The place in the log is gone; a question for what changed since.
    pub(super) fn fell_behind(&mut self, now: Instant) -> Option<Resume> {
        self.deactivate(now);
        self.follower.fell_behind()
    }

    /// It is at the end: from now on the log counts it, unless it has gone on meanwhile.
    pub(super) fn activate(&mut self, now: Instant) {
        if !self.active && self.log.activate(self.follower.cursor()) {
            self.active = true;
            self.reader.lane(self.family, self.shard).set_up_to_date(Some(now));
        }
    }

    pub(super) fn deactivate(&mut self, now: Instant) {
        if std::mem::take(&mut self.active) {
            self.reader.lane(self.family, self.shard).set_up_to_date(None);
            self.log.deactivate(self.follower.cursor(), now);
        }
    }
}
