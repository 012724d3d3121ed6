//! The scenarios in which a cluster lives, against the relay in this process: every change is
//! followed, and one that is lost on the way is found.

mod middleman;
#[path = "../common/relay.rs"]
mod relay;

use std::net::SocketAddr;
use std::time::Duration;

use albedo_loadtest::check::Rules;
use albedo_loadtest::fleet::Settings;
use albedo_loadtest::outcome::Outcome;
use albedo_loadtest::run::Conduct;
use albedo_loadtest::scenario::live::{BACKLOG_MAX, Kind, PADDING_MAX, Shape};
use albedo_loadtest::scenario::slow_reader::Slow;
use albedo_loadtest::scenario::soak::Weights;
use albedo_loadtest::scenario::{churn, cluster, refresh_storm, slow_reader, soak};

use middleman::{Fault, Middleman};
use relay::Relay;

/// Far longer than anything here takes.
const PLENTY: Duration = Duration::from_secs(60);
/// Enough to connect, and to find out that something does not come.
const BRIEF: Duration = Duration::from_secs(8);

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn settings(target: SocketAddr, shape: &Shape) -> Settings {
    Settings {
        target,
        asn: 64512,
        hold_time: Duration::from_secs(90),
        families: shape.cluster.families(),
        connect_retry: millis(300),
        cluster_id: None,
        rules: Rules::VERBATIM,
        key: None,
    }
}

/// Ten nodes with 30 blocks; each test has its own network, so that they do not meet.
fn shape(source_net: &str) -> Shape {
    Shape {
        cluster: cluster::Shape {
            nodes: 10,
            blocks_v4: 2,
            blocks_v6: 1,
            source_net: source_net.parse().expect("a network"),
            local_pref: 100,
            rules: Rules::VERBATIM,
            cluster_id: 0x0a00_0001,
        },
        padding: 0,
        rate: 100.0,
        burst: 1,
        duration: millis(250),
        seed: 1,
    }
}

fn conduct(timeout: Duration) -> Conduct {
    Conduct {
        timeout,
        settle: millis(20),
        pids: vec![std::process::id()],
        faults_max: 5,
        shows_progress: false,
    }
}

fn figure(outcome: &Outcome, name: &str) -> f64 {
    outcome.figures().get(name).unwrap_or_else(|| panic!("no {name}: {outcome:?}")).value
}

fn assert_complete(outcome: &Outcome) {
    assert!(outcome.complete, "{:?} {:?}", outcome.problems, outcome.faults);
}

#[test]
fn every_change_of_either_kind_reaches_everybody() {
    let relay = Relay::start();
    let shape = shape("127.21.0.0/16");
    for (kind, burst) in [(Kind::Attributes, 1), (Kind::Presence, 1), (Kind::Attributes, 5)] {
        let shape = Shape { burst, ..shape.clone() };
        let settings = settings(relay.addr, &shape);
        let outcome = churn::run(settings, &shape, kind, &conduct(PLENTY)).expect("epoll works");
        assert_complete(&outcome);
        // Fewer changes than prefixes: none supersedes another.
        assert_eq!(figure(&outcome, "changes"), 25.0);
        assert_eq!(figure(&outcome, "deliveries"), 25.0 * 9.0);
        assert_eq!(figure(&outcome, "delivered_share"), 1.0);
        assert_eq!((outcome.announced + outcome.withdrawn, outcome.repeats), (25 * 9, 0));
        let counts = ["delivery", "first", "median", "last", "lateness"]
            .map(|name| outcome.latencies[name].count());
        assert_eq!(counts, [225, 25, 25, 25, 25]);
        assert!(figure(&outcome, "first_max") <= figure(&outcome, "delivery_max"));
        assert!(figure(&outcome, "last_max") >= figure(&outcome, "median_max"));
        let told: u64 = outcome.latency_over_time.iter().map(|window| window.count).sum();
        assert_eq!(told, 225);
        assert_eq!(outcome.marks.len(), 2);
    }
}

