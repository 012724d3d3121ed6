//! The session: what is there, who is asked, and in which order.
//!
//! The transitions themselves are beside this file: what concerns the peer as a whole in `peer`,
//! messages by state in `message`, deadlines in `timers`, and how a connection ends in `end`.
//! RFC 4271 §8.

use alloc::collections::VecDeque;

use albedo_types::{Instant, Rng};
use albedo_wire::frame::MessageType;

use crate::action::{Action, Down};
use crate::backoff::Backoff;
use crate::config::SessionConfig;
use crate::event::{ConnId, Event};
use crate::state::{Conn, Dial, Mode, StateName};

mod end;
mod message;
mod peer;
mod timers;

/// The state machine of one peer. See the [crate] for how to drive it.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    rng: Rng,
    mode: Mode,
    /// By [`ConnId::index`]. Empty unless the mode is running.
    conns: [Option<Conn>; 2],
    backoff: Backoff,
    /// What was not polled yet. A single input adds at most a handful.
    actions: VecDeque<Action>,
    last_down: Option<Down>,
}

impl Session {
    /// A session that was not started. Equal seeds give equal jitter.
    #[must_use]
    pub fn new(config: SessionConfig, seed: u64) -> Self {
        Self {
            config,
            rng: Rng::new(seed),
            mode: Mode::Stopped,
            conns: [None, None],
            backoff: Backoff::default(),
            actions: VecDeque::new(),
            last_down: None,
        }
    }

    /// Takes an input. `now` never goes back.
    #[inline]
    pub fn handle(&mut self, now: Instant, event: Event<'_>) {
        // Messages apart from the rest, so that the data path builds and drops nothing: of the
        // messages of an Established session nearly all are of these two types.
        let (id, frame) = match event {
            Event::Message(id, frame) => (id, frame),
            event => return self.dispatch(now, event),
        };
        if matches!(frame.kind, MessageType::Update | MessageType::Keepalive)
            && let Some(Conn::Established(state)) = &mut self.conns[id.index()]
        {
            state.clock.last_heard = now;
            return;
        }
        self.message(now, id, frame);
    }

    fn dispatch(&mut self, now: Instant, event: Event<'_>) {
        match event {
            Event::Start => self.start(now),
            Event::Stop { subcode, text } => self.stop(subcode, text),
            Event::Leave => self.leave(),
            Event::Connected(ConnId::Outgoing) => self.connected(now),
            // An incoming connection is accepted, not connected.
            Event::Connected(ConnId::Incoming) => {}
            Event::ConnectFailed => self.connect_failed(now),
            Event::Accepted => self.accepted(now),
            Event::Closed(id, reason) => self.lost(now, id, reason),
            Event::Message(id, frame) => self.message(now, id, frame),
            Event::DecodeFailed(id, notification) => self.refuse(now, id, notification),
            Event::DataWaiting(id) => self.data_waiting(now, id),
            Event::Written(id) => self.written(now, id),
        }
    }

    /// The next thing to do, in order; `None` when all was said.
    #[inline]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The state of the connection that has come furthest, else of the peer.
    #[must_use]
    pub fn state(&self) -> StateName {
        let furthest = self.conns.iter().flatten().map(Conn::name).max();
        furthest.unwrap_or(match self.mode {
            Mode::Stopped | Mode::Holding { .. } => StateName::Idle,
            Mode::Running(Dial::InProgress { .. }) => StateName::Connect,
            Mode::Running(Dial::Nothing | Dial::Waiting { .. }) => StateName::Active,
        })
    }

    /// Why the last session or attempt ended; prints in words.
    #[must_use]
    pub const fn reason(&self) -> Option<&Down> {
        self.last_down.as_ref()
    }

    /// How often in a row the peer broke a session (the counter of RFC 4271 §8, for the ends that
    /// count).
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// From when on nothing of a dynamic peer's session is worth keeping; `None` while it is in
    /// use, and always for a configured peer.
    ///
    /// Until then a peer that broke a session is remembered, and kept away.
    #[must_use]
    pub fn disposable_at(&self) -> Option<Instant> {
        let unused = self.conns.iter().all(Option::is_none);
        (self.config.dynamic && unused).then(|| self.backoff.forget_at())
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// The settings, to change; what is changed counts from the next OPEN or timer on.
    pub const fn config_mut(&mut self) -> &mut SessionConfig {
        &mut self.config
    }

    fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    const fn conn(&mut self, id: ConnId) -> &mut Option<Conn> {
        &mut self.conns[id.index()]
    }
}

#[cfg(test)]
mod tests;
