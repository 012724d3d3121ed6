//! Listing all prefixes at one revision, and following them from there.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{Client, Trouble};
use super::wire::{
    Base64, EventKind, Header, KeyValue, Number, RangeRequest, RangeResponse, WatchCreate,
    WatchLine, WatchRequest, WatchResponse, end_of,
};
use crate::calico::parse::{self, ETCD_AFFINITIES, ETCD_RESOURCES};
use crate::calico::{Kind, OBJECTS_MAX};
use crate::store::Pace;
use crate::store::backoff::Backoff;
use crate::store::health::{Closed, Event, Reporter};
use crate::store::http::shown;

/// Keys of one page of a list.
const PAGE_KEYS: i64 = 500;

/// Lines of watches that wait to be taken in.
const LINES_MAX: usize = 16;

/// A line of the watch of a prefix, or why there are no more.
type Told = (usize, Result<Bytes, String>);

/// What is followed: a kind and the prefix of its keys.
#[derive(Clone, Debug)]
struct Prefix {
    kind: Kind,
    keys: String,
    /// From which revision on it has to be watched.
    next: i64,
}

/// Follows an etcd until the store is gone.
pub(super) async fn follow(client: Client, pace: Pace, reporter: Reporter) {
    let backoff = Backoff::new(&pace, 0);
    let prefixes = prefixes();
    let mut follower =
        Follower { client, pace, reporter, backoff, prefixes, known: None, listed_before: false };
    let Err(Closed) = follower.run().await;
}

fn prefixes() -> Vec<Prefix> {
    let mut prefixes = Vec::new();
    for kind in Kind::ALL {
        let keys = match kind {
            Kind::BlockAffinity => {
                ["host/", "virtual/"].map(|it| format!("{ETCD_AFFINITIES}{it}")).into()
            }
            _ => vec![format!("{ETCD_RESOURCES}{}/", kind.plural())],
        };
        prefixes.extend(keys.into_iter().map(|keys| Prefix { kind, keys, next: 0 }));
    }
    prefixes
}

struct Follower {
    client: Client,
    pace: Pace,
    reporter: Reporter,
    backoff: Backoff,
    prefixes: Vec<Prefix>,
    /// Who was listed, as long as the watches can go on from it.
    known: Option<Header>,
    listed_before: bool,
}

/// How something ended that could not go on.
enum End {
    /// Nobody listens any more.
    Closed,
    /// etcd has to be asked again.
    Trouble(Trouble),
    /// The watches cannot go on from where they are.
    Stale(String),
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Compacted => Self::Stale(trouble.to_string()),
            other => Self::Trouble(other),
        }
    }
}

impl Follower {
    async fn run(&mut self) -> Result<std::convert::Infallible, Closed> {
        loop {
            let end = match self.turn().await {
                Err(end) => end,
                Ok(never) => match never {},
            };
            let why = match end {
                End::Closed => return Err(Closed),
                End::Trouble(trouble) => {
                    if matches!(trouble, Trouble::Unreachable(_)) {
                        self.client.fail_over();
                    }
                    trouble.to_string()
                }
                End::Stale(why) => {
                    self.known = None;
                    why
                }
            };
            self.reporter.down(0, &why);
            sleep(self.backoff.pause()).await;
        }
    }

    /// Lists if that is needed, and watches until that ends.
    async fn turn(&mut self) -> Result<std::convert::Infallible, End> {
        if self.known.is_none() {
            if self.listed_before {
                self.reporter.resync();
            }
            let header = self.list().await?;
            self.known = Some(header);
            self.listed_before = true;
        }
        self.watch().await
    }

    /// Lists everything at the revision at which the first page is.
    async fn list(&mut self) -> Result<Header, End> {
        let mut at: Option<Header> = None;
        let mut names = BTreeSet::new();
        for index in 0..self.prefixes.len() {
            let Prefix { kind, keys, .. } = self.prefixes[index].clone();
            let end = end_of(&keys);
            let mut from = Base64(keys.clone().into_bytes());
            loop {
                let request = RangeRequest {
                    key: from,
                    range_end: Some(end.clone()),
                    limit: Number(PAGE_KEYS),
                    revision: at.as_ref().map(|header| header.revision).unwrap_or_default(),
                    keys_only: false,
                };
                let page: RangeResponse = self.client.ask("/v3/kv/range", &request).await?;
                at.get_or_insert(page.header);
                let last = page.kvs.last().map(|kv| kv.key.0.clone());
                for kv in page.kvs {
                    if let Some(name) = name_of(&self.prefixes[index], &kv.key.0) {
                        names.insert(name.clone());
                        self.put(kind, name, &kv).await?;
                    }
                }
                if names.len() > OBJECTS_MAX {
                    let words = format!("{keys}: there are more than {OBJECTS_MAX} keys");
                    return Err(End::Trouble(Trouble::Refused(words)));
                }
                let (true, Some(mut next)) = (page.more, last) else { break };
                next.push(0);
                from = Base64(next);
            }
            // Affinities have two prefixes, one behind the other.
            if self.prefixes.get(index + 1).is_none_or(|next| next.kind != kind) {
                let names = std::mem::take(&mut names);
                self.reporter.tell(Event::Listed(kind, names)).await?;
            }
        }
        let at = at.expect("there are prefixes");
        for prefix in &mut self.prefixes {
            prefix.next = at.revision.0 + 1;
        }
        Ok(at)
    }

