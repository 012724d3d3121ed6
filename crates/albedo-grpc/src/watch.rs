//! Watching: peers come up and go, best routes change.
//!
//! Who watches is told the newest state and not every one that was: peers are looked at once a
//! second, and a prefix that changed several times since the last look is told once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use albedo_api::routes::{RouteAsk, RouteChange, RouteSelect, RouteWatch};
use albedo_api::{PeerRow, StatusSource};
use albedo_types::Family;
use prost_types::Timestamp;
use tokio::sync::mpsc;
use tonic::Status;

use crate::attributes;
use crate::clock;
use crate::dialect::Dialect;
use crate::generated::apipb::watch_event_request::table::filter;
use crate::generated::apipb::watch_event_response::peer_event;
use crate::generated::apipb::{self, peer_state::SessionState};
use crate::paths;
use crate::peers;

/// Messages that wait for a client to read them, each of at most a page of routes.
pub const EVENTS_WAITING_MAX: usize = 4;

/// How often it is looked for changed routes.
const ROUTES_LOOK: Duration = Duration::from_millis(100);

/// Looks at routes for one at the peers.
const LOOKS_PER_PEERS: u32 = 10;

/// What is told.
pub(crate) enum Event<P> {
    Peer(peer_event::Type, Box<apipb::Peer>),
    Paths(Vec<P>),
}

type Sender<P> = mpsc::Sender<Result<Event<P>, Status>>;

/// Nobody listens any more, or was told why it ends.
struct Ended;

/// A watch that was asked for.
pub(crate) struct Watch {
    source: Arc<dyn StatusSource>,
    peers: Option<Peers>,
    routes: Option<Box<dyn RouteWatch>>,
    /// Whether all best routes are told at the beginning.
    init: bool,
    /// Paths of one message at most.
    batch: usize,
}

impl Watch {
    pub(crate) fn begin(
        source: &Arc<dyn StatusSource>,
        request: &apipb::WatchEventRequest,
    ) -> Result<Self, Status> {
        let filters = request.table.iter().flat_map(|table| &table.filters);
        let mut init = None;
        for filter in filters {
            if filter.r#type() != filter::Type::Best {
                return Err(Status::unimplemented(
                    "table.filters.type: BEST is watched; what a peer announced is read by \
                     ListPath with ADJ_IN",
                ));
            }
            if !filter.peer_address.is_empty() || !filter.peer_group.is_empty() {
                return Err(Status::unimplemented(
                    "table.filters: best routes are watched whoever announced them, without \
                     peer_address and peer_group",
                ));
            }
            init = Some(init.unwrap_or(false) || filter.init);
        }
        let peers = request.peer.as_ref().map(|_| Peers::default());
        if peers.is_none() && init.is_none() {
            return Err(Status::invalid_argument(
                "nothing is asked for: expected peer, or table with a filter",
            ));
        }
        // First, so that nothing is missed that changes while the table is read.
        let routes = match (init, source.route_source()) {
            (Some(_), Some(routes)) => Some(routes.watch().map_err(Status::resource_exhausted)?),
            _ => None,
        };
        let init = init.unwrap_or(false);
        // Nothing is as many as a page has.
        let batch = usize::try_from(request.batch_size).unwrap_or(0);
        let batch = if batch == 0 { usize::MAX } else { batch };
        Ok(Self { source: Arc::clone(source), peers, routes, init, batch })
    }

    /// Tells what happens until nobody listens.
    pub(crate) async fn run<D: Dialect>(
        mut self,
        mut ages: HashMap<String, Timestamp>,
        sender: Sender<D::Path>,
    ) {
        if self.init {
            let source = Arc::clone(&self.source);
            if let Err(Ended) = all_routes::<D>(&*source, self.batch, &ages, &sender).await {
                return;
            }
        }
        let mut looks = tokio::time::interval(ROUTES_LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for look in 0_u32.. {
            tokio::select! {
                () = sender.closed() => return,
                _ = looks.tick() => {}
            }
            if look % LOOKS_PER_PEERS == 0 {
                let rows = self.source.peers();
                if self.routes.is_some() {
                    ages = peers::ages(&rows, clock::now());
                }
                let told = match &mut self.peers {
                    Some(peers) => peers.look(&rows, &self.source.status()),
                    None => Vec::new(),
                };
                for (kind, peer) in told {
                    if sender.send(Ok(Event::Peer(kind, Box::new(peer)))).await.is_err() {
                        return;
                    }
                }
            }
            if let Err(Ended) = self.changed_routes::<D>(&ages, &sender).await {
                return;
            }
        }
    }

    async fn changed_routes<D: Dialect>(
        &mut self,
        ages: &HashMap<String, Timestamp>,
        sender: &Sender<D::Path>,
    ) -> Result<(), Ended> {
        let Some(routes) = &mut self.routes else { return Ok(()) };
        loop {
            let changes = match routes.next().await {
                Ok(changes) if changes.is_empty() => return Ok(()),
                Ok(changes) => changes,
                Err(why) => return Err(end(sender, Status::resource_exhausted(why)).await),
            };
            for changes in changes.chunks(self.batch) {
                let paths = changes.iter().map(|change| changed::<D>(change, ages)).collect();
                sender.send(Ok(Event::Paths(paths))).await.map_err(|_| Ended)?;
            }
        }
    }
}

