//! Update groups between threads: one log for each shard.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use albedo_rib::GroupKey;
use albedo_types::GroupId;

use crate::log::SharedLog;
use crate::stats::Stats;

/// A group, and its log in each shard.
#[derive(Debug)]
pub(crate) struct SharedGroup {
    pub(crate) id: GroupId,
    pub(crate) key: GroupKey,
    pub(crate) logs: Box<[Arc<SharedLog>]>,
}

/// What may be known of a group from outside.
#[derive(Clone, Debug)]
pub struct GroupStatus {
    /// Which, for as long as somebody is in it.
    pub id: GroupId,
    /// What its members have in common.
    pub key: GroupKey,
    /// Members, in the family of the key.
    pub members: usize,
    /// Members that have been given everything, in the shard where these are fewest.
    pub current: usize,
    /// Bytes in its logs, over all shards.
    pub log_bytes: usize,
}

impl SharedGroup {
    /// What is known of it; `handles` are those that do not belong to members.
    fn status(self: &Arc<Self>, handles: usize) -> GroupStatus {
        let shards = self.logs.len();
        // Each member has a handle for each shard.
        let members = Arc::strong_count(self).saturating_sub(handles).div_ceil(shards);
        let current = self.logs.iter().map(|log| log.active()).min().unwrap_or_default();
        let log_bytes = self.logs.iter().map(|log| log.cost()).sum();
        GroupStatus { id: self.id, key: self.key.clone(), members, current, log_bytes }
    }
}

/// All groups that somebody reads or is about to.
#[derive(Debug, Default)]
pub(crate) struct Groups(Mutex<GroupsInner>);

#[derive(Debug, Default)]
struct GroupsInner {
    by_key: HashMap<GroupKey, Weak<SharedGroup>>,
    next: u32,
}

impl Groups {
    /// The group of a key; a new one if nobody is in it.
    pub(crate) fn of(&self, key: GroupKey, shards: usize, stats: &Arc<Stats>) -> Arc<SharedGroup> {
        let mut inner = self.0.lock().expect("no panic while held");
        if let Some(group) = inner.by_key.get(&key).and_then(Weak::upgrade) {
            return group;
        }
        let id = GroupId(inner.next);
        inner.next += 1;
        let log = || Arc::new(SharedLog::new(key.family, Arc::clone(stats)));
        let logs = (0..shards).map(|_| log()).collect();
        let group = Arc::new(SharedGroup { id, key: key.clone(), logs });
        inner.by_key.retain(|_, group| group.strong_count() > 0);
        inner.by_key.insert(key, Arc::downgrade(&group));
        group
    }

    /// What is known of each group, in the order of their numbers.
    pub(crate) fn status(&self) -> Vec<GroupStatus> {
        let list = self.list();
        // One handle is in the list, and each shard has one.
        let mut status: Vec<_> =
            list.iter().map(|group| group.status(1 + group.logs.len())).collect();
        status.sort_by_key(|group| group.id.0);
        status
    }

    /// The groups that are in use.
    pub(crate) fn list(&self) -> Vec<Arc<SharedGroup>> {
        let inner = self.0.lock().expect("no panic while held");
        inner.by_key.values().filter_map(Weak::upgrade).collect()
    }
}
