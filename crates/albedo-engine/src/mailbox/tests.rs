use super::*;
use std::sync::atomic::AtomicUsize;
use std::task::{Wake, Waker};

#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A letter has a route for each full thousand of its number.
impl Weigh for u32 {
    fn routes(&self) -> usize {
        (*self / 1_000) as usize
    }
}

/// A sender as a session is one.
struct Session {
    count: Arc<Count>,
    waiter: Option<Arc<Waiter>>,
}

impl Session {
    fn new() -> Self {
        Self { count: Arc::new(Count::default()), waiter: None }
    }

    fn send(&mut self, to: &MailboxSender<u32>, letter: u32) -> Sent<u32> {
        let waker = Waker::from(Arc::clone(&self.count));
        to.try_send(letter, &mut self.waiter, &Context::from_waker(&waker))
    }
}

fn letters(mailbox: &mut Mailbox<u32>) -> Vec<u32> {
    let next = || match mailbox.try_receive() {
        Received::Letter(letter) => Some(letter),
        Received::Timeout | Received::Closed => None,
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn a_full_channel_keeps_the_letter_and_wakes_once_there_is_space() {
    let (sender, mut mailbox) = mailbox(2);
    let mut session = Session::new();
    assert!(matches!(session.send(&sender, 1), Sent::Yes));
    assert!(matches!(session.send(&sender, 2), Sent::Yes));
    assert!(matches!(session.send(&sender, 3), Sent::Full(3)));
    assert!(matches!(session.send(&sender, 3), Sent::Full(3)));
    mailbox.drained();
    assert_eq!(session.count.get(), 0, "there is no space yet");
    assert!(matches!(mailbox.try_receive(), Received::Letter(1)));
    mailbox.drained();
    assert_eq!(session.count.get(), 1, "one waker, however often it asked");
    assert!(matches!(session.send(&sender, 3), Sent::Yes));
    mailbox.drained();
    assert_eq!(session.count.get(), 1);
    drop(mailbox);
    assert!(matches!(session.send(&sender, 4), Sent::Gone));
}

#[test]
fn thousands_that_wait_are_woken_as_there_is_space_and_not_all_each_time() {
    const SESSIONS: usize = 2000;
    const SPACE: usize = 8;
    let (sender, mut mailbox) = mailbox(SPACE);
    let mut sessions: Vec<Session> = (0..SESSIONS).map(|_| Session::new()).collect();
    let mut trying: Vec<usize> = (0..SESSIONS).collect();
    let mut parked: Vec<usize> = Vec::new();
    let mut got = Vec::new();
    while got.len() < SESSIONS {
        assert!(!trying.is_empty(), "nobody is woken, {} wait", parked.len());
        for n in trying {
            let before = sessions[n].count.get();
            let letter = u32::try_from(n).expect("few");
            if matches!(sessions[n].send(&sender, letter), Sent::Full(_)) {
                assert_eq!(sessions[n].count.get(), before);
                parked.push(n);
            }
        }
        let before: Vec<usize> = sessions.iter().map(|session| session.count.get()).collect();
        got.extend(letters(&mut mailbox));
        mailbox.drained();
        let woken = |n: &usize| sessions[*n].count.get() > before[*n];
        (trying, parked) = parked.into_iter().partition(woken);
    }
    let woken: usize = sessions.iter().map(|session| session.count.get()).sum();
    assert!(woken <= SESSIONS, "{woken} wake-ups for {SESSIONS} letters");
    got.sort_unstable();
    assert!(got.into_iter().eq(0..u32::try_from(SESSIONS).expect("few")));
}

#[test]
fn senders_that_were_woken_and_never_came_keep_nobody_waiting() {
    let (sender, mut mailbox) = mailbox(2);
    let mut sessions: Vec<Session> = (0..9).map(|_| Session::new()).collect();
    for (n, session) in (0..).zip(&mut sessions) {
        let _ = session.send(&sender, n);
    }
    assert_eq!(letters(&mut mailbox), [0, 1]);
    for turn in 1..=4 {
        assert!(mailbox.is_wanted());
        mailbox.drained();
        let woken = sessions.iter().filter(|session| session.count.get() > 0).count();
        assert_eq!(woken, (2 * turn).min(7), "two more, in the order in which they came");
    }
    assert!(!mailbox.is_wanted());
}

#[test]
fn last_letter_waits_for_nobody_and_comes_behind_what_was_sent_before() {
    let (sender, mut mailbox) = mailbox(3);
    for letter in 0..3 {
        sender.send_blocking(letter);
    }
    for letter in [10, 11] {
        sender.send_last(letter);
    }
    assert!(matches!(mailbox.try_receive(), Received::Letter(0)));
    // What is sent from now on may come before or behind it.
    sender.send_blocking(3);
    sender.send_last(12);
    let order = letters(&mut mailbox);
    let place = |letter| order.iter().position(|other| *other == letter).expect("received");
    assert_eq!(order.len(), 6, "{order:?}");
    assert!(place(2) < place(10) && place(10) < place(11) && place(3) < place(12), "{order:?}");
    sender.send_last(20);
    assert!(matches!(mailbox.receive(Duration::ZERO), Received::Letter(20)));
    assert!(mailbox.take_beside().is_empty());
}

#[test]
fn letters_and_last_letters_of_many_threads_come_in_order_and_none_is_lost() {
    const SENDERS: u32 = 4;
    const ROUNDS: u32 = 300;
    let (sender, mut mailbox) = mailbox(2);
    std::thread::scope(|scope| {
        for n in 0..SENDERS {
            let sender = sender.clone();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let first = 4 * (n * ROUNDS + round);
                    for letter in first..first + 2 {
                        sender.send_blocking(letter);
                    }
                    sender.send_last(first + 2);
                }
            });
        }
        let mut seen = vec![0; (SENDERS * ROUNDS) as usize];
        for _ in 0..3 * SENDERS * ROUNDS {
            // Longer than anything takes: a letter that nobody is woken for would be lost.
            let Received::Letter(letter) = mailbox.receive(Duration::from_secs(60)) else {
                panic!("a letter is lost");
            };
            let round = &mut seen[(letter / 4) as usize];
            assert_eq!(*round, letter % 4, "in the order in which one sender sent them");
            *round += 1;
        }
    });
    assert!(matches!(mailbox.try_receive(), Received::Timeout));
    assert!(mailbox.take_beside().is_empty());
}

