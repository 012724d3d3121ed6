//! Faults between entries: what is good alone and clashes with another.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use albedo_types::Prefix;

use super::member::{Group, Member};
use crate::diagnostic::{Fault, Report};
use crate::fields::{At, Fields};
use crate::node::quote;

/// What a reflector that is a Calico node takes from its Node and the BGPConfigurations.
pub(crate) fn of_the_node(top: &Fields<'_>, report: &mut Report<'_>) {
    for (key, from) in [
        ("asNumber", "the Node's spec.bgp.asNumber or BGPConfiguration default"),
        ("clusterId", "the Node's spec.bgp.routeReflectorClusterID"),
    ] {
        let Some(node) = top.node(key) else { continue };
        let allowed = format!("none: with calico it is {from}; or calico.external");
        report.fault(node.place, key, Fault::new(node.describe(), allowed));
    }
}

/// Two listeners of the same address and port; one of them may be the address of all.
pub(crate) fn listen(listen: &[At<SocketAddr>], report: &mut Report<'_>) {
    for (index, at) in listen.iter().enumerate() {
        let same = |other: &&At<SocketAddr>| {
            let (a, b) = (at.value, other.value);
            let all = a.ip().is_unspecified() || b.ip().is_unspecified();
            a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && all
        };
        if let Some(first) = listen[..index].iter().find(same) {
            let found = format!("`{}` beside `{}`", at.value, first.value);
            let allowed = "either the address of all or single ones on a port";
            at.report(report, Fault::new(found, allowed));
        }
    }
}

/// A name that an earlier group has.
pub(crate) fn group_name(group: &Group, earlier: &[Group], report: &mut Report<'_>) {
    let Some(name) = &group.name else { return };
    let first = earlier
        .iter()
        .filter_map(|group| group.name.as_ref())
        .find(|other| other.value == name.value);
    if let Some(first) = first {
        let allowed = format!("a name of its own; {} has this one", report.name(first.place));
        name.report(report, Fault::new(quote(&name.value), allowed));
    }
}

/// A name that an earlier peer has.
pub(crate) fn peer_names(peers: &[Member], report: &mut Report<'_>) {
    let mut first = HashMap::new();
    for name in peers.iter().filter_map(|peer| peer.name.as_ref()) {
        let other = first.entry(name.value.as_str()).or_insert(name);
        if other.key != name.key {
            let allowed = format!("a name of its own; {} has this one", report.name(other.place));
            name.report(report, Fault::new(quote(&name.value), allowed));
        }
    }
}

/// The same range in two groups: which one a node belongs to could not be told. Ranges of
/// different lengths may overlap, for the longest decides.
pub(crate) fn ranges(groups: &[Group], report: &mut Report<'_>) {
    let mut first = HashMap::new();
    for group in groups {
        for range in &group.ranges {
            let other = first.entry(range.value).or_insert(range);
            if other.key != range.key {
                let there = report.name(other.place);
                let allowed = format!("a range of no other group; {there} has this one");
                range.report(report, Fault::new(quote(&range.value.to_string()), allowed));
            }
        }
    }
}

/// A peer that is there twice, or that is this reflector itself.
pub(crate) fn peers(peers: &[Member], listen: &[At<SocketAddr>], report: &mut Report<'_>) {
    let mut first = HashMap::with_capacity(peers.len());
    for peer in peers {
        let Some(address) = &peer.address else { continue };
        let other = first.entry(address.value).or_insert(address);
        if other.key != address.key {
            let allowed = format!("each peer once; {} has this one", report.name(other.place));
            address.report(report, Fault::new(quote(&address.value.to_string()), allowed));
        }
        let ours = SocketAddr::new(address.value, peer.settings.port);
        if listen.iter().any(|at| at.value == ours) {
            let allowed = "the address of another speaker; this reflector listens there";
            address.report(report, Fault::new(format!("`{ours}`"), allowed));
        }
    }
}

/// A range or a peer without a password inside a range with one: the kernel asks everybody there
/// for the key of the longest range that has one, so that whoever has none never gets in.
pub(crate) fn keys(groups: &[Group], peers: &[Member], report: &mut Report<'_>) {
    let keyed: Vec<&At<Prefix>> = groups
        .iter()
        .filter(|group| group.settings.password.is_some())
        .flat_map(|group| &group.ranges)
        .collect();
    let around = |addr: IpAddr, len: u8| {
        let holds = |range: &&&At<Prefix>| range.value.contains(addr) && range.value.len() <= len;
        keyed.iter().find(holds).copied()
    };
    let mut fault = |at: &dyn Fn(&mut Report<'_>, Fault), found: String, range: &At<Prefix>| {
        let there = report.name(range.place);
        let found = format!("{found} without a password inside `{}`", range.value);
        let allowed = format!("a password: {there} has one, which holds for everybody in there");
        at(report, Fault::new(found, allowed));
    };
    for group in groups.iter().filter(|group| group.settings.password.is_none()) {
        for range in &group.ranges {
            if let Some(outer) = around(range.value.addr(), range.value.len()) {
                fault(
                    &|report, fault| range.report(report, fault),
                    format!("`{}`", range.value),
                    outer,
                );
            }
        }
    }
    for peer in peers.iter().filter(|peer| peer.settings.password.is_none()) {
        let Some(address) = &peer.address else { continue };
        if let Some(outer) = around(address.value, u8::MAX) {
            fault(
                &|report, fault| address.report(report, fault),
                format!("`{}`", address.value),
                outer,
            );
        }
    }
}
