use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn commands_come_in_order_up_to_the_bound() {
    let (sender, mut receiver) = channel(2);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let cx = Context::from_waker(&waker);
    let woken = || count.0.load(Ordering::SeqCst);
    assert!(receiver.poll(&cx).is_pending() && receiver.is_empty());
    assert_eq!(
        (sender.room(), sender.send(1), sender.send(2), sender.send(3)),
        (2, Ok(()), Ok(()), Err(3))
    );
    assert_eq!((woken(), sender.room()), (1, 0));
    assert_eq!(
        (receiver.poll(&cx), receiver.poll(&cx)),
        (Poll::Ready(Some(1)), Poll::Ready(Some(2)))
    );
    assert!(receiver.poll(&cx).is_pending());
    assert_eq!((sender.send(4), woken()), (Ok(()), 2));
    drop(sender);
    assert_eq!((receiver.poll(&cx), receiver.poll(&cx)), (Poll::Ready(Some(4)), Poll::Ready(None)));
}

#[test]
fn the_end_wakes_too() {
    let (sender, mut receiver) = channel::<u8>(1);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let cx = Context::from_waker(&waker);
    assert!(receiver.poll(&cx).is_pending());
    drop(sender);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(receiver.poll(&cx), Poll::Ready(None));
}

#[test]
fn a_closed_end_gives_commands_back_and_can_be_emptied() {
    let (sender, mut receiver) = channel(4);
    assert_eq!(sender.send(1), Ok(()));
    receiver.close();
    assert_eq!((sender.send(2), sender.room()), (Err(2), 0));
    assert_eq!((receiver.take(), receiver.take()), (Some(1), None));
    let (sender, receiver) = channel(4);
    drop(receiver);
    assert_eq!(sender.send(1), Err(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_is_overlooked() {
    const COMMANDS: u32 = 20_000;
    let (sender, mut receiver) = channel(3);
    let giver = std::thread::spawn(move || {
        for n in 0..COMMANDS {
            let mut command = n;
            while let Err(back) = sender.send(command) {
                command = back;
                std::thread::yield_now();
            }
        }
    });
    let taker = tokio::spawn(async move {
        let mut next = 0;
        while let Some(command) = poll_fn(|cx| receiver.poll(cx)).await {
            assert_eq!(command, next);
            next += 1;
        }
        next
    });
    // A command that nobody is woken for would leave the taker asleep for ever.
    assert_eq!(taker.await.unwrap(), COMMANDS);
    giver.join().unwrap();
}
