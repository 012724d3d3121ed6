//! Attribute sets for simulated routes: a fixed pool that ties at every step of the decision.
//!
//! The blocks are written by hand, octet by octet, so that what comes out at the other end is
//! compared with something that no encoder of ours has touched.
//!
//! RFC: 4271 §4.3 and §5, 1997, 4456 §8, 9494 §3.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::sync::{Arc, Weak};

use albedo_rib::{AttrSet, Marks, Parts, Summary};
use albedo_types::{ClusterId, Family, RouterId};

/// The cluster that every source of the simulation belongs to.
pub const CLUSTER: ClusterId = ClusterId(0x0a00_0001);

/// What a route bears; the pool has [`SPECS`] of them.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// LOCAL_PREF.
    pub local_pref: u32,
    /// AS_PATH, one sequence.
    pub path: &'static [u32],
    /// ORIGIN.
    pub origin: u8,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// ORIGINATOR_ID as received.
    pub originator: Option<u32>,
    /// CLUSTER_LIST as received.
    pub clusters: &'static [u32],
    /// Well-known communities.
    pub communities: &'static [u32],
    /// Large communities that do nothing but make the block longer.
    pub padding: usize,
    /// Last octet of the next hop.
    pub next_hop: u8,
}

const NO_EXPORT: u32 = 0xffff_ff01;
const NO_ADVERTISE: u32 = 0xffff_ff02;
const LLGR_STALE: u32 = 0xffff_0006;
const NO_LLGR: u32 = 0xffff_0007;

const PLAIN: Spec = Spec {
    local_pref: 100,
    path: &[65001, 65002],
    origin: 0,
    med: None,
    originator: Some(77),
    clusters: &[9],
    communities: &[],
    padding: 0,
    next_hop: 1,
};

/// The pool: each differs from the first in what one step looks at, or in what decides who hears.
pub const SPECS: [Spec; 19] = [
    PLAIN,
    Spec { local_pref: 200, ..PLAIN },
    Spec { path: &[65001], ..PLAIN },
    Spec { origin: 2, ..PLAIN },
    Spec { med: Some(5), ..PLAIN },
    Spec { med: Some(3), next_hop: 2, ..PLAIN },
    Spec { path: &[65009, 65002], med: Some(4), ..PLAIN },
    Spec { originator: Some(3), ..PLAIN },
    Spec { originator: None, clusters: &[], ..PLAIN },
    Spec { clusters: &[], ..PLAIN },
    Spec { clusters: &[9, 8], ..PLAIN },
    Spec { next_hop: 9, ..PLAIN },
    Spec { communities: &[NO_ADVERTISE], local_pref: 150, ..PLAIN },
    Spec { communities: &[NO_EXPORT], local_pref: 120, ..PLAIN },
    Spec { communities: &[LLGR_STALE], local_pref: 300, ..PLAIN },
    Spec { path: &[], originator: None, clusters: &[], ..PLAIN },
    Spec { path: &[4_200_000_000, 65002], ..PLAIN },
    // Fits no message of 4,096 octets.
    Spec { padding: 345, local_pref: 110, ..PLAIN },
    Spec { communities: &[NO_LLGR], local_pref: 130, ..PLAIN },
];

/// What of a source is in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Its identifier: ORIGINATOR_ID where the route came without.
    pub router_id: RouterId,
    /// Whether it is of another AS.
    pub external: bool,
}

type Key = (usize, usize, bool, u32);

/// Interned sets: equal ones are one allocation, as the data path has it.
#[derive(Debug, Default)]
pub struct Sets {
    known: BTreeMap<Key, Weak<AttrSet>>,
}

impl Sets {
    /// The set of a spec of the pool from a source.
    pub fn get(&mut self, family: Family, spec: usize, from: Origin) -> Arc<AttrSet> {
        let row = &SPECS[spec % SPECS.len()];
        let originator = match row.originator {
            _ if from.external => 0,
            Some(originator) => originator,
            None => from.router_id.get(),
        };
        let key = (spec % SPECS.len(), family.index(), from.external, originator);
        if let Some(set) = self.known.get(&key).and_then(Weak::upgrade) {
            return set;
        }
        let set = Arc::new(make(spec, family, from.external, originator));
        self.known.insert(key, Arc::downgrade(&set));
        set
    }

    /// Forgets the sets that nobody holds any more.
    pub fn tidy(&mut self) {
        self.known.retain(|_, set| set.strong_count() > 0);
    }

    /// Sets that somebody still holds.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.known.values().filter(|set| set.strong_count() > 0).count()
    }
}

