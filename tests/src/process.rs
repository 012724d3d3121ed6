//! Daemons as child processes, ended by their own pid.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long a daemon may take to end in order before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running daemon. It ends when this value does.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a command as a daemon whose output goes to `<folder>/<name>.log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, folder: &Path, command: &mut Command) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("{}", log.display()))?;
        let child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("log file")?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Whether it listens on a TCP port, as the kernel sees it in the daemon's own namespace.
    ///
    /// # Errors
    /// When it has ended.
    pub fn listens_on(&mut self, port: u16) -> Result<bool> {
        if let Some(status) = self.child.try_wait().context("wait")? {
            bail!("{} ended with {status}:\n{}", self.name, self.log());
        }
        let wanted = format!(":{port:04X}");
        // Columns: slot, local address, remote address, state; 0A is LISTEN.
        let listens = |line: &str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            columns.get(3) == Some(&"0A") && columns[1].ends_with(&wanted)
        };
        Ok(["tcp", "tcp6"].iter().any(|table| {
            let path = format!("/proc/{}/net/{table}", self.child.id());
            fs::read_to_string(path).is_ok_and(|text| text.lines().any(listens))
        }))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("pid")?;
        kill_process(pid, signal).with_context(|| format!("signal to {}", self.name))
    }

    /// Ends it with SIGTERM, and with SIGKILL when that takes too long.
    ///
    /// # Errors
    /// When it did not end in order.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait().context("wait")? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        let start = Instant::now();
        while start.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait().context("wait")? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        bail!("{} did not end within {} s of SIGTERM", self.name, STOP_LIMIT.as_secs());
    }

    /// Ends it at once, without a chance to say goodbye.
    pub fn kill(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end and hands back what it printed.
///
/// # Errors
/// When it fails, with what it printed to both streams.
pub fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let text = String::from_utf8_lossy(&stdout).into_owned();
    let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    ensure!(
        status.success(),
        "{} {}: {status}\n{text}{}",
        command.get_program().to_string_lossy(),
        words.join(" "),
        String::from_utf8_lossy(&stderr)
    );
    Ok(text)
}
