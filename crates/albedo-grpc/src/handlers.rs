//! What is answered, whichever dialect it was asked in: messages are those of version 3.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use albedo_api::{PeerRoutes, StatusSource};
use futures_util::Stream;
use prost_types::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use crate::clock;
use crate::dialect::Dialect;
use crate::generated::apipb::{self, TableType};
use crate::paths::{self, Destination, PATHS_WAITING_MAX};
use crate::peers;
use crate::watch::{self, EVENTS_WAITING_MAX, Event};

mod v3;
mod v4;

/// An answer of many messages.
pub(crate) type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What is still being read: it comes message by message, and may end with why.
type Reading<T> = ReceiverStream<Result<T, Status>>;

/// The handlers.
#[derive(Clone)]
pub(crate) struct Handlers {
    source: Arc<dyn StatusSource>,
}

impl Handlers {
    pub(crate) fn new(source: &Arc<dyn StatusSource>) -> Self {
        Self { source: Arc::clone(source) }
    }

    fn global(&self) -> apipb::Global {
        peers::global(&self.source.status())
    }

    async fn peers(&self, address: &str) -> Result<Vec<apipb::Peer>, Status> {
        let status = self.source.status();
        let now = clock::now();
        if address.is_empty() {
            let rows = self.source.counted_peers().await;
            return Ok(rows.iter().map(|row| peers::peer(row, None, &status, now)).collect());
        }
        let details = self.source.peer(parsed("address", address)?).await;
        Ok(details.iter().map(|it| peers::peer(&it.row, Some(it), &status, now)).collect())
    }

    /// The groups of the configuration, or the one of a name.
    fn groups(&self, name: &str) -> Vec<apipb::PeerGroup> {
        let status = self.source.status();
        let rows = self.source.peer_groups();
        let rows = rows.iter().filter(|row| name.is_empty() || row.name == name);
        rows.map(|row| peers::group(row, &status)).collect()
    }

    /// The ranges of the groups, or of the one of a name.
    fn ranges(&self, group: &str) -> Vec<apipb::DynamicNeighbor> {
        let rows = self.source.peer_groups();
        let rows = rows.iter().filter(|row| group.is_empty() || row.name == group);
        let of = |row: &albedo_api::PeerGroupRow| {
            let range = |prefix: &String| apipb::DynamicNeighbor {
                prefix: prefix.clone(),
                peer_group: row.name.clone(),
            };
            row.ranges.iter().map(range).collect::<Vec<_>>()
        };
        rows.flat_map(of).collect()
    }

    /// Since when each peer's session is what it is, which is shown as the age of its routes: that
    /// of a single route is not kept.
    fn ages(&self) -> HashMap<String, Timestamp> {
        peers::ages(&self.source.peers(), clock::now())
    }

    fn paths<D: Dialect>(
        &self,
        request: &apipb::ListPathRequest,
    ) -> Result<Reading<Destination<D::Path>>, Status> {
        let asks = paths::asks(&*self.source, request)?;
        let (sender, receiver) = mpsc::channel(PATHS_WAITING_MAX);
        tokio::spawn(paths::read::<D>(Arc::clone(&self.source), asks, self.ages(), sender));
        Ok(ReceiverStream::new(receiver))
    }

    fn events<D: Dialect>(
        &self,
        request: &apipb::WatchEventRequest,
    ) -> Result<Reading<Event<D::Path>>, Status> {
        let watch = watch::Watch::begin(&self.source, request)?;
        let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
        tokio::spawn(watch.run::<D>(self.ages(), sender));
        Ok(ReceiverStream::new(receiver))
    }

    async fn table(
        &self,
        request: &apipb::GetTableRequest,
    ) -> Result<apipb::GetTableResponse, Status> {
        let family = paths::family(request.family.as_ref())?.to_string();
        let side: fn(&PeerRoutes) -> u64 = match request.table_type() {
            TableType::Global => {
                let status = self.source.status();
                let numbers = status.families.iter().find(|it| it.family == family);
                let (prefixes, paths) = numbers.map_or((0, 0), |it| (it.prefixes, it.paths));
                return Ok(apipb::GetTableResponse {
                    num_destination: prefixes,
                    num_path: paths,
                    num_accepted: 0,
                });
            }
            TableType::AdjIn => |it| it.received,
            TableType::AdjOut => |it| it.sent,
            TableType::Local | TableType::Vrf => return Err(paths::no_table()),
        };
        let peers = self.source.peer(parsed("name", &request.name)?).await;
        if peers.is_empty() {
            return Err(Status::not_found(format!("name: no peer {}", request.name)));
        }
        let routes = peers.iter().flat_map(|it| &it.row.routes);
        let count = routes.filter(|it| it.family == family).map(side).sum();
        let (num_destination, num_path, num_accepted) = (count, count, count);
        Ok(apipb::GetTableResponse { num_destination, num_path, num_accepted })
    }
}

/// The address of a peer in a field.
pub(crate) fn parsed(field: &str, address: &str) -> Result<IpAddr, Status> {
    address.parse().map_err(|_| {
        Status::invalid_argument(format!(
            "{field}: found {address:?}, expected a peer's address such as 10.0.0.1"
        ))
    })
}

fn streamed<T: Send + 'static>(list: Vec<T>) -> Response<Streamed<T>> {
    Response::new(Box::pin(futures_util::stream::iter(list.into_iter().map(Ok))))
}

#[cfg(test)]
mod tests;
