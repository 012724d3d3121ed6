//! The store over the Kubernetes API, against a small server that keeps every request.

mod access;
mod node_status;
mod server;

use std::sync::Arc;
use std::time::Duration;

use albedo_discovery::calico::{Cluster, Kind};
use albedo_discovery::store::kubernetes::{ApiGroup, open};
use albedo_discovery::store::settings::KubernetesSettings;
use albedo_discovery::store::{Health, Pace, Snapshot, Store};
use serde_json::{Value, json};
use server::Server;

const CLASSIC: &str = "crd.projectcalico.org/v1";
const NATIVE: &str = "projectcalico.org/v3";

const PATIENCE: Duration = Duration::from_secs(60);

/// How long a watch is asked to go on with [`pace`], in seconds.
const TIMES: std::ops::RangeInclusive<u64> = 240..=360;

pub(crate) fn pace() -> Pace {
    Pace {
        quiet: Duration::from_millis(20),
        retry_first: Duration::from_millis(10),
        retry_max: Duration::from_millis(100),
        ..Pace::default()
    }
}

pub(crate) fn settings(server: &Server) -> KubernetesSettings {
    let endpoint = Some(format!("http://{}", server.address));
    KubernetesSettings { endpoint, ..KubernetesSettings::default() }
}

pub(crate) async fn until(
    store: &Store,
    what: &str,
    is_it: impl Fn(&Cluster) -> bool,
) -> Arc<Snapshot> {
    let mut snapshots = store.snapshots();
    let waiting = snapshots.wait_for(|it| it.as_deref().is_some_and(|it| is_it(&it.cluster)));
    let found = tokio::time::timeout(PATIENCE, waiting).await;
    let found = found.map(|found| found.expect("a store").clone().expect("a snapshot"));
    found.unwrap_or_else(|_| panic!("not {what}: {:?}", store.health()))
}

