//! A reflector with its configuration: start, reload, stop, and what others may ask about it.
//!
//! A reload is all or nothing: the new configuration is read and compared first, and whatever
//! cannot change while the program runs makes it refused, with the old one staying in force.

use std::sync::Arc;
use std::time::Duration;

use albedo_api::bird::{BirdServer, BirdSource, View};
use albedo_api::guard::Places;
use albedo_api::socket::Prepared;
use albedo_api::{Control, Metrics, StatusSource};
use albedo_config::{Config, Diagnostics, ShutdownMode};
use albedo_grpc::GrpcServer;
use albedo_session::{Applied, Farewell, Inherited};
use anyhow::{Context as _, Result, bail};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::assemble;
use crate::calico::{self, Follower};
use crate::doors::Doors;
use crate::drain::{self, Drain};
use crate::keeper::{Keeper, epoch_seconds};
use crate::reflector::Reflector;
use crate::source::{Hands, Source, Standing};

/// How often the start is looked at until it has converged.
const STARTUP_LOOK: Duration = Duration::from_millis(100);

/// A reflector that runs by a configuration.
#[derive(Debug)]
pub(crate) struct Running {
    reflector: Reflector,
    source: Arc<Source>,
    config: Config,
    admin: Option<Admin>,
    /// Held open while it runs.
    _doors: Doors,
    bird: Option<BirdServer>,
    grpc: Option<GrpcServer>,
    startup: JoinHandle<()>,
    /// What is done for a Calico cluster that peers come from: the check of announced blocks, and
    /// the status of our Node.
    cluster: Vec<JoinHandle<()>>,
    drain: Arc<Drain>,
    roster: Option<Kept>,
}

/// A roster, and the task that keeps it true.
#[derive(Debug)]
struct Kept {
    keeper: Arc<Keeper>,
    task: JoinHandle<()>,
}

/// The administrative server.
#[derive(Debug)]
pub(crate) struct Admin {
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

/// What is there before a start.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Where the administrative server is asked.
    pub(crate) doors: Doors,
    /// The cluster that peers come from.
    pub(crate) cluster: Option<Arc<calico::Shared>>,
    /// Sockets for sessions that were passed on.
    pub(crate) inherited: Inherited,
    /// What only whoever runs the program can do.
    pub(crate) hands: Option<Hands>,
}

impl Running {
    /// Starts everything that the configuration says; `file` is where it came from.
    ///
    /// # Errors
    ///
    /// An address cannot be bound, or the system gives no threads.
    pub(crate) fn start(config: Config, file: &str) -> Result<Self> {
        let doors = Doors::open(&config.admin)?;
        Self::start_with(config, file, Given { doors, ..Given::default() })
    }

    /// The same with what is there already.
    ///
    /// # Errors
    ///
    /// As [`Running::start`], and a socket that was passed on and is not listened to.
    pub(crate) fn start_with(config: Config, file: &str, given: Given) -> Result<Self> {
        let Given { doors, cluster, inherited, hands } = given;
        let clusters = albedo_engine::mark_of(&assemble::clusters(&config));
        let settings = assemble::settings(&config, clusters)?;
        let prepared = Prepared::new(&assemble::bird_places(&config), &[]).context(BIRD)?;
        let keeper = config.restart.roster_file.as_deref().map(Keeper::new);
        let restart = match &keeper {
            Some(keeper) => {
                keeper.ask(|roster| assemble::restart(&config, Some(roster), epoch_seconds()))
            }
            None => assemble::restart(&config, None, epoch_seconds()),
        };
        let engine = assemble::engine_config(&config, seed());
        let reflector = Reflector::start(&engine, settings, restart, inherited)?;
        let server = reflector.server();
        let drain = Drain::new(server.clone(), &config.shutdown.message);
        let roster = keeper.as_ref().map(|keeper| Kept {
            keeper: Arc::clone(keeper),
            task: tokio::spawn(Arc::clone(keeper).run(server.clone(), Arc::clone(&drain))),
        });
        let standing = Standing::new(&config, file);
        let (engine, server) = (reflector.engine(), server.clone());
        let mut tasks = Vec::new();
        if let Some(cluster) = cluster.clone() {
            let check = calico::ipam::watch(cluster, engine.clone(), server.clone());
            tasks.push(tokio::spawn(check));
        }
        let asker = cluster.as_ref().and_then(|cluster| cluster.asker());
        let source =
            Source::new(engine, server, Arc::clone(&drain), keeper, cluster, standing, hands);
        let source = Arc::new(source);
        if let Some(asker) = asker {
            let source: Arc<dyn BirdSource> = Arc::<Source>::clone(&source);
            tasks.push(tokio::spawn(calico::node_status::fill(asker, source)));
        }
        let admin = if doors.are_open() {
            let control: Arc<dyn Control> = Arc::<Source>::clone(&source);
            let answers = Arc::<Source>::clone(&source);
            Some(Admin::start(&doors, answers, control, source.http_places(), config.shards)?)
        } else {
            None
        };
        let grpc = start_grpc(&doors, &source)?;
        let bird = Some(start_bird(prepared, &source)?);
        let watched = Arc::clone(&source);
        let startup = tokio::spawn(async move {
            while !watched.look_at_startup() {
                tokio::time::sleep(STARTUP_LOOK).await;
            }
        });
        Ok(Self {
            reflector,
            source,
            config,
            admin,
            _doors: doors,
            bird,
            grpc,
            startup,
            cluster: tasks,
            drain,
            roster,
        })
    }

