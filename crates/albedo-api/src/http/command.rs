//! Requests that change sessions, the configuration or the log.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::App;
use super::control::{BODY_MAX, Remote, check, refuse};
use crate::control::{LogLevelRequest, MESSAGE_BYTES_MAX, ReloadRequest, ResetRequest};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/reset", post(reset))
        .route("/api/v1/reload", post(reload))
        .route("/api/v1/log-level", put(log_level))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// The request, if whoever asks may ask for it.
fn read<T: DeserializeOwned>(
    remote: Remote,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<T, Box<Response>> {
    if let Err(refusal) = check(remote, headers) {
        return Err(Box::new(refuse(StatusCode::FORBIDDEN, refusal)));
    }
    serde_json::from_slice(body)
        .map_err(|error| Box::new(refuse(StatusCode::BAD_REQUEST, &error.to_string())))
}

fn answer<T: Serialize>(result: Result<T, String>) -> Response {
    match result {
        Ok(status) => ([(CACHE_CONTROL, "no-store")], Json(status)).into_response(),
        Err(why) => refuse(StatusCode::CONFLICT, &why),
    }
}

/// `POST /api/v1/reset`.
async fn reset(
    State(app): State<App>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request: ResetRequest = match read(remote, &headers, &body) {
        Ok(request) => request,
        Err(refusal) => return *refusal,
    };
    let found = request.message.len();
    if found > MESSAGE_BYTES_MAX {
        let why = format!("message: found {found} octets, expected at most {MESSAGE_BYTES_MAX}");
        return refuse(StatusCode::BAD_REQUEST, &why);
    }
    answer(app.control.reset(&request))
}

/// `POST /api/v1/reload`.
async fn reload(
    State(app): State<App>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match read::<ReloadRequest>(remote, &headers, &body) {
        Ok(request) => answer(app.control.reload(request).await),
        Err(refusal) => *refusal,
    }
}

/// `PUT /api/v1/log-level`.
async fn log_level(
    State(app): State<App>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match read::<LogLevelRequest>(remote, &headers, &body) {
        Ok(request) => answer(app.control.set_log_level(&request.level).map(|()| request)),
        Err(refusal) => *refusal,
    }
}
