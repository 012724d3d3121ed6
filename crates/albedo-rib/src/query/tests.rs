use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;
use core::time::Duration;

use albedo_types::{ClusterId, Instant, PeerRole, RouterId};
use proptest::prelude::*;

use super::*;
use crate::attrs::{Parts, Summary};
use crate::group::{GroupKey, LongLivedExport};
use crate::input::{Input, Keep, Output, RouteBatch};
use crate::limits::Limits;
use crate::shard::Shard;

const FAMILY: Family = Family::Ipv4Unicast;

fn set(local_pref: u32, neighbour_as: u32, med: u32) -> Arc<AttrSet> {
    let summary = Summary { local_pref, neighbour_as, med, ..Summary::default() };
    let parts = Parts {
        family: FAMILY,
        summary,
        external: false,
        cluster: ClusterId(1),
        block: &[0x40, 1, 1, 0],
        mp_next_hop: None,
    };
    Arc::new(AttrSet::new(&parts))
}

fn prefix(n: u32) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(n << 8, 24).unwrap()
}

fn v4(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// A shard, and what must be in it.
struct Rib {
    shard: Shard,
    now: Instant,
    out: Vec<Output>,
    held: BTreeMap<(Prefix, PeerId, PathId), u32>,
}

impl Rib {
    fn new(step: usize, page: usize) -> Self {
        let limits =
            Limits { query_step_entries: step, query_page_routes: page, ..Limits::default() };
        let shard = Shard::new(1, limits);
        Self { shard, now: Instant::ZERO, out: Vec::new(), held: BTreeMap::new() }
    }

    fn apply(&mut self, input: Input) {
        self.now += Duration::from_secs(1);
        self.shard.apply(input, self.now, &mut self.out);
    }

    fn up(&mut self, peer: u32, role: PeerRole) {
        let addr = IpAddr::from([10, 0, 0, u8::try_from(peer + 1).unwrap()]);
        let info = PeerInfo { addr, router_id: RouterId::new(peer + 1).unwrap(), role };
        self.apply(Input::PeerUp { peer: PeerId(peer), info });
    }

    fn route(&mut self, peer: u32, path: u32, prefix: Ipv4Prefix, attrs: Option<&Arc<AttrSet>>) {
        let (peer, path) = (PeerId(peer), PathId(path));
        let mut batch = RouteBatch::default();
        batch.note(FAMILY, attrs);
        batch.v4.push((path, prefix));
        self.apply(Input::Routes { peer, batch });
        match attrs {
            Some(attrs) => {
                self.held.insert((Prefix::V4(prefix), peer, path), attrs.summary.local_pref);
            }
            None => {
                self.held.remove(&(Prefix::V4(prefix), peer, path));
            }
        }
    }

    fn flush(&mut self) {
        self.shard.flush(self.now, &mut self.out);
        self.shard.step(self.now, &mut self.out);
        self.out.clear();
    }

    /// One page, made with a budget.
    fn page(&self, query: &Query, from: Bookmark, budget: usize) -> Page {
        let mut left = budget;
        self.shard.read(query, from, &mut left)
    }

    fn all(&self, query: &Query, budget: usize) -> Vec<Route> {
        let (mut routes, mut from) = (Vec::new(), Bookmark::default());
        loop {
            let page = self.page(query, from, budget);
            routes.extend(page.routes);
            match page.next {
                Some(next) => {
                    assert_ne!(next, from, "each piece of work goes on");
                    from = next;
                }
                None => return routes,
            }
        }
    }

    fn tally(&self, budget: usize) -> Tally {
        let (mut tally, mut from) = (Tally::default(), Bookmark::default());
        loop {
            let mut left = budget;
            let page = self.shard.tally(FAMILY, from, &mut left);
            tally.add(&page.tally);
            match page.next {
                Some(next) => from = next,
                None => return tally,
            }
        }
    }
}

fn all_of(select: Select) -> Query {
    Query { family: FAMILY, select, from: None, to: None, best_only: false }
}

fn names(routes: &[Route]) -> Vec<(Prefix, PeerId, PathId)> {
    routes.iter().map(|route| (route.prefix, route.peer, route.path_id)).collect()
}

fn prefixes(routes: &[Route]) -> Vec<Prefix> {
    routes.iter().map(|route| route.prefix).collect()
}

/// Of peer 0 by three lengths around an address, with gaps, and of peer 1 one of them.
fn nested() -> Rib {
    let mut rib = Rib::new(64, 64);
    rib.up(0, PeerRole::Client);
    rib.up(1, PeerRole::Client);
    for text in ["0.0.0.0/0", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "10.2.0.0/16"] {
        rib.route(0, 0, text.parse().unwrap(), Some(&set(100, 1, 0)));
    }
    rib.route(1, 0, "10.1.2.0/24".parse().unwrap(), Some(&set(200, 1, 0)));
    rib.flush();
    rib
}

#[test]
fn selections_are_what_they_are_called() {
    let rib = nested();
    let read = |select| names(&rib.all(&all_of(select), 64));
    assert_eq!(
        read(Select::Exact(v4("10.1.2.0/24"))),
        [(v4("10.1.2.0/24"), PeerId(0), PathId(0)), (v4("10.1.2.0/24"), PeerId(1), PathId(0))]
    );
    assert_eq!(read(Select::Exact(v4("10.1.3.0/24"))), []);
    let best = |select| prefixes(&rib.all(&Query { best_only: true, ..all_of(select) }, 64));
    let mut inside = best(Select::Longer(v4("10.1.0.0/16")));
    inside.sort();
    assert_eq!(inside, [v4("10.1.0.0/16"), v4("10.1.2.0/24"), v4("10.1.2.3/32")]);
    let around = ["10.1.2.3/32", "10.1.2.0/24", "10.1.0.0/16", "0.0.0.0/0"].map(v4);
    assert_eq!(best(Select::Covering(v4("10.1.2.3/32"))), around, "the longest first");
    assert_eq!(best(Select::Covering(v4("10.1.2.9/32"))), around[1..]);
    assert_eq!(best(Select::Covering(v4("10.1.0.0/16"))), around[2..]);
    assert_eq!(best(Select::All).len(), 5);
    // Of the other family there is nothing, however it is asked for.
    for select in [Select::All, Select::Covering(v4("::1/128")), Select::Exact(v4("::/0"))] {
        let family = Family::Ipv6Unicast;
        assert!(rib.all(&Query { family, ..all_of(select) }, 64).is_empty());
    }
    assert!(read(Select::Longer(v4("::/0"))).is_empty(), "a prefix of another family");
}

#[test]
fn routes_of_one_peer_alone() {
    let rib = nested();
    let query = Query { from: Some(PeerId(1)), ..all_of(Select::All) };
    assert_eq!(prefixes(&rib.all(&query, 64)), [v4("10.1.2.0/24")]);
    let query = Query { from: Some(PeerId(0)), best_only: true, ..all_of(Select::All) };
    assert!(!prefixes(&rib.all(&query, 64)).contains(&v4("10.1.2.0/24")), "that one is not best");
    assert_eq!(rib.all(&query, 64).len(), 4);
}

#[test]
fn look_up_does_not_walk() {
    let mut rib = Rib::new(64, 64);
    rib.up(0, PeerRole::Client);
    for n in 0..5000 {
        rib.route(0, 0, prefix(n), Some(&set(100, 1, 0)));
    }
    rib.flush();
    let cost = |select| {
        let mut budget = 1000;
        let page = rib.shard.read(&all_of(select), Bookmark::default(), &mut budget);
        assert_eq!((page.routes.len(), page.next), (1, None));
        1000 - budget
    };
    assert!(cost(Select::Exact(Prefix::V4(prefix(4321)))) <= 3);
    assert!(cost(Select::Covering(v4("0.16.225.7/32"))) <= 36, "one look-up for each length");
}

#[test]
fn each_route_of_a_prefix_says_how_it_lost() {
    let mut rib = Rib::new(64, 64);
    for peer in 0..4 {
        rib.up(peer, PeerRole::Client);
    }
    // Of one neighbour by MED, of another by its preference.
    let sets = [set(200, 1, 5), set(200, 1, 9), set(100, 2, 0), set(100, 2, 7)];
    for (peer, set) in (0..).zip(&sets) {
        rib.route(peer, 0, prefix(1), Some(set));
    }
    rib.flush();
    let routes = rib.all(&all_of(Select::Exact(Prefix::V4(prefix(1)))), 64);
    let told: Vec<_> = routes.iter().map(|r| (r.is_best, r.lost.map(|l| (l.step, l.to)))).collect();
    let expected = [
        (true, None),
        (false, Some((Step::Med, PeerId(0)))),
        (false, Some((Step::LocalPref, PeerId(0)))),
        (false, Some((Step::Med, PeerId(2)))),
    ];
    assert_eq!(told, expected);
    assert!(routes.iter().all(|route| route.version > 0));
    let shown = rib.all(&all_of(Select::All), 64);
    assert!(shown.iter().all(|route| route.lost.is_none()), "only where one prefix is asked for");
}

#[test]
fn lost_peers_routes_are_shown_as_what_they_are() {
    let mut rib = nested();
    rib.apply(Input::PeerLost { peer: PeerId(0), keep: [Keep::All; Family::COUNT] });
    rib.flush();
    let of = |rib: &Rib, peer| {
        let query = Query { from: Some(PeerId(peer)), ..all_of(Select::All) };
        rib.all(&query, 64).iter().map(|route| route.freshness).collect::<BTreeSet<_>>()
    };
    assert_eq!(of(&rib, 0), [Freshness::Stale].into());
    assert_eq!(of(&rib, 1), [Freshness::Current].into());
    rib.apply(Input::LongLived { peer: PeerId(0), family: FAMILY });
    rib.flush();
    rib.flush();
    assert_eq!(of(&rib, 0), [Freshness::LongLived].into());
    rib.up(0, PeerRole::Client);
    rib.route(0, 0, "10.2.0.0/16".parse().unwrap(), Some(&set(100, 1, 0)));
    rib.flush();
    assert_eq!(of(&rib, 0), [Freshness::Current, Freshness::LongLived].into());
}

#[test]
fn prefix_with_more_routes_than_a_page_goes_on_on_the_next() {
    let mut rib = Rib::new(1000, 10);
    for peer in 0..5 {
        rib.up(peer, PeerRole::Client);
        for path in 0..9 {
            rib.route(peer, path, prefix(1), Some(&set(100, 1, 0)));
        }
    }
    rib.flush();
    for select in [Select::All, Select::Exact(Prefix::V4(prefix(1)))] {
        let query = all_of(select);
        let first = rib.page(&query, Bookmark::default(), 1000);
        assert_eq!(first.routes.len(), 10);
        for budget in [1, 2, 7, 1000] {
            let routes = rib.all(&query, budget);
            assert_eq!(names(&routes), rib.held.keys().copied().collect::<Vec<_>>());
            assert_eq!(routes.iter().filter(|route| route.is_best).count(), 1);
        }
    }
}

fn group(family: Family, role: PeerRole) -> GroupKey {
    GroupKey {
        family,
        role,
        cluster_id: ClusterId(1),
        as4: true,
        message_len_max: 4096,
        external: None,
        long_lived: LongLivedExport::default(),
        no_llgr_on_hosts: false,
        policy: None,
        paths: crate::group::Paths::Best,
        next_hop: None,
    }
}

#[test]
fn what_each_peer_announced_and_is_told_is_counted() {
    use PeerRole::{Client, NonClient};
    let mut rib = Rib::new(64, 64);
    let roles = [Client, Client, NonClient, NonClient];
    for (peer, role) in (0..).zip(roles) {
        rib.up(peer, role);
        let key = group(FAMILY, role);
        let group = albedo_types::GroupId(u32::from(role == NonClient));
        rib.apply(Input::Join { peer: PeerId(peer), group, key, from: None });
    }
    // Three of the first client, of which the second one has a better one; one of a non-client.
    for n in 0..3 {
        rib.route(0, 0, prefix(n), Some(&set(100, 1, 0)));
    }
    rib.route(1, 0, prefix(0), Some(&set(200, 1, 0)));
    rib.route(2, 0, prefix(9), Some(&set(100, 1, 0)));
    rib.flush();
    for budget in [1, 3, 64] {
        let tally = rib.tally(budget);
        let of = |peer| {
            let PeerCounts { imported, preferred, exported } = tally.of(PeerId(peer));
            (imported, preferred, exported)
        };
        assert_eq!(of(0), (3, 2, 2), "the mate's and the non-client's");
        assert_eq!(of(1), (1, 1, 3));
        assert_eq!(of(2), (1, 1, 3), "the clients' alone");
        assert_eq!(of(3), (0, 0, 3), "of another non-client it is told nothing");
        assert_eq!(of(7), (0, 0, 0));
    }
}

/// A change of the table.
#[derive(Clone, Copy, Debug)]
enum Change {
    Announce { peer: u32, path: u32, n: u32, pref: u32 },
    Withdraw { peer: u32, path: u32, n: u32 },
    Bury,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = (0u32..3, 0u32..2, 0u32..12);
    let change = prop_oneof![
        4 => (place.clone(), 1u32..4)
            .prop_map(|((peer, path, n), pref)| Change::Announce { peer, path, n, pref }),
        4 => place.prop_map(|(peer, path, n)| Change::Withdraw { peer, path, n }),
        1 => Just(Change::Bury),
    ];
    proptest::collection::vec(change, 0..12)
}

fn apply(rib: &mut Rib, change: Change) {
    match change {
        Change::Announce { peer, path, n, pref } => {
            rib.route(peer, path, prefix(n), Some(&set(pref, 1, 0)));
        }
        Change::Withdraw { peer, path, n } => rib.route(peer, path, prefix(n), None),
        Change::Bury => {
            rib.flush();
            rib.shard.bury(FAMILY, u64::MAX);
        }
    }
}

proptest! {
    #[test]
    fn what_stays_is_seen_once_whatever_else_changes(
        before in changes(),
        between in proptest::collection::vec(changes(), 1..8),
        budget in 1usize..6,
        page in 1usize..4,
        best_only: bool,
    ) {
        let mut rib = Rib::new(budget, page);
        for peer in 0..3 {
            rib.up(peer, PeerRole::Client);
        }
        // What nobody touches later.
        for n in 100..110 {
            rib.route(n % 3, 0, prefix(n), Some(&set(n, 1, 0)));
            rib.route((n + 1) % 3, 1, prefix(n), Some(&set(n + 1, 1, 0)));
        }
        for change in before {
            apply(&mut rib, change);
        }
        rib.flush();
        let query = Query { best_only, ..all_of(Select::All) };
        let (mut seen, mut from) = (Vec::new(), Bookmark::default());
        let mut between = between.into_iter();
        loop {
            let read = rib.page(&query, from, budget);
            prop_assert!(read.routes.len() <= page);
            for route in &read.routes {
                let key = (route.prefix, route.peer, route.path_id);
                prop_assert_eq!(rib.held.get(&key), Some(&route.attrs.summary.local_pref));
            }
            seen.extend(names(&read.routes));
            let Some(next) = read.next else { break };
            from = next;
            for change in between.next().unwrap_or_default() {
                apply(&mut rib, change);
            }
            rib.flush();
        }
        let is_kept = |prefix: &Prefix| prefix.addr() >= IpAddr::from([0, 0, 100, 0]);
        seen.retain(|(prefix, ..)| is_kept(prefix));
        seen.sort();
        let stays = rib.held.keys().filter(|(prefix, ..)| is_kept(prefix));
        let stays = stays.filter(|(_, _, path)| !best_only || *path == PathId(1));
        prop_assert_eq!(seen, stays.copied().collect::<Vec<_>>());
    }

    #[test]
    fn table_at_rest_is_read_whole_and_counted_rightly(before in changes(), budget in 1usize..9) {
        let mut rib = Rib::new(budget, 3);
        for peer in 0..3 {
            rib.up(peer, PeerRole::Client);
        }
        for change in before {
            apply(&mut rib, change);
        }
        rib.flush();
        let mut read = names(&rib.all(&all_of(Select::All), budget));
        read.sort();
        prop_assert_eq!(&read, &rib.held.keys().copied().collect::<Vec<_>>());
        let best = rib.all(&Query::best_of(FAMILY), budget);
        let tally = rib.tally(budget);
        for peer in (0..3).map(PeerId) {
            let counts = tally.of(peer);
            let imported = read.iter().filter(|route| route.1 == peer).count();
            let preferred = best.iter().filter(|route| route.peer == peer).count();
            let found = (counts.imported, counts.preferred);
            prop_assert_eq!(found, (imported as u64, preferred as u64));
        }
    }
}

#[test]
fn what_changed_is_named_once_a_batch_while_somebody_watches() {
    let mut rib = Rib::new(64, 64);
    rib.up(0, PeerRole::Client);
    rib.up(1, PeerRole::Client);
    rib.route(0, 0, prefix(1), Some(&set(100, 1, 0)));
    rib.flush();
    assert!(rib.shard.changed().is_empty(), "nobody watches");
    rib.shard.watch(true);
    let key = |n| Prefix::V4(prefix(n));
    for local_pref in [100, 90, 80] {
        rib.route(0, 0, prefix(2), Some(&set(local_pref, 1, 0)));
    }
    rib.route(0, 0, prefix(3), Some(&set(100, 1, 0)));
    rib.route(0, 0, prefix(3), None);
    // Worse than the best one: nothing changes.
    rib.route(1, 0, prefix(1), Some(&set(50, 1, 0)));
    rib.flush();
    assert_eq!(rib.shard.changed(), [key(2)]);
    assert!(rib.shard.changed().is_empty());
    rib.route(0, 0, prefix(1), None);
    rib.route(0, 0, prefix(2), None);
    rib.flush();
    let mut changed = rib.shard.changed();
    changed.sort();
    assert_eq!(changed, [key(1), key(2)]);
    // In the order in which they were asked for; one has none any more.
    let best = rib.shard.best_of(&[key(2), key(1), key(9)]);
    assert_eq!(names(&best), [(key(1), PeerId(1), PathId(0))]);
    assert!(best[0].is_best);
    // To watch on is no new beginning, and to watch no more is.
    rib.route(1, 0, prefix(1), None);
    rib.flush();
    rib.shard.watch(true);
    rib.shard.watch(false);
    assert!(rib.shard.changed().is_empty());
}
