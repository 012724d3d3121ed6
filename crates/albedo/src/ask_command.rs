//! What a running reflector is asked from the command line: `status`, `get`, `describe`.
//!
//! The manners are kubectl's: columns in capitals, ages such as `3d4h`, `-o`, `-w`, and the exit
//! code 1 where something is not there.

mod describe;
mod groups;
mod peers;
mod routes;
mod status;
mod table;

use std::collections::BTreeMap;
use std::process::ExitCode;

use albedo_api::PeerRow;
use albedo_discovery::calico::write;
use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use crate::admin_client::{AdminArgs, Ask, Target};
use crate::cli;

pub(crate) use status::{Overview, convergence};
pub(crate) use table::Table;

/// The version of what is printed as JSON and YAML: keys are only added in it.
const API_VERSION: &str = "albedo/v1";

/// `albedo status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

/// `albedo get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Peers: who is up, since when, and why not.
    #[command(aliases = ["peer", "neighbors", "neighbours", "neighbor", "neighbour"])]
    Peers(peers::PeersArgs),
    /// Routes, best ones marked with a star; as many as there are, as they come.
    #[command(alias = "route")]
    Routes(routes::RoutesArgs),
    /// Update groups: peers that are told the same octets.
    #[command(alias = "group")]
    Groups(groups::ListArgs),
    /// Shards of the RIB.
    #[command(alias = "shard")]
    Shards(groups::ListArgs),
}

/// `albedo describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    #[command(subcommand)]
    what: Described,
}

#[derive(Debug, Subcommand)]
enum Described {
    /// Everything about the sessions with one peer.
    #[command(aliases = ["peers", "neighbor", "neighbour"])]
    Peer(describe::PeerArgs),
}

/// How to print an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table for people.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// All of it.
    Json,
    /// All of it.
    Yaml,
    /// Names only, one a line.
    Name,
}

pub(crate) fn status(args: &StatusArgs) -> Result<ExitCode> {
    status::run(&args.admin.target(), args.output)
}

pub(crate) fn get(args: &GetArgs) -> Result<ExitCode> {
    match &args.what {
        What::Peers(args) => peers::run(args),
        What::Routes(args) => routes::run(args),
        What::Groups(args) => groups::run_groups(args),
        What::Shards(args) => groups::run_shards(args),
    }
}

pub(crate) fn describe(args: &DescribeArgs) -> Result<ExitCode> {
    match &args.what {
        Described::Peer(args) => describe::run(args),
    }
}

/// One thing, or a list of them, for programs; a reader that has gone is no error.
pub(crate) fn print_for_programs<T: Serialize>(
    output: Output,
    kind: &str,
    items: &T,
) -> Result<()> {
    let items = serde_json::to_value(items)?;
    let key = if items.is_array() { "items" } else { "item" };
    let value = json!({"apiVersion": API_VERSION, "kind": kind, key: items});
    cli::answer(&match output {
        Output::Yaml => write::yaml(&value).trim_end().to_owned(),
        _ => serde_json::to_string_pretty(&value)?,
    });
    Ok(())
}

/// The addresses of peers that are named by address, or by the name that they have.
///
/// # Errors
///
/// There is none, or there are several of that name.
pub(crate) fn resolve(target: &Target, names: &[String]) -> Result<Vec<String>> {
    let peers: Vec<PeerRow> = Ask::get("/api/v1/peers").send(target)?;
    names.iter().map(|name| resolve_one(&peers, name)).collect()
}

fn resolve_one(peers: &[PeerRow], name: &str) -> Result<String> {
    let same = |peer: &&PeerRow| match name.parse::<std::net::IpAddr>() {
        Ok(_) => peer.address == name,
        Err(_) => peer.name.as_deref() == Some(name),
    };
    let found: BTreeMap<&str, ()> =
        peers.iter().filter(same).map(|peer| (&*peer.address, ())).collect();
    let mut addresses = found.into_keys();
    match (addresses.next(), addresses.next()) {
        (Some(address), None) => Ok(address.to_owned()),
        (Some(_), Some(_)) => bail!("{name}: several peers have that name; say its address"),
        (None, _) => bail!("{name}: there is no such peer; `albedo get peers` lists them"),
    }
}

#[cfg(test)]
mod tests;
