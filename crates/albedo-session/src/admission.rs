//! Who may connect: a pure value that is asked once for each accepted connection.
//!
//! An address belongs to a configured peer, else to the longest range that holds it, else to
//! nobody; a stranger costs an accept and a close and never reaches a session.
//! Whoever is known is then held to four bounds, because a cluster that restarts as a whole and
//! an attacker look alike: sessions in all, sessions of a range, connections of one source that
//! are not yet Established, and new connections a second.
//! The first three refuse; the rate makes the listener wait, so that honest nodes stay in the
//! kernel's queue instead of being sent away.
//!
//! RFC 4271 §8.1.1 says nothing of any of this.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use albedo_types::{Instant, Prefix};

/// Dynamic sessions at the same time, all ranges together, unless configured otherwise.
pub const SESSIONS_MAX_DEFAULT: u32 = 16_384;
/// Connections of one source that are not yet Established, unless configured otherwise.
/// Two, because a node that restarts may leave one behind that neither side has noticed yet.
pub const HALF_OPEN_PER_SOURCE_DEFAULT: u32 = 2;
/// Connections admitted each second in the long run, unless configured otherwise.
pub const ACCEPTS_PER_SECOND_DEFAULT: u32 = 4_000;
/// Connections admitted at once after quiet, unless configured otherwise.
pub const ACCEPT_BURST_DEFAULT: u32 = 2_000;

/// Lost peers whose routes are kept at the same time, unless configured otherwise.
pub const RETAINED_MAX_DEFAULT: u32 = 16_384;

/// How long a source is shut out after its first session that broke the protocol; doubled for
/// each further one.
pub const PENALTY_MIN: Duration = Duration::from_secs(1);
/// How long a source is shut out at most.
pub const PENALTY_MAX: Duration = Duration::from_secs(60);
/// Time without a fault after which a source's faults are forgotten.
pub const PENALTY_MEMORY: Duration = Duration::from_secs(300);
/// Sources whose faults are remembered at the same time; beyond that, new ones are not.
pub const PENALTIES_MAX: usize = 4_096;
/// Sources that are kept away for having too many routes; beyond that, new ones are not.
pub const BARRED_MAX: usize = 4_096;

/// The bounds that hold for all listeners together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Dynamic sessions at the same time.
    pub sessions: u32,
    /// Connections of one source address that are not yet Established.
    pub half_open_per_source: u32,
    /// Connections admitted each second in the long run; at least 1.
    pub accepts_per_second: u32,
    /// Connections admitted at once after quiet; at least 1.
    pub accept_burst: u32,
    /// Lost peers whose routes are kept at the same time; one more loses its routes at once.
    pub retained: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: SESSIONS_MAX_DEFAULT,
            half_open_per_source: HALF_OPEN_PER_SOURCE_DEFAULT,
            accepts_per_second: ACCEPTS_PER_SECOND_DEFAULT,
            accept_burst: ACCEPT_BURST_DEFAULT,
            retained: RETAINED_MAX_DEFAULT,
        }
    }
}

/// An address as the key of a peer: link-local addresses count only with their interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// The address.
    pub ip: IpAddr,
    /// The index of the interface for a link-local IPv6 address, else 0.
    pub scope: u32,
}

impl Source {
    /// The source of a connection.
    #[must_use]
    pub fn of(addr: std::net::SocketAddr) -> Self {
        let scope = match addr {
            std::net::SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => v6.scope_id(),
            _ => 0,
        };
        Self { ip: addr.ip(), scope }
    }
}

/// A range of dynamic neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The addresses.
    pub prefix: Prefix,
    /// The group whose settings its sessions get: an index into the settings' groups.
    pub group: usize,
    /// Sessions of the range at the same time.
    pub limit: Option<u32>,
}

/// To whom an address belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A configured peer: an index into the settings' peers.
    Peer(usize),
    /// A dynamic neighbour of this range.
    Range(Range),
}

