//! Asking a running reflector over its administrative HTTP.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::de::DeserializeOwned;

/// How long a connection may take, and an answer that costs nothing to make.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Octets of an answer: a line for each client, and more of them than there can be.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Which reflector is asked.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct AdminArgs {
    /// Where the reflector's `admin.http` is.
    #[arg(long, value_name = "ADDRESS:PORT", env = "ALBEDO_ADMIN_HTTP",
          default_value_t = albedo_config::defaults::ADMIN_HTTP)]
    pub(crate) admin: SocketAddr,
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
    pub(crate) fn send<T: DeserializeOwned>(&self, admin: SocketAddr) -> Result<T> {
        let (code, body) = self.text(admin)?;
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
    pub(crate) fn text(&self, admin: SocketAddr) -> Result<(String, String)> {
        let Self { method, path, body, patience } = self;
        let mut stream = TcpStream::connect_timeout(&admin, ANSWER_MAX)
            .with_context(|| format!("cannot reach a reflector at {admin} (its admin.http)"))?;
        stream.set_read_timeout(Some(*patience))?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {admin}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).context("no answer")?;
        let answer = String::from_utf8(answer).context("an answer that is no text")?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end")?;
        let code = head.split_whitespace().nth(1).unwrap_or_default();
        Ok((code.to_owned(), body.to_owned()))
    }
}

#[cfg(test)]
pub(crate) mod tests;
