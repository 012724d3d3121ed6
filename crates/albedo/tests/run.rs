//! The program from outside: start, reload, stop.
#![expect(clippy::unwrap_used, reason = "a test helper that fails is a test that fails")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

const CONFIG: &str = "
asNumber: 64512
routerId: 10.0.0.1
listen: ['127.0.0.1:31790']
peerGroups:
  - {name: nodes, asNumber: 64512, role: client, ranges: ['127.0.0.0/8']}
admin: {http: '127.0.0.1:31791'}
logFormat: json
";

/// A running program, and its log.
struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Program {
    fn run(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_albedo"))
            .args(["run", "--config"])
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// Reads the log up to a line that holds `text`, and gives that.
    fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no {text:?} in:\n{seen}");
            if line.contains(text) {
                return line;
            }
            seen.push_str(&line);
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // If the test has failed it may still be running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn starts_reloads_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("albedo.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    let mut program = Program::run(&file);
    let line = program.until("listening");
    assert!(line.contains("127.0.0.1:31790"), "{line}");

    std::fs::write(&file, CONFIG.replace("role: client", "role: king")).unwrap();
    program.signal("-HUP");
    let line = program.until("reload refused");
    assert!(line.contains("albedo.yaml:6"), "{line}");

    std::fs::write(&file, CONFIG.replace("name: nodes", "name: renamed")).unwrap();
    program.signal("-HUP");
    program.until("configuration reloaded");

    program.signal("-TERM");
    program.until("stopping");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("albedo.yaml");
    std::fs::write(&file, CONFIG.replace("3179", "3180")).unwrap();
    let mut program = Program::run(&file);
    program.until("listening");
    // A peer that does not close its half is waited for a while.
    let mut peer = std::net::TcpStream::connect("127.0.0.1:31800").unwrap();
    peer.read_exact(&mut [0; 19]).unwrap();
    program.signal("-TERM");
    program.until("stopping");
    program.signal("-INT");
    program.until("stopped at once");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
    drop(peer);
}

#[test]
fn a_faulty_configuration_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("albedo.yaml");
    std::fs::write(&file, "asNumber: none\n").unwrap();
    let mut program = Program::run(&file);
    program.until("albedo.yaml:1");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
}