    /// What is known of it.
    pub(crate) const fn reflector(&self) -> &Reflector {
        &self.reflector
    }

    /// What others may ask about it.
    pub(crate) const fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Takes what is new in a file that was read again, or refuses all of it.
    ///
    /// # Errors
    ///
    /// Every fault of the file, or what cannot be changed while the program runs.
    pub(crate) fn reload(
        &mut self,
        read: Result<Config, Diagnostics>,
        cluster: Option<&mut Follower>,
    ) -> Result<Applied> {
        let taken = read
            .map_err(|faults| anyhow::anyhow!("{faults}"))
            .and_then(|config| match (cluster, &config.calico) {
                (Some(cluster), _) => cluster.rebase(config),
                (None, None) => Ok(config),
                (None, Some(_)) => bail!("calico: to begin with it needs a restart"),
            })
            .and_then(|config| self.apply(config));
        match &taken {
            Ok(_) => self.source.reload_taken(&self.config),
            Err(error) => self.source.reload_refused(&format!("{error:#}")),
        }
        taken
    }

    /// Takes what the cluster says now.
    ///
    /// # Errors
    ///
    /// What cannot be changed while the program runs; everything stays as it was.
    pub(crate) fn follow(&mut self, config: Config) -> Result<Applied> {
        self.apply(config)
    }

    /// Takes new settings.
    fn apply(&mut self, config: Config) -> Result<Applied> {
        self.refuse_fixed(&config)?;
        let engine = self.reflector.engine();
        // Those that were ours stay so: what was reflected under them may still come back.
        let clusters = assemble::clusters(&config);
        engine.add_clusters(&clusters).context("clusterId: another one needs a restart")?;
        let settings = assemble::settings(&config, engine.clusters_mark())?;
        let places = assemble::bird_places(&config);
        let old = assemble::bird_places(&self.config);
        // What can fail fails before anything is taken.
        let prepared = if places == old {
            None
        } else {
            let ours: Vec<_> = old.into_iter().map(|place| place.path).collect();
            Some(Prepared::new(&places, &ours).context(BIRD)?)
        };
        let applied = self.reflector.server().apply(settings)?;
        if let Some(prepared) = prepared {
            self.move_bird(prepared);
        }
        self.reflector.engine().set_pacing(config.pacing.max);
        self.drain.set_message(&config.shutdown.message);
        self.source.groups_taken(&config);
        self.config = config;
        Ok(applied)
    }

    /// What another configuration's sessions would be.
    ///
    /// # Errors
    ///
    /// What cannot be changed while the program runs.
    pub(crate) fn settings_of(&self, config: &Config) -> Result<albedo_session::Settings> {
        self.refuse_fixed(config)?;
        assemble::settings(config, self.reflector.engine().clusters_mark())
    }

    /// Goes over to other sockets; those that were there before are gone then.
    fn move_bird(&mut self, prepared: Prepared<View>) {
        match start_bird(prepared, &self.source) {
            Ok(bird) => self.bird = Some(bird),
            // They were made, so only somebody who took the folder away can be the reason.
            Err(error) => {
                self.bird = None;
                tracing::error!(error = format!("{error:#}"), "nobody answers as BIRD any more");
            }
        }
    }

