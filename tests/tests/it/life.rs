//! The reflector goes and comes back, among Calico's nodes with kernel routes of their own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Peer, Version, all_up, holds_exactly};
use albedo_tests::process::output;
use albedo_tests::reflector::{Mate, Reflector, Settings};
use albedo_tests::tools::albedo;
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};

const LEFT: Host = Host(1);
const RIGHT: Host = Host(2);
const NODES: [Host; 3] = [Host(11), Host(12), Host(13)];

/// The pause between two looks at the kernel tables.
const SAMPLE: Duration = Duration::from_millis(20);

fn block(host: Host) -> Net {
    net(&format!("10.244.{}.64/26", host.0))
}

/// Nodes with a kernel table each, and what they speak.
struct Cluster {
    nodes: Vec<Node>,
    birds: Vec<Bird>,
}

impl Cluster {
    fn start(lab: &mut Lab, version: Version, reflectors: &[Host]) -> Result<Self> {
        let nodes = NODES.iter().map(|&host| lab.node(host)).collect::<Result<Vec<_>>>()?;
        let start = |node: &Node| Bird::start(node, version, reflectors, &[block(node.host)]);
        let birds = nodes.iter().map(start).collect::<Result<_>>()?;
        Ok(Self { nodes, birds })
    }

    /// Waits until every node holds every other's route from each of the reflectors, and has it
    /// in its kernel.
    fn await_routes(&self, reflectors: &[Host]) -> Result<()> {
        for bird in &self.birds {
            let others = || self.birds.iter().filter(|other| other.host() != bird.host());
            let routes: Vec<_> = reflectors
                .iter()
                .flat_map(|from| {
                    let clusters = [from.v4()];
                    others().map(move |other| {
                        other.reflected(block(other.host()), from.v4().into(), &clusters)
                    })
                })
                .collect();
            eventually(&bird.name(), || {
                all_up(bird)?;
                holds_exactly(bird, Family::V4, &routes)
            })?;
        }
        for node in &self.nodes {
            eventually("kernel routes", || {
                let missing = missing(node)?;
                ensure!(missing.is_empty(), "{:?} lacks {missing:?}", node.host);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Looks at all kernel tables again and again while `what` goes on: what was ever missing.
    fn watch<T>(&self, what: impl FnOnce() -> Result<T>) -> Result<(T, BTreeMap<Host, Vec<Net>>)> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let looks: Vec<_> = self
                .nodes
                .iter()
                .map(|node| {
                    let over = &over;
                    scope.spawn(move || -> Result<Vec<Net>> {
                        let mut lacked = Vec::new();
                        // The last look is one that begins after the end.
                        loop {
                            let is_last = over.load(Ordering::Relaxed);
                            lacked.extend(missing(node)?);
                            if is_last {
                                break;
                            }
                            thread::sleep(SAMPLE);
                        }
                        lacked.sort();
                        lacked.dedup();
                        Ok(lacked)
                    })
                })
                .collect();
            let outcome = what();
            over.store(true, Ordering::Relaxed);
            let mut lacked = BTreeMap::new();
            for (node, look) in self.nodes.iter().zip(looks) {
                let nets = look.join().expect("looking does not panic")?;
                if !nets.is_empty() {
                    lacked.insert(node.host, nets);
                }
            }
            Ok((outcome?, lacked))
        })
    }

    /// Waits until no node has a session with this reflector.
    fn await_down(&self, reflector: Host) -> Result<()> {
        let name = format!("Node_{}", reflector.0);
        for bird in &self.birds {
            eventually("the session is down", || {
                let sessions = bird.sessions()?;
                let up = sessions.iter().any(|session| session.neighbour == name && session.up);
                ensure!(!up, "{}: {sessions:?}", bird.name());
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The blocks of other nodes that a node's kernel has no route to.
fn missing(node: &Node) -> Result<Vec<Net>> {
    let table = node.kernel_routes(Family::V4)?;
    let others = NODES.iter().filter(|host| **host != node.host).map(|host| block(*host));
    Ok(others.filter(|net| !table.contains(&format!("{net} via "))).collect())
}

fn with_roster() -> Settings {
    Settings { has_roster: true, shutdown: "graceful", ..Settings::alone(LEFT) }
}

/// Starts it again and waits until it tells everybody everything.
fn start_again(node: &Node, settings: &Settings) -> Result<Reflector> {
    let reflector = Reflector::start(node, settings)?;
    eventually("the deferral is over", || {
        let log = reflector.log();
        ensure!(log.contains("selection deferral is over"), "{log}");
        Ok(())
    })?;
    Ok(reflector)
}

/// Waits until the roster has all nodes.
fn await_roster(node: &Node) -> Result<()> {
    eventually("the roster", || {
        let text = std::fs::read_to_string(node.folder.join("roster.json"))?;
        let all = NODES.iter().all(|host| text.contains(&format!("\"{}\"", host.v4())));
        ensure!(all, "{text}");
        Ok(())
    })
}

#[test]
fn k9_a_reflector_that_was_killed_waits_for_its_roster_and_no_route_is_lost() {
    let Some(mut lab) = Lab::new("k9_a_reflector_that_was_killed_waits_for_its_roster") else {
        return;
    };
    killed_and_started(&mut lab, Version::Calico, &with_roster()).expect("the scenario");
}

#[test]
fn c5_nodes_that_only_wait_are_dialled_from_the_roster_and_no_route_is_lost() {
    let Some(mut lab) = Lab::new("c5_nodes_that_only_wait_are_dialled_from_the_roster") else {
        return;
    };
    let settings = Settings { dials: true, ..with_roster() };
    killed_and_started(&mut lab, Version::CalicoPassive, &settings).expect("the scenario");
}

/// The roster of a life in which these nodes were there.
fn roster() -> String {
    let entry = |host: &Host| {
        let (node, reflector) = (host.v4(), LEFT.v4());
        format!(
            "{{\"address\":\"{node}\",\"listener\":\"{reflector}:179\",\"group\":\"nodes\",\
             \"routerId\":\"{node}\",\"graceful\":true,\"families\":[\"ipv4-unicast\"],\
             \"lastSeen\":1800000000}}"
        )
    };
    let peers: Vec<String> = NODES.iter().map(entry).collect();
    let peers = peers.join(",");
    format!(
        "{{\"format\":\"albedo-roster\",\"version\":1,\"written\":1800000000,\"peers\":[{peers}]}}"
    )
}

fn killed_and_started(lab: &mut Lab, version: Version, settings: &Settings) -> Result<()> {
    let node = lab.node(LEFT)?;
    if settings.dials {
        std::fs::write(node.folder.join("roster.json"), roster())?;
    }
    // Whoever is dialled is there first.
    let (mut reflector, cluster) = if settings.dials {
        let cluster = Cluster::start(lab, version, &[LEFT])?;
        (Reflector::start(&node, settings)?, cluster)
    } else {
        (Reflector::start(&node, settings)?, Cluster::start(lab, version, &[LEFT])?)
    };
    cluster.await_routes(&[LEFT])?;
    await_roster(&node)?;
    let ((), lacked) = cluster.watch(|| {
        reflector.kill();
        let mut reflector = start_again(&node, settings)?;
        let log = reflector.log();
        ensure!(log.contains("everybody who was expected is back"), "{log}");
        cluster.await_routes(&[LEFT])?;
        // And in order.
        reflector.stop()?;
        cluster.await_down(LEFT)?;
        let reflector = start_again(&node, settings)?;
        let log = reflector.log();
        ensure!(log.contains("everybody who was expected is back"), "{log}");
        cluster.await_routes(&[LEFT])
    })?;
    ensure!(lacked.is_empty(), "kernel routes were missing: {lacked:?}");
    Ok(())
}

#[test]
fn g17_the_last_reflector_goes_without_a_word_and_nodes_keep_their_routes() {
    let Some(mut lab) = Lab::new("g17_the_last_reflector_goes_without_a_word") else {
        return;
    };
    stopped(&mut lab, "auto", true).expect("the scenario");
}

#[test]
fn g17_graceful_keeps_and_final_clears() {
    for (mode, kept) in [("graceful", true), ("final", false)] {
        let Some(mut lab) = Lab::new("g17_graceful_keeps_and_final_clears") else {
            return;
        };
        stopped(&mut lab, mode, kept).expect("the scenario");
    }
}

fn stopped(lab: &mut Lab, shutdown: &'static str, kept: bool) -> Result<()> {
    let node = lab.node(LEFT)?;
    let settings = Settings { shutdown, ..Settings::alone(LEFT) };
    let mut reflector = Reflector::start(&node, &settings)?;
    let cluster = Cluster::start(lab, Version::Calico, &[LEFT])?;
    cluster.await_routes(&[LEFT])?;
    let ((), lacked) = cluster.watch(|| {
        let status = reflector.stop()?;
        ensure!(status.success(), "{status}:\n{}", reflector.log());
        cluster.await_down(LEFT)?;
        if !kept {
            for node in &cluster.nodes {
                eventually("routes are gone", || {
                    ensure!(missing(node)?.len() == NODES.len() - 1, "not yet");
                    Ok(())
                })?;
            }
        }
        Ok(())
    })?;
    ensure!(lacked.is_empty() == kept, "{shutdown}: kernel routes that were missing: {lacked:?}");
    Ok(())
}

#[test]
fn g17_with_a_mate_there_nodes_are_told_and_nothing_stale_is_kept() {
    let Some(mut lab) = Lab::new("g17_with_a_mate_there_nodes_are_told") else {
        return;
    };
    relieved(&mut lab, false).expect("the scenario");
}

#[test]
fn a_drain_moves_nodes_to_the_mate_and_no_route_is_lost() {
    let Some(mut lab) = Lab::new("a_drain_moves_nodes_to_the_mate") else {
        return;
    };
    relieved(&mut lab, true).expect("the scenario");
}

/// Of two reflectors one stops, or is drained first.
fn relieved(lab: &mut Lab, drained: bool) -> Result<()> {
    let settings = |host, mate| Settings {
        mates: vec![Mate { host: mate, client: false }],
        ..Settings::alone(host)
    };
    let (left_node, right_node) = (lab.node(LEFT)?, lab.node(RIGHT)?);
    let mut left = Reflector::start(&left_node, &settings(LEFT, RIGHT))?;
    let _right = Reflector::start(&right_node, &settings(RIGHT, LEFT))?;
    let cluster = Cluster::start(lab, Version::Calico, &[LEFT, RIGHT])?;
    // Each node has each route from either, and as the mate's copy: those differ in their list
    // of clusters, and the shorter one is preferred.
    cluster.await_routes(&[LEFT, RIGHT])?;
    let ((), lacked) = cluster.watch(|| {
        if drained {
            let told = output(left_node.command(&albedo()?).args(["drain", "--over", "1"]))?;
            ensure!(told.starts_with("sending 3 clients away with a Cease"), "{told}");
            for host in NODES {
                ensure!(told.contains(&format!("{} ", host.v4())), "{told}");
            }
            ensure!(told.ends_with("all 3 clients have left\n"), "{told}");
        } else {
            let status = left.stop()?;
            ensure!(status.success(), "{status}:\n{}", left.log());
        }
        cluster.await_down(LEFT)?;
        // Nothing of the left one's is left, not even as stale.
        for bird in &cluster.birds {
            eventually("nothing of the left one", || {
                let routes = bird.routes(Family::V4)?;
                let left = routes.iter().filter(|route| route.from == LEFT.v4()).count();
                ensure!(left == 0 && !routes.is_empty(), "{routes:?}");
                Ok(())
            })?;
        }
        Ok(())
    })?;
    ensure!(lacked.is_empty(), "kernel routes were missing: {lacked:?}");
    Ok(())
}
