//! An engine, and the naive reflector that is told the same.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use albedo_engine::{
    Engine, EngineConfig, EngineHandle, Interned, PeerPort, Received, Scratch, Source,
};
use albedo_rib::{AttrSet, GroupKey, Keep, PeerInfo};
use albedo_sim::naive::{self, Naive, Session};
use albedo_sim::sets::{self, CLUSTER, Origin, Sets};
use albedo_sim::table::{Tables, by_prefix};
use albedo_sim::world::{self, Several};
use albedo_types::{Asn, Family, PathId, PeerRole, Prefix, RouterId};
use albedo_wire::nlri::NextHop;
use albedo_wire::update::{RawUpdate, UpdateContext};
use std::sync::Arc;

use crate::peer::Peer;

/// How long everybody may take to come to rest; only a bug takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

const LOCAL_ASN: Asn = Asn(64_512);

/// Looks up the set of a spec of the pool, from the octets that a source of it sends.
pub(crate) fn intern(port: &PeerPort, family: Family, spec: usize, from: Origin) -> Arc<AttrSet> {
    let block = sets::received(spec, family, from.external);
    let mut body = vec![0, 0];
    body.extend(u16::try_from(block.len()).expect("short").to_be_bytes());
    body.extend_from_slice(&block);
    let context = if from.external {
        UpdateContext::external(LOCAL_ASN)
    } else {
        UpdateContext::internal(LOCAL_ASN)
    };
    let update = RawUpdate::split(&body, &context).expect("well formed");
    let source = Source {
        router_id: from.router_id,
        external: from.external,
        cluster: CLUSTER,
        local_router_id: RouterId::new(0xffff).expect("not zero"),
        local_asn: LOCAL_ASN,
        own_as_allowed: None,
        judged_by: Source::judged_by(&context),
    };
    let hop = NextHop::V6(sets::next_hop(spec));
    let next_hop = (family == Family::Ipv6Unicast).then_some(&hop);
    let received = Received { family, next_hop, block: &update.block };
    match port.interner().intern(&source, &received, &context, &mut Scratch::default()) {
        Interned::Set(set) => set,
        other => panic!("spec {spec}: {other:?}"),
    }
}

pub(crate) fn info(slot: usize, role: PeerRole) -> PeerInfo {
    PeerInfo { addr: world::addr(slot), router_id: world::router_id(slot), role }
}

/// One session, with what the naive reflector has to know of it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) slot: usize,
    pub(crate) session: Session,
    pub(crate) info: PeerInfo,
    pub(crate) regrouped: bool,
    pub(crate) stalled: bool,
    /// Which groups are told several paths of a prefix.
    paths: Several,
    pub(crate) peer: Peer,
}

impl Node {
    pub(crate) fn up(engine: &EngineHandle, slot: usize, role: PeerRole, session: Session) -> Self {
        Self::up_with(engine, slot, role, session, Several::Best)
    }

    fn up_with(
        engine: &EngineHandle,
        slot: usize,
        role: PeerRole,
        session: Session,
        paths: Several,
    ) -> Self {
        let info = info(slot, role);
        let peer = Peer::new(engine, info);
        let mut node = Self { slot, session, info, regrouped: false, stalled: false, paths, peer };
        node.join();
        node
    }

    pub(crate) fn join(&mut self) {
        for family in world::families(self.slot) {
            self.peer.join(self.key(*family));
        }
    }

    fn key(&self, family: Family) -> GroupKey {
        let (role, regrouped) = (self.info.role, self.regrouped);
        let key = world::key(self.slot, family, role, regrouped);
        GroupKey { paths: world::paths(self.paths, self.slot, role, regrouped), ..key }
    }

    pub(crate) fn origin(&self) -> Origin {
        let external = self.info.role == PeerRole::External;
        Origin { router_id: self.info.router_id, external }
    }

    /// Announces or withdraws; `None` for a family that the node has not.
    pub(crate) fn route(&mut self, n: usize, id: PathId, spec: Option<usize>) -> Option<Prefix> {
        let prefix = world::prefix(n);
        let family = naive::family(prefix);
        if !world::families(self.slot).contains(&family) {
            return None;
        }
        let set = spec.map(|spec| intern(&self.peer.port, family, spec, self.origin()));
        match prefix {
            Prefix::V4(prefix) => self.peer.port.route_v4(id, prefix, set.as_ref()),
            Prefix::V6(prefix) => self.peer.port.route_v6(id, prefix, set.as_ref()),
        }
        self.peer.touch();
        Some(prefix)
    }

    /// What it should hold.
    pub(crate) fn expected(&self, naive: &Naive) -> Tables {
        let mut expected = Tables::new();
        for family in world::families(self.slot) {
            expected.append(&mut naive.table(self.session, &self.key(*family)));
        }
        expected
    }
}

/// An engine and the naive reflector.
#[derive(Debug)]
pub(crate) struct Reflector {
    pub(crate) engine: Engine,
    pub(crate) handle: EngineHandle,
    pub(crate) naive: Naive,
    /// Which groups are told several paths of a prefix.
    pub(crate) paths: Several,
    sets: Sets,
    next: Session,
}

impl Reflector {
    pub(crate) fn start(config: &EngineConfig) -> Self {
        let engine = Engine::start(config).expect("the system gives threads");
        let handle = engine.handle();
        Self {
            engine,
            handle,
            naive: Naive::default(),
            paths: Several::Modes,
            sets: Sets::default(),
            next: 0,
        }
    }