pub(crate) async fn until_health(
    store: &Store,
    what: &str,
    is_it: impl Fn(&Health) -> bool,
) -> Health {
    let waiting = async {
        loop {
            let health = store.health();
            if is_it(&health) {
                return health;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, waiting).await;
    found.unwrap_or_else(|_| panic!("not {what}: {:?}", store.health()))
}

/// Waits until the server was asked for something.
async fn until_asked(server: &Server, request: &str) {
    let waiting = async {
        while !server.requests(TIMES).iter().any(|it| it == request) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let asked = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(asked.is_ok(), "{request} not in {:#?}", server.requests(TIMES));
}

fn node(address: &str) -> Value {
    json!({
        "metadata": {
            "labels": {"zone": "a"},
            "annotations": {"projectcalico.org/IPv4Address": address},
        },
        "spec": {"podCIDRs": ["10.1.0.0/24"]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn peer() -> Value {
    json!({"metadata": {}, "spec": {"peerIP": "10.0.0.9", "asNumber": 64512}})
}

fn names(cluster: &Cluster, kind: Kind) -> Vec<String> {
    cluster.names(kind).iter().map(ToString::to_string).collect()
}

async fn classic() -> Server {
    let server = Server::start().await;
    server.state().groups = vec![CLASSIC];
    server
}

#[tokio::test]
async fn every_request_that_is_made() {
    let server = classic().await;
    server.put("nodes", "w1", node("10.0.0.1/24"));
    let version = server.put("bgppeers", "p", peer());
    let store = open(&settings(&server), &pace()).await.expect("a store");
    let snapshot = until(&store, "listed", |it| it.len() == 2).await;
    assert_eq!(snapshot.revision, 1);
    assert_eq!(snapshot.cluster.nodes()["w1"].ipv4(), Some([10, 0, 0, 1].into()));
    until_health(&store, "connected", |health| health.connected).await;
    let mut requests = server.requests(TIMES);
    requests.sort();
    let mut expected = vec!["GET /apis".to_owned()];
    for kind in Kind::ALL {
        let (base, limit) = match kind {
            Kind::Node => ("/api/v1".to_owned(), 250),
            _ => (format!("/apis/{CLASSIC}"), 500),
        };
        let path = format!("GET {base}/{}", kind.plural());
        expected.push(format!("{path}?limit={limit}"));
        expected.push(format!("{path}?watch=1&resourceVersion={version}&allowWatchBookmarks=true"));
    }
    expected.sort();
    assert_eq!(requests, expected);
}

#[tokio::test]
async fn changes_are_followed() {
    let server = classic().await;
    server.put("nodes", "w1", node("10.0.0.1/24"));
    let store = open(&settings(&server), &pace()).await.expect("a store");
    until(&store, "listed", |it| it.nodes().len() == 1).await;
    server.put("nodes", "w2", node("10.0.0.2/24"));
    until(&store, "one more", |it| it.nodes().len() == 2).await;
    server.put("nodes", "w1", node("10.0.0.3/24"));
    let moved = |it: &Cluster| it.nodes()["w1"].ipv4() == Some([10, 0, 0, 3].into());
    until(&store, "another address", moved).await;
    server.put("bgppeers", "p", peer());
    until(&store, "a peer", |it| it.peers().len() == 1).await;
    server.put("bgppeers", "p", json!({"metadata": {}, "spec": {"asNumber": "x"}}));
    let snapshot = until(&store, "rejected", |it| it.rejected().len() == 1).await;
    assert_eq!(snapshot.cluster.peers().len(), 1, "the last good one stays in force");
    server.delete("bgppeers", "p");
    server.delete("nodes", "w2");
    until(&store, "less", |it| it.len() == 1 && it.rejected().is_empty()).await;
    assert_eq!(store.health().last_error, None);
}

#[tokio::test]
async fn pages_are_asked_for_until_there_are_no_more() {
    let server = classic().await;
    for index in 0..620 {
        server.put("nodes", &format!("w{index:03}"), node("10.0.0.1/24"));
    }
    let store = open(&settings(&server), &pace()).await.expect("a store");
    let snapshot = until(&store, "listed", |_| true).await;
    assert_eq!(snapshot.cluster.nodes().len(), 620, "nothing is published before all pages");
    let requests = server.requests(TIMES);
    let lists: Vec<&str> = requests
        .iter()
        .map(String::as_str)
        .filter(|it| it.starts_with("GET /api/v1/nodes?limit"))
        .collect();
    assert_eq!(
        lists,
        [
            "GET /api/v1/nodes?limit=250",
            "GET /api/v1/nodes?limit=250&continue=from%2B250%3D%3D",
            "GET /api/v1/nodes?limit=250&continue=from%2B500%3D%3D",
        ]
    );
}

#[tokio::test]
async fn a_list_that_grows_too_old_begins_again() {
    let server = classic().await;
    for index in 0..300 {
        server.put("nodes", &format!("w{index:03}"), node("10.0.0.1/24"));
    }
    server.state().tokens_expire = true;
    let store = open(&settings(&server), &pace()).await.expect("a store");
    let health = until_health(&store, "too old", |health| health.last_error.is_some()).await;
    assert!(health.last_error.expect("words").contains("the list grew too old"));
    assert!(store.snapshot().is_none());
    server.state().tokens_expire = false;
    until(&store, "listed", |it| it.nodes().len() == 300).await;
    assert_eq!(store.health().resyncs, 0, "nothing had been listed before");
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_the_last_bookmark() {
    let server = classic().await;
    server.put("nodes", "w1", node("10.0.0.1/24"));
    let store = open(&settings(&server), &pace()).await.expect("a store");
    until_health(&store, "connected", |health| health.connected).await;
    let version = server.bookmark("nodes");
    let before = store.health().last_event;
    until_health(&store, "heard", |health| health.last_event != before).await;
    server.end_watches();
    let watch =
        format!("GET /api/v1/nodes?watch=1&resourceVersion={version}&allowWatchBookmarks=true");
    until_asked(&server, &watch).await;
    server.put("nodes", "w2", node("10.0.0.2/24"));
    until(&store, "followed", |it| it.nodes().len() == 2).await;
    let health = until_health(&store, "connected", |health| health.connected).await;
    assert_eq!((health.resyncs, health.last_error), (0, None));
}

#[tokio::test]
async fn a_watch_from_too_far_back_lists_again_and_deletes_what_vanished() {
    for by_status in [false, true] {
        let server = classic().await;
        server.state().gone_by_status = by_status;
        for name in ["w1", "w2"] {
            server.put("nodes", name, node("10.0.0.1/24"));
        }
        let store = open(&settings(&server), &pace()).await.expect("a store");
        until_health(&store, "connected", |health| health.connected).await;
        until(&store, "listed", |it| it.nodes().len() == 2).await;
        server.stop().await;
        until_health(&store, "lost", |health| !health.connected).await;
        assert_eq!(store.snapshot().expect("the last one").cluster.nodes().len(), 2);
        server.delete("nodes", "w1");
        server.put("nodes", "w3", node("10.0.0.3/24"));
        server.forget();
        let server = server.start_again().await;
        until(&store, "followed", |it| names(it, Kind::Node) == ["w2", "w3"]).await;
        let health = until_health(&store, "connected", |health| health.connected).await;
        assert_eq!(health.resyncs, 7, "once for each kind");
        let words = health.last_error.expect("words");
        assert!(words.contains("too old resource version"), "{words}");
        drop(store);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_kind_that_the_server_does_not_know_is_empty_until_it_comes() {
    let server = classic().await;
    server.state().absent = ["bgpfilters", "clusterinformations"].into();
    server.state().answers.insert(
        format!("/apis/{CLASSIC}/clusterinformations"),
        (404, "no such page, says a proxy".to_owned()),
    );
    let short = Pace { absent: Duration::from_millis(30), ..pace() };
    let store = open(&settings(&server), &short).await.expect("a store");
    until(&store, "listed", Cluster::is_empty).await;
    let asked = server.requests(TIMES);
    assert!(asked.contains(&format!("GET /apis/{CLASSIC}")), "absence is confirmed: {asked:#?}");
    server.put("bgpfilters", "f", json!({"metadata": {}, "spec": {}}));
    server.state().absent.remove("bgpfilters");
    until(&store, "a filter", |it| it.filters().len() == 1).await;
    until_health(&store, "connected", |health| health.connected).await;
    assert_eq!(store.health().resyncs, 0);
}

#[tokio::test]
async fn a_path_that_is_not_found_for_another_reason_empties_nothing() {
    let server = classic().await;
    server.put("bgppeers", "p", peer());
    let store = open(&settings(&server), &pace()).await.expect("a store");
    until(&store, "listed", |it| it.peers().len() == 1).await;
    until_health(&store, "connected", |health| health.connected).await;
    let path = format!("/apis/{CLASSIC}/bgppeers");
    server.state().answers.insert(path.clone(), (404, "says a proxy".to_owned()));
    server.forget();
    server.put("nodes", "w1", node("10.0.0.1/24"));
    server.forget();
    server.end_watches();
    let health = until_health(&store, "lost", |health| {
        health.last_error.as_deref().is_some_and(|words| words.contains("says a proxy"))
    });
    health.await;
    assert_eq!(store.snapshot().expect("the last one").cluster.peers().len(), 1);
    server.state().answers.remove(&path);
    until_health(&store, "connected", |health| health.connected).await;
}

#[tokio::test]
async fn the_group_follows_from_what_the_server_has() {
    for (groups, expected) in [
        (vec![NATIVE], NATIVE),
        (vec![NATIVE, CLASSIC], CLASSIC),
        (vec![CLASSIC], CLASSIC),
        (vec![], CLASSIC),
    ] {
        let server = Server::start().await;
        server.state().groups = groups.clone();
        let store = open(&settings(&server), &pace()).await.expect("a store");
        until(&store, "listed", Cluster::is_empty).await;
        let list = format!("GET /apis/{expected}/bgppeers?limit=500");
        assert!(server.requests(TIMES).contains(&list), "{groups:?}");
    }
    let server = Server::start().await;
    server.state().groups = vec![NATIVE, CLASSIC];
    server.state().answers.insert("/apis".into(), (403, "{}".into()));
    let fixed = KubernetesSettings { api_group: Some(ApiGroup::Native), ..settings(&server) };
    let store = open(&fixed, &pace()).await.expect("a store");
    until(&store, "listed", Cluster::is_empty).await;
    let requests = server.requests(TIMES);
    assert!(requests.contains(&format!("GET /apis/{NATIVE}/bgppeers?limit=500")));
    assert!(!requests.contains(&"GET /apis".to_owned()), "nothing is found out");
    let store = open(&settings(&server), &pace()).await.expect("a store");
    until(&store, "listed", Cluster::is_empty).await;
    until_asked(&server, &format!("GET /apis/{CLASSIC}/bgppeers?limit=500")).await;
}

#[tokio::test]
async fn what_is_forbidden_is_told_and_nothing_is_published() {
    let server = classic().await;
    let words = "bgpfilters.crd.projectcalico.org is forbidden: User \"x\" cannot list resource";
    server.state().answers.insert(
        format!("/apis/{CLASSIC}/bgpfilters"),
        (403, json!({"kind": "Status", "message": words, "code": 403}).to_string()),
    );
    let store = open(&settings(&server), &pace()).await.expect("a store");
    let health = until_health(&store, "refused", |health| health.last_error.is_some()).await;
    let path = format!("/apis/{CLASSIC}/bgpfilters");
    assert_eq!(
        health.last_error.as_deref(),
        Some(format!("{path}: {words} (HTTP status 403)").as_str())
    );
    until_asked(&server, "GET /api/v1/nodes?watch=1&resourceVersion=0&allowWatchBookmarks=true")
        .await;
    assert!(store.snapshot().is_none() && !store.health().synced);
    server.state().answers.clear();
    until(&store, "listed", Cluster::is_empty).await;
}

#[tokio::test]
async fn heart_beats_of_five_thousand_nodes_publish_nothing() {
    let server = classic().await;
    let images: Vec<Value> = (0..50)
        .map(|index| json!({"names": [format!("registry/image-{index}@sha256:{:064}", index)]}))
        .collect();
    let beat = |index: usize, time: usize, zone: &str| {
        let mut node = node(&format!("10.{}.{}.1/24", index / 250, index % 250));
        node["metadata"]["labels"]["zone"] = json!(zone);
        node["status"]["images"] = json!(images);
        node["status"]["conditions"][0]["lastHeartbeatTime"] = json!(time);
        server.put("nodes", &format!("w{index:04}"), node)
    };
    for index in 0..5_000 {
        beat(index, 0, "a");
    }
    let store = open(&settings(&server), &pace()).await.expect("a store");
    let snapshot = until(&store, "listed", |it| it.nodes().len() == 5_000).await;
    assert_eq!(snapshot.revision, 1);
    until_health(&store, "connected", |health| health.connected).await;
    for time in 1..=2 {
        for index in 0..5_000 {
            beat(index, time, "a");
        }
    }
    // The last one is a change, which comes behind all heart-beats.
    beat(4_999, 3, "b");
    let moved = |it: &Cluster| it.nodes()["w4999"].meta.labels.get("zone") == Some("b");
    let snapshot = until(&store, "another zone", moved).await;
    assert_eq!(snapshot.revision, 2, "10,000 heart-beats published nothing");
    let beaten = &snapshot.cluster.nodes()["w0000"];
    assert_eq!(beaten.meta.resource_version.as_deref(), Some("10001"), "but were taken in");
}

#[tokio::test]
async fn lines_that_are_no_json_or_too_long_are_told_and_gone_past() {
    let server = classic().await;
    server.put("nodes", "w1", node("10.0.0.1/24"));
    let store = open(&settings(&server), &pace()).await.expect("a store");
    until_health(&store, "connected", |health| health.connected).await;
    server.say("nodes", "<html>");
    let health = until_health(&store, "told", |health| health.last_error.is_some()).await;
    let words = health.last_error.expect("words");
    assert!(words.starts_with("watch of nodes: ") && words.ends_with("<html>"), "{words}");
    // The server would say it again for ever, as a watch goes on from the same version.
    server.forget();
    until_health(&store, "listed anew", |health| health.connected && health.resyncs == 1).await;
    server.say("nodes", &" ".repeat(17 << 20));
    let too_long = |health: &Health| {
        health.last_error.as_deref().is_some_and(|words| words.contains("more than 16777216 bytes"))
    };
    until_health(&store, "told", too_long).await;
    server.forget();
    server.put("nodes", "w2", node("10.0.0.2/24"));
    until(&store, "followed", |it| it.nodes().len() == 2).await;
}