/// The attributes of a spec of the pool as a source sends them, without MP_REACH_NLRI.
#[must_use]
pub fn received(spec: usize, family: Family, external: bool) -> Vec<u8> {
    let row = &SPECS[spec % SPECS.len()];
    let (originator, clusters) =
        if external { (None, &[][..]) } else { (row.originator, row.clusters) };
    block(row, family, (!external).then_some(row.local_pref), originator, clusters)
}

/// The next hop in MP_REACH_NLRI.
#[must_use]
pub fn next_hop(spec: usize) -> Ipv6Addr {
    let last = SPECS[spec % SPECS.len()].next_hop;
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last))
}

/// LOCAL_PREF of a route that came without.
const LOCAL_PREF_DEFAULT: u32 = 100;

fn make(spec: usize, family: Family, external: bool, originator: u32) -> AttrSet {
    let row = &SPECS[spec % SPECS.len()];
    let local_pref = if external { LOCAL_PREF_DEFAULT } else { row.local_pref };
    let mut marks = Marks::default();
    for (community, mark) in [
        (NO_ADVERTISE, Marks::NO_ADVERTISE),
        (NO_EXPORT, Marks::NO_EXPORT),
        (LLGR_STALE, Marks::LLGR_STALE),
        (NO_LLGR, Marks::NO_LLGR),
    ] {
        if row.communities.contains(&community) {
            marks.insert(mark);
        }
    }
    let received = if external { &[] } else { row.clusters };
    let summary = Summary {
        local_pref,
        med: row.med.unwrap_or(0),
        neighbour_as: row.path.first().copied().unwrap_or(0),
        as_hops: u32::try_from(row.path.len()).expect("a short path"),
        originator: if external { 0 } else { row.originator.unwrap_or(0) },
        cluster_hops: u16::try_from(received.len()).expect("a short list"),
        origin: row.origin,
        marks,
    };
    let mp = family == Family::Ipv6Unicast;
    let hop = mp.then(|| next_hop(spec).octets());
    let clusters: Vec<u32> = [CLUSTER.0].iter().chain(row.clusters).copied().collect();
    let (originator, clusters) =
        if external { (None, &[][..]) } else { (Some(originator), clusters.as_slice()) };
    let block = block(row, family, Some(local_pref), originator, clusters);
    let parts = Parts {
        family,
        summary,
        external,
        cluster: CLUSTER,
        block: &block,
        mp_next_hop: hop.as_ref().map(|hop| hop.as_slice()),
    };
    AttrSet::new(&parts)
}

fn block(
    row: &Spec,
    family: Family,
    local_pref: Option<u32>,
    originator: Option<u32>,
    clusters: &[u32],
) -> Vec<u8> {
    let mut out = Vec::new();
    attribute(&mut out, 0x40, 1, &[row.origin]);
    let mut path = Vec::new();
    if !row.path.is_empty() {
        path.extend([2, u8::try_from(row.path.len()).expect("a short path")]);
        path.extend(row.path.iter().flat_map(|asn| asn.to_be_bytes()));
    }
    attribute(&mut out, 0x40, 2, &path);
    if family == Family::Ipv4Unicast {
        attribute(&mut out, 0x40, 3, &[192, 0, 2, row.next_hop]);
    }
    if let Some(med) = row.med {
        attribute(&mut out, 0x80, 4, &med.to_be_bytes());
    }
    if let Some(local_pref) = local_pref {
        attribute(&mut out, 0x40, 5, &local_pref.to_be_bytes());
    }
    if !row.communities.is_empty() {
        attribute(&mut out, 0xc0, 8, &words(row.communities.iter().copied()));
    }
    if let Some(originator) = originator {
        attribute(&mut out, 0x80, 9, &originator.to_be_bytes());
    }
    if !clusters.is_empty() {
        attribute(&mut out, 0x80, 10, &words(clusters.iter().copied()));
    }
    if row.padding > 0 {
        let count = u32::try_from(row.padding).expect("not that long");
        attribute(&mut out, 0xc0, 32, &words((0..count).flat_map(|n| [64_512, 1, n])));
    }
    out
}

fn words(list: impl Iterator<Item = u32>) -> Vec<u8> {
    list.flat_map(u32::to_be_bytes).collect()
}

fn attribute(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(len) => out.extend([flags, code, len]),
        Err(_) => {
            let len = u16::try_from(value.len()).expect("an attribute is below 64 KiB");
            out.extend([flags | 0x10, code]);
            out.extend(len.to_be_bytes());
        }
    }
    out.extend_from_slice(value);
}
