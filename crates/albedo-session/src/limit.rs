//! How many routes a peer may have, where the configuration says so.
//!
//! The routes of a peer are known to the shards, each to its own; so a limited peer's are kept
//! here once more, as bare keys, and a peer without a limit costs nothing.
//!
//! RFC 4486 §4 (Cease, maximum number of prefixes reached).

use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZeroU32;

use albedo_types::{Family, Ipv4Prefix, Ipv6Prefix, PathId};
use albedo_wire::notification::Notification;

/// The routes of a limited peer.
#[derive(Debug)]
pub(crate) struct PrefixLimits {
    v4: Limited<Ipv4Prefix>,
    v6: Limited<Ipv6Prefix>,
}

#[derive(Debug)]
struct Limited<K> {
    family: Family,
    limit: Option<NonZeroU32>,
    routes: HashSet<(PathId, K)>,
    over: bool,
}

impl<K: Eq + Hash> Limited<K> {
    fn new(family: Family, limits: &[Option<NonZeroU32>; Family::COUNT]) -> Self {
        Self { family, limit: limits[family.index()], routes: HashSet::new(), over: false }
    }

    fn note(&mut self, path_id: PathId, key: K, announced: bool) {
        let Some(limit) = self.limit else { return };
        if !announced {
            self.routes.remove(&(path_id, key));
        } else if !self.over {
            self.routes.insert((path_id, key));
            self.over = self.routes.len() > limit.get() as usize;
        }
    }

    fn verdict(&self) -> Option<Notification> {
        let limit = self.limit.filter(|_| self.over)?;
        Some(Notification::max_prefixes(self.family, limit.get()))
    }
}

impl PrefixLimits {
    /// Limits by family, in the order of [`Family::ALL`]; `None` if there are none.
    pub(crate) fn new(limits: &[Option<NonZeroU32>; Family::COUNT]) -> Option<Box<Self>> {
        limits.iter().any(Option::is_some).then(|| {
            Box::new(Self {
                v4: Limited::new(Family::Ipv4Unicast, limits),
                v6: Limited::new(Family::Ipv6Unicast, limits),
            })
        })
    }

    pub(crate) fn v4(&mut self, path_id: PathId, key: Ipv4Prefix, announced: bool) {
        self.v4.note(path_id, key, announced);
    }

    pub(crate) fn v6(&mut self, path_id: PathId, key: Ipv6Prefix, announced: bool) {
        self.v6.note(path_id, key, announced);
    }

    /// What to tell the peer if it has too many.
    pub(crate) fn verdict(&self) -> Option<Notification> {
        self.v4.verdict().or_else(|| self.v6.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(n: u32) -> Ipv4Prefix {
        Ipv4Prefix::from_bits(n << 8, 24).unwrap()
    }

    #[test]
    fn routes_count_once_and_withdrawals_make_room() {
        let mut limits = PrefixLimits::new(&[NonZeroU32::new(2), None]).unwrap();
        let first = PathId(0);
        for _ in 0..5 {
            limits.v4(first, v4(1), true);
            limits.v4(first, v4(2), true);
        }
        limits.v6(first, "fd00::/64".parse().unwrap(), true);
        assert_eq!(limits.verdict(), None);
        limits.v4(first, v4(1), false);
        limits.v4(PathId(1), v4(2), true);
        assert_eq!(limits.verdict(), None);
        limits.v4(first, v4(3), true);
        let expected = Notification::max_prefixes(Family::Ipv4Unicast, 2);
        assert_eq!(limits.verdict(), Some(expected));
        // However many come, no more are remembered.
        for n in 10..1000 {
            limits.v4(first, v4(n), true);
        }
        assert_eq!(limits.v4.routes.len(), 3);
        assert!(PrefixLimits::new(&[None; 2]).is_none());
    }
}
