//! Reading the configuration again: what it changes, and what it would change.

use std::collections::BTreeSet;

use albedo_api::control::ReloadStatus;
use albedo_config::Config;
use albedo_session::{Applied, Comparison};
use similar::{ChangeTag, TextDiff};

use crate::calico::Follower;
use crate::cli::ConfigArgs;
use crate::lifecycle::Running;
use crate::logging::LevelHandle;

/// Lines around a change that are told with it.
const CONTEXT_LINES: usize = 2;

/// Reloads, and what they are compared with.
#[derive(Debug)]
pub(crate) struct Reloader<'a> {
    args: &'a ConfigArgs,
    level: LevelHandle,
    /// The file in force, without secrets.
    text: Option<String>,
}

impl<'a> Reloader<'a> {
    pub(crate) fn new(args: &'a ConfigArgs, level: LevelHandle) -> Self {
        let text = read(args);
        Self { args, level, text }
    }

    /// Reads the configuration and takes it; the error is what is wrong with it, a fault a line.
    pub(crate) fn reload(
        &mut self,
        running: &mut Running,
        cluster: Option<&mut Follower>,
    ) -> Result<ReloadStatus, String> {
        let before = running.config().clone();
        // Read once, so that what is told is what is taken.
        let (read, text) = (self.args.load(), self.read());
        let plan = match &read {
            Ok(new) => self.plan(running, cluster.as_deref(), new, text.as_deref()),
            Err(faults) => Err(faults.to_string()),
        };
        let taken = running.reload(read, cluster);
        match taken {
            Ok(Applied { started, stopped, changed, untouched }) => {
                tracing::info!(started, stopped, changed, untouched, "configuration reloaded");
                if let Err(error) = self.level.set(running.config().log.level) {
                    tracing::warn!(%error, "log level unchanged");
                }
                if *running.config() != before {
                    self.text = text;
                }
                let plan = plan.unwrap_or_default();
                Ok(ReloadStatus { dry_run: false, untouched, ..plan })
            }
            Err(error) => {
                let error = format!("{error:#}");
                for line in error.lines() {
                    tracing::error!(fault = line, "reload refused");
                }
                Err(error)
            }
        }
    }

    /// Reads the configuration and tells what it would change.
    pub(crate) fn compare(
        &self,
        running: &Running,
        cluster: Option<&Follower>,
    ) -> Result<ReloadStatus, String> {
        let new = self.args.load().map_err(|faults| faults.to_string())?;
        self.plan(running, cluster, &new, self.read().as_deref())
    }

    /// What another configuration, and the text that it was read from, would change.
    fn plan(
        &self,
        running: &Running,
        cluster: Option<&Follower>,
        new: &Config,
        text: Option<&str>,
    ) -> Result<ReloadStatus, String> {
        let words = |error: anyhow::Error| format!("{error:#}");
        let comparison = match cluster {
            Some(cluster) => running.compare(&cluster.preview(new).map_err(words)?),
            None => running.compare(new),
        };
        let lines = match (self.text.as_deref(), text) {
            (Some(old), Some(new)) => differences(old, new),
            _ => Vec::new(),
        };
        Ok(told(comparison.map_err(words)?, lines))
    }

    /// The file, without secrets.
    fn read(&self) -> Option<String> {
        read(self.args)
    }
}

/// See [`Reloader::read`].
fn read(args: &ConfigArgs) -> Option<String> {
    let file = args.config.as_ref()?;
    let text = std::fs::read_to_string(file).ok()?;
    albedo_config::without_secrets(&file.display().to_string(), &text)
}

/// Lines that differ, and some around them.
fn differences(old: &str, new: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(old, new);
    let mut lines = Vec::new();
    for (n, hunk) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if n > 0 {
            lines.push("...".to_owned());
        }
        for change in hunk.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign} {}", change.value().trim_end_matches('\n')));
        }
    }
    lines
}

fn told(comparison: Comparison, lines: Vec<String>) -> ReloadStatus {
    let anew: BTreeSet<_> = comparison.started.iter().copied().collect();
    let text = |peers: &[std::net::IpAddr]| peers.iter().map(ToString::to_string).collect();
    // A peer whose session begins anew is not told twice.
    let gone: Vec<_> = comparison.stopped.into_iter().filter(|ip| !anew.contains(ip)).collect();
    ReloadStatus {
        dry_run: true,
        lines,
        started: text(&comparison.started),
        stopped: text(&gone),
        changed: text(&comparison.changed),
        untouched: comparison.untouched,
    }
}

/// What a reload of this configuration is compared with.
impl Running {
    /// Compares with what runs, and takes nothing.
    ///
    /// # Errors
    ///
    /// What cannot be changed while the program runs.
    pub(crate) fn compare(&self, new: &Config) -> anyhow::Result<Comparison> {
        let settings = self.settings_of(new)?;
        Ok(self.reflector().server().compare(&settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_signs_and_surroundings() {
        let old = "a: 1\nb: 2\nc: 3\nd: 4\n";
        let new = "a: 1\nb: 2\nc: 4\nd: 4\ne: 5\n";
        let lines = differences(old, new);
        assert_eq!(lines, ["  a: 1", "  b: 2", "- c: 3", "+ c: 4", "  d: 4", "+ e: 5"]);
        assert_eq!(differences(old, old), Vec::<String>::new());
    }

    #[test]
    fn a_session_that_begins_anew_is_told_once() {
        let (a, b) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let comparison =
            Comparison { started: vec![a], stopped: vec![a, b], changed: Vec::new(), untouched: 7 };
        let status = told(comparison, Vec::new());
        assert_eq!(status.started, ["10.0.0.1"]);
        assert_eq!(status.stopped, ["10.0.0.2"]);
        assert_eq!(status.untouched, 7);
    }
}
