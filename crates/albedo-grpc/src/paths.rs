//! Routes as GoBGP's destinations, page by page.

use std::collections::HashMap;
use std::sync::Arc;

use albedo_api::StatusSource;
use albedo_api::routes::{RouteAsk, RoutePages, RouteRow, RouteSelect};
use albedo_types::{Family, PeerId, Prefix};
use prost_types::Timestamp;
use tonic::Status;

use crate::attributes;
use crate::dialect::Dialect;
use crate::generated::apipb::{self, TableType, table_lookup_prefix};
use crate::handlers::parsed;

/// Destinations that wait for a client to read them; more wait at their source.
pub const PATHS_WAITING_MAX: usize = 64;

/// Prefixes that one request may name.
pub(crate) const PREFIXES_MAX: usize = 1_024;

/// One prefix and its routes.
pub(crate) struct Destination<P> {
    pub(crate) prefix: String,
    pub(crate) paths: Vec<P>,
}

/// What a request asks for, as questions to the shards, one after the other.
pub(crate) fn asks(
    source: &dyn StatusSource,
    request: &apipb::ListPathRequest,
) -> Result<Vec<RouteAsk>, Status> {
    let family = family(request.family.as_ref())?;
    let routes = source.route_source();
    let peer = || {
        let address = parsed("name", &request.name)?;
        let peers = routes.map(|it| it.peers_at(address)).unwrap_or_default();
        peers.first().copied().ok_or_else(|| {
            Status::not_found(format!("name: no peer at {address} is up or has routes"))
        })
    };
    let (from, to): (Option<PeerId>, Option<PeerId>) = match request.table_type() {
        TableType::Global => (None, None),
        TableType::AdjIn => (Some(peer()?), None),
        TableType::AdjOut => (None, Some(peer()?)),
        TableType::Local | TableType::Vrf => {
            return Err(no_table());
        }
    };
    if request.prefixes.len() > PREFIXES_MAX {
        return Err(Status::invalid_argument(format!(
            "prefixes: found {}, expected at most {PREFIXES_MAX}",
            request.prefixes.len()
        )));
    }
    let ask = |select| RouteAsk { family, select, from, to, best_only: false };
    if request.prefixes.is_empty() {
        return Ok(vec![ask(RouteSelect::All)]);
    }
    let mut asks = Vec::new();
    for wanted in &request.prefixes {
        let text = &wanted.prefix;
        let (prefix, _) = albedo_api::routes::parse_target(text).map_err(|_| {
            Status::invalid_argument(format!(
                "prefixes: found {text:?}, expected a prefix such as 10.0.0.0/8, or an address"
            ))
        })?;
        let is_host = !text.contains('/');
        match wanted.r#type() {
            table_lookup_prefix::Type::Exact if is_host => {
                asks.push(ask(RouteSelect::Longest(prefix)))
            }
            table_lookup_prefix::Type::Exact => asks.push(ask(RouteSelect::Exact(prefix))),
            table_lookup_prefix::Type::Longer => asks.push(ask(RouteSelect::Within(prefix))),
            table_lookup_prefix::Type::Shorter => {
                let at = |len| format!("{}/{len}", prefix.addr()).parse::<Prefix>().ok();
                let shorter = (0..=prefix.len()).rev().filter_map(at);
                asks.extend(shorter.map(|prefix| ask(RouteSelect::Exact(prefix))));
            }
        }
    }
    Ok(asks)
}

/// There are no tables of other kinds.
pub(crate) fn no_table() -> Status {
    Status::unimplemented("table_type: there is one table: GLOBAL, or a peer's ADJ_IN or ADJ_OUT")
}

/// The family that is meant; absent is IPv4 unicast.
pub(crate) fn family(asked: Option<&apipb::Family>) -> Result<Family, Status> {
    let Some(asked) = asked else { return Ok(Family::Ipv4Unicast) };
    Family::ALL.into_iter().find(|it| attributes::family(*it) == *asked).ok_or_else(|| {
        Status::invalid_argument(format!(
            "family: afi {} safi {}; there are 1 1 (IPv4 unicast) and 2 1 (IPv6 unicast)",
            asked.afi, asked.safi
        ))
    })
}

/// Reads what was asked for; `ages` is since when each peer's session is what it is.
pub(crate) async fn read<D: Dialect>(
    source: Arc<dyn StatusSource>,
    asks: Vec<RouteAsk>,
    ages: HashMap<String, Timestamp>,
    sender: tokio::sync::mpsc::Sender<Result<Destination<D::Path>, Status>>,
) {
    for ask in asks {
        let pages = source.route_source().map(|routes| routes.routes(ask));
        let pages = match pages {
            None => return,
            Some(Ok(pages)) => pages,
            Some(Err(why)) => {
                // Nobody may be there any more to hear it.
                let _ = sender.send(Err(Status::resource_exhausted(why))).await;
                return;
            }
        };
        if !read_pages::<D>(pages, &ages, &sender).await {
            return;
        }
    }
}

async fn read_pages<D: Dialect>(
    mut pages: Box<dyn RoutePages>,
    ages: &HashMap<String, Timestamp>,
    sender: &tokio::sync::mpsc::Sender<Result<Destination<D::Path>, Status>>,
) -> bool {
    let mut rows: Vec<RouteRow> = Vec::new();
    loop {
        let page = match pages.next().await {
            Ok(page) => page,
            Err(why) => {
                // As above.
                let _ = sender.send(Err(Status::unavailable(why))).await;
                return false;
            }
        };
        let is_last = page.is_none();
        for row in page.into_iter().flatten() {
            if rows.first().is_some_and(|first| first.prefix != row.prefix)
                && sender.send(Ok(destination::<D>(&mut rows, ages))).await.is_err()
            {
                return false;
            }
            rows.push(row);
        }
        if is_last {
            return rows.is_empty()
                || sender.send(Ok(destination::<D>(&mut rows, ages))).await.is_ok();
        }
    }
}

/// The best one comes first.
fn destination<D: Dialect>(
    rows: &mut Vec<RouteRow>,
    ages: &HashMap<String, Timestamp>,
) -> Destination<D::Path> {
    rows.sort_by_key(|row| !row.is_best);
    let prefix = rows.first().map(|row| row.prefix.to_string()).unwrap_or_default();
    let paths = rows.drain(..).map(|row| path::<D>(&row, ages)).collect();
    Destination { prefix, paths }
}

/// One route.
pub(crate) fn path<D: Dialect>(row: &RouteRow, ages: &HashMap<String, Timestamp>) -> D::Path {
    let address = row.address.to_string();
    let path = apipb::Path {
        best: row.is_best,
        family: Some(attributes::family(attributes::family_of(row.prefix))),
        source_id: row.router_id.to_string(),
        stale: row.is_stale,
        is_from_external: row.is_external,
        age: ages.get(&address).copied(),
        neighbor_ip: address,
        ..apipb::Path::default()
    };
    D::path(path, attributes::nlri(row.prefix), &attributes::of(row))
}
