//! The command line against a running reflector with real nodes, over its Unix socket.

use std::process::{Command, Output};

use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::peers::{Bird, Peer as _, Version};
use albedo_tests::reflector::Reflector;
use albedo_tests::tools::albedo;
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

const REFLECTOR: Host = Host(1);
const NODES: [Host; 3] = [Host(11), Host(12), Host(13)];
/// One that is configured and never comes.
const ABSENT: Host = Host(99);

fn config(hold_time: u32) -> String {
    format!(
        "asNumber: 64512
routerId: {v4}
listen: [\"{v4}:179\"]
admin: {{http: off, socket: albedo.sock, socketMode: 0600}}
peerGroups:
  - {{name: nodes, role: client, passive: true, ranges: [\"10.0.0.0/8\"], holdTime: {hold_time}s}}
peers:
  - {{address: {}, group: nodes, description: gone}}
",
        ABSENT.v4(),
        v4 = REFLECTOR.v4(),
    )
}

/// As many blocks as tell the nodes apart by their number.
fn blocks(host: Host) -> Vec<Net> {
    (0..u32::from(host.0) - 10).map(|n| net(&format!("10.244.{}.{}/26", host.0, n * 64))).collect()
}

struct Asked<'a>(&'a Node);

impl Asked<'_> {
    /// Runs a command; whether it went well, and what it said.
    fn run(&self, words: &[&str]) -> Result<Output> {
        let mut command: Command = self.0.command(&albedo()?);
        command.args(words).env("ALBEDO_ADMIN_SOCKET", self.0.folder.join("albedo.sock"));
        command.output().with_context(|| words.join(" "))
    }

    /// What it answers.
    fn text(&self, words: &[&str]) -> Result<String> {
        let output = self.run(words)?;
        let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{words:?}: {}: {err}", output.status);
        Ok(String::from_utf8_lossy(out).into_owned())
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        let words: Vec<_> = words.iter().copied().chain(["-o", "json"]).collect();
        let text = self.text(&words)?;
        serde_json::from_str(&text).with_context(|| text.clone())
    }

    /// What it complains of, with the exit code 1.
    fn complaint(&self, words: &[&str]) -> Result<String> {
        let output = self.run(words)?;
        ensure!(output.status.code() == Some(1), "{words:?}: {}", output.status);
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn a_running_reflector_is_asked_and_told_from_the_command_line() {
    let Some(mut lab) = Lab::new("a_running_reflector_is_asked") else { return };
    scenario(&mut lab).expect("the scenario");
}

fn scenario(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let _reflector = Reflector::start_with(&node, &config(90))?;
    let mut birds = Vec::new();
    for host in NODES {
        let node = lab.node(host)?;
        birds.push(Bird::start(&node, Version::Calico, &[REFLECTOR], &blocks(host))?);
    }
    let asked = Asked(&node);
    eventually("everybody is counted", || counts_are_right(&asked))?;
    peers_are_told(&asked)?;
    routes_are_told(&asked)?;
    the_rest_is_told(&asked)?;
    sessions_are_reset(&asked)?;
    the_configuration_is_reloaded(&asked, &node)
}

/// Each node has told its blocks, and is told those of the others.
fn counts_are_right(asked: &Asked<'_>) -> Result<()> {
    let peers = asked.json(&["get", "peers", "--state", "established"])?;
    ensure!(peers["apiVersion"] == "albedo/v1" && peers["kind"] == "PeerList", "{peers:#}");
    let peers = peers["items"].as_array().context("no items")?;
    ensure!(peers.len() == NODES.len(), "{peers:#?}");
    let all: usize = NODES.iter().map(|host| blocks(*host).len()).sum();
    for (peer, host) in peers.iter().zip(NODES) {
        let own = blocks(host).len();
        ensure!(peer["address"] == host.v4().to_string(), "{peer:#}");
        let routes = &peer["routes"][0];
        let counts = [&routes["received"], &routes["best"], &routes["sent"]];
        ensure!(counts == [own, own, all - own], "{routes:#}");
    }
    Ok(())
}

fn peers_are_told(asked: &Asked<'_>) -> Result<()> {
    let table = asked.text(&["get", "peers"])?;
    let absent = table.lines().find(|line| line.starts_with(&format!("{} ", ABSENT.v4())));
    let absent = absent.with_context(|| table.clone())?;
    ensure!(absent.contains(" gone ") && absent.ends_with("waits for the peer to connect"));
    let down = asked.text(&["get", "peers", "--state", "down", "-o", "name"])?;
    ensure!(down == format!("peer/{}\n", ABSENT.v4()), "{down}");
    let one = asked.text(&["get", "peers", "gone", "--no-headers"])?;
    ensure!(one.lines().count() == 1, "{one}");
    let complaint = asked.complaint(&["get", "peers", "10.9.9.9"])?;
    ensure!(complaint.contains("10.9.9.9: there is no such peer"), "{complaint}");

    let first = NODES[0].v4().to_string();
    let text = asked.text(&["describe", "peer", &first])?;
    for line in
        ["State:            established", "Origin:           dynamic", "Hold time:        90 s"]
    {
        ensure!(text.contains(line), "{line:?} in\n{text}");
    }
    let described = asked.json(&["describe", "peer", &first])?;
    let session = &described["items"][0];
    ensure!(session["isHeard"] == true && session["local"] == format!("{}:179", REFLECTOR.v4()));
    Ok(())
}

fn routes_are_told(asked: &Asked<'_>) -> Result<()> {
    let all = asked.json(&["get", "routes"])?;
    let routes = all["items"].as_array().context("no items")?;
    let mut found: Vec<_> = routes
        .iter()
        .map(|route| (route["prefix"].as_str().unwrap_or(""), route["from"].as_str().unwrap_or("")))
        .collect();
    found.sort_unstable();
    let told = NODES.iter().flat_map(|host| blocks(*host).into_iter().map(|net| (net, host.v4())));
    let mut wanted: Vec<_> = told.map(|(net, ip)| (net.to_string(), ip.to_string())).collect();
    wanted.sort_unstable();
    let wanted: Vec<_> = wanted.iter().map(|(net, ip)| (&**net, &**ip)).collect();
    ensure!(found == wanted, "{found:#?}");

    let host = NODES[2];
    let inside = format!("10.244.{}.65", host.0);
    let longest = asked.json(&["get", "routes", &inside])?;
    ensure!(longest["items"][0]["prefix"] == format!("10.244.{}.64/26", host.0), "{longest:#}");
    ensure!(longest["items"][0]["nextHop"][0] == host.v4().to_string(), "{longest:#}");
    let around = format!("10.244.{}.0/24", host.0);
    let longer = asked.text(&["get", "routes", &around, "--longer", "-o", "name"])?;
    ensure!(longer.lines().count() == blocks(host).len(), "{longer}");
    let from = asked.text(&["get", "routes", "--from", &host.v4().to_string(), "--no-headers"])?;
    ensure!(from.lines().count() == blocks(host).len(), "{from}");
    ensure!(from.lines().all(|line| line.contains(" * ")), "{from}");
    // All but its own.
    let to = asked.text(&["get", "routes", "--to", &host.v4().to_string(), "-o", "name"])?;
    let others = NODES.iter().filter(|other| **other != host).map(|other| blocks(*other).len());
    ensure!(to.lines().count() == others.sum::<usize>(), "{to}");
    let own = format!("10.244.{}.", host.0);
    ensure!(!to.contains(&own), "{to}");
    let none = asked.complaint(&["get", "routes", "10.99.0.0/16"])?;
    ensure!(none.contains("no routes that are so"), "{none}");
    let wrong = asked.complaint(&["get", "routes", "10.99.0.0/33"])?;
    ensure!(wrong.contains("expected an address or a prefix"), "{wrong}");
    Ok(())
}

fn the_rest_is_told(asked: &Asked<'_>) -> Result<()> {
    let status = asked.text(&["status"])?;
    ensure!(status.contains("Converged:  yes") && status.contains("Peers:      3 of 4 up"));
    let groups = asked.json(&["get", "groups"])?;
    let group = &groups["items"][0];
    ensure!(group["members"] == NODES.len() && group["current"] == NODES.len(), "{groups:#}");
    ensure!(asked.text(&["get", "shards", "-o", "name"])?.starts_with("shard/0\n"));
    let level = asked.text(&["log-level", "debug"])?;
    ensure!(level.starts_with("logs debug from now on"), "{level}");
    Ok(())
}

/// Softly the session goes on; hard it is another one.
fn sessions_are_reset(asked: &Asked<'_>) -> Result<()> {
    let first = NODES[0].v4().to_string();
    let refreshed = |asked: &Asked<'_>| -> Result<Value> {
        let described = asked.json(&["describe", "peer", &first])?;
        Ok(described["items"][0].clone())
    };
    let before = refreshed(asked)?;
    asked.text(&["reset", "peer", &first, "--soft", "in"])?;
    asked.text(&["reset", "peer", &first, "--soft", "out"])?;
    eventually("it was asked, and told", || {
        let now = refreshed(asked)?;
        ensure!(now["established"] == before["established"], "{now:#}");
        let sum = |value: &Value, n: usize| value["messages"][n].as_u64().unwrap_or(0);
        ensure!(sum(&now, 0) > sum(&before, 0) && sum(&now, 1) > sum(&before, 1), "{now:#}");
        Ok(())
    })?;
    asked.text(&["reset", "peer", &first, "--message", "moved to rack 7"])?;
    eventually("it is back", || {
        let up = asked.json(&["get", "peers", &first])?;
        let now = &up["items"][0];
        let is_new = now["sinceSeconds"].as_f64() < before["sinceSeconds"].as_f64();
        ensure!(now["state"] == "established" && is_new, "{now:#}");
        counts_are_right(asked)
    })
}

fn the_configuration_is_reloaded(asked: &Asked<'_>, node: &Node) -> Result<()> {
    let file = node.folder.join("albedo.yaml");
    std::fs::write(&file, config(90).replace("asNumber", "asnumber"))?;
    for words in [&["reload", "--diff"][..], &["reload"]] {
        let complaint = asked.complaint(words)?;
        ensure!(complaint.contains("asnumber") && complaint.contains("asNumber"), "{complaint}");
    }
    std::fs::write(&file, config(30))?;
    let diff = asked.text(&["reload", "--diff"])?;
    ensure!(diff.contains("-     holdTime: 90s\n+     holdTime: 30s\n"), "{diff}");
    ensure!(diff.contains("sessions would"), "{diff}");
    // Nothing has been done, so the same is told again.
    ensure!(asked.text(&["reload", "--diff"])? == diff);
    let done = asked.text(&["reload"])?;
    ensure!(!done.contains("would"), "{done}");
    // Another hold time is for OPEN, so all have come anew.
    eventually("everybody is back, and nothing is left to do", || {
        let nothing = asked.text(&["reload", "--diff"])?;
        ensure!(nothing == "4 sessions would not notice\n", "{nothing}");
        Ok(())
    })
}

/// A reflector whose second node is kept a prefix by a policy, and the third a family.
fn explaining() -> String {
    let (v4, v6) = (REFLECTOR.v4(), REFLECTOR.v6());
    let [first, second, _] = NODES.map(Host::v4);
    format!(
        "asNumber: 64512
routerId: {v4}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
admin: {{http: off, socket: albedo.sock}}
peerGroups:
  - {{name: nodes, role: client, passive: true, ranges: [\"10.0.0.0/8\", \"fd00::/16\"]}}
peers:
  - {{address: {first}, group: nodes, description: first}}
  - address: {second}
    group: nodes
    description: second
    exportPolicy: {{rules: [{{prefixes: [10.244.13.64/26], action: reject}}]}}
"
    )
}

#[test]
fn the_right_rule_is_named_for_what_a_peer_is_not_told() {
    let Some(mut lab) = Lab::new("the_right_rule_is_named") else { return };
    explain(&mut lab).expect("the scenario");
}

fn explain(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let _reflector = Reflector::start_with(&node, &explaining())?;
    let mut birds = Vec::new();
    for host in NODES {
        let node = lab.node(host)?;
        birds.push(Bird::start(&node, Version::Calico, &[REFLECTOR], &blocks(host))?);
    }
    let asked = Asked(&node);
    let of = |prefix: &str, to: &str| -> Result<Value> {
        let explained = asked.json(&["explain", prefix, "--to", to])?;
        Ok(explained["item"].clone())
    };
    let third = NODES[2].v4().to_string();
    eventually("it is told, and its TCP has acknowledged it", || {
        let told = of("10.244.13.0/26", "first")?;
        let peer = &told["peers"][0];
        ensure!(peer["verdict"] == "told" && peer["delivery"] == "acknowledged", "{told:#}");
        ensure!(peer["told"][0]["clusterList"][0] == REFLECTOR.v4().to_string(), "{told:#}");
        ensure!(peer["told"][0]["originatorId"] == third, "{told:#}");
        ensure!(told["candidates"][0]["from"] == third && told["candidates"][0]["best"] == true);
        Ok(())
    })?;
    for (prefix, to, rule) in
        [("10.244.13.64/26", "second", "policy"), ("10.244.13.64/26", &*third, "split-horizon")]
    {
        let kept = of(prefix, to)?;
        let peer = &kept["peers"][0];
        ensure!(peer["verdict"] == "kept" && peer["rule"] == rule, "{rule}: {kept:#}");
    }
    // Of a change that comes while the peer is up to date it is known when it was sent.
    birds[2].announce(net("10.244.13.128/26"))?;
    eventually("it is told when it was sent", || {
        let told = of("10.244.13.128/26", "first")?;
        let peer = &told["peers"][0];
        let (from, to) = (peer["sentNotBefore"].as_str(), peer["sentNotAfter"].as_str());
        ensure!(from.is_some() && from <= to, "{told:#}");
        Ok(())
    })?;
    // As BIRD sees it: the one is not there, and the other is.
    let held = birds[1].routes(Family::V4)?;
    let has = |prefix: &str| held.iter().any(|route| route.net == net(prefix));
    ensure!(has("10.244.13.0/26") && !has("10.244.13.64/26"), "{held:?}");
    // Its sessions speak IPv4 alone.
    let words = ["explain", "fd00::/64", "--to", "first"];
    let none = asked.run(&words)?;
    let text = String::from_utf8_lossy(&none.stdout).into_owned();
    ensure!(text.contains("ipv6-unicast was not negotiated on its session"), "{text}");
    ensure!(none.status.code() == Some(1), "there is no route");
    let past = asked.text(&["explain", "10.244.13.65", "--at", "1h"])?;
    ensure!(past.contains("is not remembered"), "{past}");
    let now = asked.text(&["explain", "10.244.13.65", "--at", "0s"])?;
    ensure!(now.contains(&format!("the best route was that of {third}")), "{now}");
    ensure!(now.contains("10.244.13.64/26: one route"), "{now}");
    Ok(())
}
