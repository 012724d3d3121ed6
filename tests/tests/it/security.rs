//! Session security with real daemons: TCP-MD5 keys and GTSM (RFC 2385, RFC 5082).

use albedo_tests::lab::{ASN, Host, Lab, Node};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Frr, Guard, Peer, Version, all_up, are_same, holds_exactly};
use albedo_tests::reflector::Reflector;
use albedo_tests::wait::eventually;
use anyhow::{Context, Result, ensure};

const REFLECTOR: Host = Host(1);

/// Both with a right, a wrong and no key.
const BIRDS: [Host; 3] = [Host(11), Host(13), Host(15)];
const FRRS: [Host; 3] = [Host(12), Host(14), Host(16)];

const FIRST: &str = "the-first-key";
const SECOND: &str = "the-second-key";

fn guard(password: &'static str) -> Guard {
    Guard { password: Some(password), ..Guard::default() }
}

fn block(host: Host) -> Net {
    net(&format!("10.244.{}.64/26", host.0))
}

fn config(more: &str) -> String {
    let (v4, v6) = (REFLECTOR.v4(), REFLECTOR.v6());
    format!(
        "asNumber: {ASN}
routerId: {v4}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
admin: {{http: off}}
limits: {{sessionsPerSource: 8}}
peerGroups:
  - name: nodes
    ranges: [\"10.0.0.0/8\", \"fd00::/16\"]
    holdTime: 9s
{more}"
    )
}

fn keyed(password: &str) -> String {
    config(&format!("    password: {password}\n"))
}

/// Whoever has the key holds the blocks of all the others who have it.
fn all_hold(peers: &[&dyn Peer]) -> Result<()> {
    for peer in peers {
        eventually(&peer.name(), || all_up(*peer).map(drop))?;
        let others = peers.iter().filter(|other| other.host() != peer.host());
        let expected: Vec<_> = others
            .map(|other| {
                other.reflected(block(other.host()), REFLECTOR.v4().into(), &[REFLECTOR.v4()])
            })
            .collect();
        eventually(&peer.name(), || holds_exactly(*peer, Family::V4, &expected))?;
    }
    Ok(())
}

#[test]
fn s1_s3_keys_right_wrong_missing_and_rotated() {
    let Some(mut lab) = Lab::new("s1_s3_keys_right_wrong_missing_and_rotated") else {
        return;
    };
    keys(&mut lab).expect("the scenario");
}

fn keys(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let reflector = Reflector::start_with(&node, &keyed(FIRST))?;
    let mut nodes = |hosts: [Host; 3]| -> Result<Vec<Node>> {
        hosts.into_iter().map(|host| lab.node(host)).collect()
    };
    let guards = [guard(FIRST), guard("a-wrong-key"), Guard::default()];
    let (birds, frrs) = (nodes(BIRDS)?, nodes(FRRS)?);
    let bird = |at: usize| {
        let (node, own) = (&birds[at], [block(BIRDS[at])]);
        Bird::start_guarded(node, Version::Calico, &[REFLECTOR], &own, guards[at])
    };
    let frr =
        |at: usize| Frr::start_guarded(&frrs[at], &[REFLECTOR], &[block(FRRS[at])], guards[at]);
    let mut birds = [bird(0)?, bird(1)?, bird(2)?];
    let frrs = [frr(0)?, frr(1)?, frr(2)?];

    // The right key, and meanwhile the others have tried often enough.
    all_hold(&[&birds[0], &frrs[0]])?;
    for counter in ["TCPMD5Failure", "TCPMD5NotFound"] {
        eventually(counter, || {
            let tries = reflector.tcp_counter(counter)?;
            ensure!(tries >= 6, "{tries} tries");
            Ok(())
        })?;
    }
    let left_out: [&dyn Peer; 4] = [&birds[1], &birds[2], &frrs[1], &frrs[2]];
    for peer in left_out {
        let sessions = peer.sessions()?;
        ensure!(!sessions.iter().any(|session| session.up), "{}: {sessions:?}", peer.name());
        ensure!(peer.routes(Family::V4)?.is_empty(), "{} holds something", peer.name());
    }

    // It was the key and nothing else.
    for at in 1..3 {
        birds[at].set_guard(guard(FIRST))?;
        frrs[at].set_password(REFLECTOR, FIRST)?;
    }
    let everybody: Vec<&dyn Peer> =
        birds.iter().map(|bird| bird as &dyn Peer).chain(frrs.iter().map(|frr| frr as _)).collect();
    all_hold(&everybody)?;

    // Another key on our side resets nobody, and for a while it does not matter.
    let sessions = |peers: &[&dyn Peer]| -> Result<Vec<_>> {
        peers.iter().map(|peer| all_up(*peer)).collect()
    };
    let before = sessions(&everybody)?;
    let downs = |log: &str| log.matches("session down").count();
    let downs_before = downs(&reflector.log());
    reflector.reload(&keyed(SECOND))?;
    let changed = reflector.log().matches("MD5 key changed").count();
    ensure!(changed >= before.iter().map(Vec::len).sum(), "{changed} keys");
    let after = sessions(&everybody)?;
    ensure!(are_same(&before, &after), "sessions were lost: {before:#?} became {after:#?}");
    ensure!(downs(&reflector.log()) == downs_before, "we ended none");

    // These daemons begin their sessions anew when their key changes, and come back with it.
    for at in 0..3 {
        birds[at].set_guard(guard(SECOND))?;
        frrs[at].set_password(REFLECTOR, SECOND)?;
    }
    let everybody: Vec<&dyn Peer> =
        birds.iter().map(|bird| bird as &dyn Peer).chain(frrs.iter().map(|frr| frr as _)).collect();
    all_hold(&everybody)
}

#[test]
fn s6_only_who_is_near_gets_in() {
    let Some(mut lab) = Lab::new("s6_only_who_is_near_gets_in") else {
        return;
    };
    near(&mut lab).expect("the scenario");
}

fn near(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    // The peer that demands nothing keeps the listener from doing it for everybody.
    let text = config("    ttlSecurity: 1\n") + "peers: [{address: 10.0.0.99, passive: true}]\n";
    let reflector = Reflector::start_with(&node, &text)?;
    let near = Guard { ttl_security: true, ..Guard::default() };
    let (first, second, third) = (lab.node(BIRDS[0])?, lab.node(FRRS[0])?, lab.node(BIRDS[1])?);
    let bird =
        Bird::start_guarded(&first, Version::Calico, &[REFLECTOR], &[block(BIRDS[0])], near)?;
    let frr = Frr::start_guarded(&second, &[REFLECTOR], &[block(FRRS[0])], near)?;
    // Its packets leave with 64, as if they had come a long way.
    let far = Bird::start(&third, Version::Calico, &[REFLECTOR], &[block(BIRDS[1])])?;
    all_hold(&[&bird, &frr])?;
    eventually("the one from afar is turned away", || {
        let log = reflector.log();
        let refused = log.lines().filter(|line| line.contains("near enough")).count();
        ensure!(refused >= 2, "{refused} refusals:\n{log}");
        Ok(())
    })?;
    let sessions = far.sessions().context("the far one")?;
    ensure!(!sessions.iter().any(|session| session.up), "{sessions:?}");
    all_hold(&[&bird, &frr])
}
