//! The generator against the relay in this process: what is right is found right, and what a
//! relay cannot do (reflect, withdraw) is found wrong.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use albedo_loadtest::check::Rules;
use albedo_loadtest::fleet::{Fleet, Settings};
use albedo_loadtest::md5;
use albedo_loadtest::model::ABSENT;
use albedo_loadtest::prefix::Family;
use albedo_loadtest::run::{Conduct, Run, run};
use albedo_loadtest::scenario::{Start, cluster, table};
use albedo_loadtest::session::Goodbye;

#[path = "common/relay.rs"]
mod relay;

use relay::Relay;

/// Far longer than anything here takes.
const PLENTY: Duration = Duration::from_secs(60);
/// Long enough to find out that something does not come.
const BRIEF: Duration = Duration::from_millis(500);

fn settings(relay: &Relay, families: Vec<Family>) -> Settings {
    Settings {
        target: relay.addr,
        asn: 64512,
        hold_time: Duration::from_secs(90),
        families,
        connect_retry: Duration::from_millis(300),
        cluster_id: None,
        rules: Rules::VERBATIM,
        key: None,
    }
}

fn cluster() -> cluster::Shape {
    cluster::Shape {
        nodes: 30,
        blocks_v4: 3,
        blocks_v6: 2,
        source_net: "127.1.0.0/16".parse().expect("a network"),
        local_pref: 100,
        rules: Rules::VERBATIM,
        cluster_id: 0x0a00_0001,
    }
}

fn conduct(timeout: Duration) -> Conduct {
    Conduct {
        timeout,
        settle: Duration::from_millis(20),
        pids: vec![std::process::id()],
        faults_max: 5,
        shows_progress: false,
    }
}

#[test]
fn a_cluster_becomes_exact_cold_and_synchronised_again_and_again() {
    let relay = Relay::start();
    for start in [Start::Cold, Start::Synchronised, Start::Cold] {
        let shape = cluster();
        let settings = settings(&relay, shape.families());
        let outcome = run(settings, shape.plan(start), &conduct(PLENTY)).expect("loopback works");
        assert!(outcome.complete, "{:?} {:?}", outcome.problems, outcome.faults);
        assert_eq!(outcome.tables_exact, 30);
        assert_eq!(outcome.routes_expected, 30 * 29 * 5);
        assert_eq!((outcome.announced, outcome.echoes, outcome.repeats), (30 * 29 * 5, 0, 0));
        assert!(outcome.seconds_to_last_exact >= outcome.seconds_to_first_exact);
        assert!(outcome.target_resident_peak > Some(0));
        assert!(outcome.connects >= 30, "also those before the clock was started");
    }
}

#[test]
fn a_table_of_several_sources_becomes_exact() {
    let relay = Relay::start();
    let shape = table::Shape {
        prefixes: 20_000,
        sets: 3000,
        sources: 3,
        receivers: 4,
        has_non_client_sources: false,
        source_net: "127.2.0.0/16".parse().expect("a network"),
        seed: 1,
        rules: Rules::VERBATIM,
        cluster_id: 0x0a00_0001,
    };
    let settings = settings(&relay, vec![Family::V4]);
    let plan = shape.plan(Start::Synchronised);
    let outcome = run(settings, plan, &conduct(PLENTY)).expect("loopback works");
    assert!(outcome.complete, "{:?} {:?}", outcome.problems, outcome.faults);
    assert_eq!(outcome.announced, 6 * 20_000);
}

#[test]
fn a_relay_is_no_reflector() {
    let relay = Relay::start();
    let shape = cluster::Shape {
        rules: Rules::REFLECTED,
        source_net: "127.3.0.0/16".parse().expect("a network"),
        ..cluster()
    };
    let settings = Settings { rules: Rules::REFLECTED, ..settings(&relay, shape.families()) };
    // It never becomes complete; how long it takes until everything has come is not known.
    let mut timeout = BRIEF;
    let outcome = loop {
        let plan = shape.plan(Start::Cold);
        let outcome = run(settings.clone(), plan, &conduct(timeout)).expect("loopback works");
        assert!(!outcome.complete);
        if outcome.announced == 30 * 29 * 5 || timeout > PLENTY {
            break outcome;
        }
        timeout *= 2;
    };
    assert_eq!(outcome.routes_wrong, 30 * 29 * 5);
    assert_eq!(outcome.faults.len(), 5);
    let words = "ORIGINATOR_ID is missing, expected 127.3.0.2; \
                 CLUSTER_LIST is missing, expected 10.0.0.1";
    assert!(outcome.faults[0].contains(words), "{}", outcome.faults[0]);
}

