//! `BGPFilter`.

use albedo_types::policy::Community;
use albedo_types::{Ipv4Prefix, Ipv6Prefix, Prefix};
use albedo_yaml::diagnostic::Fault as Wrong;
use albedo_yaml::node::Node as Tree;

use super::kinds::{self, ASN_SET, CIDR, COMMUNITY, INTERFACE, PREFIX_LENGTH, PRIORITY};
use super::reader::{Context, Fields, Kind};
use crate::calico::{
    BgpFilter, CidrMatch, FilterAction, FilterOperation, FilterRule, LengthRange, MatchOperator,
    Meta, PeerType,
};

const SPEC: [&str; 4] = ["exportV4", "importV4", "exportV6", "importV6"];

const RULE: [&str; 11] = [
    "action",
    "cidr",
    "matchOperator",
    "prefixLength",
    "source",
    "interface",
    "peerType",
    "communities",
    "asPathPrefix",
    "priority",
    "operations",
];

const OPERATION: [&str; 3] = ["addCommunity", "prependASPath", "setPriority"];

/// Operations of a rule at most, and numbers that one of them prepends.
const OPERATIONS_MAX: usize = 10;

const ACTION: Kind<FilterAction> = Kind {
    allowed: "Accept or Reject",
    read: |scalar| {
        let words = [("Accept", FilterAction::Accept), ("Reject", FilterAction::Reject)];
        kinds::word(scalar, &words)
    },
};

const OPERATOR: Kind<MatchOperator> = Kind {
    allowed: "Equal, NotEqual, In or NotIn",
    read: |scalar| {
        let words = [
            ("Equal", MatchOperator::Equal),
            ("NotEqual", MatchOperator::NotEqual),
            ("In", MatchOperator::In),
            ("NotIn", MatchOperator::NotIn),
        ];
        kinds::word(scalar, &words)
    },
};

const SOURCE: Kind<()> =
    Kind { allowed: "RemotePeers", read: |scalar| kinds::word(scalar, &[("RemotePeers", ())]) };

const PEER_TYPE: Kind<PeerType> = Kind {
    allowed: "iBGP or eBGP",
    read: |scalar| {
        kinds::word(scalar, &[("iBGP", PeerType::Internal), ("eBGP", PeerType::External)])
    },
};

pub(super) fn read(meta: Meta, top: &Fields<'_>, cx: &mut Context<'_>) -> BgpFilter {
    let spec = top.inner("spec", &SPEC, cx);
    let spec = spec.unwrap_or_else(|| Fields::empty(top.place, "spec"));
    let mut rules = |name: &str, v4: bool| {
        let items = spec.list(name, "rules, each with an action", cx);
        items.into_iter().filter_map(|(key, node)| rule(node, &key, v4, cx)).collect()
    };
    BgpFilter {
        export_v4: rules("exportV4", true),
        import_v4: rules("importV4", true),
        export_v6: rules("exportV6", false),
        import_v6: rules("importV6", false),
        meta,
    }
}

/// `None` is a rule that was reported: a filter without it would mean something else.
fn rule(node: &Tree, key: &str, v4: bool, cx: &mut Context<'_>) -> Option<FilterRule> {
    let fields = Fields::open(node, key, &RULE, cx)?;
    if !cx.strict {
        let text = "it is not known and passed over, so the rule may match more than it should";
        fields.warn_of_unknown(&RULE, text, cx);
    }
    let action = fields.required("action", &ACTION, cx);
    let rule = FilterRule {
        cidr: cidr(&fields, v4, cx),
        from_remote_peers: fields.value("source", &SOURCE, cx).is_some(),
        interface: fields.value("interface", &INTERFACE, cx),
        peer_type: fields.value("peerType", &PEER_TYPE, cx),
        community: community(&fields, cx),
        as_path_prefix: fields.values("asPathPrefix", &ASN_SET, cx),
        priority: fields.value("priority", &PRIORITY, cx),
        operations: operations(&fields, cx),
        ..FilterRule::always(action?)
    };
    if rule.action == FilterAction::Reject && !rule.operations.is_empty() {
        let wrong = Wrong::new("operations in a rule that rejects", "them with Accept only");
        fields.fault("operations", wrong, cx);
    }
    Some(rule)
}

