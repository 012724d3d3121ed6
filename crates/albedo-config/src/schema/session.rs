//! The settings of a session as they stand in a group or a peer, and what they come to.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use albedo_types::{Asn, ClusterId, Family, FamilySet, HoldTime, PathsMode, PeerRole};

use super::graceful::{self, Graceful};
use super::{Ours, World, policy};
use crate::defaults;
use crate::diagnostic::{Fault, Report, Show};
use crate::fields::{At, Fields};
use crate::kinds;
use crate::kinds::policy::{ATTRIBUTES, ELEMENTS, PERCENT};
use crate::node::{Value, quote};
use crate::settings::{LimitAction, MaxPrefixes, NextHopMode, PeerAs, PeerSettings, Secret};

/// The keys that groups and peers share.
pub(crate) const KEYS: [&str; 32] = [
    "asNumber",
    "role",
    "families",
    "holdTime",
    "keepaliveTime",
    "connectRetry",
    "connectDelay",
    "passive",
    "clusterId",
    "description",
    "port",
    "localAddress",
    "localASNumber",
    "numAllowedLocalASNumbers",
    "nextHopMode",
    "password",
    "passwordFile",
    "ttlSecurity",
    "maxPrefixes",
    "gracefulRestart",
    "silentHoldExpiry",
    "importPolicy",
    "exportPolicy",
    "sendPaths",
    "sendPathsMode",
    "receivePaths",
    "bestExternal",
    "refreshInterval",
    "discardAttributes",
    "withdrawAttributes",
    "maxAsPathLength",
    "maxClusterListLength",
];

/// The keys of `maxPrefixes` beside the families.
pub(crate) const MAX_PREFIXES_KEYS: [&str; 5] =
    ["warnAt", "action", "restartAfter", "countRejected", "countPaths"];

/// What one mapping says; `None` where it says nothing (or something faulty, which was reported).
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub(crate) peer_as: Option<At<PeerAs>>,
    pub(crate) role: Option<At<PeerRole>>,
    pub(crate) families: Option<At<FamilySet>>,
    pub(crate) hold_time: Option<At<HoldTime>>,
    pub(crate) keepalive: Option<At<Duration>>,
    pub(crate) connect_retry: Option<At<Duration>>,
    pub(crate) connect_delay: Option<At<Duration>>,
    pub(crate) passive: Option<At<bool>>,
    pub(crate) cluster_id: Option<At<ClusterId>>,
    pub(crate) description: Option<At<String>>,
    pub(crate) port: Option<At<u16>>,
    pub(crate) local_address: Option<At<IpAddr>>,
    pub(crate) local_as: Option<At<Asn>>,
    pub(crate) own_as_allowed: Option<At<u8>>,
    pub(crate) next_hop_mode: Option<At<NextHopMode>>,
    pub(crate) password: Option<At<Secret>>,
    pub(crate) ttl_security: Option<At<Option<u8>>>,
    pub(crate) max_prefixes: Option<ReadLimits>,
    pub(crate) graceful_restart: Option<At<Option<Graceful>>>,
    pub(crate) silent_hold_expiry: Option<At<bool>>,
    pub(crate) import_policy: Option<policy::Read>,
    pub(crate) export_policy: Option<policy::Read>,
    pub(crate) send_paths: Option<At<u8>>,
    pub(crate) send_paths_mode: Option<At<PathsMode>>,
    pub(crate) receive_paths: Option<At<u16>>,
    pub(crate) best_external: Option<At<bool>>,
    pub(crate) refresh_interval: Option<At<Duration>>,
    pub(crate) discard_attributes: Option<Vec<At<(u8, u8)>>>,
    pub(crate) withdraw_attributes: Option<Vec<At<(u8, u8)>>>,
    pub(crate) max_as_path_length: Option<At<u32>>,
    pub(crate) max_cluster_list_length: Option<At<u32>>,
    /// Keys others are checked against that could not be read: their default means nothing.
    pub(crate) faulty: Vec<&'static str>,
}

