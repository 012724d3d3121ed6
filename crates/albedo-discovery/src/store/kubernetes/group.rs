//! Which API group has Calico's resources.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Api;

/// An API group with Calico's resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiGroup {
    /// `crd.projectcalico.org/v1`, which most clusters have.
    Classic,
    /// `projectcalico.org/v3` as resources of its own; where the other group is there too, it is
    /// only another view of that one.
    Native,
}

impl ApiGroup {
    /// Its name and version, such as `crd.projectcalico.org/v1`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "crd.projectcalico.org/v1",
            Self::Native => "projectcalico.org/v3",
        }
    }
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Group>,
}

/// Finds the group out, and again when that was some time ago, as Calico may be installed later.
#[derive(Debug)]
pub(super) struct Discovery {
    fixed: Option<ApiGroup>,
    lasts: Duration,
    found: Mutex<Option<(ApiGroup, Instant)>>,
}

impl Discovery {
    pub(super) fn new(fixed: Option<ApiGroup>, lasts: Duration) -> Self {
        Self { fixed, lasts, found: Mutex::new(None) }
    }

    /// The group: the native one exactly if it is there and the classic one is not. A server that
    /// does not answer at all is an error; one that refuses to tell has the classic one.
    pub(super) async fn group(&self, api: &Api) -> Result<ApiGroup, String> {
        if let Some(group) = self.fixed {
            return Ok(group);
        }
        let mut found = self.found.lock().await;
        if let Some((group, _)) = found.filter(|(_, when)| when.elapsed() < self.lasts) {
            return Ok(group);
        }
        let has = |groups: &[Group], wanted: ApiGroup| {
            groups.iter().any(|group| wanted.name().split('/').next() == Some(group.name.as_str()))
        };
        let group = match groups(api).await? {
            Some(groups) if has(&groups, ApiGroup::Native) && !has(&groups, ApiGroup::Classic) => {
                ApiGroup::Native
            }
            _ => ApiGroup::Classic,
        };
        *found = Some((group, Instant::now()));
        Ok(group)
    }

    /// Whether the server says in so many words that a group has no such kind. A path that is not
    /// found may have another cause, such as a proxy in between, and the objects of a kind are not
    /// to be dropped for that.
    pub(super) async fn is_absent(
        api: &Api,
        group: ApiGroup,
        plural: &str,
    ) -> Result<bool, String> {
        let answer = api.get(&format!("/apis/{}", group.name())).await?;
        match answer.status {
            StatusCode::OK => {
                let resources: Resources =
                    answer.json().map_err(|error| format!("/apis/{}: {error}", group.name()))?;
                Ok(!resources.resources.iter().any(|resource| resource.name == plural))
            }
            StatusCode::NOT_FOUND => Ok(groups(api).await?.is_some_and(|groups| {
                !groups.iter().any(|it| group.name().split('/').next() == Some(it.name.as_str()))
            })),
            _ => Ok(false),
        }
    }
}

/// The groups of the server, or nothing if it does not tell.
async fn groups(api: &Api) -> Result<Option<Vec<Group>>, String> {
    let answer = api.get("/apis").await?;
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(answer.complaint("/apis"));
    }
    if !answer.status.is_success() {
        return Ok(None);
    }
    Ok(answer.json::<Groups>().ok().map(|groups| groups.groups))
}
