use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::calico::{BgpPeer, ClusterInformation, Meta, Node};

struct Bench {
    events: mpsc::Sender<Event>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    pulse: Arc<Pulse>,
}

impl Bench {
    fn new() -> Self {
        let (events, queue) = mpsc::channel(EVENTS_MAX);
        let (publish, snapshots) = watch::channel(None);
        let pulse = Arc::new(Pulse::new(1));
        tokio::spawn(keep(queue, publish, pulse.clone(), Pace::default()));
        Self { events, snapshots, pulse }
    }

    async fn tell(&self, event: Event) {
        self.events.send(event).await.expect("a keeper");
    }

    async fn list_all(&self) {
        for kind in Kind::ALL {
            self.tell(Event::Listed(kind, BTreeSet::new())).await;
        }
    }

    async fn next(&mut self) -> Arc<Snapshot> {
        self.snapshots.changed().await.expect("a keeper");
        self.snapshots.borrow_and_update().clone().expect("a snapshot")
    }

    /// Waits far longer than anything is gathered.
    async fn nothing_comes(&mut self) {
        let waited = tokio::time::timeout(Duration::from_secs(3600), self.snapshots.changed());
        assert!(waited.await.is_err(), "a snapshot without a reason");
    }
}

fn node(name: &str, version: u32) -> Event {
    let meta = Meta { resource_version: Some(version.to_string().into()), ..Meta::named(name) };
    Event::Put(Resource::Node(Box::new(Node { meta, ..Node::default() })), Vec::new())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_before_every_kind_was_listed() {
    let mut bench = Bench::new();
    bench.tell(node("a", 1)).await;
    for kind in &Kind::ALL[1..] {
        bench.tell(Event::Listed(*kind, BTreeSet::new())).await;
    }
    bench.nothing_comes().await;
    assert!(!bench.pulse.now().synced);
    bench.tell(Event::Listed(Kind::Node, BTreeSet::from(["a".into()]))).await;
    let snapshot = bench.next().await;
    assert_eq!((snapshot.revision, snapshot.cluster.nodes().len()), (1, 1));
    assert!(snapshot.health.synced);
}

#[tokio::test(start_paused = true)]
async fn an_empty_cluster_is_published_too() {
    let mut bench = Bench::new();
    bench.list_all().await;
    assert!(bench.next().await.cluster.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_burst_makes_one_snapshot() {
    let mut bench = Bench::new();
    bench.list_all().await;
    bench.next().await;
    for index in 0..5_000 {
        bench.tell(node(&format!("node-{index}"), 1)).await;
    }
    let snapshot = bench.next().await;
    assert_eq!((snapshot.revision, snapshot.cluster.nodes().len()), (2, 5_000));
    bench.nothing_comes().await;
}

#[tokio::test(start_paused = true)]
async fn heart_beats_make_none() {
    let mut bench = Bench::new();
    bench.list_all().await;
    for index in 0..5_000 {
        bench.tell(node(&format!("node-{index}"), 1)).await;
    }
    bench.next().await;
    for index in 0..5_000 {
        bench.tell(node(&format!("node-{index}"), 2)).await;
    }
    bench.nothing_comes().await;
}

#[tokio::test(start_paused = true)]
async fn changes_that_never_cease_are_published_all_the_same() {
    let mut bench = Bench::new();
    bench.list_all().await;
    bench.next().await;
    let pace = Pace::default();
    let started = Instant::now();
    let mut index = 0;
    // Each change comes before the last one has been quiet for long enough.
    let snapshot = loop {
        bench.tell(node(&format!("node-{index}"), 1)).await;
        index += 1;
        if let Ok(snapshot) = tokio::time::timeout(pace.quiet / 2, bench.next()).await {
            break snapshot;
        }
    };
    assert_eq!(snapshot.revision, 2);
    assert_eq!(started.elapsed(), pace.quiet_max, "of the virtual clock");
}

#[tokio::test(start_paused = true)]
async fn a_list_deletes_what_is_not_in_it() {
    let mut bench = Bench::new();
    bench.list_all().await;
    for name in ["a", "b", "c"] {
        bench.tell(node(name, 1)).await;
    }
    bench.next().await;
    bench.tell(node("a", 1)).await;
    bench.tell(Event::Listed(Kind::Node, BTreeSet::from(["a".into()]))).await;
    let snapshot = bench.next().await;
    assert_eq!(snapshot.cluster.names(Kind::Node), ["a".into()]);
    bench.tell(Event::Listed(Kind::Node, BTreeSet::from(["a".into()]))).await;
    bench.nothing_comes().await;
}

#[tokio::test(start_paused = true)]
async fn while_the_datastore_is_being_moved_the_last_snapshot_stays() {
    let mut bench = Bench::new();
    bench.list_all().await;
    bench.next().await;
    let information = |ready| {
        let meta = Meta::named("default");
        let datastore_ready = Some(ready);
        let it = ClusterInformation { meta, datastore_ready, ..ClusterInformation::default() };
        Event::Put(Resource::ClusterInformation(Box::new(it)), Vec::new())
    };
    bench.tell(information(false)).await;
    bench.tell(node("a", 1)).await;
    bench.nothing_comes().await;
    assert!(bench.pulse.now().held);
    bench.tell(information(true)).await;
    let snapshot = bench.next().await;
    assert_eq!(snapshot.cluster.nodes().len(), 1);
    assert!(!bench.pulse.now().held);
}

#[tokio::test(start_paused = true)]
async fn warnings_come_and_go_with_the_object() {
    let mut bench = Bench::new();
    bench.list_all().await;
    bench.next().await;
    let read = |spec| {
        let json = serde_json::json!({ "metadata": {"name": "n"}, "spec": {"bgp": spec} });
        let annotated = serde_json::json!({
            "metadata": {"name": "n", "annotations": spec},
            "spec": json["spec"],
        });
        crate::calico::parse::kubernetes_node(&annotated, false).expect("a node")
    };
    let (odd, warnings) = read(serde_json::json!({"projectcalico.org/IPv4Address": "no address"}));
    assert_eq!(warnings.len(), 1, "an annotation that cannot be read is a warning");
    bench.tell(Event::Put(odd, warnings)).await;
    let key = (Kind::Node, Arc::from("n"));
    assert_eq!(bench.next().await.warnings[&key].len(), 1);
    let (good, warnings) = read(serde_json::json!({}));
    bench.tell(Event::Put(good, warnings)).await;
    assert!(bench.next().await.warnings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_leaves_the_good_one_in_force() {
    let mut bench = Bench::new();
    bench.list_all().await;
    let peer = BgpPeer { meta: Meta::named("p"), ..peer() };
    bench.tell(Event::Put(Resource::BgpPeer(Box::new(peer)), Vec::new())).await;
    bench.next().await;
    let bad = serde_json::json!({"metadata": {"name": "p"}, "spec": {"asNumber": "x"}});
    let fault = crate::calico::parse::lenient(Kind::BgpPeer, &bad).expect_err("a bad peer");
    bench.tell(Event::Rejected(Kind::BgpPeer, "p".into(), fault)).await;
    let snapshot = bench.next().await;
    assert_eq!(snapshot.cluster.peers().len(), 1);
    let rejected = snapshot.cluster.rejected().values().next().expect("a rejected object");
    assert!(rejected.last_good);
}

/// What a source may tell of nodes with one of four names.
#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    Delete(u8),
    List(BTreeSet<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u8..4).prop_map(Step::Put),
        (0_u8..4).prop_map(Step::Delete),
        proptest::collection::btree_set(0_u8..4, 0..4).prop_map(Step::List),
    ];
    proptest::collection::vec(step, 0..30)
}

proptest! {
    #[test]
    fn the_cluster_is_what_was_told_last(steps in steps()) {
        let mut keeper = Keeper::new(Arc::new(Pulse::new(1)), Pace::default());
        let mut expected = BTreeSet::new();
        for (version, step) in (0..).zip(steps) {
            match step {
                Step::Put(name) => {
                    expected.insert(name);
                    keeper.take(node(&name.to_string(), version));
                }
                Step::Delete(name) => {
                    expected.remove(&name);
                    keeper.take(Event::Deleted(Kind::Node, name.to_string().into()));
                }
                // A list tells all that it names, too.
                Step::List(names) => {
                    for name in &names {
                        keeper.take(node(&name.to_string(), version));
                    }
                    let listed = names.iter().map(|name| Arc::from(name.to_string())).collect();
                    keeper.take(Event::Listed(Kind::Node, listed));
                    expected = names;
                }
            }
            let there = keeper.cluster.names(Kind::Node);
            let wanted: Vec<String> = expected.iter().map(ToString::to_string).collect();
            prop_assert_eq!(there.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted);
        }
    }
}

fn peer() -> BgpPeer {
    let json = serde_json::json!({
        "metadata": {"name": "p"}, "spec": {"peerIP": "10.0.0.1", "asNumber": 64512}
    });
    match crate::calico::parse::lenient(Kind::BgpPeer, &json).expect("a peer").0 {
        Resource::BgpPeer(peer) => *peer,
        other => panic!("a {}", other.kind()),
    }
}
