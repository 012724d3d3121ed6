//! A reflector of S shards, its nodes, and the naive reflector beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use albedo_rib::{
    ExternalKey, GroupKey, Input, Keep, Limits, LongLivedExport, Paths, PeerInfo, RouteBatch,
};
use albedo_types::{
    Asn, ClusterId, Family, Instant, Ipv4Prefix, Ipv6Prefix, PathId, PathsMode, PeerId, PeerRole,
    Prefix, RouterId,
};

use crate::naive::{self, Naive, Session};
use crate::node::{Away, Node};
use crate::policy;
use crate::script::{Op, PREFIXES, SLOTS};
use crate::sets::{CLUSTER, Origin, Sets};
use crate::table::{self, Tables, Told};
use crate::worker::{Groups, Letter, Worker};

/// What a world is made of.
#[derive(Clone, Copy, Debug)]
pub struct WorldConfig {
    /// How many shards.
    pub shards: usize,
    /// Bounds of the shards and their logs.
    pub limits: Limits,
    /// Which nodes are told several paths of a prefix, or another than the best.
    pub several: Several,
}

/// Which nodes are told several paths of a prefix, or another than the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Several {
    /// None.
    Nobody,
    /// Some, the best ones.
    Best,
    /// Most, each in its own mode, and in another one when it is regrouped.
    Modes,
}

impl Several {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::Best, Self::Modes];
}

/// Rounds in which everybody must have come to rest.
const QUIET_ROUNDS_MAX: usize = 10_000;

#[derive(Debug, Default)]
struct Slot {
    node: Option<Node>,
    /// What is left of it while it is away.
    away: Option<Away>,
    /// Whether the other cluster is configured.
    regrouped: bool,
    /// Prefixes that End-of-RIB has to come behind.
    promised: BTreeSet<Prefix>,
    announced: BTreeSet<(Prefix, PathId)>,
}

/// The world.
#[derive(Debug)]
pub struct World {
    config: WorldConfig,
    now: Instant,
    workers: Vec<Worker>,
    groups: Groups,
    slots: Vec<Slot>,
    naive: Naive,
    sets: Sets,
    free: Vec<PeerId>,
    next_peer: u32,
    next_session: Session,
    /// What happened on the way, to know that the interesting things do.
    pub seen: BTreeMap<&'static str, u64>,
}

impl World {
    /// Nobody is there.
    #[must_use]
    pub fn new(config: WorldConfig) -> Self {
        let workers = (0..config.shards).map(|n| Worker::new(n, n as u64, config.limits));
        Self {
            config,
            now: Instant::ZERO,
            workers: workers.collect(),
            groups: Groups::default(),
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            naive: Naive::default(),
            sets: Sets::default(),
            free: Vec::new(),
            next_peer: 0,
            next_session: 0,
            seen: BTreeMap::new(),
        }
    }

    /// Runs a script; everybody is at rest and looked at when it returns.
    pub fn run(&mut self, script: &[Op]) {
        for op in script {
            self.step(*op);
        }
        self.quiet();
    }

    /// One step.
    pub fn step(&mut self, op: Op) {
        self.now += Duration::from_millis(1);
        match op {
            Op::Up { slot, role } => self.up(slot, role),
            Op::Down { slot } => self.down(slot),
            Op::Lose { slot, keep } => self.lose(slot, keep),
            Op::Sweep { slot, family } => self.stale(slot, family, false),
            Op::LongLived { slot, family } => self.stale(slot, family, true),
            Op::Announce { slot, prefix, path_id, spec } => {
                self.routes(slot, [prefix], PathId(path_id), Some(spec));
            }
            Op::Withdraw { slot, prefix, path_id } => {
                self.routes(slot, [prefix], PathId(path_id), None);
            }
            Op::Burst { slot, first, count, spec } => {
                self.routes(slot, first..first + count, PathId(0), Some(spec));
            }
            Op::Retreat { slot, first, count } => {
                self.routes(slot, first..first + count, PathId(0), None);
            }
            Op::Role { slot } => self.role(slot),
            Op::Regroup { slot } => self.regroup(slot),
            Op::Rejoin { slot } => self.join(slot),
            Op::Refresh { slot, family } => {
                if let Some(node) = &mut self.slots[slot].node {
                    node.refresh(family, &mut self.workers);
                }
            }
            Op::Stall { slot, on } => {
                if let Some(node) = &mut self.slots[slot].node {
                    node.stalled = on;
                }
            }
            Op::Read { slot, messages } => {
                self.read(slot, messages);
            }
            Op::Turn { shard, letters } => {
                self.turn(shard % self.workers.len(), letters);
            }
            Op::Bury { shard } => {
                let shard = shard % self.workers.len();
                self.workers[shard].bury();
            }
            Op::Quiet => self.quiet(),
        }
    }

