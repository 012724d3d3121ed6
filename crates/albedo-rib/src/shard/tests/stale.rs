//! What a lost session leaves behind, letter by letter.

use super::*;
use crate::attrs::Marks;
use crate::input::Keep;

const FRESH: [Keep; Family::COUNT] = [Keep::Fresh; Family::COUNT];
const ALL: [Keep; Family::COUNT] = [Keep::All; Family::COUNT];
const COUNT: u32 = 35;

fn marked(marks: Marks) -> Arc<AttrSet> {
    let parts = Parts {
        family: FAMILY,
        summary: Summary { marks, ..Summary::default() },
        external: false,
        cluster: ClusterId(1),
        block: &[0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 0, 9],
        mp_next_hop: None,
    };
    Arc::new(AttrSet::new(&parts))
}

impl Driver {
    /// A source with `count` routes, and a reader of them in a group of its own kind.
    fn with_routes(limits: Limits, count: u32, set: &Arc<AttrSet>, to: LongLivedExport) -> Self {
        let mut driver = Self::new(limits);
        driver.up(SOURCE, PeerRole::Client);
        driver.up(READER, PeerRole::Client);
        let key = GroupKey { long_lived: to, ..key(PeerRole::Client) };
        driver.apply(Input::Join { peer: READER, group: GROUP, key, from: None });
        driver.routes(SOURCE, count, Some(set));
        driver.flush();
        driver
    }

    fn lose(&mut self, keep: [Keep; Family::COUNT]) {
        self.apply(Input::PeerLost { peer: SOURCE, keep });
    }

    fn sweep(&mut self) {
        self.apply(Input::Sweep { peer: SOURCE, family: FAMILY });
    }

    fn long_lived(&mut self) {
        self.apply(Input::LongLived { peer: SOURCE, family: FAMILY });
    }

    /// Works until there is no work; what was appended, by step.
    fn work(&mut self) -> Vec<Vec<Segment>> {
        let mut steps = Vec::new();
        while self.shard.has_work() {
            let out = self.step().into_iter();
            let segments = out.filter_map(|output| match output {
                Output::Append { segment, .. } => Some(segment),
                _ => None,
            });
            steps.push(segments.collect());
        }
        steps
    }

    /// Paths and stale ones among them.
    fn counts(&self) -> (usize, usize) {
        let stats = self.shard.stats(FAMILY);
        (stats.paths, stats.stale)
    }
}

fn count(count: u32) -> usize {
    count as usize
}

#[test]
fn g2_and_g3_lost_routes_stay_and_nobody_hears_of_it() {
    let mut driver =
        Driver::with_routes(Limits::default(), COUNT, &set(), LongLivedExport::Withheld);
    let version = driver.shard.version(FAMILY);
    driver.lose(FRESH);
    // At the loss nothing is looked at, however many routes there are.
    assert!(!driver.shard.has_changes() && !driver.shard.has_work());
    assert!(driver.flush().is_empty());
    assert_eq!(driver.counts(), (count(COUNT), count(COUNT)));
    // It comes back and says the same again: that is no change, either.
    driver.up(SOURCE, PeerRole::Client);
    driver.routes(SOURCE, COUNT - 5, Some(&set_of(&driver)));
    assert!(driver.flush().is_empty());
    assert_eq!(driver.counts(), (count(COUNT), 5));
    assert_eq!(driver.shard.version(FAMILY), version);
}

/// The set that the first prefix has.
fn set_of(driver: &Driver) -> Arc<AttrSet> {
    let slot = driver.shard.v4.table.find(&Ipv4Prefix::from_bits(0, 24).unwrap()).unwrap();
    Arc::clone(&driver.shard.v4.table.entry(slot).candidates.best().unwrap().attrs)
}

#[test]
fn g4_a_family_that_is_not_kept_goes_at_once() {
    let mut driver =
        Driver::with_routes(Limits::default(), COUNT, &set(), LongLivedExport::Withheld);
    driver.lose([Keep::Nothing, Keep::Fresh]);
    assert_eq!(driver.flush().len(), 1);
    assert_eq!(driver.counts(), (0, 0));
    driver.apply(Input::PeerDown { peer: SOURCE });
    driver.apply(Input::PeerDown { peer: READER });
    assert!(driver.shard.is_empty());
}

