//! `importPolicy` and `exportPolicy`: rules in the order in which they are asked.

use std::sync::Arc;

use albedo_types::policy::{Change, Community, PrefixRange, Rule, Rules, Then, When};
use albedo_types::{Asn, FamilySet, Prefix};

use crate::diagnostic::{Fault, Report, Show};
use crate::fields::{self, At, Fields};
use crate::kinds;
use crate::kinds::policy as kind;
use crate::node::{Node, Value};
use crate::settings::{POLICY_PREFIXES_MAX, POLICY_RULES_MAX};

/// The keys of a policy, of a rule, of what it changes, and of the things in them.
pub(crate) const POLICY_KEYS: [&str; 2] = ["default", "rules"];
pub(crate) const RULE_KEYS: [&str; 10] = [
    "families",
    "prefixes",
    "notPrefixes",
    "communities",
    "asPathPrefix",
    "nextHops",
    "localPref",
    "peer",
    "set",
    "action",
];
pub(crate) const SET_KEYS: [&str; 6] = [
    "clearCommunities",
    "removeCommunities",
    "addCommunities",
    "localPref",
    "med",
    "prependAsPath",
];
pub(crate) const RANGE_KEYS: [&str; 3] = ["prefix", "ge", "le"];
pub(crate) const LOCAL_PREF_KEYS: [&str; 2] = ["min", "max"];

const POLICY_ALLOWED: &str = "off, or a mapping with default, rules";

/// A policy as read; `off` takes away that of the group.
pub(crate) type Read = At<Option<Arc<Rules>>>;

/// Reads a policy.
pub(crate) fn read(fields: &Fields<'_>, name: &str, report: &mut Report<'_>) -> Option<Read> {
    let node = fields.node(name)?;
    let key = fields.path(name);
    let value = match &node.value {
        Value::Scalar(scalar) if kinds::is_off(scalar) => None,
        Value::Map(_) => Some(Arc::new(policy(node, &key, report)?)),
        _ => {
            report.fault(node.place, &key, Fault::new(node.describe(), POLICY_ALLOWED));
            return None;
        }
    };
    Some(At { value, place: node.place, key })
}

fn policy(node: &Node, key: &str, report: &mut Report<'_>) -> Option<Rules> {
    let fields = Fields::open(node, key, &POLICY_KEYS, report)?;
    let accepts_rest = fields.scalar("default", &kind::DEFAULT, report).is_none_or(|at| at.value);
    let items = fields.list("rules", "a list of rules", report).unwrap_or_default();
    if items.len() > POLICY_RULES_MAX {
        let found = format!("{} rules", items.len());
        let fault = Fault::new(found, format!("at most {POLICY_RULES_MAX}"));
        report.fault(node.place, &fields.path("rules"), Fault { show: Show::Nothing, ..fault });
        return None;
    }
    let mut rules = Vec::with_capacity(items.len());
    // The rule that decides for every route that comes so far.
    let mut last: Option<String> = None;
    for (key, node) in items {
        if let Some(last) = &last {
            let found = format!("a rule behind {last}, which decides for every route");
            report.fault(
                node.place,
                &key,
                Fault::new(found, "a rule that is asked for some route"),
            );
        }
        let Some(rule) = rule(node, &key, report) else { continue };
        if rule.when == When::default() && rule.then != Then::Next {
            last.get_or_insert(key);
        }
        rules.push(rule);
    }
    let count = |rule: &Rule| {
        rule.when.prefixes.as_ref().map_or(0, Vec::len) + rule.when.not_prefixes.len()
    };
    let prefixes: usize = rules.iter().map(count).sum();
    if prefixes > POLICY_PREFIXES_MAX {
        let found = format!("{prefixes} prefixes in all rules");
        let fault = Fault::new(found, format!("at most {POLICY_PREFIXES_MAX}"));
        report.fault(node.place, key, Fault { show: Show::Nothing, ..fault });
        return None;
    }
    Some(Rules { rules, accepts_rest })
}

fn rule(node: &Node, key: &str, report: &mut Report<'_>) -> Option<Rule> {
    let fields = Fields::open(node, key, &RULE_KEYS, report)?;
    let when = When {
        families: families(&fields, report),
        prefixes: ranges(&fields, "prefixes", report),
        not_prefixes: ranges(&fields, "notPrefixes", report).unwrap_or_default(),
        communities: values(fields.some("communities", &kind::COMMUNITY, report)),
        as_path_prefix: asns(&fields, "asPathPrefix", usize::MAX, report),
        next_hops: values(fields.some("nextHops", &kinds::RANGE, report)),
        local_pref: local_pref(&fields, report),
        peer: fields.scalar("peer", &kind::SIDE, report).map(|at| at.value),
    };
    let change = super::open(&fields, "set", &SET_KEYS, report)
        .map(|set| change(&set, report))
        .unwrap_or_default();
    let then = fields.required("action", &kind::ACTION, report)?.value;
    if then == Then::Reject && fields.node("set").is_some() {
        let place = fields.node("set").map_or(node.place, |set| set.place);
        let fault =
            Fault::new("changes to a route that is rejected", "a rule that accepts, or next");
        report.fault(place, &fields.path("set"), fault);
    }
    if then == Then::Next && change.is_empty() {
        let fault =
            Fault::new("a rule that changes nothing and decides nothing", "set, or another action");
        report.fault(node.place, key, fault);
    }
    check_families(&when, &fields, report);
    Some(Rule { when, change, then })
}

