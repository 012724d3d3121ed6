//! Sets as a group's policy makes them, made once for each set and list of rules.
//!
//! It lives as long as one piece of work (a flush, a base, a chunk) and holds what it was asked
//! about, so that an address names one set all the time.

use alloc::sync::Arc;

use albedo_types::Prefix;
use albedo_types::policy::Side;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::{Candidates, Changes, Policy, Subject, rewrite};
use crate::attrs::{AttrSet, Marks, Parts};

/// A set, and what becomes of it.
#[derive(Debug)]
struct Entry {
    original: Arc<AttrSet>,
    candidates: Candidates,
    /// By the rules that change it; `None` where the outcome fits no message.
    changed: SmallVec<[(Changes, Option<Arc<AttrSet>>); 1]>,
}

/// The memory of one piece of work for one group.
#[derive(Debug)]
pub(crate) struct Memo {
    by_set: HashMap<usize, Entry, FixedState>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { by_set: HashMap::with_hasher(FixedState::with_seed(0)) }
    }
}

impl Memo {
    /// The set that a group is told instead of this one, for a route of this prefix; `None` if it
    /// is not told of the route.
    pub(crate) fn told(
        &mut self,
        policy: &Policy,
        peer: Side,
        prefix: Option<Prefix>,
        set: &Arc<AttrSet>,
    ) -> Option<&Arc<AttrSet>> {
        let entry = self.by_set.entry(Arc::as_ptr(set) as usize).or_insert_with(|| Entry {
            original: Arc::clone(set),
            candidates: policy.candidates(&Subject::of(set), peer),
            changed: SmallVec::new(),
        });
        let changes = policy.judge(&entry.candidates, prefix)?;
        if changes.is_empty() {
            return Some(&entry.original);
        }
        let known = entry.changed.iter().position(|(rules, _)| *rules == changes);
        let at = known.unwrap_or_else(|| {
            let changed = change(policy, &changes, set);
            entry.changed.push((changes, changed));
            entry.changed.len() - 1
        });
        entry.changed[at].1.as_ref()
    }
}

/// A set of its own with the changes of these rules.
///
/// Who may hear of it was decided by what it was before, and an external peer gets the MED that
/// was set for it.
fn change(policy: &Policy, rules: &[u16], set: &AttrSet) -> Option<Arc<AttrSet>> {
    let changes = policy.changes(rules);
    let block = rewrite(set.block(), changes.clone())?;
    let mut summary = set.summary;
    for change in changes {
        summary.local_pref = change.local_pref.unwrap_or(summary.local_pref);
        if let Some(med) = change.med {
            summary.med = med;
            summary.marks.insert(Marks::MED_SET);
        }
    }
    let parts = Parts {
        family: set.family,
        summary,
        external: set.external,
        cluster: set.cluster,
        block: &block,
        mp_next_hop: set.mp_next_hop(),
    };
    Some(Arc::new(AttrSet::new(&parts)))
}
