//! `two-reflectors`: every node has a session to each of two reflectors, and the first one goes.

use std::io;
use std::net::SocketAddr;

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};

use crate::build::Graceful;
use crate::fleet::Settings;
use crate::model::NodeId;
use crate::outcome::{Figure, Outcome};
use crate::process::usage;
use crate::run::{Conduct, Run};
use crate::scenario::rolling_restart::RESTART_TIME;
use crate::scenario::{Start, cluster};

/// What happens to the first reflector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// SIGTERM.
    Stop,
    /// SIGKILL.
    Kill,
    /// SIGSTOP; it goes on when the run is over.
    Hang,
}

impl What {
    const fn signal(self) -> Signal {
        match self {
            Self::Stop => Signal::TERM,
            Self::Kill => Signal::KILL,
            Self::Hang => Signal::STOP,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Stop => "the first reflector is told to stop",
            Self::Kill => "the first reflector is killed",
            Self::Hang => "the first reflector hangs",
        }
    }
}

/// The second reflector, and what happens to the first.
#[derive(Clone, Copy, Debug)]
pub struct TwoReflectors {
    /// The second reflector, which stays.
    pub second: SocketAddr,
    /// The first one's process.
    pub pid: u32,
    /// What happens to it.
    pub what: What,
    /// Whether a lost session's routes stay for the restart time (RFC 4724).
    pub is_graceful: bool,
}

/// A process that goes on when this ends.
struct Hanging(Pid);

impl Drop for Hanging {
    fn drop(&mut self) {
        // Where this fails the process is gone, and does not hang either.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

impl TwoReflectors {
    /// Whether this can be played.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, first: SocketAddr, repeat: u32) -> Result<(), String> {
        if first == self.second {
            return Err(format!("{first} twice: expected two reflectors"));
        }
        if repeat > 1 && self.what != What::Hang {
            return Err(format!("{repeat} repetitions: the first reflector is gone after one"));
        }
        Ok(())
    }

    /// Plays it with a cluster. The processes that `conduct` watches must not be the first
    /// reflector's, which may be gone in the end.
    ///
    /// # Errors
    /// As [`run`](crate::run::run), and where the first reflector's process cannot be signalled.
    pub fn run(
        &self,
        settings: Settings,
        shape: &cluster::Shape,
        start: Start,
        conduct: &Conduct,
    ) -> io::Result<Outcome> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other(format!("process {}: no such", self.pid)))?;
        usage(self.pid).map_err(|error| {
            io::Error::new(error.kind(), format!("process {}: {error}", self.pid))
        })?;
        let mut run = Run::new(settings, shape.plan(start), conduct)?;
        if self.is_graceful {
            for node in run.nodes() {
                let graceful = Graceful { seconds: RESTART_TIME, is_restarting: false };
                run.fleet.set_graceful(node, Some(graceful));
            }
        }
        run.fleet.also_to(self.second);
        run.out.sessions = run.fleet.nodes();
        if !run.bring_up()? {
            return Ok(run.close());
        }
        let expected = run.nodes().map(|node| {
            let speaker = run.fleet.session(node).speaker;
            u64::from(run.fleet.model.wanted_count(speaker))
        });
        let expected = expected.sum();
        run.start_clock()?;
        run.out.routes_expected = expected;
        run.fleet.watch_cover(self.is_graceful);
        let first: Vec<NodeId> = run.fleet.sessions_to(0).collect();
        for &node in &first {
            run.fleet.set_expendable(node, true);
        }
        kill_process(pid, self.what.signal())?;
        let _hanging = (self.what == What::Hang).then(|| Hanging(pid));
        run.mark(self.what.words());
        self.watch(&mut run, &first)?;
        let mut out = run.close();
        // Everything was up and exact when the clock was started.
        (out.seconds_to_established, out.seconds_to_half) = (None, None);
        (out.seconds_to_first_exact, out.seconds_to_last_exact) = (None, None);
        Ok(out)
    }

    /// Waits until all sessions to the first reflector are lost and the others' tables exact.
    fn watch(&self, run: &mut Run, first: &[NodeId]) -> io::Result<()> {
        let left = |fleet: &crate::fleet::Fleet| {
            first.iter().filter(|&&node| fleet.session(node).stage.is_on()).count()
        };
        if run.until(run.deadline(), |fleet| left(fleet) == 0)? {
            let lost = Figure::seconds(run.elapsed());
            run.mark("all sessions to the first reflector are lost");
            run.out.extra.insert("sessions_lost".to_owned(), lost);
            run.extend();
            run.until_exact()?;
        } else {
            let left = left(&run.fleet);
            run.take_usage()?;
            run.fail(format!("{left} sessions to the first reflector are still up"));
        }
        let lack = run.fleet.lack();
        let extra = &mut run.out.extra;
        let seconds = |time: std::time::Duration| Figure::seconds(time.as_secs_f64());
        extra.insert("seconds_without_path".to_owned(), seconds(lack.any));
        extra.insert("worst_client_seconds".to_owned(), seconds(lack.worst));
        extra.insert("paths_lost".to_owned(), Figure::count(lack.paths_lost));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{TwoReflectors, What};
    use std::net::SocketAddr;

    #[test]
    fn two_reflectors_are_two_and_the_dead_do_not_die_again() {
        let first = SocketAddr::from(([10, 0, 0, 1], 179));
        let second = SocketAddr::from(([10, 0, 0, 2], 179));
        let two = TwoReflectors { second, pid: 1, what: What::Kill, is_graceful: false };
        assert!(two.check(first, 1).is_ok() && two.check(second, 1).is_err());
        assert!(two.check(first, 2).is_err());
        assert!(TwoReflectors { what: What::Hang, ..two }.check(first, 2).is_ok());
    }
}
