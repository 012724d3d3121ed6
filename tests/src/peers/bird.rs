//! BIRD 1.6 as a Calico node runs it, and BIRD 2.

mod config;

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use config::{guarded, render};

use super::{Guard, Peer, Seen, Session};
use crate::lab::{Host, Node};
use crate::net::{Family, Net};
use crate::process::{Daemon, output};
use crate::tools::peer_program;
use crate::wait::eventually;

/// LOCAL_PREF of an ordinary route of a Calico node since 3.32: 2147483647 less the metric 1024.
const CALICO_LOCAL_PREF: u32 = 2_147_482_623;

/// Which BIRD, and how it is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// BIRD 1.6 as a Calico node from 3.32 on: LOCAL_PREF tells the kernel metric.
    Calico,
    /// BIRD 1.6 as a Calico node up to 3.31: LOCAL_PREF is 100.
    CalicoOld,
    /// The first that never connects, as a Calico node does where the rule of addresses says so.
    CalicoPassive,
    /// BIRD 1.6 for IPv6 as a Calico node from 3.32 on; its router id is the node's IPv4 address.
    CalicoV6,
    /// BIRD 2, both families, one session each.
    Two,
}

impl Version {
    fn program(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Calico | Self::CalicoOld | Self::CalicoPassive => {
                ("bird", "usr/sbin/bird", "usr/sbin/birdc")
            }
            Self::CalicoV6 => ("bird", "usr/sbin/bird6", "usr/sbin/birdc6"),
            Self::Two => ("bird2", "usr/sbin/bird", "usr/sbin/birdc"),
        }
    }

    fn families(self) -> &'static [Family] {
        match self {
            Self::Calico | Self::CalicoOld | Self::CalicoPassive => &[Family::V4],
            Self::CalicoV6 => &[Family::V6],
            Self::Two => &[Family::V4, Family::V6],
        }
    }
}

/// A running BIRD.
#[derive(Debug)]
pub struct Bird {
    version: Version,
    host: Host,
    reflectors: Vec<Host>,
    blocks: BTreeSet<Net>,
    guard: Guard,
    config: PathBuf,
    control: PathBuf,
    client: PathBuf,
    _daemon: Daemon,
}

impl Bird {
    /// Starts it with sessions to the reflectors and blocks of its own.
    ///
    /// # Errors
    /// When it does not start or does not like its configuration.
    pub fn start(
        node: &Node,
        version: Version,
        reflectors: &[Host],
        blocks: &[Net],
    ) -> Result<Self> {
        Self::start_guarded(node, version, reflectors, blocks, Guard::default())
    }

    /// The same with guarded sessions; for the BIRDs of Calico nodes.
    ///
    /// # Errors
    /// As [`Bird::start`].
    pub fn start_guarded(
        node: &Node,
        version: Version,
        reflectors: &[Host],
        blocks: &[Net],
        guard: Guard,
    ) -> Result<Self> {
        let (package, daemon, client) = version.program();
        let name = format!("{version:?}").to_lowercase();
        let config = node.folder.join(format!("{name}.conf"));
        let control = node.folder.join(format!("{name}.ctl"));
        let blocks: BTreeSet<Net> = blocks.iter().copied().collect();
        let text = guarded(render(version, node.host, reflectors, &blocks), guard);
        fs::write(&config, text).context("config")?;
        let mut command = node.command(&peer_program(package, daemon)?);
        command.args(["-f", "-c"]).arg(&config).arg("-s").arg(&control);
        command.arg("-P").arg(node.folder.join(format!("{name}.pid")));
        if version != Version::Two {
            // Calico starts it in graceful restart recovery every time.
            command.arg("-R");
        }
        let daemon = Daemon::start(&name, &node.folder, &mut command)?;
        let bird = Self {
            version,
            host: node.host,
            reflectors: reflectors.to_vec(),
            blocks,
            guard,
            config,
            control,
            client: peer_program(package, client)?,
            _daemon: daemon,
        };
        eventually("BIRD answers", || bird.ask(&["show", "status"]))?;
        Ok(bird)
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        output(Command::new(&self.client).arg("-s").arg(&self.control).args(words))
    }

    fn reconfigure(&self) -> Result<()> {
        let text = render(self.version, self.host, &self.reflectors, &self.blocks);
        let text = guarded(text, self.guard);
        fs::write(&self.config, text).context("config")?;
        let answer = self.ask(&["configure"])?;
        if answer.contains("Reconfigured") || answer.contains("in progress") {
            return Ok(());
        }
        bail!("birdc configure: {answer}")
    }

    /// Guards its sessions otherwise from now on.
    ///
    /// # Errors
    /// When BIRD does not like it.
    pub fn set_guard(&mut self, guard: Guard) -> Result<()> {
        self.guard = guard;
        self.reconfigure()
    }

    /// How many BGP sessions are up.
    ///
    /// # Errors
    /// When its command line fails.
    pub fn established(&self) -> Result<usize> {
        Ok(parse_sessions(&self.ask(&["show", "protocols"])?).iter().filter(|one| one.up).count())
    }

