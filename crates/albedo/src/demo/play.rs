//! The scenes: what befalls the nodes, and the comparison after each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use albedo_loadtest::build;
use albedo_loadtest::check::Rules;
use albedo_loadtest::fleet::{Fleet, Settings};
use albedo_loadtest::model::{ABSENT, NodeId, PrefixId};
use albedo_loadtest::prefix::{Family, Prefix};
use albedo_loadtest::scenario::cluster::Shape;
use albedo_loadtest::scenario::{LOCAL_PREF_CALICO, Start};
use albedo_loadtest::session::Goodbye;
use anyhow::{Context as _, Result, anyhow};

use super::DemoArgs;
use super::report::{Latency, Report, Scene, Teller, human};

/// A scene that is not over by then has failed.
const SCENE_MAX: Duration = Duration::from_secs(60);
/// How long tables have to stay exact before a scene is over.
const SETTLE: Duration = Duration::from_millis(50);
/// Nodes of a rack, at most; small clusters have smaller racks.
const RACK_MAX: u32 = 16;
/// Nodes of the rack that restart together.
const RESTART_TOGETHER: u32 = 4;
/// Changes of the last scene.
const CHANGES: usize = 300;
/// Faults told in words, for each scene.
const FAULTS_MAX: usize = 10;
/// Turns of a kept demo from the loss of a node to that of the next one. At the other two a change
/// is left out, so they are a pair.
const STIR_TURNS: u64 = 100;
const STIR_LOSS: u64 = 20;
const STIR_RETURN: u64 = STIR_LOSS + 1;
/// The AS of the reflector and of all nodes.
const ASN: u32 = 64512;

/// A node's routes as the model names them.
type Routes = Vec<(PrefixId, u8)>;

/// The demo while it plays.
pub(crate) struct Play<'t> {
    fleet: Fleet,
    shape: Shape,
    routes: Vec<Routes>,
    teller: &'t Teller,
    scenes: Vec<Scene>,
    args: (u32, u32),
}

impl<'t> Play<'t> {
    /// Nodes that are all off, for a reflector at `target`.
    pub(crate) fn new(target: SocketAddr, args: &DemoArgs, teller: &'t Teller) -> Result<Self> {
        let shape = Shape {
            nodes: args.nodes,
            blocks_v4: args.blocks,
            blocks_v6: 0,
            source_net: "127.1.0.0/16".parse().map_err(|fault: String| anyhow!(fault))?,
            local_pref: LOCAL_PREF_CALICO,
            rules: Rules::REFLECTED,
            cluster_id: 0,
        };
        shape.check().map_err(|fault| anyhow!(fault))?;
        let mut plan = shape.plan(Start::Cold);
        let nodes = 0..args.nodes;
        let routes = nodes.map(|node| shape.register(node, &mut plan.model)).collect();
        let settings = Settings {
            target,
            asn: ASN,
            hold_time: Duration::from_secs(90),
            families: shape.families(),
            connect_retry: Duration::from_secs(1),
            cluster_id: None,
            rules: shape.rules,
            key: None,
        };
        let fleet = Fleet::new(settings, plan.nodes, plan.model).context("cannot play nodes")?;
        let args = (args.nodes, args.blocks);
        Ok(Self { fleet, shape, routes, teller, scenes: Vec::new(), args })
    }

    /// Plays all scenes, or up to the first one that goes wrong.
    pub(crate) fn run(&mut self) -> Result<Report> {
        let scenes: [fn(&mut Self) -> Result<bool>; 5] = [
            Self::cold_start,
            Self::loss_of_a_node,
            Self::return_of_the_node,
            Self::restart_of_a_rack,
            Self::churn,
        ];
        for scene in scenes {
            if !scene(self)? {
                break;
            }
        }
        let mut routes = 0;
        for table in self.fleet.tables() {
            routes += table.announced + table.withdrawn;
        }
        let (nodes, blocks) = self.args;
        Ok(Report {
            schema: 1,
            nodes,
            blocks,
            scenes: std::mem::take(&mut self.scenes),
            updates: self.fleet.counters.updates_in,
            routes,
            problems: self.fleet.problems.clone(),
            // Known only when the reflector has stopped.
            nothing_left: true,
        })
    }

