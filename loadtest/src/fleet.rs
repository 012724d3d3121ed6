//! Many played nodes in one thread: connecting, the handshake, keepalives, and every received
//! UPDATE into its receiver's table.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::build;
use crate::check::{Checker, Rules, Table};
use crate::fleet::cover::Cover;
use crate::fleet::restart::Tally;
use crate::md5::{self, Key};
use crate::model::{Model, NodeId, PrefixId};
use crate::poll::{Event, Poller};
use crate::prefix::Family;
use crate::session::{Goodbye, Node, Session, Stage};

pub mod cover;
mod drive;
pub mod restart;
mod slow;
pub mod watch;

/// Octets of the one buffer that all sessions read through.
const READ_BUFFER: usize = 256 << 10;
/// How often the timers of all sessions are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a handshake may take once TCP is connected.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// Problems that are kept in words; all are counted.
pub const PROBLEMS_MAX: usize = 50;

/// How the nodes meet their target.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The daemon.
    pub target: SocketAddr,
    /// AS number, ours and the target's.
    pub asn: u32,
    /// Hold time offered, whole seconds; zero: none.
    pub hold_time: Duration,
    /// Families offered.
    pub families: Vec<Family>,
    /// An attempt to connect is given up, and one that failed repeated, after this time.
    pub connect_retry: Duration,
    /// The target's cluster id, where it is not its BGP identifier.
    pub cluster_id: Option<u32>,
    /// What the target does to routes.
    pub rules: Rules,
    /// The TCP-MD5 key (RFC 2385) that all sessions are signed with, to whatever target.
    pub key: Option<Key>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// TCP connection attempts.
    pub connects: u64,
    /// Octets received.
    pub octets_in: u64,
    /// UPDATEs received.
    pub updates_in: u64,
    /// `read` calls that brought something.
    pub reads: u64,
    /// Attempts that ended before the session was up.
    pub refusals: u64,
    /// Sessions lost that were up.
    pub losses: u64,
    /// Lost sessions, malformed messages and addresses that could not be used.
    pub problems: u64,
}

/// The nodes, their tables and what is expected of them.
pub struct Fleet {
    settings: Settings,
    /// What is announced and expected.
    pub model: Model,
    /// One for each target: each has a cluster id of its own.
    checkers: Vec<Checker>,
    targets: Vec<SocketAddr>,
    sessions: Vec<Session>,
    tables: Vec<Option<Table>>,
    /// What of each table is in the totals: routes wrong, and whether it is exact.
    counted: Vec<(u32, bool)>,
    exact_at: Vec<Option<Instant>>,
    poller: Poller,
    events: Vec<Event>,
    buffer: Vec<u8>,
    next_tick: Instant,
    /// What was counted so far.
    pub counters: Counters,
    /// The first problems in words.
    pub problems: Vec<String>,
    /// Why the last attempt failed that ended before its session was up.
    pub last_refusal: Option<String>,
    on: usize,
    established: usize,
    checked: usize,
    exact: usize,
    wrong: u64,
    is_initial_held: bool,
    /// What tables counted that are no more.
    retired: Tally,
    cover: Option<Cover>,
}

impl Fleet {
    /// Nodes that are all off.
    ///
    /// # Errors
    /// Where the kernel refuses a descriptor, or takes no TCP-MD5 keys and there is one.
    pub fn new(settings: Settings, nodes: Vec<Node>, model: Model) -> io::Result<Self> {
        if let Some(key) = &settings.key {
            md5::probe(settings.target.ip(), key).map_err(|error| {
                let words = format!("the kernel does not take the TCP-MD5 key: {error}");
                io::Error::new(error.kind(), words)
            })?;
        }
        let now = Instant::now();
        let mut sessions: Vec<_> = nodes.into_iter().map(|node| Session::new(node, now)).collect();
        for (speaker, session) in (0..).zip(&mut sessions) {
            session.speaker = speaker;
        }
        Ok(Self {
            checkers: vec![Checker::new(settings.rules, settings.cluster_id)],
            targets: vec![settings.target],
            settings,
            model,
            tables: sessions.iter().map(|_| None).collect(),
            counted: vec![(0, false); sessions.len()],
            exact_at: vec![None; sessions.len()],
            sessions,
            poller: Poller::new()?,
            events: Vec::new(),
            buffer: vec![0; READ_BUFFER],
            next_tick: now,
            counters: Counters::default(),
            problems: Vec::new(),
            last_refusal: None,
            on: 0,
            established: 0,
            checked: 0,
            exact: 0,
            wrong: 0,
            is_initial_held: false,
            retired: Tally::default(),
            cover: None,
        })
    }

    /// Holds back what nodes announce at their start, or lets it go for those that are up.
    pub fn hold_initial(&mut self, is_held: bool) {
        self.is_initial_held = is_held;
        if !is_held {
            for n in 0..self.sessions.len() {
                if self.sessions[n].is_established() {
                    let initial = Arc::clone(&self.sessions[n].node.initial);
                    self.send(n as NodeId, initial);
                }
            }
        }
    }

    /// Starts a node; it connects, and connects again whenever its session is lost.
    pub fn start(&mut self, node: NodeId) {
        let n = node as usize;
        if self.sessions[n].stage.is_on() {
            return;
        }
        self.on += 1;
        if self.sessions[n].node.is_checked {
            self.checked += 1;
            self.tables[n] = Some(Table::new(self.sessions[n].speaker, &self.model));
            self.exact_at[n] = None;
            self.recount(n, Instant::now());
        }
        self.connect(n);
    }

