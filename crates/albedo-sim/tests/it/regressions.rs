//! Scripts that found a fault once, each as short as it can be, and by the name of the fault.

use albedo_rib::Limits;
use albedo_sim::Op;
use albedo_sim::Op::{
    Announce, Burst, Bury, Down, Quiet, Read, Refresh, Regroup, Rejoin, Retreat, Role, Turn, Up,
    Withdraw,
};
use albedo_types::Family::{Ipv4Unicast, Ipv6Unicast};
use albedo_types::PeerRole::{Client, External, NonClient};

use crate::{NO_GRACE, TINY, check, wide};

const fn announce(slot: usize, prefix: usize, spec: usize) -> Op {
    Announce { slot, prefix, path_id: 0, spec }
}

const fn withdraw(slot: usize, prefix: usize) -> Op {
    Withdraw { slot, prefix, path_id: 0 }
}

const fn burst(slot: usize, first: usize, count: usize, spec: usize) -> Op {
    Burst { slot, first, count, spec }
}

/// Everything that waits, in all shards.
const TURNS: [Op; 5] = [turn(0), turn(1), turn(2), turn(3), turn(4)];

const fn turn(shard: usize) -> Op {
    Turn { shard, letters: 100 }
}

const fn read(slot: usize, messages: usize) -> Op {
    Read { slot, messages }
}

const BURY: [Op; 5] = [bury(0), bury(1), bury(2), bury(3), bury(4)];

const fn bury(shard: usize) -> Op {
    Bury { shard }
}

fn all(limits: Limits, parts: &[&[Op]]) {
    check(&parts.concat(), limits);
}

#[test]
fn change_that_a_group_cannot_see_while_its_base_is_written_loses_no_prefix() {
    // The prefix leaves its place in the order of change, so the base passes it over; for the
    // group its bytes are the same as before.
    let script = [
        Up { slot: 5, role: Client },
        announce(5, 6, 0),
        Quiet,
        Up { slot: 1, role: External },
        Role { slot: 5 },
    ];
    check(&script, wide());
    check(&script, TINY);
}

#[test]
fn tombstones_stay_for_whoever_may_begin_with_an_older_base() {
    // The last reader begins with the log as it was, takes the first segment, and finds the rest
    // replaced by a base: only the tombstone can tell it of the withdrawal.
    let before = [Up { slot: 0, role: Client }, Up { slot: 1, role: Client }];
    let readers = [read(0, 9), read(1, 9)];
    let late = [Up { slot: 2, role: Client }];
    let base = [Refresh { slot: 1, family: Ipv4Unicast }];
    all(
        NO_GRACE,
        &[
            &before,
            &TURNS,
            &[announce(0, 0, 0)],
            &TURNS,
            &[announce(0, 10, 0)],
            &TURNS,
            &[withdraw(0, 0)],
            &TURNS,
            &readers,
            &BURY,
            &late,
            &TURNS,
            &[read(2, 1)],
            &base,
            &TURNS,
            &TURNS,
            &TURNS,
            &TURNS,
            &readers,
            &BURY,
        ],
    );
}

#[test]
fn refreshed_laggard_hears_of_what_was_withdrawn_before_the_base() {
    all(
        NO_GRACE,
        &[
            &[Up { slot: 3, role: Client }, announce(3, 16, 5), Up { slot: 1, role: External }],
            &TURNS,
            &[read(1, 1), Retreat { slot: 3, first: 11, count: 9 }],
            &TURNS,
            &[Refresh { slot: 1, family: Ipv4Unicast }],
        ],
    );
}

#[test]
fn refresh_while_a_reader_is_led_into_another_group_keeps_the_difference() {
    all(
        NO_GRACE,
        &[
            &[Up { slot: 5, role: Client }, burst(5, 10, 7, 7), Up { slot: 3, role: Client }],
            &TURNS,
            &TURNS,
            &[Down { slot: 5 }, read(3, 7), Role { slot: 3 }],
            &[Refresh { slot: 3, family: Ipv4Unicast }],
        ],
    );
}

#[test]
fn log_that_was_not_written_for_an_index_is_not_begun_by_it() {
    all(
        wide(),
        &[
            &[Up { slot: 2, role: Client }, Role { slot: 2 }, Up { slot: 5, role: Client }],
            &[burst(2, 19, 10, 2), Up { slot: 4, role: NonClient }],
            &TURNS,
            &[burst(5, 22, 5, 2), Down { slot: 2 }],
            &TURNS,
            &[Up { slot: 0, role: Client }],
        ],
    );
}