    /// How many of its routes are marked as long-lived stale (RFC 9494).
    ///
    /// # Errors
    /// When its command line fails.
    pub fn long_lived_stale(&self) -> Result<usize> {
        Ok(self.ask(&["show", "route", "all"])?.matches("(65535,6)").count())
    }

    /// How many routes it took in by BGP.
    ///
    /// # Errors
    /// When its command line prints what is not understood.
    pub fn imported(&self) -> Result<usize> {
        parse_imported(&self.ask(&["show", "protocols", "all"])?)
    }
}

impl Peer for Bird {
    fn name(&self) -> String {
        format!("BIRD {:?} at {}", self.version, self.host.v4())
    }

    fn host(&self) -> Host {
        self.host
    }

    fn families(&self) -> &[Family] {
        self.version.families()
    }

    fn local_pref(&self) -> u32 {
        match self.version {
            Version::Calico | Version::CalicoPassive | Version::CalicoV6 => CALICO_LOCAL_PREF,
            Version::CalicoOld | Version::Two => 100,
        }
    }

    fn routes(&self, family: Family) -> Result<Vec<Seen>> {
        if !self.families().contains(&family) {
            return Ok(Vec::new());
        }
        let routes = parse_routes(&self.ask(&["show", "route", "all"])?)?;
        Ok(routes.into_iter().filter(|route| route.net.family() == family).collect())
    }

    fn sessions(&self) -> Result<Vec<Session>> {
        Ok(parse_sessions(&self.ask(&["show", "protocols"])?))
    }

    fn announce(&mut self, net: Net) -> Result<()> {
        self.blocks.insert(net);
        self.reconfigure()
    }

    fn withdraw(&mut self, net: Net) -> Result<()> {
        self.blocks.remove(&net);
        self.reconfigure()
    }
}

/// Reads `show route all`: a route's head has its source in brackets, its attributes follow
/// behind tabs. A further route of the same prefix has blanks where the prefix would stand.
pub(crate) fn parse_routes(text: &str) -> Result<Vec<Seen>> {
    let mut routes: Vec<Seen> = Vec::new();
    let mut net = None;
    let mut from = None;
    for line in text.lines() {
        if let Some(attribute) = line.strip_prefix("\tBGP.") {
            let Some((name, value)) = attribute.split_once(':') else {
                continue;
            };
            let value = value.trim();
            let what = || format!("{name}: {value}");
            if name == "next_hop" {
                let (Some(net), Some(from)) = (net, from) else { bail!("no head: {line}") };
                // A link-local address may follow the global one.
                let next_hop = value.split_whitespace().next().unwrap_or_default();
                routes.push(Seen {
                    net,
                    from,
                    next_hop: next_hop.parse().with_context(what)?,
                    local_pref: None,
                    originator: None,
                    clusters: Vec::new(),
                });
                continue;
            }
            let Some(route) = routes.last_mut() else {
                continue;
            };
            match name {
                "local_pref" => route.local_pref = Some(value.parse().with_context(what)?),
                "originator_id" => route.originator = Some(value.parse().with_context(what)?),
                "cluster_list" => {
                    let ids = value.split_whitespace().map(str::parse::<Ipv4Addr>);
                    route.clusters = ids.collect::<Result<_, _>>().with_context(what)?;
                }
                _ => {}
            }
        } else if let (Some((head, rest)), false) = (line.split_once('['), line.starts_with('\t')) {
            if let Some(prefix) = head.split_whitespace().next().filter(|_| !head.starts_with(' '))
            {
                net = Some(prefix.parse().with_context(|| line.to_owned())?);
            }
            let source = rest.split(']').next().unwrap_or_default();
            from = source.split_once("from ").and_then(|(_, address)| address.trim().parse().ok());
        }
    }
    Ok(routes)
}

/// Sums the routes that BGP imported, out of `show protocols all`: a protocol's lines are indented
/// under its head.
pub(crate) fn parse_imported(text: &str) -> Result<usize> {
    let mut is_bgp = false;
    let mut sum = 0;
    for line in text.lines() {
        if !line.starts_with(' ') {
            is_bgp = line.split_whitespace().nth(1) == Some("BGP");
        } else if let (true, Some(counts)) = (is_bgp, line.trim().strip_prefix("Routes:")) {
            let count = counts.split_whitespace().next().unwrap_or_default();
            sum += count.parse::<usize>().with_context(|| line.to_owned())?;
        }
    }
    Ok(sum)
}

/// Reads `show protocols`: name, protocol, table, state, since, info.
pub(crate) fn parse_sessions(text: &str) -> Vec<Session> {
    let mut sessions: Vec<Session> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.len() >= 5 && columns[1] == "BGP")
        .map(|columns| Session {
            neighbour: columns[0].to_owned(),
            up: columns[3] == "up" && columns.last() == Some(&"Established"),
            mark: columns[4].to_owned(),
        })
        .collect();
    sessions.sort();
    sessions
}