impl Session {
    /// Reads the shared keys of a group or a peer.
    pub(crate) fn read(fields: &Fields<'_>, world: &World<'_>, report: &mut Report<'_>) -> Self {
        let session = Self {
            peer_as: fields.scalar("asNumber", &kinds::PEER_AS, report),
            role: fields.scalar("role", &kinds::ROLE, report),
            families: read_families(fields, report),
            hold_time: fields.scalar("holdTime", &kinds::HOLD_TIME, report),
            keepalive: fields.scalar("keepaliveTime", &kinds::KEEPALIVE, report),
            connect_retry: fields.scalar("connectRetry", &kinds::CONNECT_RETRY, report),
            connect_delay: fields.scalar("connectDelay", &kinds::CONNECT_DELAY, report),
            passive: fields.scalar("passive", &kinds::BOOL, report),
            cluster_id: fields.scalar("clusterId", &kinds::CLUSTER_ID, report),
            description: fields.scalar("description", &kinds::TEXT, report),
            port: fields.scalar("port", &kinds::PORT, report),
            local_address: fields.scalar("localAddress", &kinds::ADDRESS, report),
            local_as: fields.scalar("localASNumber", &kinds::ASN, report),
            own_as_allowed: fields.scalar("numAllowedLocalASNumbers", &kinds::OWN_AS, report),
            next_hop_mode: fields.scalar("nextHopMode", &kinds::NEXT_HOP_MODE, report),
            password: read_password(fields, world, report),
            ttl_security: fields.scalar("ttlSecurity", &kinds::TTL_SECURITY, report),
            max_prefixes: read_max_prefixes(fields, report),
            graceful_restart: graceful::read(fields, report),
            silent_hold_expiry: fields.scalar("silentHoldExpiry", &kinds::BOOL, report),
            import_policy: policy::read(fields, "importPolicy", report),
            export_policy: policy::read(fields, "exportPolicy", report),
            send_paths: fields.scalar("sendPaths", &kinds::SEND_PATHS, report),
            send_paths_mode: fields.scalar("sendPathsMode", &kinds::SEND_PATHS_MODE, report),
            receive_paths: fields.scalar("receivePaths", &kinds::RECEIVE_PATHS, report),
            best_external: fields.scalar("bestExternal", &kinds::BOOL, report),
            refresh_interval: fields.scalar("refreshInterval", &kinds::REFRESH_INTERVAL, report),
            discard_attributes: fields.set("discardAttributes", &ATTRIBUTES, report),
            withdraw_attributes: fields.set("withdrawAttributes", &ATTRIBUTES, report),
            max_as_path_length: fields.scalar("maxAsPathLength", &ELEMENTS, report),
            max_cluster_list_length: fields.scalar("maxClusterListLength", &ELEMENTS, report),
            faulty: Vec::new(),
        };
        session.with_faulty(fields)
    }

    /// Notes which keys are there and could not be read.
    fn with_faulty(mut self, fields: &Fields<'_>) -> Self {
        let read = [
            ("asNumber", self.peer_as.is_some()),
            ("holdTime", self.hold_time.is_some()),
            ("families", self.families.is_some()),
        ];
        let faulty = |(name, read): (&'static str, bool)| {
            (!read && fields.node(name).is_some()).then_some(name)
        };
        self.faulty = read.into_iter().filter_map(faulty).collect();
        self
    }

