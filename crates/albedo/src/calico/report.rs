//! What others may know of a cluster that is followed, and how they confirm a change of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use albedo_api::snapshot::CalicoNumbers;
use albedo_api::{
    CalicoStatus, CalicoVerify, GuardStatus, HeldSession, IpamStatus, KindCount, RejectedObject,
};
use albedo_discovery::calico::expand::{Identity, Speaker};
use albedo_discovery::calico::guard::{Alarm, Digest};
use albedo_discovery::calico::lint::Lint;
use albedo_discovery::calico::verify::Verdict;
use albedo_discovery::calico::{Cluster, Kind};
use albedo_discovery::store::HealthReader;
use albedo_engine::clock::now;
use albedo_types::Instant;
use tokio::sync::{mpsc, watch};

use super::node_status::Asker;
use super::overlay::Overlaid;
use super::verify::{InForce, told};

/// Warnings that are told at most.
const WARNINGS_MAX: usize = 100;

/// What is told.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) identity: String,
    /// Asked when somebody asks: a datastore that is lost tells nothing.
    health: HealthReader,
    pub(super) alarm: Option<Alarm>,
    /// Why the cluster as it is gives no sessions.
    failure: Option<String>,
    pub(super) resource_warnings: Vec<String>,
    /// What the check of announced blocks found last, and when.
    pub(super) ipam: Option<(IpamStatus, Instant)>,
    in_force: Option<Arc<InForce>>,
    /// What was worked out last; the rest of the status is filled in when it is asked for.
    worked_out: CalicoStatus,
}

/// The report of a follower, and a way to it.
#[derive(Debug)]
pub(crate) struct Shared {
    report: Mutex<Report>,
    confirm: mpsc::Sender<Digest>,
    /// Changes whenever another cluster is in force.
    changes: watch::Sender<u64>,
    /// Who may ask about our Node.
    asker: Option<Arc<Asker>>,
}

impl Report {
    /// Notes what was worked out.
    pub(super) fn tell(
        &mut self,
        revision: u64,
        cluster: &Cluster,
        speaker: &Speaker,
        found: &Overlaid,
        lints: &[Lint],
    ) {
        let rejected = cluster.rejected().iter().map(|((kind, name), rejected)| RejectedObject {
            kind: kind.to_string(),
            name: name.to_string(),
            fault: rejected.fault.to_string(),
            last_good: rejected.last_good,
        });
        let objects = Kind::ALL
            .into_iter()
            .map(|kind| KindCount { kind: kind.to_string(), count: cluster.names(kind).len() });
        let warnings = speaker.warnings.iter().map(ToString::to_string);
        let warnings = warnings.chain(found.warnings.iter().cloned());
        let warnings = warnings.chain(lints.iter().map(ToString::to_string));
        self.worked_out = CalicoStatus {
            revision,
            objects: objects.collect(),
            rejected: rejected.collect(),
            sessions: speaker.sessions.len() - found.held.len(),
            sessions_held: held(found),
            warnings: warnings.collect(),
            ..CalicoStatus::default()
        };
    }

    fn status(&self) -> CalicoStatus {
        let health = self.health.now();
        let mut warnings = self.worked_out.warnings.clone();
        warnings.extend(self.resource_warnings.iter().cloned());
        warnings.truncate(WARNINGS_MAX);
        CalicoStatus {
            identity: self.identity.clone(),
            connected: health.connected,
            synced: health.synced,
            datastore_held: health.held,
            last_event_seconds: health.last_event.map(|at| at.elapsed().as_secs_f64()),
            resyncs: health.resyncs,
            last_error: health.last_error.as_deref().map(Into::into),
            faults: health.faults.iter().map(ToString::to_string).collect(),
            guard: self.alarm.as_ref().map(guard),
            expand_error: self.failure.clone(),
            warnings,
            ipam: self.ipam.as_ref().map(|(ipam, at)| IpamStatus {
                age_seconds: now().since(*at).as_secs_f64(),
                ..ipam.clone()
            }),
            ..self.worked_out.clone()
        }
    }
}

fn held(found: &Overlaid) -> Vec<HeldSession> {
    let held = found.held.iter();
    held.map(|(name, reason)| HeldSession { name: name.clone(), reason: reason.clone() }).collect()
}

fn guard(alarm: &Alarm) -> GuardStatus {
    let at = now();
    GuardStatus {
        digest: alarm.digest.to_string(),
        reasons: alarm.reasons.clone(),
        sessions: alarm.sessions.iter().map(ToString::to_string).collect(),
        since_seconds: at.since(alarm.since).as_secs_f64(),
        applies_in_seconds: (alarm.until != Instant::NEVER)
            .then(|| alarm.until.since(at).as_secs_f64()),
    }
}

