//! Framing, multiprotocol attributes anywhere, End-of-RIB, and what a message costs.

use std::vec;
use std::vec::Vec;

use albedo_types::{FamilySet, Ipv6Prefix};
use proptest::prelude::*;

use super::*;
use crate::attr::Attributes;
use crate::tests::support::*;

/// All that the walk can find in one message.
const WALK_ERRORS_MAX: usize = 6;

const REACH6: &str = "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8";
const UNREACH6: &str = "80 0f 08 0002 01 20 20010db9";

fn split<'a>(body: &'a [u8], ctx: &UpdateContext) -> RawUpdate<'a> {
    RawUpdate::split(body, ctx).unwrap_or_else(|error| panic!("{body:02x?}: {error}"))
}

/// The subcode of the NOTIFICATION for a body that cannot be split.
fn fatal(body: &[u8], ctx: &UpdateContext) -> u8 {
    let error = RawUpdate::split(body, ctx).unwrap_err();
    assert_eq!(error.treatment(), Treatment::Reset, "{error}");
    assert_eq!(error.notification().code, 3);
    error.notification().subcode
}

/// What a whole message costs: both phases, then the conclusion.
fn conclusion(body: &[u8], ctx: &UpdateContext) -> Result<Option<Treatment>, u8> {
    let update = RawUpdate::split(body, ctx).map_err(|error| error.notification().subcode)?;
    let mut scratch = vec![];
    let block = update.block.contiguous(&mut scratch);
    let decoded = Attributes::decode(block, update.need(), ctx);
    update.conclude(&decoded.errors).map_err(|error| error.notification().subcode)
}

#[test]
fn rfc4271_s6_3_lengths_that_contradict_each_other() {
    let good = update_body(&[8, 10], &mandatory(), &[8, 11]);
    split(&good, &internal());
    for cut in 0..good.len() - 2 {
        assert_eq!(fatal(&good[..cut], &internal()), 1, "cut to {cut}");
    }
    for (at, length) in [(0, 0xffff), (0, 30), (4, 0xffff), (4, 17)] {
        let mut bad = good.clone();
        bad[at..at + 2].copy_from_slice(&u16::to_be_bytes(length));
        assert_eq!(fatal(&bad, &internal()), 1, "{at} {length}");
    }
    // Withdrawn routes that reach right to the end leave no room for the second length.
    assert_eq!(fatal(&[0, 2, 8, 10], &internal()), 1);
    assert_eq!(fatal(&[0, 2, 8, 10, 0], &internal()), 1);
    split(&[0, 2, 8, 10, 0, 0], &internal());
}

#[test]
fn fields_are_found() {
    let body = update_body(&[8, 10], &mandatory(), &[8, 11, 16, 10, 1]);
    let update = split(&body, &internal());
    let ctx = internal();
    let texts = |nlri: Nlri<'_, Ipv4Prefix>| {
        nlri.map(|entry| std::format!("{}", entry.unwrap().1)).collect::<Vec<_>>()
    };
    assert_eq!(texts(update.withdrawn_prefixes(&ctx)), ["10.0.0.0/8"]);
    assert_eq!(texts(update.announced_prefixes(&ctx)), ["11.0.0.0/8", "10.1.0.0/16"]);
    assert_eq!(update.block.len(), mandatory().len());
    assert_eq!(update.need(), PLAIN);
    assert!(update.walk_errors.is_empty());
    assert_eq!(conclusion(&body, &ctx), Ok(None));
}

