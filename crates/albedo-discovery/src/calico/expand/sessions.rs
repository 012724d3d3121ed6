//! Rows as sessions: settings, roles, who connects, and what there is to warn of.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use albedo_types::{Asn, ClusterId, PeerRole};

use super::notes::{Note, Notes};
use super::provenance::{Direction, Provenance, Selection, Source, Texts};
use super::rows::{Class, Row, global_rows, rows};
use super::view::{Member, Version, View, port_or_default};
use super::{Dial, Session};
use crate::calico::{
    BgpPeer, Labels, NextHopMode, PeerNodes, PeerRemote, ReversePeering, SourceAddress, Warning,
};

/// Whose side is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Calico's own, rule by rule.
    Calico,
    /// Ours, in its place.
    Ours,
}

/// The sessions of a node that is a reflector, as we have them.
pub(super) fn of_reflector(
    view: &View<'_>,
    me: usize,
    cluster_id: ClusterId,
) -> (Vec<Session>, Vec<Warning>) {
    let found = rows(view, me);
    let mut notes = Notes::default();
    notes.clashes(&found.clashes);
    let mut maker = Maker::new(view, me, Some(cluster_id), Side::Ours);
    let mut sessions = Vec::with_capacity(found.rows.len());
    for row in &found.rows {
        sessions.extend(maker.session(row, &mut notes));
    }
    for peer in view.cluster.peers().values() {
        if matches!(peer.remote, PeerRemote::Workloads { .. }) && view.is_near(peer, me) {
            notes.add(&peer.meta.name, Note::Workloads, None);
        }
    }
    (tidy(sessions, Side::Ours, &mut notes), notes.finish())
}

/// The sessions of any node, as Calico has them.
pub(super) fn of_node(view: &View<'_>, me: usize) -> Vec<Session> {
    let mut rows = rows(view, me).rows;
    rows.extend(mesh(view, me));
    by_calico(view, me, &rows)
}

/// Those of them that come of BGPPeers.
pub(super) fn of_peers(view: &View<'_>, me: usize) -> Vec<Session> {
    by_calico(view, me, &rows(view, me).rows)
}

fn by_calico<'c>(view: &View<'c>, me: usize, rows: &[Row<'c>]) -> Vec<Session> {
    let own = &view.members[me];
    let mut maker = Maker::new(view, me, own.cluster_id(), Side::Calico);
    let mut notes = Notes::default();
    let sessions = rows.iter().filter_map(|row| maker.session(row, &mut notes)).collect();
    tidy(sessions, Side::Calico, &mut notes)
}

/// Whether a node has sessions by the mesh: nobody has who is a reflector.
pub(super) fn is_in_mesh(view: &View<'_>, member: &Member<'_>) -> bool {
    view.mesh() && member.cluster_id().is_none()
}

/// The rows of the mesh.
fn mesh<'c>(view: &View<'c>, me: usize) -> Vec<Row<'c>> {
    let own = &view.members[me];
    if !is_in_mesh(view, own) {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for (index, member) in view.members.iter().enumerate() {
        if index == me || !is_in_mesh(view, member) {
            continue;
        }
        for version in Version::BOTH {
            let (Some(address), Some(ours)) = (member.address(version), own.address(version))
            else {
                continue;
            };
            if address != ours {
                rows.push(Row {
                    key: (address, member.port),
                    class: Class::Mesh,
                    asn: Some(member.asn),
                    cluster_id: None,
                    member: Some(index),
                    peer: None,
                    direction: Direction::Forward,
                });
            }
        }
    }
    rows
}

/// Sorts sessions; of two that are one to the peer, the one with the port written out goes.
fn tidy(mut sessions: Vec<Session>, side: Side, notes: &mut Notes) -> Vec<Session> {
    sessions.sort_by_key(|session| (session.key(), session.port.is_some()));
    sessions.dedup_by(|later, earlier| {
        // To Calico they are two, and the one with the wrong AS takes nothing from the other.
        let other_as = later.peer_asn != earlier.peer_asn && side == Side::Calico;
        let same = later.key() == earlier.key() && !other_as;
        if same {
            notes.twice(later, earlier);
            // Calico has both, so it connects if either does.
            if later.dial == Dial::Now && side == Side::Calico {
                earlier.dial = Dial::Now;
            }
        }
        same
    });
    for pair in sessions.windows(2) {
        let same = |session: &Session| (session.local_address, session.address, session.key().mesh);
        if same(&pair[0]) == same(&pair[1]) {
            notes.two_ports(&pair[0], &pair[1]);
        }
    }
    sessions
}

/// Makes sessions out of rows.
struct Maker<'v, 'c> {
    view: &'v View<'c>,
    me: usize,
    cluster_id: Option<ClusterId>,
    side: Side,
    /// Global rows to our own addresses.
    to_us: Vec<Row<'c>>,
    texts: Texts,
    filters: HashMap<&'c str, Arc<[Arc<str>]>>,
}

