//! `CalicoNodeStatus` in the datastore: which objects ask about a node, and writing what they ask.
//!
//! They are listed from time to time and not watched: that they come and go is no hurry, and a
//! datastore that does not let them be read must not hold anything else up.

use serde_json::Value;

use super::OpenError;
use super::etcd::Client;
use super::kubernetes::StatusApi;
use super::settings::{Datastore, Settings};
use crate::calico::node_status::StatusRequest;

/// Objects that are looked at, of all nodes; further ones are left out.
pub const OBJECTS_MAX: usize = 10_000;
/// Objects about one node that are filled in; further ones are left out.
pub const ASKED_MAX: usize = 16;

/// A way to the objects.
#[derive(Debug)]
pub struct NodeStatuses(Way);

#[derive(Debug)]
enum Way {
    Etcd(Client),
    Kubernetes(StatusApi),
}

/// An object that asks about a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What it asks.
    pub request: StatusRequest,
    /// As it was read or written last.
    pub(super) document: Value,
    /// Its revision in etcd; Kubernetes has it in the document.
    pub(super) revision: i64,
}

impl Asked {
    /// An object as it was read; `None` if it asks for nothing.
    #[must_use]
    pub fn new(document: Value, revision: i64) -> Option<Self> {
        Some(Self { request: StatusRequest::read(&document)?, document, revision })
    }
}

/// Why an object was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// Somebody else has changed it; it is to be listed again.
    #[error("it was changed meanwhile")]
    Changed,
    /// It did not work, in words.
    #[error("{0}")]
    Failed(String),
}

impl NodeStatuses {
    /// A way to the datastore; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If a certificate, a key or a kubeconfig cannot be read.
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        Ok(Self(match &settings.datastore {
            Datastore::Etcd(settings) => Way::Etcd(Client::new(settings).map_err(OpenError)?),
            Datastore::Kubernetes(settings) => Way::Kubernetes(StatusApi::connect(settings).await?),
        }))
    }

    /// The objects that ask about a node, off ones included; at most [`ASKED_MAX`].
    ///
    /// # Errors
    ///
    /// In words, if they cannot be read.
    pub async fn about(&self, node: &str) -> Result<Vec<Asked>, String> {
        let is_about =
            |it: &Value| StatusRequest::read(it).is_some_and(|request| request.node == node);
        let objects = match &self.0 {
            Way::Etcd(client) => client.status_objects(OBJECTS_MAX, is_about).await?,
            Way::Kubernetes(api) => api.status_objects(OBJECTS_MAX, is_about).await?,
        };
        let asked =
            objects.into_iter().filter_map(|(document, revision)| Asked::new(document, revision));
        Ok(asked.take(ASKED_MAX).collect())
    }

    /// Writes a status, unless the object is another one by now.
    ///
    /// # Errors
    ///
    /// [`TellError`].
    pub async fn tell(&self, asked: &mut Asked, status: Value) -> Result<(), TellError> {
        let mut document = asked.document.clone();
        document["status"] = status;
        match &self.0 {
            Way::Etcd(client) => {
                asked.revision =
                    client.put_status(&asked.request.name, &document, asked.revision).await?;
                asked.document = document;
            }
            Way::Kubernetes(api) => {
                asked.document = api.put_status(&asked.request.name, &document).await?;
            }
        }
        Ok(())
    }
}
