//! One task for each peer: it drives the state machine, the sockets and the engine's port.
//!
//! The task is one hand-written poll function over five sources: commands, a connection being
//! made, sockets, the port, and one timer.
//! Each turn is bounded, so that thousands of tasks share the threads fairly, and the state
//! machine is drained after each input, so that what it says is done before the next message is
//! looked at.
//!
//! While a shard's channel is full the socket is not read; keepalives go on, because they come
//! from here and need no shard.
//! A hold timer is believed only after the socket was asked whether something lies in it: what
//! has arrived counts, not what was worked off.
//!
//! RFC 4271 §8, RFC 4486, RFC 9003, RFC 9687.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use albedo_engine::PeerPort;
use albedo_engine::clock::now;
use albedo_fsm::{CloseReason, ConnId, Event, Retention, Session, StateName, Terms, TimerName};
use albedo_rib::GroupKey;
use albedo_types::{Family, Instant};
use albedo_wire::frame::{self, Frame, MessageType};
use albedo_wire::negotiated::Negotiated;
use albedo_wire::notification::codes::cease;
use tokio::net::TcpStream;

use crate::admission::Refusal;
use crate::commands;
use crate::config::Profile;
use crate::connector::{self, Connecting};
use crate::dialler::DIAL_AGAIN;
use crate::guards::{HalfOpen, TaskGuard};
use crate::intake::Intake;
use crate::linger::linger;
use crate::reader::{Inbox, READ_TURN_BYTES_MAX, ReadEnd, Scratch};
use crate::registry::{Command, Incoming, MaybeSeat, SessionKey, StopReason};
use crate::sockopt::gtsm;
use crate::sockopt::{self, Hops};
use crate::stats::{SessionStats, Tally};
use crate::status::{PeerShared, Present};
use crate::stream::Stream;
use crate::supervisor::Inner;
use crate::timer::Timer;
use crate::writer::Outbox;

mod actions;
mod change;
mod keeping;
mod refresh;

use keeping::Away;
use refresh::Asked;

/// Rounds of one turn: inputs may lead to timers, and timers to messages that are to be written.
const ROUNDS_MAX: usize = 4;

/// What a peer's task begins with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) key: SessionKey,
    pub(crate) addr: SocketAddr,
    pub(crate) dynamic: bool,
    pub(crate) generation: u64,
    pub(crate) profile: Arc<Profile>,
    pub(crate) shared: Arc<PeerShared>,
    pub(crate) commands: commands::Receiver<Command>,
    pub(crate) seat: MaybeSeat,
    /// A dynamic neighbour of our last life is dialled once, from this address.
    pub(crate) dial_from: Option<IpAddr>,
}

/// A connection, and what waits on both sides of it.
#[derive(Debug)]
struct Link {
    stream: Stream,
    local: SocketAddr,
    remote: SocketAddr,
    inbox: Inbox,
    outbox: Outbox,
    /// Whether messages may be longer than 4,096 octets (RFC 8654).
    extended: bool,
    /// Given back when the session is up.
    half_open: Option<HalfOpen>,
    /// Whether nothing can be written any more, because the peer is gone.
    deaf: bool,
}

/// The data path of a session that is up.
#[derive(Debug)]
struct Live {
    conn: ConnId,
    port: PeerPort,
    intake: Intake,
    enhanced_refresh: bool,
    /// Whether both sides know graceful restart.
    graceful: bool,
    /// What is kept after it.
    terms: Terms,
    since: Instant,
    /// What both OPENs agreed on, for settings that change meanwhile.
    negotiated: Negotiated,
    /// Groups that it joins once the deferral of their family has ended.
    postponed: Vec<Postponed>,
    /// Whether an End-of-RIB has come that the deferral has not been told of.
    ended: bool,
    /// What the peer has asked for again, by family.
    asked: [Asked; Family::COUNT],
}

/// A group that a session is to join.
#[derive(Debug)]
struct Postponed {
    key: GroupKey,
    /// Whether the peer has asked for the family meanwhile, and if so by an enhanced refresh.
    refresh: Option<bool>,
}

/// A peer's task.
#[derive(Debug)]
pub(crate) struct Driver {
    server: Arc<Inner>,
    setup: Setup,
    fsm: Session,
    links: [Option<Link>; 2],
    /// A connection about which the state machine has not decided yet.
    offered: Option<Link>,
    connecting: Option<ConnectingBox>,
    live: Option<Box<Live>>,
    /// What is kept of earlier sessions, while there is something.
    retention: Option<Box<Retention>>,
    /// The port of a lost session whose routes are kept.
    away: Option<Box<Away>>,
    timer: Timer,
    tally: Tally,
    stopping: bool,
    had_connection: bool,
    /// Whether the peer is kept away, for it had too many routes.
    paused: bool,
    /// Until when; `None`: until its settings change.
    resume_at: Option<Instant>,
}

