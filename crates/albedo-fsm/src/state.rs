//! The states, each with the data that exists in it and no other (RFC 4271 §8.2.2).

use core::fmt;
use core::time::Duration;

use alloc::boxed::Box;

use albedo_types::{FamilySet, Instant};
use albedo_wire::open::Open;

use crate::action::Up;

/// The state of a session, furthest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// Not started, or kept away after it broke a session.
    Idle,
    /// A connection is being made.
    Connect,
    /// Waiting for the peer, or for the next attempt.
    Active,
    /// Our OPEN is sent, the peer's awaited.
    OpenSent,
    /// The peer's OPEN was found good, its KEEPALIVE is awaited.
    OpenConfirm,
    /// Routes are exchanged.
    Established,
}

impl StateName {
    /// All states, in order.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::Connect,
        Self::Active,
        Self::OpenSent,
        Self::OpenConfirm,
        Self::Established,
    ];

    /// The name as RFC 4271 prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The peer as a whole; connections stand beside it.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// Not started. There are no connections.
    Stopped,
    /// Kept away. There are no connections.
    Holding {
        /// Until then.
        until: Instant,
    },
    /// Connections are wanted.
    Running(Dial),
}

/// What is done about a connection of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dial {
    /// Nothing: the peer makes it, or there is one.
    Nothing,
    /// The next attempt waits.
    Waiting {
        /// Until then.
        until: Instant,
    },
    /// An attempt is being made.
    InProgress {
        /// When it is given up for another.
        until: Instant,
    },
}

/// A connection that stands.
#[derive(Clone, Debug)]
pub(crate) enum Conn {
    OpenSent(OpenSent),
    OpenConfirm(OpenConfirm),
    Established(Established),
}

#[derive(Clone, Debug)]
pub(crate) struct OpenSent {
    /// The OPEN that was sent.
    pub(crate) local: Open,
    /// When the peer's should be here.
    pub(crate) deadline: Instant,
}

#[derive(Clone, Debug)]
pub(crate) struct OpenConfirm {
    /// What will be said when the KEEPALIVE is here.
    pub(crate) up: Box<Up>,
    pub(crate) clock: Clock,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Established {
    /// When it was entered.
    pub(crate) since: Instant,
    pub(crate) clock: Clock,
    pub(crate) send_hold: Option<SendHoldClock>,
    pub(crate) families: FamilySet,
    /// Both know RFC 7313.
    pub(crate) enhanced_refresh: bool,
    /// The peer offered graceful restart for a family; without one it keeps nothing.
    pub(crate) graceful: bool,
    /// Both keep routes after a NOTIFICATION that is no hard reset (RFC 8538).
    pub(crate) notification: bool,
    /// The peer offered long-lived graceful restart.
    pub(crate) long_lived: bool,
}

/// Hold and keepalive timers. Hearing something moves the former by a single store: nothing is
/// re-armed for each message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// When a message last arrived, or was found to lie in the socket.
    pub(crate) last_heard: Instant,
    /// Hold time and keepalives, unless they are off.
    pub(crate) periods: Option<Periods>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Periods {
    pub(crate) hold: Duration,
    /// Between two KEEPALIVEs, before jitter.
    pub(crate) keepalive: Duration,
    /// When the next KEEPALIVE is due.
    pub(crate) keepalive_at: Instant,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SendHoldClock {
    pub(crate) period: Duration,
    /// When the socket last took bytes.
    pub(crate) last_written: Instant,
}

impl Conn {
    pub(crate) const fn name(&self) -> StateName {
        match self {
            Self::OpenSent(_) => StateName::OpenSent,
            Self::OpenConfirm(_) => StateName::OpenConfirm,
            Self::Established(_) => StateName::Established,
        }
    }

    pub(crate) const fn clock(&mut self) -> Option<&mut Clock> {
        match self {
            Self::OpenSent(_) => None,
            Self::OpenConfirm(state) => Some(&mut state.clock),
            Self::Established(state) => Some(&mut state.clock),
        }
    }
}
