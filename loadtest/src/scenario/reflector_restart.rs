//! `reflector-restart`: all sessions drop at once and return one by one, as when the reflector
//! itself has restarted.

use std::io;
use std::time::{Duration, Instant};

use crate::fleet::Settings;
use crate::latency::Recorder;
use crate::model::NodeId;
use crate::outcome::Outcome;
use crate::rng::Rng;
use crate::run::{Conduct, Run};
use crate::scenario::Plan;
use crate::scenario::rolling_restart::How;

/// Nobody returns before the scenario says so: longer than any run.
const FAR: Duration = Duration::from_secs(1_000_000);

/// What happens to the sessions.
#[derive(Clone, Copy, Debug)]
pub struct ReflectorRestart {
    /// How sessions end.
    pub how: How,
    /// Each node returns after a time drawn evenly between nothing and this.
    pub jitter: Duration,
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

    /// Plays it: `plan` comes up and is exact, all sessions drop, return, and are exact anew.
    ///
    /// # Errors
    /// As [`run`](crate::run::run).
    pub fn run(&self, settings: Settings, plan: Plan, conduct: &Conduct) -> io::Result<Outcome> {
        let mut run = Run::new(settings, plan, conduct)?;
        if !run.bring_up()? {
            return Ok(run.close());
        }
        let returns = self.returns(run.nodes());
        run.start_clock()?;
        let far = run.begin() + FAR;
        for node in run.nodes() {
            run.fleet.interrupt(node, self.how.goodbye(), far);
        }
        run.out.routes_expected = run.fleet.wrong();
        run.mark("all sessions drop");
        let mut started = vec![run.begin(); returns.len()];
        for (after, node) in returns {
            let due = run.begin() + after;
            run.until(due, |_| false)?;
            started[node as usize] = Instant::now();
            run.fleet.resume(node);
        }
        run.mark("the last node returns");
        run.until_exact()?;
        let mut sync = Recorder::new();
        for (exact, start) in run.fleet.exact_at().iter().zip(started) {
            if let Some(exact) = exact {
                sync.record(exact.saturating_duration_since(start));
            }
        }
        run.out.latencies.insert("sync".to_owned(), sync.latency());
        Ok(run.close())
    }
}

#[cfg(test)]
mod tests {
    use super::ReflectorRestart;
    use crate::scenario::rolling_restart::How;
    use std::time::Duration;

    #[test]
    fn returns_are_spread_evenly_and_follow_from_the_seed() {
        let jitter = Duration::from_secs(10);
        let restart = ReflectorRestart { how: How::Fin, jitter, seed: 7 };
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
