//! The sessions of a reflector that is no Calico node: nodes have them by BGPPeers with its
//! address, and they are turned round here.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::ptr;
use std::sync::Arc;

use albedo_types::{Asn, ClusterId, PeerRole};

use super::notes::{Note, Notes};
use super::provenance::{Direction, Provenance, Selection, Source, Texts};
use super::rows::{Clash, Class, Overlap, Row, global_rows};
use super::sessions::{name_of, node_connects, role, underscored, whole_seconds};
use super::view::{Version, View, port_or_default};
use super::{Dial, ExpandError, Session};
use crate::calico::{BgpPeer, Labels, NextHopMode, PeerNodes, PeerRemote, Warning};

/// Who we are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ours<'a> {
    pub(super) addresses: &'a [(IpAddr, Option<u16>)],
    pub(super) asn: Asn,
    pub(super) cluster_id: ClusterId,
}

impl Ours<'_> {
    /// Whether a BGPPeer's address and port are ours.
    fn is_at(&self, ip: IpAddr, port: Option<u16>) -> bool {
        let meant = port_or_default(port);
        let fits = |(own, limit): &(IpAddr, Option<u16>)| {
            *own == ip && limit.is_none_or(|limit| limit == meant)
        };
        self.addresses.iter().any(fits)
    }

    /// Whether the family has more than one address, so that a node's is not enough of a name.
    fn has_several(&self, version: Version) -> bool {
        let mut own = self.addresses.iter().map(|(ip, _)| *ip);
        let first = own.by_ref().find(|ip| Version::of(*ip) == version);
        own.any(|ip| Version::of(ip) == version && Some(ip) != first)
    }
}

/// A BGPPeer with one of our addresses.
struct Invitation<'c> {
    peer: &'c BgpPeer,
    ip: IpAddr,
    port: Option<u16>,
    /// The port that nodes have it under, as it is written.
    row_port: Option<u16>,
    /// Whether it means our AS. Otherwise it only keeps others from their sessions.
    is_ours: bool,
}

/// Sessions in order, and warnings.
pub(super) fn sessions(
    view: &View<'_>,
    ours: &Ours<'_>,
) -> Result<(Vec<Session>, Vec<Warning>), ExpandError> {
    if ours.addresses.is_empty() {
        return Err(ExpandError::NoAddresses);
    }
    let mut notes = Notes::default();
    let mut clashes: BTreeMap<Clash<'_>, Overlap> = BTreeMap::new();
    let mut rows: HashMap<(IpAddr, Option<u16>, IpAddr), &Invitation<'_>> = HashMap::new();
    let mut taken: HashMap<(IpAddr, IpAddr), &Invitation<'_>> = HashMap::new();
    let mut texts = Texts::default();
    let mut sessions = Vec::new();
    let globals = global_rows(view);
    let invitations = invitations(view, ours, &mut notes);
    if !invitations.iter().any(|it| it.is_ours) {
        notes.text(
            "no BGPPeer has one of our addresses as its peerIP and our AS: there are no clients",
        );
    }
    for invitation in &invitations {
        let Invitation { peer, ip, row_port, is_ours, .. } = *invitation;
        for &index in view.near(peer).iter() {
            let Some(address) = view.members[index].address(Version::of(ip)) else { continue };
            if address == ip {
                continue;
            }
            // The node has one session for each address and port as it is written, whatever
            // its AS; and we have one with the node.
            let row = *rows.entry((ip, row_port, address)).or_insert(invitation);
            if !is_ours {
                continue;
            }
            let winner =
                if ptr::eq(row, invitation) { taken.get(&(ip, address)) } else { Some(&row) };
            if let Some(winner) = winner {
                note_clash(&mut clashes, winner, invitation, address);
                continue;
            }
            taken.insert((ip, address), invitation);
            sessions.push(session(view, ours, invitation, index, &globals, &mut texts));
        }
    }
    notes.clashes(&clashes);
    sessions.sort_by_key(Session::key);
    sessions.dedup_by(|later, earlier| later.key() == earlier.key());
    Ok((sessions, notes.finish()))
}

