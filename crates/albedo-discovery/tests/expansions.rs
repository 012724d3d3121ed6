//! Every cluster of `tests/expansions` against the sessions beside it, to the letter.
//!
//! A cluster begins with what it shows, as comments. Lines with `#:` in front say whose sessions
//! are wanted: `reflector NAME [ROUTER-ID]`, `external ADDRESS[,ADDRESS] AS CLUSTER-ID` or
//! `node NAME`, what Calico itself has there.
//!
//! `ALBEDO_BLESS=1 cargo test -p albedo-discovery` writes the sessions anew; read the difference.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use albedo_discovery::calico::expand::{
    Dial, Identity, RouterIdSource, Session, Source, expand, expand_node,
};
use albedo_discovery::calico::lint::lint;
use albedo_discovery::calico::parse::documents;
use albedo_discovery::calico::{Cluster, NextHopMode, Resource};
use albedo_types::{ClusterId, RouterId};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expansions")
}

fn files(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder is in the repository");
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

fn resources(name: &str, text: &str) -> Vec<Resource> {
    let read = documents(text, name).resources;
    read.into_iter().map(|read| read.unwrap_or_else(|fault| panic!("{fault}")).0).collect()
}

fn cluster(resources: impl IntoIterator<Item = Resource>) -> Cluster {
    let mut cluster = Cluster::new();
    for resource in resources {
        cluster.apply(resource);
    }
    cluster
}

/// An address with the port it may have.
fn address(text: &str) -> (IpAddr, Option<u16>) {
    match text.parse::<SocketAddr>() {
        Ok(both) => (both.ip(), Some(both.port())),
        Err(_) => (text.parse().expect("an address"), None),
    }
}

fn identity(words: &[&str]) -> Identity {
    match words {
        ["reflector", name, router_id @ ..] => {
            let router_id: RouterIdSource = router_id.concat().parse().unwrap();
            Identity::Node { name: (*name).into(), router_id }
        }
        ["external", addresses, asn, cluster_id] => Identity::External {
            addresses: addresses.split(',').map(address).collect(),
            asn: asn.parse().unwrap(),
            router_id: RouterId::from_addr("192.0.2.1".parse().unwrap()).unwrap(),
            cluster_id: ClusterId(u32::from(cluster_id.parse::<std::net::Ipv4Addr>().unwrap())),
        },
        _ => panic!("{words:?} says nobody"),
    }
}

fn print_session(out: &mut String, session: &Session) {
    let Session { name, peer_asn, local_asn, role, dial, address, local_address, .. } = session;
    let who = match dial {
        Dial::Never => "waits",
        Dial::Now => "connects",
    };
    write!(out, "{name}: AS {peer_asn}, {}", role.name()).unwrap();
    if let Some(cluster_id) = session.cluster_id {
        write!(out, " of {cluster_id}").unwrap();
    }
    write!(out, ", {who}; {address}").unwrap();
    if let Some(port) = session.port {
        write!(out, " port {port}").unwrap();
    }
    writeln!(out, " from {local_address} AS {local_asn}").unwrap();
    writeln!(out, "    {}", session.origin).unwrap();
    let mut settings = Vec::new();
    if session.source_address.is_none() {
        settings.push("any source".to_owned());
    }
    if let Some(secret) = &session.password {
        settings.push(format!("password {}/{}", secret.name, secret.key));
    }
    let times = [("restart", session.max_restart_time), ("keepalive", session.keepalive_time)];
    for (what, time) in times {
        settings.extend(time.map(|time| format!("{what} {time:?}")));
    }
    settings.extend(session.ttl_security.map(|hops| format!("ttl {hops}")));
    if session.next_hop_mode != NextHopMode::Auto {
        settings.push(format!("next hop {:?}", session.next_hop_mode));
    }
    settings.extend(session.allowed_local_as.map(|times| format!("own AS {times} times")));
    if !session.filters.is_empty() {
        settings.push(format!("filters {}", session.filters.join(", ")));
    }
    settings.extend(session.reachable_by.map(|gateway| format!("by {gateway}")));
    if !settings.is_empty() {
        writeln!(out, "    {}", settings.join("; ")).unwrap();
    }
}

/// What is to be in the file beside.
fn told(text: &str, cluster: &Cluster) -> String {
    let mut out = String::new();
    let mut identities = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("#: ")) {
        let words: Vec<_> = line.split_whitespace().collect();
        writeln!(out, "== {line}").unwrap();
        if let ["node", name] = words[..] {
            for session in expand_node(cluster, name) {
                print_session(&mut out, &session);
            }
            continue;
        }
        let identity = identity(&words);
        match expand(cluster, &identity) {
            Ok(speaker) => {
                let listen: Vec<_> = speaker.listen.iter().map(ToString::to_string).collect();
                let (asn, id, cluster_id) = (speaker.asn, speaker.router_id, speaker.cluster_id);
                let listen = listen.join(" ");
                writeln!(out, "AS {asn}, id {id}, cluster {cluster_id}, on {listen}").unwrap();
                for session in &speaker.sessions {
                    print_session(&mut out, session);
                }
                for warning in &speaker.warnings {
                    writeln!(out, "warning: {warning}").unwrap();
                }
            }
            Err(error) => writeln!(out, "error: {error}").unwrap(),
        }
        identities.push(identity);
    }
    writeln!(out, "== lints").unwrap();
    let external = |it: &&Identity| matches!(it, Identity::External { .. });
    for found in lint(cluster, identities.iter().find(external)) {
        writeln!(out, "{found}").unwrap();
    }
    out
}

