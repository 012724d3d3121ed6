//! GoBGP, driven by its own `gobgp` command.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Peer, Seen, Session};
use crate::bgp::code;
use crate::lab::{ASN, Host, Node};
use crate::net::{Family, Net};
use crate::process::{Daemon, output};
use crate::tools::peer_program;
use crate::wait::eventually;

/// `session_state` of an Established session in its API.
const ESTABLISHED: u64 = 6;

/// What it knows of graceful restart; as it comes, nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graceful {
    /// The restart time that it offers, in seconds.
    pub restart_seconds: u32,
    /// The long-lived stale time that it offers, in seconds; `None` does not offer that kind.
    pub long_lived_seconds: Option<u32>,
    /// Whether it says that it has restarted, and has kept its forwarding (`-r`).
    pub restarts: bool,
}

/// A running gobgpd.
#[derive(Debug)]
pub struct GoBgp {
    host: Host,
    control: String,
    client: PathBuf,
    _daemon: Daemon,
}

impl GoBgp {
    /// Starts it with a session of each family to each reflector, and prefixes of its own.
    ///
    /// # Errors
    /// When it does not start or does not like its configuration.
    pub fn start(node: &Node, reflectors: &[Host], nets: &[Net]) -> Result<Self> {
        Self::start_graceful(node, reflectors, nets, None)
    }

    /// The same with graceful restart.
    ///
    /// # Errors
    /// As [`GoBgp::start`].
    pub fn start_graceful(
        node: &Node,
        reflectors: &[Host],
        nets: &[Net],
        graceful: Option<Graceful>,
    ) -> Result<Self> {
        let config = node.folder.join("gobgpd.toml");
        fs::write(&config, render(node.host, reflectors, graceful))?;
        let socket = node.folder.join("gobgpd.sock");
        if socket.exists() {
            // One that was killed has left it there, and the next one would not listen on it.
            fs::remove_file(&socket).context("the socket of one before")?;
        }
        let control = format!("unix://{}", socket.display());
        let mut command = node.command(&peer_program("gobgpd", "usr/bin/gobgpd")?);
        command.arg("-f").arg(&config).args(["--api-hosts", &control, "--pprof-disable"]);
        if graceful.is_some_and(|graceful| graceful.restarts) {
            command.arg("-r");
        }
        let daemon = Daemon::start("gobgpd", &node.folder, &mut command)?;
        let client = peer_program("gobgpd", "usr/bin/gobgp")?;
        let mut gobgp = Self { host: node.host, control, client, _daemon: daemon };
        eventually("gobgpd answers", || {
            let count = gobgp.sessions()?.len();
            anyhow::ensure!(count == 2 * reflectors.len(), "{count} neighbours");
            Ok(())
        })?;
        for net in nets {
            gobgp.announce(*net)?;
        }
        Ok(gobgp)
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        output(Command::new(&self.client).args(["--target", &self.control]).args(words))
    }

    fn rib(&self, verb: &str, net: Net) -> Result<()> {
        let next_hop = self.host.address(net.family()).to_string();
        let net_text = net.to_string();
        let family = word(net.family());
        let words =
            ["global", "rib", verb, &net_text, "origin", "igp", "nexthop", &next_hop, "-a", family];
        self.ask(&words).map(drop)
    }
}

fn word(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}

impl Peer for GoBgp {
    fn name(&self) -> String {
        format!("GoBGP at {}", self.host.v4())
    }

    fn host(&self) -> Host {
        self.host
    }

    fn families(&self) -> &[Family] {
        &[Family::V4, Family::V6]
    }

    fn local_pref(&self) -> u32 {
        100
    }

    fn routes(&self, family: Family) -> Result<Vec<Seen>> {
        parse_routes(&self.ask(&["global", "rib", "-a", word(family), "-j"])?)
    }

    fn sessions(&self) -> Result<Vec<Session>> {
        parse_sessions(&self.ask(&["neighbor", "-j"])?)
    }

