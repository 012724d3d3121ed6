//! A cluster that lives: its nodes' routes change one at a time, with messages built beforehand.
//!
//! Each prefix has the attributes it is announced with at first and [`CHANGED`] others, which a
//! run goes through in turn, so that a change that is still on its way can be told from the next.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::attrs::{code, flag};
use crate::build;
use crate::check::Expectation;
use crate::fleet::Fleet;
use crate::model::{ABSENT, NodeId, PrefixId};
use crate::prefix::Family;
use crate::scenario::{Plan, Start, cluster};
use crate::session::Goodbye;

mod flow;

pub(super) use flow::is_choked;
pub use flow::{BACKLOG_MAX, Flow};

/// Versions of a prefix beside the one it is announced with at first.
pub const CHANGED: u8 = 3;
/// Octets that all messages built beforehand may take.
pub const PREBUILT_MAX: u64 = 1 << 30;
/// Octets that may be added to the attributes of a change: a message has 4,096.
pub const PADDING_MAX: u32 = 3500;
/// About what a message takes without what is added to it, with its bookkeeping.
const MESSAGE_ABOUT: u64 = 128;

/// What a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The prefix is announced with other attributes.
    Attributes,
    /// The prefix is withdrawn, or announced again.
    Presence,
}

/// How a cluster lives.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The cluster.
    pub cluster: cluster::Shape,
    /// Octets of communities that changed attributes have.
    pub padding: u32,
    /// Changes a second.
    pub rate: f64,
    /// Changes at once; the rate is kept on average.
    pub burst: u32,
    /// How long they go on.
    pub duration: Duration,
    /// Everything made up follows from it.
    pub seed: u64,
}

impl Shape {
    /// Whether the shape can be played.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        self.cluster.check()?;
        let most = crate::pace::RATE_MAX;
        if !(self.rate > 0.0 && self.rate <= most) {
            return Err(format!(
                "{} changes a second: expected above 0, {most} at most",
                self.rate
            ));
        }
        if self.burst == 0 {
            return Err("0 changes at once: expected at least 1".to_owned());
        }
        if self.padding > PADDING_MAX {
            let padding = self.padding;
            return Err(format!("{padding} octets of padding: expected {PADDING_MAX} at most"));
        }
        let routes = u64::from(self.cluster.nodes)
            * (u64::from(self.cluster.blocks_v4) + u64::from(self.cluster.blocks_v6));
        let each =
            2 * MESSAGE_ABOUT + u64::from(CHANGED) * (MESSAGE_ABOUT + u64::from(self.padding));
        if routes * each > PREBUILT_MAX {
            return Err(format!(
                "the changes of {routes} routes take about {} octets to build: expected \
                 {PREBUILT_MAX} at most",
                routes * each
            ));
        }
        Ok(())
    }
}

/// A route of a node.
struct Route {
    owner: NodeId,
    /// What everybody has to hold of it while its node is there.
    version: u8,
    /// The version before it was withdrawn.
    announced: u8,
    /// By version: what its node sends.
    messages: Vec<Arc<[u8]>>,
}

/// The routes of a cluster's nodes.
pub struct Live {
    /// By [`PrefixId`].
    routes: Vec<Route>,
    /// By node: its routes.
    spans: Vec<Range<usize>>,
    /// What follows the announcements of a node that comes up.
    end: Vec<u8>,
    families: Vec<Family>,
}

impl Live {
    /// The routes as they are at first, and the plan for bringing them up.
    #[must_use]
    pub fn new(shape: &Shape) -> (Self, Plan) {
        let cluster = &shape.cluster;
        let mut plan = cluster.plan(Start::Synchronised);
        let mut live = Self {
            routes: Vec::new(),
            spans: Vec::new(),
            end: Vec::new(),
            families: cluster.families(),
        };
        if cluster.rules.expectation == Expectation::Reflected {
            for &family in &live.families {
                build::end_of_rib(family, &mut live.end);
            }
        }
        for node in 0..cluster.nodes {
            let first = live.routes.len();
            for family in cluster.families() {
                live.add_routes(shape, &mut plan, node, family);
            }
            live.spans.push(first..live.routes.len());
        }
        (live, plan)
    }

