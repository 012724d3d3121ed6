//! Routes for the administrative interfaces: pages of the shards, with attributes to be read.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use albedo_api::routes::{
    Later, RouteAsk, RouteAttributes, RouteChange, RoutePages, RouteRow, RouteSelect, RouteSource,
    RouteWatch,
};
use albedo_engine::{Changed, EngineHandle, QueryError, Routes, Watch};
use albedo_rib::query::{Freshness, Query, Select};
use albedo_rib::{AttrSet, Route};
use albedo_types::{PeerId, Prefix};
use albedo_wire::attr::{Attributes, Need, Origin};
use albedo_wire::update::UpdateContext;

use super::Source;

impl RouteSource for Source {
    fn routes(&self, ask: RouteAsk) -> Result<Box<dyn RoutePages>, String> {
        let query = |select| Query {
            family: ask.family,
            select,
            from: ask.from,
            to: ask.to,
            best_only: ask.best_only,
        };
        let pages = match ask.select {
            RouteSelect::All => Pages::Of(self.begin(query(Select::All))?),
            RouteSelect::Exact(prefix) => Pages::Of(self.begin(query(Select::Exact(prefix)))?),
            RouteSelect::Within(prefix) => Pages::Of(self.begin(query(Select::Longer(prefix)))?),
            RouteSelect::Longest(prefix) => Pages::Longest {
                engine: self.engine.clone(),
                around: self.begin(Query {
                    family: ask.family,
                    select: Select::Covering(prefix),
                    from: None,
                    to: None,
                    best_only: true,
                })?,
                then: query(Select::Exact(prefix)),
            },
        };
        Ok(Box::new(pages))
    }

    fn peers_at(&self, address: IpAddr) -> Vec<PeerId> {
        let peers = self.server.snapshot();
        let of = peers.iter().filter(|peer| peer.addr.ip() == address);
        of.filter_map(|peer| peer.detail.peer).collect()
    }

    fn watch(&self) -> Result<Box<dyn RouteWatch>, String> {
        let watch = self.engine.watch().map_err(|error| error.to_string())?;
        Ok(Box::new(Watched(watch)))
    }
}

/// A watch that is being read.
struct Watched(Watch);

impl RouteWatch for Watched {
    fn next(&mut self) -> Later<'_, Result<Vec<RouteChange>, String>> {
        Box::pin(async move {
            let changed = self.0.next().await.map_err(|error| error.to_string())?;
            let best: Vec<Route> = changed.iter().filter_map(|it| it.best.clone()).collect();
            let mut best = rows(&best).into_iter();
            let change = |it: &Changed| RouteChange {
                prefix: it.prefix,
                best: it.best.as_ref().and_then(|_| best.next()),
            };
            Ok(changed.iter().map(change).collect())
        })
    }
}

impl Source {
    fn begin(&self, query: Query) -> Result<Routes, String> {
        self.engine.routes(query).map_err(|error| error.to_string())
    }
}

/// Routes that are being read.
enum Pages {
    Of(Routes),
    /// First the prefixes around one are read, and then the routes of the longest of them.
    Longest {
        engine: EngineHandle,
        around: Routes,
        then: Query,
    },
}

impl RoutePages for Pages {
    fn next(&mut self) -> Later<'_, Result<Option<Vec<RouteRow>>, String>> {
        Box::pin(async move { self.page().await.map_err(|error| error.to_string()) })
    }
}

impl Pages {
    async fn page(&mut self) -> Result<Option<Vec<RouteRow>>, QueryError> {
        if let Self::Longest { engine, around, then } = self {
            let mut longest: Option<Prefix> = None;
            while let Some(routes) = around.next().await? {
                let here = routes.iter().map(|route| route.prefix).max_by_key(|p| p.len());
                longest = longest.into_iter().chain(here).max_by_key(|p| p.len());
            }
            let Some(longest) = longest else { return Ok(None) };
            let query = Query { select: Select::Exact(longest), ..*then };
            let routes = engine.routes(query)?;
            *self = Self::Of(routes);
        }
        let Self::Of(routes) = self else { return Ok(None) };
        Ok(routes.next().await?.map(|routes| rows(&routes)))
    }
}

