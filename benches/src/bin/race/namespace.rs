//! A network namespace for one run.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The address daemons listen on.
pub(crate) const SERVER: &str = "10.0.0.1";
/// Where the played nodes have their addresses.
pub(crate) const NODES: &str = "10.1.0.0/16";

/// A namespace; it goes when this does.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace in which all of 10.0.0.0/8 is local, and reachable over an interface that
    /// is up, so that daemons find a route to each next hop.
    pub(crate) fn new(number: u32) -> Result<Self> {
        let name = format!("race-{}-{number}", std::process::id());
        run(&["ip", "netns", "add", &name])?;
        let namespace = Self { name };
        let inside: [&[&str]; 7] = [
            &["ip", "link", "set", "lo", "up"],
            // Whatever lies in 10.0.0.0/8 is this machine's: thousands of addresses for nothing.
            &["ip", "route", "add", "local", "10.0.0.0/8", "dev", "lo"],
            // BIRD takes a next hop only where an interface leads to it. Nothing flows over it.
            &["ip", "link", "add", "hop0", "type", "veth", "peer", "name", "hop1"],
            &["ip", "addr", "add", "10.0.0.1/8", "dev", "hop0"],
            &["ip", "link", "set", "hop0", "up"],
            &["ip", "link", "set", "hop1", "up"],
            // The pacing of bbr, which some machines have as default, distorts everything.
            &["sysctl", "-q", "-w", "net.ipv4.tcp_congestion_control=reno"],
        ];
        for command in inside {
            run(&[&["ip", "netns", "exec", &namespace.name], command].concat())?;
        }
        Ok(namespace)
    }

    /// A command that runs in the namespace, through programs that each start the next one in
    /// their own place: its process is the program itself.
    pub(crate) fn command(&self, through: &[String], program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(through).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What the load generator has started anew is nobody's child any more.
        if let Ok(output) = Command::new("ip").args(["netns", "pids", &self.name]).output() {
            let list = String::from_utf8_lossy(&output.stdout).into_owned();
            for pid in list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()) {
                let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
            }
        }
        // What is left of a namespace costs nothing and goes with the machine.
        let _ = run(&["ip", "netns", "del", &self.name]);
    }
}

fn run(words: &[&str]) -> Result<()> {
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", words[0]))?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{}` failed: {}", words.join(" "), why.trim());
    Ok(())
}
