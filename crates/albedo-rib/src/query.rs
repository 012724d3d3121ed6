//! Reading the table at run time: a pull of pages, each a bounded piece of work.
//!
//! Nothing is kept here of who reads.
//! A [`Bookmark`] names the place in the slab at which the next page begins, and an entry never
//! moves, so a prefix that is there all the time is on exactly one page (or on pages that follow
//! each other, if it has more routes than one holds).
//! What changes meanwhile is shown as it is when its page is made: a prefix that goes and comes
//! again may be seen twice or not at all, one that comes may be seen or not.
//! The routes of one prefix on one page are of one moment.

use alloc::sync::Arc;
use alloc::vec::Vec;

use albedo_types::{Family, Ipv4Prefix, Ipv6Prefix, PathId, PeerId, Prefix};
use albedo_wire::nlri::NlriKey;

use crate::attrs::AttrSet;
use crate::decision::{self, Path, Step};
use crate::family::FamilyRib;
use crate::peer::{PeerInfo, Peers};
use crate::table::{Candidate, Entry, Slot, Source};

mod explain;
mod tally;

pub use explain::{Explanation, KeptRoute, Rule, ToldRoute, Verdict};
pub use tally::{PeerCounts, Tally, TallyPage};

/// What is asked of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Of which family; a prefix of another one selects nothing.
    pub family: Family,
    /// Which prefixes.
    pub select: Select,
    /// Only routes that this peer announced.
    pub from: Option<PeerId>,
    /// Only routes that this peer is told, with the attributes that its group's policy makes of
    /// them; what is changed for all of the group alike is as in the table.
    pub to: Option<PeerId>,
    /// Only the best route of each prefix; with a peer, where that one is the peer's.
    pub best_only: bool,
}

impl Query {
    /// The best routes of a whole family.
    #[must_use]
    pub const fn best_of(family: Family) -> Self {
        Self { family, select: Select::All, from: None, to: None, best_only: true }
    }
}

/// Which prefixes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// All of them, in no order.
    All,
    /// This one: a look-up. If all of its routes are asked for, each says how it lost.
    Exact(Prefix),
    /// This one and all inside: the table is walked.
    Longer(Prefix),
    /// This one and all around it, the longest first: a look-up for each length.
    Covering(Prefix),
}

/// Where the next page begins; the default is the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// Steps of the selection that are done: slots, or lengths.
    at: u32,
    /// Within the prefix there, behind which route.
    behind: Option<(PeerId, PathId)>,
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// At most [`crate::limits::QUERY_PAGE_ROUTES`]; may be none though there are more.
    pub routes: Vec<Route>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Bookmark>,
}

/// One route of one prefix.
#[derive(Clone, Debug)]
pub struct Route {
    /// What it leads to.
    pub prefix: Prefix,
    /// Who announced it, as an index that another peer may bear later.
    pub peer: PeerId,
    /// Who that is.
    pub info: PeerInfo,
    /// The path identifier that it came with; 0 where there are none (RFC 7911).
    pub path_id: PathId,
    /// Whether it is the best one of its prefix.
    pub is_best: bool,
    /// Whether its session still stands behind it.
    pub freshness: Freshness,
    /// The table's version when the best route of the prefix, or what is told of it, last changed:
    /// it grows with each batch of changes in the shard, and is no time.
    pub version: u64,
    /// Its attributes, after the import policy; shared with the table.
    pub attrs: Arc<AttrSet>,
    /// How it lost, where one prefix was asked for with all routes.
    pub lost: Option<Lost>,
}

/// Whether the session that announced a route stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// It does.
    Current,
    /// It was lost, and the route is kept (RFC 4724 §4.2).
    Stale,
    /// The same for longer than a restart takes (RFC 9494 §4.2).
    LongLived,
}

/// How a route lost the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// By which step.
    pub step: Step,
    /// To whose route: the best one, or the best one of the same neighbouring AS.
    pub to: PeerId,
    /// And its path identifier.
    pub to_path: PathId,
}

/// Prefixes of one family, as far as a selection looks at them.
pub(crate) trait Lengths: NlriKey {
    fn of(prefix: Prefix) -> Option<Self>;
    fn bits_len(self) -> u8;
    fn shortened(self, len: u8) -> Option<Self>;
    fn holds(self, other: Self) -> bool;
}

macro_rules! lengths {
    ($name:ident, $variant:ident) => {
        impl Lengths for $name {
            fn of(prefix: Prefix) -> Option<Self> {
                match prefix {
                    Prefix::$variant(prefix) => Some(prefix),
                    _ => None,
                }
            }

            fn bits_len(self) -> u8 {
                self.len()
            }

            fn shortened(self, len: u8) -> Option<Self> {
                Self::from_bits(self.bits(), len)
            }

            fn holds(self, other: Self) -> bool {
                self.len() <= other.len() && self.contains(other.addr())
            }
        }
    };
}

lengths!(Ipv4Prefix, V4);
lengths!(Ipv6Prefix, V6);

/// A selection among the keys of one table.
#[derive(Clone, Copy)]
enum Chosen<K> {
    Nothing,
    Within(Option<K>),
    Exact(K),
    Covering(K),
}

impl<K: Lengths> Chosen<K> {
    fn new(select: Select) -> Self {
        let of =
            |prefix: Prefix, chosen: fn(K) -> Self| K::of(prefix).map_or(Self::Nothing, chosen);
        match select {
            Select::All => Self::Within(None),
            Select::Exact(prefix) => of(prefix, Self::Exact),
            Select::Longer(prefix) => of(prefix, |key| Self::Within(Some(key))),
            Select::Covering(prefix) => of(prefix, Self::Covering),
        }
    }
}

