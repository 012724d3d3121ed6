//! What a scrape gets.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use albedo_engine::stats::{FAST, Histogram};

use super::*;
use crate::snapshot::{Buckets, LifeNumbers, ShardNumbers, Slow};

/// Series on `/metrics` stay below this, whatever the number of peers.
const SERIES_MAX: usize = 250;
/// As many shards as there are without being asked for.
const SHARDS: usize = 4;

fn buckets(samples: &[u64]) -> Buckets {
    let histogram = Histogram::new(&FAST);
    for millis in samples {
        histogram.record(Duration::from_millis(*millis));
    }
    (&histogram).into()
}

fn snapshot(shards: usize) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for family in &mut snapshot.engine.families {
        family.convergence = buckets(&[1, 3, 70_000]);
        family.delivery = buckets(&[1]);
        family.session_sync = buckets(&[]);
        family.withdraw_convergence = buckets(&[2]);
    }
    snapshot.engine.families[0].prefixes = 4_000;
    let shard = ShardNumbers {
        busy: Duration::from_millis(1_500),
        messages: 21,
        log_bytes: 4_096,
        stages: [500, 250, 125].map(Duration::from_millis),
        stage_batches: 7,
        ..ShardNumbers::default()
    };
    snapshot.engine.shards = vec![shard; shards];
    snapshot.engine.sending = Duration::from_secs(3);
    snapshot.sessions.acknowledged = Duration::from_millis(750);
    snapshot.sessions.acknowledged_samples = 3;
    snapshot.engine.oldest_undelivered = Some(Duration::from_millis(250));
    snapshot.sessions.by_state = [1, 0, 2, 0, 0, 1_000];
    snapshot.sessions.messages[1][1] = 77;
    snapshot.sessions.notifications[0][6] = 5;
    snapshot.sessions.rejected_updates[1] = 9;
    snapshot.life = LifeNumbers {
        is_deferring: true,
        missing: 3,
        roster_peers: 12,
        holding_stale: 4,
        roster_errors: 2,
        is_draining: false,
    };
    let slow = |n: u64| Slow {
        address: format!("10.0.0.{n}"),
        name: format!("node-{n}"),
        lag: Duration::from_secs(20 - n),
    };
    // More than are told.
    snapshot.slowest = (1..15).map(slow).collect();
    snapshot.startup_convergence = Some(Duration::from_secs(100));
    snapshot
}

/// The samples of a text, by what stands before the value.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').unwrap())
        .collect();
    let samples: BTreeMap<_, f64> =
        lines.iter().map(|(series, value)| (*series, value.parse().unwrap())).collect();
    assert_eq!(samples.len(), lines.len(), "a series is there twice");
    samples
}

#[test]
fn every_metric_is_there_once_with_its_kind_and_help() {
    let metrics = Metrics::new("1.2.3", 2).unwrap();
    let text = metrics.render(&snapshot(2));
    for metric in names::ALL {
        let kind = format!("# TYPE {} {}\n", metric.name, metric.kind.name());
        assert_eq!(text.matches(&kind).count(), 1, "{kind}");
        let help = format!("# HELP {} {}\n", metric.name, metric.help);
        assert_eq!(text.matches(&help).count(), 1, "{help}");
    }
    assert_eq!(text.matches("# TYPE ").count(), names::ALL.len());
    let text = Metrics::new("1.2.3", SHARDS).unwrap().render(&snapshot(SHARDS));
    let series = samples(&text).len();
    assert!(series < SERIES_MAX, "{series} series");
}

