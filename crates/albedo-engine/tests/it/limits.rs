//! Bounds that readers and sessions run into.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use albedo_engine::{BATCH_KEYS_MAX, EngineConfig};
use albedo_rib::Limits;
use albedo_sim::naive::Session;
use albedo_types::{Family, Ipv4Prefix, PathId, PeerRole, Prefix};

use crate::reflector::{Node, PATIENCE, Reflector, intern};
use crate::scripts::TINY;

fn prefix(n: u32) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(n << 8, 24).expect("at most 32")
}

/// Announces or withdraws prefixes that are not of the pool.
fn routes(
    reflector: &mut Reflector,
    node: &mut Node,
    range: std::ops::Range<u32>,
    spec: Option<usize>,
) {
    let set = spec.map(|spec| intern(&node.peer.port, Family::Ipv4Unicast, spec, node.origin()));
    for n in range {
        node.peer.port.route_v4(PathId(0), prefix(n), set.as_ref());
        let session: Session = node.session;
        reflector.note(session, node.origin(), Prefix::V4(prefix(n)), PathId(0), spec);
    }
    node.peer.touch();
}

#[test]
fn laggard_is_cut_off_when_its_tombstones_come_to_the_bound() {
    const TOMBSTONES_MAX: usize = 100;
    let limits = Limits { tombstones_min: 10, ..TINY };
    let config = EngineConfig { limits, tombstones_max: TOMBSTONES_MAX, ..EngineConfig::default() };
    let mut reflector = Reflector::start(&config);
    let mut source = reflector.up(0, PeerRole::Client);
    let mut laggard = reflector.up(1, PeerRole::Client);
    let mut healthy = reflector.up(2, PeerRole::Client);
    // In a group of its own, which hears nothing of all this.
    let mut aside = reflector.up(4, PeerRole::NonClient);
    source.info.role = PeerRole::NonClient;
    source.peer.port.change_role(PeerRole::NonClient);
    reflector.naive.up(source.session, source.info);
    routes(&mut reflector, &mut source, 0..50, Some(0));
    reflector.settle(&mut [&mut source, &mut laggard, &mut healthy, &mut aside]);
    let cut_off = |reflector: &Reflector| reflector.handle.stats().cut_off.load(Ordering::Relaxed);
    // As many as are borne: the laggard reads no more, and is left alone.
    routes(&mut reflector, &mut source, 0..50, None);
    reflector.settle(&mut [&mut source, &mut healthy, &mut aside]);
    assert_eq!(cut_off(&reflector), 0);
    let mut first = 100;
    let deadline = Instant::now() + PATIENCE;
    while !laggard.peer.port.is_cut_off() {
        assert!(Instant::now() < deadline, "{} prefixes later", first);
        routes(&mut reflector, &mut source, first..first + 50, Some(0));
        reflector.settle(&mut [&mut source, &mut healthy, &mut aside]);
        routes(&mut reflector, &mut source, first..first + 50, None);
        reflector.settle(&mut [&mut source, &mut healthy, &mut aside]);
        first += 50;
        assert!(first < 10_000, "far more than the bound");
    }
    assert_eq!(cut_off(&reflector), 1);
    for node in [&source, &healthy, &aside] {
        assert!(!node.peer.port.is_cut_off(), "slot {} is not to blame", node.slot);
    }
    reflector.down(laggard);
    reflector.settle(&mut [&mut source, &mut healthy, &mut aside]);
    reflector.stop(vec![source, healthy, aside]);
}

#[test]
fn full_channel_backs_a_session_up_until_there_is_space() {
    let config = EngineConfig { mailbox_letters_max: 1, ..EngineConfig::default() };
    let mut reflector = Reflector::start(&config);
    let mut source = reflector.up(0, PeerRole::Client);
    let mut reader = reflector.up(1, PeerRole::Client);
    reflector.settle(&mut [&mut source, &mut reader]);
    let keys = u32::try_from(BATCH_KEYS_MAX).expect("small");
    routes(&mut reflector, &mut source, 0..40 * keys, Some(0));
    assert!(source.peer.port.is_backed_up(), "forty letters wait for a channel of one");
    let deadline = Instant::now() + PATIENCE;
    let mut waits = 0;
    while !source.peer.flush() {
        waits += 1;
        assert!(source.peer.port.is_backed_up());
        assert!(Instant::now() < deadline, "nobody says that there is space");
        thread::park_timeout(deadline - Instant::now());
    }
    assert!(!source.peer.port.is_backed_up());
    assert!(waits > 0, "forty letters go into a channel of one at once");
    assert!(reflector.handle.stats().channel_full.load(Ordering::Relaxed) >= waits);
    reflector.settle(&mut [&mut source, &mut reader]);
    assert_eq!(reader.peer.table.len(), 40 * BATCH_KEYS_MAX);
    reflector.stop(vec![source, reader]);
}
