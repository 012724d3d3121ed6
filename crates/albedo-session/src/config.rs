//! What the server is told: plain settings, resolved and checked by whoever read them.
//!
//! A [`Profile`] is everything that makes a session what it is; some of it can change while the
//! session goes on.
//! Names and descriptions stand beside it, because changing them must not touch anybody.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use albedo_fsm::{RetentionLimits, SessionConfig};
use albedo_rib::Policy;
use albedo_types::{Asn, ClusterId, PathsMode, PeerRole, Prefix};
use albedo_wire::attr::CodeSet;
use albedo_wire::update::AttrLimits;

use crate::admission::{Limits, Range, Source};
pub use crate::limit::{LimitAction, LimitRules};
use crate::sockopt::gtsm::ListenerHops;
use crate::sockopt::{Md5Key, SocketOptions};

/// The BGP port (RFC 4271 §4).
pub const BGP_PORT: u16 = 179;

/// Settings of the whole server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Groups of peers; ranges name the group whose profile they give.
    pub groups: Vec<Group>,
    /// Configured peers.
    pub peers: Vec<Peer>,
    /// Bounds on incoming connections.
    pub limits: Limits,
    /// What is set on listeners, and so on what they accept.
    pub socket: SocketOptions,
}

/// A group of peers.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: Arc<str>,
    /// What its dynamic sessions are.
    pub profile: Arc<Profile>,
    /// Whose connections are taken without being configured one by one.
    pub ranges: Vec<Prefix>,
    /// Sessions of each range at the same time.
    pub range_limit: Option<u32>,
    /// Whether those that are known from our last life are dialled.
    pub dial: bool,
}

/// A configured peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Its address, the port to connect to, and for a link-local address the interface.
    pub addr: SocketAddr,
    /// The name of its group.
    pub group: Arc<str>,
    /// What it is called where protocols have names.
    pub name: Option<Arc<str>>,
    /// What people call it.
    pub description: Option<Arc<str>>,
    /// What its session is.
    pub profile: Arc<Profile>,
}

/// What a session is; a change of most of this needs a new session.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What the state machine needs to know.
    pub session: SessionConfig,
    /// What a peer of our own AS is to the reflector; whoever is of another AS is external.
    pub role: PeerRole,
    /// The cluster the peer belongs to (RFC 4456 §7).
    pub cluster_id: ClusterId,
    /// Our address on the session; `None` leaves it to the routing table.
    pub local_address: Option<IpAddr>,
    /// TCP-MD5 key (RFC 2385).
    pub key: Option<Md5Key>,
    /// Socket options.
    pub socket: SocketOptions,
    /// What is taken from the peer.
    pub intake: IntakeRules,
    /// What is kept of the peer when it is lost, and told of others that are.
    pub retention: RetentionRules,
    /// Tells sets of clusters apart that are ours: routes that were taken while another one was
    /// ours have to be judged again.
    pub clusters: u32,
    /// Which of its routes are taken, and with which attributes; `None`: all, as they are.
    pub import: Option<Arc<Policy>>,
    /// Which routes it is told, and with which attributes; `None`: all, as they are.
    pub export: Option<Arc<Policy>>,
    /// Which next hop it is told.
    pub next_hop: NextHopRule,
    /// Which paths of a prefix it is told.
    pub paths: PathRules,
    /// How soon a family is sent again that was asked for again.
    pub refresh_interval: Duration,
}

/// Time between two answers to ROUTE-REFRESH for one family, if nothing else is said.
pub const REFRESH_INTERVAL_DEFAULT: Duration = Duration::from_secs(1);

/// Which next hop a peer is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NextHopRule {
    /// The route's own inside of the AS (RFC 4456 §10), ours outside of it (RFC 4271 §5.1.3).
    #[default]
    Auto,
    /// Ours.
    Own,
    /// The route's own.
    Keep,
}

/// Which paths of a prefix a peer is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    /// How many at most, where both sides know path identifiers (RFC 7911); whether they do is a
    /// matter of what was offered.
    pub max: Option<NonZeroU8>,
    /// Which of those that it may be told.
    pub mode: PathsMode,
    /// Whether a non-client is told the best of those that it may be told where the best of all is
    /// not among them (draft-ietf-idr-best-external).
    pub best_external: bool,
}

/// What becomes of the routes of lost peers, beyond what OPENs agree on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionRules {
    /// For how long the peer's routes are kept at most.
    pub limits: RetentionLimits,
    /// Whether an internal peer that does not know long-lived stale routes is told of them all the
    /// same, as the least preferred ones and not to be told further (RFC 9494 §4.6).
    pub tell_unaware: bool,
    /// Whether routes to single addresses are told with NO_LLGR (RFC 9494 §3.3).
    pub no_llgr_on_hosts: bool,
}

