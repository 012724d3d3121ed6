//! Dashboards as files: their layout, the ConfigMap, and Grafana's own types.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use albedo_tests::process::output;
use albedo_tests::tools::npm_folder;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{DASHBOARDS, dashboard, expressions, folder, panels, read};

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;

#[test]
fn panels_do_not_overlap_and_say_what_they_show() {
    for name in DASHBOARDS {
        let dashboard = dashboard(name).expect("a dashboard");
        assert_eq!(dashboard["uid"], format!("albedo-{name}"));
        layout(&dashboard).expect(name);
        for panel in panels(&dashboard) {
            described(panel).expect(name);
        }
    }
}

/// Each place of the grid belongs to one panel, and each number too.
fn layout(dashboard: &Value) -> Result<()> {
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().context("no panels")? {
        let title = &panel["title"];
        let id = panel["id"].as_u64().with_context(|| format!("{title}: no id"))?;
        ensure!(ids.insert(id), "{title}: the id {id} is there twice");
        let at = |key: &str| panel["gridPos"][key].as_u64().with_context(|| format!("{title}"));
        let (x, y, w, h) = (at("x")?, at("y")?, at("w")?, at("h")?);
        ensure!(w > 0 && h > 0 && x + w <= COLUMNS, "{title}: {x} + {w} columns");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            ensure!(taken.insert(place), "{title}: {place:?} belongs to another panel");
        }
    }
    Ok(())
}

fn described(panel: &Value) -> Result<()> {
    let title = &panel["title"];
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    ensure!(is_text(title) && is_text(&panel["description"]), "{title}: no description");
    let unit = match panel["type"].as_str() {
        Some("heatmap") => &panel["options"]["yAxis"]["unit"],
        _ => &panel["fieldConfig"]["defaults"]["unit"],
    };
    ensure!(is_text(unit), "{title}: no unit");
    let targets = panel["targets"].as_array().context("no targets")?;
    ensure!(!targets.is_empty(), "{title}: no targets");
    let refs: BTreeSet<_> = targets.iter().map(|target| target["refId"].as_str()).collect();
    ensure!(refs.len() == targets.len(), "{title}: a refId is there twice");
    for of in targets.iter().chain([panel]) {
        ensure!(of["datasource"]["uid"] == "${datasource}", "{title}: a data source of its own");
    }
    for target in targets {
        let expr = target["expr"].as_str().with_context(|| format!("{title}: no expr"))?;
        ensure!(expr.contains("instance=~\"$instance\""), "{title}: {expr} heeds no instance");
        let is_rate = ["rate(", "increase("].iter().any(|function| expr.contains(function));
        let window = expr.contains("[$__rate_interval]") || expr.contains("[1h]");
        ensure!(!is_rate || window, "{title}: {expr} has a window of its own");
    }
    Ok(())
}

/// `ALBEDO_BLESS=1` writes it.
#[test]
fn the_config_map_has_the_same_dashboards() {
    let text = read("configmap.yaml").expect("the ConfigMap");
    let (head, _) = text.split_once("data:\n").expect("data");
    let mut wanted = format!("{head}data:\n");
    for name in DASHBOARDS {
        wanted.push_str(&format!("  {name}.json: |\n"));
        for line in read(&format!("{name}.json")).expect("a dashboard").lines() {
            wanted.push_str(&format!("    {line}\n"));
        }
    }
    if std::env::var_os("ALBEDO_BLESS").is_some() {
        fs::write(folder().join("configmap.yaml"), &wanted).expect("written");
    }
    assert!(text == wanted, "dashboards/configmap.yaml is not what the dashboards are");
}

#[test]
fn every_metric_of_a_dashboard_is_in_the_reference() {
    let reference = fs::read_to_string(folder().join("../docs/METRICS.md")).expect("METRICS.md");
    for name in DASHBOARDS {
        for (title, expr) in expressions(&dashboard(name).expect("a dashboard")) {
            let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for word in words.filter(|word| word.starts_with("albedo_")) {
                let is_there = |metric: &str| reference.contains(&format!("| `{metric}` |"));
                let of_histogram = ["_bucket", "_sum", "_count"];
                let whole = of_histogram.iter().find_map(|suffix| word.strip_suffix(suffix));
                let found = is_there(word) || whole.is_some_and(is_there);
                assert!(found, "{title}: {word}");
            }
        }
    }
}

/// Compiled with Grafana's types; two files that are wrong on purpose show that this says no.
#[test]
fn grafanas_own_types_are_met() {
    let Some(packages) = npm_folder(&["typescript", "@grafana/schema"]) else { return };
    let work = tempfile::tempdir().expect("a folder");
    types(&packages, work.path()).expect("types");
}

fn types(packages: &std::path::Path, work: &std::path::Path) -> Result<()> {
    std::os::unix::fs::symlink(packages.join("node_modules"), work.join("node_modules"))?;
    fs::write(work.join("schema.ts"), read("schema.ts")?)?;
    let import = "import type { File } from \"./schema\";\n";
    for name in DASHBOARDS {
        let text = read(&format!("{name}.json"))?;
        let text = format!("{import}export const dashboard: File = {};\n", text.trim_end());
        fs::write(work.join(format!("{name}.ts")), text)?;
    }
    let faulty = "{ annotations: { list: [] }, schemaVersion: \"39\" }";
    let unknown = "{ annotations: { list: [] }, schemaVersion: 39, panel: [] }";
    let wrong = [faulty, unknown].map(|value| {
        format!("// @ts-expect-error\nexport const wrong{}: File = {value};\n", value.len())
    });
    fs::write(work.join("wrong.ts"), format!("{import}{}", wrong.join("")))?;
    let files = DASHBOARDS.iter().copied().chain(["wrong"]).map(|name| format!("{name}.ts"));
    output(
        Command::new("node")
            .current_dir(work)
            .arg(packages.join("node_modules/typescript/bin/tsc"))
            .args(["--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler"])
            .args(["--module", "esnext", "--preserveSymlinks"])
            .args(files),
    )?;
    Ok(())
}
