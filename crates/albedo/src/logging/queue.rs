//! Between those who log and whoever reads the log: a bounded queue and a thread.
//!
//! A reader that stands still must not stop the sessions, which all log; so nobody but the thread
//! writes, and what does not fit into the queue is lost and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use albedo_config::LogFormat;
use tracing_subscriber::fmt::MakeWriter;

/// Lines of the log that wait to be written.
pub(super) const LOG_LINES_MAX: usize = 4_096;
/// How long the end of the program waits for them.
const END_MAX: Duration = Duration::from_secs(1);
/// How often a full queue is tried again at the end.
const END_LOOK: Duration = Duration::from_millis(5);

enum Item {
    Line(Box<[u8]>),
    /// Everything before has been written once this is answered.
    End(SyncSender<()>),
}

/// Where lines go in.
#[derive(Clone)]
pub(super) struct Queue {
    items: SyncSender<Item>,
    lost: Arc<AtomicU64>,
}

/// Waits for the lines on their way when it is dropped, though not for long.
pub(crate) struct Rest(SyncSender<Item>);

/// A queue, and the thread that writes from it to `to`.
///
/// # Errors
///
/// The system gives no thread.
pub(super) fn start<W>(to: W, format: LogFormat) -> io::Result<(Queue, Rest)>
where
    W: Write + Send + 'static,
{
    let (items, waiting) = sync_channel(LOG_LINES_MAX);
    let queue = Queue { items, lost: Arc::default() };
    let (lost, rest) = (Arc::clone(&queue.lost), Rest(queue.items.clone()));
    thread::Builder::new().name("log".into()).spawn(move || run(to, format, &waiting, &lost))?;
    Ok((queue, rest))
}

fn run(mut to: impl Write, format: LogFormat, waiting: &Receiver<Item>, lost: &AtomicU64) {
    for item in waiting {
        // Whether anybody reads the log is not this program's business.
        let _ = match item {
            Item::Line(line) => to.write_all(&line),
            Item::End(answer) => {
                let flushed = to.flush();
                // Whoever asked may have given up.
                let _ = answer.try_send(());
                flushed
            }
        };
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            // As above.
            let _ = to.write_all(lost_line(lost, format).as_bytes());
        }
    }
}

fn lost_line(lost: u64, format: LogFormat) -> String {
    let words = "lines of the log were lost because nobody read it fast enough";
    match format {
        LogFormat::Text => format!("WARN {words} lost={lost}\n"),
        LogFormat::Json => {
            format!("{{\"level\":\"WARN\",\"message\":\"{words}\",\"lost\":{lost}}}\n")
        }
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Queue {
    /// One line at a time is written here.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.items.try_send(Item::Line(line.into())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        let deadline = Instant::now() + END_MAX;
        let (answer, answered) = sync_channel(1);
        let mut end = Item::End(answer);
        loop {
            match self.0.try_send(end) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if Instant::now() < deadline => end = back,
                Err(_) => return,
            }
            thread::sleep(END_LOOK);
        }
        // If it takes longer nobody reads the log.
        let _ = answered.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests;
