//! From a cluster to the sessions of one reflector: what every Calico node does with `Node`,
//! `BGPPeer` and `BGPConfiguration`, as a pure function.
//!
//! [`expand`] takes the place of a Calico node that is a route reflector ([`Identity::Node`]), or
//! of a reflector outside of the cluster that nodes peer with by address
//! ([`Identity::External`]).
//! [`expand_node`] gives what Calico itself makes on any node.
//! The same cluster gives the same result in the same order, however it came about.
//!
//! # Where this differs from Calico, and why
//!
//! * BGPPeers count in the order of their names where Calico takes whichever comes first in a map;
//!   where it matters, there is a warning.
//! * A peering by address without an AS means the cluster's AS where the address is a node's, and
//!   is left out elsewhere; Calico writes AS 0, which stops its BIRD from taking any change.
//! * The reverse of a peering with `localASNumber` expects that AS of the node. Calico's own
//!   reflector would expect the node's, and no session would come up.
//! * Two sessions with the same address and port, of which one has the port written out, are one;
//!   those of a plain node with different ASes are two, as in Calico, for one of them may be ours.
//! * Two reflectors would each wait for the other to connect, as they do for nodes; the one whose
//!   address is greater as a text connects, which is Calico's rule for its mesh.
//! * An external reflector has the settings of a session that concern both of its ends
//!   (password, `ttlSecurity`, times), as the reverse pass has them, and not those that say what
//!   the node does with routes (`filters`, `nextHopMode`, `numAllowedLocalASNumbers`,
//!   `reachableBy`).
//! * Sessions with pods (`localWorkloadSelector`) are left out.
//!
//! A `Mesh_` session's name has no port, though others do when a port is named.

mod external;
mod notes;
mod provenance;
mod router_id;
mod rows;
mod sessions;
mod view;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use albedo_types::{Asn, ClusterId, PeerRole, RouterId};

use super::{BindMode, Cluster, NextHopMode, SecretKeyRef, Warning};

pub use provenance::{Direction, Provenance, Selection, Source};
pub use router_id::{ParseRouterIdError, RouterIdSource};
pub(super) use view::{Version, View, port_or_default};

/// Whose sessions are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A Calico node that has a `routeReflectorClusterID`.
    Node {
        /// The node's name.
        name: Arc<str>,
        /// What its BGP identifier is.
        router_id: RouterIdSource,
    },
    /// A reflector that is no Calico node. Its clients are the nodes that have a BGPPeer with one
    /// of its addresses.
    External {
        /// Its addresses. A port limits it to BGPPeers that mean this port, which is 179 where
        /// they have none.
        addresses: Vec<(IpAddr, Option<u16>)>,
        /// Its AS.
        asn: Asn,
        /// Its BGP identifier.
        router_id: RouterId,
        /// Its cluster id.
        cluster_id: ClusterId,
    },
}

/// A reflector and its sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct Speaker {
    /// Its AS; a session may have another.
    pub asn: Asn,
    /// Its BGP identifier, the same for both families.
    pub router_id: RouterId,
    /// Its cluster id.
    pub cluster_id: ClusterId,
    /// Where it listens, IPv4 first; only in families in which it has an address.
    pub listen: Vec<SocketAddr>,
    /// In the order of [`Session::key`].
    pub sessions: Vec<Session>,
    /// What is odd; one for each cause, not for each session.
    pub warnings: Vec<Warning>,
}