#[test]
fn every_cluster_has_the_sessions_beside_it() {
    let bless = std::env::var_os("ALBEDO_BLESS").is_some();
    let mut wrong = Vec::new();
    let clusters = files("yaml");
    assert!(clusters.len() >= 30, "{} clusters", clusters.len());
    for path in &clusters {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        let mut resources = resources(name, &text);
        let told_of = told(&text, &cluster(resources.clone()));
        assert!(told_of.contains("== lints"), "{name}");
        resources.reverse();
        assert_eq!(told_of, told(&text, &cluster(resources)), "{name} the other way round");
        let expected = path.with_extension("txt");
        if bless {
            fs::write(&expected, &told_of).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if told_of != expected {
            wrong.push(format!("--- {name}, expected:\n{expected}--- found:\n{told_of}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(files("txt").len(), clusters.len(), "texts without a cluster");
}

/// One line for each session of a reflector: name, role, cluster id, who connects.
fn lines(cluster: &Cluster, name: &str) -> Vec<String> {
    let identity = Identity::Node { name: name.into(), router_id: RouterIdSource::default() };
    let speaker = expand(cluster, &identity).unwrap_or_else(|error| panic!("{error}"));
    let line = |session: &Session| {
        let cluster_id = session.cluster_id.map(|it| format!(" {it}")).unwrap_or_default();
        format!("{} {}{cluster_id} {:?}", session.name, session.role.name(), session.dial)
    };
    speaker.sessions.iter().map(line).collect()
}

fn node_lines(cluster: &Cluster, name: &str) -> Vec<String> {
    let line = |session: &Session| format!("{} {:?}", session.name, session.dial);
    expand_node(cluster, name).iter().map(line).collect()
}

fn read(name: &str) -> Cluster {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    cluster(resources(name, &text))
}

#[test]
fn vector_a_a_mesh_is_without_reflectors() {
    let cluster = read("vector-a-mesh.yaml");
    assert_eq!(node_lines(&cluster, "w1"), ["Mesh_10_0_0_9 Never"]);
    assert_eq!(node_lines(&cluster, "w2"), ["Mesh_10_0_0_31 Now"]);
    for reflector in ["r1", "r2", "r3"] {
        assert!(lines(&cluster, reflector).is_empty());
        assert!(node_lines(&cluster, reflector).is_empty());
    }
}

#[test]
fn vector_b_one_selector_on_each_side() {
    let cluster = read("vector-b-selectors.yaml");
    let reflectors = ["Node_10_0_0_11 Now", "Node_10_0_0_12 Now", "Node_10_0_0_13 Now"];
    assert_eq!(node_lines(&cluster, "w1"), reflectors);
    // Among reflectors, the one with the greater address connects.
    let of_r1 = [
        "Node_10_0_0_9 client 244.0.0.1 Never",
        "Node_10_0_0_12 nonClient Never",
        "Node_10_0_0_13 client 244.0.0.1 Never",
        "Node_10_0_0_31 client 244.0.0.1 Never",
    ];
    assert_eq!(lines(&cluster, "r1"), of_r1);
    let of_r3 = [
        "Node_10_0_0_9 client 244.0.0.2 Never",
        "Node_10_0_0_11 client 244.0.0.2 Now",
        "Node_10_0_0_12 client 244.0.0.2 Now",
        "Node_10_0_0_31 client 244.0.0.2 Never",
    ];
    assert_eq!(lines(&cluster, "r3"), of_r3);
}

#[test]
fn vector_c_a_reflector_by_address() {
    let cluster = read("vector-c-by-address.yaml");
    for node in ["w1", "w2", "r2", "r3"] {
        assert_eq!(node_lines(&cluster, node), ["Global_10_0_0_11 Now"], "{node}");
    }
    assert_eq!(node_lines(&cluster, "w3"), ["Global_10_0_0_11 Never"]);
    let of_r1 = [
        "Node_10_0_0_9 client 244.0.0.1 Never",
        "Node_10_0_0_10 client 244.0.0.1 Now",
        "Node_10_0_0_12 nonClient Never",
        "Node_10_0_0_13 client 244.0.0.1 Never",
        "Node_10_0_0_31 client 244.0.0.1 Never",
    ];
    assert_eq!(lines(&cluster, "r1"), of_r1);
    // Calico's own r1 connects to all of them.
    assert!(node_lines(&cluster, "r1").iter().all(|line| line.ends_with("Now")));
    assert_eq!(lines(&cluster, "r2"), ["Global_10_0_0_11 client 244.0.0.1 Now"]);
    assert_eq!(lines(&cluster, "r3"), ["Global_10_0_0_11 client 244.0.0.2 Now"]);
}

#[test]
fn vector_d_manual_has_no_reverse() {
    let cluster = read("vector-d-manual.yaml");
    let of_r1 = ["Node_10_0_0_12 nonClient Never", "Node_10_0_0_13 client 244.0.0.1 Never"];
    assert_eq!(lines(&cluster, "r1"), of_r1);
    assert_eq!(node_lines(&cluster, "w1").len(), 3);
}

#[test]
fn vector_e_a_port_is_in_the_name() {
    let cluster = read("vector-e-port.yaml");
    let names = lines(&cluster, "r1");
    assert_eq!(names[0], "Node_10_0_0_9_port_1790 client 244.0.0.1 Never");
    assert_eq!(names[1], "Node_10_0_0_12 nonClient Never");
}

#[test]
fn the_mesh_has_no_origin_in_a_resource() {
    let cluster = read("vector-a-mesh.yaml");
    let session = &expand_node(&cluster, "w1")[0];
    assert_eq!(session.origin.source, Source::Mesh);
    assert_eq!(session.origin.to_string(), "node-to-node mesh: w2");
}
