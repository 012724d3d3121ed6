//! What a configuration comes to: plain values, every default filled in.
//!
//! Nothing here knows of files.
//! Two readings of a file are compared with `==`, whole or peer by peer: that is the reload's
//! difference.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use albedo_types::policy::Rules;
use albedo_types::{
    Asn, ClusterId, Family, FamilySet, HoldTime, PathsMode, PeerRole, Prefix, RouterId,
};

mod calico;

pub use calico::{
    Calico, CalicoDatastore, CalicoExport, CalicoGuard, CalicoIdentity, CalicoRegister,
    ExternalAddress, IpamCheck,
};

/// All settings of `albedo run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our autonomous system, `asNumber`.
    pub asn: Asn,
    /// Our BGP identifier, `routerId` (RFC 6286).
    pub router_id: RouterId,
    /// The cluster that clients without an own one belong to, `clusterId` (RFC 4456 §7).
    pub cluster_id: ClusterId,
    /// Where BGP sessions are accepted, `listen`; never empty.
    pub listen: Vec<SocketAddr>,
    /// Groups in the order of the file, `peerGroups`.
    pub groups: Vec<PeerGroup>,
    /// Configured peers in the order of the file, `peers`.
    pub peers: Vec<Peer>,
    /// The Calico cluster that further peers come from, `calico`.
    ///
    /// Where the reflector is a node of it, its AS, its cluster and its router id are placeholders
    /// until the datastore is known.
    pub calico: Option<Calico>,
    /// The administrative interfaces, `admin`.
    pub admin: Admin,
    /// Number of shards of the RIB, `shards`; at least one.
    pub shards: usize,
    /// What is logged, and how: `logLevel`, `logFormat`.
    pub log: Log,
    /// How changes gather under load, `pacing`.
    pub pacing: Pacing,
    /// Bounds on what strangers can make us hold, `limits`.
    pub limits: Limits,
    /// How a start goes on from the last life, `restart`.
    pub restart: Restart,
    /// How a stop ends sessions, `shutdown`.
    pub shutdown: Shutdown,
}

impl Config {
    /// The group that accepts a dynamic neighbour: of all ranges that hold the address the
    /// longest decides, as for a route.
    #[must_use]
    pub fn group_of(&self, source: IpAddr) -> Option<(&PeerGroup, Prefix)> {
        self.groups
            .iter()
            .flat_map(|group| group.ranges.iter().map(move |range| (group, *range)))
            .filter(|(_, range)| range.contains(source))
            .max_by_key(|(_, range)| range.len())
    }

    /// The configured peer of this address.
    #[must_use]
    pub fn peer(&self, address: IpAddr) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.address == address)
    }
}

/// A group: settings shared by its members, and the ranges its dynamic neighbours come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerGroup {
    /// Unique among the groups.
    pub name: String,
    /// Sources that may connect without being configured; always passive.
    pub ranges: Vec<Prefix>,
    /// Whether neighbours from the ranges that are known from the last life are dialled, `dial`.
    pub dial: bool,
    /// What its members have.
    pub settings: PeerSettings,
}

/// A configured peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Unique among the peers.
    pub address: IpAddr,
    /// What it is called where protocols have names, `name`; unique among the peers.
    pub name: Option<String>,
    /// The group it took its settings from.
    pub group: Option<String>,
    /// The group's settings with the peer's own laid over them.
    pub settings: PeerSettings,
}

