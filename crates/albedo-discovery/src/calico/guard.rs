//! Guard rails: a change that would take away many sessions, or somebody's last one, waits.
//!
//! A label that vanishes, a selector that a tag has emptied, an AS that is back at its default: one
//! small change of a resource can end every session of a cluster at once.
//! [`Guard`] stands between what [`expand`] proposes and what is in force.
//! What a change adds or sets otherwise applies at once; of what it takes away, this waits:
//!
//! * all of it, if it is more than a share of the sessions ([`Limits::max_loss`]) and not just a
//!   few ([`Limits::min_loss`]);
//! * the session of a node that no BGPPeer and no mesh would give any session in that family, be
//!   it the only one;
//! * sessions of nodes that are gone, or have another address, if these are more than a share of
//!   their own ([`Limits::max_gone`]): nodes come and go one by one, not by the hundred.
//!
//! What was taken away within [`Limits::window`] counts too, so a mass of changes that come one by
//! one is seen.
//! A session whose AS changes, on either side, counts as taken away: it has to be made anew, and
//! comes up only if the other side has changed too.
//!
//! What waits applies when [`Guard::confirm`] says so, or when it has been proposed without a break
//! for [`Limits::hold`].
//! What is proposed again as it was is not waiting any more.
//!
//! It is a pure state machine: time is an argument.
//! It holds at most as many keys as there are sessions in force, and [`RECENT_MAX`] counts of what
//! was taken away.
//! A restart forgets what waits; the last good set, which whoever keeps it has as current then,
//! waits anew.
//! Where [`expand`] fails there is nothing to propose, and what is in force stays.
//!
//! [`expand`]: super::expand::expand

mod words;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use albedo_types::Instant;

use super::Cluster;
use super::expand::{Session, SessionKey, Speaker, Version, View};
use super::reach::reach;

/// Counts of what was taken away lately; those that are close in time are one.
pub const RECENT_MAX: usize = 64;

/// How much may be taken away without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Percent of the sessions that may be taken away within the window. With 100 the guard is
    /// off.
    pub max_loss: u8,
    /// Percent of the sessions that may be taken away because their nodes are gone.
    pub max_gone: u8,
    /// So many are no mass, whatever their share.
    pub min_loss: usize,
    /// How long a change waits if nobody confirms it; zero is for ever.
    pub hold: Duration,
    /// How long what was taken away counts.
    pub window: Duration,
}

impl Limits {
    /// When what has waited since then applies by itself.
    fn over(&self, since: Instant) -> Instant {
        if self.hold.is_zero() { Instant::NEVER } else { since + self.hold }
    }
}

impl Default for Limits {
    /// A quarter within ten minutes, half where nodes are gone, and three in any case; half an
    /// hour.
    fn default() -> Self {
        Self {
            max_loss: 25,
            max_gone: 50,
            min_loss: 3,
            hold: Duration::from_secs(1_800),
            window: Duration::from_secs(600),
        }
    }
}

/// What the guard has to know of the cluster that a proposal was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Addresses of nodes.
    addresses: HashSet<IpAddr>,
    /// Those of nodes that have no session at all in that family.
    unserved: HashSet<IpAddr>,
}

impl Standing {
    /// Looks at every node.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        let view = View::new(cluster);
        let mut standing = Self::default();
        for (member, reach) in view.members.iter().zip(reach(&view)) {
            standing.addresses.extend(member.addresses());
            for (reach, version) in reach.iter().zip(Version::BOTH) {
                standing.unserved.extend(member.address(version).filter(|_| reach.is_empty()));
            }
        }
        standing
    }
}

/// What is to be in force.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The proposal as it is.
    Apply(Speaker),
    /// The proposal, and with it what waits.
    Hold {
        /// What is to be in force meanwhile.
        in_force: Speaker,
        /// What to tell.
        alarm: Alarm,
    },
}

impl Decision {
    /// What is to be in force.
    #[must_use]
    pub const fn in_force(&self) -> &Speaker {
        match self {
            Self::Apply(speaker) | Self::Hold { in_force: speaker, .. } => speaker,
        }
    }
}

