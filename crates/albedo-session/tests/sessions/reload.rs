//! A reload touches only sessions whose own settings changed.

use std::sync::Arc;

use albedo_session::Applied;
use albedo_types::PeerRole;
use albedo_wire::notification::codes::{self, cease};

use crate::peer::Peer;
use crate::setup::{Fixture, group, hold, peer, profile, settings};

const A: [u8; 4] = [127, 0, 0, 2];
const B: [u8; 4] = [127, 0, 1, 3];
const C: [u8; 4] = [127, 0, 2, 4];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_changed_sessions_are_touched() {
    let mut old = settings(profile());
    old.groups = vec![
        group("first", profile(), "127.0.0.0/24"),
        group("second", profile(), "127.0.1.0/24"),
        group("third", profile(), "127.0.2.0/24"),
    ];
    let fixture = Fixture::start(old.clone());
    let mut a = Peer::establish(A, fixture.at).await;
    let mut b = Peer::establish(B, fixture.at).await;
    let mut c = Peer::establish(C, fixture.at).await;

    // The same again: nothing happens.
    let applied = fixture.server.apply(old.clone()).unwrap();
    assert_eq!(applied, Applied { untouched: 3, ..Applied::default() });

    // One group gets another name, one another hold time, one goes.
    let mut new = old.clone();
    new.groups[0].name = "renamed".into();
    let mut changed = profile();
    hold(&mut changed, 30);
    new.groups[1].profile = Arc::new(changed);
    new.groups.truncate(2);
    let applied = fixture.server.apply(new).unwrap();
    assert_eq!(applied, Applied { stopped: 2, untouched: 1, ..Applied::default() });
    let notification = b.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::CONFIG_CHANGE));
    let notification = c.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::DECONFIGURED));
    let mut b = Peer::establish(B, fixture.at).await;
    a.mark(&mut b, 7).await;
    let status = fixture.status(A).expect("A is up");
    assert_eq!((&*status.detail.group, status.established), ("renamed", 1));
    assert_eq!(Peer::connect(C, fixture.at).await.next().await, None, "a stranger by now");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_leaves_everything_as_it_was() {
    let fixture = Fixture::start(settings(profile()));
    let mut a = Peer::establish(A, fixture.at).await;
    let mut new = settings(profile());
    new.groups.clear();
    // An address that is not ours.
    new.listen.push("192.0.2.1:179".parse().unwrap());
    let error = fixture.server.apply(new).unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:179"), "{error}");
    let mut b = Peer::establish(B, fixture.at).await;
    a.mark(&mut b, 7).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dynamic_neighbour_may_become_a_configured_one() {
    let old = settings(profile());
    let fixture = Fixture::start(old.clone());
    let mut a = Peer::establish(A, fixture.at).await;
    let mut new = old;
    let mut configured = profile();
    configured.role = PeerRole::NonClient;
    new.peers.push(peer((A, 179).into(), configured));
    let applied = fixture.server.apply(new).unwrap();
    assert_eq!(applied, Applied { started: 1, stopped: 1, ..Applied::default() });
    let notification = a.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::CONFIG_CHANGE));
    let mut a = Peer::establish(A, fixture.at).await;
    a.until_ends().await;
    let status = fixture.status(A).expect("configured");
    assert_eq!((status.dynamic, status.role), (false, PeerRole::NonClient));
    // An operator's reset; the peer stays configured.
    assert!(fixture.server.reset(A.into(), "maintenance"));
    let notification = a.notification().await;
    assert_eq!((notification.code, notification.subcode), (codes::CEASE, cease::RESET));
    assert_eq!(notification.text().as_deref(), Some("maintenance"));
    assert!(fixture.status(A).is_some());
    assert!(!fixture.server.reset(B.into(), ""));
    fixture.stop().await;
}
