//! What the program tells about itself for BIRD's answers: plain values, taken at the time of
//! asking.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use albedo_types::{Family, FamilySet, PeerId};

use crate::routes::{Later, RouteSource};

/// Where the answers come from. None of these may wait for a session, and only
/// [`BirdSource::counts`] for a shard, for a while that is bounded.
pub trait BirdSource: RouteSource {
    /// The daemon as a whole.
    fn daemon(&self) -> Daemon;
    /// Every peer that is configured or connected, in an order that stays.
    fn protocols(&self) -> Vec<Protocol>;
    /// Routes of each peer; `None` if they could not be counted in time.
    fn counts(&self) -> Later<'_, Option<Arc<Counts>>>;
    /// Routes of all peers of a family, as far as they are counted anyway.
    fn paths(&self, family: Family) -> u64;
}

/// The daemon; times are in seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daemon {
    /// The program's version, such as `0.1.0`.
    pub version: String,
    /// Our BGP identifier.
    pub router_id: String,
    /// Now.
    pub now: u64,
    /// When the program started.
    pub started: u64,
    /// When the configuration in force was read.
    pub configured: u64,
    /// Whether peers that keep our routes from before are told nothing yet.
    pub is_recovering: bool,
}

/// A peer, which is a protocol to BIRD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name; unique.
    pub name: Arc<str>,
    /// The peer's address.
    pub address: IpAddr,
    /// The engine's index of the peer, while it is up or its routes are kept.
    pub peer: Option<PeerId>,
    /// What people call it.
    pub description: Option<String>,
    /// One of [`crate::names::SESSION_STATES`] as BIRD writes it.
    pub state: &'static str,
    /// When it went up or down, in seconds since the epoch.
    pub since: u64,
    /// Why the last session ended, in words.
    pub last_reason: Option<String>,
    /// Its AS, once known.
    pub asn: Option<u32>,
    /// Our AS.
    pub local_asn: u32,
    /// Its BGP identifier, once known.
    pub router_id: Option<String>,
    /// Our end of the connection, while there is one.
    pub local: Option<IpAddr>,
    /// The negotiated hold time in seconds, while the session is up.
    pub hold_time: Option<u16>,
    /// The negotiated families, while the session is up.
    pub families: FamilySet,
    /// Whether it is of another AS.
    pub is_external: bool,
    /// Whether it is a client.
    pub is_client: bool,
    /// Whether there is an import policy, and an export policy.
    pub has_policy: [bool; 2],
}

/// The state of a session that is up, as BIRD writes it.
pub(crate) const ESTABLISHED: &str = "Established";

impl Protocol {
    /// Whether its session is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == ESTABLISHED
    }
}

/// Routes of each peer, by family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub HashMap<PeerId, [RouteCounts; Family::COUNT]>);

/// Routes of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteCounts {
    /// Taken from it.
    pub imported: u64,
    /// Told to it.
    pub exported: u64,
    /// Taken from it, and best.
    pub preferred: u64,
}

impl Counts {
    /// Those of a peer.
    #[must_use]
    pub fn of(&self, peer: Option<PeerId>, family: Family) -> RouteCounts {
        let known = peer.and_then(|peer| self.0.get(&peer));
        known.map_or_else(RouteCounts::default, |families| families[family.index()])
    }
}