    fn announce(&mut self, net: Net) -> Result<()> {
        self.rib("add", net)
    }

    fn withdraw(&mut self, net: Net) -> Result<()> {
        self.rib("del", net)
    }
}

/// Reads `gobgp global rib -j`: for each prefix its paths, each with a list of attributes.
pub fn parse_routes(text: &str) -> Result<Vec<Seen>> {
    let json: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
    let mut routes = Vec::new();
    for (prefix, paths) in json.as_object().into_iter().flatten() {
        let net: Net = prefix.parse()?;
        for path in paths.as_array().into_iter().flatten() {
            // A path of its own names no neighbour.
            let Some(from) = path["neighbor-ip"].as_str() else {
                continue;
            };
            let attributes = path["attrs"].as_array().with_context(|| path.to_string())?;
            let find = |wanted: u8| {
                let wanted = u64::from(wanted);
                attributes.iter().find(|attribute| attribute["type"].as_u64() == Some(wanted))
            };
            let parse = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
            let next_hop = find(code::NEXT_HOP).or_else(|| find(code::MP_REACH));
            let clusters = find(code::CLUSTER_LIST).and_then(|list| list["value"].as_array());
            routes.push(Seen {
                net,
                from: from.parse().with_context(|| from.to_owned())?,
                next_hop: next_hop
                    .and_then(|attribute| attribute["nexthop"].as_str())
                    .and_then(|address| address.parse().ok())
                    .with_context(|| format!("next hop of {path}"))?,
                local_pref: find(code::LOCAL_PREF)
                    .and_then(|attribute| attribute["value"].as_u64())
                    .and_then(|value| value.try_into().ok()),
                originator: find(code::ORIGINATOR_ID).and_then(|id| parse(&id["value"])),
                clusters: clusters.into_iter().flatten().filter_map(parse).collect(),
            });
        }
    }
    Ok(routes)
}

/// Reads `gobgp neighbor -j`.
pub fn parse_sessions(text: &str) -> Result<Vec<Session>> {
    let json: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
    let mut sessions: Vec<Session> = json
        .as_array()
        .into_iter()
        .flatten()
        .map(|neighbour| Session {
            neighbour: neighbour["conf"]["neighbor_address"].to_string(),
            up: neighbour["state"]["session_state"].as_u64() == Some(ESTABLISHED),
            mark: format!(
                "{} {}",
                neighbour["timers"]["state"]["uptime"]["seconds"], neighbour["state"]["flops"]
            ),
        })
        .collect();
    sessions.sort();
    Ok(sessions)
}

/// What stands in a neighbour's section behind its one family.
fn restart_options(graceful: Graceful) -> String {
    let long_lived = graceful.long_lived_seconds.map_or(String::new(), |seconds| {
        format!(
            "    [neighbors.afi-safis.long-lived-graceful-restart.config]
      enabled = true
      restart-time = {seconds}
"
        )
    });
    format!(
        "    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
{long_lived}  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = {}
    long-lived-enabled = {}
",
        graceful.restart_seconds,
        graceful.long_lived_seconds.is_some(),
    )
}

fn render(host: Host, reflectors: &[Host], graceful: Option<Graceful>) -> String {
    let mut text = format!(
        "[global.config]
  as = {ASN}
  router-id = \"{}\"
  port = 179
",
        host.v4()
    );
    for family in [Family::V4, Family::V6] {
        for reflector in reflectors {
            let _ = write!(
                text,
                "[[neighbors]]
  [neighbors.config]
    peer-as = {ASN}
    neighbor-address = \"{peer}\"
  [neighbors.transport.config]
    local-address = \"{own}\"
  [neighbors.timers.config]
    connect-retry = 1
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = \"{family}-unicast\"
    [neighbors.afi-safis.add-paths.config]
      receive = true
",
                peer = reflector.address(family),
                own = host.address(family),
                family = word(family),
            );
            if let Some(graceful) = graceful {
                text.push_str(&restart_options(graceful));
            }
        }
    }
    text
}
