//! `/metrics/peers`: series of single peers, for those who want them and can pay for them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use super::control::refuse;
use super::{App, METRICS_TYPE};
use crate::names::DIRECTIONS;
use crate::names::peers::{ESTABLISHED, INFO, ROUTES, SERIES_EACH, UNDELIVERED, UP, UPDATES};
use crate::status::PeerRow;
use crate::text::{head, sample};

/// Octets that a series takes, for the room of the answer.
const SERIES_BYTES: usize = 80;

/// `GET /metrics/peers`.
pub(super) async fn scrape(State(app): State<App>) -> Response {
    if !app.source.tells_peer_metrics() {
        let why = "metrics of single peers are off: admin.peerMetrics turns them on";
        return refuse(StatusCode::NOT_FOUND, why);
    }
    let text = render(&app.source.counted_peers().await);
    ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response()
}

/// One peer, of however many sessions.
#[derive(Default)]
struct Peer<'r> {
    first: Option<&'r PeerRow>,
    up: bool,
    established: u64,
    updates: [u64; 2],
    routes: [u64; 2],
    undelivered: f64,
}

pub(super) fn render(rows: &[PeerRow]) -> String {
    let mut peers: BTreeMap<&str, Peer<'_>> = BTreeMap::new();
    for row in rows {
        let peer = peers.entry(&row.address).or_default();
        peer.first.get_or_insert(row);
        peer.up |= row.is_up();
        peer.established += row.established;
        for (sum, count) in peer.updates.iter_mut().zip(row.updates) {
            *sum += count;
        }
        for routes in &row.routes {
            peer.routes[0] += routes.received;
            peer.routes[1] += routes.sent;
        }
        peer.undelivered = peer.undelivered.max(row.undelivered_seconds.unwrap_or_default());
    }
    let mut out = String::with_capacity(peers.len() * SERIES_EACH * SERIES_BYTES);
    head(&mut out, &INFO);
    for (address, peer) in &peers {
        let Some(row) = peer.first else { continue };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (name, group) = (text(&row.name), text(&row.group));
        let labels =
            [("peer", *address), ("name", &*name), ("group", &*group), ("role", &*row.role)];
        sample(&mut out, INFO.name, &labels, 1.0);
    }
    let mut each = |metric, number: &dyn Fn(&Peer<'_>) -> f64| {
        head(&mut out, metric);
        for (address, peer) in &peers {
            sample(&mut out, metric.name, &[("peer", address)], number(peer));
        }
    };
    each(&UP, &|peer| f64::from(u8::from(peer.up)));
    each(&ESTABLISHED, &|peer| peer.established as f64);
    each(&UNDELIVERED, &|peer| peer.undelivered);
    for (metric, numbers) in [
        (&UPDATES, (|peer| peer.updates) as fn(&Peer<'_>) -> [u64; 2]),
        (&ROUTES, |peer| peer.routes),
    ] {
        head(&mut out, metric);
        for (address, peer) in &peers {
            for (direction, number) in DIRECTIONS.iter().zip(numbers(peer)) {
                let labels = [("peer", *address), ("direction", *direction)];
                sample(&mut out, metric.name, &labels, number as f64);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::PeerRoutes;

    fn row(n: u32) -> PeerRow {
        PeerRow {
            address: format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255),
            name: Some(format!("node-{n}")),
            group: Some("nodes".to_owned()),
            role: "client".to_owned(),
            state: "established".to_owned(),
            established: 3,
            updates: [5, 7],
            undelivered_seconds: (n == 1).then_some(2.5),
            routes: vec![PeerRoutes { received: 1, sent: 9, ..PeerRoutes::default() }],
            ..PeerRow::default()
        }
    }

    #[test]
    fn each_peer_has_eight_series_however_many_sessions() {
        let mut rows: Vec<PeerRow> = (1..=5_000).map(row).collect();
        rows.push(PeerRow { state: "active".to_owned(), ..row(1) });
        let text = render(&rows);
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(series, 5_000 * SERIES_EACH);
        for line in [
            "albedo_peer_info{peer=\"10.0.0.1\",name=\"node-1\",group=\"nodes\",role=\"client\"} 1",
            "albedo_peer_up{peer=\"10.0.0.1\"} 1",
            "albedo_peer_established_total{peer=\"10.0.0.1\"} 6",
            "albedo_peer_updates_total{peer=\"10.0.0.2\",direction=\"out\"} 7",
            "albedo_peer_routes{peer=\"10.0.0.1\",direction=\"out\"} 18",
            "albedo_peer_undelivered_seconds{peer=\"10.0.0.1\"} 2.5",
            "albedo_peer_undelivered_seconds{peer=\"10.0.0.2\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }
}
