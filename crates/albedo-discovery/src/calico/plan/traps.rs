//! What a cluster would run into on its way.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::links::Links;
use super::{Maker, Target, Trap, external};
use crate::calico::expand::{Identity, RouterIdSource, expand};
use crate::calico::lint::{EXAMPLES_MAX, LintId, Severity, lint};
use crate::calico::{Cluster, PeerRemote, Resource};

/// Some names, and how many more there are.
pub(super) fn some(names: &[String]) -> String {
    let shown = names.len().min(EXAMPLES_MAX);
    let text = names[..shown].join(", ");
    match names.len() - shown {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

impl Maker {
    pub(super) fn trapped(&mut self, origin: &Cluster, target: &Target) {
        self.losses();
        self.live_nodes(origin, target);
        self.not_ready(origin);
        self.mesh_settings(origin);
        self.doubled();
        self.left_over(origin, target);
        self.lints(target);
        let rank = |trap: &Trap| trap.severity;
        self.traps.sort_by_key(rank);
    }

    /// Nodes that a step leaves without sessions.
    fn losses(&mut self) {
        let last = self.steps.len();
        let mut found = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            if step.effect.losing.is_empty() {
                continue;
            }
            let losing = step.effect.losing.iter();
            let names: Vec<String> =
                losing.map(|loss| format!("{} ({})", loss.node, loss.family)).collect();
            let number = index + 1;
            found.push(if number == last {
                let text = format!(
                    "step {number} takes the only peering from {}. Do not do it before they have \
                     another one",
                    some(&names)
                );
                Trap { id: "loses-peering", severity: Severity::Error, text }
            } else {
                let text = format!(
                    "from step {number} to step {} {} is without any peering: do the two right \
                     after each other",
                    number + 1,
                    some(&names)
                );
                Trap { id: "gap", severity: Severity::Warning, text }
            });
        }
        self.traps.append(&mut found);
    }

    /// Nodes in the mesh, with pods on them, that become reflectors.
    fn live_nodes(&mut self, origin: &Cluster, target: &Target) {
        let Target::Nodes { names, .. } = target else { return };
        let mesh = origin.default_configuration().and_then(|it| it.node_to_node_mesh);
        if mesh == Some(false) {
            return;
        }
        let owners: BTreeSet<&str> = origin.blocks().map(|block| &**block.node).collect();
        let nodes = names.iter().filter_map(|name| origin.nodes().get(name));
        let live = nodes.filter(|node| {
            node.cluster_id().is_none()
                && owners.contains(&*node.meta.name)
                && !node.condition.unschedulable
        });
        let live: Vec<String> = live.map(|node| node.meta.name.to_string()).collect();
        if !live.is_empty() {
            let text = format!(
                "{} runs pods and is in the mesh: as it leaves it, its sessions restart, and its \
                 routes are away for some 2 s. Drain it first (kubectl drain), or take a node \
                 without pods or a reflector outside of the cluster",
                some(&live)
            );
            self.trap("live-node", Severity::Warning, text);
        }
    }

    fn not_ready(&mut self, origin: &Cluster) {
        let nodes = origin.nodes().values();
        let dead = nodes.filter(|node| node.bgp.is_some() && node.condition.ready == Some(false));
        let dead: Vec<String> = dead.map(|node| node.meta.name.to_string()).collect();
        if !dead.is_empty() {
            let text = format!(
                "not ready: {}. Their sessions do not come up; do not wait for them",
                some(&dead)
            );
            self.trap("not-ready", Severity::Warning, text);
        }
    }

    /// What the mesh has of its own and its sessions' successors have not.
    fn mesh_settings(&mut self, origin: &Cluster) {
        let Some(it) = origin.default_configuration() else { return };
        if it.node_to_node_mesh == Some(false) {
            return;
        }
        let set = [
            (it.node_mesh_password.is_some(), "nodeMeshPassword"),
            (it.node_mesh_max_restart_time.is_some(), "nodeMeshMaxRestartTime"),
        ];
        let names: Vec<&str> = set.into_iter().filter(|set| set.0).map(|set| set.1).collect();
        if !names.is_empty() {
            let text = format!(
                "the mesh has {}, which Calico refuses once it is off: the last step takes it \
                 away, and the new BGPPeers do not have it: set password or maxRestartTime there",
                names.join(" and ")
            );
            self.trap("mesh-settings", Severity::Warning, text);
        }
    }

    fn doubled(&mut self) {
        let doubled = self.steps.iter().map(|step| Links::of(&step.after).doubled()).max();
        if let Some(doubled @ 1..) = doubled {
            let text = format!(
                "{doubled} pairs of nodes are in the mesh and have a BGPPeer too: only one of the \
                 two sessions can be up, and until the mesh is off the other one shows as down"
            );
            self.trap("mesh-beside-peering", Severity::Warning, text);
        }
    }

    /// BGPPeers with internal peers that are neither nodes nor this reflector.
    fn left_over(&mut self, origin: &Cluster, target: &Target) {
        let ours: &[(IpAddr, Option<u16>)] = match target {
            Target::External { addresses, .. } => addresses,
            Target::Nodes { .. } => &[],
        };
        let default_as = origin.default_as();
        let of_node = |ip: IpAddr| {
            let mut nodes = origin.nodes().values();
            nodes.any(|node| {
                node.ipv4().map(IpAddr::V4) == Some(ip) || node.ipv6().map(IpAddr::V6) == Some(ip)
            })
        };
        let mut texts = Vec::new();
        for (name, peer) in origin.peers() {
            let PeerRemote::Address { ip, as_number, .. } = &peer.remote else { continue };
            if of_node(*ip) || ours.iter().any(|(own, _)| own == ip) {
                continue;
            }
            if *as_number == Some(default_as) {
                texts.push(format!(
                    "BGPPeer {name} is with {ip}, an internal peer that is no node, perhaps an \
                     older reflector. It stays. If it is of no use any more, delete it at the end \
                     (calicoctl delete bgppeer {name}): a node that restarts waits up to 240 s for \
                     a peer that does not answer"
                ));
            } else {
                self.there.push(format!("BGPPeer {name} with {ip} stays as it is"));
            }
        }
        for text in texts {
            self.trap("left-over-peer", Severity::Warning, text);
        }
    }

    /// What is odd about the cluster when all is done.
    fn lints(&mut self, target: &Target) {
        let asn = self.now.default_as();
        let identities: Vec<Identity> = match target {
            Target::Nodes { names, .. } => {
                let node = |name: &std::sync::Arc<str>| Identity::Node {
                    name: name.clone(),
                    router_id: RouterIdSource::default(),
                };
                names.iter().map(node).collect()
            }
            Target::External { addresses, asn: own } => {
                vec![external::identity(addresses, own.unwrap_or(asn))]
            }
        };
        let created = self.steps.iter().flat_map(|step| &step.changes);
        let created: Vec<String> = created
            .filter_map(|change| match change.resource() {
                Resource::BgpPeer(peer) => Some(format!("BGPPeer {}", peer.meta.name)),
                _ => None,
            })
            .collect();
        for lint in lint(&self.now, identities.first()) {
            let told = match lint.id {
                // Told above, or meant.
                LintId::NoPeering | LintId::MeshBesideReflectors | LintId::UnknownAddress => true,
                LintId::EmptySelector => created.iter().any(|name| lint.text.starts_with(name)),
                _ => false,
            };
            if !told {
                self.trap(lint.id.name(), lint.severity, lint.text);
            }
        }
        let mut seen = BTreeSet::new();
        for identity in &identities {
            let Ok(speaker) = expand(&self.now, identity) else { continue };
            for warning in speaker.warnings {
                let text = warning.to_string();
                if seen.insert(text.clone()) {
                    self.trap("expansion", Severity::Warning, text);
                }
            }
        }
    }
}
