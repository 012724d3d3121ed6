//! The store over a real etcd, started by the tests on ports of the loopback.
//!
//! Where there is no etcd the tests are left out and say so; with `CI` set they fail.

mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use albedo_discovery::calico::{Cluster, Kind};
use albedo_discovery::store::etcd::{Client, Registered, Registration, open};
use albedo_discovery::store::node_status::{NodeStatuses, TellError};
use albedo_discovery::store::settings::{Datastore, EtcdSettings, Hidden, Pem, Settings};
use albedo_discovery::store::{Health, Pace, Snapshot, Store};
use albedo_types::ClusterId;
use serde_json::json;
use server::{Etcd, RESOURCES};

fn pace() -> Pace {
    Pace {
        quiet: Duration::from_millis(20),
        retry_first: Duration::from_millis(20),
        retry_max: Duration::from_millis(200),
        probe: Duration::from_millis(200),
        ..Pace::default()
    }
}

fn settings(endpoints: &[String]) -> EtcdSettings {
    EtcdSettings { endpoints: endpoints.to_vec(), ..EtcdSettings::default() }
}

const PATIENCE: Duration = Duration::from_secs(60);

async fn until(store: &Store, what: &str, is_it: impl Fn(&Cluster) -> bool) -> Arc<Snapshot> {
    let mut snapshots = store.snapshots();
    let waiting = snapshots.wait_for(|it| it.as_deref().is_some_and(|it| is_it(&it.cluster)));
    let found = tokio::time::timeout(PATIENCE, waiting).await;
    let found = found.map(|found| found.expect("a store").clone().expect("a snapshot"));
    found.unwrap_or_else(|_| {
        panic!("not {what}: {:?} {:#?}", store.health(), store.snapshot().map(|it| it.revision))
    })
}

