//! Withdrawn from two reflectors at once: neither may keep the other's copy alive.
//!
//! Each reflector has the route from the client and from its mate.
//! When the client takes it back from both, each may for a moment prefer the other's copy and
//! offer it again; the ids in CLUSTER_LIST are what ends this.

use std::net::Ipv4Addr;
use std::thread;

use albedo_tests::bgp::{Speaker, Table, announcement, withdrawal};
use albedo_tests::lab::{Host, Lab};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Peer, Version};
use albedo_tests::reflector::{Mate, Reflector, Settings};
use albedo_tests::wait::eventually;
use anyhow::{Result, anyhow, ensure};

const LEFT: Host = Host(1);
const RIGHT: Host = Host(2);

/// How often the race is run, each time with other prefixes.
const ROUNDS: u8 = 5;

/// How many prefixes each round has: enough for several UPDATEs in flight.
const PREFIXES: u8 = 200;

/// How the two reflectors see each other.
#[derive(Clone, Copy)]
struct Marks {
    same_id: bool,
    left_is_client: bool,
    right_is_client: bool,
}

macro_rules! races {
    ($($name:ident: $same_id:literal, $left:literal, $right:literal;)*) => {$(
        #[test]
        fn $name() {
            let Some(mut lab) = Lab::new(stringify!($name)) else { return };
            let marks =
                Marks { same_id: $same_id, left_is_client: $left, right_is_client: $right };
            run(&mut lab, marks).expect("the scenario");
        }
    )*};
}

races! {
    same_id_non_clients_end_empty: true, false, false;
    same_id_client_and_non_client_end_empty: true, true, false;
    same_id_clients_end_empty: true, true, true;
    different_ids_non_clients_end_empty: false, false, false;
    different_ids_client_and_non_client_end_empty: false, true, false;
    different_ids_clients_end_empty: false, true, true;
}

fn run(lab: &mut Lab, marks: Marks) -> Result<()> {
    let left = lab.node(LEFT)?;
    let right = lab.node(RIGHT)?;
    let common = Ipv4Addr::new(244, 0, 0, 1);
    let settings = |host: Host, mate: Mate| Settings {
        cluster_id: if marks.same_id { common } else { host.v4() },
        mates: vec![mate],
        ..Settings::alone(host)
    };
    let to_right = Mate { host: RIGHT, client: marks.right_is_client };
    let to_left = Mate { host: LEFT, client: marks.left_is_client };
    let _left = Reflector::start(&left, &settings(LEFT, to_right))?;
    let _right = Reflector::start(&right, &settings(RIGHT, to_left))?;

    let source = lab.guest(Host(20))?;
    let observer = lab.guest(Host(21))?;
    // Two that know one reflector each tell when the mates have a session, where they can.
    let probe = lab.guest(Host(22))?;
    let speak = |from, to| Speaker::connect(lab, from, to, &[Family::V4]);
    let sources = [speak(source, LEFT)?, speak(source, RIGHT)?];
    let observers = [speak(observer, LEFT)?, speak(observer, RIGHT)?];
    let probe = speak(probe, LEFT)?;
    let node = lab.node(Host(23))?;
    let bird = Bird::start(&node, Version::Two, &[LEFT, RIGHT], &[])?;

    if !marks.same_id {
        // The right reflector has the probe's route from its mate alone.
        probe.send(&announcement(Host(22).v4(), 1, &[net("10.99.0.0/24")]))?;
        observers[1].wait_until("the mate's route", |table| table.routes.len() == 1)?;
        probe.send(&withdrawal(&[net("10.99.0.0/24")]))?;
        observers[1].wait_until("no mate's route", |table| table.routes.is_empty())?;
    }
    for round in 0..ROUNDS {
        let nets: Vec<Net> =
            (0..PREFIXES).map(|at| net(&format!("10.{}.{at}.0/24", 100 + round))).collect();
        on_both(&sources, &announcement(source.v4(), 1, &nets))?;
        for observer in &observers {
            observer.wait_until("all routes of the round", |table| full(table, &nets))?;
        }
        on_both(&sources, &withdrawal(&nets))?;
        for observer in &observers {
            observer.wait_until("no route is left", |table| table.routes.is_empty())?;
        }
    }
    // A copy that was under way between the mates may still flare up; a loop would never end.
    // What goes the same ways afterwards pushes out the one and shows the other.
    for _ in 0..ROUNDS {
        let last = [net("10.200.0.0/24")];
        on_both(&sources, &announcement(source.v4(), 1, &last))?;
        for observer in &observers {
            observer.wait_until("the last route alone", |table| full(table, &last))?;
        }
        on_both(&sources, &withdrawal(&last))?;
        for observer in &observers {
            observer.wait_until("empty at the end", |table| table.routes.is_empty())?;
            observer.check_up()?;
        }
    }
    eventually("BIRD's table is empty", || {
        let routes = bird.routes(Family::V4)?;
        ensure!(routes.is_empty(), "{} routes, such as {:?}", routes.len(), routes[0]);
        Ok(())
    })
}

fn full(table: &Table, nets: &[Net]) -> bool {
    table.routes.len() == nets.len() && nets.iter().all(|net| table.routes.contains_key(net))
}

/// Sends the same bytes on both sessions at the same time.
fn on_both(sources: &[Speaker; 2], bytes: &[u8]) -> Result<()> {
    thread::scope(|scope| {
        let senders = sources.each_ref().map(|source| scope.spawn(|| source.send(bytes)));
        for sender in senders {
            sender.join().map_err(|_| anyhow!("a sender died"))??;
        }
        Ok(())
    })
}
