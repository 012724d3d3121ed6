//! What the administrative interfaces may know: answers put together at the time of asking.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use albedo_api::names;
use albedo_api::snapshot::{ConfigNumbers, EngineNumbers, SessionNumbers, Snapshot};
use albedo_api::{Check, PeerRow, Status, StatusSource};
use albedo_config::Config;
use albedo_engine::EngineHandle;
use albedo_engine::clock::now;
use albedo_session::stats::SessionStats;
use albedo_session::{PeerStatus, Server};
use albedo_types::Instant;

/// A worker that has not turned for this long is stuck.
pub(crate) const HEARTBEAT_AGE_MAX: Duration = Duration::from_secs(10);
/// How long nothing may have come up before the start counts as over.
pub(crate) const STARTUP_QUIET: Duration = Duration::from_secs(2);
/// When the start counts as over, whoever is missing: as long as a graceful restart may take.
pub(crate) const STARTUP_MAX: Duration = Duration::from_secs(120);

/// What is asked.
#[derive(Debug)]
pub(crate) struct Source {
    engine: EngineHandle,
    server: Server,
    /// When the start had converged, in nanoseconds; 0 before.
    converged: AtomicU64,
    /// Since when nothing is waited for but quiet, in nanoseconds; 0 while something is.
    settled: AtomicU64,
    stopping: AtomicBool,
    standing: Mutex<Standing>,
}

/// What the configuration says, and how reloads went.
#[derive(Debug)]
pub(crate) struct Standing {
    status: Status,
    sessions_max: u64,
    numbers: ConfigNumbers,
}

impl Standing {
    pub(crate) fn new(config: &Config, file: &Path) -> Self {
        let mut standing = Self {
            status: Status {
                version: env!("CARGO_PKG_VERSION").into(),
                config_file: file.display().to_string(),
                ..Status::default()
            },
            sessions_max: 0,
            numbers: ConfigNumbers::default(),
        };
        standing.take(config);
        standing
    }

    /// Notes a configuration that is in force from now on.
    fn take(&mut self, config: &Config) {
        self.status.as_number = config.asn.0;
        self.status.router_id = config.router_id.to_string();
        self.status.cluster_id = config.cluster_id.to_string();
        self.status.listen = config.listen.iter().map(ToString::to_string).collect();
        self.status.config_fault = None;
        self.sessions_max = config.limits.sessions.into();
        self.numbers.peers = config.peers.len() as u64;
        self.numbers.last_good = true;
        self.numbers.read_at = seconds_since_epoch();
    }
}

