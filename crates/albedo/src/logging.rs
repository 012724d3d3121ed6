//! The log: text for eyes or JSON for collectors, on standard error.

mod queue;

use std::io::{self, IsTerminal as _};

use albedo_config::{Log, LogFormat, LogLevel};
use anyhow::{Context as _, Result};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, reload};

pub(crate) use queue::Rest;

/// Changes the level while the program runs.
/// The format stays as it was at the start: half a log in JSON helps nobody.
#[derive(Clone, Debug)]
pub(crate) struct LevelHandle(reload::Handle<LevelFilter, Registry>);

impl LevelHandle {
    /// Takes a new level.
    ///
    /// # Errors
    ///
    /// The log is gone, which is only while the program ends.
    pub(crate) fn set(&self, level: LogLevel) -> Result<()> {
        self.0.reload(filter(level)).context("cannot change the log level")
    }
}

/// Starts the log of this process; what is returned beside the level is dropped at the end.
///
/// # Errors
///
/// There is one already, or the system gives no thread.
pub(crate) fn start(log: Log) -> Result<(LevelHandle, Rest)> {
    let colour = io::stderr().is_terminal();
    let (queue, rest) = queue::start(io::stderr(), log.format).context("cannot start the log")?;
    let (subscriber, level) = subscriber(log, colour, queue);
    subscriber.try_init().context("cannot start the log")?;
    Ok((level, rest))
}

/// A log into any writer.
fn subscriber<W>(
    log: Log,
    colour: bool,
    writer: W,
) -> (impl Subscriber + Send + Sync + 'static, LevelHandle)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (level, handle) = reload::Layer::new(filter(log.level));
    let lines = fmt::layer().with_writer(writer).with_ansi(colour);
    let lines = match log.format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    (Registry::default().with(level).with(lines), LevelHandle(handle))
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: Log, body: impl FnOnce(&LevelHandle)) -> Vec<String> {
        let sink = Sink::default();
        let writer = sink.clone();
        let (subscriber, level) = subscriber(log, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || body(&level));
        let octets = sink.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn json_is_one_object_a_line_with_the_fields_at_the_top() {
        let log = Log { level: LogLevel::Info, format: LogFormat::Json };
        let lines = lines(log, |_| tracing::info!(peer = "10.0.0.2", "session up"));
        assert_eq!(lines.len(), 1);
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["message"], "session up");
        assert_eq!(line["peer"], "10.0.0.2");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_level_holds_and_can_be_changed() {
        let log = Log { level: LogLevel::Warn, format: LogFormat::Text };
        let lines = lines(log, |level| {
            tracing::info!("first");
            tracing::warn!("second");
            level.set(LogLevel::Debug).unwrap();
            tracing::debug!("third");
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].ends_with("WARN second"), "{lines:?}");
        assert!(lines[1].ends_with("DEBUG third"), "{lines:?}");
    }
}