/// What is taken from a peer, beyond what the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeRules {
    /// How often our own AS may stand in AS_PATH of a route from outside the AS; `None`: not
    /// looked at, as inside (RFC 4271 §9.1.2).
    pub own_as_allowed: Option<u32>,
    /// The AS that paths have to start with.
    pub first_as: Option<Asn>,
    /// Limits on single attributes.
    pub limits: AttrLimits,
    /// Whether loopback addresses can be next hops: for laboratories on one host.
    pub loopback_next_hop: bool,
    /// How many routes are taken.
    pub limit: LimitRules,
    /// Attributes that are left out, whatever they hold: the brake for what breaks others.
    pub discard: CodeSet,
    /// Attributes whose routes are treated as withdrawn.
    pub withdraw: CodeSet,
    /// Whether a lone link-local address can be a next hop.
    pub link_local_next_hop: bool,
}

impl Default for IntakeRules {
    fn default() -> Self {
        Self {
            own_as_allowed: Some(0),
            first_as: None,
            limits: AttrLimits::default(),
            loopback_next_hop: false,
            limit: LimitRules::default(),
            discard: CodeSet::EMPTY,
            withdraw: CodeSet::EMPTY,
            link_local_next_hop: false,
        }
    }
}

impl Profile {
    /// Whether a session that was begun with these settings can go on with others: they differ
    /// in nothing that the OPENs said or the connection was made with.
    #[must_use]
    pub fn goes_on_as(&self, new: &Self) -> bool {
        let Self { role, cluster_id, key, intake, import, export, clusters, .. } = new.clone();
        let Self { paths, next_hop, refresh_interval, .. } = *new;
        let own = self.clone();
        let own = Self { role, cluster_id, key, intake, import, export, clusters, ..own };
        Self { paths, next_hop, refresh_interval, ..own } == *new
    }

    /// What a peer that names `asn` as its AS is to the reflector.
    #[must_use]
    pub fn role_of(&self, asn: Asn) -> PeerRole {
        if asn == self.session.local_asn { self.role } else { PeerRole::External }
    }
}

impl Settings {
    /// The ranges of all groups, for admission.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range> {
        let of_group = |(group, settings): (usize, &Group)| {
            let limit = settings.range_limit;
            let range = move |prefix: &Prefix| Range { prefix: *prefix, group, limit };
            settings.ranges.iter().map(range).collect::<Vec<_>>()
        };
        self.groups.iter().enumerate().flat_map(of_group).collect()
    }

    /// The sources of configured peers, for admission.
    pub fn sources(&self) -> impl Iterator<Item = ((Source, Option<IpAddr>), usize)> {
        self.peers.iter().enumerate().map(|(n, peer)| (peer.source(), n))
    }

    /// What GTSM demands of listeners of one family.
    #[must_use]
    pub fn listener_hops(&self, v4: bool) -> ListenerHops {
        let of = |group: &Group| {
            let mut ranges = group.ranges.iter();
            ranges.any(|range| range.addr().is_ipv4() == v4).then_some(group.profile.socket.hops)
        };
        let peers = self.peers.iter().filter(|peer| peer.addr.is_ipv4() == v4);
        let peers = peers.map(|peer| peer.profile.socket.hops);
        ListenerHops::of(self.groups.iter().filter_map(of).chain(peers))
    }

    /// The keys a listener needs, by prefix.
    #[must_use]
    pub fn keys(&self) -> Vec<(Prefix, Md5Key)> {
        let mut keys = Vec::new();
        for group in &self.groups {
            if let Some(key) = &group.profile.key {
                keys.extend(group.ranges.iter().map(|prefix| (*prefix, key.clone())));
            }
        }
        for peer in &self.peers {
            if let Some(key) = &peer.profile.key {
                keys.push((host_prefix(peer.addr.ip()), key.clone()));
            }
        }
        keys
    }
}

impl Peer {
    /// What its connections are known by.
    #[must_use]
    pub fn source(&self) -> (Source, Option<IpAddr>) {
        (Source::of(self.addr), self.profile.local_address)
    }
}

/// The prefix that holds one address.
fn host_prefix(addr: IpAddr) -> Prefix {
    match addr {
        IpAddr::V4(addr) => Prefix::V4(
            albedo_types::Ipv4Prefix::new(addr, 32).expect("any address is a prefix of 32 bits"),
        ),
        IpAddr::V6(addr) => Prefix::V6(
            albedo_types::Ipv6Prefix::new(addr, 128).expect("any address is a prefix of 128 bits"),
        ),
    }
}
