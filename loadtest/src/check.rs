//! Receivers' tables and the check of their content.
//!
//! A reflector sends the same octets to nearly everybody, so each distinct UPDATE is taken apart
//! once, by the strict parser, and remembered with its result: octets that are *equal* to the
//! remembered ones need not be taken apart again. That keeps the generator cheap without making
//! it credulous.

use hashbrown::HashTable;

use crate::attrs::{Attributes, Form};
use crate::build::HEADER_LEN;
use crate::fleet::watch::Watch;
use crate::model::{ABSENT, Map, Model, NodeId, PrefixId, WRONG, hash};
use crate::parse::{Fault, Update};
use crate::prefix::Prefix;

/// Octets of messages and results that are remembered; beyond that, all are forgotten.
pub const MEMO_BYTES_MAX: usize = 256 << 20;
/// Routes with wrong attributes of which one table keeps what came; all are counted.
pub const EVIDENCE_MAX: usize = 1000;
/// Stands for "several sources" in a remembered message.
const MIXED: NodeId = NodeId::MAX;

/// What a target does to the routes that it passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It reflects them (RFC 4456): `ORIGINATOR_ID` added, own cluster id put in front.
    Reflected,
    /// It passes them on as they are.
    Verbatim,
}

/// How strictly received routes are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What the target does to routes.
    pub expectation: Expectation,
    /// A `MULTI_EXIT_DISC` of 0 counts as none; some daemons put it in, and both mean the same
    /// to a decision (RFC 4271 §9.1.2.2).
    pub zero_med_is_absent: bool,
}

impl Rules {
    /// A reflector, compared to the letter.
    pub const REFLECTED: Self =
        Self { expectation: Expectation::Reflected, zero_med_is_absent: false };
    /// A relay, compared to the letter.
    pub const VERBATIM: Self =
        Self { expectation: Expectation::Verbatim, zero_med_is_absent: false };
}

/// One receiver's table.
pub struct Table {
    node: NodeId,
    cells: Vec<u8>,
    /// Cells that are not as wanted, and routes for prefixes that nobody announces.
    wrong: u32,
    evidence: Map<PrefixId, Box<[u8]>>,
    strange: Map<Prefix, ()>,
    /// Announcements of the receiver's own routes; legal (it drops them), but a waste.
    pub echoes: u64,
    /// Announcements of what the receiver held already.
    pub repeats: u64,
    /// Prefixes announced.
    pub announced: u64,
    /// Prefixes withdrawn.
    pub withdrawn: u64,
    /// Routes that were taken away although they had to stay.
    pub lost: u64,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(node: NodeId, model: &Model) -> Self {
        Self {
            node,
            cells: vec![ABSENT; model.len()],
            wrong: model.wanted_count(node),
            evidence: Map::default(),
            strange: Map::default(),
            echoes: 0,
            repeats: 0,
            announced: 0,
            withdrawn: 0,
            lost: 0,
        }
    }

    /// Forgets all routes, as a router does that lost its session.
    pub fn clear(&mut self, model: &Model) {
        self.cells.fill(ABSENT);
        self.cells.resize(model.len(), ABSENT);
        self.wrong = model.wanted_count(self.node);
        self.evidence.clear();
        self.strange.clear();
    }

    /// How many routes are missing, too many or not as they should be.
    #[must_use]
    pub const fn wrong(&self) -> u32 {
        self.wrong
    }

