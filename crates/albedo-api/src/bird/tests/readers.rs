//! Answers as their readers take them: what Calico's tools and an exporter look for, by patterns
//! and rules of our own making that accept what theirs accept.

use regex::Regex;

use super::*;

/// A row as Calico's tools read it: the code that it has, or that of the row before it.
fn rows(answer: &str) -> Vec<(u16, String)> {
    let mut code = 0;
    let mut rows = Vec::new();
    for line in answer.lines() {
        if let Some(text) = line.strip_prefix(' ') {
            rows.push((code, text.to_owned()));
            continue;
        }
        assert!(line.len() >= 4, "{line:?} has no code");
        code = line[..4].parse().expect("a code of four digits");
        rows.push((code, line.get(5..).unwrap_or_default().to_owned()));
    }
    rows
}

/// Readiness: whether a graceful restart is under way; any code that is not known is a fault.
fn is_restarting(answer: &str) -> bool {
    let mut restarting = false;
    for (code, _) in rows(answer) {
        match code {
            1 | 1000 | 1011 => {}
            24 => restarting = true,
            13 => return restarting,
            other => panic!("{other}: expected 0001, 1000, 1011, 0024 or 0013"),
        }
    }
    panic!("no end: {answer}");
}

/// A row of the table of peers: name, address, state, since, state of BGP.
type Peer = (String, String, String, String, String);

/// `show protocols` as Calico reads it.
fn peers(answer: &str, separator: &str) -> Vec<Peer> {
    let name = Regex::new("^(Global|Node|Mesh)_(.+)$").unwrap();
    let mut peers = Vec::new();
    for (code, text) in rows(answer) {
        let fields: Vec<&str> = text.split_whitespace().collect();
        match code {
            0 => return peers,
            2002 => assert_eq!(fields, ["name", "proto", "table", "state", "since", "info"]),
            1002 => {
                assert!(fields.len() >= 6, "{text:?}: expected six fields");
                assert_eq!(fields[1], "BGP");
                let Some(found) = name.captures(fields[0]) else { continue };
                let address = found[2].replace('_', separator);
                let [state, since, info] = [fields[3], fields[4], fields[5]].map(str::to_owned);
                peers.push((found[1].to_owned(), address, state, since, info));
            }
            other => panic!("{other}: expected 2002, 1002 or 0000"),
        }
    }
    panic!("no end: {answer}");
}

#[tokio::test]
async fn calico_reads_the_status() {
    let answer = ask(cluster(), V4, "show status").await;
    assert!(!is_restarting(&answer), "{answer}");
    let version = Regex::new(r"(?m)^1000-BIRD (v\S+)$").unwrap();
    assert_eq!(&version.captures(&answer).unwrap()[1], "v0.1.0+albedo");
    for line in [
        "1011-Router ID is 10.0.0.1\n",
        " Current server time is 2023-11-14 22:13:20\n",
        " Last reboot on 2023-11-14 21:56:40\n",
        " Last reconfiguration on 2023-11-14 22:05:00\n",
        "0013 Daemon is up and running\n",
    ] {
        assert!(answer.contains(line), "{line:?} in {answer}");
    }
    let mut source = cluster();
    source.daemon.is_recovering = true;
    assert!(is_restarting(&ask(source, V4, "show status").await));
}

#[tokio::test]
async fn calico_reads_the_peers_of_each_socket() {
    let answer = ask(cluster(), V4, "show protocols").await;
    let row = |kind: &str, address: &str, state: &str, since: &str, info: &str| {
        let [kind, address, state, since, info] =
            [kind, address, state, since, info].map(str::to_owned);
        (kind, address, state, since, info)
    };
    let expected = [
        row("Node", "10.0.0.7", "up", "22:11:40", "Established"),
        row("Node", "10.0.0.8", "start", "2023-11-13", "Active"),
    ];
    assert_eq!(peers(&answer, "."), expected, "{answer}");
    assert!(answer.contains("Active        ended by us: hold timer expired (4)"), "{answer}");
    let answer = ask(cluster(), V6, "show protocols").await;
    assert_eq!(peers(&answer, ":"), [row("Node", "fd00::7", "up", "22:11:40", "Established")]);
    let mut source = cluster();
    source.protocols[0].name = "Global_10_0_0_7".into();
    source.protocols[1].name = "upstream".into();
    let answer = ask(source, V4, "show protocols").await;
    assert_eq!(peers(&answer, ".")[0].0, "Global");
    assert_eq!(peers(&answer, ".").len(), 1, "other names are theirs to leave out");
    assert_eq!(peers(&ask(Fake::default(), V4, "show protocols").await, "."), []);
}

