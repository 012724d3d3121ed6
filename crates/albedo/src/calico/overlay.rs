//! Sessions of a Calico cluster as configured peers, laid over what the file says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use albedo_config::{CalicoExport, Config, IpamCheck, NextHopMode, Peer, PeerAs, PeerSettings};
use albedo_discovery::calico::expand::{Dial, Session, Speaker};
use albedo_discovery::calico::{self, Cluster, SecretKeyRef};
use albedo_types::policy::Rules;
use albedo_types::{ClusterId, Family, FamilySet};

use super::rules::{ClusterRules, Filters};

/// How long a node that connects by itself is left to do so.
const CONNECT_DELAY: Duration = Duration::from_secs(60);
/// The longest restart time that the wire can hold (RFC 4724 §3).
const RESTART_TIME_MAX: Duration = Duration::from_secs(4_095);

/// Passwords that were read, by name and key of their Secrets, or why they were not.
pub(super) type Secrets = BTreeMap<(Arc<str>, Arc<str>), Result<albedo_config::Secret, String>>;

/// What a cluster comes to.
#[derive(Debug)]
pub(super) struct Overlaid {
    pub(super) config: Config,
    /// Names of sessions that are held down, and why.
    pub(super) held: BTreeMap<String, String>,
    /// What is odd.
    pub(super) warnings: Vec<String>,
}

/// The configuration of the file, with the sessions of a speaker of this cluster.
pub(super) fn overlay(
    base: &Config,
    speaker: &Speaker,
    cluster: (&Cluster, &Filters),
    node: Option<&str>,
    secrets: &Secrets,
) -> Overlaid {
    let (export, ipam) = base
        .calico
        .as_ref()
        .map_or((CalicoExport::All, IpamCheck::Off), |calico| (calico.export, calico.ipam));
    let rules = ClusterRules::new(cluster, node, export, ipam);
    let mut maker = Maker { base, speaker, rules, secrets, shared: Vec::new() };
    let mut config = maker.top();
    let mut taken: BTreeSet<_> = base.peers.iter().map(|peer| peer.address).collect();
    let (mut held, mut warnings) = (BTreeMap::new(), Vec::new());
    for session in &speaker.sessions {
        if !taken.insert(session.address) {
            warnings.push(format!("{}: there is a session with this peer already", session.name));
            continue;
        }
        match maker.peer(session) {
            Ok(peer) => config.peers.push(peer),
            Err(why) => {
                held.insert(session.name.clone(), why);
            }
        }
    }
    Overlaid { config, held, warnings }
}

struct Maker<'a> {
    base: &'a Config,
    speaker: &'a Speaker,
    rules: ClusterRules<'a>,
    secrets: &'a Secrets,
    /// Policies that were made, so that sessions with the same rules share one.
    shared: Vec<Arc<Rules>>,
}

impl Maker<'_> {
    /// The configuration without the sessions, with what the speaker says of itself.
    fn top(&self) -> Config {
        let (base, speaker) = (self.base, self.speaker);
        let mut config = base.clone();
        let calico = base.calico.as_ref();
        // What had no cluster of its own had the placeholder.
        let before = base.cluster_id;
        let settle = |settings: &mut PeerSettings| {
            if settings.cluster_id == before {
                settings.cluster_id = speaker.cluster_id;
            }
        };
        config.groups.iter_mut().for_each(|group| settle(&mut group.settings));
        config.peers.iter_mut().for_each(|peer| settle(&mut peer.settings));
        config.asn = speaker.asn;
        config.cluster_id = speaker.cluster_id;
        config.router_id = speaker.router_id;
        if calico.is_some_and(|calico| !calico.own_listen) && !speaker.listen.is_empty() {
            config.listen.clone_from(&speaker.listen);
        }
        config
    }

    /// The peer of a session.
    ///
    /// # Errors
    ///
    /// Why it is held down.
    fn peer(&mut self, session: &Session) -> Result<Peer, String> {
        let group = self.base.calico.as_ref().and_then(|calico| calico.group.clone());
        let mut settings = self.settings(session, group.as_deref());
        if let Some(key) = &session.password {
            settings.password = Some(self.secret(key)?);
        }
        let import = self.rules.import(session);
        let export = self.rules.export(session);
        settings.import_policy = self.share(import).or(settings.import_policy);
        settings.export_policy = self.share(export).or(settings.export_policy);
        Ok(Peer { address: session.address, name: Some(session.name.clone()), group, settings })
    }

    fn secret(&self, key: &SecretKeyRef) -> Result<albedo_config::Secret, String> {
        match self.secrets.get(&(key.name.clone(), key.key.clone())) {
            Some(read) => read.clone(),
            None => Err(format!("secret {} key {}: not read yet", key.name, key.key)),
        }
    }

    fn share(&mut self, rules: Option<Rules>) -> Option<Arc<Rules>> {
        let rules = rules?;
        if let Some(known) = self.shared.iter().find(|known| ***known == rules) {
            return Some(Arc::clone(known));
        }
        let rules = Arc::new(rules);
        self.shared.push(Arc::clone(&rules));
        Some(rules)
    }

    fn settings(&self, session: &Session, group: Option<&str>) -> PeerSettings {
        let cluster_id: ClusterId = session.cluster_id.unwrap_or(self.speaker.cluster_id);
        let group = self.base.groups.iter().find(|known| Some(&*known.name) == group);
        let mut settings =
            group.map_or_else(|| standard(session, cluster_id), |group| group.settings.clone());
        settings.cluster_id = cluster_id;
        settings.role = session.role;
        settings.peer_as = PeerAs::Is(session.peer_asn);
        settings.local_as = Some(session.local_asn).filter(|asn| *asn != self.speaker.asn);
        let is_v4 = session.address.is_ipv4();
        settings.families =
            FamilySet::of(if is_v4 { Family::Ipv4Unicast } else { Family::Ipv6Unicast });
        settings.passive = false;
        settings.connect_delay = match session.dial {
            Dial::Never => CONNECT_DELAY,
            Dial::Now => Duration::ZERO,
        };
        settings.description = Some(session.origin.to_string());
        settings.port = session.port.unwrap_or(albedo_config::defaults::PORT);
        settings.local_address = session.source_address;
        if let Some(hops) = session.ttl_security {
            settings.ttl_security = Some(hops.get());
        }
        if let Some(time) = session.keepalive_time {
            settings.keepalive = Some(time.max(Duration::from_secs(1)));
        }
        if let (Some(time), Some(graceful)) =
            (session.max_restart_time, &mut settings.graceful_restart)
        {
            graceful.restart_time = time.clamp(Duration::from_secs(1), RESTART_TIME_MAX);
        }
        if let Some(allowed) = session.allowed_local_as {
            settings.own_as_allowed = u8::try_from(allowed).unwrap_or(u8::MAX);
        }
        settings.next_hop_mode = match session.next_hop_mode {
            calico::NextHopMode::Auto => settings.next_hop_mode,
            calico::NextHopMode::Own => NextHopMode::Own,
            calico::NextHopMode::Keep => NextHopMode::Keep,
        };
        settings
    }
}

/// What a session has that no group says anything of.
fn standard(session: &Session, cluster_id: ClusterId) -> PeerSettings {
    let mut settings = PeerSettings::standard(session.role, cluster_id);
    if let Some(graceful) = &mut settings.graceful_restart {
        graceful.no_llgr_on_hosts = true;
    }
    settings
}

#[cfg(test)]
mod tests;
