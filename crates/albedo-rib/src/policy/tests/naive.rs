//! Rules read one after the other over a model of a route, without anything compiled.

use super::*;

/// A route's attributes as far as rules speak of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) family: Family,
    pub(super) path: Vec<u32>,
    pub(super) med: Option<u32>,
    pub(super) local_pref: u32,
    /// The standard ones first.
    pub(super) communities: Vec<Community>,
    pub(super) next_hop: u8,
}

fn attribute(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    let long = value.len() > 255;
    out.extend([flags | if long { 0x10 } else { 0 }, code]);
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    out.extend_from_slice(if long { &len } else { &len[1..] });
    out.extend_from_slice(value);
}

impl Model {
    pub(super) fn plain(family: Family) -> Self {
        Self {
            family,
            path: vec![65001, 65002],
            med: None,
            local_pref: 100,
            communities: Vec::new(),
            next_hop: 1,
        }
    }

    fn hop(&self) -> Prefix {
        match self.family {
            Family::Ipv4Unicast => {
                Prefix::V4(Ipv4Prefix::new(Ipv4Addr::new(192, 0, 2, self.next_hop), 32).unwrap())
            }
            Family::Ipv6Unicast => {
                let last = u16::from(self.next_hop);
                let hop = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
                Prefix::V6(Ipv6Prefix::new(hop, 128).unwrap())
            }
        }
    }

    pub(super) fn block(&self) -> Vec<u8> {
        let mut out = Vec::new();
        attribute(&mut out, 0x40, 1, &[0]);
        let mut path = Vec::new();
        for chunk in self.path.chunks(255) {
            path.extend([2, u8::try_from(chunk.len()).unwrap()]);
            path.extend(chunk.iter().flat_map(|asn| asn.to_be_bytes()));
        }
        attribute(&mut out, 0x40, 2, &path);
        if let Prefix::V4(hop) = self.hop() {
            attribute(&mut out, 0x40, 3, &hop.addr().octets());
        }
        if let Some(med) = self.med {
            attribute(&mut out, 0x80, 4, &med.to_be_bytes());
        }
        attribute(&mut out, 0x40, 5, &self.local_pref.to_be_bytes());
        let (mut standard, mut large) = (Vec::new(), Vec::new());
        for community in &self.communities {
            match community {
                Community::Standard(value) => standard.extend(value.to_be_bytes()),
                Community::Large(parts) => large.extend(parts.iter().flat_map(|p| p.to_be_bytes())),
            }
        }
        if !standard.is_empty() {
            attribute(&mut out, 0xc0, 8, &standard);
        }
        if !large.is_empty() {
            attribute(&mut out, 0xc0, 32, &large);
        }
        out
    }

    pub(super) fn set(&self) -> Arc<AttrSet> {
        let hop = match self.hop() {
            Prefix::V4(_) => None,
            Prefix::V6(hop) => Some(hop.addr().octets()),
        };
        let summary = Summary { local_pref: self.local_pref, ..Summary::default() };
        Arc::new(AttrSet::new(&Parts {
            family: self.family,
            summary,
            external: false,
            cluster: ClusterId(1),
            block: &self.block(),
            mp_next_hop: hop.as_ref().map(|hop| hop.as_slice()),
        }))
    }

    pub(super) fn read(block: &[u8], family: Family) -> Self {
        let need = Need { announces: true, plain_next_hop: family == Family::Ipv4Unicast };
        let decoded = Attributes::decode(block, need, &UpdateContext::own());
        assert_eq!(decoded.treatment, None, "{:?}", decoded.errors);
        let attributes = decoded.attributes;
        let standard = attributes.communities.iter().flat_map(|c| c.iter());
        let large = attributes.large_communities.iter().flat_map(|c| c.iter());
        let communities =
            standard.map(Community::Standard).chain(large.map(Community::Large)).collect();
        let next_hop = attributes.next_hop.map_or(1, |hop| hop.octets()[3]);
        Self {
            family,
            path: attributes.as_path.asns().map(|asn| asn.0).collect(),
            med: attributes.med,
            local_pref: attributes.local_pref.unwrap(),
            communities,
            next_hop,
        }
    }

    fn change(&mut self, change: &Change) {
        if change.clear_communities {
            self.communities.clear();
        }
        self.communities.retain(|there| !change.remove_communities.contains(there));
        for new in &change.add_communities {
            if !self.communities.contains(new) {
                self.communities.push(*new);
            }
        }
        // A block has the standard ones first.
        self.communities.sort_by_key(|c| matches!(c, Community::Large(_)));
        self.local_pref = change.local_pref.unwrap_or(self.local_pref);
        self.med = change.med.or(self.med);
        self.path.splice(0..0, change.prepend.iter().map(|asn| asn.0));
    }
}

fn holds(when: &When, model: &Model, prefix: Prefix, side: Side) -> bool {
    let within = |ranges: &[PrefixRange]| ranges.iter().any(|range| range.holds(prefix));
    let path: Vec<u32> = when.as_path_prefix.iter().map(|asn| asn.0).collect();
    let hop = model.hop().addr();
    when.families.is_none_or(|families| families.contains(model.family))
        && when.prefixes.as_ref().is_none_or(|ranges| within(ranges))
        && !within(&when.not_prefixes)
        && when
            .communities
            .as_ref()
            .is_none_or(|any| any.iter().any(|community| model.communities.contains(community)))
        && model.path.starts_with(&path)
        && when.next_hops.as_ref().is_none_or(|any| any.iter().any(|there| there.contains(hop)))
        && when
            .local_pref
            .is_none_or(|(least, most)| model.local_pref >= least && model.local_pref <= most)
        && when.peer.is_none_or(|there| there == side)
}

