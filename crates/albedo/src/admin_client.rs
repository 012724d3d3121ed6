//! Asking a running reflector over its administrative HTTP, on its Unix socket or its port.

use std::env;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use albedo_config::defaults;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::de::DeserializeOwned;

/// How long a connection may take, and an answer that costs nothing to make.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Octets of an answer: a line for each client, and more of them than there can be.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Octets of a line of an answer that comes a line each.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Which reflector is asked.
#[derive(Clone, Debug, Args)]
pub(crate) struct AdminArgs {
    /// Where the reflector answers: its `admin.socket` or its `admin.http`. [default: the socket
    /// of `ALBEDO_ADMIN_SOCKET` or /run/albedo/albedo.sock if it is there, else
    /// `ALBEDO_ADMIN_HTTP` or 127.0.0.1:9179]
    #[arg(long, value_name = "SOCKET|ADDRESS:PORT", env = "ALBEDO_ADMIN")]
    admin: Option<Target>,
}

impl AdminArgs {
    /// What is asked.
    pub(crate) fn target(&self) -> Target {
        match &self.admin {
            Some(target) => target.clone(),
            None => default_target(|name| env::var(name).ok(), Path::exists),
        }
    }
}

/// What is asked where nothing is said: the same variables that the reflector heeds say where.
fn default_target(
    variable: impl Fn(&str) -> Option<String>,
    is_there: impl Fn(&Path) -> bool,
) -> Target {
    let set = |name| variable(name).filter(|value| !value.is_empty() && value != "off");
    let socket = set("ALBEDO_ADMIN_SOCKET").unwrap_or_else(|| defaults::ADMIN_SOCKET.to_owned());
    if is_there(Path::new(&socket)) {
        return Target::Socket(socket.into());
    }
    let http = set("ALBEDO_ADMIN_HTTP").and_then(|http| http.parse().ok());
    Target::Http(reachable(http.unwrap_or(defaults::ADMIN_HTTP)))
}

/// Where a listener on any address is found on its own machine.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

/// One reflector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// By its `admin.http`.
    Http(SocketAddr),
    /// By its `admin.socket`.
    Socket(PathBuf),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Socket(path.into()));
        }
        match text.parse() {
            Ok(addr) => Ok(Self::Http(addr)),
            Err(_) if text.contains('/') => Ok(Self::Socket(text.into())),
            Err(_) => Err("expected the name of a socket such as /run/albedo/albedo.sock, or \
                           an address and a port such as 127.0.0.1:9179"
                .to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(addr) => addr.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

/// A connection of either kind.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Target {
    fn connect(&self, patience: Duration) -> Result<Box<dyn Stream>> {
        let (connected, key): (io::Result<Box<dyn Stream>>, _) = match self {
            Self::Http(addr) => {
                let stream = TcpStream::connect_timeout(addr, ANSWER_MAX).and_then(|stream| {
                    stream.set_read_timeout(Some(patience))?;
                    Ok(Box::new(stream) as _)
                });
                (stream, "admin.http")
            }
            Self::Socket(path) => {
                let stream = UnixStream::connect(path).and_then(|stream| {
                    stream.set_read_timeout(Some(patience))?;
                    Ok(Box::new(stream) as _)
                });
                (stream, "admin.socket")
            }
        };
        connected.with_context(|| format!("cannot reach a reflector at {self} (its {key})"))
    }

    /// What stands in a request for the host.
    fn host(&self) -> String {
        match self {
            Self::Http(addr) => addr.to_string(),
            Self::Socket(_) => "localhost".to_owned(),
        }
    }
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// Such as `GET`.
    pub(crate) method: &'a str,
    /// Such as `/api/v1/calico`.
    pub(crate) path: &'a str,
    /// JSON, or nothing.
    pub(crate) body: &'a str,
    /// How long the reflector may be silent.
    pub(crate) patience: Duration,
}

impl<'a> Ask<'a> {
    /// Asks for something that costs nothing to make.
    pub(crate) const fn get(path: &'a str) -> Self {
        Self { method: "GET", path, body: "", patience: ANSWER_MAX }
    }

    /// What the reflector says to it.
    ///
    /// # Errors
    ///
    /// Nobody answers there, it is refused, or the answer is not understood.
    pub(crate) fn send<T: DeserializeOwned>(&self, target: &Target) -> Result<T> {
        let (code, body) = self.text(target)?;
        if code != "200" {
            bail!("refused ({code}): {}", body.trim_end());
        }
        serde_json::from_str(&body).context("an answer that is not understood")
    }

    /// The code and the body of what it says.
    ///
    /// # Errors
    ///
    /// Nobody answers there, or not in HTTP.
    pub(crate) fn text(&self, target: &Target) -> Result<(String, String)> {
        let stream = self.begin(target, "1.1")?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).context("no answer")?;
        let answer = String::from_utf8(answer).context("an answer that is no text")?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end")?;
        Ok((code(head).to_owned(), body.to_owned()))
    }

    /// An answer that comes a line each, as it comes.
    ///
    /// # Errors
    ///
    /// Nobody answers there, or it is refused.
    pub(crate) fn lines(&self, target: &Target) -> Result<Lines> {
        // In the older version an answer ends with its connection and has no marks in between.
        let mut reader = BufReader::new(self.begin(target, "1.0")?);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut head);
            if read.context("no answer")? == 0 {
                bail!("an answer without an end");
            }
        }
        let code = code(&head);
        if code != "200" {
            let mut body = String::new();
            reader.take(LINE_BYTES_MAX).read_to_string(&mut body).context("no answer")?;
            bail!("refused ({code}): {}", body.trim_end());
        }
        Ok(Lines { reader, line: String::new() })
    }

    fn begin(&self, target: &Target, version: &str) -> Result<Box<dyn Stream>> {
        let Self { method, path, body, patience } = self;
        let mut stream = target.connect(*patience)?;
        let request = format!(
            "{method} {path} HTTP/{version}\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            target.host(),
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    }
}

/// A value as a part of a URL.
pub(crate) fn encoded(text: &str) -> String {
    let octet = |octet: u8| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(octet).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(octet).collect()
}

fn code(head: &str) -> &str {
    head.split_whitespace().nth(1).unwrap_or_default()
}

/// Lines of an answer.
pub(crate) struct Lines {
    reader: BufReader<Box<dyn Stream>>,
    line: String,
}

impl Lines {
    /// The next one; `None` where the connection has ended.
    ///
    /// # Errors
    ///
    /// The reflector has gone, or is silent.
    pub(crate) fn next(&mut self) -> Result<Option<&str>> {
        self.line.clear();
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut self.line);
        Ok((read.context("no answer")? > 0).then_some(self.line.trim_end()))
    }
}

#[cfg(test)]
pub(crate) mod tests;