impl<'v, 'c> Maker<'v, 'c> {
    fn new(view: &'v View<'c>, me: usize, cluster_id: Option<ClusterId>, side: Side) -> Self {
        let own = &view.members[me];
        let mut to_us = Vec::new();
        if side == Side::Ours {
            to_us = global_rows(view);
            to_us.retain(|row| own.addresses().any(|address| address == row.key.0));
        }
        Self { view, me, cluster_id, side, to_us, texts: Texts::default(), filters: HashMap::new() }
    }

    /// `None` if no session can come up, which is noted.
    fn session(&mut self, row: &Row<'c>, notes: &mut Notes) -> Option<Session> {
        let own = &self.view.members[self.me];
        let (address, port) = row.key;
        let local_address = own.address(Version::of(address))?;
        let none = BgpPeer::default();
        let peer = row.peer.unwrap_or(&none);
        let name = &peer.meta.name;
        let Some(mut peer_asn) = row.asn else {
            notes.add(name, Note::NoAs, Some(address));
            return None;
        };
        let by_address = row.is_by_address();
        let local_asn = peer.local_as.filter(|_| by_address).unwrap_or(own.asn);
        let reversed = row.direction == Direction::Reverse;
        if let (true, Side::Ours, PeerRemote::Address { .. }, Some(asn)) =
            (reversed, self.side, &peer.remote, peer.local_as)
        {
            peer_asn = asn;
        }
        let role = role(self.cluster_id, row.cluster_id, peer_asn, local_asn);
        let client = role == PeerRole::Client;
        let configuration = self.view.cluster.default_configuration();
        let mesh = configuration.filter(|_| row.peer.is_none());
        Some(Session {
            name: name_of(row.class, address, port),
            local_address,
            address,
            port,
            peer_asn,
            local_asn,
            role,
            cluster_id: self.cluster_id.filter(|_| client),
            dial: self.dial(row, local_address, notes),
            source_address: Some(local_address)
                .filter(|_| peer.source_address == SourceAddress::UseNodeIp),
            password: mesh.map_or(&peer.password, |it| &it.node_mesh_password).clone(),
            max_restart_time: mesh
                .map_or(peer.max_restart_time, |it| it.node_mesh_max_restart_time)
                .map(whole_seconds),
            keepalive_time: peer.keepalive_time.map(whole_seconds),
            ttl_security: peer.ttl_security,
            next_hop_mode: next_hop_mode(peer, role),
            allowed_local_as: peer.allowed_local_as.filter(|_| by_address),
            filters: self.filters(row.peer, notes),
            reachable_by: peer.reachable_by.filter(|_| !reversed || same_version(peer, address)),
            origin: self.origin(row),
        })
    }

    fn origin(&mut self, row: &Row<'c>) -> Provenance {
        let labels = |index: usize| &self.view.members[index].node.meta.labels;
        let none = Labels::default();
        let mine = labels(self.me);
        let theirs = row.member.map_or(&none, labels);
        let node = row.member.map(|index| self.view.members[index].node.meta.name.clone());
        let Some(peer) = row.peer else {
            let (ours, theirs) = (Selection::Everybody, Selection::Everybody);
            let direction = Direction::Forward;
            return Provenance { source: Source::Mesh, direction, ours, theirs, node };
        };
        let texts = &mut self.texts;
        let (ours, theirs) = match row.direction {
            Direction::Forward => {
                (Selection::near(peer, texts, mine), Selection::far(peer, texts, theirs))
            }
            Direction::Reverse => {
                (Selection::far(peer, texts, mine), Selection::near(peer, texts, theirs))
            }
        };
        let source = Source::BgpPeer(peer.meta.name.clone());
        Provenance { source, direction: row.direction, ours, theirs, node }
    }

    fn filters(&mut self, peer: Option<&'c BgpPeer>, notes: &mut Notes) -> Arc<[Arc<str>]> {
        let Some(peer) = peer else { return Arc::default() };
        if let Some(known) = self.filters.get(&*peer.meta.name) {
            return known.clone();
        }
        let (there, missing): (Vec<_>, Vec<_>) = peer
            .filters
            .iter()
            .cloned()
            .partition(|name| self.view.cluster.filters().contains_key(name));
        if !missing.is_empty() {
            notes.missing_filters(&peer.meta.name, &missing);
        }
        let there: Arc<[Arc<str>]> = there.into();
        self.filters.insert(&peer.meta.name, there.clone());
        there
    }

