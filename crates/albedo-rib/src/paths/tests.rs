use core::net::IpAddr;

use albedo_types::{PeerRole, RouterId};

use super::*;

fn peer(last: u8, router_id: u32) -> PeerInfo {
    let router_id = RouterId::new(router_id).unwrap();
    PeerInfo { addr: IpAddr::from([10, 0, 0, last]), router_id, role: PeerRole::Client }
}

#[test]
fn a3_identifiers_are_ours_and_follow_from_the_peer_and_what_it_sent() {
    let of = |seed, peer: &PeerInfo, received| id(seed, peer, PathId(received));
    let first = of(1, &peer(1, 1), 0);
    assert_eq!(of(1, &peer(1, 1), 0), first, "the same as long as the path lives");
    let external = PeerInfo { role: PeerRole::External, ..peer(1, 1) };
    assert_eq!(of(1, &external, 0), first, "a role is no other path");
    for other in [of(1, &peer(1, 1), 1), of(1, &peer(2, 1), 0), of(1, &peer(1, 2), 0)] {
        assert_ne!(other, first);
    }
    assert_ne!(of(2, &peer(1, 1), 0), first, "nobody can choose one that comes to another's");
    let zeros = (0..100_000).filter(|n| of(3, &peer(1, 1), *n) == PathId(0)).count();
    assert_eq!(zeros, 0);
}
