//! Engine and sessions together, without anything around them: what `run` and `demo` share.
//!
//! Stopping goes in the order of the data: no new sessions, then what is under way to the peers,
//! then the sessions, then the shards, so that no step waits for one that has ended.

use std::time::Duration;

use albedo_engine::{Engine, EngineConfig, EngineHandle};
use albedo_session::{Farewell, Inherited, Restart, Server, Settings};
use anyhow::{Context as _, Result};

/// How long a stop waits for changes that are under way.
pub(crate) const FLUSH_MAX: Duration = Duration::from_secs(1);
/// How long a stop waits for sessions to end.
pub(crate) const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// How often a stop looks whether changes are still under way.
const FLUSH_LOOK: Duration = Duration::from_millis(5);

/// A running reflector.
#[derive(Debug)]
pub(crate) struct Reflector {
    engine: Engine,
    server: Server,
}

impl Reflector {
    /// Starts the shards, binds the listeners and starts the configured peers; needs a runtime to
    /// run in.
    ///
    /// # Errors
    ///
    /// No threads, or an address that cannot be bound.
    pub(crate) fn start(
        config: &EngineConfig,
        settings: Settings,
        restart: Restart,
        inherited: Inherited,
    ) -> Result<Self> {
        let engine = Engine::start(config).context("cannot start the shards")?;
        match Server::start_with(settings, engine.handle(), restart, inherited) {
            Ok(server) => Ok(Self { engine, server }),
            Err(error) => {
                let _ = engine.stop();
                Err(error.into())
            }
        }
    }

    /// The sessions.
    pub(crate) const fn server(&self) -> &Server {
        &self.server
    }

    /// A way to the shards.
    pub(crate) fn engine(&self) -> EngineHandle {
        self.engine.handle()
    }

    /// Stops in order; whether every session ended in time and nothing was left in the shards.
    pub(crate) async fn stop(self, farewell: &Farewell) -> bool {
        let Self { engine, server } = self;
        let handle = engine.handle();
        // What is told from here on is what came in before.
        server.stop_accepting();
        let under_way = async {
            while handle.oldest_undelivered().is_some() {
                tokio::time::sleep(FLUSH_LOOK).await;
            }
        };
        // A peer that does not read is not waited for.
        let _ = tokio::time::timeout(FLUSH_MAX, under_way).await;
        let gone = server.stop(farewell, FAREWELL_MAX).await;
        drop((server, handle));
        let empty = tokio::task::spawn_blocking(|| engine.stop()).await.unwrap_or(false);
        gone && empty
    }
}