#[test]
fn a_channel_full_of_routes_takes_letters_without_and_wakes_once_they_are_taken_out() {
    const HALF: u32 = 1_000 * (MAILBOX_ROUTES_MAX as u32 / 2);
    let (sender, mut mailbox) = mailbox(8);
    let mut session = Session::new();
    assert!(matches!(session.send(&sender, HALF - 1_000), Sent::Yes));
    assert!(matches!(session.send(&sender, HALF), Sent::Yes));
    assert!(matches!(session.send(&sender, HALF), Sent::Yes), "it comes to the bound");
    assert!(matches!(session.send(&sender, 1_000), Sent::Full(1_000)));
    assert!(matches!(session.send(&sender, 1), Sent::Yes), "it has no routes");
    sender.send_last(2);
    sender.nudge(3);
    assert_eq!(sender.len(), 6);
    assert!(matches!(mailbox.try_receive(), Received::Letter(_)));
    mailbox.drained();
    assert_eq!(session.count.get(), 1);
    assert!(
        matches!(session.send(&sender, 1_000), Sent::Full(1_000)),
        "there are as many as may be"
    );
    assert_eq!(letters(&mut mailbox), [HALF, HALF, 1, 2, 3]);
    mailbox.drained();
    assert_eq!(session.count.get(), 2);
    assert!(matches!(session.send(&sender, 1_000), Sent::Yes));
    assert_eq!(letters(&mut mailbox), [1_000]);
    assert_eq!(sender.space.routes.load(Ordering::SeqCst), 0, "none is counted that is not there");
}

#[test]
fn a_letter_that_finds_no_space_leaves_no_routes_counted() {
    let (sender, mut mailbox) = mailbox(1);
    let mut session = Session::new();
    assert!(matches!(session.send(&sender, 1), Sent::Yes));
    assert!(matches!(session.send(&sender, 5_000), Sent::Full(5_000)));
    sender.nudge(7_000);
    assert_eq!(sender.space.routes.load(Ordering::SeqCst), 0);
    assert_eq!(letters(&mut mailbox), [1]);
    drop(mailbox);
    assert!(matches!(session.send(&sender, 5_000), Sent::Gone));
    assert_eq!(sender.space.routes.load(Ordering::SeqCst), 0);
}
