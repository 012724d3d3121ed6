//! `albedo run`: from the configuration to a running reflector, and its signals.

use std::process::ExitCode;
use std::sync::Arc;

use albedo_api::guard::Places;
use albedo_config::Config;
use albedo_session::{Inherited, sockopt};
use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::calico::{Follower, Waiting};
use crate::cli::{self, ConfigArgs};
use crate::doors::Doors;
use crate::lifecycle::{Admin, Given, Running};
use crate::logging::{self, LevelHandle};
use crate::memory;
use crate::reload::Reloader;
use crate::service;
use crate::source::{Hands, RELOADS_MAX, Reload, Source};

/// Descriptors beside those of sessions: listeners, the log, the runtime, admin connections.
const OTHER_DESCRIPTORS: u64 = 256;

/// Runs until told to stop.
pub(crate) fn run(args: &ConfigArgs) -> Result<ExitCode> {
    let config = match args.load() {
        Ok(config) => config,
        Err(faults) => {
            cli::complain(&faults.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    // While there is one thread, since it takes variables out of the environment.
    let inherited = service::inherited()?;
    // The last lines are written when this ends.
    let (level, _rest) = logging::start(config.log)?;
    check_descriptors(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("session")
        .build()
        .context("cannot start threads")?;
    let code = runtime.block_on(serve(args, config, &level, inherited));
    // What has not ended by now was given its time.
    runtime.shutdown_background();
    code
}

/// Every session is a descriptor.
fn check_descriptors(config: &Config) {
    let wanted = u64::from(config.limits.sessions) + OTHER_DESCRIPTORS;
    match sockopt::raise_descriptor_limit() {
        Ok(allowed) if allowed < wanted => tracing::warn!(
            allowed,
            wanted,
            "the limit of open files (ulimit -n, LimitNOFILE) is below limits.sessions"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
    }
}

/// The signals that the program knows.
struct Signals {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

enum Asked {
    Reload,
    Stop(&'static str),
}

impl Signals {
    fn new() -> Result<Self> {
        let take = |kind| signal(kind).context("cannot take signals");
        Ok(Self {
            reload: take(SignalKind::hangup())?,
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.reload.recv() => Asked::Reload,
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
        }
    }

    /// Waits for another signal to stop.
    async fn stop_again(&mut self) {
        while matches!(self.next().await, Asked::Reload) {}
    }
}

async fn serve(
    args: &ConfigArgs,
    config: Config,
    level: &LevelHandle,
    inherited: Inherited,
) -> Result<ExitCode> {
    // Before anything can be seen from outside, so that no signal falls between.
    let mut signals = Signals::new()?;
    let (asks, mut asked) = mpsc::channel(RELOADS_MAX);
    let hands = Hands { reloads: asks, level: level.clone() };
    let begun = begin(args, config, &mut signals, (inherited, hands)).await?;
    let (mut running, mut cluster) = match begun {
        Begun::Running(running, cluster) => (*running, cluster),
        Begun::Stopped(signal) => {
            tracing::info!(signal, "stopped before there was anything to begin with");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut reloader = Reloader::new(args, level.clone());
    for addr in running.reflector().server().listening() {
        tracing::info!(%addr, "listening");
    }
    memory::let_go_of_the_start();
    let supervised = service::begin(Arc::<Source>::clone(running.source()));
    let signal = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Reload => {
                    service::reloading();
                    // What is wrong is in the log.
                    let _ = reloader.reload(&mut running, cluster.as_deref_mut());
                    service::ready();
                }
                Asked::Stop(signal) => break signal,
            },
            Some(Reload { request, reply }) = asked.recv() => {
                let status = if request.dry_run {
                    reloader.compare(&running, cluster.as_deref())
                } else {
                    service::reloading();
                    let status = reloader.reload(&mut running, cluster.as_deref_mut());
                    service::ready();
                    status
                };
                // Whoever asked may have gone.
                let _ = reply.send(status);
            }
            config = next_of(&mut cluster) => follow(&mut running, config),
        }
    };
    drop(supervised);
    service::stopping();
    tracing::info!(signal, "stopping; a second signal stops at once");
    let farewell = running.farewell();
    tokio::select! {
        clean = running.stop(&farewell) => {
            if clean {
                tracing::info!("stopped");
            } else {
                tracing::warn!("stopped, with sessions left that did not end in time");
            }
            Ok(ExitCode::SUCCESS)
        }
        () = signals.stop_again() => {
            tracing::warn!("stopped at once");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What a start came to.
enum Begun {
    Running(Box<Running>, Option<Box<Follower>>),
    /// A signal came first.
    Stopped(&'static str),
}

/// Starts, with a cluster once there is something to begin with.
async fn begin(
    args: &ConfigArgs,
    config: Config,
    signals: &mut Signals,
    (inherited, hands): (Inherited, Hands),
) -> Result<Begun> {
    let shards = config.shards;
    let doors = Doors::open(&config.admin)?;
    if config.calico.is_none() {
        let given = Given { doors, inherited, hands: Some(hands), ..Given::default() };
        let running = Running::start_with(config, &args.name(), given)?;
        return Ok(Begun::Running(Box::new(running), None));
    }
    let mut cluster = Follower::open(config).await?;
    let waiting = Arc::new(Waiting::new(cluster.shared(), args.name()));
    let admin = if doors.are_open() {
        let control: Arc<dyn albedo_api::Control> = Arc::<Waiting>::clone(&waiting);
        Some(Admin::start(&doors, waiting, control, &Places::default(), shards)?)
    } else {
        None
    };
    service::waits("for the datastore");
    let config = loop {
        tokio::select! {
            config = cluster.first() => break config,
            asked = signals.next() => match asked {
                Asked::Reload => tracing::error!("reload refused: waits for the datastore"),
                Asked::Stop(signal) => return Ok(Begun::Stopped(signal)),
            },
        }
    };
    if let Some(admin) = admin {
        admin.stop().await;
    }
    let cluster_of = Some(cluster.shared());
    let given = Given { doors, cluster: cluster_of, inherited, hands: Some(hands) };
    let running = Running::start_with(config, &args.name(), given)?;
    Ok(Begun::Running(Box::new(running), Some(Box::new(cluster))))
}

/// What a cluster says next; without one nothing ever.
async fn next_of(cluster: &mut Option<Box<Follower>>) -> Config {
    match cluster {
        Some(cluster) => cluster.next().await,
        None => std::future::pending().await,
    }
}

fn follow(running: &mut Running, config: Config) {
    match running.follow(config) {
        Ok(applied) => {
            let albedo_session::Applied { started, stopped, changed, untouched } = applied;
            tracing::info!(started, stopped, changed, untouched, "the cluster has changed");
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(error, "a change of the cluster is not in force");
        }
    }
}
