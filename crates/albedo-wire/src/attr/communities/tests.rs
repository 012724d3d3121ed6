//! Well-known communities, and duplicates of large ones.

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::tests::support::hex;

#[test]
fn well_known_communities_are_told_apart() {
    let each = [
        WellKnown::GRACEFUL_SHUTDOWN,
        WellKnown::ACCEPT_OWN,
        WellKnown::LLGR_STALE,
        WellKnown::NO_LLGR,
        WellKnown::BLACKHOLE,
        WellKnown::NO_EXPORT,
        WellKnown::NO_ADVERTISE,
        WellKnown::NO_EXPORT_SUBCONFED,
        WellKnown::NO_PEER,
    ];
    for one in each {
        let value = [hex("0000ffff fffe0001"), one.to_be_bytes().to_vec()].concat();
        let known = Communities(&value).well_known();
        for other in each {
            assert_eq!(known.contains(other), one == other, "{one:#x} {other:#x}");
        }
        assert_eq!(known.no_advertise(), one == WellKnown::NO_ADVERTISE);
        let kept_inside = [WellKnown::NO_EXPORT, WellKnown::NO_EXPORT_SUBCONFED];
        assert_eq!(known.no_export(), kept_inside.contains(&one));
        assert_eq!(known.llgr_stale(), one == WellKnown::LLGR_STALE);
        assert_eq!(known.no_llgr(), one == WellKnown::NO_LLGR);
    }
    let others = hex("ffff0002 ffffffff 0000ff01");
    assert!(Communities(&others).well_known().is_empty());
    assert!(!Communities(&others).contains(0xffff));
    assert!(Communities(&others).contains(0xff01));
}

#[test]
fn rfc8092_s3_duplicates_are_removed_and_the_order_stays() {
    // Few are compared pairwise, many through a set; both give the same.
    for distinct in [1_u32, 2, 8, 9, 60] {
        let entry =
            |n: u32| [n, 0, 1].iter().flat_map(|part| part.to_be_bytes()).collect::<Vec<_>>();
        let once: Vec<u8> = (0..distinct).rev().flat_map(entry).collect();
        let twice = [once.clone(), once.clone()].concat();
        let mut out = vec![];
        LargeCommunities(&twice).write_unique(&mut out);
        assert_eq!(out, once, "{distinct}");
        let numbers: Vec<_> = LargeCommunities(&twice).iter().collect();
        assert_eq!(numbers.len(), usize::try_from(distinct).unwrap());
        assert_eq!(numbers[0], [distinct - 1, 0, 1]);
    }
    let value = hex("000000010000000200000003 000000010000000200000003");
    assert_eq!(LargeCommunities(&value).to_string(), "1:2:3");
}