/// The settings of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSettings {
    /// Which AS the peer must name in its OPEN, `asNumber`.
    pub peer_as: PeerAs,
    /// What the peer is to the reflector, `role`.
    /// With [`PeerAs::Any`] it holds for peers of our own AS; use [`PeerSettings::role_of`].
    pub role: PeerRole,
    /// The cluster the peer is a client of, `clusterId` (RFC 4456 §7).
    pub cluster_id: ClusterId,
    /// Families offered, `families`; never empty.
    pub families: FamilySet,
    /// Hold time offered, `holdTime` (RFC 4271 §4.2).
    pub hold_time: HoldTime,
    /// Time between keepalives, `keepaliveTime`; `None` is a third of the negotiated hold time.
    pub keepalive: Option<Duration>,
    /// Time between attempts to connect, `connectRetry` (RFC 4271 §8.2.1).
    pub connect_retry: Duration,
    /// How long the peer is left to connect before we do, `connectDelay`.
    pub connect_delay: Duration,
    /// Wait for the peer to connect, `passive`. Dynamic neighbours are waited for anyway.
    pub passive: bool,
    /// Words for humans, `description`.
    pub description: Option<String>,
    /// The peer's port, `port`; for outgoing connections only.
    pub port: u16,
    /// Our end of the connection, `localAddress`.
    pub local_address: Option<IpAddr>,
    /// Our AS on the session, `localASNumber`; `None` is that of the top.
    pub local_as: Option<Asn>,
    /// How often our own AS may stand in AS_PATH of an external peer's routes,
    /// `numAllowedLocalASNumbers`.
    pub own_as_allowed: u8,
    /// Which next hop the peer is told, `nextHopMode`.
    pub next_hop_mode: NextHopMode,
    /// TCP-MD5 key, `password` or the content of `passwordFile` (RFC 2385).
    pub password: Option<Secret>,
    /// How many hops away the peer may be, `ttlSecurity` (RFC 5082); `None` is no check.
    pub ttl_security: Option<u8>,
    /// Prefixes taken from the peer at most, `maxPrefixes`.
    pub max_prefixes: MaxPrefixes,
    /// Graceful restart, `gracefulRestart` (RFC 4724); `None` is off.
    pub graceful_restart: Option<GracefulRestart>,
    /// Whether a session whose hold timer expired ends without a word if the peer keeps our
    /// routes then, `silentHoldExpiry`.
    pub silent_hold_expiry: bool,
    /// Which routes are taken, and how they are changed, `importPolicy`; `None`: all, as they
    /// are.
    pub import_policy: Option<Arc<Rules>>,
    /// Which routes are told, and how they are changed, `exportPolicy`.
    pub export_policy: Option<Arc<Rules>>,
    /// Paths of a prefix that are told, `sendPaths`: 1 to [`albedo_types::PATHS_MAX`] (RFC 7911).
    pub send_paths: u8,
    /// Which of a prefix's paths those are, `sendPathsMode`.
    pub send_paths_mode: PathsMode,
    /// How many paths of a prefix the peer is asked to send at most, `receivePaths`
    /// (draft-abraitis-idr-addpath-paths-limit); `None` says nothing.
    pub receive_paths: Option<u16>,
    /// Whether a non-client is told the best route of those that it may be told, `bestExternal`.
    pub best_external: bool,
    /// Time between two answers to ROUTE-REFRESH for one family, `refreshInterval`.
    pub refresh_interval: Duration,
    /// Types of attributes that are left out, `discardAttributes`: ranges, both ends included.
    pub discard_attributes: Vec<(u8, u8)>,
    /// Types of attributes whose routes are treated as withdrawn, `withdrawAttributes`.
    pub withdraw_attributes: Vec<(u8, u8)>,
    /// AS numbers of a path at most, `maxAsPathLength`.
    pub max_as_path_length: u32,
    /// Entries of a CLUSTER_LIST at most, `maxClusterListLength`.
    pub max_cluster_list_length: u32,
}

/// Which next hop a peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHopMode {
    /// An internal one the route's own (RFC 4456 §10), an external one ours (RFC 4271 §5.1.3).
    Auto,
    /// Ours.
    Own,
    /// The route's own.
    Keep,
}

/// Rules of one policy at most.
pub const POLICY_RULES_MAX: usize = 1_024;
/// Prefixes in all rules of one policy at most.
pub const POLICY_PREFIXES_MAX: usize = 65_536;

impl PeerSettings {
    /// What an internal peer of a role has of which nothing is said.
    #[must_use]
    pub fn standard(role: PeerRole, cluster_id: ClusterId) -> Self {
        crate::schema::standard(role, cluster_id)
    }

