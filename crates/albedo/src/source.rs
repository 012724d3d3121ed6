//! What the administrative interfaces may know: answers put together at the time of asking.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use albedo_api::bird::BirdStats;
use albedo_api::explain::{ExplainError, ExplainRequest, Explained};
use albedo_api::guard::Places;
use albedo_api::routes::{Later, RouteSource};
use albedo_api::snapshot::{
    ConfigNumbers, EngineNumbers, LifeNumbers, QueryNumbers, SessionNumbers, Snapshot,
};
use albedo_api::{
    CalicoStatus, CalicoVerify, Check, GroupRow, PeerDetail, PeerGroupRow, PeerRow, Status,
    StatusSource,
};
use albedo_config::Config;
use albedo_engine::EngineHandle;
use albedo_engine::clock::now;
use albedo_session::{DeferralStatus, PeerStatus, Server};
use albedo_types::Instant;

use crate::calico;
use crate::drain::Drain;
use crate::keeper::Keeper;

mod bird;
mod command;
mod explain;
mod peers;
mod routes;
mod verify;

pub(crate) use command::{Hands, RELOADS_MAX, Reload};
pub(crate) use routes::next_hop;

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
    drain: Arc<Drain>,
    keeper: Option<Arc<Keeper>>,
    /// The Calico cluster that peers come from.
    calico: Option<Arc<calico::Shared>>,
    /// The last comparison with what that cluster says; one at a time is made.
    verdict: verify::Last,
    /// Routes of each peer, as they were last counted.
    tallies: Arc<bird::Tallies>,
    bird: Arc<BirdStats>,
    /// Connections over HTTP, and over gRPC.
    http_places: Places,
    grpc_places: Places,
    /// Where reloads are done, and the log's level, if they can be.
    hands: Option<Hands>,
    /// Whether there is a selection deferral at all.
    defers: bool,
}

/// What the configuration says, and how reloads went.
#[derive(Debug)]
pub(crate) struct Standing {
    status: Status,
    sessions_max: u64,
    retained_max: u64,
    numbers: ConfigNumbers,
    tells_peer_metrics: bool,
    defers: bool,
    groups: Vec<PeerGroupRow>,
}

impl Standing {
    pub(crate) fn new(config: &Config, file: &str) -> Self {
        let mut standing = Self {
            status: Status {
                version: env!("CARGO_PKG_VERSION").into(),
                process_id: std::process::id(),
                config_file: file.to_owned(),
                ..Status::default()
            },
            sessions_max: 0,
            retained_max: 0,
            numbers: ConfigNumbers::default(),
            tells_peer_metrics: false,
            defers: !config.restart.deferral_max.is_zero(),
            groups: peers::groups(config),
        };
        standing.take(config);
        standing
    }

