//! The naive reflector: all routes of all peers, decided anew whenever somebody asks.
//!
//! It keeps no state that could go stale, and shares no code with the decision it checks.
//!
//! RFC: 4271 §9.1.2.2, 4456 §6 and §9, 4724 §4.2, 9494 §4.2 and §4.3.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use albedo_rib::{AttrSet, Extra, GroupKey, Keep, LongLivedExport, Marks, Paths, PeerInfo};
use albedo_types::{Family, PathId, PathsMode, PeerRole, Prefix};

use crate::policy;
use crate::table::{Tables, Told};

/// Names a session; never used twice.
pub type Session = u64;

/// What a session announced for a prefix.
#[derive(Clone, Debug)]
pub struct Announced {
    set: Arc<AttrSet>,
    /// Whether the session has been lost since.
    stale: bool,
    /// Whether that is longer ago than a restart takes.
    long_lived: bool,
}

impl Announced {
    fn is_least(&self) -> bool {
        self.long_lived || self.set.summary.marks.contains(Marks::LLGR_STALE)
    }
}

/// A route: from whom, under which path identifier, with which attributes.
type Route = ((Session, PathId), Announced);

/// Every peer and every route.
#[derive(Clone, Debug, Default)]
pub struct Naive {
    peers: BTreeMap<Session, PeerInfo>,
    routes: BTreeMap<Prefix, BTreeMap<(Session, PathId), Announced>>,
}

/// The family of a prefix.
#[must_use]
pub const fn family(prefix: Prefix) -> Family {
    match prefix {
        Prefix::V4(_) => Family::Ipv4Unicast,
        Prefix::V6(_) => Family::Ipv6Unicast,
    }
}

impl Naive {
    /// A session came up, or its role has changed.
    pub fn up(&mut self, session: Session, info: PeerInfo) {
        self.peers.insert(session, info);
    }

    /// A session is gone, and its routes with it.
    pub fn down(&mut self, session: Session) {
        self.peers.remove(&session);
        self.routes.retain(|_, routes| {
            routes.retain(|(from, _), _| *from != session);
            !routes.is_empty()
        });
    }

    /// A session is lost; of the family this is kept.
    pub fn lose(&mut self, session: Session, of: Family, keep: Keep) {
        self.retain(session, of, |route| {
            let kept = match keep {
                Keep::Nothing => false,
                Keep::Fresh => !route.stale,
                Keep::All => true,
            };
            route.stale = true;
            kept
        });
    }

    /// What is still stale goes.
    pub fn sweep(&mut self, session: Session, of: Family) {
        self.retain(session, of, |route| !route.stale);
    }

    /// What is stale is long-lived stale, or goes.
    pub fn long_lived(&mut self, session: Session, of: Family) {
        self.retain(session, of, |route| {
            route.long_lived |= route.stale;
            !route.stale || !route.set.summary.marks.contains(Marks::NO_LLGR)
        });
    }

    fn retain(
        &mut self,
        session: Session,
        of: Family,
        mut keeps: impl FnMut(&mut Announced) -> bool,
    ) {
        self.routes.retain(|prefix, routes| {
            routes.retain(|(from, _), route| {
                *from != session || family(*prefix) != of || keeps(route)
            });
            !routes.is_empty()
        });
    }

    /// How many routes of a family are stale.
    #[must_use]
    pub fn stale(&self, of: Family) -> usize {
        let routes = self.routes.iter().filter(|(prefix, _)| family(**prefix) == of);
        routes.flat_map(|(_, routes)| routes.values()).filter(|route| route.stale).count()
    }

    /// A session announces a prefix, or withdraws it.
    pub fn route(
        &mut self,
        session: Session,
        prefix: Prefix,
        id: PathId,
        set: Option<Arc<AttrSet>>,
    ) {
        let routes = self.routes.entry(prefix).or_default();
        match set {
            Some(set) => {
                routes.insert((session, id), Announced { set, stale: false, long_lived: false })
            }
            None => routes.remove(&(session, id)),
        };
        if routes.is_empty() {
            self.routes.remove(&prefix);
        }
    }

