//! `refresh-storm`: while routes change, all clients ask for all routes again at once. How long
//! that takes, and what it does to the latency of changes.

use std::io;
use std::time::{Duration, Instant};

use crate::fleet::watch::{OverTime, Phase, Resent, Watch};
use crate::fleet::{Fleet, Settings};
use crate::latency::Recorder;
use crate::outcome::{Figure, Outcome};
use crate::poll::be_punctual;
use crate::run::{Conduct, Run};
use crate::scenario::live::{Flow, Kind, Live, Shape};
use crate::scenario::slow_reader::report_effect;

/// Changes that were intended so shortly before a storm, or after it, count to neither side: they
/// may have met the other.
const BORDER: Duration = Duration::from_millis(100);
/// Storms in one run.
pub const STORMS_MAX: u32 = 1000;
/// Fewer changes during storms say little of the latency then.
const CHANGES_FEW: u64 = 100;
/// Changes in quiet.
const WITHOUT: Phase = 0;
/// Changes during a storm.
const WITH: Phase = 1;
/// Changes at the border of the two.
const BETWEEN: Phase = 2;

/// What was measured of the storms.
#[derive(Default)]
struct Storms {
    wall: Vec<f64>,
    octets: u64,
    each: Recorder,
}

/// Brings a cluster up and changes its routes; after each stretch of the shape's duration all
/// clients ask for all routes again, so many times.
///
/// # Errors
/// Where the kernel refuses what is needed; a target that is wrong or slow, or answers nothing, is
/// an outcome.
pub fn run(
    settings: Settings,
    shape: &Shape,
    storms: u32,
    conduct: &Conduct,
) -> io::Result<Outcome> {
    let (mut live, plan) = Live::new(shape);
    let mut run = Run::new(settings, plan, conduct)?;
    if !run.bring_up()? {
        return Ok(run.close());
    }
    be_punctual();
    run.start_clock()?;
    run.set_paced();
    let begin = run.begin();
    let over_time = OverTime::new(begin, shape.duration * storms);
    run.fleet.set_watch(Watch::new(live.len(), live.nodes(), 3, over_time));
    let mut flow = Flow::new(shape, &live, Kind::Attributes, begin);
    let mut told = Storms::default();
    for _ in 0..storms {
        let storm = Instant::now() + shape.duration;
        set_phase(&mut run.fleet, WITHOUT);
        flow.play(&mut run, &mut live, storm - BORDER.min(shape.duration), |_| false)?;
        set_phase(&mut run.fleet, BETWEEN);
        flow.play(&mut run, &mut live, storm, |_| false)?;
        if !ask_all(&mut run, &mut live, &mut flow, &mut told)? {
            break;
        }
    }
    run.extend();
    run.until_exact()?;
    let watch = run.fleet.take_watch();
    let mut outcome = run.close();
    if let Some(watch) = watch {
        let [without, with] = [WITHOUT, WITH].map(|phase| &watch.tallies()[phase].delivery);
        report_effect(without, with, &mut outcome);
        let changes = watch.tallies()[WITH].changes;
        if changes < CHANGES_FEW {
            outcome.notes.push(format!(
                "only {changes} changes fell into storms: raise --rate or --storms before \
                 trusting the latency with them"
            ));
        }
        flow.report(watch, &mut outcome);
    }
    told.report(&mut outcome);
    Ok(outcome)
}

/// Has all clients ask, and goes on with changes until all have been sent everything; false where
/// that did not happen, which is then a problem.
fn ask_all(run: &mut Run, live: &mut Live, flow: &mut Flow, told: &mut Storms) -> io::Result<bool> {
    run.extend();
    run.mark("all clients ask for a route refresh");
    set_phase(&mut run.fleet, WITH);
    let (asked, octets) = (Instant::now(), run.fleet.counters.octets_in);
    let resent = Resent::new(&run.fleet.model, live.nodes(), asked);
    if let Some(watch) = run.fleet.watch_mut() {
        watch.set_resent(Some(resent));
    }
    // The other half proves that the answer is one, however many routes change until it is there.
    flow.spare_half(true);
    for node in run.nodes() {
        live.refresh(&mut run.fleet, node);
    }
    let is_over = |fleet: &Fleet| {
        let resent = fleet.watch().and_then(Watch::resent);
        resent.is_none_or(|resent| resent.nodes_left() == 0)
    };
    let deadline = run.deadline();
    let is_answered = flow.play(run, live, deadline, is_over)?;
    flow.spare_half(false);
    set_phase(&mut run.fleet, BETWEEN);
    run.mark(if is_answered { "all clients were sent everything again" } else { "no answer" });
    let resent = run.fleet.watch_mut().and_then(|watch| watch.set_resent(None));
    if let Some(resent) = resent {
        told.octets += run.fleet.counters.octets_in - octets;
        told.wall.extend(resent.wall());
        told.each.add(resent.each());
        if !is_answered {
            let (left, all) = (resent.nodes_left(), live.nodes());
            run.out.problems.push(format!(
                "{left} of {all} clients asked for a route refresh and were not sent everything \
                 again in {:?}: {} prefixes lack; does the target answer ROUTE-REFRESH at all?",
                asked.elapsed(),
                resent.prefixes_left()
            ));
        }
    }
    if is_answered {
        flow.play(run, live, Instant::now() + BORDER, |_| false)?;
    }
    Ok(is_answered)
}

fn set_phase(fleet: &mut Fleet, phase: Phase) {
    if let Some(watch) = fleet.watch_mut() {
        watch.set_phase(phase);
    }
}

impl Storms {
    fn report(&self, out: &mut Outcome) {
        out.latencies.insert("refresh".to_owned(), self.each.latency());
        out.extra.insert("refreshes".to_owned(), Figure::count(self.wall.len() as u64));
        out.extra.insert("refresh_octets".to_owned(), Figure::octets(self.octets));
        if let Some(slowest) = self.wall.iter().copied().max_by(f64::total_cmp) {
            out.extra.insert("refresh_wall".to_owned(), Figure::seconds(slowest));
        }
    }
}
