//! The program as a child of a test: a configuration, its log, its admin interface.

#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part; what fails is a failure")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

const CONFIG: &str = "
asNumber: 64512
routerId: 10.0.0.1
listen: ['ADDRESS:31790']
peerGroups:
  - {name: nodes, asNumber: 64512, role: client, ranges: ['127.0.0.0/8']}
admin: {http: 'ADDRESS:0'}
logFormat: json
";

/// An address of this test's own, so that nobody else listens there: nextest runs each in a
/// process, and else there is the number.
pub(crate) fn address(test: u8) -> String {
    let id = std::process::id();
    format!("127.{}.{}.{test}", 1 + id / 250 % 250, 1 + id % 250)
}

pub(crate) fn config(test: u8) -> String {
    CONFIG.replace("ADDRESS", &address(test))
}

/// What somebody at a shell would get.
pub(crate) fn ask(at: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(at).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A running program, and its log.
pub(crate) struct Program {
    pub(crate) child: Child,
    log: BufReader<ChildStderr>,
}

impl Program {
    pub(crate) fn run(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_albedo"));
        command.args(["run", "--config"]).arg(config);
        Self::start(&mut command)
    }

    /// Starts a command that becomes the program.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// Reads the log up to a line that holds `text`, and gives that.
    pub(crate) fn until(&mut self, text: &str) -> String {
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

    pub(crate) fn signal(&self, name: &str) {
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
