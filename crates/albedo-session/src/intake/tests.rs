//! What UPDATEs make of the table, seen by another client.

use std::num::NonZeroU32;

use albedo_engine::EngineConfig;
use albedo_types::Asn;
use albedo_wire::notification::codes;

use super::*;
use crate::stats::{SessionStats, Traffic};
use crate::testing::{self, announce, block, frames, has_both_ends, prefix, withdraw};

fn intake(n: u32) -> Intake {
    let (peer, gate) = ([10, 0, 0, 1].into(), Arc::default());
    let context = UpdateContext::internal(testing::LOCAL_ASN);
    let limits = LimitRules { max: [NonZeroU32::new(5), None], ..LimitRules::default() };
    Intake::new(peer, gate, context, testing::source(n), &limits, None)
}

/// The body of the only message in `bytes`.
fn body(bytes: &[u8]) -> &[u8] {
    let [frame] = frames(bytes)[..] else { panic!("one message") };
    frame.body
}

/// Takes the messages of one client and gives what another one is told.
async fn told(messages: &[Vec<u8>], tally: &mut Tally, expect: usize) -> Vec<u8> {
    let engine = testing::engine(&EngineConfig::default());
    let handle = engine.handle();
    let mut from = testing::port(&handle, 1);
    let mut to = testing::port(&handle, 2);
    let mut intake = intake(1);
    for message in messages {
        intake.update(body(message), &mut from, tally, Instant::ZERO).unwrap();
    }
    testing::flush(&mut from).await;
    let enough = |bytes: &[u8]| has_both_ends(bytes) && testing::table(bytes).len() == expect;
    let bytes = testing::drain(&mut to, enough).await;
    from.leave();
    to.leave();
    drop(handle);
    assert!(tokio::task::spawn_blocking(|| engine.stop()).await.unwrap(), "nothing is left");
    bytes
}

fn counts(tally: &mut Tally) -> ([u64; 4], [u64; 5]) {
    let (peer, all) = (Traffic::default(), Traffic::default());
    tally.settle(&peer, &all);
    let read = SessionStats::read;
    (peer.treatments.each_ref().map(read), peer.drops.each_ref().map(read))
}

#[tokio::test]
async fn routes_reach_another_client_and_go_again() {
    let block = block([10, 0, 0, 1].into(), 0);
    let mut tally = Tally::default();
    let messages = [announce(&block, 0..3), announce(&block, 3..5), withdraw(1..3)];
    let bytes = told(&messages, &mut tally, 3).await;
    assert_eq!(testing::table(&bytes), [prefix(0), prefix(3), prefix(4)].into());
    assert_eq!(counts(&mut tally), ([0; 4], [0; 5]));
}

#[tokio::test]
async fn malformed_attributes_withdraw_their_routes_and_nothing_else() {
    let good = block([10, 0, 0, 1].into(), 0);
    let mut bad = good.clone();
    bad[3] = 9;
    assert_eq!(bad[..3], [0x40, 1, 1], "ORIGIN");
    let mut tally = Tally::default();
    let messages = [announce(&good, 0..4), announce(&bad, 2..3)];
    let bytes = told(&messages, &mut tally, 3).await;
    assert_eq!(testing::table(&bytes), [prefix(0), prefix(1), prefix(3)].into());
    assert_eq!(counts(&mut tally), ([0, 1, 0, 0], [0; 5]));
}

#[tokio::test]
async fn routes_that_have_been_here_are_withdrawn_by_name() {
    let mut originator = block([10, 0, 0, 1].into(), 1);
    originator.extend_from_slice(&[0x80, 9, 4, 10, 0, 0, 1]);
    let mut path = block([10, 0, 0, 1].into(), 2);
    path.splice(4..7, [0x40, 2, 6, 2, 1, 0, 0, 0xfc, 0]);
    let mut tally = Tally::default();
    let good = block([10, 0, 0, 1].into(), 0);
    let messages = [announce(&good, 0..3), announce(&originator, 0..1), announce(&path, 1..2)];
    let bytes = told(&messages, &mut tally, 1).await;
    assert_eq!(testing::table(&bytes), [prefix(2)].into());
    assert_eq!(counts(&mut tally), ([0; 4], [1, 0, 1, 0, 0]));
    assert_eq!(testing::LOCAL_ASN, Asn(0xfc00));
}

