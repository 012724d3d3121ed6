//! Compiled policies against rules that are read one after the other, and single rules.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, Ipv6Addr};

use albedo_types::policy::{PrefixRange, When};
use albedo_types::{ClusterId, Family, Ipv4Prefix, Ipv6Prefix};
use albedo_wire::attr::{Attributes, Need};
use albedo_wire::update::UpdateContext;
use proptest::prelude::*;

use super::*;
use crate::attrs::{AttrSet, Parts, Summary};

mod naive;

use naive::Model;

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn range(text: &str, min: u8, max: u8) -> PrefixRange {
    PrefixRange { prefix: prefix(text), min, max }
}

fn standard(high: u32, low: u32) -> Community {
    Community::Standard(high << 16 | low)
}

fn policy(rules: Vec<Rule>, accepts_rest: bool) -> Policy {
    Policy::compile(&Rules { rules, accepts_rest }).unwrap()
}

/// What a route of this prefix becomes; `None` if it is rejected.
fn outcome(policy: &Policy, model: &Model, prefix: Prefix) -> Option<Model> {
    let set = model.set();
    let candidates = policy.candidates(&Subject::of(&set), Side::Internal);
    let changes = policy.judge(&candidates, Some(prefix))?;
    let block = rewrite(set.block(), policy.changes(&changes)).unwrap();
    Some(Model::read(&block, model.family))
}

#[test]
fn calico_filter_is_expressed() {
    // only-pod-space of Calico's documentation: blocks of the pool, and nothing else.
    let pods = Rule {
        when: When {
            prefixes: Some(vec![range("10.244.0.0/16", 24, 32)]),
            families: Some([Family::Ipv4Unicast].into_iter().collect()),
            ..When::default()
        },
        then: Then::Accept,
        ..Rule::default()
    };
    let rest = Rule { then: Then::Reject, ..Rule::default() };
    let policy = policy(vec![pods, rest], true);
    let model = Model::plain(Family::Ipv4Unicast);
    for (text, taken) in [
        ("10.244.3.64/26", true),
        ("10.244.3.0/24", true),
        ("10.244.0.0/16", false),
        ("10.244.0.0/23", false),
        ("10.245.0.0/26", false),
        ("0.0.0.0/0", false),
    ] {
        assert_eq!(outcome(&policy, &model, prefix(text)).is_some(), taken, "{text}");
    }
    let six = Model::plain(Family::Ipv6Unicast);
    assert_eq!(outcome(&policy, &six, prefix("fd00::/64")), None);
}

#[test]
fn rules_that_go_on_add_up_and_see_the_route_as_it_came() {
    let mark = Rule {
        change: Change {
            add_communities: vec![standard(64512, 1), Community::Large([64512, 1, 2])],
            prepend: vec![Asn(64512), Asn(64513)],
            ..Change::default()
        },
        ..Rule::default()
    };
    // Would hold if it saw what the first one does.
    let blind = Rule {
        when: When { communities: Some(vec![standard(64512, 1)]), ..When::default() },
        then: Then::Reject,
        ..Rule::default()
    };
    let last = Rule {
        change: Change {
            local_pref: Some(7),
            med: Some(8),
            prepend: vec![Asn(1)],
            ..Change::default()
        },
        then: Then::Accept,
        ..Rule::default()
    };
    let policy = policy(vec![mark, blind, last], false);
    let model = Model::plain(Family::Ipv4Unicast);
    let found = outcome(&policy, &model, prefix("10.0.0.0/8")).unwrap();
    let expected = Model {
        communities: vec![standard(64512, 1), Community::Large([64512, 1, 2])],
        local_pref: 7,
        med: Some(8),
        path: [&[1, 64512, 64513], &*model.path].concat(),
        ..model
    };
    assert_eq!(found, expected);
}

#[test]
fn neighbours_that_differ_in_prefixes_become_one() {
    let rule = |text: &str, then| Rule {
        when: When { prefixes: Some(vec![range(text, 0, 32)]), ..When::default() },
        then,
        ..Rule::default()
    };
    let accept = |text| rule(text, Then::Accept);
    let rules = vec![accept("10.0.0.0/8"), accept("10.0.0.0/8"), accept("11.0.0.0/8")];
    let one = policy(rules.clone(), false);
    assert_eq!(one.len(), 1);
    let model = Model::plain(Family::Ipv4Unicast);
    for text in ["10.1.0.0/16", "11.0.0.0/8"] {
        assert!(outcome(&one, &model, prefix(text)).is_some(), "{text}");
    }
    assert_eq!(outcome(&one, &model, prefix("12.0.0.0/8")), None);
    let mixed = vec![accept("10.0.0.0/8"), rule("10.0.0.0/7", Then::Reject), accept("11.0.0.0/8")];
    assert_eq!(policy(mixed, false).len(), 3);
    assert_eq!(one, policy(rules.clone(), false));
    assert_ne!(one, policy(rules, true));
}

