//! Streams cut at every place, and what an idle session keeps.

use std::future::poll_fn;
use std::task::Poll;

use albedo_wire::frame::{self, KEEPALIVE};
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::testing::{announce, block, pair};

/// Reads once, takes the whole messages and keeps the rest; how many messages, and the end.
async fn read(inbox: &mut Inbox, stream: &mut OwnedReadHalf) -> (usize, ReadEnd) {
    poll_fn(|cx| {
        let mut scratch = Scratch::borrow();
        let end = inbox.poll_read(cx, stream, &mut scratch).unwrap();
        if end == ReadEnd::Nothing {
            return Poll::Pending;
        }
        let mut rest = scratch.filled();
        let mut messages = 0;
        if end != ReadEnd::Closed {
            while let Some(frame) = frame::split(rest, true).unwrap() {
                rest = &rest[frame.len..];
                messages += 1;
            }
            inbox.keep(rest);
        }
        Poll::Ready((messages, end))
    })
    .await
}

#[tokio::test]
async fn a_message_may_come_in_any_two_parts() {
    let (ours, mut theirs) = pair().await;
    let (mut ours, _way_out) = ours.into_split();
    let mut inbox = Inbox::default();
    let message = announce(&block([10, 0, 0, 1].into(), 0), 0..3);
    for cut in 1..message.len() {
        theirs.write_all(&message[..cut]).await.unwrap();
        assert_eq!(read(&mut inbox, &mut ours).await, (0, ReadEnd::Octets(cut)));
        assert_eq!(inbox.tail_len(), cut);
        theirs.write_all(&message[cut..]).await.unwrap();
        theirs.write_all(&KEEPALIVE).await.unwrap();
        let mut messages = 0;
        while messages < 2 {
            messages += read(&mut inbox, &mut ours).await.0;
        }
        assert_eq!(inbox.tail_len(), 0);
        assert_eq!(inbox.tail.capacity(), 0, "an idle session keeps no buffer");
    }
}

#[tokio::test]
async fn the_longest_message_fits_behind_the_longest_tail() {
    let (ours, mut theirs) = pair().await;
    let (mut ours, _way_out) = ours.into_split();
    let mut message = vec![0xff; 16];
    message.extend_from_slice(&u16::MAX.to_be_bytes());
    message.push(2);
    message.resize(usize::from(u16::MAX), 0);
    let sender = tokio::spawn(async move {
        for _ in 0..20 {
            theirs.write_all(&message).await.unwrap();
        }
        theirs.write_all(&message[..message.len() - 1]).await.unwrap();
        theirs
    });
    let mut inbox = Inbox::default();
    let mut messages = 0;
    while messages < 20 || inbox.tail_len() < TAIL_BYTES_MAX - 1 {
        messages += read(&mut inbox, &mut ours).await.0;
    }
    drop(sender.await.unwrap());
    assert_eq!(read(&mut inbox, &mut ours).await.1, ReadEnd::Closed);
    assert_eq!(messages, 20);
    assert_eq!(inbox.tail_len(), TAIL_BYTES_MAX - 1, "cut in the middle of a message");
}