async fn until_health(store: &Store, what: &str, is_it: impl Fn(&Health) -> bool) -> Health {
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

fn node(name: &str, address: &str) -> String {
    json!({
        "kind": "Node", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": name, "labels": {"zone": "a"}},
        "spec": {"bgp": {"ipv4Address": address}},
    })
    .to_string()
}

fn key(kind: Kind, name: &str) -> String {
    format!("{RESOURCES}{}/{name}", kind.plural())
}

fn names(cluster: &Cluster, kind: Kind) -> Vec<String> {
    cluster.names(kind).iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn every_kind_is_listed_and_followed() {
    let Some(etcd) = Etcd::start("every_kind_is_listed_and_followed").await else { return };
    etcd.put(&key(Kind::Node, "w1"), &node("w1", "10.0.0.1/24")).await;
    let peer = json!({
        "kind": "BGPPeer", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "p"},
        "spec": {"peerIP": "10.0.0.9", "asNumber": 64512},
    });
    etcd.put(&key(Kind::BgpPeer, "p"), &peer.to_string()).await;
    // Nothing of ours, although it begins alike.
    etcd.put(&format!("{RESOURCES}bgppeers2/q"), &peer.to_string()).await;
    etcd.put("/calico/ipam/v2/host/w1/ipv4/block/10.244.3.64-26", "").await;
    let block = r#"{"state":"pending","deleted":false}"#;
    etcd.put("/calico/ipam/v2/host/w1/ipv6/block/fd00:10:244:3::-122", block).await;
    etcd.put("/calico/ipam/v2/virtual/lb/ipv4/block/10.9.0.0-26", block).await;

    let store = open(&settings(&[etcd.endpoint()]), &pace()).expect("a store");
    let snapshot = until(&store, "listed", |it| it.len() == 5).await;
    assert_eq!(snapshot.revision, 1);
    let cluster = &snapshot.cluster;
    let w1 = &cluster.nodes()["w1"];
    assert_eq!(w1.ipv4(), Some([10, 0, 0, 1].into()));
    assert_eq!(w1.meta.labels.get("zone"), Some("a"));
    assert_eq!(names(cluster, Kind::BgpPeer), ["p"]);
    assert_eq!(
        names(cluster, Kind::BlockAffinity),
        [
            "host/w1/ipv4/block/10.244.3.64-26",
            "host/w1/ipv6/block/fd00:10:244:3::-122",
            "virtual/lb/ipv4/block/10.9.0.0-26",
        ]
    );

    until_health(&store, "connected", |health| health.connected).await;
    etcd.put(&key(Kind::Node, "w2"), &node("w2", "10.0.0.2/24")).await;
    until(&store, "a node more", |it| it.nodes().len() == 2).await;
    etcd.put(&key(Kind::Node, "w1"), &node("w1", "10.0.0.3/24")).await;
    let moved = |it: &Cluster| it.nodes()["w1"].ipv4() == Some([10, 0, 0, 3].into());
    let snapshot = until(&store, "another address", moved).await;
    assert_ne!(w1.meta.resource_version, snapshot.cluster.nodes()["w1"].meta.resource_version);
    etcd.put(&key(Kind::Node, "w1"), "no JSON").await;
    let snapshot = until(&store, "one rejected", |it| it.rejected().len() == 1).await;
    assert!(snapshot.cluster.nodes().contains_key("w1"), "the last good one stays in force");
    etcd.delete(&key(Kind::Node, "w1")).await;
    etcd.delete("/calico/ipam/v2/host/w1/ipv4/block/10.244.3.64-26").await;
    until(&store, "less", |it| it.len() == 4 && it.rejected().is_empty()).await;
    assert_eq!(store.health().resyncs, 0);
}

#[tokio::test]
async fn more_than_a_page_is_listed_at_one_revision() {
    let name = "more_than_a_page_is_listed_at_one_revision";
    let Some(etcd) = Etcd::start(name).await else { return };
    let values: Vec<(String, String)> = (0..1_203)
        .map(|index| {
            let name = format!("w{index:04}");
            (key(Kind::Node, &name), node(&name, "10.0.0.1"))
        })
        .collect();
    etcd.put_all(&values).await;
    let store = open(&settings(&[etcd.endpoint()]), &pace()).expect("a store");
    let snapshot = until(&store, "listed", |_| true).await;
    assert_eq!(snapshot.revision, 1);
    assert_eq!(snapshot.cluster.nodes().len(), 1_203, "nothing is published before all pages");
}

#[tokio::test]
async fn an_etcd_that_restarts_is_followed_from_where_it_was() {
    let name = "an_etcd_that_restarts_is_followed_from_where_it_was";
    let Some(mut etcd) = Etcd::start(name).await else { return };
    etcd.put(&key(Kind::Node, "w1"), &node("w1", "10.0.0.1")).await;
    let store = open(&settings(&[etcd.endpoint()]), &pace()).expect("a store");
    until(&store, "listed", |it| it.nodes().len() == 1).await;
    until_health(&store, "connected", |health| health.connected).await;
    etcd.stop().await;
    let health = until_health(&store, "lost", |health| !health.connected).await;
    assert!(health.last_error.expect("words").contains(&etcd.endpoint()));
    assert_eq!(store.snapshot().expect("the last one").cluster.nodes().len(), 1);
    etcd.start_again().await;
    // Written perhaps before the store is back.
    etcd.put(&key(Kind::Node, "w2"), &node("w2", "10.0.0.2")).await;
    etcd.delete(&key(Kind::Node, "w1")).await;
    until(&store, "followed", |it| names(it, Kind::Node) == ["w2"]).await;
    let health = until_health(&store, "connected", |health| health.connected).await;
    assert_eq!(health.resyncs, 0, "nothing had to be listed anew");
}

#[tokio::test]
async fn after_a_compaction_everything_is_listed_and_what_vanished_is_deleted() {
    let name = "after_a_compaction_everything_is_listed_and_what_vanished_is_deleted";
    let Some(mut etcd) = Etcd::start(name).await else { return };
    for name in ["w1", "w2"] {
        etcd.put(&key(Kind::Node, name), &node(name, "10.0.0.1")).await;
    }
    let gate = server::Gate::new(&etcd).await;
    let store = open(&settings(&[gate.endpoint()]), &pace()).expect("a store");
    until(&store, "listed", |it| it.nodes().len() == 2).await;
    until_health(&store, "connected", |health| health.connected).await;
    gate.shut();
    until_health(&store, "lost", |health| !health.connected).await;
    etcd.delete(&key(Kind::Node, "w1")).await;
    let revision = etcd.put(&key(Kind::Node, "w3"), &node("w3", "10.0.0.3")).await;
    etcd.compact(revision).await;
    gate.open();
    until(&store, "followed", |it| names(it, Kind::Node) == ["w2", "w3"]).await;
    let health = until_health(&store, "connected", |health| health.connected).await;
    assert_eq!(health.resyncs, 1);
    assert!(health.last_error.expect("words").contains("compacted"));
    etcd.put(&key(Kind::Node, "w4"), &node("w4", "10.0.0.4")).await;
    until(&store, "followed", |it| it.nodes().len() == 3).await;
    etcd.stop().await;
}

#[tokio::test]
async fn an_etcd_with_other_data_is_listed_anew() {
    let name = "an_etcd_with_other_data_is_listed_anew";
    let Some(mut etcd) = Etcd::start(name).await else { return };
    for name in ["w1", "w2", "w3"] {
        etcd.put(&key(Kind::Node, name), &node(name, "10.0.0.1")).await;
    }
    let store = open(&settings(&[etcd.endpoint()]), &pace()).expect("a store");
    until(&store, "listed", |it| it.nodes().len() == 3).await;
    etcd.stop().await;
    etcd.forget_everything();
    etcd.start_again().await;
    etcd.put(&key(Kind::Node, "x"), &node("x", "10.0.0.1")).await;
    until(&store, "listed anew", |it| names(it, Kind::Node) == ["x"]).await;
    assert!(store.health().resyncs >= 1);
}

#[tokio::test]
async fn the_next_endpoint_is_used_when_one_does_not_answer() {
    let name = "the_next_endpoint_is_used_when_one_does_not_answer";
    let Some(etcd) = Etcd::start(name).await else { return };
    etcd.put(&key(Kind::Node, "w1"), &node("w1", "10.0.0.1")).await;
    let dead = format!("http://127.0.0.1:{}", server::free_port());
    let store = open(&settings(&[dead, etcd.endpoint()]), &pace()).expect("a store");
    until(&store, "listed", |it| it.nodes().len() == 1).await;
}

#[tokio::test]
async fn tls_with_a_user_and_tokens_that_run_out() {
    let name = "tls_with_a_user_and_tokens_that_run_out";
    let Some(etcd) = Etcd::start_with_tls_and_users(name).await else { return };
    etcd.put(&key(Kind::Node, "w1"), &node("w1", "10.0.0.1")).await;
    let file = |name: &str| Pem::File(etcd.folder().join(name));
    let good = EtcdSettings {
        endpoints: vec![etcd.endpoint()],
        login: Some(("root".into(), Hidden::new("correct"))),
        ca: Some(file("ca.pem")),
        identity: Some((file("client.pem"), file("client.key"))),
    };
    let store = open(&good, &pace()).expect("a store");
    until(&store, "listed", |it| it.nodes().len() == 1).await;
    until_health(&store, "connected", |health| health.connected).await;
    // A token does not last long, and every probe needs one, so several are used up here.
    tokio::time::sleep(3 * server::TOKEN_LASTS).await;
    etcd.put(&key(Kind::Node, "w2"), &node("w2", "10.0.0.2")).await;
    until(&store, "followed", |it| it.nodes().len() == 2).await;
    let health = until_health(&store, "connected", |health| health.connected).await;
    // Requests get a new token unnoticed. A watch that is opened in the very moment in which its
    // token ends is cancelled, and the store has to come back.
    let words = health.last_error.unwrap_or_default();
    assert!(words.is_empty() || words.contains("invalid auth token"), "{words}");

    let wrong = EtcdSettings { login: Some(("root".into(), Hidden::new("wrong"))), ..good.clone() };
    let store = open(&wrong, &pace()).expect("a store");
    let health = until_health(&store, "refused", |health| health.last_error.is_some()).await;
    let words = health.last_error.expect("words");
    assert!(words.contains("logging in as \"root\"") && words.contains("password"), "{words}");
    assert!(!words.contains("wrong"), "{words}");

    let named =
        EtcdSettings { identity: Some((file("named.pem"), file("named.key"))), ..good.clone() };
    let store = open(&named, &pace()).expect("a store");
    let health = until_health(&store, "refused", |health| health.last_error.is_some()).await;
    let words = health.last_error.expect("words");
    assert!(words.contains("takes no client certificate with a common name"), "{words}");

    let no_client = EtcdSettings { identity: None, ..good.clone() };
    let store = open(&no_client, &pace()).expect("a store");
    until_health(&store, "refused", |health| health.last_error.is_some()).await;
    let other_ca = EtcdSettings { ca: Some(file("other-ca.pem")), ..good.clone() };
    let store = open(&other_ca, &pace()).expect("a store");
    let health = until_health(&store, "refused", |health| health.last_error.is_some()).await;
    let words = health.last_error.expect("words");
    assert!(words.contains("certificate"), "{words}");

    let inline = |name: &str| {
        let text = std::fs::read_to_string(etcd.folder().join(name)).expect("a file");
        Pem::Inline(Hidden::new(text))
    };
    let inline = EtcdSettings {
        ca: Some(inline("ca.pem")),
        identity: Some((inline("client.pem"), inline("client.key"))),
        ..good
    };
    let store = open(&inline, &pace()).expect("a store");
    until(&store, "listed", |it| it.nodes().len() == 2).await;
}

#[tokio::test]
async fn a_reflector_registers_itself_and_leaves_the_rest_alone() {
    let name = "a_reflector_registers_itself_and_leaves_the_rest_alone";
    let Some(etcd) = Etcd::start(name).await else { return };
    let client = Client::new(&settings(&[etcd.endpoint()])).expect("a client");
    let wanted = Registration {
        name: "rr".into(),
        labels: BTreeMap::from([("reflector".into(), "true".into())]),
        ipv4: Some(std::net::Ipv4Addr::new(10, 0, 0, 9).into()),
        cluster_id: Some(ClusterId(0xf400_0001)),
        uid: "7d7a3f2e-6a4f-4d5b-9a6a-0d6b1b0c2f11".into(),
        creation_timestamp: "2026-03-01T12:00:00Z".into(),
        ..Registration::default()
    };
    assert_eq!(client.register(&wanted).await, Ok(Registered::Created));
    assert_eq!(client.register(&wanted).await, Ok(Registered::Unchanged));
    let store = open(&settings(&[etcd.endpoint()]), &pace()).expect("a store");
    let snapshot = until(&store, "listed", |it| it.nodes().len() == 1).await;
    let rr = &snapshot.cluster.nodes()["rr"];
    assert_eq!(rr.cluster_id(), wanted.cluster_id);
    assert_eq!(rr.meta.uid.as_deref(), Some("7d7a3f2e-6a4f-4d5b-9a6a-0d6b1b0c2f11"));

    let foreign = json!({
        "kind": "Node", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": "rr", "uid": "u", "labels": {"zone": "a", "reflector": "no"}},
        "spec": {"bgp": {"ipv4IPIPTunnelAddr": "10.1.1.1"}, "unknown": {"x": 1}},
    });
    etcd.put(&key(Kind::Node, "rr"), &foreign.to_string()).await;
    assert_eq!(client.register(&wanted).await, Ok(Registered::Updated));
    let stored = etcd.get(&key(Kind::Node, "rr")).await.expect("the node");
    let stored: serde_json::Value = serde_json::from_str(&stored).expect("JSON");
    assert_eq!(
        stored,
        json!({
            "kind": "Node", "apiVersion": "projectcalico.org/v3",
            "metadata": {"name": "rr", "uid": "u", "labels": {"zone": "a", "reflector": "true"}},
            "spec": {
                "bgp": {
                    "ipv4Address": "10.0.0.9/32", "ipv4IPIPTunnelAddr": "10.1.1.1",
                    "routeReflectorClusterID": "244.0.0.1",
                },
                "unknown": {"x": 1},
            },
        })
    );

    // Two at once: one makes it, the other finds it made.
    let other = Registration { name: "rr2".into(), ..wanted };
    let (one, two) = tokio::join!(client.register(&other), client.register(&other));
    let mut both = [one.expect("registered"), two.expect("registered")];
    both.sort_by_key(|it| *it != Registered::Created);
    assert_eq!(both, [Registered::Created, Registered::Unchanged]);
}

#[tokio::test]
async fn who_asks_about_the_node_is_told() {
    let Some(etcd) = Etcd::start("who_asks_about_the_node_is_told").await else { return };
    let at = |name: &str| format!("{RESOURCES}caliconodestatuses/{name}");
    let object = |node: &str| {
        json!({
            "kind": "CalicoNodeStatus", "apiVersion": "projectcalico.org/v3",
            "metadata": {"name": node, "uid": "u"},
            "spec": {"node": node, "classes": ["Agent"], "updatePeriodSeconds": 10},
        })
    };
    // More than one page of others.
    let others: Vec<_> =
        (0..600).map(|n| (at(&format!("other-{n:03}")), object("w1").to_string())).collect();
    etcd.put_all(&others).await;
    etcd.put(&at("rr-1"), &object("rr-1").to_string()).await;
    etcd.put(&at("torn"), "{").await;
    let settings = Settings { datastore: Datastore::Etcd(Box::new(settings(&[etcd.endpoint()]))) };
    let statuses = NodeStatuses::open(&settings).await.expect("a way");
    let mut asked = statuses.about("rr-1").await.expect("objects");
    assert_eq!(asked.len(), 1);
    for n in ["1", "2"] {
        let status = json!({"lastUpdated": n});
        assert_eq!(statuses.tell(&mut asked[0], status.clone()).await, Ok(()));
        let stored = etcd.get(&at("rr-1")).await.expect("the object");
        let mut expected = object("rr-1");
        expected["status"] = status;
        let stored: serde_json::Value = serde_json::from_str(&stored).expect("JSON");
        assert_eq!(stored, expected);
    }
    etcd.put(&at("rr-1"), &object("rr-1").to_string()).await;
    let told = statuses.tell(&mut asked[0], json!({})).await;
    assert_eq!(told, Err(TellError::Changed));
    etcd.delete(&at("rr-1")).await;
    assert_eq!(statuses.tell(&mut asked[0], json!({})).await, Err(TellError::Changed));
    assert_eq!(statuses.about("rr-1").await, Ok(Vec::new()));
}
