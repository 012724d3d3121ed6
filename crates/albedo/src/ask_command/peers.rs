//! `albedo get peers`.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use albedo_api::PeerRow;
use anyhow::{Result, bail};
use clap::Args;

use super::table::{NOTHING, Table, or_nothing};
use super::{Output, print_for_programs, resolve_one};
use crate::admin_client::{AdminArgs, Ask, Target};
use crate::cli;
use crate::words::age;

/// How often changes are looked for with `--watch`.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct PeersArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Only these, by address or name.
    #[arg(value_name = "PEER")]
    peers: Vec<String>,
    /// How to print them.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    /// Go on, and print each peer whose state changes.
    #[arg(long, short)]
    watch: bool,
    /// Only peers in these states; `down` is every state but established.
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = states())]
    state: Vec<String>,
    /// Only peers of this group.
    #[arg(long)]
    group: Option<String>,
    /// Without the line of headings.
    #[arg(long)]
    no_headers: bool,
}

/// What `--state` takes.
fn states() -> clap::builder::PossibleValuesParser {
    let states = albedo_api::names::SESSION_STATES.iter().copied();
    states.chain(["down"]).collect::<Vec<_>>().into()
}

impl PeersArgs {
    /// Whether a peer is one of those that are asked for.
    fn wants(&self, peer: &PeerRow) -> bool {
        let is_state = |state: &String| match state.as_str() {
            "down" => !peer.is_up(),
            state => peer.state == state,
        };
        let has_state = self.state.is_empty() || self.state.iter().any(is_state);
        has_state && (self.group.is_none() || self.group == peer.group)
    }

    /// The peers that are asked for, with their routes counted or not.
    fn read(&self, target: &Target, counted: bool) -> Result<Vec<PeerRow>> {
        let path = if counted { "/api/v1/peers?counts=true" } else { "/api/v1/peers" };
        let mut peers: Vec<PeerRow> = Ask::get(path).send(target)?;
        if !self.peers.is_empty() {
            let addresses: Result<Vec<_>> =
                self.peers.iter().map(|name| resolve_one(&peers, name)).collect();
            let addresses = addresses?;
            peers.retain(|peer| addresses.contains(&peer.address));
        }
        peers.retain(|peer| self.wants(peer));
        Ok(peers)
    }
}

pub(super) fn run(args: &PeersArgs) -> Result<ExitCode> {
    let target = args.admin.target();
    if args.watch {
        if matches!(args.output, Output::Json | Output::Yaml) {
            bail!("--watch: prints lines; with -o json and yaml there is no end to wait for");
        }
        return watch(args, &target);
    }
    let peers = args.read(&target, true)?;
    match args.output {
        Output::Json | Output::Yaml => print_for_programs(args.output, "PeerList", &peers)?,
        Output::Name => {
            peers.iter().for_each(|peer| cli::answer(&format!("peer/{}", peer.address)))
        }
        Output::Table | Output::Wide => {
            for line in table(&peers, args.output).lines(!args.no_headers) {
                cli::answer(&line);
            }
            if peers.is_empty() {
                cli::complain("no peers that are so");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints those that are there, and then each one that is another than before.
fn watch(args: &PeersArgs, target: &Target) -> Result<ExitCode> {
    let mut seen: HashMap<(String, usize), (String, Option<String>)> = HashMap::new();
    let mut has_head = !args.no_headers;
    loop {
        let mut changed = Vec::new();
        let mut nth: HashMap<String, usize> = HashMap::new();
        for peer in args.read(target, false)? {
            let nth = nth.entry(peer.address.clone()).or_default();
            let key = (peer.address.clone(), *nth);
            *nth += 1;
            let now = (peer.state.clone(), peer.last_reason.clone());
            if seen.get(&key) != Some(&now) {
                seen.insert(key, now);
                changed.push(peer);
            }
        }
        if !changed.is_empty() || has_head {
            let mut out = std::io::stdout();
            for line in table(&changed, args.output).lines(has_head) {
                // Whoever looked has gone.
                if writeln!(out, "{line}").is_err() {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            has_head = false;
        }
        thread::sleep(LOOK);
    }
}

const NARROW: [&str; 10] =
    ["PEER", "NAME", "GROUP", "ROLE", "AS", "STATE", "AGE", "RECEIVED", "SENT", "REASON"];
const WIDE: [&str; 16] = [
    "PEER",
    "NAME",
    "GROUP",
    "ROLE",
    "AS",
    "STATE",
    "AGE",
    "RECEIVED",
    "SENT",
    "BEST",
    "ROUTER-ID",
    "FAMILIES",
    "HOLD",
    "MESSAGES-IN",
    "MESSAGES-OUT",
    "REASON",
];

pub(super) fn table(peers: &[PeerRow], output: Output) -> Table {
    let wide = output == Output::Wide;
    let mut table = Table::new(if wide { &WIDE } else { &NARROW });
    for peer in peers {
        let sum = |number: fn(&albedo_api::PeerRoutes) -> u64| match peer.routes.as_slice() {
            [] => NOTHING.to_owned(),
            routes => routes.iter().map(number).sum::<u64>().to_string(),
        };
        let mut cells = vec![
            peer.address.clone(),
            or_nothing(peer.name.as_ref()),
            or_nothing(peer.group.as_ref()),
            peer.role.clone(),
            or_nothing(peer.as_number.as_ref()),
            peer.state.clone(),
            age(peer.since_seconds),
            sum(|routes| routes.received),
            sum(|routes| routes.sent),
        ];
        if wide {
            cells.extend([
                sum(|routes| routes.best),
                or_nothing(peer.router_id.as_ref()),
                if peer.families.is_empty() { NOTHING.to_owned() } else { peer.families.join(",") },
                peer.hold_time_seconds
                    .map_or_else(|| NOTHING.to_owned(), |hold| format!("{hold}s")),
                peer.messages[0].to_string(),
                peer.messages[1].to_string(),
            ]);
        }
        cells.push(reason(peer));
        table.row(cells);
    }
    table
}

/// Why a peer is as it is, in words; nothing where all is well.
pub(super) fn reason(peer: &PeerRow) -> String {
    let kept = peer.retained.iter().map(|kept| match kept.left_seconds {
        Some(left) => format!("{} routes kept, {}, for {}", kept.family, kept.phase, age(left)),
        None => format!("{} routes kept, {}", kept.family, kept.phase),
    });
    let why = (!peer.is_up()).then(|| {
        peer.last_reason.clone().unwrap_or_else(|| match peer.state.as_str() {
            "active" => "waits for the peer to connect".to_owned(),
            "connect" => "connects".to_owned(),
            "idle" => "waits before it tries again".to_owned(),
            _ => "opens the session".to_owned(),
        })
    });
    why.into_iter().chain(kept).collect::<Vec<_>>().join("; ")
}
