//! Counters of the sessions: plain atomics that a scrape copies.
//!
//! A driver counts in a [`Tally`] of its own, without atomics, and adds it to the peer's and the
//! process's counters once per turn; so a message costs an addition and a turn a few cache lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use albedo_wire::error::Treatment;
use albedo_wire::frame::{HEADER_LEN, MessageType};

use crate::admission::Refusal;

/// Session states of RFC 4271 §8.2.2.
pub const STATES: [&str; 6] =
    ["idle", "connect", "active", "open_sent", "open_confirm", "established"];

/// NOTIFICATION codes that are counted one by one; higher ones are counted under 0.
pub const NOTIFICATION_CODES: usize = 9;

/// Reasons of [`Refusal`], as labels.
pub const REFUSALS: [&str; 9] = [
    "unknown_source",
    "sessions",
    "per_range",
    "per_source",
    "penalty",
    "prefix_limit",
    "too_far",
    "busy",
    "stopping",
];

/// What a fault of an UPDATE led to (RFC 7606), as labels.
pub const TREATMENTS: [&str; 4] = ["discard", "treat_as_withdraw", "disable_family", "reset"];

/// Why well-formed routes were not taken, as labels: they have been here before (RFC 4456 §8,
/// RFC 4271 §9.1.2), they were too many, or the import policy rejects them.
pub const DROPS: [&str; 5] = ["originator_id", "cluster_list", "as_path", "prefix_limit", "policy"];

const MESSAGE_TYPES: usize = MessageType::ALL.len();

/// The counter of a NOTIFICATION code.
#[must_use]
pub const fn notification_index(code: u8) -> usize {
    if (code as usize) < NOTIFICATION_CODES { code as usize } else { 0 }
}

/// Messages and bytes in both directions.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Messages received, by type in the order of [`MessageType::ALL`].
    pub received: [AtomicU64; MESSAGE_TYPES],
    /// Messages sent, by type.
    pub sent: [AtomicU64; MESSAGE_TYPES],
    /// Bytes received.
    pub bytes_received: AtomicU64,
    /// Bytes sent.
    pub bytes_sent: AtomicU64,
    /// Faults of UPDATEs by treatment, in the order of [`TREATMENTS`].
    pub treatments: [AtomicU64; TREATMENTS.len()],
    /// Well-formed routes that were not taken, in the order of [`DROPS`].
    pub drops: [AtomicU64; DROPS.len()],
}

/// What one turn of a driver counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    received: [u64; MESSAGE_TYPES],
    sent: [u64; MESSAGE_TYPES],
    bytes_received: u64,
    bytes_sent: u64,
    treatments: [u64; TREATMENTS.len()],
    drops: [u64; DROPS.len()],
    dirty: bool,
}

const fn kind_index(kind: MessageType) -> usize {
    kind.code() as usize - 1
}

impl Tally {
    /// Counts a message that was read.
    pub const fn received(&mut self, kind: MessageType) {
        self.received[kind_index(kind)] += 1;
        self.dirty = true;
    }

    /// Counts messages that were written.
    pub const fn sent(&mut self, kind: MessageType, count: u64) {
        self.sent[kind_index(kind)] += count;
        self.dirty = true;
    }

    /// Counts bytes that were read.
    pub const fn bytes_received(&mut self, bytes: usize) {
        self.bytes_received += bytes as u64;
        self.dirty = true;
    }

    /// Counts bytes that were written.
    pub const fn bytes_sent(&mut self, bytes: usize) {
        self.bytes_sent += bytes as u64;
        self.dirty = true;
    }

    /// Counts a fault by what it led to.
    pub const fn treatment(&mut self, treatment: Treatment) {
        self.treatments[treatment as usize] += 1;
        self.dirty = true;
    }

    /// Counts well-formed routes that were not taken; `which` is an index into [`DROPS`].
    pub const fn dropped(&mut self, which: usize, routes: u64) {
        self.drops[which] += routes;
        self.dirty = true;
    }

