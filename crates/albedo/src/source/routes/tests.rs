use albedo_rib::{Parts, Summary};
use albedo_types::{ClusterId, Family};

use super::*;

fn set(block: &[u8], mp_next_hop: Option<&[u8]>) -> AttrSet {
    let family = if mp_next_hop.is_some() { Family::Ipv6Unicast } else { Family::Ipv4Unicast };
    AttrSet::new(&Parts {
        family,
        summary: Summary::default(),
        external: false,
        cluster: ClusterId(1),
        block,
        mp_next_hop,
    })
}

#[test]
fn attributes_are_read_back_from_the_finished_block() {
    let block = [
        &[0x40, 1, 1, 2][..],
        // A sequence, a set, and what is of a confederation in front.
        &[
            0x40, 2, 22, 3, 1, 0, 0, 0xfc, 1, 2, 1, 0, 0, 0xfc, 2, 1, 2, 0, 0, 0xfc, 3, 0, 0, 0xfc,
            4,
        ],
        &[0x40, 3, 4, 10, 0, 0, 7],
        &[0x80, 4, 4, 0, 0, 0, 5],
        &[0x40, 5, 4, 0, 0, 0, 100],
        &[0xc0, 8, 4, 0xfc, 0, 0, 1],
        &[0x80, 9, 4, 10, 0, 0, 7],
        &[0x80, 10, 8, 10, 0, 0, 1, 10, 0, 0, 2],
        &[0xc0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
    ]
    .concat();
    let read = attributes(&set(&block, None));
    let expected = RouteAttributes {
        origin: 2,
        as_path: "(64513) 64514 {64515 64516}".to_owned(),
        origin_as: None,
        next_hop: vec!["10.0.0.7".parse().unwrap()],
        med: Some(5),
        local_pref: Some(100),
        communities: vec![0xfc00_0001],
        large_communities: vec![[1, 2, 3]],
        originator_id: Some("10.0.0.7".parse().unwrap()),
        cluster_list: vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()],
        ..RouteAttributes::default()
    };
    assert_eq!(read, expected);
}

#[test]
fn rfc2545_s3_both_next_hops_are_shown() {
    let [global, local] = ["fd00::7", "fe80::7"].map(|text| text.parse::<Ipv6Addr>().unwrap());
    let octets = [global.octets(), local.octets()].concat();
    let block = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100];
    let read = attributes(&set(&block, Some(&octets)));
    assert_eq!(read.next_hop, [IpAddr::V6(global), IpAddr::V6(local)]);
    assert_eq!((read.as_path.as_str(), read.local_pref), ("", Some(100)));
    assert_eq!(next_hops(&[10, 0, 0, 7]), [IpAddr::from([10, 0, 0, 7])]);
    assert!(next_hops(&[]).is_empty());
}
