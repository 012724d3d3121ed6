//! Calico's datastore: a real etcd in a place of the lab, written to and read by etcdctl.

use std::fs::{self, File};
use std::process::Command;

use albedo_discovery::calico::{Cluster, parse};
use anyhow::{Context as _, Result, bail, ensure};

use super::resources::Entry;
use crate::lab::Node;
use crate::process::{Daemon, output};
use crate::tools::peer_program;
use crate::wait::eventually;

/// What the lab needs for it, beside BGP's daemons.
pub const NEEDED: [(&str, &str); 2] =
    [("etcd-server", "usr/bin/etcd"), ("etcd-client", "usr/bin/etcdctl")];

/// Requests in one transaction; etcd takes 128.
const TRANSACTION_MAX: usize = 100;

/// An etcd with one member.
#[derive(Debug)]
pub struct Etcd {
    node: Node,
    daemon: Option<Daemon>,
}

impl Etcd {
    /// Starts it, empty, and waits until it answers.
    ///
    /// # Errors
    /// When there is no such program, or it ends.
    pub fn start(node: &Node) -> Result<Self> {
        let mut etcd = Self { node: node.clone(), daemon: None };
        etcd.start_again()?;
        Ok(etcd)
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}:2379", self.node.host.v4())
    }

    /// Starts it with what it held before.
    ///
    /// # Errors
    /// As [`Etcd::start`].
    pub fn start_again(&mut self) -> Result<()> {
        let (client, peer) = (self.endpoint(), "http://127.0.0.1:2380");
        let mut command = self.node.command(&peer_program(NEEDED[0].0, NEEDED[0].1)?);
        command
            .args(["--data-dir", "data", "--name", "one", "--logger", "zap"])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer])
            .args(["--initial-cluster", &format!("one={peer}"), "--unsafe-no-fsync"]);
        self.daemon = Some(Daemon::start("etcd", &self.node.folder, &mut command)?);
        eventually("etcd answers", || output(self.control()?.args(["get", "x"])))?;
        Ok(())
    }

    /// Ends it; what it holds stays on the disk.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        let mut daemon = self.daemon.take().context("etcd is stopped already")?;
        daemon.stop().map(drop)
    }

    /// Writes entries, each at once and in order.
    ///
    /// # Errors
    /// When etcd does not take them.
    pub fn put(&self, entries: &[Entry]) -> Result<()> {
        let put = |entry: &Entry| format!("put {} {}", entry.key, quoted(&entry.value));
        self.transact(&entries.iter().map(put).collect::<Vec<_>>())
    }

    /// Deletes keys that are there.
    ///
    /// # Errors
    /// When etcd does not.
    pub fn delete(&self, keys: &[String]) -> Result<()> {
        for key in keys {
            let deleted = output(self.control()?.args(["del", key]))?;
            ensure!(deleted.trim() == "1", "{key}: {deleted} were deleted");
        }
        Ok(())
    }

    /// What is behind a key.
    ///
    /// # Errors
    /// When etcd does not answer, or there is nothing.
    pub fn get(&self, key: &str) -> Result<String> {
        let text = output(self.control()?.args(["get", key, "--print-value-only"]))?;
        ensure!(!text.is_empty(), "nothing at {key}");
        Ok(text)
    }

    /// All that is in it, as Calico's nodes read it.
    ///
    /// # Errors
    /// When etcd does not answer, or something cannot be read.
    pub fn read(&self) -> Result<Cluster> {
        let text = output(self.control()?.args(["get", "/calico/", "--prefix"]))?;
        let mut lines = text.lines();
        let mut cluster = Cluster::new();
        while let (Some(key), Some(value)) = (lines.next(), lines.next()) {
            match parse::etcd(key, value.as_bytes(), 0) {
                Some(Ok((resource, warnings))) => {
                    ensure!(warnings.is_empty(), "{key}: {warnings:?}");
                    cluster.apply(resource);
                }
                Some(Err(fault)) => bail!("{key}: {fault}"),
                None => bail!("{key}: nothing of Calico's that is read"),
            }
        }
        Ok(cluster)
    }

    fn transact(&self, requests: &[String]) -> Result<()> {
        let file = self.node.folder.join("transaction");
        for some in requests.chunks(TRANSACTION_MAX) {
            // No conditions; what to do; what to do otherwise.
            fs::write(&file, format!("\n{}\n\n\n", some.join("\n"))).context("transaction")?;
            let input = File::open(&file).context("transaction")?;
            let done = self.control()?.arg("txn").stdin(input).output().context("etcdctl")?;
            ensure!(done.status.success(), "{done:?}");
        }
        Ok(())
    }

    fn control(&self) -> Result<Command> {
        let mut command = self.node.command(&peer_program(NEEDED[1].0, NEEDED[1].1)?);
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.endpoint()]);
        Ok(command)
    }
}

/// As etcdctl reads one word of a transaction.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