    fn dial(&self, row: &Row<'c>, ours: IpAddr, notes: &mut Notes) -> Dial {
        let theirs = row.key.0;
        let greater = ours.to_string() > theirs.to_string();
        if self.side == Side::Calico {
            let to_node = row.class == Class::Global
                && row.is_by_address()
                && !self.view.at(theirs).is_empty();
            let waits = (row.class == Class::Mesh || to_node) && !greater;
            return if waits { Dial::Never } else { Dial::Now };
        }
        let (Some(index), Some(peer)) = (row.member, row.peer) else { return Dial::Now };
        let both = row.direction == Direction::Reverse
            || (peer.reverse_peering == ReversePeering::Auto && self.view.is_far(peer, index));
        if !both && !self.has_session_with_us(index, ours) {
            notes.add(&peer.meta.name, Note::OneSided, Some(theirs));
            return Dial::Now;
        }
        let connects = match self.view.members[index].cluster_id() {
            Some(_) => !greater,
            None => {
                let own_port = port_or_default(self.view.members[self.me].port);
                node_connects(&self.to_us, theirs, (ours, own_port), true)
                    || self.has_another_session_with_us(index, ours)
            }
        };
        if connects { Dial::Never } else { Dial::Now }
    }

    /// Whether a node has a session with us beside those of global BGPPeers: it has a key of its
    /// own if the port is written out in the one and not in the other.
    fn has_another_session_with_us(&self, index: usize, ours: IpAddr) -> bool {
        let view = self.view;
        let port = view.members[self.me].port;
        let is_global = |port: Option<u16>| self.to_us.iter().any(|row| row.key == (ours, port));
        let same_port = |other: Option<u16>| port_or_default(other) == port_or_default(port);
        view.cluster.peers().values().any(|peer| {
            let near = peer.nodes != PeerNodes::All && view.is_near(peer, index);
            let other = match &peer.remote {
                PeerRemote::Address { ip, port: written, .. } if *ip == ours && near => {
                    let port = written.or_else(|| port.filter(|_| view.is_far(peer, self.me)));
                    same_port(port) && !is_global(port)
                }
                _ => near && view.is_far(peer, self.me) && !is_global(port),
            };
            let reverse = peer.reverse_peering == ReversePeering::Auto
                && view.is_near(peer, self.me)
                && view.is_far(peer, index);
            other || (reverse && !is_global(port))
        })
    }

    /// Whether any BGPPeer gives a node a session with us.
    fn has_session_with_us(&self, index: usize, ours: IpAddr) -> bool {
        let view = self.view;
        view.cluster.peers().values().any(|peer| {
            let to_us = match &peer.remote {
                PeerRemote::Address { ip, .. } => *ip == ours,
                _ => view.is_far(peer, self.me),
            };
            let reverse = peer.reverse_peering == ReversePeering::Auto
                && view.is_near(peer, self.me)
                && view.is_far(peer, index);
            (to_us && view.is_near(peer, index)) || reverse
        })
    }
}

/// Whether a node connects to an address by its own rule: always, unless its session is a global
/// one by address, the address is a node's, and the node's own is smaller as a text.
pub(super) fn node_connects(
    globals: &[Row<'_>],
    node: IpAddr,
    (to, port): (IpAddr, u16),
    to_is_node: bool,
) -> bool {
    let mut to_us = globals
        .iter()
        .filter(|row| row.key.0 == to && port_or_default(row.key.1) == port)
        .peekable();
    let global = to_us.peek().is_some();
    let waits = global && to_is_node && to_us.all(Row::is_by_address);
    !waits || node.to_string() > to.to_string()
}

/// RFC 4456 as Calico's reflectors have it: reflectors of other clusters are clients of each
/// other, and who is not known to be a reflector is a client.
pub(super) fn role(
    ours: Option<ClusterId>,
    theirs: Option<ClusterId>,
    peer_asn: Asn,
    local_asn: Asn,
) -> PeerRole {
    if peer_asn != local_asn {
        PeerRole::External
    } else if ours.is_some() && theirs != ours {
        PeerRole::Client
    } else {
        PeerRole::NonClient
    }
}

fn next_hop_mode(peer: &BgpPeer, role: PeerRole) -> NextHopMode {
    let kept = peer.keep_original_next_hop && role == PeerRole::External;
    peer.next_hop_mode.unwrap_or(if kept { NextHopMode::Keep } else { NextHopMode::Auto })
}

/// Times are rounded to seconds, halves up.
pub(super) fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.saturating_add(Duration::from_millis(500)).as_secs())
}

/// Whether the gateway of a BGPPeer can lead to an address.
fn same_version(peer: &BgpPeer, address: IpAddr) -> bool {
    peer.reachable_by.is_some_and(|gateway| Version::of(gateway) == Version::of(address))
}

/// What BIRD calls a session.
pub(super) fn name_of(class: Class, address: IpAddr, port: Option<u16>) -> String {
    let word = match class {
        Class::Mesh => "Mesh",
        Class::Global => "Global",
        Class::Node => "Node",
    };
    let address = underscored(address);
    match port.filter(|_| class != Class::Mesh) {
        Some(port) => format!("{word}_{address}_port_{port}"),
        None => format!("{word}_{address}"),
    }
}

/// An address with `_` for `.` and `:`.
pub(super) fn underscored(address: IpAddr) -> String {
    address.to_string().replace(['.', ':'], "_")
}