pub(super) fn judge(rules: &Rules, model: &Model, prefix: Prefix, side: Side) -> Option<Model> {
    let mut outcome = model.clone();
    for rule in &rules.rules {
        if !holds(&rule.when, model, prefix, side) {
            continue;
        }
        if rule.then == Then::Reject {
            return None;
        }
        outcome.change(&rule.change);
        if rule.then == Then::Accept {
            return Some(outcome);
        }
    }
    rules.accepts_rest.then_some(outcome)
}

/// Few values, so that rules hold often enough.
fn community() -> impl Strategy<Value = Community> {
    prop_oneof![
        (0..4_u32).prop_map(Community::Standard),
        (0..2_u32).prop_map(|n| Community::Large([1, 2, n])),
    ]
}

fn communities() -> impl Strategy<Value = Vec<Community>> {
    proptest::collection::vec(community(), 0..4).prop_map(|mut all| {
        all.sort_unstable();
        all.dedup();
        all
    })
}

pub(super) fn prefixes() -> impl Strategy<Value = Prefix> {
    let four = (0..16_u32, 0..=32_u8).prop_map(|(bits, len)| {
        Prefix::V4(Ipv4Prefix::from_bits(bits << 28 | bits << 6, len).unwrap())
    });
    let six = (0..16_u128, 0..=128_u8).prop_map(|(bits, len)| {
        Prefix::V6(Ipv6Prefix::from_bits(bits << 124 | bits, len).unwrap())
    });
    prop_oneof![four, six]
}

fn ranges() -> impl Strategy<Value = Vec<PrefixRange>> {
    let range = (prefixes(), 0..=128_u8, 0..=128_u8);
    let range =
        range.prop_map(|(prefix, a, b)| PrefixRange { prefix, min: a.min(b), max: a.max(b) });
    proptest::collection::vec(range, 0..5)
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::Ipv4Unicast), Just(Family::Ipv6Unicast)]
}

pub(super) fn models() -> impl Strategy<Value = Model> {
    let path = proptest::collection::vec(1..4_u32, 0..4);
    (family(), path, proptest::option::of(0..3_u32), 98..103_u32, communities()).prop_map(
        |(family, path, med, local_pref, communities)| Model {
            family,
            path,
            med,
            local_pref,
            communities,
            next_hop: 1,
        },
    )
}

fn when() -> impl Strategy<Value = When> {
    let asns = proptest::collection::vec((1..4_u32).prop_map(Asn), 0..3);
    let hops = proptest::collection::vec(
        prop_oneof![Just("192.0.2.0/24"), Just("2001:db8::1/128"), Just("10.0.0.0/8")],
        0..3,
    )
    .prop_map(|all| all.into_iter().map(prefix).collect());
    let side = prop_oneof![Just(Side::Internal), Just(Side::External)];
    let families = family().prop_map(|family| [family].into_iter().collect());
    (
        proptest::option::weighted(0.2, families),
        proptest::option::weighted(0.6, ranges()),
        prop_oneof![2 => Just(Vec::new()), 1 => ranges()],
        proptest::option::weighted(0.3, communities()),
        prop_oneof![2 => Just(Vec::new()), 1 => asns],
        proptest::option::weighted(0.2, hops),
        proptest::option::weighted(0.2, (97..101_u32, 100..104_u32)),
        proptest::option::weighted(0.1, side),
    )
        .prop_map(
            |(
                families,
                prefixes,
                not_prefixes,
                communities,
                as_path_prefix,
                next_hops,
                lp,
                peer,
            )| {
                When {
                    families,
                    prefixes,
                    not_prefixes,
                    communities,
                    as_path_prefix,
                    next_hops,
                    local_pref: lp,
                    peer,
                }
            },
        )
}

fn change() -> impl Strategy<Value = Change> {
    let asns = proptest::collection::vec((1..9_u32).prop_map(Asn), 0..3);
    (
        proptest::bool::weighted(0.2),
        communities(),
        communities(),
        proptest::option::of(0..9_u32),
        proptest::option::of(0..9_u32),
        asns,
    )
        .prop_map(|(clear_communities, remove, add, local_pref, med, prepend)| Change {
            clear_communities,
            remove_communities: remove,
            add_communities: add,
            local_pref,
            med,
            prepend,
        })
}

pub(super) fn rules() -> impl Strategy<Value = Rules> {
    let change = prop_oneof![1 => Just(Change::default()), 1 => change()];
    let then = prop_oneof![Just(Then::Accept), Just(Then::Reject), Just(Then::Next)];
    let rule = (when(), change, then).prop_map(|(when, change, then)| Rule { when, change, then });
    (proptest::collection::vec(rule, 0..6), any::<bool>())
        .prop_map(|(rules, accepts_rest)| Rules { rules, accepts_rest })
}
