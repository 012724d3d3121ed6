use futures_util::StreamExt as _;
use tonic::{Code, Request};

use super::*;
use crate::generated::api;
use crate::generated::apipb::gobgp_api_server::GobgpApi as _;
use crate::testing::Small;

fn handlers() -> Handlers {
    let source: Arc<dyn StatusSource> = Arc::new(Small::default());
    Handlers::new(&source)
}

async fn all<T>(answer: Result<Response<Streamed<T>>, Status>) -> Result<Vec<T>, Status> {
    let list: Vec<Result<T, Status>> = answer?.into_inner().collect().await;
    list.into_iter().collect()
}

fn asked(table: TableType, name: &str) -> apipb::ListPathRequest {
    apipb::ListPathRequest {
        table_type: table.into(),
        name: name.to_owned(),
        ..apipb::ListPathRequest::default()
    }
}

#[tokio::test]
async fn a_prefix_is_told_once_with_its_best_path_first() {
    let answer = handlers().list_path(Request::new(asked(TableType::Global, ""))).await;
    let list = all(answer).await.expect("served");
    let told: Vec<_> = list
        .iter()
        .map(|it| it.destination.as_ref().expect("there"))
        .map(|it| {
            let of = |path: &apipb::Path| (path.best, path.neighbor_ip.clone());
            (&*it.prefix, it.paths.iter().map(of).collect::<Vec<_>>())
        })
        .collect();
    let path = |is_best, n: u8| (is_best, format!("10.0.0.{n}"));
    assert_eq!(
        told,
        [
            ("10.1.0.0/26", vec![path(true, 1), path(false, 2)]),
            ("10.1.0.64/26", vec![path(true, 2)])
        ]
    );
    let path = &list[0].destination.as_ref().expect("there").paths[0];
    assert!(path.age.is_some(), "clients show it unasked");
    let names: Vec<_> = path.pattrs.iter().map(|it| it.type_url.rsplit('.').next()).collect();
    assert_eq!(
        names.into_iter().flatten().collect::<Vec<_>>(),
        [
            "OriginAttribute",
            "AsPathAttribute",
            "NextHopAttribute",
            "LocalPrefAttribute",
            "CommunitiesAttribute",
            "OriginatorIdAttribute",
            "ClusterListAttribute",
            "ExtendedCommunitiesAttribute",
            "LargeCommunitiesAttribute",
        ]
    );
}

