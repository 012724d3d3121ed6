//! What is kept of a lost peer, and for how long: the helper's side of graceful restart.
//!
//! ```text
//!              loss                 restart time                stale time
//!   nothing ─────────► restarting ───────────────► long-lived ──────────────► nothing
//!      ▲                   │ session up                │ session up
//!      │                   ▼                           ▼
//!      └───────────── resynchronising: until End-of-RIB, the guard, or the stale time
//! ```
//!
//! One value for each peer, with a phase for each family; like a session it is told what happened
//! and when, and says what is to be done with the routes.
//!
//! RFC 4724 §4.2, RFC 7313 §4, RFC 8538 §4, RFC 9494 §4.2.

use core::time::Duration;

use albedo_types::{Family, FamilySet, Instant};
use albedo_wire::capability::Capability;
use albedo_wire::negotiated::Negotiated;
use albedo_wire::notification::{Notification, codes};
use albedo_wire::open::Open;

use crate::action::{Down, DownReason};

/// Bounds on what peers may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionLimits {
    /// The longest restart time that is granted.
    pub restart_max: Duration,
    /// The longest stale time that is granted after it; zero grants none.
    pub stale_max: Duration,
    /// How long a peer that is back may take until End-of-RIB.
    pub stale_path: Duration,
}

/// A stock node that restarts while another of its reflectors is down is silent for 240 s, with
/// its session up.
pub const STALE_PATH_DEFAULT: Duration = Duration::from_secs(360);

/// How long routes may wait for their announcement after a return that was no restart.
///
/// A peer that says that it has not restarted (R is 0) sets no F bit either, which is about a
/// restart; its forwarding never stopped. RFC 4724 §4.2 has its routes removed before it can send
/// them again, which everybody would be told: a hang of ours beyond the hold time ends like this
/// with every node at once. Most need a few milliseconds until End-of-RIB.
pub const RETURN_GRACE: Duration = Duration::from_secs(2);

/// Time between two beginnings of a refresh that both count: each makes all routes of the peer
/// stale, and one of many beginnings costs a look at all of them.
pub const REFRESH_AGAIN_MIN: Duration = Duration::from_secs(1);

impl Default for RetentionLimits {
    /// What the wire can hold, a day of stale time, [`STALE_PATH_DEFAULT`].
    fn default() -> Self {
        Self {
            restart_max: Duration::from_secs(albedo_wire::capability::RESTART_TIME_MAX.into()),
            stale_max: Duration::from_secs(86_400),
            stale_path: STALE_PATH_DEFAULT,
        }
    }
}

/// What a session's OPENs agreed on for the time after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Families that are kept for the restart time.
    graceful: FamilySet,
    /// Those whose forwarding went on while the peer restarted.
    forwarding: FamilySet,
    /// Those that the long-lived kind lists.
    long_lived: FamilySet,
    /// Those whose forwarding went on, as the long-lived kind has it.
    long_lived_forwarding: FamilySet,
    /// Whether the peer has restarted.
    restarted: bool,
    /// Both keep routes after a NOTIFICATION, too (RFC 8538).
    notification: bool,
    restart_time: Duration,
    /// By family; zero where none was agreed on.
    stale_time: [Duration; Family::COUNT],
}

impl Terms {
    /// The terms of a session whose OPEN of ours was `local`.
    #[must_use]
    pub fn new(local: &Open, negotiated: &Negotiated, limits: &RetentionLimits) -> Self {
        let ours = local.find(|capability| match capability {
            Capability::GracefulRestart(graceful) => Some(graceful.notification),
            _ => None,
        });
        let (Some(ours), Some(graceful)) = (ours, &negotiated.graceful) else {
            return Self::default();
        };
        let mut terms = Self {
            notification: ours && graceful.notification,
            restarted: graceful.restarting,
            restart_time: Duration::from_secs(graceful.restart_time.into()).min(limits.restart_max),
            ..Self::default()
        };
        let offers_long_lived = local.find(|capability| match capability {
            Capability::LongLived(_) => Some(()),
            _ => None,
        });
        let long_lived = negotiated.long_lived.as_ref().filter(|_| offers_long_lived.is_some());
        for family in negotiated.families.iter() {
            if let Some(entry) = graceful.family(family) {
                terms.graceful.insert(family);
                if entry.forwarding {
                    terms.forwarding.insert(family);
                }
            }
            if let Some(entry) = long_lived.and_then(|long_lived| long_lived.family(family)) {
                let time = Duration::from_secs(entry.stale_time.into()).min(limits.stale_max);
                terms.stale_time[family.index()] = time;
                terms.long_lived.insert(family);
                if entry.forwarding {
                    terms.long_lived_forwarding.insert(family);
                }
            }
        }
        terms
    }

