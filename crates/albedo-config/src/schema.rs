//! The top of the schema: from the tree to [`Config`].
//!
//! Reading goes on after a fault, so that one run tells all of them; a [`Config`] comes out only
//! where there was none.

mod across;
mod admin;
mod calico;
mod graceful;
mod life;
mod member;
mod policy;
mod session;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use albedo_types::{Asn, ClusterId, PeerRole, RouterId};

use crate::defaults;
use crate::diagnostic::{Place, Report};
use crate::fields::{At, Fields};
use crate::kinds::{self, Kind};
use crate::node::{Node, Value};
use crate::settings::{Calico, Config, Limits, Log, Pacing, PeerSettings};

/// What the schema needs to know of the world.
#[derive(Debug)]
pub(crate) struct World<'w> {
    /// Where relative names of files start.
    pub(crate) folder: &'w Path,
    /// Cores of the machine, for the default of `shards`.
    pub(crate) cores: usize,
}

/// What the sessions take from the top.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ours {
    /// `None` where it is missing or faulty, which was reported.
    pub(crate) asn: Option<Asn>,
    pub(crate) cluster_id: ClusterId,
}

const TOP: [&str; 15] = [
    "asNumber",
    "routerId",
    "clusterId",
    "listen",
    "peerGroups",
    "peers",
    "calico",
    "admin",
    "shards",
    "logLevel",
    "logFormat",
    "pacing",
    "limits",
    "restart",
    "shutdown",
];

/// Every key, as the reference names it.
#[cfg(test)]
pub(crate) fn all_keys() -> Vec<String> {
    let top = TOP.map(str::to_owned).into_iter();
    let limits = LIMITS.map(|key| format!("limits.{key}"));
    let life = life::RESTART.map(|key| format!("restart.{key}")).into_iter();
    let life = life.chain(life::SHUTDOWN.map(|key| format!("shutdown.{key}")));
    let life = life.chain(calico::KEYS.map(|key| format!("calico.{key}")));
    let life = life.chain(calico::REGISTER.map(|key| format!("calico.register.{key}")));
    let life = life.chain(calico::GUARD.map(|key| format!("calico.guard.{key}")));
    let admin = admin::KEYS.map(|key| format!("admin.{key}")).into_iter();
    let admin = admin.chain(admin::BIRD.map(|key| format!("admin.bird.{key}")));
    let admin = admin.chain(admin::GRPC.map(|key| format!("admin.grpc.{key}")));
    let members = ["pacing.max", "name", "ranges", "dial", "address", "group"];
    let inner = graceful::KEYS.map(|key| format!("gracefulRestart.{key}"));
    let families = albedo_types::Family::ALL.map(|family| format!("maxPrefixes.{family}"));
    let of_limits = session::MAX_PREFIXES_KEYS.map(|key| format!("maxPrefixes.{key}"));
    let policies = policy::POLICY_KEYS.into_iter().chain(policy::RULE_KEYS).map(str::to_owned);
    let set = policy::SET_KEYS.map(|key| format!("set.{key}"));
    let members = members.into_iter().chain(session::KEYS).map(str::to_owned);
    let members = members.chain(inner).chain(families).chain(of_limits);
    top.chain(admin).chain(limits).chain(life).chain(members).chain(policies).chain(set).collect()
}

/// Stands for a value whose fault was reported; no [`Config`] with it is ever handed out.
const PLACEHOLDER: RouterId = match RouterId::new(1) {
    Some(id) => id,
    None => unreachable!(),
};

/// The configuration of a tree. `None` only after a report.
pub(crate) fn read(root: &Node, world: &World<'_>, report: &mut Report<'_>) -> Option<Config> {
    let top = Fields::open(root, "", &TOP, report)?;
    let is_node = calico::is_node(&top);
    let (asn, router_id) = if is_node {
        // They are the node's, and known once the datastore is.
        across::of_the_node(&top, report);
        (None, top.scalar("routerId", &kinds::ROUTER_ID, report).map(|at| at.value))
    } else {
        let asn = top.required("asNumber", &kinds::ASN, report).map(|at| at.value);
        (asn, top.required("routerId", &kinds::ROUTER_ID, report).map(|at| at.value))
    };
    let own_router_id = router_id.is_some();
    let router_id = router_id.unwrap_or(PLACEHOLDER);
    let cluster_id = top
        .scalar("clusterId", &kinds::CLUSTER_ID, report)
        .map_or_else(|| ClusterId(router_id.get()), |at| at.value);
    let listen = match top.node("listen") {
        Some(_) => top.some("listen", &kinds::LISTEN, report).unwrap_or_default(),
        None => vec![default(defaults::LISTEN)],
    };
    let ours = Ours { asn, cluster_id };
    let mut groups = read_groups(&top, ours, world, report);
    let peers = read_peers(&top, ours, &groups, world, report);
    across::listen(&listen, report);
    across::ranges(&groups, report);
    across::peers(&peers, &listen, report);
    across::peer_names(&peers, report);
    across::keys(&groups, &peers, report);
    let names: Vec<&str> =
        groups.iter().filter_map(|group| Some(&*group.name.as_ref()?.value)).collect();
    let calico = calico::read(&top, world, &names, report).map(|calico| Calico {
        own_router_id,
        own_listen: top.node("listen").is_some(),
        ..calico
    });
    if let Some(name) = calico.as_ref().and_then(|calico| calico.group.as_deref()) {
        groups.iter_mut().for_each(|group| group.is_for_calico(name));
    }
    Some(Config {
        asn: asn.unwrap_or_default(),
        router_id,
        cluster_id,
        listen: listen.into_iter().map(|at| at.value).collect(),
        groups: groups.into_iter().filter_map(member::Group::resolved).collect(),
        peers: peers.into_iter().filter_map(member::Member::resolved).collect(),
        calico,
        admin: admin::read(&top, world, report),
        shards: top
            .scalar("shards", &kinds::SHARDS, report)
            .map_or_else(|| defaults::shards(world.cores), |at| at.value as usize),
        log: Log {
            level: or(&top, "logLevel", &kinds::LOG_LEVEL, defaults::LOG_LEVEL, report),
            format: or(&top, "logFormat", &kinds::LOG_FORMAT, defaults::LOG_FORMAT, report),
        },
        pacing: read_pacing(&top, report),
        limits: read_limits(&top, report),
        restart: life::restart(&top, world, report),
        shutdown: life::shutdown(&top, report),
    })
}

