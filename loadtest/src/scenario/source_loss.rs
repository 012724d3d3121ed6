//! `source-loss`: a source with a full table goes, and everybody has to lose its routes.

use std::io;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::fleet::Settings;
use crate::model::{ABSENT, NodeId, PrefixId};
use crate::outcome::{Figure, Outcome};
use crate::run::{Conduct, Run};
use crate::scenario::Plan;
use crate::session::Goodbye;

/// The session that goes: the one that announces most.
const SOURCE: NodeId = 0;
/// A hold time above this makes silence a long wait.
const HOLD_BRIEF: Duration = Duration::from_secs(9);

/// How a source goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// The connection ends with FIN, without a NOTIFICATION, as when a process dies.
    Fin,
    /// The connection ends with RST.
    Rst,
    /// It neither reads nor writes any more; only the target's hold timer can tell.
    Silence,
}

/// What happens to the source.
#[derive(Clone, Copy, Debug)]
pub struct SourceLoss {
    /// How it goes.
    pub how: How,
    /// Whether it returns when everybody has lost its routes.
    pub returns: bool,
}

impl SourceLoss {
    /// Whether this can be played with such a hold time.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, hold_time: Duration, timeout: Duration) -> Result<(), String> {
        if self.how != How::Silence {
            return Ok(());
        }
        if hold_time.is_zero() {
            return Err("a hold time of 0s: nobody would ever notice the silence".to_owned());
        }
        if timeout <= hold_time {
            let (timeout, hold) =
                (humantime::format_duration(timeout), humantime::format_duration(hold_time));
            return Err(format!(
                "a timeout of {timeout}: expected more than the hold time, {hold}"
            ));
        }
        Ok(())
    }

    /// What the user should know of.
    fn notes(&self, hold_time: Duration) -> Vec<String> {
        let is_long = self.how == How::Silence && hold_time > HOLD_BRIEF;
        let note = || {
            let hold = humantime::format_duration(hold_time);
            format!("the target notices silence after its hold time only, up to {hold}: try 9s")
        };
        is_long.then(note).into_iter().collect()
    }

    /// Plays it: `plan` comes up and is exact, the source goes, and all its routes with it.
    ///
    /// # Errors
    /// As [`run`](crate::run::run).
    pub fn run(&self, settings: Settings, plan: Plan, conduct: &Conduct) -> io::Result<Outcome> {
        let offered = settings.hold_time;
        let mut run = Run::new(settings, plan, conduct)?;
        run.out.notes.extend(self.notes(offered));
        if !run.bring_up()? {
            return Ok(run.close());
        }
        let hold = run.fleet.session(SOURCE).hold_time;
        if self.how == How::Silence && hold.is_zero() {
            run.fail("the target agreed to no hold time: it will never notice the silence");
            return Ok(run.close());
        }
        let routes = run.fleet.routes_of(|owner| owner == SOURCE);
        let gone: Vec<(PrefixId, u8)> = routes.iter().map(|&(id, _)| (id, ABSENT)).collect();
        // Nothing happens between this and the loss, so the clock does not pay for it.
        run.fleet.expect_all(&gone);
        run.start_clock()?;
        match self.how {
            How::Fin => run.fleet.stop(SOURCE, Goodbye::Close),
            How::Rst => run.fleet.stop(SOURCE, Goodbye::Reset),
            How::Silence => run.fleet.silence(SOURCE),
        }
        run.mark("the source goes");
        if !run.until_exact()? {
            return Ok(run.close());
        }
        run.measure();
        if let (How::Silence, Some(wall)) = (self.how, run.out.seconds_to_last_exact) {
            let after = Figure::seconds(wall - hold.as_secs_f64());
            run.out.extra.insert("wall_after_hold".to_owned(), after);
        }
        if !self.returns {
            return Ok(run.close());
        }
        let lost = run.out.clone();
        come_back(&mut run, &routes)?;
        Ok(with_measures_of(run.close(), lost))
    }
}

/// The source returns and announces everything anew.
fn come_back(run: &mut Run, routes: &[(PrefixId, u8)]) -> io::Result<()> {
    run.fleet.expect_all(routes);
    run.extend();
    let (start, octets) = (Instant::now(), run.fleet.counters.octets_in);
    run.fleet.start(SOURCE);
    run.mark("the source returns");
    if run.until_exact()? {
        let exact = run.fleet.exact_at().iter().flatten().max();
        let wall = exact.map(|at| at.saturating_duration_since(start)).unwrap_or_default();
        let octets = run.fleet.counters.octets_in - octets;
        let extra = &mut run.out.extra;
        extra.insert("return_wall".to_owned(), Figure::seconds(wall.as_secs_f64()));
        extra.insert("return_octets".to_owned(), Figure::octets(octets));
    }
    Ok(())
}

/// What came of the whole run, with what was measured up to an earlier instant.
fn with_measures_of(whole: Outcome, earlier: Outcome) -> Outcome {
    Outcome {
        complete: whole.complete,
        routes_wrong: whole.routes_wrong,
        tables_exact: whole.tables_exact,
        losses: whole.losses,
        generator_bound: whole.generator_bound,
        extra: whole.extra,
        timeline: whole.timeline,
        marks: whole.marks,
        notes: whole.notes,
        problems: whole.problems,
        faults: whole.faults,
        ..earlier
    }
}

#[cfg(test)]
mod tests {
    use super::{How, SourceLoss};
    use std::time::Duration;

    #[test]
    fn silence_needs_a_hold_time_that_ends_before_the_run() {
        let (short, long) = (Duration::from_secs(3), Duration::from_secs(90));
        let silent = SourceLoss { how: How::Silence, returns: false };
        assert!(silent.check(Duration::ZERO, long).is_err());
        let words = "a timeout of 1m 30s: expected more than the hold time, 1m 30s";
        assert_eq!(silent.check(long, long), Err(words.to_owned()));
        assert!(silent.check(short, long).is_ok() && silent.notes(short).is_empty());
        assert!(silent.notes(long)[0].contains("1m 30s"));
        let fin = SourceLoss { how: How::Fin, returns: false };
        assert!(fin.check(Duration::ZERO, long).is_ok() && fin.notes(long).is_empty());
    }
}
