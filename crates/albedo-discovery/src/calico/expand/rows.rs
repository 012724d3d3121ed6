//! The two passes over the BGPPeers, as every Calico node makes them, for one node's rows.
//!
//! What concerns a node is found without the relation of all nodes with all nodes.
//! In the forward pass the node is asked once for each BGPPeer whether it is on the near side;
//! only then its far side is gone through.
//! In the reverse pass it is asked whether it is on the far side; only then the near side is.
//! Global BGPPeers give the same rows for every node.
//! So the cost is the nodes for each distinct selector that concerns the node, and the rows.
//!
//! Who comes first keeps a key (peer's address and port): global rows, then the node's own, then
//! reverse ones; within one of these, BGPPeers in the order of their names, where Calico's own
//! order is by chance. Among reverse rows those of global BGPPeers come first, so that both ends
//! of a session follow the same BGPPeer.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use albedo_types::{Asn, ClusterId};

use super::provenance::Direction;
use super::view::{Found, Version, View};
use crate::calico::{BgpPeer, PeerNodes, PeerRemote, ReversePeering};

/// The class of a session, which its name begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Mesh,
    Global,
    Node,
}

/// Address and explicit port of a peer.
pub(super) type RowKey = (IpAddr, Option<u16>);

/// A session of the node, before anything is made of it.
#[derive(Clone, Debug)]
pub(super) struct Row<'c> {
    pub(super) key: RowKey,
    pub(super) class: Class,
    /// The peer's AS; `None` is AS 0, with which no session comes up.
    pub(super) asn: Option<Asn>,
    /// The peer's cluster id, as far as the form of the BGPPeer tells it.
    pub(super) cluster_id: Option<ClusterId>,
    /// The node that has the peer's address.
    pub(super) member: Option<usize>,
    /// `None` for the mesh.
    pub(super) peer: Option<&'c BgpPeer>,
    pub(super) direction: Direction,
}

impl Row<'_> {
    /// Whether it came of `peerIP`.
    pub(super) fn is_by_address(&self) -> bool {
        let remote = self.peer.map(|peer| &peer.remote);
        self.direction == Direction::Forward && matches!(remote, Some(PeerRemote::Address { .. }))
    }
}

/// Two BGPPeers that claim the same sessions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::calico) struct Clash<'c> {
    pub(in crate::calico) winner: &'c str,
    pub(in crate::calico) loser: &'c str,
}

/// The rows of a node, and which BGPPeers claimed the same key in the same pass: for how many
/// keys, the first of them, and whether what they ask for differs.
#[derive(Debug, Default)]
pub(super) struct Rows<'c> {
    pub(super) rows: Vec<Row<'c>>,
    pub(super) clashes: BTreeMap<Clash<'c>, Overlap>,
    taken: HashMap<RowKey, usize>,
    /// Own addresses, with which there are no sessions.
    own: Vec<IpAddr>,
}

/// How far two BGPPeers overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::calico) struct Overlap {
    pub(in crate::calico) sessions: usize,
    pub(in crate::calico) first: IpAddr,
    pub(in crate::calico) differ: bool,
}

impl<'c> Rows<'c> {
    fn offer(&mut self, row: Row<'c>) {
        if self.own.contains(&row.key.0) {
            return;
        }
        let Some(&at) = self.taken.get(&row.key) else {
            self.taken.insert(row.key, self.rows.len());
            self.rows.push(row);
            return;
        };
        let there = &self.rows[at];
        let same_pass = there.class == row.class && there.direction == row.direction;
        let (Some(winner), Some(loser), true) = (there.peer, row.peer, same_pass) else { return };
        if winner.meta.name == loser.meta.name {
            return;
        }
        let differ = differ(there, &row);
        let clash = Clash { winner: &winner.meta.name, loser: &loser.meta.name };
        let overlap = Overlap { sessions: 0, first: row.key.0, differ: false };
        let overlap = self.clashes.entry(clash).or_insert(overlap);
        overlap.sessions += 1;
        overlap.differ |= differ;
    }
}

