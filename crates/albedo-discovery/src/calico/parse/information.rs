//! `ClusterInformation`: only what is of use is looked at, in files as well, as Calico alone
//! writes it.

use super::kinds::{BOOL, TEXT};
use super::reader::{Context, Fields};
use crate::calico::{ClusterInformation, Meta};

pub(super) fn read(meta: Meta, top: &Fields<'_>, cx: &mut Context<'_>) -> ClusterInformation {
    let strict = std::mem::replace(&mut cx.strict, false);
    let spec = top.inner("spec", &["calicoVersion", "clusterGUID", "datastoreReady"], cx);
    let spec = spec.unwrap_or_else(|| Fields::empty(top.place, "spec"));
    let read = ClusterInformation {
        meta,
        calico_version: spec.minor("calicoVersion", &TEXT, cx),
        cluster_guid: spec.minor("clusterGUID", &TEXT, cx),
        datastore_ready: spec.minor("datastoreReady", &BOOL, cx),
    };
    cx.strict = strict;
    read
}
