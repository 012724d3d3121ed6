//! The program as a service: what its supervisor is told, and what it is given.
#![expect(clippy::unwrap_used, reason = "a test helper that fails is a test that fails")]

#[path = "support/program.rs"]
mod program;

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use program::{Program, address, ask, config};

/// How long a word of the program is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads what the program tells its supervisor up to a line that begins so.
fn told(socket: &UnixDatagram, wanted: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut octets = [0; 4096];
        let len = socket.recv(&mut octets).unwrap_or_else(|error| {
            panic!("{error}: no {wanted:?} in:\n{seen}");
        });
        let text = String::from_utf8_lossy(&octets[..len]).into_owned();
        if text.lines().any(|line| line.starts_with(wanted)) {
            return text;
        }
        seen.push_str(&text);
    }
}

fn written(folder: &Path, config: &str) -> std::path::PathBuf {
    let file = folder.join("albedo.yaml");
    std::fs::write(&file, config).unwrap();
    file
}

#[test]
fn a_supervisor_is_told_how_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), &config(11));
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_albedo"));
    command.args(["run", "--config"]).arg(&file);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000").env_remove("WATCHDOG_PID");
    let mut program = Program::start(&mut command);
    told(&socket, "READY=1");
    let status = told(&socket, "STATUS=not ready, ");
    assert!(status.contains("0 of 0 sessions up, 0 prefixes"), "{status}");
    // One sign of life does not show that there is another.
    for _ in 0..3 {
        told(&socket, "WATCHDOG=1");
    }

    program.signal("-HUP");
    let reloading = told(&socket, "RELOADING=1");
    assert!(reloading.lines().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading}");
    told(&socket, "READY=1");

    std::fs::write(&file, "asNumber: none\n").unwrap();
    program.signal("-HUP");
    told(&socket, "RELOADING=1");
    told(&socket, "READY=1");
    let status = told(&socket, "STATUS=");
    assert!(status.contains("the last reload was refused"), "{status}");

    program.signal("-TERM");
    told(&socket, "STOPPING=1");
    program.until("stopped");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

/// Starts it with a descriptor at the place where systemd passes them.
fn with_socket(file: &Path, socket: OwnedFd) -> Program {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 3<&0 0</dev/null; exec \"$0\" run --config \"$1\""])
        .arg(env!("CARGO_BIN_EXE_albedo"))
        .arg(file)
        .env("LISTEN_FDS", "1")
        .env_remove("LISTEN_PID")
        .stdin(Stdio::from(socket));
    Program::start(&mut command)
}

#[test]
fn a_port_that_was_open_before_is_taken_over_with_who_waits_there() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind(format!("{}:0", address(12))).unwrap();
    let port = listener.local_addr().unwrap();
    let text = config(12).replace(&format!("{}:31790", address(12)), &port.to_string());
    let file = written(folder.path(), &text);
    // It waits before there is anybody.
    let mut early = TcpStream::connect(port).unwrap();
    early.set_read_timeout(Some(PATIENCE)).unwrap();
    // This process keeps it, too, as a supervisor does.
    let kept = listener.try_clone().unwrap();
    let mut program = with_socket(&file, listener.into());
    let line = program.until("\"listening\"");
    assert!(line.contains(&port.to_string()), "{line}");
    let mut head = [0; 19];
    early.read_exact(&mut head).unwrap();
    assert_eq!(head[..16], [0xff; 16]);
    assert_eq!(head[18], 1, "an OPEN");
    program.signal("-TERM");
    program.until("\"stopped\"");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    drop(early);

    // And the next one is not refused while there is nobody.
    let mut next = TcpStream::connect(port).unwrap();
    next.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut again = with_socket(&file, kept.into());
    next.read_exact(&mut head).unwrap();
    again.signal("-TERM");
    again.until("\"stopped\"");
}

#[test]
fn a_port_that_nobody_asked_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), &config(13));
    let listener = TcpListener::bind(format!("{}:0", address(13))).unwrap();
    let port = listener.local_addr().unwrap();
    let mut program = with_socket(&file, listener.into());
    let line = program.until("albedo: ");
    let asked = format!("{}:31790", address(13));
    let wanted = format!("a socket at {port} was passed on, but listen has only {asked}");
    assert!(line.contains(&wanted), "{line}");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));

    let (datagrams, _) = UnixDatagram::pair().unwrap();
    let mut program = with_socket(&file, datagrams.into());
    let line = program.until("albedo: ");
    assert!(line.contains("socket activation: descriptor 3 is no TCP socket"), "{line}");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_bundle_has_everything_but_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let text = config(14).replace("role: client", "role: client, password: s3cret-word");
    let file = written(folder.path(), &text);
    let mut program = Program::run(&file);
    let line = program.until("metrics, health and status");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let admin = line["addr"].as_str().unwrap().to_owned();
    program.until("\"listening\"");
    let answer = ask(&admin, "/startupz");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("waits for the first peer"), "{answer}");

    let bundle = |name: &str| {
        Command::new(env!("CARGO_BIN_EXE_albedo"))
            .args(["debug", "bundle", "--admin", &admin, "--output", name])
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let output = bundle("bundle.tar.gz");
    assert!(output.status.success(), "{output:?}");
    let unpacked = Command::new("tar")
        .args(["-xzf", "bundle.tar.gz"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(unpacked.success());
    let unpacked = folder.path().join("albedo-bundle");
    let read = |name: &str| std::fs::read_to_string(unpacked.join(name)).unwrap();
    assert!(read("status.json").contains("\"asNumber\":64512"));
    assert!(read("metrics.txt").contains("albedo_build_info"));
    assert!(read("startupz.txt").contains("startupz check failed"));
    assert!(read("config.yaml").contains("password: \"(left out)\""));
    assert!(read("process.txt").contains("VmRSS"));
    for entry in std::fs::read_dir(&unpacked).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("s3cret"), "{}", path.display());
    }
    // A second one is not written over the first.
    let again = bundle("bundle.tar.gz");
    assert_eq!(again.status.code(), Some(1), "{again:?}");

    program.signal("-TERM");
    program.until("\"stopped\"");
    let nobody = bundle("other.tar.gz");
    assert_eq!(nobody.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(complaint.contains("there is nothing to write"), "{complaint}");
}