/// Tells all best routes.
async fn all_routes<D: Dialect>(
    source: &dyn StatusSource,
    batch: usize,
    ages: &HashMap<String, Timestamp>,
    sender: &Sender<D::Path>,
) -> Result<(), Ended> {
    let Some(routes) = source.route_source() else { return Ok(()) };
    for family in Family::ALL {
        let select = RouteSelect::All;
        let ask = RouteAsk { family, select, from: None, to: None, best_only: true };
        let mut pages = match routes.routes(ask) {
            Ok(pages) => pages,
            Err(why) => return Err(end(sender, Status::resource_exhausted(why)).await),
        };
        loop {
            let rows = match pages.next().await {
                Ok(Some(rows)) => rows,
                Ok(None) => break,
                Err(why) => return Err(end(sender, Status::unavailable(why)).await),
            };
            for rows in rows.chunks(batch) {
                let paths = rows.iter().map(|row| paths::path::<D>(row, ages)).collect();
                sender.send(Ok(Event::Paths(paths))).await.map_err(|_| Ended)?;
            }
        }
    }
    Ok(())
}

/// Tells why it ends.
async fn end<P>(sender: &Sender<P>, why: Status) -> Ended {
    // Nobody may be there any more to hear it.
    let _ = sender.send(Err(why)).await;
    Ended
}

fn changed<D: Dialect>(change: &RouteChange, ages: &HashMap<String, Timestamp>) -> D::Path {
    if let Some(row) = &change.best {
        return paths::path::<D>(row, ages);
    }
    let gone = apipb::Path {
        is_withdraw: true,
        family: Some(attributes::family(attributes::family_of(change.prefix))),
        ..apipb::Path::default()
    };
    D::path(gone, attributes::nlri(change.prefix), &[])
}

/// The peers as they were when they were last looked at.
#[derive(Default)]
struct Peers {
    is_begun: bool,
    /// By address, and a number where several have the same one: state, how often it was up, and
    /// the row itself.
    seen: BTreeMap<(String, u32), PeerRow>,
}

impl Peers {
    /// What is to be told of what they are now.
    fn look(
        &mut self,
        rows: &[PeerRow],
        status: &albedo_api::Status,
    ) -> Vec<(peer_event::Type, apipb::Peer)> {
        let now = clock::now();
        let mut seen: BTreeMap<(String, u32), PeerRow> = BTreeMap::new();
        for row in rows {
            let mut key = (row.address.clone(), 0);
            while seen.contains_key(&key) {
                key.1 += 1;
            }
            seen.insert(key, row.clone());
        }
        let kind = if self.is_begun { peer_event::Type::State } else { peer_event::Type::Init };
        let is_same = |old: &PeerRow, new: &PeerRow| {
            old.state == new.state && old.established == new.established
        };
        let mut told = Vec::new();
        for (key, row) in &seen {
            if self.seen.get(key).is_none_or(|old| !is_same(old, row)) {
                told.push((kind, peers::peer(row, None, status, now)));
            }
        }
        for (_, row) in self.seen.iter().filter(|(key, _)| !seen.contains_key(key)) {
            let mut gone = peers::peer(row, None, status, now);
            if let Some(state) = &mut gone.state {
                state.session_state = SessionState::Idle.into();
            }
            told.push((peer_event::Type::State, gone));
        }
        if !self.is_begun {
            // Clients read these without asking whether they are there.
            let nobody = apipb::Peer {
                conf: Some(apipb::PeerConf::default()),
                state: Some(apipb::PeerState::default()),
                ..apipb::Peer::default()
            };
            told.push((peer_event::Type::EndOfInit, nobody));
        }
        (self.seen, self.is_begun) = (seen, true);
        told
    }
}

#[cfg(test)]
mod tests;