    /// Whether anything is kept after the end of a session.
    fn keeps(&self, down: &Down) -> Keeps {
        let hard = |notification: &Notification| {
            (notification.code, notification.subcode) == (codes::CEASE, codes::cease::HARD_RESET)
        };
        let mut told = down.sent.iter().chain(&down.received).peekable();
        if told.peek().is_some() {
            // Without RFC 8538 any NOTIFICATION ends it all.
            let soft = self.notification && !told.any(hard);
            return if soft { Keeps::All } else { Keeps::Nothing };
        }
        match down.reason {
            DownReason::Lost(_) | DownReason::Replaced => Keeps::All,
            DownReason::HoldExpired { .. } if self.notification => Keeps::All,
            // Nobody said anything, so the peer may be gone for long, which is what this is for.
            DownReason::HoldExpired { .. } => Keeps::LongLived,
            _ => Keeps::Nothing,
        }
    }
}

/// Which families the end of a session keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeps {
    Nothing,
    /// Those with a stale time.
    LongLived,
    All,
}

/// What becomes of a family's routes at the loss of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// They go.
    #[default]
    Nothing,
    /// They stay; those that were stale already go.
    Fresh,
    /// They stay, and those that were stale already, too.
    All,
}

/// What is to be done with a family's stale routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They go.
    Sweep(Family),
    /// They are long-lived stale from now on.
    LongLived(Family),
}

/// Where a family stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is stale.
    #[default]
    Synced,
    /// The session is down, and this is within the restart time.
    Restarting {
        /// When it ends.
        until: Instant,
    },
    /// The session is down for longer than that.
    LongLived,
    /// The session is up again; the stale routes wait for End-of-RIB.
    Resyncing {
        /// When they do not any more.
        until: Instant,
    },
    /// The session is up and the peer sends everything again (RFC 7313 §4): what it had sent
    /// before waits for that, or for the end of it.
    Refreshing {
        /// When it does not any more.
        until: Instant,
        /// Until when another beginning is none.
        again: Instant,
    },
}

impl Phase {
    /// The name in the status; `None` where there is nothing to tell.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Synced => None,
            Self::Restarting { .. } => Some("restarting"),
            Self::LongLived => Some("longLived"),
            Self::Resyncing { .. } => Some("resyncing"),
            Self::Refreshing { .. } => Some("refreshing"),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct FamilyState {
    phase: Phase,
    /// What was agreed on in the session that was lost.
    stale_time: Duration,
    /// When the stale time ends: once begun, it goes on until the family is in sync.
    expires: Option<Instant>,
    /// It has ended, and the family has not been in sync since.
    spent: bool,
}

impl FamilyState {
    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Synced => None,
            Phase::LongLived => self.expires,
            Phase::Restarting { until }
            | Phase::Resyncing { until }
            | Phase::Refreshing { until, .. } => {
                Some(self.expires.map_or(until, |expires| expires.min(until)))
            }
        }
    }

    fn sync(&mut self) {
        *self = Self::default();
    }
}

/// What is kept of one peer. Costs nothing while nothing is stale.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    families: [FamilyState; Family::COUNT],
}

impl Retention {
    /// The session is lost: what becomes of each family's routes.
    ///
    /// What is to be done at once after that is said by [`Retention::timeout`].
    pub fn lost(&mut self, now: Instant, terms: &Terms, down: &Down) -> [Kept; Family::COUNT] {
        let keeps = terms.keeps(down);
        Family::ALL.map(|family| {
            let stale_time = terms.stale_time[family.index()];
            let restart_time =
                if terms.graceful.contains(family) { terms.restart_time } else { Duration::ZERO };
            let wanted = match keeps {
                Keeps::Nothing => false,
                Keeps::LongLived => !stale_time.is_zero(),
                Keeps::All => !stale_time.is_zero() || !restart_time.is_zero(),
            };
            let state = &mut self.families[family.index()];
            if !wanted || state.spent {
                state.sync();
                return Kept::Nothing;
            }
            let was_refreshing = matches!(state.phase, Phase::Refreshing { .. });
            let was_stale = state.phase != Phase::Synced;
            // RFC 9494 section 4.2 against RFC 4724 section 4.2.
            let older = state.expires.is_some() || !state.stale_time.is_zero();
            state.stale_time = stale_time;
            state.phase = Phase::Restarting { until: now + restart_time };
            // What a refresh had not come to yet is as good as what it had.
            if was_stale && (older || was_refreshing) { Kept::All } else { Kept::Fresh }
        })
    }

