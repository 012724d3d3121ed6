//! Which peers there are, who has their connections, and what a reload means for each.
//!
//! A session is known by both ends, never by a BGP identifier: a node may have one session for
//! each address family, both with the same identifier.
//! Everything here is looked up when a connection comes in or settings change, never per message.
//!
//! RFC 4271 §6.8 (a collision is of the same pair of addresses).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use albedo_types::{Family, Prefix};
use tokio::net::TcpStream;

use crate::admission::{Refusal, Source};
use crate::commands;
use crate::config::{Profile, Settings};
use crate::guards::{HalfOpen, Seat};
use crate::status::PeerShared;

/// Commands that wait for a session's task.
pub const COMMANDS_MAX: usize = 7 + Family::COUNT;
/// Places of them that connections leave free: for the command to stop, for new settings, for each
/// way of asking again, and for what is said once for each family.
const COMMANDS_KEPT: usize = 4 + Family::COUNT;

/// Our end of a session, as far as it tells sessions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Local {
    /// Whatever the routing table chooses.
    Any,
    /// The address that the peer is configured with.
    Address(IpAddr),
    /// The listener that took the connection, for dynamic neighbours.
    Listener(SocketAddr),
}

/// What a session is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    pub(crate) source: Source,
    pub(crate) local: Local,
}

impl SessionKey {
    pub(crate) fn configured((source, local): (Source, Option<IpAddr>)) -> Self {
        Self { source, local: local.map_or(Local::Any, Local::Address) }
    }

    pub(crate) const fn dynamic(source: Source, listener: SocketAddr) -> Self {
        Self { source, local: Local::Listener(listener) }
    }
}

/// Where a peer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is configured.
    Configured,
    /// It came from an address of this range.
    Range(Prefix),
}

/// An incoming connection on its way to the peer's task.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) stream: TcpStream,
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) half_open: HalfOpen,
}

/// A connection that was not let in, and why.
pub(crate) type Refused = (Refusal, Box<Incoming>);

/// Why the supervisor ends a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopReason {
    /// Subcode of the Cease (RFC 4486).
    pub subcode: u8,
    /// A word to the other operator (RFC 9003), for subcodes 2 and 4.
    pub text: String,
    /// Whether a peer that agreed on graceful restart is left without a word, so that it keeps our
    /// routes until we are back (RFC 4724 §4.2).
    pub leave: bool,
}

impl StopReason {
    pub(crate) fn cease(subcode: u8, text: &str) -> Self {
        Self { subcode, text: text.into(), leave: false }
    }
}

/// What a peer's task is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// A connection has come in.
    Accepted(Box<Incoming>),
    /// The deferral of a family has ended: see which.
    Released,
    /// Go on with these settings.
    Change(Arc<Profile>),
    /// Ask the peer for its routes again.
    AskAgain,
    /// Tell the peer everything again.
    TellAgain,
    /// End the session and yourself.
    Stop(StopReason),
}

/// A peer with a running task.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) commands: commands::Sender<Command>,
    pub(crate) shared: Arc<PeerShared>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) origin: Origin,
    /// Address to show and to connect to.
    pub(crate) addr: SocketAddr,
    /// Tells this task from an earlier one of the same peer.
    pub(crate) generation: u64,
}

impl Slot {
    /// Hands a connection to the task.
    pub(crate) fn offer(&self, incoming: Box<Incoming>) -> Result<(), Refused> {
        if self.commands.room() <= COMMANDS_KEPT {
            return Err((Refusal::Busy, incoming));
        }
        self.commands.send(Command::Accepted(incoming)).map_err(|command| match command {
            Command::Accepted(incoming) => (Refusal::Busy, incoming),
            _ => unreachable!("it was a connection that was sent"),
        })
    }

    /// Tells the task that the deferral of a family has ended.
    pub(crate) fn release(&self) {
        // A task that has ended needs to know nothing; for the others places are kept.
        let _ = self.commands.send(Command::Released);
    }