    /// The role of a peer that named `peer` as its AS: whoever is of another AS is external,
    /// whatever the group says of the others.
    #[must_use]
    pub fn role_of(&self, peer: Asn, ours: Asn) -> PeerRole {
        if peer == ours { self.role } else { PeerRole::External }
    }
}

/// Which AS a peer must be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAs {
    /// This one.
    Is(Asn),
    /// Ours.
    Internal,
    /// Any but ours.
    External,
    /// Any.
    Any,
}

/// Limits per family, and what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPrefixes {
    limits: [Option<NonZeroU32>; Family::COUNT],
    /// Share of a limit at which a warning is logged, in percent, `warnAt`.
    pub warn_at: u8,
    /// What one route more does, `action`.
    pub action: LimitAction,
    /// How long the peer stays away then, `restartAfter`; `None`: the usual pause.
    pub restart_after: Option<Duration>,
    /// Whether routes count that the import policy rejects, or that are not taken for another
    /// reason, `countRejected`.
    pub count_rejected: bool,
    /// Whether each path of a prefix counts, `countPaths` (RFC 7911).
    pub count_paths: bool,
}

/// What one route more than the limit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitAction {
    /// The session ends, and may come up again.
    Restart,
    /// The session ends for good, until a reset or other settings.
    Shutdown,
    /// A warning is logged.
    Warn,
}

impl Default for MaxPrefixes {
    fn default() -> Self {
        Self {
            limits: [None; Family::COUNT],
            warn_at: crate::defaults::WARN_AT,
            action: crate::defaults::LIMIT_ACTION,
            restart_after: None,
            count_rejected: crate::defaults::COUNT_REJECTED,
            count_paths: crate::defaults::COUNT_PATHS,
        }
    }
}

impl MaxPrefixes {
    /// The limit of a family, if it has one.
    #[must_use]
    pub const fn get(&self, family: Family) -> Option<NonZeroU32> {
        self.limits[family.index()]
    }

    /// Sets the limit of a family.
    pub const fn set(&mut self, family: Family, limit: NonZeroU32) {
        self.limits[family.index()] = Some(limit);
    }
}

/// What is offered in the graceful restart capabilities, and what is granted to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestart {
    /// How long the peer should keep our routes while we are away, `restartTime`; whole seconds
    /// up to 4095 (RFC 4724 §3).
    pub restart_time: Duration,
    /// How long routes live on after that, `longLivedStaleTime`; whole seconds up to 2²⁴ − 1
    /// (RFC 9494 §3). Zero is off.
    pub long_lived_stale_time: Duration,
    /// Whether routes are kept after a NOTIFICATION, too, `notification` (RFC 8538).
    pub notification: bool,
    /// The longest restart time that the peer is granted, `peerRestartTimeMax`.
    pub peer_restart_time_max: Duration,
    /// The longest stale time that the peer is granted, `peerStaleTimeMax`.
    pub peer_stale_time_max: Duration,
    /// How long a peer that is back may take until End-of-RIB, `stalePathTime`.
    pub stale_path_time: Duration,
    /// Whether an internal peer without the capability is told of long-lived stale routes,
    /// `staleToUnaware` (RFC 9494 §4.6).
    pub stale_to_unaware: bool,
    /// Whether routes to single addresses are told with NO_LLGR, `noLlgrOnHosts`.
    pub no_llgr_on_hosts: bool,
}

/// The administrative interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Metrics, health and the status page, `admin.http`; `None` is off.
    pub http: Option<SocketAddr>,
    /// The same over a Unix socket, for the command line, `admin.socket`; `None` is off.
    pub socket: Option<AdminSocket>,
    /// Whether there are metrics of single peers, `admin.peerMetrics`.
    pub peer_metrics: bool,
    /// Answers in the manner of BIRD's control socket, `admin.bird`; `None` is off.
    pub bird: Option<BirdSockets>,
    /// GoBGP's gRPC interface, `admin.grpc`; `None` is off.
    pub grpc: Option<Grpc>,
}

