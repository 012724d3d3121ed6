//! Who takes part: how each daemon is set, and why. Everybody gets the settings that make it
//! fastest while it still does the job.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde::Serialize;

use crate::namespace::Namespace;
use crate::scenario::Scenario;

/// A daemon, or what stands for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Contestant {
    /// Ours.
    Albedo,
    /// BIRD 1.6, as Calico has it.
    Bird,
    /// BIRD 2.
    Bird2,
    /// FRR's bgpd.
    Frr,
    /// The relay without BGP logic.
    Floor,
}

/// Where programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Folder of Albedo's and the load generator's programs.
    pub(crate) own: PathBuf,
    /// Folder that `cargo xtask install` fills.
    pub(crate) cache: PathBuf,
    /// Albedo's shards, where not its default.
    pub(crate) shards: Option<u32>,
}

impl Contestant {
    /// Everybody, in the order in which they play.
    pub(crate) const ALL: [Self; 5] =
        [Self::Albedo, Self::Bird, Self::Bird2, Self::Frr, Self::Floor];

    /// The name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Albedo => "Albedo",
            Self::Bird => "BIRD 1.6",
            Self::Bird2 => "BIRD 2",
            Self::Frr => "FRR",
            Self::Floor => "floor",
        }
    }

    /// Whether it is somebody else's daemon.
    pub(crate) const fn is_rival(self) -> bool {
        matches!(self, Self::Bird | Self::Bird2 | Self::Frr)
    }

    /// How it is set, and why, in one line.
    pub(crate) const fn settings(self) -> &'static str {
        match self {
            Self::Albedo => "defaults; one range of passive clients",
            Self::Bird | Self::Bird2 => {
                "every peer written down, passive; no kernel protocol; error wait 1 s, so that \
                 refused peers may return soon"
            }
            Self::Frr => {
                "datacenter profile; no kernel and no zebra (-n -Z); coalesce-time 0 and \
                 advertisement-interval 0 (the defaults wait up to a second); one peer group over \
                 a listen range (one update group); it adds a MED of 0, which is let pass"
            }
            Self::Floor => "no BGP logic: the same octets to everybody else",
        }
    }

    /// Its program.
    pub(crate) fn program(self, programs: &Programs) -> PathBuf {
        let peers = programs.cache.join("peers");
        match self {
            Self::Albedo => programs.own.join("albedo"),
            Self::Bird => peers.join("bird/usr/sbin/bird"),
            Self::Bird2 => peers.join("bird2/usr/sbin/bird"),
            Self::Frr => peers.join("frr/usr/lib/frr/bgpd"),
            Self::Floor => programs.own.join("albedo-loadtest"),
        }
    }

    /// What the load generator has to be told about it.
    pub(crate) const fn load_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Frr => &["--zero-med-is-absent"],
            Self::Floor => &["--verbatim"],
            _ => &[],
        }
    }

    /// What starts it in a namespace, with its files in `folder`.
    pub(crate) fn command(
        self,
        programs: &Programs,
        namespace: &Namespace,
        scenario: &Scenario,
        folder: &Path,
    ) -> Result<Command> {
        let program = fs::canonicalize(self.program(programs))?;
        let mut command = namespace.command(&program);
        let config = folder.join("config");
        let text = match self {
            Self::Albedo => albedo_config(programs.shards),
            Self::Bird => bird_config(scenario.sessions, BIRD_1),
            Self::Bird2 => bird_config(scenario.sessions, BIRD_2),
            Self::Frr => FRR.to_owned(),
            Self::Floor => String::new(),
        };
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        match self {
            Self::Albedo => {
                command.arg("run").arg("--config").arg(&config);
            }
            Self::Bird | Self::Bird2 => {
                command.arg("-f").arg("-c").arg(&config);
                command.arg("-s").arg(folder.join("socket")).arg("-P").arg(folder.join("pid"));
            }
            Self::Frr => {
                command.args(["-Z", "-n", "-S", "-P", "0", "-l", "10.0.0.1", "-f"]).arg(&config);
                command.arg("-i").arg(folder.join("pid")).arg("--vty_socket").arg(folder);
                let libraries = programs.cache.join("peers/frr/usr/lib");
                let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
                let libraries = fs::canonicalize(libraries.join(triplet).join("frr"))?;
                command.env("LD_LIBRARY_PATH", libraries);
            }
            Self::Floor => {
                command.args(["floor", "--listen", "10.0.0.1:179"]);
            }
        }
        Ok(command)
    }
}

fn albedo_config(shards: Option<u32>) -> String {
    let shards = shards.map(|count| format!("shards: {count}\n")).unwrap_or_default();
    format!("{ALBEDO}{shards}")
}

/// One line a peer, then, after what a version of BIRD has in front.
fn bird_config(sessions: u32, head: &str) -> String {
    let mut out = head.to_owned();
    for n in 1..=sessions {
        let [_, _, high, low] = n.to_be_bytes();
        out.push_str(&format!(
            "protocol bgp n{n} from node {{ neighbor 10.1.{high}.{low} as 64512; }}\n"
        ));
    }
    out
}

const ALBEDO: &str = r#"asNumber: 64512
routerId: 10.0.0.1
listen: ["10.0.0.1:179"]
peerGroups:
  - name: nodes
    asNumber: internal
    role: client
    ranges: ["10.0.0.0/8"]
    families: [ipv4-unicast]
    passive: true
logLevel: warn
"#;

const BIRD_1: &str = "router id 10.0.0.1;
log stderr { warning, error, fatal, bug };
listen bgp address 10.0.0.1 port 179;
protocol device { scan time 60; }
protocol direct { interface \"hop0\"; }
template bgp node {
  local 10.0.0.1 as 64512; passive; rr client; rr cluster id 10.0.0.1; hold time 90;
  error wait time 1,1; gateway recursive; import all; export where source = RTS_BGP;
}
";

const BIRD_2: &str = "router id 10.0.0.1;
log stderr { warning, error, fatal, bug };
protocol device { scan time 60; }
protocol direct { ipv4; interface \"hop0\"; }
template bgp node {
  local 10.0.0.1 as 64512; passive; rr client; rr cluster id 10.0.0.1; hold time 90;
  error wait time 1,1;
  ipv4 { gateway recursive; import all; export where source = RTS_BGP; };
}
";

const FRR: &str = "frr defaults datacenter
log stdout errors
router bgp 64512
 bgp router-id 10.0.0.1
 bgp cluster-id 10.0.0.1
 coalesce-time 0
 no bgp default ipv4-unicast
 no bgp network import-check
 neighbor nodes peer-group
 neighbor nodes remote-as 64512
 neighbor nodes timers 30 90
 neighbor nodes passive
 neighbor nodes advertisement-interval 0
 bgp listen limit 65535
 bgp listen range 10.0.0.0/8 peer-group nodes
 address-family ipv4 unicast
  neighbor nodes activate
  neighbor nodes route-reflector-client
 exit-address-family
";