#[test]
fn rfc7606_s5_1_multiprotocol_attributes_stand_anywhere() {
    let others = [&ORIGIN_IGP[..], &AS_PATH_EMPTY, &NEXT_HOP_192_0_2_1];
    let (reach, unreach) = (hex(REACH6), hex(UNREACH6));
    for first in 0..=others.len() {
        for second in 0..=others.len() + 1 {
            let mut parts: Vec<&[u8]> = others.to_vec();
            parts.insert(first, &reach);
            parts.insert(second, &unreach);
            let body = update_body(&[], &parts.concat(), &[]);
            let ctx = internal();
            let update = split(&body, &ctx);
            let mut block = vec![];
            update.block.write_to(&mut block);
            assert_eq!(block, mandatory(), "{first} {second}");
            assert_eq!(update.block.len(), block.len());
            assert!(update.block.parts().all(|part| !part.is_empty()));
            let mut scratch = vec![];
            assert_eq!(update.block.contiguous(&mut scratch), block);
            let prefix = |nlri: Nlri<'_, Ipv6Prefix>| nlri.map(Result::unwrap).last().unwrap().1;
            let reach = update.mp_reach.unwrap();
            assert_eq!(prefix(reach.prefixes(&ctx)), "2001:db8::/32".parse().unwrap());
            assert_eq!(reach.next_hop.len(), 16);
            let unreach = update.mp_unreach.unwrap();
            assert_eq!(prefix(unreach.prefixes(&ctx)), "2001:db9::/32".parse().unwrap());
            assert_eq!(update.need(), Need { announces: true, plain_next_hop: false });
            assert_eq!(update.is_end_of_rib(&ctx), None);
            assert_eq!(conclusion(&body, &ctx), Ok(None));
        }
    }
    // Together with fields of the old style.
    let body = update_body(&[8, 10], &[&reach, &mandatory()[..]].concat(), &[8, 11]);
    assert_eq!(split(&body, &internal()).need(), PLAIN);
}

#[test]
fn rfc7606_s3_g_a_multiprotocol_attribute_twice_is_fatal() {
    for attribute in [hex(REACH6), hex(UNREACH6)] {
        let twice = [&attribute[..], &mandatory(), &attribute].concat();
        assert_eq!(fatal(&update_body(&[], &twice, &[]), &internal()), 1);
    }
}

#[test]
fn rfc7606_s7_11_and_s7_12_multiprotocol_attributes_cut_short_are_fatal() {
    let reach = hex(REACH6);
    // Up to and without the reserved octet; behind it, NLRI may be missing or not.
    for len in 0..21 {
        let attribute = attr(0x80, 14, &reach[3..3 + len]);
        assert_eq!(fatal(&update_body(&[], &attribute, &[]), &internal()), 9, "{len}");
    }
    split(&update_body(&[], &attr(0x80, 14, &reach[3..24]), &[]), &internal());
    for len in 0..3 {
        let attribute = attr(0x80, 15, &[0, 2, 1][..len]);
        assert_eq!(fatal(&update_body(&[], &attribute, &[]), &internal()), 9, "{len}");
    }
    // Beyond the attributes.
    for attribute in ["80 0e 20 0002", "90 0f 0100 00", "80 0f 04 000201"] {
        let block = [&mandatory(), &hex(attribute)[..]].concat();
        assert_eq!(fatal(&update_body(&[], &block, &[8, 10]), &internal()), 9, "{attribute}");
    }
}

#[test]
fn fatal_faults_show_the_attribute() {
    let reach = attr(0x80, 14, &[0, 2, 1, 16, 1]);
    let body = update_body(&[8, 10], &[&ORIGIN_IGP[..], &reach].concat(), &[]);
    let error = RawUpdate::split(&body, &internal()).unwrap_err();
    let notification = crate::update::notification_of(&error, &body);
    assert_eq!((notification.code, notification.subcode), (3, 9));
    assert_eq!(notification.data, reach);
    // A next hop of a length that is none.
    let reach = attr(0x80, 14, &hex("0002 01 05 2001000001 00 00"));
    let body = update_body(&[], &[&ORIGIN_IGP[..], &reach].concat(), &[]);
    let update = split(&body, &internal());
    let error = update.mp_reach.unwrap().check_next_hop(&internal()).unwrap_err();
    assert_eq!(crate::update::notification_of(&error, &body).data, reach);
    // NLRI that cannot be read.
    let reach = attr(0x80, 14, &hex("0002 01 10 20010db8000000000000000000000001 00 00 81"));
    let body = update_body(&[], &[&ORIGIN_IGP[..], &reach].concat(), &[]);
    let update = split(&body, &internal());
    let mut nlri = update.mp_reach.unwrap().prefixes::<Ipv6Prefix>(&internal());
    let error = nlri.find_map(Result::err).unwrap();
    assert_eq!(crate::update::notification_of(&error, &body).data, reach);
    // No data where none is due.
    let error = RawUpdate::split(&[0], &internal()).unwrap_err();
    assert!(crate::update::notification_of(&error, &[0]).data.is_empty());
}