/// A page as it is shown; a set is read once, however many routes have it.
fn rows(routes: &[Route]) -> Vec<RouteRow> {
    let mut read: HashMap<*const AttrSet, Arc<RouteAttributes>> = HashMap::new();
    let row = |route: &Route| RouteRow {
        prefix: route.prefix,
        peer: route.peer,
        address: route.info.addr,
        router_id: Ipv4Addr::from_bits(route.info.router_id.get()),
        is_external: !route.info.role.is_internal(),
        is_best: route.is_best,
        is_stale: route.freshness != Freshness::Current,
        attributes: Arc::clone(
            read.entry(Arc::as_ptr(&route.attrs))
                .or_insert_with(|| Arc::new(attributes(&route.attrs))),
        ),
    };
    routes.iter().map(row).collect()
}

/// Where a set's routes lead; `None` if that cannot be told.
pub(crate) fn next_hop(set: &AttrSet) -> Option<IpAddr> {
    if let Some(octets) = set.mp_next_hop() {
        return next_hops(octets).first().copied();
    }
    let need = Need { announces: true, plain_next_hop: true };
    let decoded = Attributes::decode(set.block(), need, &UpdateContext::own()).attributes;
    decoded.next_hop.map(IpAddr::V4)
}

/// The attributes of a set: what internal peers are told, which it keeps in finished form.
pub(super) fn attributes(set: &AttrSet) -> RouteAttributes {
    attributes_of(set.block(), set.mp_next_hop())
}

/// The attributes in a block, and the next hop beside it.
pub(super) fn attributes_of(block: &[u8], mp_next_hop: Option<&[u8]>) -> RouteAttributes {
    let need = Need { announces: true, plain_next_hop: mp_next_hop.is_none() };
    let decoded = Attributes::decode(block, need, &UpdateContext::own()).attributes;
    let next_hop = match mp_next_hop {
        None => decoded.next_hop.map(IpAddr::V4).into_iter().collect(),
        Some(octets) => next_hops(octets),
    };
    RouteAttributes {
        origin: match decoded.origin {
            Origin::Igp => 0,
            Origin::Egp => 1,
            Origin::Incomplete => 2,
        },
        as_path: path(&decoded),
        origin_as: decoded.as_path.origin_as().map(|asn| asn.0),
        next_hop,
        med: decoded.med,
        local_pref: decoded.local_pref,
        atomic_aggregate: decoded.atomic_aggregate,
        aggregator: decoded.aggregator.map(|aggregator| (aggregator.asn.0, aggregator.addr)),
        communities: decoded.communities.map_or_else(Vec::new, |all| all.iter().collect()),
        extended_communities: decoded
            .extended_communities
            .map_or_else(Vec::new, |all| all.iter().collect()),
        large_communities: decoded
            .large_communities
            .map_or_else(Vec::new, |all| all.iter().collect()),
        originator_id: decoded.originator_id.map(Ipv4Addr::from_bits),
        cluster_list: decoded.cluster_list.map_or_else(Vec::new, |all| {
            all.iter().map(|cluster| Ipv4Addr::from_bits(cluster.0)).collect()
        }),
    }
}

/// The next hop of MP_REACH_NLRI, and the link-local one behind it (RFC 2545 §3).
fn next_hops(octets: &[u8]) -> Vec<IpAddr> {
    match octets.first_chunk::<4>() {
        Some(v4) if octets.len() == 4 => vec![IpAddr::from(*v4)],
        _ => octets
            .chunks_exact(16)
            .filter_map(|octets| octets.first_chunk::<16>())
            .map(|octets| IpAddr::V6(Ipv6Addr::from(*octets)))
            .collect(),
    }
}

fn path(attributes: &Attributes<'_>) -> String {
    let mut words: Vec<String> = Vec::new();
    for segment in attributes.as_path.segments() {
        let asns: Vec<String> = segment.asns().map(|asn| asn.0.to_string()).collect();
        let asns = asns.join(" ");
        words.push(match (segment.kind.is_confederation(), segment.kind.is_set()) {
            (false, false) => asns,
            (false, true) => format!("{{{asns}}}"),
            (true, false) => format!("({asns})"),
            (true, true) => format!("({{{asns}}})"),
        });
    }
    words.join(" ")
}

#[cfg(test)]
mod tests;