    /// A session is up, on these terms.
    pub fn up(
        &mut self,
        now: Instant,
        terms: &Terms,
        limits: &RetentionLimits,
        mut each: impl FnMut(Change),
    ) {
        for family in Family::ALL {
            let state = &mut self.families[family.index()];
            if state.phase == Phase::Synced {
                continue;
            }
            // Whichever capability the routes are kept by says whether they are worth it.
            let (listed, preserved) = match state.phase {
                Phase::LongLived => (terms.long_lived, terms.long_lived_forwarding),
                _ => (terms.graceful, terms.forwarding),
            };
            if preserved.contains(family) {
                state.phase = Phase::Resyncing { until: now + limits.stale_path };
            } else if listed.contains(family) && !terms.restarted {
                let grace = RETURN_GRACE.min(limits.stale_path);
                state.phase = Phase::Resyncing { until: now + grace };
            } else {
                state.sync();
                each(Change::Sweep(family));
            }
        }
    }

    /// The peer's End-of-RIB of a family; whether what is still stale goes.
    pub fn end_of_rib(&mut self, family: Family) -> bool {
        let state = &mut self.families[family.index()];
        let resyncing = matches!(state.phase, Phase::Resyncing { .. });
        if resyncing {
            state.sync();
        }
        state.spent = false;
        resyncing
    }

    /// The peer begins to send a family again (`BoRR`, RFC 7313 §4); whether what it has sent is
    /// stale from now on.
    ///
    /// It is not before the End-of-RIB that stale routes of an earlier session wait for, nor if
    /// the peer begins again at once.
    pub fn begin_refresh(
        &mut self,
        now: Instant,
        family: Family,
        limits: &RetentionLimits,
    ) -> bool {
        let state = &mut self.families[family.index()];
        match state.phase {
            Phase::Synced => {}
            Phase::Refreshing { again, .. } if again <= now => {}
            _ => return false,
        }
        let (until, again) = (now + limits.stale_path, now + REFRESH_AGAIN_MIN);
        state.phase = Phase::Refreshing { until, again };
        true
    }

    /// It has sent all of it (`EoRR`); whether what is still stale goes.
    pub fn end_refresh(&mut self, family: Family) -> bool {
        let state = &mut self.families[family.index()];
        let refreshing = matches!(state.phase, Phase::Refreshing { .. });
        if refreshing {
            state.phase = Phase::Synced;
        }
        refreshing
    }

    /// The next deadline; `None` while nothing is timed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.families.iter().filter_map(FamilyState::deadline).min()
    }

    /// Lets the deadlines pass that have come.
    pub fn timeout(&mut self, now: Instant, mut each: impl FnMut(Change)) {
        for family in Family::ALL {
            let state = &mut self.families[family.index()];
            if let Phase::Restarting { until } = state.phase
                && until <= now
                && (state.expires.is_some() || !state.stale_time.is_zero())
            {
                state.expires.get_or_insert(until + state.stale_time);
                state.phase = Phase::LongLived;
                each(Change::LongLived(family));
            }
            if let Phase::Refreshing { until, .. } = state.phase {
                if until <= now {
                    state.phase = Phase::Synced;
                    each(Change::Sweep(family));
                }
                continue;
            }
            if state.deadline().is_some_and(|deadline| deadline <= now) {
                let spent = matches!(state.phase, Phase::Resyncing { until } if now < until);
                state.sync();
                state.spent = spent;
                each(Change::Sweep(family));
            }
        }
    }

    /// Forgets everything: the routes are gone.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether there is nothing that has to be remembered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.families.iter().all(|state| state.phase == Phase::Synced && !state.spent)
    }

    /// Whether there may be stale routes.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.families.iter().any(|state| state.phase != Phase::Synced)
    }

    /// Where a family stands, and its next deadline.
    #[must_use]
    pub fn phase(&self, family: Family) -> (Phase, Option<Instant>) {
        let state = &self.families[family.index()];
        (state.phase, state.deadline())
    }
}

#[cfg(test)]
mod tests;
