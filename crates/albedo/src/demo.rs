//! `albedo demo`: the reflector among simulated nodes on this machine.
//!
//! The reflector is the real one, on a loopback port; the nodes are the load generator's: an
//! independent speaker with real BGP sessions over TCP, which knows for every node the table that
//! it must have and compares each route with its attributes.
//! Nothing is shown that was not checked.

mod play;
mod report;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use albedo_config::{Config, Surroundings};
use albedo_session::Farewell;
use anyhow::{Context as _, Result, anyhow};
use clap::Args;

use crate::cli;
use crate::lifecycle::Running;
use play::Play;
use report::{Report, Teller};

/// What the demo shows.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Number of simulated nodes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(crate) nodes: u32,
    /// Address blocks each node announces.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) blocks: u32,
    /// Keep running after the last scene, until interrupted, with ten changes a second and metrics
    /// on 127.0.0.1:9179.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The reflector's configuration, but for its ports: the kernel chooses a free one.
const CONFIG: &str = "
asNumber: 64512
routerId: 127.0.0.1
listen: [\"127.0.0.1:1790\"]
peerGroups:
  - name: nodes
    asNumber: 64512
    role: client
    ranges: [\"127.0.0.0/8\"]
    passive: true
admin: {http: off, socket: off, peerMetrics: true}
";

/// The pause between two changes of a kept demo.
const STIR_PAUSE: Duration = Duration::from_millis(100);

/// Plays the demo; exit code 1 if anything was wrong.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let _ = albedo_session::sockopt::raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("session")
        .build()
        .context("cannot start threads")?;
    let running = runtime.block_on(async { Running::start(config(args)?, "demo") })?;
    let target = *running.reflector().server().listening().first().context("no listener")?;
    let live = !args.json && std::io::stderr().is_terminal();
    let teller = Teller::new(args.json, live);
    teller.line(&format!(
        "reflector on {target}, {} nodes with {} blocks each",
        args.nodes, args.blocks
    ));
    let mut play = Play::new(target, args, &teller)?;
    let mut report = play.run()?;
    if args.keep && report.is_right() {
        keep(&runtime, &mut play, &teller, target)?;
    }
    play.leave();
    let farewell = Farewell::Shutdown { text: "the demo is over".into() };
    report.nothing_left = runtime.block_on(running.stop(&farewell));
    close(args, &report, &teller)
}

fn config(args: &DemoArgs) -> Result<Config> {
    let surroundings = Surroundings { overrides: Vec::new(), ..Surroundings::here() };
    let parsed = albedo_config::parse("demo", CONFIG, Path::new("."), &surroundings);
    let mut config = parsed.map_err(|faults| anyhow!("the demo's configuration: {faults}"))?;
    for listen in &mut config.listen {
        listen.set_port(0);
    }
    if args.keep {
        config.admin.http = Some(albedo_config::defaults::ADMIN_HTTP);
    }
    Ok(config)
}

/// Goes on until interrupted.
fn keep(
    runtime: &tokio::runtime::Runtime,
    play: &mut Play<'_>,
    teller: &Teller,
    target: std::net::SocketAddr,
) -> Result<()> {
    let http = albedo_config::defaults::ADMIN_HTTP;
    teller.line(&format!("kept: reflector on {target}, http://{http}/ and http://{http}/metrics"));
    teller.line("ten changes a second, and now and then a node goes; interrupt to end it");
    let (end, mut ended) = tokio::sync::oneshot::channel::<()>();
    runtime.spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        let _ = end.send(());
    });
    for turn in 0.. {
        if !matches!(ended.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty)) {
            break;
        }
        play.stir(turn);
        play.idle(STIR_PAUSE)?;
    }
    Ok(())
}

fn close(args: &DemoArgs, report: &Report, teller: &Teller) -> Result<ExitCode> {
    if args.json {
        cli::answer(&serde_json::to_string_pretty(report)?);
    } else {
        report.tell(teller);
    }
    Ok(if report.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