#[tokio::test]
async fn routes_that_cannot_be_located_end_the_session() {
    let engine = testing::engine(&EngineConfig::default());
    let mut port = testing::port(&engine.handle(), 1);
    let mut intake = intake(1);
    let mut tally = Tally::default();
    let mut message = announce(&block([10, 0, 0, 1].into(), 0), 0..1);
    let last = message.len() - 5;
    // A prefix of 33 bits.
    message[last] = 33;
    let reset = intake.update(body(&message), &mut port, &mut tally, Instant::ZERO).unwrap_err();
    assert_eq!((reset.code, reset.subcode), (codes::UPDATE, codes::update::INVALID_NETWORK));
    assert_eq!(counts(&mut tally), ([0, 0, 0, 1], [0; 5]));
    port.leave();
    assert!(tokio::task::spawn_blocking(|| engine.stop()).await.unwrap());
}

#[test]
fn too_many_routes_end_the_session() {
    let engine = testing::engine(&EngineConfig::default());
    let mut port = testing::port(&engine.handle(), 1);
    let mut intake = intake(1);
    let mut tally = Tally::default();
    let block = block([10, 0, 0, 1].into(), 0);
    let mut take =
        |message: &[u8]| intake.update(body(message), &mut port, &mut tally, Instant::ZERO);
    take(&announce(&block, 0..5)).unwrap();
    take(&withdraw(0..1)).unwrap();
    take(&announce(&block, 5..6)).unwrap();
    let reset = take(&announce(&block, 6..7)).unwrap_err();
    let reached = (codes::CEASE, codes::cease::MAX_PREFIXES);
    assert_eq!((reset.code, reset.subcode), reached);
    assert_eq!(counts(&mut tally), ([0; 4], [0, 0, 0, 1, 0]));
    port.leave();
    assert!(engine.stop());
}

#[test]
fn end_of_rib_is_noted() {
    let engine = testing::engine(&EngineConfig::default());
    let mut port = testing::port(&engine.handle(), 1);
    let mut intake = intake(1);
    for family in Family::ALL {
        assert!(!intake.ended.contains(family));
        let message = albedo_wire::update::end_of_rib(family);
        let mut tally = Tally::default();
        for is_first in [true, false] {
            let new = intake.update(body(message), &mut port, &mut tally, Instant::ZERO).unwrap();
            assert_eq!(new, is_first);
        }
        assert!(intake.ended().contains(family));
        assert_eq!(intake.is_whole(), family == Family::Ipv6Unicast);
    }
    port.leave();
    assert!(engine.stop());
}

#[test]
fn faults_are_logged_at_a_bounded_rate() {
    let gate = Arc::new(FaultGate::default());
    let log = |n| FaultLog {
        peer: [10, 0, 0, n].into(),
        gate: Arc::clone(&gate),
        next: Instant::ZERO,
        suppressed: 0,
    };
    let (mut one, mut other) = (log(1), log(2));
    let mut now = Instant::ZERO + FAULT_LOG_INTERVAL;
    let fault = |log: &mut FaultLog, now| log.fault(now, &[1; 100], Treatment::Discard, &"fault");
    for _ in 0..10 {
        fault(&mut one, now);
    }
    fault(&mut other, now);
    assert_eq!((one.suppressed, other.suppressed), (9, 1), "the gate is shared");
    now += FAULT_LOG_INTERVAL_ALL;
    fault(&mut one, now);
    fault(&mut other, now);
    assert_eq!((one.suppressed, other.suppressed), (10, 0));
    now += FAULT_LOG_INTERVAL;
    fault(&mut one, now);
    assert_eq!(one.suppressed, 0);
    assert_eq!(Hex(&[0, 0xff, 0x1a]).to_string(), "00ff1a");
}

/// Rules for [`prefix`]: the first four are hidden, the next four preferred, the rest is marked.
fn sorting() -> Arc<Policy> {
    use albedo_types::Prefix;
    use albedo_types::policy::{Change, Community, PrefixRange, Rule, Rules, Then, When};
    let four = |first: u32| {
        let prefix = Ipv4Prefix::from_bits(prefix(first).bits(), 24).unwrap();
        When {
            prefixes: Some(vec![PrefixRange { prefix: Prefix::V4(prefix), min: 26, max: 26 }]),
            ..When::default()
        }
    };
    let rules = vec![
        Rule { when: four(0), then: Then::Reject, ..Rule::default() },
        Rule {
            when: four(4),
            change: Change { local_pref: Some(500), ..Change::default() },
            then: Then::Accept,
        },
        Rule {
            change: Change { add_communities: vec![Community::Standard(7)], ..Change::default() },
            ..Rule::default()
        },
    ];
    Arc::new(Policy::compile(&Rules { rules, accepts_rest: true }).unwrap())
}

