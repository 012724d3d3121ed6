//! A real Prometheus scrapes the demo by the shipped configuration, and every panel has data.

use std::fs;

use albedo_tests::admin;
use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::process::Daemon;
use albedo_tests::tools::{albedo, peer_program};
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{DASHBOARDS, dashboard, expressions, folder, read};

const PROMETHEUS: (&str, &str) = ("prometheus", "usr/bin/prometheus");
const ADDRESS: &str = "127.0.0.1:9090";
/// What Grafana would put for `$__rate_interval`; long enough for a node to go within it.
const WINDOW: &str = "60s";

#[test]
fn every_panel_and_every_rule_has_data_while_the_demo_plays() {
    let Some(mut lab) = Lab::needing("every_panel_has_data", &[PROMETHEUS]) else { return };
    scenario(&mut lab).expect("the scenario");
}

fn scenario(lab: &mut Lab) -> Result<()> {
    let node = lab.node(Host(1))?;
    let rules = node.folder.join("rules");
    fs::create_dir_all(&rules)?;
    fs::write(rules.join("albedo.rules.yml"), read("rules/albedo.rules.yml")?)?;
    // As it is shipped, but for the pace.
    let shipped = read("prometheus.yml")?;
    let hurried = ["scrape_interval: 15s", "scrape_interval: 60s", "evaluation_interval: 15s"]
        .iter()
        .fold(shipped, |text, slow| {
            text.replace(slow, &format!("{}: 1s", slow.split(':').next().unwrap_or_default()))
        });
    fs::write(node.folder.join("prometheus.yml"), hurried)?;
    let program = peer_program(PROMETHEUS.0, PROMETHEUS.1)?;
    let mut prometheus = node.command(&program);
    prometheus.args(["--config.file", "prometheus.yml", "--storage.tsdb.path", "data"]);
    prometheus.args(["--web.listen-address", ADDRESS]);
    let mut prometheus = Daemon::start("prometheus", &node.folder, &mut prometheus)?;
    eventually("Prometheus listens", || {
        ensure!(prometheus.listens_on(9090)?, "not yet:\n{}", prometheus.log());
        Ok(())
    })?;
    let mut demo = node.command(&albedo()?);
    demo.args(["demo", "--keep", "--nodes", "30"]);
    let demo = Daemon::start("demo", &node.folder, &mut demo)?;
    eventually("the demo has played", || {
        let log = demo.log();
        ensure!(log.contains("kept: "), "{log}");
        Ok(())
    })?;
    everything_has_data(&node)
}

fn everything_has_data(node: &Node) -> Result<()> {
    for name in DASHBOARDS {
        for (title, expr) in expressions(&dashboard(name)?) {
            let expr = expr.replace("$__rate_interval", WINDOW);
            let expr = ["$job", "$instance", "$peer"]
                .iter()
                .fold(expr, |expr, variable| expr.replace(variable, ".*"));
            eventually(&format!("{name}: {title}"), || has_data(node, &expr))?;
        }
    }
    let rules = read("rules/albedo.rules.yml")?;
    let records = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: "));
    for record in records {
        eventually(record, || has_data(node, record))?;
    }
    let sick = query(node, "count(ALERTS{alertstate=\"firing\"})")?;
    ensure!(sick.is_empty(), "alerts of a reflector that is well: {sick:?}");
    ensure!(folder().join("provisioning/datasources.yaml").is_file());
    Ok(())
}

/// At least one number that is one.
fn has_data(node: &Node, expr: &str) -> Result<()> {
    let found = query(node, expr)?;
    let is_number = |text: &String| text.parse::<f64>().is_ok_and(f64::is_finite);
    ensure!(found.iter().any(is_number), "{expr}: {found:?}");
    Ok(())
}

/// The values that Prometheus answers with.
fn query(node: &Node, expr: &str) -> Result<Vec<String>> {
    let path = format!("/api/v1/query?query={}", encoded(expr));
    let answer = admin::json_at(node, ADDRESS, &path)?;
    let result = answer["data"]["result"].as_array().context("no result")?;
    let value = |series: &Value| series["value"][1].as_str().map(str::to_owned);
    result.iter().map(|series| value(series).with_context(|| series.to_string())).collect()
}

/// As a part of a URL.
fn encoded(text: &str) -> String {
    let octet = |octet: u8| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(octet).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(octet).collect()
}
