use super::*;

fn base(generation: u64, version: u64, seq: u64) -> Base {
    Base { cursor: Cursor::Base { generation, index: 0 }, version, seq, end_seq: seq }
}

fn started() -> Follower {
    let mut follower = Follower::default();
    assert_eq!(follower.start(base(0, 3, 0), 2), None);
    follower
}

#[test]
fn new_reader_starts_at_the_base_and_is_synced_behind_the_end_that_stood_there() {
    let mut follower = started();
    assert_eq!(follower.state(), State::Reading);
    assert_eq!(follower.position(), Position { version: 3, complete: false });
    follower.pass(Cursor::Tail { seq: 1 }, 4);
    follower.note_synced();
    assert!(!follower.is_synced());
    follower.reach_end(2, 5);
    assert!(follower.is_synced());
    assert_eq!(follower.position(), Position { version: 5, complete: true });
}

#[test]
fn start_nobody_awaits_is_ignored() {
    let mut follower = started();
    follower.reach_end(2, 5);
    assert_eq!(follower.start(base(1, 9, 2), 2), None);
    assert_eq!(follower.cursor(), Cursor::Tail { seq: 2 });
    let mut moved = Follower::default();
    let _ = moved.move_over(true);
    assert_eq!(moved.start(base(0, 0, 0), 0), None);
    assert_eq!(moved.state(), State::CatchingUp);
}

#[test]
fn refreshed_reader_before_the_new_base_is_caught_up_instead() {
    // The base says nothing of prefixes that were withdrawn between the reader and it.
    let mut follower = started();
    follower.reach_end(2, 5);
    follower.await_start();
    let question = follower.start(base(1, 9, 4), 4).unwrap();
    assert_eq!(question.position, Position { version: 5, complete: false });
    assert!(follower.expects(question.request));
    follower.take_chunk(None, 9);
    assert_eq!(follower.position().version, 5, "the rest is still to come");
    follower.take_chunk(Some(4), 9);
    assert!(follower.is_synced());
}

#[test]
fn refreshed_reader_behind_the_new_base_reads_it_again() {
    let mut follower = started();
    follower.reach_end(4, 9);
    follower.await_start();
    assert!(!follower.is_synced());
    assert_eq!(follower.start(base(1, 9, 4), 4), None);
    assert_eq!(follower.cursor(), Cursor::Base { generation: 1, index: 0 });
}

#[test]
fn reader_that_falls_behind_while_it_awaits_a_start_asks_once() {
    let mut follower = started();
    follower.reach_end(2, 5);
    follower.await_start();
    assert_eq!(follower.fell_behind(), None);
    assert_eq!(follower.state(), State::Waiting);
    let question = follower.start(base(2, 9, 8), 8).unwrap();
    assert!(!question.position.complete);
}

#[test]
fn only_a_reader_between_two_segments_moves_with_what_it_has() {
    let mut exact = started();
    exact.reach_end(2, 5);
    assert!(exact.clone().move_over(false).position.complete);
    assert!(!exact.clone().move_over(true).position.complete);
    let mut within = exact.clone();
    within.stands_within(Cursor::Tail { seq: 2 }, 23);
    assert!(!within.move_over(false).position.complete);
    let mut awaiting = exact.clone();
    awaiting.await_start();
    assert!(!awaiting.move_over(false).position.complete);
    let first = exact.move_over(false);
    let second = exact.move_over(false);
    assert!(!second.position.complete, "what it has of two groups is no table");
    assert!(!exact.expects(first.request) && exact.expects(second.request));
}