#[test]
fn the_numbers_of_the_snapshot_arrive() {
    let metrics = Metrics::new("1.2.3", 2).unwrap();
    let text = metrics.render(&snapshot(2));
    let samples = samples(&text);
    for (series, value) in [
        ("albedo_build_info{version=\"1.2.3\"}", 1.0),
        ("albedo_prefixes{family=\"ipv4\"}", 4_000.0),
        ("albedo_prefixes{family=\"ipv6\"}", 0.0),
        ("albedo_sessions{state=\"established\"}", 1_000.0),
        ("albedo_sessions{state=\"active\"}", 2.0),
        ("albedo_messages_total{direction=\"out\",type=\"update\"}", 77.0),
        ("albedo_notifications_total{direction=\"in\",code=\"cease\"}", 5.0),
        ("albedo_rejected_updates_total{treatment=\"treat_as_withdraw\"}", 9.0),
        ("albedo_updates_encoded_total", 42.0),
        ("albedo_log_bytes", 8_192.0),
        ("albedo_stage_seconds_total{stage=\"queue\"}", 1.0),
        ("albedo_stage_seconds_total{stage=\"decide\"}", 0.5),
        ("albedo_stage_seconds_total{stage=\"encode\"}", 0.25),
        ("albedo_stage_seconds_total{stage=\"send\"}", 3.0),
        ("albedo_stage_seconds_total{stage=\"acknowledged\"}", 0.75),
        ("albedo_acknowledged_samples_total", 3.0),
        ("albedo_stage_batches_total", 14.0),
        ("albedo_selection_deferral", 1.0),
        ("albedo_selection_deferral_missing_peers", 3.0),
        ("albedo_roster_peers", 12.0),
        ("albedo_stale_holding_peers", 4.0),
        ("albedo_roster_write_errors_total", 2.0),
        ("albedo_draining", 0.0),
        ("albedo_oldest_undelivered_change_seconds", 0.25),
        (
            "albedo_slowest_peer_undelivered_seconds\
             {rank=\"10\",peer=\"10.0.0.10\",name=\"node-10\"}",
            10.0,
        ),
        ("albedo_shard_busy_seconds_total{shard=\"1\"}", 1.5),
        ("albedo_convergence_seconds_bucket{family=\"ipv4\",le=\"0.001\"}", 1.0),
        ("albedo_convergence_seconds_bucket{family=\"ipv4\",le=\"10\"}", 2.0),
        ("albedo_convergence_seconds_bucket{family=\"ipv4\",le=\"+Inf\"}", 3.0),
        ("albedo_convergence_seconds_count{family=\"ipv4\"}", 3.0),
        ("albedo_startup_convergence_seconds_bucket{le=\"60\"}", 0.0),
        ("albedo_startup_convergence_seconds_bucket{le=\"120\"}", 1.0),
    ] {
        assert_eq!(samples.get(series).copied(), Some(value), "{series}");
    }
}

#[test]
fn the_start_is_one_sample_however_often_it_is_scraped() {
    let metrics = Metrics::new("1", 1).unwrap();
    let before = metrics.render(&Snapshot { startup_convergence: None, ..snapshot(1) });
    assert!(!before.contains("albedo_startup_convergence_seconds_count 1"));
    let _ = metrics.render(&snapshot(1));
    metrics.run_upkeep();
    let text = metrics.render(&snapshot(1));
    assert_eq!(samples(&text)["albedo_startup_convergence_seconds_count"], 1.0);
}

/// promtool of Debian's package `prometheus`: unpacked by `cargo xtask install`, or installed.
fn promtool() -> Option<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cache");
    let cache = std::env::var_os("ALBEDO_CACHE").map_or_else(|| PathBuf::from(root), PathBuf::from);
    let unpacked = cache.join("peers/prometheus/usr/bin/promtool");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|folder| folder.join("promtool"));
    std::iter::once(unpacked).chain(installed).find(|program| program.is_file())
}

#[test]
fn promtool_finds_nothing_to_say() {
    let Some(program) = promtool() else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "promtool is missing");
        println!("skipped: no promtool here; `cargo xtask install` gets it");
        return;
    };
    let text = Metrics::new("1.2.3", 2).unwrap().render(&snapshot(2));
    let mut child = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8(said).unwrap(), "");
    assert!(output.status.success());
}