impl<K: Lengths> FamilyRib<K> {
    /// A page from a bookmark on; `budget` is what may still be looked at, at least one, and is
    /// less by what was.
    pub(crate) fn read(
        &self,
        peers: &Peers,
        query: &Query,
        from: Bookmark,
        budget: &mut usize,
    ) -> Page {
        let chosen = Chosen::<K>::new(query.select);
        let steps = match chosen {
            Chosen::Nothing => 0,
            Chosen::Exact(_) => 1,
            Chosen::Covering(key) => usize::from(key.bits_len()) + 1,
            Chosen::Within(_) => self.table.slots(),
        };
        let mut page = Page::default();
        let Bookmark { mut at, mut behind } = from;
        while (at as usize) < steps {
            if *budget == 0 || page.routes.len() >= self.limits.query_page_routes {
                page.next = Some(Bookmark { at, behind });
                break;
            }
            *budget -= 1;
            if let Some(entry) = self.chosen(chosen, at) {
                behind = self.read_entry(peers, entry, query, behind, budget, &mut page);
                if behind.is_some() {
                    page.next = Some(Bookmark { at, behind });
                    break;
                }
            }
            behind = None;
            at += 1;
        }
        page
    }

    /// The entry of one step of a selection.
    fn chosen(&self, chosen: Chosen<K>, at: u32) -> Option<&Entry<K>> {
        let find = |key: &K| self.table.find(key).map(|slot| self.table.entry(slot));
        match chosen {
            Chosen::Nothing => None,
            Chosen::Exact(key) => find(&key),
            Chosen::Covering(key) => {
                let len = key.bits_len().checked_sub(u8::try_from(at).ok()?)?;
                find(&key.shortened(len)?)
            }
            Chosen::Within(around) => {
                let entry = self.table.get(at as Slot)?;
                around.is_none_or(|around| around.holds(entry.key)).then_some(entry)
            }
        }
    }

    /// The routes of one prefix; where to go on in it, if the page is full before its end.
    fn read_entry(
        &self,
        peers: &Peers,
        entry: &Entry<K>,
        query: &Query,
        behind: Option<(PeerId, PathId)>,
        budget: &mut usize,
        page: &mut Page,
    ) -> Option<(PeerId, PathId)> {
        let best = entry.candidates.best()?;
        let all = entry.candidates.as_slice();
        let wanted =
            |candidate: &Candidate| query.from.is_none_or(|peer| candidate.source.peer() == peer);
        if let Some(to) = query.to {
            *budget = budget.saturating_sub(2 * all.len());
            for (candidate, attrs) in self.told_to(peers, query.family, entry, to) {
                if wanted(candidate) {
                    let route = self.route(peers, entry, candidate, None);
                    page.routes.extend(route.map(|route| Route { attrs, ..route }));
                }
            }
            return None;
        }
        if query.best_only {
            if wanted(best) {
                page.routes.extend(self.route(peers, entry, best, None));
            }
            return None;
        }
        let defeats = match query.select {
            Select::Exact(_) => {
                *budget = budget.saturating_sub(all.len());
                decision::defeats(all.len(), |n| path(&all[n], peers))
            }
            _ => Vec::new(),
        };
        let first = all.partition_point(|c| behind.is_some_and(|behind| place(c) <= behind));
        for (n, candidate) in all.iter().enumerate().skip(first) {
            *budget = budget.saturating_sub(1);
            if wanted(candidate) {
                let lost = defeats.get(n).copied().flatten().map(|defeat| {
                    let (to, to_path) = place(&all[defeat.to]);
                    Lost { step: defeat.step, to, to_path }
                });
                page.routes.extend(self.route(peers, entry, candidate, lost));
            }
            let is_full = page.routes.len() >= self.limits.query_page_routes;
            if (is_full || *budget == 0) && n + 1 < all.len() {
                return Some(place(candidate));
            }
        }
        None
    }

    /// The best route of one prefix.
    pub(crate) fn best_of(&self, peers: &Peers, key: &K) -> Option<Route> {
        let entry = self.table.entry(self.table.find(key)?);
        self.route(peers, entry, entry.candidates.best()?, None)
    }

    fn route(
        &self,
        peers: &Peers,
        entry: &Entry<K>,
        candidate: &Candidate,
        lost: Option<Lost>,
    ) -> Option<Route> {
        let peer = candidate.source.peer();
        Some(Route {
            prefix: entry.key.prefix()?,
            peer,
            info: peers.source(peer).info,
            path_id: candidate.path_id,
            is_best: entry.candidates.best().is_some_and(|best| core::ptr::eq(best, candidate)),
            freshness: self.freshness(candidate.source),
            version: entry.version,
            attrs: Arc::clone(&candidate.attrs),
            lost,
        })
    }

    fn freshness(&self, source: Source) -> Freshness {
        if source.is_long_lived() {
            Freshness::LongLived
        } else if source != self.source(source.peer()) {
            Freshness::Stale
        } else {
            Freshness::Current
        }
    }
}

/// By what the candidates of a prefix are ordered.
fn place(candidate: &Candidate) -> (PeerId, PathId) {
    (candidate.source.peer(), candidate.path_id)
}

fn path<'a>(candidate: &'a Candidate, peers: &'a Peers) -> Path<'a> {
    let info = &peers.source(candidate.source.peer()).info;
    let long_lived = candidate.source.is_long_lived();
    Path::new(&candidate.attrs.summary, info, candidate.path_id, long_lived)
}

#[cfg(test)]
mod tests;
