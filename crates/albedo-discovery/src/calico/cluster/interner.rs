//! Each pair of label and value once, and each key once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::calico::Label;

/// Below this many pairs nothing is looked through, as there is nothing to win.
const TIDY_FROM: usize = 1_024;

/// The pairs in use. Those that nobody uses any more are dropped when there are twice as many as
/// were in use last time, or when half as many objects have changed or gone as there are pairs;
/// neither happens below [`TIDY_FROM`].
#[derive(Clone, Debug, Default)]
pub(super) struct Interner {
    pairs: HashSet<Arc<Label>>,
    keys: HashSet<Arc<str>>,
    used: usize,
    /// Objects that changed or went since the last time.
    changes: usize,
}

impl Interner {
    /// The one that is kept of those that are equal.
    pub(super) fn share(&mut self, label: &Arc<Label>) -> Arc<Label> {
        if let Some(known) = self.pairs.get(label) {
            return known.clone();
        }
        let key = match self.keys.get(&label.key) {
            Some(key) => key.clone(),
            None => {
                self.keys.insert(label.key.clone());
                label.key.clone()
            }
        };
        let label = Arc::new(Label { key, value: label.value.clone() });
        self.pairs.insert(label.clone());
        label
    }

    /// Drops what nobody uses, if there may be much of it.
    ///
    /// Pairs that a clone of the cluster uses count as used, which costs memory and nothing else.
    pub(super) fn tidy(&mut self) {
        self.changes += 1;
        let grown = self.pairs.len() >= TIDY_FROM.max(self.used * 2);
        if !grown && self.changes < TIDY_FROM.max(self.pairs.len() / 2) {
            return;
        }
        self.changes = 0;
        self.pairs.retain(|label| Arc::strong_count(label) > 1);
        self.keys.retain(|key| Arc::strong_count(key) > 1);
        self.used = self.pairs.len();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }
}