    /// Tells the task to go on with other settings.
    pub(crate) fn change(&mut self, profile: &Arc<Profile>) {
        self.profile = Arc::clone(profile);
        let command = Command::Change(Arc::clone(profile));
        // Of several changes only the last one counts, so there is room. If the task has ended by
        // itself meanwhile, whoever comes next gets the new settings anyway.
        let _ = self.commands.replace(command, |waiting| matches!(waiting, Command::Change(_)));
    }

    /// Tells the task to ask for the peer's routes again.
    pub(crate) fn ask_again(&self) {
        let is_asking = |waiting: &Command| matches!(waiting, Command::AskAgain);
        let _ = self.commands.replace(Command::AskAgain, is_asking);
    }

    /// Tells the task to tell the peer everything again.
    pub(crate) fn tell_again(&self) {
        let is_telling = |waiting: &Command| matches!(waiting, Command::TellAgain);
        let _ = self.commands.replace(Command::TellAgain, is_telling);
    }

    /// Tells the task to end; the only one to do so is who takes the slot out.
    pub(crate) fn stop(self, reason: StopReason) {
        // If the task has ended by itself meanwhile, that is what was wanted.
        let _ = self.commands.send(Command::Stop(reason));
    }
}

/// What settings mean for the peers that run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Sessions to end, with the subcode that says why.
    pub(crate) stop: Vec<(SessionKey, u8)>,
    /// Configured peers to start: places in the settings' peers.
    pub(crate) start: Vec<usize>,
    /// Sessions that go on, and where they are described in the new settings.
    pub(crate) keep: Vec<(SessionKey, Place)>,
    /// How many of those get other settings.
    pub(crate) changed: usize,
}

/// Where a peer stands in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the peers.
    Peer(usize),
    /// In a range of this group.
    Group(usize, Prefix),
}

/// Compares what runs with what is wanted.
pub(crate) fn plan(slots: &HashMap<SessionKey, Slot>, settings: &Settings) -> Plan {
    use albedo_wire::notification::codes::cease;

    let mut wanted: HashMap<SessionKey, usize> = HashMap::new();
    for (source, n) in settings.sources() {
        wanted.insert(SessionKey::configured(source), n);
    }
    let mut ranges = settings.ranges();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.prefix.len()));
    let mut plan = Plan::default();
    for (key, slot) in slots {
        let (place, profile) = match slot.origin {
            Origin::Configured => match wanted.remove(key) {
                Some(n) => (Place::Peer(n), &settings.peers[n].profile),
                None => {
                    plan.stop.push((*key, cease::DECONFIGURED));
                    continue;
                }
            },
            Origin::Range(_) => {
                let local = match key.local {
                    Local::Listener(at) => Some(at.ip()),
                    Local::Address(_) | Local::Any => None,
                };
                let configured = [local, None]
                    .into_iter()
                    .any(|local| wanted.contains_key(&SessionKey::configured((key.source, local))));
                let range = ranges.iter().find(|range| range.prefix.contains(key.source.ip));
                match range {
                    Some(range) if !configured => (
                        Place::Group(range.group, range.prefix),
                        &settings.groups[range.group].profile,
                    ),
                    _ => {
                        let subcode =
                            if configured { cease::CONFIG_CHANGE } else { cease::DECONFIGURED };
                        plan.stop.push((*key, subcode));
                        continue;
                    }
                }
            }
        };
        let moved = matches!(place, Place::Peer(n) if settings.peers[n].addr != slot.addr);
        if !moved && slot.profile.goes_on_as(profile) {
            plan.changed += usize::from(**profile != *slot.profile);
            plan.keep.push((*key, place));
        } else {
            plan.stop.push((*key, cease::CONFIG_CHANGE));
            if let Place::Peer(n) = place {
                plan.start.push(n);
            }
        }
    }
    plan.start.extend(wanted.into_values());
    plan.start.sort_unstable();
    plan
}

/// A dynamic session's task holds this for as long as it lives.
pub(crate) type MaybeSeat = Option<Seat>;