    /// These settings laid over those of a group.
    pub(crate) fn over(self, group: &Self) -> Self {
        let group = group.clone();
        Self {
            peer_as: self.peer_as.or(group.peer_as),
            role: self.role.or(group.role),
            families: self.families.or(group.families),
            hold_time: self.hold_time.or(group.hold_time),
            keepalive: self.keepalive.or(group.keepalive),
            connect_retry: self.connect_retry.or(group.connect_retry),
            connect_delay: self.connect_delay.or(group.connect_delay),
            passive: self.passive.or(group.passive),
            cluster_id: self.cluster_id.or(group.cluster_id),
            description: self.description.or(group.description),
            port: self.port.or(group.port),
            local_address: self.local_address.or(group.local_address),
            local_as: self.local_as.or(group.local_as),
            own_as_allowed: self.own_as_allowed.or(group.own_as_allowed),
            next_hop_mode: self.next_hop_mode.or(group.next_hop_mode),
            password: self.password.or(group.password),
            ttl_security: self.ttl_security.or(group.ttl_security),
            max_prefixes: self.max_prefixes.or(group.max_prefixes),
            graceful_restart: self.graceful_restart.or(group.graceful_restart),
            silent_hold_expiry: self.silent_hold_expiry.or(group.silent_hold_expiry),
            import_policy: self.import_policy.or(group.import_policy),
            export_policy: self.export_policy.or(group.export_policy),
            send_paths: self.send_paths.or(group.send_paths),
            send_paths_mode: self.send_paths_mode.or(group.send_paths_mode),
            receive_paths: self.receive_paths.or(group.receive_paths),
            best_external: self.best_external.or(group.best_external),
            refresh_interval: self.refresh_interval.or(group.refresh_interval),
            discard_attributes: self.discard_attributes.or(group.discard_attributes),
            withdraw_attributes: self.withdraw_attributes.or(group.withdraw_attributes),
            max_as_path_length: self.max_as_path_length.or(group.max_as_path_length),
            max_cluster_list_length: self.max_cluster_list_length.or(group.max_cluster_list_length),
            faulty: [self.faulty, group.faulty].concat(),
        }
    }

    /// With every default filled in.
    pub(crate) fn resolve(&self, ours: Ours) -> PeerSettings {
        let peer_as = value(self.peer_as.as_ref()).unwrap_or(PeerAs::Internal);
        let local_as = value(self.local_as.as_ref());
        let asn = local_as.or(ours.asn);
        let role = value(self.role.as_ref()).unwrap_or_else(|| default_role(peer_as, asn));
        let send_paths_mode =
            value(self.send_paths_mode.as_ref()).unwrap_or(defaults::SEND_PATHS_MODE);
        let policy = |read: &Option<policy::Read>| read.as_ref().and_then(|at| at.value.clone());
        let types =
            |read: &Option<Vec<At<(u8, u8)>>>| read.iter().flatten().map(|at| at.value).collect();
        PeerSettings {
            peer_as,
            role,
            cluster_id: value(self.cluster_id.as_ref()).unwrap_or(ours.cluster_id),
            families: value(self.families.as_ref()).unwrap_or(defaults::FAMILIES),
            hold_time: value(self.hold_time.as_ref()).unwrap_or(defaults::HOLD_TIME),
            keepalive: value(self.keepalive.as_ref()),
            connect_retry: value(self.connect_retry.as_ref()).unwrap_or(defaults::CONNECT_RETRY),
            connect_delay: value(self.connect_delay.as_ref()).unwrap_or(defaults::CONNECT_DELAY),
            passive: value(self.passive.as_ref()).unwrap_or(defaults::PASSIVE),
            description: self.description.as_ref().map(|at| at.value.clone()),
            port: value(self.port.as_ref()).unwrap_or(defaults::PORT),
            local_address: value(self.local_address.as_ref()),
            local_as,
            own_as_allowed: value(self.own_as_allowed.as_ref()).unwrap_or(defaults::OWN_AS_ALLOWED),
            next_hop_mode: value(self.next_hop_mode.as_ref()).unwrap_or(defaults::NEXT_HOP_MODE),
            password: self.password.as_ref().map(|at| at.value.clone()),
            ttl_security: value(self.ttl_security.as_ref()).flatten(),
            max_prefixes: self.max_prefixes.as_ref().map(ReadLimits::resolve).unwrap_or_default(),
            graceful_restart: value(self.graceful_restart.as_ref())
                .unwrap_or_else(|| Some(Graceful::default()))
                .map(|graceful| graceful.resolve(role)),
            silent_hold_expiry: value(self.silent_hold_expiry.as_ref())
                .unwrap_or(defaults::SILENT_HOLD_EXPIRY),
            import_policy: policy(&self.import_policy),
            export_policy: policy(&self.export_policy),
            send_paths: value(self.send_paths.as_ref())
                .unwrap_or_else(|| defaults::send_paths(send_paths_mode)),
            send_paths_mode,
            receive_paths: value(self.receive_paths.as_ref()),
            best_external: value(self.best_external.as_ref()).unwrap_or(defaults::BEST_EXTERNAL),
            refresh_interval: value(self.refresh_interval.as_ref())
                .unwrap_or(defaults::REFRESH_INTERVAL),
            discard_attributes: types(&self.discard_attributes),
            withdraw_attributes: types(&self.withdraw_attributes),
            max_as_path_length: value(self.max_as_path_length.as_ref())
                .unwrap_or(defaults::AS_PATH_LENGTH_MAX),
            max_cluster_list_length: value(self.max_cluster_list_length.as_ref())
                .unwrap_or(defaults::CLUSTER_LIST_LENGTH_MAX),
        }
    }
}