/// Why a connection is closed unheard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No peer and no range has the address.
    #[error("no peer and no range has this address")]
    UnknownSource,
    /// All ranges together are full.
    #[error("{limit} dynamic sessions are up or coming up, which is the limit")]
    SessionsFull {
        /// The bound.
        limit: u32,
    },
    /// The range is full.
    #[error("range {range} has {limit} sessions, which is its limit")]
    RangeFull {
        /// The range.
        range: Prefix,
        /// Its bound.
        limit: u32,
    },
    /// The source has begun too many connections.
    #[error("{limit} connections of this source are not yet Established, which is the limit")]
    HalfOpen {
        /// The bound.
        limit: u32,
    },
    /// The source's last sessions broke the protocol.
    #[error("its last sessions broke the protocol, so it has to wait")]
    Penalty {
        /// When it may try again.
        until: Instant,
    },
    /// The source had too many routes.
    #[error("it had too many routes, and is kept away")]
    Barred,
    /// It came from farther than the peer may be, or that cannot be shown (RFC 5082).
    #[error("its first packet does not prove that it came from near enough")]
    TooFar,
    /// The peer's task has too many connections to look at already.
    #[error("the peer's session is still busy with earlier connections")]
    Busy,
    /// The server is stopping.
    #[error("shutting down")]
    Stopping,
}

impl Refusal {
    /// The label in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown_source",
            Self::SessionsFull { .. } => "sessions",
            Self::RangeFull { .. } => "per_range",
            Self::HalfOpen { .. } => "per_source",
            Self::Penalty { .. } => "penalty",
            Self::Barred => "prefix_limit",
            Self::TooFar => "too_far",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
        }
    }
}

/// The state behind the decision.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    peers: HashMap<(Source, Option<IpAddr>), usize>,
    /// Longest prefix first.
    ranges: Vec<Range>,
    sessions: u32,
    sessions_of: HashMap<Prefix, u32>,
    half_open: HashMap<IpAddr, u32>,
    penalties: HashMap<IpAddr, Penalty>,
    /// Until when; `None`: until told otherwise.
    barred: HashMap<IpAddr, Option<Instant>>,
    bucket: Bucket,
}

/// The faults of a source.
#[derive(Clone, Copy, Debug)]
struct Penalty {
    until: Instant,
    faults: u32,
}

impl Admission {
    /// Rules for these peers (by address, by our address if the peer is bound to one, and by
    /// place in the settings) and ranges.
    #[must_use]
    pub fn new(
        limits: Limits,
        peers: impl IntoIterator<Item = ((Source, Option<IpAddr>), usize)>,
        ranges: Vec<Range>,
    ) -> Self {
        let mut admission = Self {
            limits,
            peers: HashMap::new(),
            ranges: Vec::new(),
            sessions: 0,
            sessions_of: HashMap::new(),
            half_open: HashMap::new(),
            penalties: HashMap::new(),
            barred: HashMap::new(),
            bucket: Bucket::new(limits),
        };
        admission.replace_rules(limits, peers, ranges);
        admission
    }

    /// Takes new rules; what is counted stays counted.
    pub fn replace_rules(
        &mut self,
        limits: Limits,
        peers: impl IntoIterator<Item = ((Source, Option<IpAddr>), usize)>,
        mut ranges: Vec<Range>,
    ) {
        ranges.sort_by_key(|range| std::cmp::Reverse(range.prefix.len()));
        self.peers = peers.into_iter().collect();
        self.ranges = ranges;
        if self.limits != limits {
            self.limits = limits;
            self.bucket = Bucket::new(limits);
        }
    }

    /// To whom a connection from `source` to our address `local` belongs.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSource`].
    pub fn owner(&self, source: Source, local: IpAddr) -> Result<Owner, Refusal> {
        let peer = self.peers.get(&(source, Some(local)));
        if let Some(&peer) = peer.or_else(|| self.peers.get(&(source, None))) {
            return Ok(Owner::Peer(peer));
        }
        self.ranges
            .iter()
            .find(|range| range.prefix.contains(source.ip))
            .map(|range| Owner::Range(*range))
            .ok_or(Refusal::UnknownSource)
    }

    /// When the rate next lets a connection in: `None` for now.
    pub fn wait_until(&mut self, now: Instant) -> Option<Instant> {
        self.bucket.wait_until(now)
    }

    /// Takes a place among the source's connections that are not yet Established, and a token of
    /// the rate; to be given back with [`Admission::leave_half_open`].
    ///
    /// # Errors
    ///
    /// [`Refusal::HalfOpen`], [`Refusal::Penalty`] and [`Refusal::Barred`].
    pub fn enter_half_open(&mut self, now: Instant, source: IpAddr) -> Result<(), Refusal> {
        if let Some(penalty) = self.penalties.get(&source).filter(|penalty| now < penalty.until) {
            return Err(Refusal::Penalty { until: penalty.until });
        }
        match self.barred.get(&source) {
            Some(until) if until.is_none_or(|until| now < until) => return Err(Refusal::Barred),
            Some(_) => drop(self.barred.remove(&source)),
            None => {}
        }
        let limit = self.limits.half_open_per_source;
        let count = self.half_open.entry(source).or_insert(0);
        if *count >= limit {
            return Err(Refusal::HalfOpen { limit });
        }
        *count += 1;
        self.bucket.take(now);
        Ok(())
    }

