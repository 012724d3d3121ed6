//! Changes at a set rate, as an open loop.

use std::io;
use std::time::{Duration, Instant};

use super::{Kind, Live, Shape};
use crate::fleet::Fleet;
use crate::fleet::watch::Watch;
use crate::latency::Recorder;
use crate::model::{NodeId, PrefixId};
use crate::outcome::{Figure, Outcome, Unit};
use crate::pace::Pace;
use crate::process::own_usage;
use crate::rng::Rng;
use crate::run::{BUSY_SHARE, Run};

/// Octets that may wait to be written on one session before the changes end: the target takes no
/// more, and an open loop would wait for it in ever more memory.
pub const BACKLOG_MAX: usize = 16 << 20;
/// Changes sent before receivers are looked at again, however late the next ones are.
const AT_ONCE_MAX: u32 = 256;
/// The share of a delivery's median latency that own lateness, in 99 of 100 cases, may have before
/// the generator counts as the limit.
const LATE_SHARE: f64 = 0.25;

/// Changes under way.
pub struct Flow {
    kind: Kind,
    pace: Pace,
    /// All routes, in the order in which they change, again and again.
    order: Vec<PrefixId>,
    at: usize,
    /// How many of them change.
    among: usize,
    lateness: Recorder,
    busy: Duration,
    wall: Duration,
}

impl Flow {
    /// Changes from `begin` on.
    #[must_use]
    pub fn new(shape: &Shape, live: &Live, kind: Kind, begin: Instant) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a model has below 2^24 prefixes")]
        let order = shuffled(live.len() as u32, &mut Rng::new(shape.seed));
        Self {
            kind,
            pace: Pace::new(begin, shape.rate, shape.burst),
            among: order.len(),
            order,
            at: 0,
            lateness: Recorder::new(),
            busy: Duration::ZERO,
            wall: Duration::ZERO,
        }
    }

    /// Has only one half of the routes change from now on, or all again.
    pub fn spare_half(&mut self, is_spared: bool) {
        self.among = if is_spared { self.order.len().div_ceil(2) } else { self.order.len() };
        self.at %= self.among;
    }

    /// Sends what is due and handles events until a condition holds or an instant has come; false
    /// where the instant came first, or the target takes no more, which is then a problem.
    ///
    /// # Errors
    /// Where the kernel refuses what is needed.
    pub fn play(
        &mut self,
        run: &mut Run,
        live: &mut Live,
        end: Instant,
        mut is_done: impl FnMut(&Fleet) -> bool,
    ) -> io::Result<bool> {
        let (begin, used) = (Instant::now(), own_usage()?.cpu);
        let is_there = loop {
            if is_done(&run.fleet) {
                break true;
            }
            if !self.send_due(run, live, end) || (Instant::now() >= end && self.pace.next() >= end)
            {
                break false;
            }
            // However late it is, receivers are read before more is sent.
            run.fleet.poll(Duration::ZERO)?;
            if run.until(self.pace.next().min(end), &mut is_done)? {
                break true;
            }
        };
        self.busy += own_usage()?.cpu.saturating_sub(used);
        self.wall += begin.elapsed();
        Ok(is_there)
    }

    /// Sends what is due by now; false where the target takes no more.
    fn send_due(&mut self, run: &mut Run, live: &mut Live, end: Instant) -> bool {
        for _ in 0..AT_ONCE_MAX {
            let now = Instant::now();
            let Some(intended) = self.pace.take(now, end) else {
                break;
            };
            let id = self.order[self.at];
            self.at = (self.at + 1) % self.among;
            if is_choked(run, live.owner(id)) {
                return false;
            }
            self.lateness.record(now.saturating_duration_since(intended));
            live.change(&mut run.fleet, id, self.kind, intended);
        }
        true
    }

    /// Writes down what became of all changes and how well the schedule was kept, and whether the
    /// generator was the limit.
    pub fn report(&self, watch: Watch, out: &mut Outcome) {
        let (mut changes, mut expected, mut delivered, mut superseded) = (0, 0, 0, 0);
        let mut delivery = Recorder::new();
        for tally in watch.tallies() {
            changes += tally.changes;
            expected += tally.expected;
            delivered += tally.delivered;
            superseded += tally.superseded;
            delivery.add(&tally.delivery);
        }
        let wall = self.wall.as_secs_f64();
        let busy = if wall > 0.0 { self.busy.as_secs_f64() / wall } else { 0.0 };
        out.extra.insert("generator_busy".to_owned(), Figure::ratio(busy));
        out.latencies.insert("lateness".to_owned(), self.lateness.latency());
        #[expect(clippy::cast_precision_loss, reason = "figures are looked at, not counted with")]
        let (share, rate) = (delivered as f64 / (expected as f64).max(1.0), changes as f64 / wall);
        out.routes_expected = expected;
        out.latency_over_time = watch.into_over_time().close();
        let figures = [
            ("changes", Figure::count(changes)),
            ("deliveries", Figure::count(delivered)),
            ("delivered_share", Figure::ratio(share)),
            ("superseded", Figure::count(superseded)),
            ("rate", Figure { value: rate, unit: Unit::Count }),
        ];
        out.extra.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
        if superseded > 0 {
            out.notes.push(format!(
                "{superseded} deliveries had not come when the next change of their prefix was \
                 made: they count as not delivered"
            ));
        }
        let late = self.lateness.quantile(0.99).unwrap_or_default().as_secs_f64();
        let delivery = delivery.quantile(0.5).unwrap_or_default().as_secs_f64();
        let why = why_bound(busy, late, delivery);
        out.generator_bound = !why.is_empty();
        if out.generator_bound {
            let why = why.join("; ");
            out.notes.push(format!(
                "the generator was the limit, the target may be faster than it looks: {why}"
            ));
        }
        // A target that took no more, or answered nothing, may have ended with exact tables.
        out.complete &= out.problems.is_empty();
        // Everybody was exact from the start.
        (out.seconds_to_half, out.seconds_to_first_exact) = (None, None);
    }
}

