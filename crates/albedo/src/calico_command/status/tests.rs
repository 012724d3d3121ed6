use albedo_api::{HeldSession, IpamStatus, KindCount, RejectedObject};
use clap::Parser as _;

use super::*;
use crate::admin_client::tests::script;
use crate::cli::Cli;

fn well() -> CalicoStatus {
    let kind = |kind: &str, count| KindCount { kind: kind.to_owned(), count };
    CalicoStatus {
        identity: "Node rr-1".to_owned(),
        connected: true,
        synced: true,
        last_event_seconds: Some(3.2),
        resyncs: 1,
        revision: 7,
        objects: vec![kind("Node", 50), kind("BGPPeer", 1), kind("BGPFilter", 0)],
        sessions: 49,
        warnings: vec!["one reflector only".to_owned()],
        ipam: Some(IpamStatus { mismatches: 0, borrowed: 2, age_seconds: 12.0 }),
        ..CalicoStatus::default()
    }
}

fn guard() -> GuardStatus {
    GuardStatus {
        digest: "000000000000001f".to_owned(),
        reasons: vec!["25 of 49 sessions".to_owned()],
        sessions: (0..25).map(|n| format!("10.0.0.{n}:179")).collect(),
        since_seconds: 90.0,
        applies_in_seconds: Some(1710.0),
    }
}

#[test]
fn one_screen_for_people() {
    let expected = "\
Reflector:  Node rr-1
Datastore:  connected; last word 3s ago; 1 lists made anew
Resources:  50 Node, 1 BGPPeer (snapshot 7)
Sessions:   49 in force, 0 held down
Guard:      nothing is held back
Announced:  0 routes from nodes without the block, 2 borrowed addresses; looked 12s ago
Warnings:   1
  one reflector only
";
    assert_eq!(text(&well()), expected);
    let status = CalicoStatus {
        connected: false,
        last_error: Some("connection refused".to_owned()),
        rejected: vec![RejectedObject {
            kind: "BGPPeer".to_owned(),
            name: "x".to_owned(),
            fault: "no peer".to_owned(),
            last_good: true,
        }],
        sessions_held: vec![HeldSession {
            name: "Node_10_0_0_7".to_owned(),
            reason: "secret bgp key x: forbidden".to_owned(),
        }],
        guard: Some(guard()),
        ..well()
    };
    let text = text(&status);
    for line in [
        "Datastore:  NOT connected, the last cluster counts; last word 3s ago; 1 lists made anew",
        "  last error: connection refused",
        "  BGPPeer x: no peer (an earlier version counts)",
        "  Node_10_0_0_7: secret bgp key x: forbidden",
        "Guard:      HOLDS BACK the end of 25 sessions for 90s; applies by itself in 28m30s",
        "  because 25 of 49 sessions",
        "  would end: 10.0.0.19:179",
        "  and 5 more",
        "  to let it go: albedo calico confirm 000000000000001f",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
    }
}

#[test]
fn what_needs_attention() {
    assert!(!needs_attention(&well()), "warnings alone do not");
    let change = |change: fn(&mut CalicoStatus)| {
        let mut status = well();
        change(&mut status);
        needs_attention(&status)
    };
    assert!(change(|it| it.connected = false));
    assert!(change(|it| it.synced = false));
    assert!(change(|it| it.datastore_held = true));
    assert!(change(|it| it.faults.push("x".to_owned())));
    assert!(change(|it| it.expand_error = Some("x".to_owned())));
    assert!(change(|it| it.rejected.push(RejectedObject::default())));
    assert!(change(|it| it.sessions_held.push(HeldSession::default())));
    assert!(change(|it| it.guard = Some(GuardStatus::default())));
    assert!(change(|it| it.ipam = Some(IpamStatus { mismatches: 1, ..IpamStatus::default() })));
}

#[test]
fn exit_codes_and_refusals() {
    let bad = CalicoStatus { connected: false, ..well() };
    let answers = [well(), bad].map(|it| (200, serde_json::to_string(&it).unwrap()));
    let refusal = (404, "peers come from no Calico cluster\n".to_owned());
    let (admin, server) = script(answers.into_iter().chain([refusal]).collect());
    let run = |more: &[&str]| {
        let admin = admin.to_string();
        let words = ["albedo", "calico", "status", "--admin", &admin];
        let cli = Cli::try_parse_from(words.iter().chain(more)).unwrap();
        let cli::Command::Calico(args) = cli.command else { unreachable!() };
        super::super::run(&args)
    };
    assert_eq!(run(&["-o", "yaml"]).unwrap(), ExitCode::SUCCESS);
    assert_eq!(run(&["-o", "json"]).unwrap(), ExitCode::FAILURE);
    let error = run(&[]).unwrap_err();
    assert_eq!(error.to_string(), "refused (404): peers come from no Calico cluster");
    assert!(server.join().unwrap()[0].starts_with("GET /api/v1/calico HTTP/1.1\r\n"));
}
