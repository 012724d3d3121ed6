//! Whether nodes were sent their whole table again, as they are after a route refresh.
//!
//! A prefix that changes in the meantime is sent in any case, so it proves nothing and is waited
//! for no longer.

use std::time::Instant;

use super::Bits;
use crate::latency::Recorder;
use crate::model::{Model, NodeId, PrefixId};

/// Which prefixes each node was announced since an instant.
#[derive(Clone, Debug)]
pub struct Resent {
    asked: Instant,
    /// By node: the prefixes that came.
    seen: Bits,
    /// Prefixes that have yet to come.
    left: Vec<u32>,
    nodes_left: usize,
    last: Option<Instant>,
    each: Recorder,
}

impl Resent {
    /// Nothing was sent yet; all that a node has to hold now is to come again.
    #[must_use]
    pub fn new(model: &Model, nodes: usize, asked: Instant) -> Self {
        let left: Vec<u32> = (0..).take(nodes).map(|node| model.wanted_count(node)).collect();
        Self {
            asked,
            seen: Bits::new(nodes, model.len()),
            nodes_left: left.iter().filter(|&&left| left > 0).count(),
            left,
            last: None,
            each: Recorder::new(),
        }
    }

    /// Takes in that a prefix was announced to a node that is not its source.
    pub(super) fn see(&mut self, node: NodeId, id: PrefixId, now: Instant) {
        let n = node as usize;
        if self.left[n] == 0 || !self.seen.set(n, id as usize) {
            return;
        }
        self.left[n] -= 1;
        if self.left[n] == 0 {
            self.nodes_left -= 1;
            self.last = Some(now);
            self.each.record(now.saturating_duration_since(self.asked));
        }
    }

    /// Takes in that a prefix changes: nobody has to be sent it again.
    pub(super) fn excuse(&mut self, id: PrefixId, owner: NodeId, now: Instant) {
        for node in (0..).take(self.left.len()).filter(|&node| node != owner) {
            self.see(node, id, now);
        }
    }

    /// Nodes that have yet to be sent something.
    #[must_use]
    pub const fn nodes_left(&self) -> usize {
        self.nodes_left
    }

    /// Prefixes that have yet to come, over all nodes.
    #[must_use]
    pub fn prefixes_left(&self) -> u64 {
        self.left.iter().map(|&left| u64::from(left)).sum()
    }

    /// Seconds until the last node had been sent everything; `None` where one was not.
    #[must_use]
    pub fn wall(&self) -> Option<f64> {
        let last = self.last.filter(|_| self.nodes_left == 0)?;
        Some(last.saturating_duration_since(self.asked).as_secs_f64())
    }

    /// How long it took for each node.
    #[must_use]
    pub const fn each(&self) -> &Recorder {
        &self.each
    }
}
