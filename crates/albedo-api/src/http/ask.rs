//! Questions about peers, groups and routes: `/api/v1/peers/…`, `/api/v1/groups`,
//! `/api/v1/routes`.
//!
//! Routes are told a line each (`application/x-ndjson`), page by page as the reader takes them, so
//! a million of them cost no more memory than a page; the last line says how many there were, or
//! why there are no more.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use albedo_types::{Family, PeerId, Prefix};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::App;
use super::control::refuse;
use crate::routes::{
    RouteAsk, RouteLine, RouteLineAttributes, RoutePages, RouteRow, RouteSelect, parse_target,
};

/// What the list of peers is asked with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeersQuery {
    /// Whether their routes are counted.
    #[serde(default)]
    counts: bool,
}

/// `GET /api/v1/peers`.
pub(super) async fn peers(State(app): State<App>, Query(query): Query<PeersQuery>) -> Response {
    let rows = match query.counts {
        false => app.source.peers(),
        true => app.source.counted_peers().await,
    };
    ([(CACHE_CONTROL, "no-store")], Json(rows)).into_response()
}

/// `GET /api/v1/peers/{address}`.
pub(super) async fn peer(State(app): State<App>, Path(address): Path<String>) -> Response {
    let Ok(address) = address.parse::<IpAddr>() else {
        let why = format!("peer: found {address:?}, expected an IP address");
        return refuse(StatusCode::BAD_REQUEST, &why);
    };
    let sessions = app.source.peer(address).await;
    if sessions.is_empty() {
        return refuse(StatusCode::NOT_FOUND, &format!("there is no peer {address}"));
    }
    ([(CACHE_CONTROL, "no-store")], Json(sessions)).into_response()
}

/// `GET /api/v1/groups`.
pub(super) async fn groups(State(app): State<App>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(app.source.groups())).into_response()
}

/// What routes are asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoutesQuery {
    /// `ipv4` or `ipv6`; both without a prefix, that of the prefix with one.
    family: Option<String>,
    /// A prefix, or an address.
    prefix: Option<String>,
    /// How the prefix is meant: `exact`, `longer` or `longest`.
    #[serde(rename = "match")]
    matching: Option<String>,
    /// Only routes that this peer has announced.
    from: Option<IpAddr>,
    /// Only routes that this peer is told.
    to: Option<IpAddr>,
    /// Only the best one of each prefix.
    #[serde(default)]
    best: bool,
}

impl RoutesQuery {
    /// What is asked of the tables, one question after the other.
    fn asks(&self, from: &[PeerId], to: &[PeerId]) -> Result<VecDeque<RouteAsk>, String> {
        let prefix = self.prefix.as_deref().map(parse_target).transpose()?;
        let select = match (prefix, self.matching.as_deref()) {
            (None, None) => RouteSelect::All,
            (None, Some(_)) => return Err("match: expected a prefix beside it".to_owned()),
            (Some((prefix, true)), None | Some("exact")) => RouteSelect::Exact(prefix),
            (Some((prefix, false)), None) | (Some((prefix, _)), Some("longest")) => {
                RouteSelect::Longest(prefix)
            }
            (Some((prefix, false)), Some("exact")) => RouteSelect::Exact(prefix),
            (Some((prefix, _)), Some("longer")) => RouteSelect::Within(prefix),
            (_, Some(found)) => {
                return Err(format!("match: found {found:?}, expected exact, longer or longest"));
            }
        };
        let families = match (self.family.as_deref(), prefix) {
            (None, None) => Family::ALL.to_vec(),
            (None, Some((prefix, _))) => vec![family_of(prefix)],
            (Some("ipv4" | "ipv4-unicast"), _) => vec![Family::Ipv4Unicast],
            (Some("ipv6" | "ipv6-unicast"), _) => vec![Family::Ipv6Unicast],
            (Some(found), _) => {
                return Err(format!("family: found {found:?}, expected ipv4 or ipv6"));
            }
        };
        if let Some((prefix, _)) = prefix
            && !families.contains(&family_of(prefix))
        {
            return Err(format!("family: found another one than that of {prefix}"));
        }
        let from: Vec<_> = match self.from {
            None => vec![None],
            Some(_) => from.iter().copied().map(Some).collect(),
        };
        let to: Vec<_> = match self.to {
            None => vec![None],
            Some(_) => to.iter().copied().map(Some).collect(),
        };
        let mut asks = VecDeque::new();
        for family in families {
            for from in &from {
                for to in &to {
                    let (from, to) = (*from, *to);
                    asks.push_back(RouteAsk { family, select, from, to, best_only: self.best });
                }
            }
        }
        Ok(asks)
    }
}

