//! Malformed messages from one session: RFC 7606 in action, with real peers looking on.

use std::collections::BTreeSet;
use std::sync::Arc;

use albedo_tests::bgp::{Route, Speaker, Table};
use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::malformed::{Case, Expect, FATAL, REFLECTOR, SURVIVED, Subject};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Frr, GoBgp, Peer, Session, Version, all_up, are_same};
use albedo_tests::reflector::{Reflector, Settings};
use albedo_tests::wait::{eventually, tell};
use anyhow::{Result, bail, ensure};

const INJECTOR: Host = Host(20);
const OBSERVER: Host = Host(21);
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// A reflector, the real peers around it, and somebody who sees every change.
struct Scene {
    _reflector: Reflector,
    peers: Vec<Box<dyn Peer>>,
    before: Vec<Vec<Session>>,
    observer: Speaker,
}

impl Scene {
    fn new(lab: &mut Lab) -> Result<Self> {
        let node = lab.node(REFLECTOR)?;
        let reflector = Reflector::start(&node, &Settings::alone(REFLECTOR))?;
        lab.guest(INJECTOR)?;
        lab.guest(OBSERVER)?;
        let hosts = [11, 12, 13, 14].map(Host);
        let nodes: Vec<Node> = hosts.iter().map(|&host| lab.node(host)).collect::<Result<_>>()?;
        let to = [REFLECTOR];
        let peers: Vec<Box<dyn Peer>> = vec![
            Box::new(Bird::start(&nodes[0], Version::Calico, &to, &[])?),
            Box::new(Bird::start(&nodes[0], Version::CalicoV6, &to, &[])?),
            Box::new(Bird::start(&nodes[1], Version::Two, &to, &[])?),
            Box::new(Frr::start(&nodes[2], &to, &[])?),
            Box::new(GoBgp::start(&nodes[3], &to, &[])?),
        ];
        let observer = Speaker::connect(lab, OBSERVER, REFLECTOR, &FAMILIES)?;
        let before = peers
            .iter()
            .map(|peer| eventually("sessions up", || all_up(peer.as_ref())))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { _reflector: reflector, peers, before, observer })
    }

    /// Checks that nobody lost a session and everybody holds the same routes.
    fn check_unharmed(&self) -> Result<()> {
        self.observer.check_up()?;
        let nets: BTreeSet<Net> = self.observer.table().routes.keys().copied().collect();
        for peer in &self.peers {
            for &family in peer.families() {
                eventually("the peer holds what the observer holds", || {
                    let routes = peer.routes(family)?;
                    let found: BTreeSet<Net> = routes.iter().map(|route| route.net).collect();
                    let wanted = nets.iter().filter(|net| net.family() == family);
                    let wanted: BTreeSet<Net> = wanted.copied().collect();
                    ensure!(found == wanted, "{}: {found:?} not {wanted:?}", peer.name());
                    Ok(())
                })?;
            }
        }
        let after: Vec<_> =
            self.peers.iter().map(|peer| all_up(peer.as_ref())).collect::<Result<_>>()?;
        ensure!(are_same(&self.before, &after), "lost: {:#?} became {after:#?}", self.before);
        Ok(())
    }
}

/// The route of the case with this number, in its first or second version.
fn subject(case: &Case, number: usize, version: u32) -> Subject {
    let net = match case.family {
        Family::V4 => net(&format!("10.64.{}.0/22", 4 * (number % 64))),
        Family::V6 => net(&format!("fd00:64:{number:x}::/64")),
    };
    Subject { net, source: INJECTOR, med: version }
}

fn has(table: &Table, subject: &Subject) -> bool {
    table.routes.get(&subject.net).is_some_and(|route| med(route) == Some(subject.med))
}

fn med(route: &Route) -> Option<u32> {
    route.attributes.number(albedo_tests::bgp::code::MED)
}

