//! The end of many sessions: nobody is to be told that others have gone.
//!
//! And sending clients away while the program goes on, so that they move to another reflector.
//!
//! Other reflectors keep their sessions: by them the routes of those who have moved come back to
//! those who have not.
//!
//! RFC 4486 (Cease), RFC 4724 §4.2 (what an end without a word leaves).

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use albedo_engine::PeerPort;
use albedo_rib::Keep;
use albedo_types::{Family, PeerRole};
use albedo_wire::notification::codes::cease;

use crate::config::Settings;
use crate::registry::{SessionKey, Slot, StopReason};
use crate::stats::STATES;
use crate::supervisor::{Farewell, Inner, POISON, Registry, Server};

/// Of whose end the shards hear only when that of all the others is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parking {
    Nobody,
    /// A mate comes and goes as ever: it brings its routes again each time.
    AllButMates,
    Everybody,
}

impl Parking {
    const fn parks(level: u8, role: PeerRole) -> bool {
        let mate = matches!(role, PeerRole::NonClient);
        level == Self::Everybody as u8 || level == Self::AllButMates as u8 && !mate
    }
}

impl Server {
    /// Lets only other reflectors in from now on, and nobody else, without a word.
    ///
    /// With `silent`, nobody is told that others have been sent away either: for the last
    /// reflector, whose clients are to keep what they have.
    pub fn begin_drain(&self, silent: bool) {
        self.0.registry().draining = true;
        self.0.park(if silent { Parking::AllButMates } else { Parking::Nobody });
    }

    /// Sends up to `max` peers away that are no reflectors; their addresses.
    pub fn dismiss(&self, max: usize, farewell: &Farewell) -> Vec<IpAddr> {
        let (text, leave) = match farewell {
            Farewell::Shutdown { text } => (text.as_str(), false),
            Farewell::Restart => ("", true),
        };
        let mut registry = self.0.registry();
        if !registry.draining {
            return Vec::new();
        }
        let up = STATES.len() - 1;
        let mut away: Vec<(bool, SessionKey)> = registry
            .slots
            .iter()
            .filter(|(_, slot)| role(slot) != PeerRole::NonClient)
            .map(|(key, slot)| (slot.shared.state() != up, *key))
            .collect();
        // Those that are up first, and the order of a hash table within, so that a rack does not
        // go at once.
        away.sort_by_key(|(is_down, _)| *is_down);
        away.truncate(max);
        let mut addresses = Vec::with_capacity(away.len());
        for (_, key) in away {
            let Some(slot) = registry.slots.remove(&key) else { continue };
            addresses.push(slot.addr.ip());
            slot.stop(StopReason { leave, ..StopReason::cease(cease::SHUTDOWN, text) });
        }
        addresses
    }

    /// Lets everybody in again.
    pub fn end_drain(&self) {
        let settings: Settings = {
            let mut registry = self.0.registry();
            registry.draining = false;
            (*registry.settings).clone()
        };
        self.0.park(Parking::Nobody);
        // What is in force can be applied; it starts the configured peers that were sent away.
        if let Err(error) = self.apply(settings) {
            tracing::error!(%error, "cannot start all peers again");
        }
    }
}

impl Registry {
    /// Whether peers of this role may have sessions: while clients are sent away, only mates.
    pub(crate) fn lets_in(&self, role: PeerRole) -> bool {
        !self.draining || role == PeerRole::NonClient
    }
}

impl Inner {
    /// Ends a session's part in the engine, or keeps it until nobody is left to be told of it.
    pub(crate) fn retire(&self, mut port: PeerPort, role: PeerRole) {
        let mut parked = self.parked.lock().expect(POISON);
        if !self.is_parking(role) {
            drop(parked);
            port.leave();
            return;
        }
        // It reads no more, so nobody waits for it, and nothing is kept for it but its routes.
        if port.lose([Keep::All; Family::COUNT]) {
            // Where a shard has no room, it hears of that with the end.
            let _ = port.poll_flush(&mut Context::from_waker(Waker::noop()));
        }
        parked.push(port);
    }

    /// Whether the ports of peers of this role are kept now.
    pub(crate) fn is_parking(&self, role: PeerRole) -> bool {
        Parking::parks(self.parking.load(Ordering::Relaxed), role)
    }

    /// Whose ports are kept from now on; with nobody's, those that were kept go.
    pub(crate) fn park(&self, parking: Parking) {
        let mut parked = self.parked.lock().expect(POISON);
        self.parking.store(parking as u8, Ordering::Relaxed);
        let none = parking == Parking::Nobody;
        let ports = if none { std::mem::take(&mut *parked) } else { Vec::new() };
        drop(parked);
        drop(ports);
    }
}

fn role(slot: &Slot) -> PeerRole {
    slot.shared.detail().agreed.map_or(slot.profile.role, |agreed| agreed.role)
}
