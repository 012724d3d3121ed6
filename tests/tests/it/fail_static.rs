//! What becomes of a stock node's kernel routes when its reflector stops, dies, hangs or returns.
//!
//! Two nodes with BIRD 1.6 as Calico starts it (`-R`), each in a namespace with a kernel table of
//! its own that is looked at all the time.
//! Every row tells whether the routes stayed; where they went, that they did not go before they
//! might.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use albedo_tests::fib::{Expected, Report, Table, Watch};
use albedo_tests::lab::{ASN, Host, Lab, Node};
use albedo_tests::net::{Net, net};
use albedo_tests::peers::{Bird, Peer, Version, all_up};
use albedo_tests::reflector::Reflector;
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};

const LEFT: Host = Host(1);
const RIGHT: Host = Host(2);
const NODES: [Host; 2] = [Host(11), Host(12)];

/// BIRD's timers go by whole seconds, and its clock by the last turn of its loop.
const BIRD_GRAIN: Duration = Duration::from_millis(1_500);

fn block(host: Host) -> Net {
    net(&format!("10.244.{}.64/26", host.0))
}

/// What a reflector offers its clients.
#[derive(Clone, Copy)]
struct Offer {
    restart_time: u64,
    stale_time: u64,
    hold_time: u64,
    forwarding: bool,
    no_llgr_on_hosts: bool,
    /// Whether it connects to the nodes instead of waiting for them.
    dials: bool,
    /// Another reflector.
    mate: Option<Host>,
}

const OFFER: Offer = Offer {
    restart_time: 2,
    stale_time: 3600,
    hold_time: 90,
    forwarding: true,
    no_llgr_on_hosts: false,
    dials: false,
    mate: None,
};

