//! What is played: arguments of `albedo-loadtest`, by name, and which figures matter.

use anyhow::{Result, bail};

use crate::bars;

/// A figure that is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its name in the load generator's file.
    pub(crate) figure: &'static str,
    /// Its name in tables, with its unit.
    pub(crate) label: &'static str,
    /// What it is multiplied with to come to that unit.
    pub(crate) scale: f64,
    /// Whether Albedo's is given as a multiple of others'.
    pub(crate) is_compared: bool,
}

const fn compared(figure: &'static str, label: &'static str, scale: f64) -> Column {
    Column { figure, label, scale, is_compared: true }
}

const fn shown(figure: &'static str, label: &'static str, scale: f64) -> Column {
    Column { figure, label, scale, is_compared: false }
}

const WALL: Column = compared("wall", "wall s", 1.0);
const CPU: Column = compared("cpu", "CPU s", 1.0);
const PEAK: Column = compared("peak", "peak MB", 1e-6);
const OCTETS: Column = shown("octets", "MB sent", 1e-6);
const UPDATES: Column = shown("updates", "UPDATEs", 1.0);
const GENERATOR: Column = shown("generator_cpu", "generator CPU s", 1.0);

/// Until all is where it belongs.
const CONVERGENCE: &[Column] = &[WALL, CPU, PEAK, OCTETS, UPDATES, GENERATOR];
/// Until a change is where it belongs.
const LATENCY: &[Column] = &[
    compared("delivery_p50", "p50 ms", 1e3),
    compared("delivery_p99", "p99 ms", 1e3),
    shown("delivery_max", "max ms", 1e3),
    shown("delivered_share", "delivered", 1.0),
    CPU,
    PEAK,
    OCTETS,
    UPDATES,
    GENERATOR,
];
/// As convergence, and what those got that had no part in it.
const RESTART: &[Column] = &[
    WALL,
    CPU,
    PEAK,
    OCTETS,
    shown("octets_uninvolved", "MB to the uninvolved", 1e-6),
    shown("waste", "× the least", 1.0),
    UPDATES,
    GENERATOR,
];
/// What some slow readers do to the others, and to the daemon.
const SLOW: &[Column] = &[
    shown("p99_ratio", "p99 × without", 1.0),
    shown("memory_growth", "growth MB", 1e-6),
    CPU,
    PEAK,
    OCTETS,
    UPDATES,
    GENERATOR,
];

/// From the start of a daemon that was stopped.
const STARTUP: &[Column] = &[
    compared("end_of_rib_p50", "median End-of-RIB s", 1.0),
    compared("end_of_rib_max", "last End-of-RIB s", 1.0),
    WALL,
    CPU,
    PEAK,
    OCTETS,
    UPDATES,
    GENERATOR,
];

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// The load generator's arguments; the first is its subcommand.
    pub(crate) arguments: &'static [&'static str],
    /// Sessions that are played, for daemons that need each peer written down.
    pub(crate) sessions: u32,
    /// The figures that matter.
    pub(crate) columns: &'static [Column],
    /// Who plays it.
    pub(crate) players: Players,
    /// Whether the daemon is stopped and started anew.
    pub(crate) restarts: bool,
}

/// Who plays a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Players {
    /// Everybody.
    All,
    /// Everybody but the relay, which withdraws nothing and waits for nobody.
    NoFloor,
    /// Albedo and the relay; rivals only where they are named, since most need many minutes and
    /// some need more memory than there is.
    Own,
}

