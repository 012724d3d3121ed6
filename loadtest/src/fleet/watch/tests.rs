use super::{Bits, OverTime, Resent, Watch};
use crate::attrs::{Attributes, code, flag};
use crate::build::{announce, withdraw};
use crate::check::{Checker, Rules, Table};
use crate::model::{ABSENT, Model};
use crate::prefix::{Family, Prefix};
use std::time::{Duration, Instant};

const NODES: usize = 4;

fn watch(prefixes: usize, phases: usize, begin: Instant) -> Watch {
    Watch::new(prefixes, NODES, phases, OverTime::new(begin, Duration::from_secs(10)))
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn bits_are_set_once_and_rows_are_apart() {
    let mut bits = Bits::new(3, 65);
    assert!(bits.set(1, 64) && !bits.set(1, 64));
    assert!(bits.set(0, 64) && bits.set(2, 0) && bits.set(1, 0));
    bits.clear_row(1);
    assert!(bits.set(1, 64) && bits.set(1, 0));
    assert!(!bits.set(0, 64) && !bits.set(2, 0));
}

#[test]
fn latency_counts_from_the_intended_instant_to_each_receiver() {
    let begin = Instant::now();
    let mut watch = watch(2, 1, begin);
    watch.change(1, 2, 0, begin);
    for (node, at) in [(1, 10), (3, 20), (2, 40)] {
        watch.read_at(begin + millis(at));
        watch.see(node, 1, 2, true);
        // The same once more is no delivery, nor is another prefix or version.
        watch.see(node, 1, 2, true);
        watch.see(node, 0, 2, true);
        watch.see(node, 1, 3, true);
    }
    let tally = &watch.tallies()[0];
    assert_eq!((tally.changes, tally.expected, tally.delivered, tally.superseded), (1, 3, 3, 0));
    let told = [&tally.first, &tally.median, &tally.last].map(|recorder| {
        assert_eq!(recorder.count(), 1);
        (recorder.quantile(1.0).expect("recorded").as_secs_f64() * 1000.0).round() as u64
    });
    assert_eq!(told, [10, 20, 40]);
    assert_eq!((tally.delivery.count(), tally.left()), (3, 0));
    assert_eq!(watch.into_over_time().close()[0].count, 3);
}

#[test]
fn a_change_that_was_superseded_was_not_delivered_and_counts_to_its_own_phase() {
    let begin = Instant::now();
    let mut watch = watch(1, 2, begin);
    watch.change(0, 2, 0, begin);
    watch.see(1, 0, 2, true);
    watch.set_phase(1);
    watch.see(2, 0, 2, true);
    watch.change(0, 3, 0, begin + millis(5));
    // Too late: the table did not become right with it.
    watch.see(3, 0, 2, false);
    watch.read_at(begin + millis(6));
    for node in 1..4 {
        watch.see(node, 0, 3, true);
    }
    let [old, new] = watch.tallies() else { panic!("two phases") };
    assert_eq!((old.expected, old.delivered, old.superseded), (3, 2, 1));
    assert_eq!((new.expected, new.delivered, new.superseded), (3, 3, 0));
    assert_eq!((old.last.count(), new.last.count()), (0, 1));
    assert_eq!((old.left(), new.left()), (0, 0));
}

#[test]
fn nodes_that_are_left_out_count_nowhere() {
    let begin = Instant::now();
    let mut watch = watch(2, 1, begin);
    watch.leave_out(3);
    watch.leave_out(3);
    watch.change(0, 2, 0, begin);
    watch.change(1, 2, 3, begin);
    for node in 0..4 {
        watch.see(node, 0, 2, node != 0);
        watch.see(node, 1, 2, node != 3);
    }
    let tally = &watch.tallies()[0];
    assert_eq!((tally.expected, tally.delivered, tally.last.count()), (5, 5, 2));
}

fn set(med: u8) -> Attributes<'static> {
    let mut set = Attributes { next_hop: vec![10, 0, 0, 1].into(), ..Attributes::default() };
    set.push(flag::TRANSITIVE, code::ORIGIN, vec![0]);
    set.push(flag::TRANSITIVE, code::AS_PATH, vec![]);
    set.push(flag::OPTIONAL, code::MED, vec![0, 0, 0, med]);
    set
}

fn announced(med: u8, prefixes: &[Prefix]) -> Vec<u8> {
    let mut out = Vec::new();
    announce(&set(med), Family::V4, prefixes, &mut out);
    out
}

