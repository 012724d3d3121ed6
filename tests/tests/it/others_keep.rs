//! What clients that are no stock nodes do when their reflector is killed: each as it comes, and
//! as far as it knows graceful restart. GoBGP knows it if it is told to, and is killed here, too.

use albedo_tests::bgp::Speaker;
use albedo_tests::lab::{ASN, Host, Lab};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Frr, GoBgp, Graceful, Peer, Version};
use albedo_tests::reflector::{Reflector, Settings};
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};

const REFLECTOR: Host = Host(1);
const SOURCE: Host = Host(11);
const WATCHES: Host = Host(21);
const BLOCK: &str = "10.244.11.64/26";
/// Another one, which is gone when the reflector, or its source, is back.
const GONE: &str = "10.244.11.128/26";

fn holds(peer: &dyn Peer) -> Result<bool> {
    holds_block(peer, BLOCK)
}

fn holds_block(peer: &dyn Peer, block: &str) -> Result<bool> {
    let block: Net = net(block);
    Ok(peer.routes(Family::V4)?.iter().any(|route| route.net == block))
}

fn are_up(peer: &dyn Peer, up: bool) -> Result<()> {
    let sessions = peer.sessions()?;
    ensure!(sessions.iter().all(|session| session.up == up), "{}: {sessions:?}", peer.name());
    Ok(())
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

/// GoBGP offers this much where it is told to.
const GRACEFUL: Graceful =
    Graceful { restart_seconds: 60, long_lived_seconds: None, restarts: false };

/// Everybody in 10/8 and fd00::/16 is a client that may keep routes for so many seconds, and as
/// long-lived stale ones for so many more.
fn keeping(restart_seconds: u32, long_lived_seconds: u32) -> String {
    let (v4, v6) = (REFLECTOR.v4(), REFLECTOR.v6());
    format!(
        "asNumber: {ASN}
routerId: {v4}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
admin: {{http: off}}
restart: {{rosterFile: roster.json}}
peerGroups:
  - name: nodes
    ranges: [\"10.0.0.0/8\", \"fd00::/16\"]
    gracefulRestart:
      restartTime: {restart_seconds}s
      longLivedStaleTime: {long_lived_seconds}s
"
    )
}

#[test]
fn g17_gobgp_with_graceful_restart_keeps_the_routes_of_a_killed_reflector_until_it_is_back() {
    let Some(mut lab) = Lab::new("gobgp_and_a_reflector_that_comes_back") else { return };
    come_back(&mut lab).expect("the scenario");
}

fn come_back(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    // GoBGP needs about ten seconds until it connects again.
    let config = keeping(60, 0);
    let mut reflector = Reflector::start_with(&node, &config)?;
    let nodes = [lab.node(SOURCE)?, lab.node(Host(12))?];
    let both = [net(BLOCK), net(GONE)];
    let mut source = Bird::start(&nodes[0], Version::Calico, &[REFLECTOR], &both)?;
    let gobgp = GoBgp::start_graceful(&nodes[1], &[REFLECTOR], &[], Some(GRACEFUL))?;
    eventually("the routes are there", || {
        ensure!(holds(&gobgp)? && holds_block(&gobgp, GONE)?, "not yet");
        are_up(&gobgp, true)
    })?;
    reflector.kill();
    eventually("the sessions are lost", || are_up(&gobgp, false))?;
    ensure!(holds(&gobgp)? && holds_block(&gobgp, GONE)?, "a route was dropped with the session");
    source.withdraw(net(GONE))?;
    let _again = Reflector::start_with(&node, &config)?;
    eventually("End-of-RIB takes away what is not there any more", || {
        // Whatever is looked at on the way, the other one is there.
        assert!(holds(&gobgp)?, "a route was gone that is still there");
        ensure!(!holds_block(&gobgp, GONE)?, "the stale route is still there");
        are_up(&gobgp, true)
    })
}

#[test]
fn g17_gobgp_drops_the_routes_of_a_reflector_that_stays_away_or_keeps_them_as_long_lived() {
    let Some(mut lab) = Lab::new("gobgp_and_a_reflector_that_stays_away") else { return };
    stay_away(&mut lab).expect("the scenario");
}

fn stay_away(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let mut reflector = Reflector::start_with(&node, &keeping(3, 20))?;
    let hosts = [SOURCE, Host(12), Host(13)];
    let nodes = hosts.iter().map(|&host| lab.node(host)).collect::<Result<Vec<_>>>()?;
    let _source = Bird::start(&nodes[0], Version::Calico, &[REFLECTOR], &[net(BLOCK)])?;
    let gobgp = |node, graceful| GoBgp::start_graceful(node, &[REFLECTOR], &[], Some(graceful));
    let plain = gobgp(&nodes[1], GRACEFUL)?;
    let long = gobgp(&nodes[2], Graceful { long_lived_seconds: Some(600), ..GRACEFUL })?;
    for peer in [&plain, &long] {
        eventually("the route is there", || {
            ensure!(holds(peer)?, "{} has it not", peer.name());
            are_up(peer, true)
        })?;
    }
    reflector.kill();
    for peer in [&plain, &long] {
        eventually("the sessions are lost", || are_up(peer, false))?;
    }
    eventually("the restart time is over", || {
        // Its own time, which is longer, is for others: ours counts.
        let is_kept = holds(&long)?;
        ensure!(!holds(&plain)?, "it still has the route");
        assert!(is_kept, "the long-lived one had lost the route before");
        Ok(())
    })?;
    eventually("the long-lived stale time is over", || {
        ensure!(!holds(&long)?, "it still has the route");
        Ok(())
    })
}

#[test]
fn g2_g5_nobody_loses_a_route_of_a_gobgp_that_is_killed_and_comes_back() {
    let Some(mut lab) = Lab::new("killed_gobgp") else { return };
    killed(&mut lab).expect("the scenario");
}

fn killed(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let _reflector = Reflector::start(&node, &Settings::alone(REFLECTOR))?;
    lab.guest(WATCHES)?;
    let watches = Speaker::connect(lab, WATCHES, REFLECTOR, &[Family::V4])?;
    let node = lab.node(SOURCE)?;
    let both = [net(BLOCK), net(GONE)];
    let gobgp = GoBgp::start_graceful(&node, &[REFLECTOR], &both, Some(GRACEFUL))?;
    watches.wait_until("the routes", |table| both.iter().all(|b| table.routes.contains_key(b)))?;
    eventually("the other family", || are_up(&gobgp, true))?;
    let announcements = watches.table().announcements;

    // Killed, so that nobody is told. It has its own routes from its command line only, and
    // connects a few seconds after that.
    drop(gobgp);
    let restarts = Graceful { restarts: true, ..GRACEFUL };
    let again = GoBgp::start_graceful(&node, &[REFLECTOR], &[net(BLOCK)], Some(restarts))?;
    watches.wait_until("End-of-RIB takes away what it has not any more", |table| {
        !table.routes.contains_key(&net(GONE))
    })?;
    eventually("it is back", || are_up(&again, true))?;
    // That was all that anybody heard of it.
    {
        let table = watches.table();
        ensure!(table.withdrawals == 1, "{} withdrawals", table.withdrawals);
        ensure!(table.announcements == announcements, "routes were told again");
        ensure!(table.routes.contains_key(&net(BLOCK)), "the route is gone");
    }
    Ok(())
}
