//! Every default, with the RFC or the reason it comes from.
//!
//! `docs/CONFIGURATION.md` shows these values; a test compares the two.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use albedo_types::{FamilySet, HoldTime, PATHS_MAX, PathsMode, PeerRole};

use crate::settings::{
    BirdDialect, CalicoExport, IpamCheck, LimitAction, LogFormat, LogLevel, NextHopMode,
    ShutdownMode,
};

/// The BGP port (RFC 4271 §8.2.1), on every IPv4 address.
/// IPv6 is asked for by name: a kernel without it would refuse to start otherwise.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT);

/// The port peers listen on (RFC 4271 §8.2.1).
pub const PORT: u16 = 179;

/// Metrics and health are for this machine unless the operator says otherwise: they tell a lot
/// and ask for no password.
pub const ADMIN_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9179);

/// Where the command line finds a reflector, and where one answers if that folder is there.
pub const ADMIN_SOCKET: &str = "/run/albedo/albedo.sock";
/// For the owner and the group, as whoever may use it may change something.
pub const ADMIN_SOCKET_MODE: u32 = 0o660;

/// Eight series for each of thousands of peers are a lot for whoever scrapes.
pub const ADMIN_PEER_METRICS: bool = false;

/// GoBGP's own port, and for this machine: it asks for no password.
pub const GRPC_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50051);
/// For the owner and the group.
pub const GRPC_MODE: u32 = 0o660;

/// Who asks for BIRD's socket by itself is mostly a Calico node.
pub const BIRD_DIALECT: BirdDialect = BirdDialect::Calico;
/// For the owner and the group, as whatever shows routes needs no more.
pub const BIRD_MODE: u32 = 0o660;

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

/// How long peers wait for us before they turn to what another reflector tells them: a restart
/// takes less, and where it does not, fresh routes of the other one are better than stale ones.
pub const RESTART_TIME: Duration = Duration::from_secs(30);

/// How long clients live on with what a reflector told them that is gone: a day, for without it a
/// stock node drops all routes when the last reflector hangs or is lost. For others it is off:
/// between reflectors, and towards other ASes, a stale copy is in the way of what is fresh.
#[must_use]
pub const fn long_lived_stale_time(role: PeerRole) -> Duration {
    match role {
        PeerRole::Client => Duration::from_secs(86_400),
        PeerRole::NonClient | PeerRole::External => Duration::ZERO,
    }
}

/// Stock nodes say that they can receive several paths, and would keep and compare all of them
/// for nothing (RFC 7911).
pub const SEND_PATHS: u8 = 1;

/// Whatever router takes several paths can use the best ones.
pub const SEND_PATHS_MODE: PathsMode = PathsMode::Best;

/// Whoever names another mode wants what it chooses.
#[must_use]
pub const fn send_paths(mode: PathsMode) -> u8 {
    match mode {
        PathsMode::Best => SEND_PATHS,
        PathsMode::Equal | PathsMode::PerNeighbourAs | PathsMode::Diverse => PATHS_MAX,
    }
}

/// Between reflectors as RFC 4271 has it, until they are told otherwise.
pub const BEST_EXTERNAL: bool = false;

/// A peer that asks again and again costs one answer a second.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// RFC 8538 is used where the peer offers it, too.
pub const NOTIFICATION: bool = true;

/// What the field can hold (RFC 4724 §3): the peer knows best how long it takes.
pub const PEER_RESTART_TIME_MAX: Duration = Duration::from_secs(4_095);

/// A stock node that restarts while another of its reflectors is down says nothing for 240 s with
/// its session up; FRR waits as long as this, too.
pub const STALE_PATH_TIME: Duration = Duration::from_secs(360);

/// Who does not know stale routes would prefer them (RFC 9494 §4.3).
pub const STALE_TO_UNAWARE: bool = false;

/// A reflector changes nothing unasked (RFC 4456 §10).
pub const NO_LLGR_ON_HOSTS: bool = false;

/// As many as there may be dynamic sessions: a whole cluster may be lost at once.
pub const LIMIT_RETAINED_PEERS: u32 = LIMIT_SESSIONS;

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

/// A node that goes on while we are away connects within some seven seconds: Calico's templates
/// have a delay of two and a retry of five. Twice that and a reserve, and still nobody is kept
/// waiting for as long as a graceful restart may take.
pub const DEFERRAL_MAX: Duration = Duration::from_secs(20);

/// Nodes that lost us at the same instant come back within the jitter of their retry timers,
/// which for Calico's is 1.25 s.
pub const QUIET_TIME: Duration = Duration::from_secs(2);

/// A reflector does not forward, and nodes that are told otherwise drop its routes at once.
pub const FORWARDING_STATE: bool = true;

/// Clean while another reflector has the routes, and no outage of the cluster when none has.
pub const SHUTDOWN_MODE: ShutdownMode = ShutdownMode::Auto;

/// Known neighbours come by themselves. Calico's nodes connect, and a connection of ours that
/// crosses theirs makes BIRD 1.6 drop the routes that it keeps of us.
pub const DIAL: bool = false;

/// A configured peer is dialled at once, as with every other daemon.
pub const CONNECT_DELAY: Duration = Duration::ZERO;

/// RFC 4456 §10 has an internal peer told the route's own, RFC 4271 §5.1.3 an external one ours.
pub const NEXT_HOP_MODE: NextHopMode = NextHopMode::Auto;

/// A path that names our AS has been here.
pub const OWN_AS_ALLOWED: u8 = 0;

/// A reflector beside the cluster, such as BIRD with `export all`; what a node of Calico holds
/// back it holds back itself.
pub const CALICO_EXPORT: CalicoExport = CalicoExport::All;

/// To count is harmless; who borrows addresses announces them legitimately.
pub const CALICO_IPAM_CHECK: IpamCheck = IpamCheck::Warn;

/// A label that is lost takes all sessions of a selector, a rack less than this, in percent.
pub const CALICO_GUARD_MAX_LOSS: u8 = 25;

/// Two or three nodes that go are no incident, however small the cluster.
pub const CALICO_GUARD_MIN_LOSS: u32 = 3;

/// Long enough for somebody who is woken by the alarm.
pub const CALICO_GUARD_HOLD: Duration = Duration::from_secs(1_800);

/// A word would make the peer drop what it keeps of us.
pub const SILENT_HOLD_EXPIRY: bool = true;

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
