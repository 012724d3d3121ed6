//! The reflector in the middle: Albedo, or BIRD 2 to try the scenarios themselves.
//!
//! `ALBEDO_TEST_REFLECTOR=bird2` puts BIRD 2 in Albedo's place.
//! It is for work on the scenarios: where BIRD treats a malformed UPDATE in another way than
//! Albedo promises, those cases fail.

use std::env;
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitStatus;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::lab::{ASN, Host, Node};
use crate::process::Daemon;
use crate::tools::{albedo, peer_program};
use crate::wait::eventually;

/// What a reflector is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its cluster id.
    pub cluster_id: Ipv4Addr,
    /// In how many shards the table is split.
    pub shards: usize,
    /// Peers that are not clients, or reflectors that are, by address; it dials them.
    pub mates: Vec<Mate>,
    /// What a stop tells whom: `shutdown.mode`. BIRD knows no such thing.
    pub shutdown: &'static str,
    /// Whether it writes a roster down and reads it again. BIRD knows no such thing.
    pub has_roster: bool,
    /// Whether it dials the nodes that the roster knows.
    pub dials: bool,
}

/// Another reflector.
#[derive(Clone, Copy, Debug)]
pub struct Mate {
    /// Where it is.
    pub host: Host,
    /// Whether it is treated as a client.
    pub client: bool,
}

impl Settings {
    /// A reflector alone: everybody in 10/8 and fd00::/16 is a client.
    #[must_use]
    pub fn alone(host: Host) -> Self {
        Self {
            cluster_id: host.v4(),
            shards: 2,
            mates: Vec::new(),
            shutdown: "auto",
            has_roster: false,
            dials: false,
        }
    }
}

/// A running reflector.
#[derive(Debug)]
pub struct Reflector {
    /// Where it runs.
    pub host: Host,
    config: PathBuf,
    daemon: Daemon,
}

impl Reflector {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When there is no such program, or it ends.
    pub fn start(node: &Node, settings: &Settings) -> Result<Self> {
        let mut daemon = match env::var("ALBEDO_TEST_REFLECTOR").as_deref() {
            Ok("bird2") => start_bird(node, settings)?,
            Ok(other) => anyhow::bail!("ALBEDO_TEST_REFLECTOR={other}: known is bird2"),
            Err(_) => start_albedo(node, settings)?,
        };
        eventually("the reflector listens", || {
            ensure!(daemon.listens_on(179)?, "not yet:\n{}", daemon.log());
            Ok(())
        })?;
        Ok(Self { host: node.host, config: config_file(node), daemon })
    }

    /// Starts Albedo with this configuration and waits until it listens.
    ///
    /// # Errors
    /// When there is no such program, or it ends.
    pub fn start_with(node: &Node, config: &str) -> Result<Self> {
        Self::start_in(node, config, &[])
    }

    /// The same with variables of the environment.
    ///
    /// # Errors
    /// As [`Reflector::start_with`].
    pub fn start_in(node: &Node, config: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let mut daemon = run_albedo(node, config, variables)?;
        eventually("the reflector listens", || {
            ensure!(daemon.listens_on(179)?, "not yet:\n{}", daemon.log());
            Ok(())
        })?;
        Ok(Self { host: node.host, config: config_file(node), daemon })
    }

    /// Gives Albedo another configuration and waits until it has taken it.
    ///
    /// # Errors
    /// When it does not take it.
    pub fn reload(&self, config: &str) -> Result<()> {
        let taken = |log: &str| log.matches("configuration reloaded").count();
        let before = taken(&self.log());
        fs::write(&self.config, config).context("configuration")?;
        self.daemon.signal(Signal::HUP)?;
        eventually("the configuration is taken", || {
            ensure!(taken(&self.log()) > before, "not yet:\n{}", self.log());
            Ok(())
        })
    }

    /// Gives Albedo another configuration and waits until it has refused it; its words.
    ///
    /// # Errors
    /// When it does not refuse it.
    pub fn reload_refused(&self, config: &str) -> Result<String> {
        let before = self.log().matches("reload refused").count();
        fs::write(&self.config, config).context("configuration")?;
        self.daemon.signal(Signal::HUP)?;
        eventually("the configuration is refused", || {
            let log = self.log();
            let mut refused = log.lines().filter(|line| line.contains("reload refused"));
            let last = refused.nth(before).with_context(|| format!("not yet:\n{log}"))?;
            Ok(last.to_owned())
        })
    }

    /// A counter of the kernel's TCP where the reflector runs, such as `TCPMD5Failure`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn tcp_counter(&self, name: &str) -> Result<u64> {
        let path = format!("/proc/{}/net/netstat", self.daemon.pid());
        let text = fs::read_to_string(path).context("the kernel's counters")?;
        let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
        let (names, values) = lines.next().zip(lines.next()).context("no TcpExt")?;
        let mut pairs = names.split(' ').zip(values.split(' '));
        let (_, value) = pairs.find(|(found, _)| *found == name).context(name.to_owned())?;
        value.parse().context(name.to_owned())
    }

    /// Ends it in order, as its supervisor would.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.daemon.stop()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Stops it where it is, as a hang would, or lets it go on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn hang(&self, hangs: bool) -> Result<()> {
        self.daemon.signal(if hangs { Signal::STOP } else { Signal::CONT })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// What it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

