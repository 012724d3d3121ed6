use std::collections::{BTreeMap, BTreeSet};

use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;

use super::*;
use crate::generated::DESCRIPTORS;

/// The fields of every message of a package: number, type, and name of the type if it is a
/// message, without the package.
fn messages(package: &str) -> BTreeMap<String, BTreeMap<i32, (i32, String)>> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).expect("well-formed");
    let file = files.file.iter().find(|file| file.package() == package).expect("it is there");
    let mut found = BTreeMap::new();
    let mut left: Vec<(String, &prost_types::DescriptorProto)> =
        file.message_type.iter().map(|it| (it.name().to_owned(), it)).collect();
    while let Some((name, message)) = left.pop() {
        for nested in &message.nested_type {
            left.push((format!("{name}.{}", nested.name()), nested));
        }
        let field = |field: &prost_types::FieldDescriptorProto| {
            let of = field.type_name().trim_start_matches(&format!(".{package}.")).to_owned();
            let of = if field.r#type() == Type::Message { of } else { String::new() };
            (field.number(), (field.r#type.unwrap_or_default(), of))
        };
        found.insert(name, message.field.iter().map(field).collect());
    }
    found
}

/// What is made as version 3's and read as version 4's, or the other way round.
const SAME: [&str; 22] = [
    "Global",
    "Peer",
    "PeerGroup",
    "DynamicNeighbor",
    "ListPathRequest",
    "GetTableRequest",
    "GetTableResponse",
    "WatchEventRequest",
    "IPAddressPrefix",
    "OriginAttribute",
    "AsPathAttribute",
    "NextHopAttribute",
    "MultiExitDiscAttribute",
    "LocalPrefAttribute",
    "AggregatorAttribute",
    "CommunitiesAttribute",
    "OriginatorIdAttribute",
    "ClusterListAttribute",
    "LargeCommunitiesAttribute",
    "TwoOctetAsSpecificExtended",
    "IPv4AddressSpecificExtended",
    "FourOctetAsSpecificExtended",
];

#[test]
fn what_is_read_as_the_same_message_has_the_same_fields() {
    let (v3, v4) = (messages("apipb"), messages("api"));
    let mut left: Vec<&str> = SAME.into();
    let mut seen = BTreeSet::new();
    while let Some(name) = left.pop() {
        if !seen.insert(name) {
            continue;
        }
        let (old, new) = (&v3[name], &v4[name]);
        for (number, field) in old {
            // Version 4 may know more; what version 3 has means the same there.
            let other = new.get(number).unwrap_or_else(|| panic!("{name}: {number}"));
            // Capabilities are wrapped, and are not told.
            let is_wrapped = name == "PeerState" && field.1 == ".google.protobuf.Any";
            assert!(is_wrapped || field == other, "{name}: {number}");
            if !field.1.is_empty() && !field.1.starts_with('.') {
                left.push(&field.1);
            }
        }
    }
    assert!(seen.len() > SAME.len() + 10, "{seen:?}");
}

#[test]
fn the_lists_of_a_path_alone_are_wrapped_otherwise() {
    let (v3, v4) = (messages("apipb"), messages("api"));
    let differ: Vec<i32> =
        v3["Path"].iter().filter(|(n, field)| v4["Path"][n] != **field).map(|it| *it.0).collect();
    assert_eq!(differ, [1, 2], "NLRI and attributes");
}

#[test]
fn enumerations_of_version_4_begin_with_what_is_not_said() {
    let conf = apipb::PeerConf { r#type: 1, ..Default::default() };
    let state = apipb::PeerState { r#type: 1, session_state: 6, ..Default::default() };
    let (conf, state) = (Some(conf), Some(state));
    let peer = peer(&apipb::Peer { conf, state, ..Default::default() });
    let (conf, state) = (peer.conf.expect("there"), peer.state.expect("there"));
    assert_eq!(conf.r#type(), api::PeerType::External);
    assert_eq!(state.r#type(), api::PeerType::External);
    assert_eq!(state.admin_state(), api::peer_state::AdminState::Up);
    assert_eq!(state.session_state(), api::peer_state::SessionState::Established);
    let info = Some(apipb::PeerGroupState::default());
    let group = group(&apipb::PeerGroup { info, ..Default::default() });
    assert_eq!(group.info.expect("there").r#type(), api::PeerType::Internal);
}

#[test]
fn a_request_of_version_4_must_say_which_table_it_means() {
    use api::table_lookup_prefix::Type as Lookup;
    let prefix = |kind: Lookup| api::TableLookupPrefix {
        prefix: "10.0.0.0/8".to_owned(),
        r#type: kind.into(),
    };
    let request = api::ListPathRequest {
        table_type: api::TableType::AdjOut.into(),
        prefixes: vec![prefix(Lookup::Unspecified), prefix(Lookup::Shorter)],
        ..Default::default()
    };
    let asked = list_path(&request).expect("it is said");
    assert_eq!(asked.table_type(), apipb::TableType::AdjOut);
    let kinds: Vec<_> = asked.prefixes.iter().map(|it| it.r#type()).collect();
    use apipb::table_lookup_prefix::Type;
    assert_eq!(kinds, [Type::Exact, Type::Shorter]);
    let unsaid = list_path(&api::ListPathRequest::default()).expect_err("nothing is said");
    assert_eq!(
        unsaid.message(),
        "table_type: found UNSPECIFIED, expected GLOBAL, ADJ_IN or ADJ_OUT"
    );
    assert!(get_table(&api::GetTableRequest::default()).is_err());
}