    /// Whether the table is exactly what it has to be.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.wrong == 0
    }

    /// Takes in that another version of a prefix is expected from now on than `before`.
    pub fn expectation_changed(&mut self, model: &Model, id: PrefixId, before: u8) {
        if self.cells.len() < model.len() {
            self.cells.resize(model.len(), ABSENT);
        }
        if model.owner(id) == self.node {
            return;
        }
        let now = model.wanted(self.node, id);
        // Where the receiver gets nothing of this source, nothing was wanted before either.
        let before = if model.is_non_client(self.node) && model.is_non_client(model.owner(id)) {
            ABSENT
        } else {
            before
        };
        let cell = self.cells[id as usize];
        self.wrong += u32::from(cell != now);
        self.wrong -= u32::from(cell != before);
    }

    /// Takes in that another version is expected of some prefixes of the owners that it gets
    /// routes of, `count` in all, while the table is exact.
    pub(crate) fn exact_expectations_changed(&mut self, model: &Model, count: u32) {
        if self.cells.len() < model.len() {
            self.cells.resize(model.len(), ABSENT);
        }
        self.wrong = count;
    }

    /// The version of each prefix that is held.
    pub(crate) fn cells(&self) -> &[u8] {
        &self.cells
    }

    /// Takes in what was received for a prefix; true where the cell became right with it.
    fn put(&mut self, model: &Model, id: PrefixId, version: u8) -> bool {
        let cell = &mut self.cells[id as usize];
        let old = std::mem::replace(cell, version);
        if old == version {
            self.repeats += 1;
            return false;
        }
        let wanted = model.wanted(self.node, id);
        self.wrong += u32::from(version != wanted);
        self.wrong -= u32::from(old != wanted);
        self.lost += u64::from(version == ABSENT && wanted != ABSENT);
        version == wanted
    }

    /// Takes in the items of a message, and tells what became of each.
    fn put_all(
        &mut self,
        model: &Model,
        owner: NodeId,
        items: &[u32],
        mut tell: impl FnMut(PrefixId, u8, bool),
    ) {
        for &item in items {
            let (id, version) = unpack(item);
            // A message of one source needs no look at the owner of each prefix.
            if owner != MIXED || model.owner(id) != self.node {
                let is_right = self.put(model, id, version);
                tell(id, version, is_right);
            } else {
                self.echoes += u64::from(version != ABSENT);
            }
        }
    }

    /// Up to `limit` faults of this table in words.
    #[must_use]
    pub fn faults(&self, model: &Model, checker: &Checker, limit: usize) -> Vec<String> {
        let cells = (0..).zip(&self.cells).filter(|&(id, _)| model.owner(id) != self.node);
        let wrong = cells.filter_map(|(id, &cell)| {
            let wanted = model.wanted(self.node, id);
            let prefix = model.prefix(id);
            match (wanted, cell) {
                (wanted, cell) if wanted == cell => None,
                (_, ABSENT) => Some(format!("{prefix} is missing")),
                (ABSENT, _) => Some(format!("{prefix} should not be there")),
                (_, WRONG) => {
                    let what = checker.explain(
                        model,
                        id,
                        wanted,
                        self.evidence.get(&id).map(|got| &**got),
                    );
                    Some(format!("{prefix}: {what}"))
                }
                _ => Some(format!("{prefix} is out of date")),
            }
        });
        let strange = self.strange.keys().map(|prefix| format!("{prefix} is nobody's"));
        wrong.chain(strange).take(limit).collect()
    }
}

/// A message that was taken apart before.
struct Remembered {
    bytes: (usize, usize),
    items: (usize, usize),
    announced: u32,
    owner: NodeId,
}

/// Takes UPDATEs apart and puts what they say into tables.
pub struct Checker {
    rules: Rules,
    cluster: Option<u32>,
    index: HashTable<u32>,
    memo: Vec<Remembered>,
    bytes: Vec<u8>,
    /// Prefix index shifted by 8, and version.
    items: Vec<u32>,
    memo_max: usize,
    normal: Vec<u8>,
    watch: Option<Box<Watch>>,
}

impl Checker {
    /// A checker for a kind of target; the cluster id is learnt later where it is not given.
    #[must_use]
    pub fn new(rules: Rules, cluster: Option<u32>) -> Self {
        Self::with_memo(rules, cluster, MEMO_BYTES_MAX)
    }

    fn with_memo(rules: Rules, cluster: Option<u32>, memo_max: usize) -> Self {
        Self {
            rules,
            cluster,
            index: HashTable::new(),
            memo: Vec::new(),
            bytes: Vec::new(),
            items: Vec::new(),
            memo_max,
            normal: Vec::new(),
            watch: None,
        }
    }

    /// Has every received route looked at by a watch from now on, or by none; returns the one
    /// that did so until now.
    pub fn set_watch(&mut self, watch: Option<Box<Watch>>) -> Option<Box<Watch>> {
        std::mem::replace(&mut self.watch, watch)
    }

    /// The watch, where there is one.
    #[must_use]
    pub fn watch(&self) -> Option<&Watch> {
        self.watch.as_deref()
    }

    /// The same, to change it.
    pub fn watch_mut(&mut self) -> Option<&mut Watch> {
        self.watch.as_deref_mut()
    }

    /// Takes the target's BGP identifier for its cluster id, unless one was given
    /// (RFC 4456 §7: that is what a reflector uses by default).
    pub fn learn_cluster(&mut self, router_id: u32) {
        self.cluster.get_or_insert(router_id);
    }

    /// Takes a whole UPDATE into a table.
    ///
    /// # Errors
    /// Where the message is malformed; the table is then as it was.
    pub fn update(
        &mut self,
        model: &Model,
        table: &mut Table,
        message: &[u8],
    ) -> Result<(), Fault> {
        let hash = hash(message);
        let (memo, bytes) = (&self.memo, &self.bytes);
        let same = |&n: &u32| {
            let (start, end) = memo[n as usize].bytes;
            bytes[start..end] == *message
        };
        if let Some(&n) = self.index.find(hash, same) {
            self.replay(model, table, n as usize);
            return Ok(());
        }
        self.take_apart(model, table, message, hash)
    }

