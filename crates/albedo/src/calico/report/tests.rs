use std::time::Duration;

use albedo_discovery::calico::expand::RouterIdSource;
use albedo_discovery::store::{Link, Pace, files};

use super::*;

fn alarm(digest: u64, until: Instant) -> Alarm {
    Alarm {
        reasons: vec!["half of all sessions".to_owned()],
        sessions: Vec::new(),
        digest: Digest(digest),
        since: now(),
        until,
    }
}

fn shared_with(health: HealthReader) -> (Shared, mpsc::Receiver<Digest>) {
    let identity = Identity::Node { name: "rr-1".into(), router_id: RouterIdSource::NodeIpv4 };
    let (confirm, confirmed) = mpsc::channel(1);
    (Shared::new(&identity, health, confirm), confirmed)
}

fn shared() -> (Shared, mpsc::Receiver<Digest>) {
    shared_with(HealthReader::default())
}

/// Waits for what a store does in its own time.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect(what);
}

#[tokio::test]
async fn how_the_datastore_is_needs_no_news_of_the_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.yaml");
    let node = "{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: a}, spec: {}}";
    std::fs::write(&file, node).expect("a file");
    let paths = vec![file.display().to_string()];
    let sources = files::Sources { paths, recursive: false };
    let pace = Pace { poll: Duration::from_millis(10), ..Pace::default() };
    let store = files::open(&sources, &pace).expect("a store");
    let mut link = store.health_reader().link();
    let (shared, _confirmed) = shared_with(store.health_reader());
    until("it is followed", || shared.status().connected && shared.numbers().is_followed).await;
    assert_eq!(shared.status().faults, Vec::<String>::new());
    std::fs::write(&file, "no resource").expect("a file");
    until("its fault is told", || !shared.status().faults.is_empty()).await;
    assert_eq!(*link.borrow_and_update(), Link::Followed, "the folder is");
    drop(folder);
    link.changed().await.expect("a store");
    assert_eq!(*link.borrow(), Link::Lost);
    assert!(shared.status().last_error.is_some_and(|why| why.contains("a.yaml")));
}

#[test]
fn only_what_is_held_back_can_be_confirmed() {
    let (shared, mut confirmed) = shared();
    assert_eq!(shared.confirm("1").unwrap_err(), "nothing is held back");
    shared.change(|report| report.alarm = Some(alarm(0x1f, now())));
    let fault = shared.confirm("1e").unwrap_err();
    assert_eq!(fault, "something else is held back by now: 000000000000001f");
    assert!(shared.confirm("no digest").is_err());
    assert_eq!(shared.confirm("000000000000001f"), Ok(()));
    assert_eq!(confirmed.try_recv(), Ok(Digest(0x1f)));
    assert_eq!(shared.confirm("1f"), Ok(()));
    assert!(shared.confirm("1f").unwrap_err().contains("already"), "the bound is reached");
}

#[test]
fn it_tells_when_a_change_applies_by_itself() {
    let (shared, _confirmed) = shared();
    assert_eq!(shared.status().identity, "Node rr-1");
    assert_eq!(shared.status().guard, None);
    shared.change(|report| report.alarm = Some(alarm(1, now() + Duration::from_secs(60))));
    let guard = shared.status().guard.expect("an alarm");
    assert!(guard.applies_in_seconds.is_some_and(|left| left > 0.0 && left <= 60.0));
    shared.change(|report| report.alarm = Some(alarm(1, Instant::NEVER)));
    assert_eq!(shared.status().guard.expect("an alarm").applies_in_seconds, None);
}

#[test]
fn a_failure_is_new_once() {
    let (shared, _confirmed) = shared();
    assert!(shared.fail("no such node"));
    assert!(!shared.fail("no such node"));
    assert_eq!(shared.status().expand_error.as_deref(), Some("no such node"));
    shared.succeed(None);
    assert_eq!(shared.status().expand_error, None);
}

#[test]
fn identities_in_words() {
    let external = Identity::External {
        addresses: vec![([10, 0, 0, 9].into(), None), ([10, 0, 0, 9].into(), Some(1790))],
        asn: albedo_types::Asn(64_512),
        router_id: albedo_types::RouterId::new(1).expect("not zero"),
        cluster_id: albedo_types::ClusterId(1),
    };
    assert_eq!(Words(&external).to_string(), "external 10.0.0.9 10.0.0.9:1790");
}
