//! `albedo calico verify` and the check of announced blocks, with nodes of a Calico cluster whose
//! resources lie in a file.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use albedo_tests::lab::{ASN, Host, Lab, Node};
use albedo_tests::net::net;
use albedo_tests::peers::{Bird, Peer as _, Version};
use albedo_tests::reflector::Reflector;
use albedo_tests::tools::albedo;
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, ensure};

const REFLECTOR: Host = Host(1);
const NODES: [Host; 3] = [Host(11), Host(12), Host(13)];
const ADMIN: &str = "127.0.0.1:9179";

fn name(host: Host) -> String {
    format!("node-{}", host.0)
}

fn block(host: Host) -> String {
    format!("10.244.{}.64/26", host.0)
}

/// The cluster's resources; `label` is one of the first node's, so that there is a change.
fn resources(label: &str) -> String {
    let version = "apiVersion: projectcalico.org/v3";
    let mut text = format!(
        "{version}
kind: BGPPeer
metadata: {{name: reflector}}
spec: {{peerIP: {}, asNumber: {ASN}}}
---
{version}
kind: IPPool
metadata: {{name: pods}}
spec: {{cidr: 10.244.0.0/16}}
",
        REFLECTOR.v4()
    );
    for host in NODES {
        let (name, address, block) = (name(host), host.v4(), block(host));
        text += &format!(
            "---
{version}
kind: Node
metadata: {{name: {name}, labels: {{seen: '{label}'}}}}
spec: {{bgp: {{ipv4Address: {address}/8}}}}
---
{version}
kind: BlockAffinity
metadata: {{name: {name}-block}}
spec: {{node: {name}, cidr: {block}, state: confirmed, deleted: 'false'}}
"
        );
    }
    text
}

fn config(node: &Node) -> String {
    let address = REFLECTOR.v4();
    format!(
        "asNumber: {ASN}
routerId: {address}
listen: [\"{address}:179\"]
admin: {{http: \"{ADMIN}\"}}
calico: {{files: ['{}'], external: ['{address}'], ipamCheck: warn}}
",
        node.folder.join("cluster.yaml").display()
    )
}

/// What `albedo calico verify` prints, and its exit code.
fn verify(node: &Node, format: &str) -> Result<(String, Option<i32>)> {
    let mut command: Command = node.command(&albedo()?);
    let output = command.args(["calico", "verify", "-o", format]).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(complaint.is_empty(), "verify: {complaint}");
    Ok((String::from_utf8(output.stdout)?, output.status.code()))
}

/// A number of `/metrics`.
fn metric(node: &Node, name: &str) -> Result<u64> {
    let text = node.inside(|| -> Result<String> {
        let mut stream = TcpStream::connect(ADMIN)?;
        let head = "GET /metrics HTTP/1.1\r\nHost: albedo\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    })??;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.context(name.to_owned())?.parse().with_context(|| name.to_owned())
}

#[test]
fn v1_v2_verify_tells_who_announces_what_it_should_not_and_who_does_not() {
    let Some(mut lab) = Lab::new("v1_v2_verify") else {
        return;
    };
    run(&mut lab).expect("the scenario");
}

fn run(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let file = node.folder.join("cluster.yaml");
    fs::write(&file, resources("one"))?;
    let reflector = Reflector::start_with(&node, &config(&node))?;

    // Nobody is there yet.
    let (text, code) = verify(&node, "text")?;
    ensure!(code == Some(1), "{code:?}: {text}");
    ensure!(text.starts_with("NOT safe to disable mesh: 0/3 nodes connected, 3 blocks missing\n"));

    let mut birds = Vec::new();
    for host in NODES {
        let node = lab.node(host)?;
        birds.push(Bird::start(&node, Version::Calico, &[REFLECTOR], &[net(&block(host))])?);
    }
    let clean = "safe to disable mesh: 3/3 nodes connected, 0 blocks missing\n";
    eventually("a clean verdict", || {
        let (text, code) = verify(&node, "text")?;
        ensure!(text == clean && code == Some(0), "{code:?}: {text}");
        Ok(())
    })?;

    // The first announces a block of nobody, the second the third's, and that one lacks it; a
    // pod of the second has an address of the first's block.
    birds[0].announce(net("10.244.99.0/26"))?;
    birds[1].announce(net(&block(NODES[2])))?;
    birds[1].announce(net("10.244.11.70/32"))?;
    birds[2].withdraw(net(&block(NODES[2])))?;
    let expected = "\
NOT safe to disable mesh: 3/3 nodes connected, 1 blocks missing
blocks missing: 1
  node-13  10.244.13.64/26
routes in a pool from a node that does not own the block: 2
  node-11  10.244.99.0/26  owned by nobody
  node-12  10.244.13.64/26  owned by node-13
1 borrowed addresses, as it should be
";
    eventually("what is wrong", || {
        let (text, code) = verify(&node, "text")?;
        ensure!(text == expected && code == Some(1), "{code:?}: {text}");
        Ok(())
    })?;
    let (json, _) = verify(&node, "json")?;
    ensure!(json.contains("\"owner\": \"node-13\""), "{json}");

    // The program looks itself, soon after the cluster has changed.
    fs::write(&file, resources("two"))?;
    eventually("the program's own look", || {
        let found = metric(&node, "albedo_calico_ipam_mismatches")?;
        let borrowed = metric(&node, "albedo_calico_ipam_borrowed")?;
        ensure!((found, borrowed) == (2, 1), "{found} mismatches, {borrowed} borrowed");
        let log = reflector.log();
        let told = |what: &str| log.matches(what).count();
        let counts = [
            told("node-11 announces 10.244.99.0/26, nobody's block"),
            told("node-12 announces 10.244.13.64/26, a block of node-13"),
            told("10.244.11.70/32"),
        ];
        ensure!(counts == [1, 1, 0], "{counts:?} in {log}");
        Ok(())
    })
}
