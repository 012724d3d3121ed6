//! Every default, with the RFC or the reason it comes from.
//!
//! `docs/CONFIGURATION.md` shows these values; a test compares the two.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use albedo_types::{FamilySet, HoldTime};

use crate::settings::{GracefulRestart, LimitAction, LogFormat, LogLevel};

/// The BGP port (RFC 4271 §8.2.1), on every IPv4 address.
/// IPv6 is asked for by name: a kernel without it would refuse to start otherwise.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT);

/// The port peers listen on (RFC 4271 §8.2.1).
pub const PORT: u16 = 179;

/// Metrics and health are for this machine unless the operator says otherwise: they tell a lot
/// and ask for no password.
pub const ADMIN_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9179);

/// Both unicast families: a family the peer does not offer is not used anyway (RFC 4760 §8).
pub const FAMILIES: FamilySet = FamilySet::ALL;

/// RFC 4271 §10 suggests 90 s. Calico's nodes offer 240 s, and the smaller offer counts, so this
/// is what a lost node costs at most.
pub const HOLD_TIME: HoldTime = HoldTime::DEFAULT;

/// RFC 4271 §10 suggests 120 s. Two minutes without routes after a restart of a node is too long
/// in a cluster; ten seconds with jitter keep thousands of nodes from coming in step.
pub const CONNECT_RETRY: Duration = Duration::from_secs(10);

/// We connect unless told to wait (RFC 4271 §8.1.1: passive establishment is the option).
pub const PASSIVE: bool = false;

/// What nodes of a Calico cluster offer, and the longest they are then patient with us.
/// Long-lived retention (RFC 9494) is for the operator to ask for.
pub const GRACEFUL_RESTART: GracefulRestart =
    GracefulRestart { restart_time: RESTART_TIME, long_lived_stale_time: Duration::ZERO };

/// The restart time where `gracefulRestart` is given without one: BIRD's default, and so that of
/// Calico's nodes.
pub const RESTART_TIME: Duration = Duration::from_secs(120);

/// Sessions up and down, reloads, start and stop.
pub const LOG_LEVEL: LogLevel = LogLevel::Info;

/// A human reads first; collectors ask for JSON.
pub const LOG_FORMAT: LogFormat = LogFormat::Text;

/// Far below what anybody notices, far above one round of writes to a thousand peers.
pub const PACING_MAX: Duration = Duration::from_millis(10);

/// Three times the largest cluster Albedo is made for, so that nobody meets it by growing; what
/// it stops is a scan of sources without end.
pub const LIMIT_SESSIONS: u32 = 16_384;

/// One range is normally the whole cluster, so it may use the whole of [`LIMIT_SESSIONS`].
pub const LIMIT_PER_RANGE: u32 = LIMIT_SESSIONS;

/// One for the connection that comes up, one for a node that restarted before we noticed.
pub const LIMIT_SESSIONS_PER_SOURCE: u32 = 2;

/// A cluster of thousands of nodes comes back within seconds; a flood of connections costs no
/// more than that.
pub const LIMIT_ACCEPT_RATE: u32 = 4_000;

/// Early enough to raise a limit before it is met, late enough to be no noise.
pub const WARN_AT: u8 = 75;

/// A peer that has found its mistake comes back by itself.
pub const LIMIT_ACTION: LimitAction = LimitAction::Restart;

/// What is rejected takes no room.
pub const COUNT_REJECTED: bool = false;

/// Each path takes the room of a route.
pub const COUNT_PATHS: bool = true;

/// The longest paths of the Internet have a few hundred numbers, and daemons are known to fail
/// beyond 2,048.
pub const AS_PATH_LENGTH_MAX: u32 = 2_048;

/// No hierarchy of reflectors is that deep.
pub const CLUSTER_LIST_LENGTH_MAX: u32 = 255;

/// Cores for each shard beyond the first one, see [`shards`].
pub const CORES_PER_SHARD: usize = 4;

/// More shards than this are never taken by default, see [`shards`].
pub const SHARDS_DEFAULT_MAX: usize = 4;

/// The number of shards on a machine with this many cores.
///
/// One shard decides millions of prefixes a second, and an attribute set that spreads over S
/// shards leaves in S messages, which the kernel and every receiver pay for.
/// So a machine gets a second shard only where the sessions around it have cores to spare.
#[must_use]
pub fn shards(cores: usize) -> usize {
    (cores / CORES_PER_SHARD).clamp(1, SHARDS_DEFAULT_MAX)
}
