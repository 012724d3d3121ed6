//! From a cluster as it is to one that this reflector serves: what to apply, in which order, what
//! each step does to sessions, and the way back.
//!
//! Nothing is guessed: each step is carried out on a copy of the cluster, and the sessions of all
//! nodes before and after are compared. Those of the mesh are counted by its members, so time and
//! memory go with the nodes and with the sessions of BGPPeers, not with the square of the nodes.
//!
//! The mesh is switched off last, when everybody has the reflector; the way back begins with
//! switching it on.

mod change;
mod external;
mod links;
mod nodes;
mod traps;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use albedo_types::{Asn, ClusterId};

use super::expand::{ExpandError, Identity, expand};
use super::lint::Severity;
use super::{BgpConfiguration, Cluster, ConfigurationScope, Meta, Resource};

pub use change::Change;
pub use links::{Effect, Loss};

use links::Links;

/// What takes the place of the mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Calico nodes that are, or become, route reflectors.
    Nodes {
        /// Their names.
        names: Vec<Arc<str>>,
        /// The cluster id of those that have none yet.
        cluster_id: ClusterId,
        /// What marks reflectors, as key and value; `None` takes what BGPPeers of the cluster ask
        /// for, and else [`LABEL`].
        label: Option<(String, String)>,
    },
    /// A reflector, or several, that are no nodes.
    External {
        /// Their addresses, of both families where the nodes have both. A port is the one that
        /// nodes connect to; absent is 179.
        addresses: Vec<(IpAddr, Option<u16>)>,
        /// Their AS; absent is the cluster's.
        asn: Option<Asn>,
    },
}

/// The label of reflectors, where nothing else is asked for.
pub const LABEL: (&str, &str) = ("route-reflector", "true");

/// What to do, and how to undo it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is there already and stays, a line each.
    pub there: Vec<String>,
    /// In order; each is to be done and waited for before the next. None if all is done.
    pub steps: Vec<Step>,
    /// The way back, from behind the last step.
    pub back: Vec<Step>,
    /// What to look out for.
    pub traps: Vec<Trap>,
    /// Sessions among nodes and with others now.
    pub sessions: usize,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// In one line.
    pub title: String,
    /// What is changed, in order.
    pub changes: Vec<Change>,
    /// What it does to sessions.
    pub effect: Effect,
    /// What has to be so before the next step; `None` where no session changes.
    pub wait: Option<Wait>,
    after: Cluster,
}

impl Step {
    /// The cluster as it is when the step is done.
    #[must_use]
    pub const fn after(&self) -> &Cluster {
        &self.after
    }
}

/// What to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What has to be so.
    pub until: String,
    /// What shows it, as typed into a shell.
    pub command: String,
}

/// Something that this cluster would run into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// A name that stays.
    pub id: &'static str,
    /// How bad it is. An error is a reason not to do the steps.
    pub severity: Severity,
    /// What, and what to do, in one line.
    pub text: String,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity.name(), self.id, self.text)
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// Neither a node nor an address was named.
    Nobody,
    /// There is no such node, or it has no address.
    Node(ExpandError),
    /// An address of a reflector outside of the cluster is a node's.
    AddressOfNode {
        /// The address.
        address: IpAddr,
        /// The node.
        node: Arc<str>,
    },
    /// A reflector outside of the cluster, and no node has an address of its family.
    NoNodes {
        /// The address.
        address: IpAddr,
    },
}

impl fmt::Display for PlanError {
    /// What is wrong and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("no reflector: name a node or an address"),
            Self::Node(error) => error.fmt(f),
            Self::AddressOfNode { address, node } => write!(
                f,
                "{address} is the address of the node {node}: name the node, as what nodes do with \
                 each other is not the same as with others"
            ),
            Self::NoNodes { address } => write!(
                f,
                "no node could have a session with {address}: none has a BGP address of its family"
            ),
        }
    }
}

impl std::error::Error for PlanError {}

/// Makes a plan.
///
/// # Errors
///
/// If the reflector cannot be one.
pub fn plan(cluster: &Cluster, target: &Target) -> Result<Plan, PlanError> {
    let mut maker = Maker::new(cluster);
    match target {
        Target::Nodes { names, cluster_id, label } => {
            let label = label.as_ref().map(|(key, value)| (&**key, &**value));
            nodes::steps(&mut maker, names, *cluster_id, label)?;
        }
        Target::External { addresses, asn } => external::steps(&mut maker, addresses, *asn)?,
    }
    maker.mesh_off();
    let sessions = Links::of(cluster).sessions();
    maker.trapped(cluster, target);
    let back = maker.back(cluster);
    Ok(Plan { there: maker.there, steps: maker.steps, back, traps: maker.traps, sessions })
}