    pub(crate) fn up(&mut self, slot: usize, role: PeerRole) -> Node {
        self.next += 1;
        let node = Node::up_with(&self.handle, slot, role, self.next, self.paths);
        self.naive.up(node.session, node.info);
        node
    }

    /// A node whose session was lost has one again.
    pub(crate) fn back(&mut self, mut node: Node, role: PeerRole) -> Node {
        node.info = info(node.slot, role);
        node.stalled = false;
        node.peer.back(node.info);
        node.join();
        self.naive.up(node.session, node.info);
        node
    }

    /// A node's session is lost, and of each family this is kept.
    pub(crate) fn lose(&mut self, node: &mut Node, keep: [Keep; Family::COUNT]) {
        for family in Family::ALL {
            self.naive.lose(node.session, family, keep[family.index()]);
        }
        assert!(node.peer.port.lose(keep), "far fewer letters than may wait");
    }

    pub(crate) fn route(&mut self, node: &mut Node, n: usize, id: PathId, spec: Option<usize>) {
        if let Some(prefix) = node.route(n, id, spec) {
            self.note(node.session, node.origin(), prefix, id, spec);
        }
    }

    /// Tells the naive reflector what a node told the engine.
    pub(crate) fn note(
        &mut self,
        session: Session,
        origin: Origin,
        prefix: Prefix,
        id: PathId,
        spec: Option<usize>,
    ) {
        let set = spec.map(|spec| self.sets.get(naive::family(prefix), spec, origin));
        self.naive.route(session, prefix, id, set);
    }

    pub(crate) fn down(&mut self, node: Node) {
        self.naive.down(node.session);
        node.peer.port.leave();
    }

    /// Polls whoever is woken until all tables are as they should be, and stay so.
    pub(crate) fn settle(&mut self, nodes: &mut [&mut Node]) {
        for node in nodes.iter_mut() {
            node.stalled = false;
            node.peer.touch();
        }
        let table = |node: &&mut Node| node.expected(&self.naive);
        let mut expected: Vec<Tables> = nodes.iter().map(table).collect();
        self.wait(nodes, &expected);
        // Whatever was sent before is applied when somebody who comes now has a whole table.
        for _ in 0..2 {
            let mut probe = Node::up(&self.handle, 0, PeerRole::Client, 0);
            expected.push(probe.expected(&self.naive));
            let mut all: Vec<&mut Node> = nodes.iter_mut().map(|node| &mut **node).collect();
            all.push(&mut probe);
            self.wait(&mut all, &expected);
            probe.peer.port.leave();
            expected.pop();
            self.wait(nodes, &expected);
        }
        for node in nodes {
            for family in world::families(node.slot) {
                assert_eq!(node.peer.ends[family.index()], 1, "one End-of-RIB, {family:?}");
                let [begun, ended] = node.peer.markers[family.index()];
                assert_eq!(begun, ended, "each refresh has its end, {family:?}");
            }
        }
    }

    fn wait(&self, nodes: &mut [&mut Node], expected: &[Tables]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut moved = false;
            for node in nodes.iter_mut() {
                if node.peer.is_woken() {
                    moved |= node.peer.pump(usize::MAX);
                }
            }
            let done = |(node, table): (&&mut Node, &Tables)| {
                by_prefix(&node.peer.table) == *table
                    && world::families(node.slot).iter().all(|f| node.peer.ends[f.index()] > 0)
                    && node.peer.markers.iter().all(|[begun, ended]| begun == ended)
            };
            if !moved && nodes.iter().zip(expected).all(done) {
                return;
            }
            if Instant::now() > deadline {
                let all = nodes.iter().zip(expected).map(|(node, table)| explain(node, table));
                panic!("somebody never comes to rest: {:#?}", all.collect::<Vec<_>>());
            }
            if !moved && !nodes.iter().any(|node| node.peer.is_woken()) {
                std::thread::park_timeout(deadline - Instant::now());
            }
        }
    }

    /// Ends the engine; nothing of anybody may be left.
    pub(crate) fn stop(self, nodes: Vec<Node>) {
        for node in nodes {
            node.peer.port.leave();
        }
        drop(self.naive);
        let handle = self.handle;
        assert!(self.engine.stop(), "something is left in a shard");
        assert_eq!(handle.peers(), 0, "the shards know somebody");
        assert_eq!(handle.groups(), 0, "somebody is in a group");
        assert_eq!(handle.interner().len(), 0, "somebody holds attributes");
        assert_eq!(handle.oldest_undelivered(), None);
    }
}

fn explain(node: &Node, expected: &Tables) -> String {
    let table = by_prefix(&node.peer.table);
    let found: BTreeSet<_> = table.keys().collect();
    let should: BTreeSet<_> = expected.keys().collect();
    let other = expected.iter().filter(|(p, t)| table.get(*p).is_some_and(|x| x != *t));
    format!(
        "slot {}: lacks {:?}, still has {:?}, has otherwise {:?}, ends {:?}, backed up {}",
        node.slot,
        should.difference(&found).collect::<Vec<_>>(),
        found.difference(&should).collect::<Vec<_>>(),
        other.map(|(prefix, _)| prefix).collect::<Vec<_>>(),
        node.peer.ends,
        node.peer.port.is_backed_up(),
    )
}
