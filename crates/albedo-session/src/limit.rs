//! How many routes a peer may have, where the configuration says so.
//!
//! The routes of a peer are known to the shards, each to its own; so a limited peer's are kept
//! here once more, as bare keys, and a peer without a limit costs nothing.
//!
//! RFC 4486 §4 (Cease, maximum number of prefixes reached).

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use albedo_types::{Family, Ipv4Prefix, Ipv6Prefix, PathId};
use albedo_wire::notification::Notification;

/// How limits count, and what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRules {
    /// Routes taken of each family, in the order of [`Family::ALL`].
    pub max: [Option<NonZeroU32>; Family::COUNT],
    /// Share of a limit at which it is said that it comes near, in percent.
    pub warn_at: u8,
    /// What one route more does.
    pub action: LimitAction,
    /// Whether routes count that are not taken: those that the import policy rejects, that are
    /// malformed or have been here before.
    pub count_rejected: bool,
    /// Whether each path of a prefix counts (RFC 7911), or the prefix once.
    pub count_paths: bool,
}

/// What becomes of a peer with too many routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitAction {
    /// Its session ends, and may come up again after this long, or after the usual pause.
    #[default]
    Restart,
    /// The same, after this long.
    RestartAfter(Duration),
    /// Its session ends until somebody resets it or changes its settings.
    Shutdown,
    /// It is said, and nothing else happens.
    Warn,
}

impl Default for LimitRules {
    fn default() -> Self {
        Self {
            max: [None; Family::COUNT],
            warn_at: 75,
            action: LimitAction::default(),
            count_rejected: false,
            count_paths: true,
        }
    }
}

/// What there is to say of a limited peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The limit is near.
    Near { family: Family, routes: usize, limit: u32 },
    /// The limit is passed, and nothing is done about it.
    Passed { family: Family, routes: usize, limit: u32 },
    /// The limit is passed, and the session is to end.
    Over { family: Family, limit: u32 },
}

impl Notice {
    /// What to tell the peer, if its session ends.
    pub(crate) fn notification(self) -> Option<Notification> {
        match self {
            Self::Over { family, limit } => Some(Notification::max_prefixes(family, limit)),
            Self::Near { .. } | Self::Passed { .. } => None,
        }
    }
}

/// The routes of a limited peer.
#[derive(Debug)]
pub(crate) struct PrefixLimits {
    rules: LimitRules,
    v4: Limited<Ipv4Prefix>,
    v6: Limited<Ipv6Prefix>,
}

#[derive(Debug)]
struct Limited<K> {
    family: Family,
    routes: HashSet<(PathId, K)>,
    /// Paths of each prefix; empty where paths count.
    paths: HashMap<K, u32>,
    /// Whether it was said that the limit is near, or passed.
    said: [bool; 2],
}

impl<K: Copy + Eq + Hash> Limited<K> {
    fn new(family: Family) -> Self {
        Self { family, routes: HashSet::new(), paths: HashMap::new(), said: [false; 2] }
    }

    fn len(&self, rules: &LimitRules) -> usize {
        if rules.count_paths { self.routes.len() } else { self.paths.len() }
    }

    fn note(&mut self, rules: &LimitRules, path_id: PathId, key: K, announced: bool) {
        let Some(limit) = rules.max[self.family.index()] else { return };
        if !announced {
            if self.routes.remove(&(path_id, key)) && !rules.count_paths {
                let left = self.paths.get_mut(&key).map(|paths| {
                    *paths -= 1;
                    *paths
                });
                if left == Some(0) {
                    self.paths.remove(&key);
                }
            }
            return;
        }
        // Whose session ends need not be counted any further.
        let ends = rules.action != LimitAction::Warn;
        if ends && self.len(rules) > limit.get() as usize {
            return;
        }
        if self.routes.insert((path_id, key)) && !rules.count_paths {
            *self.paths.entry(key).or_insert(0) += 1;
        }
    }

    /// What there is to say; each thing once, until the number has fallen again.
    fn notice(&mut self, rules: &LimitRules) -> Option<Notice> {
        let limit = rules.max[self.family.index()]?.get();
        let (family, routes) = (self.family, self.len(rules));
        let passed = routes > limit as usize;
        // In 64 bits, or the product of a large limit would overflow.
        let near = routes as u64 * 100 > u64::from(limit) * u64::from(rules.warn_at);
        let was = std::mem::replace(&mut self.said, [near, passed]);
        match (passed, near) {
            (true, _) if rules.action != LimitAction::Warn => Some(Notice::Over { family, limit }),
            (true, _) if !was[1] => Some(Notice::Passed { family, routes, limit }),
            (false, true) if !was[0] => Some(Notice::Near { family, routes, limit }),
            _ => None,
        }
    }
}

impl PrefixLimits {
    /// Limits by family; `None` if there are none.
    pub(crate) fn new(rules: &LimitRules) -> Option<Box<Self>> {
        rules.max.iter().any(Option::is_some).then(|| {
            Box::new(Self {
                rules: *rules,
                v4: Limited::new(Family::Ipv4Unicast),
                v6: Limited::new(Family::Ipv6Unicast),
            })
        })
    }

    pub(crate) const fn rules(&self) -> &LimitRules {
        &self.rules
    }

    /// Takes other limits; whether what was counted so far is of use for them.
    pub(crate) fn change(&mut self, rules: &LimitRules) -> bool {
        let same = |family: Family| {
            let n = family.index();
            self.rules.max[n].is_some() || rules.max[n].is_none()
        };
        let counted = Family::ALL.into_iter().all(same)
            && self.rules.count_rejected == rules.count_rejected
            && self.rules.count_paths == rules.count_paths
            // Whoever was over has not been counted to the end.
            && self.rules.action == rules.action;
        if counted {
            self.rules = *rules;
        }
        counted
    }

    /// A route was announced or withdrawn; `taken` is whether it is in the table now.
    pub(crate) fn v4(&mut self, path_id: PathId, key: Ipv4Prefix, announced: bool, taken: bool) {
        let counts = taken || announced && self.rules.count_rejected;
        self.v4.note(&self.rules, path_id, key, counts);
    }

    /// As [`PrefixLimits::v4`].
    pub(crate) fn v6(&mut self, path_id: PathId, key: Ipv6Prefix, announced: bool, taken: bool) {
        let counts = taken || announced && self.rules.count_rejected;
        self.v6.note(&self.rules, path_id, key, counts);
    }

    /// What there is to say after a message.
    pub(crate) fn notice(&mut self) -> Option<Notice> {
        let v4 = self.v4.notice(&self.rules);
        if v4.is_some_and(|notice| notice.notification().is_some()) {
            return v4;
        }
        let v6 = self.v6.notice(&self.rules);
        if v6.is_some() { v6 } else { v4 }
    }
}

#[cfg(test)]
mod tests;
