//! The speaker's own encoder against its own parser, and faults it must not overlook.

use std::net::Ipv4Addr;

use super::{Attributes, HEADER, Update, announcement, attribute, code, end_of_rib, update};
use super::{plain_attributes, withdrawal};
use crate::net::{Family, net};

fn parse(message: &[u8]) -> Update {
    Update::parse(&message[HEADER..]).expect("a well-formed UPDATE")
}

#[test]
fn announcement_is_read_back() {
    let nets = [net("10.244.0.0/26"), net("10.96.0.0/12")];
    let next_hop = Ipv4Addr::new(10, 0, 0, 5);
    let read = parse(&announcement(next_hop, 7, &nets));
    assert_eq!(read.announced, nets);
    assert_eq!(read.next_hop, Some(next_hop.into()));
    assert_eq!(read.attributes.number(code::MED), Some(7));
    assert_eq!(parse(&withdrawal(&nets)).withdrawn, nets);
}

#[test]
fn end_of_rib_is_told_from_an_empty_withdrawal() {
    assert_eq!(parse(&end_of_rib()).end_of_rib, Some(Family::V4));
    let marker = update(&[], &attribute(0x80, code::MP_UNREACH, &[0, 2, 1]), &[]);
    assert_eq!(parse(&marker).end_of_rib, Some(Family::V6));
}

#[test]
fn mp_reach_gives_next_hop_and_prefixes() {
    let mut value = vec![0, 2, 1, 32];
    value.extend_from_slice(&Ipv4Addr::new(0xfd, 0, 0, 0).octets());
    value.extend_from_slice(&[0; 28]);
    value.extend_from_slice(&[0, 16, 0xfd, 1]);
    let read = parse(&update(&[], &attribute(0x80, code::MP_REACH, &value), &[]));
    assert_eq!(read.announced, [net("fd01::/16")]);
    assert_eq!(read.next_hop, Some("fd00::".parse().expect("address")));
    assert!(read.attributes.0.is_empty());
}

#[test]
fn fault_of_the_sender_is_not_overlooked() {
    let twice = [attribute(0x40, code::ORIGIN, &[0]), attribute(0x40, code::ORIGIN, &[1])].concat();
    assert!(Attributes::parse(&twice).is_err());
    assert!(Attributes::parse(&[0x40, 1]).is_err());
    assert!(Attributes::parse(&[0x40, 1, 2, 0]).is_err());
    let no_next_hop = update(&[], &attribute(0x40, code::ORIGIN, &[0]), &[8, 10]);
    assert!(Update::parse(&no_next_hop[HEADER..]).is_err());
    let plain = plain_attributes(Ipv4Addr::LOCALHOST, 1).concat();
    assert!(Update::parse(&update(&[], &plain, &[33, 1, 2, 3, 4, 5])[HEADER..]).is_err());
}

#[test]
fn reflection_attributes_are_read() {
    let block = [
        attribute(0x80, code::CLUSTER_LIST, &[1, 1, 1, 1, 2, 2, 2, 2]),
        attribute(0x80, code::ORIGINATOR_ID, &[3, 3, 3, 3]),
    ]
    .concat();
    let attributes = Attributes::parse(&block).expect("well-formed");
    assert_eq!(attributes.originator(), Some(Ipv4Addr::new(3, 3, 3, 3)));
    assert_eq!(attributes.clusters(), [Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(2, 2, 2, 2)]);
}