    fn replay(&mut self, model: &Model, table: &mut Table, n: usize) {
        let known = &self.memo[n];
        let items = &self.items[known.items.0..known.items.1];
        table.announced += u64::from(known.announced);
        table.withdrawn += items.len() as u64 - u64::from(known.announced);
        if known.owner == table.node {
            table.echoes += u64::from(known.announced);
            return;
        }
        let node = table.node;
        match self.watch.as_deref_mut() {
            None => table.put_all(model, known.owner, items, |_, _, _| {}),
            Some(watch) => table.put_all(model, known.owner, items, |id, version, is_right| {
                watch.see(node, id, version, is_right);
            }),
        }
    }

    fn take_apart(
        &mut self,
        model: &Model,
        table: &mut Table,
        message: &[u8],
        hash: u64,
    ) -> Result<(), Fault> {
        let update = Update::read(&message[HEADER_LEN..])?;
        for prefix in update.withdrawn().chain(update.announced()) {
            prefix?;
        }
        let set = self.match_set(model, &update.attributes);
        let items_start = self.items.len();
        let mut is_clean = true;
        for prefix in update.withdrawn().flatten() {
            if let Some(id) = model.find_prefix(prefix) {
                self.items.push(pack(id, ABSENT));
            } else {
                is_clean = false;
                table.withdrawn += 1;
                if table.strange.remove(&prefix).is_some() {
                    table.wrong -= 1;
                }
            }
        }
        let withdrawn = self.items.len() - items_start;
        for prefix in update.announced().flatten() {
            let Some(id) = model.find_prefix(prefix) else {
                is_clean = false;
                table.announced += 1;
                table.wrong += u32::from(table.strange.insert(prefix, ()).is_none());
                continue;
            };
            let version = set.and_then(|set| model.version_of(id, set)).unwrap_or(WRONG);
            if version == WRONG {
                is_clean = false;
                if table.evidence.len() < EVIDENCE_MAX && model.owner(id) != table.node {
                    update.attributes.normalise(Form::FULL, &mut self.normal);
                    table.evidence.insert(id, self.normal.as_slice().into());
                }
            }
            self.items.push(pack(id, version));
        }
        let items = &self.items[items_start..];
        let mut owners = items.iter().map(|&item| model.owner(unpack(item).0));
        let first = owners.next().unwrap_or(MIXED);
        let owner = if owners.all(|owner| owner == first) { first } else { MIXED };
        let n = self.memo.len();
        let bytes_start = self.bytes.len();
        #[expect(clippy::cast_possible_truncation, reason = "a message has below 65,536 prefixes")]
        self.memo.push(Remembered {
            bytes: (bytes_start, bytes_start + message.len()),
            items: (items_start, self.items.len()),
            announced: (items.len() - withdrawn) as u32,
            owner,
        });
        self.replay(model, table, n);
        if is_clean {
            self.remember(message, hash, n);
        } else {
            self.memo.pop();
            self.items.truncate(items_start);
        }
        Ok(())
    }

    fn remember(&mut self, message: &[u8], hash: u64, n: usize) {
        self.bytes.extend_from_slice(message);
        if self.bytes.len() + 4 * self.items.len() > self.memo_max {
            self.forget();
            return;
        }
        let (memo, bytes) = (&self.memo, &self.bytes);
        let rehash = |&n: &u32| {
            let (start, end) = memo[n as usize].bytes;
            self::hash(&bytes[start..end])
        };
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the memo's octets")]
        self.index.insert_unique(hash, n as u32, rehash);
    }

    /// Forgets all messages that were taken apart.
    pub fn forget(&mut self) {
        self.index.clear();
        self.memo.clear();
        self.bytes.clear();
        self.items.clear();
    }

    /// The model's set that received attributes are, if they are one.
    fn match_set(&mut self, model: &Model, attributes: &Attributes<'_>) -> Option<u32> {
        let is_reflected = self.rules.expectation == Expectation::Reflected;
        let form =
            Form { own_cluster: is_reflected, zero_med_is_absent: self.rules.zero_med_is_absent };
        let own = attributes.normalise(form, &mut self.normal);
        if is_reflected && (own.is_none() || own != self.cluster) {
            return None;
        }
        model.find_set(&self.normal)
    }

    /// What is wrong with attributes that were received for a prefix, in words.
    fn explain(&self, model: &Model, id: PrefixId, wanted: u8, evidence: Option<&[u8]>) -> String {
        let (Some(set), Some(got)) = (model.set_of(id, wanted), evidence) else {
            return "wrong attributes".to_owned();
        };
        let mut want = Attributes::from_normal(model.set(set));
        if self.rules.expectation == Expectation::Reflected {
            want = want.with_cluster(self.cluster.unwrap_or_default());
        }
        want.difference(&Attributes::from_normal(got))
    }
}

const fn pack(id: PrefixId, version: u8) -> u32 {
    id << 8 | version as u32
}

const fn unpack(item: u32) -> (PrefixId, u8) {
    (item >> 8, (item & 0xff) as u8)
}

#[cfg(test)]
mod tests;
