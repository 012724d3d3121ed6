//! Sessions that end and return by plan, and what is expected meanwhile.

use std::sync::Arc;
use std::time::Instant;

use super::Fleet;
use crate::build::{Graceful, KEEPALIVE};
use crate::check::Table;
use crate::model::{NodeId, PrefixId};
use crate::session::{Goodbye, Stage};

/// What tables counted, over all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Prefixes announced.
    pub announced: u64,
    /// Prefixes withdrawn.
    pub withdrawn: u64,
    /// Announcements of what the receiver held already.
    pub repeats: u64,
    /// Announcements of a receiver's own routes.
    pub echoes: u64,
}

impl Tally {
    pub(super) const fn take_in(&mut self, table: &Table) {
        self.announced += table.announced;
        self.withdrawn += table.withdrawn;
        self.repeats += table.repeats;
        self.echoes += table.echoes;
    }
}

impl Fleet {
    /// Says what everybody has to hold of many prefixes from now on, each named once. For tables
    /// that are exact that takes no look at their content.
    pub fn expect_all(&mut self, changes: &[(PrefixId, u8)]) {
        let is_exact: Vec<bool> =
            self.tables.iter().map(|table| table.as_ref().is_some_and(Table::is_exact)).collect();
        let mut by_owner = vec![0; self.model.speakers()];
        for &(id, version) in changes {
            let before = self.model.expect(id, version);
            if before == version {
                continue;
            }
            by_owner[self.model.owner(id) as usize] += 1;
            for (table, _) in self.tables.iter_mut().zip(&is_exact).filter(|(_, exact)| !**exact) {
                if let Some(table) = table {
                    table.expectation_changed(&self.model, id, before);
                }
            }
        }
        let all: u32 = by_owner.iter().sum();
        let owners = (0..).zip(&by_owner);
        let of_non_clients: u32 =
            owners.filter(|(owner, _)| self.model.is_non_client(*owner)).map(|(_, n)| n).sum();
        let now = Instant::now();
        for (n, is_exact) in is_exact.into_iter().enumerate() {
            let speaker = self.sessions[n].speaker;
            if let (Some(table), true) = (&mut self.tables[n], is_exact) {
                let not_owed = if self.model.is_non_client(speaker) {
                    of_non_clients
                } else {
                    by_owner[speaker as usize]
                };
                table.exact_expectations_changed(&self.model, all - not_owed);
            }
            self.recount(n, now);
        }
    }

    /// The routes of some owners that are expected now, with their versions.
    #[must_use]
    pub fn routes_of(&self, is_owner: impl Fn(NodeId) -> bool) -> Vec<(PrefixId, u8)> {
        #[expect(clippy::cast_possible_truncation, reason = "a model is below 2^24 prefixes")]
        let ids = 0..self.model.len() as PrefixId;
        let owned = ids.filter(|&id| is_owner(self.model.owner(id)));
        owned.map(|id| (id, self.model.expected(id))).collect()
    }

    /// Ends a node's session, which has to return by itself at the instant, or with
    /// [`Fleet::resume`]; until then its table, empty, counts as all others do.
    pub fn interrupt(&mut self, node: NodeId, goodbye: Goodbye, until: Instant) {
        let n = node as usize;
        if !self.sessions[n].stage.is_on() {
            return;
        }
        self.part(n, goodbye);
        self.sessions[n].stage = Stage::Waiting(until);
        if let Some(table) = &mut self.tables[n] {
            table.clear(&self.model);
        }
        self.recount(n, Instant::now());
    }

    /// Connects a node now that waits to do so.
    pub fn resume(&mut self, node: NodeId) {
        if matches!(self.sessions[node as usize].stage, Stage::Waiting(_)) {
            self.connect(node as usize);
        }
    }

    /// A node whose session is up sends a last KEEPALIVE, and from then on neither reads nor
    /// writes; its connection stays. Its table counts no longer.
    pub fn silence(&mut self, node: NodeId) {
        let n = node as usize;
        if !self.sessions[n].is_established() {
            return;
        }
        self.send(node, Arc::from(KEEPALIVE));
        let session = &mut self.sessions[n];
        if !session.is_established() {
            return; // Writing failed: the session is lost, and that is told already.
        }
        if let Some(fd) = session.fd()
            && let Err(error) = self.poller.remove(&fd)
        {
            return self.problem(n, &format!("cannot stop watching: {error}"));
        }
        session.stage = Stage::Silent;
        self.on -= 1;
        self.established -= 1;
        self.drop_table(n);
    }

