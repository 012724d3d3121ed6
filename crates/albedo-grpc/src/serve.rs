//! The server: its doors, its bounds, and what answers behind them.

use std::sync::Arc;
use std::time::Duration;

use albedo_api::StatusSource;
use albedo_api::guard::{Guarded, Places};
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::server::Connected;

use crate::generated::{DESCRIPTORS, api, apipb};
use crate::handlers::Handlers;
use crate::health;
use crate::listener;
use crate::unserved::Unserved;

/// Requests that one connection may have under way; more wait.
pub const REQUESTS_PER_CONNECTION_MAX: usize = 16;

/// Octets of one request: they name a peer, a table or some prefixes.
const REQUEST_BYTES_MAX: usize = 256 * 1024;

/// How often a silent client is asked whether it is still there: sooner than silence ends the
/// connection ([`albedo_api::IDLE_MAX`]).
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Where it is asked.
#[derive(Debug, Default)]
pub struct Doors {
    /// Over TCP.
    pub tcp: Option<TcpListener>,
    /// Over a Unix socket.
    pub socket: Option<UnixListener>,
}

/// The server at work; it ends when it is dropped.
#[derive(Debug)]
pub struct GrpcServer {
    tasks: Vec<JoinHandle<()>>,
}

impl GrpcServer {
    /// Begins to answer; needs a runtime to run in. `places` counts its connections, of which
    /// there may be [`albedo_api::CONNECTIONS_MAX`] at each door.
    #[must_use]
    pub fn start(doors: Doors, source: &Arc<dyn StatusSource>, places: &Places) -> Self {
        let mut tasks = Vec::new();
        if let Some(tcp) = doors.tcp {
            let incoming = listener::incoming(Guarded::counted(tcp, places));
            tasks.push(serve(incoming, routes(source)));
        }
        if let Some(socket) = doors.socket {
            let incoming = listener::incoming_at_socket(Guarded::counted(socket, places));
            tasks.push(serve(incoming, routes(source)));
        }
        Self { tasks }
    }

    /// Ends all connections.
    pub async fn stop(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            // It was aborted, which is an error.
            let _ = task.await;
        }
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Everything that is answered: GoBGP's two services, health and reflection.
fn routes(source: &Arc<dyn StatusSource>) -> Routes {
    let handlers = Handlers::new(source);
    let v3 = apipb::gobgp_api_server::GobgpApiServer::new(handlers.clone());
    let v4 = api::go_bgp_service_server::GoBgpServiceServer::new(handlers);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // What is checked in is read by a test.
    let v1 = reflection().build_v1().expect("the descriptors are well-formed");
    let v1_alpha = reflection().build_v1alpha().expect("the descriptors are well-formed");
    Routes::new(v1)
        .add_service(v1_alpha)
        .add_service(health::service(source))
        .add_service(v3.max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(v4.max_decoding_message_size(REQUEST_BYTES_MAX))
}

fn serve<I, S>(incoming: I, routes: Routes) -> JoinHandle<()>
where
    I: Stream<Item = std::io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    S::ConnectInfo: Clone + Send + Sync + 'static,
{
    let requests = u32::try_from(REQUESTS_PER_CONNECTION_MAX).expect("few");
    let mut server = tonic::transport::Server::builder()
        .layer(Unserved)
        .concurrency_limit_per_connection(REQUESTS_PER_CONNECTION_MAX)
        .max_concurrent_streams(requests)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE));
    tokio::spawn(async move {
        let served = server.add_routes(routes).serve_with_incoming(incoming);
        if let Err(error) = served.await {
            tracing::error!(%error, "nobody answers over gRPC any more");
        }
    })
}

#[cfg(test)]
mod tests;
