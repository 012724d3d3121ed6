//! A change of one resource: as a document, as a command, and undone.

use serde_json::{Map, Value as Json};

use crate::calico::{Cluster, Kind, Resource, write};

/// What is done to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is made.
    Create(Resource),
    /// Some of its fields change.
    Replace {
        /// As it is.
        before: Box<Resource>,
        /// As it will be.
        after: Box<Resource>,
    },
    /// It goes.
    Delete(Resource),
}

impl Change {
    pub(super) fn replace(before: Resource, after: Resource) -> Self {
        Self::Replace { before: Box::new(before), after: Box::new(after) }
    }

    /// The resource as it will be, or was.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        match self {
            Self::Create(it) | Self::Delete(it) => it,
            Self::Replace { after, .. } => after,
        }
    }

    /// In one word.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Replace { .. } => "patch",
            Self::Delete(_) => "delete",
        }
    }

    /// Carries it out on a copy of the cluster.
    pub fn apply(&self, cluster: &mut Cluster) {
        match self {
            Self::Create(it) => cluster.apply(it.clone()),
            Self::Replace { after, .. } => cluster.apply((**after).clone()),
            Self::Delete(it) => cluster.remove(it.kind(), it.name()),
        };
    }

    /// What undoes it.
    #[must_use]
    pub fn undo(&self) -> Self {
        match self {
            Self::Create(it) => Self::Delete(it.clone()),
            Self::Delete(it) => Self::Create(it.clone()),
            Self::Replace { before, after } => {
                Self::Replace { before: after.clone(), after: before.clone() }
            }
        }
    }

    /// The document to apply, without what only the datastore knows of it. `None` where it would
    /// take away what others keep in the resource and we do not know of: then there is only the
    /// [`Change::command`]. A node is like that, as calico-node writes to it.
    #[must_use]
    pub fn document(&self) -> Option<Json> {
        let resource = match self {
            Self::Create(it) => it,
            Self::Replace { after, .. } if after.kind() != Kind::Node => after,
            Self::Replace { .. } | Self::Delete(_) => return None,
        };
        let mut json = write::json(resource);
        if let Some(Json::Object(meta)) = json.get_mut("metadata") {
            meta.remove("uid");
            meta.remove("resourceVersion");
        }
        Some(json)
    }

    /// What a patch says: the fields that differ, `null` for those that go (RFC 7396). `None` if
    /// it is no patch.
    #[must_use]
    pub fn patch(&self) -> Option<Json> {
        let Self::Replace { before, after } = self else { return None };
        Some(difference(&write::json(before), &write::json(after)))
    }

    /// What does it, as typed into a shell. For a resource that is made, the document is expected
    /// at the standard input.
    #[must_use]
    pub fn command(&self) -> String {
        let resource = self.resource();
        let kind = resource.kind().name().to_ascii_lowercase();
        let name = resource.name();
        match self {
            Self::Create(_) => "calicoctl apply -f -".to_owned(),
            Self::Delete(_) => format!("calicoctl delete {kind} {name}"),
            Self::Replace { .. } => {
                let patch = self.patch().unwrap_or_default().to_string().replace('\'', r"'\''");
                format!("calicoctl patch {kind} {name} -p '{patch}'")
            }
        }
    }
}

/// RFC 7396: what turns one into the other.
fn difference(before: &Json, after: &Json) -> Json {
    let (Json::Object(before), Json::Object(after)) = (before, after) else {
        return after.clone();
    };
    let mut patch = Map::new();
    for (key, value) in after {
        match before.get(key) {
            Some(same) if same == value => {}
            Some(other @ Json::Object(_)) if value.is_object() => {
                patch.insert(key.clone(), difference(other, value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for (key, value) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        // Others may have put labels there since, which we have not seen.
        let gone = match value {
            Json::Object(_) if key == "labels" => difference(value, &Json::Object(Map::new())),
            _ => Json::Null,
        };
        patch.insert(key.clone(), gone);
    }
    Json::Object(patch)
}