    /// Sets what a node's next OPEN says of graceful restart.
    pub fn set_graceful(&mut self, node: NodeId, graceful: Option<Graceful>) {
        self.sessions[node as usize].graceful = graceful;
    }

    /// A session's table, where the node is on and checked.
    #[must_use]
    pub fn table(&self, node: NodeId) -> Option<&Table> {
        self.tables[node as usize].as_ref()
    }

    /// When each node had the End-of-RIB of every family, in order of the nodes.
    pub fn ended_at(&self) -> impl Iterator<Item = Option<Instant>> {
        let families = u32::try_from(self.settings.families.len()).unwrap_or(u32::MAX);
        self.sessions
            .iter()
            .map(move |session| session.ended_at.filter(|_| session.ends >= families))
    }

    /// What all tables have counted, those included that are no more.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = self.retired;
        for table in self.tables() {
            tally.take_in(table);
        }
        tally
    }

    /// Whether every session that is wanted is up, and every table exact.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.is_exact() && self.established == self.on
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fleet, Settings};
    use crate::attrs::Attributes;
    use crate::check::Rules;
    use crate::model::{ABSENT, Model};
    use crate::prefix::{Family, Prefix};
    use crate::session::Node;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    /// Nodes without any session, for what happens to their tables.
    fn fleet() -> Fleet {
        let mut model = Model::new(5, Rules::VERBATIM);
        model.set_non_client(0);
        model.set_non_client(1);
        let set = model.add_set(&Attributes::default());
        for n in 0..20u32 {
            let (id, version) = model.add_route(Prefix::v4(n << 24, 8), n % 4, set);
            model.expect(id, version);
        }
        let settings = Settings {
            // Nobody listens there, and no event is handled: nothing ever comes.
            target: SocketAddr::from(([127, 0, 0, 1], 9)),
            asn: 1,
            hold_time: Duration::ZERO,
            families: vec![Family::V4],
            connect_retry: Duration::from_secs(60),
            cluster_id: None,
            rules: Rules::VERBATIM,
            key: None,
        };
        let node = |n: u8| Node {
            source: SocketAddr::from(([127, 0, 0, 1], 0)),
            router_id: Ipv4Addr::new(127, 0, 0, n),
            initial: [].into(),
            is_checked: true,
        };
        Fleet::new(settings, (0..5).map(node).collect(), model).expect("epoll works")
    }

    #[test]
    fn many_expectations_at_once_are_as_one_after_the_other() {
        for has_exact in [true, false] {
            let (mut once, mut singly) = (fleet(), fleet());
            let gone: Vec<_> = once.routes_of(|owner| owner != 2).iter().map(|r| r.0).collect();
            let gone: Vec<_> = gone.into_iter().map(|id| (id, ABSENT)).collect();
            let back: Vec<_> = gone.iter().map(|&(id, _)| (id, 1)).collect();
            assert_eq!(gone.len(), 15);
            if has_exact {
                let all: Vec<_> = once.routes_of(|_| true).iter().map(|r| (r.0, ABSENT)).collect();
                once.expect_all(&all);
                all.iter().for_each(|&(id, version)| singly.expect(id, version));
            }
            for node in 0..5 {
                once.start(node);
                singly.start(node);
            }
            assert_eq!(once.exact(), if has_exact { 5 } else { 0 });
            for changes in [&gone, &back, &gone] {
                once.expect_all(changes);
                changes.iter().for_each(|&(id, version)| singly.expect(id, version));
                let wrong = |fleet: &Fleet| -> Vec<u32> {
                    fleet.tables().map(crate::check::Table::wrong).collect()
                };
                assert_eq!(wrong(&once), wrong(&singly));
                assert_eq!((once.wrong(), once.exact()), (singly.wrong(), singly.exact()));
            }
        }
    }

    #[test]
    fn an_interrupted_node_is_on_and_lacks_everything() {
        let mut fleet = fleet();
        for node in 0..5 {
            fleet.start(node);
        }
        let (wrong, far) = (fleet.wrong(), std::time::Instant::now() + Duration::from_secs(60));
        fleet.interrupt(3, crate::session::Goodbye::Reset, far);
        assert_eq!((fleet.on(), fleet.checked(), fleet.wrong()), (5, 5, wrong));
        let connects = fleet.counters.connects;
        fleet.resume(3);
        fleet.resume(3);
        assert_eq!(fleet.counters.connects, connects + 1);
        assert!(!fleet.is_settled());
    }
}