/// A connection being made, without anything to show for debugging.
struct ConnectingBox(Connecting);

impl std::fmt::Debug for ConnectingBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connecting")
    }
}

impl Link {
    fn new(stream: TcpStream, half_open: Option<HalfOpen>) -> std::io::Result<Self> {
        Ok(Self {
            local: stream.local_addr()?,
            remote: stream.peer_addr()?,
            stream: Stream::new(stream),
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            extended: false,
            half_open,
            deaf: false,
        })
    }
}

impl Driver {
    pub(crate) fn new(server: Arc<Inner>, setup: Setup) -> Self {
        let seed = now().as_nanos() ^ setup.generation.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut session = setup.profile.session.clone();
        if setup.dial_from.is_some() {
            (session.passive, session.dynamic) = (false, false);
            session.connect_retry = DIAL_AGAIN;
        }
        let fsm = Session::new(session, seed);
        Self {
            server,
            setup,
            fsm,
            links: [None, None],
            offered: None,
            connecting: None,
            live: None,
            retention: None,
            away: None,
            timer: Timer::new(),
            tally: Tally::default(),
            stopping: false,
            had_connection: false,
            paused: false,
            resume_at: None,
        }
    }

    /// Runs until the session is told to end, or, for a dynamic neighbour, has ended.
    pub(crate) async fn run(mut self, _guard: TaskGuard) {
        let _present = Present::new(&self.setup.shared);
        self.input(Event::Start, now());
        poll_fn(|cx| self.poll(cx)).await;
        self.end();
    }

