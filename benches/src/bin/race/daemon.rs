//! A daemon that runs, and the processes it is made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a daemon may take until it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long a daemon gets to settle after it listens.
const START_REST: Duration = Duration::from_millis(300);
/// How long is waited for what a daemon has started to be gone.
const END_MAX: Duration = Duration::from_secs(5);

/// A daemon; it is killed when this goes.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it and waits until it listens on the BGP port.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let child = command.spawn().context("cannot start the daemon")?;
        let mut daemon = Self { child, log: log.to_owned() };
        daemon.wait_until_listening()?;
        Ok(daemon)
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The last lines it said.
    pub(crate) fn last_words(&self) -> String {
        tail(&self.log)
    }

    /// Its process and all that it has started.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut next = 0;
        while let Some(&pid) = all.get(next) {
            all.extend(children(pid));
            next += 1;
        }
        all
    }

    /// Waits until a socket of its namespace listens on the BGP port.
    fn wait_until_listening(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_MAX;
        let table = format!("/proc/{}/net/tcp", self.child.id());
        loop {
            if let Some(status) = self.has_ended()? {
                bail!("the daemon ended at once: {status}\n{}", self.last_words());
            }
            let sockets = fs::read_to_string(&table).unwrap_or_default();
            if sockets.lines().any(listens) {
                sleep(START_REST);
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("the daemon does not listen on port 179\n{}", self.last_words());
            }
            sleep(LOOK);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let started: Vec<(u32, PathBuf)> = self
            .processes()
            .into_iter()
            .skip(1)
            .filter_map(|pid| Some((pid, program(pid)?)))
            .collect();
        // It has told all it had to tell; an error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let lives = |(pid, path): &&(u32, PathBuf)| program(*pid).as_ref() == Some(path);
        for (pid, _) in started.iter().filter(lives) {
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // The next run is not to be disturbed by what they free.
        let deadline = Instant::now() + END_MAX;
        while started.iter().any(|one| lives(&one)) && Instant::now() < deadline {
            sleep(LOOK);
        }
    }
}

/// The program of a process that lives.
fn program(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The processes that a process has started and that have not ended.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let parse = |list: String| {
        let numbers = list.split_ascii_whitespace().filter_map(|number| number.parse().ok());
        numbers.collect::<Vec<u32>>()
    };
    lists.flat_map(parse).collect()
}

/// Whether a line of `/proc/net/tcp` is a socket that listens on port 179: local address, remote
/// address, state.
fn listens(line: &str) -> bool {
    let mut fields = line.split_ascii_whitespace().skip(1);
    fields.next().is_some_and(|local| local.ends_with(":00B3")) && fields.nth(1) == Some("0A")
}

/// The last lines of a file.
pub(crate) fn tail(file: &Path) -> String {
    const LINES: usize = 10;
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Daemon, listens};
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    #[test]
    fn listening_sockets_are_told_from_others() {
        let line = "  0: 0100000A:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000";
        assert!(listens(line));
        assert!(!listens(&line.replace("0A 0000", "01 0000")));
        assert!(!listens(&line.replace(":00B3", ":1F90")));
        assert!(!listens("sl local_address rem_address st"));
    }

    #[test]
    fn what_a_daemon_has_started_counts_and_ends_with_it() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & wait"]).stdin(Stdio::null());
        let child = command.spawn().expect("a shell");
        let daemon = Daemon { child, log: PathBuf::new() };
        let deadline = Instant::now() + Duration::from_secs(30);
        while daemon.processes().len() < 2 {
            assert!(Instant::now() < deadline, "no second process");
            sleep(Duration::from_millis(5));
        }
        let second = daemon.processes()[1];
        drop(daemon);
        while super::program(second).is_some() {
            assert!(Instant::now() < deadline, "it lives on");
            sleep(Duration::from_millis(5));
        }
    }
}