/// A rule whose prefixes are all of families that it is not about holds for no route.
fn check_families(when: &When, fields: &Fields<'_>, report: &mut Report<'_>) {
    let (Some(families), Some(prefixes)) = (when.families, &when.prefixes) else { return };
    let of_one = |range: &PrefixRange| {
        families
            .iter()
            .any(|family| (family.row().name == "ipv4-unicast") == range.prefix.addr().is_ipv4())
    };
    if families.is_empty() || prefixes.is_empty() || prefixes.iter().any(of_one) {
        return;
    }
    let Some(node) = fields.node("prefixes") else { return };
    let names: Vec<_> = families.iter().map(|family| family.row().name).collect();
    let allowed = format!("a prefix of the families of the rule: {}", names.join(", "));
    let fault = Fault::new("only prefixes of other families, so that it never holds", allowed);
    report.fault(node.place, &fields.path("prefixes"), fault);
}

fn values<T>(read: Option<Vec<At<T>>>) -> Option<Vec<T>> {
    read.map(|items| items.into_iter().map(|at| at.value).collect())
}

fn families(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<FamilySet> {
    let families = fields.some("families", &kinds::FAMILY, report)?;
    Some(families.into_iter().map(|at| at.value).collect())
}

/// AS numbers in their order; one may stand there several times.
fn asns(fields: &Fields<'_>, name: &str, most: usize, report: &mut Report<'_>) -> Vec<Asn> {
    let items = fields.list(name, "a list of AS numbers", report).unwrap_or_default();
    if items.len() > most
        && let Some(node) = fields.node(name)
    {
        let fault = Fault::new(format!("{} AS numbers", items.len()), format!("at most {most}"));
        report.fault(node.place, &fields.path(name), fault);
    }
    let read = |(key, node): (String, &Node)| fields::scalar(node, &key, &kind::PATH_ASN, report);
    items.into_iter().filter_map(read).map(|at| at.value).collect()
}

fn local_pref(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<(u32, u32)> {
    let node = fields.node("localPref")?;
    if !matches!(node.value, Value::Map(_)) {
        let exactly = fields.scalar("localPref", &kind::NUMBER, report)?.value;
        return Some((exactly, exactly));
    }
    let bounds = super::open(fields, "localPref", &LOCAL_PREF_KEYS, report)?;
    let least = bounds.scalar("min", &kind::NUMBER, report).map_or(0, |at| at.value);
    let most = bounds.scalar("max", &kind::NUMBER, report);
    if let Some(most) = most.as_ref().filter(|most| most.value < least) {
        let fault = Fault::new(format!("max {} below min {least}", most.value), "min up to max");
        most.report(report, fault);
    }
    Some((least, most.map_or(u32::MAX, |at| at.value)))
}

fn change(set: &Fields<'_>, report: &mut Report<'_>) -> Change {
    let communities = |name, report: &mut Report<'_>| {
        values::<Community>(set.some(name, &kind::COMMUNITY, report)).unwrap_or_default()
    };
    let number =
        |name, report: &mut Report<'_>| set.scalar(name, &kind::NUMBER, report).map(|at| at.value);
    Change {
        clear_communities: set
            .scalar("clearCommunities", &kinds::BOOL, report)
            .is_some_and(|at| at.value),
        remove_communities: communities("removeCommunities", report),
        add_communities: communities("addCommunities", report),
        local_pref: number("localPref", report),
        med: number("med", report),
        prepend: asns(set, "prependAsPath", kind::PREPEND_MAX, report),
    }
}

/// Prefixes, and mappings of a prefix and lengths; `None` if they are not there.
fn ranges(fields: &Fields<'_>, name: &str, report: &mut Report<'_>) -> Option<Vec<PrefixRange>> {
    let items = fields.list(name, "a list of prefixes", report)?;
    if items.is_empty()
        && let Some(node) = fields.node(name)
    {
        let fault = Fault::new("an empty list", format!("at least one: {}", kind::PREFIX.allowed));
        report.fault(node.place, &fields.path(name), fault);
    }
    let read = |(key, node): (String, &Node)| match &node.value {
        Value::Map(_) => range(node, &key, report),
        _ => {
            let prefix: At<Prefix> = fields::scalar(node, &key, &kind::PREFIX, report)?;
            Some(PrefixRange::exactly(prefix.value))
        }
    };
    Some(items.into_iter().filter_map(read).collect())
}

/// `{prefix, ge, le}`: with `ge` alone up to the longest, with `le` alone from the prefix on.
fn range(node: &Node, key: &str, report: &mut Report<'_>) -> Option<PrefixRange> {
    let fields = Fields::open(node, key, &RANGE_KEYS, report)?;
    let prefix = fields.required("prefix", &kinds::RANGE, report);
    let ge = fields.scalar("ge", &kind::LENGTH, report);
    let le = fields.scalar("le", &kind::LENGTH, report);
    let prefix = prefix?.value;
    let (own, longest) = (prefix.len(), if prefix.addr().is_ipv4() { 32 } else { 128 });
    for (name, at) in [("ge", &ge), ("le", &le)] {
        if let Some(at) = at.as_ref().filter(|at| !(own..=longest).contains(&at.value)) {
            let found = format!("{name} {} for {prefix}", at.value);
            at.report(report, Fault::new(found, format!("a length from {own} to {longest}")));
            return None;
        }
    }
    if let (Some(ge), Some(le)) = (&ge, &le)
        && ge.value > le.value
    {
        let fault = Fault::new(format!("ge {} with le {}", ge.value, le.value), "ge up to le");
        ge.report(report, fault);
        return None;
    }
    let min = ge.as_ref().map_or(own, |at| at.value);
    let max = match (&le, &ge) {
        (Some(le), _) => le.value,
        (None, Some(_)) => longest,
        (None, None) => own,
    };
    Some(PrefixRange { prefix, min, max })
}
