//! An address that several nodes announce, under real daemons that take several paths of a prefix
//! (RFC 7911).

use albedo_tests::bgp::{Speaker, attribute, code, encoded, update, withdrawal};
use albedo_tests::lab::{ASN, Host, Lab};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Frr, GoBgp, Peer, Seen, Version};
use albedo_tests::peers::{all_up, are_same, holds_exactly};
use albedo_tests::reflector::Reflector;
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};

const REFLECTOR: Host = Host(1);

fn config(send_paths: &str) -> String {
    let (v4, v6) = (REFLECTOR.v4(), REFLECTOR.v6());
    format!(
        "asNumber: {ASN}
routerId: {v4}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
admin: {{http: off}}
peerGroups:
  - name: nodes
    ranges: [\"10.0.0.0/8\", \"fd00::/16\"]
    sendPaths: {send_paths}
"
    )
}

/// Within the services that a Calico node exports.
fn anycast() -> Net {
    net("10.96.7.7/32")
}

/// Everybody holds the paths of these nodes, but for their own.
fn all_hold(peers: &[&dyn Peer], sources: &[&dyn Peer]) -> Result<()> {
    for peer in peers {
        let others = sources.iter().filter(|other| other.host() != peer.host());
        let expected: Vec<Seen> = others
            .map(|other| other.reflected(anycast(), REFLECTOR.v4().into(), &[REFLECTOR.v4()]))
            .collect();
        eventually(&peer.name(), || holds_exactly(*peer, Family::V4, &expected))?;
    }
    Ok(())
}

#[test]
fn a3_paths_of_an_anycast_address_come_and_go_one_by_one() {
    let Some(mut lab) = Lab::new("a3_paths_of_an_anycast_address_come_and_go_one_by_one") else {
        return;
    };
    run(&mut lab).expect("the scenario");
}

fn run(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let reflector = Reflector::start_with(&node, &config("all"))?;
    let to = [REFLECTOR];
    let hosts = [11, 12, 13, 14, 15, 16, 17].map(Host);
    let nodes = hosts.iter().map(|host| lab.node(*host)).collect::<Result<Vec<_>>>()?;
    let readers: [Box<dyn Peer>; 4] = [
        Box::new(Bird::start(&nodes[0], Version::Calico, &to, &[])?),
        Box::new(Bird::start(&nodes[1], Version::Two, &to, &[])?),
        Box::new(Frr::start(&nodes[2], &to, &[])?),
        Box::new(GoBgp::start(&nodes[3], &to, &[])?),
    ];
    let first = Bird::start(&nodes[4], Version::Calico, &to, &[anycast()])?;
    let second = Bird::start(&nodes[5], Version::Two, &to, &[anycast()])?;
    let mut third = Bird::start(&nodes[6], Version::Calico, &to, &[anycast()])?;
    {
        let sources: [&dyn Peer; 3] = [&first, &second, &third];
        let peers: Vec<&dyn Peer> = readers.iter().map(AsRef::as_ref).chain(sources).collect();
        for peer in &peers {
            eventually(&peer.name(), || all_up(*peer).map(drop))?;
        }
        all_hold(&peers, &sources)?;
    }
    let readers: Vec<&dyn Peer> = readers.iter().map(AsRef::as_ref).collect();
    let sessions = || readers.iter().map(|peer| all_up(*peer)).collect::<Result<Vec<_>>>();
    let before = sessions()?;

    // One goes, and two are left; it comes back.
    third.withdraw(anycast())?;
    all_hold(&readers, &[&first, &second])?;
    third.announce(anycast())?;
    all_hold(&readers, &[&first, &second, &third])?;

    // Two paths for each: those of the Calico nodes have the higher LOCAL_PREF.
    reflector.reload(&config("2"))?;
    all_hold(&readers, &[&first, &third])?;
    // Who withdraws makes room for the third.
    third.withdraw(anycast())?;
    all_hold(&readers, &[&first, &second])?;
    ensure!(are_same(&before, &sessions()?), "sessions were lost");
    Ok(())
}

/// A LOCAL_PREF between those of a Calico node and of BIRD 2.
const BETWEEN: u32 = 200;
/// A node whose path leads through another AS.
const BORDER: Host = Host(18);
/// Who reads in which mode.
const READERS: [Host; 4] = [Host(11), Host(12), Host(13), Host(14)];

/// A group for each reader, and one for everybody else.
fn in_modes(modes: [&str; 4]) -> String {
    let (v4, v6) = (REFLECTOR.v4(), REFLECTOR.v6());
    let groups = READERS.into_iter().zip(modes).map(|(host, mode)| {
        let (v4, v6, number) = (host.v4(), host.v6(), host.0);
        format!(
            "  - {{name: reader-{number}, ranges: [\"{v4}/32\", \"{v6}/128\"], \
             sendPaths: 3, sendPathsMode: {mode}}}\n"
        )
    });
    let groups: String = groups.collect();
    format!(
        "asNumber: {ASN}
routerId: {v4}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
admin: {{http: off}}
peerGroups:
  - {{name: others, ranges: [\"10.0.0.0/8\", \"fd00::/16\"]}}
{groups}"
    )
}

#[test]
fn a4_equal_paths_one_of_each_as_and_a_diverse_backup_reach_who_asks_for_them() {
    let Some(mut lab) = Lab::new("a4_modes") else { return };
    modes(&mut lab).expect("the scenario");
}

fn modes(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let reflector =
        Reflector::start_with(&node, &in_modes(["equal", "diverse", "perNeighborAs", "best"]))?;
    let to = [REFLECTOR];
    let nodes = READERS.iter().map(|host| lab.node(*host)).collect::<Result<Vec<_>>>()?;
    let readers: [Box<dyn Peer>; 4] = [
        Box::new(Bird::start(&nodes[0], Version::Calico, &to, &[])?),
        Box::new(Bird::start(&nodes[1], Version::Two, &to, &[])?),
        Box::new(GoBgp::start(&nodes[2], &to, &[])?),
        Box::new(Frr::start(&nodes[3], &to, &[])?),
    ];
    // Two equal ones and, less preferred, one that leads through an AS and one of another node.
    let nodes = [15, 16, 17].map(|n| lab.node(Host(n)));
    let [first, third, last] = nodes;
    let first = Bird::start(&first?, Version::Calico, &to, &[anycast()])?;
    let mut third = Bird::start(&third?, Version::Calico, &to, &[anycast()])?;
    let last = Bird::start(&last?, Version::Two, &to, &[anycast()])?;
    lab.guest(BORDER)?;
    let border = Speaker::connect(lab, BORDER, REFLECTOR, &[Family::V4])?;
    let attributes = [
        attribute(0x40, code::ORIGIN, &[0]),
        attribute(0x40, code::AS_PATH, &[2, 1, 0, 0, 0xfd, 0xe9]),
        attribute(0x40, code::NEXT_HOP, &BORDER.v4().octets()),
        attribute(0x40, code::LOCAL_PREF, &BETWEEN.to_be_bytes()),
    ];
    border.send(&update(&[], &attributes.concat(), &encoded(&[anycast()])))?;

    let of = |peer: &dyn Peer| peer.reflected(anycast(), REFLECTOR.v4().into(), &[REFLECTOR.v4()]);
    let [a, b, d] = [of(&first), of(&third), of(&last)];
    let c = Seen {
        next_hop: BORDER.v4().into(),
        originator: Some(BORDER.v4()),
        local_pref: Some(BETWEEN),
        ..a.clone()
    };
    let all_hold = |expected: [&[&Seen]; 4]| -> Result<()> {
        for (peer, expected) in readers.iter().zip(expected) {
            let expected: Vec<Seen> = expected.iter().map(|seen| (*seen).clone()).collect();
            eventually(&peer.name(), || holds_exactly(&**peer, Family::V4, &expected))?;
        }
        Ok(())
    };
    all_hold([&[&a, &b], &[&a, &b], &[&a, &c], &[&a, &b, &c]])?;
    let sessions = || readers.iter().map(|peer| all_up(&**peer)).collect::<Result<Vec<_>>>();
    let before = eventually("both families of everybody", sessions)?;

    // The equal one goes and comes back, and with it its place in each mode.
    third.withdraw(anycast())?;
    all_hold([&[&a], &[&a, &c], &[&a, &c], &[&a, &c, &d]])?;
    third.announce(anycast())?;
    all_hold([&[&a, &b], &[&a, &b], &[&a, &c], &[&a, &b, &c]])?;

    // Everybody in the next one's mode, without a reset.
    reflector.reload(&in_modes(["best", "equal", "diverse", "perNeighborAs"]))?;
    all_hold([&[&a, &b, &c], &[&a, &b], &[&a, &b], &[&a, &c]])?;
    border.send(&withdrawal(&[anycast()]))?;
    all_hold([&[&a, &b, &d], &[&a, &b], &[&a, &b], &[&a]])?;
    third.withdraw(anycast())?;
    all_hold([&[&a, &d], &[&a], &[&a, &d], &[&a]])?;
    ensure!(are_same(&before, &sessions()?), "sessions were lost");
    Ok(())
}