/// Why a change waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// In words; one for each reason.
    pub reasons: Vec<String>,
    /// What waits, in order.
    pub sessions: Vec<SessionKey>,
    /// What [`Guard::confirm`] takes. It changes with what waits.
    pub digest: Digest,
    /// Since when the first of it waits.
    pub since: Instant,
    /// When the last of it applies by itself; [`Instant::NEVER`] if it has to be confirmed.
    pub until: Instant,
}

/// Stands for a set of sessions that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub u64);

/// Why a session that a change takes away has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Too many at once.
    Share,
    /// Its node would have none.
    Last,
    /// Too many nodes are gone.
    Gone,
}

/// How a change takes a session away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// The node, or its address, is gone.
    Gone,
    /// The node would have no session.
    Last,
    /// Anything else.
    Plain,
}

/// What was taken away at a time.
#[derive(Clone, Copy, Debug)]
struct Recent {
    at: Instant,
    plain: usize,
    gone: usize,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// What waits, since when.
    held: BTreeMap<SessionKey, Instant>,
    /// What may go.
    confirmed: BTreeSet<SessionKey>,
    recent: VecDeque<Recent>,
    digest: Option<Digest>,
    deadline: Option<Instant>,
}

impl Guard {
    /// One that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides on a proposal. `current` is what is in force, and the decision is to be carried out.
    pub fn offer(
        &mut self,
        now: Instant,
        current: &Speaker,
        proposed: &Speaker,
        standing: &Standing,
        limits: &Limits,
    ) -> Decision {
        let lost = lost(current, proposed);
        let keys: BTreeSet<_> = lost.iter().map(|session| session.key()).collect();
        self.confirmed.retain(|key| keys.contains(key));
        let waits: Vec<_> =
            lost.into_iter().filter(|session| !self.is_released(session, now, limits)).collect();
        self.forget(now, limits);
        let reasons = self.reasons(&waits, current.sessions.len(), standing, limits);
        let mut applied = Recent { at: now, plain: 0, gone: 0 };
        let mut held = BTreeMap::new();
        let mut kept = Vec::new();
        for (session, reason) in waits.into_iter().zip(&reasons) {
            if reason.is_some() {
                let key = session.key();
                held.insert(key, self.held.get(&key).copied().unwrap_or(now));
                kept.push(session);
            } else if loss(session, standing) == Loss::Gone {
                applied.gone += 1;
            } else {
                applied.plain += 1;
            }
        }
        self.held = held;
        self.note(applied, limits);
        let ends = self.held.values().map(|since| limits.over(*since));
        self.deadline = ends.min().filter(|end| *end < Instant::NEVER);
        self.digest = None;
        if kept.is_empty() {
            return Decision::Apply(proposed.clone());
        }
        let digest = digest(&kept, proposed);
        self.digest = Some(digest);
        let since = self.held.values().min().copied().unwrap_or(now);
        let until = limits.over(self.held.values().max().copied().unwrap_or(now));
        let kept_reasons = reasons.into_iter().flatten();
        let reasons = words::reasons(&kept, kept_reasons, current.sessions.len(), proposed);
        let sessions = self.held.keys().copied().collect();
        let alarm = Alarm { reasons, sessions, digest, since, until };
        Decision::Hold { in_force: merged(current, proposed, &kept), alarm }
    }

    /// Lets go what waits: the next offer applies it. Nothing happens if other sessions wait than
    /// those that the digest stands for, which is told.
    pub fn confirm(&mut self, digest: Digest) -> bool {
        let right = self.digest == Some(digest);
        if right {
            self.confirmed.extend(self.held.keys());
        }
        right
    }

