//! `table`: a large table from few sources to some receivers, made up after a real one or taken
//! from a recording.
//!
//! The distributions follow the table that a production route reflector handed to a client in
//! October 2015 (577,706 prefixes, RIPE NCC RIS), and for communities and `MULTI_EXIT_DISC` what
//! RouteViews saw in February 2026.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::attrs::{Attributes, code, flag};
use crate::build::{self, HEADER_LEN};
use crate::check::{Expectation, Rules};
use crate::model::{ABSENT, Model, NodeId};
use crate::mrt::Recording;
use crate::parse::Update;
use crate::prefix::{Family, Prefix};
use crate::rng::Rng;
use crate::scenario::{Plan, SourceNet, Start};
use crate::session::Node;

/// Prefix lengths, with their weights in 10,000.
const LENGTHS: [(u8, u32); 20] = [
    (8, 3),
    (10, 6),
    (11, 17),
    (12, 45),
    (13, 87),
    (14, 176),
    (15, 309),
    (16, 2259),
    (17, 1292),
    (18, 2184),
    (19, 4441),
    (20, 6433),
    (21, 6834),
    (22, 10979),
    (23, 9396),
    (24, 53999),
    (26, 178),
    (28, 85),
    (29, 563),
    (32, 632),
];
/// Prefixes of one attribute set, as ranges with their weights in 1,000.
const SET_SIZES: [((u32, u32), u32); 8] = [
    ((1, 1), 496),
    ((2, 2), 158),
    ((3, 4), 133),
    ((5, 8), 94),
    ((9, 16), 58),
    ((17, 32), 32),
    ((33, 64), 16),
    ((65, 1000), 13),
];
/// Hops in `AS_PATH`, with their weights in 1,000.
const HOPS: [(u32, u32); 9] =
    [(1, 160), (2, 363), (3, 293), (4, 104), (5, 44), (6, 17), (7, 8), (8, 4), (12, 7)];
/// Communities of a route, with their weights in 1,000.
const COMMUNITIES: [(u32, u32); 8] =
    [(0, 236), (1, 151), (2, 128), (3, 81), (4, 82), (5, 81), (8, 144), (14, 97)];
/// What share of routes the sources have, by rank, in 1,000; further ones have the last.
const SOURCE_SHARES: [u32; 16] = [276, 223, 110, 86, 34, 26, 20, 17, 16, 14, 12, 10, 9, 9, 8, 6];
/// What share of routes next hops have, by rank, in 1,000; further ones have the last.
const NEXT_HOP_SHARES: [u32; 16] = [196, 111, 105, 41, 40, 33, 30, 17, 16, 15, 11, 8, 8, 7, 7, 5];
/// Next hops of a made-up table.
const NEXT_HOPS: u32 = 200;
/// Routes in 1,000 with `MULTI_EXIT_DISC`.
const MED_SHARE: u32 = 360;

/// The shape of a table.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Prefixes.
    pub prefixes: u32,
    /// Attribute sets.
    pub sets: u32,
    /// Sessions that announce.
    pub sources: u32,
    /// Sessions that only receive.
    pub receivers: u32,
    /// Whether the sources are not clients of the reflector.
    pub has_non_client_sources: bool,
    /// Where sessions have their addresses; next hops come from its upper half.
    pub source_net: SourceNet,
    /// Everything made up follows from it.
    pub seed: u64,
    /// What the target does to routes.
    pub rules: Rules,
    /// The cluster id that announcements bear where the target passes routes on verbatim.
    pub cluster_id: u32,
}

