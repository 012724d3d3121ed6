//! From the body of an UPDATE to routes for the shards.
//!
//! Everything is validated before anything is handed on, in two steps: the message is split, which
//! finds its routes, and its attribute block is looked up; only a block that nobody has sent
//! before is decoded and judged (RFC 7606).
//! What a fault costs is decided by the wire crate; here it is done.
//!
//! RFC 4271 §6.3 and §9, RFC 4456 §8, RFC 7606.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use albedo_engine::{Interned, Loop, PeerPort, Received, Scratch, Source};
use albedo_rib::{AttrSet, Policy};
use albedo_types::{Family, FamilySet, Instant, Ipv4Prefix, Ipv6Prefix, PathId};
use albedo_wire::attr::{AttrError, Attributes};
use albedo_wire::error::{DecodeError, Treatment};
use albedo_wire::nlri::NextHop;
use albedo_wire::notification::Notification;
use albedo_wire::update::{RawUpdate, UpdateContext, notification_of};

use crate::limit::{LimitAction, LimitRules, Notice, PrefixLimits};
use crate::stats::Tally;

mod by_policy;

use by_policy::ByPolicy;

/// Octets of a faulty UPDATE that are logged.
pub const FAULT_OCTETS_LOGGED: usize = 64;
/// Time between two logged faults of a session; those between are counted.
pub const FAULT_LOG_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two logged faults of all sessions together: a whole cluster may have the same bug.
pub const FAULT_LOG_INTERVAL_ALL: Duration = Duration::from_millis(100);

/// The places of the limit of routes and of the policy in [`crate::stats::DROPS`].
const DROPPED_BY_LIMIT: usize = 3;
const DROPPED_BY_POLICY: usize = 4;

/// What one session needs to read its UPDATEs.
#[derive(Debug)]
pub(crate) struct Intake {
    context: UpdateContext,
    source: Source,
    log: FaultLog,
    limits: Option<Box<PrefixLimits>>,
    import: Option<Arc<Policy>>,
    /// Families whose End-of-RIB has come.
    ended: FamilySet,
}

/// What stops a session: the NOTIFICATION to send.
pub(crate) type Reset = Box<Notification>;