/// Steps as they come to be.
struct Maker {
    now: Cluster,
    links: Links,
    there: Vec<String>,
    steps: Vec<Step>,
    /// Titles of the steps that undo them, in the same order.
    undo: Vec<String>,
    traps: Vec<Trap>,
}

impl Maker {
    fn new(cluster: &Cluster) -> Self {
        Self {
            now: cluster.clone(),
            links: Links::of(cluster),
            there: Vec::new(),
            steps: Vec::new(),
            undo: Vec::new(),
            traps: Vec::new(),
        }
    }

    /// Adds a step; what there is to wait for is told by the cluster behind it.
    fn step(
        &mut self,
        title: String,
        undo: String,
        changes: Vec<Change>,
        wait: impl FnOnce(&Cluster) -> Wait,
    ) {
        let step = make(&mut self.now, &mut self.links, title, changes, wait);
        self.steps.push(step);
        self.undo.push(undo);
    }

    fn trap(&mut self, id: &'static str, severity: Severity, text: String) {
        self.traps.push(Trap { id, severity, text });
    }

    fn mesh_off(&mut self) {
        let configuration = self.now.default_configuration();
        if configuration.and_then(|it| it.node_to_node_mesh) == Some(false) {
            self.there.push("the node-to-node mesh is off".to_owned());
            return;
        }
        let change = match configuration {
            Some(before) => {
                let mut after = before.clone();
                after.node_to_node_mesh = Some(false);
                // They are refused beside a mesh that is off.
                after.node_mesh_password = None;
                after.node_mesh_max_restart_time = None;
                Change::replace(
                    Resource::BgpConfiguration(Box::new(before.clone())),
                    Resource::BgpConfiguration(Box::new(after)),
                )
            }
            None => {
                let meta = Meta::named("default");
                let node_to_node_mesh = Some(false);
                let created =
                    BgpConfiguration { meta, node_to_node_mesh, ..BgpConfiguration::default() };
                debug_assert_eq!(created.scope(), ConfigurationScope::Default);
                Change::Create(Resource::BgpConfiguration(Box::new(created)))
            }
        };
        let (title, undo) = ("Switch the node-to-node mesh off", "Switch the mesh on again");
        self.step(title.to_owned(), undo.to_owned(), vec![change], |_| Wait {
            until: "no node has a row of the type `node-to-node mesh`, and each has the reflector \
                    as Established"
                .to_owned(),
            command: "sudo calicoctl node status".to_owned(),
        });
    }

    /// The steps backwards, each undone.
    fn back(&self, origin: &Cluster) -> Vec<Step> {
        let mut now = self.now.clone();
        let mut links = self.links.clone();
        let mut back = Vec::with_capacity(self.steps.len());
        for (step, undo) in self.steps.iter().zip(&self.undo).rev() {
            let changes: Vec<Change> = step.changes.iter().rev().map(Change::undo).collect();
            back.push(make(&mut now, &mut links, undo.clone(), changes, |_| Wait {
                until: "every node has sessions, and all are Established".to_owned(),
                command: "sudo calicoctl node status".to_owned(),
            }));
        }
        debug_assert_eq!(links.sessions(), Links::of(origin).sessions());
        back
    }
}

fn make(
    now: &mut Cluster,
    links: &mut Links,
    title: String,
    changes: Vec<Change>,
    wait: impl FnOnce(&Cluster) -> Wait,
) -> Step {
    for change in &changes {
        change.apply(now);
    }
    let after = Links::of(now);
    let effect = links.to(&after);
    *links = after;
    let changes_some = effect.up + effect.gone + effect.restart > 0;
    let wait = changes_some.then(|| wait(now));
    Step { title, changes, effect, wait, after: now.clone() }
}

/// Waits until a reflector has all its sessions.
fn wait_for(cluster: &Cluster, identity: &Identity, who: &str) -> Wait {
    let sessions = expand(cluster, identity).map_or(0, |speaker| speaker.sessions.len());
    let until = match sessions {
        // It leaves the mesh before there are BGPPeers.
        0 => format!("{who} has no session any more; the next step gives it new ones"),
        _ => format!("{who} has {sessions} sessions, all Established"),
    };
    Wait { until, command: SESSIONS.to_owned() }
}

/// Compares what a reflector has with what is to be there, on its machine.
const SESSIONS: &str = "albedo calico verify";

#[cfg(test)]
mod tests;