impl Shape {
    /// Whether the shape can be played.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let most = self.source_net.capacity() / 2;
        if self.sources == 0 || self.sources + self.receivers > most {
            let have = self.sources + self.receivers;
            return Err(format!("{have} sessions: expected 1 to {most} in this network"));
        }
        if self.sources + self.receivers < 2 {
            return Err("nobody receives: expected at least one receiver".to_owned());
        }
        if self.sets == 0 || self.sets > self.prefixes {
            let (sets, prefixes) = (self.sets, self.prefixes);
            return Err(format!("{sets} attribute sets: expected 1 to {prefixes}, one a prefix"));
        }
        if self.prefixes > PREFIXES_MAX {
            return Err(format!("{} prefixes: expected at most {PREFIXES_MAX}", self.prefixes));
        }
        Ok(())
    }

    /// A made-up table.
    #[must_use]
    pub fn plan(&self, start: Start) -> Plan {
        let mut rng = Rng::new(self.seed);
        let mut model = self.model();
        let sizes = set_sizes(&mut rng, self.sets, self.prefixes);
        let mut prefixes = Prefixes::new(rng.clone(), self.source_net);
        let mut announcements = vec![Vec::new(); self.sources as usize];
        for size in sizes {
            let source = pick_rank(&mut rng, &SOURCE_SHARES, self.sources);
            let (sent, set) = loop {
                let sent = self.make_set(&mut rng, source);
                let known = model.sets();
                let set = model.add_set(&sent.reflected(self.router_id(source).to_bits()));
                // Drawn twice, which short paths without communities make possible.
                if model.sets() > known {
                    break (sent, set);
                }
            };
            let nlri: Vec<Prefix> = (0..size).map(|_| prefixes.next()).collect();
            for &prefix in &nlri {
                let (id, version) = model.add_route(prefix, source, set);
                model.expect(id, version);
            }
            build::announce(&sent, Family::V4, &nlri, &mut announcements[source as usize]);
        }
        if self.rules.expectation == Expectation::Reflected {
            for out in &mut announcements {
                build::end_of_rib(Family::V4, out);
            }
        }
        Plan { nodes: self.nodes(announcements), model, start, notes: Vec::new() }
    }

    /// A recorded table, announced by the first source.
    #[must_use]
    pub fn replay(&self, recording: &Recording, start: Start) -> Plan {
        let mut model = self.model();
        let mut announcements = vec![Vec::new(); self.sources as usize];
        let (mut malformed, mut as_zero) = (0, 0);
        let originator = self.router_id(0).to_bits();
        for message in &recording.updates {
            let Ok(update) = Update::read(&message[HEADER_LEN..]) else {
                malformed += 1;
                continue;
            };
            let announced: Result<Vec<Prefix>, _> = update.announced().collect();
            let withdrawn: Result<Vec<Prefix>, _> = update.withdrawn().collect();
            let (Ok(announced), Ok(withdrawn)) = (announced, withdrawn) else {
                malformed += 1;
                continue;
            };
            let (mut gone, mut there) = (withdrawn, announced);
            if update.attributes.has_as_zero() {
                as_zero += there.len();
                gone.append(&mut there);
            }
            for prefix in gone {
                if let Some(id) = model.find_prefix(prefix) {
                    model.expect(id, ABSENT);
                }
            }
            if !there.is_empty() {
                let set = model.add_set(&update.attributes.reflected(originator));
                for prefix in there {
                    let (id, version) = model.add_route(prefix, 0, set);
                    model.expect(id, version);
                }
            }
            announcements[0].extend_from_slice(message);
        }
        let mut notes = Vec::new();
        if as_zero > 0 {
            notes.push(format!(
                "{as_zero} routes of the recording name AS 0 and must not be passed on (RFC 7607)"
            ));
        }
        if malformed + recording.skipped > 0 {
            notes.push(format!(
                "of the recording, {malformed} malformed UPDATEs and {} messages that cannot be \
                 replayed were left out",
                recording.skipped
            ));
        }
        Plan { nodes: self.nodes(announcements), model, start, notes }
    }

    fn model(&self) -> Model {
        let mut model = Model::new((self.sources + self.receivers) as usize, self.rules);
        if self.has_non_client_sources {
            for source in 0..self.sources {
                model.set_non_client(source);
            }
        }
        model
    }

    const fn router_id(&self, node: NodeId) -> Ipv4Addr {
        self.source_net.address(node)
    }

    /// The sources with what they announce, then the receivers.
    fn nodes(&self, mut announcements: Vec<Vec<u8>>) -> Vec<Node> {
        announcements.resize((self.sources + self.receivers) as usize, Vec::new());
        let node = |(n, initial)| Node {
            source: self.source_net.socket(n),
            router_id: self.router_id(n),
            initial: Arc::from(initial),
            is_checked: true,
        };
        (0..).zip(announcements).map(node).collect()
    }

    fn make_set(&self, rng: &mut Rng, source: NodeId) -> Attributes<'static> {
        let hop = pick_rank(rng, &NEXT_HOP_SHARES, NEXT_HOPS);
        let hop = self.source_net.address(self.source_net.capacity() / 2 + hop);
        let mut set = Attributes { next_hop: hop.octets().to_vec().into(), list: Vec::new() };
        set.push(flag::TRANSITIVE, code::ORIGIN, vec![rng.pick(&[(0, 85), (2, 15)])]);
        let hops = rng.pick(&HOPS);
        #[expect(clippy::cast_possible_truncation, reason = "the table ends at 12")]
        let mut path = vec![2, hops as u8];
        for _ in 0..hops {
            // Two-octet numbers below the private ones, and four-octet ones.
            let asn =
                if rng.below(5) < 3 { 1 + rng.below(23_000) } else { 131_072 + rng.below(270_000) };
            path.extend_from_slice(&asn.to_be_bytes());
        }
        set.push(flag::TRANSITIVE, code::AS_PATH, path);
        if rng.below(1000) < MED_SHARE {
            let med = rng.below(500).to_be_bytes().to_vec();
            set.push(flag::OPTIONAL, code::MED, med);
        }
        let pref = 100 + 10 * rng.below(5);
        set.push(flag::TRANSITIVE, code::LOCAL_PREF, pref.to_be_bytes().to_vec());
        // Below 65535:0, where the well-known ones begin.
        let count = rng.pick(&COMMUNITIES);
        let mut communities: Vec<u32> = (0..count).map(|_| rng.below(0xff00_0000)).collect();
        communities.sort_unstable();
        if !communities.is_empty() {
            let octets: Vec<u8> = communities.iter().flat_map(|word| word.to_be_bytes()).collect();
            set.push(flag::OPTIONAL | flag::TRANSITIVE, code::COMMUNITIES, octets);
        }
        match self.rules.expectation {
            Expectation::Reflected => set,
            Expectation::Verbatim => {
                set.reflected(self.router_id(source).to_bits()).with_cluster(self.cluster_id)
            }
        }
    }
}