    /// Takes the nodes away, in order.
    pub(crate) fn leave(&mut self) {
        for node in 0..self.args.0 {
            self.fleet.stop(node, Goodbye::Cease);
        }
    }

    /// Keeps sessions alive for a while.
    pub(crate) fn idle(&mut self, time: Duration) -> Result<()> {
        self.fleet.run_until(Instant::now() + time, |_| false)?;
        Ok(())
    }

    /// A change in a cluster that goes on: a block goes or comes back, and now and then a node.
    pub(crate) fn stir(&mut self, turn: u64) {
        let (nodes, blocks) = (u64::from(self.args.0), u64::from(self.args.1));
        let of = |n: u64| u32::try_from(n % nodes).unwrap_or_default();
        let away = of(turn / STIR_TURNS);
        match turn % STIR_TURNS {
            STIR_LOSS => self.lose(away, Goodbye::Reset),
            STIR_RETURN => self.bring_back(away),
            _ => {
                // What goes at one turn comes back at the next.
                let pair = turn / 2;
                let node = match of(pair.wrapping_mul(7)) {
                    node if node == away => of(u64::from(node) + 1),
                    node => node,
                };
                let block = usize::try_from(pair % blocks).unwrap_or_default();
                if turn.is_multiple_of(2) {
                    self.withdraw_block(node, block);
                } else {
                    self.announce_block(node, block);
                }
            }
        }
    }

    fn cold_start(&mut self) -> Result<bool> {
        let begin = Instant::now();
        for node in 0..self.args.0 {
            self.fleet.start(node);
        }
        self.compare("cold start", begin)
    }

    /// A node in the middle dies: its connection is reset.
    fn loss_of_a_node(&mut self) -> Result<bool> {
        let begin = Instant::now();
        self.lose(self.args.0 / 2, Goodbye::Reset);
        self.compare("loss of a node", begin)
    }

    fn return_of_the_node(&mut self) -> Result<bool> {
        let begin = Instant::now();
        self.bring_back(self.args.0 / 2);
        self.compare("its return", begin)
    }

    /// A few nodes of a rack at a time go and come back.
    fn restart_of_a_rack(&mut self) -> Result<bool> {
        let begin = Instant::now();
        let rack = RACK_MAX.min(self.args.0 / 2).max(1);
        let expected = self.owed();
        let mut node = 0;
        while node < rack {
            let together = node..rack.min(node + RESTART_TOGETHER);
            for node in together.clone() {
                self.lose(node, Goodbye::Close);
            }
            if !self.until_exact("rolling restart", expected)? {
                break;
            }
            for node in together.clone() {
                self.bring_back(node);
            }
            if !self.until_exact("rolling restart", expected)? {
                break;
            }
            node = together.end;
        }
        self.compare("rolling restart of a rack", begin)
    }

