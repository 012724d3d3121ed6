//! Bounds of connections, and readers that are slow or go.

use super::*;

#[tokio::test]
async fn connections_are_bounded_and_one_more_is_closed_at_once() {
    let served = Served::new(cluster(), V4);
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut stream = served.connect().await;
        assert!(read_answer(&mut stream).await.starts_with("0001 "));
        open.push(stream);
    }
    let mut late = served.connect().await;
    assert_eq!(read_answer(&mut late).await, "");
    assert_eq!(served.stats.refused.load(Ordering::Relaxed), 1);
    assert_eq!(served.stats.open.load(Ordering::Relaxed), CONNECTIONS_MAX as u64);
    // Whoever goes makes room.
    drop(open.pop());
    loop {
        let mut again = served.connect().await;
        if read_answer(&mut again).await.starts_with("0001 ") {
            break;
        }
        tokio::task::yield_now().await;
    }
    served.server.stop().await;
    assert_eq!(served.stats.open.load(Ordering::Relaxed), 0, "they end with the server");
}

#[tokio::test]
async fn line_that_is_too_long_ends_the_connection() {
    let served = Served::new(cluster(), V4);
    let mut stream = served.connect().await;
    read_answer(&mut stream).await;
    stream.write_all(&[b'x'; LINE_MAX]).await.unwrap();
    assert!(read_answer(&mut stream).await.starts_with("9000 Command too long"));
    assert_eq!(read_answer(&mut stream).await, "");
    served.server.stop().await;
}

/// So many pages that no socket's buffers hold them.
fn large(pages: usize) -> Fake {
    let page = |n: usize| {
        (0..1000).map(|m| route(&format!("10.{}.{}.0/24", n, m / 4), 1, true)).collect::<Vec<_>>()
    };
    let mut source = cluster();
    source.pages[0] = (0..pages).map(page).collect();
    source
}

#[tokio::test]
async fn answer_of_a_hundred_thousand_routes_is_streamed() {
    let source = large(100);
    let made = Arc::clone(&source.made);
    let served = Served::new(source, V4);
    let mut stream = served.connect().await;
    read_answer(&mut stream).await;
    stream.write_all(b"show route\n").await.unwrap();
    // Nobody reads: pages are made until the socket's buffers are full, and then no more.
    let mut before = usize::MAX;
    while made.load(Ordering::Relaxed) != before || before == 0 {
        before = made.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(before < 50, "{before} pages for a reader that reads none");
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.lines().count(), 100_001);
    assert_eq!(made.load(Ordering::Relaxed), 100);
    // The connection is as good as before.
    stream.write_all(b"show status\n").await.unwrap();
    assert!(read_answer(&mut stream).await.contains("0013 "));
    served.server.stop().await;
}

#[tokio::test]
async fn reader_that_goes_ends_its_answer() {
    let source = large(100);
    let made = Arc::clone(&source.made);
    let served = Served::new(source, V4);
    let mut stream = served.connect().await;
    read_answer(&mut stream).await;
    stream.write_all(b"show route\n").await.unwrap();
    let mut some = [0; 1000];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    while served.stats.open.load(Ordering::Relaxed) > 0 {
        tokio::task::yield_now().await;
    }
    assert!(made.load(Ordering::Relaxed) < 50);
    assert_eq!(served.stats.slow.load(Ordering::Relaxed), 0);
    served.server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn reader_that_reads_nothing_is_cut_and_disturbs_nobody() {
    let served = Served::new(large(100), V4);
    let mut slow = served.connect().await;
    read_answer(&mut slow).await;
    slow.write_all(b"show route\n").await.unwrap();
    let mut other = served.connect().await;
    read_answer(&mut other).await;
    while served.stats.slow.load(Ordering::Relaxed) == 0 {
        other.write_all(b"show status\n").await.unwrap();
        assert!(read_answer(&mut other).await.contains("0013 "));
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(served.stats.open.load(Ordering::Relaxed), 1, "the other one is there still");
    let asked = served.stats.commands.load(Ordering::Relaxed);
    let waits = Duration::from_secs(5 * asked);
    assert!(waits >= WRITE_MAX, "it had its time: {waits:?}");
    served.server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn connection_without_commands_is_closed_at_last() {
    let served = Served::new(cluster(), V4);
    let mut stream = served.connect().await;
    read_answer(&mut stream).await;
    assert_eq!(read_answer(&mut stream).await, "");
    assert_eq!(served.stats.slow.load(Ordering::Relaxed), 0);
    served.server.stop().await;
}

#[test]
fn bounds_leave_room_for_other_readers_of_the_tables() {
    const { assert!(CONNECTIONS_MAX < albedo_engine::QUERIES_MAX) };
    assert_eq!(AtomicU64::new(0).into_inner(), BirdStats::default().slow.into_inner());
}
