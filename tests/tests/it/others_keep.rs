//! What clients that are no stock nodes do when their reflector is killed: each as it comes, and
//! as far as it knows graceful restart.

use albedo_tests::lab::{Host, Lab};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Frr, GoBgp, Peer, Version};
use albedo_tests::reflector::{Reflector, Settings};
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};

const REFLECTOR: Host = Host(1);
const SOURCE: Host = Host(11);
const BLOCK: &str = "10.244.11.64/26";

fn holds(peer: &dyn Peer) -> Result<bool> {
    let block: Net = net(BLOCK);
    Ok(peer.routes(Family::V4)?.iter().any(|route| route.net == block))
}

#[test]
fn g17_bird_2_and_frr_keep_the_routes_of_a_killed_reflector_and_gobgp_does_not() {
    let Some(mut lab) = Lab::new("others_and_a_killed_reflector") else { return };
    run(&mut lab).expect("the scenario");
}

fn run(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let settings = Settings { has_roster: true, ..Settings::alone(REFLECTOR) };
    let mut reflector = Reflector::start(&node, &settings)?;
    let hosts = [SOURCE, Host(12), Host(13), Host(14)];
    let nodes = hosts.iter().map(|&host| lab.node(host)).collect::<Result<Vec<_>>>()?;
    let _source = Bird::start(&nodes[0], Version::Calico, &[REFLECTOR], &[net(BLOCK)])?;
    let bird = Bird::start(&nodes[1], Version::Two, &[REFLECTOR], &[])?;
    let frr = Frr::start(&nodes[2], &[REFLECTOR], &[])?;
    let gobgp = GoBgp::start(&nodes[3], &[REFLECTOR], &[])?;
    let all: [&dyn Peer; 3] = [&bird, &frr, &gobgp];
    for peer in all {
        eventually("the route is there", || {
            ensure!(holds(peer)?, "{} has it not", peer.name());
            Ok(())
        })?;
    }
    reflector.kill();
    // It offers nothing of graceful restart unless it is told to, so nothing is kept.
    eventually("GoBGP has dropped the route", || {
        ensure!(!holds(&gobgp)?, "it still has it");
        Ok(())
    })?;
    for peer in [&bird as &dyn Peer, &frr] {
        eventually("the session is lost", || {
            let sessions = peer.sessions()?;
            ensure!(sessions.iter().all(|session| !session.up), "{}: {sessions:?}", peer.name());
            Ok(())
        })?;
        ensure!(holds(peer)?, "{} has dropped the route", peer.name());
    }
    let _again = Reflector::start(&node, &settings)?;
    for peer in all {
        eventually("sessions and the route are back", || {
            let sessions = peer.sessions()?;
            ensure!(sessions.iter().all(|session| session.up), "{}: {sessions:?}", peer.name());
            ensure!(holds(peer)?, "{} has no route", peer.name());
            Ok(())
        })?;
    }
    Ok(())
}
