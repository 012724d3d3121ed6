//! A full table at reduced size: a few border routers, long attributes, and behind most sets one
//! prefix but behind some hundreds.
//!
//! The weights follow the table that a production route reflector handed to a client in October
//! 2015 (577,706 prefixes with 89,641 attribute sets, RIPE NCC RIS); communities and
//! MULTI_EXIT_DISC follow what RouteViews saw in February 2026.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use albedo_types::{Family, Ipv4Prefix, Rng};
use albedo_wire::attr::{OPTIONAL, TRANSITIVE, code};

use super::{ASN, Keys, Set, Source, attribute};

/// Distinct prefixes.
const PREFIXES: usize = 10_000;
/// Border routers, and what share of sets each has, in 100.
const SHARES: [(usize, u32); 4] = [(0, 40), (1, 30), (2, 20), (3, 10)];
/// Where they are: 10.2.0.1, and upward from there.
const ROUTER_V4: u32 = 0x0a02_0001;
/// Sets in 100 that a second border router has too, with its own next hop.
const BACKUP_SHARE: u64 = 50;
/// Prefix lengths, with their weights in 1,000.
const LENGTHS: [(u8, u32); 12] = [
    (13, 16),
    (15, 31),
    (16, 226),
    (17, 129),
    (18, 218),
    (19, 444),
    (20, 643),
    (21, 683),
    (22, 1_098),
    (23, 940),
    (24, 5_400),
    (29, 172),
];
/// Prefixes of a set, as most of a range that starts behind half of it, with weights in 1,000.
const SET_SIZES: [(usize, u32); 8] =
    [(1, 496), (2, 158), (4, 133), (8, 94), (16, 58), (32, 32), (64, 16), (512, 13)];
/// Numbers in AS_PATH, with weights in 1,000.
const HOPS: [(usize, u32); 7] =
    [(1, 160), (2, 363), (3, 293), (4, 104), (5, 44), (7, 25), (12, 11)];
/// COMMUNITIES of a route, with weights in 1,000.
const COMMUNITIES: [(usize, u32); 7] =
    [(0, 236), (1, 151), (2, 128), (3, 81), (4, 82), (7, 225), (14, 97)];
/// Sets in 1,000 with MULTI_EXIT_DISC.
const MED_SHARE: u64 = 360;
/// Everything follows from it.
const SEED: u64 = 0x5eed;

pub(super) fn sources() -> Vec<Source> {
    let mut rng = Rng::new(SEED);
    let mut taken = BTreeSet::new();
    let mut sets: Vec<Vec<Set>> = vec![Vec::new(); SHARES.len()];
    while taken.len() < PREFIXES {
        let most = pick(&mut rng, &SET_SIZES).min(PREFIXES - taken.len());
        let size = most - below(&mut rng, most.div_ceil(2));
        let keys: Vec<Ipv4Prefix> = (0..size).map(|_| prefix(&mut rng, &mut taken)).collect();
        let attributes = Attributes::draw(&mut rng);
        let first = pick(&mut rng, &SHARES);
        sets[first].push(attributes.set(first, keys.clone()));
        if rng.below(100) < BACKUP_SHARE {
            let second = (first + 1 + below(&mut rng, SHARES.len() - 1)) % SHARES.len();
            sets[second].push(attributes.set(second, keys));
        }
    }
    let sets = sets.into_iter().enumerate();
    sets.map(|(n, sets)| {
        let addr = router(n);
        Source::new(n, IpAddr::V4(addr), addr.to_bits(), Family::Ipv4Unicast, sets)
    })
    .collect()
}

fn router(n: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(ROUTER_V4 + u32::try_from(n).expect("a few"))
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).expect("below a usize")
}

/// Draws by weight.
fn pick<T: Copy>(rng: &mut Rng, weights: &[(T, u32)]) -> T {
    let total: u32 = weights.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.below(u64::from(total));
    for (value, weight) in weights {
        match left.checked_sub(u64::from(*weight)) {
            None => return *value,
            Some(rest) => left = rest,
        }
    }
    unreachable!("what is drawn is below the sum of the weights")
}

/// A prefix between 1.0.0.0 and 223.255.255.255 that was not drawn before.
fn prefix(rng: &mut Rng, taken: &mut BTreeSet<Ipv4Prefix>) -> Ipv4Prefix {
    loop {
        let len = pick(rng, &LENGTHS);
        let bits = u32::try_from(rng.below(223 << 24)).expect("below 2^32") + (1 << 24);
        let prefix = Ipv4Prefix::from_bits(bits, len).expect("at most 32 bits");
        if taken.insert(prefix) {
            return prefix;
        }
    }
}

/// What border routers agree on about a set.
struct Attributes {
    path: Vec<u32>,
    med: Option<u32>,
    communities: Vec<u32>,
}

impl Attributes {
    fn draw(rng: &mut Rng) -> Self {
        let number = |rng: &mut Rng| u32::try_from(1 + rng.below(60_000)).expect("16 bits");
        let hops = pick(rng, &HOPS);
        let path = (0..hops).map(|_| number(rng)).filter(|asn| *asn != ASN.0).collect();
        let med = rng.below(1_000) < MED_SHARE;
        let med = med.then(|| u32::try_from(rng.below(100)).expect("below 100"));
        let count = pick(rng, &COMMUNITIES);
        let communities = (0..count).map(|_| number(rng) << 16 | number(rng)).collect();
        Self { path, med, communities }
    }

    fn set(&self, router_n: usize, keys: Vec<Ipv4Prefix>) -> Set {
        let mut out = Vec::new();
        attribute(&mut out, TRANSITIVE, code::ORIGIN, &[0]);
        let mut path = vec![2, u8::try_from(self.path.len()).expect("a short path")];
        path.extend(self.path.iter().flat_map(|asn| asn.to_be_bytes()));
        attribute(&mut out, TRANSITIVE, code::AS_PATH, &path);
        attribute(&mut out, TRANSITIVE, code::NEXT_HOP, &router(router_n).octets());
        if let Some(med) = self.med {
            attribute(&mut out, OPTIONAL, code::MULTI_EXIT_DISC, &med.to_be_bytes());
        }
        attribute(&mut out, TRANSITIVE, code::LOCAL_PREF, &100_u32.to_be_bytes());
        if !self.communities.is_empty() {
            let value: Vec<u8> = self.communities.iter().flat_map(|c| c.to_be_bytes()).collect();
            attribute(&mut out, OPTIONAL | TRANSITIVE, code::COMMUNITIES, &value);
        }
        Set { block: out, next_hop: None, keys: Keys::V4(keys) }
    }
}