#[test]
fn bounds_of_a_policy() {
    let rules = |count| Rules { rules: vec![Rule::default(); count], accepts_rest: true };
    assert!(Policy::compile(&rules(RULES_MAX)).is_ok());
    let found = RULES_MAX + 1;
    assert_eq!(Policy::compile(&rules(found)), Err(PolicyError::Rules { found }));
    let ranges = |count| {
        let when = When { not_prefixes: vec![range("::/0", 0, 0); count], ..When::default() };
        Rules { rules: vec![Rule { when, ..Rule::default() }], accepts_rest: true }
    };
    assert!(Policy::compile(&ranges(RANGES_MAX)).is_ok());
    let found = RANGES_MAX + 1;
    assert_eq!(Policy::compile(&ranges(found)), Err(PolicyError::Ranges { found }));
}

#[test]
fn next_hops_of_both_forms() {
    let rule = |text| Rule {
        when: When { next_hops: Some(vec![prefix(text)]), ..When::default() },
        then: Then::Accept,
        ..Rule::default()
    };
    let holds = |text, model: &Model| {
        outcome(&policy(vec![rule(text)], false), model, prefix("::/0")).is_some()
    };
    let four = Model::plain(Family::Ipv4Unicast);
    assert!(holds("192.0.2.0/24", &four) && !holds("192.0.3.0/24", &four));
    let six = Model::plain(Family::Ipv6Unicast);
    assert!(holds("2001:db8::/32", &six) && !holds("192.0.2.0/24", &six));
}

#[test]
fn unchanged_attributes_stay_byte_for_byte() {
    let mut model = Model::plain(Family::Ipv4Unicast);
    model.communities = vec![standard(1, 2)];
    let mut block = model.block();
    // An unknown attribute in its own, wasteful, form.
    let unknown = [0xf0, 200, 0, 2, 9, 9];
    block.extend(unknown);
    let change = Change { remove_communities: vec![standard(1, 2)], ..Change::default() };
    let found = rewrite(&block, [&change].into_iter()).unwrap();
    assert!(found.ends_with(&unknown));
    model.communities.clear();
    assert_eq!(found, [&*model.block(), &unknown].concat());
    let nothing = rewrite(&block, [&Change::default()].into_iter());
    assert_eq!(nothing.as_deref(), Some(&*block));
}

#[test]
fn a_block_that_no_message_holds_is_none() {
    let communities: Vec<_> = (0..16_000).map(|n| standard(1, n)).collect();
    let model = Model { communities, ..Model::plain(Family::Ipv4Unicast) };
    let add = |count: u32| Change {
        add_communities: (0..count).map(|n| standard(2, n)).collect(),
        ..Change::default()
    };
    let len = |count| rewrite(&model.block(), [&add(count)].into_iter()).map(|block| block.len());
    assert_eq!(len(100), Some(model.block().len() + 400));
    assert_eq!(len(400), None);
}

#[test]
fn long_paths_are_split_into_segments() {
    let mut model = Model::plain(Family::Ipv4Unicast);
    model.path = (1..=250).collect();
    let change = Change { prepend: vec![Asn(9); 10], ..Change::default() };
    let all = vec![&change; 60];
    let found = rewrite(&model.block(), all.into_iter()).unwrap();
    model.path.splice(0..0, core::iter::repeat_n(9, 600));
    assert_eq!(Model::read(&found, model.family), model);
}

proptest! {
    #[test]
    fn equals_the_naive_evaluator(
        rules in naive::rules(),
        routes in proptest::collection::vec((naive::models(), naive::prefixes()), 1..8),
        external: bool,
    ) {
        let compiled = Policy::compile(&rules).unwrap();
        let side = if external { Side::External } else { Side::Internal };
        for (model, prefix) in routes {
            let expected = naive::judge(&rules, &model, prefix, side);
            let set = model.set();
            let candidates = compiled.candidates(&Subject::of(&set), side);
            let found = compiled.judge(&candidates, Some(prefix)).map(|changes| {
                let block = rewrite(set.block(), compiled.changes(&changes)).unwrap();
                Model::read(&block, model.family)
            });
            prop_assert_eq!(&found, &expected);
            // The same through a group's memory, twice.
            let mut memo = Memo::default();
            for _ in 0..2 {
                let told = memo.told(&compiled, side, Some(prefix), &set);
                let told = told.map(|told| Model::read(told.block(), model.family));
                prop_assert_eq!(&told, &expected);
            }
        }
    }
}
