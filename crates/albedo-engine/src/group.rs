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

    /// The groups that are in use.
    pub(crate) fn list(&self) -> Vec<Arc<SharedGroup>> {
        let inner = self.0.lock().expect("no panic while held");
        inner.by_key.values().filter_map(Weak::upgrade).collect()
    }
}
