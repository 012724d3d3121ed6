//! The last message arrives even if the peer's own bytes were never read.

use super::*;
use crate::testing::pair;

#[tokio::test]
async fn the_peer_reads_the_last_message_and_an_orderly_end() {
    let (ours, mut theirs) = pair().await;
    // Bytes that nobody reads would turn the close into a reset.
    theirs.write_all(&[1; 100_000]).await.unwrap();
    let end = tokio::spawn(linger(ours, b"the last words".to_vec()));
    let mut heard = Vec::new();
    theirs.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"the last words");
    drop(theirs);
    end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end_is_not_waited_for() {
    let (ours, theirs) = pair().await;
    let begun = tokio::time::Instant::now();
    linger(ours, b"bye".to_vec()).await;
    assert_eq!(begun.elapsed().as_secs(), LINGER_MAX.as_secs());
    drop(theirs);
}
