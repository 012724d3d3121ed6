//! The command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::check::{Expectation, Rules};
use crate::fleet::Settings;
use crate::md5::Key;
use crate::prefix::Family;
use crate::preset::{Preset, Size};
use crate::run::Conduct;
use crate::scenario::{LOCAL_PREF_CALICO, SourceNet, Start, cluster, table};
use crate::threshold::Threshold;

pub mod restart;

pub mod live;

/// The BGP port.
const PORT: u16 = 179;
/// The cluster id that announcements bear towards a relay that does not reflect.
const VERBATIM_CLUSTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Nodes of a cluster.
const NODES: Preset = Preset([100, 1000, 5000]);
/// Blocks of each node, as Calico gives them.
const BLOCKS: Preset = Preset([4; 3]);
/// Prefixes of a table.
const PREFIXES: Preset = Preset([20_000, 200_000, 1_000_000]);
/// Attribute sets of a table: about as many for each prefix as in the Internet's.
const SETS: Preset = Preset([3000, 30_000, 150_000]);
/// Sessions that announce a table.
const SOURCES: Preset = Preset([1; 3]);
/// Sessions that receive a table.
const RECEIVERS: Preset = Preset([5, 20, 10]);

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
    /// A source with a full table goes.
    SourceLoss(restart::SourceLossArgs),
    /// Groups of a cluster's nodes restart one after the other.
    RollingRestart(restart::RollingArgs),
    /// All sessions drop at once and return, as when the reflector has restarted.
    ReflectorRestart(restart::ReflectorRestartArgs),
    /// Nodes with sessions to two reflectors, of which one stops, dies or hangs.
    TwoReflectors(restart::TwoReflectorsArgs),
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
    /// Compares two results written with --json: the ratios A/B of all figures, with their spread.
    Compare(CompareArgs),
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
    /// Network that the played nodes have their addresses in, of the target's family; they must
    /// be local to this machine (`ip route add local NETWORK dev lo` makes a network so).
    #[arg(long, value_name = "NETWORK", default_value = "127.1.0.0/16")]
    pub source_net: SourceNet,
    /// How much is played: sets the scenario's numbers, see there; numbers given explicitly win.
    #[arg(long, value_enum, default_value_t)]
    pub size: Size,
    /// Address families offered and played; by default those that the scenario has routes of.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FAMILY,...")]
    pub families: Option<Vec<Family>>,
    /// TCP-MD5 key (RFC 2385) of all sessions; it is left out of the results.
    #[arg(long, value_name = "KEY")]
    pub md5: Option<Key>,
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
    /// Fail with exit code 99 where a condition holds, such as 'p99 > 50ms' or 'max(wall) > 2s';
    /// may be given several times. Judged on the median over the repetitions unless max() or
    /// min() says otherwise. An unknown figure is answered with a list of all.
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<Threshold>,
    /// Write the results to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a report with plots to a file: one HTML page that needs no other file.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// No progress on standard error.
    #[arg(long)]
    pub quiet: bool,
}

