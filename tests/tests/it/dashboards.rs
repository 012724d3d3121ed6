//! What is shipped for Grafana and Prometheus: shapes, rules, types, and a real Prometheus.

mod live;
mod rules;
mod shape;

use std::fs;
use std::path::PathBuf;

use albedo_tests::tools::repository;
use anyhow::{Context as _, Result};
use serde_json::Value;

const DASHBOARDS: [&str; 3] = ["loadtest", "overview", "peers"];

fn folder() -> PathBuf {
    repository().join("dashboards")
}

fn read(name: &str) -> Result<String> {
    let path = folder().join(name);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

fn dashboard(name: &str) -> Result<Value> {
    serde_json::from_str(&read(&format!("{name}.json"))?).with_context(|| name.to_owned())
}

/// Each panel that shows something: not the rows.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let all = dashboard["panels"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter().filter(|panel| panel["type"] != "row").collect()
}

/// Title and expression of everything that a dashboard asks.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    panels(dashboard)
        .into_iter()
        .flat_map(|panel| {
            let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
            targets.iter().map(move |target| (text(&panel["title"]), text(&target["expr"])))
        })
        .collect()
}