impl Shared {
    pub(super) fn new(
        identity: &Identity,
        health: HealthReader,
        confirm: mpsc::Sender<Digest>,
    ) -> Self {
        let report = Report { identity: Words(identity).to_string(), health, ..Report::default() };
        let (changes, _) = watch::channel(0);
        Self { report: Mutex::new(report), confirm, changes, asker: None }
    }

    /// With somebody who may ask about our Node.
    pub(super) fn asked_by(self, asker: Option<Asker>) -> Self {
        Self { asker: asker.map(Arc::new), ..self }
    }

    /// Who may ask about our Node.
    pub(crate) fn asker(&self) -> Option<Arc<Asker>> {
        self.asker.clone()
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().expect("nothing panics while it holds this lock")
    }

    /// Notes what is in force from now on.
    pub(super) fn put_in_force(&self, in_force: InForce) {
        let revision = in_force.revision;
        self.report().in_force = Some(Arc::new(in_force));
        self.changes.send_if_modified(|known| std::mem::replace(known, revision) != revision);
    }

    /// What is in force; `None` before there is something.
    pub(crate) fn in_force(&self) -> Option<Arc<InForce>> {
        self.report().in_force.clone()
    }

    /// Changes whenever another cluster is in force.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Notes what the check of announced blocks found.
    pub(super) fn note_ipam(&self, verdict: &Verdict) {
        let (mismatches, borrowed) = (verdict.foreign.count, verdict.borrowed);
        let mut report = self.report();
        report.ipam = Some((IpamStatus { mismatches, borrowed, age_seconds: 0.0 }, now()));
    }

    /// A verdict on what is in force, as it is told.
    pub(crate) fn verdict(&self, in_force: &InForce, verdict: &Verdict) -> CalicoVerify {
        let report = self.report();
        let guarded = report.alarm.as_ref().map_or(0, |alarm| alarm.sessions.len());
        let connected = report.health.now().connected;
        let told = told(in_force, verdict);
        CalicoVerify {
            identity: report.identity.clone(),
            connected,
            ok: told.ok && connected && guarded == 0,
            sessions_guarded: guarded,
            ..told
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report());
    }

    /// Notes why there is no new set of sessions; whether that was not known.
    pub(super) fn fail(&self, why: &str) -> bool {
        let mut report = self.report();
        let is_new = report.failure.as_deref() != Some(why);
        report.failure = Some(why.to_owned());
        is_new
    }

    /// Notes that there is a new set of sessions.
    pub(super) fn succeed(&self, alarm: Option<Alarm>) {
        let mut report = self.report();
        report.failure = None;
        report.alarm = alarm;
    }

    /// How it stands.
    pub(crate) fn status(&self) -> CalicoStatus {
        self.report().status()
    }

    /// The numbers of it.
    pub(crate) fn numbers(&self) -> CalicoNumbers {
        let report = self.report();
        let (health, found) = (report.health.now(), &report.worked_out);
        CalicoNumbers {
            is_followed: health.connected && health.synced,
            last_event_age: health.last_event.map(|at| at.elapsed()),
            rejected: found.rejected.len() as u64,
            held: found.sessions_held.len() as u64,
            guarded: report.alarm.as_ref().map_or(0, |alarm| alarm.sessions.len() as u64),
            warnings: (found.warnings.len() + report.resource_warnings.len()) as u64,
            ipam_mismatches: report.ipam.as_ref().map_or(0, |(it, _)| it.mismatches as u64),
            ipam_borrowed: report.ipam.as_ref().map_or(0, |(it, _)| it.borrowed as u64),
        }
    }

    /// Lets go what is held back, if it is what `digest` stands for.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    pub(crate) fn confirm(&self, digest: &str) -> Result<(), String> {
        let report = self.report();
        let Some(alarm) = &report.alarm else {
            return Err("nothing is held back".to_owned());
        };
        if digest.parse() != Ok(alarm.digest) {
            return Err(format!("something else is held back by now: {}", alarm.digest));
        }
        self.confirm.try_send(alarm.digest).map_err(|_| "it is being confirmed already".to_owned())
    }
}

/// An identity in words.
struct Words<'a>(&'a Identity);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Identity::Node { name, .. } => write!(f, "Node {name}"),
            Identity::External { addresses, .. } => {
                f.write_str("external")?;
                for (address, port) in addresses {
                    match port {
                        Some(port) => write!(f, " {}", std::net::SocketAddr::new(*address, *port))?,
                        None => write!(f, " {address}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
