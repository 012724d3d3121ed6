//! `soak`: routes change, nodes restart and ask for refreshes at random for a long time; now and
//! then everything falls quiet, and every table has to be exact. The target's memory must not grow.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::fleet::Settings;
use crate::latency::Recorder;
use crate::model::NodeId;
use crate::outcome::{Figure, Outcome, Sample, Unit};
use crate::pace::Pace;
use crate::rng::Rng;
use crate::run::{Conduct, Run};
use crate::scenario::live::{Kind, Live, Shape, is_choked};
use crate::session::Goodbye;

/// How long a node that restarts is away, at most.
const AWAY_MAX: Duration = Duration::from_secs(2);
/// Nodes in 100 that may be away at once; at least one may.
const AWAY_SHARE_MAX: usize = 10;
/// Things done before events are handled again, however late the next ones are.
const AT_ONCE_MAX: u32 = 256;

/// How often each thing happens, by weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// A route gets other attributes.
    pub attributes: u32,
    /// A route is withdrawn, or announced again.
    pub presence: u32,
    /// A node goes, and comes back after a while.
    pub restarts: u32,
    /// A node asks for all routes.
    pub refreshes: u32,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Change(Kind),
    Restart,
    Refresh,
}

impl Weights {
    /// The most one weight may be, so that their sum is a number of 32 bits.
    pub const MAX: u32 = 1_000_000;

    /// Whether something is to happen.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(self) -> Result<(), String> {
        let all = [self.attributes, self.presence, self.restarts, self.refreshes];
        if all.iter().all(|&weight| weight == 0) {
            return Err("all weights are 0: expected one above 0 at least".to_owned());
        }
        if let Some(wrong) = all.iter().find(|&&weight| weight > Self::MAX) {
            return Err(format!("weight {wrong}: expected {} at most", Self::MAX));
        }
        Ok(())
    }

    fn pick(self, rng: &mut Rng) -> Deed {
        rng.pick(&[
            (Deed::Change(Kind::Attributes), self.attributes),
            (Deed::Change(Kind::Presence), self.presence),
            (Deed::Restart, self.restarts),
            (Deed::Refresh, self.refreshes),
        ])
    }
}

/// What is going on.
struct Soak {
    live: Live,
    rng: Rng,
    weights: Weights,
    /// Nodes that are away and when they come back, soonest first.
    away: VecDeque<(Instant, NodeId)>,
    is_away: Vec<bool>,
    changes: u64,
    restarts: u64,
    refreshes: u64,
    rounds: u64,
    inexact: u64,
    settled: Recorder,
}

/// Brings a cluster up, has it live for the shape's duration, and looks at all tables again and
/// again, every so often.
///
/// # Errors
/// Where the kernel refuses what is needed; a target that is wrong or slow is an outcome.
pub fn run(
    settings: Settings,
    shape: &Shape,
    weights: Weights,
    check_every: Duration,
    conduct: &Conduct,
) -> io::Result<Outcome> {
    let (live, plan) = Live::new(shape);
    let mut soak = Soak {
        is_away: vec![false; live.nodes()],
        live,
        rng: Rng::new(shape.seed),
        weights,
        away: VecDeque::new(),
        changes: 0,
        restarts: 0,
        refreshes: 0,
        rounds: 0,
        inexact: 0,
        settled: Recorder::new(),
    };
    let mut run = Run::new(settings, plan, conduct)?;
    if !run.bring_up()? {
        return Ok(run.close());
    }
    let expected = run.out.routes_expected;
    run.start_clock()?;
    run.set_paced();
    run.out.routes_expected = expected;
    let end = run.begin() + shape.duration;
    let mut pace = Pace::new(run.begin(), shape.rate, shape.burst);
    loop {
        let round = end.min(Instant::now() + check_every);
        // Where a table is wrong for good, all that follows would only hide what it was.
        if !soak.live_until(&mut run, &mut pace, round)? || !soak.check(&mut run)? {
            break;
        }
        if round >= end {
            break;
        }
        pace.skip_to(Instant::now());
    }
    let mut outcome = run.close();
    soak.report(&mut outcome);
    Ok(outcome)
}

impl Soak {
    /// Does what is due until an instant, and brings everybody back then; false where the target
    /// takes no more, which is then a problem.
    fn live_until(&mut self, run: &mut Run, pace: &mut Pace, end: Instant) -> io::Result<bool> {
        while Instant::now() < end {
            for _ in 0..AT_ONCE_MAX {
                if pace.take(Instant::now(), end).is_none() {
                    break;
                }
                if !self.do_one(run) {
                    return Ok(false);
                }
            }
            let now = Instant::now();
            while let Some(&(_, node)) = self.away.front().filter(|&&(at, _)| at <= now) {
                self.bring_back(run, node);
            }
            let back = self.away.front().map_or(end, |&(at, _)| at);
            run.fleet.poll(Duration::ZERO)?;
            run.until(pace.next().min(back).min(end), |_| false)?;
        }
        while let Some(&(_, node)) = self.away.front() {
            self.bring_back(run, node);
        }
        Ok(true)
    }

    fn bring_back(&mut self, run: &mut Run, node: NodeId) {
        self.away.pop_front();
        self.is_away[node as usize] = false;
        self.live.bring_back(&mut run.fleet, node);
    }

