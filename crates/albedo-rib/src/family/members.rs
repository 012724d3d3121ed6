//! Who reads which group's log: joining, leaving, asking again, and what must be kept for them.
//!
//! RFC: 2918 (route refresh); 4724 §2 (what End-of-RIB comes behind).

use alloc::vec::Vec;

use albedo_types::{Family, GroupId, PeerId};
use albedo_wire::nlri::NlriKey;

use super::{FamilyRib, Group};
use crate::group::GroupKey;
use crate::input::{Output, Resume};
use crate::limits::TOMBSTONES_RATIO;
use crate::peer::Peers;

impl Group {
    /// Whether a peer waits for a start.
    pub(crate) fn waits(&self, peer: PeerId) -> bool {
        let all = [&self.waiting, &self.waiting_next, &self.waiting_flush];
        all.iter().any(|waiting| waiting.contains(&peer))
    }

    /// Whether a base is being written that shows the table at `version` or later.
    fn writes_base_since(&self, version: u64) -> bool {
        self.rebase.as_ref().is_some_and(|rebase| rebase.version >= version)
    }

    fn forget_waiting(&mut self, peer: PeerId) {
        self.waiting.retain(|waiting| *waiting != peer);
        self.waiting_next.retain(|waiting| *waiting != peer);
        self.waiting_flush.retain(|waiting| *waiting != peer);
    }

    /// Version of the oldest base that somebody can begin with from now on.
    fn oldest_start(&self) -> u64 {
        match &self.rebase {
            Some(rebase) if !self.ready => rebase.version,
            _ => self.base_version,
        }
    }
}

impl<K: NlriKey> FamilyRib<K> {
    /// A peer begins to read a group's log.
    pub(crate) fn join(
        &mut self,
        peers: &mut Peers,
        peer: PeerId,
        to: (GroupId, GroupKey),
        resume: Option<Resume>,
        out: &mut Vec<Output>,
    ) {
        let (group, key) = to;
        let family = key.family.index();
        let version = self.version;
        let Some(state) = peers.get_mut(peer) else {
            return;
        };
        let from = state.groups[family].replace(group);
        let base_min = peers.read(peer, key.family, group, version, self.has_announced(peer));
        self.drop_catch_up(peer);
        let left = from.filter(|from| *from != group);
        let old_key = left.and_then(|from| self.groups.get(&from)).map(|group| group.key.clone());
        let moves_on = old_key.as_ref().is_some_and(|key| key.paths.have_ids());
        let empty = self.table.live_len() == 0;
        let is_flushed = self.dirty.is_empty();
        let joined = self.groups.entry(group).or_insert_with(|| {
            out.push(Output::Open { group, version });
            Group {
                key,
                members: 0,
                ready: empty,
                end_seq: 0,
                base_version: version,
                operations: 0,
                cost: 0,
                base_cost: 0,
                base_weight: 0,
                live: 0,
                holds_tombstones: false,
                rebase: None,
                waiting: Vec::new(),
                waiting_next: Vec::new(),
                waiting_flush: Vec::new(),
            }
        });
        if from == Some(group) {
            // Whatever it waited for, this takes its place.
            joined.forget_waiting(peer);
        } else {
            joined.members += 1;
        }
        let state = peers.get_mut(peer).expect("it was there before");
        match (from, resume) {
            (Some(_), Some(resume)) => {
                let is_mixed = &mut state.mixed[family];
                *is_mixed = old_key.is_some() || *is_mixed && !resume.position.complete;
                self.start_catch_up(peer, group, resume, old_key, *is_mixed);
            }
            // Whoever began with the old base now would find it replaced half-way, and would have
            // to be told the rest alone.
            _ if joined.writes_base_since(base_min) => joined.waiting.push(peer),
            _ if joined.ready && joined.base_version >= base_min => {
                if is_flushed {
                    out.push(Output::Start { peer, group, end_seq: joined.end_seq });
                } else {
                    joined.waiting_flush.push(peer);
                }
            }
            _ => joined.waiting_next.push(peer),
        }
        if let Some(left) = left {
            self.leave(left, peer, out);
        }
        self.look_for_several();
        if moves_on && let Some(several) = &mut self.several {
            several.mix(self.version);
        }
        self.begin_rebases();
    }

    fn leave(&mut self, id: GroupId, peer: PeerId, out: &mut Vec<Output>) {
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        group.forget_waiting(peer);
        group.members -= 1;
        if group.members == 0 {
            self.groups.remove(&id);
            out.push(Output::Close { group: id });
            self.look_for_several();
            self.bury_for_nobody();
        }
    }

    /// Lets those start who waited for the end of the batch.
    pub(super) fn start_waiting(&mut self, out: &mut Vec<Output>) {
        for (id, group) in &mut self.groups {
            let end_seq = group.end_seq;
            let start = |peer| Output::Start { peer, group: *id, end_seq };
            out.extend(group.waiting_flush.drain(..).map(start));
        }
    }

    /// Without readers there is nobody to whom a tombstone could matter.
    pub(super) fn bury_for_nobody(&mut self) {
        if self.groups.is_empty() {
            self.table.bury(self.version);
        }
    }

    /// Whether an index has announced anything since it was last free.
    fn has_announced(&self, peer: PeerId) -> bool {
        self.adj_rib_in.get(peer.index()).is_some_and(|adj| adj.announced)
    }

    /// Version of the oldest base that somebody can still begin with.
    pub(crate) fn oldest_start(&self) -> u64 {
        self.groups.values().map(Group::oldest_start).min().unwrap_or(self.version)
    }

    /// Removes the tombstones that every reader is past, who has come to `version`; says how many.
    ///
    /// A log's base may still announce what has died since: whoever begins with it, and falls
    /// behind before it has read on, can be told by the tombstone only.
    pub(crate) fn bury(&mut self, version: u64) -> usize {
        if let Some(several) = &mut self.several {
            several.seen(version);
        }
        let passed = version.min(self.oldest_start());
        let buried = self.table.bury(passed);
        self.bury_gone(passed);
        let bound = TOMBSTONES_RATIO * self.table.live_len() + self.limits.tombstones_min;
        if self.table.dead_len() + self.gone_len() > bound {
            for group in self.groups.values_mut() {
                group.holds_tombstones = group.base_version < version.min(self.version);
            }
            self.begin_rebases();
        }
        buried
    }

    /// Forgets a peer as a reader.
    pub(crate) fn quit(
        &mut self,
        peers: &mut Peers,
        peer: PeerId,
        family: Family,
        out: &mut Vec<Output>,
    ) {
        self.drop_catch_up(peer);
        let group = peers.get_mut(peer).and_then(|state| state.groups[family.index()].take());
        if let Some(group) = group {
            self.leave(group, peer, out);
        }
    }

    /// The peer asked for everything again: from a base that is no older than its question.
    pub(crate) fn refresh(
        &mut self,
        peers: &Peers,
        peer: PeerId,
        family: Family,
        out: &mut Vec<Output>,
    ) {
        let Some(state) = peers.get(peer) else { return };
        let Some(id) = state.groups[family.index()] else {
            return;
        };
        let base_min = peers.base_min(peer, family);
        self.drop_catch_up(peer);
        let version = self.version;
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        if group.waits(peer) {
            // Its first start is still to come, and brings everything.
            return;
        }
        let since = base_min.max(version);
        if group.writes_base_since(since) {
            group.waiting.push(peer);
        } else if group.ready && group.base_version >= since {
            out.push(Output::Start { peer, group: id, end_seq: group.end_seq });
        } else {
            group.waiting_next.push(peer);
        }
        self.begin_rebases();
    }
}
