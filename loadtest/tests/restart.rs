//! Scenarios in which sessions end and return, against a small reflector in this process: what is
//! right is found right, and each mistake that the reflector can make is found.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use albedo_loadtest::build::Graceful;
use albedo_loadtest::check::Rules;
use albedo_loadtest::fleet::{Fleet, Settings};
use albedo_loadtest::outcome::Outcome;
use albedo_loadtest::prefix::Family;
use albedo_loadtest::run::Conduct;
use albedo_loadtest::scenario::reflector_restart::ReflectorRestart;
use albedo_loadtest::scenario::reflector_restart::process::{End, Process};
use albedo_loadtest::scenario::rolling_restart::{How, Rolling};
use albedo_loadtest::scenario::source_loss::{self, SourceLoss};
use albedo_loadtest::scenario::two_reflectors::{TwoReflectors, What};
use albedo_loadtest::scenario::{Start, cluster, table};

#[path = "common/tiny.rs"]
mod tiny;

use tiny::{Manner, Tiny};

/// Far longer than anything here takes.
const PLENTY: Duration = Duration::from_secs(60);
/// Long enough to find out that something does not come.
const BRIEF: Duration = Duration::from_secs(2);
const ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const RIGHT: Manner = Manner {
    keeps_all: false,
    withdraws_others: false,
    stutters: false,
    helps: false,
    hold_time: 90,
};

