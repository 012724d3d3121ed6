use clap::Parser as _;

use super::*;
use crate::admin_client::tests::script;
use crate::cli::{Cli, Command};

fn run(admin: std::net::SocketAddr, words: &[&str]) -> Result<ExitCode> {
    let admin = admin.to_string();
    let all = ["albedo"].into_iter().chain(words.iter().copied()).chain(["--admin", &admin]);
    match Cli::try_parse_from(all).unwrap().command {
        Command::Reset(args) => reset(&args),
        Command::Reload(args) => reload(&args),
        Command::LogLevel(args) => log_level(&args),
        other => panic!("{other:?}"),
    }
}

const PEERS: &str = r#"[{"address": "10.0.0.2", "name": "node-2"}, {"address": "10.0.0.3"}]"#;

#[test]
fn all_peers_are_known_before_one_is_reset() {
    let done = (200, "{\"sessions\": 1}".to_owned());
    let peers = (200, PEERS.to_owned());
    let (admin, server) = script(vec![peers.clone(), done.clone(), done.clone(), peers.clone()]);
    let words = ["reset", "peer", "node-2", "10.0.0.3", "--message", "maintenance"];
    assert_eq!(run(admin, &words).unwrap(), ExitCode::SUCCESS);
    let error = run(admin, &["reset", "peer", "10.0.0.3", "node-9"]).unwrap_err().to_string();
    assert!(error.starts_with("node-9: there is no such peer"), "{error}");
    let requests = server.join().unwrap();
    let body = r#"{"peer":"10.0.0.2","kind":"hard","message":"maintenance"}"#;
    assert!(requests[1].starts_with("POST /api/v1/reset ") && requests[1].ends_with(body));
    assert!(requests[2].contains("10.0.0.3"), "{requests:?}");

    let (admin, server) = script(vec![peers, done]);
    let soft = ["reset", "peer", "node-2", "--soft", "in"];
    assert_eq!(run(admin, &soft).unwrap(), ExitCode::SUCCESS);
    assert!(server.join().unwrap()[1].contains(r#""kind":"softIn""#));
    let long = "x".repeat(256);
    let error = run(admin, &["reset", "peer", "x", "--message", &long]).unwrap_err().to_string();
    assert_eq!(error, "--message: found 256 octets, expected at most 255");
}

#[test]
fn a_reload_tells_what_it_did_or_would_do() {
    let status = ReloadStatus {
        dry_run: true,
        lines: vec!["- a: 1".to_owned(), "+ a: 2".to_owned()],
        started: vec!["10.0.0.2".to_owned()],
        changed: (0..21).map(|n| format!("10.0.1.{n}")).collect(),
        untouched: 4,
        ..ReloadStatus::default()
    };
    let told = text(&status);
    assert!(
        told.starts_with("- a: 1\n+ a: 2\n1 sessions would begin, or begin anew:\n  10.0.0.2\n")
    );
    assert!(told.ends_with("10.0.1.19\n  and 1 more\n4 sessions would not notice\n"), "{told}");
    let body = serde_json::to_string(&status).unwrap();
    let (admin, server) =
        script(vec![(200, body.clone()), (200, body), (409, "a.yaml:1:1: no\n".to_owned())]);
    assert_eq!(run(admin, &["reload", "--diff"]).unwrap(), ExitCode::SUCCESS);
    assert_eq!(run(admin, &["reload", "--json"]).unwrap(), ExitCode::SUCCESS);
    let error = run(admin, &["reload"]).unwrap_err().to_string();
    assert_eq!(error, "refused (409): a.yaml:1:1: no");
    let requests = server.join().unwrap();
    assert!(requests[0].ends_with(r#"{"dryRun":true}"#), "{requests:?}");
    assert!(requests[2].ends_with(r#"{"dryRun":false}"#), "{requests:?}");
}

#[test]
fn the_level_is_one_of_four() {
    let (admin, server) = script(vec![(200, r#"{"level": "debug"}"#.to_owned())]);
    assert_eq!(run(admin, &["log-level", "debug"]).unwrap(), ExitCode::SUCCESS);
    let requests = server.join().unwrap();
    assert!(requests[0].starts_with("PUT /api/v1/log-level "), "{requests:?}");
    assert!(Cli::try_parse_from(["albedo", "log-level", "loud"]).is_err());
}
