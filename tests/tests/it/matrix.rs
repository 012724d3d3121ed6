//! Every kind of peer as a client of one reflector: BIRD 1.6 as Calico nodes of both
//! generations, BIRD 2, FRR and GoBGP.

use std::net::Ipv4Addr;

use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Frr, GoBgp, Peer, Seen, Session, Version};
use albedo_tests::peers::{all_up, are_same, holds_exactly};
use albedo_tests::reflector::{Reflector, Settings};
use albedo_tests::wait::eventually;
use anyhow::{Context, Result, ensure};

const REFLECTOR: Host = Host(1);

/// A prefix that two nodes announce, as every node announces the service ranges.
const SERVICES: &str = "10.96.0.0/12";

/// The block of a node's own in a family.
fn block(host: Host, family: Family) -> Net {
    match family {
        Family::V4 => net(&format!("10.244.{}.64/26", host.0)),
        Family::V6 => net(&format!("fd00:244:{}::/122", host.0)),
    }
}

/// A second block, announced and withdrawn while the sessions stand.
fn second_block(host: Host, family: Family) -> Net {
    match family {
        Family::V4 => net(&format!("10.244.{}.128/26", host.0)),
        Family::V6 => net(&format!("fd00:244:{}::80/122", host.0)),
    }
}

/// What one peer must hold when these announce their blocks: everybody's but its own.
fn expected(
    peer: &dyn Peer,
    peers: &[Box<dyn Peer>],
    family: Family,
    blocks: &[fn(Host, Family) -> Net],
) -> Vec<Seen> {
    let from = REFLECTOR.address(family);
    let clusters = [REFLECTOR.v4()];
    peers
        .iter()
        .filter(|other| other.host() != peer.host() && other.families().contains(&family))
        .flat_map(|other| {
            blocks
                .iter()
                .map(move |block| other.reflected(block(other.host(), family), from, &clusters))
        })
        .collect()
}

fn everybody_holds(peers: &[Box<dyn Peer>], blocks: &[fn(Host, Family) -> Net]) -> Result<()> {
    for peer in peers {
        for &family in peer.families() {
            let expected = expected(peer.as_ref(), peers, family, blocks);
            eventually(&peer.name(), || holds_exactly(peer.as_ref(), family, &expected))?;
        }
    }
    Ok(())
}

fn sessions(peers: &[Box<dyn Peer>]) -> Result<Vec<Vec<Session>>> {
    peers.iter().map(|peer| all_up(peer.as_ref())).collect()
}

#[test]
fn every_peer_gets_every_route_unchanged() {
    let Some(mut lab) = Lab::new("every_peer_gets_every_route_unchanged") else {
        return;
    };
    run(&mut lab).expect("the scenario");
}

fn run(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let _reflector = Reflector::start(&node, &Settings::alone(REFLECTOR))?;
    let hosts = [11, 12, 13, 14, 15].map(Host);
    let nodes = hosts.iter().map(|&host| lab.node(host)).collect::<Result<Vec<_>>>()?;
    let mut peers = start(&hosts, &nodes)?;
    for peer in &peers {
        eventually("sessions up", || all_up(peer.as_ref()))?;
    }
    everybody_holds(&peers, &[block])?;
    let before = sessions(&peers)?;

    forwards_to_the_source(&nodes[0], &hosts[1..])?;

    // Changes arrive, and are taken back again.
    for peer in &mut peers {
        for family in peer.families().to_vec() {
            peer.announce(second_block(peer.host(), family))?;
        }
    }
    everybody_holds(&peers, &[block, second_block])?;
    for peer in &mut peers {
        for family in peer.families().to_vec() {
            peer.withdraw(second_block(peer.host(), family))?;
        }
    }
    everybody_holds(&peers, &[block])?;

    services(&mut peers)?;

    let after = sessions(&peers)?;
    ensure!(are_same(&before, &after), "sessions were lost: {before:#?} became {after:#?}");
    Ok(())
}

/// One of each kind, with a block of its own in each family it speaks.
fn start(hosts: &[Host; 5], nodes: &[Node]) -> Result<Vec<Box<dyn Peer>>> {
    let [first, second, third, fourth, fifth] = *hosts;
    let to = [REFLECTOR];
    let four = |host| block(host, Family::V4);
    let six = |host| block(host, Family::V6);
    // The IPv4 and the IPv6 daemon of a node share its router id, as Calico's do.
    Ok(vec![
        Box::new(Bird::start(&nodes[0], Version::Calico, &to, &[four(first)])?),
        Box::new(Bird::start(&nodes[0], Version::CalicoV6, &to, &[six(first)])?),
        Box::new(Bird::start(&nodes[1], Version::CalicoOld, &to, &[four(second)])?),
        Box::new(Bird::start(&nodes[1], Version::CalicoV6, &to, &[six(second)])?),
        Box::new(Bird::start(&nodes[2], Version::Two, &to, &[four(third), six(third)])?),
        Box::new(Frr::start(&nodes[3], &to, &[four(fourth), six(fourth)])?),
        Box::new(GoBgp::start(&nodes[4], &to, &[four(fifth), six(fifth)])?),
    ])
}

/// A node's kernel forwards to the node that announced, not to the reflector.
fn forwards_to_the_source(node: &Node, others: &[Host]) -> Result<()> {
    for family in [Family::V4, Family::V6] {
        eventually("kernel routes", || {
            let routes = node.kernel_routes(family)?;
            for host in others {
                let route = format!("{} via {} ", block(*host, family), host.address(family));
                ensure!(routes.contains(&route), "no {route}in\n{routes}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Two nodes announce the same prefix: the others get the one with the higher LOCAL_PREF, the
/// loser gets the winner's, the winner gets nothing; and the loser's when the winner is gone.
fn services(peers: &mut [Box<dyn Peer>]) -> Result<()> {
    let services = net(SERVICES);
    let (new, old) = (0, 2);
    let clusters: [Ipv4Addr; 1] = [REFLECTOR.v4()];
    let from = REFLECTOR.v4().into();
    ensure!(peers[new].local_pref() > peers[old].local_pref(), "the newer generation wins");
    peers[old].announce(services)?;
    shown(peers, services, old, &peers[old].reflected(services, from, &clusters))?;
    peers[new].announce(services)?;
    shown(peers, services, new, &peers[new].reflected(services, from, &clusters))?;
    peers[new].withdraw(services)?;
    shown(peers, services, old, &peers[old].reflected(services, from, &clusters))?;
    peers[old].withdraw(services)?;
    for peer in peers.iter() {
        eventually("the service range is gone", || {
            ensure!(found(peer.as_ref(), services)?.is_empty(), "{} has it", peer.name());
            Ok(())
        })?;
    }
    Ok(())
}

/// Waits until everybody but the winner shows exactly this route for a prefix.
fn shown(peers: &[Box<dyn Peer>], net: Net, winner: usize, route: &Seen) -> Result<()> {
    for (at, peer) in peers.iter().enumerate() {
        let wanted: &[Seen] = if at == winner || !peer.families().contains(&net.family()) {
            &[]
        } else {
            std::slice::from_ref(route)
        };
        eventually("one path for the service range", || {
            let found = found(peer.as_ref(), net)?;
            ensure!(found == wanted, "{}: {found:?} instead of {wanted:?}", peer.name());
            Ok(())
        })?;
    }
    Ok(())
}

fn found(peer: &dyn Peer, net: Net) -> Result<Vec<Seen>> {
    let routes = peer.routes(net.family()).with_context(|| peer.name())?;
    Ok(routes.into_iter().filter(|route| route.net == net).collect())
}
