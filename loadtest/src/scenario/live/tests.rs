use super::{CHANGED, Kind, Live, Shape};
use crate::attrs::code;
use crate::build::{HEADER_LEN, MESSAGE_LEN_MAX, end_of_rib};
use crate::check::Rules;
use crate::fleet::{Fleet, Settings};
use crate::model::ABSENT;
use crate::parse::{self, Update};
use crate::prefix::Family;
use crate::scenario::{LOCAL_PREF_CALICO, cluster};
use std::time::{Duration, Instant};

/// A small cluster with blocks of both families.
pub(crate) fn shape() -> Shape {
    Shape {
        cluster: cluster::Shape {
            nodes: 4,
            blocks_v4: 3,
            blocks_v6: 2,
            source_net: "10.1.0.0/16".parse().expect("a network"),
            local_pref: LOCAL_PREF_CALICO,
            rules: Rules::REFLECTED,
            cluster_id: 0,
        },
        padding: 0,
        rate: 10.0,
        burst: 1,
        duration: Duration::from_secs(1),
        seed: 1,
    }
}

/// Nodes that are all off, so that nothing is sent.
fn fleet(plan: crate::scenario::Plan) -> Fleet {
    let settings = Settings {
        target: "127.0.0.1:1".parse().expect("an address"),
        asn: 64512,
        hold_time: Duration::ZERO,
        families: vec![Family::V4],
        connect_retry: Duration::from_secs(1),
        cluster_id: None,
        rules: Rules::REFLECTED,
        key: None,
    };
    Fleet::new(settings, plan.nodes, plan.model).expect("epoll works")
}

#[test]
fn every_version_of_every_route_is_built_and_known_to_the_model() {
    let padded = Shape { padding: 1002, ..shape() };
    let (live, plan) = Live::new(&padded);
    assert_eq!((live.len(), plan.model.len(), live.nodes()), (20, 20, 4));
    for (id, route) in (0..).zip(&live.routes) {
        assert_eq!(plan.model.owner(id), route.owner);
        assert_eq!(route.messages.len(), usize::from(CHANGED) + 2);
        let mut lens = Vec::new();
        for (version, bytes) in (0..).zip(&route.messages) {
            let message = parse::split(bytes, MESSAGE_LEN_MAX).expect("well-formed");
            let message = message.expect("whole");
            assert_eq!(message.len(), bytes.len(), "one message");
            let update = Update::read(&message[HEADER_LEN..]).expect("well-formed");
            if version == ABSENT {
                let gone: Vec<_> = update.withdrawn().flatten().collect();
                assert_eq!(gone, [plan.model.prefix(id)]);
                continue;
            }
            let there: Vec<_> = update.announced().flatten().collect();
            assert_eq!(there, [plan.model.prefix(id)]);
            let seen = update.attributes.reflected(0x0a01_0001 + route.owner);
            let mut normal = Vec::new();
            seen.normalise(crate::attrs::Form::FULL, &mut normal);
            let set = plan.model.find_set(&normal).expect("known");
            assert_eq!(plan.model.version_of(id, set), Some(version));
            let communities = update.attributes.get(code::COMMUNITIES).map_or(0, <[u8]>::len);
            assert_eq!(communities, if version == 1 { 0 } else { 1004 });
            lens.push(bytes.len());
        }
        assert!(lens[1..].iter().all(|&len| len == lens[1]), "changes are of one size");
    }
}

#[test]
fn changes_go_through_the_versions_and_a_node_comes_back_with_its_newest() {
    let shape = shape();
    let (mut live, plan) = Live::new(&shape);
    let mut fleet = fleet(plan);
    let now = Instant::now();
    let mut seen = Vec::new();
    for _ in 0..=CHANGED {
        live.change(&mut fleet, 7, Kind::Attributes, now);
        seen.push(fleet.model.wanted(0, 7));
    }
    assert_eq!(seen, [2, 3, 4, 2]);
    for (kind, wanted) in [
        (Kind::Presence, ABSENT),
        (Kind::Presence, 2),
        (Kind::Presence, ABSENT),
        (Kind::Attributes, 2),
    ] {
        live.change(&mut fleet, 7, kind, now);
        assert_eq!(fleet.model.wanted(0, 7), wanted);
    }
    live.change(&mut fleet, 8, Kind::Presence, now);
    let mut want: Vec<u8> = [(5, 1), (6, 1), (7, 2), (9, 1)]
        .iter()
        .flat_map(|&(id, version): &(usize, usize)| live.routes[id].messages[version].to_vec())
        .collect();
    end_of_rib(Family::V4, &mut want);
    end_of_rib(Family::V6, &mut want);
    assert_eq!(live.owner(7), 1);
    assert_eq!(*fleet.session(1).node.initial, *want);
    let held = fleet.model.wanted_count(0);
    live.take_down(&mut fleet, 1, crate::session::Goodbye::Close);
    assert_eq!(fleet.model.wanted_count(0), held - 4);
    live.bring_back(&mut fleet, 1);
    assert_eq!((fleet.model.wanted_count(0), fleet.model.wanted(0, 7)), (held, 2));
    assert_eq!(*fleet.session(1).node.initial, *want);
}

#[test]
fn impossible_shapes_are_refused() {
    shape().check().expect("playable");
    let large = cluster::Shape { nodes: 60_000, blocks_v4: 4, blocks_v6: 0, ..shape().cluster };
    for (wrong, word) in [
        (Shape { rate: 0.0, ..shape() }, "a second"),
        (Shape { rate: f64::NAN, ..shape() }, "a second"),
        (Shape { rate: 1e9, ..shape() }, "a second"),
        (Shape { burst: 0, ..shape() }, "at once"),
        (Shape { padding: super::PADDING_MAX + 1, ..shape() }, "padding"),
        (Shape { padding: 2000, cluster: large, ..shape() }, "to build"),
        (Shape { cluster: cluster::Shape { nodes: 1, ..shape().cluster }, ..shape() }, "nodes"),
    ] {
        let words = wrong.check().expect_err("impossible");
        assert!(words.contains(word), "{words}");
    }
    let (_, plan) = Live::new(&Shape { padding: super::PADDING_MAX, ..shape() });
    assert_eq!(plan.nodes.len(), 4, "the most padding fits into a message");
}