#[test]
fn rfc7606_s4_a_break_in_the_headers_costs_the_routes() {
    for tail in ["40", "40 04", "50 04 00", "80 04 04 0000", "c0 63 ff"] {
        let block = [&mandatory(), &hex(tail)[..]].concat();
        let ctx = internal();
        let body = update_body(&[], &block, &[8, 10]);
        let update = split(&body, &ctx);
        assert_eq!(update.walk_errors.len(), 1, "{tail}");
        assert_eq!(update.walk_errors[0].offset, 4 + mandatory().len());
        assert_eq!(update.announced, [8, 10], "the total length is trusted");
        assert_eq!(conclusion(&body, &ctx), Ok(Some(Treatment::TreatAsWithdraw)));
    }
}

#[test]
fn rfc7606_s5_2_a_fault_without_any_reachable_route_is_fatal() {
    let bad_med = attr(0x80, 4, &[1]);
    let ctx = internal();
    let faulty = |withdrawn: &[u8], more: &[u8], announced: &[u8]| {
        conclusion(&update_body(withdrawn, &[&bad_med, more].concat(), announced), &ctx)
    };
    let withdraw = Ok(Some(Treatment::TreatAsWithdraw));
    assert_eq!(faulty(&[], &mandatory(), &[8, 10]), withdraw);
    assert_eq!(faulty(&[], &[&hex(REACH6)[..], &mandatory()].concat(), &[]), withdraw);
    assert_eq!(faulty(&[], &mandatory(), &[]), Err(1));
    assert_eq!(faulty(&[8, 10], &mandatory(), &[]), Err(1));
    assert_eq!(faulty(&[], &hex(UNREACH6), &[]), Err(1));
    // What is only dropped is not feared.
    let dropped = update_body(&[], &attr(0x40, 6, &[1]), &[]);
    assert_eq!(conclusion(&dropped, &ctx), Ok(Some(Treatment::Discard)));
    // Withdrawals alone have no attributes that could be at fault.
    assert_eq!(conclusion(&update_body(&[8, 10], &[], &[]), &ctx), Ok(None));
    let flags = attr(0x40, 15, &hex("0002 01 20 20010db9"));
    assert_eq!(conclusion(&update_body(&[], &flags, &[]), &ctx), withdraw);
    // Routes without any attribute: CVE-2023-41358.
    assert_eq!(conclusion(&update_body(&[], &[], &[8, 10]), &ctx), withdraw);
    // Only an unknown attribute, the mandatory ones missing: CVE-2023-46753.
    let unknown = attr(0xc0, 99, &[1]);
    assert_eq!(conclusion(&update_body(&[], &unknown, &[8, 10]), &ctx), withdraw);
}

#[test]
fn an_attribute_that_configuration_is_strict_about_is_fatal() {
    let ctx = UpdateContext { reset_on_unknown_well_known: true, ..internal() };
    let block = [&mandatory(), &attr(0x40, 77, &[])[..]].concat();
    assert_eq!(conclusion(&update_body(&[], &block, &[8, 10]), &ctx), Err(2));
}

#[test]
fn rfc7606_s3_h_a_crowd_of_mild_faults_hides_no_strong_one() {
    let crowd = attr(0x40, 1, &[0]).repeat(40);
    let behind = |fault: &[u8]| [&mandatory(), &crowd[..], fault].concat();
    let bad_med = behind(&attr(0x80, 4, &[1]));
    let withdraw = Ok(Some(Treatment::TreatAsWithdraw));
    assert_eq!(conclusion(&update_body(&[], &bad_med, &[8, 10]), &internal()), withdraw);
    // Without a reachable route it resets (§5.2).
    assert_eq!(conclusion(&update_body(&[], &bad_med, &[]), &internal()), Err(1));
    let strict = UpdateContext { reset_on_unknown_well_known: true, ..internal() };
    let unknown = behind(&attr(0x40, 77, &[]));
    assert_eq!(conclusion(&update_body(&[], &unknown, &[8, 10]), &strict), Err(2));
}

