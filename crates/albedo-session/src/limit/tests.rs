//! What counts, what is said, and when.

use super::*;

fn v4(n: u32) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(n << 8, 24).unwrap()
}

fn rules(max: u32) -> LimitRules {
    LimitRules { max: [NonZeroU32::new(max), None], warn_at: 100, ..LimitRules::default() }
}

fn limits(rules: &LimitRules) -> Box<PrefixLimits> {
    PrefixLimits::new(rules).unwrap()
}

const FAMILY: Family = Family::Ipv4Unicast;

#[test]
fn x1_routes_count_once_and_withdrawals_make_room() {
    let mut limits = limits(&rules(2));
    let first = PathId(0);
    for _ in 0..5 {
        limits.v4(first, v4(1), true, true);
        limits.v4(first, v4(2), true, true);
    }
    limits.v6(first, "fd00::/64".parse().unwrap(), true, true);
    assert_eq!(limits.notice(), None);
    limits.v4(first, v4(1), false, false);
    limits.v4(PathId(1), v4(2), true, true);
    assert_eq!(limits.notice(), None);
    limits.v4(first, v4(3), true, true);
    let notice = limits.notice().unwrap();
    assert_eq!(notice.notification(), Some(Notification::max_prefixes(FAMILY, 2)));
    // However many come, no more are remembered.
    for n in 10..1000 {
        limits.v4(first, v4(n), true, true);
    }
    assert_eq!(limits.v4.routes.len(), 3);
    assert!(PrefixLimits::new(&LimitRules::default()).is_none());
}

#[test]
fn x1_nearness_is_said_once_until_the_number_has_fallen() {
    let mut limits = limits(&LimitRules { warn_at: 75, ..rules(4) });
    let add = |limits: &mut PrefixLimits, n| {
        limits.v4(PathId(0), v4(n), true, true);
        limits.notice()
    };
    for n in 0..3 {
        assert_eq!(add(&mut limits, n), None, "{n}");
    }
    let near = Notice::Near { family: FAMILY, routes: 4, limit: 4 };
    assert_eq!(add(&mut limits, 3), Some(near));
    assert_eq!(add(&mut limits, 3), None);
    limits.v4(PathId(0), v4(3), false, false);
    assert_eq!(limits.notice(), None);
    assert_eq!(add(&mut limits, 3), Some(near));
    // A limit of any size, without overflow.
    let mut large = self::limits(&LimitRules { warn_at: 75, ..rules(u32::MAX) });
    assert_eq!(add(&mut large, 1), None);
}

#[test]
fn x1_who_is_only_warned_is_counted_on() {
    let mut limits = limits(&LimitRules { action: LimitAction::Warn, ..rules(2) });
    for n in 0..9 {
        limits.v4(PathId(0), v4(n), true, true);
    }
    let passed = Notice::Passed { family: FAMILY, routes: 9, limit: 2 };
    assert_eq!(limits.notice(), Some(passed));
    assert_eq!(passed.notification(), None);
    assert_eq!(limits.notice(), None);
    for n in 0..8 {
        limits.v4(PathId(0), v4(n), false, false);
    }
    assert_eq!(limits.notice(), None);
    assert_eq!(limits.v4.routes.len(), 1);
}

#[test]
fn x1_rejected_routes_count_where_that_is_wanted() {
    for (count_rejected, counted) in [(false, 0), (true, 3)] {
        let mut limits = limits(&LimitRules { count_rejected, ..rules(5) });
        for n in 0..3 {
            limits.v4(PathId(0), v4(n), true, false);
        }
        assert_eq!(limits.v4.routes.len(), counted);
    }
}

#[test]
fn x2_paths_or_prefixes_count() {
    for (count_paths, over) in [(true, true), (false, false)] {
        let mut limits = limits(&LimitRules { count_paths, ..rules(3) });
        for path in 0..4 {
            limits.v4(PathId(path), v4(1), true, true);
        }
        assert_eq!(limits.notice().is_some(), over, "{count_paths}");
    }
    let mut limits = limits(&LimitRules { count_paths: false, ..rules(1) });
    limits.v4(PathId(1), v4(1), true, true);
    limits.v4(PathId(2), v4(1), true, true);
    limits.v4(PathId(1), v4(1), false, false);
    assert_eq!(limits.v4.len(&limits.rules), 1, "one path is left");
    limits.v4(PathId(2), v4(1), false, false);
    assert_eq!(limits.v4.len(&limits.rules), 0);
    assert!(limits.v4.paths.is_empty());
}

#[test]
fn x1_a_limit_that_changes_keeps_the_count() {
    let mut limits = limits(&rules(5));
    for n in 0..4 {
        limits.v4(PathId(0), v4(n), true, true);
    }
    assert!(limits.change(&rules(3)));
    assert!(limits.notice().unwrap().notification().is_some());
    // A family that nobody counted, and other ways to count, begin anew.
    let six = LimitRules { max: [None, NonZeroU32::new(1)], ..rules(1) };
    assert!(!limits.change(&six));
    assert!(!limits.change(&LimitRules { count_paths: false, ..rules(3) }));
}