#[test]
fn changes_are_followed_and_a_missing_withdrawal_is_found() {
    let relay = Relay::start();
    let shape =
        cluster::Shape { source_net: "127.4.0.0/16".parse().expect("a network"), ..cluster() };
    let plan = shape.plan(Start::Cold);
    let mut fleet = Fleet::new(settings(&relay, shape.families()), plan.nodes, plan.model)
        .expect("epoll works");
    for node in 0..29 {
        fleet.start(node);
    }
    // The last node is off: nobody can have its routes, so nobody is exact.
    let is_complete = |fleet: &Fleet| fleet.is_exact() && fleet.established() == 29;
    let all_but_the_last = |fleet: &Fleet| fleet.established() == 29 && fleet.wrong() == 29 * 5;
    assert!(fleet.run_until(Instant::now() + PLENTY, all_but_the_last).expect("epoll works"));
    assert!(!is_complete(&fleet));
    assert_eq!((fleet.exact(), fleet.checked(), fleet.wrong()), (0, 29, 29 * 5));
    let last: Vec<_> =
        (0..).take(fleet.model.len()).filter(|&id| fleet.model.owner(id) == 29).collect();
    for &id in &last {
        fleet.expect(id, ABSENT);
    }
    assert!(fleet.run_until(Instant::now() + PLENTY, is_complete).expect("epoll works"));
    for &id in &last {
        fleet.expect(id, 1);
    }
    assert_eq!(fleet.exact(), 0);
    fleet.start(29);
    let all = |fleet: &Fleet| fleet.is_exact() && fleet.established() == 30;
    assert!(fleet.run_until(Instant::now() + PLENTY, all).expect("epoll works"));
    // It goes; a reflector would withdraw its routes, a relay does not.
    fleet.stop(29, Goodbye::Reset);
    for &id in &last {
        fleet.expect(id, ABSENT);
    }
    assert!(!fleet.run_until(Instant::now() + BRIEF, is_complete).expect("epoll works"));
    assert_eq!(fleet.wrong(), 29 * 5);
    assert!(fleet.faults(1)[0].ends_with("should not be there"), "{:?}", fleet.faults(1));
    assert_eq!(fleet.counters.problems, 0, "{:?}", fleet.problems);
}

#[test]
fn sessions_with_the_right_key_come_up_and_those_with_a_wrong_one_do_not() {
    let key = |text: &str| text.parse().expect("a key");
    if let Err(error) = md5::probe(Ipv4Addr::LOCALHOST.into(), &key("probe")) {
        eprintln!("left out, the kernel has no TCP-MD5: {error}");
        return;
    }
    let relay = Relay::start_with(Some(&key("right")));
    for (offered, is_right) in [(Some("wrong"), false), (None, false), (Some("right"), true)] {
        let shape =
            cluster::Shape { source_net: "127.5.0.0/16".parse().expect("a network"), ..cluster() };
        let conduct = conduct(if is_right { PLENTY } else { BRIEF });
        let settings = Settings { key: offered.map(key), ..settings(&relay, shape.families()) };
        let mut run = Run::new(settings, shape.plan(Start::Cold), &conduct).expect("epoll works");
        assert_eq!(run.bring_up().expect("loopback works"), is_right, "{offered:?}");
        let up = run.fleet.established();
        assert_eq!((up, run.close().complete), (if is_right { 30 } else { 0 }, is_right));
    }
}

/// Runs the program with arguments; its exit code and what it printed.
fn program(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_albedo-loadtest"));
    let output = command.args(arguments).output().expect("it was built with this test");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn exit_codes_and_files_tell_what_came_of_it() {
    let relay = Relay::start();
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let target = relay.addr.to_string();
    let base = ["cluster", "--target", &target, "--source-net", "127.6.0.0/16", "--nodes", "8"];
    let play = |more: &[&str]| program(&[&base[..], &["--quiet"], more].concat());

    let (a, page) = (path("a.json"), path("a.html"));
    let files = ["--verbatim", "--repeat", "2", "--pause", "0s", "--json", &a, "--report", &page];
    let (code, text) = play(&files);
    assert_eq!(code, Some(0), "{text}");
    let json = std::fs::read_to_string(&a).expect("written");
    assert!(json.contains(r#""schema": "albedo-loadtest/2""#));
    assert!(std::fs::read_to_string(&page).expect("written").contains("Every table is exactly"));

    let met = ["--verbatim", "--fail-if", "updates > 0", "--fail-if", "wrong > 0", "--json"];
    let b = path("b.json");
    let (code, text) = play(&[&met[..], &[&b]].concat());
    assert_eq!(code, Some(99), "{text}");
    assert!(text.contains("FAILED  updates > 0 holds") && text.contains("passed  wrong > 0"));

    let (code, text) = play(&["--verbatim", "--fail-if", "nonsense > 0"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("no figure `nonsense`") && text.contains("generator_cpu"), "{text}");
    let (code, text) = play(&["--fail-if", "cpu > 1s"]);
    assert!(code == Some(2) && text.contains("--pid"), "{text}");

    // A relay is no reflector: wrong tables win over the threshold.
    let (code, text) = play(&["--fail-if", "wrong > 0", "--timeout", "500ms"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("FAILED  wrong > 0 holds") && text.contains("run 1 FAILED"), "{text}");

    let (code, text) = program(&["compare", &a, &b, "--fail-if", "updates > 1.5"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = program(&["compare", &a, &b, "--fail-if", "updates >= 1"]);
    assert_eq!(code, Some(99), "{text}");
    let (code, text) = program(&["compare", &a, &page]);
    assert!(code == Some(2) && text.contains("no result"), "{text}");
}
