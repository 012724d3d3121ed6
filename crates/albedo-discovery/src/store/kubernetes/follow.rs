//! One kind: listing it in pages, and watching it from there.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use kube::client::Body;
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::Api;
use super::group::{ApiGroup, Discovery};
use super::wire::{Head, Line, Page, Status, escaped};
use crate::calico::{Kind, OBJECTS_MAX, parse};
use crate::store::Pace;
use crate::store::backoff::Backoff;
use crate::store::health::{Closed, Event, Reporter};
use crate::store::http::{Lines, shown};
use crate::store::settings::KubernetesSettings;

/// Objects of one page. Nodes are large, tens of thousands of bytes where images are listed.
const PAGE_NODES: u32 = 250;
/// See [`PAGE_NODES`].
const PAGE_OBJECTS: u32 = 500;

/// How long after its time a watch may be silent before it is given up.
const OVERTIME: Duration = Duration::from_secs(30);

/// A watch that ends sooner without having told anything is followed by a pause.
const WATCH_MIN: Duration = Duration::from_secs(1);

/// Follows all kinds until the store is gone.
pub(super) async fn follow(api: Api, settings: KubernetesSettings, pace: Pace, reporter: Reporter) {
    let discovery = Arc::new(Discovery::new(settings.api_group, pace.absent));
    let mut lanes = JoinSet::new();
    for (index, kind) in (0..).zip(Kind::ALL) {
        let mut lane = Lane {
            kind,
            index,
            api: api.clone(),
            discovery: discovery.clone(),
            use_pod_cidr: settings.use_pod_cidr,
            backoff: Backoff::new(&pace, index.into()),
            pace: pace.clone(),
            reporter: reporter.clone(),
            version: None,
            listed_before: false,
        };
        lanes.spawn(async move {
            let Err(Closed) = lane.run().await;
        });
    }
    while lanes.join_next().await.is_some() {}
}

struct Lane {
    kind: Kind,
    index: u32,
    api: Api,
    discovery: Arc<Discovery>,
    use_pod_cidr: bool,
    backoff: Backoff,
    pace: Pace,
    reporter: Reporter,
    /// From where the watch goes on, and where that is.
    version: Option<(String, String)>,
    listed_before: bool,
}

/// How something ended that could not go on.
enum End {
    /// Nobody listens any more.
    Closed,
    /// The server does not answer, or with an error.
    Trouble(String),
    /// The watch cannot go on from where it is.
    Gone(String),
    /// The server does not know the kind.
    Absent,
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<String> for End {
    fn from(words: String) -> Self {
        Self::Trouble(words)
    }
}

impl Lane {
    async fn run(&mut self) -> Result<Infallible, Closed> {
        loop {
            let end = match self.turn().await {
                Err(end) => end,
                Ok(never) => match never {},
            };
            match end {
                End::Closed => return Err(Closed),
                End::Trouble(words) => {
                    self.reporter.down(self.index, &words);
                    sleep(self.backoff.pause()).await;
                }
                End::Gone(words) => {
                    self.version = None;
                    self.reporter.down(self.index, &words);
                    sleep(self.backoff.pause()).await;
                }
                End::Absent => {
                    self.version = None;
                    self.backoff.reset();
                    self.reporter.up(self.index);
                    self.reporter.heard();
                    self.reporter.tell(Event::Listed(self.kind, BTreeSet::new())).await?;
                    sleep(self.pace.absent).await;
                }
            }
        }
    }

    /// Lists if that is needed, and watches for as long as it can be.
    async fn turn(&mut self) -> Result<Infallible, End> {
        if self.version.is_none() {
            if self.listed_before {
                self.reporter.resync();
            }
            let group = match self.kind {
                Kind::Node => None,
                _ => Some(self.discovery.group(&self.api).await?),
            };
            let base = match group {
                None => "/api/v1".to_owned(),
                Some(group) => format!("/apis/{}", group.name()),
            };
            let path = format!("{base}/{}", self.kind.plural());
            let version = self.list(&path, group).await?;
            self.version = Some((path, version));
            self.listed_before = true;
        }
        loop {
            self.watch().await?;
        }
    }

    /// Lists all objects, and gives the version of the list.
    async fn list(&mut self, path: &str, group: Option<ApiGroup>) -> Result<String, End> {
        let limit = if self.kind == Kind::Node { PAGE_NODES } else { PAGE_OBJECTS };
        let mut names = BTreeSet::new();
        let mut more = String::new();
        loop {
            let mut query = format!("{path}?limit={limit}");
            if !more.is_empty() {
                query.push_str("&continue=");
                query.push_str(&escaped(&more));
            }
            let answer = self.api.get(&query).await?;
            match (answer.status, group) {
                (StatusCode::OK, _) => {}
                (StatusCode::GONE, _) => {
                    return Err(End::Gone(format!(
                        "the list grew too old: {}",
                        answer.complaint(path)
                    )));
                }
                (StatusCode::NOT_FOUND, Some(group))
                    if Discovery::is_absent(&self.api, group, self.kind.plural()).await? =>
                {
                    return Err(End::Absent);
                }
                _ => return Err(End::Trouble(answer.complaint(path))),
            }
            let page: Page<'_> = answer
                .json()
                .map_err(|error| format!("{path}: {error} in: {}", shown(&answer.body)))?;
            self.reporter.heard();
            for item in page.items.unwrap_or_default() {
                if let Some(name) = self.put(item).await? {
                    names.insert(name);
                }
            }
            if names.len() > OBJECTS_MAX {
                let words = format!("{path}: there are more than {OBJECTS_MAX} objects");
                return Err(End::Trouble(words));
            }
            if page.metadata.more.is_empty() {
                self.reporter.tell(Event::Listed(self.kind, names)).await?;
                return Ok(page.metadata.resource_version.into_owned());
            }
            more = page.metadata.more.into_owned();
        }
    }