#[test]
fn g5_end_of_rib_sweeps_what_was_not_announced_again_in_bounded_steps() {
    let limits = Limits { stale_step_entries: 10, ..Limits::default() };
    let mut driver = Driver::with_routes(limits, COUNT, &set(), LongLivedExport::Withheld);
    driver.lose(FRESH);
    driver.up(SOURCE, PeerRole::Client);
    // Some again as before, some with other attributes, one withdrawn.
    let before = set_of(&driver);
    driver.routes_from(SOURCE, 0, 4, Some(&before));
    driver.routes_from(SOURCE, 4, 4, Some(&set()));
    driver.routes_from(SOURCE, 8, 1, None);
    assert_eq!(driver.counts(), (count(COUNT) - 1, count(COUNT) - 9));
    driver.flush();
    driver.sweep();
    let steps = driver.work();
    assert_eq!(steps.len(), 4, "35 entries, 10 at a time");
    assert!(steps.iter().flatten().all(|segment| segment.loss));
    assert_eq!(driver.counts(), (8, 0));
    assert_eq!(driver.shard.stats(FAMILY).swept, u64::from(COUNT) - 9);
    // A route that is announced while the sweep goes on is not swept.
    driver.lose(FRESH);
    driver.up(SOURCE, PeerRole::Client);
    driver.sweep();
    driver.routes_from(SOURCE, 0, 8, Some(&before));
    driver.flush();
    driver.work();
    assert_eq!(driver.counts(), (8, 0));
    assert_eq!(driver.shard.v4.indexed(SOURCE), 8);
}

#[test]
fn g6_a_second_loss_deletes_what_was_stale_and_keeps_the_rest() {
    let mut driver =
        Driver::with_routes(Limits::default(), COUNT, &set(), LongLivedExport::Withheld);
    driver.lose(FRESH);
    driver.up(SOURCE, PeerRole::Client);
    driver.routes(SOURCE, 10, Some(&set()));
    driver.flush();
    driver.lose(FRESH);
    driver.work();
    assert_eq!(driver.counts(), (10, 10));
    // Also where the first sweep is not over at the next loss.
    driver.up(SOURCE, PeerRole::Client);
    driver.routes(SOURCE, 3, Some(&set()));
    driver.flush();
    driver.lose(FRESH);
    driver.lose(FRESH);
    driver.work();
    assert_eq!(driver.counts(), (0, 0));
}

#[test]
fn rfc9494_s4_2_in_consecutive_restarts_what_was_stale_stays() {
    let mut driver = Driver::with_routes(Limits::default(), COUNT, &set(), LongLivedExport::Told);
    driver.lose(FRESH);
    driver.long_lived();
    assert_eq!(driver.work().len(), 1);
    for _ in 0..3 {
        driver.up(SOURCE, PeerRole::Client);
        driver.routes(SOURCE, 10, Some(&set()));
        driver.flush();
        driver.lose(ALL);
    }
    assert_eq!(driver.work().len(), 0);
    assert_eq!(driver.counts(), (count(COUNT), count(COUNT)));
    // Of those that had been announced again only now.
    driver.long_lived();
    let told: u32 = driver.work().iter().flatten().map(|segment| segment.messages).sum();
    assert_eq!(told, 1);
    driver.sweep();
    driver.work();
    assert_eq!(driver.counts(), (0, 0));
}

#[test]
fn g13_after_the_restart_time_routes_are_told_as_long_lived_stale() {
    for (to, announced) in [(LongLivedExport::Told, true), (LongLivedExport::Withheld, false)] {
        let set = marked(Marks::default());
        let mut driver = Driver::with_routes(Limits::default(), COUNT, &set, to);
        driver.lose(FRESH);
        driver.long_lived();
        let segments: Vec<Segment> = driver.work().into_iter().flatten().collect();
        assert_eq!((segments.len(), segments[0].messages), (1, 1));
        let stale = [0xc0, 8, 4, 0xff, 0xff, 0, 6];
        let bytes = segments[0].bytes();
        assert_eq!(bytes.windows(stale.len()).any(|octets| octets == stale), announced, "{to:?}");
        let withdrawn = u16::from_be_bytes([bytes[19], bytes[20]]);
        assert_eq!(withdrawn > 0, !announced, "{to:?}");
        assert_eq!(driver.counts(), (count(COUNT), count(COUNT)));
        // Announced again, it is a route like any other, and everybody is told.
        driver.up(SOURCE, PeerRole::Client);
        driver.routes(SOURCE, COUNT, Some(&set));
        let segments = driver.flush();
        assert!(!segments[0].bytes().windows(stale.len()).any(|octets| octets == stale));
        assert_eq!(driver.counts(), (count(COUNT), 0));
    }
}

