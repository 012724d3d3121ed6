//! Resources from text, JSON and keys.
//!
//! There is one reader for each kind. Files are read strictly ([`documents`]): what is not known,
//! or not allowed by Calico's own validation, is a fault with its line. Datastores are read
//! leniently ([`lenient`], [`kubernetes_node`], [`etcd`]): what is newer than this program is
//! passed over, but nothing that would change what a session does.

mod block;
mod coerce;
mod configuration;
mod document;
mod filter;
mod information;
mod json;
mod kinds;
mod kubernetes;
mod meta;
mod node;
mod peer;
mod pool;
mod reader;

use std::sync::Arc;

use albedo_yaml::diagnostic::Report;
use albedo_yaml::node::Node as Tree;
use serde_json::Value as Json;

use super::{Fault, Kind, Meta, Resource, Warning};
use reader::{Context, Fields};

pub use document::{DOCUMENT_MAX, Documents, documents};

/// A resource with what is odd about it, or why it was not taken.
pub type Read = Result<(Resource, Vec<Warning>), Fault>;

/// Reads a resource of a datastore, in either group of the Kubernetes API or as etcd keeps it.
///
/// `kind` says what it is; `apiVersion` and `kind` in it are not looked at. A Kubernetes node is
/// read by [`kubernetes_node`].
///
/// # Errors
///
/// If a field that matters to a session is not what Calico allows.
pub fn lenient(kind: Kind, json: &Json) -> Read {
    leniently(kind, json, &json::tree(json), |tree, cx| {
        let top = Fields::open(tree, "", &[], cx)?;
        resource(kind, &top, cx)
    })
}

/// Reads a `v1/Node` of Kubernetes as Calico's node.
///
/// With `use_pod_cidr` (Calico's `USE_POD_CIDR`) its `podCIDRs` are blocks of it.
///
/// # Errors
///
/// If it is no mapping or has no name; annotations that cannot be read are warnings.
pub fn kubernetes_node(json: &Json, use_pod_cidr: bool) -> Read {
    leniently(Kind::Node, json, &json::parts(json, kubernetes::PARTS), |tree, cx| {
        kubernetes::read(tree, use_pod_cidr, cx).map(|node| Resource::Node(Box::new(node)))
    })
}

/// Where Calico keeps resources in etcd; the kind in the plural and the name follow.
pub const ETCD_RESOURCES: &str = "/calico/resources/v3/projectcalico.org/";

/// Where it keeps affinities of blocks.
pub const ETCD_AFFINITIES: &str = "/calico/ipam/v2/";

/// The kind and the name of what a key of etcd is for; `None` for any other key.
#[must_use]
pub fn etcd_key(key: &str) -> Option<(Kind, Arc<str>)> {
    if let Some(rest) = key.strip_prefix(ETCD_RESOURCES) {
        let (plural, name) = rest.split_once('/')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.plural() == plural)?;
        return (!name.is_empty() && kind != Kind::BlockAffinity).then(|| (kind, name.into()));
    }
    let name = key.strip_prefix(ETCD_AFFINITIES)?;
    block::key(name).map(|_| (Kind::BlockAffinity, name.into()))
}

/// Reads a key of etcd with its value; `None` for a key that [`etcd_key`] does not know.
///
/// The resource's version is `mod_revision`, and its name is the key's.
///
/// # Errors
///
/// As [`lenient`], and if the value is no JSON.
pub fn etcd(key: &str, value: &[u8], mod_revision: i64) -> Option<Read> {
    let (kind, name) = etcd_key(key)?;
    // An affinity of old data has no value at all, which is a confirmed one.
    let value = if kind == Kind::BlockAffinity && value.is_empty() { b"{}" } else { value };
    let json = match serde_json::from_slice::<Json>(value) {
        Ok(json) => json,
        Err(error) => {
            let text = format!("{kind} {name}: found no JSON ({error}), expected the resource");
            return Some(Err(Fault { kind: Some(kind), name: Some(name), text }));
        }
    };
    let version = Some(mod_revision.to_string().into_boxed_str());
    if kind == Kind::BlockAffinity {
        return Some(affinity(&name, version, &json));
    }
    Some(match lenient(kind, &json) {
        Ok((mut resource, mut warnings)) => {
            let meta = resource.meta_mut();
            if meta.name != name {
                let text = format!("{kind} {name}: it calls itself {}", meta.name);
                warnings.push(Warning { text });
                meta.name = name;
            }
            meta.resource_version = version;
            Ok((resource, warnings))
        }
        // Whatever it calls itself, the next event of this key has to find it.
        Err(fault) => Err(Fault { name: Some(name), ..fault }),
    })
}

fn affinity(name: &Arc<str>, version: Option<Box<str>>, json: &Json) -> Read {
    let meta = Meta { name: name.clone(), resource_version: version, ..Meta::default() };
    let source = format!("{} {name}", Kind::BlockAffinity);
    let mut cx = Context::new(Report::new(&source, ""), false);
    let read = Fields::open(&json::tree(json), "", &[], &mut cx).and_then(|top| {
        let key = block::key(name)?;
        Some(Resource::BlockAffinity(Box::new(block::value(meta, &key, &top, &mut cx))))
    });
    finish(cx, Some(Kind::BlockAffinity), Some(name.clone()), read)
}

fn leniently(
    kind: Kind,
    json: &Json,
    tree: &Tree,
    read: impl FnOnce(&Tree, &mut Context<'_>) -> Option<Resource>,
) -> Read {
    let name = json.pointer("/metadata/name").and_then(Json::as_str);
    let source = format!("{kind} {}", name.unwrap_or("without a name"));
    let mut cx = Context::new(Report::new(&source, ""), false);
    let resource = read(tree, &mut cx);
    finish(cx, Some(kind), name.map(Arc::from), resource)
}

/// Reads a resource of Calico.
fn resource(kind: Kind, top: &Fields<'_>, cx: &mut Context<'_>) -> Option<Resource> {
    let Some(meta) = meta::read(top, cx) else {
        // The rest is looked at for its faults.
        of_kind(kind, Meta::default(), top, cx);
        return None;
    };
    of_kind(kind, meta, top, cx)
}

fn of_kind(kind: Kind, meta: Meta, top: &Fields<'_>, cx: &mut Context<'_>) -> Option<Resource> {
    Some(match kind {
        Kind::Node => Resource::Node(Box::new(node::read(meta, top, cx))),
        Kind::BgpPeer => Resource::BgpPeer(Box::new(peer::read(meta, top, cx))),
        Kind::BgpConfiguration => {
            Resource::BgpConfiguration(Box::new(configuration::read(meta, top, cx)))
        }
        Kind::BgpFilter => Resource::BgpFilter(Box::new(filter::read(meta, top, cx))),
        Kind::IpPool => Resource::IpPool(Box::new(pool::read(meta, top, cx)?)),
        Kind::BlockAffinity => Resource::BlockAffinity(Box::new(block::read(meta, top, cx)?)),
        Kind::ClusterInformation => {
            Resource::ClusterInformation(Box::new(information::read(meta, top, cx)))
        }
    })
}

/// The resource, unless something is wrong with it.
fn finish(
    cx: Context<'_>,
    kind: Option<Kind>,
    name: Option<Arc<str>>,
    resource: Option<Resource>,
) -> Read {
    match cx.report.finish(resource) {
        Ok(resource) => Ok((resource, cx.warnings)),
        Err(faults) => {
            let texts: Vec<String> = faults.faults().iter().map(ToString::to_string).collect();
            Err(Fault { kind, name, text: texts.join("\n") })
        }
    }
}

#[cfg(test)]
mod tests;
