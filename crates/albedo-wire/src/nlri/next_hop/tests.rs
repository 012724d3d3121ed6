//! Next hops of each family: lengths, addresses, pairs.

use std::string::ToString;
use std::vec;

use albedo_types::FamilySet;

use super::*;
use crate::error::Treatment;
use crate::tests::support::{hex, internal};

const GLOBAL: &str = "20010db8000000000000000000000001";
const LINK: &str = "fe800000000000000000000000000001";
const LINK2: &str = "fe800000000000000000000000000002";
const ZERO: &str = "00000000000000000000000000000000";
const MAPPED: &str = "00000000000000000000ffffc0000201";

fn good(family: Family, octets: &str, ctx: &UpdateContext) -> NextHop {
    check_next_hop(family, &hex(octets), ctx).unwrap_or_else(|error| panic!("{octets}: {error}"))
}

fn bad(family: Family, octets: &str, ctx: &UpdateContext) -> Treatment {
    check_next_hop(family, &hex(octets), ctx).unwrap_err().treatment()
}

#[test]
fn rfc4760_s3_lengths_of_each_family() {
    let ctx = internal();
    let enhanced = UpdateContext { extended_next_hop: FamilySet::ALL, ..internal() };
    for len in 0..=64 {
        // 0x20.. is an address of either family that can be a next hop.
        let octets = vec![0x20; len];
        let cases = [
            (Family::Ipv4Unicast, &ctx, len == 4),
            (Family::Ipv4Unicast, &enhanced, matches!(len, 4 | 16 | 32)),
            (Family::Ipv6Unicast, &ctx, matches!(len, 16 | 32)),
            (Family::Ipv6Unicast, &enhanced, matches!(len, 16 | 32)),
        ];
        for (family, ctx, fits) in cases {
            let found = check_next_hop(family, &octets, ctx);
            match found {
                Ok(_) => assert!(fits, "{family} {len}"),
                Err(error) => {
                    assert!(!fits, "{family} {len}: {error}");
                    assert_eq!(error.treatment(), Treatment::Reset);
                    assert_eq!(error.notification().subcode, 9);
                    let disabling = UpdateContext { disable_family: true, ..ctx.clone() };
                    assert_eq!(disabling.treatment(&error), Treatment::DisableFamily);
                }
            }
        }
    }
}

#[test]
fn rfc7606_s7_3_addresses_that_are_no_next_hop_cost_their_routes() {
    let ctx = UpdateContext {
        local_v4: Some(Ipv4Addr::new(10, 0, 0, 1)),
        local_v6: Some("2001:db8::2".parse().unwrap()),
        ..internal()
    };
    let v4 = ["00000000", "00ffffff", "7f000001", "e0000001", "f0000001", "ffffffff", "0a000001"];
    for octets in v4 {
        assert_eq!(bad(Family::Ipv4Unicast, octets, &ctx), Treatment::TreatAsWithdraw, "{octets}");
    }
    for octets in ["01000001", "0a000002", "dfffffff"] {
        good(Family::Ipv4Unicast, octets, &ctx);
    }
    let own = "20010db8000000000000000000000002";
    let loopback = "00000000000000000000000000000001";
    for octets in [ZERO, loopback, "ff020000000000000000000000000001", own, LINK] {
        let found = bad(Family::Ipv6Unicast, octets, &ctx);
        assert_eq!(found, Treatment::TreatAsWithdraw, "{octets}");
    }
    let laboratory = UpdateContext { loopback_next_hop: true, ..internal() };
    good(Family::Ipv4Unicast, "7f000005", &laboratory);
    good(Family::Ipv6Unicast, loopback, &laboratory);
}

#[test]
fn rfc2545_s3_pairs_of_global_and_link_local() {
    let ctx = internal();
    let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let (link, link2) = ("fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
    let pair = |a: &str, b: &str, ctx: &UpdateContext| {
        check_next_hop(Family::Ipv6Unicast, &hex(&[a, b].concat()), ctx).ok()
    };
    assert_eq!(pair(GLOBAL, LINK, &ctx), Some(NextHop::V6LinkLocal(global, link)));
    // BIRD 1.6 leaves the second half empty.
    assert_eq!(pair(GLOBAL, ZERO, &ctx), Some(NextHop::V6(global)));
    // A second half that is no link-local address says nothing.
    assert_eq!(pair(GLOBAL, GLOBAL, &ctx), Some(NextHop::V6(global)));
    // Unnumbered links.
    assert_eq!(pair(LINK, LINK2, &ctx), Some(NextHop::V6LinkLocal(link, link2)));
    assert_eq!(pair(ZERO, LINK, &ctx), None);
    assert_eq!(pair(LINK, ZERO, &ctx), None);
    assert_eq!(pair(ZERO, ZERO, &ctx), None);
    let shared_link = UpdateContext { link_local_next_hop: true, ..internal() };
    let lone = Some(NextHop::V6LinkLocal(link, link));
    assert_eq!(pair(ZERO, LINK, &shared_link), lone);
    assert_eq!(pair(LINK, ZERO, &shared_link), lone);
    assert_eq!(Some(good(Family::Ipv6Unicast, LINK, &shared_link)), lone);
}

#[test]
fn mapped_addresses_can_be_refused() {
    good(Family::Ipv6Unicast, MAPPED, &internal());
    let refusing = UpdateContext { mapped_next_hop: false, ..internal() };
    assert_eq!(bad(Family::Ipv6Unicast, MAPPED, &refusing), Treatment::TreatAsWithdraw);
    let error = check_next_hop(Family::Ipv6Unicast, &hex(MAPPED), &refusing).unwrap_err();
    assert!(error.to_string().starts_with("next hop ::ffff:192.0.2.1: expected"), "{error}");
}

#[test]
fn rfc2545_s3_link_local_half_is_sent_only_where_the_link_is_shared() {
    let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let link: Ipv6Addr = "fe80::1".parse().unwrap();
    let cases = [
        (NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)), false, "c0000201".to_string()),
        (NextHop::V6(global), true, GLOBAL.to_string()),
        (NextHop::V6LinkLocal(global, link), false, GLOBAL.to_string()),
        (NextHop::V6LinkLocal(global, link), true, [GLOBAL, LINK].concat()),
        (NextHop::V6LinkLocal(link, link), false, [LINK, LINK].concat()),
    ];
    for (hop, shared, expected) in cases {
        assert_eq!(hop.to_wire(shared).as_slice(), hex(&expected), "{hop:?}");
    }
}