    /// Adds what was counted to both, and begins anew.
    pub fn settle(&mut self, peer: &Traffic, all: &Traffic) {
        if !self.dirty {
            return;
        }
        for traffic in [peer, all] {
            add_all(&traffic.received, &self.received);
            add_all(&traffic.sent, &self.sent);
            add_all(&traffic.treatments, &self.treatments);
            add_all(&traffic.drops, &self.drops);
            add(&traffic.bytes_received, self.bytes_received);
            add(&traffic.bytes_sent, self.bytes_sent);
        }
        *self = Self::default();
    }
}

fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

fn add_all<const N: usize>(counters: &[AtomicU64; N], counts: &[u64; N]) {
    for (counter, count) in counters.iter().zip(counts) {
        add(counter, *count);
    }
}

/// Counters of all sessions together.
#[derive(Debug, Default)]
pub struct SessionStats {
    /// Messages and bytes.
    pub traffic: Traffic,
    /// Peers by state, in the order of [`STATES`]; a gauge.
    pub states: [AtomicU64; STATES.len()],
    /// NOTIFICATIONs received, by code.
    pub notifications_received: [AtomicU64; NOTIFICATION_CODES],
    /// NOTIFICATIONs sent, by code.
    pub notifications_sent: [AtomicU64; NOTIFICATION_CODES],
    /// Sessions that became Established.
    pub established: AtomicU64,
    /// Sessions that were Established and ended.
    pub ended: AtomicU64,
    /// Connections accepted, whatever became of them.
    pub accepted: AtomicU64,
    /// Lost peers whose routes are kept now.
    pub retained: AtomicU64,
    /// Times that a session was lost and its routes were kept.
    pub kept: AtomicU64,
    /// Times that they were not for want of a place.
    pub kept_refused: AtomicU64,
    /// Requests to send a family again that were put off, and answered together.
    pub refreshes_coalesced: AtomicU64,
    /// Round-trip times that were looked at, in all, in nanoseconds.
    pub acknowledged_nanos: AtomicU64,
    /// How many those were.
    pub acknowledged_samples: AtomicU64,
    /// Connections refused, in the order of [`REFUSALS`].
    pub refused: [AtomicU64; REFUSALS.len()],
    /// Accepts that failed, for want of descriptors for example.
    pub accept_errors: AtomicU64,
    /// Times that a hold timer ran out with data waiting in the socket (F20 of our requirements).
    pub hold_spared: AtomicU64,
}

impl SessionStats {
    /// Counts the smoothed round-trip time of a session.
    pub(crate) fn acknowledged(&self, time: Duration) {
        add(&self.acknowledged_nanos, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        add(&self.acknowledged_samples, 1);
    }

    /// Counts a refusal.
    pub fn refuse(&self, refusal: &Refusal) {
        let label = refusal.label();
        if let Some(n) = REFUSALS.iter().position(|name| *name == label) {
            add(&self.refused[n], 1);
        }
    }

    /// Counts a message on its way out if it is a NOTIFICATION.
    pub(crate) fn count_if_notification(&self, message: &[u8]) {
        if let Some(&[kind, code]) = message.get(HEADER_LEN - 1..=HEADER_LEN)
            && MessageType::from_wire(kind) == Some(MessageType::Notification)
        {
            add(&self.notifications_sent[notification_index(code)], 1);
        }
    }

    /// Moves a peer from one state to another; `None` is before its birth and after its end.
    pub fn moved(&self, from: Option<usize>, to: Option<usize>) {
        if from == to {
            return;
        }
        if let Some(from) = from {
            self.states[from].fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(to) = to {
            self.states[to].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reads a counter.
    #[must_use]
    pub fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// Adds one.
    pub(crate) fn count(counter: &AtomicU64) {
        add(counter, 1);
    }
}

#[cfg(test)]
mod tests;
