//! Lints about BGPPeers, one by one and in pairs.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use super::{Lint, LintId, PAIRS_MAX, Severity, listed};
use crate::calico::expand::View;
use crate::calico::{BgpPeer, PeerNodes, PeerRemote};

/// What there is to say of one BGPPeer.
pub(super) fn one<'c>(view: &View<'c>, peer: &'c BgpPeer, own: &[IpAddr], lints: &mut Vec<Lint>) {
    let name = &peer.meta.name;
    let mut add = |id, severity, text: String| {
        lints.push(Lint { id, severity, text: format!("BGPPeer {name}: {text}") });
    };
    match (&peer.nodes, &peer.remote) {
        (_, PeerRemote::Nobody) => {
            let text = "it has neither peerIP nor peerSelector, so there are no sessions. A \
                        selector that begins with ! needs quotes in YAML";
            add(LintId::EmptySelector, Severity::Error, text.to_owned());
        }
        (PeerNodes::All, PeerRemote::Nodes(selector)) => {
            let text = format!(
                "it has neither node nor nodeSelector, so every node has sessions with \
                 {selector}. If that is meant, write nodeSelector: all(); a selector that begins \
                 with ! needs quotes in YAML"
            );
            add(LintId::EmptySelector, Severity::Warning, text);
        }
        (PeerNodes::Named(node), _) if view.named(node).is_none() => {
            add(LintId::MissingNode, Severity::Hint, format!("there is no Node {node}"));
        }
        _ => {}
    }
    let near = match &peer.nodes {
        PeerNodes::Matching(selector) => Some(("nodeSelector", selector)),
        _ => None,
    };
    let far = match &peer.remote {
        PeerRemote::Nodes(selector) => Some(("peerSelector", selector)),
        _ => None,
    };
    for (field, selector) in near.into_iter().chain(far) {
        if view.matching(selector).is_empty() {
            let text = format!("its {field} {selector} selects no node, so there are no sessions");
            add(LintId::SelectsNobody, Severity::Warning, text);
        }
    }
    let missing: Vec<_> =
        peer.filters.iter().filter(|name| !view.cluster.filters().contains_key(*name)).collect();
    if !missing.is_empty() {
        let text = format!(
            "there is no BGPFilter {}: its sessions do without, so more may pass than is meant",
            listed(missing.into_iter().map(|name| &**name))
        );
        add(LintId::MissingFilter, Severity::Warning, text);
    }
    if let PeerRemote::Address { ip, as_number, .. } = &peer.remote {
        by_address(view, peer, *ip, own, &mut add);
        if as_number.is_none() {
            let text = format!(
                "peerIP {ip} without asNumber: Calico's nodes write AS 0, and with it their BIRD \
                 takes no further change. Set asNumber"
            );
            add(LintId::PeerWithoutAs, Severity::Error, text);
        }
    }
}

fn by_address<'c>(
    view: &View<'c>,
    peer: &'c BgpPeer,
    ip: IpAddr,
    own: &[IpAddr],
    add: &mut impl FnMut(LintId, Severity, String),
) {
    let there = view.at(ip);
    if there.is_empty() && !own.contains(&ip) {
        let text = format!(
            "{ip} is no node's address: if it was a reflector's, the reflector may be gone; a \
             router's is fine"
        );
        add(LintId::UnknownAddress, Severity::Hint, text);
    }
    if let (Some(first), true) = (there.first(), view.far(peer).is_empty()) {
        let text = format!(
            "{ip} is the address of {}, but asNumber or port are not the node's: its sessions do \
             not come up",
            view.members[*first].name()
        );
        add(LintId::MismatchedAddress, Severity::Warning, text);
    }
    for &index in there {
        let reflector = &view.members[index];
        let Some(id) = reflector.cluster_id() else { continue };
        let near = view.near(peer);
        let mates = near.iter().filter(|mate| **mate != index);
        let mates = mates.map(|mate| &view.members[*mate]);
        let mates = mates.filter(|mate| mate.cluster_id() == Some(id));
        let mates = listed(mates.map(|mate| mate.name()));
        if !mates.is_empty() {
            let text = format!(
                "{ip} is {}, a reflector of cluster {id} as {mates} is: by address it is taken for \
                 a client. Use peerSelector among reflectors",
                reflector.name()
            );
            add(LintId::ReflectorByAddress, Severity::Warning, text);
        }
    }
}

/// Pairs of BGPPeers that claim the same sessions of a node.
pub(super) fn overlaps(view: &View<'_>, lints: &mut Vec<Lint>) {
    let peers: Vec<_> = view.cluster.peers().values().collect();
    let mut of_node: Vec<Vec<usize>> = vec![Vec::new(); view.members.len()];
    let mut global = Vec::new();
    for (index, peer) in peers.iter().enumerate() {
        if peer.nodes == PeerNodes::All {
            global.push(index);
            continue;
        }
        for &node in view.near(peer).iter() {
            of_node[node].push(index);
        }
    }
    let mut pairs = BTreeSet::new();
    for together in of_node.iter().chain([&global]) {
        for (at, one) in together.iter().enumerate() {
            for other in &together[at + 1..] {
                if pairs.len() < PAIRS_MAX {
                    pairs.insert((*one, *other));
                }
            }
        }
    }
    let mut keys = HashMap::new();
    for (one, other) in pairs {
        let mut keys_of = |index: usize| {
            let keys = keys.entry(index).or_insert_with(|| Rc::new(far_keys(view, peers[index])));
            keys.clone()
        };
        let (keys_one, keys_other) = (keys_of(one), keys_of(other));
        let common: Vec<_> = keys_one.intersection(&keys_other).collect();
        let Some((address, _)) = common.first() else { continue };
        let (one, other) = (peers[one], peers[other]);
        let alike = alike(one, other);
        let (severity, word) = if alike {
            (Severity::Hint, "; they say the same")
        } else {
            let word = "; they differ, and Calico's nodes take one of them by chance. Make their \
                        selectors exclude each other";
            (Severity::Warning, word)
        };
        let more = common.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (one, other) = (&one.meta.name, &other.meta.name);
        let text = format!(
            "BGPPeers {one} and {other} give a node the same session, with {address}{more}{word}"
        );
        lints.push(Lint { id: LintId::OverlappingPeers, severity, text });
    }
}

/// Addresses and ports of a BGPPeer's far side.
fn far_keys<'c>(view: &View<'c>, peer: &'c BgpPeer) -> BTreeSet<(IpAddr, Option<u16>)> {
    let far = view.far(peer);
    if let PeerRemote::Address { ip, port, .. } = &peer.remote {
        let port = port.or_else(|| far.first().and_then(|index| view.members[*index].port));
        return BTreeSet::from([(*ip, port)]);
    }
    let members = far.iter().map(|index| &view.members[*index]);
    members.flat_map(|member| member.addresses().map(|address| (address, member.port))).collect()
}

/// Whether two BGPPeers ask for the same, whoever has it.
fn alike(one: &BgpPeer, other: &BgpPeer) -> bool {
    let settings = |peer: &BgpPeer| BgpPeer {
        meta: Default::default(),
        nodes: PeerNodes::All,
        remote: match &peer.remote {
            PeerRemote::Nodes(_) => PeerRemote::Nobody,
            other => other.clone(),
        },
        reverse_peering: Default::default(),
        ..peer.clone()
    };
    settings(one) == settings(other)
}
