//! A stock node that is killed and starts again, as the others see it through the reflector.

use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Peer, Version};
use albedo_tests::reflector::{Reflector, Settings};
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};

const REFLECTOR: Host = Host(1);
const RESTARTS: Host = Host(11);
const WATCHES: Host = Host(12);

/// How often the routes are looked at while the node is away.
const LOOKS: usize = 20;

/// Blocks of the node that restarts; it comes back without the last one.
fn blocks() -> [Net; 3] {
    ["10.244.11.64/26", "10.244.11.128/26", "10.244.11.192/26"].map(net)
}

fn holds(peer: &dyn Peer, wanted: &[Net]) -> Result<Vec<bool>> {
    let routes = peer.routes(Family::V4)?;
    Ok(wanted.iter().map(|block| routes.iter().any(|route| route.net == *block)).collect())
}

#[test]
fn g2_g5_k4_nobody_loses_a_route_of_a_stock_node_that_is_killed_and_comes_back() {
    let name = "g2_g5_k4_nobody_loses_a_route_of_a_stock_node_that_is_killed_and_comes_back";
    let Some(mut lab) = Lab::new(name) else {
        return;
    };
    run(&mut lab).expect("the scenario");
}

#[test]
fn g2_routes_of_a_peer_that_only_knows_end_of_rib_go_with_its_session() {
    let name = "g2_routes_of_a_peer_that_only_knows_end_of_rib_go_with_its_session";
    let Some(mut lab) = Lab::new(name) else {
        return;
    };
    run_unkept(&mut lab).expect("the scenario");
}

/// The reflector, the node that restarts, and the one that has all of its blocks.
struct Cluster {
    _reflector: Reflector,
    node: Node,
    restarts: Bird,
    watches: Bird,
}

fn start(lab: &mut Lab, version: Version) -> Result<Cluster> {
    let reflector = lab.node(REFLECTOR)?;
    let reflector = Reflector::start(&reflector, &Settings::alone(REFLECTOR))?;
    let (node, other) = (lab.node(RESTARTS)?, lab.node(WATCHES)?);
    let own = [net("10.244.12.64/26")];
    let watches = Bird::start(&other, Version::Calico, &[REFLECTOR], &own)?;
    let restarts = Bird::start(&node, version, &[REFLECTOR], &blocks())?;
    eventually("all blocks are there", || {
        ensure!(holds(&watches, &blocks())? == [true; 3], "not yet");
        Ok(())
    })?;
    Ok(Cluster { _reflector: reflector, node, restarts, watches })
}

/// BIRD 2 as it comes lists no family in its capability.
fn run_unkept(lab: &mut Lab) -> Result<()> {
    let Cluster { _reflector, restarts, watches, .. } = start(lab, Version::Two)?;
    drop(restarts);
    eventually("its blocks are gone", || {
        ensure!(holds(&watches, &blocks())? == [false; 3], "not yet");
        Ok(())
    })
}

fn run(lab: &mut Lab) -> Result<()> {
    let Cluster { _reflector, node, restarts, watches } = start(lab, Version::Calico)?;
    let [kept @ .., dropped] = &blocks();
    // Killed, so that nobody is told.
    drop(restarts);
    for look in 0..LOOKS {
        ensure!(holds(&watches, &blocks())? == [true; 3], "something is gone at look {look}");
    }
    let _again = Bird::start(&node, Version::Calico, &[REFLECTOR], kept)?;
    eventually("its End-of-RIB takes away what it has not any more", || {
        // Whatever is looked at on the way, the others are there.
        let held = holds(&watches, kept)?;
        assert_eq!(held, [true; 2], "a block that it still has was gone");
        ensure!(holds(&watches, &[*dropped])? == [false], "the last block is still there");
        Ok(())
    })
}
