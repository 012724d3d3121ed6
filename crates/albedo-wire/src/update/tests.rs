//! Messages that real speakers sent.

use std::string::ToString;
use std::vec::Vec;

use albedo_types::{Asn, Family, Ipv4Prefix, Ipv6Prefix, PathId};

use super::*;
use crate::attr::{Attributes, Edit, NextHopEdit};
use crate::nlri::NextHop;
use crate::tests::support::hex;

// What Debian's BIRD 1.6.8 sends when it is configured as Calico's template does.
const UPDATE4: &str = "ffffffffffffffffffffffffffffffff0045020000001540010100400200\
    4003047f00000540050400000064000000021a0a410200000000021a0a410100000000020c0a60";
const EOR4: &str = "ffffffffffffffffffffffffffffffff00170200000000";
const UPDATE6: &str = "ffffffffffffffffffffffffffffffff005f02000000484001010040020040050400\
    000064800e3700020110fd000000000000000000000000000005000000000240fd8024e2f99872d6000000027a\
    fd8024e2f99872d70000000000000000";
const EOR6: &str = "ffffffffffffffffffffffffffffffff001d0200000006800f03000201";

fn calico() -> UpdateContext {
    UpdateContext {
        add_path: albedo_types::FamilySet::ALL,
        loopback_next_hop: true,
        ..UpdateContext::internal(Asn(64512))
    }
}

/// Splits, judges, encodes and packs a message with one family; the message has to come out
/// again.
fn through(message: &str, multiprotocol: bool) -> Vec<u8> {
    let message = hex(message);
    let ctx = calico();
    let update = RawUpdate::split(&message[19..], &ctx).unwrap();
    let mut scratch = Vec::new();
    let block = update.block.contiguous(&mut scratch);
    let decoded = Attributes::decode(block, update.need(), &ctx);
    assert_eq!(decoded.treatment, None, "{:?}", decoded.errors);
    assert_eq!(decoded.attributes.local_pref, Some(100));
    let mut encoded = Vec::new();
    let next_hop = if multiprotocol { NextHopEdit::Drop } else { NextHopEdit::Keep };
    let edit = Edit { as4: true, next_hop, ..Edit::default() };
    decoded.attributes.encode(&edit, &mut encoded);
    let spec = PackSpec { message_len_max: 4096, add_path: true };
    let mut out = Vec::new();
    let packed = if multiprotocol {
        let reach = update.mp_reach.unwrap();
        let keys: Vec<_> = reach.prefixes::<Ipv6Prefix>(&ctx).map(Result::unwrap).collect();
        pack_announce(&mut out, spec, &encoded, Some(reach.next_hop), keys.into_iter())
    } else {
        let keys: Vec<_> = update.announced_prefixes(&ctx).map(Result::unwrap).collect();
        pack_announce(&mut out, spec, &encoded, None, keys.into_iter())
    };
    assert_eq!((packed.messages, packed.oversized), (1, 0));
    out
}

#[test]
fn calico_bird_ipv4_update_is_read_and_written_byte_for_byte() {
    let message = hex(UPDATE4);
    let ctx = calico();
    let update = RawUpdate::split(&message[19..], &ctx).unwrap();
    let prefixes: Vec<_> = update
        .announced_prefixes(&ctx)
        .map(Result::unwrap)
        .map(|(id, prefix): (PathId, Ipv4Prefix)| (id.0, prefix.to_string()))
        .collect();
    let expected = ["10.65.2.0/26", "10.65.1.0/26", "10.96.0.0/12"];
    assert_eq!(prefixes, expected.map(|text| (2, text.to_string())));
    assert_eq!(through(UPDATE4, false), message);
}

#[test]
fn calico_bird_ipv6_update_has_a_zero_link_local_half() {
    let message = hex(UPDATE6);
    let ctx = calico();
    let update = RawUpdate::split(&message[19..], &ctx).unwrap();
    let reach = update.mp_reach.unwrap();
    assert_eq!(reach.next_hop.len(), 16);
    let hop = reach.check_next_hop(&ctx).unwrap();
    assert_eq!(hop, Some(NextHop::V6("fd00::5".parse().unwrap())));
    let again = through(UPDATE6, true);
    // The same but for the order: ours has MP_REACH_NLRI in front.
    assert_eq!(again.len(), message.len());
    let update = RawUpdate::split(&again[19..], &ctx).unwrap();
    assert_eq!(update.mp_reach.unwrap().nlri, reach.nlri);
}

#[test]
fn calico_bird_end_of_rib_is_recognised_and_ours_is_the_same() {
    for (text, family) in [(EOR4, Family::Ipv4Unicast), (EOR6, Family::Ipv6Unicast)] {
        let message = hex(text);
        assert_eq!(end_of_rib(family), message);
        let update = RawUpdate::split(&message[19..], &calico()).unwrap();
        assert_eq!(update.is_end_of_rib(&calico()), Some(family));
    }
}
