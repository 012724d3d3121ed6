//! Lints about nodes: which reflectors they have.

use std::collections::BTreeMap;
use std::net::IpAddr;

use albedo_types::ClusterId;

use super::{Lint, LintId, Severity, listed};
use crate::calico::expand::{Version, View};
use crate::calico::reach::{Reach, Reflector};

const FAMILIES: [&str; 2] = ["IPv4", "IPv6"];

/// Cluster ids of several reflectors, of which some nodes have not all.
pub(super) fn shared_cluster_ids(view: &View<'_>, reach: &[[Reach; 2]], lints: &mut Vec<Lint>) {
    for (slot, version) in Version::BOTH.into_iter().enumerate() {
        let mut clusters: BTreeMap<ClusterId, Vec<usize>> = BTreeMap::new();
        for (index, member) in view.members.iter().enumerate() {
            if let (Some(id), Some(_)) = (member.cluster_id(), member.address(version)) {
                clusters.entry(id).or_default().push(index);
            }
        }
        clusters.retain(|_, reflectors| reflectors.len() > 1);
        for (id, reflectors) in clusters {
            let has = |reach: &Reach| {
                let known = &reach.reflectors;
                let has = |index: &&usize| known.binary_search(&Reflector::Node(**index)).is_ok();
                reflectors.iter().filter(has).count()
            };
            let partly = reach.iter().zip(&view.members).filter(|(reach, member)| {
                let count = has(&reach[slot]);
                member.cluster_id() != Some(id) && 0 < count && count < reflectors.len()
            });
            let partly: Vec<_> = partly.map(|(_, member)| member.name()).collect();
            if !partly.is_empty() {
                let names = listed(reflectors.iter().map(|index| view.members[*index].name()));
                let text = format!(
                    "cluster id {id} is shared by {names}, and these have sessions over {} with \
                     some of them only: {}. Routes get lost between them; give each reflector a \
                     routeReflectorClusterID of its own, or every node a session with all of them",
                    FAMILIES[slot],
                    listed(partly)
                );
                lints.push(Lint { id: LintId::SharedClusterId, severity: Severity::Error, text });
            }
        }
    }
}

/// Nodes with too few reflectors or no sessions, and the mesh beside reflectors.
pub(super) fn reflectors(view: &View<'_>, reach: &[[Reach; 2]], lints: &mut Vec<Lint>) {
    let served = |reach: &[Reach; 2]| reach.iter().any(|reach| !reach.reflectors.is_empty());
    let plain = || {
        let both = reach.iter().zip(&view.members);
        both.filter(|(_, member)| member.cluster_id().is_none())
    };
    let with_reflectors: Vec<_> =
        plain().filter(|(reach, _)| served(reach)).map(|(_, member)| member.name()).collect();
    for (slot, version) in Version::BOTH.into_iter().enumerate() {
        let here = || plain().filter(move |(_, member)| member.address(version).is_some());
        let family = FAMILIES[slot];
        let few = here().filter(|(reach, _)| reach[slot].reflectors.len() == 1);
        let few: Vec<_> = few.map(|(_, member)| member.name()).collect();
        if !few.is_empty() {
            let text = format!(
                "one reflector only over {family}: {}. Its loss cuts them off; give each node two \
                 or more",
                listed(few)
            );
            lints.push(Lint { id: LintId::FewReflectors, severity: Severity::Warning, text });
        }
        let none = here().filter(|(reach, _)| reach[slot].is_empty());
        let none: Vec<_> = none.map(|(_, member)| member.name()).collect();
        if !none.is_empty() && view.members.len() > 1 {
            let text = format!(
                "no sessions over {family}: {}. No BGPPeer concerns them and the mesh gives them \
                 nobody",
                listed(none)
            );
            lints.push(Lint { id: LintId::NoPeering, severity: Severity::Warning, text });
        }
    }
    if view.mesh() && !with_reflectors.is_empty() {
        let text = format!(
            "the node-to-node mesh is on beside the reflectors of {}. Once all sessions with them \
             are up, set nodeToNodeMeshEnabled: false in the BGPConfiguration default",
            listed(with_reflectors)
        );
        lints.push(Lint { id: LintId::MeshBesideReflectors, severity: Severity::Warning, text });
    }
}

/// Addresses of more than one node.
pub(super) fn same_addresses(view: &View<'_>, lints: &mut Vec<Lint>) {
    let mut seen: BTreeMap<IpAddr, ()> = BTreeMap::new();
    for address in view.members.iter().flat_map(|member| member.addresses()) {
        let there = view.at(address);
        if there.len() > 1 && seen.insert(address, ()).is_none() {
            let names = listed(there.iter().map(|index| view.members[*index].name()));
            let text = format!(
                "{address} is the address of {names}: the first of them counts. Remove what is \
                 left of a node that has gone"
            );
            lints.push(Lint { id: LintId::SameAddress, severity: Severity::Error, text });
        }
    }
}
