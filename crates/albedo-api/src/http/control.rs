//! The requests that change something, and who may make them.
//!
//! There is no password, so only this machine may: the connection has to come over the Unix
//! socket, whose permissions say who may use it, or from a loopback address. A browser on this
//! machine may be made to ask by a page from anywhere: the request has to be JSON, which such a
//! page cannot send to another site unasked, and the host has to be named by address, which a name
//! that was made to point here is not.

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::body::Bytes;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, UnixListener};

use super::App;
use crate::control::{DRAIN_SECONDS_MAX, DrainRequest, DrainStatus};
use crate::guard::Guarded;
use crate::status::ConfirmRequest;

/// Octets of a request's body.
pub(super) const BODY_MAX: usize = 4096;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Remote {
    /// Somebody over TCP.
    Tcp(SocketAddr),
    /// Somebody whom the file of the socket lets in.
    Unix,
}

impl Connected<IncomingStream<'_, Guarded<TcpListener>>> for Remote {
    fn connect_info(stream: IncomingStream<'_, Guarded<TcpListener>>) -> Self {
        Self::Tcp(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, Guarded<UnixListener>>> for Remote {
    fn connect_info(_: IncomingStream<'_, Guarded<UnixListener>>) -> Self {
        Self::Unix
    }
}

/// `POST /api/v1/drain`.
pub(super) async fn drain(
    State(app): State<App>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refusal) = check(remote, &headers) {
        return refuse(StatusCode::FORBIDDEN, refusal);
    }
    let request: DrainRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if request.over_seconds.max(request.limit_seconds) > DRAIN_SECONDS_MAX {
        let allowed = format!("overSeconds, limitSeconds: expected at most {DRAIN_SECONDS_MAX}");
        return refuse(StatusCode::BAD_REQUEST, &allowed);
    }
    answer(app.control.drain(&request))
}

/// `DELETE /api/v1/drain`.
pub(super) async fn cancel(
    State(app): State<App>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
) -> Response {
    match check(remote, &headers) {
        Ok(()) => answer(app.control.cancel_drain()),
        Err(refusal) => refuse(StatusCode::FORBIDDEN, refusal),
    }
}

/// `POST /api/v1/calico/confirm`.
pub(super) async fn confirm(
    State(app): State<App>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refusal) = check(remote, &headers) {
        return refuse(StatusCode::FORBIDDEN, refusal);
    }
    let request: ConfirmRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match app.control.confirm(&request.digest) {
        Ok(()) => ([(CACHE_CONTROL, "no-store")], Json(app.source.calico())).into_response(),
        Err(why) => refuse(StatusCode::CONFLICT, &why),
    }
}

/// `GET /api/v1/drain`.
pub(super) async fn status(State(app): State<App>) -> Response {
    answer(Ok(app.control.drain_status()))
}

fn answer(result: Result<DrainStatus, String>) -> Response {
    match result {
        Ok(status) => ([(CACHE_CONTROL, "no-store")], Json(status)).into_response(),
        Err(why) => refuse(StatusCode::CONFLICT, &why),
    }
}

pub(super) fn refuse(code: StatusCode, why: &str) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (code, headers, format!("{why}\n")).into_response()
}

/// Whether this request may change something.
pub(super) fn check(remote: Remote, headers: &HeaderMap) -> Result<(), &'static str> {
    let Remote::Tcp(remote) = remote else { return Ok(()) };
    if !remote.ip().to_canonical().is_loopback() {
        return Err("only this machine may change something, over a loopback address");
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if !text(HOST).is_some_and(is_address) {
        return Err("the host has to be named by its address");
    }
    let kind = text(CONTENT_TYPE).and_then(|kind| kind.split(';').next());
    if kind.map(str::trim) != Some("application/json") {
        return Err("the content type has to be application/json");
    }
    Ok(())
}

/// Whether a host is named by address, or by the one name that always means this machine.
fn is_address(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => name,
        _ => host,
    };
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    inner == "localhost" || inner.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses() {
        for host in ["127.0.0.1", "127.0.0.1:9179", "[::1]:9179", "[::1]", "localhost:1"] {
            assert!(is_address(host), "{host}");
        }
        for host in ["", "example.org", "example.org:9179", "127.0.0.1.example.org:80", ":9179"] {
            assert!(!is_address(host), "{host}");
        }
    }

    #[test]
    fn only_this_machine_may() {
        let headers = |host: &str, kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            headers
        };
        let from = |ip: [u8; 4]| Remote::Tcp((ip, 1).into());
        let good = headers("127.0.0.1:9179", "application/json; charset=utf-8");
        assert_eq!(check(from([127, 0, 0, 1]), &good), Ok(()));
        assert!(check(from([10, 0, 0, 1]), &good).is_err());
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        assert_eq!(check(Remote::Tcp((mapped, 1).into()), &good), Ok(()));
        for bad in [headers("evil.example", "application/json"), headers("[::1]", "text/plain")] {
            assert!(check(from([127, 0, 0, 1]), &bad).is_err());
        }
        assert!(check(from([127, 0, 0, 1]), &HeaderMap::new()).is_err());
        assert_eq!(check(Remote::Unix, &HeaderMap::new()), Ok(()));
    }
}
