//! What is announced, by whom, and what everybody has to hold in the end.
//!
//! Each prefix belongs to one source. It may be announced with different attributes one after the
//! other; each of them is a *version* of the prefix, counted from 1. A receiver's table is then
//! one octet per prefix, and whether it is right is a comparison of octets.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::attrs::{Attributes, Form};
use crate::check::Rules;
use crate::prefix::{Family, Prefix};

/// No route.
pub const ABSENT: u8 = 0;
/// A route that is none of the prefix's versions.
pub const WRONG: u8 = u8::MAX;
/// Versions a prefix may have.
pub const VERSIONS_MAX: u8 = 250;
/// Prefixes a model may hold: [`PrefixId`]s and versions share 32 bits in the memo of messages.
pub const PREFIXES_MAX: usize = 1 << 24;

/// A map with a hash that is the same in every run.
pub type Map<K, V> = hashbrown::HashMap<K, V, FixedState>;
/// Index of a prefix in a [`Model`].
pub type PrefixId = u32;
/// Index of an attribute set in a [`Model`].
pub type SetId = u32;
/// Index of a session.
pub type NodeId = u32;

/// All prefixes and attribute sets of a run.
#[derive(Default)]
pub struct Model {
    prefixes: Vec<Prefix>,
    owners: Vec<NodeId>,
    expected: Vec<u8>,
    first_version: Vec<SetId>,
    later_versions: Map<PrefixId, Vec<SetId>>,
    v4: Map<u64, PrefixId>,
    v6: Map<(u128, u8), PrefixId>,
    sets: Vec<Box<[u8]>>,
    by_normal: HashTable<SetId>,
    /// Prefixes that are expected to be there, by owner.
    live: Vec<u32>,
    non_clients: Vec<bool>,
    scratch: Vec<u8>,
    form: Form,
}

impl Model {
    /// A model of `nodes` sessions, none of which announces anything yet. The rules have to be
    /// those of the checker.
    #[must_use]
    pub fn new(nodes: usize, rules: Rules) -> Self {
        let form = Form { own_cluster: false, zero_med_is_absent: rules.zero_med_is_absent };
        Self { form, live: vec![0; nodes], non_clients: vec![false; nodes], ..Self::default() }
    }

    /// Says that a session is not a client of the reflector: it gets clients' routes only
    /// (RFC 4456 §6).
    pub fn set_non_client(&mut self, node: NodeId) {
        self.non_clients[node as usize] = true;
    }

    /// Takes in attributes as receivers are to see them ([`Attributes::reflected`]); equal ones
    /// are held once.
    pub fn add_set(&mut self, attributes: &Attributes<'_>) -> SetId {
        let mut normal = std::mem::take(&mut self.scratch);
        attributes.normalise(self.form, &mut normal);
        let hash = hash(&normal);
        let sets = &mut self.sets;
        let id = *self
            .by_normal
            .entry(hash, |&id| *sets[id as usize] == *normal, |&id| self::hash(&sets[id as usize]))
            .or_insert_with(|| {
                #[expect(clippy::cast_possible_truncation, reason = "below 2^32 sets by memory")]
                let id = sets.len() as SetId;
                id
            })
            .get();
        if id as usize == self.sets.len() {
            self.sets.push(normal.as_slice().into());
        }
        self.scratch = normal;
        id
    }

    /// The set with this normal form.
    #[must_use]
    pub fn find_set(&self, normal: &[u8]) -> Option<SetId> {
        self.by_normal.find(hash(normal), |&id| *self.sets[id as usize] == *normal).copied()
    }

    /// A set's normal form.
    #[must_use]
    pub fn set(&self, set: SetId) -> &[u8] {
        &self.sets[set as usize]
    }

    /// Takes in that `owner` announces, or will announce, `prefix` with `set`; returns the
    /// prefix's index and the version. Nothing is expected of receivers yet.
    ///
    /// # Panics
    /// Where the prefix belongs to another source, or there are more than [`VERSIONS_MAX`]
    /// versions of it or [`PREFIXES_MAX`] prefixes: scenarios are built so that neither happens.
    pub fn add_route(&mut self, prefix: Prefix, owner: NodeId, set: SetId) -> (PrefixId, u8) {
        if let Some(id) = self.find_prefix(prefix) {
            assert_eq!(self.owners[id as usize], owner, "{prefix} has two sources");
            if let Some(version) = self.version_of(id, set) {
                return (id, version);
            }
            let later = self.later_versions.entry(id).or_default();
            later.push(set);
            let version = u8::try_from(later.len() + 1).unwrap_or(WRONG);
            assert!(version <= VERSIONS_MAX, "{prefix} has more than {VERSIONS_MAX} versions");
            return (id, version);
        }
        assert!(self.prefixes.len() < PREFIXES_MAX, "more than {PREFIXES_MAX} prefixes");
        #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
        let id = self.prefixes.len() as PrefixId;
        self.prefixes.push(prefix);
        self.owners.push(owner);
        self.expected.push(ABSENT);
        self.first_version.push(set);
        match prefix.family {
            Family::V4 => self.v4.insert(key_v4(prefix), id),
            Family::V6 => self.v6.insert((prefix.bits, prefix.len), id),
        };
        (id, 1)
    }

    /// The index of a prefix that somebody announces.
    #[must_use]
    pub fn find_prefix(&self, prefix: Prefix) -> Option<PrefixId> {
        match prefix.family {
            Family::V4 => self.v4.get(&key_v4(prefix)).copied(),
            Family::V6 => self.v6.get(&(prefix.bits, prefix.len)).copied(),
        }
    }