/// The Unix socket of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSocket {
    /// Its file.
    pub path: PathBuf,
    /// Its permissions, `socketMode`: who may use it may change something.
    pub mode: u32,
    /// Whether the configuration names it. One that it does not name is left out where its folder
    /// is not there.
    pub is_named: bool,
}

/// Where and how it is answered in the manner of BIRD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BirdSockets {
    /// The socket, `socket`; of IPv4 peers alone in [`BirdDialect::Calico`].
    pub socket: PathBuf,
    /// The one of IPv6 peers, `socket6`; only with [`BirdDialect::Calico`].
    pub socket6: Option<PathBuf>,
    /// `dialect`.
    pub dialect: BirdDialect,
    /// The permissions of the sockets, `mode`.
    pub mode: u32,
}

/// Where GoBGP's gRPC interface is, at one place at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grpc {
    /// `listen`.
    pub listen: Option<SocketAddr>,
    /// `socket`.
    pub socket: Option<PathBuf>,
    /// The permissions of the socket, `mode`.
    pub mode: u32,
}

/// Which BIRD the answers look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BirdDialect {
    /// BIRD 1.6 as it runs in a Calico node: a socket for each family.
    Calico,
    /// BIRD 2: one socket, and channels.
    Bird2,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// `logLevel`.
    pub level: LogLevel,
    /// `logFormat`.
    pub format: LogFormat,
}

/// How much is logged; each level holds the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// What may go wrong.
    Warn,
    /// Sessions up and down, reloads, start and stop.
    Info,
    /// How sessions come about.
    Debug,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For eyes.
    Text,
    /// One JSON object a line.
    Json,
}

/// How changes gather under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// The longest that a change waits for others to share its messages, `pacing.max`; zero is
    /// off. The first change after quiet never waits.
    pub max: Duration,
}

/// Bounds on what strangers can make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions of dynamic neighbours in all, of whatever state, `limits.sessions`.
    pub sessions: u32,
    /// Sessions of one dynamic range, `limits.perRange`.
    pub per_range: u32,
    /// Connections from one source that have not reached Established, `limits.sessionsPerSource`.
    pub sessions_per_source: u32,
    /// Connections accepted in a second, `limits.acceptRate`.
    pub accept_rate: u32,
    /// Lost peers whose routes are kept at the same time, `limits.retainedPeers`.
    pub retained_peers: u32,
}

/// How a start goes on from the last life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Where the peers of the last life are written down, `restart.rosterFile`; `None` is
    /// nowhere.
    pub roster_file: Option<PathBuf>,
    /// The longest that peers which keep our routes are told nothing, `restart.deferralMax`; zero
    /// is off (RFC 4724 §4.1).
    pub deferral_max: Duration,
    /// How long nothing new may come for that to end earlier, `restart.quietTime`.
    pub quiet_time: Duration,
    /// What is said of forwarding while we were away, `restart.forwardingState`.
    pub forwarding_state: bool,
}

/// How a stop ends sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// `shutdown.mode`.
    pub mode: ShutdownMode,
    /// A word to the other operators where a Cease is sent, `shutdown.message` (RFC 9003).
    pub message: String,
}

/// Who is told that we go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownMode {
    /// Everybody if another reflector is there to take over, else nobody who keeps our routes.
    Auto,
    /// Nobody who keeps our routes.
    Graceful,
    /// Everybody, for good.
    Final,
}

impl ShutdownMode {
    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Graceful => "graceful",
            Self::Final => "final",
        }
    }
}

/// A key that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub(crate) const fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// A key.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the key is not in there.
    pub fn from_octets(octets: &[u8]) -> Result<Self, String> {
        crate::schema::secret(octets)
    }

    /// The key itself: 1 to [`Secret::LEN_MAX`] octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The longest TCP-MD5 key Linux takes, in octets (`TCP_MD5SIG_MAXKEYLEN`).
    pub const LEN_MAX: usize = 80;
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