impl Offer {
    fn config(&self, host: Host) -> String {
        let own = host.v4();
        let mut text = format!(
            "asNumber: {ASN}
routerId: {own}
listen: [\"{own}:179\"]
admin: {{http: \"127.0.0.1:9179\"}}
restart: {{forwardingState: {}}}
peerGroups:
  - name: nodes
    asNumber: internal
    role: client
    families: [ipv4-unicast]
    holdTime: {}s
    passive: {}
    gracefulRestart:
      restartTime: {}s
      longLivedStaleTime: {}s
      noLlgrOnHosts: {}
",
            self.forwarding,
            self.hold_time,
            !self.dials,
            self.restart_time,
            self.stale_time,
            self.no_llgr_on_hosts,
        );
        if !self.dials {
            text.push_str("    ranges: [\"10.0.0.0/8\"]\n");
        }
        text.push_str("  - {name: mates, asNumber: internal, role: nonClient}\npeers:\n");
        if self.dials {
            for node in NODES {
                let _ = writeln!(text, "  - {{address: {}, group: nodes}}", node.v4());
            }
        }
        if let Some(mate) = self.mate {
            let _ = writeln!(text, "  - {{address: {}, group: mates}}", mate.v4());
        }
        if !self.dials && self.mate.is_none() {
            text.truncate(text.len() - "peers:\n".len());
        }
        text
    }
}

/// A reflector and the nodes, all of which have all routes.
struct Scene {
    at: Node,
    reflector: Reflector,
    nodes: Vec<Node>,
    birds: Vec<Bird>,
}

impl Scene {
    fn new(lab: &mut Lab, offer: &Offer, version: Version) -> Result<Self> {
        let at = lab.node(LEFT)?;
        let nodes = NODES.iter().map(|&host| lab.node(host)).collect::<Result<Vec<_>>>()?;
        let start = |node: &Node| Bird::start(node, version, &[LEFT], &[block(node.host)]);
        let birds = nodes.iter().map(start).collect::<Result<_>>()?;
        let reflector = Reflector::start_with(&at, &offer.config(LEFT))?;
        let scene = Self { at, reflector, nodes, birds };
        scene.await_all()?;
        Ok(scene)
    }

    /// Waits until every kernel has every route, and nothing stale is left.
    fn await_all(&self) -> Result<()> {
        for (node, bird) in self.nodes.iter().zip(&self.birds) {
            let mut table = Table::open(node)?;
            let wanted = others(node.host);
            eventually("all routes, and fresh ones", || {
                all_up(bird)?;
                let found = table.forwarded()?;
                ensure!(wanted.is_subset(found), "{:?}: {found:?}", node.host);
                ensure!(bird.long_lived_stale()? == 0, "{:?} has stale routes", node.host);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn watch(&self) -> Result<Watch> {
        Watch::begin(&self.nodes, expected())
    }

    /// Waits until no kernel has a route from the reflector.
    fn await_none(&self) -> Result<()> {
        for node in &self.nodes {
            let mut table = Table::open(node)?;
            let gone = others(node.host);
            eventually("the routes are gone", || {
                ensure!(gone.is_disjoint(table.forwarded()?), "{:?} still has some", node.host);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Waits until every node has marked what it keeps as long-lived stale.
    fn await_stale(&self) -> Result<()> {
        for bird in &self.birds {
            eventually("routes are marked as stale", || {
                ensure!(bird.long_lived_stale()? > 0, "{}: none yet", bird.name());
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The blocks of the other node.
fn others(host: Host) -> BTreeSet<Net> {
    NODES.iter().filter(|other| **other != host).map(|other| block(*other)).collect()
}

fn expected() -> Expected {
    NODES.iter().map(|host| (*host, others(*host))).collect()
}

/// Everything was missing in the end, and nothing before `since` and this time more were over.
fn gone_after(report: &Report, since: Duration, time: Duration) -> Result<()> {
    ensure!(report.gaps.len() == NODES.len(), "{:?}", report.gaps);
    for gap in &report.gaps {
        ensure!(gap.until.is_none() && gap.from + BIRD_GRAIN >= since + time, "{gap}, too early");
    }
    Ok(())
}

fn row(name: &str, play: impl FnOnce(&mut Lab) -> Result<()>) {
    let Some(mut lab) = Lab::new(name) else { return };
    play(&mut lab).expect("the scenario");
}

#[test]
fn b_killed_with_graceful_restart_alone_the_routes_stay_for_the_restart_time() {
    row("b_killed_with_graceful_restart_alone", |lab| {
        let offer = Offer { restart_time: 4, stale_time: 0, ..OFFER };
        let mut scene = Scene::new(lab, &offer, Version::Calico)?;
        let watch = scene.watch()?;
        let since = watch.elapsed();
        scene.reflector.kill();
        scene.await_none()?;
        gone_after(&watch.end()?, since, Duration::from_secs(4))
    });
}

#[test]
fn c_f_killed_with_long_lived_routes_they_stay_and_are_fresh_once_it_is_back() {
    row("c_f_killed_with_long_lived_routes", |lab| {
        let mut scene = Scene::new(lab, &OFFER, Version::Calico)?;
        let watch = scene.watch()?;
        scene.reflector.kill();
        scene.await_stale()?;
        // For some more restart times.
        thread::sleep(Duration::from_secs(3 * OFFER.restart_time));
        scene.reflector = Reflector::start_with(&scene.at, &OFFER.config(LEFT))?;
        scene.await_all()?;
        watch.end()?.ensure_whole()
    });
}

#[test]
fn d_hung_with_graceful_restart_alone_the_routes_go_with_the_hold_time() {
    row("d_hung_with_graceful_restart_alone", |lab| {
        let offer = Offer { stale_time: 0, hold_time: 6, ..OFFER };
        let scene = Scene::new(lab, &offer, Version::Calico)?;
        let watch = scene.watch()?;
        let since = watch.elapsed();
        scene.reflector.hang(true)?;
        scene.await_none()?;
        // The last keepalive may be as old as a third of it.
        gone_after(&watch.end()?, since, Duration::from_secs(4))
    });
}

#[test]
fn e_hung_for_longer_than_the_hold_time_with_long_lived_routes_they_stay() {
    row("e_hung_for_longer_than_the_hold_time", |lab| {
        let offer = Offer { hold_time: 6, ..OFFER };
        let scene = Scene::new(lab, &offer, Version::Calico)?;
        let watch = scene.watch()?;
        scene.reflector.hang(true)?;
        scene.await_stale()?;
        thread::sleep(Duration::from_secs(3));
        scene.reflector.hang(false)?;
        scene.await_all()?;
        watch.end()?.ensure_whole()
    });
}

#[test]
fn g_without_the_f_bit_the_routes_are_gone_until_they_are_told_again() {
    row("g_without_the_f_bit", |lab| {
        let mut scene = Scene::new(lab, &OFFER, Version::Calico)?;
        let watch = scene.watch()?;
        scene.reflector.kill();
        let offer = Offer { forwarding: false, ..OFFER };
        scene.reflector = Reflector::start_with(&scene.at, &offer.config(LEFT))?;
        eventually("a route is gone", || {
            ensure!(watch.has_gaps(), "all are there");
            Ok(())
        })?;
        scene.await_all()?;
        let report = watch.end()?;
        ensure!(report.gaps.iter().all(|gap| gap.until.is_some()), "{:?}", report.gaps);
        Ok(())
    });
}

#[test]
fn h_nodes_that_only_wait_are_dialled_after_the_start() {
    row("h_nodes_that_only_wait_are_dialled", |lab| {
        let offer = Offer { dials: true, ..OFFER };
        let mut scene = Scene::new(lab, &offer, Version::CalicoPassive)?;
        let watch = scene.watch()?;
        scene.reflector.kill();
        scene.reflector = Reflector::start_with(&scene.at, &offer.config(LEFT))?;
        scene.await_all()?;
        watch.end()?.ensure_whole()
    });
}

#[test]
fn i_a_node_that_believes_its_session_up_takes_the_dialler_for_a_reflector_that_restarted() {
    row("i_a_node_that_believes_its_session_up", |lab| {
        let offer = Offer { dials: true, ..OFFER };
        let mut scene = Scene::new(lab, &offer, Version::CalicoPassive)?;
        let watch = scene.watch()?;
        // Nobody hears of its end.
        let machine = lab.replacement(&scene.at)?;
        scene.reflector.kill();
        scene.reflector = Reflector::start_with(&machine, &offer.config(LEFT))?;
        scene.at = machine;
        eventually("the nodes are back", || {
            let log = scene.reflector.log();
            ensure!(log.matches("session up").count() >= NODES.len(), "{log}");
            Ok(())
        })?;
        scene.await_all()?;
        watch.end()?.ensure_whole()
    });
}

#[test]
fn j_a_dead_reflectors_copy_outlives_the_route_until_its_identity_is_back() {
    row("j_a_dead_reflectors_copy_outlives_the_route", |lab| {
        let offer = |mate| Offer { no_llgr_on_hosts: true, mate: Some(mate), ..OFFER };
        let (left, right) = (lab.node(LEFT)?, lab.node(RIGHT)?);
        let mut first = Reflector::start_with(&left, &offer(RIGHT).config(LEFT))?;
        let _second = Reflector::start_with(&right, &offer(LEFT).config(RIGHT))?;
        let (own, host_route) = (block(NODES[0]), net("10.244.11.200/32"));
        let machines = NODES.iter().map(|&host| lab.node(host)).collect::<Result<Vec<_>>>()?;
        let start =
            |node: &Node, nets: &[Net]| Bird::start(node, Version::Calico, &[LEFT, RIGHT], nets);
        let mut owner = start(&machines[0], &[own, host_route])?;
        let other = start(&machines[1], &[block(NODES[1])])?;
        let mut table = Table::open(&machines[1])?;
        eventually("both routes, from both reflectors", || {
            all_up(&owner)?;
            all_up(&other)?;
            let found = table.forwarded()?;
            ensure!(found.contains(&own) && found.contains(&host_route), "{found:?}");
            let routes = other.routes(albedo_tests::net::Family::V4)?;
            let from_left = routes.iter().filter(|route| route.from == LEFT.v4()).count();
            ensure!(from_left >= 2, "{routes:?}");
            Ok(())
        })?;
        first.kill();
        eventually("what the first one told is stale", || {
            ensure!(other.long_lived_stale()? > 0, "not yet");
            Ok(())
        })?;
        owner.withdraw(host_route)?;
        owner.withdraw(own)?;
        // A route to one address is never kept: it would win against any block.
        eventually("the route to the address is gone", || {
            ensure!(!table.forwarded()?.contains(&host_route), "still there");
            Ok(())
        })?;
        thread::sleep(Duration::from_secs(2 * OFFER.restart_time));
        ensure!(table.forwarded()?.contains(&own), "the hazard is no more: say so in the docs");
        // The remedy: another machine with the same address and identifier.
        let machine = lab.replacement(&left)?;
        let _again = Reflector::start_with(&machine, &offer(RIGHT).config(LEFT))?;
        eventually("its End-of-RIB takes the stale copy away", || {
            ensure!(!table.forwarded()?.contains(&own), "still there");
            Ok(())
        })
    });
}

#[test]
fn k_l_a_node_that_starts_waits_for_every_reflector_it_knows() {
    row("k_l_a_node_that_starts_waits_for_every_reflector", |lab| {
        let (left, right) = (lab.node(LEFT)?, lab.node(RIGHT)?);
        let _first = Reflector::start_with(&left, &OFFER.config(LEFT))?;
        let machines = NODES.iter().map(|&host| lab.node(host)).collect::<Result<Vec<_>>>()?;
        let _owner = Bird::start(&machines[0], Version::Calico, &[LEFT], &[block(NODES[0])])?;
        let both = [LEFT, RIGHT];
        let starts = Bird::start(&machines[1], Version::Calico, &both, &[block(NODES[1])])?;
        let mut table = Table::open(&machines[1])?;
        eventually("the session with the one that is there", || {
            let sessions = starts.sessions()?;
            ensure!(sessions.iter().any(|session| session.up), "{sessions:?}");
            Ok(())
        })?;
        // For 240 seconds; a few will do.
        thread::sleep(Duration::from_secs(4));
        ensure!(!table.forwarded()?.contains(&block(NODES[0])), "it does not wait any more");
        // The remedy: something answers at every address that nodes are told.
        let _second = Reflector::start_with(&right, &OFFER.config(RIGHT))?;
        eventually("the route is there", || {
            ensure!(table.forwarded()?.contains(&block(NODES[0])), "not yet");
            Ok(())
        })
    });
}
