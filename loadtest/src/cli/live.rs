//! The command line of the scenarios in which a cluster lives: `churn`, `slow-reader`,
//! `refresh-storm` and `soak`.

use std::time::Duration;

use clap::Args;

use super::Common;
use crate::scenario::live::{Kind, Shape};
use crate::scenario::refresh_storm::STORMS_MAX;
use crate::scenario::slow_reader::Slow;
use crate::scenario::soak::Weights;
use crate::scenario::{LOCAL_PREF_CALICO, cluster};

/// What a scenario takes where the command line does not say.
struct Presets {
    nodes: u32,
    rate: f64,
    padding: u32,
    duration: Duration,
}

/// `churn`: fifty changes a second, as a large cluster has in a bad hour.
const CHURN: Presets =
    Presets { nodes: 1000, rate: 50.0, padding: 0, duration: Duration::from_secs(30) };
/// `slow-reader`: a megabyte a second for each node, so that the slow ones soon fall behind by
/// more than socket buffers hold.
const SLOW_READER: Presets =
    Presets { nodes: 100, rate: 500.0, padding: 2000, duration: Duration::from_secs(10) };
/// `refresh-storm`: as `churn`.
const REFRESH_STORM: Presets =
    Presets { nodes: 1000, rate: 50.0, padding: 0, duration: Duration::from_secs(10) };
/// `soak`: an hour.
const SOAK: Presets =
    Presets { nodes: 200, rate: 50.0, padding: 0, duration: Duration::from_secs(3600) };

/// What the scenarios with a living cluster have in common.
#[derive(Clone, Debug, Args)]
pub struct LiveArgs {
    /// What all scenarios have in common.
    #[command(flatten)]
    pub common: Common,
    /// Nodes; 1000 by default, `slow-reader` 100, `soak` 200.
    #[arg(long)]
    pub nodes: Option<u32>,
    /// IPv4 blocks (/26) of each node.
    #[arg(long, default_value_t = 4)]
    pub blocks: u32,
    /// IPv6 blocks (/122) of each node.
    #[arg(long, default_value_t = 0)]
    pub blocks_v6: u32,
    /// `LOCAL_PREF` of all routes; the default is what Calico's nodes send.
    #[arg(long, value_name = "PREF", default_value_t = LOCAL_PREF_CALICO)]
    pub local_pref: u32,
    /// Changes a second; 50 by default, `slow-reader` 500. They do not wait for the target.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Changes at once; the rate is kept on average.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub burst: u32,
    /// Octets of communities in changed attributes; none by default, `slow-reader` 2000.
    #[arg(long, value_name = "OCTETS")]
    pub padding: Option<u32>,
    /// How long routes change: `churn` 30s by default, `slow-reader` 10s without slow readers and
    /// as long with, `refresh-storm` 10s before each storm, `soak` 1h.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
}

impl LiveArgs {
    fn shape(&self, presets: &Presets) -> Shape {
        let cluster = cluster::Shape {
            nodes: self.nodes.unwrap_or(presets.nodes),
            blocks_v4: self.blocks,
            blocks_v6: self.blocks_v6,
            source_net: self.common.source_net,
            local_pref: self.local_pref,
            rules: self.common.rules(),
            cluster_id: self.common.announced_cluster(),
        };
        Shape {
            cluster,
            padding: self.padding.unwrap_or(presets.padding),
            rate: self.rate.unwrap_or(presets.rate),
            burst: self.burst,
            duration: self.duration.unwrap_or(presets.duration),
            seed: self.common.seed,
        }
    }
}

/// `churn`.
#[derive(Clone, Debug, Args)]
pub struct ChurnArgs {
    /// What all of them have in common.
    #[command(flatten)]
    pub live: LiveArgs,
    /// What a change is.
    #[arg(long, value_enum, default_value_t = Kind::Attributes)]
    pub change: Kind,
}

impl ChurnArgs {
    /// How the cluster lives.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub fn shape(&self) -> Result<Shape, String> {
        let shape = self.live.shape(&CHURN);
        shape.check().map(|()| shape)
    }
}

/// `slow-reader`.
#[derive(Clone, Debug, Args)]
pub struct SlowReaderArgs {
    /// What all of them have in common.
    #[command(flatten)]
    pub live: LiveArgs,
    /// Slow readers in 100 nodes; at least one node is slow.
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    pub slow_share: f64,
    /// Octets that a slow reader reads in a second; 0: it stops reading.
    #[arg(long, value_name = "OCTETS", default_value_t = 0)]
    pub slow_rate: u64,
}

