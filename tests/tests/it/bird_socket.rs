//! BIRD's control socket: Albedo asked by BIRD's own clients and by an exporter, with real nodes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::net::{Net, net};
use albedo_tests::peers::{Bird, Version};
use albedo_tests::process::{Daemon, output};
use albedo_tests::reflector::Reflector;
use albedo_tests::tools::peer_program;
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, ensure};

const REFLECTOR: Host = Host(1);
const NODES: [Host; 3] = [Host(11), Host(12), Host(13)];
const NODE_V6: Host = Host(14);

/// Where the exporter answers, inside of the reflector's namespace.
const EXPORTER: &str = "127.0.0.1:9324";

fn config(bird: &str) -> String {
    let (v4, v6) = (REFLECTOR.v4(), REFLECTOR.v6());
    format!(
        "asNumber: 64512
routerId: {v4}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
admin: {{http: \"127.0.0.1:9179\", bird: {bird}}}
peerGroups:
  - {{name: nodes, role: client, passive: true, ranges: [\"10.0.0.0/8\", \"fd00::/16\"]}}
peers:
  - {{address: {}, group: nodes, name: Global_{}, description: \"rack=a\"}}
",
        NODES[0].v4(),
        underscored(NODES[0]),
    )
}

fn underscored(host: Host) -> String {
    host.v4().to_string().replace('.', "_")
}

/// The name that each node's session must have.
fn name(host: Host) -> String {
    let kind = if host == NODES[0] { "Global" } else { "Node" };
    format!("{kind}_{}", underscored(host))
}

/// As many blocks as tell the nodes apart by their number.
fn blocks(host: Host) -> Vec<Net> {
    (0..u32::from(host.0) - 10).map(|n| net(&format!("10.244.{}.{}/26", host.0, n * 64))).collect()
}

struct Cluster {
    node: Node,
    reflector: Reflector,
    _birds: Vec<Bird>,
    _lab: Lab,
}

impl Cluster {
    /// `None` where there can be no lab.
    fn start(name: &str, bird: &str) -> Result<Option<Self>> {
        let Some(mut lab) = Lab::new(name) else { return Ok(None) };
        let node = lab.node(REFLECTOR)?;
        let reflector = Reflector::start_with(&node, &config(bird))?;
        let mut birds = Vec::new();
        for host in NODES {
            let node = lab.node(host)?;
            birds.push(Bird::start(&node, Version::Calico, &[REFLECTOR], &blocks(host))?);
        }
        let v6 = lab.node(NODE_V6)?;
        let block = [net("fd00:244:14::/122")];
        birds.push(Bird::start(&v6, Version::CalicoV6, &[REFLECTOR], &block)?);
        Ok(Some(Self { node, reflector, _birds: birds, _lab: lab }))
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.node.folder.join(name)
    }
}

/// What a client of BIRD's prints.
fn ask(package: &str, program: &str, socket: &Path, words: &[&str]) -> Result<String> {
    let client = peer_program(package, program)?;
    output(Command::new(client).arg("-s").arg(socket).args(words))
}

/// The row of a peer in `show protocols`.
fn row<'a>(answer: &'a str, name: &str) -> Result<Vec<&'a str>> {
    let rows = answer.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|row| row.first() == Some(&name));
    let found = rows.next().with_context(|| format!("no {name} in {answer}"))?;
    ensure!(rows.next().is_none(), "{name} twice in {answer}");
    Ok(found)
}

fn scrape(node: &Node) -> Result<String> {
    node.inside(|| -> Result<String> {
        let mut stream = TcpStream::connect(EXPORTER)?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    })?
}

/// The one sample of a metric with these labels.
fn sample(text: &str, metric: &str, labels: &[(&str, &str)]) -> Result<u64> {
    let is_it = |line: &&str| {
        line.starts_with(&format!("{metric}{{"))
            && labels.iter().all(|(key, value)| line.contains(&format!("{key}=\"{value}\"")))
    };
    let mut found = text.lines().filter(is_it);
    let line = found.next().with_context(|| {
        let near = text.lines().filter(|line| line.starts_with(metric)).collect::<Vec<_>>();
        format!("no {metric} {labels:?} in {near:#?}")
    })?;
    ensure!(found.next().is_none(), "{metric} {labels:?} twice");
    let value = line.rsplit(' ').next().context("a value")?;
    value.parse().with_context(|| line.to_owned())
}

/// Whether an exporter shows a session as up, with these routes imported, exported, preferred.
fn shows(text: &str, name: &str, version: &str, counts: [u64; 3]) -> Result<()> {
    let labels = [("name", name), ("proto", "BGP"), ("ip_version", version)];
    ensure!(sample(text, "bird_protocol_up", &labels)? == 1, "{name} is not up");
    let metrics = ["import", "export", "preferred"].map(|what| match what {
        "preferred" => "bird_protocol_prefix_preferred_count".to_owned(),
        what => format!("bird_protocol_prefix_{what}_count"),
    });
    for (metric, expected) in metrics.iter().zip(counts) {
        let found = sample(text, metric, &labels)?;
        ensure!(found == expected, "{metric} of {name}: {found}, expected {expected}");
    }
    Ok(())
}

fn start_exporter(node: &Node, arguments: &[String]) -> Result<Daemon> {
    let program = peer_program("prometheus-bird-exporter", "usr/bin/prometheus-bird-exporter")?;
    let mut command = node.command(&program);
    command.args(["-web.listen-address", EXPORTER]).args(arguments);
    Daemon::start("bird-exporter", &node.folder, &mut command)
}

/// Imported, exported and preferred routes of each node of IPv4: 1, 2 and 3 blocks.
fn counts(host: Host) -> [u64; 3] {
    let own = u64::from(host.0) - 10;
    [own, 6 - own, own]
}

#[test]
fn calicos_dialect_is_read_by_birds_own_client_and_by_an_exporter() -> Result<()> {
    let bird = "{socket: bird.ctl, socket6: bird6.ctl}";
    let Some(cluster) = Cluster::start("birdctl", bird)? else { return Ok(()) };
    let (v4, v6) = (cluster.socket("bird.ctl"), cluster.socket("bird6.ctl"));
    let birdc = |words: &[&str]| ask("bird", "usr/sbin/birdc", &v4, words);
    let birdc6 = |words: &[&str]| ask("bird", "usr/sbin/birdc6", &v6, words);
    eventually("every session is shown as up", || {
        let answer = birdc(&["show", "protocols"])?;
        for host in NODES {
            let row = row(&answer, &name(host))?;
            ensure!(row[1..4] == ["BGP", "master", "up"] && row[5] == "Established", "{answer}");
        }
        ensure!(answer.lines().count() == 5, "no peer of IPv6: {answer}");
        let answer = birdc6(&["show", "protocols"])?;
        let name = format!("Node_{}", NODE_V6.v6().to_string().replace(':', "_"));
        ensure!(row(&answer, &name)?[3] == "up", "{answer}");
        Ok(())
    })?;
    eventually("the deferral is over", || {
        let answer = birdc(&["show", "status"])?;
        ensure!(!answer.contains("Graceful restart recovery in progress"), "{answer}");
        ensure!(answer.contains("Daemon is up and running"), "{answer}");
        Ok(())
    })?;
    eventually("every block is shown, by whom it is", || {
        let answer = birdc(&["show", "route"])?;
        for host in NODES {
            for block in blocks(host) {
                let row = row(&answer, &block.to_string())?;
                ensure!(row[1..3] == ["via", &host.v4().to_string()], "{answer}");
                ensure!(row.contains(&"*"), "{answer}");
                ensure!(answer.contains(&format!("[{} ", name(host))), "{answer}");
            }
        }
        ensure!(birdc6(&["show", "route"])?.contains("fd00:244:14::/122"), "IPv6");
        Ok(())
    })?;
    let last = *blocks(NODES[2]).last().context("three blocks")?;
    let inside = "10.244.13.140";
    let answer = birdc(&["show", "route", "for", inside, "all"])?;
    ensure!(answer.contains(&last.to_string()), "{inside}: {answer}");
    for words in ["BGP.origin: ", "BGP.local_pref: 2147482623", "BGP.originator_id: "] {
        ensure!(answer.contains(words), "{words}: {answer}");
    }
    let answer = birdc(&["show", "route", "protocol", &name(NODES[1]), "count"])?;
    ensure!(answer.contains("2 of 6 routes for 2 networks"), "{answer}");
    let answer = birdc(&["show", "route", "10.9.9.0/24"])?;
    ensure!(answer.contains("Network not in table"), "{answer}");
    let socket = |option: &str, path: &Path| [option.to_owned(), path.display().to_string()];
    let arguments = [socket("-bird.socket", &v4), socket("-bird.socket6", &v6)].concat();
    let _exporter = start_exporter(&cluster.node, &arguments)?;
    eventually("the exporter shows the sessions and their routes", || {
        let text = scrape(&cluster.node)?;
        for host in NODES {
            shows(&text, &name(host), "4", counts(host))?;
        }
        let name = format!("Node_{}", NODE_V6.v6().to_string().replace(':', "_"));
        shows(&text, &name, "6", [1, 0, 1])
    })
}

#[test]
fn bird_2s_dialect_is_read_by_its_client_and_by_an_exporter() -> Result<()> {
    let bird = "{socket: bird.ctl, dialect: bird2}";
    let Some(mut cluster) = Cluster::start("birdctl2", bird)? else { return Ok(()) };
    let control = cluster.socket("bird.ctl");
    let birdc = |words: &[&str]| ask("bird2", "usr/sbin/birdc", &control, words);
    let v6 = format!("Node_{}", NODE_V6.v6().to_string().replace(':', "_"));
    eventually("every session is shown as up", || {
        let answer = birdc(&["show", "protocols"])?;
        for name in NODES.map(name).iter().chain([&v6]) {
            ensure!(row(&answer, name)?[3] == "up", "{answer}");
        }
        Ok(())
    })?;
    let answer = birdc(&["show", "protocols", "all", &name(NODES[0])])?;
    for words in ["Description:    rack=a", "Channel ipv4", "BGP state:          Established"] {
        ensure!(answer.contains(words), "{words}: {answer}");
    }
    ensure!(!answer.contains("Channel ipv6"), "it was not agreed on: {answer}");
    eventually("both tables are shown", || {
        let answer = birdc(&["show", "route", "primary"])?;
        ensure!(answer.contains("Table master4:") && answer.contains("Table master6:"), "{answer}");
        Ok(())
    })?;
    let arguments = ["-bird.v2".to_owned(), "-bird.socket".to_owned()];
    let arguments = [&arguments[..], &[control.display().to_string()]].concat();
    let _exporter = start_exporter(&cluster.node, &arguments)?;
    eventually("the exporter shows the sessions and their routes", || {
        let text = scrape(&cluster.node)?;
        for host in NODES {
            shows(&text, &name(host), "4", counts(host))?;
        }
        shows(&text, &v6, "6", [1, 0, 1])
    })?;
    // Another place, and other permissions: the old file goes with the old socket.
    cluster.reflector.reload(&config("{socket: other.ctl, dialect: bird2, mode: 0600}"))?;
    let other = cluster.socket("other.ctl");
    let status = |socket: &Path| ask("bird2", "usr/sbin/birdc", socket, &["show", "status"]);
    ensure!(status(&other)?.contains("Daemon is up and running"), "the new socket");
    eventually("the old socket is gone", || {
        ensure!(!control.exists(), "{} is there", control.display());
        Ok(())
    })?;
    // What cannot be made is told, and nothing else changes.
    let words = cluster.reflector.reload_refused(&config("{socket: no/folder.ctl}"))?;
    ensure!(words.contains("admin.bird") && words.contains("no/folder.ctl"), "{words}");
    ensure!(status(&other)?.contains("Daemon is up and running"), "the socket there was");
    let up = ask("bird2", "usr/sbin/birdc", &other, &["show", "protocols"])?;
    ensure!(up.matches("Established").count() == 4, "BGP goes on: {up}");
    cluster.reflector.stop()?;
    ensure!(!other.exists(), "a stop removes it");
    Ok(())
}
