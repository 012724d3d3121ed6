//! `BGPFilter`.

use albedo_types::policy::Community;
use serde_json::{Value as Json, json};

use super::Object;
use super::kinds::asn;
use crate::calico::{
    BgpFilter, FilterAction, FilterOperation, FilterRule, MatchOperator, PeerType,
};

pub(super) fn spec(filter: &BgpFilter) -> Object {
    let mut spec = Object::default();
    spec.items("exportV4", filter.export_v4.iter().map(rule));
    spec.items("importV4", filter.import_v4.iter().map(rule));
    spec.items("exportV6", filter.export_v6.iter().map(rule));
    spec.items("importV6", filter.import_v6.iter().map(rule));
    spec
}

fn rule(rule: &FilterRule) -> Json {
    let mut fields = Object::default();
    let action = match rule.action {
        FilterAction::Accept => "Accept",
        FilterAction::Reject => "Reject",
    };
    fields.set("action", action);
    if let Some(it) = &rule.cidr {
        let operator = match it.operator {
            MatchOperator::Equal => "Equal",
            MatchOperator::NotEqual => "NotEqual",
            MatchOperator::In => "In",
            MatchOperator::NotIn => "NotIn",
        };
        fields.set("cidr", it.cidr.to_string());
        fields.set("matchOperator", operator);
        let length = it.length.map(|length| json!({ "min": length.min, "max": length.max }));
        fields.maybe("prefixLength", length);
    }
    if rule.from_remote_peers {
        fields.set("source", "RemotePeers");
    }
    fields.maybe("interface", rule.interface.as_ref().map(|it| &*it.0));
    let peer_type = rule.peer_type.map(|it| match it {
        PeerType::Internal => "iBGP",
        PeerType::External => "eBGP",
    });
    fields.maybe("peerType", peer_type);
    let communities = rule.community.as_ref().map(|it| json!({ "values": [community(it)] }));
    fields.maybe("communities", communities);
    fields.items("asPathPrefix", rule.as_path_prefix.iter().map(|it| asn(*it)));
    fields.maybe("priority", rule.priority);
    fields.items("operations", rule.operations.iter().map(operation));
    fields.json()
}

fn operation(operation: &FilterOperation) -> Json {
    match operation {
        FilterOperation::AddCommunity(it) => json!({ "addCommunity": { "value": community(it) } }),
        FilterOperation::PrependAsPath(path) => {
            let path: Vec<Json> = path.iter().map(|it| asn(*it)).collect();
            json!({ "prependASPath": { "prefix": path } })
        }
        FilterOperation::SetPriority(value) => json!({ "setPriority": { "value": value } }),
    }
}

/// In numbers: Calico knows no names of well-known ones.
pub(super) fn community(community: &Community) -> Json {
    Json::String(match community {
        Community::Standard(value) => format!("{}:{}", value >> 16, value & 0xffff),
        Community::Large([global, one, two]) => format!("{global}:{one}:{two}"),
    })
}
