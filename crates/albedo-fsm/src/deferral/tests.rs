use std::vec::Vec;

use albedo_types::Family::{Ipv4Unicast as V4, Ipv6Unicast as V6};
use proptest::prelude::*;

use super::*;

const LIMITS: DeferralLimits =
    DeferralLimits { quiet: Duration::from_secs(2), max: Duration::from_secs(20) };

/// A stock node whose daemon went on while we were away.
const NODE: Hello =
    Hello { families: FamilySet::of(V4), graceful: true, restarting: false, mate: false };
/// One that has restarted as well.
const RESTARTED: Hello = Hello { restarting: true, ..NODE };
/// One that knows nothing of graceful restart.
const PLAIN: Hello = Hello { graceful: false, ..NODE };

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// With these peers of the last life, of one family, and nobody else.
fn known(expected: &[u32]) -> Deferral<u32> {
    let expected = expected.iter().map(|key| (*key, FamilySet::of(V4)));
    Deferral::new(LIMITS, true, expected, Instant::ZERO)
}

fn unknown() -> Deferral<u32> {
    Deferral::new(LIMITS, false, [], Instant::ZERO)
}

#[test]
fn g10_ends_at_once_when_everybody_is_back_and_heard() {
    let mut deferral = known(&[1, 2]);
    deferral.up(10, 1, NODE, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert_eq!(deferral.poll(at(1)), FamilySet::EMPTY);
    deferral.up(11, 2, NODE, at(2));
    assert_eq!(deferral.poll(at(2)), FamilySet::of(V6));
    assert_eq!(deferral.waits(), DeferralWaits { nobody: false, missing: 0, unheard: 1 });
    deferral.end_of_rib(11, V4, at(2));
    assert_eq!(deferral.poll(at(2)), FamilySet::of(V4));
    assert!(deferral.is_over());
    assert_eq!(deferral.end(), Some((at(2), DeferralEnd::Complete)));
}

#[test]
fn a_family_that_nobody_had_ends_once_everybody_is_there() {
    let mut deferral = known(&[1, 2]);
    deferral.up(10, 1, NODE, at(1));
    assert_eq!(deferral.poll(at(1)), FamilySet::EMPTY);
    deferral.up(11, 2, NODE, at(1));
    assert_eq!(deferral.poll(at(1)), FamilySet::of(V6));
    // But not before somebody is heard who has it now.
    let mut deferral = known(&[1]);
    deferral.up(10, 1, Hello { families: FamilySet::ALL, ..NODE }, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert_eq!(deferral.poll(at(1)), FamilySet::of(V4));
    deferral.end_of_rib(10, V6, at(2));
    assert_eq!(deferral.poll(at(2)), FamilySet::of(V6));
}

#[test]
fn g10_strangers_do_not_hold_up_an_end() {
    let mut deferral = known(&[1]);
    // Neither of these will say anything.
    deferral.up(20, 2, PLAIN, at(1));
    deferral.up(21, 3, RESTARTED, at(1));
    deferral.up(10, 1, NODE, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert_eq!(deferral.poll(at(1)), FamilySet::ALL);
    // But one that will is heard, expected or not.
    let mut deferral = known(&[1]);
    deferral.up(20, 2, NODE, at(1));
    deferral.up(10, 1, NODE, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert!(!deferral.poll(at(10)).contains(V4));
    // Of one that is expected and says nothing, the quiet time stands for it.
    let mut deferral = known(&[1]);
    deferral.up(10, 1, PLAIN, at(1));
    assert!(!deferral.poll(at(1)).contains(V4));
    assert!(deferral.poll(at(3)).contains(V4));
}

#[test]
fn g10_who_is_missing_is_waited_for_beyond_quiet() {
    let mut deferral = known(&[1, 2]);
    deferral.up(10, 1, NODE, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert_eq!(deferral.poll(at(20)), FamilySet::of(V6));
    assert_eq!(deferral.waits().missing, 1);
    assert_eq!(deferral.poll_timeout(), Some(at(21)));
    assert_eq!(deferral.poll(at(21)), FamilySet::of(V4));
    assert_eq!(deferral.end(), Some((at(21), DeferralEnd::Late)));
}

#[test]
fn g10_who_cannot_be_reached_is_not_waited_for() {
    let mut deferral = known(&[1, 2]);
    deferral.up(10, 1, NODE, at(1));
    deferral.unreachable(2);
    deferral.end_of_rib(10, V4, at(2));
    assert_eq!(deferral.poll(at(2)), FamilySet::EMPTY);
    assert_eq!(deferral.poll(at(4)), FamilySet::ALL);
    // Our own network may just not be ready: nobody is there, and so nothing ends.
    let mut deferral = known(&[1, 2]);
    deferral.unreachable(1);
    deferral.unreachable(2);
    assert_eq!(deferral.poll(at(10)), FamilySet::EMPTY);
    // If it comes after all, it is one like any other.
    let mut deferral = known(&[1, 2]);
    deferral.unreachable(2);
    deferral.up(11, 2, NODE, at(1));
    deferral.up(10, 1, NODE, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert!(!deferral.poll(at(10)).contains(V4));
    deferral.end_of_rib(11, V4, at(10));
    assert!(deferral.poll(at(10)).contains(V4));
}

#[test]
fn g10_a_cap_ends_it_whoever_is_silent() {
    let mut deferral = unknown();
    deferral.up(10, 1, NODE, at(5));
    assert_eq!(deferral.poll(millis(24_999)), FamilySet::of(V6));
    assert_eq!(deferral.poll(at(25)), FamilySet::of(V4));
    assert_eq!(deferral.end(), Some((at(25), DeferralEnd::Late)));
}

#[test]
fn g12_k1_a_first_start_takes_the_quiet_time_only() {
    let mut deferral = unknown();
    assert_eq!(deferral.poll_timeout(), None);
    // As long as nobody is there, nobody waits.
    assert_eq!(deferral.poll(at(1_000)), FamilySet::EMPTY);
    assert!(deferral.waits().nobody);
    deferral.up(10, 1, NODE, at(1_000));
    deferral.end_of_rib(10, V4, at(1_001));
    assert_eq!(deferral.poll(millis(1_002_999)), FamilySet::EMPTY);
    assert_eq!(deferral.poll_timeout(), Some(at(1_003)));
    assert_eq!(deferral.poll(at(1_003)), FamilySet::ALL);
    assert_eq!(deferral.end(), Some((at(1_003), DeferralEnd::Quiet)));
}

#[test]
fn g12_a_roster_without_anybody_is_as_a_first_start() {
    let mut deferral = known(&[]);
    deferral.up(10, 1, NODE, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert_eq!(deferral.poll(at(1)), FamilySet::EMPTY);
    assert_eq!(deferral.poll(at(3)), FamilySet::ALL);
}

#[test]
fn routes_and_peers_that_come_begin_the_quiet_anew() {
    let mut deferral = unknown();
    deferral.up(10, 1, PLAIN, at(0));
    for second in 1..10 {
        deferral.activity(at(second));
        assert_eq!(deferral.poll(at(second)), FamilySet::EMPTY);
    }
    deferral.up(11, 2, PLAIN, at(10));
    assert_eq!(deferral.poll(millis(11_999)), FamilySet::EMPTY);
    assert_eq!(deferral.poll(at(12)), FamilySet::ALL);
}

#[test]
fn k2_who_has_restarted_is_not_waited_for() {
    let mut deferral = known(&(0..100).collect::<Vec<_>>());
    for n in 0..100 {
        deferral.up(u64::from(n), n, RESTARTED, millis(u64::from(n)));
    }
    assert_eq!(deferral.waits(), DeferralWaits::default());
    assert_eq!(deferral.poll(millis(2_098)), FamilySet::of(V6));
    assert_eq!(deferral.poll(millis(2_099)), FamilySet::of(V4));
}

#[test]
fn k2_a_mate_that_has_restarted_is_no_reason_to_begin() {
    // Both reflectors restart together: what one hears of the other is nothing, and the nodes
    // are still to come.
    let mate = Hello { families: FamilySet::ALL, mate: true, ..RESTARTED };
    let mut deferral = unknown();
    deferral.up(1, 1, mate, at(0));
    assert_eq!(deferral.poll(at(10)), FamilySet::EMPTY);
    assert!(deferral.waits().nobody);
    deferral.up(2, 2, NODE, at(10));
    deferral.end_of_rib(2, V4, at(10));
    assert_eq!(deferral.poll(at(12)), FamilySet::ALL);
    // One that went on has everybody's routes.
    let mut deferral = unknown();
    deferral.up(1, 1, Hello { restarting: false, ..mate }, at(0));
    deferral.end_of_rib(1, V4, at(1));
    deferral.end_of_rib(1, V6, at(1));
    assert_eq!(deferral.poll(at(3)), FamilySet::ALL);
}

#[test]
fn k9_configured_peers_alone_say_nothing_of_the_others() {
    // Without a roster it is not known who else was there: that the expected ones are back does
    // not end it at once.
    let mut deferral = Deferral::new(LIMITS, false, [(1, FamilySet::of(V4))], Instant::ZERO);
    deferral.up(10, 1, NODE, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert_eq!(deferral.poll(at(1)), FamilySet::EMPTY);
    assert_eq!(deferral.poll(at(3)), FamilySet::ALL);
}

#[test]
fn who_goes_again_is_missed_again_and_not_waited_for_by_name() {
    let mut deferral = known(&[1]);
    deferral.up(10, 1, NODE, at(1));
    deferral.up(20, 2, NODE, at(1));
    deferral.down(20, at(1));
    deferral.down(10, at(2));
    assert_eq!(deferral.waits(), DeferralWaits { nobody: false, missing: 1, unheard: 0 });
    assert!(!deferral.poll(at(10)).contains(V4));
    deferral.up(11, 1, NODE, at(11));
    // What the first session said does not count for the second.
    assert!(!deferral.poll(at(14)).contains(V4));
    deferral.end_of_rib(11, V4, at(14));
    assert!(deferral.poll(at(14)).contains(V4));
}

#[test]
fn two_sessions_of_one_peer_are_both_heard() {
    let mut deferral = known(&[1]);
    deferral.up(10, 1, NODE, at(1));
    deferral.up(11, 1, NODE, at(1));
    deferral.end_of_rib(10, V4, at(1));
    assert!(!deferral.poll(at(1)).contains(V4));
    deferral.down(11, at(1));
    assert!(deferral.poll(at(1)).contains(V4), "it is there by the other one");
}

#[test]
fn none_is_over_from_the_start() {
    let limits = DeferralLimits { max: Duration::ZERO, ..LIMITS };
    let mut deferral = Deferral::new(limits, false, [(1, FamilySet::ALL)], at(1));
    assert!(deferral.is_over());
    assert_eq!((deferral.poll(at(1)), deferral.poll_timeout()), (FamilySet::EMPTY, None));
    assert_eq!(deferral.waits(), DeferralWaits::default());
}

#[derive(Clone, Debug)]
enum Step {
    Up(u64, Hello),
    Down(u64),
    End(u64, Family),
    Activity,
    Unreachable(u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let family = || prop_oneof![Just(V4), Just(V6)];
    let hello = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(both, graceful, restarting, mate)| Hello {
            families: if both { FamilySet::ALL } else { FamilySet::of(V4) },
            graceful,
            restarting,
            mate,
        },
    );
    prop_oneof![
        3 => (0..5_u64, hello).prop_map(|(id, hello)| Step::Up(id, hello)),
        2 => (0..5_u64).prop_map(Step::Down),
        3 => (0..5_u64, family()).prop_map(|(id, family)| Step::End(id, family)),
        1 => Just(Step::Activity),
        1 => (0..3_u32).prop_map(Step::Unreachable),
        3 => (0..3_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever happens: no family ends twice, none before its time, all by the cap, and the
    /// counts are those of who is there.
    #[test]
    fn g10_whatever_happens_it_ends_once_and_in_time(
        is_known: bool,
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let expected = [(0, FamilySet::ALL), (1, FamilySet::of(V4))];
        let mut deferral = Deferral::new(LIMITS, is_known, expected, Instant::ZERO);
        let mut now = Instant::ZERO;
        let mut ended = FamilySet::EMPTY;
        for step in steps {
            match step {
                // Two sessions may be of one peer.
                Step::Up(id, hello) => deferral.up(id, u32::try_from(id / 2).unwrap(), hello, now),
                Step::Down(id) => deferral.down(id, now),
                Step::End(id, family) => deferral.end_of_rib(id, family, now),
                Step::Activity => deferral.activity(now),
                Step::Unreachable(key) => deferral.unreachable(key),
                Step::Wait(time) => now += Duration::from_millis(time),
            }
            let due = deferral.poll_timeout().is_some_and(|at| at <= now);
            let new = deferral.poll(now);
            prop_assert!(new.intersection(ended).is_empty());
            prop_assert!(!due || !new.is_empty(), "it was due");
            new.iter().for_each(|family| ended.insert(family));
            prop_assert_eq!(ended, deferral.ended());
            if let Some(first) = deferral.first && now >= first + LIMITS.max {
                prop_assert!(deferral.is_over());
            }
            prop_assert_eq!(deferral.end().is_some(), deferral.is_over());
            for family in Family::ALL {
                let counts = deferral.counts[family.index()];
                let open = |live: &&Live<u32>| live.outstanding.contains(family);
                let known = |live: &&Live<u32>| open(live) && live.key < 2;
                prop_assert_eq!(counts.outstanding, deferral.live.values().filter(known).count());
                let waited = |live: &&Live<u32>| open(live) && live.hello.is_waited_for();
                prop_assert_eq!(counts.waited_for, deferral.live.values().filter(waited).count());
                let missing = deferral.missing.values().filter(|set| set.contains(family));
                prop_assert_eq!(counts.missing, missing.count());
            }
        }
    }
}
