use std::sync::Mutex;

use tokio::sync::mpsc::Receiver;

use super::*;
use crate::dialect::V3;
use crate::generated::apipb::watch_event_request::{self, Table, table::Filter};
use crate::testing::{Next, Small, row};

fn table(kind: filter::Type, init: bool) -> apipb::WatchEventRequest {
    let filters = vec![Filter { r#type: kind.into(), init, ..Filter::default() }];
    let table = Some(Table { filters });
    apipb::WatchEventRequest { table, ..apipb::WatchEventRequest::default() }
}

fn peers() -> apipb::WatchEventRequest {
    let peer = Some(watch_event_request::Peer {});
    apipb::WatchEventRequest { peer, ..apipb::WatchEventRequest::default() }
}

type Told = Result<Event<apipb::Path>, Status>;

fn begin(small: &Arc<Small>, request: &apipb::WatchEventRequest) -> Receiver<Told> {
    let source: Arc<dyn StatusSource> = Arc::<Small>::clone(small);
    let watch = Watch::begin(&source, request).expect("it is served");
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    tokio::spawn(watch.run::<V3>(HashMap::new(), sender));
    receiver
}

/// The prefixes of a message, those of lost routes with a minus.
fn names(told: &Told) -> Vec<String> {
    let Ok(Event::Paths(paths)) = told else { panic!("no paths") };
    let name = |path: &apipb::Path| {
        let nlri = path.nlri.as_ref().expect("always").value.as_slice();
        let nlri = <apipb::IpAddressPrefix as prost::Message>::decode(nlri).expect("a prefix");
        let sign = if path.is_withdraw { "-" } else { "" };
        format!("{sign}{}/{}", nlri.prefix, nlri.prefix_len)
    };
    paths.iter().map(name).collect()
}

fn with(changes: Vec<Next>) -> Arc<Small> {
    Arc::new(Small { changes: Arc::new(Mutex::new(changes)), ..Small::default() })
}

fn change(prefix: &str, is_there: bool) -> RouteChange {
    let row = row(prefix, 1, true);
    RouteChange { prefix: row.prefix, best: is_there.then_some(row) }
}

#[tokio::test(start_paused = true)]
async fn the_best_routes_are_told_first_if_that_is_asked_for_and_then_what_changes() {
    let changes = vec![
        Ok(vec![change("10.9.0.0/24", true), change("10.1.0.0/26", false)]),
        Ok(vec![change("fd00:9::/64", false)]),
    ];
    let small = with(changes);
    let mut told = begin(&small, &table(filter::Type::Best, true));
    let first = names(&told.recv().await.expect("it goes on"));
    assert!(first.contains(&"10.1.0.0/26".to_owned()), "{first:?}");
    assert_eq!(names(&told.recv().await.expect("it goes on")), ["fd00:1::/64"]);
    assert_eq!(names(&told.recv().await.expect("it goes on")), ["10.9.0.0/24", "-10.1.0.0/26"]);
    assert_eq!(names(&told.recv().await.expect("it goes on")), ["-fd00:9::/64"]);
    small.changes.lock().expect("no panic").push(Ok(vec![change("10.9.0.0/24", false)]));
    assert_eq!(names(&told.recv().await.expect("it goes on")), ["-10.9.0.0/24"]);
}

#[tokio::test(start_paused = true)]
async fn without_that_only_changes_are_told() {
    let mut told = begin(
        &with(vec![Ok(vec![change("10.9.0.0/24", true)])]),
        &table(filter::Type::Best, false),
    );
    assert_eq!(names(&told.recv().await.expect("it goes on")), ["10.9.0.0/24"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_has_no_more_paths_than_asked_for() {
    let changes = ["10.9.0.0/24", "10.9.1.0/24", "10.9.2.0/24"].map(|prefix| change(prefix, true));
    let request = apipb::WatchEventRequest { batch_size: 2, ..table(filter::Type::Best, false) };
    let mut told = begin(&with(vec![Ok(changes.into())]), &request);
    assert_eq!(names(&told.recv().await.expect("it goes on")).len(), 2);
    assert_eq!(names(&told.recv().await.expect("it goes on")).len(), 1);
}

/// The bound on messages that wait, reached: no more is taken from the reflector.
#[tokio::test(start_paused = true)]
async fn no_more_is_taken_than_waits_for_who_does_not_read() {
    let changes = (0..20).map(|n| Ok(vec![change(&format!("10.9.{n}.0/24"), true)]));
    let small = with(changes.collect());
    let mut told = begin(&small, &table(filter::Type::Best, false));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let left = || small.changes.lock().expect("no panic").len();
    // One more is in the hand of who waits for room.
    assert_eq!(left(), 20 - EVENTS_WAITING_MAX - 1);
    told.recv().await.expect("it goes on").expect("a change");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(left(), 20 - EVENTS_WAITING_MAX - 2);
}

#[tokio::test(start_paused = true)]
async fn who_was_too_slow_is_told_why_it_ends() {
    let why = "more than 7 prefixes changed".to_owned();
    let mut told = begin(&with(vec![Err(why.clone())]), &table(filter::Type::Best, false));
    let Some(Err(status)) = told.recv().await else { panic!("it goes on") };
    assert_eq!((status.code(), status.message()), (tonic::Code::ResourceExhausted, &*why));
    assert!(told.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn peers_are_told_once_and_then_when_their_sessions_change() {
    let small = with(Vec::new());
    let mut told = begin(&small, &peers());
    let mut next = async || match told.recv().await {
        Some(Ok(Event::Peer(kind, peer))) => {
            let state = peer.state.expect("clients read it unasked");
            let conf = peer.conf.expect("clients read it unasked");
            (kind, conf.neighbor_address, state.session_state())
        }
        _ => panic!("no peer"),
    };
    use peer_event::Type::{EndOfInit, Init, State};
    assert_eq!(next().await, (Init, "10.0.0.1".to_owned(), SessionState::Established));
    assert_eq!(next().await, (Init, "10.0.0.2".to_owned(), SessionState::Idle));
    assert_eq!(next().await, (EndOfInit, String::new(), SessionState::Unknown));
    *small.state.lock().expect("no panic") = Some("established");
    assert_eq!(next().await, (State, "10.0.0.2".to_owned(), SessionState::Established));
}

#[test]
fn a_peer_that_is_no_more_is_told_as_idle() {
    let small = Small::default();
    let (rows, status) = (small.peers(), small.status());
    let mut peers = Peers::default();
    assert_eq!(peers.look(&rows, &status).len(), 3);
    assert!(peers.look(&rows, &status).is_empty());
    let told = peers.look(&rows[1..], &status);
    let [(peer_event::Type::State, gone)] = told.as_slice() else { panic!("{}", told.len()) };
    let state = gone.state.as_ref().expect("always");
    assert_eq!((&*state.neighbor_address, state.session_state()), ("10.0.0.1", SessionState::Idle));
    // Several of one address are told apart.
    let twice = [rows[1].clone(), rows[1].clone()];
    assert_eq!(peers.look(&twice, &status).len(), 1);
    assert!(peers.look(&twice, &status).is_empty());
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_with_a_sentence() {
    let source: Arc<dyn StatusSource> = with(Vec::new());
    let refused = |request| match Watch::begin(&source, &request) {
        Ok(_) => panic!("it is served"),
        Err(status) => (status.code(), status.message().to_owned()),
    };
    let (code, words) = refused(table(filter::Type::Adjin, false));
    assert_eq!(code, tonic::Code::Unimplemented);
    assert!(words.contains("ListPath"), "{words}");
    let mut of_peer = table(filter::Type::Best, false);
    of_peer.table.as_mut().expect("there").filters[0].peer_address = "10.0.0.1".to_owned();
    let (code, words) = refused(of_peer);
    assert_eq!(code, tonic::Code::Unimplemented);
    assert!(words.contains("peer_address"), "{words}");
    let (code, words) = refused(apipb::WatchEventRequest::default());
    assert_eq!(code, tonic::Code::InvalidArgument);
    assert!(words.contains("expected peer, or table"), "{words}");
}
