//! `BGPConfiguration`.

use albedo_types::Prefix;
use albedo_types::policy::Community;
use albedo_yaml::diagnostic::Fault as Wrong;
use albedo_yaml::node::{Value, quote};

use super::kinds::{
    self, ASN, BOOL, COMMUNITY, DURATION, INTERFACE, IPV4, IPV6, LOOSE_CIDR, PORT, PRIORITY,
};
use super::peer::password;
use super::reader::{Context, Fields, Kind, value};
use crate::calico::{
    BgpConfiguration, BindMode, ConfigurationScope, LogSeverity, Meta, PrefixAdvertisement,
    ProgramClusterRoutes,
};

const SPEC: [&str; 19] = [
    "logSeverityScreen",
    "nodeToNodeMeshEnabled",
    "asNumber",
    "listenPort",
    "bindMode",
    "ignoredInterfaces",
    "serviceClusterIPs",
    "serviceExternalIPs",
    "serviceLoadBalancerIPs",
    "serviceLoadBalancerAggregation",
    "communities",
    "prefixAdvertisements",
    "nodeMeshPassword",
    "nodeMeshMaxRestartTime",
    "localWorkloadPeeringIPV4",
    "localWorkloadPeeringIPV6",
    "programClusterRoutes",
    "ipv4NormalRoutePriority",
    "ipv6NormalRoutePriority",
];

/// What counts for all nodes only.
const GLOBAL_ONLY: [&str; 7] = [
    "nodeToNodeMeshEnabled",
    "asNumber",
    "serviceClusterIPs",
    "serviceExternalIPs",
    "serviceLoadBalancerIPs",
    "nodeMeshPassword",
    "nodeMeshMaxRestartTime",
];

const LOG_SEVERITY: Kind<LogSeverity> = Kind {
    allowed: "Trace, Debug, Info, Warning, Error or Fatal",
    read: |scalar| {
        let words = [
            ("Trace", LogSeverity::Trace),
            ("Debug", LogSeverity::Debug),
            ("Info", LogSeverity::Info),
            ("Warning", LogSeverity::Warning),
            ("Error", LogSeverity::Error),
            ("Fatal", LogSeverity::Fatal),
        ];
        kinds::any_case(scalar, &words)
    },
};

const BIND_MODE: Kind<BindMode> = Kind {
    allowed: "None or NodeIP",
    read: |scalar| kinds::word(scalar, &[("None", BindMode::None), ("NodeIP", BindMode::NodeIp)]),
};

const AGGREGATION: Kind<bool> = Kind {
    allowed: "Enabled or Disabled",
    read: |scalar| kinds::word(scalar, &[("Enabled", true), ("Disabled", false)]),
};

const PROGRAM_CLUSTER_ROUTES: Kind<ProgramClusterRoutes> = Kind {
    allowed: "Enabled, Disabled, EnabledIPIPOnly or EnabledNoEncapOnly",
    read: |scalar| {
        let words = [
            ("Enabled", ProgramClusterRoutes::Enabled),
            ("Disabled", ProgramClusterRoutes::Disabled),
            ("EnabledIPIPOnly", ProgramClusterRoutes::EnabledIpipOnly),
            ("EnabledNoEncapOnly", ProgramClusterRoutes::EnabledNoEncapOnly),
        ];
        kinds::word(scalar, &words)
    },
};

pub(super) fn read(meta: Meta, top: &Fields<'_>, cx: &mut Context<'_>) -> BgpConfiguration {
    let spec = top.inner("spec", &SPEC, cx);
    let spec = spec.unwrap_or_else(|| Fields::empty(top.place, "spec"));
    let ignored = cx.minor(|cx| spec.values("ignoredInterfaces", &INTERFACE, cx));
    if cx.strict && ignored.iter().any(|pattern| &*pattern.0 == "*") {
        let wrong = Wrong::new("the pattern `*`", "patterns that leave some interfaces");
        spec.fault("ignoredInterfaces", wrong, cx);
    }
    let mut read = BgpConfiguration {
        meta,
        log_severity_screen: spec.minor("logSeverityScreen", &LOG_SEVERITY, cx),
        node_to_node_mesh: spec.value("nodeToNodeMeshEnabled", &BOOL, cx),
        as_number: spec.value("asNumber", &ASN, cx).flatten(),
        listen_port: spec.value("listenPort", &PORT, cx),
        bind_mode: spec.minor("bindMode", &BIND_MODE, cx).unwrap_or_default(),
        ignored_interfaces: ignored.into_iter().map(|pattern| pattern.0).collect(),
        service_cluster_ips: cx.minor(|cx| ranges(&spec, "serviceClusterIPs", cx)),
        service_external_ips: cx.minor(|cx| ranges(&spec, "serviceExternalIPs", cx)),
        service_load_balancer_ips: cx.minor(|cx| ranges(&spec, "serviceLoadBalancerIPs", cx)),
        service_load_balancer_aggregation: spec.minor(
            "serviceLoadBalancerAggregation",
            &AGGREGATION,
            cx,
        ),
        prefix_advertisements: cx.minor(|cx| advertisements(&spec, cx)),
        node_mesh_password: password(&spec, "nodeMeshPassword", cx),
        node_mesh_max_restart_time: spec.value("nodeMeshMaxRestartTime", &DURATION, cx),
        local_workload_peering_v4: spec.minor("localWorkloadPeeringIPV4", &IPV4, cx),
        local_workload_peering_v6: spec.minor("localWorkloadPeeringIPV6", &IPV6, cx),
        program_cluster_routes: spec.minor("programClusterRoutes", &PROGRAM_CLUSTER_ROUTES, cx),
        ipv4_normal_route_priority: spec.minor("ipv4NormalRoutePriority", &PRIORITY, cx),
        ipv6_normal_route_priority: spec.minor("ipv6NormalRoutePriority", &PRIORITY, cx),
    };
    if read.node_to_node_mesh == Some(false) {
        for name in ["nodeMeshPassword", "nodeMeshMaxRestartTime"] {
            if spec.is_set(name) && cx.strict {
                let found = format!("{name} beside nodeToNodeMeshEnabled: false");
                spec.fault(name, Wrong::new(found, "it with the mesh only"), cx);
            }
        }
    }
    scope(&mut read, &spec, cx);
    read
}

