//! Which crate may depend on which: the table of `docs/ARCHITECTURE.md`, written once.
//!
//! An arrow may only point down, so what a crate must know nothing of it cannot even name.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;

/// A package of the workspace as cargo sees it.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest, relative to the root.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's dependency tables.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether it is needed by tests only.
    pub(crate) dev: bool,
    pub(crate) default_features: bool,
}

/// A crate of ours and the crates of ours below it that it may use.
struct Row {
    name: &'static str,
    below: &'static [&'static str],
    /// What its tests may use beyond that.
    tests: &'static [&'static str],
}

const TYPES: &str = "albedo-types";
const WIRE: &str = "albedo-wire";
const FSM: &str = "albedo-fsm";
const RIB: &str = "albedo-rib";
const ENGINE: &str = "albedo-engine";
const SESSION: &str = "albedo-session";
const YAML: &str = "albedo-yaml";
const SIM: &str = "albedo-sim";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: TYPES, below: &[], tests: &[] },
    Row { name: WIRE, below: &[TYPES], tests: &[] },
    Row { name: FSM, below: &[TYPES, WIRE], tests: &[] },
    Row { name: RIB, below: &[TYPES, WIRE], tests: &[SIM] },
    Row { name: ENGINE, below: &[TYPES, WIRE, RIB], tests: &[SIM] },
    Row { name: SESSION, below: &[TYPES, WIRE, FSM, RIB, ENGINE], tests: &[SIM] },
    Row { name: "albedo-api", below: &[TYPES, ENGINE, SESSION], tests: &[RIB, WIRE] },
    Row { name: "albedo-grpc", below: &[TYPES, "albedo-api"], tests: &[] },
    Row { name: YAML, below: &[], tests: &[] },
    Row { name: "albedo-discovery", below: &[TYPES, YAML], tests: &[] },
    Row { name: "albedo-config", below: &[TYPES, YAML], tests: &[] },
    Row { name: "albedo", below: &[TYPES, WIRE, FSM, RIB, ENGINE, SESSION,
        "albedo-api", "albedo-grpc", "albedo-discovery", "albedo-config", "albedo-loadtest"],
        tests: &[] },
    Row { name: SIM, below: &[TYPES, WIRE, FSM, RIB], tests: &[] },
    Row { name: "albedo-oracle", below: &[TYPES, WIRE], tests: &[] },
    Row { name: "albedo-loadtest", below: &[TYPES, WIRE, FSM], tests: &[] },
    Row { name: "albedo-benches", below: &[TYPES, WIRE, FSM, RIB, ENGINE, SESSION], tests: &[] },
    // What Calico's nodes make of a datastore is worked out in one place, for both sides.
    Row { name: "albedo-tests", below: &[TYPES, WIRE, "albedo-discovery"], tests: &[] },
    Row { name: "xtask", below: &[], tests: &[] },
];

/// Tier 0: pure values. They may use only what [`PURE`] lists, without its default features.
pub(crate) const TIER_0: &[&str] = &[TYPES, WIRE, FSM, RIB];

/// Crates from outside that need no environment when their default features are off.
const PURE: &[&str] = &["bytes", "foldhash", "hashbrown", "smallvec", "thiserror"];

/// A crate from outside that only some of ours may use.
struct Fenced {
    name: &'static str,
    users: &'static [&'static str],
    why: &'static str,
}

const FENCED: &[Fenced] = &[
    Fenced {
        name: "tokio",
        users: &[
            SESSION,
            "albedo-api",
            "albedo-grpc",
            "albedo-discovery",
            "albedo",
            "albedo-loadtest",
            "albedo-tests",
        ],
        why: "only what owns sockets knows the runtime",
    },
    Fenced {
        name: "crossbeam-channel",
        users: &[ENGINE],
        why: "the mailboxes are the engine's, with their bounds",
    },
    Fenced {
        name: "tonic",
        users: &["albedo-grpc"],
        why: "gRPC is one of several manners of asking, and stays beside the others",
    },
    Fenced { name: "kube", users: &["albedo-discovery"], why: "only a store asks the API server" },
    Fenced {
        name: "rustls",
        users: &["albedo-discovery"],
        why: "only a store speaks TLS, and nothing on the data path does",
    },
    Fenced { name: "dashmap", users: &[ENGINE], why: "only the interner shares a map" },
];