/// A session with one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// As Calico's BIRD calls it, such as `Node_10_0_0_7` or `Global_fd00__1_port_1790`. Where an
    /// external reflector has several addresses of a family, `_at_` and its own address follow.
    pub name: String,
    /// Our address.
    pub local_address: IpAddr,
    /// The peer's address.
    pub address: IpAddr,
    /// The peer's port, where one is named; else 179.
    pub port: Option<u16>,
    /// The peer's AS.
    pub peer_asn: Asn,
    /// Our AS.
    pub local_asn: Asn,
    /// What the peer is to a reflector. On a node that is none, every internal peer is a
    /// [`PeerRole::NonClient`].
    pub role: PeerRole,
    /// Our cluster id, where the peer is a client.
    pub cluster_id: Option<ClusterId>,
    /// Whether we connect.
    pub dial: Dial,
    /// What our connections are bound to; `None` leaves it to the kernel.
    pub source_address: Option<IpAddr>,
    /// The secret with its password.
    pub password: Option<SecretKeyRef>,
    /// The time of graceful restart that is advertised; whole seconds.
    pub max_restart_time: Option<Duration>,
    /// How often a KEEPALIVE is sent; absent is a third of the hold time.
    pub keepalive_time: Option<Duration>,
    /// Hops to the peer (RFC 5082).
    pub ttl_security: Option<NonZeroU8>,
    /// What becomes of next hops; `keepOriginalNextHop` is taken in.
    pub next_hop_mode: NextHopMode,
    /// How often our AS may be in `AS_PATH`.
    pub allowed_local_as: Option<u32>,
    /// Names of the BGPFilters that there are, in the order they apply.
    pub filters: Arc<[Arc<str>]>,
    /// The gateway to the peer.
    pub reachable_by: Option<IpAddr>,
    /// Why there is this session.
    pub origin: Provenance,
}

/// Who a session is with, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// Our address.
    pub local_address: IpAddr,
    /// The peer's.
    pub address: IpAddr,
    /// The peer's port.
    pub port: u16,
    /// Whether it is one of the mesh, which knows nothing of other sessions.
    pub mesh: bool,
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

impl Session {
    /// What tells it from others of the speaker.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        SessionKey {
            local_address: self.local_address,
            address: self.address,
            port: port_or_default(self.port),
            mesh: self.origin.source == Source::Mesh,
        }
    }

    /// Whether another one is the same to a peer: all but name and origin.
    #[must_use]
    pub fn same_settings(&self, other: &Self) -> bool {
        let other = Self { name: self.name.clone(), origin: self.origin.clone(), ..other.clone() };
        *self == other
    }
}

/// Whether a speaker connects to a peer, or leaves it to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dial {
    /// The peer connects. A reflector does so itself only after nothing came for a minute: BIRD
    /// takes a connection beside an established one for a restart.
    Never,
    /// The peer does not connect.
    Now,
}

/// Why there are no sessions at all. The last good ones are to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpandError {
    /// There is no such node.
    NodeMissing(Arc<str>),
    /// The node has no BGP address.
    NodeWithoutAddress(Arc<str>),
    /// The node is no route reflector.
    NodeWithoutClusterId(Arc<str>),
    /// The node has no IPv4 address that could be its BGP identifier.
    NodeWithoutRouterId(Arc<str>),
    /// An external reflector without an address.
    NoAddresses,
}

impl fmt::Display for ExpandError {
    /// What is wrong and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeMissing(name) => write!(
                f,
                "there is no Node {name}: name the node that this reflector runs on, create it, or \
                 configure an external reflector with addresses, AS and cluster id"
            ),
            Self::NodeWithoutAddress(name) => write!(
                f,
                "the Node {name} has no BGP address: set spec.bgp.ipv4Address or \
                 spec.bgp.ipv6Address, which calico-node does when it starts"
            ),
            Self::NodeWithoutClusterId(name) => write!(
                f,
                "the Node {name} is no route reflector: set spec.bgp.routeReflectorClusterID, such \
                 as 244.0.0.1"
            ),
            Self::NodeWithoutRouterId(name) => write!(
                f,
                "the Node {name} has no IPv4 address to be its router id: set CALICO_ROUTER_ID to \
                 four octets such as 10.0.0.11, or to hash"
            ),
            Self::NoAddresses => f.write_str(
                "an external reflector has no sessions without an address: name those that \
                 BGPPeers have as peerIP",
            ),
        }
    }
}