/// Collects what is wrong of all cases, so that one run shows them all.
fn all(cases: &[Case], mut run: impl FnMut(usize, &Case) -> Result<()>) -> Result<()> {
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        if let Err(error) = run(number, case) {
            // At once too: the runner may lose patience before the last case.
            tell(&format!("{}: {error:#}", case.name));
            wrong.push(case.name);
        }
    }
    ensure!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn rfc7606_malformed_update_costs_its_route_and_no_session() {
    let name = "rfc7606_malformed_update_costs_its_route_and_no_session";
    let Some(mut lab) = Lab::new(name) else {
        return;
    };
    let scene = Scene::new(&mut lab).expect("the scene");
    let injector = Speaker::connect(&lab, INJECTOR, REFLECTOR, &FAMILIES).expect("a session");
    all(SURVIVED, |number, case| survived(&scene, &injector, number, case)).expect("all cases");
    scene.check_unharmed().expect("nobody else was harmed");
}

fn survived(scene: &Scene, injector: &Speaker, number: usize, case: &Case) -> Result<()> {
    let first = subject(case, number, 1);
    injector.send(&first.announcement())?;
    scene.observer.wait_until("the ordinary route", |table| has(table, &first))?;
    let second = subject(case, number, 2);
    injector.send(&case.message(&second))?;
    let attributes = || {
        scene.observer.wait_for("the new route", |table| {
            let route = table.routes.get(&second.net).filter(|route| med(route) == Some(2));
            route.map(|route| Arc::clone(&route.attributes))
        })
    };
    match case.expect {
        Expect::Withdrawn => {
            let gone = |table: &Table| !table.routes.contains_key(&first.net);
            scene.observer.wait_until("the route is gone", gone)?;
        }
        Expect::Without(code) => {
            let found = attributes()?;
            ensure!(found.get(code).is_none(), "{found:?}");
        }
        Expect::With(code, value) => {
            let found = attributes()?;
            ensure!(found.get(code) == Some(value), "{found:?}");
        }
        Expect::Partial(code, value) => {
            let found = attributes()?;
            let one = found.0.iter().find(|attribute| attribute.code == code);
            let good = one.is_some_and(|one| one.value == value && one.flags & 0x20 != 0);
            ensure!(good, "{found:?}");
        }
        Expect::Reset(..) => bail!("a fatal case among the others"),
    }
    injector.check_up()
}

#[test]
fn rfc7606_fatal_message_costs_its_own_session_only() {
    let name = "rfc7606_fatal_message_costs_its_own_session_only";
    let Some(mut lab) = Lab::new(name) else {
        return;
    };
    let scene = Scene::new(&mut lab).expect("the scene");
    all(FATAL, |number, case| fatal(&mut lab, &scene, number, case)).expect("all cases");
    scene.check_unharmed().expect("nobody else was harmed");
}

fn fatal(lab: &mut Lab, scene: &Scene, number: usize, case: &Case) -> Result<()> {
    let Expect::Reset(code, subcodes) = case.expect else { bail!("no fatal case") };
    // Each from an address of its own: a reflector may keep away for a while who broke a rule.
    let host = Host(100 + u8::try_from(number)?);
    lab.guest(host)?;
    let injector = Speaker::connect(lab, host, REFLECTOR, &FAMILIES)?;
    let first = Subject { source: host, ..subject(case, number, 1) };
    injector.send(&first.announcement())?;
    scene.observer.wait_until("the ordinary route", |table| has(table, &first))?;
    injector.send(&case.message(&Subject { med: 2, ..first }))?;
    let notification = injector.wait_for("a NOTIFICATION", |table| table.notification)?;
    ensure!(
        notification.0 == code && (subcodes.is_empty() || subcodes.contains(&notification.1)),
        "NOTIFICATION {notification:?} instead of {code}/{subcodes:?}"
    );
    scene.observer.wait_until("the lost session's routes are gone", |table| {
        !table.routes.contains_key(&first.net)
    })?;
    Ok(())
}
