//! Two reflectors beside each other with the same clients, as clusters run them.

use std::net::Ipv4Addr;

use albedo_tests::lab::{Host, Lab};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Frr, GoBgp, Peer, Seen, Version};
use albedo_tests::peers::{all_up, holds_exactly};
use albedo_tests::reflector::{Mate, Reflector, Settings};
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};

const LEFT: Host = Host(1);
const RIGHT: Host = Host(2);

fn block(host: Host) -> Net {
    net(&format!("10.244.{}.64/26", host.0))
}

#[test]
fn rfc4456_s7_same_cluster_id_drops_the_mates_copies() {
    let name = "rfc4456_s7_same_cluster_id_drops_the_mates_copies";
    let Some(mut lab) = Lab::new(name) else {
        return;
    };
    let id = Ipv4Addr::new(244, 0, 0, 1);
    run(&mut lab, id, id).expect("the scenario");
}

#[test]
fn rfc4456_s7_different_cluster_ids_reach_a_client_of_one_only() {
    let name = "rfc4456_s7_different_cluster_ids_reach_a_client_of_one_only";
    let Some(mut lab) = Lab::new(name) else {
        return;
    };
    run(&mut lab, LEFT.v4(), RIGHT.v4()).expect("the scenario");
}

fn run(lab: &mut Lab, left_id: Ipv4Addr, right_id: Ipv4Addr) -> Result<()> {
    let settings = |host, cluster_id, mate| Settings {
        cluster_id,
        mates: vec![Mate { host: mate, client: false }],
        ..Settings::alone(host)
    };
    let left = lab.node(LEFT)?;
    let right = lab.node(RIGHT)?;
    let mut left = Reflector::start(&left, &settings(LEFT, left_id, RIGHT))?;
    let _right = Reflector::start(&right, &settings(RIGHT, right_id, LEFT))?;

    let both = [LEFT, RIGHT];
    let hosts = [11, 12, 13, 14].map(Host);
    let nodes = hosts.iter().map(|&host| lab.node(host)).collect::<Result<Vec<_>>>()?;
    let own = |at: usize| [block(hosts[at])];
    let peers: Vec<Box<dyn Peer>> = vec![
        Box::new(Bird::start(&nodes[0], Version::Calico, &both, &own(0))?),
        Box::new(Bird::start(&nodes[1], Version::Two, &both, &own(1))?),
        Box::new(Frr::start(&nodes[2], &both, &own(2))?),
        Box::new(GoBgp::start(&nodes[3], &both, &own(3))?),
    ];
    // This one knows the left reflector only.
    let lonely_node = lab.node(Host(15))?;
    let lonely = Bird::start(&lonely_node, Version::Two, &[LEFT], &[block(Host(15))])?;

    hold_both_ways(&peers, &lonely, left_id, right_id)?;

    // One goes in order; everybody keeps the way through the other.
    let status = left.stop()?;
    ensure!(status.success(), "the reflector ended with {status}:\n{}", left.log());
    hold_the_right_way(&peers, right_id)
}

/// Every client has every other's route from both reflectors, with the id of each.
fn hold_both_ways(
    peers: &[Box<dyn Peer>],
    lonely: &dyn Peer,
    left_id: Ipv4Addr,
    right_id: Ipv4Addr,
) -> Result<()> {
    // Of the lonely one's route, the right reflector has its mate's copy, unless both ids are
    // the same: then it must drop it, as its own id is on the list.
    let mut ways = vec![(LEFT, vec![left_id])];
    if left_id != right_id {
        ways.push((RIGHT, vec![right_id, left_id]));
    }
    for peer in peers {
        let mut expected: Vec<Seen> = Vec::new();
        for other in peers.iter().filter(|other| other.host() != peer.host()) {
            for (reflector, id) in [(LEFT, left_id), (RIGHT, right_id)] {
                expected.push(other.reflected(block(other.host()), reflector.v4().into(), &[id]));
            }
        }
        for (reflector, clusters) in &ways {
            let from = reflector.v4().into();
            expected.push(lonely.reflected(block(lonely.host()), from, clusters));
        }
        eventually("routes by both ways", || {
            all_up(peer.as_ref())?;
            holds_exactly(peer.as_ref(), Family::V4, &expected)
        })?;
    }
    let expected: Vec<Seen> = peers
        .iter()
        .map(|peer| peer.reflected(block(peer.host()), LEFT.v4().into(), &[left_id]))
        .collect();
    eventually("the lonely one's routes", || holds_exactly(lonely, Family::V4, &expected))
}

/// Every client has every other's route from the right reflector.
fn hold_the_right_way(peers: &[Box<dyn Peer>], right_id: Ipv4Addr) -> Result<()> {
    for peer in peers {
        for other in peers.iter().filter(|other| other.host() != peer.host()) {
            let route = other.reflected(block(other.host()), RIGHT.v4().into(), &[right_id]);
            eventually("the way through the other reflector", || {
                let found = peer.routes(Family::V4)?;
                ensure!(found.contains(&route), "{}: no {route:?} in {found:#?}", peer.name());
                Ok(())
            })?;
        }
    }
    Ok(())
}