    /// Gives a place back: the connection is Established or gone.
    pub fn leave_half_open(&mut self, source: IpAddr) {
        if let Some(count) = self.half_open.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.half_open.remove(&source);
            }
        }
    }

    /// Notes that a dynamic session of the source broke the protocol: each time in a row it is shut
    /// out for longer, so that a node that sends the same malformed message again and again does
    /// not keep everybody busy.
    pub fn punish(&mut self, now: Instant, source: IpAddr) {
        let gone = |penalty: &Penalty| now.since(penalty.until) > PENALTY_MEMORY;
        if self.penalties.len() >= PENALTIES_MAX && !self.penalties.contains_key(&source) {
            self.penalties.retain(|_, penalty| !gone(penalty));
            if self.penalties.len() >= PENALTIES_MAX {
                return;
            }
        }
        let penalty = self.penalties.entry(source).or_insert(Penalty { until: now, faults: 0 });
        if gone(penalty) {
            penalty.faults = 0;
        }
        let shut_out = PENALTY_MIN.saturating_mul(1 << penalty.faults.min(16)).min(PENALTY_MAX);
        penalty.until = now + shut_out;
        penalty.faults += 1;
    }

    /// Keeps a source away that had too many routes, until then or until [`Admission::unbar`].
    pub fn bar(&mut self, source: IpAddr, until: Option<Instant>) {
        if self.barred.len() < BARRED_MAX || self.barred.contains_key(&source) {
            self.barred.insert(source, until);
        }
    }

    /// Lets a source that was kept away come again, or all of them.
    pub fn unbar(&mut self, source: Option<IpAddr>) {
        match source {
            Some(source) => drop(self.barred.remove(&source)),
            None => self.barred.clear(),
        }
    }

    /// Takes a seat for a new dynamic session; to be given back with [`Admission::leave_seat`].
    ///
    /// # Errors
    ///
    /// [`Refusal::SessionsFull`] and [`Refusal::RangeFull`].
    pub fn take_seat(&mut self, range: Range) -> Result<(), Refusal> {
        let limit = self.limits.sessions;
        if self.sessions >= limit {
            return Err(Refusal::SessionsFull { limit });
        }
        let count = self.sessions_of.entry(range.prefix).or_insert(0);
        if let Some(limit) = range.limit.filter(|limit| *count >= *limit) {
            return Err(Refusal::RangeFull { range: range.prefix, limit });
        }
        *count += 1;
        self.sessions += 1;
        Ok(())
    }

    /// Gives the seat of a dynamic session back.
    pub fn leave_seat(&mut self, range: Prefix) {
        if let Some(count) = self.sessions_of.get_mut(&range) {
            *count -= 1;
            self.sessions -= 1;
            if *count == 0 {
                self.sessions_of.remove(&range);
            }
        }
    }

    /// Lost peers whose routes may be kept at the same time.
    #[must_use]
    pub const fn retained_max(&self) -> u32 {
        self.limits.retained
    }

    /// Dynamic sessions that have a seat.
    #[must_use]
    pub const fn sessions(&self) -> u32 {
        self.sessions
    }
}

const SECOND: u64 = 1_000_000_000;

/// A token bucket that is only looked at, with time as an argument.
///
/// It is kept as the instant at which it will be full, so there is nothing to refill.
#[derive(Debug)]
struct Bucket {
    /// Nanoseconds that one token takes to grow back.
    interval: u64,
    /// Tokens of a full bucket.
    burst: u64,
    /// Nanoseconds since the start at which the bucket is full again.
    full_at: u64,
}

impl Bucket {
    fn new(limits: Limits) -> Self {
        Self {
            interval: SECOND / u64::from(limits.accepts_per_second.max(1)),
            burst: u64::from(limits.accept_burst.max(1)),
            full_at: 0,
        }
    }

    /// The latest `full_at` with which there is a token at `now`.
    fn limit_at(&self, now: u64) -> u64 {
        now.saturating_add(self.interval * (self.burst - 1))
    }

    fn wait_until(&self, now: Instant) -> Option<Instant> {
        let excess = self.full_at.saturating_sub(self.limit_at(now.as_nanos()));
        (excess > 0).then(|| now + Duration::from_nanos(excess))
    }

    fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now.as_nanos()).saturating_add(self.interval);
    }
}

#[cfg(test)]
mod tests;
