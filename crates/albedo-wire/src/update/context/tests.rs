//! Contexts of sessions and of our own blocks.

use std::vec;
use std::vec::Vec;

use albedo_types::{ClusterId, Family, FamilySet};

use super::*;
use crate::attr::{Attributes, Edit};
use crate::capability::Capability;
use crate::open::Open;
use crate::tests::support::{PLAIN, attr, mandatory};

fn open(asn: u16, capabilities: Vec<Capability>) -> Open {
    Open { as_field: asn, hold_time: 90, router_id: 7, capabilities, ignored: Vec::new() }
}

#[test]
fn a_session_reads_as_was_agreed() {
    let offered = |asn: u16| {
        let four = Capability::FourOctetAs(Asn(u32::from(asn)));
        open(asn, vec![Capability::multiprotocol(Family::Ipv6Unicast), four])
    };
    let context = |peer: Open| {
        let negotiated = Negotiated::from_opens(&offered(64512), &peer).unwrap();
        UpdateContext::from_negotiated(&negotiated, Asn(64512))
    };
    let internal = context(offered(64512));
    assert!(internal.internal && internal.as4);
    assert_eq!(internal.families, FamilySet::of(Family::Ipv6Unicast));
    assert_eq!(internal.add_path, FamilySet::EMPTY);
    let external = context(offered(64513));
    assert!(!external.internal && external.reject_as_set && !external.confederation);
    let old = open(64512, vec![Capability::multiprotocol(Family::Ipv6Unicast)]);
    assert!(!context(old).as4);
}

#[test]
fn our_own_blocks_are_not_held_to_limits() {
    // As many entries as the limit takes, and our own in front.
    let list = vec![1; CLUSTER_LIST_ENTRIES_DEFAULT * 4];
    let block = [mandatory(), attr(0x80, 10, &list)].concat();
    let internal = UpdateContext::internal(Asn(64512));
    let decoded = Attributes::decode(&block, PLAIN, &internal);
    assert_eq!(decoded.treatment, None);
    let mut ours = vec![];
    let edit = Edit { prepend_cluster: Some(ClusterId(9)), as4: true, ..Edit::default() };
    decoded.attributes.encode(&edit, &mut ours);
    assert_eq!(
        Attributes::decode(&ours, PLAIN, &internal).treatment,
        Some(Treatment::TreatAsWithdraw)
    );
    let again = Attributes::decode(&ours, PLAIN, &UpdateContext::own());
    assert_eq!(again.treatment, None);
    let clusters = again.attributes.cluster_list.unwrap();
    assert_eq!(clusters.len(), CLUSTER_LIST_ENTRIES_DEFAULT + 1);
}
