use super::{Checker, Rules, Table};
use crate::attrs::{Attributes, code, flag};
use crate::build::{announce, withdraw};
use crate::model::{ABSENT, Model};
use crate::parse::Fault;
use crate::prefix::{Family, Prefix};

const CLUSTER: u32 = 0x0a00_0001;

fn set(host: u8) -> Attributes<'static> {
    let mut set = Attributes { next_hop: vec![10, 0, 0, host].into(), ..Attributes::default() };
    set.push(flag::TRANSITIVE, code::ORIGIN, vec![0]);
    set.push(flag::TRANSITIVE, code::AS_PATH, vec![]);
    set
}

type Spoil = fn(&mut Attributes<'_>);

fn prefix(n: u32) -> Prefix {
    Prefix::v4(0x0b00_0000 + (n << 6), 26)
}

/// Two sources with four prefixes each, all of them expected.
fn model() -> Model {
    let mut model = Model::new(3, Rules::REFLECTED);
    for owner in 0..2u8 {
        let id = model.add_set(&set(owner).reflected(u32::from(owner) + 1));
        for n in 0..4 {
            let route = prefix(u32::from(owner) * 4 + n);
            let (id, version) = model.add_route(route, owner.into(), id);
            model.expect(id, version);
        }
    }
    model
}

fn checker() -> Checker {
    Checker::new(Rules::REFLECTED, Some(CLUSTER))
}

fn message(set: &Attributes<'_>, prefixes: &[Prefix]) -> Vec<u8> {
    let mut out = Vec::new();
    announce(set, Family::V4, prefixes, &mut out);
    out
}

fn of(owner: u8, cluster: u32) -> Vec<u8> {
    let first = u32::from(owner) * 4;
    let prefixes: Vec<Prefix> = (first..first + 4).map(prefix).collect();
    message(&set(owner).reflected(u32::from(owner) + 1).with_cluster(cluster), &prefixes)
}

#[test]
fn the_right_routes_make_a_table_exact_and_repeats_are_counted() {
    let (model, mut checker) = (model(), checker());
    let mut table = Table::new(2, &model);
    assert_eq!(table.wrong(), 8);
    for (owner, left) in [(0, 4), (0, 4), (1, 0)] {
        checker.update(&model, &mut table, &of(owner, CLUSTER)).expect("well-formed");
        assert_eq!(table.wrong(), left);
    }
    assert!(table.is_exact());
    assert_eq!((table.announced, table.repeats), (12, 4));
    let mut out = Vec::new();
    withdraw(Family::V4, &[prefix(0), prefix(7)], &mut out);
    checker.update(&model, &mut table, &out).expect("well-formed");
    assert_eq!(table.wrong(), 2);
    assert_eq!(
        table.faults(&model, &checker, 9),
        ["11.0.0.0/26 is missing", "11.0.1.192/26 is missing"]
    );
    table.clear(&model);
    assert_eq!(table.wrong(), 8);
}

#[test]
fn own_routes_are_echoes_and_not_part_of_the_table() {
    let (model, mut checker) = (model(), checker());
    let mut table = Table::new(0, &model);
    checker.update(&model, &mut table, &of(0, CLUSTER)).expect("well-formed");
    assert_eq!((table.echoes, table.wrong()), (4, 4));
    checker.update(&model, &mut table, &of(1, CLUSTER)).expect("well-formed");
    assert!(table.is_exact());
    let mut out = Vec::new();
    withdraw(Family::V4, &[prefix(0), prefix(1)], &mut out);
    checker.update(&model, &mut table, &out).expect("well-formed");
    assert!(table.is_exact());
}

#[test]
fn every_kind_of_wrong_attribute_is_found_and_named() {
    let model = model();
    let right = set(0).reflected(1).with_cluster(CLUSTER);
    let cases: [(Spoil, &str); 6] = [
        (|a| a.next_hop = vec![9; 4].into(), "next hop is 9.9.9.9, expected 10.0.0.0"),
        (|a| a.remove(code::ORIGINATOR_ID), "ORIGINATOR_ID is missing, expected 0.0.0.1"),
        (|a| a.remove(code::CLUSTER_LIST), "CLUSTER_LIST is missing, expected 10.0.0.1"),
        (|a| *a = a.with_cluster(3), "CLUSTER_LIST is 0.0.0.3 10.0.0.1, expected 10.0.0.1"),
        (|a| a.remove(code::LOCAL_PREF), "LOCAL_PREF is missing, expected 100"),
        (
            |a| a.push(flag::OPTIONAL | flag::TRANSITIVE, code::COMMUNITIES, vec![0; 4]),
            "COMMUNITIES 00000000 was not expected",
        ),
    ];
    for (spoil, words) in cases {
        let mut checker = checker();
        let mut table = Table::new(2, &model);
        let mut wrong = right.clone();
        spoil(&mut wrong);
        checker.update(&model, &mut table, &message(&wrong, &[prefix(0)])).expect("well-formed");
        assert_eq!(table.wrong(), 8, "{words}");
        let faults = table.faults(&model, &checker, 99);
        assert_eq!(faults.len(), 8);
        assert_eq!(faults[0], format!("11.0.0.0/26: {words}"));
        // The right route afterwards repairs it.
        checker.update(&model, &mut table, &of(0, CLUSTER)).expect("well-formed");
        assert_eq!(table.wrong(), 4);
    }
}

#[test]
fn another_sources_attributes_and_other_clusters_are_wrong() {
    let (model, mut checker) = (model(), checker());
    let mut table = Table::new(2, &model);
    let swapped = message(&set(1).reflected(2).with_cluster(CLUSTER), &[prefix(0)]);
    checker.update(&model, &mut table, &swapped).expect("well-formed");
    assert_eq!(table.wrong(), 8);
    checker.update(&model, &mut table, &of(1, 5)).expect("well-formed");
    assert_eq!(table.wrong(), 8);
    let mut learning = Checker::new(Rules::REFLECTED, None);
    learning.learn_cluster(5);
    learning.learn_cluster(6);
    learning.update(&model, &mut table, &of(1, 5)).expect("well-formed");
    assert_eq!(table.wrong(), 4);
}

#[test]
fn prefixes_of_nobody_spoil_a_table_until_they_are_withdrawn() {
    let (model, mut checker) = (model(), checker());
    let mut table = Table::new(2, &model);
    let stranger = prefix(1000);
    let right = set(0).reflected(1).with_cluster(CLUSTER);
    for _ in 0..2 {
        let message = message(&right, &[stranger]);
        checker.update(&model, &mut table, &message).expect("well-formed");
        assert_eq!(table.wrong(), 9);
    }
    assert!(table.faults(&model, &checker, 99).contains(&format!("{stranger} is nobody's")));
    let mut out = Vec::new();
    withdraw(Family::V4, &[stranger], &mut out);
    checker.update(&model, &mut table, &out).expect("well-formed");
    assert_eq!(table.wrong(), 8);
}

#[test]
fn expectations_may_change() {
    let (mut model, mut checker) = (model(), checker());
    let mut table = Table::new(2, &model);
    for owner in [0, 1] {
        checker.update(&model, &mut table, &of(owner, CLUSTER)).expect("well-formed");
    }
    let before = model.expect(0, ABSENT);
    table.expectation_changed(&model, 0, before);
    assert_eq!(table.wrong(), 1);
    assert_eq!(table.faults(&model, &checker, 9), ["11.0.0.0/26 should not be there"]);
    let before = model.expect(0, 1);
    table.expectation_changed(&model, 0, before);
    assert!(table.is_exact());
    // A new version of a prefix that is there.
    let set = model.add_set(&set(9).reflected(1));
    let (id, version) = model.add_route(prefix(0), 0, set);
    let before = model.expect(id, version);
    table.expectation_changed(&model, id, before);
    assert_eq!(table.faults(&model, &checker, 9), ["11.0.0.0/26 is out of date"]);
}

#[test]
fn a_full_memo_is_forgotten_and_tables_stay_right() {
    let model = model();
    let limit = 300;
    let mut checker = Checker::with_memo(Rules::REFLECTED, Some(CLUSTER), limit);
    let mut table = Table::new(2, &model);
    let mut peak = 0;
    for _ in 0..5 {
        for n in 0..8u32 {
            let owner = u8::from(n >= 4);
            let right = set(owner).reflected(u32::from(owner) + 1).with_cluster(CLUSTER);
            let message = message(&right, &[prefix(n)]);
            checker.update(&model, &mut table, &message).expect("well-formed");
            peak = peak.max(checker.bytes.len());
        }
    }
    assert!(table.is_exact());
    assert!(peak > limit / 2 && peak <= limit, "{peak}");
}

#[test]
fn a_malformed_message_leaves_the_table_alone() {
    let (model, mut checker) = (model(), checker());
    let mut table = Table::new(2, &model);
    let mut bad = of(0, CLUSTER);
    let end = bad.len() - 5;
    bad[end] = 33;
    assert_eq!(checker.update(&model, &mut table, &bad), Err(Fault::Nlri));
    assert_eq!(table.wrong(), 8);
}
