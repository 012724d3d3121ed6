//! The program in a Calico cluster whose resources lie in a file, asked from outside.
#![expect(clippy::unwrap_used, reason = "a test helper that fails is a test that fails")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const CONFIG: &str = "
asNumber: 64512
routerId: 10.0.0.1
listen: ['ADDRESS:31790']
calico: {files: [cluster.yaml], external: ['ADDRESS'], guard: {maxLoss: 1, minLoss: 1, hold: 0}}
admin: {http: 'ADDRESS:0'}
logFormat: json
";

const PEER: &str = "
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: reflector}
spec: {nodeSelector: NODES, peerIP: ADDRESS, asNumber: 64512}
---
";

const NODES: &str = "
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: w1, labels: {only: one}}
spec: {bgp: {ipv4Address: 192.0.2.1/24}}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: w2}
spec: {bgp: {ipv4Address: 192.0.2.2/24}}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: w3}
spec: {bgp: {ipv4Address: 192.0.2.3/24}}
---
apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata: {name: w1-block}
spec: {node: w1, cidr: 10.244.1.0/26, state: confirmed, deleted: 'false'}
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {nodeToNodeMeshEnabled: false}
";

/// An address of this process's own, so that nobody else listens there.
fn address() -> String {
    let id = std::process::id();
    format!("127.{}.{}.9", 1 + id / 250 % 250, 1 + id % 250)
}

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // If the test has failed it may still be running.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it; where it is asked.
fn run(folder: &Path) -> (Program, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_albedo"))
        .args(["run", "--config", "albedo.yaml"])
        .current_dir(folder)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let program = Program(child);
    let (mut line, mut admin) = (String::new(), String::new());
    while !line.contains("listening") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it has ended");
        if line.contains("metrics, health and status") {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            admin = line["addr"].as_str().unwrap().to_owned();
        }
    }
    // Whoever wrote into a log that nobody reads would wait.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (program, admin)
}

fn ask(admin: &str, words: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_albedo"));
    let output = command.arg("calico").args(words).args(["--admin", admin]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text + &String::from_utf8(output.stderr).unwrap(), output.status.code())
}

/// Asks until the answer has this in it and this exit code.
fn until(admin: &str, words: &[&str], wanted: &str, code: i32) -> String {
    // The harness ends a test that hangs.
    loop {
        let (text, found) = ask(admin, words);
        if text.contains(wanted) && found == Some(code) {
            return text;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn status_verify_and_confirm() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text.replace("ADDRESS", &address())).unwrap();
    };
    write("albedo.yaml", CONFIG);
    write("cluster.yaml", &(PEER.replace("NODES", "all()") + NODES));
    let (_program, admin) = run(folder.path());

    let status = until(&admin, &["status"], "3 in force", 0);
    for line in [
        &*format!("Reflector:  external {}", address()),
        "Datastore:  connected; last word ",
        "Resources:  3 Node, 1 BGPPeer, 1 BGPConfiguration, 1 BlockAffinity (snapshot ",
        "Guard:      nothing is held back",
    ] {
        assert!(status.contains(line), "no {line:?} in\n{status}");
    }
    assert_eq!(ask(&admin, &["confirm"]), ("nothing is held back\n".to_owned(), Some(0)));

    let (verdict, code) = ask(&admin, &["verify"]);
    assert_eq!(code, Some(1), "{verdict}");
    let headline = "NOT all is well, and the mesh is off: 0/3 nodes connected, 1 blocks missing\n";
    assert!(verdict.starts_with(headline), "{verdict}");
    assert!(verdict.contains("\n  w2  Node_192_0_2_2  "), "{verdict}");
    assert!(verdict.contains("blocks missing: 1\n  w1  10.244.1.0/26\n"), "{verdict}");
    let (json, _) = ask(&admin, &["verify", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["nodes"], &json["blocks"]), (&3.into(), &1.into()), "{json}");

    // Two of three would go.
    write("cluster.yaml", &(PEER.replace("NODES", "has(only)") + NODES));
    until(&admin, &["status"], "HOLDS BACK the end of ", 1);
    until(&admin, &["verify"], "is held back: see albedo calico confirm", 1);
    let (shown, code) = ask(&admin, &["confirm"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("would end: 192.0.2."), "{shown}");
    let digest = shown.trim_end().rsplit(' ').next().unwrap();
    let (refused, code) = ask(&admin, &["confirm", "1"]);
    assert!(refused.contains("something else is held back by now") && code == Some(1), "{refused}");
    let (confirmed, code) = ask(&admin, &["confirm", digest]);
    assert!(confirmed.contains("confirmed: ") && code == Some(0), "{confirmed}");
    until(&admin, &["status"], "1 in force", 0);
}
