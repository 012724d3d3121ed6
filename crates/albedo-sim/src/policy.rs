//! Export policies of the simulation: as rules for the shards, and once more as plain code.
//!
//! The code shares nothing with what compiles and applies rules; it takes a block apart octet by
//! octet and puts it together again.
//!
//! RFC: 4271 §4.3, 1997, 8092.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use albedo_rib::{AttrSet, Marks, Parts, Policy};
use albedo_types::policy::{Change, Community, PrefixRange, Rule, Rules, Then, When};
use albedo_types::{Asn, Prefix};

const MARK: u32 = 64_512 << 16 | 7;
const LARGE: [u32; 3] = [64_512, 1, 2];

fn ranges(texts: &[(&str, u8, u8)]) -> Option<Vec<PrefixRange>> {
    let range = |(text, min, max): &(&str, u8, u8)| PrefixRange {
        prefix: text.parse().expect("a prefix"),
        min: *min,
        max: *max,
    };
    Some(texts.iter().map(range).collect())
}

/// Some prefixes to nobody, some with another MED, and a mark on what is preferred.
fn sorting() -> Rules {
    let hidden = [("10.0.0.0/12", 0, 32), ("2001:db9::/32", 64, 64)];
    Rules {
        rules: vec![
            Rule {
                when: When { prefixes: ranges(&hidden), ..When::default() },
                then: Then::Reject,
                ..Rule::default()
            },
            Rule {
                when: When { local_pref: Some((150, u32::MAX)), ..When::default() },
                change: Change {
                    add_communities: vec![Community::Standard(MARK)],
                    ..Change::default()
                },
                then: Then::Next,
            },
            Rule {
                when: When { prefixes: ranges(&[("10.32.0.0/12", 20, 28)]), ..When::default() },
                change: Change { med: Some(7), ..Change::default() },
                then: Then::Accept,
            },
        ],
        accepts_rest: true,
    }
}

/// Only what came by one AS, with a longer path.
fn by_path() -> Rules {
    Rules {
        rules: vec![Rule {
            when: When { as_path_prefix: vec![Asn(65_001)], ..When::default() },
            change: Change {
                prepend: vec![Asn(64_999), Asn(64_998)],
                add_communities: vec![Community::Large(LARGE)],
                ..Change::default()
            },
            then: Then::Accept,
        }],
        accepts_rest: false,
    }
}

/// Everything, with LOCAL_PREF turned to one value and no communities.
fn levelling() -> Rules {
    Rules {
        rules: vec![Rule {
            change: Change { clear_communities: true, local_pref: Some(100), ..Change::default() },
            then: Then::Accept,
            ..Rule::default()
        }],
        accepts_rest: false,
    }
}

static POOL: LazyLock<[Arc<Policy>; 3]> = LazyLock::new(|| {
    [sorting(), by_path(), levelling()]
        .map(|rules| Arc::new(Policy::compile(&rules).expect("few rules")))
});

/// The policy towards a slot; another one, or none, while it is regrouped.
#[must_use]
pub fn of(slot: usize, regrouped: bool) -> Option<Arc<Policy>> {
    let n = match (slot, regrouped) {
        (1, true) | (4, false) => 0,
        (2, true) | (3, true) => 1,
        (3, false) | (4, true) | (5, true) => 2,
        _ => return None,
    };
    Some(Arc::clone(&POOL[n]))
}

/// What a policy of the pool makes of a route, as plain code; `None` if it is told to nobody.
///
/// # Panics
///
/// If the policy is none of the pool.
#[must_use]
pub fn told(policy: &Arc<Policy>, prefix: Prefix, set: &AttrSet) -> Option<AttrSet> {
    let mut block = Block::take_apart(set.block());
    let mut summary = set.summary;
    match POOL.iter().position(|known| known == policy).expect("a policy of the pool") {
        0 => {
            let mut med = false;
            match prefix {
                Prefix::V4(v4) if v4.bits() >> 20 == 0x0a0 => return None,
                Prefix::V4(v4) => med = v4.bits() >> 20 == 0x0a2,
                Prefix::V6(v6) if v6.bits() >> 96 == 0x2001_0db9 => return None,
                Prefix::V6(_) => {}
            }
            if set.summary.local_pref >= 150 {
                block.add(0xc0, 8, &MARK.to_be_bytes());
            }
            if med {
                block.set(0x80, 4, &7_u32.to_be_bytes());
                summary.marks.insert(Marks::MED_SET);
            }
        }
        1 => {
            if set.summary.neighbour_as != 65_001 {
                return None;
            }
            let path = block.value(2);
            let count = path[1] + 2;
            let asns = [64_999_u32.to_be_bytes(), 64_998_u32.to_be_bytes()].concat();
            block.set(0x40, 2, &[&[2, count], &*asns, &path[2..]].concat());
            block.add(0xc0, 32, &LARGE.map(u32::to_be_bytes).concat());
        }
        _ => {
            block.0.retain(|code, _| ![8, 32].contains(code));
            block.set(0x40, 5, &100_u32.to_be_bytes());
            summary.local_pref = 100;
        }
    }
    let parts = Parts {
        family: set.family,
        summary,
        external: set.external,
        cluster: set.cluster,
        block: &block.put_together(),
        mp_next_hop: set.mp_next_hop(),
    };
    Some(AttrSet::new(&parts))
}

/// A block taken apart: flags and value by type.
struct Block(BTreeMap<u8, (u8, Vec<u8>)>);

impl Block {
    fn take_apart(mut rest: &[u8]) -> Self {
        let mut block = BTreeMap::new();
        while !rest.is_empty() {
            let long = rest[0] & 0x10 != 0;
            let (head, len) = if long {
                (4, usize::from(u16::from_be_bytes([rest[2], rest[3]])))
            } else {
                (3, usize::from(rest[2]))
            };
            block.insert(rest[1], (rest[0] & !0x10, rest[head..head + len].to_vec()));
            rest = &rest[head + len..];
        }
        Self(block)
    }

    fn put_together(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (code, (flags, value)) in &self.0 {
            let len = u16::try_from(value.len()).expect("a short block").to_be_bytes();
            if value.len() > 255 {
                out.extend([flags | 0x10, *code, len[0], len[1]]);
            } else {
                out.extend([*flags, *code, len[1]]);
            }
            out.extend_from_slice(value);
        }
        out
    }

    fn value(&self, code: u8) -> Vec<u8> {
        self.0[&code].1.clone()
    }

    fn set(&mut self, flags: u8, code: u8, value: &[u8]) {
        self.0.insert(code, (flags, value.to_vec()));
    }

    fn add(&mut self, flags: u8, code: u8, value: &[u8]) {
        let there = self.0.entry(code).or_insert((flags, Vec::new()));
        if !there.1.chunks(value.len()).any(|chunk| chunk == value) {
            there.1.extend_from_slice(value);
        }
    }
}