#[test]
fn g13_routes_with_no_llgr_do_not_become_long_lived() {
    let mut driver = Driver::with_routes(
        Limits::default(),
        COUNT,
        &marked(Marks::NO_LLGR),
        LongLivedExport::Told,
    );
    driver.routes_from(SOURCE, COUNT, 2, Some(&marked(Marks::default())));
    driver.flush();
    driver.lose(FRESH);
    assert_eq!(driver.counts(), (count(COUNT) + 2, count(COUNT) + 2));
    driver.long_lived();
    driver.work();
    assert_eq!(driver.counts(), (2, 2));
}

#[test]
fn g15_a_long_lived_stale_route_loses_against_any_other() {
    let mut driver =
        Driver::with_routes(Limits::default(), 1, &marked(Marks::default()), LongLivedExport::Told);
    driver.up(PeerId(5), PeerRole::Client);
    driver.routes(PeerId(5), 1, Some(&marked(Marks::default())));
    driver.flush();
    let best = |driver: &Driver| {
        let slot = driver.shard.v4.table.find(&Ipv4Prefix::from_bits(0, 24).unwrap()).unwrap();
        driver.shard.v4.table.entry(slot).candidates.best().unwrap().source.peer()
    };
    assert_eq!(best(&driver), SOURCE, "by its identifier");
    driver.lose(FRESH);
    driver.flush();
    assert_eq!(best(&driver), SOURCE, "stale alone is no reason");
    driver.long_lived();
    driver.work();
    assert_eq!(best(&driver), PeerId(5));
    driver.apply(Input::PeerLost { peer: PeerId(5), keep: FRESH });
    driver.apply(Input::LongLived { peer: PeerId(5), family: FAMILY });
    driver.work();
    assert_eq!(best(&driver), SOURCE, "of two stale ones, as if none were");
}

#[test]
fn a_peer_that_comes_back_as_another_one_is_decided_about_anew() {
    let mut driver = Driver::with_routes(Limits::default(), 2, &set(), LongLivedExport::Told);
    driver.up(PeerId(5), PeerRole::Client);
    driver.routes(PeerId(5), 2, Some(&set()));
    driver.flush();
    driver.lose(FRESH);
    driver.flush();
    let addr = IpAddr::from([10, 0, 0, 1]);
    let info = PeerInfo { addr, router_id: RouterId::new(99).unwrap(), role: PeerRole::Client };
    driver.apply(Input::PeerUp { peer: SOURCE, info });
    assert_eq!(driver.flush().len(), 1, "its identifier is the greater one now");
    assert_eq!(driver.counts(), (4, 2));
}

#[test]
fn losses_beyond_the_number_of_epochs_confuse_nothing() {
    let mut driver = Driver::with_routes(Limits::default(), COUNT, &set(), LongLivedExport::Told);
    let set = set_of(&driver);
    for round in 0..400 {
        driver.lose(if round % 3 == 0 { ALL } else { FRESH });
        if round % 7 == 3 {
            driver.long_lived();
        }
        driver.up(SOURCE, PeerRole::Client);
        // What was announced in the last session only is swept with the next loss.
        driver.routes_from(SOURCE, 0, COUNT, Some(&set));
        driver.routes_from(SOURCE, COUNT, 1, Some(&set));
        driver.flush();
        assert_eq!(driver.counts(), (count(COUNT) + 1, 0), "{round}");
    }
    driver.lose(FRESH);
    driver.up(SOURCE, PeerRole::Client);
    driver.routes_from(SOURCE, 0, 3, Some(&set));
    driver.sweep();
    driver.flush();
    driver.work();
    assert_eq!(driver.counts(), (3, 0));
    for _ in 0..400 {
        driver.lose(ALL);
    }
    driver.flush();
    assert_eq!(driver.counts(), (3, 3));
    driver.apply(Input::PeerDown { peer: SOURCE });
    driver.flush();
    driver.apply(Input::PeerDown { peer: READER });
    assert!(driver.shard.is_empty());
}

#[test]
fn a_peer_that_is_gone_for_good_takes_its_sweep_with_it() {
    let limits = Limits { stale_step_entries: 3, ..Limits::default() };
    let mut driver = Driver::with_routes(limits, COUNT, &set(), LongLivedExport::Told);
    driver.lose(FRESH);
    driver.sweep();
    driver.step();
    assert_eq!(driver.counts(), (count(COUNT) - 3, count(COUNT) - 3));
    driver.apply(Input::PeerDown { peer: SOURCE });
    driver.flush();
    assert_eq!(driver.counts(), (0, 0));
    assert!(!driver.shard.has_work());
    driver.apply(Input::PeerDown { peer: READER });
    assert!(driver.shard.is_empty());
}
