//! What the demo tells: a line for each scene while it plays, and a summary.

use std::io::Write as _;
use std::time::Duration;

use albedo_loadtest::fleet::Fleet;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::cli;

/// How often the live line is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// Shows what happens.
#[derive(Debug)]
pub(crate) struct Teller {
    silent: bool,
    bar: Option<ProgressBar>,
}

impl Teller {
    /// A silent one, one with a live line, or one that writes plain lines.
    pub(crate) fn new(silent: bool, live: bool) -> Self {
        let bar = (live && !silent).then(|| {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("  {spinner} {bar:30} {percent:>3}%  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(DRAW_EVERY);
            bar
        });
        Self { silent, bar }
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            _ if self.silent => {}
            Some(bar) => bar.suspend(|| cli::answer(text)),
            None => {
                cli::answer(text);
                // Whoever watches through a pipe sees it now; one who has gone is no error.
                let _ = std::io::stdout().flush();
            }
        }
    }

    /// How far the nodes' tables are.
    pub(crate) fn progress(&self, scene: &str, fleet: &Fleet, expected: u64) {
        if let Some(bar) = &self.bar {
            let right = expected.saturating_sub(fleet.wrong());
            bar.set_position((100 * right).checked_div(expected).unwrap_or(100));
            let (up, exact, checked) = (fleet.established(), fleet.exact(), fleet.checked());
            bar.set_message(format!("{scene}: {up} sessions, {exact}/{checked} tables exact"));
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What came of a scene.
#[derive(Debug, Serialize)]
pub(crate) struct Scene {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether every table was exact in the end.
    pub(crate) exact: bool,
    /// Until the last table was exact, in seconds.
    pub(crate) seconds: f64,
    /// Tables compared.
    pub(crate) tables: usize,
    /// Routes compared, over all tables.
    pub(crate) routes: u64,
    /// Percentiles of single changes, in seconds, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
    /// What was wrong, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<String>,
}

/// How long single changes took to reach every node.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    /// Changes made, one after the other.
    pub(crate) changes: usize,
    /// Half took no longer, in seconds.
    pub(crate) p50: f64,
    /// 99 in 100 took no longer, in seconds.
    pub(crate) p99: f64,
    /// The slowest, in seconds.
    pub(crate) max: f64,
}

/// The summary.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Version of this layout.
    pub(crate) schema: u32,
    /// Simulated nodes.
    pub(crate) nodes: u32,
    /// Blocks of each.
    pub(crate) blocks: u32,
    /// The scenes, in order.
    pub(crate) scenes: Vec<Scene>,
    /// UPDATEs that the nodes received.
    pub(crate) updates: u64,
    /// Routes that the nodes received.
    pub(crate) routes: u64,
    /// Sessions that were lost and should not have been.
    pub(crate) problems: Vec<String>,
    /// Whether the reflector held nothing of anybody after the last node had left.
    pub(crate) nothing_left: bool,
}

impl Report {
    /// Whether everything was as it must be.
    pub(crate) fn is_right(&self) -> bool {
        self.problems.is_empty() && self.nothing_left && self.scenes.iter().all(|scene| scene.exact)
    }

    /// The summary in words.
    pub(crate) fn tell(&self, teller: &Teller) {
        teller.end();
        for problem in &self.problems {
            teller.line(&format!("  problem: {problem}"));
        }
        if !self.nothing_left {
            teller.line("  problem: the reflector still held something after all nodes had left");
        }
        let compared: u64 = self.scenes.iter().map(|scene| scene.routes).sum();
        let verdict =
            if self.is_right() { "every table exact" } else { "NOT everything was right" };
        teller.line(&format!(
            "{verdict}: {} nodes, {} routes delivered in {} UPDATEs, {compared} routes compared",
            self.nodes, self.routes, self.updates
        ));
        if self.is_right() {
            teller.line("next: albedo run --config deploy/minimal.yaml");
        }
    }
}

/// A duration for eyes.
pub(crate) fn human(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}