    /// Notes a configuration that is in force from now on.
    fn take(&mut self, config: &Config) {
        self.tells_peer_metrics = config.admin.peer_metrics;
        self.status.as_number = config.asn.0;
        self.status.router_id = config.router_id.to_string();
        self.status.cluster_id = config.cluster_id.to_string();
        self.status.listen = config.listen.iter().map(ToString::to_string).collect();
        self.status.config_fault = None;
        self.sessions_max = config.limits.sessions.into();
        self.retained_max = config.limits.retained_peers.into();
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
    pub(crate) fn new(
        engine: EngineHandle,
        server: Server,
        drain: Arc<Drain>,
        keeper: Option<Arc<Keeper>>,
        calico: Option<Arc<calico::Shared>>,
        standing: Standing,
        hands: Option<Hands>,
    ) -> Self {
        Self {
            engine,
            server,
            converged: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            drain,
            keeper,
            calico,
            verdict: verify::Last::default(),
            tallies: Arc::default(),
            bird: Arc::default(),
            http_places: Places::default(),
            grpc_places: Places::default(),
            hands,
            defers: standing.defers,
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

    /// Notes the groups of a configuration that is in force from now on.
    pub(crate) fn groups_taken(&self, config: &Config) {
        self.standing().groups = peers::groups(config);
    }

    /// Where connections over HTTP are counted.
    pub(crate) const fn http_places(&self) -> &Places {
        &self.http_places
    }

    /// Where connections over gRPC are counted.
    pub(crate) const fn grpc_places(&self) -> &Places {
        &self.grpc_places
    }

    /// What BIRD's sockets count.
    pub(crate) const fn bird_stats(&self) -> &Arc<BirdStats> {
        &self.bird
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
        let deferral = self.server.deferral();
        let waiting = self.waiting_for(&peers, &deferral);
        let settled = self.settle(&peers, waiting.is_some(), at);
        let late = at.since(Instant::ZERO) >= STARTUP_MAX;
        // A deferral has waited for quiet already.
        let is_quiet = |since: Instant| {
            if self.defers { deferral.end.is_some() } else { at.since(since) >= STARTUP_QUIET }
        };
        let over = settled.filter(|since| late || is_quiet(*since));
        let Some(over) = over.or_else(|| late.then_some(at)) else { return false };
        self.converged.store(over.as_nanos().max(1), Ordering::Relaxed);
        let after = over.since(Instant::ZERO).as_secs_f64();
        let missing = waiting.unwrap_or_default();
        tracing::info!(after, missing, "start is over");
        true
    }

    /// What the start waits for, in words.
    fn waiting_for(&self, peers: &[PeerStatus], deferral: &DeferralStatus) -> Option<String> {
        if !self.defers {
            return waiting_for(peers);
        }
        if deferral.end.is_some() {
            return None;
        }
        let waits = deferral.waits;
        if waits.nobody {
            Some("the first peer".into())
        } else if waits.missing > 0 {
            Some(format!("{} peers that are expected", waits.missing))
        } else if waits.unheard > 0 {
            Some(format!("End-of-RIB of {} peers", waits.unheard))
        } else {
            // Who was told everything at once is in sync while it is waited for quiet.
            (deferral.postponed > 0).then(|| "nothing new to come".into())
        }
    }

    /// Whether peers that keep our routes can be told, as a check of readiness.
    fn deferral_check(&self) -> Check {
        let deferral = self.server.deferral();
        let is_over_by_time = deferral.waits.nobody && self.startup_convergence().is_some();
        let detail = match deferral.end {
            _ if !self.defers => "off".to_owned(),
            Some((at, why)) => {
                let after = at.since(Instant::ZERO).as_secs_f64();
                format!("over after {after:.1} s: {}", why.words())
            }
            None => {
                let waiting = self.waiting_for(&[], &deferral);
                let waiting = waiting.as_deref().unwrap_or("nothing new to come");
                format!("peers that keep our routes are told nothing yet; waits for {waiting}")
            }
        };
        let ok = deferral.end.is_some() || is_over_by_time;
        Check { name: "selection-deferral".into(), ok, detail }
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
        let (at, lags) = (now(), peers::lags(self));
        self.server.snapshot().iter().map(|peer| peers::row(peer, at, &lags)).collect()
    }

    fn peer_groups(&self) -> Vec<PeerGroupRow> {
        self.standing().groups.clone()
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
        let draining = self.drain.is_on();
        let running = match (stopping, draining) {
            (true, _) => "is stopping",
            (false, true) => "sends clients away",
            (false, false) => "takes sessions",
        };
        let ok = !stopping && !draining;
        let mut checks = vec![Check { name: "running".into(), ok, detail: running.into() }];
        checks.extend(self.started());
        checks
    }

    fn started(&self) -> Vec<Check> {
        let (ok, detail) = match self.startup_convergence() {
            Some(after) => (true, format!("converged after {:.1} s", after.as_secs_f64())),
            None => {
                let waiting = self.waiting_for(&self.server.snapshot(), &self.server.deferral());
                let waiting = waiting.as_deref().unwrap_or("the last changes, and then for quiet");
                (false, format!("waits for {waiting}"))
            }
        };
        vec![self.deferral_check(), Check { name: "initial-convergence".into(), ok, detail }]
    }

    fn counted_peers(&self) -> Later<'_, Vec<PeerRow>> {
        Box::pin(peers::counted(self))
    }

    fn peer(&self, address: IpAddr) -> Later<'_, Vec<PeerDetail>> {
        Box::pin(peers::detail(self, address))
    }

    fn explain(&self, request: ExplainRequest) -> Later<'_, Result<Explained, ExplainError>> {
        Box::pin(explain::explain(self, request))
    }

    fn groups(&self) -> Vec<GroupRow> {
        self.engine.group_list().iter().map(peers::group).collect()
    }

    fn route_source(&self) -> Option<&dyn RouteSource> {
        Some(self)
    }

    fn tells_peer_metrics(&self) -> bool {
        self.standing().tells_peer_metrics
    }

    fn calico(&self) -> Option<CalicoStatus> {
        self.calico.as_deref().map(calico::Shared::status)
    }

    fn verify(&self) -> Later<'_, Option<Result<CalicoVerify, String>>> {
        Box::pin(verify::verify(self))
    }

    fn snapshot(&self) -> Snapshot {
        let standing = self.standing();
        let (numbers, limit) = (standing.numbers.clone(), standing.sessions_max);
        let retained = standing.retained_max;
        drop(standing);
        let deferral = self.server.deferral();
        let keeper = self.keeper.as_ref();
        let life = LifeNumbers {
            is_deferring: deferral.end.is_none(),
            missing: deferral.waits.missing as u64,
            roster_peers: keeper.map_or(0, |keeper| keeper.ask(|roster| roster.len() as u64)),
            holding_stale: keeper
                .map_or(0, |keeper| keeper.ask(|roster| roster.holding_stale() as u64)),
            roster_errors: keeper.map_or(0, |keeper| keeper.errors()),
            is_draining: self.drain.is_on(),
        };
        Snapshot {
            engine: EngineNumbers::read(&self.engine, now()),
            sessions: SessionNumbers::read(self.server.stats(), limit, retained),
            queries: QueryNumbers::read(&self.engine),
            bird_cut: self.bird.cut(),
            connections: [
                self.http_places.open(),
                self.bird.open.load(Ordering::Relaxed),
                self.grpc_places.open(),
            ],
            config: numbers,
            life,
            calico: self.calico.as_deref().map(calico::Shared::numbers).unwrap_or_default(),
            slowest: peers::slowest(self),
            startup_convergence: self.startup_convergence(),
        }
    }
}

#[cfg(test)]
mod tests;
