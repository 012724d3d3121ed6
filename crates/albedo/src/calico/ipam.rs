//! `calico.ipamCheck: warn`: looks from time to time whether nodes announce what they own.
//!
//! It is slow on purpose: a pause behind each page leaves the shards to the sessions.
//! The datastore and the nodes' sessions are two ways for one piece of news, so what is found for
//! the first time may be a block whose owner is not known yet; it is warned of when a second look
//! finds it too, which comes soon.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use albedo_config::IpamCheck;
use albedo_discovery::calico::verify::{Foreign, Verdict};
use albedo_engine::EngineHandle;
use albedo_session::Server;

use super::report::Shared;
use super::verify::compare;

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(60);
/// The time from a change of the cluster, or from something new, to the next look.
const SETTLE: Duration = Duration::from_secs(5);
/// The pause behind a page of routes.
const PAUSE: Duration = Duration::from_millis(2);
/// Routes that are told apart in a look; the counts are exact.
const SHOWN_MAX: usize = 1_000;
/// Routes that are warned of in one life.
const WARNED_MAX: usize = 1_000;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// At the last look.
    last: BTreeSet<Foreign>,
    warned: BTreeSet<Foreign>,
}

impl Findings {
    /// Takes a look's outcome; what is to be warned of now, and whether something is to be looked
    /// at again soon.
    pub(super) fn take(&mut self, verdict: &Verdict) -> (Vec<Foreign>, bool) {
        let found = &verdict.foreign.first;
        let stays = found.intersection(&self.last).filter(|it| !self.warned.contains(*it));
        let room = WARNED_MAX - self.warned.len();
        let to_warn: Vec<_> = stays.take(room).cloned().collect();
        self.warned.extend(to_warn.iter().cloned());
        let is_unsure = self.warned.len() < WARNED_MAX
            && found.difference(&self.last).any(|it| !self.warned.contains(it));
        self.last.clone_from(found);
        (to_warn, is_unsure)
    }
}

/// Looks for as long as it is let.
pub(crate) async fn watch(shared: Arc<Shared>, engine: EngineHandle, server: Server) {
    let mut findings = Findings::default();
    let mut changes = shared.changes();
    let mut wait = SETTLE;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::time::sleep(SETTLE).await;
            }
        }
        changes.mark_unchanged();
        wait = INTERVAL;
        let Some(in_force) = shared.in_force() else { continue };
        if in_force.ipam != IpamCheck::Warn {
            shared.change(|report| report.ipam = None);
            continue;
        }
        match compare(&in_force, (&engine, &server), PAUSE, SHOWN_MAX).await {
            Ok(verdict) => {
                shared.note_ipam(&verdict);
                let (to_warn, is_unsure) = findings.take(&verdict);
                for foreign in to_warn {
                    let what = foreign.to_string();
                    tracing::warn!(what, "a route from a node that does not own the block");
                }
                if is_unsure {
                    wait = SETTLE;
                }
            }
            Err(error) => tracing::debug!(%error, "announced blocks are not looked at"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(prefixes: &[&str]) -> Verdict {
        let foreign = |prefix: &&str| Foreign {
            node: "w1".into(),
            prefix: prefix.parse().unwrap(),
            owner: None,
        };
        let mut verdict = Verdict::default();
        verdict.foreign.first = prefixes.iter().map(foreign).collect();
        verdict.foreign.count = prefixes.len();
        verdict
    }

    fn warned(findings: &mut Findings, prefixes: &[&str]) -> (Vec<String>, bool) {
        let (to_warn, is_unsure) = findings.take(&verdict(prefixes));
        (to_warn.iter().map(|it| it.prefix.to_string()).collect(), is_unsure)
    }

    #[test]
    fn what_stays_is_warned_of_once() {
        let (one, two) = ("10.244.1.0/26", "10.244.2.0/26");
        let mut findings = Findings::default();
        assert_eq!(warned(&mut findings, &[one]), (vec![], true));
        assert_eq!(warned(&mut findings, &[]), (vec![], false), "its owner came to be known");
        assert_eq!(warned(&mut findings, &[one]), (vec![], true));
        assert_eq!(warned(&mut findings, &[one, two]), (vec![one.to_owned()], true));
        assert_eq!(warned(&mut findings, &[one, two]), (vec![two.to_owned()], false));
        assert_eq!(warned(&mut findings, &[one, two]), (vec![], false));
        assert_eq!(warned(&mut findings, &[]), (vec![], false));
        assert_eq!(warned(&mut findings, &[one]), (vec![], false), "known already");
    }

    #[test]
    fn warnings_have_an_end() {
        let prefixes: Vec<String> =
            (0..=WARNED_MAX).map(|n| format!("10.{}.{}.0/26", n / 256, n % 256)).collect();
        let prefixes: Vec<&str> = prefixes.iter().map(|text| &**text).collect();
        let mut findings = Findings::default();
        assert!(warned(&mut findings, &prefixes).1);
        let (first, is_unsure) = warned(&mut findings, &prefixes);
        assert_eq!((first.len(), is_unsure), (WARNED_MAX, false));
        assert_eq!(warned(&mut findings, &prefixes), (vec![], false));
    }
}
