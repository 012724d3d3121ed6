//! `grpc.health.v1.Health`: ready is what `/readyz` says, asked when somebody asks.

use std::sync::Arc;
use std::time::Duration;

use albedo_api::StatusSource;
use futures_util::StreamExt as _;
use tokio_stream::wrappers::IntervalStream;
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::handlers::Streamed;

/// How often it is looked at for who watches it.
const LOOK: Duration = Duration::from_secs(1);

/// What may be asked about; the empty name is the server as a whole.
const SERVICES: [&str; 3] = ["", "apipb.GobgpApi", "api.GoBgpService"];

pub(crate) struct Ready(Arc<dyn StatusSource>);

pub(crate) fn service(source: &Arc<dyn StatusSource>) -> HealthServer<Ready> {
    HealthServer::new(Ready(Arc::clone(source)))
}

fn serving(source: &dyn StatusSource) -> ServingStatus {
    if source.ready().iter().all(|check| check.ok) {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

#[async_trait]
impl Health for Ready {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        if !SERVICES.contains(&service.as_str()) {
            let known = SERVICES[1..].join(" or ");
            let text = format!("service: found {service:?}, expected {known}, or nothing");
            return Err(Status::not_found(text));
        }
        let status = serving(&*self.0).into();
        Ok(Response::new(HealthCheckResponse { status }))
    }

    type WatchStream = Streamed<HealthCheckResponse>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let is_known = SERVICES.contains(&request.into_inner().service.as_str());
        let source = Arc::clone(&self.0);
        let mut told = None;
        let looks = IntervalStream::new(tokio::time::interval(LOOK));
        let changes = looks.filter_map(move |_| {
            let now = if is_known { serving(&*source) } else { ServingStatus::ServiceUnknown };
            let news = (told.replace(now) != Some(now))
                .then(|| Ok(HealthCheckResponse { status: now.into() }));
            std::future::ready(news)
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