#[test]
fn a_change_that_is_lost_is_found() {
    let relay = Relay::start();
    let middleman = Middleman::start(relay.addr, Fault::LosesChange);
    let shape = shape("127.22.0.0/16");
    let settings = settings(middleman.addr, &shape);
    let outcome =
        churn::run(settings, &shape, Kind::Attributes, &conduct(BRIEF)).expect("epoll works");
    assert!(!outcome.complete);
    assert_eq!((outcome.routes_wrong, outcome.tables_exact), (1, 9));
    assert!(outcome.faults[0].ends_with("is out of date"), "{:?}", outcome.faults);
    assert_eq!(figure(&outcome, "deliveries"), 25.0 * 9.0 - 1.0);
    assert_eq!(outcome.latencies["last"].count(), 24);
}

#[test]
fn a_lost_change_counts_as_not_delivered_even_where_the_next_one_repairs_it() {
    let relay = Relay::start();
    let middleman = Middleman::start(relay.addr, Fault::LosesChange);
    let shape = Shape { duration: millis(600), ..shape("127.23.0.0/16") };
    let settings = settings(middleman.addr, &shape);
    let outcome =
        churn::run(settings, &shape, Kind::Attributes, &conduct(PLENTY)).expect("epoll works");
    assert_complete(&outcome);
    let superseded = figure(&outcome, "superseded");
    assert!(superseded >= 1.0 && figure(&outcome, "delivered_share") < 1.0);
    assert_eq!(figure(&outcome, "deliveries") + superseded, 60.0 * 9.0);
    assert!(outcome.notes.iter().any(|note| note.contains("not delivered")), "{outcome:?}");
}

#[test]
fn a_target_that_takes_no_more_ends_the_changes_before_memory_does() {
    let relay = Relay::start();
    let middleman = Middleman::start(relay.addr, Fault::Stalls);
    let mut shape = shape("127.29.0.0/16");
    shape.cluster.nodes = 2;
    // Far more than the bound and what the kernel holds.
    let shape = Shape { padding: PADDING_MAX, rate: 50_000.0, duration: PLENTY, ..shape };
    let settings = settings(middleman.addr, &shape);
    let outcome =
        churn::run(settings, &shape, Kind::Attributes, &conduct(BRIEF)).expect("epoll works");
    assert!(!outcome.complete);
    let words = format!("{BACKLOG_MAX} are allowed: the target takes no more");
    assert!(outcome.problems[0].contains(&words), "{:?}", outcome.problems);
    assert!(outcome.octets_out < 4 * BACKLOG_MAX as u64, "{}", outcome.octets_out);
}

#[test]
fn slow_readers_fall_behind_and_catch_up() {
    let relay = Relay::start();
    for rate in [0, 20_000] {
        let shape =
            Shape { padding: 3000, rate: 200.0, duration: millis(800), ..shape("127.24.0.0/16") };
        let slow = Slow { share: 20.0, rate };
        let settings = settings(relay.addr, &shape);
        let outcome =
            slow_reader::run(settings, &shape, slow, &conduct(PLENTY)).expect("epoll works");
        assert_complete(&outcome);
        assert_eq!((figure(&outcome, "slow"), figure(&outcome, "changes")), (2.0, 320.0));
        // The two that are slow are receivers of nothing that counts, but sources all the same.
        let others = outcome.latencies["with"].count() + outcome.latencies["without"].count();
        assert_eq!(others as f64, figure(&outcome, "deliveries"));
        assert!(outcome.latencies["with"].count() <= 160 * 8);
        assert!(figure(&outcome, "behind_octets") > 0.0);
        // Half a megabyte may lie in socket buffers, and that is said.
        assert!(outcome.notes.iter().any(|note| note.contains("socket buffers")), "{outcome:?}");
        for name in ["without_p99", "with_p99", "p99_ratio", "memory_growth", "caught_up"] {
            assert!(figure(&outcome, name).is_finite());
        }
    }
}