    async fn watch(&mut self) -> Result<std::convert::Infallible, End> {
        let (mut lines, _readers) = self.open_watches().await?;
        let mut created = 0;
        let mut probe_at = Instant::now() + self.pace.probe;
        loop {
            tokio::select! {
                line = lines.recv() => {
                    let (index, line) = line.expect("a reader says why it ends");
                    let answer = self.answer(line).map_err(|end| self.named(index, end))?;
                    self.check(&answer.header)?;
                    if answer.created {
                        created += 1;
                        if created == self.prefixes.len() {
                            self.backoff.reset();
                            self.reporter.up(0);
                        }
                    }
                    self.reporter.heard();
                    self.take(index, answer).await?;
                }
                () = sleep_until(probe_at) => {
                    self.probe().await?;
                    probe_at = Instant::now() + self.pace.probe;
                }
            }
        }
    }

    /// Opens a watch for each prefix, and reads them until what is given back is dropped.
    ///
    /// One connection could carry them all, but the gateway may stop reading requests as soon as it
    /// has answered the first one.
    async fn open_watches(&self) -> Result<(mpsc::Receiver<Told>, JoinSet<()>), End> {
        let (tell, lines) = mpsc::channel(LINES_MAX);
        let mut readers = JoinSet::new();
        for (index, prefix) in self.prefixes.iter().enumerate() {
            let create_request = WatchCreate {
                key: Base64(prefix.keys.clone().into_bytes()),
                range_end: end_of(&prefix.keys),
                start_revision: Number(prefix.next),
                progress_notify: true,
            };
            let mut watch = self.client.watch(&WatchRequest { create_request }).await?;
            let tell = tell.clone();
            readers.spawn(async move {
                loop {
                    let line =
                        watch.next().await.and_then(|line| line.ok_or_else(|| "it ended".into()));
                    let ends = line.is_err();
                    if tell.send((index, line)).await.is_err() || ends {
                        return;
                    }
                }
            });
        }
        Ok((lines, readers))
    }

    /// Says where the trouble was.
    fn named(&self, index: usize, end: End) -> End {
        match end {
            End::Trouble(Trouble::Unreachable(words)) => {
                let place = self.client.endpoint();
                let keys = &self.prefixes[index].keys;
                let words = format!("etcd at {place}: watch of {keys}: {words}");
                End::Trouble(Trouble::Unreachable(words))
            }
            other => other,
        }
    }

    /// A line of the watch, if it is an answer that lets it go on.
    fn answer(&self, line: Result<Bytes, String>) -> Result<WatchResponse, End> {
        let lost = |words: String| End::Trouble(Trouble::Unreachable(words));
        let line = line.map_err(lost)?;
        let line: WatchLine = serde_json::from_slice(&line)
            .map_err(|error| lost(format!("{error} in: {}", shown(&line))))?;
        if let Some(error) = line.error {
            return Err(lost(error.words()));
        }
        let answer =
            line.result.ok_or_else(|| lost("a line with neither result nor error".into()))?;
        if answer.compact_revision.0 > 0 {
            return Err(End::Stale(format!(
                "what has changed since the connection was lost was compacted (up to revision {})",
                answer.compact_revision.0
            )));
        }
        if answer.canceled {
            // A token that has run out is told so, as is a user without permission.
            self.client.forget_token();
            return Err(lost(format!("cancelled: {}", answer.cancel_reason)));
        }
        Ok(answer)
    }

    /// Whether it is still the same etcd, and one that has what was seen of it.
    fn check(&self, header: &Header) -> Result<(), End> {
        let known = self.known.as_ref().expect("a watch follows a list");
        if header.cluster_id != known.cluster_id {
            return Err(End::Stale("it is another etcd cluster now".into()));
        }
        let seen = self.prefixes.iter().map(|prefix| prefix.next - 1).max().unwrap_or(0);
        if header.revision.0 < seen {
            return Err(End::Stale(format!(
                "etcd is at revision {}, behind {seen}, which was seen: it was restored",
                header.revision.0
            )));
        }
        Ok(())
    }

