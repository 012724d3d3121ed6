//! Asking for routes: plain values, page by page.
//!
//! A page is made when it is asked for, so whoever reads slowly slows only itself.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;

use albedo_types::{Family, PeerId, Prefix};

mod line;

pub use line::{RouteLine, RouteLineAttributes, parse_target};

/// A future that is handed out by a trait.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where routes come from.
pub trait RouteSource: Send + Sync {
    /// Begins to read routes.
    ///
    /// # Errors
    ///
    /// Why not, in words: too many ask at the same time.
    fn routes(&self, ask: RouteAsk) -> Result<Box<dyn RoutePages>, String>;

    /// The peers with this address, several of which may be there at several listeners: what
    /// [`RouteAsk::from`] takes. Empty where none is up and nothing is kept of one.
    fn peers_at(&self, _: IpAddr) -> Vec<PeerId> {
        Vec::new()
    }

    /// Begins to watch the best routes of all families change.
    ///
    /// # Errors
    ///
    /// Why not, in words: too many watch.
    fn watch(&self) -> Result<Box<dyn RouteWatch>, String> {
        Err("there are no routes yet".to_owned())
    }
}

/// Best routes that are watched.
pub trait RouteWatch: Send {
    /// Some of the prefixes whose best route changed since the last time, each as it is now; none
    /// if nothing has changed. Whoever does not ask for long is cut off.
    fn next(&mut self) -> Later<'_, Result<Vec<RouteChange>, String>>;
}

/// A prefix whose best route changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteChange {
    /// The prefix.
    pub prefix: Prefix,
    /// Its best route now; `None` if it has none any more.
    pub best: Option<RouteRow>,
}

/// Routes that are being read.
pub trait RoutePages: Send {
    /// The next ones, at least one; `None` after the last ones. The routes of one prefix follow
    /// each other.
    fn next(&mut self) -> Later<'_, Result<Option<Vec<RouteRow>>, String>>;
}

/// Which routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteAsk {
    /// Of which family.
    pub family: Family,
    /// Which prefixes.
    pub select: RouteSelect,
    /// Only those that this peer announced.
    pub from: Option<PeerId>,
    /// Only those that this peer is told, with the attributes that its policy makes of them.
    pub to: Option<PeerId>,
    /// Only the best one of each prefix.
    pub best_only: bool,
}

/// Which prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteSelect {
    /// All of them.
    All,
    /// This one.
    Exact(Prefix),
    /// This one and all inside.
    Within(Prefix),
    /// The longest one that holds this one.
    Longest(Prefix),
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRow {
    /// What it leads to.
    pub prefix: Prefix,
    /// Who announced it.
    pub peer: PeerId,
    /// The peer's address.
    pub address: IpAddr,
    /// The peer's BGP identifier.
    pub router_id: Ipv4Addr,
    /// Whether the peer is of another AS.
    pub is_external: bool,
    /// Whether it is the best one of its prefix.
    pub is_best: bool,
    /// Whether its session is lost, and it is kept.
    pub is_stale: bool,
    /// Its attributes; shared by routes that have the same ones.
    pub attributes: Arc<RouteAttributes>,
}

/// Attributes as they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteAttributes {
    /// 0 IGP, 1 EGP, 2 incomplete.
    pub origin: u8,
    /// The path; sets in braces, parts of confederations in parentheses.
    pub as_path: String,
    /// The AS that originated the route; `None` for a path that is empty or ends in a set.
    pub origin_as: Option<u32>,
    /// The next hop, and with IPv6 the link-local one beside it.
    pub next_hop: Vec<IpAddr>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// Whether ATOMIC_AGGREGATE is there.
    pub atomic_aggregate: bool,
    /// AGGREGATOR: AS and identifier.
    pub aggregator: Option<(u32, Ipv4Addr)>,
    /// COMMUNITIES.
    pub communities: Vec<u32>,
    /// EXTENDED_COMMUNITIES.
    pub extended_communities: Vec<[u8; 8]>,
    /// LARGE_COMMUNITIES.
    pub large_communities: Vec<[u32; 3]>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST.
    pub cluster_list: Vec<Ipv4Addr>,
}
