//! Who asks while the worker has other things to do; turns are counted, not time.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use albedo_rib::query::Query;

use super::*;
use crate::engine::EngineHandle;
use crate::mailbox::MailboxSender;
use crate::query::Routes;

const FAMILY: Family = Family::Ipv4Unicast;

fn poll(routes: &mut Routes) -> Poll<Option<Vec<albedo_rib::Route>>> {
    let next = pin!(routes.next());
    next.poll(&mut Context::from_waker(Waker::noop())).map(|page| page.expect("not stopped"))
}

/// Fills a channel with routes, from a number on.
fn fill(mailbox: &MailboxSender<Letter>, letters: usize, next: &mut u32) {
    while mailbox.len() < letters {
        mailbox.send_blocking(route(PeerId(0), *next));
        *next += 1;
    }
}

/// Turns until a table is in a shard and nothing is left to do.
fn loaded(worker: &mut Worker, shared: &Shared, routes: u32) -> u32 {
    shared.mailboxes[0].send_blocking(up(PeerId(0)));
    let mut next = 0;
    while next < routes {
        fill(&shared.mailboxes[0], 64, &mut next);
        worker.turn();
    }
    while shared.mailboxes[0].len() > 0 {
        worker.turn();
    }
    next
}

#[test]
fn questions_take_no_turn_from_the_input() {
    const LETTERS: usize = BATCH_LETTERS_MAX;
    let (mut worker, shared) = worker(LETTERS);
    let mut next = loaded(&mut worker, &shared, 20_000);
    let handle = EngineHandle::of(Arc::clone(&shared));
    // As many as may, each reading all of the table again and again.
    let mut open: Vec<Routes> =
        (0..crate::QUERIES_MAX).map(|_| handle.routes(Query::best_of(FAMILY)).unwrap()).collect();
    let step = albedo_rib::limits::QUERY_STEP_ENTRIES as u64;
    let looked_at = || shared.stats.queries.entries.load(Ordering::Relaxed);
    let mut pages = 0;
    for _ in 0..200 {
        for routes in &mut open {
            if let Poll::Ready(page) = poll(routes) {
                pages += 1;
                if page.is_none() {
                    *routes = handle
                        .routes(Query::best_of(FAMILY))
                        .unwrap_or_else(|_| panic!("one seat was given back"));
                }
            }
        }
        fill(&shared.mailboxes[0], LETTERS, &mut next);
        let before = (worker.shard.stats(FAMILY).prefixes, looked_at());
        worker.turn();
        let taken = worker.shard.stats(FAMILY).prefixes - before.0;
        assert!(taken >= LETTERS - 1, "all that waited but a word that something was asked");
        assert!(looked_at() - before.1 <= step, "no more is looked at than a turn may");
    }
    assert!(pages > 200, "{pages} pages");
}

#[test]
fn question_is_answered_while_a_table_is_coming_in() {
    let (mut worker, shared) = worker(BATCH_LETTERS_MAX);
    let mut next = loaded(&mut worker, &shared, 10_000);
    let handle = EngineHandle::of(Arc::clone(&shared));
    let mut routes = handle.routes(Query::best_of(FAMILY)).unwrap();
    let (mut turns, mut read) = (0, 0);
    loop {
        match poll(&mut routes) {
            Poll::Ready(None) => break,
            Poll::Ready(Some(page)) => read += page.len(),
            Poll::Pending => {
                fill(&shared.mailboxes[0], BATCH_LETTERS_MAX, &mut next);
                worker.turn();
                turns += 1;
            }
        }
    }
    assert!(read >= 10_000, "{read} routes");
    // A page for each turn, of a table that grows by a quarter page in it.
    let pages = read.div_ceil(albedo_rib::limits::QUERY_PAGE_ROUTES);
    assert!(turns <= pages + 1, "{turns} turns for {pages} pages");
}

#[test]
fn worker_at_rest_is_woken_and_goes_on_without_waiting() {
    let (mut worker, shared) = worker(64);
    worker.query_step = 10;
    loaded(&mut worker, &shared, 25);
    let handle = EngineHandle::of(Arc::clone(&shared));
    let mut open = [(); 3].map(|()| handle.routes(Query::best_of(FAMILY)).unwrap());
    for routes in &mut open {
        assert!(poll(routes).is_pending());
    }
    assert_eq!(shared.mailboxes[0].len(), 1, "one word for all of them");
    worker.turn();
    assert!(worker.is_asked, "the budget was used up by the first one");
    let started = shared.stats.queries.answers.load(Ordering::Relaxed);
    worker.turn();
    worker.turn();
    assert!(!worker.is_asked);
    assert_eq!(shared.stats.queries.answers.load(Ordering::Relaxed) - started, 2);
    for routes in &mut open {
        assert!(matches!(poll(routes), Poll::Ready(Some(page)) if page.len() == 10));
    }
}