/// Whether the target takes no more of a node, which is then a problem.
pub(in crate::scenario) fn is_choked(run: &mut Run, node: NodeId) -> bool {
    let session = run.fleet.session(node);
    let (from, waits) = (session.node.source.ip(), session.backlog());
    if waits > BACKLOG_MAX {
        run.out.problems.push(format!(
            "{from}: {waits} octets wait to be written, {BACKLOG_MAX} are allowed: the target \
             takes no more"
        ));
    }
    waits > BACKLOG_MAX
}

/// Why a generator that was so busy and so late was the limit, in words; nothing where it was not.
fn why_bound(busy: f64, late_p99: f64, delivery_p50: f64) -> Vec<String> {
    let mut out = Vec::new();
    if busy > BUSY_SHARE {
        out.push(format!("it was busy for {:.0} % of the time", busy * 100.0));
    }
    if delivery_p50 > 0.0 && late_p99 > LATE_SHARE * delivery_p50 {
        let [late, delivery] = [late_p99, delivery_p50].map(Figure::seconds);
        out.push(format!(
            "it sent one change in 100 more than {late} late, and the median delivery took \
             {delivery} with that"
        ));
    }
    out
}

/// All numbers below `count` in a random order.
fn shuffled(count: u32, rng: &mut Rng) -> Vec<u32> {
    let mut out: Vec<u32> = (0..count).collect();
    for n in (1..count).rev() {
        out.swap(n as usize, rng.below(n + 1) as usize);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{shuffled, why_bound};
    use crate::rng::Rng;

    #[test]
    fn an_order_has_every_route_once_and_follows_from_its_seed() {
        let order = shuffled(1000, &mut Rng::new(1));
        assert_eq!(order, shuffled(1000, &mut Rng::new(1)));
        assert_ne!(order, shuffled(1000, &mut Rng::new(2)));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_ne!(order, sorted);
        assert!(sorted.into_iter().eq(0..1000));
    }

    #[test]
    fn a_busy_or_late_generator_is_the_limit() {
        assert!(why_bound(0.5, 0.0001, 0.001).is_empty());
        assert!(why_bound(0.5, 0.0004, 0.0).is_empty(), "nothing was delivered");
        let [busy] = &why_bound(0.9, 0.0001, 0.001)[..] else { panic!("one reason") };
        assert_eq!(busy, "it was busy for 90 % of the time");
        let [late] = &why_bound(0.5, 0.0004, 0.001)[..] else { panic!("one reason") };
        assert!(late.contains("more than 400 µs late"), "{late}");
        assert_eq!(why_bound(0.9, 0.0004, 0.001).len(), 2);
    }
}