impl SlowReaderArgs {
    /// How the cluster lives, and who is slow.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub fn shape(&self) -> Result<(Shape, Slow), String> {
        let shape = self.live.shape(&SLOW_READER);
        shape.check()?;
        let slow = Slow { share: self.slow_share, rate: self.slow_rate };
        slow.check(shape.cluster.nodes)?;
        Ok((shape, slow))
    }
}

/// `refresh-storm`.
#[derive(Clone, Debug, Args)]
pub struct RefreshStormArgs {
    /// What all of them have in common.
    #[command(flatten)]
    pub live: LiveArgs,
    /// How often all nodes ask.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub storms: u32,
}

impl RefreshStormArgs {
    /// How the cluster lives.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub fn shape(&self) -> Result<Shape, String> {
        if !(1..=STORMS_MAX).contains(&self.storms) {
            return Err(format!("{} storms: expected 1 to {STORMS_MAX}", self.storms));
        }
        let shape = self.live.shape(&REFRESH_STORM);
        shape.check().map(|()| shape)
    }
}

/// `soak`.
#[derive(Clone, Debug, Args)]
pub struct SoakArgs {
    /// What all of them have in common.
    #[command(flatten)]
    pub live: LiveArgs,
    /// How often everything falls quiet and all tables have to be exact.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    #[arg(value_parser = humantime::parse_duration)]
    pub check_every: Duration,
    /// How often a route gets other attributes, as a weight beside the others.
    #[arg(long, value_name = "WEIGHT", default_value_t = 800)]
    pub weight_attributes: u32,
    /// How often a route is withdrawn or announced again.
    #[arg(long, value_name = "WEIGHT", default_value_t = 180)]
    pub weight_presence: u32,
    /// How often a node restarts.
    #[arg(long, value_name = "WEIGHT", default_value_t = 10)]
    pub weight_restarts: u32,
    /// How often a node asks for all routes again.
    #[arg(long, value_name = "WEIGHT", default_value_t = 10)]
    pub weight_refreshes: u32,
}

impl SoakArgs {
    /// How the cluster lives, and what happens in it.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub fn shape(&self) -> Result<(Shape, Weights), String> {
        let shape = self.live.shape(&SOAK);
        shape.check()?;
        if self.check_every.is_zero() {
            return Err("--check-every 0: expected above 0".to_owned());
        }
        let weights = Weights {
            attributes: self.weight_attributes,
            presence: self.weight_presence,
            restarts: self.weight_restarts,
            refreshes: self.weight_refreshes,
        };
        weights.check().map(|()| (shape, weights))
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn command(line: &str) -> Command {
        let words = ["x"].into_iter().chain(line.split_ascii_whitespace());
        Cli::try_parse_from(words.chain(["--target", "10.0.0.1"])).expect("a command").command
    }

    #[test]
    fn scenarios_have_their_own_presets() {
        let shapes = [
            match command("churn --change presence") {
                Command::Churn(args) => args.shape(),
                other => panic!("{other:?}"),
            },
            match command("slow-reader") {
                Command::SlowReader(args) => args.shape().map(|(shape, _)| shape),
                other => panic!("{other:?}"),
            },
            match command("refresh-storm --nodes 7 --rate 1.5") {
                Command::RefreshStorm(args) => args.shape(),
                other => panic!("{other:?}"),
            },
            match command("soak --check-every 1s") {
                Command::Soak(args) => args.shape().map(|(shape, _)| shape),
                other => panic!("{other:?}"),
            },
        ];
        let told = shapes.map(|shape| {
            let shape = shape.expect("playable");
            (shape.cluster.nodes, shape.rate, shape.duration.as_secs())
        });
        assert_eq!(told, [(1000, 50.0, 30), (100, 500.0, 10), (7, 1.5, 10), (200, 50.0, 3600)]);
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        for line in [
            "churn --rate 0",
            "slow-reader --slow-share 0",
            "slow-reader --nodes 2",
            "refresh-storm --storms 0",
            "refresh-storm --storms 1001",
            "refresh-storm --burst 0",
            "soak --check-every 0s",
            "soak --weight-attributes 0 --weight-presence 0 --weight-restarts 0 \
             --weight-refreshes 0",
        ] {
            let result = match command(line) {
                Command::Churn(args) => args.shape().map(|_| ()),
                Command::SlowReader(args) => args.shape().map(|_| ()),
                Command::RefreshStorm(args) => args.shape().map(|_| ()),
                Command::Soak(args) => args.shape().map(|_| ()),
                other => panic!("{other:?}"),
            };
            assert!(result.is_err(), "{line}");
        }
    }
}