/// BGPPeers with one of our addresses: global ones first, then in order of their names. Those that
/// write out the port which goes without saying come behind the others, for of two sessions that
/// differ in nothing else they are the one that goes.
fn invitations<'c>(view: &View<'c>, ours: &Ours<'_>, notes: &mut Notes) -> Vec<Invitation<'c>> {
    let mut invitations = Vec::new();
    for peer in view.cluster.peers().values() {
        let PeerRemote::Address { ip, port, as_number } = &peer.remote else { continue };
        if !ours.is_at(*ip, *port) {
            continue;
        }
        let asn = as_number.or_else(|| {
            let is_node = !view.at(*ip).is_empty();
            is_node.then(|| view.cluster.default_as())
        });
        let concerned = view.near(peer);
        let first =
            concerned.first().and_then(|index| view.members[*index].address(Version::of(*ip)));
        let is_ours = asn == Some(ours.asn);
        match asn {
            Some(_) if is_ours => {}
            Some(_) => notes.add(&peer.meta.name, Note::OtherAs, first.or(Some(*ip))),
            None => notes.add(&peer.meta.name, Note::NoAs, Some(*ip)),
        }
        let meant = view.far(peer).first().copied();
        let row_port = port.or_else(|| meant.and_then(|index| view.members[index].port));
        invitations.push(Invitation { peer, ip: *ip, port: *port, row_port, is_ours });
    }
    let is_written_out = |port: Option<u16>| port == Some(port_or_default(None));
    invitations.sort_by_key(|it| (is_written_out(it.row_port), it.peer.nodes != PeerNodes::All));
    invitations
}

fn note_clash<'c>(
    clashes: &mut BTreeMap<Clash<'c>, Overlap>,
    winner: &Invitation<'c>,
    loser: &Invitation<'c>,
    address: IpAddr,
) {
    let other_as = winner.is_ours != loser.is_ours;
    let (winner, loser) = (winner.peer, loser.peer);
    // A global BGPPeer goes before others in Calico, too.
    if (winner.nodes == PeerNodes::All) != (loser.nodes == PeerNodes::All) {
        return;
    }
    let ends = |peer: &BgpPeer| {
        (peer.local_as, peer.password.clone(), peer.ttl_security, peer.max_restart_time)
    };
    let differ =
        other_as || ends(winner) != ends(loser) || winner.keepalive_time != loser.keepalive_time;
    let clash = Clash { winner: &winner.meta.name, loser: &loser.meta.name };
    let overlap = Overlap { sessions: 0, first: address, differ: false };
    let overlap = clashes.entry(clash).or_insert(overlap);
    overlap.sessions += 1;
    overlap.differ |= differ;
}

fn session(
    view: &View<'_>,
    ours: &Ours<'_>,
    invitation: &Invitation<'_>,
    index: usize,
    globals: &[Row<'_>],
    texts: &mut Texts,
) -> Session {
    let Invitation { peer, ip, port, .. } = *invitation;
    let member = &view.members[index];
    let version = Version::of(ip);
    let address = member.address(version).unwrap_or(ip);
    let peer_asn = peer.local_as.unwrap_or(member.asn);
    let role = role(Some(ours.cluster_id), member.cluster_id(), peer_asn, ours.asn);
    let is_node = !view.at(ip).is_empty();
    let connects = node_connects(globals, address, (ip, port_or_default(port)), is_node);
    let mut name = name_of(Class::Node, address, member.port);
    if ours.has_several(version) {
        name = format!("{name}_at_{}", underscored(ip));
    }
    Session {
        name,
        local_address: ip,
        address,
        port: member.port,
        peer_asn,
        local_asn: ours.asn,
        role,
        cluster_id: Some(ours.cluster_id).filter(|_| role == PeerRole::Client),
        dial: if connects { Dial::Never } else { Dial::Now },
        source_address: Some(ip),
        password: peer.password.clone(),
        max_restart_time: peer.max_restart_time.map(whole_seconds),
        keepalive_time: peer.keepalive_time.map(whole_seconds),
        ttl_security: peer.ttl_security,
        next_hop_mode: NextHopMode::Auto,
        allowed_local_as: None,
        filters: Arc::default(),
        reachable_by: None,
        origin: Provenance {
            source: Source::BgpPeer(peer.meta.name.clone()),
            direction: Direction::Reverse,
            ours: Selection::far(peer, texts, &Labels::default()),
            theirs: Selection::near(peer, texts, &member.node.meta.labels),
            node: Some(member.node.meta.name.clone()),
        },
    }
}