#[test]
fn log_is_written_for_an_index_also_while_nobody_bears_it() {
    all(
        wide(),
        &[
            &[Up { slot: 5, role: NonClient }, Up { slot: 1, role: Client }],
            &[Up { slot: 2, role: Client }, burst(1, 19, 4, 11), burst(5, 15, 7, 11)],
            &TURNS,
            &[Down { slot: 1 }],
            &TURNS,
            &[Up { slot: 1, role: Client }],
        ],
    );
}

#[test]
fn end_of_rib_waits_for_what_a_newer_base_leaves_to_the_tail() {
    all(
        TINY,
        &[
            &[Up { slot: 5, role: Client }, Up { slot: 0, role: Client }],
            &[Up { slot: 4, role: Client }, announce(4, 16, 11)],
            &TURNS,
            &[read(0, 8), burst(4, 10, 5, 5)],
            &TURNS,
            &[Refresh { slot: 0, family: Ipv4Unicast }, burst(5, 3, 2, 7)],
            &TURNS,
            &[Role { slot: 4 }, Up { slot: 1, role: Client }, withdraw(4, 10)],
            &TURNS,
            &TURNS,
            &[read(1, 3)],
        ],
    );
}

#[test]
fn reader_that_never_began_claims_what_its_catch_up_has_told_it() {
    all(
        TINY,
        &[
            &[Up { slot: 4, role: External }, announce(4, 15, 9)],
            &TURNS,
            &[Up { slot: 0, role: NonClient }, Role { slot: 0 }, announce(4, 21, 15)],
            &TURNS,
            &TURNS,
            &TURNS,
            &[Down { slot: 4 }],
            &TURNS,
            &BURY,
        ],
    );
}

#[test]
fn refreshed_reader_claims_what_it_had_before() {
    all(
        NO_GRACE,
        &[
            &[Up { slot: 0, role: NonClient }, Regroup { slot: 0 }, Role { slot: 0 }],
            &[Up { slot: 3, role: NonClient }, burst(0, 19, 10, 7), Quiet, Role { slot: 3 }],
            &[Retreat { slot: 0, first: 14, count: 9 }],
            &[Refresh { slot: 3, family: Ipv6Unicast }],
            &TURNS,
            &[Up { slot: 1, role: Client }],
            &TURNS,
            &[Down { slot: 0 }],
            &TURNS,
            &BURY,
        ],
    );
}

#[test]
fn answer_under_way_keeps_the_claim_of_the_group_before() {
    // The non-clients were never told of the prefix, so their log says nothing against burying
    // it; the reader holds it from the clients' log, and goes back before the answer is read.
    let nodes = [
        Up { slot: 0, role: NonClient },
        Up { slot: 3, role: NonClient },
        Up { slot: 1, role: Client },
    ];
    let read_all = [read(0, 50), read(3, 50), read(1, 50)];
    let base = [Refresh { slot: 3, family: Ipv4Unicast }, Refresh { slot: 0, family: Ipv4Unicast }];
    all(
        TINY,
        &[
            &nodes,
            &TURNS,
            &read_all,
            &[announce(0, 0, 0)],
            &TURNS,
            &read_all,
            &[Role { slot: 1 }],
            &TURNS,
            &[withdraw(0, 0)],
            &TURNS,
            &base,
            &TURNS,
            &TURNS,
            &TURNS,
            &[read(3, 50), read(0, 50)],
            &BURY,
            &[Role { slot: 1 }],
        ],
    );
}

#[test]
fn own_route_that_becomes_best_takes_the_other_ones_away_from_its_source_alone() {
    let nodes = [Up { slot: 2, role: NonClient }, Up { slot: 4, role: Client }];
    all(TINY, &[&nodes, &[burst(2, 17, 5, 3)], &TURNS, &[announce(4, 17, 2)]]);
}

#[test]
fn source_hears_of_equal_attributes_from_another_peer() {
    let nodes =
        [Up { slot: 3, role: Client }, Up { slot: 1, role: Client }, Up { slot: 0, role: Client }];
    all(TINY, &[&nodes, &[burst(3, 19, 8, 4), burst(1, 15, 8, 4)], &TURNS]);
}

