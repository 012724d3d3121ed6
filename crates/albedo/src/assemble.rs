//! From the configuration to what engine and sessions are told.
//!
//! The only place that knows both: names of settings on one side, the values that decide on the
//! other.

use std::net::SocketAddr;
use std::num::{NonZeroU8, NonZeroU16};
use std::path::PathBuf;
use std::sync::Arc;

use albedo_api::bird::{BirdPlace, Dialect, View};
use albedo_config::{
    BirdDialect, Config, GracefulRestart, MaxPrefixes, NextHopMode, PeerAs, PeerSettings,
};
use albedo_engine::EngineConfig;
use albedo_fsm::{ExpectedAs, GracefulOffer, RetentionLimits, SendHold, SessionConfig};
use albedo_rib::Policy;
use albedo_session::admission::{Limits, Source};
use albedo_session::sockopt::{Hops, Md5Key, SocketOptions};
use albedo_session::{
    DeferralLimits, Group, IntakeRules, LimitAction, LimitRules, NextHopRule, PathRules, Peer,
    Profile, Restart, RetentionRules, Settings,
};
use albedo_types::policy::Rules;
use albedo_types::{ClusterId, Family};
use albedo_wire::attr::CodeSet;
use albedo_wire::capability::AddPathMode;
use albedo_wire::update::AttrLimits;
use anyhow::{Context as _, Result};

use crate::roster::Roster;

/// The name that stands for peers without a group.
const NO_GROUP: &str = "";

/// What the engine is started with.
pub(crate) fn engine_config(config: &Config, seed: u64) -> EngineConfig {
    EngineConfig {
        shards: config.shards,
        pacing_max: config.pacing.max,
        clusters: clusters(config),
        seed,
        ..EngineConfig::default()
    }
}