    /// When to make the next offer at the latest, if nothing changes: something may apply then.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether something waits.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    fn is_released(&self, session: &Session, now: Instant, limits: &Limits) -> bool {
        let key = session.key();
        let over = |since: &Instant| limits.over(*since) <= now;
        limits.max_loss >= 100
            || self.confirmed.contains(&key)
            || self.held.get(&key).is_some_and(over)
    }

    /// For each session, why it has to wait.
    fn reasons(
        &self,
        lost: &[&Session],
        sessions: usize,
        standing: &Standing,
        limits: &Limits,
    ) -> Vec<Option<Reason>> {
        let losses: Vec<_> = lost.iter().map(|session| loss(session, standing)).collect();
        let gone_now = losses.iter().filter(|loss| **loss == Loss::Gone).count();
        let plain = self.recent.iter().map(|recent| recent.plain).sum::<usize>();
        let gone = self.recent.iter().map(|recent| recent.gone).sum::<usize>();
        let total = sessions + plain + gone;
        let (plain, gone) = (plain + losses.len() - gone_now, gone + gone_now);
        let is_mass = |count: usize, percent: u8| {
            count > limits.min_loss && count * 100 > usize::from(percent) * total
        };
        let mass = is_mass(plain, limits.max_loss);
        let mass_gone = is_mass(gone, limits.max_gone);
        let reason = |loss| match loss {
            Loss::Gone => mass_gone.then_some(Reason::Gone),
            Loss::Last => Some(Reason::Last),
            Loss::Plain => mass.then_some(Reason::Share),
        };
        losses.into_iter().map(reason).collect()
    }

    fn forget(&mut self, now: Instant, limits: &Limits) {
        self.recent.retain(|recent| now.since(recent.at) < limits.window);
    }

    fn note(&mut self, applied: Recent, limits: &Limits) {
        if applied.plain + applied.gone == 0 {
            return;
        }
        // A part of the window each, and one of them at either end.
        let apart = limits.window / (RECENT_MAX as u32 - 2);
        match self.recent.back_mut() {
            Some(last) if applied.at.since(last.at) < apart => {
                last.plain += applied.plain;
                last.gone += applied.gone;
            }
            _ => self.recent.push_back(applied),
        }
    }
}

/// With whom a session is, whatever the port.
const fn pair(session: &Session) -> (IpAddr, IpAddr) {
    (session.local_address, session.address)
}

/// The sessions in force that a proposal ends, or makes anew with another AS. One whose port
/// changes is the same, and so is one that is had from another address of ours, if we have the old
/// one no more.
fn lost<'s>(current: &'s Speaker, proposed: &Speaker) -> Vec<&'s Session> {
    let ases = |session: &Session| (session.peer_asn, session.local_asn);
    let there: HashSet<_> =
        proposed.sessions.iter().map(|session| (pair(session), ases(session))).collect();
    let known: HashSet<_> = current.sessions.iter().map(pair).collect();
    let own: HashSet<_> = proposed.sessions.iter().map(|session| session.local_address).collect();
    let new = proposed.sessions.iter().filter(|session| !known.contains(&pair(session)));
    let moved: HashSet<_> = new.map(|session| (session.address, ases(session))).collect();
    let stays = |session: &&Session| {
        let is_moved = || moved.contains(&(session.address, ases(session)));
        there.contains(&(pair(session), ases(session)))
            || (!own.contains(&session.local_address) && is_moved())
    };
    current.sessions.iter().filter(|session| !stays(session)).collect()
}

fn loss(session: &Session, standing: &Standing) -> Loss {
    let is_node = session.origin.node.is_some();
    if is_node && !standing.addresses.contains(&session.address) {
        Loss::Gone
    } else if standing.unserved.contains(&session.address) {
        Loss::Last
    } else {
        Loss::Plain
    }
}

/// The proposal with sessions that are kept, instead of what it has for the same peers.
fn merged(current: &Speaker, proposed: &Speaker, kept: &[&Session]) -> Speaker {
    let pairs: HashSet<_> = kept.iter().map(|session| pair(session)).collect();
    let keys: HashSet<_> = kept.iter().map(|session| session.key()).collect();
    let mut in_force = proposed.clone();
    in_force
        .sessions
        .retain(|session| !pairs.contains(&pair(session)) && !keys.contains(&session.key()));
    in_force.sessions.extend(kept.iter().map(|session| (*session).clone()));
    in_force.sessions.sort_by_key(Session::key);
    if kept.iter().any(|session| session.local_asn == current.asn) {
        in_force.asn = current.asn;
    }
    in_force
}

/// FNV-1a over what waits and what would become of it: the same on every machine.
fn digest(kept: &[&Session], proposed: &Speaker) -> Digest {
    let pairs: HashSet<_> = proposed.sessions.iter().map(pair).collect();
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for session in kept {
        let stays = pairs.contains(&pair(session));
        let text = format!("{} {} {stays};", session.local_address, session.key());
        for octet in text.bytes() {
            state = (state ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Digest(state)
}

#[cfg(test)]
mod tests;
