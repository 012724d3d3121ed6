//! What BIRD's sockets tell of us.
//!
//! Routes of each peer are counted by walking the tables, so this is done at most once in
//! [`COUNTS_AGE_MAX`], by one task for all who ask, and nobody waits longer for it than
//! [`COUNTS_PATIENCE`]: readers give up after two seconds.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use albedo_api::bird::{BirdSource, Counts, Daemon, Protocol, RouteCounts, name_of};
use albedo_api::routes::Later;
use albedo_engine::clock::now;
use albedo_engine::{EngineHandle, QueryError};
use albedo_session::PeerStatus;
use albedo_types::{Family, FamilySet, Instant, PeerRole};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Source, seconds_since_epoch};

/// How old counts may be that are shown.
const COUNTS_AGE_MAX: Duration = Duration::from_secs(2);
/// How long new ones are waited for; then the last ones are shown.
const COUNTS_PATIENCE: Duration = Duration::from_secs(1);

/// States in the order of [`albedo_api::names::SESSION_STATES`], as BIRD writes them.
const STATES: [&str; albedo_api::names::SESSION_STATES.len()] =
    ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"];

/// The last counts, and those that are being made.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<TalliesInner>);

#[derive(Debug, Default)]
struct TalliesInner {
    last: Option<(Instant, Arc<Counts>)>,
    /// Ready once the task that counts has left its result in `last`, or has failed.
    under_way: Option<watch::Receiver<()>>,
}

impl Tallies {
    fn lock(&self) -> MutexGuard<'_, TalliesInner> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }

    fn last(&self) -> Option<Arc<Counts>> {
        self.lock().last.as_ref().map(|(_, counts)| Arc::clone(counts))
    }
}

/// Counts anew if need be; the newest counts there are in time.
async fn counts(source: &Source) -> Option<Arc<Counts>> {
    let mut done = {
        let mut tallies = source.tallies.lock();
        if let Some((at, counts)) = &tallies.last
            && now().since(*at) < COUNTS_AGE_MAX
        {
            return Some(Arc::clone(counts));
        }
        match &tallies.under_way {
            Some(done) => done.clone(),
            None => {
                let (tell, done) = watch::channel(());
                tallies.under_way = Some(done.clone());
                let (engine, tallies) = (source.engine.clone(), Arc::clone(&source.tallies));
                let peers: Vec<_> =
                    source.server.snapshot().iter().filter_map(|peer| peer.detail.peer).collect();
                tokio::spawn(async move {
                    let counted = count(&engine, &peers).await;
                    let mut inner = tallies.lock();
                    inner.under_way = None;
                    match counted {
                        Ok(counts) => inner.last = Some((now(), Arc::new(counts))),
                        Err(error) => tracing::debug!(%error, "routes of peers are not counted"),
                    }
                    drop(inner);
                    drop(tell);
                });
                done
            }
        }
    };
    // It ends with an error, for nothing is ever sent: the task is over, or too late.
    let _ = timeout(COUNTS_PATIENCE, done.changed()).await;
    source.tallies.last()
}

async fn count(
    engine: &EngineHandle,
    peers: &[albedo_types::PeerId],
) -> Result<Counts, QueryError> {
    let mut counts: HashMap<_, [RouteCounts; Family::COUNT]> = HashMap::new();
    for family in Family::ALL {
        let tally = engine.tally(family).await?;
        for peer in peers {
            let of = tally.of(*peer);
            counts.entry(*peer).or_default()[family.index()] = RouteCounts {
                imported: of.imported,
                exported: of.exported,
                preferred: of.preferred,
            };
        }
    }
    Ok(Counts(counts))
}

impl BirdSource for Source {
    fn daemon(&self) -> Daemon {
        let standing = self.standing();
        let (status, read_at) = (standing.status.clone(), standing.numbers.read_at);
        drop(standing);
        let at = seconds_since_epoch();
        Daemon {
            version: status.version,
            router_id: status.router_id,
            now: whole(at),
            started: whole(at - now().since(Instant::ZERO).as_secs_f64()),
            configured: whole(read_at),
            is_recovering: self.defers && self.server.deferral().end.is_none(),
        }
    }

    fn protocols(&self) -> Vec<Protocol> {
        let local_asn = self.standing().status.as_number;
        let (at, clock) = (now(), seconds_since_epoch());
        let since = |peer: &PeerStatus| whole(clock - at.since(peer.since).as_secs_f64());
        let peers = self.server.snapshot();
        let mut names = Names::new(&peers);
        peers.iter().map(|peer| protocol(peer, names.of(peer), since(peer), local_asn)).collect()
    }

    fn counts(&self) -> Later<'_, Option<Arc<Counts>>> {
        Box::pin(counts(self))
    }

    fn paths(&self, family: Family) -> u64 {
        let shards = self.engine.stats().shards.iter();
        let paths = shards.map(|shard| &shard.families[family.index()].paths);
        paths.map(|paths| paths.load(std::sync::atomic::Ordering::Relaxed)).sum()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time since 1970")]
fn whole(seconds: f64) -> u64 {
    seconds.max(0.0) as u64
}

/// Names of protocols, of which no two are the same.
struct Names<'a> {
    configured: HashSet<&'a str>,
    given: HashMap<String, u32>,
}

impl<'a> Names<'a> {
    fn new(peers: &'a [PeerStatus]) -> Self {
        let configured = peers.iter().filter_map(|peer| peer.detail.configured_name.as_deref());
        Self { configured: configured.collect(), given: HashMap::new() }
    }

    /// The name of a peer: its own, or one made from its address. What is made and is there
    /// already (several links may have the same link-local addresses) has a number behind it.
    fn of(&mut self, peer: &PeerStatus) -> Arc<str> {
        if let Some(name) = &peer.detail.configured_name {
            return Arc::clone(name);
        }
        let name = name_of(peer.addr.ip());
        loop {
            let count = self.given.entry(name.clone()).or_default();
            *count += 1;
            let tried = if *count == 1 { name.clone() } else { format!("{name}_{count}") };
            if !self.configured.contains(&*tried) {
                return tried.into();
            }
        }
    }
}

fn protocol(peer: &PeerStatus, name: Arc<str>, since: u64, local_asn: u32) -> Protocol {
    let detail = &peer.detail;
    let agreed = detail.agreed.as_ref();
    let up = agreed.filter(|_| peer.is_established());
    let description = detail.description.as_deref().map(str::to_owned);
    Protocol {
        name,
        address: peer.addr.ip(),
        peer: detail.peer,
        description: description.or_else(|| detail.name.clone()),
        state: STATES[peer.state],
        since,
        last_reason: (!detail.reason.is_empty()).then(|| detail.reason.clone()),
        asn: agreed.map(|agreed| agreed.asn.0),
        local_asn,
        router_id: agreed.map(|agreed| agreed.router_id.to_string()),
        local: detail.local.map(|local| local.ip()),
        hold_time: up.map(|up| up.hold_time.as_secs()),
        families: up.map_or(FamilySet::EMPTY, |up| up.families),
        is_external: peer.role == PeerRole::External,
        is_client: peer.role == PeerRole::Client,
        has_policy: peer.has_policy,
    }
}

#[cfg(test)]
mod tests;