const fn cluster(name: &'static str, arguments: &'static [&'static str], nodes: u32) -> Scenario {
    Scenario {
        name,
        arguments,
        sessions: nodes,
        columns: CONVERGENCE,
        players: Players::All,
        restarts: false,
    }
}

const fn startup(name: &'static str, arguments: &'static [&'static str], nodes: u32) -> Scenario {
    let base = cluster(name, arguments, nodes);
    Scenario { columns: STARTUP, players: Players::NoFloor, restarts: true, ..base }
}

const fn table(name: &'static str, arguments: &'static [&'static str], receivers: u32) -> Scenario {
    let sessions = receivers + 1;
    Scenario {
        name,
        arguments,
        sessions,
        columns: CONVERGENCE,
        players: Players::All,
        restarts: false,
    }
}

/// All of them.
pub(crate) const ALL: [Scenario; 17] = [
    cluster("cluster-100", &["cluster", "--nodes", "100", "--blocks", "4"], 100),
    cluster("cluster-500", &["cluster", "--nodes", "500", "--blocks", "4"], 500),
    cluster("cluster-1000", &["cluster", "--nodes", "1000", "--blocks", "4"], 1000),
    cluster("cluster-2000", &["cluster", "--nodes", "2000", "--blocks", "4"], 2000),
    Scenario {
        players: Players::Own,
        ..cluster("cluster-5000", &["cluster", "--nodes", "5000", "--blocks", "4"], 5000)
    },
    cluster("sync-1000", &["cluster", "--nodes", "1000", "--blocks", "4", "--synchronised"], 1000),
    cluster("sync-2000", &["cluster", "--nodes", "2000", "--blocks", "4", "--synchronised"], 2000),
    table("table-20k", &["table", "--prefixes", "20000", "--sets", "3000", "--receivers", "5"], 5),
    table(
        "table-200k",
        &["table", "--prefixes", "200000", "--sets", "30000", "--receivers", "20"],
        20,
    ),
    table(
        "table-100k-wide",
        &["table", "--prefixes", "100000", "--sets", "15000", "--receivers", "100"],
        100,
    ),
    table(
        "table-1m",
        &["table", "--prefixes", "1000000", "--sets", "150000", "--receivers", "10"],
        10,
    ),
    Scenario {
        name: "churn-1000",
        arguments: &["churn", "--nodes", "1000", "--rate", "50", "--duration", "5s"],
        sessions: 1000,
        columns: LATENCY,
        players: Players::All,
        restarts: false,
    },
    Scenario {
        name: "source-loss-200k",
        arguments: &["source-loss", "--prefixes", "200000", "--sets", "30000", "--receivers", "20"],
        sessions: 21,
        columns: CONVERGENCE,
        players: Players::NoFloor,
        restarts: false,
    },
    Scenario {
        name: "rolling-1000",
        arguments: &["rolling-restart", "--nodes", "1000", "--share", "5", "--rounds", "4"],
        sessions: 1000,
        columns: RESTART,
        players: Players::NoFloor,
        restarts: false,
    },
    Scenario {
        name: "slow-1000",
        // At the generator's own rate, made for fewer nodes, two processors would be the limit.
        arguments: &[
            "slow-reader",
            "--nodes",
            "1000",
            "--slow-share",
            "1",
            "--rate",
            "50",
            "--duration",
            "20s",
        ],
        sessions: 1000,
        columns: SLOW,
        players: Players::NoFloor,
        restarts: false,
    },
    startup("startup-1000", &STARTUP_1000, 1000),
    startup("startup-5000", &STARTUP_5000, 5000),
];

/// What the generator plays when a daemon starts: all nodes try to return at once.
const fn restart_of(nodes: &'static str) -> [&'static str; 10] {
    let words = ["--blocks", "4", "--graceful", "--kill", "term", "--jitter", "0s"];
    let [a, b, c, d, e, f, g] = words;
    ["reflector-restart", "--nodes", nodes, a, b, c, d, e, f, g]
}
const STARTUP_1000: [&str; 10] = restart_of("1000");
const STARTUP_5000: [&str; 10] = restart_of("5000");

/// The group of all scenarios.
const GROUP_ALL: &str = "all";
/// The group of the scenarios that a bar needs.
const GROUP_BARS: &str = "bars";

impl Scenario {
    /// The scenarios of names and groups, each once, in the order of [`ALL`].
    pub(crate) fn by_names(names: &[String]) -> Result<Vec<Self>> {
        let is_meant = |scenario: &Self, name: &str| match name {
            GROUP_ALL => true,
            GROUP_BARS => bars::needs(scenario.name),
            name => scenario.name == name,
        };
        for name in names {
            if !ALL.iter().any(|scenario| is_meant(scenario, name)) {
                bail!("no scenario and no group `{name}`; `--list` tells them");
            }
        }
        let is_wanted = |scenario: &Self| names.iter().any(|name| is_meant(scenario, name));
        Ok(ALL.into_iter().filter(is_wanted).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Scenario};
    use std::collections::BTreeSet;

    fn names(of: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = of.iter().map(|name| (*name).to_owned()).collect();
        let found = Scenario::by_names(&names).expect("known names");
        found.iter().map(|scenario| scenario.name).collect()
    }

    #[test]
    fn names_and_groups_are_found_once() {
        assert_eq!(names(&["table-20k", "cluster-100", "table-20k"]), ["cluster-100", "table-20k"]);
        assert_eq!(names(&["all", "table-20k"]).len(), ALL.len());
        let bars = names(&["bars"]);
        assert!(bars.contains(&"churn-1000") && !bars.contains(&"cluster-100"), "{bars:?}");
        assert!(Scenario::by_names(&["cluster-7".to_owned()]).is_err());
    }

    #[test]
    fn no_name_is_given_twice() {
        let names: BTreeSet<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