    async fn take(&mut self, index: usize, answer: WatchResponse) -> Result<(), Closed> {
        let prefix = self.prefixes[index].clone();
        let mut next = prefix.next;
        if answer.events.is_empty() && !answer.created {
            // It has told all up to there.
            next = next.max(answer.header.revision.0 + 1);
        }
        for event in answer.events {
            next = next.max(event.kv.mod_revision.0 + 1);
            let Some(name) = name_of(&prefix, &event.kv.key.0) else { continue };
            match event.kind {
                EventKind::Put => self.put(prefix.kind, name, &event.kv).await?,
                EventKind::Delete => self.reporter.tell(Event::Deleted(prefix.kind, name)).await?,
            }
        }
        self.prefixes[index].next = next;
        Ok(())
    }

    async fn put(&self, kind: Kind, name: Arc<str>, kv: &KeyValue) -> Result<(), Closed> {
        let key = String::from_utf8_lossy(&kv.key.0);
        match parse::etcd(&key, &kv.value.0, kv.mod_revision.0) {
            Some(Ok((resource, warnings))) => {
                self.reporter.tell(Event::Put(resource, warnings)).await
            }
            Some(Err(fault)) => self.reporter.tell(Event::Rejected(kind, name, fault)).await,
            // There is no name for such a key, so it does not come here.
            None => Ok(()),
        }
    }

    /// Asks whether etcd is there, has a leader and has not gone back; a watch at a member without
    /// a leader is silent.
    async fn probe(&self) -> Result<(), End> {
        let key = Base64(ETCD_RESOURCES.as_bytes().to_vec());
        let request =
            RangeRequest { key, limit: Number(1), keys_only: true, ..RangeRequest::default() };
        let answer: RangeResponse = self.client.ask("/v3/kv/range", &request).await?;
        self.check(&answer.header)
    }
}

/// The name of the object at a key, if it is one of the kind.
fn name_of(prefix: &Prefix, key: &[u8]) -> Option<Arc<str>> {
    let (kind, name) = parse::etcd_key(std::str::from_utf8(key).ok()?)?;
    (kind == prefix.kind).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::health::Pulse;
    use crate::store::settings::EtcdSettings;

    fn header(cluster: &str, revision: i64) -> Header {
        Header { cluster_id: cluster.into(), revision: Number(revision) }
    }

    /// A follower that has listed a cluster at a revision.
    fn follower(revision: i64) -> Follower {
        let endpoints = vec!["http://127.0.0.1:1".to_owned()];
        let settings = EtcdSettings { endpoints, ..EtcdSettings::default() };
        let (events, _) = mpsc::channel(1);
        let mut prefixes = prefixes();
        for prefix in &mut prefixes {
            prefix.next = revision + 1;
        }
        let pace = Pace::default();
        Follower {
            client: Client::new(&settings).expect("a client"),
            reporter: Reporter::new(events, Arc::new(Pulse::new(1))),
            backoff: Backoff::new(&pace, 0),
            pace,
            prefixes,
            known: Some(header("one", revision)),
            listed_before: true,
        }
    }

    fn stale(end: Result<(), End>) -> String {
        match end {
            Err(End::Stale(words)) => words,
            _ => panic!("it may go on"),
        }
    }

    #[tokio::test]
    async fn an_etcd_that_went_back_or_is_another_cannot_be_followed_on() {
        let mut follower = follower(7);
        assert!(follower.check(&header("one", 7)).is_ok());
        assert!(stale(follower.check(&header("two", 9))).contains("another etcd cluster"));
        assert!(stale(follower.check(&header("one", 6))).contains("it was restored"));
        // A notice of progress counts as seen for its own prefix.
        let notice = WatchResponse { header: header("one", 12), ..WatchResponse::default() };
        follower.take(2, notice).await.expect("nothing to tell");
        assert_eq!((follower.prefixes[1].next, follower.prefixes[2].next), (8, 13));
        assert!(stale(follower.check(&header("one", 11))).contains("behind 12"));
    }

    #[test]
    fn every_kind_has_its_prefixes_and_those_of_a_kind_are_neighbours() {
        let prefixes = prefixes();
        let keys: Vec<&str> = prefixes.iter().map(|prefix| prefix.keys.as_str()).collect();
        assert_eq!(keys.len(), Kind::ALL.len() + 1);
        assert!(keys.contains(&"/calico/resources/v3/projectcalico.org/nodes/"));
        assert!(
            keys.contains(&"/calico/ipam/v2/host/") && keys.contains(&"/calico/ipam/v2/virtual/")
        );
        let mut kinds: Vec<Kind> = prefixes.iter().map(|prefix| prefix.kind).collect();
        kinds.dedup();
        assert_eq!(kinds, Kind::ALL, "names of a kind are told together");
    }
}
