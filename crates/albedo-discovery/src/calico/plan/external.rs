//! A reflector beside the cluster: nodes name it by address.

use std::net::{IpAddr, Ipv4Addr};

use albedo_types::{Asn, ClusterId, RouterId};

use super::{Change, Maker, PlanError, SESSIONS, Wait};
use crate::calico::expand::{Identity, expand};
use crate::calico::lint::Severity;
use crate::calico::{BgpPeer, Cluster, Meta, PeerNodes, PeerRemote, Resource};

pub(super) fn steps(
    maker: &mut Maker,
    addresses: &[(IpAddr, Option<u16>)],
    asn: Option<Asn>,
) -> Result<(), PlanError> {
    if addresses.is_empty() {
        return Err(PlanError::Nobody);
    }
    let asn = asn.unwrap_or_else(|| maker.now.default_as());
    let mut changes = Vec::new();
    for &(address, port) in addresses {
        let of_node = maker.now.nodes().values().find(|node| {
            node.ipv4().map(IpAddr::V4) == Some(address)
                || node.ipv6().map(IpAddr::V6) == Some(address)
        });
        if let Some(node) = of_node {
            return Err(PlanError::AddressOfNode { address, node: node.meta.name.clone() });
        }
        let wanted = nodes_of(&maker.now, address);
        if wanted == 0 {
            return Err(PlanError::NoNodes { address });
        }
        let there = sessions(&maker.now, address, port, asn);
        if there >= wanted {
            maker.there.push(format!("all {wanted} nodes have a peering with {address}"));
            continue;
        }
        if there > 0 {
            maker.there.push(format!("{there} of {wanted} nodes have a peering with {address}"));
        }
        let name = super::nodes::free(&maker.now, &format!("albedo-{}", plain(address)));
        let remote = PeerRemote::Address { ip: address, port, as_number: Some(asn) };
        let peer = BgpPeer {
            meta: Meta::named(&name),
            nodes: PeerNodes::All,
            remote,
            ..BgpPeer::default()
        };
        changes.push(Change::Create(Resource::BgpPeer(Box::new(peer))));
    }
    if !changes.is_empty() {
        let many = if addresses.len() > 1 { "reflector's addresses" } else { "reflector" };
        let title = format!("Give every node a peering with the {many}");
        let undo = format!("Take the peerings with the {many} away");
        maker.step(title, undo, changes, |now| {
            let at = |&(ip, port): &(IpAddr, Option<u16>)| {
                format!("{} at {ip}", sessions(now, ip, port, asn))
            };
            let at: Vec<String> = addresses.iter().map(at).collect();
            let until = format!("all sessions are Established: {}", at.join(", "));
            Wait { until, command: SESSIONS.to_owned() }
        });
    }
    other_as(maker, asn);
    Ok(())
}

/// Who the reflector is; its identifiers are of no matter here.
pub(super) fn identity(addresses: &[(IpAddr, Option<u16>)], asn: Asn) -> Identity {
    Identity::External {
        addresses: addresses.to_vec(),
        asn,
        router_id: RouterId::new(Ipv4Addr::LOCALHOST.to_bits()).expect("not 0"),
        cluster_id: ClusterId(Ipv4Addr::LOCALHOST.to_bits()),
    }
}

fn sessions(cluster: &Cluster, address: IpAddr, port: Option<u16>, asn: Asn) -> usize {
    let identity = identity(&[(address, port)], asn);
    expand(cluster, &identity).map_or(0, |speaker| speaker.sessions.len())
}

/// Nodes with an address of the family.
fn nodes_of(cluster: &Cluster, address: IpAddr) -> usize {
    let has = |node: &&std::sync::Arc<crate::calico::Node>| match address {
        IpAddr::V4(_) => node.ipv4().is_some(),
        IpAddr::V6(_) => node.ipv6().is_some(),
    };
    cluster.nodes().values().filter(has).count()
}

/// As it can stand in a name.
fn plain(address: IpAddr) -> String {
    let text = address.to_string().replace(['.', ':'], "-");
    text.trim_matches('-').to_owned()
}

fn other_as(maker: &mut Maker, asn: Asn) {
    let default_as = maker.now.default_as();
    let others = maker.now.nodes().values();
    let others = others.filter(|node| {
        let own = node.as_number().unwrap_or(default_as);
        own != asn && node.bgp.is_some()
    });
    let names: Vec<String> = others.map(|node| node.meta.name.to_string()).collect();
    if !names.is_empty() {
        let text = format!(
            "of another AS than the reflector's {asn}: {}. Their sessions are external ones: they \
             are no clients, and routes are told with another next hop",
            super::traps::some(&names)
        );
        maker.trap("other-as", Severity::Warning, text);
    }
}