fn family_of(prefix: Prefix) -> Family {
    match prefix {
        Prefix::V4(_) => Family::Ipv4Unicast,
        Prefix::V6(_) => Family::Ipv6Unicast,
    }
}

/// `GET /api/v1/routes`.
pub(super) async fn routes(State(app): State<App>, Query(query): Query<RoutesQuery>) -> Response {
    let Some(source) = app.source.route_source() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "there are no routes yet");
    };
    let at = |peer: Option<IpAddr>| peer.map_or_else(Vec::new, |peer| source.peers_at(peer));
    let asks = match query.asks(&at(query.from), &at(query.to)) {
        Ok(asks) => asks,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let mut reading = Reading { names: names(&app), asks, pages: None, routes: 0, is_over: false };
    // The first question is asked at once, so that a refusal has a status of its own.
    if let Err(why) = reading.begin(&app) {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, &why);
    }
    let lines = stream::unfold((app, reading), |(app, mut reading)| async move {
        let lines = reading.next(&app).await?;
        Some((Ok::<_, std::convert::Infallible>(lines), (app, reading)))
    });
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(lines)).into_response()
}

/// Names of peers by address.
fn names(app: &App) -> HashMap<String, String> {
    let peers = app.source.peers().into_iter();
    peers.filter_map(|peer| Some((peer.address, peer.name?))).collect()
}

/// An answer that is being read.
struct Reading {
    names: HashMap<String, String>,
    asks: VecDeque<RouteAsk>,
    pages: Option<Box<dyn RoutePages>>,
    routes: u64,
    is_over: bool,
}

impl Reading {
    /// Asks the next question, if there is one.
    fn begin(&mut self, app: &App) -> Result<(), String> {
        self.pages = match (self.asks.pop_front(), app.source.route_source()) {
            (Some(ask), Some(source)) => Some(source.routes(ask)?),
            _ => None,
        };
        Ok(())
    }

    /// The next lines; `None` behind the last one.
    async fn next(&mut self, app: &App) -> Option<String> {
        if self.is_over {
            return None;
        }
        loop {
            let page = match &mut self.pages {
                Some(pages) => pages.next().await,
                None => {
                    self.is_over = true;
                    return Some(line(&End { end: Some(self.routes), error: None }));
                }
            };
            let begun = match page {
                Ok(Some(rows)) => {
                    self.routes += rows.len() as u64;
                    return Some(rows.iter().map(|row| line(&self.line_of(row))).collect());
                }
                Ok(None) => self.begin(app),
                Err(why) => Err(why),
            };
            if let Err(why) = begun {
                self.is_over = true;
                return Some(line(&End { end: None, error: Some(why) }));
            }
        }
    }

    fn line_of(&self, row: &RouteRow) -> RouteLine {
        let from = row.address.to_string();
        RouteLine {
            prefix: row.prefix.to_string(),
            from_name: self.names.get(&from).cloned(),
            from,
            router_id: row.router_id.to_string(),
            best: row.is_best,
            stale: row.is_stale,
            external: row.is_external,
            attributes: RouteLineAttributes::from(&row.attributes),
        }
    }
}

fn line<T: Serialize>(value: &T) -> String {
    // Plain values with names as keys: it cannot fail.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

/// The last line.
#[derive(Debug, Serialize)]
struct End {
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[cfg(test)]
mod tests;