#[test]
fn a_storm_is_over_when_everybody_was_sent_everything_again() {
    let relay = Relay::start();
    let middleman = Middleman::start(relay.addr, Fault::None);
    let shape = shape("127.25.0.0/16");
    let settings = settings(middleman.addr, &shape);
    let outcome = refresh_storm::run(settings, &shape, 2, &conduct(PLENTY)).expect("epoll works");
    assert_complete(&outcome);
    assert_eq!(figure(&outcome, "refreshes"), 2.0);
    assert_eq!(outcome.latencies["refresh"].count(), 20);
    assert!(figure(&outcome, "refresh_wall") > 0.0);
    // Twice all the routes of the others, in messages of one prefix or more.
    assert!(figure(&outcome, "refresh_octets") > 2.0 * 10.0 * 9.0 * 50.0);
    assert!(outcome.repeats > 0);
    assert!(outcome.latencies["without"].count() > 0);
    assert!(outcome.notes.iter().any(|note| note.contains("--storms")), "{:?}", outcome.notes);
    let storms = outcome.marks.iter().filter(|mark| mark.what.contains("ask"));
    assert_eq!(storms.count(), 2);
}

#[test]
fn a_target_that_answers_no_refresh_fails_with_words() {
    let relay = Relay::start();
    // Routes change again and again meanwhile: that is no answer.
    let shape = Shape { rate: 200.0, ..shape("127.26.0.0/16") };
    let settings = settings(relay.addr, &shape);
    let outcome = refresh_storm::run(settings, &shape, 2, &conduct(BRIEF)).expect("epoll works");
    assert!(!outcome.complete);
    assert_eq!(outcome.routes_wrong, 0);
    let words = &outcome.problems[0];
    assert!(words.contains("10 of 10 clients") && words.contains("ROUTE-REFRESH"), "{words}");
    assert!(!outcome.figures().contains_key("refresh_wall"));
}

#[test]
fn a_soak_goes_through_everything_and_ends_exact() {
    let relay = Relay::start();
    let middleman = Middleman::start(relay.addr, Fault::None);
    let shape = Shape { rate: 200.0, duration: millis(2000), ..shape("127.27.0.0/16") };
    let weights = Weights { attributes: 60, presence: 20, restarts: 10, refreshes: 10 };
    let settings = settings(middleman.addr, &shape);
    let outcome = soak::run(settings, &shape, weights, millis(500), &conduct(PLENTY));
    let outcome = outcome.expect("epoll works");
    assert_complete(&outcome);
    for name in ["changes", "restarts", "refreshes", "rounds"] {
        assert!(figure(&outcome, name) > 0.0, "{name}");
    }
    assert_eq!((figure(&outcome, "errors"), outcome.routes_expected), (0.0, 10 * 9 * 3));
    assert!(!outcome.generator_bound && outcome.seconds_to_last_exact.is_none());
    assert_eq!(outcome.latencies["settled"].count() as f64, figure(&outcome, "rounds"));
    assert!(figure(&outcome, "memory_start") > 0.0 && figure(&outcome, "memory_end") > 0.0);
}

#[test]
fn a_soak_ends_at_the_first_table_that_is_wrong() {
    let relay = Relay::start();
    let middleman = Middleman::start(relay.addr, Fault::LosesChange);
    let mut shape = Shape { rate: 20.0, duration: PLENTY, ..shape("127.28.0.0/16") };
    // So many that nothing repairs what was lost.
    shape.cluster.blocks_v4 = 100;
    let weights = Weights { attributes: 1, presence: 0, restarts: 0, refreshes: 0 };
    let settings = settings(middleman.addr, &shape);
    let outcome = soak::run(settings, &shape, weights, millis(500), &conduct(BRIEF));
    let outcome = outcome.expect("epoll works");
    assert!(!outcome.complete);
    assert_eq!((figure(&outcome, "errors"), figure(&outcome, "rounds")), (1.0, 1.0));
    assert_eq!(outcome.routes_wrong, 1);
    assert!(outcome.faults[0].ends_with("is out of date"), "{:?}", outcome.faults);
}
