//! Running a plan against a target and measuring it.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::fleet::{Fleet, Settings};
use crate::process::{Usage, own_usage, usage};
use crate::progress::Progress;
use crate::scenario::{Plan, Start};
use crate::session::Goodbye;

/// How a run is conducted.
#[derive(Clone, Debug)]
pub struct Conduct {
    /// A run that is not complete by then has failed.
    pub timeout: Duration,
    /// Tables have to stay exact for this long.
    pub settle: Duration,
    /// Processes whose usage is the target's.
    pub pids: Vec<u32>,
    /// Faults that are listed.
    pub faults_max: usize,
    /// Whether to tell how far it is.
    pub shows_progress: bool,
}

/// What came of a run. Times are seconds since the start that the scenario defines.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Whether every table was exact in the end, and nothing went wrong on the way.
    pub complete: bool,
    /// Sessions that were played.
    pub sessions: usize,
    /// Until all sessions were up. Not given where they were up before the start.
    pub seconds_to_established: Option<f64>,
    /// Until half of all routes were where they belong.
    pub seconds_to_half: Option<f64>,
    /// Until the first table was exact.
    pub seconds_to_first_exact: Option<f64>,
    /// Until the last table was exact.
    pub seconds_to_last_exact: Option<f64>,
    /// Routes that receivers had to get, over all of them.
    pub routes_expected: u64,
    /// Routes missing, too many or wrong in the end.
    pub routes_wrong: u64,
    /// Tables exact in the end.
    pub tables_exact: usize,
    /// Octets received by all sessions.
    pub octets_in: u64,
    /// Octets sent by all sessions.
    pub octets_out: u64,
    /// UPDATEs received.
    pub updates_in: u64,
    /// Prefixes announced to us.
    pub announced: u64,
    /// Prefixes withdrawn from us.
    pub withdrawn: u64,
    /// Announcements of what the receiver had already.
    pub repeats: u64,
    /// Announcements of a receiver's own routes to it.
    pub echoes: u64,
    /// TCP connection attempts.
    pub connects: u64,
    /// Sessions lost while they were up.
    pub losses: u64,
    /// Calls of `read` that brought something.
    pub reads: u64,
    /// Processor seconds of the generator.
    pub generator_cpu_seconds: f64,
    /// Whether the generator was busy for most of the time: the target may then be faster.
    pub generator_bound: bool,
    /// Processor seconds of the target.
    pub target_cpu_seconds: Option<f64>,
    /// Most memory the target ever had resident, in octets.
    pub target_resident_peak: Option<u64>,
    /// What went wrong with sessions, in words.
    pub problems: Vec<String>,
    /// What is wrong with tables, in words.
    pub faults: Vec<String>,
}

/// The share of a run's time that its generator may be busy before it counts as the limit.
const BUSY_SHARE: f64 = 0.8;
/// How long nodes may take to take their leave.
const LEAVE: Duration = Duration::from_millis(20);

/// Runs a plan once.
///
/// # Errors
/// Where the kernel refuses what is needed, or a process to be watched does not exist. A target
/// that is wrong or slow is an outcome.
pub fn run(settings: Settings, plan: Plan, conduct: &Conduct) -> io::Result<Outcome> {
    let sessions = plan.nodes.len();
    let mut fleet = Fleet::new(settings, plan.nodes, plan.model)?;
    let mut progress = Progress::new(conduct.shows_progress);
    let mut out = Outcome { sessions, ..Outcome::default() };

    fleet.hold_initial(plan.start == Start::Synchronised);
    let mut before = (own_usage()?, watched(&conduct.pids)?);
    let mut begin = Instant::now();
    let deadline = begin + conduct.timeout;
    for node in 0..sessions {
        #[expect(clippy::cast_possible_truncation, reason = "sessions are limited by addresses")]
        fleet.start(node as u32);
    }
    out.routes_expected = fleet.wrong();
    let are_up = fleet.run_until(deadline, |fleet| {
        progress.sessions(fleet.established(), sessions);
        // The start is cold: everything flows at once, the loop below has the rest.
        plan.start == Start::Cold || fleet.established() == sessions
    })?;
    if plan.start == Start::Synchronised && are_up {
        before = (own_usage()?, watched(&conduct.pids)?);
        begin = Instant::now();
        fleet.hold_initial(false);
    }
    let mut marks = Marks::default();
    loop {
        let is_exact = fleet.run_until(deadline, |fleet| {
            marks.look(fleet, out.routes_expected);
            progress.tables(fleet, out.routes_expected);
            fleet.is_exact() && fleet.established() == sessions
        })?;
        let after = (own_usage()?, watched(&conduct.pids)?);
        out.take_usage(&before, &after);
        if !is_exact {
            break;
        }
        let settled = Instant::now() + conduct.settle;
        // Nothing may become wrong again while everything is quiet.
        if !fleet.run_until(settled, |fleet| !fleet.is_exact())? {
            out.complete = true;
            break;
        }
    }
    progress.finish();
    out.take_counts(&fleet, conduct.faults_max);
    out.take_times(&fleet, &marks, begin, plan.start);
    for node in 0..sessions {
        #[expect(clippy::cast_possible_truncation, reason = "sessions are limited by addresses")]
        fleet.stop(node as u32, Goodbye::Cease);
    }
    std::thread::sleep(LEAVE);
    Ok(out)
}

