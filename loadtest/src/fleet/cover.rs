//! Nodes with sessions to several targets, and whether each still has a path when one goes.
//!
//! A node *lacks* a path to a prefix while none of its sessions holds a route for it. A session's
//! routes go with it, or, with graceful restart, stay for the target's restart time
//! (RFC 4724 §4.2).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Fleet;
use crate::check::{Checker, Table};
use crate::model::{ABSENT, NodeId, PrefixId};
use crate::session::{Session, Stage};

/// Keeps account of what nodes lack, from the instant on at which it is made.
pub(super) struct Cover {
    is_graceful: bool,
    /// Tables of lost sessions, by session, and until when they are kept.
    stale: Vec<Option<(Instant, Table)>>,
    /// By node.
    nodes: Vec<Lacking>,
    any: Spell,
    lacking_nodes: usize,
    /// One bit for each node and prefix: whether it was ever lacking.
    ever: Vec<u64>,
    prefixes: usize,
    paths_lost: u64,
}

/// What one node lacks.
#[derive(Clone, Default)]
struct Lacking {
    now: u32,
    spell: Spell,
}

/// Time during which something was so.
#[derive(Clone, Copy, Default)]
struct Spell {
    since: Option<Instant>,
    before: Duration,
}

impl Spell {
    fn set(&mut self, is_so: bool, now: Instant) {
        match (self.since, is_so) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.before += now.saturating_duration_since(since);
                self.since = None;
            }
            _ => {}
        }
    }

    fn time(&self, now: Instant) -> Duration {
        let open = self.since.map(|since| now.saturating_duration_since(since));
        self.before + open.unwrap_or_default()
    }
}

/// What nodes lacked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lack {
    /// Time during which any node lacked any path.
    pub any: Duration,
    /// The longest such time of one node.
    pub worst: Duration,
    /// Nodes and prefixes for which a path was ever lacking.
    pub paths_lost: u64,
    /// Nodes that lack something now.
    pub nodes_now: usize,
}

impl Fleet {
    /// Gives every node one more session, to another target, with the same announcements. The new
    /// sessions follow the ones there are, in the same order.
    pub fn also_to(&mut self, target: SocketAddr) {
        let now = Instant::now();
        self.targets.push(target);
        self.checkers.push(Checker::new(self.settings.rules, self.settings.cluster_id));
        for speaker in 0..self.model.speakers() {
            let first = &self.sessions[speaker];
            let mut session = Session::new(first.node.clone(), now);
            session.speaker = first.speaker;
            session.graceful = first.graceful;
            session.target = self.targets.len() - 1;
            self.sessions.push(session);
            self.tables.push(None);
            self.counted.push((0, false));
            self.exact_at.push(None);
        }
    }

    /// The sessions that lead to a target.
    pub fn sessions_to(&self, target: usize) -> impl Iterator<Item = NodeId> {
        let sessions = (0..).zip(&self.sessions);
        sessions.filter(move |(_, session)| session.target == target).map(|(node, _)| node)
    }

    /// Whether the loss of a session is no problem from now on; it then stays off.
    pub fn set_expendable(&mut self, node: NodeId, is_so: bool) {
        self.sessions[node as usize].is_expendable = is_so;
    }

    /// Keeps account from now on of the paths that nodes lack.
    pub fn watch_cover(&mut self, is_graceful: bool) {
        let (speakers, prefixes) = (self.model.speakers(), self.model.len());
        self.cover = Some(Cover {
            is_graceful,
            stale: self.sessions.iter().map(|_| None).collect(),
            nodes: vec![Lacking::default(); speakers],
            any: Spell::default(),
            lacking_nodes: 0,
            ever: vec![0; (speakers * prefixes).div_ceil(64)],
            prefixes,
            paths_lost: 0,
        });
        let now = Instant::now();
        for speaker in 0..speakers {
            self.look_at_cover(speaker, now);
        }
    }