    /// Watches until the server has had enough, which is no error.
    async fn watch(&mut self) -> Result<(), End> {
        let (path, version) = self.version.clone().expect("a watch follows a list");
        let time = self.pace.watch + self.backoff.part_of(self.pace.watch / 2);
        let query = format!(
            "{path}?watch=1&resourceVersion={}&allowWatchBookmarks=true&timeoutSeconds={}",
            escaped(&version),
            time.as_secs().max(1)
        );
        let started = Instant::now();
        let mut lines = match self.api.follow(&query).await? {
            Ok(lines) => lines,
            Err(answer) if answer.status == StatusCode::GONE => {
                return Err(End::Gone(answer.complaint(&path)));
            }
            // The kind may have been taken away; a list finds out.
            Err(answer) if answer.status == StatusCode::NOT_FOUND => {
                return Err(End::Gone(answer.complaint(&path)));
            }
            Err(answer) => return Err(End::Trouble(answer.complaint(&path))),
        };
        self.reporter.up(self.index);
        let end = self.lines(&mut lines, time + OVERTIME).await;
        let lasted = started.elapsed() >= WATCH_MIN;
        if lasted {
            self.backoff.reset();
        }
        if !end? && !lasted {
            sleep(self.backoff.pause()).await;
        }
        Ok(())
    }

    /// Takes lines in until there are no more, and says whether there was any.
    async fn lines(&mut self, lines: &mut Lines<Body>, patience: Duration) -> Result<bool, End> {
        let place = format!("watch of {}", self.kind.plural());
        let mut told = false;
        loop {
            let line = timeout(patience, lines.next()).await.map_err(|_| {
                format!("{place}: nothing was heard for {} seconds", patience.as_secs())
            })?;
            let Some(line) = line.map_err(|words| format!("{place}: {words}"))? else {
                return Ok(told);
            };
            told = true;
            self.reporter.heard();
            let fault = |error: serde_json::Error| format!("{place}: {error} in: {}", shown(&line));
            let event: Line<'_> = serde_json::from_slice(&line).map_err(fault)?;
            if event.kind == "ERROR" {
                return Err(ended(&place, event.object));
            }
            let head: Head<'_> = serde_json::from_str(event.object.get()).map_err(fault)?;
            let (name, version) = (head.metadata.name, head.metadata.resource_version);
            match &*event.kind {
                "ADDED" | "MODIFIED" => {
                    self.put(event.object).await?;
                }
                "DELETED" => self.reporter.tell(Event::Deleted(self.kind, (*name).into())).await?,
                // A bookmark; and what is not known has a version all the same.
                _ => {}
            }
            self.backoff.reset();
            if let Some((_, known)) = self.version.as_mut().filter(|_| !version.is_empty()) {
                *known = version.into_owned();
            }
        }
    }

    /// Tells of an object, and gives its name; nothing is told of one without a name.
    async fn put(&self, object: &RawValue) -> Result<Option<Arc<str>>, Closed> {
        let read = serde_json::from_str(object.get()).map(|json| match self.kind {
            Kind::Node => parse::kubernetes_node(&json, self.use_pod_cidr),
            kind => parse::lenient(kind, &json),
        });
        let (name, event) = match read {
            Ok(Ok((resource, warnings))) => {
                (resource.name().clone(), Event::Put(resource, warnings))
            }
            Ok(Err(fault)) => {
                let Some(name) = fault.name().cloned() else {
                    self.reporter.complain(&fault);
                    return Ok(None);
                };
                (name.clone(), Event::Rejected(self.kind, name, fault))
            }
            Err(error) => {
                self.reporter.complain(&format!("an object of {}: {error}", self.kind));
                return Ok(None);
            }
        };
        self.reporter.tell(event).await?;
        Ok(Some(name))
    }
}

/// What an error in a watch means.
fn ended(place: &str, object: &RawValue) -> End {
    let status: Status = serde_json::from_str(object.get()).unwrap_or_default();
    let words = format!("{place}: {} (status {})", status.message, status.code);
    if status.code == StatusCode::GONE.as_u16() || status.reason == "Expired" {
        End::Gone(words)
    } else {
        End::Trouble(words)
    }
}
