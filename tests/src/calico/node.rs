//! A Calico node: a real BIRD 1.6.8 whose configuration follows the datastore.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use albedo_discovery::calico::Cluster;
use anyhow::{Context as _, Result, bail, ensure};

use super::render::render;
use crate::lab::Node;
use crate::peers::{Session, parse_imported, parse_routes, parse_sessions};
use crate::process::{Daemon, output};
use crate::tools::peer_program;
use crate::wait::eventually;

/// BIRD's word for a community of long-lived stale routes (RFC 9494).
const LLGR_STALE: &str = "(65535,6)";

/// A running node.
#[derive(Debug)]
pub struct CalicoNode {
    /// The name of its Node.
    pub name: String,
    /// Where it runs.
    pub node: Node,
    /// What its BIRD was told last.
    text: String,
    /// Names of the sessions that it is to have.
    wanted: Vec<String>,
    daemon: Daemon,
}

impl CalicoNode {
    /// Starts it with what the datastore says.
    ///
    /// # Errors
    /// When the node is not in the datastore, or BIRD does not start.
    pub fn start(node: &Node, name: &str, cluster: &Cluster) -> Result<Self> {
        let (text, wanted) = render(cluster, name)?;
        fs::write(node.folder.join("bird.cfg"), &text).context("bird.cfg")?;
        let mut command = node.command(&peer_program("bird", "usr/sbin/bird")?);
        command.args(["-R", "-f", "-c", "bird.cfg", "-s", "bird.ctl", "-P", "bird.pid"]);
        let daemon = Daemon::start("bird", &node.folder, &mut command)?;
        let started = Self { name: name.to_owned(), node: node.clone(), text, wanted, daemon };
        eventually("BIRD answers", || started.ask(&["show", "status"]))?;
        Ok(started)
    }

    /// Follows the datastore, as confd does: BIRD reads its configuration anew if that is another
    /// one now, which is what is returned.
    ///
    /// # Errors
    /// When the node is not in the datastore, or BIRD does not like its configuration.
    pub fn follow(&mut self, cluster: &Cluster) -> Result<bool> {
        let (text, wanted) = render(cluster, &self.name)?;
        self.wanted = wanted;
        if text == self.text {
            return Ok(false);
        }
        fs::write(self.node.folder.join("bird.cfg"), &text).context("bird.cfg")?;
        self.text = text;
        let answer = self.ask(&["configure"])?;
        if answer.contains("Reconfigured") || answer.contains("in progress") {
            return Ok(true);
        }
        bail!("{}: birdc configure: {answer}", self.name)
    }

    /// Checks that it has the sessions that it is to have, and no route that is stale.
    ///
    /// # Errors
    /// What is not so.
    pub fn is_calm(&self) -> Result<()> {
        let sessions = self.sessions()?;
        let up: Vec<_> = sessions.iter().filter(|session| session.up).collect();
        let mut names: Vec<_> = up.iter().map(|session| &session.neighbour).collect();
        names.sort_unstable();
        let mut wanted: Vec<_> = self.wanted.iter().collect();
        wanted.sort_unstable();
        let is_all = names == wanted && sessions.len() == wanted.len();
        ensure!(is_all, "{}: {sessions:?} instead of {wanted:?}", self.name);
        let stale = self.ask(&["show", "route", "all"])?.matches(LLGR_STALE).count();
        ensure!(stale == 0, "{}: {stale} routes are stale", self.name);
        Ok(())
    }

    /// Its BGP sessions, in the order of their names.
    ///
    /// # Errors
    /// When its command line fails.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        Ok(parse_sessions(&self.ask(&["show", "protocols"])?))
    }

    /// Checks that it has this many routes, services aside, from each of its sessions at least.
    ///
    /// # Errors
    /// When it has fewer.
    pub fn has_copies(&self, routes: usize) -> Result<()> {
        let (found, wanted) = (
            parse_imported(&self.ask(&["show", "protocols", "all"])?)?,
            self.wanted.len() * routes,
        );
        ensure!(
            found >= wanted,
            "{}: {found} routes instead of {wanted}; not from everybody: {}",
            self.name,
            self.lacking()?.join(", "),
        );
        Ok(())
    }

    /// Each prefix of a session that not every session has, and which ones have it.
    fn lacking(&self) -> Result<Vec<String>> {
        let mut from: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for route in parse_routes(&self.ask(&["show", "route", "all"])?)? {
            from.entry(route.net).or_default().insert(route.from);
        }
        let some = from.iter().filter(|(_, from)| from.len() < self.wanted.len());
        Ok(some.map(|(net, from)| format!("{net} (only from {from:?})")).collect())
    }

    /// Ends it at once, as a machine that fails.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        ask_bird(&self.node.folder.join("bird.ctl"), words)
    }
}

/// What BIRD's own client prints when it asks at a control socket.
///
/// # Errors
/// When nobody answers there.
pub fn ask_bird(socket: &PathBuf, words: &[&str]) -> Result<String> {
    let client = peer_program("bird", "usr/sbin/birdc")?;
    output(Command::new(client).arg("-s").arg(socket).args(words))
}