    /// Does one thing; false where the target takes no more.
    fn do_one(&mut self, run: &mut Run) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "both are limited by the model")]
        let (routes, nodes) = (self.live.len() as u32, self.live.nodes() as u32);
        let deed = self.weights.pick(&mut self.rng);
        let id = self.rng.below(routes);
        let node = match deed {
            Deed::Change(_) => self.live.owner(id),
            Deed::Restart | Deed::Refresh => self.rng.below(nodes),
        };
        if self.is_away[node as usize] {
            return true; // It does nothing.
        }
        if is_choked(run, node) {
            return false;
        }
        match deed {
            Deed::Change(kind) => {
                self.changes += 1;
                self.live.change(&mut run.fleet, id, kind, Instant::now());
            }
            Deed::Refresh => {
                self.refreshes += 1;
                self.live.refresh(&mut run.fleet, node);
            }
            Deed::Restart => self.restart(run, node),
        }
        true
    }

    /// Takes a node away for a while, unless many are away.
    fn restart(&mut self, run: &mut Run, node: NodeId) {
        if self.away.len() >= (self.live.nodes() * AWAY_SHARE_MAX / 100).max(1) {
            return;
        }
        self.restarts += 1;
        let goodbyes = [(Goodbye::Cease, 1), (Goodbye::Close, 1), (Goodbye::Reset, 1)];
        let goodbye = self.rng.pick(&goodbyes);
        self.live.take_down(&mut run.fleet, node, goodbye);
        self.is_away[node as usize] = true;
        let back = Instant::now() + AWAY_MAX * self.rng.below(1000) / 1000;
        let at = self.away.partition_point(|&(at, _)| at <= back);
        self.away.insert(at, (back, node));
    }

    /// Waits until everything is quiet and exact; false where that did not happen.
    fn check(&mut self, run: &mut Run) -> io::Result<bool> {
        run.extend();
        let begin = Instant::now();
        let is_exact = run.until_exact()?;
        self.rounds += 1;
        if is_exact {
            self.settled.record(begin.elapsed().saturating_sub(run.conduct.settle));
        } else {
            self.inexact += 1;
            run.mark("tables are not exact");
        }
        Ok(is_exact)
    }

    fn report(&self, out: &mut Outcome) {
        let errors = out.losses + self.inexact;
        let figures = [
            ("changes", self.changes),
            ("restarts", self.restarts),
            ("refreshes", self.refreshes),
            ("rounds", self.rounds),
            ("errors", errors),
        ];
        out.extra.extend(figures.map(|(name, count)| (name.to_owned(), Figure::count(count))));
        out.latencies.insert("settled".to_owned(), self.settled.latency());
        out.complete &= out.problems.is_empty();
        (out.seconds_to_half, out.seconds_to_first_exact) = (None, None);
        // How long it took is no result.
        out.seconds_to_last_exact = None;
        report_memory(out);
    }
}

/// Writes down how much memory the target had in the first quarter of the time, in the last one,
/// and how much it grew; medians, where it was watched.
fn report_memory(out: &mut Outcome) {
    let Some(end) = out.timeline.last().map(|sample| sample.at) else {
        return;
    };
    let median = |is_there: &dyn Fn(f64) -> bool| {
        let there = out.timeline.iter().filter(|sample| is_there(sample.at));
        let mut sizes: Vec<u64> =
            there.filter_map(|sample: &Sample| sample.target_resident).collect();
        sizes.sort_unstable();
        sizes.get(sizes.len() / 2).copied()
    };
    let (first, last) = (median(&|at| at <= end / 4.0), median(&|at| at >= end * 3.0 / 4.0));
    let (Some(first), Some(last)) = (first, last) else {
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "figures are looked at, not counted with")]
    let growth = last as f64 - first as f64;
    let figures = [
        ("memory_start", Figure::octets(first)),
        ("memory_end", Figure::octets(last)),
        ("memory_growth", Figure { value: growth, unit: Unit::Octets }),
    ];
    out.extra.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
}

#[cfg(test)]
mod tests {
    use super::{Deed, Weights, report_memory};
    use crate::outcome::{Outcome, Sample};
    use crate::rng::Rng;
    use crate::scenario::live::Kind;

    #[test]
    fn deeds_follow_their_weights() {
        let weights = Weights { attributes: 6, presence: 3, restarts: 1, refreshes: 0 };
        weights.check().expect("playable");
        let mut rng = Rng::new(1);
        let mut counts = [0; 4];
        for _ in 0..10_000 {
            counts[match weights.pick(&mut rng) {
                Deed::Change(Kind::Attributes) => 0,
                Deed::Change(Kind::Presence) => 1,
                Deed::Restart => 2,
                Deed::Refresh => 3,
            }] += 1;
        }
        assert!(counts[0] > 5500 && counts[1] > 2500 && counts[2] > 800, "{counts:?}");
        assert_eq!(counts[3], 0);
        let none = Weights { attributes: 0, presence: 0, restarts: 0, refreshes: 0 };
        assert!(none.check().is_err());
        assert!(Weights { refreshes: Weights::MAX + 1, ..none }.check().is_err());
    }

    #[test]
    fn memory_is_compared_between_the_first_and_the_last_quarter() {
        let sizes = [50, 10, 11, 99, 99, 99, 99, 30, 31, 90];
        let sample = |(n, &size): (usize, &u64)| Sample {
            at: n as f64,
            target_resident: Some(size),
            ..Sample::default()
        };
        let timeline = sizes.iter().enumerate().map(sample).collect();
        let mut out = Outcome { timeline, ..Outcome::default() };
        report_memory(&mut out);
        assert_eq!(out.extra["memory_start"].value, 11.0);
        assert_eq!(out.extra["memory_end"].value, 31.0);
        assert_eq!(out.extra["memory_growth"].value, 20.0);
        let mut none = Outcome::default();
        report_memory(&mut none);
        assert!(none.extra.is_empty());
    }
}
