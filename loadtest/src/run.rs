//! Running a plan against a target and measuring it.
//!
//! A [`Run`] is what scenarios are written with: bring everybody up, start the clock, do
//! something, wait until every table is exact again, close.

use std::io;
use std::time::{Duration, Instant};

use crate::fleet::restart::Tally;
use crate::fleet::{Counters, Fleet, Settings};
use crate::model::NodeId;
use crate::outcome::{Figure, Mark, Outcome};
use crate::process::{Usage, own_usage, usage};
use crate::progress::Progress;
use crate::scenario::{Plan, Start};
use crate::session::Goodbye;
use crate::timeline::Timeline;

/// How a run is conducted.
#[derive(Clone, Debug)]
pub struct Conduct {
    /// A run that is not complete by then has failed; each further step has as long.
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

/// The share of a run's time that its generator may be busy before it counts as the limit.
pub(crate) const BUSY_SHARE: f64 = 0.8;
/// How long nodes may take to take their leave.
const LEAVE: Duration = Duration::from_millis(20);

/// Runs a plan once: everybody connects and announces, until every table is exact.
///
/// # Errors
/// Where the kernel refuses what is needed, or a process to be watched does not exist. A target
/// that is wrong or slow is an outcome.
pub fn run(settings: Settings, plan: Plan, conduct: &Conduct) -> io::Result<Outcome> {
    let mut run = Run::new(settings, plan, conduct)?;
    run.bring_up()?;
    Ok(run.close())
}

/// What was counted over all sessions.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    counters: Counters,
    octets_out: u64,
    tables: Tally,
}

/// A run under way.
pub struct Run {
    /// The played nodes.
    pub fleet: Fleet,
    /// How it is conducted.
    pub conduct: Conduct,
    /// What is known of it; scenarios add to `extra` and `latencies`.
    pub out: Outcome,
    start: Start,
    progress: Progress,
    timeline: Timeline,
    begin: Instant,
    deadline: Instant,
    before: (Usage, Option<Usage>),
    totals_before: Totals,
    established: Option<Instant>,
    half: Option<Instant>,
    is_exact: bool,
    /// Whether the scenario started the clock, when all was up.
    is_own_clock: bool,
    /// Whether it is for the scenario to say that the generator was the limit.
    is_paced: bool,
}

impl Run {
    /// Nodes that are all off.
    ///
    /// # Errors
    /// As [`run`].
    pub fn new(settings: Settings, plan: Plan, conduct: &Conduct) -> io::Result<Self> {
        let now = Instant::now();
        let sessions = plan.nodes.len();
        Ok(Self {
            fleet: Fleet::new(settings, plan.nodes, plan.model)?,
            out: Outcome { sessions, notes: plan.notes, ..Outcome::default() },
            start: plan.start,
            progress: Progress::new(conduct.shows_progress),
            timeline: Timeline::new(conduct.pids.clone(), now),
            begin: now,
            deadline: now + conduct.timeout,
            before: (own_usage()?, watched(&conduct.pids)?),
            totals_before: Totals::default(),
            established: None,
            half: None,
            is_exact: false,
            is_own_clock: false,
            is_paced: false,
            conduct: conduct.clone(),
        })
    }

    /// Everybody connects and announces, as the plan says, until every table is exact; false
    /// where that did not happen in time.
    ///
    /// # Errors
    /// As [`run`].
    pub fn bring_up(&mut self) -> io::Result<bool> {
        let sessions = self.fleet.nodes();
        self.fleet.hold_initial(self.start == Start::Synchronised);
        self.reset_clock()?;
        for node in self.nodes() {
            self.fleet.start(node);
        }
        self.out.routes_expected = self.fleet.wrong();
        let (start, deadline, progress) = (self.start, self.deadline, &mut self.progress);
        let are_up = self.fleet.run_until(deadline, |fleet| {
            progress.sessions(fleet.established(), sessions);
            // The start is cold: everything flows at once, the wait below has the rest.
            start == Start::Cold || fleet.established() == sessions
        })?;
        if self.start == Start::Synchronised && are_up {
            self.reset_clock()?;
            self.fleet.hold_initial(false);
        }
        self.until_exact()
    }

    /// Lets the time, and everything that is counted, begin now.
    ///
    /// # Errors
    /// As [`run`].
    pub fn start_clock(&mut self) -> io::Result<()> {
        self.is_own_clock = true;
        self.reset_clock()
    }

    /// What happens has a pace of its own, so that how busy the generator is over all says
    /// nothing: the scenario judges whether it was the limit.
    pub const fn set_paced(&mut self) {
        self.is_paced = true;
    }

