//! Settings from the environment: every single value at the top of the file has a variable, but
//! for what is in `admin.bird` and `admin.grpc`.
//!
//! A variable takes the place of the file's value before anything is checked, so a file may
//! leave out what the environment gives, such as the router id of a pod.
//!
//! Only the variables of the table are looked at: Kubernetes puts `ALBEDO_SERVICE_HOST`,
//! `ALBEDO_PORT_179_TCP` and the like into every container beside a service of that name.

use crate::diagnostic::Place;
use crate::node::{Entry, Node, Scalar, Value};

/// A variable and the setting it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The variable, such as `ALBEDO_ROUTER_ID`.
    pub name: &'static str,
    /// The setting, such as `routerId` or `limits.sessions`.
    pub key: &'static str,
    /// Whether the value is a list with commas between the items.
    pub list: bool,
}

const fn variable(name: &'static str, key: &'static str) -> Variable {
    Variable { name, key, list: false }
}

/// Every variable that is looked at.
pub const VARIABLES: [Variable; 23] = [
    variable("ALBEDO_AS_NUMBER", "asNumber"),
    variable("ALBEDO_ROUTER_ID", "routerId"),
    variable("ALBEDO_CLUSTER_ID", "clusterId"),
    Variable { name: "ALBEDO_LISTEN", key: "listen", list: true },
    variable("ALBEDO_ADMIN_HTTP", "admin.http"),
    variable("ALBEDO_ADMIN_SOCKET", "admin.socket"),
    variable("ALBEDO_ADMIN_SOCKET_MODE", "admin.socketMode"),
    variable("ALBEDO_ADMIN_PEER_METRICS", "admin.peerMetrics"),
    variable("ALBEDO_SHARDS", "shards"),
    variable("ALBEDO_LOG_LEVEL", "logLevel"),
    variable("ALBEDO_LOG_FORMAT", "logFormat"),
    variable("ALBEDO_PACING_MAX", "pacing.max"),
    variable("ALBEDO_LIMITS_SESSIONS", "limits.sessions"),
    variable("ALBEDO_LIMITS_PER_RANGE", "limits.perRange"),
    variable("ALBEDO_LIMITS_SESSIONS_PER_SOURCE", "limits.sessionsPerSource"),
    variable("ALBEDO_LIMITS_ACCEPT_RATE", "limits.acceptRate"),
    variable("ALBEDO_LIMITS_RETAINED_PEERS", "limits.retainedPeers"),
    variable("ALBEDO_RESTART_ROSTER_FILE", "restart.rosterFile"),
    variable("ALBEDO_RESTART_DEFERRAL_MAX", "restart.deferralMax"),
    variable("ALBEDO_RESTART_QUIET_TIME", "restart.quietTime"),
    variable("ALBEDO_RESTART_FORWARDING_STATE", "restart.forwardingState"),
    variable("ALBEDO_SHUTDOWN_MODE", "shutdown.mode"),
    variable("ALBEDO_SHUTDOWN_MESSAGE", "shutdown.message"),
];

/// A setting given by the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Which.
    pub variable: Variable,
    /// The text of the variable.
    pub value: String,
}

/// The settings among environment variables; a variable that is empty counts as not set.
pub fn env_overrides<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Vec<Override>
where
    N: AsRef<str>,
    V: Into<String>,
{
    let mut found: Vec<Override> = variables
        .into_iter()
        .filter_map(|(name, value)| {
            let variable = VARIABLES.into_iter().find(|known| known.name == name.as_ref())?;
            Some(Override { variable, value: value.into() })
        })
        .filter(|found| !found.value.is_empty())
        .collect();
    found.sort_by_key(|found| found.variable.name);
    found
}

/// Puts the overrides into the tree of a file. What is no mapping stays as it is: the schema
/// tells.
pub(crate) fn apply(root: &mut Node, overrides: &[Override]) {
    for Override { variable, value } in overrides {
        let place = Place { variable: Some(variable.name), ..Place::default() };
        let scalar = |text: &str| Node {
            place,
            value: Value::Scalar(Scalar { text: text.trim().to_owned(), plain: true }),
        };
        let value = if variable.list {
            Node { place, value: Value::List(value.split(',').map(scalar).collect()) }
        } else {
            scalar(value)
        };
        match variable.key.split_once('.') {
            None => set(root, variable.key, value),
            Some((outer, inner)) => {
                let empty = Node { place, value: Value::Map(Vec::new()) };
                if let Some(outer) = get_or_insert(root, outer, empty) {
                    set(outer, inner, value);
                }
            }
        }
    }
}

fn get_or_insert<'n>(map: &'n mut Node, key: &str, default: Node) -> Option<&'n mut Node> {
    let Value::Map(entries) = &mut map.value else { return None };
    let index = match entries.iter().position(|entry| entry.key == key) {
        Some(index) => index,
        None => {
            let place = default.place;
            entries.push(Entry { key: key.to_owned(), place, value: default });
            entries.len() - 1
        }
    };
    // `pacing: off` is overridden as a whole.
    if let Value::Scalar(_) = entries[index].value.value {
        entries[index].value.value = Value::Map(Vec::new());
    }
    Some(&mut entries[index].value)
}

fn set(map: &mut Node, key: &str, value: Node) {
    if let Some(node) = get_or_insert(map, key, value.clone()) {
        *node = value;
    }
}
