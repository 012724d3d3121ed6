//! Peers on threads of their own, all at once: nothing orders what they do.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;

use albedo_engine::{Engine, EngineConfig, EngineHandle};
use albedo_rib::Limits;
use albedo_sim::naive::Naive;
use albedo_sim::script::{PATH_IDS, PREFIXES};
use albedo_sim::sets::Sets;
use albedo_sim::table::{Tables, by_prefix};
use albedo_sim::{naive, world};
use albedo_types::{Family, PathId, PeerRole, Prefix, Rng};

use crate::reflector::{Node, PATIENCE};
use crate::scripts::{TINY, number};

/// Peers at once; more than there are slots would be the same again.
const PEERS: usize = 6;

/// What a peer has announced in the end.
type Announced = Vec<(Prefix, PathId, usize)>;

/// Where all peers meet; whoever waits for one that failed fails as well.
#[derive(Default)]
struct Meeting {
    arrived: Mutex<usize>,
    changed: Condvar,
}

impl Meeting {
    fn wait(&self) {
        let mut arrived = self.arrived.lock().expect("no panic while held");
        *arrived += 1;
        let until = arrived.next_multiple_of(PEERS);
        self.changed.notify_all();
        let missing = |arrived: &mut usize| *arrived < until;
        let waited = self.changed.wait_timeout_while(arrived, 2 * PATIENCE, missing);
        assert!(!waited.expect("no panic while held").1.timed_out(), "somebody never comes");
    }
}

struct Actor<'a> {
    node: Option<Node>,
    announced: Announced,
    engine: &'a EngineHandle,
    slot: usize,
    rng: Rng,
}

impl Actor<'_> {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.below(bound as u64)).expect("small")
    }

    fn node(&mut self) -> &mut Node {
        self.node.as_mut().expect("up until it is lost")
    }

    fn up(&mut self) {
        let role = [PeerRole::Client, PeerRole::Client, PeerRole::NonClient][self.below(3)];
        let session = self.slot as u64 + 1;
        self.node = Some(Node::up(self.engine, self.slot, role, session));
    }

    fn step(&mut self) {
        match self.below(40) {
            0 => {
                let node = self.node.take().expect("up until it is lost");
                node.peer.port.leave();
                self.announced.clear();
                self.up();
            }
            1 => {
                let node = self.node();
                node.info.role = match node.info.role {
                    PeerRole::Client => PeerRole::NonClient,
                    other => {
                        assert_eq!(other, PeerRole::NonClient);
                        PeerRole::Client
                    }
                };
                let role = node.info.role;
                node.peer.port.change_role(role);
                node.join();
            }
            2 => {
                let node = self.node();
                node.regrouped ^= true;
                node.join();
            }
            3 => {
                let family = Family::ALL[self.below(Family::COUNT)];
                self.node().peer.port.refresh(family, true);
            }
            4..14 => {
                let room = self.below(2000);
                self.node().peer.pump(room);
            }
            kind => self.routes(kind),
        }
    }

    fn routes(&mut self, kind: usize) {
        let (first, count, spec) = (self.below(2 * PREFIXES), 1 + self.below(5), self.below(18));
        let spec = (kind < 30).then_some(spec);
        let id = PathId(u32::try_from(self.below(4)).expect("small") % PATH_IDS);
        for n in first..first + count {
            let prefix = self.node().route(n % (2 * PREFIXES), id, spec);
            if let Some(prefix) = prefix {
                self.announced.retain(|(p, i, _)| (*p, *i) != (prefix, id));
                self.announced.extend(spec.map(|spec| (prefix, id, spec)));
            }
        }
        self.node().peer.flush();
    }

    /// Polls until everything is in the channels.
    fn flush(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.node().peer.flush() {
            assert!(Instant::now() < deadline, "a channel stays full");
            thread::park_timeout(deadline - Instant::now());
        }
    }

    fn wait(&mut self, expected: &Tables) {
        let deadline = Instant::now() + PATIENCE;
        let node = self.node();
        node.peer.touch();
        loop {
            if node.peer.is_woken() {
                node.peer.pump(usize::MAX);
            }
            let slot = node.slot;
            let ended = world::families(slot).iter().all(|f| node.peer.ends[f.index()] > 0);
            if by_prefix(&node.peer.table) == *expected && ended {
                return;
            }
            assert!(Instant::now() < deadline, "slot {slot}: {:?}", node.peer.table.keys());
            if !node.peer.is_woken() {
                thread::park_timeout(deadline - Instant::now());
            }
        }
    }
}