    /// Ends a node's session and leaves it off; its table counts no longer.
    pub fn stop(&mut self, node: NodeId, goodbye: Goodbye) {
        let n = node as usize;
        self.on -= usize::from(self.sessions[n].stage.is_on());
        self.part(n, goodbye);
        self.sessions[n].stage = Stage::Off;
        self.drop_table(n);
    }

    /// Ends a session's connection.
    fn part(&mut self, n: usize, goodbye: Goodbye) {
        let session = &mut self.sessions[n];
        self.established -= usize::from(session.is_established());
        match goodbye {
            Goodbye::Cease => {
                session.push(build::notification(6, 2).into());
                // The node is going away: an error now only means that it has gone already.
                let _ = session.flush();
                session.drop_connection();
            }
            Goodbye::Close => session.drop_connection(),
            Goodbye::Reset => session.reset_connection(),
        }
    }

    /// A table counts no longer.
    fn drop_table(&mut self, n: usize) {
        if let Some(table) = self.tables[n].take() {
            self.retired.take_in(&table);
            self.checked -= 1;
            self.recount(n, Instant::now());
        }
    }

    /// Brings the totals up to date after a table changed.
    fn recount(&mut self, n: usize, now: Instant) {
        let (wrong, is_exact) =
            self.tables[n].as_ref().map_or((0, false), |table| (table.wrong(), table.is_exact()));
        let (old, was_exact) = std::mem::replace(&mut self.counted[n], (wrong, is_exact));
        self.wrong = self.wrong + u64::from(wrong) - u64::from(old);
        if was_exact != is_exact {
            self.exact = self.exact + usize::from(is_exact) - usize::from(was_exact);
            self.exact_at[n] = is_exact.then_some(now);
        }
        self.look_at_cover(n, now);
    }

    /// Sends octets from a node whose session is up; elsewhere they are dropped.
    pub fn send(&mut self, node: NodeId, bytes: Arc<[u8]>) {
        let n = node as usize;
        if self.sessions[n].is_established() {
            self.sessions[n].push(bytes);
            self.flush(n);
        }
    }

    /// Sets what a node announces when its session comes up next.
    pub fn set_initial(&mut self, node: NodeId, bytes: Arc<[u8]>) {
        self.sessions[node as usize].node.initial = bytes;
    }

    /// Says what everybody has to hold of a prefix from now on.
    pub fn expect(&mut self, id: PrefixId, version: u8) {
        let before = self.model.expect(id, version);
        if before == version {
            return;
        }
        let now = Instant::now();
        for n in 0..self.tables.len() {
            if let Some(table) = &mut self.tables[n] {
                table.expectation_changed(&self.model, id, before);
                self.recount(n, now);
            }
        }
    }

    /// Waits for events, at most for the time, and handles them.
    ///
    /// # Errors
    /// Where the kernel refuses to tell of events; what befalls a session is a problem, not an
    /// error.
    pub fn poll(&mut self, timeout: Duration) -> io::Result<()> {
        let now = Instant::now();
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.tick(now);
        }
        let timeout = timeout.min(self.next_tick.saturating_duration_since(now));
        let mut events = std::mem::take(&mut self.events);
        let result = self.poller.wait(&mut events, timeout);
        for event in &events {
            #[expect(clippy::cast_possible_truncation, reason = "tokens are indices")]
            let n = event.token as usize;
            if event.writable {
                self.on_room(n);
            }
            if event.readable {
                self.on_readable(n);
            }
        }
        self.events = events;
        result
    }

    /// Handles events until a condition holds; false where the deadline came first.
    ///
    /// # Errors
    /// As [`Fleet::poll`].
    pub fn run_until(
        &mut self,
        deadline: Instant,
        mut is_done: impl FnMut(&Self) -> bool,
    ) -> io::Result<bool> {
        while !is_done(self) {
            let now = Instant::now();
            if now >= deadline {
                return Ok(false);
            }
            self.poll(deadline - now)?;
        }
        Ok(true)
    }

    /// Whether every node that is on has its session and exactly the table it has to have.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.exact == self.checked && self.wrong == 0
    }

    /// Tables that are exact.
    #[must_use]
    pub const fn exact(&self) -> usize {
        self.exact
    }

    /// Tables that are checked.
    #[must_use]
    pub const fn checked(&self) -> usize {
        self.checked
    }

    /// Nodes that are on, their sessions up or not.
    #[must_use]
    pub const fn on(&self) -> usize {
        self.on
    }

    /// Sessions that are up.
    #[must_use]
    pub const fn established(&self) -> usize {
        self.established
    }

    /// Routes that are missing, too many or not as they should be, over all tables.
    #[must_use]
    pub const fn wrong(&self) -> u64 {
        self.wrong
    }

    /// When each table became exact, where it is.
    #[must_use]
    pub fn exact_at(&self) -> &[Option<Instant>] {
        &self.exact_at
    }

    /// The tables of the nodes that are on and checked.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().flatten()
    }

    /// The node's session.
    #[must_use]
    pub fn session(&self, node: NodeId) -> &Session {
        &self.sessions[node as usize]
    }

    /// How many nodes there are, on or off.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.sessions.len()
    }

    /// Up to `limit` faults of all tables in words.
    #[must_use]
    pub fn faults(&self, limit: usize) -> Vec<String> {
        let mut out = Vec::new();
        for (session, table) in self.sessions.iter().zip(&self.tables) {
            let Some(table) = table else { continue };
            let left = limit - out.len();
            let from = session.node.source.ip();
            let faults = table.faults(&self.model, &self.checkers[session.target], left);
            let at = match self.targets.len() {
                1 => String::new(),
                _ => format!(" at {}", self.targets[session.target]),
            };
            out.extend(faults.into_iter().map(|fault| format!("{from}{at}: {fault}")));
        }
        out
    }
}
