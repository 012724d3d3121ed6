//! What is odd about an expansion, told once for each cause however many sessions it concerns.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::Session;
use super::rows::{Clash, Overlap};
use crate::calico::Warning;

/// What there may be to say of a BGPPeer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Note {
    /// A peering by address without an AS, where the address is no node's.
    NoAs,
    /// The other node has no session with us.
    OneSided,
    /// It is about pods.
    Workloads,
    /// It means our address and another AS.
    OtherAs,
}

/// How many sessions something concerns, and the first of them.
#[derive(Debug)]
struct Count {
    sessions: usize,
    first: Option<IpAddr>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Notes {
    counted: BTreeMap<(Arc<str>, Note), Count>,
    twice: Option<(String, usize)>,
    two_ports: Option<(String, usize)>,
    texts: Vec<String>,
}

impl Notes {
    /// Notes something of a BGPPeer and one session of it.
    pub(super) fn add(&mut self, peer: &Arc<str>, note: Note, address: Option<IpAddr>) {
        let none = Count { sessions: 0, first: address };
        self.counted.entry((peer.clone(), note)).or_insert(none).sessions += 1;
    }

    /// Notes BGPPeers that claim the same sessions, if it matters which one gets them.
    pub(super) fn clashes(&mut self, clashes: &BTreeMap<Clash<'_>, Overlap>) {
        for (Clash { winner, loser }, overlap) in clashes {
            if overlap.differ {
                let with = others(&overlap.first.to_string(), overlap.sessions);
                self.texts.push(format!(
                    "BGPPeers {winner} and {loser} ask for different sessions with {with}: \
                     {winner} counts, as global ones and then names in order come first; Calico's \
                     own nodes choose by chance"
                ));
            }
        }
    }

    /// Notes filters that a BGPPeer names and nobody has.
    pub(super) fn missing_filters(&mut self, peer: &str, missing: &[Arc<str>]) {
        let missing = missing.join(", ");
        self.texts.push(format!(
            "BGPPeer {peer}: there is no BGPFilter {missing}; its sessions do without"
        ));
    }

    /// Notes something of the whole.
    pub(super) fn text(&mut self, text: &str) {
        self.texts.push(text.to_owned());
    }

    /// Notes two sessions that are one.
    pub(super) fn twice(&mut self, dropped: &Session, kept: &Session) {
        let text =
            format!("{} ({}) is {} ({})", dropped.name, dropped.origin, kept.name, kept.origin);
        self.twice.get_or_insert((text, 0)).1 += 1;
    }

    /// Notes two sessions that differ in the port alone.
    pub(super) fn two_ports(&mut self, one: &Session, other: &Session) {
        let text = format!("{} and {}", one.name, other.name);
        self.two_ports.get_or_insert((text, 0)).1 += 1;
    }

    /// All of them, in a fixed order.
    pub(super) fn finish(self) -> Vec<Warning> {
        let mut texts = self.texts;
        for ((peer, note), Count { sessions, first }) in self.counted {
            let first = first.map(|first| first.to_string()).unwrap_or_default();
            let with = others(&first, sessions);
            texts.push(match note {
                Note::NoAs => format!(
                    "BGPPeer {peer}: no asNumber for {with}, which is no node's; left out, while \
                     Calico's nodes take no further change of BGP with it"
                ),
                Note::OneSided => format!(
                    "BGPPeer {peer}: {with} has no session with us, as reversePeering is Manual or \
                     AS or port are not the node's; it comes up only if something else sets it up"
                ),
                Note::Workloads => format!(
                    "BGPPeer {peer}: its sessions are with pods (localWorkloadSelector); left out"
                ),
                Note::OtherAs => format!(
                    "BGPPeer {peer}: its asNumber is not ours; {with} would refuse us and is left \
                     out"
                ),
            });
        }
        if let Some((text, count)) = self.twice {
            texts.push(format!("{text}: one session to the peer{}", more(count)));
        }
        if let Some((text, count)) = self.two_ports {
            texts.push(format!(
                "{text} are with one address; a connection from there is the first's{}",
                more(count)
            ));
        }
        texts.into_iter().map(|text| Warning { text }).collect()
    }
}

/// A peer and how many others.
fn others(first: &str, count: usize) -> String {
    match count {
        0 | 1 => first.to_owned(),
        2 => format!("{first} and 1 more"),
        _ => format!("{first} and {} more", count - 1),
    }
}

fn more(count: usize) -> String {
    if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() }
}