    /// Whether there is no route at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    fn routes_of(&self, prefix: Prefix) -> Vec<Route> {
        let routes = self.routes.get(&prefix).into_iter().flatten();
        routes.map(|(id, route)| (*id, route.clone())).collect()
    }

    /// Of some routes those that only a tie-break tells apart: one step after the other takes out
    /// what is worse.
    fn equals(&self, mut left: Vec<Route>) -> Vec<Route> {
        keep_least(&mut left, |(_, route)| route.is_least());
        keep_least(&mut left, |(_, route)| u32::MAX - route.set.summary.local_pref);
        keep_least(&mut left, |(_, route)| route.set.summary.as_hops);
        keep_least(&mut left, |(_, route)| route.set.summary.origin);
        // MED: within each neighbouring AS, not across.
        for neighbour in neighbours(&left) {
            let of = |route: &&Route| route.1.set.summary.neighbour_as == neighbour;
            let least = left.iter().filter(of).map(|r| r.1.set.summary.med).min();
            left.retain(|r| !of(&r) || Some(r.1.set.summary.med) == least);
        }
        keep_least(&mut left, |route| self.peers[&route.0.0].role.is_internal());
        left
    }

    /// The best of some routes.
    fn best(&self, left: Vec<Route>) -> Option<Route> {
        if left.is_empty() {
            return None;
        }
        let peer = |route: &Route| self.peers[&route.0.0];
        let mut left = self.equals(left);
        keep_least(&mut left, |route| match route.1.set.summary.originator {
            0 => peer(route).router_id.get(),
            originator => originator,
        });
        keep_least(&mut left, |(_, route)| route.set.summary.cluster_hops);
        keep_least(&mut left, |route| peer(route).addr);
        keep_least(&mut left, |((_, path_id), _)| *path_id);
        assert_eq!(left.len(), 1, "the last step leaves one");
        left.pop()
    }

    /// What a session that is in the group of `key` is told, by prefix.
    #[must_use]
    pub fn table(&self, to: Session, key: &GroupKey) -> Tables {
        let mut table = Tables::default();
        for prefix in self.routes.keys().filter(|prefix| family(**prefix) == key.family) {
            let chosen = self.chosen(*prefix, key);
            let others = chosen.iter().filter(|((from, _), _)| *from != to);
            let told = others.filter_map(|route| self.told(route, *prefix, key));
            let mut told: Vec<Told> = told.collect();
            if !told.is_empty() {
                told.sort();
                table.insert(*prefix, told);
            }
        }
        table
    }

    /// The routes of a prefix that a group is told, unless they must not be told to it.
    fn chosen(&self, prefix: Prefix, key: &GroupKey) -> Vec<Route> {
        let mut left = self.routes_of(prefix);
        let (mode, max) = match key.paths {
            Paths::Best => return self.best(left).into_iter().collect(),
            Paths::BestToldable => (PathsMode::Best, 1),
            Paths::Several { mode, max } => (mode, usize::from(max.get())),
        };
        left.retain(|route| self.told(route, prefix, key).is_some());
        let left = match mode {
            PathsMode::Best => left,
            PathsMode::Equal => self.equals(left),
            PathsMode::PerNeighbourAs => {
                let of = |neighbour: u32| {
                    let of = left.iter().filter(|r| r.1.set.summary.neighbour_as == neighbour);
                    self.best(of.cloned().collect())
                };
                neighbours(&left).into_iter().filter_map(of).collect()
            }
            PathsMode::Diverse => {
                let Some(best) = self.best(left.clone()) else { return Vec::new() };
                left.retain(|(_, route)| next_hop(&route.set) != next_hop(&best.1.set));
                [Some(best), self.best(left)].into_iter().flatten().collect()
            }
        };
        self.ranked(left, max)
    }

    /// The best of some routes, then the best of those that are left.
    fn ranked(&self, mut left: Vec<Route>, max: usize) -> Vec<Route> {
        let mut chosen = Vec::new();
        while chosen.len() < max
            && let Some(best) = self.best(left.clone())
        {
            left.retain(|(name, _)| *name != best.0);
            chosen.push(best);
        }
        chosen
    }

    fn told(&self, ((from, _), route): &Route, prefix: Prefix, key: &GroupKey) -> Option<Told> {
        let set = &route.set;
        let source = self.peers[from].role;
        let marks = set.summary.marks;
        let withheld = [
            marks.contains(Marks::NO_ADVERTISE),
            marks.contains(Marks::NO_EXPORT) && key.role == PeerRole::External,
            source == PeerRole::NonClient && key.role == PeerRole::NonClient,
            route.is_least() && key.long_lived == LongLivedExport::Withheld,
        ];
        if withheld.contains(&true) {
            return None;
        }
        let set = match &key.policy {
            None => set,
            Some(policy) => &policy::told(policy, prefix, set)?,
        };
        // The pool has sets that are far below the limit, and one that is above it.
        if set.block().len() >= key.message_len_max as usize {
            return None;
        }
        let is_host = match prefix {
            Prefix::V4(prefix) => prefix.len() == 32,
            Prefix::V6(prefix) => prefix.len() == 128,
        };
        let extra = key.extra(route.long_lived, || is_host);
        let as_it_is = [
            key.external.is_none(),
            key.as4,
            set.external || key.cluster_id == set.cluster,
            extra == Extra::NONE,
            !route.is_least() || key.long_lived != LongLivedExport::Least,
        ];
        if !as_it_is.contains(&false) {
            let next_hop = set.mp_next_hop().map(<[u8]>::to_vec);
            return Some(Told { block: set.block().to_vec(), next_hop });
        }
        // How a block is rewritten is the subject of other tests.
        let outgoing = key.outgoing(set, extra);
        let next_hop = outgoing.mp_next_hop.map(|hop| hop.to_vec());
        Some(Told { block: outgoing.block.into_owned(), next_hop })
    }
}

fn neighbours(routes: &[Route]) -> BTreeSet<u32> {
    routes.iter().map(|route| route.1.set.summary.neighbour_as).collect()
}

/// The next hop of a set of the pool.
fn next_hop(set: &AttrSet) -> Vec<u8> {
    if let Some(hop) = set.mp_next_hop() {
        return hop.to_vec();
    }
    let block = set.block();
    let at = block.windows(3).position(|octets| octets == [0x40, 3, 4]).expect("there is one") + 3;
    block[at..at + 4].to_vec()
}

fn keep_least<K: Ord>(left: &mut Vec<Route>, key: impl Fn(&Route) -> K) {
    let least = left.iter().map(&key).min();
    left.retain(|route| Some(key(route)) == least);
}
