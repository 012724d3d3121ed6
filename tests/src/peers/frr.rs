//! FRR's bgpd without zebra: it holds routes and installs none.

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Guard, Peer, Seen, Session};
use crate::lab::{ASN, Host, Node};
use crate::net::{Family, Net};
use crate::process::{Daemon, output};
use crate::tools::{peer_folder, peer_program};
use crate::wait::eventually;

/// A running bgpd.
#[derive(Debug)]
pub struct Frr {
    host: Host,
    folder: PathBuf,
    shell: PathBuf,
    _daemon: Daemon,
}

impl Frr {
    /// Starts it with a session of each family to each reflector, and networks of its own.
    ///
    /// # Errors
    /// When it does not start or does not like its configuration.
    pub fn start(node: &Node, reflectors: &[Host], networks: &[Net]) -> Result<Self> {
        Self::start_guarded(node, reflectors, networks, Guard::default())
    }

    /// The same with guarded sessions.
    ///
    /// # Errors
    /// As [`Frr::start`].
    pub fn start_guarded(
        node: &Node,
        reflectors: &[Host],
        networks: &[Net],
        guard: Guard,
    ) -> Result<Self> {
        let folder = node.folder.clone();
        let text = render(node.host, reflectors, networks, guard);
        fs::write(folder.join("bgpd.conf"), text)?;
        let shell = "no service integrated-vtysh-config\nusername root nopassword\n";
        fs::write(folder.join("vtysh.conf"), shell)?;
        let mut command = node.command(&peer_program("frr", "usr/lib/frr/bgpd")?);
        command.env("LD_LIBRARY_PATH", libraries());
        // No zebra, no kernel routes, nobody's rights but our own.
        command.args(["-Z", "-n", "-S", "-u", "root", "-g", "root", "-P", "0"]);
        command.arg("-f").arg(folder.join("bgpd.conf"));
        command.arg("-i").arg(folder.join("bgpd.pid"));
        command.arg("-z").arg(folder.join("zebra.api"));
        command.arg("--vty_socket").arg(&folder);
        let daemon = Daemon::start("bgpd", &folder, &mut command)?;
        let shell = peer_program("frr", "usr/bin/vtysh")?;
        let frr = Self { host: node.host, folder, shell, _daemon: daemon };
        eventually("bgpd answers", || frr.ask(&["show version"]))?;
        Ok(frr)
    }

    fn ask(&self, lines: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.shell);
        command.env("LD_LIBRARY_PATH", libraries());
        command.arg("--vty_socket").arg(&self.folder).arg("--config_dir").arg(&self.folder);
        command.args(["-d", "bgpd"]);
        for line in lines {
            command.args(["-c", line]);
        }
        output(&mut command)
    }

    /// Guards its sessions with a reflector by another key from now on.
    ///
    /// # Errors
    /// When bgpd does not like it.
    pub fn set_password(&self, reflector: Host, password: &str) -> Result<()> {
        let router = format!("router bgp {ASN}");
        for family in [Family::V4, Family::V6] {
            let line = format!("neighbor {} password {password}", reflector.address(family));
            self.ask(&["configure terminal", &router, &line])?;
        }
        Ok(())
    }

    fn network(&self, verb: &str, net: Net) -> Result<()> {
        let router = format!("router bgp {ASN}");
        let family = format!("address-family {} unicast", word(net.family()));
        let network = format!("{verb}network {net}");
        self.ask(&["configure terminal", &router, &family, &network]).map(drop)
    }
}

/// Where the package's own shared libraries are.
fn libraries() -> PathBuf {
    let triplet = format!("usr/lib/{}-linux-gnu/frr", std::env::consts::ARCH);
    peer_folder("frr").join(Path::new(&triplet))
}

fn word(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}

impl Peer for Frr {
    fn name(&self) -> String {
        format!("FRR at {}", self.host.v4())
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
        parse_routes(&self.ask(&[&format!("show bgp {} unicast json detail", word(family))])?)
    }

    fn sessions(&self) -> Result<Vec<Session>> {
        parse_sessions(&self.ask(&["show bgp summary json"])?)
    }

    fn announce(&mut self, net: Net) -> Result<()> {
        self.network("", net)
    }

    fn withdraw(&mut self, net: Net) -> Result<()> {
        self.network("no ", net)
    }
}

/// Reads `show bgp … json detail`: for each prefix a list whose first element describes the
/// prefix and whose others are its paths.
pub(super) fn parse_routes(text: &str) -> Result<Vec<Seen>> {
    let json: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
    let mut routes = Vec::new();
    let Some(nets) = json["routes"].as_object() else {
        return Ok(routes);
    };
    for (prefix, paths) in nets {
        let net: Net = prefix.parse()?;
        for path in paths.as_array().into_iter().flatten() {
            let from = path["peer"]["peerId"].as_str().and_then(|peer| peer.parse::<IpAddr>().ok());
            // The first element has no peer, and a network of its own has the unspecified one.
            let Some(from) = from.filter(|from| !from.is_unspecified()) else {
                continue;
            };
            let parse = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
            let clusters = path["clusterList"]["list"].as_array();
            routes.push(Seen {
                net,
                from,
                next_hop: path["nexthops"][0]["ip"]
                    .as_str()
                    .and_then(|address| address.parse().ok())
                    .with_context(|| format!("next hop of {path}"))?,
                local_pref: path["locPrf"].as_u64().and_then(|value| value.try_into().ok()),
                originator: parse(&path["originatorId"]),
                clusters: clusters.into_iter().flatten().filter_map(parse).collect(),
            });
        }
    }
    Ok(routes)
}

/// Reads `show bgp summary json`: the peers of each family.
pub(super) fn parse_sessions(text: &str) -> Result<Vec<Session>> {
    let json: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
    let mut sessions = Vec::new();
    for family in json.as_object().into_iter().flatten().map(|(_, family)| family) {
        for (address, peer) in family["peers"].as_object().into_iter().flatten() {
            sessions.push(Session {
                neighbour: address.clone(),
                up: peer["state"] == "Established",
                mark: format!("{} {}", peer["connectionsEstablished"], peer["connectionsDropped"]),
            });
        }
    }
    sessions.sort();
    Ok(sessions)
}

fn render(host: Host, reflectors: &[Host], networks: &[Net], guard: Guard) -> String {
    let mut text = format!(
        "hostname frr{number}
log stdout
router bgp {ASN}
 bgp router-id {id}
 bgp log-neighbor-changes
 no bgp network import-check
 no bgp default ipv4-unicast
",
        number = host.0,
        id = host.v4(),
    );
    for family in [Family::V4, Family::V6] {
        for reflector in reflectors {
            let peer = reflector.address(family);
            let _ = write!(
                text,
                " neighbor {peer} remote-as {ASN}
 neighbor {peer} update-source {own}
 neighbor {peer} timers connect 1
",
                own = host.address(family),
            );
            if let Some(password) = guard.password {
                let _ = writeln!(text, " neighbor {peer} password {password}");
            }
            if guard.ttl_security {
                let _ = writeln!(text, " neighbor {peer} ttl-security hops 1");
            }
        }
    }
    for family in [Family::V4, Family::V6] {
        let _ = writeln!(text, " address-family {} unicast", word(family));
        for reflector in reflectors {
            let _ = writeln!(text, "  neighbor {} activate", reflector.address(family));
        }
        for net in networks.iter().filter(|net| net.family() == family) {
            let _ = writeln!(text, "  network {net}");
        }
        text.push_str(" exit-address-family\n");
    }
    text
}
