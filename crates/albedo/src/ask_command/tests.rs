use albedo_api::{
    FamilyStatus, GroupRow, PeerDetail, PeerRoutes, RetainedRow, RouteLine, RouteLineAttributes,
    Status, Traffic, TrafficOf,
};
use clap::Parser as _;

use super::*;
use crate::admin_client::tests::script;
use crate::cli::{Cli, Command};

fn up() -> PeerRow {
    PeerRow {
        address: "10.0.0.2".to_owned(),
        name: Some("node-2".to_owned()),
        group: Some("nodes".to_owned()),
        role: "client".to_owned(),
        as_number: Some(64512),
        state: "established".to_owned(),
        since_seconds: 187_200.0,
        families: vec!["ipv4-unicast".to_owned()],
        hold_time_seconds: Some(90),
        messages: [12, 34],
        routes: vec![PeerRoutes {
            family: "ipv4-unicast".to_owned(),
            received: 1,
            best: 1,
            sent: 2,
        }],
        ..PeerRow::default()
    }
}

fn down() -> PeerRow {
    PeerRow {
        address: "10.0.0.3".to_owned(),
        role: "client".to_owned(),
        state: "active".to_owned(),
        since_seconds: 5.0,
        last_reason: Some("hold timer expired".to_owned()),
        retained: vec![RetainedRow {
            family: "ipv4-unicast".to_owned(),
            phase: "restarting".to_owned(),
            left_seconds: Some(115.0),
        }],
        ..PeerRow::default()
    }
}

fn rows(peers: &[PeerRow]) -> (u16, String) {
    (200, serde_json::to_string(peers).unwrap())
}