impl std::error::Error for ExpandError {}

/// The sessions of a reflector.
///
/// # Errors
///
/// If there is nobody to have sessions: no such node, or one without address or cluster id. What
/// is wrong with single peerings is in [`Speaker::warnings`].
pub fn expand(cluster: &Cluster, identity: &Identity) -> Result<Speaker, ExpandError> {
    let view = View::new(cluster);
    match identity {
        Identity::Node { name, router_id } => expand_reflector(&view, name, *router_id),
        Identity::External { addresses, asn, router_id, cluster_id } => {
            let ours = external::Ours { addresses, asn: *asn, cluster_id: *cluster_id };
            let (sessions, warnings) = external::sessions(&view, &ours)?;
            let listen = addresses.iter();
            let mut listen: Vec<_> =
                listen.map(|(ip, port)| SocketAddr::new(*ip, port_or_default(*port))).collect();
            listen.sort_unstable();
            listen.dedup();
            let (asn, router_id, cluster_id) = (*asn, *router_id, *cluster_id);
            Ok(Speaker { asn, router_id, cluster_id, listen, sessions, warnings })
        }
    }
}

fn expand_reflector(
    view: &View<'_>,
    name: &Arc<str>,
    router_id: RouterIdSource,
) -> Result<Speaker, ExpandError> {
    let me = view.named(name).ok_or_else(|| ExpandError::NodeMissing(name.clone()))?;
    let own = &view.members[me];
    if own.addresses().next().is_none() {
        return Err(ExpandError::NodeWithoutAddress(name.clone()));
    }
    let cluster_id =
        own.cluster_id().ok_or_else(|| ExpandError::NodeWithoutClusterId(name.clone()))?;
    let router_id = router_id
        .of(name, own.node.ipv4())
        .ok_or_else(|| ExpandError::NodeWithoutRouterId(name.clone()))?;
    let bind = view.cluster.default_configuration().map(|it| it.bind_mode).unwrap_or_default();
    let at = |address: IpAddr| match (bind, address) {
        (BindMode::NodeIp, address) => address,
        (BindMode::None, IpAddr::V4(_)) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        (BindMode::None, IpAddr::V6(_)) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let port = port_or_default(own.port);
    let listen = own.addresses().map(|address| SocketAddr::new(at(address), port)).collect();
    let (sessions, warnings) = sessions::of_reflector(view, me, cluster_id);
    Ok(Speaker { asn: own.asn, router_id, cluster_id, listen, sessions, warnings })
}

/// What Calico's own node has: its sessions of BGPPeers, and those of the mesh. Empty if there is
/// no such node. On a node that is a reflector, roles are those of Calico's reflector.
///
/// [`Session::dial`] is Calico's rule: on a node, [`Dial::Never`] is `passive on`.
#[must_use]
pub fn expand_node(cluster: &Cluster, name: &str) -> Vec<Session> {
    let view = View::new(cluster);
    view.named(name).map_or_else(Vec::new, |me| sessions::of_node(&view, me))
}

/// The sessions of [`expand_node`] that come of BGPPeers, for every node, in order of their names;
/// what they have in common is computed once. Those of the mesh are in [`mesh_addresses`].
pub(super) fn expand_peerings(cluster: &Cluster, mut each: impl FnMut(Vec<Session>)) {
    let view = View::new(cluster);
    for me in 0..view.members.len() {
        each(sessions::of_peers(&view, me));
    }
}

/// The addresses that have a session by the mesh with every other one of their family; none where
/// it is off. A mesh is told by its members: five thousand of them have 12.5 million sessions.
pub(super) fn mesh_addresses(cluster: &Cluster) -> BTreeSet<IpAddr> {
    let view = View::new(cluster);
    let members = view.members.iter().filter(|member| sessions::is_in_mesh(&view, member));
    members.flat_map(|member| member.addresses()).collect()
}

#[cfg(test)]
pub(super) mod tests;