    fn reset_clock(&mut self) -> io::Result<()> {
        self.before = (own_usage()?, watched(&self.conduct.pids)?);
        self.totals_before = self.totals();
        self.begin = Instant::now();
        self.deadline = self.begin + self.conduct.timeout;
        self.timeline = Timeline::new(self.conduct.pids.clone(), self.begin);
        self.out.marks.clear();
        (self.established, self.half, self.is_exact) = (None, None, false);
        self.out.routes_expected = self.fleet.wrong();
        Ok(())
    }

    /// Gives what follows as long as the whole run had.
    pub fn extend(&mut self) {
        self.deadline = Instant::now() + self.conduct.timeout;
    }

    /// When the clock was started.
    #[must_use]
    pub const fn begin(&self) -> Instant {
        self.begin
    }

    /// When the run, or the present step of it, has failed.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Seconds since the clock was started.
    #[must_use]
    pub fn elapsed(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    /// Notes that something happened, for plots.
    pub fn mark(&mut self, what: impl Into<String>) {
        let at = self.elapsed();
        self.out.marks.push(Mark { at, what: what.into() });
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> std::ops::Range<NodeId> {
        #[expect(clippy::cast_possible_truncation, reason = "sessions are limited by addresses")]
        let count = self.fleet.nodes() as NodeId;
        0..count
    }

    /// Handles events until a condition holds or an instant has come, with progress shown and
    /// the timeline kept; false where the instant came first.
    ///
    /// # Errors
    /// As [`Fleet::poll`].
    pub fn until(
        &mut self,
        deadline: Instant,
        mut is_done: impl FnMut(&Fleet) -> bool,
    ) -> io::Result<bool> {
        let expected = self.out.routes_expected;
        let (established, half) = (&mut self.established, &mut self.half);
        let (progress, timeline) = (&mut self.progress, &mut self.timeline);
        self.fleet.run_until(deadline, |fleet| {
            if established.is_none() && fleet.established() == fleet.nodes() {
                *established = Some(Instant::now());
            }
            if half.is_none() && fleet.wrong() * 2 <= expected {
                *half = Some(Instant::now());
            }
            progress.tables(fleet, expected);
            timeline.look(fleet);
            is_done(fleet)
        })
    }

    /// Handles events for a time.
    ///
    /// # Errors
    /// As [`Fleet::poll`].
    pub fn idle(&mut self, time: Duration) -> io::Result<()> {
        self.until(Instant::now() + time, |_| false).map(|_| ())
    }

    /// Waits until every node that is on has its session and exactly its table, and stays so for
    /// a while; false where that did not happen in time.
    ///
    /// # Errors
    /// As [`run`].
    pub fn until_exact(&mut self) -> io::Result<bool> {
        self.is_exact = false;
        loop {
            let is_exact = self.until(self.deadline, |fleet| {
                fleet.is_exact() && fleet.established() == fleet.on()
            })?;
            self.take_usage()?;
            if !is_exact {
                return Ok(false);
            }
            let settled = Instant::now() + self.conduct.settle;
            // Nothing may become wrong again while everything is quiet.
            if !self.until(settled, |fleet| !fleet.is_exact())? {
                self.is_exact = true;
                return Ok(true);
            }
        }
    }

    /// Takes note of what target and generator have used since the clock was started.
    ///
    /// # Errors
    /// Where a watched process is gone.
    pub fn take_usage(&mut self) -> io::Result<()> {
        let after = (own_usage()?, watched(&self.conduct.pids)?);
        let own = after.0.cpu.saturating_sub(self.before.0.cpu);
        self.out.generator_cpu_seconds = own.as_secs_f64();
        if let (Some(before), Some(after)) = (self.before.1, after.1) {
            let used = after.cpu.saturating_sub(before.cpu);
            self.out.target_cpu_seconds = Some(used.as_secs_f64());
            self.out.target_resident_peak = Some(after.resident_peak);
        }
        Ok(())
    }

    /// Ends the run, in which [`Run::until_exact`] was the last step, and tells what came of it.
    #[must_use]
    pub fn close(mut self) -> Outcome {
        self.progress.finish();
        self.measure();
        if self.out.generator_bound {
            let (used, share) = (self.out.generator_cpu_seconds, BUSY_SHARE * 100.0);
            self.out.notes.push(format!(
                "the generator was busy for more than {share:.0} % of the time ({}): the target \
                 may be faster than it looks; compare CPU, not time",
                Figure::seconds(used)
            ));
        }
        self.take_verdict();
        self.out.timeline = std::mem::take(&mut self.timeline).close(&self.fleet);
        for node in self.nodes() {
            self.fleet.stop(node, Goodbye::Cease);
        }
        std::thread::sleep(LEAVE);
        self.out
    }

    /// Takes note of all that was counted and timed since the clock was started; [`Run::close`]
    /// does so at last.
    pub fn measure(&mut self) {
        self.take_counts();
        self.take_times();
    }

    /// Sessions that were up have been lost since the clock was started: the time until all are
    /// up is that until they are up anew.
    pub const fn forget_established(&mut self) {
        self.established = None;
    }

    /// The run has failed for a reason that no table shows.
    pub fn fail(&mut self, why: impl Into<String>) {
        self.is_exact = false;
        self.out.problems.push(why.into());
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals { counters: self.fleet.counters, ..Totals::default() };
        totals.octets_out = self.nodes().map(|node| self.fleet.session(node).octets_out).sum();
        totals.tables = self.fleet.tally();
        totals
    }

    fn take_counts(&mut self) {
        let (now, before) = (self.totals(), self.totals_before);
        let out = &mut self.out;
        out.octets_in = now.counters.octets_in - before.counters.octets_in;
        out.octets_out = now.octets_out - before.octets_out;
        out.updates_in = now.counters.updates_in - before.counters.updates_in;
        // Also what came before the clock: most sessions are up when it starts.
        out.connects = now.counters.connects;
        out.losses = now.counters.losses - before.counters.losses;
        out.reads = now.counters.reads - before.counters.reads;
        out.announced = now.tables.announced - before.tables.announced;
        out.withdrawn = now.tables.withdrawn - before.tables.withdrawn;
        out.repeats = now.tables.repeats - before.tables.repeats;
        out.echoes = now.tables.echoes - before.tables.echoes;
        out.routes_wrong = self.fleet.wrong();
        out.tables_exact = self.fleet.exact();
    }

    /// Whether all went well, and what did not.
    fn take_verdict(&mut self) {
        let out = &mut self.out;
        out.problems.extend(self.fleet.problems.clone());
        out.faults.extend(self.fleet.faults(self.conduct.faults_max));
        if !self.is_exact {
            let (up, all) = (self.fleet.established(), self.fleet.on());
            if up < all {
                out.problems.push(format!("{up} of {all} sessions are up"));
            }
            out.problems.extend(self.fleet.last_refusal.clone());
        }
        out.complete = self.is_exact && self.fleet.counters.problems == 0;
    }

    fn take_times(&mut self) {
        let begin = self.begin;
        let since = |at: Instant| at.saturating_duration_since(begin).as_secs_f64();
        // A node that gets nothing is exact from the start, unless something had to go.
        let counts = |node: NodeId, at: Instant| {
            let speaker = self.fleet.session(node).speaker;
            self.fleet.model.wanted_count(speaker) > 0 || (self.is_own_clock && at > begin)
        };
        let nodes = (0..).zip(self.fleet.exact_at());
        let exact = nodes.filter_map(|(node, at)| at.filter(|at| counts(node, *at)));
        let exact: Vec<Instant> = exact.collect();
        if self.start == Start::Cold {
            self.out.seconds_to_established = self.established.map(since);
        }
        self.out.seconds_to_half = self.half.map(since);
        self.out.seconds_to_first_exact = exact.iter().min().copied().map(since);
        if self.out.routes_wrong == 0 {
            self.out.seconds_to_last_exact = exact.iter().max().copied().map(since);
            let busy = self.out.generator_cpu_seconds;
            let wall = self.out.seconds_to_last_exact.filter(|_| !self.is_paced);
            self.out.generator_bound = wall.is_some_and(|wall| is_limit(busy, wall));
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
        sum.resident += one.resident;
        sum.resident_peak += one.resident_peak;
    }
    Ok(total)
}

/// Whether a generator that was busy for so many of so many seconds was the limit. Where no table
/// changed since the start there was nothing to wait for.
fn is_limit(busy: f64, wall: f64) -> bool {
    wall > 0.0 && busy > BUSY_SHARE * wall
}

#[cfg(test)]
mod tests {
    use super::is_limit;

    #[test]
    fn a_generator_is_the_limit_where_it_is_busy_while_there_is_something_to_wait_for() {
        assert!(is_limit(0.9, 1.0) && is_limit(1.1, 1.0));
        assert!(!is_limit(0.7, 1.0) && !is_limit(0.001, 0.0));
    }
}