    /// What nodes have lacked since [`Fleet::watch_cover`].
    #[must_use]
    pub fn lack(&self) -> Lack {
        let now = Instant::now();
        self.cover.as_ref().map_or_else(Lack::default, |cover| Lack {
            any: cover.any.time(now),
            worst: cover.nodes.iter().map(|node| node.spell.time(now)).max().unwrap_or_default(),
            paths_lost: cover.paths_lost,
            nodes_now: cover.lacking_nodes,
        })
    }

    /// A session that may be lost is: its routes go at once, or when the time to restart is over.
    pub(super) fn give_up(&mut self, n: usize) {
        let now = Instant::now();
        let session = &mut self.sessions[n];
        self.on -= usize::from(session.stage.is_on());
        self.counters.losses += u64::from(session.is_established());
        self.established -= usize::from(session.is_established());
        let keep = session.peer_restart.take().filter(|_| session.graceful.is_some());
        session.drop_connection();
        session.stage = Stage::Off;
        if let (Some(cover), Some(keep)) = (&mut self.cover, keep.filter(|keep| !keep.is_zero()))
            && cover.is_graceful
            && let Some(table) = self.tables[n].take()
        {
            self.retired.take_in(&table);
            self.checked -= 1;
            cover.stale[n] = Some((now + keep, table));
            self.recount(n, now);
        }
        self.drop_table(n);
    }

    /// Lets the routes go of sessions that did not return in time.
    pub(super) fn expire_cover(&mut self, now: Instant) {
        let Some(cover) = &mut self.cover else { return };
        let is_over = |stale: &Option<(Instant, Table)>| stale.as_ref().is_some_and(|s| now >= s.0);
        let over: Vec<usize> =
            (0..).zip(&cover.stale).filter(|s| is_over(s.1)).map(|s| s.0).collect();
        for &n in &over {
            cover.stale[n] = None;
        }
        for n in over {
            self.look_at_cover(n, now);
        }
    }

    /// Takes in that what a session holds may have changed.
    pub(super) fn look_at_cover(&mut self, n: usize, now: Instant) {
        let Some(cover) = &mut self.cover else { return };
        let speaker = self.sessions[n].speaker;
        let speakers = self.model.speakers();
        let mates = (speaker as usize..self.sessions.len()).step_by(speakers);
        let held = mates.filter_map(|mate| {
            let stale = || cover.stale[mate].as_ref().map(|(_, table)| table);
            self.tables[mate].as_ref().or_else(stale)
        });
        let held: Vec<&Table> = held.collect();
        // Most of the time one of the sessions has everything.
        let mut count = 0;
        if !held.iter().any(|table| table.is_exact()) {
            let first = speaker as usize * cover.prefixes;
            for at in 0..cover.prefixes {
                #[expect(clippy::cast_possible_truncation, reason = "below 2^24 prefixes")]
                let is_wanted = self.model.wanted(speaker, at as PrefixId) != ABSENT;
                if is_wanted && held.iter().all(|table| table.cells()[at] == ABSENT) {
                    count += 1;
                    let (word, bit) = ((first + at) / 64, 1 << ((first + at) % 64));
                    cover.paths_lost += u64::from(cover.ever[word] & bit == 0);
                    cover.ever[word] |= bit;
                }
            }
        }
        let node = &mut cover.nodes[speaker as usize];
        let was = std::mem::replace(&mut node.now, count);
        if (was == 0) != (count == 0) {
            node.spell.set(count > 0, now);
            cover.lacking_nodes =
                cover.lacking_nodes + usize::from(count > 0) - usize::from(was > 0);
            cover.any.set(cover.lacking_nodes > 0, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spell;
    use std::time::{Duration, Instant};

    #[test]
    fn spells_add_up_and_an_open_one_counts() {
        let at = |seconds| Instant::now() + Duration::from_secs(seconds);
        let start = at(0);
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut spell = Spell::default();
        spell.set(true, later(1));
        spell.set(true, later(2));
        spell.set(false, later(4));
        spell.set(false, later(5));
        assert_eq!(spell.time(later(9)), Duration::from_secs(3));
        spell.set(true, later(10));
        assert_eq!(spell.time(later(12)), Duration::from_secs(5));
    }
}