fn value<T: Copy>(at: Option<&At<T>>) -> Option<T> {
    at.map(|at| at.value)
}

/// Whether peers of this AS are of ours; `None` where both may be, or where ours is unknown.
pub(crate) fn is_internal(peer_as: PeerAs, ours: Option<Asn>) -> Option<bool> {
    match peer_as {
        PeerAs::Is(asn) => ours.map(|ours| asn == ours),
        PeerAs::Internal => Some(true),
        PeerAs::External => Some(false),
        PeerAs::Any => None,
    }
}

/// A reflector's internal peers are its clients: a client taken for a non-client would lose
/// routes, a non-client taken for a client only hears some twice (RFC 4456 §6).
fn default_role(peer_as: PeerAs, ours: Option<Asn>) -> PeerRole {
    match is_internal(peer_as, ours) {
        Some(false) => PeerRole::External,
        Some(true) | None => PeerRole::Client,
    }
}

fn read_families(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<At<FamilySet>> {
    let families = fields.some("families", &kinds::FAMILY, report)?;
    Some(At {
        value: families.into_iter().map(|at| at.value).collect(),
        place: fields.node("families")?.place,
        key: fields.path("families"),
    })
}

/// Limits of routes as read.
#[derive(Clone, Debug)]
pub(crate) struct ReadLimits {
    pub(crate) limits: Vec<At<(Family, NonZeroU32)>>,
    warn_at: Option<At<u8>>,
    action: Option<At<LimitAction>>,
    restart_after: Option<At<Duration>>,
    count_rejected: Option<At<bool>>,
    count_paths: Option<At<bool>>,
}

impl ReadLimits {
    fn resolve(&self) -> MaxPrefixes {
        let mut resolved = MaxPrefixes::default();
        resolved.warn_at = value(self.warn_at.as_ref()).unwrap_or(resolved.warn_at);
        resolved.action = value(self.action.as_ref()).unwrap_or(resolved.action);
        resolved.restart_after = value(self.restart_after.as_ref());
        resolved.count_rejected =
            value(self.count_rejected.as_ref()).unwrap_or(resolved.count_rejected);
        resolved.count_paths = value(self.count_paths.as_ref()).unwrap_or(resolved.count_paths);
        for limit in &self.limits {
            resolved.set(limit.value.0, limit.value.1);
        }
        resolved
    }
}

fn read_max_prefixes(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<ReadLimits> {
    let names = Family::ALL.map(|family| family.row().name);
    let names: Vec<&str> = names.into_iter().chain(MAX_PREFIXES_KEYS).collect();
    let limits = super::open(fields, "maxPrefixes", &names, report)?;
    let read = |family: Family, report: &mut Report<'_>| {
        let at = limits.scalar(family.row().name, &kinds::MAX_PREFIXES, report)?;
        Some(At { value: (family, at.value), place: at.place, key: at.key })
    };
    let action = limits.scalar("action", &kinds::LIMIT_ACTION, report);
    let restart_after = limits.scalar("restartAfter", &kinds::CONNECT_RETRY, report);
    let restarts = action.as_ref().is_none_or(|at| at.value == LimitAction::Restart);
    if let Some(after) = restart_after.as_ref().filter(|_| !restarts) {
        let fault = Fault::new("restartAfter without a restart", "action restart beside it");
        after.report(report, fault);
    }
    Some(ReadLimits {
        limits: Family::ALL.into_iter().filter_map(|family| read(family, report)).collect(),
        warn_at: limits.scalar("warnAt", &PERCENT, report),
        action,
        restart_after,
        count_rejected: limits.scalar("countRejected", &kinds::BOOL, report),
        count_paths: limits.scalar("countPaths", &kinds::BOOL, report),
    })
}

const PASSWORD_ALLOWED: &str = "a text of 1 to 80 octets";
const PASSWORD_FILE_ALLOWED: &str = "a readable file with one line of 1 to 80 octets";

/// The key of `password`, or the content of `passwordFile` without the end of its line.
/// No fault shows a key, nor the line it stands in.
fn read_password(
    fields: &Fields<'_>,
    world: &World<'_>,
    report: &mut Report<'_>,
) -> Option<At<Secret>> {
    let (inline, file) = (fields.node("password"), fields.node("passwordFile"));
    if let (Some(_), Some(file)) = (inline, file) {
        let fault = Fault::new("password and passwordFile", "one of the two");
        report.fault(file.place, &fields.path("passwordFile"), fault);
        return None;
    }
    if let Some(node) = inline {
        let key = fields.path("password");
        let found = match &node.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Value::Scalar(scalar) => match secret(scalar.text.as_bytes()) {
                Ok(value) => return Some(At { value, place: node.place, key }),
                Err(found) => found,
            },
            _ => node.describe(),
        };
        let fault = Fault { show: Show::Nothing, ..Fault::new(found, PASSWORD_ALLOWED) };
        report.fault(node.place, &key, fault);
        return None;
    }
    let name = fields.scalar("passwordFile", &kinds::TEXT, report)?;
    let path = world.folder.join(&name.value);
    let key = read_key_file(&path).map_err(|error| error.to_string()).and_then(|octets| {
        let line = octets.strip_suffix(b"\n").unwrap_or(&octets);
        secret(line.strip_suffix(b"\r").unwrap_or(line))
    });
    match key {
        Ok(value) => Some(At { value, place: name.place, key: name.key }),
        Err(error) => {
            let found = format!("{}: {error}", quote(&name.value));
            let fault = Fault::new(found, PASSWORD_FILE_ALLOWED);
            name.report(report, fault.hint(format!("looked for at {}", path.display())));
            None
        }
    }
}

/// A little more than a key and the end of its line, so that what is too long is seen to be.
const KEY_FILE_READ_MAX: u64 = Secret::LEN_MAX as u64 + 3;

fn read_key_file(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(KEY_FILE_READ_MAX).read_to_end(&mut octets)?;
    Ok(octets)
}

/// A key of these octets.
pub(crate) fn secret(octets: &[u8]) -> Result<Secret, String> {
    if octets.contains(&b'\n') {
        return Err("more than one line".to_owned());
    }
    match octets.len() {
        0 => Err("an empty password".to_owned()),
        1..=Secret::LEN_MAX => Ok(Secret::new(octets.to_vec())),
        _ => Err(format!("more than {} octets", Secret::LEN_MAX)),
    }
}