    fn up(&mut self, slot: usize, role: PeerRole) {
        if self.slots[slot].node.is_some() {
            return;
        }
        let info = PeerInfo { addr: addr(slot), router_id: router_id(slot), role };
        // Whoever is of another AS now is another peer.
        let other = |away: &Away| away.info.role.is_internal() != role.is_internal();
        if self.slots[slot].away.as_ref().is_some_and(other) {
            self.down(slot);
        }
        let away = match self.slots[slot].away.take() {
            Some(away) => {
                *self.seen.entry("returns").or_default() += 1;
                let announced = self.slots[slot].announced.clone();
                self.touched(announced.into_iter().map(|(prefix, _)| prefix));
                away
            }
            None => self.newcomer(info),
        };
        let session = away.session;
        self.naive.up(session, info);
        self.slots[slot].node = Some(Node::up(away, info, &mut self.workers));
        self.join(slot);
        let slot = &mut self.slots[slot];
        let node = slot.node.as_ref().expect("just came up");
        let keys = Family::ALL.into_iter().filter_map(|family| node.key(family));
        slot.promised = keys.flat_map(|key| self.naive.table(session, &key).into_keys()).collect();
    }

    fn join(&mut self, slot: usize) {
        let Slot { node: Some(node), regrouped, .. } = &mut self.slots[slot] else { return };
        for family in families(slot) {
            let mut key = key(slot, *family, node.info.role, *regrouped);
            key.paths = paths(self.config.several, slot, node.info.role, *regrouped);
            let group = self.groups.of(key, self.config.shards);
            node.join(&group, &mut self.workers);
        }
        self.slots[slot].promised.clear();
    }

    fn newcomer(&mut self, info: PeerInfo) -> Away {
        let session = self.next_session;
        self.next_session += 1;
        let peer = self.free.pop().unwrap_or_else(|| {
            self.next_peer += 1;
            PeerId(self.next_peer - 1)
        });
        Away::new(session, info, peer)
    }

    fn down(&mut self, slot: usize) {
        let Slot { node, away, announced, .. } = &mut self.slots[slot];
        let (node, away, touched) = (node.take(), away.take(), std::mem::take(announced));
        self.touched(touched.into_iter().map(|(prefix, _)| prefix));
        if let Some(node) = node {
            self.naive.down(node.session);
            node.down(&mut self.workers);
        }
        if let Some(away) = away {
            self.naive.down(away.session);
            away.down(&mut self.workers);
        }
    }

    fn lose(&mut self, slot: usize, keep: [Keep; Family::COUNT]) {
        let Some(node) = self.slots[slot].node.take() else { return };
        let touched = self.slots[slot].announced.clone();
        self.touched(touched.into_iter().map(|(prefix, _)| prefix));
        for family in Family::ALL {
            self.naive.lose(node.session, family, keep[family.index()]);
        }
        self.slots[slot].away = Some(node.lose(keep, &mut self.workers));
    }

    /// The stale routes of a family go, or are long-lived stale.
    fn stale(&mut self, slot: usize, family: Family, long_lived: bool) {
        let Slot { node, away, announced, .. } = &self.slots[slot];
        let known = node.as_ref().map(|node| (node.session, node.peer()));
        let known = known.or_else(|| away.as_ref().map(|away| (away.session, away.peer)));
        let Some((session, peer)) = known else { return };
        let touched = announced.clone();
        self.touched(touched.into_iter().map(|(prefix, _)| prefix));
        let before = self.naive.stale(family);
        let input = if long_lived {
            self.naive.long_lived(session, family);
            *self.seen.entry("long-lived").or_default() += before as u64;
            Input::LongLived { peer, family }
        } else {
            self.naive.sweep(session, family);
            *self.seen.entry("swept").or_default() += (before - self.naive.stale(family)) as u64;
            Input::Sweep { peer, family }
        };
        for worker in &mut self.workers {
            worker.mailbox.push_back(Letter::Input(input.clone()));
        }
    }

