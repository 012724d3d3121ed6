//! `churn`: routes change at a set rate, whether the target keeps up or not, and each change is
//! followed from the instant it was meant for to the read at each receiver.

use std::io;

use crate::fleet::Settings;
use crate::fleet::watch::{OverTime, Tally, Watch};
use crate::outcome::Outcome;
use crate::poll::be_punctual;
use crate::run::{Conduct, Run};
use crate::scenario::live::{Flow, Kind, Live, Shape};

/// Brings a cluster up, changes its routes for a time, and waits until every table is exact.
///
/// # Errors
/// Where the kernel refuses what is needed; a target that is wrong or slow is an outcome.
pub fn run(
    settings: Settings,
    shape: &Shape,
    kind: Kind,
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
    let over_time = OverTime::new(begin, shape.duration);
    let watch = Watch::new(live.len(), live.nodes(), 1, over_time);
    run.fleet.set_watch(watch);
    let mut flow = Flow::new(shape, &live, kind, begin);
    run.mark("the first change");
    flow.play(&mut run, &mut live, begin + shape.duration, |_| false)?;
    run.mark("the last change");
    run.extend();
    run.until_exact()?;
    let watch = run.fleet.take_watch();
    let mut outcome = run.close();
    if let Some(watch) = watch {
        report(&watch.tallies()[0], &mut outcome);
        flow.report(watch, &mut outcome);
    }
    Ok(outcome)
}

fn report(tally: &Tally, out: &mut Outcome) {
    for (name, recorder) in [
        ("delivery", &tally.delivery),
        ("first", &tally.first),
        ("median", &tally.median),
        ("last", &tally.last),
    ] {
        out.latencies.insert(name.to_owned(), recorder.latency());
    }
}
