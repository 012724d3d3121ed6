//! What Calico says of routes, in our language of policies: BGPFilters, the export of Calico's
//! reflectors, and whose blocks a node may announce.

use std::collections::BTreeMap;
use std::sync::Arc;

use albedo_config::{CalicoExport, IpamCheck};
use albedo_discovery::calico::expand::Session;
use albedo_discovery::calico::{
    BgpFilter, BlockState, CidrMatch, Cluster, FilterAction, FilterOperation, FilterRule,
    MatchOperator, PeerType,
};
use albedo_types::policy::{Change, PrefixRange, Rule, Rules, Side, Then, When};
use albedo_types::{Family, FamilySet, Prefix};

/// LOCAL_PREF of a route is this less its priority, which is the kernel's metric.
const PRIORITY_BASE: u32 = 2_147_483_647;

/// Filters by name.
pub(super) type Filters = BTreeMap<Arc<str>, Arc<BgpFilter>>;

/// Which way routes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Import,
    Export,
}

/// Rules that all sessions of a cluster share, made once for each change of it.
#[derive(Debug)]
pub(super) struct ClusterRules<'c> {
    cluster: &'c Cluster,
    /// Filters that sessions have and the cluster has no more.
    kept: &'c Filters,
    export: Vec<Rule>,
    /// Whether what no rule of `export` decides is told.
    exports_rest: bool,
    pools: Vec<PrefixRange>,
    checks: IpamCheck,
}

impl<'c> ClusterRules<'c> {
    /// The rules for the reflector that is `node`, if it is one.
    pub(super) fn new(
        (cluster, kept): (&'c Cluster, &'c Filters),
        node: Option<&str>,
        export: CalicoExport,
        checks: IpamCheck,
    ) -> Self {
        let pools = cluster.pools().values().map(|pool| inside(pool.cidr)).collect();
        let is_calico = export == CalicoExport::Calico;
        Self {
            cluster,
            kept,
            export: if is_calico { calico_export(cluster, node) } else { Vec::new() },
            exports_rest: !is_calico,
            pools,
            checks,
        }
    }

    /// What a session takes; `None` is all, as it is.
    pub(super) fn import(&self, session: &Session) -> Option<Rules> {
        let mut rules = self.filters(session, Way::Import);
        if self.checks == IpamCheck::Reject
            && let Some(node) = &session.origin.node
        {
            rules.extend(self.own_blocks(node));
        }
        (!rules.is_empty()).then_some(Rules { rules, accepts_rest: true })
    }

    /// What a session is told; `None` is all, as it is.
    pub(super) fn export(&self, session: &Session) -> Option<Rules> {
        let mut rules = self.filters(session, Way::Export);
        rules.extend(self.export.iter().cloned());
        let is_all = rules.is_empty() && self.exports_rest;
        (!is_all).then_some(Rules { rules, accepts_rest: self.exports_rest })
    }

    /// The rules of a session's filters, in order; a filter that is missing is none.
    fn filters(&self, session: &Session, way: Way) -> Vec<Rule> {
        let filter = |name| self.cluster.filters().get(name).or_else(|| self.kept.get(name));
        let named = session.filters.iter().filter_map(filter);
        named.flat_map(|filter| of_filter(filter, way)).collect()
    }

    /// What is inside of a pool comes from the node whose block it is, or not at all.
    fn own_blocks(&self, node: &str) -> Vec<Rule> {
        if self.pools.is_empty() {
            return Vec::new();
        }
        let is_own = |block: &albedo_discovery::calico::Block<'_>| {
            &**block.node == node && block.state != BlockState::Pending
        };
        let own: Vec<PrefixRange> =
            self.cluster.blocks().filter(is_own).map(|block| inside(block.cidr)).collect();
        let mut rules = Vec::new();
        if !own.is_empty() {
            rules.push(rule(prefixes(own), Then::Accept));
        }
        rules.push(rule(prefixes(self.pools.clone()), Then::Reject));
        rules
    }
}

/// A prefix and everything more specific.
fn inside(prefix: Prefix) -> PrefixRange {
    PrefixRange { prefix, min: prefix.len(), max: longest(prefix) }
}

const fn longest(prefix: Prefix) -> u8 {
    match prefix {
        Prefix::V4(_) => 32,
        Prefix::V6(_) => 128,
    }
}

fn prefixes(prefixes: Vec<PrefixRange>) -> When {
    When { prefixes: Some(prefixes), ..When::default() }
}