fn cidr(fields: &Fields<'_>, v4: bool, cx: &mut Context<'_>) -> Option<CidrMatch> {
    let operator = fields.value("matchOperator", &OPERATOR, cx);
    let length = length(fields, v4, cx);
    let Some(cidr) = fields.value("cidr", &CIDR, cx) else {
        for name in ["matchOperator", "prefixLength"] {
            if fields.is_set(name) && !fields.is_set("cidr") {
                let found = format!("{name} without cidr");
                fields.fault(name, Wrong::new(found, "it beside cidr only"), cx);
            }
        }
        return None;
    };
    if matches!(cidr, Prefix::V4(_)) != v4 {
        let family = if v4 { "an IPv4 prefix" } else { "an IPv6 prefix" };
        fields.fault("cidr", Wrong::new(cidr.to_string(), family), cx);
    }
    if !fields.is_set("matchOperator") {
        let wrong = Wrong::new("cidr without matchOperator", OPERATOR.allowed);
        fields.fault("cidr", wrong, cx);
    }
    Some(CidrMatch { cidr, operator: operator?, length })
}

fn length(fields: &Fields<'_>, v4: bool, cx: &mut Context<'_>) -> Option<LengthRange> {
    let inner = fields.inner("prefixLength", &["min", "max"], cx)?;
    let longest = if v4 { Ipv4Prefix::LEN_MAX } else { Ipv6Prefix::LEN_MAX };
    let min = inner.value("min", &PREFIX_LENGTH, cx).unwrap_or(0);
    let max = inner.value("max", &PREFIX_LENGTH, cx).unwrap_or(longest);
    for (name, length) in [("min", min), ("max", max)] {
        if length > longest {
            let allowed = format!("at most {longest} bits");
            inner.fault(name, Wrong::new(length.to_string(), allowed), cx);
        }
    }
    if min > max && max <= longest {
        let wrong = Wrong::new(format!("min {min} above max {max}"), "min up to max");
        inner.fault("min", wrong, cx);
    }
    Some(LengthRange { min, max })
}

fn community(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Community> {
    let inner = fields.inner("communities", &["values"], cx)?;
    let values = inner.values("values", &COMMUNITY, cx);
    let written = inner.count("values");
    if written != 1 {
        let found = if written == 0 { "no value".to_owned() } else { format!("{written} values") };
        inner.fault("values", Wrong::new(found, "exactly one community"), cx);
    }
    values.first().copied()
}

fn operations(fields: &Fields<'_>, cx: &mut Context<'_>) -> Box<[FilterOperation]> {
    let allowed = "mappings with one of addCommunity, prependASPath and setPriority";
    let items = fields.list("operations", allowed, cx);
    if items.len() > OPERATIONS_MAX {
        let wrong = Wrong::new(format!("{} operations", items.len()), "at most 10");
        fields.fault("operations", wrong, cx);
    }
    items.into_iter().filter_map(|(key, node)| operation(node, &key, cx)).collect()
}

fn operation(node: &Tree, key: &str, cx: &mut Context<'_>) -> Option<FilterOperation> {
    let fields = Fields::open(node, key, &OPERATION, cx)?;
    let set: Vec<_> = OPERATION.into_iter().filter(|name| fields.is_set(name)).collect();
    let [name] = set[..] else {
        // In a datastore this is also an operation that is newer than this program.
        let found = if set.is_empty() { "none of them".to_owned() } else { set.join(" and ") };
        let wrong = Wrong::new(found, format!("exactly one of {}", OPERATION.join(", ")));
        cx.fault(fields.place, key, wrong);
        return None;
    };
    match name {
        "addCommunity" => {
            let value = fields.inner(name, &["value"], cx)?.required("value", &COMMUNITY, cx)?;
            Some(FilterOperation::AddCommunity(value))
        }
        "setPriority" => {
            let value = fields.inner(name, &["value"], cx)?.required("value", &PRIORITY, cx)?;
            Some(FilterOperation::SetPriority(value))
        }
        _ => {
            let inner = fields.inner(name, &["prefix"], cx)?;
            let prefix = inner.values("prefix", &ASN_SET, cx);
            let written = inner.count("prefix");
            if !(1..=OPERATIONS_MAX).contains(&written) {
                let wrong = Wrong::new(format!("{written} AS numbers"), "1 to 10");
                inner.fault("prefix", wrong, cx);
            }
            Some(FilterOperation::PrependAsPath(prefix))
        }
    }
}