/// What the name means, and what may not be set then.
fn scope(read: &mut BgpConfiguration, spec: &Fields<'_>, cx: &mut Context<'_>) {
    match read.scope() {
        ConfigurationScope::Default => return,
        ConfigurationScope::Node(_) => {}
        ConfigurationScope::Nobody => {
            let text = format!(
                "the name {} means nothing: default is for all nodes, node.NAME for one",
                quote(&read.meta.name)
            );
            cx.warn(spec.place, "metadata.name", &text);
        }
    }
    for name in GLOBAL_ONLY.into_iter().filter(|name| spec.is_set(name)) {
        if cx.strict {
            let found = format!("{name} in {}", quote(&read.meta.name));
            spec.fault(name, Wrong::new(found, "it in the object named default only"), cx);
        } else {
            spec.warn(name, "it counts in the object named default only", cx);
        }
    }
    read.node_to_node_mesh = None;
    read.as_number = None;
    read.service_cluster_ips = Box::default();
    read.service_external_ips = Box::default();
    read.service_load_balancer_ips = Box::default();
    read.node_mesh_password = None;
    read.node_mesh_max_restart_time = None;
}

/// A list of `{cidr: …}`; those without one are passed over.
fn ranges(spec: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Box<[Prefix]> {
    let mut read = Vec::new();
    for (key, node) in spec.list(name, "mappings with cidr", cx) {
        let Some(fields) = Fields::open(node, &key, &["cidr"], cx) else { continue };
        read.extend(fields.value("cidr", &LOOSE_CIDR, cx));
    }
    read.into()
}

fn advertisements(spec: &Fields<'_>, cx: &mut Context<'_>) -> Box<[PrefixAdvertisement]> {
    let mut names: Vec<(String, Community)> = Vec::new();
    for (key, node) in spec.list("communities", "mappings with name and value", cx) {
        let Some(fields) = Fields::open(node, &key, &["name", "value"], cx) else { continue };
        let name = fields.required("name", &kinds::TEXT, cx);
        let value = fields.required("value", &COMMUNITY, cx);
        names.extend(name.zip(value).map(|(name, value)| (name.into(), value)));
    }
    let mut read = Vec::new();
    let allowed = "mappings with cidr and communities";
    for (key, node) in spec.list("prefixAdvertisements", allowed, cx) {
        let Some(fields) = Fields::open(node, &key, &["cidr", "communities"], cx) else { continue };
        let cidr = fields.value("cidr", &LOOSE_CIDR, cx);
        let items = fields.list("communities", "communities and names of them", cx);
        let communities = items.into_iter().filter_map(|(key, node)| {
            let known = |scalar: &albedo_yaml::node::Scalar| {
                names.iter().find(|(name, _)| *name == scalar.text).map(|(_, value)| *value)
            };
            if let Value::Scalar(scalar) = &node.value {
                if let Some(community) = known(scalar) {
                    return Some(community);
                }
                if (COMMUNITY.read)(scalar).is_err() && !names.is_empty() {
                    let all: Vec<_> = names.iter().map(|(name, _)| &**name).collect();
                    let allowed = format!("one of {}, or {}", all.join(", "), COMMUNITY.allowed);
                    cx.fault(node.place, &key, Wrong::new(node.describe(), allowed));
                    return None;
                }
            }
            value(node, &key, &COMMUNITY, cx)
        });
        let communities = communities.collect();
        read.extend(cidr.map(|cidr| PrefixAdvertisement { cidr, communities }));
    }
    if !names.is_empty() && read.is_empty() && cx.strict && cx.report.is_clean() {
        let wrong = Wrong::new("communities without prefixAdvertisements", "both, or neither");
        spec.fault("communities", wrong, cx);
    }
    read.into()
}
