//! The command line of the scenarios in which sessions end and return.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::{ClusterArgs, TableArgs, parse_target};
use crate::scenario::reflector_restart::ReflectorRestart;
use crate::scenario::reflector_restart::process::{End, Process};
use crate::scenario::rolling_restart::{self, Rolling};
use crate::scenario::source_loss::{self, SourceLoss};
use crate::scenario::two_reflectors::{TwoReflectors, What};

/// `source-loss`.
#[derive(Clone, Debug, Args)]
pub struct SourceLossArgs {
    /// The table, and who gets it; the first source goes.
    #[command(flatten)]
    pub table: TableArgs,
    /// How the source goes; silence wants a short --hold-time.
    #[arg(long, value_enum, default_value = "fin")]
    pub how: source_loss::How,
    /// The source returns when everybody has lost its routes.
    #[arg(long = "return")]
    pub returns: bool,
}

impl SourceLossArgs {
    /// What happens to the source.
    #[must_use]
    pub const fn scenario(&self) -> SourceLoss {
        SourceLoss { how: self.how, returns: self.returns }
    }
}

/// `rolling-restart`.
#[derive(Clone, Debug, Args)]
pub struct RollingArgs {
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Per cent of the nodes that restart at a time.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub share: f64,
    /// How many groups restart; by default, until everybody has.
    #[arg(long, value_name = "COUNT")]
    pub rounds: Option<u32>,
    /// How sessions end.
    #[arg(long, value_enum, default_value = "fin")]
    pub how: rolling_restart::How,
    /// Nodes restart gracefully (RFC 4724): their routes have to stay with the others.
    #[arg(long)]
    pub graceful: bool,
    /// How long a node stays away, once the others are exact without it; when gracefully, from
    /// the end of its session.
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub away: Duration,
}

impl RollingArgs {
    /// What happens to the nodes.
    #[must_use]
    pub const fn scenario(&self) -> Rolling {
        Rolling {
            share: self.share,
            rounds: self.rounds,
            how: self.how,
            is_graceful: self.graceful,
            away: self.away,
        }
    }
}

/// `reflector-restart`.
#[derive(Clone, Debug, Args)]
pub struct ReflectorRestartArgs {
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Each node returns after a time drawn evenly between nothing and this.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub jitter: Duration,
    /// How sessions end.
    #[arg(long, value_enum, default_value = "fin")]
    pub how: rolling_restart::How,
    /// Nodes know graceful restart (RFC 4724), and it is over when they have End-of-RIB, too.
    #[arg(long)]
    pub graceful: bool,
    /// End the reflector's process, the first --pid, instead of its sessions.
    #[arg(long, value_enum, requires_all = ["restart_command", "pid"], conflicts_with = "how")]
    pub kill: Option<End>,
    /// Start the process anew with this command, split at spaces and without a shell. What it
    /// prints is discarded, and it goes on when the load generator ends.
    #[arg(long, value_name = "COMMAND", requires = "kill")]
    pub restart_command: Option<String>,
}

impl ReflectorRestartArgs {
    /// The process that ends and starts anew, where that is wanted.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn process(&self) -> Result<Option<Process>, String> {
        let pid = self.cluster.common.pid.first();
        match (self.kill, &self.restart_command, pid) {
            (Some(end), Some(command), Some(&pid)) => Process::new(pid, end, command).map(Some),
            _ => Ok(None),
        }
    }

    /// What happens to the sessions.
    #[must_use]
    pub const fn scenario(&self) -> ReflectorRestart {
        let seed = self.cluster.common.seed;
        let is_graceful = self.graceful;
        ReflectorRestart { how: self.how, jitter: self.jitter, is_graceful, seed }
    }
}

/// `two-reflectors`.
#[derive(Clone, Debug, Args)]
pub struct TwoReflectorsArgs {
    /// The cluster. The first --pid is the first reflector's, a second one the second's; a
    /// --cluster-id is that of both.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The second reflector, as ADDRESS or ADDRESS:PORT.
    #[arg(long, value_parser = parse_target)]
    pub second: SocketAddr,
    /// What happens to the first reflector.
    #[arg(long, value_enum, default_value = "kill")]
    pub what: What,
    /// A lost session's routes stay for the restart time (RFC 4724), not only until it is lost.
    #[arg(long)]
    pub graceful: bool,
}

impl TwoReflectorsArgs {
    /// The second reflector, and what happens to the first.
    ///
    /// # Errors
    /// Where the first one's process is not named.
    pub fn scenario(&self) -> Result<TwoReflectors, String> {
        let pids = &self.cluster.common.pid;
        let [pid, ..] = pids[..] else {
            return Err("no --pid: expected that of the first reflector, to signal it".to_owned());
        };
        Ok(TwoReflectors { second: self.second, pid, what: self.what, is_graceful: self.graceful })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use clap::Parser as _;

    fn parse(args: &[&str]) -> Command {
        let args = ["x"].iter().chain(args);
        Cli::try_parse_from(args).expect("a command line").command
    }

    #[test]
    fn the_first_process_is_the_first_reflectors() {
        let base = ["two-reflectors", "--target", "10.0.0.1", "--second", "10.0.0.2:5"];
        let Command::TwoReflectors(args) = parse(&base) else { panic!("another scenario") };
        assert!(args.scenario().is_err());
        let pids = ["--pid", "7", "--pid", "8", "--what", "hang", "--graceful"];
        let Command::TwoReflectors(args) = parse(&[&base[..], &pids].concat()) else {
            panic!("another scenario")
        };
        let two = args.scenario().expect("a process");
        assert_eq!((two.pid, two.second.port(), two.is_graceful), (7, 5, true));
    }

    #[test]
    fn scenarios_take_the_knobs_of_their_shapes() {
        let args = ["source-loss", "--target", "10.0.0.1", "--prefixes", "9", "--return"];
        let Command::SourceLoss(args) = parse(&args) else { panic!("another scenario") };
        assert!(args.scenario().returns && args.table.prefixes == Some(9));
        let args = ["rolling-restart", "--target", "10.0.0.1", "--share", "2.5", "--how", "cease"];
        let Command::RollingRestart(args) = parse(&args) else { panic!("another scenario") };
        assert!((args.scenario().share - 2.5).abs() < f64::EPSILON && args.cluster.nodes.is_none());
        let args = ["reflector-restart", "--target", "10.0.0.1", "--jitter", "2s", "--seed", "4"];
        let Command::ReflectorRestart(args) = parse(&args) else { panic!("another scenario") };
        assert_eq!((args.scenario().seed, args.scenario().jitter.as_secs()), (4, 2));
        assert!(args.process().expect("none is wanted").is_none());
        let kill = ["x", "reflector-restart", "--target", "10.0.0.1", "--kill", "term"];
        assert!(Cli::try_parse_from(kill).is_err());
        let own = std::process::id().to_string();
        let more = ["--pid", &own, "--restart-command", "a b"];
        let Command::ReflectorRestart(args) = parse(&[&kill[1..], &more].concat()) else {
            panic!("another scenario")
        };
        assert_eq!(args.process().expect("it is us").map(|p| p.pid()), Some(std::process::id()));
    }
}