/// The blocks that a client is told, by the number of its prefix.
fn blocks(bytes: &[u8]) -> std::collections::BTreeMap<u32, Vec<u8>> {
    let context = UpdateContext::internal(testing::LOCAL_ASN);
    let mut blocks = std::collections::BTreeMap::new();
    for frame in frames(bytes) {
        let Ok(update) = RawUpdate::split(frame.body, &context) else { continue };
        let mut block = Vec::new();
        update.block.write_to(&mut block);
        for route in update.announced_prefixes(&context) {
            let n = (route.unwrap().1.bits() - prefix(0).bits()) >> 6;
            blocks.insert(n, block.clone());
        }
        for route in update.withdrawn_prefixes(&context) {
            blocks.remove(&((route.unwrap().1.bits() - prefix(0).bits()) >> 6));
        }
    }
    blocks
}

#[tokio::test]
async fn u9_an_import_policy_splits_a_message() {
    let engine = testing::engine(&EngineConfig::default());
    let handle = engine.handle();
    let mut from = testing::port(&handle, 1);
    let mut to = testing::port(&handle, 2);
    let (mut intake, mut tally) = (intake(1), Tally::default());
    intake.limits = None;
    let block = block([10, 0, 0, 1].into(), 0);
    let message = announce(&block, 0..10);
    let mut take = |intake: &mut Intake, from: &mut PeerPort| {
        intake.update(body(&message), from, &mut tally, Instant::ZERO).unwrap();
    };
    // Without a policy everything is taken.
    take(&mut intake, &mut from);
    testing::flush(&mut from).await;
    let all = |bytes: &[u8]| has_both_ends(bytes) && blocks(bytes).len() == 10;
    let plain = blocks(&testing::drain(&mut to, all).await)[&0].clone();

    // With one the same message withdraws some and changes others.
    let (context, source) = (intake.context.clone(), intake.source);
    let policy = sorting();
    assert!(intake.change(context.clone(), source, &LimitRules::default(), Some(&policy)));
    assert!(!intake.change(context, source, &LimitRules::default(), Some(&sorting())));
    take(&mut intake, &mut from);
    testing::flush(&mut from).await;
    let changed = |bytes: &[u8]| table_after(bytes, 10) == (4..10).collect::<Vec<_>>();
    let bytes = testing::drain(&mut to, |bytes| changed(bytes) && blocks(bytes).len() == 6).await;
    let told = blocks(&bytes);
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), (4..10).collect::<Vec<_>>());
    let preferred = |block: &[u8]| block.windows(7).any(|w| w == [0x40, 5, 4, 0, 0, 1, 0xf4]);
    let marked = |block: &[u8]| block.windows(7).any(|w| w == [0xc0, 8, 4, 0, 0, 0, 7]);
    for (n, block) in &told {
        assert_eq!((preferred(block), marked(block)), (*n < 8, *n >= 8), "{n}: {block:?}");
        assert_ne!(*block, plain);
    }
    assert_eq!(counts(&mut tally).1, [0, 0, 0, 0, 4]);

    // What one policy makes of a block is one set, and it is not the one of the same octets.
    assert_eq!(handle.interner().len(), 2);
    from.leave();
    to.leave();
    drop(handle);
    assert!(tokio::task::spawn_blocking(|| engine.stop()).await.unwrap(), "nothing is left");
}

/// The prefixes below `count` that are left of all, once these messages are taken.
fn table_after(bytes: &[u8], count: u32) -> Vec<u32> {
    let context = UpdateContext::internal(testing::LOCAL_ASN);
    let mut left: std::collections::BTreeSet<u32> = (0..count).collect();
    for frame in frames(bytes) {
        let Ok(update) = RawUpdate::split(frame.body, &context) else { continue };
        for route in update.withdrawn_prefixes(&context) {
            left.remove(&((route.unwrap().1.bits() - prefix(0).bits()) >> 6));
        }
    }
    left.into_iter().collect()
}

#[tokio::test]
async fn x1_a_limit_counts_what_the_policy_leaves() {
    for (count_rejected, fits) in [(false, true), (true, false)] {
        let engine = testing::engine(&EngineConfig::default());
        let handle = engine.handle();
        let mut from = testing::port(&handle, 1);
        let (mut intake, mut tally) = (intake(1), Tally::default());
        let max = [NonZeroU32::new(6), None];
        let limit = LimitRules { max, count_rejected, ..LimitRules::default() };
        let (context, source) = (intake.context.clone(), intake.source);
        intake.change(context, source, &limit, Some(&sorting()));
        let message = announce(&block([10, 0, 0, 1].into(), 0), 0..10);
        let taken = intake.update(body(&message), &mut from, &mut tally, Instant::ZERO);
        assert_eq!(taken.is_ok(), fits, "{taken:?}");
        assert_eq!(intake.limit_action(), (!fits).then_some(LimitAction::Restart));
        from.leave();
        drop(handle);
        assert!(tokio::task::spawn_blocking(|| engine.stop()).await.unwrap());
    }
}