/// Reads the packages out of what `cargo metadata --no-deps` prints.
///
/// # Errors
/// When the JSON is not of that shape.
pub(crate) fn packages(metadata: &Value) -> Result<Vec<Package>> {
    let root = metadata["workspace_root"].as_str().context("no workspace_root")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    packages
        .iter()
        .map(|package| {
            let manifest = package["manifest_path"].as_str().context("no manifest_path")?;
            let folder = manifest.strip_prefix(root).unwrap_or(manifest);
            let folder = folder.trim_start_matches('/').trim_end_matches("Cargo.toml");
            let dependencies = package["dependencies"].as_array().context("no dependencies")?;
            Ok(Package {
                name: package["name"].as_str().context("no name")?.to_owned(),
                folder: folder.trim_end_matches('/').to_owned(),
                dependencies: dependencies.iter().map(dependency).collect::<Result<_>>()?,
            })
        })
        .collect()
}

fn dependency(value: &Value) -> Result<Dependency> {
    Ok(Dependency {
        name: value["name"].as_str().context("a dependency without a name")?.to_owned(),
        dev: value["kind"].as_str() == Some("dev"),
        default_features: value["uses_default_features"].as_bool().unwrap_or(true),
    })
}

pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let Some(row) = ROWS.iter().find(|row| row.name == package.name) else {
            let text = format!("{} has no row in the table of crate edges", package.name);
            findings.push(Finding::new(&manifest, 0, "edges", text));
            continue;
        };
        for dependency in &package.dependencies {
            let faults = [
                own_edge(row, dependency, packages),
                fence(row, dependency),
                tier_0(row, dependency, packages),
            ];
            for text in faults.into_iter().flatten() {
                findings.push(Finding::new(&manifest, 0, "edges", text));
            }
        }
    }
    findings
}

fn own_edge(row: &Row, dependency: &Dependency, packages: &[Package]) -> Option<String> {
    if !is_ours(dependency, packages) || row.below.contains(&dependency.name.as_str()) {
        return None;
    }
    if dependency.dev && row.tests.contains(&dependency.name.as_str()) {
        return None;
    }
    Some(format!(
        "{} depends on {}: of our crates it may use [{}]",
        row.name,
        dependency.name,
        row.below.join(", ")
    ))
}

fn fence(row: &Row, dependency: &Dependency) -> Option<String> {
    let fenced = FENCED.iter().find(|fenced| fenced.name == dependency.name)?;
    if dependency.dev || fenced.users.contains(&row.name) {
        return None;
    }
    Some(format!(
        "{} depends on {}: allowed in [{}], because {}",
        row.name,
        fenced.name,
        fenced.users.join(", "),
        fenced.why
    ))
}

fn tier_0(row: &Row, dependency: &Dependency, packages: &[Package]) -> Option<String> {
    if dependency.dev || !TIER_0.contains(&row.name) || is_ours(dependency, packages) {
        return None;
    }
    if !PURE.contains(&dependency.name.as_str()) {
        return Some(format!(
            "{} is tier 0 and depends on {}: allowed are [{}]",
            row.name,
            dependency.name,
            PURE.join(", ")
        ));
    }
    dependency.default_features.then(|| {
        format!("{} is tier 0 and uses the default features of {}", row.name, dependency.name)
    })
}

fn is_ours(dependency: &Dependency, packages: &[Package]) -> bool {
    packages.iter().any(|package| package.name == dependency.name)
}
