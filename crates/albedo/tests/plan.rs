//! Every cluster of `tests/plans` against the plan beside it, to the letter; and every plan
//! carried out, document by document, against the sessions that it promises.
//!
//! A cluster begins with what it shows, as a comment, and after `#:` the arguments.
//! `ALBEDO_BLESS=1 cargo test -p albedo --test plan` writes the plans anew; read the difference.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use albedo_discovery::calico::expand::{Session, Source, expand_node};
use albedo_discovery::calico::parse::{documents, lenient};
use albedo_discovery::calico::{Cluster, Kind, Resource, write};
use serde_json::Value as Json;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans")
}

fn clusters() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    files
}

/// What the program prints of a plan.
fn plan(path: &Path, more: &[&str]) -> String {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("#: ")).expect("arguments");
    let output = Command::new(env!("CARGO_BIN_EXE_albedo"))
        .args(["calico", "plan", "--files"])
        .arg(path)
        .args(line.split(' '))
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {output:?}", path.display());
    String::from_utf8(output.stdout).unwrap()
}

fn read(text: &str) -> Vec<Resource> {
    let read = documents(text, "a plan").resources;
    read.into_iter().map(|read| read.unwrap_or_else(|fault| panic!("{fault}")).0).collect()
}

fn cluster(path: &Path) -> Cluster {
    let mut cluster = Cluster::new();
    for resource in read(&fs::read_to_string(path).unwrap()) {
        cluster.apply(resource);
    }
    cluster
}

#[test]
fn plans_are_as_written_down() {
    for path in clusters() {
        for (extension, more) in [("txt", &[][..]), ("out", &["-o", "yaml"])] {
            let found = plan(&path, more);
            let there = path.with_extension(extension);
            if std::env::var_os("ALBEDO_BLESS").is_some() {
                fs::write(&there, &found).unwrap();
            }
            let wanted = fs::read_to_string(&there).unwrap_or_default();
            assert_eq!(found, wanted, "{}", there.display());
        }
    }
}

/// All sessions by node.
fn sessions(cluster: &Cluster) -> BTreeMap<String, Vec<Session>> {
    let names = cluster.nodes().keys();
    names.map(|name| (name.to_string(), expand_node(cluster, name))).collect()
}

/// Pairs of addresses with a session that both of its ends have, if both are nodes; and whether it
/// is the mesh's.
fn pairs(cluster: &Cluster) -> BTreeMap<BTreeSet<IpAddr>, bool> {
    let addresses: BTreeSet<IpAddr> = cluster
        .nodes()
        .values()
        .flat_map(|node| [node.ipv4().map(IpAddr::V4), node.ipv6().map(IpAddr::V6)])
        .flatten()
        .collect();
    let all: Vec<Session> = sessions(cluster).into_values().flatten().collect();
    let is_mesh = |session: &Session| session.origin.source == Source::Mesh;
    let mut pairs = BTreeMap::new();
    for session in &all {
        let back = |other: &&Session| {
            other.address == session.local_address
                && other.local_address == session.address
                && is_mesh(other) == is_mesh(session)
        };
        if addresses.contains(&session.address) && !all.iter().any(|other| back(&other)) {
            continue;
        }
        let pair = BTreeSet::from([session.local_address, session.address]);
        *pairs.entry(pair).or_insert(false) |= is_mesh(session);
    }
    pairs
}

fn served(pairs: &BTreeMap<BTreeSet<IpAddr>, bool>, cluster: &Cluster) -> BTreeSet<(String, bool)> {
    let mut served = BTreeSet::new();
    for node in cluster.nodes().values() {
        for address in [node.ipv4().map(IpAddr::V4), node.ipv6().map(IpAddr::V6)] {
            let Some(address) = address else { continue };
            if pairs.keys().any(|pair| pair.contains(&address)) {
                served.insert((node.meta.name.to_string(), address.is_ipv6()));
            }
        }
    }
    served
}

