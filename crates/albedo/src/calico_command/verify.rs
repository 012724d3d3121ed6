//! `albedo calico verify`: whether a running reflector has of every node what it should.

use std::process::ExitCode;
use std::time::Duration;

use albedo_api::{CalicoVerify, NodePrefix, SessionDown, Told};
use anyhow::Result;
use clap::Args;

use super::words::{Output, listed};
use crate::admin_client::{AdminArgs, Ask};
use crate::cli;

/// How long the reflector may take, which gives up itself before that.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let ask = Ask { patience: PATIENCE, ..Ask::get("/api/v1/calico/verify") };
    let verdict: CalicoVerify = ask.send(&args.admin.target())?;
    cli::answer(&args.output.render(&verdict, text)?);
    Ok(if verdict.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(verdict: &CalicoVerify) -> String {
    let mut text = format!("{}\n", headline(verdict));
    if !verdict.connected {
        text.push_str("the datastore cannot be reached: this is what it said last\n");
    }
    if verdict.nodes == 0 {
        text.push_str("no node has a session with this reflector\n");
    }
    if verdict.sessions_guarded > 0 {
        let count = verdict.sessions_guarded;
        text.push_str(&format!("a change that ends {count} sessions is held back: "));
        text.push_str("see albedo calico confirm\n");
    }
    let node_prefix = |it: &NodePrefix| format!("{}  {}", it.node, it.prefix);
    section(&mut text, "sessions with nodes not up", &verdict.sessions_down, session_down);
    let family = "nodes without any reflector in a family";
    section(&mut text, family, &verdict.nodes_without_session, |it| {
        format!("{}  {}", it.node, it.family)
    });
    section(&mut text, "blocks missing", &verdict.blocks_missing, node_prefix);
    let foreign = "routes in a pool from a node that does not own the block";
    section(&mut text, foreign, &verdict.blocks_foreign, |it| match &it.owner {
        Some(owner) if *owner == it.node => format!("{}  {}  not confirmed", it.node, it.prefix),
        Some(owner) => format!("{}  {}  owned by {owner}", it.node, it.prefix),
        None => format!("{}  {}  owned by nobody", it.node, it.prefix),
    });
    let astray = "routes that do not lead to the node that announces them";
    section(&mut text, astray, &verdict.next_hops_wrong, |it| {
        format!("{}  {}  via {}", it.node, it.prefix, it.next_hop)
    });
    section(&mut text, "ranges of services missing", &verdict.services_missing, node_prefix);
    if verdict.nodes_elsewhere > 0 {
        let count = verdict.nodes_elsewhere;
        text.push_str(&format!("{count} nodes have other reflectors only: verify those too\n"));
    }
    if verdict.others > 0 {
        let (all, down) = (verdict.others, verdict.others_down.count);
        text.push_str(&format!("{}/{all} other peers connected\n", all - down));
        let lines = verdict.others_down.first.iter().map(session_down);
        text.push_str(&listed(lines, down));
    }
    if verdict.borrowed > 0 {
        text.push_str(&format!("{} borrowed addresses, as it should be\n", verdict.borrowed));
    }
    text
}

fn headline(verdict: &CalicoVerify) -> String {
    let found = match (verdict.mesh, verdict.ok) {
        (true, true) => "safe to disable mesh",
        (true, false) => "NOT safe to disable mesh",
        (false, true) => "all is well without the mesh",
        (false, false) => "NOT all is well, and the mesh is off",
    };
    let (connected, nodes) = (verdict.nodes_connected, verdict.nodes);
    let missing = verdict.blocks_missing.count;
    format!("{found}: {connected}/{nodes} nodes connected, {missing} blocks missing")
}

fn session_down(down: &SessionDown) -> String {
    match &down.node {
        Some(node) => format!("{node}  {}  {}", down.session, down.reason),
        None => format!("{}  {}", down.session, down.reason),
    }
}

/// A kind of fault, if there is one.
fn section<T>(text: &mut String, title: &str, told: &Told<T>, line: impl Fn(&T) -> String) {
    if told.count > 0 {
        text.push_str(&format!("{title}: {}\n", told.count));
        text.push_str(&listed(told.first.iter().map(line), told.count));
    }
}

#[cfg(test)]
mod tests;
