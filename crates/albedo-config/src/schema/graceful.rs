//! The key `gracefulRestart`: what is offered, and what is granted to peers.

use std::time::Duration;

use albedo_types::PeerRole;

use crate::defaults;
use crate::diagnostic::{Fault, Report};
use crate::fields::{At, Fields};
use crate::kinds;
use crate::node::{Node, Value};
use crate::settings::GracefulRestart;

/// The keys of `gracefulRestart`.
pub(crate) const KEYS: [&str; 8] = [
    "restartTime",
    "longLivedStaleTime",
    "notification",
    "peerRestartTimeMax",
    "peerStaleTimeMax",
    "stalePathTime",
    "staleToUnaware",
    "noLlgrOnHosts",
];

/// What the mapping says; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Graceful {
    restart_time: Option<Duration>,
    long_lived_stale_time: Option<Duration>,
    notification: Option<bool>,
    peer_restart_time_max: Option<Duration>,
    peer_stale_time_max: Option<Duration>,
    stale_path_time: Option<Duration>,
    stale_to_unaware: Option<bool>,
    no_llgr_on_hosts: Option<bool>,
}

impl Graceful {
    /// Whether there is a word on `noLlgrOnHosts`.
    pub(crate) const fn says_no_llgr_on_hosts(self) -> bool {
        self.no_llgr_on_hosts.is_some()
    }

    /// With every default filled in, for a peer of this role.
    pub(crate) fn resolve(self, role: PeerRole) -> GracefulRestart {
        let stale_time =
            self.long_lived_stale_time.unwrap_or_else(|| defaults::long_lived_stale_time(role));
        GracefulRestart {
            restart_time: self.restart_time.unwrap_or(defaults::RESTART_TIME),
            long_lived_stale_time: stale_time,
            notification: self.notification.unwrap_or(defaults::NOTIFICATION),
            peer_restart_time_max: self
                .peer_restart_time_max
                .unwrap_or(defaults::PEER_RESTART_TIME_MAX),
            peer_stale_time_max: self.peer_stale_time_max.unwrap_or(stale_time),
            stale_path_time: self.stale_path_time.unwrap_or(defaults::STALE_PATH_TIME),
            stale_to_unaware: self.stale_to_unaware.unwrap_or(defaults::STALE_TO_UNAWARE),
            no_llgr_on_hosts: self.no_llgr_on_hosts.unwrap_or(defaults::NO_LLGR_ON_HOSTS),
        }
    }
}

/// Reads the key; a value of `None` is off.
pub(crate) fn read(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<At<Option<Graceful>>> {
    let node = fields.node("gracefulRestart")?;
    let key = fields.path("gracefulRestart");
    let value = match &node.value {
        Value::Scalar(scalar) if kinds::is_off(scalar) => None,
        Value::Map(_) => Some(read_map(node, &key, report)?),
        _ => {
            let allowed = format!("off, or a mapping with {}", KEYS.join(", "));
            report.fault(node.place, &key, Fault::new(node.describe(), allowed));
            return None;
        }
    };
    Some(At { value, place: node.place, key })
}

fn read_map(node: &Node, key: &str, report: &mut Report<'_>) -> Option<Graceful> {
    let map = Fields::open(node, key, &KEYS, report)?;
    Some(Graceful {
        restart_time: value(map.scalar("restartTime", &kinds::RESTART_TIME, report)),
        long_lived_stale_time: value(map.scalar(
            "longLivedStaleTime",
            &kinds::LONG_LIVED_STALE_TIME,
            report,
        )),
        notification: value(map.scalar("notification", &kinds::BOOL, report)),
        peer_restart_time_max: value(map.scalar(
            "peerRestartTimeMax",
            &kinds::PEER_RESTART_TIME_MAX,
            report,
        )),
        peer_stale_time_max: value(map.scalar(
            "peerStaleTimeMax",
            &kinds::LONG_LIVED_STALE_TIME,
            report,
        )),
        stale_path_time: value(map.scalar("stalePathTime", &kinds::STALE_PATH_TIME, report)),
        stale_to_unaware: value(map.scalar("staleToUnaware", &kinds::BOOL, report)),
        no_llgr_on_hosts: value(map.scalar("noLlgrOnHosts", &kinds::BOOL, report)),
    })
}

fn value<T>(at: Option<At<T>>) -> Option<T> {
    at.map(|at| at.value)
}
