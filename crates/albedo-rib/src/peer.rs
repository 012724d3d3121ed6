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
    /// Table version at which it moved into a group with a history that was not written for it.
    pub moved_at: [u64; Family::COUNT],
}

/// All peers, by [`PeerId`].
#[derive(Debug, Default)]
pub struct Peers(Vec<Option<Peer>>);

impl Peers {
    /// Adds a peer, or replaces what was known of it.
    pub fn insert(&mut self, id: PeerId, info: PeerInfo) {
        if self.0.len() <= id.index() {
            self.0.resize_with(id.index() + 1, || None);
        }
        self.0[id.index()] =
            Some(Peer { info, groups: [None; Family::COUNT], moved_at: [0; Family::COUNT] });
    }

    /// Removes a peer.
    pub fn remove(&mut self, id: PeerId) -> Option<Peer> {
        self.0.get_mut(id.index()).and_then(Option::take)
    }

    /// A peer, if it is there.
    #[must_use]
    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.0.get(id.index()).and_then(Option::as_ref)
    }

    /// A peer to be changed, if it is there.
    pub fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.0.get_mut(id.index()).and_then(Option::as_mut)
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

    /// How many peers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Whether there is no peer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