    /// What is fixed for the life of the process.
    fn refuse_fixed(&self, new: &Config) -> Result<()> {
        let old = &self.config;
        if new.shards != old.shards {
            bail!("shards: {} instead of {} needs a restart", new.shards, old.shards);
        }
        if new.admin.http != old.admin.http {
            bail!("admin.http: another address needs a restart");
        }
        if new.admin.socket != old.admin.socket {
            bail!("admin.socket: another one needs a restart");
        }
        if new.admin.grpc != old.admin.grpc {
            bail!("admin.grpc: another one needs a restart");
        }
        if new.restart != old.restart {
            bail!("restart: how this life began is settled, another value needs a restart");
        }
        Ok(())
    }

    /// The configuration in force.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// How sessions are to be ended, by the configuration and by who is there.
    pub(crate) fn farewell(&self) -> Farewell {
        let mates = drain::mates(&self.reflector.server().snapshot());
        let is_told = match self.config.shutdown.mode {
            ShutdownMode::Final => true,
            ShutdownMode::Graceful => false,
            // Whoever is left takes over, and nothing stale is kept; or nobody is left, and what
            // is kept is all there is.
            ShutdownMode::Auto => mates > 0,
        };
        let mode = self.config.shutdown.mode.name();
        let farewell = if is_told { "cease" } else { "silence" };
        tracing::info!(mode, mates, farewell, "taking leave");
        if is_told {
            Farewell::Shutdown { text: self.config.shutdown.message.clone() }
        } else {
            Farewell::Restart
        }
    }

    /// Stops in order; whether everything ended in time.
    pub(crate) async fn stop(self, farewell: &Farewell) -> bool {
        let Self { reflector, source, admin, bird, grpc, startup, cluster, roster, drain, .. } =
            self;
        startup.abort();
        for task in cluster {
            task.abort();
        }
        source.stopping();
        drop(source);
        if let Some(Kept { keeper, task }) = roster {
            // While everybody is still there.
            task.abort();
            keeper.last_look(reflector.server(), &drain).await;
        }
        drop(drain);
        let clean = reflector.stop(farewell).await;
        if let Some(bird) = bird {
            bird.stop().await;
        }
        if let Some(grpc) = grpc {
            grpc.stop().await;
        }
        if let Some(admin) = admin {
            // Answers until the end, so that a probe sees why the reflector is not ready.
            admin.stop().await;
        }
        clean
    }
}

/// The key whose sockets they are.
const BIRD: &str = "admin.bird";

fn start_bird(prepared: Prepared<View>, source: &Arc<Source>) -> Result<BirdServer> {
    let stats = Arc::clone(source.bird_stats());
    let source: Arc<dyn BirdSource> = Arc::<Source>::clone(source);
    BirdServer::start(prepared, &source, &stats).context(BIRD)
}

/// Answers as GoBGP, where that is on.
fn start_grpc(doors: &Doors, source: &Arc<Source>) -> Result<Option<GrpcServer>> {
    let Some(doors) = doors.grpc()? else { return Ok(None) };
    let addr = doors.tcp.as_ref().map(tokio::net::TcpListener::local_addr);
    let addr = addr.transpose().context("admin.grpc.listen")?;
    let places = source.grpc_places();
    let source: Arc<dyn StatusSource> = Arc::<Source>::clone(source);
    let server = GrpcServer::start(doors, &source, places);
    if let Some(addr) = addr {
        tracing::info!(%addr, "GoBGP's interface over gRPC");
    }
    Ok(Some(server))
}

impl Admin {
    pub(crate) fn start(
        doors: &Doors,
        source: Arc<dyn StatusSource>,
        control: Arc<dyn Control>,
        places: &Places,
        shards: usize,
    ) -> Result<Self> {
        let listeners = doors.listeners(places)?;
        // The port that was chosen where 0 was asked for.
        let addr = listeners.http.as_ref().map(tokio::net::TcpListener::local_addr);
        let addr = addr.transpose().context("admin.http")?;
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), shards).context("metrics")?;
        let (stop, stopped) = oneshot::channel();
        let until = async move {
            // An error means that the other side is gone, which is a stop as well.
            let _ = stopped.await;
        };
        let task = tokio::spawn(albedo_api::serve(listeners, source, control, metrics, until));
        if let Some(addr) = addr {
            tracing::info!(%addr, "metrics, health and status over HTTP");
        }
        Ok(Self { stop, task })
    }

    pub(crate) async fn stop(self) {
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
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}
