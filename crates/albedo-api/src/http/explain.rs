//! `GET /api/v1/explain`.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::App;
use super::control::refuse;
use crate::explain::{ExplainError, ExplainRequest};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainQuery {
    prefix: String,
    to: Option<IpAddr>,
    at: Option<String>,
}

pub(super) async fn explain(
    State(app): State<App>,
    Query(ExplainQuery { prefix, to, at }): Query<ExplainQuery>,
) -> Response {
    match app.source.explain(ExplainRequest { prefix, to, at }).await {
        Ok(explained) => ([(CACHE_CONTROL, "no-store")], Json(explained)).into_response(),
        Err(ExplainError::Bad(why)) => refuse(StatusCode::BAD_REQUEST, &why),
        Err(ExplainError::NoPeer(why)) => refuse(StatusCode::NOT_FOUND, &why),
        Err(ExplainError::Busy(why)) => refuse(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}
