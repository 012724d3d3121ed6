//! Random scripts against the naive reflector: tables, bounds, and nothing left at the end.

use albedo_rib::Limits;
use albedo_sim::{Op, Several, World, WorldConfig};
use proptest::prelude::*;

mod regressions;

/// Bounds so small that a few prefixes reach all of them.
const TINY: Limits = Limits {
    catch_up_chunk_bytes: 200,
    catch_up_step_entries: 3,
    rebase_step_entries: 2,
    stale_step_entries: 2,
    base_segment_bytes: 150,
    log_garbage_min_bytes: 700,
    log_grace_bytes: 300,
    tombstones_min: 3,
    query_page_routes: 2,
    journal_entries: 3,
    journal_batch_changes: 2,
    query_step_entries: 3,
};

/// No grace at all: every new base leaves readers behind.
const NO_GRACE: Limits = Limits { log_grace_bytes: 0, catch_up_step_entries: 1, ..TINY };

/// Bases and chunks in one step, as with the bounds that ship.
fn wide() -> Limits {
    Limits { log_garbage_min_bytes: 2000, log_grace_bytes: 500, ..Limits::default() }
}

fn check(script: &[Op], limits: Limits) {
    for several in Several::ALL {
        check_with(script, limits, several);
    }
}

fn check_with(script: &[Op], limits: Limits, several: Several) {
    let run = |shards| {
        let mut world = World::new(WorldConfig { shards, limits, several });
        world.run(script);
        world
    };
    let mut worlds = [1, 2, 5].map(run);
    let [one, others @ ..] = &worlds;
    for other in others {
        assert!(one.tables() == other.tables(), "tables depend on the number of shards");
    }
    for world in &mut worlds {
        world.end();
    }
}

fn scripts(len: usize) -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(any::<[u8; 4]>().prop_map(Op::decode), 1..len)
}

fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![Just(TINY), Just(NO_GRACE), Just(wide())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn tables_equal_those_of_the_naive_reflector(script in scripts(160), limits in limits()) {
        check(&script, limits);
    }
}

/// A number from the environment, to look further than the tests do.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn thousands_of_seeded_worlds_equal_the_naive_reflector() {
    let first = number("SEED", 0);
    for seed in first..first + number("COUNT", 2000) {
        let script = Op::script(seed, 40 + (seed % 160) as usize);
        let limits = [TINY, NO_GRACE, wide()][(seed % 3) as usize];
        let shards = [1, 2, 5][(seed / 3 % 3) as usize];
        let config = WorldConfig { shards, limits, several: several(seed) };
        if fails(&script, config) {
            let least = shrink(script, |script| fails(script, config));
            panic!("seed {seed}, {config:?}: {least:?}");
        }
    }
}

/// In every combination with the bounds and the number of shards.
const fn several(seed: u64) -> Several {
    Several::ALL[(seed / 9 % 3) as usize]
}

fn fails(script: &[Op], config: WorldConfig) -> bool {
    let run = std::panic::catch_unwind(|| {
        let mut world = World::new(config);
        world.run(script);
        world.end();
    });
    run.is_err()
}

/// Leaves out every step without which the script fails as well.
fn shrink(mut script: Vec<Op>, fails: impl Fn(&[Op]) -> bool) -> Vec<Op> {
    let mut chunk = script.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < script.len() {
            let mut less = script.clone();
            less.drain(at..script.len().min(at + chunk));
            if fails(&less) {
                script = less;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    script
}

#[test]
fn the_scripts_lose_sessions_that_come_back_and_long_lived_stale_ones() {
    let mut seen: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for seed in 0..100 {
        let mut world = World::new(WorldConfig { shards: 2, limits: TINY, several: several(seed) });
        world.run(&Op::script(seed, 160));
        for (what, count) in &world.seen {
            *seen.entry(what).or_default() += count;
        }
    }
    for what in ["returns", "swept", "long-lived", "chunks", "refreshes"] {
        assert!(seen.get(what).is_some_and(|count| *count > 20), "{what}: {seen:?}");
    }
}
