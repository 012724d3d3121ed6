//! `reflector-restart`: all sessions drop at once and return one by one, as when the reflector
//! itself has restarted.

use std::io;
use std::time::{Duration, Instant};

use crate::build::Graceful;
use crate::fleet::{Fleet, Settings};
use crate::latency::Recorder;
use crate::model::NodeId;
use crate::outcome::Outcome;
use crate::process::usage;
use crate::rng::Rng;
use crate::run::{Conduct, Run};
use crate::scenario::Plan;
use crate::scenario::rolling_restart::How;

pub mod process;

use process::Process;

/// Seconds that nodes say they need to return.
const RESTART_TIME: u16 = 120;
/// Nobody returns before the scenario says so: longer than any run.
const FAR: Duration = Duration::from_secs(1_000_000);

/// What happens to the sessions.
#[derive(Clone, Copy, Debug)]
pub struct ReflectorRestart {
    /// How sessions end.
    pub how: How,
    /// Each node returns after a time drawn evenly between nothing and this.
    pub jitter: Duration,
    /// Nodes know graceful restart (RFC 4724): it is over when they have End-of-RIB, too.
    pub is_graceful: bool,
    /// What the times are drawn from.
    pub seed: u64,
}

impl ReflectorRestart {
    /// Whether this can be played.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, timeout: Duration) -> Result<(), String> {
        if self.jitter >= timeout {
            let (jitter, timeout) =
                (humantime::format_duration(self.jitter), humantime::format_duration(timeout));
            return Err(format!("a jitter of {jitter}: expected less than the timeout, {timeout}"));
        }
        Ok(())
    }

    /// When each node returns, after the drop; ascending.
    fn returns(&self, nodes: std::ops::Range<NodeId>) -> Vec<(Duration, NodeId)> {
        let mut rng = Rng::new(self.seed);
        let mut share = || f64::from(rng.below(1 << 24)) / f64::from(1 << 24);
        let mut out: Vec<_> = nodes.map(|node| (self.jitter.mul_f64(share()), node)).collect();
        out.sort_unstable();
        out
    }

    /// Plays it: `plan` comes up and is exact, all sessions drop, return, and are exact anew. With
    /// a process, it is that which ends and starts anew, and time counts from its end; the usage
    /// told is then the new one's, and `conduct` must watch none.
    ///
    /// # Errors
    /// As [`run`](crate::run::run), and where the process cannot be ended or started.
    pub fn run(
        &self,
        settings: Settings,
        plan: Plan,
        conduct: &Conduct,
        process: Option<&mut Process>,
    ) -> io::Result<Outcome> {
        let mut run = Run::new(settings, plan, conduct)?;
        if self.is_graceful {
            let graceful = Graceful { seconds: RESTART_TIME, is_restarting: false };
            run.nodes().for_each(|node| run.fleet.set_graceful(node, Some(graceful)));
        }
        if !run.bring_up()? {
            return Ok(run.close());
        }
        let expected = run.out.routes_expected;
        run.start_clock()?;
        let Some(process) = process else {
            let far = run.begin() + FAR;
            for node in run.nodes() {
                run.fleet.interrupt(node, self.how.goodbye(), far);
            }
            run.out.routes_expected = expected;
            run.mark("all sessions drop");
            self.come_back(&mut run)?;
            return Ok(run.close());
        };
        run.out.routes_expected = expected;
        if !drop_process(&mut run, process)? {
            return Ok(run.close());
        }
        self.come_back(&mut run)?;
        // Of a command that only tells somebody else to start it there is nothing to see.
        let used = usage(process.pid()).ok().filter(|_| !process.is_gone());
        let mut out = run.close();
        out.target_cpu_seconds = used.map(|used| used.cpu.as_secs_f64());
        out.target_resident_peak = used.map(|used| used.resident_peak);
        // While everybody was off nobody lacked anything.
        out.seconds_to_half = None;
        Ok(out)
    }

    /// Everybody returns at its time, until all tables are exact.
    fn come_back(&self, run: &mut Run) -> io::Result<()> {
        let (dropped, returns) = (Instant::now(), self.returns(run.nodes()));
        let mut started = vec![dropped; returns.len()];
        for (after, node) in returns {
            run.until(dropped + after, |_| false)?;
            started[node as usize] = Instant::now();
            run.fleet.resume(node);
            run.fleet.start(node);
        }
        run.mark("the last node returns");
        run.extend();
        run.until_exact()?;
        if self.is_graceful {
            await_ends(run, dropped)?;
        }
        let mut sync = Recorder::new();
        for (exact, start) in run.fleet.exact_at().iter().zip(started) {
            if let Some(exact) = exact {
                sync.record(exact.saturating_duration_since(start));
            }
        }
        run.out.latencies.insert("sync".to_owned(), sync.latency());
        Ok(())
    }
}

/// Waits until every node has End-of-RIB, and notes when after the drop each had.
fn await_ends(run: &mut Run, dropped: Instant) -> io::Result<()> {
    let all = |fleet: &Fleet| fleet.ended_at().all(|at| at.is_some());
    if !run.until(run.deadline(), all)? {
        let lack = run.fleet.ended_at().filter(Option::is_none).count();
        run.fail(format!("{lack} nodes have no End-of-RIB"));
    }
    let mut ends = Recorder::new();
    for at in run.fleet.ended_at().flatten() {
        ends.record(at.saturating_duration_since(dropped));
    }
    run.out.latencies.insert("end_of_rib".to_owned(), ends.latency());
    Ok(())
}

/// Ends the reflector's process, waits until it and all sessions are gone, and starts it anew;
/// false where it does not end in time.
fn drop_process(run: &mut Run, process: &mut Process) -> io::Result<bool> {
    for node in run.nodes() {
        run.fleet.set_expendable(node, true);
    }
    process.signal()?;
    run.mark("the reflector is told to end");
    if !run.until(run.deadline(), |fleet| fleet.on() == 0 && process.is_gone())? {
        let (left, pid) = (run.fleet.on(), process.pid());
        run.fail(format!("process {pid} was told to end, and {left} sessions are still there"));
        return Ok(false);
    }
    for node in run.nodes() {
        run.fleet.set_expendable(node, false);
    }
    run.forget_established();
    process.start()?;
    run.mark("the reflector starts");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::ReflectorRestart;
    use crate::scenario::rolling_restart::How;
    use std::time::Duration;

    #[test]
    fn returns_are_spread_evenly_and_follow_from_the_seed() {
        let jitter = Duration::from_secs(10);
        let restart = ReflectorRestart { how: How::Fin, jitter, is_graceful: false, seed: 7 };
        let returns = restart.returns(0..1000);
        assert_eq!(returns, restart.returns(0..1000));
        assert_ne!(returns, ReflectorRestart { seed: 8, ..restart }.returns(0..1000));
        assert!(returns.is_sorted() && returns[999].0 < jitter);
        let early = returns.iter().filter(|(at, _)| *at < jitter / 2).count();
        assert!((400..600).contains(&early), "{early}");
        let at_once = ReflectorRestart { jitter: Duration::ZERO, ..restart }.returns(0..3);
        assert!(at_once.iter().all(|(at, _)| at.is_zero()));
        assert!(restart.check(Duration::from_secs(11)).is_ok());
        assert!(restart.check(jitter).is_err());
    }
}