#[test]
fn what_a_reader_has_of_two_groups_is_no_table() {
    let nodes = [Up { slot: 4, role: NonClient }, Up { slot: 3, role: Client }];
    all(TINY, &[&nodes, &[announce(3, 9, 3), Quiet, Regroup { slot: 4 }, Role { slot: 4 }]]);
}

#[test]
fn tombstones_that_only_a_base_keeps_make_a_new_one_due() {
    let nodes = [Up { slot: 3, role: Client }, Up { slot: 2, role: NonClient }];
    all(TINY, &[&nodes, &[burst(3, 20, 8, 6)], &TURNS, &[Down { slot: 3 }]]);
}

#[test]
fn log_of_a_group_that_is_told_little_is_bounded_by_that_little() {
    // Non-clients hear nothing of each other, however large the table is.
    let nodes = [
        Up { slot: 0, role: NonClient },
        Up { slot: 1, role: NonClient },
        Up { slot: 2, role: Client },
    ];
    let mut script = nodes.to_vec();
    script.push(burst(0, 0, 20, 0));
    for n in 0..400 {
        script.extend([announce(2, 21, n % 12), turn(0), turn(1), turn(2), turn(3), turn(4)]);
    }
    check(&script, TINY);
    check(&script, wide());
}

#[test]
fn reader_that_joins_its_group_again_while_it_waits_for_a_base_is_not_sent_there_twice() {
    // The start that it waited for first comes behind the question that took its place, and would
    // take the answer out of the lane.
    let up = [Up { slot: 0, role: Client }, burst(0, 0, 9, 0), Quiet];
    let joins = [Up { slot: 1, role: NonClient }];
    let again = [Rejoin { slot: 1 }];
    for letters in 1..6 {
        let some: Vec<Op> = (0..5).map(|shard| Turn { shard, letters }).collect();
        for limits in [TINY, NO_GRACE, wide()] {
            all(limits, &[&up, &joins, &some, &again, &some, &[announce(0, 3, 1)], &some]);
        }
    }
}

#[test]
fn log_is_bounded_by_what_is_live_also_where_one_route_was_dearer_than_all_others() {
    let script = [
        Up { slot: 0, role: Client },
        burst(0, 3, 3, 2),
        Up { slot: 1, role: NonClient },
        Up { slot: 4, role: Client },
        burst(0, 7, 4, 18),
        Turn { shard: 94, letters: 6 },
        Turn { shard: 72, letters: 11 },
        burst(4, 18, 8, 2),
        burst(1, 16, 4, 17),
        burst(0, 6, 10, 25),
        Turn { shard: 130, letters: 2 },
        announce(1, 12, 161),
        Up { slot: 2, role: Client },
        announce(2, 14, 213),
        burst(0, 15, 3, 1),
        Quiet,
        Retreat { slot: 0, first: 12, count: 6 },
        Turn { shard: 140, letters: 9 },
        Down { slot: 1 },
    ];
    check(&script, NO_GRACE);
}

#[test]
fn reader_that_leaves_the_last_of_its_group_loses_what_nobody_writes_for_any_more() {
    // Its old group is closed before the change, and the new one was never told of the path.
    let up = [Up { slot: 4, role: Client }, Up { slot: 0, role: NonClient }];
    all(
        wide(),
        &[&up, &[burst(0, 2, 10, 25)], &TURNS, &[read(4, 9), Role { slot: 4 }, Down { slot: 0 }]],
    );
}

#[test]
fn path_that_another_one_pushes_out_of_a_group_that_is_left_is_withdrawn() {
    let up = [Up { slot: 3, role: Client }, Up { slot: 2, role: NonClient }, Regroup { slot: 0 }];
    let told = [Up { slot: 0, role: Client }, announce(3, 20, 18), announce(2, 20, 125), Quiet];
    all(wide(), &[&up, &told, &[Role { slot: 0 }, announce(0, 20, 7)]]);
}

#[test]
fn reader_on_its_way_between_two_groups_has_not_seen_what_it_held_there() {
    let up = [
        Up { slot: 1, role: NonClient },
        burst(1, 3, 2, 22),
        turn(0),
        Up { slot: 4, role: Client },
    ];
    let told = [announce(1, 22, 56), Quiet, Role { slot: 4 }, Turn { shard: 0, letters: 4 }];
    all(NO_GRACE, &[&up, &told, &[Down { slot: 1 }, bury(0)]]);
}