    /// What was promised of these prefixes is void: they have changed since.
    fn touched(&mut self, prefixes: impl Iterator<Item = Prefix>) {
        for prefix in prefixes {
            for slot in &mut self.slots {
                slot.promised.remove(&prefix);
            }
        }
    }

    fn routes(
        &mut self,
        slot: usize,
        prefixes: impl IntoIterator<Item = usize>,
        path_id: PathId,
        spec: Option<usize>,
    ) {
        let Some(node) = &self.slots[slot].node else { return };
        let (peer, session) = (node.peer(), node.session);
        let origin = Origin {
            router_id: node.info.router_id,
            external: node.info.role == PeerRole::External,
        };
        let mut batches: Vec<RouteBatch> = vec![RouteBatch::default(); self.workers.len()];
        for n in prefixes {
            let n = n % (2 * PREFIXES);
            let prefix = prefix(n);
            let family = naive::family(prefix);
            if !families(slot).contains(&family) {
                continue;
            }
            let set = spec.map(|spec| self.sets.get(family, spec, origin));
            let batch = &mut batches[n % self.workers.len()];
            batch.note(family, set.as_ref());
            match prefix {
                Prefix::V4(prefix) => batch.v4.push((path_id, prefix)),
                Prefix::V6(prefix) => batch.v6.push((path_id, prefix)),
            }
            if spec.is_some() {
                self.slots[slot].announced.insert((prefix, path_id));
            } else {
                self.slots[slot].announced.remove(&(prefix, path_id));
            }
            self.naive.route(session, prefix, path_id, set);
            self.touched([prefix].into_iter());
        }
        for (worker, batch) in self.workers.iter_mut().zip(batches) {
            if !batch.is_empty() {
                worker.mailbox.push_back(Letter::Input(Input::Routes { peer, batch }));
            }
        }
    }

    fn role(&mut self, slot: usize) {
        let Some(node) = &mut self.slots[slot].node else { return };
        let role = match node.info.role {
            PeerRole::Client => PeerRole::NonClient,
            PeerRole::NonClient => PeerRole::Client,
            PeerRole::External => return,
        };
        node.info.role = role;
        for worker in &mut self.workers {
            let input = Input::Role { peer: node.peer(), role };
            worker.mailbox.push_back(Letter::Input(input));
        }
        self.naive.up(node.session, node.info);
        let touched = self.slots[slot].announced.clone();
        self.touched(touched.into_iter().map(|(prefix, _)| prefix));
        self.join(slot);
    }

    fn regroup(&mut self, slot: usize) {
        self.slots[slot].regrouped ^= true;
        self.join(slot);
    }

    fn read(&mut self, slot: usize, messages: usize) -> bool {
        let Slot { node: Some(node), promised, .. } = &mut self.slots[slot] else { return false };
        if node.stalled {
            return false;
        }
        let before = node.ends;
        let (chunks, refreshed) = (node.chunks, node.refreshed);
        let moved = node.read(messages, &mut self.workers);
        *self.seen.entry("chunks").or_default() += node.chunks - chunks;
        *self.seen.entry("refreshes").or_default() += u64::from(node.refreshed - refreshed);
        for family in Family::ALL {
            if node.ends[family.index()] > before[family.index()] {
                assert_eq!(node.ends[family.index()], 1, "one End-of-RIB for family and session");
                for prefix in promised.iter().filter(|prefix| naive::family(**prefix) == family) {
                    assert!(
                        node.table.keys().any(|(other, _)| other == prefix),
                        "End-of-RIB of slot {slot} came before {prefix}"
                    );
                }
            }
        }
        moved
    }

    fn turn(&mut self, shard: usize, letters: usize) {
        for reader in self.workers[shard].turn(letters, self.now) {
            reader.forgotten.set(reader.forgotten.get() + 1);
            if reader.forgotten.get() == self.config.shards {
                self.free.push(reader.peer);
            }
        }
    }

    /// Lets everybody do all there is to do, and looks at them.
    pub fn quiet(&mut self) {
        for slot in &mut self.slots {
            if let Some(node) = &mut slot.node {
                node.stalled = false;
            }
        }
        for round in 0.. {
            assert!(round < QUIET_ROUNDS_MAX, "somebody never comes to rest");
            let mut moved = false;
            for shard in 0..self.workers.len() {
                while !self.workers[shard].is_idle() {
                    self.turn(shard, usize::MAX);
                    moved = true;
                }
            }
            for slot in 0..SLOTS {
                moved |= self.read(slot, usize::MAX);
            }
            if !moved && self.workers.iter().all(Worker::is_idle) {
                break;
            }
        }
        self.check();
    }

