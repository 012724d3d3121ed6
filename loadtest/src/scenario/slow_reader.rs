//! `slow-reader`: some nodes read slowly or stop reading while routes change. What that costs the
//! others, and the target's memory; then the slow ones read again and have to become exact.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use crate::fleet::watch::{OverTime, Tally, Watch};
use crate::fleet::{Fleet, Settings};
use crate::latency::Recorder;
use crate::model::NodeId;
use crate::outcome::{Figure, Outcome, Sample, Unit};
use crate::poll::be_punctual;
use crate::run::{Conduct, Run};
use crate::scenario::live::{Flow, Kind, Live, Shape};

/// Octets that the kernel may hold for a slow reader, so that what it does not read soon waits
/// with the target.
pub const RECEIVE_BUFFER: usize = 32 << 10;
/// Octets that the target's kernel may hold for one session, where it does not say.
const SEND_BUFFER_MAX: u64 = 4 << 20;
/// How long the last changes may take to the others before the slow ones read again.
const DELIVERY_MAX: Duration = Duration::from_secs(2);
/// The phases: all read; some read slowly.
const PHASES: [&str; 2] = ["without", "with"];

/// Who is slow, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slow {
    /// Slow readers in 100 nodes; at least one is.
    pub share: f64,
    /// Octets that each reads in a second; 0: none.
    pub rate: u64,
}

impl Slow {
    /// Whether there are slow and other readers.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(self, nodes: u32) -> Result<(), String> {
        if !(self.share > 0.0 && self.share <= 50.0) {
            return Err(format!("{} % slow readers: expected above 0, 50 at most", self.share));
        }
        if nodes < 3 {
            return Err(format!("{nodes} nodes: expected 3 at least, of which one is slow"));
        }
        Ok(())
    }

    /// The slow readers of so many nodes, evenly spread.
    #[must_use]
    pub fn among(self, nodes: u32) -> Vec<NodeId> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most half of the nodes"
        )]
        let count = ((f64::from(nodes) * self.share / 100.0) as u32).max(1);
        let node = |n| u64::from(n) * u64::from(nodes) / u64::from(count);
        (0..count).filter_map(|n| NodeId::try_from(node(n)).ok()).collect()
    }
}

/// Brings a cluster up and changes its routes, first with everybody reading, then with some slow.
///
/// # Errors
/// Where the kernel refuses what is needed; a target that is wrong or slow is an outcome.
pub fn run(
    settings: Settings,
    shape: &Shape,
    slow: Slow,
    conduct: &Conduct,
) -> io::Result<Outcome> {
    let (mut live, plan) = Live::new(shape);
    let mut run = Run::new(settings, plan, conduct)?;
    let slow_ones = slow.among(shape.cluster.nodes);
    for &node in &slow_ones {
        run.fleet.set_receive_buffer(node, RECEIVE_BUFFER);
    }
    if !run.bring_up()? {
        return Ok(run.close());
    }
    be_punctual();
    run.start_clock()?;
    run.set_paced();
    let begin = run.begin();
    let over_time = OverTime::new(begin, 2 * shape.duration);
    let mut watch = Watch::new(live.len(), live.nodes(), PHASES.len(), over_time);
    for &node in &slow_ones {
        watch.leave_out(node);
    }
    run.fleet.set_watch(watch);
    let mut flow = Flow::new(shape, &live, Kind::Attributes, begin);
    run.mark("all read");
    flow.play(&mut run, &mut live, begin + shape.duration, |_| false)?;
    set_phase(&mut run.fleet, 1);
    run.mark(format!("{} read slowly", slow_ones.len()));
    let slowed = run.elapsed();
    for &node in &slow_ones {
        run.fleet.slow_down(node, slow.rate);
    }
    let before = octets_in(&run);
    flow.play(&mut run, &mut live, begin + 2 * shape.duration, |_| false)?;
    run.until(Instant::now() + DELIVERY_MAX, |fleet| left(fleet) == 0)?;
    let behind = behind(&before, &octets_in(&run), &slow_ones);
    run.mark("all read again");
    let resumed = run.elapsed();
    for &node in &slow_ones {
        run.fleet.read_freely(node);
    }
    run.extend();
    let is_exact = run.until_exact()?;
    let watch = run.fleet.take_watch();
    let mut outcome = run.close();
    if let Some(watch) = watch {
        let [without, with] = [0, 1].map(|phase| &watch.tallies()[phase].delivery);
        report_effect(without, with, &mut outcome);
        flow.report(watch, &mut outcome);
    }
    outcome.extra.insert("slow".to_owned(), Figure::count(slow_ones.len() as u64));
    outcome.extra.insert("behind_octets".to_owned(), Figure::octets(behind));
    if let Some(wall) = outcome.seconds_to_last_exact.filter(|_| is_exact) {
        let caught_up = (wall - resumed).max(0.0);
        outcome.extra.insert("caught_up".to_owned(), Figure::seconds(caught_up));
    }
    let buffers = 2 * RECEIVE_BUFFER as u64 + send_buffer_max();
    if behind <= buffers {
        outcome.notes.push(format!(
            "the slow readers fell behind by {behind} octets only, and socket buffers hold up to \
             {buffers}: perhaps nothing waited with the target itself; raise --rate, --padding or \
             --duration"
        ));
    }
    report_memory(slowed, resumed, &mut outcome);
    Ok(outcome)
}

