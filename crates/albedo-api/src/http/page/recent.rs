//! How long convergence took in the last minutes: the histograms count from the start, so what they
//! were some minutes ago is taken from what they are.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use albedo_types::Family;

use crate::snapshot::{Buckets, Snapshot};

/// Looks that are kept: five minutes of them at [`crate::UPKEEP_INTERVAL`].
const LOOKS_MAX: usize = 60;

/// The histograms of convergence, by family.
type Look = [Buckets; Family::COUNT];

/// The last looks, the oldest first.
#[derive(Debug, Default)]
pub(in crate::http) struct Recent(Mutex<VecDeque<Look>>);

impl Recent {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Look>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }

    /// Takes a look.
    pub(in crate::http) fn look(&self, snapshot: &Snapshot) {
        let look = snapshot.engine.families.each_ref().map(|family| family.convergence.clone());
        let mut looks = self.lock();
        if looks.len() == LOOKS_MAX {
            looks.pop_front();
        }
        looks.push_back(look);
    }

    /// What has come since the oldest look, by family.
    pub(super) fn since(&self, snapshot: &Snapshot) -> Look {
        let oldest = self.lock().front().cloned();
        std::array::from_fn(|n| {
            let now = &snapshot.engine.families[n].convergence;
            oldest.as_ref().map_or_else(|| now.clone(), |oldest| less(now, &oldest[n]))
        })
    }
}

/// What one histogram has more than an earlier one.
fn less(now: &Buckets, before: &Buckets) -> Buckets {
    let pairs = now.cumulative.iter().enumerate();
    let cumulative = pairs.map(|(n, count)| {
        count.saturating_sub(before.cumulative.get(n).copied().unwrap_or_default())
    });
    Buckets {
        bounds: now.bounds,
        cumulative: cumulative.collect(),
        count: now.count.saturating_sub(before.count),
        sum: (now.sum - before.sum).max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(fast: u64, slow: u64) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.engine.families[0].convergence = Buckets {
            bounds: &[0.001, 1.0],
            cumulative: vec![fast, fast + slow],
            count: fast + slow,
            sum: 1.0,
        };
        snapshot
    }

    #[test]
    fn what_is_minutes_ago_does_not_count() {
        let recent = Recent::default();
        let now = snapshot(10, 90);
        assert_eq!(recent.since(&now)[0].quantile(0.5), Some(1.0), "all there is so far");
        recent.look(&snapshot(0, 90));
        for _ in 1..LOOKS_MAX {
            recent.look(&snapshot(5, 90));
        }
        let since = &recent.since(&now)[0];
        assert_eq!((since.count, since.quantile(0.99)), (10, Some(0.001)));
        recent.look(&now);
        assert_eq!(recent.since(&now)[0].count, 5, "the oldest look has gone");
        assert_eq!(recent.lock().len(), LOOKS_MAX);
    }
}
