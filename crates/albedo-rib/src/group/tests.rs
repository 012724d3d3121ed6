//! What external peers are told.

use alloc::vec::Vec;

use super::*;
use crate::attrs::{Parts, Summary};

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
        policy: None,
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
    let outside = ExternalKey { local_asn: Asn(64512), next_hop: IpAddr::from([10, 0, 0, 1]) };
    for external in [true, false] {
        let set = set(external);
        assert_eq!(codes(&key(Some(outside)).outgoing(&set).block), [1, 2, 3, 8], "{external}");
        assert_eq!(key(None).outgoing(&set).block, BLOCK);
    }
}
