//! Real BGP daemons as clients of a reflector, each read through its own command line.

mod bird;
mod frr;
pub mod gobgp;
#[cfg(test)]
mod tests;

pub use bird::{Bird, Version};
pub(crate) use bird::{parse_imported, parse_routes, parse_sessions};
pub use frr::Frr;
pub use gobgp::{GoBgp, Graceful};

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};

use crate::lab::Host;
use crate::net::{Family, Net};

/// A route as a peer's own command line shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Its prefix.
    pub net: Net,
    /// The BGP neighbour it came from.
    pub from: IpAddr,
    /// Its BGP next hop.
    pub next_hop: IpAddr,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// ORIGINATOR_ID.
    pub originator: Option<Ipv4Addr>,
    /// CLUSTER_LIST, the latest first.
    pub clusters: Vec<Ipv4Addr>,
}

/// A session as a peer's own command line shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session {
    /// The neighbour's name or address.
    pub neighbour: String,
    /// Whether it is Established.
    pub up: bool,
    /// What changes each time the session is lost: time of the last change, or a counter.
    pub mark: String,
}

/// How far apart two tellings of one instant may be: BIRD works it out anew each time, from two
/// clocks.
const MARK_JITTER_SECONDS: f64 = 0.1;
/// The same where only whole seconds are told, as BIRD 1.6 does: each clock is cut off for itself,
/// so the difference jumps by one. Who was lost is back later than a second after it first came.
const WHOLE_JITTER_SECONDS: f64 = 1.0;

impl Session {
    /// Whether it is the same session, and has not been lost in between.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let is_mark = match (clock(&self.mark), clock(&other.mark)) {
            (Some(a), Some(b)) => {
                let is_whole = !self.mark.contains('.') && !other.mark.contains('.');
                let jitter = if is_whole { WHOLE_JITTER_SECONDS } else { MARK_JITTER_SECONDS };
                (a - b).abs() <= jitter
            }
            _ => self.mark == other.mark,
        };
        is_mark && (&self.neighbour, self.up) == (&other.neighbour, other.up)
    }
}

/// Whether all peers have the sessions that they had.
#[must_use]
pub fn are_same(before: &[Vec<Session>], after: &[Vec<Session>]) -> bool {
    let pairs = || before.iter().zip(after);
    before.len() == after.len()
        && pairs().all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b)))
}

/// Seconds of a time of day, `12:34:56` or with fractions.
fn clock(text: &str) -> Option<f64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = |text: &str| text.parse::<u32>().ok();
    let seconds: f64 = seconds.parse().ok()?;
    Some(f64::from(whole(hours)? * 3600 + whole(minutes)? * 60) + seconds)
}

/// How a peer guards its sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// The TCP-MD5 key (RFC 2385).
    pub password: Option<&'static str>,
    /// Whether its packets leave with 255, and nothing is taken from farther than the link
    /// (RFC 5082).
    pub ttl_security: bool,
}

/// A running peer.
pub trait Peer {
    /// What it is, for messages.
    fn name(&self) -> String;

    /// Where it is; its addresses are the next hops of its routes, its IPv4 address its id.
    fn host(&self) -> Host;

    /// The families it speaks.
    fn families(&self) -> &[Family];

    /// The LOCAL_PREF it gives its own routes.
    fn local_pref(&self) -> u32;

    /// All routes it learned by BGP.
    ///
    /// # Errors
    /// When its command line fails or prints what is not understood.
    fn routes(&self, family: Family) -> Result<Vec<Seen>>;

    /// All its sessions, in the order of their names.
    ///
    /// # Errors
    /// As [`Peer::routes`].
    fn sessions(&self) -> Result<Vec<Session>>;

    /// Begins to announce a prefix of its own.
    ///
    /// # Errors
    /// As [`Peer::routes`].
    fn announce(&mut self, net: Net) -> Result<()>;

    /// Takes a prefix of its own back.
    ///
    /// # Errors
    /// As [`Peer::routes`].
    fn withdraw(&mut self, net: Net) -> Result<()>;

    /// The route it must show everybody else for a prefix of its own that came by way of one
    /// reflector.
    fn reflected(&self, net: Net, from: IpAddr, clusters: &[Ipv4Addr]) -> Seen {
        Seen {
            net,
            from,
            next_hop: self.host().address(net.family()),
            local_pref: Some(self.local_pref()),
            originator: Some(self.host().v4()),
            clusters: clusters.to_vec(),
        }
    }
}

/// Checks that all sessions of a peer stand.
///
/// # Errors
/// When it has none, or one is down.
pub fn all_up(peer: &dyn Peer) -> Result<Vec<Session>> {
    let sessions = peer.sessions()?;
    let up = !sessions.is_empty() && sessions.iter().all(|session| session.up);
    ensure!(up, "{}: {sessions:?}", peer.name());
    Ok(sessions)
}

/// Checks that a peer holds exactly these routes of a family, whatever their order.
///
/// # Errors
/// With what is missing and what is too much.
pub fn holds_exactly(peer: &dyn Peer, family: Family, expected: &[Seen]) -> Result<()> {
    let found = peer.routes(family).with_context(|| peer.name())?;
    let missing: Vec<_> = expected.iter().filter(|route| !found.contains(route)).collect();
    let surplus: Vec<_> = found.iter().filter(|route| !expected.contains(route)).collect();
    ensure!(
        missing.is_empty() && surplus.is_empty() && found.len() == expected.len(),
        "{} {family:?}: {} routes instead of {}; missing {missing:#?}, too much {surplus:#?}",
        peer.name(),
        found.len(),
        expected.len(),
    );
    Ok(())
}
