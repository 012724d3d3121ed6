//! ROUTE-REFRESH in Established, with and without RFC 7313.

use albedo_types::{Afi, Safi};

use super::*;

const OUT: ConnId = ConnId::Outgoing;

fn established(enhanced: bool) -> Rig {
    let mut rig = Rig::started(config());
    let mut open = open_of(PEER_ID, LOCAL_AS, Graceful::No);
    if enhanced {
        open.capabilities.push(Capability::EnhancedRouteRefresh);
    }
    rig.establish(&open);
    rig
}

fn message(body: &[u8]) -> Vec<u8> {
    let mut out = std::vec![0xff; 16];
    out.extend_from_slice(&[0, u8::try_from(19 + body.len()).unwrap(), 5]);
    out.extend_from_slice(body);
    out
}

#[test]
fn subtypes_count_only_where_both_know_them() {
    for (octet, enhanced, plain) in [
        (0, "refresh Request", "refresh Request"),
        (1, "refresh Begin", "refresh Request"),
        (2, "refresh End", "refresh Request"),
        (7, "warn ignored a refresh of unknown subtype 7", "refresh Request"),
    ] {
        let bytes = message(&[0, 1, octet, 1]);
        assert_eq!(established(true).receive(OUT, &bytes), enhanced);
        assert_eq!(established(false).receive(OUT, &bytes), plain);
    }
}

#[test]
fn rr1_other_families_are_a_warning() {
    // IPv6 unicast is ours but was not negotiated; the other is not even ours.
    for (afi, safi) in [(2, 1), (25, 70)] {
        let refresh = RouteRefresh { afi: Afi(afi), safi: Safi(safi), subtype: Subtype::Request };
        let said = established(true).receive(OUT, &refresh.encode());
        let words =
            format!("warn ignored a refresh of AFI {afi} SAFI {safi}, which is not negotiated");
        assert_eq!(said, words);
    }
}

#[test]
fn rfc7313_s5_a_longer_one_is_a_fault_only_where_it_begins_or_ends_a_refresh() {
    for (subtype, said) in
        [(0, "refresh Request"), (7, "warn ignored a refresh of unknown subtype 7")]
    {
        let bytes = message(&[0, 1, subtype, 1, 9, 9, 9]);
        assert_eq!(established(false).receive(OUT, &bytes), "refresh Request");
        assert_eq!(established(true).receive(OUT, &bytes), said);
    }
    for subtype in [1, 2] {
        let bytes = message(&[0, 1, subtype, 1, 9, 9, 9]);
        assert_eq!(established(false).receive(OUT, &bytes), "refresh Request");
        let mut rig = established(true);
        assert_eq!(rig.receive(OUT, &bytes), "out<7/1, linger out, down protocol");
        // The whole message is sent back.
        let sent = rig.session.reason().unwrap().sent.clone().unwrap();
        assert_eq!(sent.data, bytes);
    }
}