/// RFC 7396.
fn merge(target: &mut Json, patch: &Json) {
    let Json::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Json::Object(serde_json::Map::new());
    }
    let object = target.as_object_mut().unwrap();
    for (key, value) in fields {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}

fn resource(cluster: &Cluster, kind: Kind, name: &str) -> Resource {
    match kind {
        Kind::Node => Resource::Node(Box::new((*cluster.nodes()[name]).clone())),
        Kind::BgpPeer => Resource::BgpPeer(Box::new((*cluster.peers()[name]).clone())),
        Kind::BgpConfiguration => {
            Resource::BgpConfiguration(Box::new((*cluster.configurations()[name]).clone()))
        }
        _ => panic!("no plan changes a {kind}"),
    }
}

/// Does what the JSON says.
fn carry_out(cluster: &mut Cluster, change: &Json) {
    let name = change["name"].as_str().unwrap();
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == change["kind"]).unwrap();
    match change["action"].as_str().unwrap() {
        "create" => {
            // As a person would paste it.
            let text = write::yaml(&change["document"]);
            let mut made = read(&text);
            assert_eq!(made.len(), 1);
            cluster.apply(made.remove(0));
        }
        "delete" => {
            cluster.remove(kind, name);
        }
        "patch" => {
            let mut json = write::json(&resource(cluster, kind, name));
            merge(&mut json, &change["patch"]);
            let (patched, _) = lenient(kind, &json).unwrap();
            if let Some(document) = change.get("document") {
                let whole = read(&write::yaml(document)).remove(0);
                assert_eq!(whole, patched, "the document and the patch are the same");
            }
            cluster.apply(patched);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn what_a_plan_promises_is_what_its_documents_do() {
    for path in clusters() {
        let name = path.display();
        let json: Json = serde_json::from_str(&plan(&path, &["-o", "json"])).unwrap();
        let origin = cluster(&path);
        let mut now = origin.clone();
        assert_eq!(json["sessions"], pairs(&now).len(), "{name}");
        let (steps, back) = (json["steps"].as_array().unwrap(), json["back"].as_array().unwrap());
        assert_eq!(steps.len(), back.len(), "{name}");
        for (index, step) in steps.iter().chain(back).enumerate() {
            let before = pairs(&now);
            for change in step["changes"].as_array().unwrap() {
                carry_out(&mut now, change);
            }
            let after = pairs(&now);
            let up = after.keys().filter(|pair| !before.contains_key(*pair)).count();
            let gone = before.keys().filter(|pair| !after.contains_key(*pair)).count();
            let restart =
                before.iter().filter(|(pair, mesh)| after.get(*pair).is_some_and(|it| it != *mesh));
            let lost = served(&before, &now);
            let lost: Vec<Json> = lost
                .difference(&served(&after, &now))
                .map(|(node, v6)| {
                    serde_json::json!({"node": node, "family": if *v6 { "IPv6" } else { "IPv4" }})
                })
                .collect();
            let wanted = serde_json::json!({
                "before": before.len(),
                "after": after.len(),
                "up": up,
                "gone": gone,
                "restart": restart.count(),
                "losing": lost,
            });
            assert_eq!(step["sessions"], wanted, "{name}: step {}", index + 1);
            if index + 1 == steps.len() {
                // At the end nobody but those told of is cut off, and there is no mesh.
                assert!(after.values().all(|mesh| !mesh), "{name}");
            }
        }
        assert_eq!(sessions(&now), sessions(&origin), "{name}: the way back");
        assert_eq!(write::cluster(&now), write::cluster(&origin), "{name}: the way back");
    }
}

#[test]
fn half_a_cluster_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.yaml");
    let run = |text: &str| {
        fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_albedo"))
            .args(["calico", "plan", "--as", "external", "10.0.0.250", "--files"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let bad = run("apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: a}\nspec: \
                   {nodeSelector: !has(x), peerIP: 10.0.0.1, asNumber: 1}\n");
    assert!(bad.contains("cluster.yaml:4:") && bad.contains("as a whole"), "{bad}");
    let none = run("# nothing\n");
    assert!(none.contains("there is no Node"), "{none}");
}