    /// Leaves; connections that came in meanwhile begin anew.
    fn end(mut self) {
        self.let_go();
        // The seat is free before anybody can know that it is.
        drop(self.setup.seat.take());
        self.server.forget(&self.setup.key, self.setup.generation);
        self.setup.commands.close();
        self.tally.settle(&self.setup.shared.traffic, &self.server.stats.traffic);
        while let Some(command) = self.setup.commands.take() {
            let Command::Accepted(incoming) = command else { continue };
            if self.stopping && self.setup.dynamic {
                continue;
            }
            if let Err((refusal, incoming)) = self.server.admit(incoming) {
                self.server.refuse(refusal, &incoming.stream, incoming.remote);
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut more = false;
        for _ in 0..ROUNDS_MAX {
            more = self.poll_commands(cx);
            self.poll_connecting(cx);
            for conn in ConnId::ALL {
                more |= self.poll_read(cx, conn);
            }
            let at = now();
            for conn in ConnId::ALL {
                more |= self.poll_write(cx, conn, at);
            }
            // What either leads to is to be written, or connected, before the task sleeps.
            let cut_off = self.check_port();
            if !self.poll_timer(cx, at) && !cut_off {
                break;
            }
            more = true;
        }
        self.poll_away(cx);
        self.tally.settle(&self.setup.shared.traffic, &self.server.stats.traffic);
        if self.is_finished() {
            return Poll::Ready(());
        }
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Whether there is nothing left to do for this task: it was told to end, or its dynamic
    /// neighbour has come and gone.
    fn is_finished(&self) -> bool {
        // In this order: the commands have a lock, and nearly every turn has a connection.
        let idle = self.links.iter().all(Option::is_none) && self.connecting.is_none();
        let left = || self.away.is_none() && self.setup.commands.is_empty();
        let gone = || self.setup.dynamic && self.had_connection && left();
        idle && (self.stopping || gone())
    }

    fn poll_commands(&mut self, cx: &mut Context<'_>) -> bool {
        while let Poll::Ready(command) = self.setup.commands.poll(cx) {
            match command {
                Some(Command::Accepted(incoming)) => self.accepted(*incoming),
                Some(Command::Released) => self.released(),
                Some(Command::Change(profile)) => self.change(profile, now()),
                Some(Command::AskAgain) => self.ask_again(now()),
                Some(Command::TellAgain) => self.tell_again(),
                Some(Command::Stop(reason)) => {
                    self.stop(&reason);
                    return false;
                }
                // The slot was taken out; the command to stop came before that.
                None => {
                    self.stop(&StopReason::cease(cease::SHUTDOWN, ""));
                    return false;
                }
            }
        }
        false
    }

    fn accepted(&mut self, incoming: Incoming) {
        let Incoming { stream, local, half_open, .. } = incoming;
        self.had_connection = true;
        if self.stopping {
            return;
        }
        let hops = self.setup.profile.socket.hops;
        if let Hops::Security { hops: far } = hops
            && !gtsm::is_near(&stream, far).unwrap_or(false)
        {
            // Whoever is that far away is told nothing.
            let refusal = Refusal::TooFar;
            self.server.stats.refuse(&refusal);
            tracing::info!(peer = %self.setup.addr, %refusal, "connection refused");
            return;
        }
        if let Err(error) = sockopt::set_hops(&stream, local, hops) {
            tracing::warn!(peer = %self.setup.addr, %error, "connection refused");
            return;
        }
        let Ok(link) = Link::new(stream, Some(half_open)) else { return };
        self.offered = Some(link);
        self.mark_restart();
        self.input(Event::Accepted, now());
        // Whatever the machine did not take is closed.
        self.offered = None;
    }

    fn stop(&mut self, reason: &StopReason) {
        self.stopping = true;
        // Of one that is not up it is not known what it keeps.
        let graceful = self.live.as_ref().is_none_or(|live| live.graceful);
        let event = if reason.leave && graceful {
            Event::Leave
        } else {
            Event::Stop { subcode: reason.subcode, text: &reason.text }
        };
        self.input(event, now());
        self.connecting = None;
        for link in &mut self.links {
            *link = None;
        }
    }

    fn poll_connecting(&mut self, cx: &mut Context<'_>) {
        let Some(connecting) = &mut self.connecting else { return };
        let Poll::Ready(result) = connecting.0.as_mut().poll(cx) else { return };
        self.connecting = None;
        self.had_connection = true;
        let link = result.and_then(|stream| Link::new(stream, None));
        match link {
            Ok(link) => {
                self.links[ConnId::Outgoing.index()] = Some(link);
                self.mark_restart();
                self.input(Event::Connected(ConnId::Outgoing), now());
            }
            Err(error) => {
                tracing::debug!(peer = %self.setup.addr, %error, "cannot connect");
                let kind = error.kind();
                if matches!(kind, ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) {
                    self.server.unreachable(self.setup.key.source);
                }
                self.input(Event::ConnectFailed, now());
            }
        }
    }

    /// Reads what there is, up to the turn's bound; whether there may be more.
    fn poll_read(&mut self, cx: &mut Context<'_>, conn: ConnId) -> bool {
        let mut read = 0;
        loop {
            if !self.poll_credit(cx, conn) {
                return false;
            }
            let Some(link) = &mut self.links[conn.index()] else { return false };
            if read >= READ_TURN_BYTES_MAX {
                return true;
            }
            let mut scratch = Scratch::borrow();
            match link.inbox.poll_read(cx, &mut link.stream.read, &mut scratch) {
                Ok(ReadEnd::Nothing) => return false,
                Ok(ReadEnd::Octets(octets)) => {
                    read += octets;
                    self.tally.bytes_received(octets);
                    self.take_messages(conn, scratch.filled());
                }
                Ok(ReadEnd::Closed) => {
                    let cut = link.inbox.tail_len();
                    self.lost(conn, CloseReason::Closed { octets_of_message: cut });
                    return false;
                }
                Err(error) => {
                    self.lost(conn, CloseReason::Failed(error.kind().to_string()));
                    return false;
                }
            }
        }
    }

    /// Whether the shards have room for what a read on this connection may bring.
    fn poll_credit(&mut self, cx: &mut Context<'_>, conn: ConnId) -> bool {
        let Some(live) = self.live.as_mut().filter(|live| live.conn == conn) else { return true };
        if live.port.poll_flush(cx).is_pending() {
            // Of a peer that is gone there is no more than lies in the socket.
            return self.links[conn.index()].as_ref().is_some_and(|link| link.deaf);
        }
        // Only now: whoever joins because of it has to find there what came before.
        if std::mem::take(&mut live.ended) {
            self.server.session_heard(self.setup.generation, live.intake.ended());
        }
        true
    }

    /// Cuts bytes into messages, takes each, and keeps the beginning of one that is not whole.
    fn take_messages(&mut self, conn: ConnId, bytes: &[u8]) {
        let at = now();
        if let Some(live) = &mut self.live
            && live.conn == conn
        {
            live.port.read_at(at);
        }
        let mut rest = bytes;
        while let Some(link) = &mut self.links[conn.index()] {
            match frame::split(rest, link.extended) {
                Ok(Some(frame)) => {
                    rest = &rest[frame.len..];
                    self.tally.received(frame.kind);
                    self.take_message(conn, frame, at);
                }
                Ok(None) => {
                    link.inbox.keep(rest);
                    return;
                }
                Err(error) => {
                    tracing::warn!(peer = %self.setup.addr, %error, "malformed message header");
                    self.input(Event::DecodeFailed(conn, error.notification()), at);
                    return;
                }
            }
        }
    }

    fn take_message(&mut self, conn: ConnId, frame: Frame<'_>, at: Instant) {
        self.input(Event::Message(conn, frame), at);
        if frame.kind != MessageType::Update {
            return;
        }
        let Some(live) = &mut self.live else { return };
        if live.conn != conn {
            return;
        }
        let taken = live.intake.update(frame.body, &mut live.port, &mut self.tally, at);
        match taken {
            Ok(false) => {}
            Ok(true) => {
                if live.intake.is_whole() {
                    self.setup.shared.set_heard(true);
                }
                live.ended = true;
            }
            Err(notification) => {
                let action = live.intake.limit_action();
                self.input(Event::DecodeFailed(conn, *notification), at);
                if let Some(action) = action {
                    self.pause(action, at);
                }
                return;
            }
        }
        if self.retention.is_some() {
            self.look_for_ends();
        }
    }

    /// Writes what there is, up to the turn's bound; whether there is more.
    fn poll_write(&mut self, cx: &mut Context<'_>, conn: ConnId, at: Instant) -> bool {
        let Some(link) = self.links[conn.index()].as_mut().filter(|link| !link.deaf) else {
            return false;
        };
        let port = match &mut self.live {
            Some(live) if live.conn == conn => Some(&mut live.port),
            _ => None,
        };
        match link.outbox.poll_write(cx, &link.stream, port, &mut self.tally, at) {
            Ok(turn) => {
                if turn.wrote {
                    // It moves a deadline, and there is nothing to be done about it.
                    self.fsm.handle(turn.at, Event::Written(conn));
                }
                turn.more
            }
            // What it said before it went may lie there unread, and be a NOTIFICATION; the end
            // comes behind it.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) =>
            {
                link.deaf = true;
                true
            }
            Err(error) => {
                self.lost(conn, CloseReason::Failed(error.kind().to_string()));
                false
            }
        }
    }

    /// A connection ended without our doing.
    fn lost(&mut self, conn: ConnId, reason: CloseReason) {
        self.links[conn.index()] = None;
        self.input(Event::Closed(conn, reason), now());
    }

    /// Ends the session of a peer that fell too far behind; whether it did.
    fn check_port(&mut self) -> bool {
        let cut_off = self.live.as_ref().is_some_and(|live| live.port.is_cut_off());
        if cut_off {
            let event = Event::Stop { subcode: cease::OUT_OF_RESOURCES, text: "" };
            self.input(event, now());
            self.input(Event::Start, now());
        }
        cut_off
    }

    /// Looks at the machine's next deadline; whether one was due.
    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Instant) -> bool {
        let kept = self.retention.as_ref().and_then(|retention| retention.poll_timeout());
        let session = self.fsm.poll_timeout();
        let refresh = self.refresh_due();
        if session.is_none() && kept.is_none() && refresh.is_none() {
            return self.poll_pause(cx, at);
        }
        let deadline = session.map(|(at, _)| at).into_iter().chain(kept).chain(refresh).min();
        if self.timer.poll(cx, at, deadline).is_pending() {
            return false;
        }
        let at = now();
        if kept.is_some_and(|deadline| deadline <= at) {
            self.pass_kept(at);
            return true;
        }
        if refresh.is_some_and(|deadline| deadline <= at) {
            self.answer_refreshes(at);
            return true;
        }
        let Some((_, name)) = session else { return true };
        match name {
            TimerName::Hold => self.spare_hold(at),
            TimerName::Keepalive => self.note_round_trip(),
            _ => {}
        }
        self.fsm.handle_timeout(at);
        self.act(at);
        true
    }

    /// Notes how long the peer's TCP takes to acknowledge, as often as a keepalive is due.
    fn note_round_trip(&self) {
        let links = self.links.iter().flatten();
        for time in links.filter_map(|link| sockopt::round_trip(link.stream.socket())) {
            self.server.stats.acknowledged(time);
        }
    }

    /// Tells the machine of connections in whose socket something lies unread.
    fn spare_hold(&mut self, at: Instant) {
        for conn in ConnId::ALL {
            let Some(link) = &self.links[conn.index()] else { continue };
            if sockopt::has_news(link.stream.socket()) {
                SessionStats::count(&self.server.stats.hold_spared);
                self.input(Event::DataWaiting(conn), at);
            }
        }
    }

    /// Gives the machine an input and does what it says.
    fn input(&mut self, event: Event<'_>, at: Instant) {
        self.fsm.handle(at, event);
        self.act(at);
    }

    /// Does what the machine says until it has nothing more to say.
    fn act(&mut self, at: Instant) {
        while let Some(action) = self.fsm.poll_action() {
            self.perform(action, at);
        }
        let state = state_index(self.fsm.state());
        if state != self.setup.shared.state() {
            self.setup.shared.enter(state, at);
        }
    }
}

/// The machine's state as an index into [`crate::stats::STATES`].
const fn state_index(state: StateName) -> usize {
    match state {
        StateName::Idle => 0,
        StateName::Connect => 1,
        StateName::Active => 2,
        StateName::OpenSent => 3,
        StateName::OpenConfirm => 4,
        StateName::Established => 5,
    }
}