fn act(slot: usize, seed: u64, engine: &EngineHandle, shared: &(Mutex<Naive>, Meeting)) {
    let rng = Rng::new(seed * 100 + slot as u64);
    let mut actor = Actor { node: None, announced: Vec::new(), engine, slot, rng };
    let (naive, meeting) = shared;
    actor.up();
    for round in 1..=3 {
        for _ in 0..150 {
            actor.step();
        }
        actor.flush();
        {
            let announced = actor.announced.clone();
            let node = actor.node();
            let mut naive = naive.lock().expect("no panic while held");
            naive.down(node.session);
            naive.up(node.session, node.info);
            let mut sets = Sets::default();
            for (prefix, id, spec) in announced {
                let set = sets.get(naive::family(prefix), spec, node.origin());
                naive.route(node.session, prefix, id, Some(set));
            }
        }
        meeting.wait();
        let expected = actor.node().expected(&naive.lock().expect("no panic while held"));
        actor.wait(&expected);
        for family in world::families(slot) {
            assert_eq!(actor.node().peer.ends[family.index()], 1, "round {round}");
        }
        // Nobody goes on before everybody has come to rest.
        meeting.wait();
    }
    actor.node.take().expect("up until the end").peer.port.leave();
}

fn check(seed: u64, shards: usize, limits: Limits, letters: usize) {
    let config = EngineConfig {
        shards,
        limits,
        mailbox_letters_max: letters,
        seed,
        ..EngineConfig::default()
    };
    let engine = Engine::start(&config).expect("the system gives threads");
    let handle = engine.handle();
    let shared = (Mutex::new(Naive::default()), Meeting::default());
    thread::scope(|scope| {
        for slot in 0..PEERS {
            let (handle, shared) = (&handle, &shared);
            scope.spawn(move || act(slot, seed, handle, shared));
        }
    });
    drop(shared);
    assert!(engine.stop(), "something is left in a shard");
    assert_eq!((handle.peers(), handle.groups(), handle.interner().len()), (0, 0, 0));
}

#[test]
fn peers_on_threads_of_their_own_hold_what_the_naive_reflector_tells() {
    for seed in 0..number("COUNT", 9) {
        let shards = [1, 2, 5][(seed % 3) as usize];
        let limits = [TINY, Limits::default()][(seed / 3 % 2) as usize];
        check(seed, shards, limits, [2, 256][(seed % 2) as usize]);
    }
}

#[test]
fn index_of_a_lost_peer_is_free_for_another_at_once() {
    // Peers come, announce and go on two threads; none of them takes another one with it.
    let engine = Engine::start(&EngineConfig { shards: 2, ..EngineConfig::default() });
    let engine = engine.expect("the system gives threads");
    let handle = engine.handle();
    let (done, watch): (_, Receiver<()>) = channel();
    thread::scope(|scope| {
        for slot in 0..2 {
            let (handle, done) = (&handle, done.clone());
            scope.spawn(move || {
                for _ in 0..300 {
                    let mut node = Node::up(handle, slot, PeerRole::Client, 1);
                    node.route(2 * slot, PathId(0), Some(0));
                    node.peer.flush();
                    node.peer.port.leave();
                }
                drop(done);
            });
        }
        drop(done);
        // Somebody who stays all the while, and is never told that it is gone.
        let mut stays = Node::up(&handle, 2, PeerRole::Client, 1);
        stays.route(8, PathId(0), Some(0));
        while watch.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            stays.peer.pump(usize::MAX);
            thread::yield_now();
        }
        let mut late = Node::up(&handle, 3, PeerRole::Client, 2);
        let deadline = Instant::now() + PATIENCE;
        while late.peer.table.len() != 1 || late.peer.ends != [1, 1] {
            assert!(Instant::now() < deadline, "{:?}", late.peer.table);
            late.peer.pump(usize::MAX);
            stays.peer.pump(usize::MAX);
            thread::yield_now();
        }
        assert!(late.peer.table.keys().any(|(prefix, _)| *prefix == world::prefix(8)));
        late.peer.port.leave();
        stays.peer.port.leave();
    });
    assert!(engine.stop(), "something is left in a shard");
    assert_eq!((handle.peers(), handle.groups(), handle.interner().len()), (0, 0, 0));
}
