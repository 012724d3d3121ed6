//! On the runtime's paused clock, which jumps from timer to timer.

use std::future::poll_fn;
use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Polls like a driver: wakes up, looks at the time and at the deadline, waits again.
async fn wakes_until(
    timer: &mut Timer,
    start: tokio::time::Instant,
    deadline: &dyn Fn(u32) -> Instant,
) -> u32 {
    let mut wakes = 0;
    poll_fn(|cx| {
        let now = Instant::ZERO + start.elapsed();
        let poll = timer.poll(cx, now, Some(deadline(wakes)));
        wakes += 1;
        poll
    })
    .await;
    wakes
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_moves_away_costs_one_early_wake() {
    let start = tokio::time::Instant::now();
    let mut timer = Timer::new();
    // Set to 3 s at first; when that goes off the deadline has moved to 5 s.
    let deadline = |wakes| Instant::ZERO + if wakes == 0 { 3 * SECOND } else { 5 * SECOND };
    let wakes = wakes_until(&mut timer, start, &deadline).await;
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(wakes, 3, "set, early, due");
}

#[tokio::test(start_paused = true)]
async fn an_earlier_deadline_is_kept() {
    let start = tokio::time::Instant::now();
    let mut timer = Timer::new();
    let far = Some(Instant::ZERO + 90 * SECOND);
    poll_fn(|cx| {
        assert!(timer.poll(cx, Instant::ZERO, far).is_pending());
        Poll::Ready(())
    })
    .await;
    wakes_until(&mut timer, start, &|_| Instant::ZERO + SECOND).await;
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn without_a_deadline_it_never_goes_off() {
    let mut timer = Timer::new();
    poll_fn(|cx| {
        assert!(timer.poll(cx, Instant::ZERO, None).is_pending());
        Poll::Ready(())
    })
    .await;
}
