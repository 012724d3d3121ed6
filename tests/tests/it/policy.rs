//! Policies that come and go under real daemons: nobody loses a session, and everybody holds what
//! the rules say, also of what was told before.

use albedo_tests::lab::{ASN, Host, Lab};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Frr, GoBgp, Peer, Seen, Version};
use albedo_tests::peers::{all_up, are_same, holds_exactly};
use albedo_tests::reflector::Reflector;
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};

const REFLECTOR: Host = Host(1);

fn config(policies: &str) -> String {
    let (v4, v6) = (REFLECTOR.v4(), REFLECTOR.v6());
    format!(
        "asNumber: {ASN}
routerId: {v4}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
admin: {{http: off}}
peerGroups:
  - name: nodes
    ranges: [\"10.0.0.0/8\", \"fd00::/16\"]
{policies}"
    )
}

fn first(host: Host) -> Net {
    net(&format!("10.244.{}.64/26", host.0))
}

fn second(host: Host) -> Net {
    net(&format!("10.244.{}.128/26", host.0))
}

/// What everybody holds of everybody else: these prefixes, with this LOCAL_PREF where it is given.
fn all_hold(peers: &[&dyn Peer], told: impl Fn(Host, Net) -> Option<Option<u32>>) -> Result<()> {
    for peer in peers {
        let others = peers.iter().filter(|other| other.host() != peer.host());
        let expected: Vec<Seen> = others
            .flat_map(|other| {
                [first(other.host()), second(other.host())].into_iter().filter_map(|net| {
                    let local_pref = told(other.host(), net)?;
                    let seen = other.reflected(net, REFLECTOR.v4().into(), &[REFLECTOR.v4()]);
                    Some(Seen { local_pref: local_pref.or(seen.local_pref), ..seen })
                })
            })
            .collect();
        eventually(&peer.name(), || holds_exactly(*peer, Family::V4, &expected))?;
    }
    Ok(())
}

#[test]
fn u9_policies_change_under_real_peers() {
    let Some(mut lab) = Lab::new("u9_policies_change_under_real_peers") else {
        return;
    };
    run(&mut lab).expect("the scenario");
}

fn run(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let reflector = Reflector::start_with(&node, &config(""))?;
    let hosts = [11, 12, 13, 14].map(Host);
    let nodes = hosts.iter().map(|host| lab.node(*host)).collect::<Result<Vec<_>>>()?;
    let own = hosts.map(|host| [first(host), second(host)]);
    let to = [REFLECTOR];
    let peers: [Box<dyn Peer>; 4] = [
        Box::new(Bird::start(&nodes[0], Version::Calico, &to, &own[0])?),
        Box::new(Frr::start(&nodes[1], &to, &own[1])?),
        Box::new(Bird::start(&nodes[2], Version::Two, &to, &own[2])?),
        Box::new(GoBgp::start(&nodes[3], &to, &own[3])?),
    ];
    let peers: Vec<&dyn Peer> = peers.iter().map(AsRef::as_ref).collect();
    for peer in &peers {
        eventually(&peer.name(), || all_up(*peer).map(drop))?;
    }
    all_hold(&peers, |_, _| Some(None))?;
    let sessions = || peers.iter().map(|peer| all_up(*peer)).collect::<Result<Vec<_>>>();
    let before = sessions()?;

    // Out: the second block of each is told to nobody any more.
    let hidden = "prefixes: [{prefix: 10.244.0.0/16, ge: 26}], notPrefixes: [10.244.11.64/26, \
                  10.244.12.64/26, 10.244.13.64/26, 10.244.14.64/26]";
    let export = format!("    exportPolicy: {{rules: [{{{hidden}, action: reject}}]}}\n");
    reflector.reload(&config(&export))?;
    all_hold(&peers, |host, net| (net == first(host)).then_some(None))?;

    // In: those are taken otherwise, and of one node's nothing at all. The peers are asked again.
    let import = "    importPolicy:
      rules:
        - {prefixes: [{prefix: 10.244.12.0/24, le: 32}], action: reject}
        - {prefixes: [{prefix: 10.244.0.0/16, le: 32}], set: {localPref: 77}, action: accept}
";
    reflector.reload(&config(import))?;
    all_hold(&peers, |host, _| (host != hosts[1]).then_some(Some(77)))?;

    // And as without any.
    reflector.reload(&config(""))?;
    all_hold(&peers, |_, _| Some(None))?;
    let after = sessions()?;
    ensure!(are_same(&before, &after), "sessions were lost: {before:#?} became {after:#?}");
    Ok(())
}