/// Instants that only the loop can see.
#[derive(Default)]
struct Marks {
    established: Option<Instant>,
    half: Option<Instant>,
}

impl Marks {
    fn look(&mut self, fleet: &Fleet, expected: u64) {
        if self.established.is_none() && fleet.established() == fleet.nodes() {
            self.established = Some(Instant::now());
        }
        if self.half.is_none() && fleet.wrong() * 2 <= expected {
            self.half = Some(Instant::now());
        }
    }
}

impl Outcome {
    fn take_usage(&mut self, before: &(Usage, Option<Usage>), after: &(Usage, Option<Usage>)) {
        self.generator_cpu_seconds = after.0.cpu.saturating_sub(before.0.cpu).as_secs_f64();
        if let (Some(before), Some(after)) = (before.1, after.1) {
            self.target_cpu_seconds = Some(after.cpu.saturating_sub(before.cpu).as_secs_f64());
            self.target_resident_peak = Some(after.resident_peak);
        }
    }

    fn take_counts(&mut self, fleet: &Fleet, faults_max: usize) {
        let counters = fleet.counters;
        self.octets_in = counters.octets_in;
        self.octets_out = (0..).take(fleet.nodes()).map(|n| fleet.session(n).octets_out).sum();
        self.updates_in = counters.updates_in;
        self.connects = counters.connects;
        self.losses = counters.losses;
        self.reads = counters.reads;
        for table in fleet.tables() {
            self.announced += table.announced;
            self.withdrawn += table.withdrawn;
            self.repeats += table.repeats;
            self.echoes += table.echoes;
        }
        self.routes_wrong = fleet.wrong();
        self.tables_exact = fleet.exact();
        self.problems.clone_from(&fleet.problems);
        self.faults = fleet.faults(faults_max);
        if !self.complete {
            let (up, all) = (fleet.established(), fleet.nodes());
            if up < all {
                self.problems.push(format!("{up} of {all} sessions are up"));
            }
            self.problems.extend(fleet.last_refusal.clone());
        }
        self.complete &= counters.problems == 0;
    }

    fn take_times(&mut self, fleet: &Fleet, marks: &Marks, begin: Instant, start: Start) {
        let since = |at: Instant| at.saturating_duration_since(begin).as_secs_f64();
        let owes = |node: &u32| fleet.model.wanted_count(*node) > 0;
        let nodes = (0..).zip(fleet.exact_at()).filter(|(node, _)| owes(node));
        let exact: Vec<Instant> = nodes.filter_map(|(_, at)| *at).collect();
        if start == Start::Cold {
            self.seconds_to_established = marks.established.map(since);
        }
        self.seconds_to_half = marks.half.map(since);
        self.seconds_to_first_exact = exact.iter().min().copied().map(since);
        if self.routes_wrong == 0 {
            self.seconds_to_last_exact = exact.iter().max().copied().map(since);
            let wall = self.seconds_to_last_exact.unwrap_or_default();
            self.generator_bound = self.generator_cpu_seconds > BUSY_SHARE * wall;
        }
    }
}

/// What the watched processes have used together, where there are any.
fn watched(pids: &[u32]) -> io::Result<Option<Usage>> {
    let mut total = None;
    for &pid in pids {
        let one = usage(pid)
            .map_err(|error| io::Error::new(error.kind(), format!("process {pid}: {error}")))?;
        let sum: &mut Usage = total.get_or_insert_default();
        sum.cpu += one.cpu;
        sum.resident_peak += one.resident_peak;
    }
    Ok(total)
}
