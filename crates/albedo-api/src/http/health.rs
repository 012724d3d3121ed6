//! `/livez`, `/readyz` and `/startupz`, in the manner of the Kubernetes API server.

use std::fmt::Write as _;

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use crate::status::Check;

/// `ok` with 200, or with 503 every check; `?verbose` tells them in any case.
pub(super) fn answer(name: &str, checks: &[Check], query: Option<&str>) -> Response {
    let ok = checks.iter().all(|check| check.ok);
    let verbose = query.is_some_and(|query| {
        query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="))
    });
    let code = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = if ok && !verbose { "ok\n".to_owned() } else { tell(name, checks, ok) };
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (code, headers, text).into_response()
}

fn tell(name: &str, checks: &[Check], ok: bool) -> String {
    let mut text = String::new();
    for check in checks {
        let (mark, word) = if check.ok { ('+', "ok") } else { ('-', "failed") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "[{mark}]{} {word}: {}", check.name, check.detail);
    }
    let _ = writeln!(text, "{name} check {}", if ok { "passed" } else { "failed" });
    text
}
