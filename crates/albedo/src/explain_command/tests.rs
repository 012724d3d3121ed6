use albedo_api::explain::{CandidateRow, ExplainedPast, ToldRow};
use clap::Parser as _;

use super::*;
use crate::admin_client::tests::script;
use crate::cli::{Cli, Command};

fn explained() -> Explained {
    let attributes = RouteLineAttributes {
        origin: "igp".to_owned(),
        next_hop: vec!["10.0.0.2".to_owned()],
        local_pref: Some(100),
        ..RouteLineAttributes::default()
    };
    let best = CandidateRow {
        from: "10.0.0.2".to_owned(),
        from_name: Some("node-2".to_owned()),
        role: "client".to_owned(),
        best: true,
        attributes: attributes.clone(),
        ..CandidateRow::default()
    };
    let other = CandidateRow {
        from: "10.0.0.3".to_owned(),
        role: "client".to_owned(),
        best: false,
        stale: true,
        lost_by: Some("highest LOCAL_PREF".to_owned()),
        lost_to: Some("10.0.0.2".to_owned()),
        ..CandidateRow::default()
    };
    let told = ToldRow {
        from: "10.0.0.2".to_owned(),
        path_id: 0,
        attributes: RouteLineAttributes {
            originator_id: Some("10.0.0.2".to_owned()),
            cluster_list: vec!["10.0.0.1".to_owned()],
            ..attributes
        },
    };
    let peer = ExplainedPeer {
        address: "10.0.0.4".to_owned(),
        name: Some("node-4".to_owned()),
        role: "client".to_owned(),
        verdict: "told".to_owned(),
        reason: "it is told one route".to_owned(),
        told: vec![told],
        delivery: Some("written".to_owned()),
        unacknowledged_bytes: Some(19),
        sent_not_before: Some("2026-01-31T12:00:00.000Z".to_owned()),
        sent_not_after: Some("2026-01-31T12:00:00.002Z".to_owned()),
        ..ExplainedPeer::default()
    };
    let change = PastChange {
        time: "2026-01-31T12:00:00.000Z".to_owned(),
        seconds_ago: 125.0,
        before: None,
        after: Some("10.0.0.2".to_owned()),
        after_name: Some("node-2".to_owned()),
        ..PastChange::default()
    };
    Explained {
        prefix: "10.1.2.0/26".to_owned(),
        candidates: vec![best, other],
        peers: vec![peer],
        at: None,
        history: vec![change],
        remembered_seconds: Some(3600.0),
    }
}

#[test]
fn it_reads_as_an_answer() {
    let text = text(&explained());
    let expected = "\
10.1.2.0/26: 2 routes
FROM      NAME    ROLE    NEXT-HOP  LOCAL-PREF  MED  PATH  WHY
10.0.0.2  node-2  client  10.0.0.2  100         -    igp   best
10.0.0.3  -       client            -           -          lost to 10.0.0.2: highest \
LOCAL_PREF, stale

10.0.0.4 node-4 (client) is told: it is told one route
  from 10.0.0.2: next hop 10.0.0.2, path igp, LOCAL_PREF 100, ORIGINATOR_ID 10.0.0.2, \
CLUSTER_LIST 10.0.0.1
  written to its socket; its TCP has yet to acknowledge 19 octets
  sent between 2026-01-31T12:00:00.000Z and 2026-01-31T12:00:00.002Z

The best route, or what is told of it, changed once in the last 60m:
  2026-01-31T12:00:00.000Z (2m5s ago)  none -> 10.0.0.2 node-2
";
    assert_eq!(text, expected);
}

#[test]
fn what_is_kept_and_what_is_past_are_told() {
    let mut explained = explained();
    let peer = &mut explained.peers[0];
    peer.verdict = "kept".to_owned();
    peer.reason = "its session is not up (active)".to_owned();
    (peer.told, peer.delivery) = (Vec::new(), None);
    (peer.sent_not_before, peer.sent_not_after) = (None, None);
    let time = "2026-01-31T11:00:00.000Z".to_owned();
    explained.at = Some(ExplainedPast { time, is_remembered: false, ..ExplainedPast::default() });
    explained.history.clear();
    explained.remembered_seconds = None;
    let told = text(&explained);
    for line in [
        "10.0.0.4 node-4 (client) is NOT told: its session is not up (active)\n",
        "\n2026-01-31T11:00:00.000Z is not remembered.\n",
        "The best route has not changed since the start.\n",
    ] {
        assert!(told.contains(line), "{line:?} in\n{told}");
    }
    let past = explained.at.as_mut().unwrap();
    past.is_remembered = true;
    assert!(text(&explained).contains("there was no route."));
    explained.at.as_mut().unwrap().best = Some("10.0.0.3".to_owned());
    assert!(text(&explained).contains("the best route was that of 10.0.0.3."));
}

#[test]
fn it_asks_for_what_is_typed() {
    let answer = serde_json::to_string(&explained()).unwrap();
    let peers = r#"[{"address": "fd00::4", "name": "node-4"}]"#.to_owned();
    let (admin, server) = script(vec![(200, peers), (200, answer), (200, "{}".to_owned())]);
    let admin = admin.to_string();
    let ask = |words: &[&str]| {
        let all = ["albedo", "explain", "--admin", &admin].into_iter().chain(words.iter().copied());
        match Cli::try_parse_from(all).unwrap().command {
            Command::Explain(args) => run(&args).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let code = ask(&["10.1.2.0/26", "--to", "node-4", "--at", "5m", "-o", "json"]);
    assert_eq!(code, ExitCode::SUCCESS);
    assert_eq!(ask(&["10.9.9.9"]), ExitCode::FAILURE, "there is no route");
    let requests = server.join().unwrap();
    let wanted = "GET /api/v1/explain?prefix=10.1.2.0%2F26&to=fd00%3A%3A4&at=5m HTTP/1.1\r\n";
    assert!(requests[1].starts_with(wanted), "{requests:?}");
}
