//! Reading the tables of all shards while they change.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use albedo_engine::{Engine, EngineConfig, EngineHandle, QueryError};
use albedo_rib::Route;
use albedo_rib::query::{PeerCounts, Query, Select};
use albedo_sim::naive;
use albedo_types::{Family, Ipv4Prefix, PathId, PeerRole, Prefix};

use crate::peer::Peer;
use crate::reflector::{Reflector, info, intern};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

fn read(engine: &EngineHandle, query: Query) -> Vec<Route> {
    let mut stream = engine.routes(query).expect("a seat");
    let mut routes = Vec::new();
    while let Some(page) = wait(stream.next()).expect("the shards are there") {
        assert!(!page.is_empty() && page.len() <= albedo_rib::limits::QUERY_PAGE_ROUTES);
        routes.extend(page);
    }
    routes
}

const FAMILY: Family = Family::Ipv4Unicast;

fn prefix(n: u32) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(n << 12, 20).expect("at most 32")
}

type Held = BTreeMap<(Prefix, std::net::IpAddr), (bool, usize)>;

/// The same table in so many shards, as it is read: by prefix and peer, whether best, and how long
/// the attributes are; and what is counted of each peer.
fn table(shards: usize) -> (Held, Vec<PeerCounts>) {
    let mut reflector = Reflector::start(&EngineConfig { shards, ..EngineConfig::default() });
    let mut nodes = [0, 2, 4].map(|slot| reflector.up(slot, PeerRole::Client));
    for (at, node) in (0u32..).zip(&mut nodes) {
        let set = intern(&node.peer.port, FAMILY, at as usize, node.origin());
        for n in (0..6000).filter(|n| n % 3 <= at) {
            node.peer.port.route_v4(PathId(0), prefix(n), Some(&set));
            let (session, origin) = (node.session, node.origin());
            reflector.note(session, origin, Prefix::V4(prefix(n)), PathId(0), Some(at as usize));
        }
        node.peer.touch();
    }
    let [a, b, c] = &mut nodes;
    reflector.settle(&mut [a, b, c]);
    let engine = reflector.handle.clone();
    let query =
        Query { family: FAMILY, select: Select::All, from: None, to: None, best_only: false };
    let routes = read(&engine, query);
    let count = routes.len();
    let held: Held = routes
        .into_iter()
        .map(|r| ((r.prefix, r.info.addr), (r.is_best, r.attrs.block_len())))
        .collect();
    assert_eq!(held.len(), count, "each route once");
    assert_eq!(count, 2000 + 4000 + 6000);
    let tally = wait(engine.tally(FAMILY)).expect("a seat");
    let counts: Vec<PeerCounts> =
        nodes.iter().map(|node| tally.of(node.peer.port.peer())).collect();
    for (node, counts) in nodes.iter().zip(&counts) {
        // What a peer holds of the others is what it was told.
        let told =
            node.peer.table.keys().filter(|(prefix, _)| naive::family(*prefix) == FAMILY).count();
        assert_eq!(counts.exported, told as u64, "slot {}", node.slot);
    }
    reflector.stop(nodes.into());
    (held, counts)
}

#[test]
fn several_shards_give_what_one_gives() {
    let one = table(1);
    assert_eq!(one.1.iter().map(|c| c.imported).collect::<Vec<_>>(), [2000, 4000, 6000]);
    assert_eq!(one.1.iter().map(|c| c.preferred).sum::<u64>(), 6000);
    for shards in [2, 5] {
        assert_eq!(table(shards), one, "{shards} shards");
    }
}

#[test]
fn readers_and_writers_beside_each_other() {
    let engine = Engine::start(&EngineConfig { shards: 2, ..EngineConfig::default() }).unwrap();
    let handle = engine.handle();
    let node = info(0, PeerRole::Client);
    let mut peer = Peer::new(&handle, node);
    let origin = albedo_sim::sets::Origin { router_id: node.router_id, external: false };
    let set = intern(&peer.port, FAMILY, 0, origin);
    let stays = |n: u32| n.is_multiple_of(4);
    let announce = |peer: &mut Peer, n: u32, set: Option<&Arc<albedo_rib::AttrSet>>| {
        peer.port.route_v4(PathId(0), prefix(n), set);
        while peer.port.is_backed_up() && !peer.flush() {
            thread::yield_now();
        }
    };
    for n in 0..20_000 {
        announce(&mut peer, n, Some(&set));
    }
    while !peer.flush() {
        thread::yield_now();
    }
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let handle = handle.clone();
            thread::spawn(move || {
                let mut rounds = 0;
                while rounds < 5 {
                    let routes = read(&handle, Query::best_of(FAMILY));
                    // Before all have arrived there is less to see.
                    if routes.len() >= 5000 {
                        rounds += 1;
                    }
                    if rounds > 1 {
                        let mut seen: Vec<Prefix> = routes.iter().map(|r| r.prefix).collect();
                        seen.sort();
                        let stays =
                            (0..20_000).filter(|n| stays(*n)).map(|n| Prefix::V4(prefix(n)));
                        for prefix in stays {
                            let at = seen.partition_point(|seen| *seen < prefix);
                            assert_eq!(seen.get(at), Some(&prefix));
                            assert_ne!(seen.get(at + 1), Some(&prefix), "twice");
                        }
                    }
                }
            })
        })
        .collect();
    let mut turn = false;
    while readers.iter().any(|reader| !reader.is_finished()) {
        for n in (0..20_000).filter(|n| !stays(*n)) {
            announce(&mut peer, n, turn.then_some(&set));
        }
        while !peer.flush() {
            thread::yield_now();
        }
        turn = !turn;
    }
    for reader in readers {
        reader.join().expect("nothing was missed");
    }
    let last = handle.routes(Query::best_of(FAMILY)).expect("a seat");
    drop(peer);
    let _ = engine.stop();
    let mut last = last;
    assert!(matches!(wait(last.next()), Err(QueryError::Stopped)));
}

#[test]
fn who_has_all_of_its_log_is_not_behind_a_change_that_is_not_for_it() {
    let mut reflector = Reflector::start(&EngineConfig { shards: 1, ..EngineConfig::default() });
    let mut nodes = [0, 2].map(|slot| reflector.up(slot, PeerRole::NonClient));
    let from = &mut nodes[0];
    let set = intern(&from.peer.port, FAMILY, 0, from.origin());
    from.peer.port.route_v4(PathId(0), prefix(1), Some(&set));
    reflector.note(from.session, from.origin(), Prefix::V4(prefix(1)), PathId(0), Some(0));
    from.peer.touch();
    let [a, b] = &mut nodes;
    reflector.settle(&mut [a, b]);
    let (engine, to) = (reflector.handle.clone(), nodes[1].peer.port.peer());
    let prefix = Prefix::V4(prefix(1));
    let explanation = wait(engine.explain(prefix, Some(to))).expect("the shards are there");
    let verdict = explanation.verdict.expect("a peer was asked for");
    assert!(explanation.is_there && verdict.told.is_empty(), "{verdict:?}");
    let given = engine.given(prefix, to, verdict.group.expect("it is in one"));
    assert!(given >= Some(explanation.version), "{given:?}, {}", explanation.version);
}
