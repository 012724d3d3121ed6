//! `albedo get routes`: as they come, so that a million of them need no memory.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use albedo_api::RouteLine;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Deserialize;

use super::table::NOTHING;
use super::{API_VERSION, Output, resolve};
use crate::admin_client::{AdminArgs, Ask, Lines, encoded};
use crate::cli;

#[derive(Debug, Args)]
pub(super) struct RoutesArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Only this prefix; an address means the longest prefix that holds it.
    prefix: Option<String>,
    /// This prefix and all inside.
    #[arg(long, requires = "prefix")]
    longer: bool,
    /// The longest prefix that holds this one.
    #[arg(long, requires = "prefix", conflicts_with = "longer")]
    longest: bool,
    /// Only routes that this peer has announced, by address or name.
    #[arg(long, value_name = "PEER")]
    from: Option<String>,
    /// Only routes that this peer is told, with the attributes that its export policy makes of
    /// them; `albedo explain PREFIX --to PEER` has all that it gets.
    #[arg(long, value_name = "PEER")]
    to: Option<String>,
    /// Only the best one of each prefix.
    #[arg(long)]
    best: bool,
    /// Only this family.
    #[arg(long, value_parser = ["ipv4", "ipv6"])]
    family: Option<String>,
    /// How to print them.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    /// Without the line of headings.
    #[arg(long)]
    no_headers: bool,
}

/// A line of the answer.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    End { end: u64 },
    Error { error: String },
    Route(Box<RouteLine>),
}

pub(super) fn run(args: &RoutesArgs) -> Result<ExitCode> {
    let target = args.admin.target();
    let mut query = Vec::new();
    if let Some(prefix) = &args.prefix {
        query.push(format!("prefix={}", encoded(prefix)));
    }
    query.extend(args.longer.then(|| "match=longer".to_owned()));
    query.extend(args.longest.then(|| "match=longest".to_owned()));
    for (key, peer) in [("from", &args.from), ("to", &args.to)] {
        if let Some(peer) = peer {
            let address = resolve(&target, std::slice::from_ref(peer))?.join("");
            query.push(format!("{key}={}", encoded(&address)));
        }
    }
    query.extend(args.best.then(|| "best=true".to_owned()));
    query.extend(args.family.as_ref().map(|family| format!("family={family}")));
    let path = format!("/api/v1/routes?{}", query.join("&"));
    let lines = Ask::get(&path).lines(&target)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    match print(lines, args, &mut out) {
        Ok(0) => {
            drop(out);
            if matches!(args.output, Output::Table | Output::Wide) {
                cli::complain("no routes that are so");
            }
            // A route that was asked for by name is not there.
            let is_named = args.prefix.is_some();
            Ok(if is_named { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Ok(_) => Ok(ExitCode::SUCCESS),
        // Whoever looked has seen enough.
        Err(error) if is_gone(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Prints what comes; how many routes.
fn print(mut lines: Lines, args: &RoutesArgs, out: &mut impl Write) -> Result<u64> {
    let output = args.output;
    match output {
        Output::Json => {
            write!(out, "{{\"apiVersion\":\"{API_VERSION}\",\"kind\":\"RouteList\",\"items\":[")?;
        }
        Output::Yaml => write!(out, "apiVersion: {API_VERSION}\nkind: RouteList\nitems:")?,
        Output::Table | Output::Wide if !args.no_headers => writeln!(out, "{}", head(output))?,
        Output::Table | Output::Wide | Output::Name => {}
    }
    let mut routes = 0;
    loop {
        let Some(line) = lines.next()? else {
            bail!("the answer ends after {routes} routes: the reflector has gone");
        };
        match serde_json::from_str(line).context("an answer that is not understood")? {
            Line::Error { error } => bail!("the answer ends after {routes} routes: {error}"),
            Line::End { end } if end == routes => break,
            Line::End { end } => bail!("{end} routes were sent, and {routes} came"),
            Line::Route(route) => print_route(&route, line, output, routes == 0, out)?,
        }
        routes += 1;
    }
    match output {
        Output::Json => writeln!(out, "\n]}}")?,
        Output::Yaml if routes == 0 => writeln!(out, " []")?,
        Output::Yaml => writeln!(out)?,
        Output::Table | Output::Wide | Output::Name => {}
    }
    out.flush()?;
    Ok(routes)
}

fn print_route(
    route: &RouteLine,
    line: &str,
    output: Output,
    is_first: bool,
    out: &mut impl Write,
) -> Result<()> {
    match output {
        Output::Json => write!(out, "{}\n{line}", if is_first { "" } else { "," })?,
        // A line of JSON is YAML as well.
        Output::Yaml => write!(out, "\n- {line}")?,
        Output::Name => writeln!(out, "route/{}", route.prefix)?,
        Output::Table | Output::Wide => writeln!(out, "{}", row(route, output))?,
    }
    Ok(())
}

/// Widths of columns: rows are printed before the later ones are known.
const PREFIX: usize = 20;
const ADDRESS: usize = 16;

pub(super) fn head(output: Output) -> String {
    let head = format!(
        "{:<PREFIX$}   {:<ADDRESS$} {:<ADDRESS$} {:<16} {:>10} {:>10}  {}",
        "PREFIX", "NEXT-HOP", "FROM", "NAME", "LOCAL-PREF", "MED", "PATH"
    );
    match output {
        Output::Wide => format!("{head}  ORIGINATOR  CLUSTERS  COMMUNITIES"),
        _ => head,
    }
}

pub(super) fn row(route: &RouteLine, output: Output) -> String {
    let attributes = &route.attributes;
    let number = |number: Option<u32>| number.map_or_else(|| NOTHING.into(), |n| n.to_string());
    let list = |all: &[String]| if all.is_empty() { NOTHING.into() } else { all.join(",") };
    let mark = match (route.best, route.stale) {
        (true, true) => "*s",
        (true, false) => "*",
        (false, true) => "s",
        (false, false) => "",
    };
    let path = format!("{} {}", attributes.as_path, ["i", "e", "?"][origin(&attributes.origin)]);
    let row = format!(
        "{:<PREFIX$} {mark:<2}{:<ADDRESS$} {:<ADDRESS$} {:<16} {:>10} {:>10}  {}",
        route.prefix,
        list(&attributes.next_hop),
        route.from,
        route.from_name.as_deref().unwrap_or(NOTHING),
        number(attributes.local_pref),
        number(attributes.med),
        path.trim_start(),
    );
    if output != Output::Wide {
        return row;
    }
    let originator = attributes.originator_id.as_deref().unwrap_or(NOTHING);
    let clusters = list(&attributes.cluster_list);
    let large = attributes.large_communities.iter();
    let communities: Vec<_> = attributes.communities.iter().chain(large).cloned().collect();
    format!("{row}  {originator}  {clusters}  {}", list(&communities))
}

fn origin(origin: &str) -> usize {
    ["igp", "egp"].iter().position(|known| *known == origin).unwrap_or(2)
}
