//! The difference between the peers that are there and those that are wanted.

use std::collections::BTreeMap;
use std::fmt;

/// What has to be done to come from one set to another; keys in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<K> {
    /// Wanted and not there.
    pub added: Vec<K>,
    /// There and not wanted any more.
    pub removed: Vec<K>,
    /// Wanted with other settings.
    pub changed: Vec<K>,
    /// There as wanted: not to be touched.
    pub kept: usize,
}

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Self { added: Vec::new(), removed: Vec::new(), changed: Vec::new(), kept: 0 }
    }
}

impl<K> Changes<K> {
    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl<K> fmt::Display for Changes<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed, changed, kept } = self;
        let (added, removed, changed) = (added.len(), removed.len(), changed.len());
        write!(f, "{added} added, {removed} removed, {changed} changed, {kept} kept")
    }
}

/// Compares what is there with what is wanted.
pub fn reconcile<K: Ord + Clone, S: PartialEq>(
    there: &BTreeMap<K, S>,
    wanted: &BTreeMap<K, S>,
) -> Changes<K> {
    let mut changes = Changes::default();
    for (key, settings) in wanted {
        match there.get(key) {
            None => changes.added.push(key.clone()),
            Some(old) if old == settings => changes.kept += 1,
            Some(_) => changes.changed.push(key.clone()),
        }
    }
    let gone = there.keys().filter(|key| !wanted.contains_key(key));
    changes.removed.extend(gone.cloned());
    changes
}

#[cfg(test)]
mod tests;
