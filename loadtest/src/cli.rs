//! The command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::check::{Expectation, Rules};
use crate::fleet::Settings;
use crate::prefix::Family;
use crate::run::Conduct;
use crate::scenario::{LOCAL_PREF_CALICO, SourceNet, Start, cluster, table};

pub mod live;

/// The BGP port.
const PORT: u16 = 179;
/// The cluster id that announcements bear towards a relay that does not reflect.
const VERBATIM_CLUSTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Loads a BGP route reflector and checks every route that it passes on.
#[derive(Clone, Debug, Parser)]
#[command(name = "albedo-loadtest", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Nodes of a Calico cluster: each announces a few blocks and has to get all others'.
    Cluster(ClusterArgs),
    /// A large table from few sources to some receivers.
    Table(TableArgs),
    /// Routes of a cluster change at a set rate; each change is followed to every receiver.
    Churn(live::ChurnArgs),
    /// Some nodes read slowly or not at all while routes change.
    SlowReader(live::SlowReaderArgs),
    /// All nodes ask for all routes again while routes change.
    RefreshStorm(live::RefreshStormArgs),
    /// Routes change, nodes restart and ask for refreshes at random, for a long time.
    Soak(live::SoakArgs),
    /// A relay without BGP logic, to measure what is left when a reflector's own work is nothing.
    Floor(FloorArgs),
}

/// What all scenarios have in common.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The daemon, as ADDRESS or ADDRESS:PORT.
    #[arg(long, value_parser = parse_target)]
    pub target: SocketAddr,
    /// AS number, the daemon's and ours.
    #[arg(long = "as", value_name = "ASN", default_value_t = 64512)]
    pub asn: u32,
    /// Network that the played nodes have their addresses in; they must be local to this machine.
    #[arg(long, value_name = "NETWORK", default_value = "127.1.0.0/16")]
    pub source_net: SourceNet,
    /// Hold time offered; 0s for none.
    #[arg(long, default_value = "90s", value_parser = humantime::parse_duration)]
    pub hold_time: Duration,
    /// A run that is not complete by then has failed.
    #[arg(long, default_value = "120s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// How long the tables have to stay exact.
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    pub settle: Duration,
    /// A connection attempt is given up, and a failed one repeated, after this time.
    #[arg(long, default_value = "300ms", value_parser = humantime::parse_duration)]
    pub connect_retry: Duration,
    /// The daemon's cluster id, where it is not its BGP identifier.
    #[arg(long, value_name = "ID")]
    pub cluster_id: Option<Ipv4Addr>,
    /// The target passes routes on as they are (`floor`): they bear `ORIGINATOR_ID` and
    /// `CLUSTER_LIST` from the start, so that as many octets flow.
    #[arg(long)]
    pub verbatim: bool,
    /// A `MULTI_EXIT_DISC` of 0 counts as none: FRR puts it in.
    #[arg(long)]
    pub zero_med_is_absent: bool,
    /// The target's process, to measure its CPU and memory; may be given several times.
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// Everything made up follows from this number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How often to run the scenario.
    #[arg(long, value_name = "TIMES", default_value_t = 1)]
    pub repeat: u32,
    /// Time between repetitions.
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub pause: Duration,
    /// Faults listed in words at most.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub faults: usize,
    /// Write the results to a file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// No progress on standard error.
    #[arg(long)]
    pub quiet: bool,
}

impl Common {
    /// How the nodes meet the target.
    #[must_use]
    pub fn settings(&self, families: Vec<Family>) -> Settings {
        Settings {
            target: self.target,
            asn: self.asn,
            hold_time: self.hold_time,
            families,
            connect_retry: self.connect_retry,
            cluster_id: self.cluster_id.map(Ipv4Addr::to_bits),
            rules: self.rules(),
        }
    }

    /// How a run is conducted.
    #[must_use]
    pub fn conduct(&self) -> Conduct {
        Conduct {
            timeout: self.timeout,
            settle: self.settle,
            pids: self.pid.clone(),
            faults_max: self.faults,
            shows_progress: !self.quiet,
        }
    }

    const fn rules(&self) -> Rules {
        let expectation =
            if self.verbatim { Expectation::Verbatim } else { Expectation::Reflected };
        Rules { expectation, zero_med_is_absent: self.zero_med_is_absent }
    }

    fn announced_cluster(&self) -> u32 {
        self.cluster_id.unwrap_or(VERBATIM_CLUSTER).to_bits()
    }
}

