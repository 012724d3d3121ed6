//! The command line of the scenarios in which a cluster lives: `churn`, `slow-reader`,
//! `refresh-storm` and `soak`.

use std::time::Duration;

use clap::Args;
use humantime::format_duration;

use super::{Common, NodeArgs};
use crate::preset::Preset;
use crate::scenario::live::{Kind, Shape};
use crate::scenario::refresh_storm::STORMS_MAX;
use crate::scenario::slow_reader::Slow;
use crate::scenario::soak::Weights;

/// What a scenario takes where the command line does not say, by `--size`.
struct Presets {
    nodes: Preset,
    rate: Preset<f64>,
    padding: Preset,
    duration: Preset<Duration>,
}

/// `churn`: fifty changes a second, as a large cluster has in a bad hour.
const CHURN: Presets = Presets {
    nodes: Preset([100, 1000, 5000]),
    rate: Preset([50.0; 3]),
    padding: Preset([0; 3]),
    duration: seconds([5, 30, 60]),
};
/// `slow-reader`: so much for each node that the slow ones soon fall behind by more than socket
/// buffers hold: a megabyte a second, with large size a fifth of it for longer.
const SLOW_READER: Presets = Presets {
    nodes: Preset([20, 100, 500]),
    rate: Preset([500.0, 500.0, 100.0]),
    padding: Preset([2000; 3]),
    duration: seconds([5, 10, 60]),
};
/// `refresh-storm`: as `churn`.
const REFRESH_STORM: Presets = Presets {
    nodes: Preset([100, 1000, 2000]),
    rate: Preset([50.0; 3]),
    padding: Preset([0; 3]),
    duration: seconds([3, 10, 10]),
};
/// `soak`: half a minute to see that it works, an hour, a night.
const SOAK: Presets = Presets {
    nodes: Preset([50, 200, 1000]),
    rate: Preset([50.0; 3]),
    padding: Preset([0; 3]),
    duration: seconds([30, 3600, 28_800]),
};

/// So many seconds, by size.
const fn seconds([small, medium, large]: [u64; 3]) -> Preset<Duration> {
    Preset([Duration::from_secs(small), Duration::from_secs(medium), Duration::from_secs(large)])
}

impl Presets {
    /// What they are, for the end of `--help`.
    fn help(&self) -> String {
        let times = Preset(self.duration.0.map(format_duration));
        let lines = [
            self.nodes.help("--nodes"),
            self.rate.help("--rate"),
            self.padding.help("--padding"),
            times.help("--duration"),
        ];
        format!("Numbers where none are given:\n  {}", lines.join("\n  "))
    }
}

/// What the scenarios with a living cluster have in common.
#[derive(Clone, Debug, Args)]
pub struct LiveArgs {
    /// What all scenarios have in common.
    #[command(flatten)]
    pub common: Common,
    /// Nodes [by --size, see below].
    #[arg(long, value_name = "COUNT")]
    pub nodes: Option<u32>,
    /// What each of them announces.
    #[command(flatten)]
    pub each: NodeArgs,
    /// Changes a second; they do not wait for the target [by --size, see below].
    #[arg(long)]
    pub rate: Option<f64>,
    /// Changes at once; the rate is kept on average.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub burst: u32,
    /// Octets of communities in changed attributes [by --size, see below].
    #[arg(long, value_name = "OCTETS")]
    pub padding: Option<u32>,
    /// How long routes change; with `slow-reader` without slow readers and as long with, with
    /// `refresh-storm` before each storm [by --size, see below].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
}

impl LiveArgs {
    fn shape(&self, presets: &Presets) -> Result<Shape, String> {
        let size = self.common.size;
        let nodes = presets.nodes.pick(self.nodes, size);
        let shape = Shape {
            cluster: self.each.cluster(&self.common, nodes)?,
            padding: presets.padding.pick(self.padding, size),
            rate: presets.rate.pick(self.rate, size),
            burst: self.burst,
            duration: presets.duration.pick(self.duration, size),
            seed: self.common.seed,
        };
        shape.check().map(|()| shape)
    }
}

/// `churn`.
#[derive(Clone, Debug, Args)]
#[command(after_help = CHURN.help())]
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
        self.live.shape(&CHURN)
    }
}

/// `slow-reader`.
#[derive(Clone, Debug, Args)]
#[command(after_help = SLOW_READER.help())]
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
        let shape = self.live.shape(&SLOW_READER)?;
        let slow = Slow { share: self.slow_share, rate: self.slow_rate };
        slow.check(shape.cluster.nodes)?;
        Ok((shape, slow))
    }
}

/// `refresh-storm`.
#[derive(Clone, Debug, Args)]
#[command(after_help = REFRESH_STORM.help())]
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
        self.live.shape(&REFRESH_STORM)
    }
}

/// `soak`.
#[derive(Clone, Debug, Args)]
#[command(after_help = SOAK.help())]
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
        let shape = self.live.shape(&SOAK)?;
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
    use clap::{CommandFactory as _, Parser as _};

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
            match command("churn --size large --families ipv6 --duration 2s") {
                Command::Churn(args) => args.shape(),
                other => panic!("{other:?}"),
            },
        ];
        let told = shapes.map(|shape| {
            let shape = shape.expect("playable");
            (shape.cluster.nodes, shape.rate, shape.duration.as_secs())
        });
        assert_eq!(
            told,
            [(1000, 50.0, 30), (100, 500.0, 10), (7, 1.5, 10), (200, 50.0, 3600), (5000, 50.0, 2)]
        );
    }

    #[test]
    fn the_help_of_each_tells_its_numbers() {
        let mut cli = Cli::command();
        let mut help = |name| {
            let scenario = cli.find_subcommand_mut(name).expect("a scenario");
            scenario.render_long_help().to_string()
        };
        let soak = help("soak");
        assert!(soak.contains("--duration [by --size: 30s, 1h or 8h]"), "{soak}");
        let slow = help("slow-reader");
        assert!(slow.contains("--rate [by --size: 500, 500 or 100]"), "{slow}");
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        for line in [
            "churn --rate 0",
            "churn --families ipv6 --blocks 4",
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
