//! `api.GoBgpService`, version 4.

use futures_util::StreamExt as _;
use tonic::{Request, Response, Status, async_trait};

use super::{Handlers, Streamed, streamed};
use crate::dialect::{self, V4, same};
use crate::generated::api::go_bgp_service_server::GoBgpService;
use crate::generated::api::{
    Destination, GetBgpRequest, GetBgpResponse, GetTableRequest, GetTableResponse,
    ListDynamicNeighborRequest, ListDynamicNeighborResponse, ListPathRequest, ListPathResponse,
    ListPeerGroupRequest, ListPeerGroupResponse, ListPeerRequest, ListPeerResponse,
    WatchEventRequest, WatchEventResponse, watch_event_response,
};
use crate::watch::Event;

#[async_trait]
impl GoBgpService for Handlers {
    async fn get_bgp(&self, _: Request<GetBgpRequest>) -> Result<Response<GetBgpResponse>, Status> {
        Ok(Response::new(GetBgpResponse { global: Some(same(&self.global())) }))
    }

    async fn list_peer(
        &self,
        request: Request<ListPeerRequest>,
    ) -> Result<Response<Streamed<ListPeerResponse>>, Status> {
        let peers = self.peers(&request.get_ref().address).await?;
        let answer = |peer| ListPeerResponse { peer: Some(dialect::peer(&peer)) };
        Ok(streamed(peers.into_iter().map(answer).collect()))
    }

    async fn list_peer_group(
        &self,
        request: Request<ListPeerGroupRequest>,
    ) -> Result<Response<Streamed<ListPeerGroupResponse>>, Status> {
        let groups = self.groups(&request.get_ref().peer_group_name).into_iter();
        let answer = |group| ListPeerGroupResponse { peer_group: Some(dialect::group(&group)) };
        Ok(streamed(groups.map(answer).collect()))
    }

    async fn list_dynamic_neighbor(
        &self,
        request: Request<ListDynamicNeighborRequest>,
    ) -> Result<Response<Streamed<ListDynamicNeighborResponse>>, Status> {
        let ranges = self.ranges(&request.get_ref().peer_group).into_iter();
        let answer = |range| ListDynamicNeighborResponse { dynamic_neighbor: Some(same(&range)) };
        Ok(streamed(ranges.map(answer).collect()))
    }

    async fn list_path(
        &self,
        request: Request<ListPathRequest>,
    ) -> Result<Response<Streamed<ListPathResponse>>, Status> {
        let asked = dialect::list_path(request.get_ref())?;
        let destinations = self.paths::<V4>(&asked)?.map(|read| {
            let crate::paths::Destination { prefix, paths } = read?;
            Ok(ListPathResponse { destination: Some(Destination { prefix, paths }) })
        });
        Ok(Response::new(Box::pin(destinations)))
    }

    async fn get_table(
        &self,
        request: Request<GetTableRequest>,
    ) -> Result<Response<GetTableResponse>, Status> {
        let asked = dialect::get_table(request.get_ref())?;
        Ok(Response::new(same(&self.table(&asked).await?)))
    }

    async fn watch_event(
        &self,
        request: Request<WatchEventRequest>,
    ) -> Result<Response<Streamed<WatchEventResponse>>, Status> {
        use watch_event_response::{Event as Told, PeerEvent, TableEvent};
        let asked = dialect::watch_event(request.get_ref())?;
        let events = self.events::<V4>(&asked)?.map(|event| {
            let event = match event? {
                Event::Peer(kind, peer) => {
                    Told::Peer(PeerEvent { r#type: kind.into(), peer: Some(dialect::peer(&peer)) })
                }
                Event::Paths(paths) => Told::Table(TableEvent { paths }),
            };
            Ok(WatchEventResponse { event: Some(event) })
        });
        Ok(Response::new(Box::pin(events)))
    }
}
