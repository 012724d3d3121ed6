//! What external peers are told.

use alloc::vec::Vec;

use super::*;
use crate::attrs::{Parts, Summary};

#[test]
fn a4_who_is_told_the_same_paths_is_in_one_group_and_who_is_not_is_in_another() {
    use PathsMode::{Best, Diverse, Equal, PerNeighbourAs};
    let of = |mode, max| Paths::several(mode, NonZeroU8::new(max).unwrap());
    assert_eq!(of(Best, 17), of(Best, 16), "there are no more");
    assert_eq!(of(Diverse, 16), of(Diverse, 2));
    for mode in [Equal, PerNeighbourAs, Diverse] {
        assert_eq!(of(mode, 1), of(Best, 1));
        for other in [Best, Equal, PerNeighbourAs, Diverse] {
            assert_eq!(of(mode, 2) == of(other, 2), mode == other);
        }
    }
    assert_ne!(of(Equal, 2), of(Equal, 3));
    assert_ne!(of(Best, 1), Paths::Best, "an identifier is there, be it one path");
}

/// ORIGIN, AS_PATH, NEXT_HOP, MULTI_EXIT_DISC, LOCAL_PREF, a community and AIGP.
const BLOCK: &[u8] = &[
    0x40, 1, 1, 0, // ORIGIN
    0x40, 2, 6, 2, 1, 0, 0, 0xfc, 1, // AS_PATH 64513
    0x40, 3, 4, 192, 0, 2, 1, // NEXT_HOP
    0x80, 4, 4, 0, 0, 0, 9, // MULTI_EXIT_DISC
    0x40, 5, 4, 0, 0, 0, 100, // LOCAL_PREF
    0xc0, 8, 4, 0xfc, 0, 0, 1, // COMMUNITIES
    0x80, 26, 11, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 1, // AIGP
];

/// Our address on the session.
const OURS: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1));

fn set(external: bool) -> AttrSet {
    let parts = Parts {
        family: Family::Ipv4Unicast,
        summary: Summary::default(),
        external,
        cluster: ClusterId(1),
        block: BLOCK,
        mp_next_hop: None,
    };
    AttrSet::new(&parts)
}

fn key(external: Option<ExternalKey>) -> GroupKey {
    GroupKey {
        family: Family::Ipv4Unicast,
        role: if external.is_some() { PeerRole::External } else { PeerRole::Client },
        cluster_id: ClusterId(1),
        as4: true,
        message_len_max: 4096,
        external,
        next_hop: external.map(|_| OURS),
        long_lived: LongLivedExport::default(),
        no_llgr_on_hosts: false,
        policy: None,
        paths: Paths::Best,
    }
}

fn codes(block: &[u8]) -> Vec<u8> {
    let need = Need { announces: true, plain_next_hop: true };
    let decoded = Attributes::decode(block, need, &UpdateContext::own());
    assert_eq!(decoded.treatment, None, "{:?}", decoded.errors);
    decoded.attributes.raw().map(|attr| attr.code).collect()
}

#[test]
fn rfc4271_s5_1_4_and_rfc7311_s3_3_what_is_not_for_other_ases_is_left_out() {
    let outside = ExternalKey { local_asn: Asn(64512) };
    for external in [true, false] {
        let set = set(external);
        let told = key(Some(outside)).outgoing(&set, Extra::NONE);
        assert_eq!(codes(&told.block), [1, 2, 3, 8], "{external}");
        assert_eq!(key(None).outgoing(&set, Extra::NONE).block, BLOCK);
    }
}

/// The next hop of a block.
fn next_hop(block: &[u8]) -> Option<IpAddr> {
    let need = Need { announces: true, plain_next_hop: true };
    let decoded = Attributes::decode(block, need, &UpdateContext::own()).attributes;
    decoded.next_hop.map(IpAddr::from)
}

#[test]
fn rfc4456_s10_the_next_hop_is_the_routes_own_unless_ours_is_asked_for() {
    let outside = Some(ExternalKey { local_asn: Asn(64512) });
    let set = set(false);
    let own = next_hop(BLOCK);
    for (external, ours, expected) in [
        (None, None, own),
        (None, Some(OURS), Some(OURS)),
        (outside, Some(OURS), Some(OURS)),
        (outside, None, own),
    ] {
        let key = GroupKey { next_hop: ours, ..key(external) };
        let told = key.outgoing(&set, Extra::NONE);
        assert_eq!(next_hop(&told.block), expected, "{external:?} {ours:?}");
        assert_eq!(told.mp_next_hop, None);
    }
    let v6 = GroupKey { next_hop: Some(IpAddr::from([1u8; 16])), ..key(None) };
    let told = v6.outgoing(&set, Extra::NONE);
    assert_eq!((next_hop(&told.block), told.mp_next_hop.as_deref()), (None, Some(&[1u8; 16][..])));
}

/// COMMUNITIES and LOCAL_PREF of a block.
fn told(outgoing: &Outgoing<'_>) -> (Vec<u32>, Option<u32>) {
    let need = Need { announces: true, plain_next_hop: true };
    let decoded = Attributes::decode(&outgoing.block, need, &UpdateContext::own()).attributes;
    let communities = decoded.communities.map(|all| all.iter().collect());
    (communities.unwrap_or_default(), decoded.local_pref)
}

#[test]
fn g14_long_lived_stale_routes_are_for_those_who_know_them() {
    let set = set(false);
    let (plain, local_pref) = told(&key(None).outgoing(&set, Extra::NONE));
    assert!(!plain.contains(&WellKnown::LLGR_STALE));
    let with = |long_lived| GroupKey { long_lived, ..key(None) };
    let export = |long_lived, extra| with(long_lived).exports(&set, PeerRole::Client, extra);
    let stale = with(LongLivedExport::Told).extra(true, || unreachable!("nobody asked"));
    assert_eq!(stale, Extra::LLGR_STALE);
    for all in [LongLivedExport::Withheld, LongLivedExport::Told, LongLivedExport::Least] {
        assert!(export(all, Extra::NONE), "{all:?}");
        assert_eq!(export(all, stale), all != LongLivedExport::Withheld, "{all:?}");
    }
    let marked: Vec<u32> = plain.iter().copied().chain([WellKnown::LLGR_STALE]).collect();
    let outgoing = told(&with(LongLivedExport::Told).outgoing(&set, stale));
    assert_eq!(outgoing, (marked.clone(), local_pref));
    // RFC 9494 section 4.6.
    let (least, local_pref) = told(&with(LongLivedExport::Least).outgoing(&set, stale));
    assert_eq!((least.len(), local_pref), (marked.len() + 1, Some(0)));
    assert!(least.contains(&WellKnown::NO_EXPORT) && least.contains(&WellKnown::LLGR_STALE));
}

#[test]
fn rfc9494_s3_3_no_llgr_is_put_on_host_routes_where_that_is_wanted() {
    let set = set(false);
    let switched = GroupKey { no_llgr_on_hosts: true, ..key(None) };
    assert_eq!(key(None).extra(false, || true), Extra::NONE);
    assert_eq!(switched.extra(false, || false), Extra::NONE);
    let extra = switched.extra(false, || true);
    assert_eq!(extra, Extra::NO_LLGR);
    let (communities, _) = told(&switched.outgoing(&set, extra));
    assert!(communities.contains(&WellKnown::NO_LLGR));
    assert!(!communities.contains(&WellKnown::LLGR_STALE));
}