fn start_albedo(node: &Node, settings: &Settings) -> Result<Daemon> {
    run_albedo(node, &albedo_config(node.host, settings), &[])
}

fn config_file(node: &Node) -> PathBuf {
    node.folder.join("albedo.yaml")
}

fn run_albedo(node: &Node, text: &str, variables: &[(&str, &str)]) -> Result<Daemon> {
    let config = config_file(node);
    fs::write(&config, text).context("configuration")?;
    let mut command = node.command(&albedo()?);
    command.args(["run", "--config"]).arg(&config).envs(variables.iter().copied());
    Daemon::start("albedo", &node.folder, &mut command)
}

fn albedo_config(host: Host, settings: &Settings) -> String {
    let (v4, v6) = (host.v4(), host.v6());
    let mut text = format!(
        "asNumber: {ASN}
routerId: {v4}
clusterId: {}
listen: [\"{v4}:179\", \"[{v6}]:179\"]
shards: {}
logLevel: info
admin: {{http: \"127.0.0.1:9179\"}}
shutdown: {{mode: {}}}
{}peerGroups:
",
        settings.cluster_id,
        settings.shards,
        settings.shutdown,
        if settings.has_roster { "restart: {rosterFile: roster.json}\n" } else { "" },
    );
    let mut group = |name: &str, role: &str, ranges: &str, passive: bool| {
        let _ = write!(
            text,
            "  - name: {name}
    asNumber: internal
    role: {role}
    families: [ipv4-unicast, ipv6-unicast]
    holdTime: 90s
    passive: {passive}
{ranges}"
        );
    };
    let dial = if settings.dials { "    dial: true\n" } else { "" };
    let ranges = format!("    ranges: [\"10.0.0.0/8\", \"fd00::/16\"]\n{dial}");
    group("nodes", "client", &ranges, !settings.dials);
    group("client-mates", "client", "", false);
    group("mates", "nonClient", "", false);
    if !settings.mates.is_empty() {
        text.push_str("peers:\n");
    }
    for mate in &settings.mates {
        let group = if mate.client { "client-mates" } else { "mates" };
        let _ = writeln!(text, "  - {{address: {}, group: {group}}}", mate.host.v4());
    }
    text
}

fn start_bird(node: &Node, settings: &Settings) -> Result<Daemon> {
    let config = node.folder.join("bird.conf");
    fs::write(&config, bird_config(node.host, settings)).context("configuration")?;
    let mut command = node.command(&peer_program("bird2", "usr/sbin/bird")?);
    command.args(["-f", "-c", "bird.conf", "-s", "bird.ctl", "-P", "bird.pid"]);
    Daemon::start("bird2-reflector", &node.folder, &mut command)
}

fn bird_config(host: Host, settings: &Settings) -> String {
    let (v4, v6, cluster) = (host.v4(), host.v6(), settings.cluster_id);
    let client = format!("rr client; rr cluster id {cluster};");
    let mut text = format!(
        "log stderr all;
router id {v4};
protocol device {{}}
protocol bgp nodes {{
  local {v4} as {ASN}; neighbor range 10.0.0.0/8 as {ASN}; dynamic name \"node\";
  multihop; passive; {client} hold time 90; allow local as 10;
  ipv4 {{ import all; export all; gateway recursive; }};
  ipv6 {{ import all; export all; gateway recursive; }};
}}
protocol bgp nodes6 {{
  local {v6} as {ASN}; neighbor range fd00::/16 as {ASN}; dynamic name \"node6x\";
  multihop; passive; {client} hold time 90;
  ipv6 {{ import all; export all; gateway recursive; }};
}}
"
    );
    for (at, mate) in settings.mates.iter().enumerate() {
        let client = if mate.client { client.clone() } else { format!("rr cluster id {cluster};") };
        let _ = write!(
            text,
            "protocol bgp mate{at} {{
  local {v4} as {ASN}; neighbor {} as {ASN}; multihop; {client}
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 {{ import all; export all; gateway recursive; }};
}}
",
            mate.host.v4()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Mate, Settings, albedo_config, bird_config};
    use crate::lab::Host;

    #[test]
    fn mates_stand_in_the_group_of_their_role() {
        let mut settings = Settings::alone(Host(1));
        assert!(!albedo_config(Host(1), &settings).contains("peers:"));
        settings.mates =
            vec![Mate { host: Host(2), client: false }, Mate { host: Host(3), client: true }];
        let text = albedo_config(Host(1), &settings);
        assert!(text.contains("{address: 10.0.0.2, group: mates}"), "{text}");
        assert!(text.contains("{address: 10.0.0.3, group: client-mates}"), "{text}");
        let text = bird_config(Host(1), &settings);
        assert!(text.contains("neighbor 10.0.0.2 as 64512; multihop; rr cluster id"), "{text}");
        assert!(text.contains("neighbor 10.0.0.3 as 64512; multihop; rr client;"), "{text}");
    }
}
