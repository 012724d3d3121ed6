//! The key `calico`: a Calico cluster that peers come from.

use std::path::PathBuf;

use super::{World, open, or};
use crate::defaults;
use crate::diagnostic::{Fault, Report};
use crate::fields::Fields;
use crate::kinds;
use crate::kinds::calico as own;
use crate::node::{Node, Value};
use crate::settings::{Calico, CalicoDatastore, CalicoGuard, CalicoIdentity, CalicoRegister};

/// The keys of `calico`.
pub(crate) const KEYS: [&str; 11] = [
    "files",
    "configFile",
    "nodeName",
    "external",
    "group",
    "exportPolicy",
    "ipamCheck",
    "cacheFile",
    "secretsFolder",
    "register",
    "guard",
];

/// The keys of `calico.register`.
pub(crate) const REGISTER: [&str; 5] =
    ["ipv4Address", "ipv6Address", "asNumber", "clusterId", "labels"];

/// The keys of `calico.guard`.
pub(crate) const GUARD: [&str; 3] = ["maxLoss", "minLoss", "hold"];

/// Whether the reflector is a node of the cluster: then its AS and the like are the node's.
pub(crate) fn is_node(top: &Fields<'_>) -> bool {
    let Some(Node { value: Value::Map(entries), .. }) = top.node("calico") else { return false };
    entries.iter().all(|entry| entry.key != "external")
}

/// Reads `calico`; relative files start where the configuration is.
pub(crate) fn read(
    top: &Fields<'_>,
    world: &World<'_>,
    groups: &[&str],
    report: &mut Report<'_>,
) -> Option<Calico> {
    let fields = open(top, "calico", &KEYS, report)?;
    exclude(&fields, "files", "configFile", report);
    exclude(&fields, "nodeName", "external", report);
    let path = |name: &str| world.folder.join(name);
    let folder = |at: crate::fields::At<String>| path(&at.value);
    let files = fields.some("files", &kinds::TEXT, report).map(|files| {
        // `-` is what comes in by the standard input.
        let place = |name: &str| if name == "-" { PathBuf::from(name) } else { path(name) };
        files.iter().map(|at| place(&at.value)).collect()
    });
    let config_file = fields.scalar("configFile", &kinds::TEXT, report).map(folder);
    let datastore = match (files, config_file) {
        (Some(files), _) => CalicoDatastore::Files(files),
        (None, Some(file)) => CalicoDatastore::ConfigFile(file),
        (None, None) => CalicoDatastore::Environment,
    };
    let external = fields.some("external", &own::EXTERNAL, report);
    let identity = match external {
        Some(addresses) => {
            CalicoIdentity::External(addresses.into_iter().map(|at| at.value).collect())
        }
        None => {
            let name = fields.scalar("nodeName", &own::NODE_NAME, report);
            CalicoIdentity::Node(name.map(|at| at.value))
        }
    };
    let group = fields.scalar("group", &kinds::TEXT, report);
    if let Some(at) = group.as_ref().filter(|at| !groups.contains(&&*at.value)) {
        let allowed = match groups {
            [] => "the name of a group; peerGroups has none".to_owned(),
            names => format!("a name from peerGroups: {}", names.join(", ")),
        };
        at.report(report, Fault::new(format!("the unknown group `{}`", at.value), allowed));
    }
    let register = register(&fields, report);
    if let (Some(node), CalicoDatastore::Files(_)) = (fields.node("register"), &datastore) {
        let fault = Fault::new("register with files", "register with etcd as the datastore");
        report.fault(node.place, &fields.path("register"), fault);
    }
    exclude(&fields, "register", "external", report);
    Some(Calico {
        datastore,
        identity,
        group: group.map(|at| at.value),
        export: or(&fields, "exportPolicy", &own::EXPORT, defaults::CALICO_EXPORT, report),
        ipam: or(&fields, "ipamCheck", &own::IPAM_CHECK, defaults::CALICO_IPAM_CHECK, report),
        cache_file: fields.scalar("cacheFile", &kinds::TEXT, report).map(folder),
        secrets_folder: fields.scalar("secretsFolder", &kinds::TEXT, report).map(folder),
        register,
        guard: guard(&fields, report),
        own_router_id: false,
        own_listen: false,
    })
}

/// Reads `register`; `{}` takes everything from the environment.
fn register(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<CalicoRegister> {
    let inner = open(fields, "register", &REGISTER, report)?;
    let address = |name, report: &mut Report<'_>| {
        inner.scalar(name, &own::HOST_ADDRESS, report).map(|at| at.value)
    };
    Some(CalicoRegister {
        ipv4: address("ipv4Address", report),
        ipv6: address("ipv6Address", report),
        asn: inner.scalar("asNumber", &kinds::ASN, report).map(|at| at.value),
        cluster_id: inner.scalar("clusterId", &kinds::CLUSTER_ID, report).map(|at| at.value),
        labels: labels(&inner, report),
    })
}

/// A mapping of labels; their values are texts, in quotes where YAML would take them for others.
fn labels(fields: &Fields<'_>, report: &mut Report<'_>) -> Vec<(String, String)> {
    let Some(node) = fields.node("labels") else { return Vec::new() };
    let key = fields.path("labels");
    let Value::Map(entries) = &node.value else {
        report.fault(node.place, &key, Fault::new(node.describe(), "a mapping of labels"));
        return Vec::new();
    };
    let mut labels = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = format!("{key}.{}", entry.key);
        if let Some(at) = crate::fields::scalar(&entry.value, &name, &own::LABEL, report) {
            labels.push((entry.key.clone(), at.value));
        }
    }
    labels
}

fn guard(fields: &Fields<'_>, report: &mut Report<'_>) -> CalicoGuard {
    let mut guard = CalicoGuard {
        max_loss: defaults::CALICO_GUARD_MAX_LOSS,
        min_loss: defaults::CALICO_GUARD_MIN_LOSS,
        hold: defaults::CALICO_GUARD_HOLD,
    };
    if let Some(Node { value: Value::Scalar(scalar), .. }) = fields.node("guard")
        && kinds::is_off(scalar)
    {
        guard.max_loss = 100;
        return guard;
    }
    let Some(inner) = open(fields, "guard", &GUARD, report) else { return guard };
    guard.max_loss = or(&inner, "maxLoss", &kinds::policy::PERCENT, guard.max_loss, report);
    guard.min_loss = or(&inner, "minLoss", &kinds::LIMIT, guard.min_loss, report);
    guard.hold = or(&inner, "hold", &own::GUARD_HOLD, guard.hold, report);
    guard
}

/// Two keys that say the same thing in different ways.
fn exclude(fields: &Fields<'_>, one: &str, other: &str, report: &mut Report<'_>) {
    if let (Some(_), Some(node)) = (fields.node(one), fields.node(other)) {
        let fault = Fault::new(format!("{one} and {other}"), "one of the two");
        report.fault(node.place, &fields.path(other), fault);
    }
}
