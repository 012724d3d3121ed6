//! Convergence from outside: a probe between two clients against what the reflector says itself.

use std::time::Instant;

use albedo_tests::admin;
use albedo_tests::bgp::{Speaker, announcement, code};
use albedo_tests::lab::{Host, Lab};
use albedo_tests::net::{Family, Net, net};
use albedo_tests::reflector::Reflector;
use anyhow::{Context as _, Result, ensure};

const REFLECTOR: Host = Host(1);
const SENDER: Host = Host(20);
const RECEIVER: Host = Host(21);

/// Upper bounds of the buckets that convergence is counted in, in seconds.
const BOUNDS: [f64; 18] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
];
/// Changes that are timed.
const CHANGES: u32 = 101;
/// Prefixes of a change: as many as fit one message, so that a change is one batch and its way
/// through the reflector takes longer than that through two sockets.
const PREFIXES: u32 = 700;

fn config() -> String {
    let v4 = REFLECTOR.v4();
    format!(
        "asNumber: 64512
routerId: {v4}
listen: [\"{v4}:179\"]
admin: {{http: \"127.0.0.1:9179\"}}
shards: 1
peerGroups:
  - {{name: nodes, role: client, passive: true, ranges: [\"10.0.0.0/8\"]}}
"
    )
}

#[test]
fn a_probe_between_two_clients_agrees_with_the_histogram() {
    let Some(mut lab) = Lab::new("a_probe_between_two_clients_agrees") else { return };
    scenario(&mut lab).expect("the scenario");
}

fn scenario(lab: &mut Lab) -> Result<()> {
    let node = lab.node(REFLECTOR)?;
    let _reflector = Reflector::start_with(&node, &config())?;
    lab.guest(SENDER)?;
    lab.guest(RECEIVER)?;
    let sender = Speaker::connect(lab, SENDER, REFLECTOR, &[Family::V4])?;
    let receiver = Speaker::connect(lab, RECEIVER, REFLECTOR, &[Family::V4])?;
    let nets: Vec<Net> =
        (0..PREFIXES).map(|n| net(&format!("10.{}.{}.0/24", 100 + n / 250, n % 250))).collect();
    let last = *nets.last().context("no prefixes")?;
    let mut took = Vec::new();
    for change in 1..=CHANGES {
        let message = announcement(SENDER.v4(), change, &nets);
        ensure!(message.len() <= 4096, "{} octets are more than one message", message.len());
        let begin = Instant::now();
        sender.send(&message)?;
        receiver.wait_until("the change", |table| {
            let route = table.routes.get(&last);
            route.is_some_and(|route| route.attributes.number(code::MED) == Some(change))
        })?;
        took.push(begin.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    let outside = took[took.len() / 2];
    let status = admin::json(&node, "/api/v1/status")?;
    let family = &status["families"][0];
    let inside = family["convergenceP50Seconds"].as_f64().context("no median")?;
    let bucket = |seconds: f64| BOUNDS.partition_point(|bound| *bound < seconds);
    let (outside_bucket, inside_bucket) = (bucket(outside), bucket(inside));
    ensure!(
        outside_bucket.abs_diff(inside_bucket) <= 1,
        "the probe says {outside} s, the reflector at most {inside} s"
    );
    Ok(())
}
