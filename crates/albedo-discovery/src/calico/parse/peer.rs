//! `BGPPeer`.

use std::net::IpAddr;

use albedo_yaml::diagnostic::{Fault as Wrong, Show};
use albedo_yaml::node::Value;

use super::kinds::{
    self, ASN, BOOL, COUNT, DURATION, HOPS, IP, NAME, PEER_IP, REFERENCE, SELECTOR,
};
use super::reader::{Context, Fields, Kind};
use crate::calico::{
    BgpPeer, Meta, NextHopMode, PeerNodes, PeerRemote, ReversePeering, SecretKeyRef, SourceAddress,
};

const SPEC: [&str; 18] = [
    "node",
    "nodeSelector",
    "peerIP",
    "asNumber",
    "peerSelector",
    "localASNumber",
    "keepOriginalNextHop",
    "nextHopMode",
    "password",
    "sourceAddress",
    "maxRestartTime",
    "keepaliveTime",
    "numAllowedLocalASNumbers",
    "ttlSecurity",
    "reachableBy",
    "filters",
    "localWorkloadSelector",
    "reversePeering",
];

const NEXT_HOP_MODE: Kind<NextHopMode> = Kind {
    allowed: "Auto, Self or Keep",
    read: |scalar| {
        let words =
            [("Auto", NextHopMode::Auto), ("Self", NextHopMode::Own), ("Keep", NextHopMode::Keep)];
        kinds::word(scalar, &words)
    },
};

const SOURCE_ADDRESS: Kind<SourceAddress> = Kind {
    allowed: "UseNodeIP or None",
    read: |scalar| {
        let words = [("UseNodeIP", SourceAddress::UseNodeIp), ("None", SourceAddress::None)];
        kinds::word(scalar, &words)
    },
};

const REVERSE_PEERING: Kind<ReversePeering> = Kind {
    allowed: "Auto or Manual",
    read: |scalar| {
        let words = [("Auto", ReversePeering::Auto), ("Manual", ReversePeering::Manual)];
        kinds::word(scalar, &words)
    },
};

pub(super) fn read(meta: Meta, top: &Fields<'_>, cx: &mut Context<'_>) -> BgpPeer {
    let spec = top.inner("spec", &SPEC, cx);
    let spec = spec.unwrap_or_else(|| Fields::empty(top.place, "spec"));
    spec.exclusive("node", "nodeSelector", cx);
    spec.exclusive("peerIP", "peerSelector", cx);
    for other in ["peerIP", "peerSelector"] {
        spec.exclusive("localWorkloadSelector", other, cx);
    }
    if cx.strict {
        // Older releases of Calico took both, and the newer field wins.
        spec.exclusive("keepOriginalNextHop", "nextHopMode", cx);
    }
    let keep = spec.value("keepOriginalNextHop", &BOOL, cx);
    BgpPeer {
        meta,
        nodes: nodes(&spec, cx),
        remote: remote(&spec, cx),
        local_as: spec.value("localASNumber", &ASN, cx).flatten(),
        keep_original_next_hop: keep.unwrap_or_default(),
        next_hop_mode: spec.value("nextHopMode", &NEXT_HOP_MODE, cx),
        password: password(&spec, "password", cx),
        source_address: spec.value("sourceAddress", &SOURCE_ADDRESS, cx).unwrap_or_default(),
        max_restart_time: spec.value("maxRestartTime", &DURATION, cx),
        keepalive_time: spec.value("keepaliveTime", &DURATION, cx),
        allowed_local_as: spec.value("numAllowedLocalASNumbers", &COUNT, cx),
        ttl_security: spec.value("ttlSecurity", &HOPS, cx).flatten(),
        reachable_by: reachable_by(&spec, cx),
        filters: spec.values("filters", &NAME, cx),
        reverse_peering: spec.value("reversePeering", &REVERSE_PEERING, cx).unwrap_or_default(),
    }
}