/// Whether two rows for the same key ask for different sessions.
fn differ(one: &Row<'_>, other: &Row<'_>) -> bool {
    let settings = |row: &Row<'_>| {
        let mut peer = row.peer.cloned().unwrap_or_default();
        peer.meta = Default::default();
        peer.nodes = PeerNodes::All;
        peer.remote = PeerRemote::Nobody;
        peer.reverse_peering = ReversePeering::Auto;
        peer
    };
    one.asn != other.asn
        || one.cluster_id != other.cluster_id
        || one.is_by_address() != other.is_by_address()
        || settings(one) != settings(other)
}

/// The rows that global BGPPeers give to a node.
fn globals<'c>(view: &View<'c>, rows: &mut Rows<'c>, versions: &[Version]) {
    for peer in view.cluster.peers().values().filter(|peer| peer.nodes == PeerNodes::All) {
        forward(view, peer, Class::Global, versions, rows);
    }
}

/// The rows of global BGPPeers alone, in both families; the same for every node.
pub(super) fn global_rows<'c>(view: &View<'c>) -> Vec<Row<'c>> {
    let mut rows = Rows::default();
    globals(view, &mut rows, &Version::BOTH);
    rows.rows
}

/// The rows of a node that come of BGPPeers, without those to its own addresses.
pub(super) fn rows<'c>(view: &View<'c>, me: usize) -> Rows<'c> {
    let own = &view.members[me];
    let versions: Vec<_> =
        Version::BOTH.into_iter().filter(|version| own.address(*version).is_some()).collect();
    let mut rows = Rows { own: own.addresses().collect(), ..Rows::default() };
    globals(view, &mut rows, &versions);
    for peer in view.cluster.peers().values().filter(|peer| peer.nodes != PeerNodes::All) {
        if view.is_near(peer, me) {
            forward(view, peer, Class::Node, &versions, &mut rows);
        }
    }
    let is_global = |peer: &&BgpPeer| peer.nodes == PeerNodes::All;
    let peers = || view.cluster.peers().values().map(|peer| &**peer);
    for peer in peers().filter(is_global).chain(peers().filter(|peer| !is_global(peer))) {
        if peer.reverse_peering == ReversePeering::Auto && view.is_far(peer, me) {
            let only = match &peer.remote {
                PeerRemote::Address { ip, .. } => Some(Version::of(*ip)),
                _ => None,
            };
            let versions: Vec<_> =
                versions.iter().copied().filter(|it| only.is_none_or(|only| only == *it)).collect();
            nodes(
                view,
                peer,
                &view.near(peer),
                Direction::Reverse,
                Class::Node,
                &versions,
                &mut rows,
            );
        }
    }
    rows
}

/// The far side of a BGPPeer as rows of a node on its near side.
pub(super) fn forward<'c>(
    view: &View<'c>,
    peer: &'c BgpPeer,
    class: Class,
    versions: &[Version],
    rows: &mut Rows<'c>,
) {
    match &peer.remote {
        PeerRemote::Nodes(_) => {
            nodes(view, peer, &view.far(peer), Direction::Forward, class, versions, rows);
        }
        PeerRemote::Address { ip, port, as_number } => {
            if versions.contains(&Version::of(*ip)) {
                let meant = view.far(peer).first().copied();
                let there = view.at(*ip).first().copied();
                let asn = as_number.or_else(|| there.map(|_| view.cluster.default_as()));
                let port = port.or_else(|| meant.and_then(|index| view.members[index].port));
                rows.offer(Row {
                    key: (*ip, port),
                    class,
                    asn,
                    cluster_id: None,
                    member: meant.or(there),
                    peer: Some(peer),
                    direction: Direction::Forward,
                });
            }
        }
        PeerRemote::Nobody | PeerRemote::Workloads { .. } => {}
    }
}

/// Nodes as peers.
fn nodes<'c>(
    view: &View<'c>,
    peer: &'c BgpPeer,
    found: &Found,
    direction: Direction,
    class: Class,
    versions: &[Version],
    rows: &mut Rows<'c>,
) {
    for &index in found.iter() {
        let member = &view.members[index];
        for address in versions.iter().filter_map(|version| member.address(*version)) {
            rows.offer(Row {
                key: (address, member.port),
                class,
                asn: Some(member.asn),
                cluster_id: member.cluster_id(),
                member: Some(index),
                peer: Some(peer),
                direction,
            });
        }
    }
}