#[test]
fn rfc4271_s6_3_an_unknown_well_known_attribute_is_sent_back() {
    let ctx = UpdateContext { reset_on_unknown_well_known: true, ..internal() };
    let unknown = attr(0x40, 77, &[1, 2, 3]);
    let parts = [&hex(REACH6)[..], &mandatory(), &hex(UNREACH6), &unknown];
    // Wherever the multiprotocol attributes cut the block into pieces.
    for turn in 0..parts.len() {
        let mut turned = parts;
        turned.rotate_left(turn);
        let body = update_body(&[8, 10], &turned.concat(), &[]);
        let update = split(&body, &ctx);
        let mut scratch = vec![];
        let block = update.block.contiguous(&mut scratch);
        let decoded = Attributes::decode(block, update.need(), &ctx);
        let error = update.conclude(&decoded.errors).unwrap_err();
        let notification = crate::update::notification_of(&error, &body);
        assert_eq!((notification.code, notification.subcode), (3, 2));
        assert_eq!(notification.data, unknown, "turned by {turn}");
    }
}

#[test]
fn rfc7606_s3_c_flags_of_multiprotocol_attributes() {
    for flags in [0x00, 0x40, 0xc0] {
        let mut reach = hex(REACH6);
        reach[0] = flags;
        let body = update_body(&[], &[&reach, &mandatory()[..]].concat(), &[]);
        let update = split(&body, &internal());
        assert!(update.mp_reach.is_some(), "its routes have to be withdrawn");
        assert_eq!(conclusion(&body, &internal()), Ok(Some(Treatment::TreatAsWithdraw)));
    }
}

#[test]
fn rfc4760_s7_families_that_were_not_agreed_on_are_not_looked_at() {
    let body =
        update_body(&[8, 10], &[&hex(REACH6)[..], &hex(UNREACH6), &mandatory()].concat(), &[8, 11]);
    let only = |family| UpdateContext { families: FamilySet::of(family), ..internal() };
    let v4 = only(Family::Ipv4Unicast);
    let update = split(&body, &v4);
    assert_eq!(update.mp_reach.unwrap().family, None);
    assert_eq!(update.mp_unreach.unwrap().family, None);
    assert_eq!(update.mp_reach.unwrap().check_next_hop(&v4), Ok(None));
    assert_eq!(update.need(), PLAIN);
    assert_eq!(update.walk_errors.len(), 2);
    assert_eq!(conclusion(&body, &v4), Ok(Some(Treatment::Discard)));
    let v6 = only(Family::Ipv6Unicast);
    let update = split(&body, &v6);
    assert!(update.withdrawn.is_empty() && update.announced.is_empty());
    assert_eq!(update.need(), Need { announces: true, plain_next_hop: false });
    // A family that is none of ours, with NLRI that nobody here can read.
    let evpn = attr(0x80, 14, &hex("0019 46 04 c0000201 00 ff"));
    let body = update_body(&[], &[&evpn, &mandatory()[..]].concat(), &[]);
    let update = split(&body, &internal());
    let reach = update.mp_reach.unwrap();
    assert_eq!((reach.family, reach.afi.0, reach.safi.0), (None, 25, 70));
    assert_eq!(update.need(), Need::default());
    assert_eq!(conclusion(&body, &internal()), Ok(Some(Treatment::Discard)));
}

#[test]
fn walk_errors_are_bounded() {
    // All that the walk can find at once.
    let none = UpdateContext { families: FamilySet::EMPTY, ..internal() };
    let block = ["40 0e 05 0002 01 00 00", "40 0f 03 0002 01", "40"].map(hex).concat();
    let body = update_body(&[8, 10], &block, &[8, 11]);
    let update = split(&body, &none);
    assert_eq!(update.walk_errors.len(), WALK_ERRORS_MAX);
}

