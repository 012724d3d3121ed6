//! Resources as text again: what `calicoctl get` prints of them, in JSON and in YAML.
//!
//! Everything is `projectcalico.org/v3`, wherever it was read from; [`lenient`] reads it back as
//! it was, and [`documents`] takes the YAML. What is not set is not written.
//!
//! What does not come back, for v3 has no place for it:
//!
//! * a node's [`condition`](super::Node::condition), and whether its `podCIDRs` are blocks;
//! * the name that an affinity of a block has in etcd: it gets the one that Kubernetes gives it;
//! * names of communities in a `BGPConfiguration`, and a selector's own blanks and quotes.
//!
//! [`lenient`]: super::parse::lenient
//! [`documents`]: super::parse::documents

mod filter;
mod kinds;
mod yaml;

use serde_json::{Map, Value as Json, json};

use super::{Cluster, Labels, Meta, Resource};

pub use yaml::yaml;

/// A resource as JSON.
#[must_use]
pub fn json(resource: &Resource) -> Json {
    let mut fields = Map::new();
    fields.insert("apiVersion".to_owned(), json!("projectcalico.org/v3"));
    fields.insert("kind".to_owned(), json!(resource.kind().name()));
    let name = match resource {
        Resource::BlockAffinity(it) => kinds::affinity_name(it),
        _ => resource.name().to_string(),
    };
    fields.insert("metadata".to_owned(), metadata(resource.meta(), name));
    let (spec, status) = kinds::spec(resource);
    fields.insert("spec".to_owned(), spec.json());
    if let Some(status) = status.some() {
        fields.insert("status".to_owned(), status);
    }
    Json::Object(fields)
}

/// Resources as one document of kind `List`.
#[must_use]
pub fn list<'r>(resources: impl IntoIterator<Item = &'r Resource>) -> Json {
    document(resources.into_iter().map(json).collect())
}

/// All good resources of a cluster as one document of kind `List`, in the order of
/// [`Kind::ALL`](super::Kind::ALL) and then of their names.
#[must_use]
pub fn cluster(cluster: &Cluster) -> Json {
    let nodes = cluster.nodes().values().map(|it| json(&Resource::Node(boxed(it))));
    let peers = cluster.peers().values().map(|it| json(&Resource::BgpPeer(boxed(it))));
    let configurations = cluster.configurations().values();
    let configurations = configurations.map(|it| json(&Resource::BgpConfiguration(boxed(it))));
    let filters = cluster.filters().values().map(|it| json(&Resource::BgpFilter(boxed(it))));
    let pools = cluster.pools().values().map(|it| json(&Resource::IpPool(boxed(it))));
    let blocks = cluster.affinities().values();
    let blocks = blocks.map(|it| json(&Resource::BlockAffinity(boxed(it))));
    let information = cluster.information().into_iter();
    let information = information.map(|it| json(&Resource::ClusterInformation(boxed(it))));
    let rest = filters.chain(pools).chain(blocks).chain(information);
    document(nodes.chain(peers).chain(configurations).chain(rest).collect())
}

fn boxed<T: Clone>(it: &T) -> Box<T> {
    Box::new(it.clone())
}

fn document(items: Vec<Json>) -> Json {
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

fn metadata(meta: &Meta, name: String) -> Json {
    let mut fields = Object::default();
    fields.set("name", name);
    fields.inner("labels", pairs(&meta.labels));
    fields.inner("annotations", pairs(&meta.annotations));
    fields.maybe("uid", meta.uid.as_deref());
    fields.maybe("resourceVersion", meta.resource_version.as_deref());
    fields.json()
}

fn pairs(labels: &Labels) -> Object {
    let mut fields = Object::default();
    for (key, value) in labels.iter() {
        fields.set(key, value);
    }
    fields
}

/// A mapping that is filled with what is set.
#[derive(Debug, Default)]
struct Object(Map<String, Json>);

impl Object {
    fn set(&mut self, key: &str, value: impl Into<Json>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn maybe(&mut self, key: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// As text.
    fn text(&mut self, key: &str, value: Option<impl ToString>) {
        self.maybe(key, value.map(|value| value.to_string()));
    }

    /// Only where it is true.
    fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.set(key, true);
        }
    }

    /// Only where it is not empty.
    fn items(&mut self, key: &str, items: impl IntoIterator<Item = Json>) {
        let items: Vec<Json> = items.into_iter().collect();
        if !items.is_empty() {
            self.set(key, items);
        }
    }

    /// Only where it is not empty.
    fn inner(&mut self, key: &str, value: Self) {
        if let Some(value) = value.some() {
            self.set(key, value);
        }
    }

    /// `None` where nothing is set.
    fn some(self) -> Option<Json> {
        (!self.0.is_empty()).then_some(Json::Object(self.0))
    }

    fn json(self) -> Json {
        Json::Object(self.0)
    }
}

#[cfg(test)]
mod tests;
