//! `BlockAffinity`, and what stands for it in etcd.

use std::sync::Arc;

use albedo_types::Prefix;

use super::kinds::{self, LOOSE_CIDR, NAME};
use super::reader::{Context, Fields, Kind};
use crate::calico::{BlockAffinity, BlockKind, BlockState, Meta};

const SPEC: [&str; 5] = ["state", "node", "type", "cidr", "deleted"];

const STATE: Kind<BlockState> = Kind {
    allowed: "confirmed, pending or pendingDeletion",
    read: |scalar| {
        let words = [
            ("confirmed", BlockState::Confirmed),
            ("pending", BlockState::Pending),
            ("pendingDeletion", BlockState::PendingDeletion),
        ];
        kinds::word(scalar, &words)
    },
};

const TYPE: Kind<BlockKind> = Kind {
    allowed: "host or virtual",
    read: |scalar| {
        kinds::word(scalar, &[("host", BlockKind::Host), ("virtual", BlockKind::Virtual)])
    },
};

/// A text in `crd.projectcalico.org/v1`, a boolean in `projectcalico.org/v3`.
const DELETED: Kind<bool> = Kind {
    allowed: "true or false",
    read: |scalar| kinds::word(scalar, &[("true", true), ("false", false)]),
};

pub(super) fn read(meta: Meta, top: &Fields<'_>, cx: &mut Context<'_>) -> Option<BlockAffinity> {
    let spec = top.inner("spec", &SPEC, cx);
    let spec = spec.unwrap_or_else(|| Fields::empty(top.place, "spec"));
    let node = spec.required("node", &NAME, cx);
    let cidr = spec.required("cidr", &LOOSE_CIDR, cx);
    let state = spec.value("state", &STATE, cx).unwrap_or_default();
    let kind = spec.value("type", &TYPE, cx).unwrap_or_default();
    let deleted = spec.value("deleted", &DELETED, cx).unwrap_or_default();
    Some(BlockAffinity { meta, node: node?, cidr: cidr?, state, kind, deleted })
}

/// Reads the value of a key in etcd.
pub(super) fn value(
    meta: Meta,
    key: &Key,
    top: &Fields<'_>,
    cx: &mut Context<'_>,
) -> BlockAffinity {
    BlockAffinity {
        meta,
        node: key.node.clone(),
        cidr: key.cidr,
        state: top.value("state", &STATE, cx).unwrap_or_default(),
        kind: key.kind,
        deleted: top.value("deleted", &DELETED, cx).unwrap_or_default(),
    }
}

/// What the key of an affinity in etcd says.
pub(super) struct Key {
    pub(super) kind: BlockKind,
    pub(super) node: Arc<str>,
    pub(super) cidr: Prefix,
}

/// Takes `host/NODE/ipv4/block/ADDR-LEN` apart.
pub(super) fn key(name: &str) -> Option<Key> {
    let mut parts = name.split('/');
    let mut next = || parts.next();
    let (kind, node, family, block, cidr) = (next()?, next()?, next()?, next()?, next()?);
    let kind = match kind {
        "host" => BlockKind::Host,
        "virtual" => BlockKind::Virtual,
        _ => return None,
    };
    let (addr, len) = cidr.split_once('-')?;
    let cidr: Prefix = format!("{addr}/{len}").parse().ok()?;
    let fits = matches!((family, cidr), ("ipv4", Prefix::V4(_)) | ("ipv6", Prefix::V6(_)));
    let whole = parts.next().is_none() && block == "block" && !node.is_empty();
    (fits && whole).then(|| Key { kind, node: node.into(), cidr })
}