/// Prefixes a made-up table may have; the lengths that occur leave room for no more.
pub const PREFIXES_MAX: u32 = 4_000_000;

/// A rank below `count`, by shares that the last of repeats.
fn pick_rank(rng: &mut Rng, shares: &[u32], count: u32) -> u32 {
    let known = shares.len().min(count as usize);
    let tail = count - known as u32;
    let last = shares[shares.len() - 1];
    let head: u32 = shares[..known].iter().sum();
    let mut left = rng.below(head + tail * last);
    for (rank, &share) in (0..).zip(&shares[..known]) {
        if left < share {
            return rank;
        }
        left -= share;
    }
    known as u32 + left / last
}

/// How many prefixes each set has: the distribution's shape, with exactly the sum wanted.
fn set_sizes(rng: &mut Rng, sets: u32, prefixes: u32) -> Vec<u32> {
    let mut sizes: Vec<u32> = (0..sets)
        .map(|_| {
            let (low, high) = rng.pick(&SET_SIZES);
            low + rng.below(high - low + 1)
        })
        .collect();
    // Every set keeps one prefix; the rest is stretched or shrunk to fit.
    let drawn: u64 = sizes.iter().map(|&size| u64::from(size - 1)).sum();
    let wanted = u64::from(prefixes - sets);
    let mut given = 0;
    for size in &mut sizes {
        let share = (u64::from(*size - 1) * wanted).checked_div(drawn).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "a share of a u32")]
        let share = share as u32;
        *size = 1 + share;
        given += u64::from(share);
    }
    for n in 0..wanted - given {
        #[expect(clippy::cast_possible_truncation, reason = "below the number of sets")]
        let at = (n % u64::from(sets)) as usize;
        sizes[at] += 1;
    }
    sizes
}

/// Draws prefixes that occur once.
struct Prefixes {
    rng: Rng,
    avoid: u32,
    drawn: hashbrown::HashSet<Prefix, foldhash::fast::FixedState>,
}

impl Prefixes {
    fn new(rng: Rng, source_net: SourceNet) -> Self {
        Self { rng, avoid: source_net.address(0).to_bits() >> 24, drawn: Default::default() }
    }

    fn next(&mut self) -> Prefix {
        loop {
            let len = self.rng.pick(&LENGTHS);
            // Unicast space without what daemons reject or what sessions run over.
            let first = 1 + self.rng.below(223);
            if matches!(first, 10 | 127) || first == self.avoid {
                continue;
            }
            let prefix = Prefix::v4(first << 24 | self.rng.below(1 << 24), len);
            if self.drawn.insert(prefix) {
                return prefix;
            }
        }
    }
}

#[cfg(test)]
mod tests;
