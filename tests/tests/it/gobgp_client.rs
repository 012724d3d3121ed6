//! GoBGP's gRPC interface: Albedo asked by Debian's own `gobgp`, with real nodes.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::net::{Net, net};
use albedo_tests::peers::{Bird, Peer as _, Version, gobgp};
use albedo_tests::process::output;
use albedo_tests::reflector::Reflector;
use albedo_tests::tools::peer_program;
use albedo_tests::wait::{eventually, patience};
use anyhow::{Context as _, Result, bail, ensure};

const REFLECTOR: Host = Host(1);
const NODES: [Host; 2] = [Host(11), Host(12)];
const NODE_V6: Host = Host(14);

fn config() -> String {
    let (v4, v6) = (REFLECTOR.v4(), REFLECTOR.v6());
    format!(
        "asNumber: 64512
routerId: {v4}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
admin: {{grpc: {{socket: gobgp.sock}}}}
peerGroups:
  - {{name: nodes, role: client, passive: true, ranges: [\"10.0.0.0/8\", \"fd00::/16\"]}}
"
    )
}

fn blocks(host: Host) -> Vec<Net> {
    (0..2).map(|n| net(&format!("10.244.{}.{}/26", host.0, n * 64))).collect()
}

const BLOCK_V6: &str = "fd00:244:14::/122";

struct Cluster {
    node: Node,
    _reflector: Reflector,
    birds: Vec<Bird>,
    _lab: Lab,
}

/// A `gobgp monitor` at work, and the lines that it prints.
struct Monitor {
    child: Child,
    lines: Receiver<String>,
    /// Lines that nobody asked for yet.
    seen: Vec<String>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Monitor {
    /// Waits for a line in which all of these stand, among those that were not asked for yet.
    fn line(&mut self, words: &[&str]) -> Result<String> {
        let is_it = |line: &String| words.iter().all(|word| line.contains(word));
        loop {
            if let Some(at) = self.seen.iter().position(is_it) {
                return Ok(self.seen.remove(at));
            }
            match self.lines.recv_timeout(patience()) {
                Ok(line) => self.seen.push(line),
                Err(_) => bail!("no line with {words:?} in {:#?}", self.seen),
            }
        }
    }

    /// That nothing more comes for a while.
    fn rests(&self) -> Result<()> {
        match self.lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => bail!("{line}"),
            Err(_) => Ok(()),
        }
    }
}

impl Cluster {
    /// `None` where there can be no lab.
    fn start(name: &str) -> Result<Option<Self>> {
        let Some(mut lab) = Lab::new(name) else { return Ok(None) };
        let node = lab.node(REFLECTOR)?;
        let reflector = Reflector::start_with(&node, &config())?;
        let mut birds = Vec::new();
        for host in NODES {
            let node = lab.node(host)?;
            birds.push(Bird::start(&node, Version::Calico, &[REFLECTOR], &blocks(host))?);
        }
        let v6 = lab.node(NODE_V6)?;
        birds.push(Bird::start(&v6, Version::CalicoV6, &[REFLECTOR], &[net(BLOCK_V6)])?);
        let cluster = Self { node, _reflector: reflector, birds, _lab: lab };
        eventually("the nodes' routes are there", || {
            let count = |family| Ok::<_, anyhow::Error>(cluster.routes(family)?.len());
            ensure!((count("ipv4")?, count("ipv6")?) == (4, 1), "not yet");
            Ok(())
        })?;
        Ok(Some(cluster))
    }

    fn client() -> Result<PathBuf> {
        peer_program("gobgpd", "usr/bin/gobgp")
    }

    /// What it prints, asked where it looks by itself.
    fn ask(&self, words: &str) -> Result<String> {
        output(self.node.command(&Self::client()?).args(words.split(' ')))
    }

    /// Why it does not answer.
    fn refused(&self, words: &str) -> Result<String> {
        let answer = self.node.command(&Self::client()?).args(words.split(' ')).output()?;
        ensure!(!answer.status.success(), "{words}: it is not refused");
        let both = [answer.stdout, answer.stderr].concat();
        Ok(String::from_utf8(both)?)
    }

    fn routes(&self, family: &str) -> Result<Vec<albedo_tests::peers::Seen>> {
        gobgp::parse_routes(&self.ask(&format!("global rib -a {family} -j"))?)
    }

    fn monitor(&self, words: &str) -> Result<Monitor> {
        let mut child = self
            .node
            .command(&Self::client()?)
            .arg("monitor")
            .args(words.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("its output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Monitor { child, lines, seen: Vec::new() })
    }
}

#[test]
fn debians_gobgp_reads_peers_and_routes() -> Result<()> {
    let Some(cluster) = Cluster::start("gobgp-reads")? else { return Ok(()) };
    let global = cluster.ask("global")?;
    ensure!(global.contains("AS:        64512"), "{global}");
    ensure!(global.contains(&format!("Router-ID: {}", REFLECTOR.v4())), "{global}");

    let sessions = gobgp::parse_sessions(&cluster.ask("neighbor -j")?)?;
    ensure!(sessions.len() == 3 && sessions.iter().all(|it| it.up), "{sessions:?}");
    let table = cluster.ask("neighbor")?;
    for host in NODES {
        let row = table.lines().find(|line| line.starts_with(&host.v4().to_string()));
        let row = row.with_context(|| table.clone())?;
        let words: Vec<&str> = row.split_whitespace().collect();
        // Peer, AS, time, state, '|', received, accepted.
        ensure!(words[1] == "64512" && words[3] == "Establ", "{row}");
        ensure!(words[5..] == ["2", "2"], "{row}");
    }
    let one = cluster.ask(&format!("neighbor {}", NODES[0].v4()))?;
    for words in ["BGP state = ESTABLISHED", "Hold time is", "Advertised:", "remote AS 64512"] {
        ensure!(one.contains(words), "{words} in {one}");
    }

    // Every route, with its attributes as the node announced it.
    let routes = cluster.routes("ipv4")?;
    for (host, bird) in NODES.into_iter().zip(&cluster.birds) {
        for block in blocks(host) {
            let route = routes.iter().find(|route| route.net == block);
            let route = route.with_context(|| format!("{block} in {routes:?}"))?;
            ensure!(route.from == host.v4() && route.next_hop == host.v4(), "{route:?}");
            ensure!(route.local_pref == Some(bird.local_pref()), "{route:?}");
        }
    }
    ensure!(cluster.routes("ipv6")?[0].net == net(BLOCK_V6));
    let best = cluster.ask(&format!("global rib {}", blocks(NODES[0])[0]))?;
    ensure!(best.contains("*>") && best.contains(&NODES[0].v4().to_string()), "{best}");
    let inside = cluster.ask(&format!("global rib 10.244.{}.70", NODES[0].0))?;
    ensure!(inside.contains(&format!("10.244.{}.64/26", NODES[0].0)), "{inside}");

    // What a node announced, and what it was told: the other's.
    let of = |side: &str| cluster.ask(&format!("neighbor {} {side} -j", NODES[0].v4()));
    let nets = |text: String| -> Result<Vec<Net>> {
        let mut nets: Vec<Net> = gobgp::parse_routes(&text)?.iter().map(|it| it.net).collect();
        nets.sort();
        Ok(nets)
    };
    for (side, host) in [("adj-in", NODES[0]), ("adj-out", NODES[1])] {
        // After a start, nodes that keep our routes are told nothing for a while.
        eventually("what a node is told", || {
            let told = of(side)?;
            ensure!(nets(told.clone())? == blocks(host), "{side}: {told}");
            Ok(())
        })?;
    }

    // Over the socket, whose path it sends as the name of the server.
    let socket = format!("unix://{}", cluster.node.folder.join("gobgp.sock").display());
    let mut command = Command::new(Cluster::client()?);
    let over_socket = output(command.args(["--target", &socket, "global"]))?;
    ensure!(over_socket == global, "{over_socket}");
    let summary = cluster.ask("global rib summary")?;
    ensure!(summary.contains("Destination: 4, Path: 4"), "{summary}");
    Ok(())
}

#[test]
fn debians_gobgp_reads_groups_and_is_refused_what_would_change_something() -> Result<()> {
    let Some(cluster) = Cluster::start("gobgp-refused")? else { return Ok(()) };
    let reset = cluster.refused(&format!("neighbor {} reset", NODES[0].v4()))?;
    ensure!(reset.contains("albedo reset"), "{reset}");
    let add = cluster.refused("neighbor add 10.9.9.9 as 64512")?;
    ensure!(add.contains("peers come of the configuration"), "{add}");
    let route = cluster.refused("global rib add 10.9.9.0/24")?;
    ensure!(route.contains("adds nothing"), "{route}");
    let vrf = cluster.refused("vrf")?;
    ensure!(vrf.contains("no VRF"), "{vrf}");
    let prefixes = cluster.refused("policy prefix")?;
    ensure!(prefixes.contains("policies are in the configuration file"), "{prefixes}");
    // Nothing came of it.
    let sessions = gobgp::parse_sessions(&cluster.ask("neighbor -j")?)?;
    ensure!(sessions.len() == 3 && sessions.iter().all(|it| it.up), "{sessions:?}");
    ensure!(cluster.routes("ipv4")?.len() == 4);
    Ok(())
}

#[test]
fn debians_gobgp_sees_routes_and_peers_change() -> Result<()> {
    let Some(mut cluster) = Cluster::start("gobgp-monitor")? else { return Ok(()) };
    let mut all = cluster.monitor("global rib --current")?;
    for block in NODES.iter().flat_map(|host| blocks(*host)) {
        all.line(&["[ROUTE]", &block.to_string()])?;
    }
    let mut changes = cluster.monitor("global rib")?;
    let host = NODES[1].v4().to_string();
    let mut peer = cluster.monitor(&format!("neighbor {host}"))?;
    changes.rests()?;

    let fresh = net("10.244.99.0/26");
    let from = NODES[0].v4();
    cluster.birds[0].announce(fresh)?;
    for monitor in [&mut all, &mut changes] {
        let line = monitor.line(&["[ROUTE]", &fresh.to_string()])?;
        ensure!(line.contains(&format!("via {from} ")), "{line}");
    }
    cluster.birds[0].withdraw(fresh)?;
    for monitor in [&mut all, &mut changes] {
        monitor.line(&["[DELROUTE]", &fresh.to_string()])?;
    }
    // Of the other family as well.
    let v6 = net("fd00:244:99::/122");
    cluster.birds[2].announce(v6)?;
    changes.line(&["[ROUTE]", &v6.to_string()])?;

    // A node that goes takes its routes with it, and is told as gone.
    let gone = cluster.birds.remove(1);
    drop(gone);
    let line = peer.line(&["[NEIGH]", &NODES[1].v4().to_string()])?;
    ensure!(!line.contains("ESTABLISHED"), "{line}");
    Ok(())
}