/// Every cluster id that is ours: a route that names one of them has been here (RFC 4456 §8).
pub(crate) fn clusters(config: &Config) -> Vec<ClusterId> {
    let groups = config.groups.iter().map(|group| group.settings.cluster_id);
    let peers = config.peers.iter().map(|peer| peer.settings.cluster_id);
    let mut all: Vec<_> = std::iter::once(config.cluster_id).chain(groups).chain(peers).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Policies that were compiled, so that peers with the same rules share one.
#[derive(Debug, Default)]
struct Policies(Vec<(Arc<Rules>, Arc<Policy>)>);

impl Policies {
    fn compile(&mut self, rules: Option<&Arc<Rules>>) -> Result<Option<Arc<Policy>>> {
        let Some(rules) = rules else { return Ok(None) };
        if let Some((_, known)) = self.0.iter().find(|(other, _)| other == rules) {
            return Ok(Some(Arc::clone(known)));
        }
        let policy = Arc::new(Policy::compile(rules).context("policy")?);
        self.0.push((Arc::clone(rules), Arc::clone(&policy)));
        Ok(Some(policy))
    }
}

/// What the sessions are told; `clusters` is the engine's mark for the clusters that are ours.
///
/// # Errors
///
/// A key that TCP-MD5 does not take, or a policy that is too long.
pub(crate) fn settings(config: &Config, clusters: u32) -> Result<Settings> {
    let mut policies = Policies::default();
    let mut profile = |settings: &PeerSettings| -> Result<Profile> {
        let import = policies.compile(settings.import_policy.as_ref()).context("importPolicy")?;
        let export = policies.compile(settings.export_policy.as_ref()).context("exportPolicy")?;
        Ok(Profile { clusters, import, export, ..profile_without_policies(config, settings)? })
    };
    let mut groups = Vec::with_capacity(config.groups.len());
    for group in &config.groups {
        let mut profile =
            profile(&group.settings).with_context(|| format!("peer group {}", group.name))?;
        profile.session.dynamic = true;
        profile.session.passive = true;
        groups.push(Group {
            name: group.name.as_str().into(),
            profile: Arc::new(profile),
            ranges: group.ranges.clone(),
            range_limit: Some(config.limits.per_range),
            dial: group.dial,
        });
    }
    let mut peers = Vec::with_capacity(config.peers.len());
    for peer in &config.peers {
        let profile = profile(&peer.settings).with_context(|| format!("peer {}", peer.address))?;
        peers.push(Peer {
            addr: SocketAddr::new(peer.address, peer.settings.port),
            group: peer.group.as_deref().unwrap_or(NO_GROUP).into(),
            name: peer.name.as_deref().map(Into::into),
            description: peer.settings.description.as_deref().map(Into::into),
            profile: Arc::new(profile),
        });
    }
    Ok(Settings {
        listen: config.listen.clone(),
        groups,
        peers,
        limits: Limits {
            sessions: config.limits.sessions,
            half_open_per_source: config.limits.sessions_per_source,
            accepts_per_second: config.limits.accept_rate,
            // After quiet, what one second lets in may come at once.
            accept_burst: config.limits.accept_rate,
            retained: config.limits.retained_peers,
        },
        socket: SocketOptions::default(),
    })
}

/// Where it is answered as BIRD would; none if that is off.
pub(crate) fn bird_places(config: &Config) -> Vec<BirdPlace> {
    let Some(bird) = &config.admin.bird else { return Vec::new() };
    let place = |path: &PathBuf, dialect, family| BirdPlace {
        path: path.clone(),
        mode: bird.mode,
        view: View { dialect, family },
    };
    match bird.dialect {
        BirdDialect::Bird2 => vec![place(&bird.socket, Dialect::Bird2, None)],
        BirdDialect::Calico => {
            let v4 = place(&bird.socket, Dialect::Calico, Some(Family::Ipv4Unicast));
            let v6 = |path| place(path, Dialect::Calico, Some(Family::Ipv6Unicast));
            std::iter::once(v4).chain(bird.socket6.as_ref().map(v6)).collect()
        }
    }
}

/// What a start is told of the last life.
pub(crate) fn restart(config: &Config, roster: Option<&Roster>, now: u64) -> Restart {
    let limits =
        DeferralLimits { quiet: config.restart.quiet_time, max: config.restart.deferral_max };
    let of_configured = || {
        let expected = config
            .peers
            .iter()
            .map(|peer| (Source { ip: peer.address, scope: 0 }, peer.settings.families));
        expected.collect()
    };
    Restart {
        limits,
        is_known: roster.is_some_and(Roster::is_known),
        expected: roster.map_or_else(of_configured, |roster| roster.expected(config, now)),
        dial: roster.map_or_else(Vec::new, |roster| roster.to_dial(config)),
    }
}

/// What one session is, but for its policies.
fn profile_without_policies(config: &Config, settings: &PeerSettings) -> Result<Profile> {
    let key = match &settings.password {
        Some(secret) => Some(Md5Key::new(secret.octets()).context("password")?),
        None => None,
    };
    let hops = settings.ttl_security.map_or(Hops::System, |hops| Hops::Security { hops });
    Ok(Profile {
        session: session_config(config, settings),
        role: settings.role,
        cluster_id: settings.cluster_id,
        local_address: settings.local_address,
        key,
        socket: SocketOptions { hops, ..SocketOptions::default() },
        intake: IntakeRules {
            limit: limit(&settings.max_prefixes),
            discard: types(&settings.discard_attributes),
            withdraw: types(&settings.withdraw_attributes),
            limits: AttrLimits::new(
                settings.max_as_path_length as usize,
                settings.max_cluster_list_length as usize,
            ),
            // Within one AS nobody prepends: our AS there is an operator's own doing.
            own_as_allowed: (!settings.role.is_internal())
                .then_some(settings.own_as_allowed.into()),
            loopback_next_hop: is_laboratory(config),
            ..IntakeRules::default()
        },
        retention: settings.graceful_restart.map(retention).unwrap_or_default(),
        clusters: 0,
        import: None,
        export: None,
        next_hop: match settings.next_hop_mode {
            NextHopMode::Auto => NextHopRule::Auto,
            NextHopMode::Own => NextHopRule::Own,
            NextHopMode::Keep => NextHopRule::Keep,
        },
        paths: PathRules {
            max: NonZeroU8::new(settings.send_paths),
            mode: settings.send_paths_mode,
            best_external: settings.best_external,
        },
        refresh_interval: settings.refresh_interval,
    })
}

/// What becomes of the routes of lost peers.
const fn retention(graceful: GracefulRestart) -> RetentionRules {
    RetentionRules {
        limits: RetentionLimits {
            restart_max: graceful.peer_restart_time_max,
            stale_max: graceful.peer_stale_time_max,
            stale_path: graceful.stale_path_time,
        },
        tell_unaware: graceful.stale_to_unaware,
        no_llgr_on_hosts: graceful.no_llgr_on_hosts,
    }
}

fn limit(settings: &MaxPrefixes) -> LimitRules {
    LimitRules {
        max: Family::ALL.map(|family| settings.get(family)),
        warn_at: settings.warn_at,
        action: match (settings.action, settings.restart_after) {
            (albedo_config::LimitAction::Restart, None) => LimitAction::Restart,
            (albedo_config::LimitAction::Restart, Some(after)) => LimitAction::RestartAfter(after),
            (albedo_config::LimitAction::Shutdown, _) => LimitAction::Shutdown,
            (albedo_config::LimitAction::Warn, _) => LimitAction::Warn,
        },
        count_rejected: settings.count_rejected,
        count_paths: settings.count_paths,
    }
}

/// Types of attributes from ranges of them.
fn types(ranges: &[(u8, u8)]) -> CodeSet {
    ranges.iter().flat_map(|(first, last)| *first..=*last).collect()
}

/// Whether only this machine can reach the reflector: then next hops may be loopback addresses,
/// which on a network would be refused (RFC 7606 §7.3 and what RFC 4271 §6.3 calls a martian).
fn is_laboratory(config: &Config) -> bool {
    !config.listen.is_empty() && config.listen.iter().all(|addr| addr.ip().is_loopback())
}

fn session_config(config: &Config, settings: &PeerSettings) -> SessionConfig {
    let peer_asn = match settings.peer_as {
        PeerAs::Is(asn) => ExpectedAs::Is(asn),
        PeerAs::Internal => ExpectedAs::Internal,
        PeerAs::External => ExpectedAs::External,
        PeerAs::Any => ExpectedAs::Any,
    };
    let asn = settings.local_as.unwrap_or(config.asn);
    let mut session = SessionConfig::new(asn, config.router_id, peer_asn);
    session.hold_time = settings.hold_time;
    session.keepalive = settings.keepalive;
    session.connect_retry = settings.connect_retry;
    session.connect_delay = settings.connect_delay;
    session.passive = settings.passive;
    session.send_hold = SendHold::Standard;
    session.silent_hold_expiry = settings.silent_hold_expiry;
    session.capabilities.families = settings.families;
    session.capabilities.forwarding = config.restart.forwarding_state;
    if settings.send_paths > 1 {
        session.capabilities.add_path = Some(AddPathMode::Both);
    }
    session.capabilities.paths_limit = settings.receive_paths.and_then(NonZeroU16::new);
    session.capabilities.graceful = settings.graceful_restart.map(|graceful| GracefulOffer {
        restart_time: graceful.restart_time,
        long_lived_stale_time: Some(graceful.long_lived_stale_time).filter(|time| !time.is_zero()),
        restarting: false,
        notification: graceful.notification,
    });
    session
}

#[cfg(test)]
pub(crate) mod tests;