    /// What each node holds, by slot; to be compared between worlds.
    #[must_use]
    pub fn tables(&self) -> BTreeMap<usize, Tables> {
        let nodes = self.slots.iter().enumerate();
        nodes
            .filter_map(|(n, slot)| Some((n, table::by_prefix(&slot.node.as_ref()?.table))))
            .collect()
    }

    /// Ends all sessions; nothing of anybody may be left.
    pub fn end(&mut self) {
        for slot in 0..SLOTS {
            self.down(slot);
        }
        self.quiet();
        assert!(self.naive.is_empty());
        for (n, worker) in self.workers.iter().enumerate() {
            assert!(worker.shard.is_empty(), "shard {n} keeps something: {:#?}", worker.shard);
        }
        assert_eq!(self.groups.len(), 0, "nobody is in a group");
        assert_eq!(self.sets.alive(), 0, "nobody holds attributes");
    }

    /// What a shard says that a node is told is what the node holds, to the octet; and whatever is
    /// kept from it has a reason.
    fn explained(&self, slot: usize, node: &Node) {
        let found = table::by_prefix(&node.table);
        for n in 0..2 * PREFIXES {
            let prefix = prefix(n);
            let shard = &self.workers[n % self.workers.len()].shard;
            let explanation = shard.explain(prefix, Some(node.peer()));
            let verdict = explanation.verdict.expect("a peer was asked for");
            let is_read = families(slot).contains(&naive::family(prefix));
            assert_eq!(verdict.group.is_some(), is_read, "slot {slot}, {prefix}");
            let told = verdict
                .told
                .iter()
                .map(|told| Told { block: told.block.clone(), next_hop: told.mp_next_hop.clone() });
            let mut told: Vec<Told> = told.collect();
            told.sort();
            let held = found.get(&prefix).map_or(&[][..], Vec::as_slice);
            assert!(held == told, "slot {slot} holds {prefix} otherwise than explained");
            if is_read && explanation.is_there {
                let (told, kept) = (verdict.told.len(), verdict.kept.len());
                assert!(told + kept > 0, "slot {slot}: {prefix} without a word");
            }
        }
    }

    fn check(&mut self) {
        for (n, slot) in self.slots.iter().enumerate() {
            let Some(node) = &slot.node else { continue };
            assert!(node.is_up_to_date(), "slot {n} is owed something: {node:#?}");
            let mut expected = Tables::new();
            for family in families(n) {
                let key = node.key(*family).expect("it reads the family");
                expected.append(&mut self.naive.table(node.session, &key));
                assert_eq!(node.ends[family.index()], 1, "one End-of-RIB, slot {n}, {family:?}");
            }
            compare(n, &table::by_prefix(&node.table), &expected);
            self.explained(n, node);
        }
        for family in Family::ALL {
            let of = |worker: &Worker| worker.shard.stats(family).stale;
            let stale: usize = self.workers.iter().map(of).sum();
            assert_eq!(stale, self.naive.stale(family), "stale routes, {family:?}");
        }
        let limits = self.config.limits;
        for worker in &mut self.workers {
            worker.bury();
            while worker.shard.has_work() {
                worker.turn(0, self.now);
            }
            worker.bury();
            for family in Family::ALL {
                let counts = worker.shard.stats(family);
                let bound = counts.prefixes + limits.tombstones_min;
                assert!(counts.tombstones <= bound, "tombstones that nobody needs: {counts:?}");
                assert_eq!(counts.catch_ups, 0, "nobody is behind");
            }
            for (key, cost) in worker.logs() {
                let live = self.naive.table(Session::MAX, key);
                let live = live.values().flatten();
                let live: usize = live.map(|told| told.block.len() + ROUTE_BYTES).sum();
                let bound = 2 * live + limits.log_garbage_min_bytes + SEGMENT_BYTES;
                assert!(cost <= bound, "a log of {cost} bytes for {live} live ones: {key:?}");
            }
        }
    }
}

/// What a route costs at most that stands alone in its segment, beside its attributes.
const ROUTE_BYTES: usize = 300;
/// A segment that was appended after the last look at the bound.
const SEGMENT_BYTES: usize = 8192;

