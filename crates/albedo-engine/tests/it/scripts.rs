//! Random scripts; the workers run beside them as they like.

use albedo_engine::EngineConfig;
use albedo_rib::Limits;
use albedo_sim::Op;
use albedo_sim::script::{PREFIXES, SLOTS};
use albedo_types::{PathId, PeerRole, Rng};

use crate::reflector::{Node, Reflector};

/// Bounds so small that a few prefixes reach all of them.
pub(crate) const TINY: Limits = Limits {
    catch_up_chunk_bytes: 200,
    catch_up_step_entries: 3,
    rebase_step_entries: 2,
    stale_step_entries: 2,
    query_step_entries: 7,
    query_page_routes: 3,
    journal_entries: 3,
    journal_batch_changes: 2,
    base_segment_bytes: 150,
    log_garbage_min_bytes: 700,
    log_grace_bytes: 300,
    tombstones_min: 3,
};

struct Script {
    reflector: Reflector,
    slots: [Option<Node>; SLOTS],
    /// Nodes whose sessions are lost, and that may come back.
    away: [Option<Node>; SLOTS],
    rng: Rng,
}

impl Script {
    fn step(&mut self, op: Op) {
        let Self { slots, away, rng, .. } = self;
        match op {
            Op::Up { .. }
            | Op::Down { .. }
            | Op::Lose { .. }
            | Op::Sweep { .. }
            | Op::LongLived { .. } => self.session(op),
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
            Op::Regroup { slot } => {
                if let Some(node) = &mut slots[slot] {
                    node.regrouped ^= true;
                    node.join();
                }
            }
            Op::Rejoin { slot } => {
                if let Some(node) = &mut slots[slot] {
                    node.join();
                }
            }
            Op::Refresh { slot, family } => {
                if let Some(node) = &mut slots[slot] {
                    node.peer.port.refresh(family, rng.below(2) == 0);
                    node.peer.touch();
                }
            }
            Op::Stall { slot, on } => {
                if let Some(node) = &mut slots[slot] {
                    node.stalled = on;
                }
            }
            Op::Read { slot, messages } => {
                // As many octets as the socket has room for: rarely whole messages.
                let room = rng.below(150 * messages as u64) as usize;
                if let Some(node) = slots[slot].as_mut().filter(|node| !node.stalled) {
                    node.peer.pump(room);
                }
            }
            Op::Turn { .. } => {
                for node in slots.iter_mut().chain(away).flatten() {
                    node.peer.flush();
                }
                std::thread::yield_now();
            }
            Op::Bury { .. } => {}
            Op::Quiet => self.settle(),
        }
    }

    /// What begins and ends sessions, and what becomes of the routes of those that were lost.
    fn session(&mut self, op: Op) {
        let Self { reflector, slots, away, .. } = self;
        match op {
            Op::Up { slot, role } if slots[slot].is_none() => {
                // Whoever is of another AS now is another peer.
                let same = |node: &Node| node.info.role.is_internal() == role.is_internal();
                slots[slot] = Some(match away[slot].take() {
                    Some(node) if same(&node) => reflector.back(node, role),
                    other => {
                        other.into_iter().for_each(|node| reflector.down(node));
                        reflector.up(slot, role)
                    }
                });
            }
            Op::Down { slot } => {
                for node in slots[slot].take().into_iter().chain(away[slot].take()) {
                    reflector.down(node);
                }
            }
            Op::Lose { slot, keep } => {
                if let Some(mut node) = slots[slot].take() {
                    reflector.lose(&mut node, keep);
                    away[slot] = Some(node);
                }
            }
            Op::Sweep { slot, family } => {
                if let Some(node) = slots[slot].as_mut().or(away[slot].as_mut()) {
                    reflector.naive.sweep(node.session, family);
                    node.peer.port.sweep(family);
                    node.peer.touch();
                }
            }
            Op::LongLived { slot, family } => {
                if let Some(node) = slots[slot].as_mut().or(away[slot].as_mut()) {
                    reflector.naive.long_lived(node.session, family);
                    node.peer.port.long_lived(family);
                    node.peer.touch();
                }
            }
            _ => {}
        }
    }

    fn routes(
        &mut self,
        slot: usize,
        prefixes: impl IntoIterator<Item = usize>,
        id: PathId,
        spec: Option<usize>,
    ) {
        let Some(node) = &mut self.slots[slot] else { return };
        for n in prefixes {
            self.reflector.route(node, n % (2 * PREFIXES), id, spec);
        }
    }

    fn role(&mut self, slot: usize) {
        let Some(node) = &mut self.slots[slot] else { return };
        let role = match node.info.role {
            PeerRole::Client => PeerRole::NonClient,
            PeerRole::NonClient => PeerRole::Client,
            PeerRole::External => return,
        };
        node.info.role = role;
        node.peer.port.change_role(role);
        node.join();
        self.reflector.naive.up(node.session, node.info);
    }

    fn settle(&mut self) {
        for node in self.away.iter_mut().flatten() {
            while !node.peer.flush() {
                std::thread::yield_now();
            }
        }
        let mut nodes: Vec<&mut Node> = self.slots.iter_mut().flatten().collect();
        self.reflector.settle(&mut nodes);
    }
}

fn check(seed: u64, shards: usize, limits: Limits) {
    let config = EngineConfig {
        shards,
        limits,
        clusters: vec![],
        // A channel of a few letters is full most of the time.
        mailbox_letters_max: [2, 5, 256][(seed % 3) as usize],
        seed,
        ..EngineConfig::default()
    };
    let mut script = Script {
        reflector: Reflector::start(&config),
        slots: [const { None }; SLOTS],
        away: [const { None }; SLOTS],
        rng: Rng::new(seed),
    };
    for op in Op::script(seed, 60 + (seed % 100) as usize) {
        script.step(op);
    }
    script.settle();
    script.reflector.stop(script.slots.into_iter().chain(script.away).flatten().collect());
}

/// A number from the environment, to look further than the tests do.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn sweep(shards: usize) {
    let first = number("SEED", 0);
    for seed in first..first + number("COUNT", 60) {
        let wide =
            Limits { log_garbage_min_bytes: 2000, log_grace_bytes: 500, ..Limits::default() };
        let none = Limits { log_grace_bytes: 0, ..TINY };
        let limits = [TINY, none, wide][(seed / 3 % 3) as usize];
        let run = std::panic::catch_unwind(|| check(seed, shards, limits));
        assert!(run.is_ok(), "seed {seed}, {shards} shards, {limits:?}");
    }
}

#[test]
fn one_shard_tells_what_the_naive_reflector_tells() {
    sweep(1);
}

#[test]
fn two_shards_tell_what_the_naive_reflector_tells() {
    sweep(2);
}

#[test]
fn five_shards_tell_what_the_naive_reflector_tells() {
    sweep(5);
}
