//! `IPPool`.

use std::net::Ipv4Addr;

use albedo_types::{Ipv4Prefix, Prefix};
use albedo_yaml::diagnostic::Fault as Wrong;

use super::kinds::{self, BOOL, CIDR, PREFIX_LENGTH, SELECTOR, TEXT};
use super::reader::{Context, Fields, Kind};
use crate::calico::{
    AllowedUses, AssignmentMode, EncapsulationMode, Expression, IpPool, Meta, Selector,
};

const SPEC: [&str; 11] = [
    "cidr",
    "ipipMode",
    "vxlanMode",
    "natOutgoing",
    "disabled",
    "disableBGPExport",
    "blockSize",
    "nodeSelector",
    "namespaceSelector",
    "allowedUses",
    "assignmentMode",
];

const MODE: Kind<EncapsulationMode> = Kind {
    allowed: "Never, Always or CrossSubnet",
    read: |scalar| {
        let words = [
            ("Never", EncapsulationMode::Never),
            ("Always", EncapsulationMode::Always),
            ("CrossSubnet", EncapsulationMode::CrossSubnet),
        ];
        kinds::word(scalar, &words)
    },
};

const USE: Kind<usize> = Kind {
    allowed: "Workload, Tunnel or LoadBalancer",
    read: |scalar| kinds::word(scalar, &[("Workload", 0), ("Tunnel", 1), ("LoadBalancer", 2)]),
};

const ASSIGNMENT: Kind<AssignmentMode> = Kind {
    allowed: "Automatic or Manual",
    read: |scalar| {
        let words = [("Automatic", AssignmentMode::Automatic), ("Manual", AssignmentMode::Manual)];
        kinds::word(scalar, &words)
    },
};

pub(super) fn read(meta: Meta, top: &Fields<'_>, cx: &mut Context<'_>) -> Option<IpPool> {
    let spec = top.inner("spec", &SPEC, cx);
    let spec = spec.unwrap_or_else(|| Fields::empty(top.place, "spec"));
    let cidr = spec.required("cidr", &CIDR, cx);
    let pool = IpPool {
        meta,
        cidr: cidr.unwrap_or(ANY),
        ipip_mode: spec.value("ipipMode", &MODE, cx).unwrap_or_default(),
        vxlan_mode: spec.value("vxlanMode", &MODE, cx).unwrap_or_default(),
        nat_outgoing: spec.value("natOutgoing", &BOOL, cx).unwrap_or_default(),
        disabled: spec.value("disabled", &BOOL, cx).unwrap_or_default(),
        disable_bgp_export: spec.value("disableBGPExport", &BOOL, cx).unwrap_or_default(),
        block_size: block_size(&spec, cidr, cx),
        node_selector: node_selector(&spec, cx),
        namespace_selector: spec.value("namespaceSelector", &TEXT, cx),
        allowed_uses: allowed_uses(&spec, cx),
        assignment_mode: spec.minor("assignmentMode", &ASSIGNMENT, cx).unwrap_or_default(),
    };
    if cx.strict {
        together(&pool, &spec, cx);
    }
    // The rest was looked at for its faults.
    cidr.map(|_| pool)
}

/// Where a pool's prefix could not be read.
const ANY: Prefix = match Ipv4Prefix::new(Ipv4Addr::UNSPECIFIED, 0) {
    Some(prefix) => Prefix::V4(prefix),
    None => unreachable!(),
};

fn block_size(spec: &Fields<'_>, cidr: Option<Prefix>, cx: &mut Context<'_>) -> u8 {
    let cidr = cidr.unwrap_or(ANY);
    let (default, range) = match cidr {
        Prefix::V4(_) => (26, 20..=32),
        Prefix::V6(_) => (122, 116..=128),
    };
    // 0 is "not set" to Calico.
    let size = spec.value("blockSize", &PREFIX_LENGTH, cx).filter(|size| *size > 0);
    if let Some(size) = size
        && !range.contains(&size)
    {
        let allowed = format!("{} to {} bits", range.start(), range.end());
        spec.fault("blockSize", Wrong::new(size.to_string(), allowed), cx);
        return default;
    }
    let size = size.unwrap_or(default);
    if cx.strict && size < cidr.len() {
        let found = format!("the pool {cidr} smaller than its blocks of {size} bits");
        spec.fault("cidr", Wrong::new(found, "a shorter length, or a longer blockSize"), cx);
    }
    size
}

fn node_selector(spec: &Fields<'_>, cx: &mut Context<'_>) -> Selector {
    let selector = spec.value("nodeSelector", &SELECTOR, cx).unwrap_or_default();
    if cx.strict && has_global(selector.expression()) {
        let wrong = Wrong::new("global()", "a selector of nodes: all() is all of them");
        spec.fault("nodeSelector", wrong, cx);
    }
    selector
}

fn has_global(expression: &Expression) -> bool {
    match expression {
        Expression::Global => true,
        Expression::Not(operand) => has_global(operand),
        Expression::And(operands) | Expression::Or(operands) => operands.iter().any(has_global),
        _ => false,
    }
}

fn allowed_uses(spec: &Fields<'_>, cx: &mut Context<'_>) -> AllowedUses {
    if spec.count("allowedUses") == 0 {
        return AllowedUses::default();
    }
    let strict = cx.strict;
    let mut uses = [false; 3];
    for (key, node) in spec.list("allowedUses", USE.allowed, cx) {
        let known = match &node.value {
            albedo_yaml::node::Value::Scalar(scalar) => (USE.read)(scalar).ok(),
            _ => None,
        };
        if known.is_none() && !strict {
            spec.odd("allowedUses", node, USE.allowed, cx);
            continue;
        }
        if let Some(at) = super::reader::value(node, &key, &USE, cx) {
            uses[at] = true;
        }
    }
    let [workload, tunnel, load_balancer] = uses;
    AllowedUses { workload, tunnel, load_balancer }
}

/// What may not be set together.
fn together(pool: &IpPool, spec: &Fields<'_>, cx: &mut Context<'_>) {
    let ipip = pool.ipip_mode != EncapsulationMode::Never;
    let vxlan = pool.vxlan_mode != EncapsulationMode::Never;
    if ipip && vxlan {
        let wrong = Wrong::new("vxlanMode beside ipipMode", "at most one of them but Never");
        spec.fault("vxlanMode", wrong, cx);
    }
    if ipip && matches!(pool.cidr, Prefix::V6(_)) {
        let wrong = Wrong::new("ipipMode in a pool of IPv6", "Never: IP in IP is of IPv4");
        spec.fault("ipipMode", wrong, cx);
    }
    let link_local = match pool.cidr {
        Prefix::V4(prefix) => prefix.addr().is_link_local(),
        Prefix::V6(prefix) => prefix.addr().is_unicast_link_local(),
    };
    if link_local {
        let found = format!("the link-local {}", pool.cidr);
        spec.fault("cidr", Wrong::new(found, "a prefix that counts beyond one link"), cx);
    }
    if pool.allowed_uses.load_balancer && (ipip || vxlan || pool.disable_bgp_export) {
        let wrong = Wrong::new(
            "LoadBalancer in a pool with encapsulation or disableBGPExport",
            "a pool that is announced as it is",
        );
        spec.fault("allowedUses", wrong, cx);
    }
}