impl Common {
    /// Whether what is wanted can be done, as far as that is known before.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let (target, ours) = (self.target.is_ipv6(), self.source_net.is_ipv6());
        if target != ours {
            let name = |is_v6| if is_v6 { "an IPv6" } else { "an IPv4" };
            let (target, ours) = (name(target), name(ours));
            return Err(format!("--target is {target} address, but --source-net {ours} network"));
        }
        if self.repeat == 0 {
            return Err("--repeat 0: expected at least 1".to_owned());
        }
        let is_watched = !self.pid.is_empty();
        self.fail_if.iter().try_for_each(|threshold| threshold.check_beforehand(is_watched))
    }

    /// Whether a family is among the wanted ones; `otherwise` where none were named.
    #[must_use]
    pub fn wants(&self, family: Family, otherwise: bool) -> bool {
        self.families.as_ref().map_or(otherwise, |all| all.contains(&family))
    }

    /// How the nodes meet the target; they offer the families wanted, or else those that the
    /// scenario has routes of.
    #[must_use]
    pub fn settings(&self, own: &[Family]) -> Settings {
        Settings {
            target: self.target,
            asn: self.asn,
            hold_time: self.hold_time,
            families: self.families.clone().unwrap_or_else(|| own.to_vec()),
            connect_retry: self.connect_retry,
            cluster_id: self.cluster_id.map(Ipv4Addr::to_bits),
            rules: self.rules(),
            key: self.md5.clone(),
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

/// What each node of a cluster announces.
#[derive(Clone, Debug, Args)]
pub struct NodeArgs {
    /// IPv4 blocks (/26) of each node.
    #[arg(long, value_name = "COUNT", help = BLOCKS.help("IPv4 blocks (/26) of each node"))]
    pub blocks: Option<u32>,
    /// IPv6 blocks (/122) of each node [default: as many as of IPv4 where --families names IPv6,
    /// else none].
    #[arg(long, value_name = "COUNT")]
    pub blocks_v6: Option<u32>,
    /// `LOCAL_PREF` of all routes; the default is what Calico's nodes send.
    #[arg(long, value_name = "PREF", default_value_t = LOCAL_PREF_CALICO)]
    pub local_pref: u32,
}

impl NodeArgs {
    /// The shape of a cluster of so many nodes.
    fn cluster(&self, common: &Common, nodes: u32) -> Result<cluster::Shape, String> {
        let blocks = |explicit: Option<u32>, is_wanted: bool| {
            let presets = if is_wanted { BLOCKS } else { Preset([0; 3]) };
            presets.pick(explicit, common.size)
        };
        let has_v4 = common.wants(Family::V4, true);
        let has_v6 = common.wants(Family::V6, false);
        let lacks = |family| !common.wants(family, true);
        if lacks(Family::V4) && self.blocks.is_some_and(|count| count > 0) {
            return Err("--blocks: --families does not name ipv4-unicast".to_owned());
        }
        if lacks(Family::V6) && self.blocks_v6.is_some_and(|count| count > 0) {
            return Err("--blocks-v6: --families does not name ipv6-unicast".to_owned());
        }
        let shape = cluster::Shape {
            nodes,
            blocks_v4: blocks(self.blocks, has_v4),
            blocks_v6: blocks(self.blocks_v6, has_v6),
            source_net: common.source_net,
            local_pref: self.local_pref,
            rules: common.rules(),
            cluster_id: common.announced_cluster(),
        };
        shape.check().map(|()| shape)
    }
}

/// `cluster`.
#[derive(Clone, Debug, Args)]
pub struct ClusterArgs {
    /// What all scenarios have in common.
    #[command(flatten)]
    pub common: Common,
    /// Nodes.
    #[arg(long, value_name = "COUNT", help = NODES.help("Nodes"))]
    pub nodes: Option<u32>,
    /// What each of them announces.
    #[command(flatten)]
    pub each: NodeArgs,
    /// Nobody announces before all sessions are up.
    #[arg(long)]
    pub synchronised: bool,
}

impl ClusterArgs {
    /// The cluster's shape.
    ///
    /// # Errors
    /// Where it has blocks of a family that is not wanted, in words.
    pub fn shape(&self) -> Result<cluster::Shape, String> {
        self.each.cluster(&self.common, NODES.pick(self.nodes, self.common.size))
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
    #[arg(long, value_name = "COUNT", help = PREFIXES.help("Prefixes"))]
    pub prefixes: Option<u32>,
    /// Attribute sets.
    #[arg(long, value_name = "COUNT", help = SETS.help("Attribute sets"))]
    pub sets: Option<u32>,
    /// Sessions that announce.
    #[arg(long, value_name = "COUNT", help = SOURCES.help("Sessions that announce"))]
    pub sources: Option<u32>,
    /// Sessions that only receive.
    #[arg(long, value_name = "COUNT", help = RECEIVERS.help("Sessions that only receive"))]
    pub receivers: Option<u32>,
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
}

impl TableArgs {
    /// The table's shape.
    ///
    /// # Errors
    /// Where it cannot be played, in words.
    pub fn shape(&self) -> Result<table::Shape, String> {
        if self.mrt.is_none() && !self.common.wants(Family::V4, true) {
            return Err(
                "--families: a made-up table has IPv4 routes, ipv4-unicast must be named; \
                        --mrt may have others"
                    .to_owned(),
            );
        }
        let size = self.common.size;
        let shape = table::Shape {
            prefixes: PREFIXES.pick(self.prefixes, size),
            sets: SETS.pick(self.sets, size),
            sources: SOURCES.pick(self.sources, size),
            receivers: RECEIVERS.pick(self.receivers, size),
            has_non_client_sources: self.source_role == SourceRole::NonClient,
            source_net: self.common.source_net,
            seed: self.common.seed,
            rules: self.common.rules(),
            cluster_id: self.common.announced_cluster(),
        };
        shape.check().map(|()| shape)
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
    /// TCP-MD5 key (RFC 2385) that everybody has to have.
    #[arg(long, value_name = "KEY")]
    pub md5: Option<Key>,
}

/// `compare`.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// The result in question.
    #[arg(value_name = "A.json")]
    pub a: PathBuf,
    /// What it is measured by.
    #[arg(value_name = "B.json")]
    pub b: PathBuf,
    /// Fail with exit code 99 where a condition on a ratio A/B holds, such as 'cpu > 1.1'; may be
    /// given several times. Judged on the ratio of the medians; min() and max() are its bounds.
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<Threshold>,
    /// Write the ratios to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// An address with a port, or one that gets the BGP port.
fn parse_target(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .or_else(|_| text.parse().map(|addr: IpAddr| SocketAddr::new(addr, PORT)))
        .map_err(|_| "expected an address such as 10.0.0.1 or 10.0.0.1:1790".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Cli, ClusterArgs, Command, parse_target};
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["x", "cluster", "--target", "10.0.0.1", "--nodes", "5"]);
        assert!(cli.is_ok());
        let both = ["x", "table", "--target", "10.0.0.1", "--mrt", "f", "--sets", "5"];
        assert!(Cli::try_parse_from(both).is_err());
    }

    fn cluster(more: &[&str]) -> ClusterArgs {
        let arguments = ["x", "cluster", "--target", "10.0.0.1", "--verbatim"];
        match Cli::try_parse_from(arguments.iter().chain(more)).map(|cli| cli.command) {
            Ok(Command::Cluster(args)) => args,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn sizes_set_numbers_and_explicit_ones_win() {
        let shape = |more: &[&str]| {
            cluster(more).shape().map(|shape| (shape.nodes, shape.blocks_v4, shape.blocks_v6))
        };
        assert_eq!(shape(&[]), Ok((1000, 4, 0)));
        assert_eq!(shape(&["--size", "small"]), Ok((100, 4, 0)));
        assert_eq!(shape(&["--size", "large", "--nodes", "7"]), Ok((7, 4, 0)));
        assert_eq!(shape(&["--families", "ipv4,ipv6", "--nodes", "7"]), Ok((7, 4, 4)));
        assert_eq!(shape(&["--families", "ipv6", "--nodes", "7"]), Ok((7, 0, 4)));
        assert_eq!(shape(&["--blocks-v6", "1"]), Ok((1000, 4, 1)));
        assert!(shape(&["--families", "ipv6", "--blocks", "4"]).is_err());
        assert!(shape(&["--families", "ipv4", "--blocks-v6", "4"]).is_err());
        assert!(shape(&["--nodes", "1"]).is_err());
    }

    #[test]
    fn the_help_tells_what_a_size_means() {
        let mut command = Cli::command();
        let scenario = command.find_subcommand_mut("table").expect("a scenario");
        let help = scenario.render_long_help().to_string();
        assert!(help.contains("Prefixes [by --size: 20000, 200000 or 1000000]"), "{help}");
        assert!(help.contains("numbers given explicitly win"), "{help}");
    }

    #[test]
    fn what_cannot_be_is_refused_before_the_run() {
        assert_eq!(cluster(&[]).common.check(), Ok(()));
        assert!(cluster(&["--source-net", "fd01::/64"]).common.check().is_err());
        assert!(cluster(&["--repeat", "0"]).common.check().is_err());
        assert!(cluster(&["--fail-if", "cpu > 1s"]).common.check().is_err());
        assert_eq!(cluster(&["--fail-if", "cpu > 1s", "--pid", "1"]).common.check(), Ok(()));
    }

    #[test]
    fn targets_have_a_default_port() {
        assert_eq!(parse_target("10.0.0.1").map(|t| t.to_string()), Ok("10.0.0.1:179".to_owned()));
        assert_eq!(parse_target("[::1]:5").map(|t| t.port()), Ok(5));
        assert!(parse_target("host").is_err());
    }
}
