//! What every resource has: name, labels, annotations, and which version it is.

use std::fmt;
use std::sync::Arc;

/// Metadata of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Unique among the resources of the kind.
    pub name: Arc<str>,
    /// What selectors look at.
    pub labels: Labels,
    /// Calico's annotations, without those that only hold a copy of the object.
    pub annotations: Labels,
    /// Stays the same for as long as the object lives; a new object of the same name has another.
    pub uid: Option<Box<str>>,
    /// Changes whenever the object does: Kubernetes' `resourceVersion`, or etcd's `mod_revision`.
    pub resource_version: Option<Box<str>>,
}

impl Meta {
    /// Metadata with a name and nothing else.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// Such as `topology.kubernetes.io/zone`.
    pub key: Arc<str>,
    /// May be empty.
    pub value: Arc<str>,
}

/// Labels in order of their keys, each key once.
///
/// The pairs are shared: most labels of a cluster (zone, role, architecture) are the same on many
/// nodes, and [`Cluster`](super::Cluster) keeps each distinct pair once, so a label of a node
/// takes one pointer there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(pub(super) Box<[Arc<Label>]>);

impl Labels {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|label| (*label.key).cmp(key)).ok()?;
        Some(&self.0[at].value)
    }

    /// Keys and values, in order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|label| (&*label.key, &*label.value))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Labels {
    /// Where a key comes twice, the last value counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut labels: Vec<Arc<Label>> = Vec::new();
        for (key, value) in pairs {
            let label = Label { key: key.as_ref().into(), value: value.as_ref().into() };
            match labels.binary_search_by(|other| other.key.cmp(&label.key)) {
                Ok(at) => labels[at] = Arc::new(label),
                Err(at) => labels.insert(at, Arc::new(label)),
            }
        }
        Self(labels.into())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
