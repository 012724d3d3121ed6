//! `albedo calico`: what helps to move into a Calico cluster and out of it.

mod confirm;
mod files;
mod output;
mod status;
mod text;
mod verify;
mod words;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use albedo_discovery::calico::Cluster;
use albedo_discovery::calico::plan::{Plan, Target, plan};
use albedo_types::{Asn, ClusterId};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::cli;

/// Which of them.
#[derive(Debug, Args)]
pub(crate) struct CalicoArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell what to apply so that this reflector takes the place of the mesh, step by step.
    ///
    /// Reads the cluster and changes nothing. Of each step it tells how many sessions come up and
    /// go, and what to wait for; at the end stands the way back. What is there already is left
    /// out.
    Plan(PlanArgs),
    /// Tell how a running reflector stands in its cluster.
    ///
    /// Exit code 1 where something needs attention: the datastore is not followed, a resource or
    /// file cannot be read, a session is held down, the guard holds a change back, or a node
    /// announces what it does not own. Warnings alone are exit code 0.
    Status(status::StatusArgs),
    /// Show what the guard of a running reflector holds back, and let it go.
    ///
    /// Without DIGEST it only shows: exit code 1 where something is held back, 0 where nothing
    /// is. With it, and only if the digest still stands for what is held back, that is confirmed.
    /// It works on the reflector's own machine only.
    Confirm(confirm::ConfirmArgs),
    /// Compare what a running reflector learnt from every node with what the resources say.
    ///
    /// Exit code 0 where every node has its sessions and announces its blocks, the ranges of
    /// services and nothing of others; then the mesh can be disabled, as far as this reflector
    /// is concerned. Else 1, and what is missing where.
    Verify(verify::VerifyArgs),
}

/// For whom to plan, and from what.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    calicoctl get nodes,bgppeers,bgpconfigs,ippools -o yaml > cluster.yaml\n  \
    albedo calico plan --files cluster.yaml --as external 10.0.0.250\n  \
    albedo calico plan --files cluster.yaml --as node rr-1 --as node rr-2 --cluster-id 244.0.0.1")]
struct PlanArgs {
    /// Files with the cluster's resources, as calicoctl or kubectl print them; a directory stands
    /// for the .yaml, .yml and .json in it, - for the standard input.
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// What the reflector is: `node NAME`, a Calico node, or `external ADDRESS[:PORT]`, none.
    /// Several times for several reflectors, or for both families.
    #[arg(long = "as", value_names = ["node|external", "NAME|ADDRESS"], num_args = 2,
          required = true, action = clap::ArgAction::Append)]
    reflectors: Vec<String>,
    /// The cluster id that nodes get which have none.
    #[arg(long, value_name = "A.B.C.D", default_value = "244.0.0.1",
          value_parser = cluster_id)]
    cluster_id: ClusterId,
    /// The label of nodes that are reflectors; without it, the one that BGPPeers ask for, or
    /// route-reflector=true.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Option<(String, String)>,
    /// The AS of an external reflector; without it, the cluster's.
    #[arg(long, value_name = "AS")]
    asn: Option<Asn>,
    /// How to print it: for people, only the documents, or everything for programs.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    #[default]
    Text,
    Yaml,
    Json,
}

pub(crate) fn run(args: &CalicoArgs) -> Result<ExitCode> {
    match &args.command {
        Command::Plan(args) => run_plan(args),
        Command::Status(args) => status::run(args),
        Command::Confirm(args) => confirm::run(args),
        Command::Verify(args) => verify::run(args),
    }
}

fn run_plan(args: &PlanArgs) -> Result<ExitCode> {
    let target = target(args)?;
    let cluster = source(args)?;
    let plan = plan(&cluster, &target)?;
    cli::answer(&render(&cluster, &target, &plan, args.output));
    Ok(ExitCode::SUCCESS)
}

fn render(cluster: &Cluster, target: &Target, plan: &Plan, output: Output) -> String {
    match output {
        Output::Text => text::render(cluster, target, plan),
        Output::Yaml => output::yaml(plan),
        Output::Json => output::json(plan),
    }
}

/// Where the cluster comes from.
fn source(args: &PlanArgs) -> Result<Cluster> {
    files::cluster(&args.files)
}

fn target(args: &PlanArgs) -> Result<Target> {
    let mut names = Vec::new();
    let mut addresses = Vec::new();
    for pair in args.reflectors.chunks(2) {
        match pair {
            [kind, name] if kind == "node" => names.push(name.as_str().into()),
            [kind, at] if kind == "external" => addresses.push(address(at)?),
            _ => bail!("--as {}: expected node NAME, or external ADDRESS", pair.join(" ")),
        }
    }
    match (names.is_empty(), addresses.is_empty()) {
        (false, false) => bail!("--as node beside --as external: one of the two in a plan"),
        (false, true) => {
            let label = args.label.clone();
            if args.asn.is_some() {
                bail!("--asn is for an external reflector: a node has its own");
            }
            Ok(Target::Nodes { names, cluster_id: args.cluster_id, label })
        }
        (true, _) => {
            if args.label.is_some() {
                bail!("--label is for nodes: an external reflector is named by its address");
            }
            Ok(Target::External { addresses, asn: args.asn })
        }
    }
}

fn address(text: &str) -> Result<(IpAddr, Option<u16>)> {
    if let Ok(at) = text.parse::<SocketAddr>() {
        if at.port() == 0 {
            bail!("--as external {text}: a port from 1 to 65535");
        }
        return Ok((at.ip(), Some(at.port())));
    }
    let address = text
        .parse()
        .with_context(|| format!("--as external {text}: expected ADDRESS or ADDRESS:PORT"))?;
    Ok((address, None))
}

fn cluster_id(text: &str) -> Result<ClusterId, String> {
    match text.parse::<std::net::Ipv4Addr>() {
        Ok(id) if !id.is_unspecified() => Ok(ClusterId(id.to_bits())),
        _ => Err("expected four octets such as 244.0.0.1".to_owned()),
    }
}

/// Kubernetes' rules for labels, as far as a selector and a shell need them.
fn label(text: &str) -> Result<(String, String), String> {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let (key, value) = text.split_once('=').unwrap_or((text, "true"));
    let good_key = !key.is_empty() && key.bytes().all(|b| known(b) || b == b'/');
    if good_key && value.len() <= 63 && !value.is_empty() && value.bytes().all(known) {
        return Ok((key.to_owned(), value.to_owned()));
    }
    Err("expected KEY=VALUE of letters, digits, -, _ and ., as Kubernetes has labels".to_owned())
}

#[cfg(test)]
mod tests;