fn nodes(spec: &Fields<'_>, cx: &mut Context<'_>) -> PeerNodes {
    if spec.raw("nodeSelector").is_some() && !spec.is_set("nodeSelector") && !spec.is_set("node") {
        let text = "it is empty, which is not set: the peering is of all nodes";
        spec.warn("nodeSelector", text, cx);
    }
    let selector = spec.value("nodeSelector", &SELECTOR, cx).map(PeerNodes::Matching);
    let named = spec.value("node", &NAME, cx).map(PeerNodes::Named);
    selector.or(named).unwrap_or_default()
}

fn remote(spec: &Fields<'_>, cx: &mut Context<'_>) -> PeerRemote {
    let as_number = spec.value("asNumber", &ASN, cx).flatten();
    let selector = spec.value("peerSelector", &SELECTOR, cx);
    let workloads = spec.value("localWorkloadSelector", &SELECTOR, cx);
    if let Some((ip, port)) = spec.value("peerIP", &PEER_IP, cx) {
        if as_number.is_none() {
            let text = "there is none: nodes take the address for a node's of the cluster's AS, \
                        and where it is not, BIRD refuses its whole configuration";
            spec.warn("asNumber", text, cx);
        }
        return PeerRemote::Address { ip, port, as_number };
    }
    if let Some(selector) = selector {
        if as_number.is_some() {
            let wrong =
                Wrong::new("asNumber beside peerSelector", "no asNumber: nodes have theirs");
            spec.fault("asNumber", wrong, cx);
        }
        return PeerRemote::Nodes(selector);
    }
    if let Some(selector) = workloads {
        let Some(as_number) = as_number else {
            spec.missing("asNumber", "the AS of the pods that localWorkloadSelector is for", cx);
            return PeerRemote::Nobody;
        };
        return PeerRemote::Workloads { selector, as_number };
    }
    if cx.report.is_clean() {
        let text = "there is neither peerIP nor peerSelector nor localWorkloadSelector, so there \
                    are no sessions";
        cx.warn(spec.place, &spec.key, text);
    }
    PeerRemote::Nobody
}

fn reachable_by(spec: &Fields<'_>, cx: &mut Context<'_>) -> Option<IpAddr> {
    let gateway = spec.value("reachableBy", &IP, cx)?;
    let Some(peer) = spec.get("peerIP") else {
        let wrong = Wrong::new("reachableBy without peerIP", "it beside peerIP only");
        spec.fault("reachableBy", wrong, cx);
        return None;
    };
    let Value::Scalar(scalar) = &peer.value else { return None };
    let (peer, _) = (PEER_IP.read)(scalar).ok()?;
    if peer.is_ipv4() != gateway.is_ipv4() {
        let allowed = format!("an address of the family of peerIP, {peer}");
        spec.fault("reachableBy", Wrong::new(gateway.to_string(), allowed), cx);
        return None;
    }
    Some(gateway)
}

/// `secretKeyRef` in a field.
pub(super) fn password(
    spec: &Fields<'_>,
    name: &str,
    cx: &mut Context<'_>,
) -> Option<SecretKeyRef> {
    let fields = secret(spec, name, &["secretKeyRef"], cx)?;
    if !fields.is_set("secretKeyRef") {
        fields.missing("secretKeyRef", "secretKeyRef with name and key of a Secret", cx);
    }
    let reference = secret(&fields, "secretKeyRef", &["name", "key", "optional"], cx)?;
    let name = reference.required("name", &NAME, cx);
    let key = reference.required("key", &REFERENCE, cx);
    let optional = reference.value("optional", &BOOL, cx).unwrap_or_default();
    Some(SecretKeyRef { name: name?, key: key?, optional })
}

/// A mapping in a field. What stands there instead may be the password itself and is not shown.
fn secret<'n>(
    fields: &Fields<'n>,
    name: &str,
    known: &[&str],
    cx: &mut Context<'_>,
) -> Option<Fields<'n>> {
    if let Some(node) = fields.get(name)
        && let Value::Scalar(_) = node.value
    {
        let allowed = format!("a mapping with {}", known.join(", "));
        let wrong = Wrong { show: Show::Nothing, ..Wrong::new("a single value", allowed) };
        cx.fault(node.place, &fields.path(name), wrong);
        return None;
    }
    fields.inner(name, known, cx)
}
