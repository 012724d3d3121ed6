//! The program from outside: start, reload, stop.

#[path = "support/program.rs"]
mod program;

use std::io::Read as _;

use program::{Program, address, ask, config};

#[test]
fn starts_reloads_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("albedo.yaml");
    let config = config(1);
    std::fs::write(&file, &config).unwrap();
    let mut program = Program::run(&file);
    let line = program.until("metrics, health and status");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let admin = line["addr"].as_str().unwrap().to_owned();
    assert!(!admin.ends_with(":0"), "{admin}: the port that was chosen");
    let line = program.until("listening");
    assert!(line.contains(&format!("{}:31790", address(1))), "{line}");
    assert!(ask(&admin, "/livez").starts_with("HTTP/1.1 200 "));

    std::fs::write(&file, config.replace("role: client", "role: king")).unwrap();
    program.signal("-HUP");
    let line = program.until("reload refused");
    assert!(line.contains("albedo.yaml:6"), "{line}");

    assert!(ask(&admin, "/api/v1/status").contains("albedo.yaml:6"), "the fault is in the status");

    std::fs::write(&file, config.replace("name: nodes", "name: renamed")).unwrap();
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
    std::fs::write(&file, config(2)).unwrap();
    let mut program = Program::run(&file);
    program.until("listening");
    // A peer that does not close its half is waited for a while.
    let mut peer = std::net::TcpStream::connect(format!("{}:31790", address(2))).unwrap();
    peer.read_exact(&mut [0; 19]).unwrap();
    // Both are there before the program can do anything about the first.
    for signal in ["-STOP", "-TERM", "-INT", "-CONT"] {
        program.signal(signal);
    }
    program.until("stopping");
    program.until("stopped at once");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
    drop(peer);
}

#[test]
fn an_admin_address_that_is_taken_is_found_before_any_node_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("albedo.yaml");
    let taken = std::net::TcpListener::bind(format!("{}:0", address(3))).unwrap();
    let admin = taken.local_addr().unwrap().to_string();
    std::fs::write(&file, config(3).replace(&format!("{}:0", address(3)), &admin)).unwrap();
    let mut program = Program::run(&file);
    let line = program.until("albedo: ");
    assert!(line.contains(&format!("admin.http: cannot listen on {admin}: ")), "{line}");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("albedo.yaml");
    std::fs::write(&file, config(4).replace("logFormat: json", "logLevel: debug")).unwrap();
    let mut program = Program::run(&file);
    let line = program.until("metrics, health and status");
    let admin = line.trim_end().rsplit_once("addr=").unwrap().1.to_owned();
    program.until("listening");
    // Each of these is a line of the log; together far more than a pipe and the queue hold.
    const CONNECTIONS: u32 = 8_000;
    for _ in 0..CONNECTIONS {
        drop(std::net::TcpStream::connect(format!("{}:31790", address(4))).unwrap());
    }
    let accepted = format!("albedo_connections_accepted_total {CONNECTIONS}\n");
    while !ask(&admin, "/metrics").contains(&accepted) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(ask(&admin, "/livez").starts_with("HTTP/1.1 200 "));
    program.until("lines of the log were lost");
    program.signal("-TERM");
    program.until("stopping");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
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