#[test]
fn rfc4724_s2_end_of_rib() {
    let ctx = internal();
    let of = |body: &[u8], ctx: &UpdateContext| split(body, ctx).is_end_of_rib(ctx);
    let v6 = update_body(&[], &hex("80 0f 03 0002 01"), &[]);
    let long = update_body(&[], &hex("90 0f 0003 0002 01"), &[]);
    let v4_multiprotocol = update_body(&[], &hex("80 0f 03 0001 01"), &[]);
    assert_eq!(of(&[0; 4], &ctx), Some(Family::Ipv4Unicast));
    assert_eq!(of(&v6, &ctx), Some(Family::Ipv6Unicast));
    assert_eq!(of(&long, &ctx), Some(Family::Ipv6Unicast));
    assert_eq!(of(&v4_multiprotocol, &ctx), Some(Family::Ipv4Unicast));
    // Not with anything else in it: CVE-2023-47235.
    for block in [
        "80 0f 03 0002 01 40 01 01 00",
        "40 01 01 00 80 0f 03 0002 01",
        "c0 63 00 80 0f 03 0002 01",
    ] {
        assert_eq!(of(&update_body(&[], &hex(block), &[]), &ctx), None, "{block}");
    }
    let reach = "80 0e 05 0002 01 00 00 80 0f 03 0002 01";
    assert_eq!(of(&update_body(&[], &hex(reach), &[]), &ctx), None);
    assert_eq!(of(&update_body(&[8, 10], &hex("80 0f 03 0002 01"), &[]), &ctx), None);
    assert_eq!(of(&update_body(&[], &hex("80 0f 03 0002 01"), &[8, 10]), &ctx), None);
    assert_eq!(of(&update_body(&[], &hex("80 0f 04 0002 01 00"), &[]), &ctx), None);
    assert_eq!(of(&update_body(&[], &hex("80 0f 03 0019 46"), &[]), &ctx), None);
    // A family that was not agreed on has no end.
    let only6 = UpdateContext { families: FamilySet::of(Family::Ipv6Unicast), ..internal() };
    assert_eq!(of(&[0; 4], &only6), None);
    assert_eq!(conclusion(&v6, &ctx), Ok(None));
}

/// Reads everything of a body that can be read.
fn read_all(body: &[u8], ctx: &UpdateContext) {
    let Ok(update) = RawUpdate::split(body, ctx) else {
        return;
    };
    let mut octets = update.block.len() + update.withdrawn.len() + update.announced.len();
    if let Some(reach) = &update.mp_reach {
        let _ = reach.check_next_hop(ctx);
        octets += reach.next_hop.len() + reach.nlri.len();
        assert!(reach.prefixes::<Ipv6Prefix>(ctx).count() <= reach.nlri.len());
        assert!(reach.prefixes::<Ipv4Prefix>(ctx).count() <= reach.nlri.len());
    }
    if let Some(unreach) = &update.mp_unreach {
        octets += unreach.nlri.len();
        assert!(unreach.prefixes::<Ipv6Prefix>(ctx).count() <= unreach.nlri.len());
    }
    assert!(octets <= body.len());
    let offsets = update.withdrawn_prefixes(ctx).chain(update.announced_prefixes(ctx));
    assert!(offsets.filter_map(Result::err).all(|error| error.offset < body.len()));
    assert!(update.walk_errors.len() <= WALK_ERRORS_MAX);
    let mut scratch = vec![];
    let block = update.block.contiguous(&mut scratch);
    let decoded = Attributes::decode(block, update.need(), ctx);
    let concluded = update.conclude(&decoded.errors);
    if let Err(error) = concluded {
        let _ = crate::update::notification_of(&error, body);
    }
    let _ = update.is_end_of_rib(ctx);
}

proptest! {
    #[test]
    fn random_bodies_never_panic(
        body in prop::collection::vec(any::<u8>(), 0..100),
        ctx in any_context(),
    ) {
        read_all(&body, &ctx);
    }

    #[test]
    fn mutated_updates_never_panic(
        block in any_good_block(),
        multiprotocol in prop::sample::select(vec!["", REACH6, UNREACH6]),
        at in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        ctx in any_context(),
    ) {
        let mut whole = hex(multiprotocol);
        whole.extend(block);
        let mut body = update_body(&[16, 10, 1, 8, 11], &whole, &[24, 10, 2, 3, 0]);
        read_all(&body, &ctx);
        for (at, octet) in changes {
            let place = at.index(body.len());
            body[place] = octet;
        }
        // The lengths at the front are where it hurts.
        body[at.index(6)] = 0;
        read_all(&body, &ctx);
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
            read_all(&body, &ctx);
        }
    }
}
