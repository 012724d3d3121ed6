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

use albedo_engine::PeerPort;
use albedo_types::PeerRole;
use albedo_wire::notification::codes::cease;

use crate::config::Settings;
use crate::registry::{SessionKey, Slot, StopReason};
use crate::stats::STATES;
use crate::supervisor::{Farewell, Inner, POISON, Server};

impl Server {
    /// Lets only other reflectors in from now on, and nobody else, without a word.
    ///
    /// With `silent`, nobody is told that others have been sent away either: for the last
    /// reflector, whose clients are to keep what they have.
    pub fn begin_drain(&self, silent: bool) {
        self.0.registry().draining = true;
        self.0.park(silent);
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
        self.0.park(false);
        // What is in force can be applied; it starts the configured peers that were sent away.
        if let Err(error) = self.apply(settings) {
            tracing::error!(%error, "cannot start all peers again");
        }
    }
}

impl Inner {
    /// Ends a session's part in the engine, or keeps it until nobody is left to be told of it.
    pub(crate) fn retire(&self, port: PeerPort) {
        let mut parked = self.parked.lock().expect(POISON);
        if self.parking.load(Ordering::Relaxed) {
            parked.push(port);
        } else {
            drop(parked);
            port.leave();
        }
    }

    /// Whether they are kept now.
    pub(crate) fn is_parking(&self) -> bool {
        self.parking.load(Ordering::Relaxed)
    }

    /// Whether the ports of sessions that end are kept; those that were kept go with the end of it.
    pub(crate) fn park(&self, parking: bool) {
        let mut parked = self.parked.lock().expect(POISON);
        self.parking.store(parking, Ordering::Relaxed);
        let ports = if parking { Vec::new() } else { std::mem::take(&mut *parked) };
        drop(parked);
        drop(ports);
    }
}

fn role(slot: &Slot) -> PeerRole {
    slot.shared.detail().agreed.map_or(slot.profile.role, |agreed| agreed.role)
}