fn set_phase(fleet: &mut Fleet, phase: usize) {
    if let Some(watch) = fleet.watch_mut() {
        watch.set_phase(phase);
    }
}

/// Deliveries that may yet come.
fn left(fleet: &Fleet) -> u64 {
    fleet.watch().map_or(0, |watch| watch.tallies().iter().map(Tally::left).sum())
}

/// Octets read by each session so far.
fn octets_in(run: &Run) -> Vec<u64> {
    run.nodes().map(|node| run.fleet.session(node).octets_in).collect()
}

/// How many octets fewer the fastest of the slow readers read in a time than the others did on
/// average.
fn behind(before: &[u64], after: &[u64], slow: &[NodeId]) -> u64 {
    let read = |n: usize| after[n] - before[n];
    let is_slow = |n: &usize| slow.iter().any(|&node| node as usize == *n);
    let others: Vec<u64> = (0..after.len()).filter(|n| !is_slow(n)).map(read).collect();
    let average = others.iter().sum::<u64>() / (others.len() as u64).max(1);
    let most = slow.iter().map(|&node| read(node as usize)).max().unwrap_or_default();
    average.saturating_sub(most)
}

/// Octets that the kernel may hold for a session that is written to.
fn send_buffer_max() -> u64 {
    let text = fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap_or_default();
    let most = text.split_ascii_whitespace().nth(2).and_then(|field| field.parse().ok());
    most.unwrap_or(SEND_BUFFER_MAX)
}

/// Writes down the latencies without and with something, and how they compare.
pub(super) fn report_effect(without: &Recorder, with: &Recorder, out: &mut Outcome) {
    let mut p99 = [None; 2];
    for ((name, recorder), p99) in PHASES.into_iter().zip([without, with]).zip(&mut p99) {
        out.latencies.insert(name.to_owned(), recorder.latency());
        *p99 = recorder.quantile(0.99).map(|latency| latency.as_secs_f64());
    }
    if let [Some(without), Some(with)] = p99 {
        out.extra.insert("p99_ratio".to_owned(), Figure::ratio(with / without));
    }
}

/// Writes down how much more memory the target had at most while some were slow than before.
fn report_memory(slowed: f64, resumed: f64, out: &mut Outcome) {
    let most = |from: f64, to: f64| {
        let there = out.timeline.iter().filter(|sample| (from..to).contains(&sample.at));
        there.filter_map(|sample: &Sample| sample.target_resident).max()
    };
    let (Some(before), Some(after)) = (most(0.0, slowed), most(slowed, resumed)) else {
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "figures are looked at, not counted with")]
    let growth = after as f64 - before as f64;
    let figures = [
        ("memory_without", Figure::octets(before)),
        ("memory_with", Figure::octets(after)),
        ("memory_growth", Figure { value: growth, unit: Unit::Octets }),
    ];
    out.extra.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
}

#[cfg(test)]
mod tests {
    use super::{Slow, behind, report_memory};
    use crate::outcome::{Outcome, Sample};

    #[test]
    fn slow_readers_are_spread_and_there_is_at_least_one() {
        let slow = |share| Slow { share, rate: 0 };
        assert_eq!(slow(1.0).among(1000), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!(slow(1.0).among(3), [0]);
        assert_eq!(slow(50.0).among(5), [0, 2]);
        for (share, nodes) in [(0.0, 10), (51.0, 10), (f64::NAN, 10), (1.0, 2)] {
            assert!(slow(share).check(nodes).is_err(), "{share} of {nodes}");
        }
        slow(1.0).check(3).expect("one slow reader");
    }

    #[test]
    fn the_fastest_of_the_slow_counts_against_the_average_of_the_others() {
        assert_eq!(behind(&[0, 10, 10, 10], &[100, 10, 60, 50], &[1, 2]), 70 - 50);
        assert_eq!(behind(&[0, 0], &[10, 50], &[1]), 0);
    }

    #[test]
    fn memory_grows_between_the_most_before_and_the_most_while_some_were_slow() {
        let sample = |at, resident| Sample { at, target_resident: resident, ..Sample::default() };
        let timeline = vec![
            sample(0.5, Some(100)),
            sample(0.9, None),
            sample(1.0, Some(170)),
            sample(1.5, Some(130)),
            sample(2.5, Some(900)),
        ];
        let mut out = Outcome { timeline, ..Outcome::default() };
        report_memory(1.0, 2.0, &mut out);
        assert_eq!(out.extra["memory_growth"].value, 70.0);
        let mut none = Outcome::default();
        report_memory(1.0, 2.0, &mut none);
        assert!(none.extra.is_empty());
    }
}