/// Node 0's two prefixes with two versions each, the first of them expected.
fn model() -> (Model, [Prefix; 2]) {
    let mut model = Model::new(NODES, Rules::VERBATIM);
    let prefixes = [Prefix::v4(1 << 24, 8), Prefix::v4(2 << 24, 8)];
    for med in 1..=2 {
        let set = model.add_set(&set(med));
        for prefix in prefixes {
            model.add_route(prefix, 0, set);
        }
    }
    for id in 0..2 {
        model.expect(id, 1);
    }
    (model, prefixes)
}

#[test]
fn the_checker_tells_of_announcements_and_withdrawals_of_what_is_wanted() {
    let (mut model, prefixes) = model();
    let begin = Instant::now();
    let mut checker = Checker::new(Rules::VERBATIM, None);
    let mut tables: Vec<Table> = (0..4).map(|node| Table::new(node, &model)).collect();
    let mut gone = Vec::new();
    withdraw(Family::V4, &prefixes[1..], &mut gone);
    for table in &mut tables {
        checker.update(&model, table, &announced(1, &prefixes)).expect("well-formed");
    }
    assert!(checker.set_watch(Some(Box::new(watch(2, 1, begin)))).is_none());
    for (id, version, message) in [(0, 2, announced(2, &prefixes[..1])), (1, ABSENT, gone)] {
        let before = model.expect(id, version);
        for table in &mut tables {
            table.expectation_changed(&model, id, before);
        }
        checker.watch_mut().expect("set").change(id, version, 0, begin);
        // Old news: nobody's table becomes right with it.
        checker.update(&model, &mut tables[1], &announced(1, &prefixes[..1])).expect("right");
        for table in &mut tables {
            checker.update(&model, table, &message).expect("well-formed");
        }
    }
    // The repetition above made the first prefix wrong again at one table.
    let wrong: Vec<u32> = tables.iter().map(Table::wrong).collect();
    assert_eq!(wrong, [0, 1, 0, 0]);
    let watch = checker.set_watch(None).expect("set");
    let tally = &watch.tallies()[0];
    assert_eq!((tally.changes, tally.expected, tally.delivered), (2, 6, 6));
}

#[test]
fn repetitions_are_counted_once_for_each_prefix_and_only_where_they_are_owed() {
    let (model, prefixes) = model();
    let begin = Instant::now();
    let mut checker = Checker::new(Rules::VERBATIM, None);
    let mut tables: Vec<Table> = (0..4).map(|node| Table::new(node, &model)).collect();
    for table in &mut tables {
        checker.update(&model, table, &announced(1, &prefixes)).expect("well-formed");
    }
    let mut watch = watch(2, 1, begin);
    watch.set_resent(Some(Resent::new(&model, NODES, begin)));
    watch.read_at(begin + millis(30));
    checker.set_watch(Some(Box::new(watch)));
    let left = |checker: &Checker| {
        let resent = checker.watch().and_then(Watch::resent).expect("followed");
        (resent.nodes_left(), resent.prefixes_left())
    };
    assert_eq!(left(&checker), (3, 6));
    for _ in 0..2 {
        checker.update(&model, &mut tables[1], &announced(1, &prefixes[..1])).expect("right");
        checker.update(&model, &mut tables[0], &announced(1, &prefixes)).expect("an echo");
    }
    let mut gone = Vec::new();
    withdraw(Family::V4, &prefixes, &mut gone);
    checker.update(&model, &mut tables[2], &gone).expect("well-formed");
    assert_eq!(left(&checker), (3, 5), "an echo and a withdrawal are no answer");
    for table in &mut tables {
        checker.update(&model, table, &announced(1, &prefixes)).expect("well-formed");
    }
    assert_eq!(left(&checker), (0, 0));
    let resent = checker.watch_mut().and_then(|watch| watch.set_resent(None)).expect("followed");
    // What changes meanwhile is sent in any case and waited for by nobody.
    let watch = checker.watch_mut().expect("set");
    watch.set_resent(Some(Resent::new(&model, NODES, begin)));
    watch.change(1, 2, 0, begin);
    assert_eq!(left(&checker), (3, 3));
    assert!((resent.wall().expect("all came") - 0.03).abs() < 1e-6);
    assert_eq!(resent.each().count(), 3);
}
