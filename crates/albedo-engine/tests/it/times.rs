//! What the histograms count.

use std::time::{Duration, Instant};

use albedo_engine::EngineConfig;
use albedo_engine::stats::FamilyTimes;
use albedo_sim::world::Several;
use albedo_types::{Family, PathId, PeerRole};

use crate::reflector::{Node, PATIENCE, Reflector};

const V4: usize = Family::Ipv4Unicast.index();

#[derive(Debug, PartialEq, Eq)]
struct Counts {
    convergence: u64,
    delivery: u64,
    session_sync: u64,
    withdraw_convergence: u64,
}

fn counts(reflector: &Reflector) -> Counts {
    let times: &FamilyTimes = &reflector.handle.stats().times[V4];
    Counts {
        convergence: times.convergence.snapshot().count,
        delivery: times.delivery.snapshot().count,
        session_sync: times.session_sync.snapshot().count,
        withdraw_convergence: times.withdraw_convergence.snapshot().count,
    }
}

/// Polls whoever is woken until `done` says so.
fn poll_until(nodes: &mut [&mut Node], done: impl Fn(&[&mut Node]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for node in nodes.iter_mut() {
            if node.peer.is_woken() {
                node.peer.pump(usize::MAX);
            }
        }
        if done(nodes) {
            return;
        }
        assert!(Instant::now() < deadline, "it never comes");
        if !nodes.iter().any(|node| node.peer.is_woken()) {
            std::thread::park_timeout(deadline - Instant::now());
        }
    }
}

#[test]
fn each_segment_counts_once_and_once_for_every_active_reader_it_went_to() {
    let config = EngineConfig { pacing_max: Duration::ZERO, ..EngineConfig::default() };
    let mut reflector = Reflector::start(&config);
    reflector.paths = Several::Nobody;
    let mut nodes = [0, 1, 2].map(|slot| reflector.up(slot, PeerRole::Client));
    let [source, b, c] = &mut nodes;
    poll_until(&mut [source, b, c], |nodes| nodes.iter().all(|n| n.peer.ends == [1, 1]));
    let synced = Counts { convergence: 0, delivery: 0, session_sync: 3, withdraw_convergence: 0 };
    assert_eq!(counts(&reflector), synced);

    // All are up to date: the source is waited for as well, but nothing goes to it.
    reflector.route(source, 0, PathId(0), Some(0));
    let handle = reflector.handle.clone();
    let converged = |times: u64| handle.stats().times[V4].convergence.snapshot().count == times;
    poll_until(&mut [source, b, c], |_| converged(1));
    let one = Counts { convergence: 1, delivery: 2, ..synced };
    assert_eq!(counts(&reflector), one);
    assert_eq!((b.peer.table.len(), c.peer.table.len()), (1, 1));
    assert_eq!(handle.oldest_undelivered(), None);

    // A peer whose socket is full is waited for once, and from then on not at all.
    let _ = c.peer.port.withdraw_outlet();
    reflector.route(source, 2, PathId(0), Some(1));
    source.peer.pump(usize::MAX);
    let deadline = Instant::now() + PATIENCE;
    while c.peer.blocked == 0 {
        assert!(Instant::now() < deadline, "nothing comes to be written");
        c.peer.pump(5);
    }
    poll_until(&mut [source, b], |_| converged(2));
    assert_eq!(counts(&reflector), Counts { convergence: 2, delivery: 3, ..synced });
    reflector.route(source, 4, PathId(0), Some(2));
    poll_until(&mut [source, b], |_| converged(3));
    assert_eq!(counts(&reflector), Counts { convergence: 3, delivery: 4, ..synced });
    assert!(handle.oldest_undelivered().is_some(), "it has not got what the others have");
    assert_eq!(c.peer.port.oldest_undelivered(), handle.oldest_undelivered());

    // It comes back, and what it missed is no convergence.
    poll_until(&mut [source, b, c], |nodes| nodes[2].peer.table.len() == 3);
    assert_eq!(counts(&reflector), Counts { convergence: 3, delivery: 4, ..synced });
    poll_until(&mut [source, b, c], |_| handle.oldest_undelivered().is_none());

    // The loss of the source: one segment of withdrawals, to both.
    let [source, mut b, mut c] = nodes;
    reflector.down(source);
    poll_until(&mut [&mut b, &mut c], |_| converged(4));
    assert_eq!((b.peer.table.len(), c.peer.table.len()), (0, 0));
    let lost = Counts { convergence: 4, delivery: 6, session_sync: 3, withdraw_convergence: 1 };
    assert_eq!(counts(&reflector), lost);
    reflector.stop(vec![b, c]);
}

#[test]
fn slow_peer_holds_up_nobodys_convergence_in_any_shard() {
    // Its socket is full with the table of one shard; what the other shards tell is not waited
    // for either.
    let config = EngineConfig { pacing_max: Duration::ZERO, shards: 5, ..EngineConfig::default() };
    let mut reflector = Reflector::start(&config);
    reflector.paths = Several::Nobody;
    let mut nodes = [0, 1, 2].map(|slot| reflector.up(slot, PeerRole::Client));
    let [source, b, c] = &mut nodes;
    poll_until(&mut [source, b, c], |nodes| nodes.iter().all(|n| n.peer.ends == [1, 1]));
    let _ = c.peer.port.withdraw_outlet();
    reflector.route(source, 0, PathId(0), Some(0));
    source.peer.pump(usize::MAX);
    let deadline = Instant::now() + PATIENCE;
    while c.peer.blocked == 0 {
        assert!(Instant::now() < deadline, "nothing comes to be written");
        c.peer.pump(5);
    }
    let handle = reflector.handle.clone();
    let converged = |times: u64| handle.stats().times[V4].convergence.snapshot().count == times;
    poll_until(&mut [source, b], |_| converged(1));
    for n in 1..12 {
        reflector.route(source, 2 * n, PathId(0), Some(0));
        poll_until(&mut [source, b], |_| converged(1 + n as u64));
    }
    reflector.settle(&mut [source, b, c]);
    reflector.stop(nodes.into());
}
