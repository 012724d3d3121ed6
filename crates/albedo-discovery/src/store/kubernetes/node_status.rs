//! `CalicoNodeStatus` in the Kubernetes API.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::Api;
use super::group::Discovery;
use super::wire::escaped;
use crate::calico::node_status::PLURAL;
use crate::store::OpenError;
use crate::store::node_status::TellError;
use crate::store::settings::KubernetesSettings;

/// Objects of a page.
const PAGE_OBJECTS: usize = 500;
/// How long it counts which API group has the objects.
const GROUP_LASTS: Duration = Duration::from_secs(300);

/// A way to the objects.
#[derive(Debug)]
pub(in crate::store) struct StatusApi {
    api: Api,
    discovery: Discovery,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct List {
    metadata: ListMeta,
    items: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListMeta {
    #[serde(rename = "continue")]
    more: String,
}

impl StatusApi {
    pub(in crate::store) async fn connect(
        settings: &KubernetesSettings,
    ) -> Result<Self, OpenError> {
        let api = Api::connect(settings).await?;
        Ok(Self { api, discovery: Discovery::new(settings.api_group, GROUP_LASTS) })
    }

    async fn path(&self) -> Result<String, String> {
        let group = self.discovery.group(&self.api).await?;
        Ok(format!("/apis/{}/{PLURAL}", group.name()))
    }

    /// The objects that `keep` wants, of the first `max`; none where the server does not know the
    /// kind.
    pub(in crate::store) async fn status_objects(
        &self,
        max: usize,
        keep: impl Fn(&Value) -> bool + Send + Sync,
    ) -> Result<Vec<(Value, i64)>, String> {
        let path = self.path().await?;
        let (mut kept, mut looked, mut more) = (Vec::new(), 0, String::new());
        loop {
            let mut query = format!("{path}?limit={PAGE_OBJECTS}");
            if !more.is_empty() {
                query.push_str(&format!("&continue={}", escaped(&more)));
            }
            let answer = self.api.get(&query).await?;
            match answer.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(kept),
                _ => return Err(answer.complaint(&path)),
            }
            let list: List = answer.json().map_err(|error| format!("{path}: {error}"))?;
            looked += list.items.len();
            let wanted = list.items.into_iter().filter(|object| keep(object));
            kept.extend(wanted.map(|object| (object, 0)));
            more = list.metadata.more;
            if more.is_empty() || looked >= max {
                return Ok(kept);
            }
        }
    }

    /// Puts an object as it is to be; as it is then. Where the kind has a status apart, that is
    /// written, else the whole object.
    pub(in crate::store) async fn put_status(
        &self,
        name: &str,
        document: &Value,
    ) -> Result<Value, TellError> {
        let path = self.path().await.map_err(TellError::Failed)?;
        let mut path = format!("{path}/{}", escaped(name));
        let mut answer = self.api.put(&format!("{path}/status"), document).await;
        if answer.as_ref().is_ok_and(|answer| answer.status == StatusCode::NOT_FOUND) {
            answer = self.api.put(&path, document).await;
        } else {
            path.push_str("/status");
        }
        let answer = answer.map_err(TellError::Failed)?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => {
                answer.json().map_err(|error| TellError::Failed(format!("{path}: {error}")))
            }
            // It is gone, or another one.
            StatusCode::CONFLICT | StatusCode::NOT_FOUND => Err(TellError::Changed),
            _ => Err(TellError::Failed(answer.complaint(&path))),
        }
    }
}
