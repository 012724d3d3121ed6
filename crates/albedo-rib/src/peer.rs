//! What a shard knows of peers: enough to break ties and to decide who may hear of a route.

use alloc::vec::Vec;
use core::net::IpAddr;

use albedo_types::{Family, GroupId, PeerId, PeerRole, RouterId};

/// What a peer is to the RIB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its address, the last tie-break but one (RFC 4271 §9.1.2.2 g).
    pub addr: IpAddr,
    /// Its BGP identifier from the OPEN.
    pub router_id: RouterId,
    /// Client, non-client or external.
    pub role: PeerRole,
}

/// A peer and the groups it reads.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it is.
    pub info: PeerInfo,
    /// Its update group, per family.
    pub groups: [Option<GroupId>; Family::COUNT],
    /// Whether it may hold what another group was told that it was in, per family.
    pub mixed: [bool; Family::COUNT],
}

/// Whose log is written for an index, and since when.
///
/// A group's log has private runs only for those who read it.
/// Whoever bears the index later reads the log rightly from there on, and no part of it from
/// before.
#[derive(Clone, Copy, Debug)]
struct Written {
    /// `None` where the index announced routes and read nothing.
    group: Option<GroupId>,
    since: u64,
}

/// All peers, by [`PeerId`].
#[derive(Debug, Default)]
pub struct Peers {
    peers: Vec<Option<Peer>>,
    /// Outlives the peer: its index will be another one's, and the logs remember it.
    written: Vec<[Option<Written>; Family::COUNT]>,
}

impl Peers {
    /// Adds a peer, or replaces what was known of it.
    pub fn insert(&mut self, id: PeerId, info: PeerInfo) {
        if self.peers.len() <= id.index() {
            self.peers.resize_with(id.index() + 1, || None);
            self.written.resize(id.index() + 1, [None; Family::COUNT]);
        }
        self.peers[id.index()] =
            Some(Peer { info, groups: [None; Family::COUNT], mixed: [false; Family::COUNT] });
    }

    /// Notes that a peer reads a group's log, where the table is at `version`; `announced` says
    /// whether the index has announced anything so far.
    /// The version of the oldest base that the peer may begin with.
    pub fn read(
        &mut self,
        id: PeerId,
        family: Family,
        group: GroupId,
        version: u64,
        announced: bool,
    ) -> u64 {
        let since = match self.written[id.index()][family.index()] {
            Some(written) if written.group == Some(group) => written.since,
            None if !announced => 0,
            Some(_) | None => version,
        };
        self.written[id.index()][family.index()] = Some(Written { group: Some(group), since });
        since
    }

    /// The version of the oldest base that a peer may begin with.
    #[must_use]
    pub fn base_min(&self, id: PeerId, family: Family) -> u64 {
        self.written[id.index()][family.index()].map_or(0, |written| written.since)
    }

    /// Whether a group's log is written for an index, by whomever it is borne.
    #[must_use]
    pub fn reads(&self, id: PeerId, family: Family, group: GroupId) -> bool {
        let written = self.written.get(id.index()).and_then(|families| families[family.index()]);
        written.is_some_and(|written| written.group == Some(group))
    }

    /// Notes that an index announced routes of a family and may have read nothing.
    pub fn announced(&mut self, id: PeerId, family: Family) {
        if let Some(families) = self.written.get_mut(id.index()) {
            families[family.index()].get_or_insert(Written { group: None, since: 0 });
        }
    }

    /// Removes a peer.
    pub fn remove(&mut self, id: PeerId) -> Option<Peer> {
        self.peers.get_mut(id.index()).and_then(Option::take)
    }

    /// A peer, if it is there.
    #[must_use]
    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id.index()).and_then(Option::as_ref)
    }

    /// A peer to be changed, if it is there.
    pub fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id.index()).and_then(Option::as_mut)
    }

    /// A peer that has routes in the table and therefore is there.
    ///
    /// # Panics
    ///
    /// If it is not: routes of a peer are removed before the peer is.
    #[must_use]
    pub fn source(&self, id: PeerId) -> &Peer {
        self.get(id).expect("routes go before their peer does")
    }

    /// Those that are in a group of a family, with it.
    pub fn in_groups(&self, family: Family) -> impl Iterator<Item = (PeerId, GroupId)> {
        (0..).zip(&self.peers).filter_map(move |(id, peer)| {
            Some((PeerId(id), peer.as_ref()?.groups[family.index()]?))
        })
    }

    /// How many peers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.iter().flatten().count()
    }

    /// Whether there is no peer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