/// The bound on destinations that wait, reached.
#[tokio::test]
async fn no_more_is_read_than_waits_for_who_does_not_read() {
    let small = Small { copies: 3 * PATHS_WAITING_MAX, ..Small::default() };
    let source: Arc<dyn StatusSource> = Arc::new(small);
    let request = asked(TableType::Global, "");
    let reading = Handlers::new(&source).paths::<crate::dialect::V3>(&request).expect("served");
    while reading.as_ref().len() < PATHS_WAITING_MAX {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(reading.as_ref().len(), PATHS_WAITING_MAX);
    // Nothing is lost by it.
    assert_eq!(reading.count().await, 3 * PATHS_WAITING_MAX);
}

#[tokio::test]
async fn version_4_tells_the_same_in_its_own_wrapping() {
    let family = Some(api::Family { afi: 2, safi: 1 });
    let request = api::ListPathRequest {
        table_type: api::TableType::Global.into(),
        family,
        ..api::ListPathRequest::default()
    };
    // By the trait, for both services have methods of these names.
    let handlers = handlers();
    let request = Request::new(request);
    let answer = api::go_bgp_service_server::GoBgpService::list_path(&handlers, request);
    let list = all(answer.await).await.expect("served");
    let [answer] = list.as_slice() else { panic!("{list:?}") };
    let path = &answer.destination.as_ref().expect("there").paths[0];
    let prefix = api::IpAddressPrefix { prefix_len: 64, prefix: "fd00:1::".to_owned() };
    let nlri = path.nlri.as_ref().expect("there").nlri.clone();
    assert_eq!(nlri, Some(api::nlri::Nlri::Prefix(prefix)));
    assert_eq!((path.best, path.family), (true, family));
    use api::attribute::Attr;
    let attrs: Vec<&Attr> = path.pattrs.iter().filter_map(|it| it.attr.as_ref()).collect();
    let reach = attrs.iter().find_map(|it| match it {
        Attr::MpReach(reach) => Some(reach),
        _ => None,
    });
    assert_eq!(reach.expect("IPv6 has it").next_hops, ["fd00::1"]);
    assert!(!attrs.iter().any(|it| matches!(it, Attr::NextHop(_))));
    let as_path = attrs.iter().find_map(|it| match it {
        Attr::AsPath(it) => Some(it.segments.iter().map(|it| it.numbers.clone()).collect()),
        _ => None,
    });
    assert_eq!(as_path, Some(vec![vec![65_001], vec![7, 8]]));
}

#[tokio::test]
async fn tables_of_peers_are_asked_for_by_address() {
    let refused = async |request: apipb::ListPathRequest| {
        let answer = handlers().list_path(Request::new(request)).await;
        let status = all(answer).await.expect_err("refused");
        (status.code(), status.message().to_owned())
    };
    for table in [TableType::AdjIn, TableType::AdjOut] {
        let answer = handlers().list_path(Request::new(asked(table, "10.0.0.1"))).await;
        assert!(!all(answer).await.expect("served").is_empty());
        let (code, words) = refused(asked(table, "10.0.0.9")).await;
        assert_eq!(code, Code::NotFound);
        assert!(words.contains("10.0.0.9"), "{words}");
        let (code, words) = refused(asked(table, "node-1")).await;
        assert_eq!(code, Code::InvalidArgument);
        assert!(words.contains("found \"node-1\", expected a peer's address"), "{words}");
    }
    assert_eq!(refused(asked(TableType::Vrf, "red")).await.0, Code::Unimplemented);
    let family = Some(apipb::Family { afi: 25, safi: 70 });
    let (code, words) =
        refused(apipb::ListPathRequest { family, ..asked(TableType::Global, "") }).await;
    assert_eq!(code, Code::InvalidArgument);
    assert!(words.contains("afi 25 safi 70"), "{words}");
    let prefix = apipb::TableLookupPrefix { prefix: "10.0".to_owned(), r#type: 0 };
    let one =
        apipb::ListPathRequest { prefixes: vec![prefix.clone()], ..asked(TableType::Global, "") };
    assert_eq!(refused(one).await.0, Code::InvalidArgument);
    let many = apipb::ListPathRequest {
        prefixes: vec![prefix; paths::PREFIXES_MAX + 1],
        ..asked(TableType::Global, "")
    };
    let (code, words) = refused(many).await;
    assert_eq!(code, Code::InvalidArgument);
    assert!(words.contains("at most 1024"), "{words}");
}

#[tokio::test]
async fn tables_are_counted() {
    let count = async |table: TableType, name: &str| {
        let request = apipb::GetTableRequest {
            table_type: table.into(),
            name: name.to_owned(),
            ..apipb::GetTableRequest::default()
        };
        let counts = handlers().table(&request).await?;
        Ok::<_, Status>((counts.num_destination, counts.num_path, counts.num_accepted))
    };
    assert_eq!(count(TableType::Global, "").await.expect("served"), (2, 3, 0));
    assert_eq!(count(TableType::AdjIn, "10.0.0.1").await.expect("served"), (7, 7, 7));
    assert_eq!(count(TableType::AdjOut, "10.0.0.1").await.expect("served"), (9, 9, 9));
    let unknown = count(TableType::AdjOut, "10.0.0.9").await.expect_err("no such peer");
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn peers_have_everything_that_clients_read_unasked() {
    let request = Request::new(apipb::ListPeerRequest::default());
    let list = all(handlers().list_peer(request).await).await.expect("served");
    assert_eq!(list.len(), 2);
    for answer in &list {
        let peer = answer.peer.as_ref().expect("there");
        assert!(peer.conf.is_some() && peer.state.is_some() && peer.transport.is_some());
        let timers = peer.timers.as_ref().and_then(|it| it.state.as_ref()).expect("there");
        assert!(timers.uptime.is_some() != timers.downtime.is_some());
        let messages = peer.state.as_ref().and_then(|it| it.messages.as_ref()).expect("there");
        assert!(messages.received.is_some() && messages.sent.is_some());
        assert!(peer.afi_safis.iter().all(|it| it.state.is_some() && it.config.is_some()));
        assert!(peer.route_reflector.as_ref().expect("there").route_reflector_client);
    }
    let one = apipb::ListPeerRequest { address: "10.0.0.2".to_owned(), ..Default::default() };
    assert_eq!(all(handlers().list_peer(Request::new(one)).await).await.expect("served").len(), 1);
    let bad = apipb::ListPeerRequest { address: "nobody".to_owned(), ..Default::default() };
    let status = all(handlers().list_peer(Request::new(bad)).await).await.expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn groups_and_ranges_are_those_of_the_configuration() {
    let groups = handlers().groups("");
    let kinds: Vec<_> = groups
        .iter()
        .filter_map(|it| it.conf.as_ref())
        .map(|conf| (&*conf.peer_group_name, conf.r#type()))
        .collect();
    use apipb::PeerType::{External, Internal};
    assert_eq!(kinds, [("nodes", Internal), ("edge", External)]);
    assert_eq!(handlers().groups("edge").len(), 1);
    let ranges = handlers().ranges("");
    let ranges: Vec<_> = ranges.iter().map(|it| (&*it.prefix, &*it.peer_group)).collect();
    assert_eq!(ranges, [("10.0.0.0/8", "nodes"), ("fd00::/16", "nodes")]);
    assert!(handlers().ranges("edge").is_empty());
}
