//! Sockets that take little at a time.

use std::future::poll_fn;
use std::task::Poll;

use albedo_engine::EngineConfig;
use albedo_types::Instant;
use albedo_wire::frame::KEEPALIVE;
use albedo_wire::update::UpdateContext;
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::intake::Intake;
use crate::limit::LimitRules;
use crate::stats::{SessionStats, Traffic};
use crate::testing::{self, frames, pair};

/// Announces many routes with long attributes, each set for a few prefixes.
fn fill(port: &mut PeerPort, n: u32, sets: u32) {
    let mut intake = Intake::new(
        [10, 0, 0, 1].into(),
        Default::default(),
        UpdateContext::internal(testing::LOCAL_ASN),
        testing::source(n),
        &LimitRules::default(),
        None,
    );
    for set in 0..sets {
        let mut block = testing::block([10, 0, 0, 1].into(), set);
        // Communities, to make the messages long.
        block.extend_from_slice(&[0xc0, 8, 200]);
        block.extend_from_slice(&[7; 200]);
        let message = testing::announce(&block, set * 4..set * 4 + 4);
        let [frame] = frames(&message)[..] else { panic!("one message") };
        intake.update(frame.body, port, &mut Tally::default(), Instant::ZERO).unwrap();
    }
}

#[tokio::test]
async fn control_messages_go_between_messages_of_the_log() {
    const SETS: u32 = 8_000;
    let engine = testing::engine(&EngineConfig::default());
    let handle = engine.handle();
    let mut from = testing::port(&handle, 1);
    fill(&mut from, 1, SETS);
    testing::flush(&mut from).await;
    let mut to = testing::port(&handle, 2);
    testing::flush(&mut to).await;

    let (ours, mut theirs) = pair().await;
    SockRef::from(&ours).set_send_buffer_size(16 * 1024).unwrap();
    let ours = Stream::new(ours);
    let reader = tokio::spawn(async move {
        let mut bytes = Vec::new();
        let mut chunk = [0; 777];
        loop {
            match theirs.read(&mut chunk).await.unwrap() {
                0 => return bytes,
                n => bytes.extend_from_slice(&chunk[..n]),
            }
        }
    });

    let mut outbox = Outbox::default();
    let mut tally = Tally::default();
    let mut keepalives = 0;
    let (peer, all) = (Traffic::default(), Traffic::default());
    let expected = u64::from(SETS) + 2;
    poll_fn(|cx| {
        // A keepalive each time the socket has room again, so that they fall between and into
        // messages that were begun.
        outbox.send(KEEPALIVE.to_vec());
        keepalives += 1;
        let turn = outbox.poll_write(cx, &ours, Some(&mut to), &mut tally, now()).unwrap();
        tally.settle(&peer, &all);
        if turn.more {
            cx.waker().wake_by_ref();
        }
        let updates = SessionStats::read(&peer.sent[1]);
        let idle = outbox.rest.is_empty() && outbox.control.is_empty();
        if updates >= expected && idle { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    drop(ours);
    let bytes = reader.await.unwrap();
    let frames = frames(&bytes);
    let count = |kind| frames.iter().filter(|frame| frame.kind == kind).count() as u64;
    assert_eq!(count(MessageType::Keepalive), keepalives);
    assert_eq!(count(MessageType::Update), expected, "one for each set and two End-of-RIB");
    assert_eq!(SessionStats::read(&peer.sent[3]), keepalives);
    assert_eq!(SessionStats::read(&peer.bytes_sent), bytes.len() as u64);
    assert_eq!(testing::table(&bytes).len(), SETS as usize * 4);
    assert!(keepalives > 10, "the socket was full often enough: {keepalives}");

    from.leave();
    to.leave();
    drop(handle);
    assert!(tokio::task::spawn_blocking(|| engine.stop()).await.unwrap());
}

#[tokio::test]
async fn last_words_begin_with_the_rest_of_what_was_begun() {
    let (ours, mut theirs) = pair().await;
    SockRef::from(&ours).set_send_buffer_size(16 * 1024).unwrap();
    let ours = Stream::new(ours);
    let mut outbox = Outbox::default();
    let mut tally = Tally::default();
    let message = testing::announce(&testing::block([10, 0, 0, 1].into(), 0), 0..700);
    // Far more than both kernels' buffers take.
    for _ in 0..500 {
        outbox.send(message.clone());
    }
    let turn =
        poll_fn(|cx| Poll::Ready(outbox.poll_write(cx, &ours, None, &mut tally, now()).unwrap()))
            .await;
    assert!(turn.wrote);
    let left = outbox.control.len();
    assert!(left > 0, "the socket was full");
    let last = outbox.into_last_words(&mut tally);
    let reader = tokio::spawn(async move {
        let mut bytes = Vec::new();
        theirs.read_to_end(&mut bytes).await.unwrap();
        bytes
    });
    let mut ours = ours.into_inner().expect("nobody else has it");
    ours.write_all(&last).await.unwrap();
    drop(ours);
    let bytes = reader.await.unwrap();
    assert_eq!(bytes, message.repeat(500), "whole messages");
    let all = Traffic::default();
    tally.settle(&Traffic::default(), &all);
    let updates = frames(&bytes).len() as u64;
    assert_eq!(SessionStats::read(&all.sent[1]), updates, "the last words count as well");
    assert_eq!(SessionStats::read(&all.bytes_sent), bytes.len() as u64);
}

#[test]
fn messages_are_counted_where_they_begin() {
    let mut bytes = KEEPALIVE.repeat(3);
    bytes.extend_from_slice(&testing::announce(&testing::block([10, 0, 0, 1].into(), 0), 0..1));
    let sent = |taken| {
        let mut tally = Tally::default();
        count_messages(&bytes, taken, &mut tally);
        let (peer, all) = (Traffic::default(), Traffic::default());
        tally.settle(&peer, &all);
        (SessionStats::read(&peer.sent[3]), SessionStats::read(&peer.sent[1]))
    };
    assert_eq!(sent(0), (0, 0));
    assert_eq!(sent(1), (1, 0));
    assert_eq!(sent(19), (1, 0));
    assert_eq!(sent(20), (2, 0));
    assert_eq!(sent(57), (3, 0));
    assert_eq!(sent(58), (3, 1));
    assert_eq!(sent(bytes.len()), (3, 1));
}
