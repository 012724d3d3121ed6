//! The reflector's own process, which is ended and started anew.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum End {
    /// SIGTERM: it may take its leave.
    Term,
    /// SIGKILL.
    Kill,
}

/// A process, and the command that starts it anew.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    end: End,
    command: Vec<String>,
    /// What the command became, where it was run already.
    child: Option<Child>,
}

impl Process {
    /// The process of this number. The command is split at spaces; no shell sees it.
    ///
    /// # Errors
    /// Where there is no such process, or no command.
    pub fn new(pid: u32, end: End, command: &str) -> Result<Self, String> {
        let command: Vec<String> = command.split_ascii_whitespace().map(str::to_owned).collect();
        if command.is_empty() {
            return Err("an empty command: expected one that starts the reflector".to_owned());
        }
        if !is_there(pid) {
            return Err(format!("process {pid}: there is none"));
        }
        Ok(Self { pid, end, command, child: None })
    }

    /// Tells it to end.
    pub(super) fn signal(&self) -> io::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
        let signal = match self.end {
            End::Term => Signal::TERM,
            End::Kill => Signal::KILL,
        };
        kill_process(pid, signal)
            .map_err(|error| io::Error::other(format!("process {}: {error}", self.pid)))
    }

    /// Whether it has ended.
    pub(super) fn is_gone(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => !is_there(self.pid),
        }
    }

    /// Runs the command. What it prints is discarded, and it outlives this program.
    pub(super) fn start(&mut self) -> io::Result<()> {
        let (program, arguments) = self.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        self.pid = child.id();
        self.child = Some(child);
        Ok(())
    }

    /// Ends what the command became, if it was run, and waits for that.
    ///
    /// # Errors
    /// Where it cannot be signalled.
    pub fn end(mut self) -> io::Result<()> {
        if let Some(child) = &mut self.child {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// The number of the process: where the command was run, of what it became.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }
}

/// Whether a process runs; one that has ended and only waits to be asked for does not.
fn is_there(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| {
        // The command may contain spaces and parentheses.
        stat.rsplit_once(')')?.1.trim_start().chars().next()
    });
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::{End, Process, is_there};
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn a_process_ends_and_its_command_starts_another() {
        let mut first = Command::new("sleep").arg("60").spawn().expect("sleep");
        let mut process = Process::new(first.id(), End::Term, " sleep  60 ").expect("it runs");
        for _ in 0..2 {
            assert!(!process.is_gone());
            let pid = process.pid();
            process.signal().expect("it can be ended");
            let deadline = Instant::now() + Duration::from_secs(60);
            while !process.is_gone() {
                assert!(Instant::now() < deadline, "{pid} does not end");
                std::thread::yield_now();
            }
            process.start().expect("sleep");
            assert_ne!(process.pid(), pid);
        }
        // Ended, but not yet asked for.
        assert!(!is_there(first.id()));
        first.wait().expect("ours");
        process.end().expect("ours");
    }

    #[test]
    fn what_is_not_there_cannot_be_restarted() {
        assert!(Process::new(u32::MAX, End::Kill, "true").is_err());
        assert!(Process::new(std::process::id(), End::Kill, "  ").is_err());
        let mut none =
            Process::new(std::process::id(), End::Kill, "/nowhere/to/be/found").expect("it is us");
        let error = none.start().expect_err("no such program").to_string();
        assert!(error.starts_with("/nowhere/to/be/found: "), "{error}");
    }
}
