//! The administrative HTTP server: metrics, health, a page and the JSON behind it.
//!
//! It answers everybody's questions; what changes something is asked from this machine only.

mod ask;
mod command;
mod control;
mod explain;
mod health;
mod page;
mod peer_metrics;

use std::fmt;
use std::future::{Future, Ready, ready};
use std::io;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{DefaultBodyLimit, Query, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::control::Control;
use crate::explain::{ExplainError, ExplainRequest, Explained};
use crate::guard::{Guarded, Places};
use crate::recorder::{Metrics, UPKEEP_INTERVAL};
use crate::status::StatusSource;

/// The exposition format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const NO_CLUSTER: &str = "peers come from no Calico cluster\n";

#[derive(Clone)]
struct App {
    source: Arc<dyn StatusSource>,
    control: Arc<dyn Control>,
    metrics: Arc<Metrics>,
    recent: Arc<page::Recent>,
}

/// Where it is asked.
#[derive(Debug, Default)]
pub struct Doors {
    /// Over TCP.
    pub http: Option<TcpListener>,
    /// Over a Unix socket.
    pub socket: Option<UnixListener>,
    /// Where its connections are counted.
    pub places: Places,
}

/// Answers at all doors until `stop` is ready.
///
/// # Errors
///
/// A listener fails for good.
pub async fn serve(
    doors: Doors,
    source: Arc<dyn StatusSource>,
    control: Arc<dyn Control>,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let recent = Arc::new(page::Recent::default());
    let app = App { source, control, metrics, recent };
    let upkeep = tokio::spawn(run_upkeep(app.clone()));
    let router = router(app);
    let (tell, stopped) = watch::channel(());
    let stop = async move {
        stop.await;
        // Whoever waits for a word hears that there will be none.
        drop(tell);
        Ok(())
    };
    let guarded = |listener| Guarded::counted(listener, &doors.places);
    let http = at(doors.http.map(guarded), router.clone(), stopped.clone());
    let guarded = |listener| Guarded::counted(listener, &doors.places);
    let socket = at(doors.socket.map(guarded), router, stopped);
    let result = tokio::try_join!(stop, http, socket);
    upkeep.abort();
    result.map(|_| ())
}

/// Answers at one door until it is told to stop.
async fn at<L>(
    listener: Option<Guarded<L>>,
    router: Router,
    mut stopped: watch::Receiver<()>,
) -> io::Result<()>
where
    L: Listener,
    L::Addr: fmt::Debug,
    for<'a> control::Remote: Connected<IncomingStream<'a, Guarded<L>>>,
{
    let Some(listener) = listener else { return Ok(()) };
    let service = router.into_make_service_with_connect_info::<control::Remote>();
    let answers = axum::serve(listener, service);
    let until = async move {
        // It ends with an error, for nothing is ever sent.
        let _ = stopped.changed().await;
    };
    answers.with_graceful_shutdown(until).await
}

async fn run_upkeep(app: App) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.metrics.run_upkeep();
        app.recent.look(&app.source.snapshot());
    }
}

fn router(app: App) -> Router {
    let confirm = post(control::confirm);
    let drain = get(control::status).post(control::drain).delete(control::cancel);
    Router::new()
        .route("/", get(index))
        .route("/page.js", get(script))
        .route("/metrics", get(scrape))
        .route("/metrics/peers", get(peer_metrics::scrape))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/startupz", get(startupz))
        .route("/api/v1/status", get(status))
        .route("/api/v1/peers", get(ask::peers))
        .route("/api/v1/peers/{address}", get(ask::peer))
        .route("/api/v1/groups", get(ask::groups))
        .route("/api/v1/explain", get(explain::explain))
        .route("/api/v1/routes", get(ask::routes))
        .merge(command::router())
        .route("/api/v1/calico", get(calico))
        .route("/api/v1/calico/verify", get(verify))
        .route("/api/v1/calico/confirm", confirm.layer(DefaultBodyLimit::max(control::BODY_MAX)))
        .route("/api/v1/drain", drain.layer(DefaultBodyLimit::max(control::BODY_MAX)))
        .with_state(app)
}

fn scrape(State(app): State<App>) -> Ready<Response> {
    let text = app.metrics.render(&app.source.snapshot());
    ready(([(CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

fn livez(State(app): State<App>, RawQuery(query): RawQuery) -> Ready<Response> {
    ready(health::answer("livez", &app.source.live(), query.as_deref()))
}

fn readyz(State(app): State<App>, RawQuery(query): RawQuery) -> Ready<Response> {
    ready(health::answer("readyz", &app.source.ready(), query.as_deref()))
}

fn startupz(State(app): State<App>, RawQuery(query): RawQuery) -> Ready<Response> {
    ready(health::answer("startupz", &app.source.started(), query.as_deref()))
}

fn status(State(app): State<App>) -> Ready<Response> {
    ready(([(CACHE_CONTROL, "no-store")], Json(app.source.status())).into_response())
}

fn calico(State(app): State<App>) -> Ready<Response> {
    ready(match app.source.calico() {
        Some(status) => ([(CACHE_CONTROL, "no-store")], Json(status)).into_response(),
        None => (StatusCode::NOT_FOUND, NO_CLUSTER).into_response(),
    })
}

async fn verify(State(app): State<App>) -> Response {
    match app.source.verify().await {
        Some(Ok(verdict)) => ([(CACHE_CONTROL, "no-store")], Json(verdict)).into_response(),
        Some(Err(why)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
        None => (StatusCode::NOT_FOUND, NO_CLUSTER).into_response(),
    }
}

async fn index(State(app): State<App>, Query(query): Query<page::PageQuery>) -> Response {
    let explained = match query.prefix.trim() {
        "" => None,
        prefix => Some(look_up(&app, prefix, query.to.trim()).await),
    };
    let html = page::render(&page::Page {
        status: &app.source.status(),
        peers: &app.source.peers(),
        groups: &app.source.groups(),
        ready: &app.source.ready(),
        snapshot: &app.source.snapshot(),
        recent: &app.recent,
        query: &query,
        explained: explained.as_ref(),
    });
    // No script but its own, nothing from elsewhere, in nobody's frame.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; \
                  connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (StatusCode::OK, headers, html).into_response()
}

/// What the page says of a route.
async fn look_up(app: &App, prefix: &str, to: &str) -> Result<Explained, String> {
    let to = match to {
        "" => None,
        to => Some(to.parse().map_err(|_| format!("peer: found {to:?}, expected an IP address"))?),
    };
    let request = ExplainRequest { prefix: prefix.to_owned(), to, at: None };
    app.source.explain(request).await.map_err(|error| match error {
        ExplainError::Bad(why) | ExplainError::NoPeer(why) | ExplainError::Busy(why) => why,
    })
}

fn script() -> Ready<Response> {
    let headers = [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    ready((headers, page::SCRIPT).into_response())
}

#[cfg(test)]
mod tests;