/// `cluster`.
#[derive(Clone, Debug, Args)]
pub struct ClusterArgs {
    /// What all scenarios have in common.
    #[command(flatten)]
    pub common: Common,
    /// Nodes.
    #[arg(long, default_value_t = 1000)]
    pub nodes: u32,
    /// IPv4 blocks (/26) of each node.
    #[arg(long, default_value_t = 4)]
    pub blocks: u32,
    /// IPv6 blocks (/122) of each node.
    #[arg(long, default_value_t = 0)]
    pub blocks_v6: u32,
    /// `LOCAL_PREF` of all routes; the default is what Calico's nodes send.
    #[arg(long, value_name = "PREF", default_value_t = LOCAL_PREF_CALICO)]
    pub local_pref: u32,
    /// Nobody announces before all sessions are up.
    #[arg(long)]
    pub synchronised: bool,
}

impl ClusterArgs {
    /// The cluster's shape.
    #[must_use]
    pub fn shape(&self) -> cluster::Shape {
        cluster::Shape {
            nodes: self.nodes,
            blocks_v4: self.blocks,
            blocks_v6: self.blocks_v6,
            source_net: self.common.source_net,
            local_pref: self.local_pref,
            rules: self.common.rules(),
            cluster_id: self.common.announced_cluster(),
        }
    }

    /// When nodes announce.
    #[must_use]
    pub const fn start(&self) -> Start {
        if self.synchronised { Start::Synchronised } else { Start::Cold }
    }
}

/// What the sources of a table are to the reflector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceRole {
    /// Clients, as the receivers.
    Client,
    /// Other internal peers.
    NonClient,
}

/// `table`.
#[derive(Clone, Debug, Args)]
pub struct TableArgs {
    /// What all scenarios have in common.
    #[command(flatten)]
    pub common: Common,
    /// Prefixes.
    #[arg(long, default_value_t = 200_000)]
    pub prefixes: u32,
    /// Attribute sets.
    #[arg(long, default_value_t = 30_000)]
    pub sets: u32,
    /// Sessions that announce.
    #[arg(long, default_value_t = 1)]
    pub sources: u32,
    /// Sessions that only receive.
    #[arg(long, default_value_t = 20)]
    pub receivers: u32,
    /// What the sources are to the reflector, by its configuration.
    #[arg(long, value_enum, default_value_t = SourceRole::Client)]
    pub source_role: SourceRole,
    /// Replay the UPDATEs of a recording (MRT, BGP4MP) instead of making a table up.
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["prefixes", "sets", "sources", "verbatim"])]
    pub mrt: Option<PathBuf>,
    /// Announce at once, not when all sessions are up.
    #[arg(long)]
    pub cold: bool,
    /// Families offered.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ipv4-unicast")]
    pub families: Vec<Family>,
}

impl TableArgs {
    /// The table's shape.
    #[must_use]
    pub fn shape(&self) -> table::Shape {
        table::Shape {
            prefixes: self.prefixes,
            sets: self.sets,
            sources: self.sources,
            receivers: self.receivers,
            has_non_client_sources: self.source_role == SourceRole::NonClient,
            source_net: self.common.source_net,
            seed: self.common.seed,
            rules: self.common.rules(),
            cluster_id: self.common.announced_cluster(),
        }
    }

    /// When sources announce.
    #[must_use]
    pub const fn start(&self) -> Start {
        if self.cold { Start::Cold } else { Start::Synchronised }
    }
}

/// `floor`.
#[derive(Clone, Debug, Args)]
pub struct FloorArgs {
    /// Where to listen, as ADDRESS or ADDRESS:PORT.
    #[arg(long, value_parser = parse_target, default_value = "127.0.0.1:1790")]
    pub listen: SocketAddr,
    /// Its BGP identifier.
    #[arg(long, default_value_t = VERBATIM_CLUSTER)]
    pub router_id: Ipv4Addr,
}

/// An address with a port, or one that gets the BGP port.
fn parse_target(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .or_else(|_| text.parse().map(|addr: IpAddr| SocketAddr::new(addr, PORT)))
        .map_err(|_| "expected an address such as 10.0.0.1 or 10.0.0.1:1790".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Cli, parse_target};
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["x", "cluster", "--target", "10.0.0.1", "--nodes", "5"]);
        assert!(cli.is_ok());
        let both = ["x", "table", "--target", "10.0.0.1", "--mrt", "f", "--sets", "5"];
        assert!(Cli::try_parse_from(both).is_err());
    }

    #[test]
    fn targets_have_a_default_port() {
        assert_eq!(parse_target("10.0.0.1").map(|t| t.to_string()), Ok("10.0.0.1:179".to_owned()));
        assert_eq!(parse_target("[::1]:5").map(|t| t.port()), Ok(5));
        assert!(parse_target("host").is_err());
    }
}
