//! The routes of one message under an import policy: each may be taken with other attributes.
//!
//! Which rules could hold is looked up once for the message; what they make of its attributes is
//! made, and interned, once for each list of rules.

use std::sync::Arc;

use albedo_engine::{PeerPort, Received, Scratch};
use albedo_rib::policy::{Candidates, Changes, Subject, rewrite, side_of};
use albedo_rib::{AttrSet, Policy};
use albedo_types::{Ipv4Prefix, Ipv6Prefix, PathId, PeerRole, Prefix};
use albedo_wire::error::DecodeError;
use albedo_wire::nlri::NlriKey;

use super::{DROPPED_BY_POLICY, Intake};
use crate::stats::Tally;

/// A message under a policy.
pub(super) struct ByPolicy<'m> {
    policy: Arc<Policy>,
    set: Arc<AttrSet>,
    received: Received<'m>,
    candidates: Candidates,
    /// Sets that were made for the message; `None` where the outcome fits no message.
    changed: Vec<(Changes, Option<Arc<AttrSet>>)>,
    scratch: Scratch,
}

/// A prefix of a family that an intake has a way for.
pub(super) trait Route: NlriKey {
    /// Announces or withdraws it.
    fn put(
        self,
        intake: &mut Intake,
        port: &mut PeerPort,
        path_id: PathId,
        attrs: Option<&Arc<AttrSet>>,
    );
}

impl Route for Ipv4Prefix {
    fn put(
        self,
        intake: &mut Intake,
        port: &mut PeerPort,
        path_id: PathId,
        attrs: Option<&Arc<AttrSet>>,
    ) {
        intake.route_v4(port, path_id, self, attrs);
    }
}

impl Route for Ipv6Prefix {
    fn put(
        self,
        intake: &mut Intake,
        port: &mut PeerPort,
        path_id: PathId,
        attrs: Option<&Arc<AttrSet>>,
    ) {
        intake.route_v6(port, path_id, self, attrs);
    }
}

impl<'m> ByPolicy<'m> {
    pub(super) fn new(
        policy: &Arc<Policy>,
        external: bool,
        set: &Arc<AttrSet>,
        received: Received<'m>,
    ) -> Self {
        let role = if external { PeerRole::External } else { PeerRole::Client };
        Self {
            policy: Arc::clone(policy),
            set: Arc::clone(set),
            received,
            candidates: policy.candidates(&Subject::of(set), side_of(role)),
            changed: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// The set with which a route of this prefix is taken; `None` if it is not.
    fn judge(
        &mut self,
        prefix: Option<Prefix>,
        intake: &Intake,
        port: &PeerPort,
    ) -> Option<Arc<AttrSet>> {
        let changes = self.policy.judge(&self.candidates, prefix)?;
        if changes.is_empty() {
            return Some(Arc::clone(&self.set));
        }
        if let Some((_, known)) = self.changed.iter().find(|(rules, _)| *rules == changes) {
            return known.clone();
        }
        let set = port.interner().intern_changed(
            &intake.source,
            &self.received,
            &intake.context,
            &mut self.scratch,
            |block| rewrite(block, self.policy.changes(&changes)),
        );
        self.changed.push((changes, set.clone()));
        set
    }
}

impl Intake {
    /// Takes or rejects the announced routes of a message one by one.
    pub(super) fn announce_by_policy<K: Route>(
        &mut self,
        mut message: ByPolicy<'_>,
        routes: impl Iterator<Item = Result<(PathId, K), DecodeError>>,
        port: &mut PeerPort,
        tally: &mut Tally,
    ) -> Result<(), DecodeError> {
        let mut rejected = 0;
        for route in routes {
            let (path_id, key) = route?;
            let attrs = message.judge(key.prefix(), self, port);
            rejected += u64::from(attrs.is_none());
            // A route that was taken before and is rejected now is gone.
            key.put(self, port, path_id, attrs.as_ref());
        }
        tally.dropped(DROPPED_BY_POLICY, rejected);
        Ok(())
    }
}