pub(crate) use session::secret;

/// The settings of an internal peer of which nothing but its role is said.
pub(crate) fn standard(role: PeerRole, cluster_id: ClusterId) -> PeerSettings {
    let at = Some(default(role));
    let session = session::Session { role: at, ..session::Session::default() };
    session.resolve(Ours { asn: None, cluster_id })
}

fn default<T>(value: T) -> At<T> {
    At { value, place: Place::default(), key: String::new() }
}

fn or<T: Copy>(
    fields: &Fields<'_>,
    name: &str,
    kind: &Kind<T>,
    default: T,
    report: &mut Report<'_>,
) -> T {
    fields.scalar(name, kind, report).map_or(default, |at| at.value)
}

/// A field that is a mapping of its own.
fn open<'n>(
    fields: &Fields<'n>,
    name: &str,
    known: &[&str],
    report: &mut Report<'_>,
) -> Option<Fields<'n>> {
    Fields::open(fields.node(name)?, &fields.path(name), known, report)
}

fn read_groups(
    top: &Fields<'_>,
    ours: Ours,
    world: &World<'_>,
    report: &mut Report<'_>,
) -> Vec<member::Group> {
    let items = top.list("peerGroups", "a list of groups", report).unwrap_or_default();
    let mut groups: Vec<member::Group> = Vec::with_capacity(items.len());
    for (key, node) in items {
        let Some(group) = member::group(node, &key, ours, world, report) else { continue };
        across::group_name(&group, &groups, report);
        groups.push(group);
    }
    groups
}

fn read_peers(
    top: &Fields<'_>,
    ours: Ours,
    groups: &[member::Group],
    world: &World<'_>,
    report: &mut Report<'_>,
) -> Vec<member::Member> {
    let by_name: HashMap<&str, &member::Group> = groups
        .iter()
        .rev()
        .filter_map(|group| Some((&*group.name.as_ref()?.value, group)))
        .collect();
    let items = top.list("peers", "a list of peers", report).unwrap_or_default();
    items
        .into_iter()
        .filter_map(|(key, node)| member::peer(node, &key, ours, &by_name, world, report))
        .collect()
}

fn read_pacing(top: &Fields<'_>, report: &mut Report<'_>) -> Pacing {
    let max = match top.node("pacing") {
        Some(Node { value: Value::Scalar(scalar), .. }) if kinds::is_off(scalar) => Duration::ZERO,
        _ => open(top, "pacing", &["max"], report)
            .and_then(|pacing| pacing.scalar("max", &kinds::PACING_MAX, report))
            .map_or(defaults::PACING_MAX, |at| at.value),
    };
    Pacing { max }
}

const LIMITS: [&str; 5] =
    ["sessions", "perRange", "sessionsPerSource", "acceptRate", "retainedPeers"];

fn read_limits(top: &Fields<'_>, report: &mut Report<'_>) -> Limits {
    let fields = open(top, "limits", &LIMITS, report);
    let mut limit = |name, default| {
        let Some(fields) = &fields else { return default };
        or(fields, name, &kinds::LIMIT, default, report)
    };
    Limits {
        sessions: limit("sessions", defaults::LIMIT_SESSIONS),
        per_range: limit("perRange", defaults::LIMIT_PER_RANGE),
        sessions_per_source: limit("sessionsPerSource", defaults::LIMIT_SESSIONS_PER_SOURCE),
        accept_rate: limit("acceptRate", defaults::LIMIT_ACCEPT_RATE),
        retained_peers: limit("retainedPeers", defaults::LIMIT_RETAINED_PEERS),
    }
}
