//! What a reflector answers on its administrative address.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::lab::Node;

/// Where every reflector of the scenarios answers, inside of its namespace.
const ADDRESS: &str = "127.0.0.1:9179";
/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Asks the reflector of a node for the JSON at a path, such as `/api/v1/peers`.
///
/// # Errors
/// When it does not answer, or answers something else.
pub fn json(node: &Node, path: &str) -> Result<Value> {
    json_at(node, ADDRESS, path)
}

/// The same of whoever answers at an address inside of a node's namespace.
///
/// # Errors
/// As [`json`].
pub fn json_at(node: &Node, address: &str, path: &str) -> Result<Value> {
    let answer = node.inside(|| -> Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    })?;
    let answer = answer.with_context(|| path.to_owned())?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.ends_with(" 200 OK"), "{path}: {status}: {body}");
    serde_json::from_str(body).with_context(|| format!("{path}: {body}"))
}
