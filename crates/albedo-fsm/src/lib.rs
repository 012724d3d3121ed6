//! One BGP peer as a pure value: states, timers, collision (RFC 4271 §8).
//!
//! A [`Session`] neither reads a socket nor a clock. It is told what happened and when, and says
//! what is to be done; the same inputs with the same seed always give the same outputs, which is
//! what makes every transition a table test and a whole cluster a simulation.
//!
//! # Driving it
//!
//! 1. Give it one input: [`Session::handle`] for what happened, or [`Session::handle_timeout`] when
//!    the instant of [`Session::poll_timeout`] has come.
//! 2. Take [`Session::poll_action`] until it gives nothing, and do each in order.
//! 3. Look at [`Session::poll_timeout`] again. After an UPDATE or a KEEPALIVE this may be left out:
//!    deadlines only move back then, and a timer that is not due does nothing.
//!
//! What the driver keeps to:
//!
//! * After [`Action::Close`] of a connection it reports nothing more of it.
//!   Closing an outgoing one that is still being made means to give up making it.
//! * Each [`Event::Accepted`] is answered by exactly one [`Action::Adopt`] or [`Action::Reject`].
//! * Before it lets a [`TimerName::Hold`] pass, it asks the socket whether bytes lie in it and
//!   says so with [`Event::DataWaiting`]: what has arrived counts, not what was worked off.
//!   One call of `handle_timeout` lets only the timer pass that `poll_timeout` named, so that a
//!   driver that was late is still asked about the hold timer by name.
//!
//! # States
//!
//! ```text
//!            Start                    connected            OPEN            KEEPALIVE
//!   Idle ────────────► Connect ─────────────────► OpenSent ────► OpenConfirm ────► Established
//!    ▲  passive │       ▲   │ failed                ▲   │             │                 │
//!    │          ▼ retry │   ▼      accepted         │   │ connection lost, hold timer,  │
//!    │        Active ◄──┴───────────────────────────┘   │ cease of the peer             │
//!    │          ▲                                       ▼             ▼                 ▼
//!    │          └───────────────────────────────────────┴─────────────┴─────────────────┤
//!    └── malformed or unexpected message: idle hold, growing; operator's stop ──────────┘
//! ```
//!
//! A peer has at most one connection of each direction. [`Session::state`] is that of the one that
//! has come further; which of two survives is decided as RFC 4271 §6.8 and RFC 6286 §2.3 say.
//! RFC 4271 sends every ended session through Idle. Here Idle is where a peer is *kept away*: an
//! end that is nobody's fault goes straight on to Active, which accepts connections at once.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod action;
pub use action::{Action, Close, Down, DownReason, Up, Warning};

mod backoff;
mod collision;

mod config;
pub use albedo_wire::open::ExpectedAs;
pub use config::{Fqdn, GracefulOffer, LocalCapabilities, SendHold, SessionConfig};

mod deferral;
pub use deferral::{Deferral, DeferralEnd, DeferralLimits, DeferralWaits, Hello};

mod event;
pub use event::{CloseReason, ConnId, Event};

pub mod retention;
pub use retention::{Retention, RetentionLimits, Terms};

mod session;
pub use session::Session;

mod state;
pub use state::StateName;

mod timer;
pub use timer::TimerName;