thread_local! {
    /// Buffers of look-ups; one for each thread, not for each session.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What is done with the announced routes of a message.
enum Verdict {
    Announce(Arc<AttrSet>),
    /// They are faulty.
    Withdraw,
    /// They have been here before.
    Looped(Loop),
}

impl Intake {
    /// For the session with `peer`; `gate` is shared by all.
    pub(crate) fn new(
        peer: IpAddr,
        gate: Arc<FaultGate>,
        context: UpdateContext,
        source: Source,
        limits: &LimitRules,
        import: Option<Arc<Policy>>,
    ) -> Self {
        let log = FaultLog { peer, gate, next: Instant::ZERO, suppressed: 0 };
        let limits = PrefixLimits::new(limits);
        Self { context, source, log, limits, import, ended: FamilySet::EMPTY }
    }

    /// Takes other rules from here on; whether the peer has to tell its routes again, for those
    /// that it told before were judged by the old ones.
    pub(crate) fn change(
        &mut self,
        context: UpdateContext,
        source: Source,
        limits: &LimitRules,
        import: Option<&Arc<Policy>>,
    ) -> bool {
        let counted = match &mut self.limits {
            Some(known) => known.change(limits),
            None => limits.max.iter().all(Option::is_none),
        };
        if !counted {
            self.limits = PrefixLimits::new(limits);
        }
        let same = counted
            && self.context == context
            && self.source == source
            && self.import.as_ref() == import;
        (self.context, self.source, self.import) = (context, source, import.cloned());
        !same
    }

    /// What is to be done with a peer whose session ends because it has too many routes; `None`
    /// if that is not why.
    pub(crate) fn limit_action(&mut self) -> Option<LimitAction> {
        let limits = self.limits.as_mut()?;
        limits.notice()?.notification()?;
        Some(limits.rules().action)
    }

    /// The families whose End-of-RIB has come.
    pub(crate) const fn ended(&self) -> FamilySet {
        self.ended
    }

    /// Whether that of every family has.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended == self.context.families
    }

    /// Takes the body of one UPDATE and puts its routes into the port; whether it was the
    /// End-of-RIB of a family that had none yet.
    ///
    /// # Errors
    ///
    /// A fault that ends the session (RFC 7606 §2, "session reset"), or too many routes.
    pub(crate) fn update(
        &mut self,
        body: &[u8],
        port: &mut PeerPort,
        tally: &mut Tally,
        now: Instant,
    ) -> Result<bool, Reset> {
        let before = self.ended;
        match self.take(body, port, tally, now) {
            Ok(()) => match self.limits.as_mut().and_then(|limits| limits.notice()) {
                None => Ok(self.ended != before),
                Some(notice) => {
                    self.log.limit(notice);
                    let Some(notification) = notice.notification() else {
                        return Ok(self.ended != before);
                    };
                    tally.dropped(DROPPED_BY_LIMIT, 1);
                    Err(Box::new(notification))
                }
            },
            Err(error) => {
                tally.treatment(Treatment::Reset);
                self.log.fault(now, body, Treatment::Reset, &error);
                Err(Box::new(notification_of(&error, body)))
            }
        }
    }

    fn take(
        &mut self,
        body: &[u8],
        port: &mut PeerPort,
        tally: &mut Tally,
        now: Instant,
    ) -> Result<(), DecodeError> {
        let raw = RawUpdate::split(body, &self.context)?;
        if let Some(family) = raw.is_end_of_rib(&self.context) {
            self.ended.insert(family);
            return Ok(());
        }
        let mut errors = Vec::new();
        if !raw.need().announces && !raw.block.is_empty() {
            // Nobody will look at these attributes; but if they are broken, the routes that should
            // be there may have been lost with them (RFC 7606 §5.2).
            let mut scratch = Vec::new();
            let block = raw.block.contiguous(&mut scratch);
            errors.extend(Attributes::decode(block, raw.need(), &self.context).errors);
        }
        self.withdraw(&raw, port)?;
        self.announce_plain(&raw, port, tally, &mut errors)?;
        self.announce_multiprotocol(&raw, port, tally, &mut errors)?;
        if !errors.is_empty() || !raw.walk_errors.is_empty() {
            let worst = raw.conclude(&errors)?;
            if let Some(worst) = worst {
                tally.treatment(worst);
            }
            for error in raw.walk_errors.iter().chain(&errors) {
                self.log.fault(now, body, error.treatment, error);
            }
        }
        Ok(())
    }

    fn withdraw(&mut self, raw: &RawUpdate<'_>, port: &mut PeerPort) -> Result<(), DecodeError> {
        for route in raw.withdrawn_prefixes(&self.context) {
            let (path_id, key) = route?;
            self.withdraw_v4(port, path_id, key);
        }
        let Some(unreach) = &raw.mp_unreach else { return Ok(()) };
        match unreach.family {
            Some(Family::Ipv4Unicast) => {
                for route in unreach.prefixes(&self.context) {
                    let (path_id, key) = route?;
                    self.withdraw_v4(port, path_id, key);
                }
            }
            Some(Family::Ipv6Unicast) => {
                for route in unreach.prefixes(&self.context) {
                    let (path_id, key) = route?;
                    self.withdraw_v6(port, path_id, key);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn announce_plain(
        &mut self,
        raw: &RawUpdate<'_>,
        port: &mut PeerPort,
        tally: &mut Tally,
        errors: &mut Vec<AttrError>,
    ) -> Result<(), DecodeError> {
        if raw.announced.is_empty() {
            return Ok(());
        }
        let verdict = self.judge(raw, Family::Ipv4Unicast, None, port, errors);
        if let Some(message) = self.by_policy(&verdict, raw, Family::Ipv4Unicast, None) {
            let routes = raw.announced_prefixes(&self.context);
            return self.announce_by_policy(message, routes, port, tally);
        }
        let mut routes = 0;
        for route in raw.announced_prefixes(&self.context) {
            let (path_id, key) = route?;
            self.route_v4(port, path_id, key, verdict.attrs());
            routes += 1;
        }
        verdict.count(routes, tally);
        Ok(())
    }

    fn announce_multiprotocol(
        &mut self,
        raw: &RawUpdate<'_>,
        port: &mut PeerPort,
        tally: &mut Tally,
        errors: &mut Vec<AttrError>,
    ) -> Result<(), DecodeError> {
        let Some(reach) = &raw.mp_reach else { return Ok(()) };
        let Some(family) = reach.family else { return Ok(()) };
        let verdict = match reach.check_next_hop(&self.context) {
            Ok(next_hop) => {
                let verdict = self.judge(raw, family, next_hop.as_ref(), port, errors);
                if let Some(message) = self.by_policy(&verdict, raw, family, next_hop.as_ref()) {
                    let context = &self.context;
                    return match family {
                        Family::Ipv4Unicast => {
                            let routes = reach.prefixes::<Ipv4Prefix>(context);
                            self.announce_by_policy(message, routes, port, tally)
                        }
                        Family::Ipv6Unicast => {
                            let routes = reach.prefixes::<Ipv6Prefix>(context);
                            self.announce_by_policy(message, routes, port, tally)
                        }
                    };
                }
                verdict
            }
            Err(error) if self.context.treatment(&error) <= Treatment::TreatAsWithdraw => {
                errors.extend(next_hop_error(&error));
                Verdict::Withdraw
            }
            Err(error) => return Err(error),
        };
        let mut routes = 0;
        match family {
            Family::Ipv4Unicast => {
                for route in reach.prefixes(&self.context) {
                    let (path_id, key) = route?;
                    self.route_v4(port, path_id, key, verdict.attrs());
                    routes += 1;
                }
            }
            Family::Ipv6Unicast => {
                for route in reach.prefixes(&self.context) {
                    let (path_id, key) = route?;
                    self.route_v6(port, path_id, key, verdict.attrs());
                    routes += 1;
                }
            }
        }
        verdict.count(routes, tally);
        Ok(())
    }

    /// A message that is to be taken by the import policy, if there is one.
    fn by_policy<'m>(
        &self,
        verdict: &Verdict,
        raw: &'m RawUpdate<'m>,
        family: Family,
        next_hop: Option<&'m NextHop>,
    ) -> Option<ByPolicy<'m>> {
        let (Some(policy), Verdict::Announce(set)) = (&self.import, verdict) else { return None };
        let received = Received { family, next_hop, block: &raw.block };
        Some(ByPolicy::new(policy, self.source.external, set, received))
    }

    fn withdraw_v4(&mut self, port: &mut PeerPort, path_id: PathId, key: Ipv4Prefix) {
        if let Some(limits) = &mut self.limits {
            limits.v4(path_id, key, false, false);
        }
        port.route_v4(path_id, key, None);
    }

    fn withdraw_v6(&mut self, port: &mut PeerPort, path_id: PathId, key: Ipv6Prefix) {
        if let Some(limits) = &mut self.limits {
            limits.v6(path_id, key, false, false);
        }
        port.route_v6(path_id, key, None);
    }

    fn route_v4(
        &mut self,
        port: &mut PeerPort,
        path_id: PathId,
        key: Ipv4Prefix,
        attrs: Option<&Arc<AttrSet>>,
    ) {
        if let Some(limits) = &mut self.limits {
            limits.v4(path_id, key, true, attrs.is_some());
        }
        port.route_v4(path_id, key, attrs);
    }

    fn route_v6(
        &mut self,
        port: &mut PeerPort,
        path_id: PathId,
        key: Ipv6Prefix,
        attrs: Option<&Arc<AttrSet>>,
    ) {
        if let Some(limits) = &mut self.limits {
            limits.v6(path_id, key, true, attrs.is_some());
        }
        port.route_v6(path_id, key, attrs);
    }

    /// Looks the message's attributes up, or judges them.
    fn judge(
        &self,
        raw: &RawUpdate<'_>,
        family: Family,
        next_hop: Option<&NextHop>,
        port: &PeerPort,
        errors: &mut Vec<AttrError>,
    ) -> Verdict {
        let broken = |error: &AttrError| error.treatment > Treatment::Discard;
        if raw.walk_errors.iter().any(broken) {
            return Verdict::Withdraw;
        }
        let interned = SCRATCH.with_borrow_mut(|scratch| {
            let received = Received { family, next_hop, block: &raw.block };
            let interner = port.interner();
            let interned = interner.intern(&self.source, &received, &self.context, scratch);
            errors.extend_from_slice(&scratch.errors);
            interned
        });
        match interned {
            Interned::Set(set) => Verdict::Announce(set),
            Interned::Looped(which) => Verdict::Looped(which),
            Interned::Malformed(_) => Verdict::Withdraw,
        }
    }
}

impl Verdict {
    const fn attrs(&self) -> Option<&Arc<AttrSet>> {
        match self {
            Self::Announce(set) => Some(set),
            Self::Withdraw | Self::Looped(_) => None,
        }
    }

    /// Counts the routes that were judged so.
    const fn count(&self, routes: u64, tally: &mut Tally) {
        if let Self::Looped(which) = self {
            let which = match which {
                Loop::OriginatorId => 0,
                Loop::ClusterList => 1,
                Loop::AsPath => 2,
            };
            tally.dropped(which, routes);
        }
    }
}

/// A next hop's fault in the form of an attribute's.
fn next_hop_error(error: &DecodeError) -> Option<AttrError> {
    let fault = *error.kind.as_update()?;
    let treatment = Treatment::TreatAsWithdraw;
    let code = albedo_wire::attr::code::MP_REACH_NLRI;
    Some(AttrError { offset: error.offset, code, fault, treatment })
}

impl FaultLog {
    /// Says what the limits of a peer come to; they say each thing once.
    #[cold]
    fn limit(&self, notice: Notice) {
        let peer = self.peer;
        match notice {
            Notice::Near { family, routes, limit } => {
                tracing::warn!(%peer, %family, routes, limit, "the limit of routes is near");
            }
            Notice::Passed { family, routes, limit } => {
                tracing::warn!(%peer, %family, routes, limit, "the limit of routes is passed");
            }
            Notice::Over { family, limit } => {
                tracing::warn!(%peer, %family, limit, "more routes than the limit");
            }
        }
    }
}

/// The bound on logged faults of all sessions together.
#[derive(Debug, Default)]
pub(crate) struct FaultGate(AtomicU64);

impl FaultGate {
    /// Whether one more may be logged now.
    pub(crate) fn pass(&self, now: Instant) -> bool {
        let next = self.0.load(Ordering::Relaxed);
        let after = (now + FAULT_LOG_INTERVAL_ALL).as_nanos();
        let exchange =
            || self.0.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed);
        now.as_nanos() >= next && exchange().is_ok()
    }
}

/// The log of a session's faults, at a bounded rate.
#[derive(Debug)]
struct FaultLog {
    peer: IpAddr,
    gate: Arc<FaultGate>,
    next: Instant,
    suppressed: u64,
}

impl FaultLog {
    #[cold]
    fn fault(
        &mut self,
        now: Instant,
        body: &[u8],
        treatment: Treatment,
        fault: &dyn std::fmt::Display,
    ) {
        if now < self.next || !self.gate.pass(now) {
            self.suppressed += 1;
            return;
        }
        self.next = now + FAULT_LOG_INTERVAL;
        let suppressed = std::mem::take(&mut self.suppressed);
        let shown = &body[..body.len().min(FAULT_OCTETS_LOGGED)];
        tracing::warn!(
            peer = %self.peer,
            %fault,
            %treatment,
            octets = body.len(),
            first = %Hex(shown),
            suppressed,
            "malformed update"
        );
    }
}

/// Octets as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests;
