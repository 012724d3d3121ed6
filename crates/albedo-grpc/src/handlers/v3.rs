//! `apipb.GobgpApi`, version 3.

use futures_util::StreamExt as _;
use tonic::{Request, Response, Status, async_trait};

use super::{Handlers, Streamed, streamed};
use crate::dialect::V3;
use crate::generated::apipb::gobgp_api_server::GobgpApi;
use crate::generated::apipb::{
    Destination, GetBgpRequest, GetBgpResponse, GetTableRequest, GetTableResponse,
    ListDynamicNeighborRequest, ListDynamicNeighborResponse, ListPathRequest, ListPathResponse,
    ListPeerGroupRequest, ListPeerGroupResponse, ListPeerRequest, ListPeerResponse,
    WatchEventRequest, WatchEventResponse, watch_event_response,
};
use crate::watch::Event;

#[async_trait]
impl GobgpApi for Handlers {
    async fn get_bgp(&self, _: Request<GetBgpRequest>) -> Result<Response<GetBgpResponse>, Status> {
        Ok(Response::new(GetBgpResponse { global: Some(self.global()) }))
    }

    async fn list_peer(
        &self,
        request: Request<ListPeerRequest>,
    ) -> Result<Response<Streamed<ListPeerResponse>>, Status> {
        let peers = self.peers(&request.get_ref().address).await?;
        let answer = |peer| ListPeerResponse { peer: Some(peer) };
        Ok(streamed(peers.into_iter().map(answer).collect()))
    }

    async fn list_peer_group(
        &self,
        request: Request<ListPeerGroupRequest>,
    ) -> Result<Response<Streamed<ListPeerGroupResponse>>, Status> {
        let groups = self.groups(&request.get_ref().peer_group_name).into_iter();
        let answer = |group| ListPeerGroupResponse { peer_group: Some(group) };
        Ok(streamed(groups.map(answer).collect()))
    }

    async fn list_dynamic_neighbor(
        &self,
        request: Request<ListDynamicNeighborRequest>,
    ) -> Result<Response<Streamed<ListDynamicNeighborResponse>>, Status> {
        let ranges = self.ranges(&request.get_ref().peer_group).into_iter();
        let answer = |range| ListDynamicNeighborResponse { dynamic_neighbor: Some(range) };
        Ok(streamed(ranges.map(answer).collect()))
    }

    async fn list_path(
        &self,
        request: Request<ListPathRequest>,
    ) -> Result<Response<Streamed<ListPathResponse>>, Status> {
        let destinations = self.paths::<V3>(request.get_ref())?.map(|read| {
            let crate::paths::Destination { prefix, paths } = read?;
            Ok(ListPathResponse { destination: Some(Destination { prefix, paths }) })
        });
        Ok(Response::new(Box::pin(destinations)))
    }

    async fn get_table(
        &self,
        request: Request<GetTableRequest>,
    ) -> Result<Response<GetTableResponse>, Status> {
        self.table(request.get_ref()).await.map(Response::new)
    }

    async fn watch_event(
        &self,
        request: Request<WatchEventRequest>,
    ) -> Result<Response<Streamed<WatchEventResponse>>, Status> {
        use watch_event_response::{PeerEvent, TableEvent};
        let events = self.events::<V3>(request.get_ref())?.map(|event| {
            Ok(match event? {
                Event::Peer(kind, peer) => WatchEventResponse {
                    peer: Some(PeerEvent { r#type: kind.into(), peer: Some(*peer) }),
                    table: None,
                },
                Event::Paths(paths) => {
                    WatchEventResponse { peer: None, table: Some(TableEvent { paths }) }
                }
            })
        });
        Ok(Response::new(Box::pin(events)))
    }
}
