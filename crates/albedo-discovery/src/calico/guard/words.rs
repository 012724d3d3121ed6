//! Alarms in words.

use std::collections::HashMap;
use std::fmt;

use albedo_types::Asn;

use super::{Digest, Reason, pair};
use crate::calico::expand::{Session, Source, Speaker};
use crate::calico::lint::EXAMPLES_MAX;

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for Digest {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// One line for each reason: how many sessions, whose, and what would become of them.
pub(super) fn reasons(
    kept: &[&Session],
    reasons: impl Iterator<Item = Reason>,
    sessions: usize,
    proposed: &Speaker,
) -> Vec<String> {
    let new: HashMap<_, _> = proposed.sessions.iter().map(|it| (pair(it), it)).collect();
    let reasons: Vec<_> = reasons.collect();
    let mut lines = Vec::new();
    for reason in [Reason::Share, Reason::Last, Reason::Gone] {
        let of_reason = kept.iter().zip(&reasons).filter(|(_, other)| **other == reason);
        let of_reason: Vec<_> = of_reason.map(|(session, _)| *session).collect();
        if of_reason.is_empty() {
            continue;
        }
        let count = of_reason.len();
        let text = match reason {
            Reason::Share => format!("{count} of {sessions} sessions would go or be made anew"),
            Reason::Last => format!("{count} would be the last of their node in the whole cluster"),
            Reason::Gone => format!("{count} of {sessions} sessions have no Node any more"),
        };
        let examples: Vec<_> =
            of_reason.iter().take(EXAMPLES_MAX).map(|it| one(it, new.get(&pair(it)))).collect();
        let more = count - examples.len();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        lines.push(format!("{text}: {}{more}", examples.join("; ")));
    }
    lines
}

/// A session, and what said that there is one.
fn one(session: &Session, new: Option<&&Session>) -> String {
    let node = session.origin.node.as_deref().unwrap_or("no node");
    let by = match &session.origin.source {
        Source::Mesh => "the mesh".to_owned(),
        Source::BgpPeer(name) => format!("BGPPeer {name} by {}", session.origin.theirs),
    };
    let change = new.map_or_else(String::new, |new| {
        let mut change = autonomous("its AS", session.peer_asn, new.peer_asn);
        change += &autonomous("our AS", session.local_asn, new.local_asn);
        change
    });
    format!("{} ({node}, of {by}{change})", session.name)
}

fn autonomous(whose: &str, old: Asn, new: Asn) -> String {
    if old == new { String::new() } else { format!(", {whose} {old} becomes {new}") }
}