fn compare(slot: usize, found: &Tables, expected: &Tables) {
    for (prefix, told) in expected {
        match found.get(prefix) {
            None => panic!("slot {slot} lacks {prefix}"),
            Some(found) => {
                let words = |told: &[Told]| {
                    let word = |told: &Told| {
                        (
                            told.block.len(),
                            told.block.iter().map(|octet| u32::from(*octet)).sum::<u32>(),
                        )
                    };
                    told.iter().map(word).collect::<Vec<_>>()
                };
                assert!(
                    found == told,
                    "slot {slot} has {prefix} otherwise: {:?}, not {:?} (octets and their sum)",
                    words(found),
                    words(told),
                );
            }
        }
    }
    if let Some(prefix) = found.keys().find(|prefix| !expected.contains_key(prefix)) {
        panic!("slot {slot} still has {prefix}");
    }
}

/// The families that a slot's session has.
#[must_use]
pub const fn families(slot: usize) -> &'static [Family] {
    match slot {
        5 => &[Family::Ipv4Unicast],
        _ => &Family::ALL,
    }
}

/// Which prefixes are single addresses.
const HOST: u32 = 3;

/// The `n`th prefix, of either family.
#[must_use]
pub fn prefix(n: usize) -> Prefix {
    let half = u32::try_from(n / 2).expect("few prefixes");
    let is_host = half == HOST;
    if n.is_multiple_of(2) {
        let len = if is_host { 32 } else { 26 };
        Prefix::V4(Ipv4Prefix::from_bits(0x0a00_0000 | half << 18, len).expect("at most 32"))
    } else {
        let leading = u128::from(0x2001_0db8 + half);
        let len = if is_host { 128 } else { 64 };
        Prefix::V6(Ipv6Prefix::from_bits(leading << 96, len).expect("at most 128"))
    }
}

/// The address of a slot's node.
#[must_use]
pub fn addr(slot: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, u8::try_from(slot + 1).expect("few slots")])
}

/// The identifier of a slot's node; slots 1 and 2 are one node with two sessions.
#[must_use]
pub fn router_id(slot: usize) -> RouterId {
    let id = if slot == 2 { 2 } else { slot + 1 };
    RouterId::new(u32::try_from(id).expect("few slots")).expect("not zero")
}

/// What makes the group of a slot: its capabilities, its role and its policy.
#[must_use]
pub fn key(slot: usize, family: Family, role: PeerRole, regrouped: bool) -> GroupKey {
    let external = (role == PeerRole::External).then_some(ExternalKey { local_asn: Asn(64_512) });
    GroupKey {
        family,
        role,
        cluster_id: if regrouped { ClusterId(0x0a00_0002) } else { CLUSTER },
        as4: slot != 3,
        message_len_max: if slot == 4 { 65_535 } else { 4096 },
        external,
        next_hop: external.map(|_| IpAddr::from([10, 0, 0, 254])),
        long_lived: match slot {
            3 => LongLivedExport::Withheld,
            4 if external.is_none() => LongLivedExport::Least,
            _ if regrouped => LongLivedExport::Withheld,
            _ => LongLivedExport::Told,
        },
        no_llgr_on_hosts: slot == 3,
        policy: policy::of(slot, regrouped),
        paths: Paths::Best,
    }
}

/// Which paths a slot is told: some with identifiers, which a session has all its life or never.
#[must_use]
pub fn paths(several: Several, slot: usize, role: PeerRole, regrouped: bool) -> Paths {
    use PathsMode::{Best, Diverse, Equal, PerNeighbourAs};
    let told = |mode, max| Paths::several(mode, NonZeroU8::new(max).expect("not 0"));
    match (several, slot, regrouped) {
        (Several::Nobody, ..) => Paths::Best,
        (_, 1, _) if role == PeerRole::NonClient => Paths::BestToldable,
        (Several::Best, 0, false) => told(Best, 3),
        (Several::Best, 0, true) | (Several::Best, 4, false) => told(Best, 2),
        (Several::Best, 4, true) => told(Best, 16),
        (Several::Modes, 0, false) => told(Equal, 3),
        (Several::Modes, 0, true) => told(PerNeighbourAs, 16),
        (Several::Modes, 2, false) => told(Diverse, 2),
        (Several::Modes, 2, true) => told(Equal, 16),
        (Several::Modes, 4, false) => told(PerNeighbourAs, 2),
        (Several::Modes, 4, true) => told(Best, 3),
        (Several::Modes, 5, false) => told(Equal, 2),
        (Several::Modes, 5, true) => told(Diverse, 2),
        _ => Paths::Best,
    }
}
