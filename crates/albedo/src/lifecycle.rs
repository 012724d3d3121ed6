//! A reflector with its configuration: start, reload, stop, and what others may ask about it.
//!
//! A reload is all or nothing: the new configuration is read and compared first, and whatever
//! cannot change while the program runs makes it refused, with the old one staying in force.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use albedo_api::Metrics;
use albedo_config::Config;
use albedo_session::{Applied, Farewell};
use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::assemble;
use crate::reflector::Reflector;
use crate::source::{Source, Standing};

/// How often the start is looked at until it has converged.
const STARTUP_LOOK: Duration = Duration::from_millis(100);

/// A reflector that runs by a configuration.
#[derive(Debug)]
pub(crate) struct Running {
    reflector: Reflector,
    source: Arc<Source>,
    config: Config,
    admin: Option<Admin>,
    startup: JoinHandle<()>,
}

/// The administrative server.
#[derive(Debug)]
struct Admin {
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Starts everything that the configuration says; `file` is where it came from.
    ///
    /// # Errors
    ///
    /// An address cannot be bound, or the system gives no threads.
    pub(crate) async fn start(config: Config, file: &Path) -> Result<Self> {
        let clusters = albedo_engine::mark_of(&assemble::clusters(&config));
        let settings = assemble::settings(&config, clusters)?;
        // Before the first node can see anything: whatever can fail fails here.
        let listener = match config.admin.http {
            Some(addr) => Some(Admin::bind(addr).await?),
            None => None,
        };
        let reflector = Reflector::start(&assemble::engine_config(&config, seed()), settings)?;
        let standing = Standing::new(&config, file);
        let source = Source::new(reflector.engine(), reflector.server().clone(), standing);
        let source = Arc::new(source);
        let admin = match listener {
            Some(listener) => Some(Admin::start(listener, Arc::clone(&source), config.shards)?),
            None => None,
        };
        let watched = Arc::clone(&source);
        let startup = tokio::spawn(async move {
            while !watched.look_at_startup() {
                tokio::time::sleep(STARTUP_LOOK).await;
            }
        });
        Ok(Self { reflector, source, config, admin, startup })
    }

    /// What is known of it.
    pub(crate) const fn reflector(&self) -> &Reflector {
        &self.reflector
    }

    /// What others may ask about it.
    #[cfg(test)]
    pub(crate) const fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Reads the file again and takes what is new, or refuses all of it.
    ///
    /// # Errors
    ///
    /// Every fault of the file, or what cannot be changed while the program runs.
    pub(crate) fn reload(&mut self, file: &Path) -> Result<Applied> {
        let taken = albedo_config::load(file)
            .map_err(|faults| anyhow::anyhow!("{faults}"))
            .and_then(|config| self.apply(config));
        match &taken {
            Ok(_) => self.source.reload_taken(&self.config),
            Err(error) => self.source.reload_refused(&format!("{error:#}")),
        }
        taken
    }

    /// Takes new settings.
    fn apply(&mut self, config: Config) -> Result<Applied> {
        self.refuse_fixed(&config)?;
        let engine = self.reflector.engine();
        // Those that were ours stay so: what was reflected under them may still come back.
        let clusters = assemble::clusters(&config);
        engine.add_clusters(&clusters).context("clusterId: another one needs a restart")?;
        let settings = assemble::settings(&config, engine.clusters_mark())?;
        let applied = self.reflector.server().apply(settings)?;
        self.reflector.engine().set_pacing(config.pacing.max);
        self.config = config;
        Ok(applied)
    }

    /// What is fixed for the life of the process.
    fn refuse_fixed(&self, new: &Config) -> Result<()> {
        let old = &self.config;
        if new.shards != old.shards {
            bail!("shards: {} instead of {} needs a restart", new.shards, old.shards);
        }
        if new.admin != old.admin {
            bail!("admin.http: another address needs a restart");
        }
        Ok(())
    }

    /// The configuration in force.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// Stops in order; whether everything ended in time.
    pub(crate) async fn stop(self, farewell: &Farewell) -> bool {
        let Self { reflector, source, admin, startup, .. } = self;
        startup.abort();
        source.stopping();
        drop(source);
        let clean = reflector.stop(farewell).await;
        if let Some(admin) = admin {
            // Answers until the end, so that a probe sees why the reflector is not ready.
            admin.stop().await;
        }
        clean
    }
}

impl Admin {
    async fn bind(addr: SocketAddr) -> Result<TcpListener> {
        TcpListener::bind(addr)
            .await
            .with_context(|| format!("admin.http: cannot listen on {addr}"))
    }

    fn start(listener: TcpListener, source: Arc<Source>, shards: usize) -> Result<Self> {
        // The port that was chosen where 0 was asked for.
        let addr = listener.local_addr().context("admin.http")?;
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), shards).context("metrics")?;
        let (stop, stopped) = oneshot::channel();
        let until = async move {
            // An error means that the other side is gone, which is a stop as well.
            let _ = stopped.await;
        };
        let task = tokio::spawn(albedo_api::serve(listener, source, metrics, until));
        tracing::info!(%addr, "metrics, health and status over HTTP");
        Ok(Self { stop, task })
    }

    async fn stop(self) {
        // If the server has ended by itself there is nobody to tell.
        let _ = self.stop.send(());
        let task = self.task;
        let abort = task.abort_handle();
        if tokio::time::timeout(Duration::from_secs(1), task).await.is_err() {
            abort.abort();
        }
    }
}

/// A number that peers cannot know, so that they cannot choose prefixes that collide.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}