fn rule(when: When, then: Then) -> Rule {
    Rule { when, change: Change::default(), then }
}

/// What a reflector of Calico tells: nothing of pools that are not exported, the communities of
/// `prefixAdvertisements` on what they cover, and of the rest only pools and services.
fn calico_export(cluster: &Cluster, node: Option<&str>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let (mut hidden, mut told) = (Vec::new(), Vec::new());
    for pool in cluster.pools().values() {
        let list = if pool.disable_bgp_export { &mut hidden } else { &mut told };
        list.push(inside(pool.cidr));
    }
    if !hidden.is_empty() {
        rules.push(rule(prefixes(hidden), Then::Reject));
    }
    let default = cluster.default_configuration();
    let own = node.and_then(|node| cluster.node_configuration(node));
    let advertisements = own
        .map(|own| &own.prefix_advertisements)
        .filter(|list| !list.is_empty())
        .or_else(|| default.map(|default| &default.prefix_advertisements));
    for advertisement in advertisements.into_iter().flatten() {
        let change =
            Change { add_communities: advertisement.communities.to_vec(), ..Change::default() };
        let when = prefixes(vec![inside(advertisement.cidr)]);
        rules.push(Rule { when, change, then: Then::Next });
    }
    if let Some(default) = default {
        let services = [
            &default.service_cluster_ips,
            &default.service_external_ips,
            &default.service_load_balancer_ips,
        ];
        told.extend(services.into_iter().flatten().map(|cidr| inside(*cidr)));
    }
    if !told.is_empty() {
        rules.push(rule(prefixes(told), Then::Accept));
    }
    rules
}

fn of_filter(filter: &Arc<BgpFilter>, way: Way) -> Vec<Rule> {
    let (v4, v6) = match way {
        Way::Import => (&filter.import_v4, &filter.import_v6),
        Way::Export => (&filter.export_v4, &filter.export_v6),
    };
    let of = |rules: &[FilterRule], family| {
        rules.iter().filter_map(|rule| translate(rule, family)).collect::<Vec<_>>()
    };
    [of(v4, Family::Ipv4Unicast), of(v6, Family::Ipv6Unicast)].concat()
}

/// A rule of a filter; `None` where it never matches: a reflector's routes go out by no interface.
fn translate(filter: &FilterRule, family: Family) -> Option<Rule> {
    if filter.interface.is_some() {
        return None;
    }
    let mut when = When { families: Some(FamilySet::of(family)), ..When::default() };
    if let Some(cidr) = &filter.cidr {
        let range = range(cidr);
        match cidr.operator {
            MatchOperator::Equal | MatchOperator::In => when.prefixes = Some(vec![range]),
            MatchOperator::NotEqual | MatchOperator::NotIn => when.not_prefixes = vec![range],
        }
    }
    when.peer = filter.peer_type.map(|kind| match kind {
        PeerType::Internal => Side::Internal,
        PeerType::External => Side::External,
    });
    if let Some(community) = filter.community {
        when.communities = Some(vec![community]);
    }
    when.as_path_prefix = filter.as_path_prefix.to_vec();
    when.local_pref = filter.priority.map(|priority| {
        let local_pref = PRIORITY_BASE - priority;
        (local_pref, local_pref)
    });
    Some(match filter.action {
        FilterAction::Reject => rule(when, Then::Reject),
        FilterAction::Accept => {
            Rule { when, change: change(&filter.operations), then: Then::Accept }
        }
    })
}

/// The prefixes that a criterion is about, or about everything but.
fn range(cidr: &CidrMatch) -> PrefixRange {
    let prefix = cidr.cidr;
    match (cidr.length, cidr.operator) {
        (Some(length), _) => PrefixRange { prefix, min: length.min, max: length.max },
        (None, MatchOperator::Equal | MatchOperator::NotEqual) => PrefixRange::exactly(prefix),
        (None, MatchOperator::In | MatchOperator::NotIn) => inside(prefix),
    }
}

/// What operations come to, done one after the other.
fn change(operations: &[FilterOperation]) -> Change {
    let mut change = Change::default();
    for operation in operations {
        match operation {
            FilterOperation::AddCommunity(community) => change.add_communities.push(*community),
            FilterOperation::PrependAsPath(path) => {
                change.prepend = [path, &*change.prepend].concat();
            }
            FilterOperation::SetPriority(priority) => {
                change.local_pref = Some(PRIORITY_BASE - priority);
            }
        }
    }
    change
}

#[cfg(test)]
mod tests;
