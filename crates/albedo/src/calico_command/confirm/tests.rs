use clap::Parser as _;

use super::*;
use crate::admin_client::tests::script;
use crate::cli::Cli;

fn guarded(guard: Option<GuardStatus>) -> (u16, String) {
    let status = CalicoStatus { guard, ..CalicoStatus::default() };
    (200, serde_json::to_string(&status).unwrap())
}

fn guard() -> GuardStatus {
    GuardStatus {
        digest: "1f".to_owned(),
        reasons: vec!["all sessions".to_owned()],
        sessions: vec!["10.0.0.7:179".to_owned()],
        since_seconds: 4.0,
        applies_in_seconds: None,
    }
}

fn confirm(admin: std::net::SocketAddr, digest: &[&str]) -> Result<ExitCode> {
    let admin = admin.to_string();
    let words = ["albedo", "calico", "confirm", "--admin", &admin];
    let cli = Cli::try_parse_from(words.iter().chain(digest)).unwrap();
    let cli::Command::Calico(args) = cli.command else { unreachable!() };
    super::super::run(&args)
}

#[test]
fn without_a_digest_it_only_shows() {
    let (admin, server) = script(vec![guarded(Some(guard())), guarded(None)]);
    assert_eq!(confirm(admin, &[]).unwrap(), ExitCode::FAILURE);
    assert_eq!(confirm(admin, &[]).unwrap(), ExitCode::SUCCESS);
    assert!(server.join().unwrap().iter().all(|request| request.starts_with("GET ")));
    let expected = "HOLDS BACK the end of 1 sessions for 4s; waits for a confirmation\n  \
                    because all sessions\n  would end: 10.0.0.7:179\n  \
                    to let it go: albedo calico confirm 1f";
    assert_eq!(text(&guard()), expected);
}

#[test]
fn with_the_digest_it_confirms() {
    let answers = vec![guarded(Some(guard())), guarded(None)];
    let (admin, server) = script(answers);
    assert_eq!(confirm(admin, &["1f"]).unwrap(), ExitCode::SUCCESS);
    let requests = server.join().unwrap();
    assert!(requests[1].starts_with("POST /api/v1/calico/confirm HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[1].ends_with("{\"digest\":\"1f\"}"), "{requests:?}");
}

#[test]
fn another_digest_is_refused() {
    let why = "something else is held back by now: 1f\n".to_owned();
    let (admin, server) = script(vec![guarded(Some(guard())), (409, why), guarded(None)]);
    let error = confirm(admin, &["1e"]).unwrap_err();
    assert_eq!(error.to_string(), "refused (409): something else is held back by now: 1f");
    let error = confirm(admin, &["1e"]).unwrap_err();
    assert_eq!(error.to_string(), "1e: nothing is held back");
    server.join().unwrap();
}
