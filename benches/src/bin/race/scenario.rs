//! What is played: arguments of `albedo-loadtest`, by name.

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// The load generator's arguments.
    pub(crate) arguments: &'static [&'static str],
    /// Sessions that are played, for daemons that need each peer written down.
    pub(crate) sessions: u32,
}

/// All of them.
pub(crate) const ALL: [Scenario; 11] = [
    Scenario {
        name: "cluster-100",
        arguments: &["cluster", "--nodes", "100", "--blocks", "4"],
        sessions: 100,
    },
    Scenario {
        name: "cluster-500",
        arguments: &["cluster", "--nodes", "500", "--blocks", "4"],
        sessions: 500,
    },
    Scenario {
        name: "cluster-1000",
        arguments: &["cluster", "--nodes", "1000", "--blocks", "4"],
        sessions: 1000,
    },
    Scenario {
        name: "cluster-2000",
        arguments: &["cluster", "--nodes", "2000", "--blocks", "4"],
        sessions: 2000,
    },
    Scenario {
        name: "cluster-5000",
        arguments: &["cluster", "--nodes", "5000", "--blocks", "4"],
        sessions: 5000,
    },
    Scenario {
        name: "sync-1000",
        arguments: &["cluster", "--nodes", "1000", "--blocks", "4", "--synchronised"],
        sessions: 1000,
    },
    Scenario {
        name: "sync-2000",
        arguments: &["cluster", "--nodes", "2000", "--blocks", "4", "--synchronised"],
        sessions: 2000,
    },
    Scenario {
        name: "table-20k",
        arguments: &["table", "--prefixes", "20000", "--sets", "3000", "--receivers", "5"],
        sessions: 6,
    },
    Scenario {
        name: "table-200k",
        arguments: &["table", "--prefixes", "200000", "--sets", "30000", "--receivers", "20"],
        sessions: 21,
    },
    Scenario {
        name: "table-100k-wide",
        arguments: &["table", "--prefixes", "100000", "--sets", "15000", "--receivers", "100"],
        sessions: 101,
    },
    Scenario {
        name: "table-1m",
        arguments: &["table", "--prefixes", "1000000", "--sets", "150000", "--receivers", "10"],
        sessions: 11,
    },
];

impl Scenario {
    /// The scenario of a name.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|scenario| scenario.name == name)
    }
}
