//! After a start: who may be told what, and when (RFC 4724 §4.1).
//!
//! What is decided is in [`Deferral`]; here is the one of the process, shared by all sessions.
//! A session that comes up while it goes on joins no group: its routes are taken, and it is told
//! nothing, not even an End-of-RIB, until it hears that the deferral of the family has ended.
//! Only peers that know graceful restart are kept waiting: the others have nothing of ours left
//! that an early End-of-RIB could cost them.
//!
//! The lock is taken when sessions come, go, and have told everything; once the deferral is over,
//! one flag is looked at.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use albedo_engine::clock::now;
use albedo_fsm::{Deferral, DeferralEnd, DeferralLimits, DeferralWaits, Hello};
use albedo_types::{FamilySet, Instant};
use albedo_wire::frame::MessageType;

use crate::admission::Source;
use crate::dialler::Known;
use crate::stats::SessionStats;
use crate::supervisor::Inner;

/// How often a deferral is looked at while nothing happens.
const LOOK: Duration = Duration::from_millis(50);

/// What is known of the last life when the server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// How long peers are kept waiting.
    pub limits: DeferralLimits,
    /// Whether nobody else was there than who is expected.
    pub is_known: bool,
    /// Who is expected, and the families it had.
    pub expected: Vec<(Source, FamilySet)>,
    /// Dynamic neighbours that are dialled where their group says so.
    pub dial: Vec<Known>,
}

impl Default for Restart {
    /// Nobody is expected, and nobody kept waiting.
    fn default() -> Self {
        let limits = DeferralLimits { quiet: Duration::ZERO, max: Duration::ZERO };
        Self { limits, is_known: false, expected: Vec::new(), dial: Vec::new() }
    }
}

/// How the deferral stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeferralStatus {
    /// When it ended for the last family, and why; `None` while it goes on.
    pub end: Option<(Instant, DeferralEnd)>,
    /// What it waits for.
    pub waits: DeferralWaits,
    /// Joins that were put off since the start.
    pub postponed: u64,
}

/// The deferral of the process.
#[derive(Debug)]
pub(crate) struct Startup {
    over: AtomicBool,
    postponed: AtomicU64,
    deferral: Mutex<Deferral<Source>>,
}

impl Startup {
    pub(crate) fn new(restart: &Restart) -> Self {
        let expected = restart.expected.iter().copied();
        let deferral = Deferral::new(restart.limits, restart.is_known, expected, now());
        Self {
            over: AtomicBool::new(deferral.is_over()),
            postponed: AtomicU64::new(0),
            deferral: Mutex::new(deferral),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Deferral<Source>> {
        self.deferral.lock().expect("nothing panics while it holds this lock")
    }

    /// Whether nobody is kept waiting any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// The families whose deferral has ended.
    pub(crate) fn ended(&self) -> FamilySet {
        if self.is_over() { FamilySet::ALL } else { self.lock().ended() }
    }

    pub(crate) fn status(&self) -> DeferralStatus {
        let deferral = self.lock();
        DeferralStatus {
            end: deferral.end(),
            waits: deferral.waits(),
            postponed: self.postponed.load(Ordering::Relaxed),
        }
    }

    /// Counts joins that are put off.
    pub(crate) fn count_postponed(&self, joins: usize) {
        self.postponed.fetch_add(joins as u64, Ordering::Relaxed);
    }
}

impl Inner {
    /// Tells the deferral something, and the sessions if it ends with that; the families whose
    /// deferral has ended.
    fn tell_deferral(&self, tell: impl FnOnce(&mut Deferral<Source>, Instant)) -> FamilySet {
        if self.startup.is_over() {
            return FamilySet::ALL;
        }
        let at = now();
        let mut deferral = self.startup.lock();
        tell(&mut deferral, at);
        let new = deferral.poll(at);
        let (ended, end) = (deferral.ended(), deferral.end());
        if end.is_some() {
            self.startup.over.store(true, Ordering::Release);
        }
        drop(deferral);
        if !new.is_empty() {
            self.release();
            if let Some((_, why)) = end {
                tracing::info!(why = why.words(), "selection deferral is over");
            } else {
                tracing::info!(families = ?new, "selection deferral has ended for some families");
            }
        }
        ended
    }

    /// A session is up; the families for which it may be told routes at once.
    pub(crate) fn session_up(&self, id: u64, source: Source, hello: Hello) -> FamilySet {
        self.tell_deferral(|deferral, at| deferral.up(id, source, hello, at))
    }

    /// A session has ended.
    pub(crate) fn session_down(&self, id: u64) {
        self.tell_deferral(|deferral, at| deferral.down(id, at));
    }

    /// End-of-RIB of these families has come.
    pub(crate) fn session_heard(&self, id: u64, families: FamilySet) {
        self.tell_deferral(|deferral, at| {
            families.iter().for_each(|family| deferral.end_of_rib(id, family, at));
        });
    }

    /// The network has no way to a peer.
    pub(crate) fn unreachable(&self, source: Source) {
        self.tell_deferral(|deferral, _| deferral.unreachable(source));
    }
}

/// Looks at the deferral until it is over.
pub(crate) async fn run(inner: Arc<Inner>) {
    let kind = usize::from(MessageType::Update.code()) - 1;
    let updates = || SessionStats::read(&inner.stats.traffic.received[kind]);
    let mut seen = updates();
    while !inner.startup.is_over() {
        tokio::time::sleep(LOOK).await;
        let before = std::mem::replace(&mut seen, updates());
        inner.tell_deferral(|deferral, at| {
            if before != seen {
                deferral.activity(at);
            }
        });
    }
}
