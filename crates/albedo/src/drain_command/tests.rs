//! What the operator reads, against a server that answers from a script.

use albedo_api::control::DrainedClient;
use clap::Parser as _;

use super::*;
use crate::admin_client::tests::script;
use crate::cli::{Cli, Command};

fn args(more: &[&str]) -> DrainArgs {
    let line = ["albedo", "drain"].iter().chain(more);
    match Cli::try_parse_from(line).unwrap().command {
        Command::Drain(args) => args,
        other => panic!("{other:?}"),
    }
}

fn status(phase: DrainPhase, mode: DrainMode, left: usize) -> DrainStatus {
    let client = |n: usize| DrainedClient {
        address: format!("10.0.0.{n}"),
        name: Some(format!("node-{n}")),
        left_after_seconds: (n < left).then_some(1.5),
    };
    DrainStatus { phase, mode, mates: 2, over_seconds: 20, clients: (0..3).map(client).collect() }
}

fn answer(status: &DrainStatus) -> (u16, String) {
    (200, serde_json::to_string(status).unwrap())
}

#[test]
fn it_announces_does_and_waits() {
    let mode = DrainMode::Cease;
    let (admin, server) = script(vec![
        answer(&status(DrainPhase::Planned, mode, 0)),
        answer(&status(DrainPhase::Draining, mode, 1)),
        answer(&status(DrainPhase::Drained, mode, 3)),
    ]);
    let args = args(&["--admin", &admin.to_string(), "--over", "7", "--limit", "9"]);
    assert_eq!(run(&args).unwrap(), ExitCode::SUCCESS);
    let requests = server.join().unwrap();
    assert!(requests[0].starts_with("POST /api/v1/drain HTTP/1.1\r\nHost: 127.0.0.1:"));
    assert!(requests[0].contains("\"dryRun\":true"), "{requests:?}");
    assert!(requests[1].contains("\"dryRun\":false"), "{requests:?}");
    assert!(requests[1].contains("\"overSeconds\":7,\"limitSeconds\":9"), "{requests:?}");
    assert!(requests[2].starts_with("GET "), "{requests:?}");
}

#[test]
fn who_is_left_at_the_limit_is_a_failure() {
    let (admin, server) = script(vec![
        answer(&status(DrainPhase::Planned, DrainMode::Cease, 0)),
        answer(&status(DrainPhase::Expired, DrainMode::Cease, 1)),
    ]);
    assert_eq!(run(&args(&["--admin", &admin.to_string()])).unwrap(), ExitCode::FAILURE);
    server.join().unwrap();
}

#[test]
fn a_refusal_is_told_in_its_words() {
    let (admin, server) = script(vec![(409, "no other reflector is there\n".to_owned())]);
    let error = run(&args(&["--admin", &admin.to_string()])).unwrap_err();
    assert_eq!(error.to_string(), "refused (409): no other reflector is there");
    server.join().unwrap();
    let (admin, server) = script(vec![(200, "{}".to_owned())]);
    let error = run(&args(&["--admin", &admin.to_string(), "--cancel"])).unwrap_err();
    assert_eq!(error.to_string(), "an answer that is not understood");
    assert!(server.join().unwrap()[0].starts_with("DELETE "));
}

#[test]
fn the_announcement_says_which_way_it_goes() {
    let args = args(&[]);
    let plan = status(DrainPhase::Planned, DrainMode::Cease, 0);
    let words = "sending 3 clients away with a Cease, over 20 s; 2 other reflectors are there to \
                 take over; nobody is let in; limit 60 s";
    assert_eq!(announce(&plan, &args), words);
    let plan = status(DrainPhase::Planned, DrainMode::Silent, 0);
    let words = "sending 3 clients away at once and without a word, so that they keep our \
                 routes: no other reflector is there; nobody is let in; limit 60 s";
    assert_eq!(announce(&plan, &args), words);
}