    /// Which version of a prefix a set is.
    #[must_use]
    pub fn version_of(&self, id: PrefixId, set: SetId) -> Option<u8> {
        if self.first_version[id as usize] == set {
            return Some(1);
        }
        let later = self.later_versions.get(&id)?;
        let at = later.iter().position(|&have| have == set)?;
        u8::try_from(at + 2).ok()
    }

    /// The set of a prefix's version.
    #[must_use]
    pub fn set_of(&self, id: PrefixId, version: u8) -> Option<SetId> {
        match version {
            ABSENT | WRONG => None,
            1 => Some(self.first_version[id as usize]),
            later => self.later_versions.get(&id)?.get(usize::from(later) - 2).copied(),
        }
    }

    /// Says what is to be held of a prefix from now on; returns what was before.
    pub fn expect(&mut self, id: PrefixId, version: u8) -> u8 {
        let old = std::mem::replace(&mut self.expected[id as usize], version);
        let live = &mut self.live[self.owners[id as usize] as usize];
        *live += u32::from(version != ABSENT);
        *live -= u32::from(old != ABSENT);
        old
    }

    /// What `node` has to hold of a prefix.
    #[must_use]
    pub fn wanted(&self, node: NodeId, id: PrefixId) -> u8 {
        if self.is_owed(node, self.owners[id as usize]) {
            self.expected[id as usize]
        } else {
            ABSENT
        }
    }

    /// What everybody who gets a prefix has to hold of it.
    #[must_use]
    pub fn expected(&self, id: PrefixId) -> u8 {
        self.expected[id as usize]
    }

    /// How many speakers there are.
    #[must_use]
    pub fn speakers(&self) -> usize {
        self.live.len()
    }

    /// How many routes `node` has to hold.
    #[must_use]
    pub fn wanted_count(&self, node: NodeId) -> u32 {
        let owners = 0..;
        owners.zip(&self.live).filter(|&(owner, _)| self.is_owed(node, owner)).map(|(_, n)| n).sum()
    }

    /// Whether `node` gets the routes of `owner` (RFC 4456 §6).
    fn is_owed(&self, node: NodeId, owner: NodeId) -> bool {
        node != owner && !(self.non_clients[node as usize] && self.non_clients[owner as usize])
    }

    /// Whether a session is not a client.
    #[must_use]
    pub fn is_non_client(&self, node: NodeId) -> bool {
        self.non_clients[node as usize]
    }

    /// The source of a prefix.
    #[must_use]
    pub fn owner(&self, id: PrefixId) -> NodeId {
        self.owners[id as usize]
    }

    /// The prefix of an index.
    #[must_use]
    pub fn prefix(&self, id: PrefixId) -> Prefix {
        self.prefixes[id as usize]
    }

    /// How many prefixes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether nobody announces anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// How many attribute sets there are.
    #[must_use]
    pub fn sets(&self) -> usize {
        self.sets.len()
    }
}

/// Address and length of an IPv4 prefix in one word.
#[expect(clippy::cast_possible_truncation, reason = "an IPv4 address has 32 bits")]
const fn key_v4(prefix: Prefix) -> u64 {
    (prefix.bits as u64) << 8 | prefix.len as u64
}

/// The hash of a byte string, the same in every run.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

#[cfg(test)]
mod tests {
    use super::{ABSENT, Model};
    use crate::attrs::{Attributes, code, flag};
    use crate::check::Rules;
    use crate::prefix::Prefix;

    fn set(pref: u8) -> Attributes<'static> {
        let mut set = Attributes { next_hop: vec![10, 0, 0, 1].into(), ..Attributes::default() };
        set.push(flag::TRANSITIVE, code::LOCAL_PREF, vec![0, 0, 0, pref]);
        set
    }

    #[test]
    fn versions_count_from_one_and_return_to_the_same_number() {
        let mut model = Model::new(2, Rules::REFLECTED);
        let (a, b) = (model.add_set(&set(1)), model.add_set(&set(2)));
        assert_eq!(model.add_set(&set(1)), a);
        let prefix = Prefix::v4(0x0a00_0000, 24);
        assert_eq!(model.add_route(prefix, 0, a), (0, 1));
        assert_eq!(model.add_route(prefix, 0, b), (0, 2));
        assert_eq!(model.add_route(prefix, 0, a), (0, 1));
        assert_eq!((model.set_of(0, 1), model.set_of(0, 2)), (Some(a), Some(b)));
        assert_eq!(model.set_of(0, 3), None);
    }

    #[test]
    fn who_is_owed_what() {
        let mut model = Model::new(3, Rules::REFLECTED);
        model.set_non_client(1);
        model.set_non_client(2);
        let set = model.add_set(&set(1));
        for (n, owner) in [(0, 0), (1, 1), (2, 2)] {
            let (id, version) = model.add_route(Prefix::v4(n << 24, 8), owner, set);
            assert_eq!(model.expect(id, version), ABSENT);
        }
        // A client gets both non-clients' routes; a non-client only the client's.
        assert_eq!(model.wanted_count(0), 2);
        assert_eq!(model.wanted_count(1), 1);
        assert_eq!((model.wanted(1, 0), model.wanted(1, 1), model.wanted(1, 2)), (1, 0, 0));
        assert_eq!(model.expect(0, ABSENT), 1);
        assert_eq!(model.wanted_count(1), 0);
    }
}