#[tokio::test]
async fn calico_reads_one_peer_on_the_same_connection() {
    let served = Served::new(cluster(), V4);
    let mut stream = served.connect().await;
    assert_eq!(read_answer(&mut stream).await, "0001 BIRD v0.1.0+albedo ready.\n");
    stream.write_all(b"show protocols\n").await.unwrap();
    assert_eq!(peers(&read_answer(&mut stream).await, ".").len(), 2);
    for (name, state, address) in
        [("Node_10_0_0_7", "Established", "10.0.0.7"), ("Node_10_0_0_8", "Active", "10.0.0.8")]
    {
        stream.write_all(format!("show protocols all {name}\n").as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        let after = |key: &str| {
            let line = answer.lines().find(|line| line.contains(key));
            line.unwrap().split_once(key).unwrap().1.trim().to_owned()
        };
        assert_eq!(after("BGP state:"), state);
        assert_eq!(after("Neighbor address:"), address);
    }
    served.server.stop().await;
}

#[tokio::test]
async fn calico_reads_the_routes() {
    let answer = ask(cluster(), V4, "show route").await;
    let row = Regex::new(concat!(
        r"^(?<prefix>\S+)?\s+via (?<via>\S+) on (?<interface>\S+) ",
        r"\[(?<name>\S+) (?<since>\S+)[^]]*\](?<best> \*)? \(\d+",
    ))
    .unwrap();
    let rows = rows(&answer);
    let (end, routes) = rows.split_last().unwrap();
    assert_eq!(*end, (0, String::new()));
    let read: Vec<_> = routes
        .iter()
        .map(|(code, text)| {
            assert_eq!(*code, 1007);
            let found = row.captures(text).unwrap_or_else(|| panic!("{text:?}"));
            let of = |name| found.name(name).map(|part| part.as_str().to_owned());
            (of("prefix"), of("via").unwrap(), of("name").unwrap(), of("best").is_some())
        })
        .collect();
    let hop = || "10.0.0.7".to_owned();
    let name = |n| format!("Node_10_0_0_{n}");
    // The best one first, the others of the same prefix below it.
    let expected = [
        (Some("10.1.0.0/26".to_owned()), hop(), name(7), true),
        (None, hop(), name(7), false),
        (Some("10.1.0.64/26".to_owned()), hop(), name(7), true),
    ];
    assert_eq!(read, expected, "{answer}");
    assert!(ask(cluster(), V6, "show route").await.contains("fd00:1::/122 "));
}

/// What an exporter for Prometheus makes of `show protocols all`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Exported {
    name: String,
    family: String,
    description: String,
    state: String,
    up: bool,
    has_since: bool,
    counts: [u64; 3],
    changes: usize,
}

fn export(answer: &str) -> Vec<Exported> {
    let protocol = Regex::new(concat!(
        r"^(?:1002-)?([^\s]+)\s+(BGP|OSPF|Pipe|Static|Kernel|Direct)\s+([^\s]+)\s+([^\s]+)\s+",
        r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}|[^\s]+)(?:\s+(.*?))?\s*$",
    ))
    .unwrap();
    let uptime = Regex::new(
        r"^(?:(?:\d+):(?:\d{2}):(?:\d{2})|\d+|\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}:\d{2})?)$",
    )
    .unwrap();
    let routes = Regex::new(concat!(
        r"^\s+Routes:\s+(\d+) imported, (?:\d+ filtered, )?(\d+) exported",
        r"(?:, (\d+) preferred)?\s*$",
    ))
    .unwrap();
    let change =
        Regex::new(r"^\s+(Import|Export) (updates|withdraws):\s+(\d+|---)(?:\s+(\d+|---)){4}\s*$")
            .unwrap();
    let channel = Regex::new(r"Channel ipv(4|6)").unwrap();
    let mut all: Vec<Exported> = Vec::new();
    for line in answer.lines() {
        let row = line.strip_prefix(' ').unwrap_or(line);
        if let Some(found) = protocol.captures(row)
            && !row.starts_with(' ')
        {
            all.push(Exported {
                name: found[1].to_owned(),
                state: found.get(6).map_or("", |info| info.as_str()).to_owned(),
                up: &found[4] == "up",
                has_since: uptime.is_match(&found[5]),
                ..Exported::default()
            });
            continue;
        }
        let Some(last) = all.last_mut() else { continue };
        if let Some((_, text)) = line.split_once("Description:") {
            last.description = text.trim().to_owned();
        } else if let Some(found) = channel.captures(line) {
            if last.family.is_empty() {
                last.family = found[1].to_owned();
            } else {
                let Exported { name, description, state, up, has_since, .. } = last;
                let next = Exported {
                    family: found[1].to_owned(),
                    name: name.clone(),
                    description: description.clone(),
                    state: state.clone(),
                    up: *up,
                    has_since: *has_since,
                    ..Exported::default()
                };
                all.push(next);
            }
        } else if let Some(found) = routes.captures(line) {
            last.counts = [1, 2, 3].map(|n| found[n].parse().unwrap());
        } else if change.is_match(line) {
            last.changes += 1;
        }
    }
    all
}

#[tokio::test]
async fn exporters_read_each_channel_of_bird_2() {
    let answer = ask(cluster(), BOTH, "show protocols all").await;
    let row = |name: &str, family: &str, description: &str, up, counts| Exported {
        name: name.to_owned(),
        family: family.to_owned(),
        description: description.to_owned(),
        state: if up { "Established" } else { "Active        ended by us: hold timer expired (4)" }
            .to_owned(),
        up,
        has_since: true,
        counts,
        changes: 4,
    };
    let expected = [
        row("Node_10_0_0_7", "4", "rack=a unit=7", true, [3, 5, 2]),
        row("Node_10_0_0_7", "6", "rack=a unit=7", true, [0, 1, 0]),
        row("Node_10_0_0_8", "4", "", false, [0; 3]),
        row("Node_10_0_0_8", "6", "", false, [0; 3]),
        row("Node_fd00__7", "4", "", true, [0, 8, 0]),
        row("Node_fd00__7", "6", "", true, [1, 0, 1]),
    ];
    assert_eq!(export(&answer), expected, "{answer}");
}

#[tokio::test]
async fn exporters_read_bird_1() {
    let answer = ask(cluster(), V4, "show protocols all").await;
    let read = export(&answer);
    assert_eq!(read.len(), 2);
    assert_eq!((&*read[0].name, read[0].counts, read[0].changes), ("Node_10_0_0_7", [3, 5, 2], 4));
    assert!(read.iter().all(|row| row.has_since && row.family.is_empty()), "{answer}");
    // Numbers that are not there in time are left out.
    let mut source = cluster();
    source.counts = None;
    let answer = ask(source, V4, "show protocols all").await;
    assert!(!answer.contains("Routes:") && answer.contains("BGP state:"), "{answer}");
}