#[expect(clippy::disallowed_methods, reason = "a time for people, compared with nothing")]
fn seconds_since_epoch() -> f64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl Source {
    pub(crate) fn new(engine: EngineHandle, server: Server, standing: Standing) -> Self {
        Self {
            engine,
            server,
            converged: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            standing: Mutex::new(standing),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().expect("nothing panics while it holds this lock")
    }

    pub(crate) fn reload_taken(&self, config: &Config) {
        let mut standing = self.standing();
        standing.take(config);
        standing.numbers.reloads_taken += 1;
    }

    pub(crate) fn reload_refused(&self, fault: &str) {
        let mut standing = self.standing();
        standing.status.config_fault = Some(fault.into());
        standing.numbers.reloads_refused += 1;
        standing.numbers.last_good = false;
    }

    /// From now on others are to be preferred.
    pub(crate) fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn startup_convergence(&self) -> Option<Duration> {
        let nanos = self.converged.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// Looks whether the start is over, and notes when; whether it is.
    pub(crate) fn look_at_startup(&self) -> bool {
        let at = now();
        let peers = self.server.snapshot();
        let waiting = waiting_for(&peers);
        let settled = self.settle(&peers, waiting.is_some(), at);
        let late = at.since(Instant::ZERO) >= STARTUP_MAX;
        let over = settled.filter(|since| late || at.since(*since) >= STARTUP_QUIET);
        let Some(over) = over.or_else(|| late.then_some(at)) else { return false };
        self.converged.store(over.as_nanos().max(1), Ordering::Relaxed);
        let after = over.since(Instant::ZERO).as_secs_f64();
        let missing = waiting.unwrap_or_default();
        tracing::info!(after, missing, "start is over");
        true
    }

    /// Since when everybody who has come is in sync; anew with each peer that comes later.
    fn settle(&self, peers: &[PeerStatus], waiting: bool, at: Instant) -> Option<Instant> {
        let up = peers.iter().filter(|peer| peer.is_established());
        let last = up.map(|peer| peer.since).max();
        let before = Instant::from_nanos(self.settled.load(Ordering::Relaxed));
        let since = if waiting {
            Instant::ZERO
        } else if before != Instant::ZERO && last.is_none_or(|last| last <= before) {
            before
        } else if self.engine.oldest_undelivered().is_none() {
            at
        } else {
            Instant::ZERO
        };
        self.settled.store(since.as_nanos(), Ordering::Relaxed);
        (since != Instant::ZERO).then_some(since)
    }
}

/// What the start waits for, in words.
///
/// Configured peers are expected; of a range nobody knows how many will come, so there it is
/// over when somebody has come, and then for a while nobody else. That while is not counted.
fn waiting_for(peers: &[PeerStatus]) -> Option<String> {
    let expected = peers.iter().filter(|peer| !peer.dynamic);
    let missing = expected.filter(|peer| !peer.is_established()).count();
    if missing > 0 {
        return Some(format!("{missing} configured peers"));
    }
    let up = peers.iter().filter(|peer| peer.is_established());
    if up.clone().next().is_none() {
        return Some("the first peer".into());
    }
    let unheard = up.filter(|peer| !peer.shared.is_heard()).count();
    (unheard > 0).then(|| format!("End-of-RIB of {unheard} peers"))
}

impl StatusSource for Source {
    fn status(&self) -> Status {
        let status = self.standing().status.clone();
        let uptime_seconds = now().since(Instant::ZERO).as_secs_f64();
        Status { uptime_seconds, ..status }.with(&self.snapshot())
    }

    fn peers(&self) -> Vec<PeerRow> {
        let at = now();
        self.server.snapshot().iter().map(|peer| row(peer, at)).collect()
    }

    fn live(&self) -> Vec<Check> {
        let at = now();
        let engine = EngineNumbers::read(&self.engine, at);
        let shards = engine.shards.iter().enumerate();
        shards
            .map(|(n, shard)| Check {
                name: format!("shard-{n}"),
                ok: shard.heartbeat_age < HEARTBEAT_AGE_MAX,
                detail: format!("last turned {:.1} s ago", shard.heartbeat_age.as_secs_f64()),
            })
            .collect()
    }

    fn ready(&self) -> Vec<Check> {
        let stopping = self.stopping.load(Ordering::Relaxed);
        let start = match self.startup_convergence() {
            Some(after) => (true, format!("converged after {:.1} s", after.as_secs_f64())),
            None => {
                let waiting = waiting_for(&self.server.snapshot());
                let waiting = waiting.as_deref().unwrap_or("the last changes, and then for quiet");
                (false, format!("waits for {waiting}"))
            }
        };
        vec![
            Check {
                name: "running".into(),
                ok: !stopping,
                detail: if stopping { "is stopping" } else { "takes sessions" }.into(),
            },
            Check { name: "initial-convergence".into(), ok: start.0, detail: start.1 },
        ]
    }

    fn snapshot(&self) -> Snapshot {
        let standing = self.standing();
        let (numbers, limit) = (standing.numbers.clone(), standing.sessions_max);
        drop(standing);
        Snapshot {
            engine: EngineNumbers::read(&self.engine, now()),
            sessions: SessionNumbers::read(self.server.stats(), limit),
            config: numbers,
            startup_convergence: self.startup_convergence(),
        }
    }
}

fn row(peer: &PeerStatus, at: Instant) -> PeerRow {
    let detail = &peer.detail;
    let agreed = detail.agreed.as_ref();
    let up = agreed.filter(|_| peer.is_established());
    let sum = |counts: &[AtomicU64]| counts.iter().map(SessionStats::read).sum();
    let traffic = &peer.shared.traffic;
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    PeerRow {
        address: peer.addr.ip().to_string(),
        name: detail.name.clone().or_else(|| detail.description.as_deref().map(Into::into)),
        group: text(&detail.group),
        dynamic: peer.dynamic,
        role: peer.role.to_string(),
        as_number: agreed.map(|agreed| agreed.asn.0),
        router_id: agreed.map(|agreed| agreed.router_id.to_string()),
        state: names::SESSION_STATES[peer.state].into(),
        since_seconds: at.since(peer.since).as_secs_f64(),
        families: up.map_or_else(Vec::new, |up| {
            up.families.iter().map(|family| family.to_string()).collect()
        }),
        hold_time_seconds: up.map(|up| up.hold_time.as_secs()),
        messages: [sum(&traffic.received), sum(&traffic.sent)],
        behind_bytes: None,
        last_reason: text(&detail.reason),
    }
}

#[cfg(test)]
mod tests;
