//! Policies: which routes are taken from a peer or told to it, and how they are changed.
//!
//! The rules are compiled once into an immutable value that sessions and shards share.
//! A route is judged in two steps: which rules could hold is looked up once for a set of
//! attributes, and then for each prefix only prefixes are compared.
//! A rule sees a route as it came, not as the rules before it change it; so the outcome is the
//! list of rules that held, and equal lists make equal sets.
//!
//! RFC 4271 §9.1.1 and §9.1.3 (policies are local), docs/adr/0010.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash, Hasher};

use albedo_types::policy::{Change, Community, Rule, Rules, Side, Then};
use albedo_types::{Asn, FamilySet, PeerRole, Prefix};
use foldhash::fast::FixedState;
use smallvec::SmallVec;

mod memo;
mod ranges;
mod rewrite;
mod subject;

pub(crate) use memo::Memo;
use ranges::PrefixSet;
pub use rewrite::rewrite;
pub use subject::Subject;

/// Rules of one policy at most.
pub const RULES_MAX: usize = 1_024;
/// Ranges of prefixes in one policy at most, all its rules together.
pub const RANGES_MAX: usize = 65_536;

/// Why rules make no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too many rules.
    #[error("{found} rules, of which {RULES_MAX} are allowed")]
    Rules {
        /// How many there are.
        found: usize,
    },
    /// Too many ranges.
    #[error("{found} prefixes in all rules, of which {RANGES_MAX} are allowed")]
    Ranges {
        /// How many there are.
        found: usize,
    },
}

/// Where a peer of a role is.
#[must_use]
pub const fn side_of(role: PeerRole) -> Side {
    if role.is_internal() { Side::Internal } else { Side::External }
}

/// A compiled rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Compiled {
    families: FamilySet,
    peer: Option<Side>,
    prefixes: Option<PrefixSet>,
    not_prefixes: PrefixSet,
    communities: Option<Vec<Community>>,
    as_path_prefix: Vec<Asn>,
    next_hops: Option<PrefixSet>,
    local_pref: Option<(u32, u32)>,
    change: Change,
    then: Then,
}

/// A compiled policy of one direction.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Compiled>,
    accepts_rest: bool,
    hash: u64,
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
            && self.accepts_rest == other.accepts_rest
            && self.rules == other.rules
    }
}

impl Eq for Policy {}

impl Hash for Policy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Rules whose conditions hold for a set of attributes, but for those on prefixes: places in the
/// policy, in order.
pub type Candidates = SmallVec<[u16; 8]>;

/// Rules that held for a route and change something: places in the policy, in order.
pub type Changes = SmallVec<[u16; 4]>;

impl Policy {
    /// Compiles rules.
    ///
    /// Neighbouring rules that differ in their prefixes only become one.
    ///
    /// # Errors
    ///
    /// More rules than [`RULES_MAX`], or more prefixes than [`RANGES_MAX`].
    pub fn compile(source: &Rules) -> Result<Self, PolicyError> {
        let found = source.rules.len();
        if found > RULES_MAX {
            return Err(PolicyError::Rules { found });
        }
        let ranges = |rule: &Rule| {
            rule.when.prefixes.as_ref().map_or(0, Vec::len) + rule.when.not_prefixes.len()
        };
        let found = source.rules.iter().map(ranges).sum();
        if found > RANGES_MAX {
            return Err(PolicyError::Ranges { found });
        }
        let mut rules: Vec<Compiled> = Vec::with_capacity(source.rules.len());
        for rule in &source.rules {
            let next = Compiled::new(rule);
            if rules.last_mut().is_none_or(|last| !last.absorb(&next)) {
                rules.push(next);
            }
        }
        let hash = FixedState::with_seed(0).hash_one(source);
        Ok(Self { rules, accepts_rest: source.accepts_rest, hash })
    }