fn run(admin: std::net::SocketAddr, words: &[&str]) -> Result<ExitCode> {
    let admin = admin.to_string();
    let all = ["albedo"].into_iter().chain(words.iter().copied()).chain(["--admin", &admin]);
    match Cli::try_parse_from(all).unwrap().command {
        Command::Get(args) => get(&args),
        Command::Describe(args) => describe(&args),
        Command::Status(args) => status(&args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn peers_have_a_line_each_with_the_reason() {
    let lines = peers::table(&[up(), down()], Output::Table).lines(true);
    assert_eq!(
        lines[0],
        "PEER      NAME    GROUP  ROLE    AS     STATE        AGE   RECEIVED  SENT  REASON"
    );
    assert_eq!(lines[1], "10.0.0.2  node-2  nodes  client  64512  established  2d4h  1         2");
    let reason = "hold timer expired; ipv4-unicast routes kept, restarting, for 115s";
    assert!(
        lines[2].ends_with(&format!("active       5s    -         -     {reason}")),
        "{lines:?}"
    );
    let wide = peers::table(&[up()], Output::Wide).lines(true);
    assert!(wide[0].contains("ROUTER-ID  FAMILIES      HOLD  MESSAGES-IN"), "{wide:?}");
    assert!(wide[1].contains("ipv4-unicast  90s   12           34"), "{wide:?}");
}

#[test]
fn names_are_those_of_one_peer() {
    let peers = [up(), down(), PeerRow { name: Some("node-2".to_owned()), ..down() }];
    assert_eq!(resolve_one(&peers, "10.0.0.3").unwrap(), "10.0.0.3");
    let error = resolve_one(&peers, "node-2").unwrap_err().to_string();
    assert_eq!(error, "node-2: several peers have that name; say its address");
    assert_eq!(resolve_one(&peers[..2], "node-2").unwrap(), "10.0.0.2");
    let error = resolve_one(&peers, "node-9").unwrap_err().to_string();
    assert!(error.starts_with("node-9: there is no such peer"), "{error}");
}

#[test]
fn peers_are_asked_with_their_routes_and_filtered() {
    let (admin, server) = script(vec![rows(&[up(), down()]), rows(&[up(), down()])]);
    for words in [&["get", "peers", "--state", "down"][..], &["get", "neighbors", "-o", "yaml"]] {
        assert_eq!(run(admin, words).unwrap(), ExitCode::SUCCESS);
    }
    let requests = server.join().unwrap();
    assert!(requests.iter().all(|r| r.starts_with("GET /api/v1/peers?counts=true ")));
    let error = run(admin, &["get", "peers", "-w", "-o", "json"]).unwrap_err().to_string();
    assert!(error.starts_with("--watch: prints lines"), "{error}");
}

fn route() -> RouteLine {
    let attributes = RouteLineAttributes {
        origin: "igp".to_owned(),
        next_hop: vec!["10.0.0.2".to_owned()],
        local_pref: Some(100),
        communities: vec!["64512:1".to_owned()],
        ..RouteLineAttributes::default()
    };
    RouteLine {
        prefix: "10.1.2.0/26".to_owned(),
        from: "10.0.0.2".to_owned(),
        best: true,
        attributes,
        ..RouteLine::default()
    }
}

#[test]
fn routes_come_a_line_each_and_an_answer_that_is_cut_is_an_error() {
    let line = serde_json::to_string(&route()).unwrap();
    let whole = format!("{line}\n{{\"end\":1}}\n");
    let answers = [
        (200, whole.clone()),
        (200, whole),
        (200, format!("{line}\n")),
        (200, format!("{line}\n{{\"error\":\"the shards have ended\"}}\n")),
        (200, "{\"end\":3}\n".to_owned()),
        (400, "prefix: found \"x\"\n".to_owned()),
    ];
    let (admin, server) = script(answers.into());
    let words = ["get", "routes", "10.1.0.0/16", "--longer", "--best"];
    assert_eq!(run(admin, &words).unwrap(), ExitCode::SUCCESS);
    let error = |words: &[&str]| run(admin, words).unwrap_err().to_string();
    assert_eq!(run(admin, &["get", "routes", "-o", "json"]).unwrap(), ExitCode::SUCCESS);
    let cut = error(&["get", "routes"]);
    assert_eq!(cut, "the answer ends after 1 routes: the reflector has gone");
    let ended = error(&["get", "routes"]);
    assert_eq!(ended, "the answer ends after 1 routes: the shards have ended");
    assert_eq!(error(&["get", "routes"]), "3 routes were sent, and 0 came");
    assert_eq!(error(&["get", "routes", "x"]), "refused (400): prefix: found \"x\"");
    let requests = server.join().unwrap();
    let wanted = "GET /api/v1/routes?prefix=10.1.0.0%2F16&match=longer&best=true HTTP/1.0\r\n";
    assert!(requests[0].starts_with(wanted), "{requests:?}");
}

#[test]
fn a_route_has_a_line() {
    let head = routes::head(Output::Wide);
    let row = routes::row(&route(), Output::Wide);
    assert!(head.starts_with("PREFIX                 NEXT-HOP         FROM"), "{head}");
    assert!(row.starts_with("10.1.2.0/26          * 10.0.0.2         10.0.0.2"), "{row}");
    assert!(row.ends_with("100          -  i  -  -  64512:1"), "{row}");
}

#[test]
fn a_peer_is_described() {
    let traffic = Traffic {
        messages: vec![TrafficOf { kind: "update".to_owned(), received: 1, sent: 2 }],
        dropped: vec![TrafficOf { kind: "cluster_list".to_owned(), received: 3, sent: 0 }],
        bytes_received: 100,
        ..Traffic::default()
    };
    let session = PeerDetail {
        row: up(),
        local: Some("10.0.0.1:179".to_owned()),
        remote: Some("10.0.0.2:4711".to_owned()),
        is_heard: true,
        traffic,
        ..PeerDetail::default()
    };
    let text = describe::text(&session);
    for line in [
        "State:            established for 2d4h\n",
        "Connection:       10.0.0.1:179 to 10.0.0.2:4711\n",
        "  ipv4-unicast  1         1     2\n",
        "  update  1         2\n",
        "Not taken: 3 cluster_list\n",
    ] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
    let text = describe::text(&PeerDetail { row: down(), ..PeerDetail::default() });
    assert!(text.contains("Reason:           hold timer expired; ipv4-unicast routes"), "{text}");
}

#[test]
fn the_status_tells_what_is_not_so() {
    let family = FamilyStatus {
        family: "ipv4-unicast".to_owned(),
        prefixes: 7,
        paths: 9,
        convergence_p50_seconds: Some(0.0025),
        convergence_p99_seconds: Some(0.025),
    };
    let status = Status {
        sessions_up: 1,
        sessions_all: 12,
        families: vec![family],
        oldest_undelivered_seconds: Some(3.21),
        config_file: "a.yaml".to_owned(),
        config_fault: Some("a.yaml:1:1: no".to_owned()),
        ..Status::default()
    };
    let mut overview = Overview { status, not_ready: vec!["x: no".to_owned()], down: Vec::new() };
    overview.down = vec![down(); 11];
    let text = status::text(&overview);
    for line in [
        "Converged:  no: the oldest change that some peer lacks is 3.2 s old\n",
        "Ready:      x: no\n",
        "Peers:      1 of 12 up\n",
        "IPv4:       7 prefixes, 9 paths; a change reaches the last peer within 2 ms (p50), 25 ms",
        "File:       a.yaml: NOT in force: a.yaml:1:1: no\n",
        "and 1 more: albedo get peers --state down\n",
    ] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
    let started = Status { startup_seconds: Some(1.0), ..Status::default() };
    assert_eq!(convergence(&started), "yes: every change is delivered");
    assert_eq!(convergence(&Status::default()), "no: the start is not over");
}

#[test]
fn groups_have_a_line_each() {
    let group = GroupRow { id: 4, members: 3, current: 2, log_bytes: 12, ..GroupRow::default() };
    let lines = groups::table(&[group], Output::Wide).lines(true);
    let head = "GROUP  FAMILY  ROLE  MEMBERS  CURRENT  LOG   PATHS  POLICY  CLUSTER";
    assert!(lines[0].starts_with(head), "{lines:?}");
    assert!(lines[1].starts_with("4                    3        2        12 B"), "{lines:?}");
}

#[test]
fn what_is_printed_for_programs_has_a_version() {
    let (admin, server) = script(vec![
        (200, "{}".to_owned()),
        rows(&[down()]),
        (503, "[-]x failed: no\n".to_owned()),
        (200, "[]".to_owned()),
    ]);
    assert_eq!(run(admin, &["status", "-o", "json"]).unwrap(), ExitCode::SUCCESS);
    assert_eq!(run(admin, &["get", "groups", "-o", "json"]).unwrap(), ExitCode::SUCCESS);
    server.join().unwrap();
}