    /// Builds what a node may send of its routes of one family.
    fn add_routes(&mut self, shape: &Shape, plan: &mut Plan, node: NodeId, family: Family) {
        let cluster = &shape.cluster;
        let originator = cluster.router_id(node).to_bits();
        let mut sets = vec![cluster.attributes(node, family)];
        for med in 1..=CHANGED {
            let mut set = cluster.attributes(node, family);
            set.push(flag::OPTIONAL, code::MED, vec![0, 0, 0, med]);
            if shape.padding > 0 {
                let communities = padding(shape.padding);
                set.push(flag::OPTIONAL | flag::TRANSITIVE, code::COMMUNITIES, communities);
            }
            sets.push(set);
        }
        for block in cluster.blocks(node, family) {
            let mut gone = Vec::new();
            build::withdraw(family, &[block], &mut gone);
            let mut messages = vec![Arc::from(gone)];
            for (version, set) in (1..).zip(&sets) {
                let id = plan.model.add_set(&set.reflected(originator));
                let route = plan.model.add_route(block, node, id);
                debug_assert_eq!(route, (self.routes.len() as PrefixId, version));
                let mut message = Vec::new();
                build::announce(set, family, &[block], &mut message);
                messages.push(Arc::from(message));
            }
            self.routes.push(Route { owner: node, version: 1, announced: 1, messages });
        }
    }

    /// How many routes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.spans.len()
    }

    /// The source of a route.
    #[must_use]
    pub fn owner(&self, id: PrefixId) -> NodeId {
        self.routes[id as usize].owner
    }

    /// The families that nodes speak.
    #[must_use]
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// Changes a route of a node that is there: its node sends the next version, and everybody has
    /// to hold that. What watches counts from the intended instant.
    pub fn change(&mut self, fleet: &mut Fleet, id: PrefixId, kind: Kind, intended: Instant) {
        let route = &mut self.routes[id as usize];
        route.version = match (kind, route.version) {
            // Withdrawn: with either kind, it comes again.
            (_, ABSENT) => route.announced,
            (Kind::Presence, version) => {
                route.announced = version;
                ABSENT
            }
            // The first version is not returned to: all changes are of one size.
            (Kind::Attributes, version) if version > CHANGED => 2,
            (Kind::Attributes, version) => version + 1,
        };
        let (owner, version) = (route.owner, route.version);
        // Sent first: the bookkeeping of all receivers takes its time.
        fleet.send(owner, Arc::clone(&route.messages[usize::from(version)]));
        fleet.expect(id, version);
        if let Some(watch) = fleet.watch_mut() {
            watch.change(id, version, owner, intended);
        }
        // A target may ask for everything at any time.
        fleet.set_initial(owner, self.initial(owner));
    }

    /// Takes a node away: nobody has to hold its routes.
    pub fn take_down(&self, fleet: &mut Fleet, node: NodeId, goodbye: Goodbye) {
        fleet.stop(node, goodbye);
        for id in self.spans[node as usize].clone() {
            fleet.expect(id as PrefixId, ABSENT);
        }
    }

    /// Brings a node back with the routes that it had.
    pub fn bring_back(&self, fleet: &mut Fleet, node: NodeId) {
        fleet.set_initial(node, self.initial(node));
        for id in self.spans[node as usize].clone() {
            fleet.expect(id as PrefixId, self.routes[id].version);
        }
        fleet.start(node);
    }

    /// Has a node ask for all routes anew.
    pub fn refresh(&self, fleet: &mut Fleet, node: NodeId) {
        for &family in &self.families {
            fleet.send(node, build::route_refresh(family).into());
        }
    }

    /// What a node that comes up announces.
    fn initial(&self, node: NodeId) -> Arc<[u8]> {
        let routes = &self.routes[self.spans[node as usize].clone()];
        let there = routes.iter().filter(|route| route.version != ABSENT);
        let mut out = Vec::new();
        for route in there {
            out.extend_from_slice(&route.messages[usize::from(route.version)]);
        }
        out.extend_from_slice(&self.end);
        Arc::from(out)
    }
}

/// Communities that take about so many octets, in order and each once.
fn padding(octets: u32) -> Vec<u8> {
    let values = 0xfc00_0000..0xfc00_0000 + octets.div_ceil(4);
    values.flat_map(u32::to_be_bytes).collect()
}

#[cfg(test)]
pub(crate) mod tests;