    /// One block after the other is withdrawn or announced again, by nodes all over the cluster.
    fn churn(&mut self) -> Result<bool> {
        let begin = Instant::now();
        let mut rng = albedo_types::Rng::new(1);
        let mut took = Vec::with_capacity(CHANGES);
        let mut gone: Vec<(NodeId, usize)> = Vec::new();
        let expected = self.owed();
        for n in 0..CHANGES {
            let changed = Instant::now();
            // Every second change takes the one before it back.
            if let Some((node, block)) = gone.pop() {
                self.announce_block(node, block);
            } else {
                let node = u32::try_from(rng.below(u64::from(self.args.0)))?;
                let block = usize::try_from(rng.below(u64::from(self.args.1)))?;
                self.withdraw_block(node, block);
                gone.push((node, block));
            }
            if !self.until_exact("churn", expected)? {
                break;
            }
            took.push(changed.elapsed().as_secs_f64());
            if n + 1 == CHANGES && !gone.is_empty() {
                return Err(anyhow!("the number of changes is even"));
            }
        }
        let exact = self.compare("churn", begin)?;
        took.sort_by(f64::total_cmp);
        if let (Some(scene), Some(max)) = (self.scenes.last_mut(), took.last()) {
            let at = |share: usize| took[(took.len() - 1) * share / 100];
            let latency = Latency { changes: took.len(), p50: at(50), p99: at(99), max: *max };
            scene.latency = Some(latency);
            self.teller.line(&format!(
                "    {} changes one after the other, until every node had each: p50 {}, p99 {}",
                latency.changes,
                human(latency.p50),
                human(latency.p99)
            ));
        }
        Ok(exact)
    }

    fn lose(&mut self, node: NodeId, goodbye: Goodbye) {
        self.fleet.stop(node, goodbye);
        for (id, _) in &self.routes[node as usize] {
            self.fleet.expect(*id, ABSENT);
        }
    }

    fn bring_back(&mut self, node: NodeId) {
        for (id, version) in &self.routes[node as usize] {
            self.fleet.expect(*id, *version);
        }
        self.fleet.start(node);
    }

    fn block(&self, node: NodeId, block: usize) -> Prefix {
        self.shape.blocks(node, Family::V4)[block]
    }

    fn withdraw_block(&mut self, node: NodeId, block: usize) {
        let mut bytes = Vec::new();
        build::withdraw(Family::V4, &[self.block(node, block)], &mut bytes);
        self.fleet.expect(self.routes[node as usize][block].0, ABSENT);
        self.fleet.send(node, Arc::from(bytes));
    }

    fn announce_block(&mut self, node: NodeId, block: usize) {
        let mut bytes = Vec::new();
        let set = self.shape.attributes(node, Family::V4);
        build::announce(&set, Family::V4, &[self.block(node, block)], &mut bytes);
        let (id, version) = self.routes[node as usize][block];
        self.fleet.expect(id, version);
        self.fleet.send(node, Arc::from(bytes));
    }

    /// Routes that all nodes together must hold now.
    fn owed(&self) -> u64 {
        (0..self.args.0).map(|node| u64::from(self.fleet.model.wanted_count(node))).sum()
    }

    fn until_exact(&mut self, scene: &str, expected: u64) -> Result<bool> {
        let teller = self.teller;
        let deadline = Instant::now() + SCENE_MAX;
        Ok(self.fleet.run_until(deadline, |fleet| {
            teller.progress(scene, fleet, expected);
            fleet.is_exact() && fleet.established() == fleet.checked()
        })?)
    }

    /// Waits until every table is exact and stays so; tells what came of the scene.
    fn compare(&mut self, name: &'static str, begin: Instant) -> Result<bool> {
        let expected = self.owed();
        let (mut exact, mut seconds);
        loop {
            exact = self.until_exact(name, expected)?;
            seconds = begin.elapsed().as_secs_f64();
            let settled = Instant::now() + SETTLE;
            if !exact || !self.fleet.run_until(settled, |fleet| !fleet.is_exact())? {
                break;
            }
        }
        let tables = self.fleet.checked();
        let routes: u64 =
            if exact { expected } else { expected.saturating_sub(self.fleet.wrong()) };
        let faults = if exact { Vec::new() } else { self.fleet.faults(FAULTS_MAX) };
        let mark = if exact { "ok" } else { "WRONG" };
        self.teller.line(&format!(
            "  {mark:5} {name}: {}/{tables} tables exact after {}, {routes} routes compared",
            self.fleet.exact(),
            human(seconds)
        ));
        for fault in &faults {
            self.teller.line(&format!("        {fault}"));
        }
        self.scenes.push(Scene { name, exact, seconds, tables, routes, latency: None, faults });
        Ok(exact)
    }
}