    /// How many rules are asked at most.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether no rule is asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules that hold for a set of attributes, whatever they say of prefixes.
    #[must_use]
    pub fn candidates(&self, subject: &Subject<'_>, peer: Side) -> Candidates {
        let mut candidates = Candidates::new();
        for (n, rule) in self.rules.iter().enumerate() {
            if !rule.holds(subject, peer) {
                continue;
            }
            candidates.push(u16::try_from(n).expect("at most 1,024 rules"));
            let decides = rule.then != Then::Next;
            if decides && rule.prefixes.is_none() && rule.not_prefixes.is_empty() {
                break;
            }
        }
        candidates
    }

    /// What becomes of a route of this prefix, whose attributes these rules hold for: the rules
    /// that change it, or `None` if it is rejected. What is no prefix is in no range.
    #[must_use]
    pub fn judge(&self, candidates: &[u16], prefix: Option<Prefix>) -> Option<Changes> {
        let mut changes = Changes::new();
        for n in candidates {
            let rule = &self.rules[usize::from(*n)];
            if !rule.holds_prefix(prefix) {
                continue;
            }
            if rule.then == Then::Reject {
                return None;
            }
            if !rule.change.is_empty() {
                changes.push(*n);
            }
            if rule.then == Then::Accept {
                return Some(changes);
            }
        }
        self.accepts_rest.then_some(changes)
    }

    /// The changes that rules stand for, in order.
    pub fn changes<'p>(
        &'p self,
        rules: &'p [u16],
    ) -> impl Iterator<Item = &'p Change> + Clone + 'p {
        rules.iter().map(|n| &self.rules[usize::from(*n)].change)
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Self {
        let when = &rule.when;
        let exact = |prefix: &Prefix| albedo_types::policy::PrefixRange {
            prefix: *prefix,
            min: prefix.len(),
            max: u8::MAX,
        };
        Self {
            families: when.families.unwrap_or(FamilySet::ALL),
            peer: when.peer,
            prefixes: when.prefixes.as_deref().map(|ranges| ranges.iter().copied().collect()),
            not_prefixes: when.not_prefixes.iter().copied().collect(),
            communities: when.communities.clone(),
            as_path_prefix: when.as_path_prefix.clone(),
            next_hops: when.next_hops.as_deref().map(|hops| hops.iter().map(exact).collect()),
            local_pref: when.local_pref,
            change: rule.change.clone(),
            then: rule.then,
        }
    }

    /// Takes in a rule that does the same to other prefixes; whether it could.
    fn absorb(&mut self, next: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (&self.prefixes, &next.prefixes) else { return false };
        // Where both held for a route, a rule that goes on would change it twice.
        let same = self.then != Then::Next
            && self.not_prefixes.is_empty()
            && Self { prefixes: None, ..self.clone() } == Self { prefixes: None, ..next.clone() };
        if same {
            self.prefixes = Some(mine.union(theirs));
        }
        same
    }

    fn holds(&self, subject: &Subject<'_>, peer: Side) -> bool {
        self.families.contains(subject.family)
            && self.peer.is_none_or(|side| side == peer)
            && self
                .local_pref
                .is_none_or(|(least, most)| (least..=most).contains(&subject.local_pref))
            && self.communities.as_deref().is_none_or(|any| subject.bears_any(any))
            && (self.as_path_prefix.is_empty() || subject.path_begins_with(&self.as_path_prefix))
            && self
                .next_hops
                .as_ref()
                .is_none_or(|hops| subject.next_hop().is_some_and(|hop| hops.contains(hop)))
    }

    fn holds_prefix(&self, prefix: Option<Prefix>) -> bool {
        let within = |set: &PrefixSet| prefix.is_some_and(|prefix| set.contains(prefix));
        self.prefixes.as_ref().is_none_or(within)
            && (self.not_prefixes.is_empty() || !within(&self.not_prefixes))
    }
}

#[cfg(test)]
mod tests;