fn settings(target: SocketAddr, families: Vec<Family>, hold: u64) -> Settings {
    Settings {
        target,
        asn: 64512,
        hold_time: Duration::from_secs(hold),
        families,
        connect_retry: Duration::from_millis(300),
        cluster_id: None,
        rules: Rules::REFLECTED,
        key: None,
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

fn cluster(net: &str) -> cluster::Shape {
    cluster::Shape {
        nodes: 12,
        blocks_v4: 3,
        blocks_v6: 2,
        source_net: net.parse().expect("a network"),
        local_pref: 100,
        rules: Rules::REFLECTED,
        cluster_id: ID.to_bits(),
    }
}

fn figure(outcome: &Outcome, name: &str) -> f64 {
    outcome.figures().get(name).unwrap_or_else(|| panic!("no figure {name}")).value
}

/// A source with 2,000 prefixes of 2,400 goes; four receivers and another source stay.
fn lose_source(tiny: &Tiny, loss: SourceLoss, net: &str, timeout: Duration) -> Outcome {
    let shape = table::Shape {
        prefixes: 2400,
        sets: 300,
        sources: 2,
        receivers: 4,
        has_non_client_sources: false,
        source_net: net.parse().expect("a network"),
        seed: 1,
        rules: Rules::REFLECTED,
        cluster_id: ID.to_bits(),
    };
    let settings = settings(tiny.addr, vec![Family::V4], 3);
    let plan = shape.plan(Start::Synchronised);
    loss.run(settings, plan, &conduct(timeout)).expect("loopback works")
}

#[test]
fn a_lost_source_leaves_nothing_behind_and_may_return() {
    let tiny = Tiny::start(ID, RIGHT);
    for how in [source_loss::How::Fin, source_loss::How::Rst, source_loss::How::Silence] {
        let loss = SourceLoss { how, returns: true };
        let outcome = lose_source(&tiny, loss, "127.11.0.0/16", PLENTY);
        assert!(outcome.complete, "{how:?} {:?} {:?}", outcome.problems, outcome.faults);
        assert!(outcome.withdrawn > 0 && outcome.withdrawn == outcome.routes_expected, "{how:?}");
        assert_eq!(outcome.announced, 0, "{how:?}: the return is not the loss");
        assert_eq!((outcome.losses, outcome.tables_exact), (0, 6));
        assert_eq!(outcome.marks.len(), 2);
        assert!(figure(&outcome, "return_wall") > 0.0 && figure(&outcome, "wall") > 0.0);
        assert!(figure(&outcome, "return_octets") > figure(&outcome, "octets"));
        let waited = outcome.figures().contains_key("wall_after_hold");
        assert_eq!(waited, how == source_loss::How::Silence);
    }
}

#[test]
fn a_reflector_that_does_not_withdraw_fails_the_loss_of_a_source() {
    let tiny = Tiny::start(ID, Manner { keeps_all: true, ..RIGHT });
    let loss = SourceLoss { how: source_loss::How::Fin, returns: true };
    let outcome = lose_source(&tiny, loss, "127.12.0.0/16", BRIEF);
    assert!(!outcome.complete);
    assert!(outcome.routes_wrong > 0 && outcome.routes_wrong == outcome.routes_expected);
    assert!(outcome.faults[0].ends_with("should not be there"), "{:?}", outcome.faults);
    assert!(!outcome.figures().contains_key("wall"));
}

#[test]
fn silence_without_a_hold_time_is_told_and_not_waited_for() {
    let tiny = Tiny::start(ID, Manner { hold_time: 0, ..RIGHT });
    let loss = SourceLoss { how: source_loss::How::Silence, returns: false };
    let outcome = lose_source(&tiny, loss, "127.13.0.0/16", PLENTY);
    assert!(!outcome.complete);
    assert!(outcome.problems[0].contains("no hold time"), "{:?}", outcome.problems);
}

fn roll(manner: Manner, rolling: Rolling, net: &str, timeout: Duration) -> Outcome {
    let tiny = Tiny::start(ID, manner);
    let shape = cluster(net);
    let settings = settings(tiny.addr, shape.families(), 90);
    let start = Start::Synchronised;
    rolling.run(settings, &shape, start, &conduct(timeout)).expect("loopback works")
}

const ROLLING: Rolling =
    Rolling { share: 25.0, rounds: None, how: How::Fin, is_graceful: false, away: Duration::ZERO };

#[test]
fn a_rolling_restart_costs_the_others_what_changed_and_no_more() {
    for how in [How::Fin, How::Rst, How::Cease] {
        let outcome = roll(RIGHT, Rolling { how, ..ROLLING }, "127.14.0.0/16", PLENTY);
        assert!(outcome.complete, "{how:?} {:?} {:?}", outcome.problems, outcome.faults);
        assert_eq!((outcome.tables_exact, outcome.losses), (12, 0));
        assert_eq!(figure(&outcome, "rounds"), 4.0);
        assert_eq!(outcome.latencies["sync"].count(), 12);
        assert_eq!(figure(&outcome, "withdrawn_elsewhere"), 0.0);
        // Announcements come as packed as can be; sessions are lost one after the other, so
        // there are three times as many withdrawals as needed.
        let waste = figure(&outcome, "waste");
        assert!((1.0..1.5).contains(&waste), "{waste}");
        assert_eq!(outcome.withdrawn, 4 * 9 * 15);
    }
}

#[test]
fn routes_withdrawn_elsewhere_are_counted() {
    let manner = Manner { withdraws_others: true, ..RIGHT };
    let outcome = roll(manner, ROLLING, "127.15.0.0/16", PLENTY);
    assert!(outcome.complete, "{:?} {:?}", outcome.problems, outcome.faults);
    assert!(figure(&outcome, "withdrawn_elsewhere") > 0.0);
    assert_eq!(figure(&outcome, "withdrawn_returning"), 0.0);
    let manner = Manner { stutters: true, ..RIGHT };
    let outcome = roll(manner, ROLLING, "127.26.0.0/16", PLENTY);
    assert!(outcome.complete, "{:?} {:?}", outcome.problems, outcome.faults);
    assert_eq!(figure(&outcome, "withdrawn_elsewhere"), 0.0);
    // Of each group of three, every node lacks at least the nine others' routes once more.
    assert!(figure(&outcome, "withdrawn_returning") >= f64::from(12 * 9 * 5));
}

#[test]
fn a_reflector_that_does_not_withdraw_fails_the_rolling_restart() {
    let manner = Manner { keeps_all: true, ..RIGHT };
    let outcome = roll(manner, ROLLING, "127.16.0.0/16", BRIEF);
    assert!(!outcome.complete && outcome.routes_wrong == 9 * 15);
    assert!(outcome.faults[0].ends_with("should not be there"), "{:?}", outcome.faults);
}

#[test]
fn rfc4724_s4_a_helper_sends_nothing_while_nodes_restart_and_another_is_told() {
    let graceful = Rolling { is_graceful: true, away: Duration::from_millis(50), ..ROLLING };
    let helper = Manner { helps: true, ..RIGHT };
    let outcome = roll(helper, graceful, "127.17.0.0/16", PLENTY);
    assert!(outcome.complete, "{:?} {:?}", outcome.problems, outcome.faults);
    assert_eq!(figure(&outcome, "withdrawn_elsewhere"), 0.0);
    assert_eq!(figure(&outcome, "octets_uninvolved"), 0.0);
    assert_eq!(figure(&outcome, "graceful_sessions"), 12.0);
    assert!(!outcome.figures().contains_key("waste"));
    // Without help the others lose all routes of each group, and have them in the end.
    let outcome = roll(RIGHT, graceful, "127.18.0.0/16", PLENTY);
    assert!(outcome.complete, "{:?} {:?}", outcome.problems, outcome.faults);
    assert_eq!(figure(&outcome, "withdrawn_elsewhere"), f64::from(12 * 9 * 5));
    assert_eq!(figure(&outcome, "graceful_sessions"), 0.0);
}

#[test]
fn all_sessions_drop_and_return_to_exact_tables() {
    let tiny = Tiny::start(ID, Manner { helps: true, ..RIGHT });
    let shape = cluster("127.19.0.0/16");
    for (how, jitter, is_graceful) in [(How::Rst, 0, false), (How::Cease, 100, true)] {
        let jitter = Duration::from_millis(jitter);
        let settings = settings(tiny.addr, shape.families(), 90);
        let restart = ReflectorRestart { how, jitter, is_graceful, seed: 1 };
        let outcome = restart
            .run(settings, shape.plan(Start::Cold), &conduct(PLENTY), None)
            .expect("loopback works");
        assert!(outcome.complete, "{how:?} {:?} {:?}", outcome.problems, outcome.faults);
        assert_eq!((outcome.routes_expected, outcome.tables_exact), (12 * 11 * 5, 12));
        assert_eq!(outcome.latencies["sync"].count(), 12);
        let ends = outcome.latencies.get("end_of_rib").map(|ends| ends.count());
        assert_eq!(ends, is_graceful.then_some(12));
        assert!(outcome.connects >= 12 && outcome.losses == 0);
        assert!(outcome.seconds_to_established <= outcome.seconds_to_last_exact);
        assert!(outcome.seconds_to_established > Some(0.0));
    }
}

/// The program's own relay as a process of its own, ended with this value.
struct Floor(Child, SocketAddr);

impl Floor {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_albedo-loadtest"))
            .args(["floor", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let addr = line.trim().rsplit(' ').next().expect("an address").parse();
        Self(child, addr.expect("an address"))
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_reflectors_process_ends_and_starts_anew_more_than_once() {
    let first = Floor::start();
    let shape = cluster::Shape { rules: Rules::VERBATIM, ..cluster("127.25.0.0/16") };
    let command = format!("{} floor --listen {}", env!("CARGO_BIN_EXE_albedo-loadtest"), first.1);
    let mut process = Process::new(first.0.id(), End::Term, &command).expect("it runs");
    let jitter = Duration::from_millis(50);
    let restart = ReflectorRestart { how: How::Fin, jitter, is_graceful: false, seed: 1 };
    let conduct = Conduct { pids: Vec::new(), ..conduct(PLENTY) };
    for _ in 0..2 {
        let before = process.pid();
        let settings =
            Settings { rules: Rules::VERBATIM, ..settings(first.1, shape.families(), 90) };
        let outcome = restart
            .run(settings, shape.plan(Start::Cold), &conduct, Some(&mut process))
            .expect("it can be ended and started");
        assert!(outcome.complete, "{:?} {:?}", outcome.problems, outcome.faults);
        assert_ne!(process.pid(), before);
        assert_eq!((outcome.tables_exact, outcome.losses), (12, 12));
        assert_eq!(outcome.latencies["sync"].count(), 12);
        assert!(outcome.target_resident_peak > Some(0) && outcome.marks.len() == 3);
        let starts = outcome.marks.iter().find(|mark| mark.what == "the reflector starts");
        assert!(outcome.seconds_to_established > starts.map(|mark| mark.at));
    }
    process.end().expect("the last one ends");
}

#[test]
fn one_of_two_reflectors_goes_and_nobody_lacks_a_path() {
    for (what, net) in [(What::Kill, "127.20.0.0/16"), (What::Stop, "127.21.0.0/16")] {
        let (first, second) = (Floor::start(), Floor::start());
        let shape = cluster::Shape { rules: Rules::VERBATIM, ..cluster(net) };
        let settings =
            Settings { rules: Rules::VERBATIM, ..settings(first.1, shape.families(), 90) };
        let pid = first.0.id();
        let two = TwoReflectors { second: second.1, pid, what, is_graceful: false };
        let conduct = Conduct { pids: vec![second.0.id()], ..conduct(PLENTY) };
        let outcome =
            two.run(settings, &shape, Start::Cold, &conduct).expect("the process can be signalled");
        assert!(outcome.complete, "{what:?} {:?} {:?}", outcome.problems, outcome.faults);
        assert_eq!((outcome.sessions, outcome.tables_exact, outcome.losses), (24, 12, 12));
        assert_eq!(figure(&outcome, "paths_lost"), 0.0);
        assert_eq!(figure(&outcome, "seconds_without_path"), 0.0);
        assert_eq!(outcome.marks.len(), 2);
        assert!(!outcome.generator_bound && outcome.notes.is_empty(), "{:?}", outcome.notes);
    }
}

#[test]
fn a_reflector_that_hangs_is_found_out_by_the_hold_time_only_and_goes_on_afterwards() {
    let (first, second) = (Floor::start(), Floor::start());
    let net = "127.22.0.0/16";
    let shape = cluster::Shape { rules: Rules::VERBATIM, ..cluster(net) };
    let settings = Settings { rules: Rules::VERBATIM, ..settings(first.1, shape.families(), 3) };
    let pid = first.0.id();
    let two = TwoReflectors { second: second.1, pid, what: What::Hang, is_graceful: false };
    let conduct = Conduct { pids: Vec::new(), ..conduct(BRIEF) };
    let outcome = two.run(settings, &shape, Start::Cold, &conduct).expect("it can be signalled");
    // The relay agrees to no hold time, so that nobody can tell.
    assert!(!outcome.complete);
    let words = "12 sessions to the first reflector are still up";
    assert!(outcome.problems.iter().any(|what| what == words), "{:?}", outcome.problems);
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
    assert!(!state.contains(") T "), "{state}");
}

/// Two small reflectors with a fleet on both, exact.
fn pair(manner: Manner, net: &str) -> (Tiny, Tiny, Fleet, cluster::Shape) {
    let (first, second) =
        (Tiny::start(ID, manner), Tiny::start(Ipv4Addr::new(10, 0, 0, 2), manner));
    let shape = cluster(net);
    let plan = shape.plan(Start::Cold);
    let settings = settings(first.addr, shape.families(), 90);
    let mut fleet = Fleet::new(settings, plan.nodes, plan.model).expect("epoll works");
    for node in 0..12 {
        let graceful = Graceful { seconds: 120, is_restarting: false };
        fleet.set_graceful(node, manner.helps.then_some(graceful));
    }
    fleet.also_to(second.addr);
    for session in 0..24 {
        fleet.start(session);
    }
    wait(&mut fleet, |fleet| fleet.is_settled() && fleet.exact() == 24);
    (first, second, fleet, shape)
}

fn wait(fleet: &mut Fleet, is_done: impl FnMut(&Fleet) -> bool) {
    let is_done = fleet.run_until(Instant::now() + PLENTY, is_done).expect("epoll works");
    assert!(is_done, "{:?} {:?}", fleet.problems, fleet.faults(5));
}

#[test]
fn a_path_that_the_second_reflector_lacks_is_found_when_the_first_is_gone() {
    let (first, second, mut fleet, shape) = pair(RIGHT, "127.23.0.0/16");
    fleet.watch_cover(false);
    for session in fleet.sessions_to(0).collect::<Vec<_>>() {
        fleet.set_expendable(session, true);
    }
    // While both are there, what one lacks the other has.
    let node = shape.router_id(4);
    second.show(node, false);
    wait(&mut fleet, |fleet| fleet.wrong() == 11 * 5);
    assert_eq!((fleet.lack().paths_lost, fleet.lack().nodes_now), (0, 0));
    first.die();
    wait(&mut fleet, |fleet| fleet.established() == 12);
    assert_eq!((fleet.lack().paths_lost, fleet.lack().nodes_now), (11 * 5, 11));
    second.show(node, true);
    wait(&mut fleet, Fleet::is_settled);
    let lack = fleet.lack();
    assert_eq!((lack.paths_lost, lack.nodes_now), (11 * 5, 0));
    assert!(lack.any >= lack.worst && lack.worst > Duration::ZERO);
    assert_eq!((fleet.counters.losses, fleet.counters.problems), (12, 0));
    // The same paths once more are not more paths; the time goes on.
    second.show(node, false);
    wait(&mut fleet, |fleet| fleet.lack().nodes_now == 11);
    assert_eq!(fleet.lack().paths_lost, 11 * 5);
    assert!(fleet.lack().any > lack.any);
}

#[test]
fn rfc4724_s4_2_routes_of_a_reflector_that_dies_stay_for_its_restart_time() {
    let (first, second, mut fleet, shape) = pair(Manner { helps: true, ..RIGHT }, "127.24.0.0/16");
    fleet.watch_cover(true);
    for session in fleet.sessions_to(0).collect::<Vec<_>>() {
        fleet.set_expendable(session, true);
    }
    second.show(shape.router_id(4), false);
    wait(&mut fleet, |fleet| fleet.wrong() == 11 * 5);
    first.die();
    wait(&mut fleet, |fleet| fleet.established() == 12);
    assert_eq!((fleet.lack().paths_lost, fleet.lack().nodes_now), (0, 0));
    assert_eq!((fleet.checked(), fleet.wrong()), (12, 11 * 5));
}
